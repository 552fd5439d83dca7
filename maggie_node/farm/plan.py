"""How a shot is cut into tasks, and what each of them costs.

A task mattes its frames from a cold start. It computes the chain of every segment it touches, from the
warm-up before the segment to one or two frames after the last frame it delivers. So after a task that ends in
the middle of a segment the next task computes that segment's beginning again. Tasks that end where segments
end compute nothing that one process for the whole shot would not compute. With a network that sees every
frame by itself a task computes its own frames, and those beside them for the smoothing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from maggie_api import segments
from maggie_api.segments import SegmentRule

Cut = Callable[[Sequence[int], int], tuple[tuple[int, ...], ...]]
"""Cuts frames into chunks of a size, as a farm does it."""

START_S = 4.0
"""Seconds from a process's start to its first frame: imports, weights. Measured by `benchmarks.chunking`."""
SECONDS_PER_FRAME = 2.6
"""Seconds of a delivered frame: 2K, three people, default model, two threads; `bench --case e2e-2k`."""
THROWN = 0.6
"""Cost of a frame that is computed and thrown away, as a share of a delivered one: it is neither refined nor
written. Measured by `benchmarks.chunking`."""


@dataclass(frozen=True)
class Reach:
    """Which frames the matte of a frame depends on."""

    segment_frames: int | None
    """Frames of a segment, counted from the shot's first; None = the whole shot is one segment."""
    warmup_frames: int = 0
    smooth: bool = True
    """Whether mattes are smoothed with those of the frames beside them."""
    temporal: bool = True
    """Whether the network's matte of a frame depends on other frames."""

    @property
    def rule(self) -> SegmentRule:
        return segments.segment_rule(
            self.segment_frames, self.warmup_frames, smooth=self.smooth, looks_around=self.temporal
        )

    def computed(self, asked: Iterable[int], shot_frames: Sequence[int]) -> int:
        """Number of frames that one task computes to deliver `asked`, when nothing is stored yet."""
        place = {frame: index for index, frame in enumerate(shot_frames)}
        by_chain: dict[tuple[int, int], list[int]] = {}
        for index in (place[frame] for frame in asked):
            by_chain.setdefault(segments.chain(index, len(shot_frames), self.rule), []).append(index)
        return sum(self._computed(indices, len(shot_frames)) for indices in by_chain.values())

    def _computed(self, indices: Sequence[int], count: int) -> int:
        """The same for some frames of one chain."""
        if self.temporal:
            return len(segments.needed(max(indices), count, self.rule))
        return len({each for index in indices for each in segments.needed(index, count, self.rule)})


@dataclass(frozen=True)
class Task:
    """Frames that one machine delivers in one process."""

    frames: tuple[int, ...]
    computed: int
    """Number of frames it computes: its own, those before them in their segment, warm-up, look-ahead."""


@dataclass(frozen=True)
class TaskPlan:
    """Every task of a shot."""

    tasks: tuple[Task, ...]
    in_one_go: int
    """Number of frames that one process for the whole shot would compute."""

    @property
    def delivered(self) -> int:
        return sum(len(task.frames) for task in self.tasks)

    @property
    def computed(self) -> int:
        return sum(task.computed for task in self.tasks)

    @property
    def overhead(self) -> float:
        """Frames computed beyond those delivered, as a share of those delivered."""
        return self.computed / self.delivered - 1

    def hours(
        self, seconds_per_frame: float, *, machines: int = 1, start_s: float = START_S, warm: bool = False
    ) -> float:
        """Hours from the first task's start to the last task's end, when an idle machine takes the next task.

        Args:
            seconds_per_frame: seconds of a delivered frame.
            start_s: seconds that a new process takes before its first frame.
            warm: a machine starts one process for all its tasks, not one for each.
        """
        free = [start_s if warm else 0.0] * min(machines, len(self.tasks))
        heapq.heapify(free)
        for task in self.tasks:
            delivered = len(task.frames)
            cost = delivered + THROWN * (task.computed - delivered)
            seconds = cost * seconds_per_frame + (0.0 if warm else start_s)
            heapq.heappush(free, heapq.heappop(free) + seconds)
        return max(free) / 3600


def even(frames: Sequence[int], chunk: int) -> tuple[tuple[int, ...], ...]:
    """As few chunks of at most `chunk` frames as there can be, all of one size or one more (OpenJD).

    The larger ones are spread among the others.
    """
    count = -(-len(frames) // chunk)
    size, more = divmod(len(frames), count)
    larger = {index * count // more for index in range(more)}
    ends = list(accumulate(size + (index in larger) for index in range(count)))
    return tuple(tuple(frames[start:end]) for start, end in zip([0, *ends], ends, strict=False))


def full(frames: Sequence[int], chunk: int) -> tuple[tuple[int, ...], ...]:
    """Chunks of `chunk` frames and one of what is left (Deadline, OpenCue)."""
    return tuple(tuple(frames[start : start + chunk]) for start in range(0, len(frames), chunk))


def make_plan(
    frames: Sequence[int], shot_frames: Sequence[int], *, chunk: int, reach: Reach, cut: Cut = even
) -> TaskPlan:
    """Cut the ascending `frames` of a shot into tasks of `chunk` frames, as `cut` does it."""
    tasks = tuple(Task(part, reach.computed(part, shot_frames)) for part in cut(frames, chunk))
    return TaskPlan(tasks, reach.computed(frames, shot_frames))


def cheapest_chunk(
    frames: Sequence[int], shot_frames: Sequence[int], *, chunk: int, reach: Reach, cut: Cut = even
) -> int:
    """The size between half and twice `chunk` that computes the fewest frames; of equals the nearest."""
    sizes = range(max(1, chunk // 2), min(2 * chunk, len(frames)) + 1) or (chunk,)

    def cost(size: int) -> tuple[int, int]:
        plan = make_plan(frames, shot_frames, chunk=size, reach=reach, cut=cut)
        return plan.computed, abs(size - chunk)

    return min(sizes, key=cost)

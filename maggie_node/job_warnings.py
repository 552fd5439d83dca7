"""What a job says beside its mattes: of its settings before it starts, of its frames when it ends."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict

from maggie_api.errors import InputError
from maggie_api.events import Event, Repairs, Warning
from maggie_api.job import MatteJob
from maggie_core.io.frames import compact_frames
from maggie_core.model import MatteModel
from maggie_core.runtime.jit import has_cache
from maggie_core.runtime.precision_speed import cpu_speed
from maggie_core.shot.matter import MatteResult, ShotMatter
from maggie_node.job_inputs import OpenShot, gap_warnings
from maggie_node.loss_warnings import LossWarnings

MOST_CUT = 0.5
"""Share of somebody's mask that a garbage matte may cut off without a word."""


def before_start(job: MatteJob, shot: OpenShot, model: MatteModel, matter: ShotMatter) -> Iterator[Warning]:
    """What is to be said before a job starts."""
    yield from shot.warnings
    yield from _of_files(shot)
    yield from of_keys(shot, matter)
    yield from _unmeasured(job, shot, matter)
    yield from _cut_away(shot, matter)
    yield from _slow_precision(job, model)


def of_keys(shot: OpenShot, matter: ShotMatter) -> tuple[Warning, ...]:
    """Warns of key masks that look like a mistake, before anybody is followed by them."""
    guidance = matter.guidance
    if not guidance.keys:
        return ()
    first, last = matter.reach(shot.frames[0])[0], matter.reach(shot.frames[-1])[-1]
    for frame in guidance.keys:
        if first <= frame <= last:
            with suppress(InputError):  # said where it is needed
                guidance.look_at(frame)
    sentences = guidance.observed.of_mistakes(
        guidance.keys,
        overlap=shot.settings.overlap,
        asked={*shot.frames, *guidance.keys},
        names=guidance.keyed,  # of others nothing is known before their masks of all frames are read
    )
    return tuple(Warning(code, sentence) for code, sentence in sentences)


def _of_files(shot: OpenShot) -> Iterator[Warning]:
    """What plate and guidance say of their files, as far as they were read."""
    for code, notes in (("plate", shot.plate.notes), ("guidance", shot.guidance.notes)):
        yield from (Warning(code, note) for note in notes)


def _slow_precision(job: MatteJob, model: MatteModel) -> Iterator[Warning]:
    """A warning where a number format was asked for in which this machine's CPU is slower than in fp32."""
    if job.precision in ("bf16", "fp16") and model.device.type == "cpu":
        speed = cpu_speed(job.precision)
        if speed.is_slower:
            yield Warning(
                "slow-precision",
                f"--precision {speed.precision} takes {speed} on this machine: leave it out, or take fp32",
            )


def _unmeasured(job: MatteJob, shot: OpenShot, matter: ShotMatter) -> Iterator[Warning]:
    """Warns of masks that no matte needs but that would say how large people are."""
    missing = shot.guidance.missing(
        sorted({each for frame in shot.frames for each in matter.measured(frame)})
    )
    if missing and job.guidance_missing == "error":
        yield Warning(
            "missing-frames",
            f"masks of frames {compact_frames(missing)} are missing: people are measured on the others, and "
            "mattes of their segments may change when these masks come",
            missing,
        )


def _cut_away(shot: OpenShot, matter: ShotMatter) -> Iterator[Warning]:
    """Warns of garbage mattes that cut off most of somebody: they may be meant the other way round."""
    holds = shot.hand.holds
    if holds is None or not holds.has_garbage:
        return
    frames = shot.guidance.keys or shot.frames
    left = set(range(len(shot.guidance.instances)))
    for frame in dict.fromkeys((frames[0], frames[len(frames) // 2], frames[-1])):
        with suppress(InputError):  # said where it is needed
            masks, garbage = matter.masks(frame) > 0.5, matter.holds(frame).garbage
            for n in sorted(left & garbage.keys()):
                inside = masks[n]
                if not inside.any():
                    continue
                left.discard(n)
                kept = matter.geometry.to_working(garbage[n], matter.geometry.region)
                cut = 1 - float(kept[inside].mean())
                if cut > MOST_CUT:
                    yield Warning(
                        "garbage-cuts",
                        f"the garbage matte cuts {100 * cut:.0f} % off the mask of "
                        f"{shot.guidance.instances[n].name} in frame {frame}: alpha is 0 outside it, so turn "
                        "it round if its white is what should go",
                    )


class FrameWarnings:
    """Collects what is to be said of the frames of one job. Losses are told segment by segment."""

    def __init__(
        self,
        job: MatteJob,
        shot: OpenShot,
        matter: ShotMatter,
        emit: Callable[[Event], None],
        told: Iterable[Warning],
    ) -> None:
        self._job, self._shot, self._matter, self._emit = job, shot, matter, emit
        names = list(shot.guidance.names)
        self._losses = LossWarnings(names, emit, is_known=self._is_mistaken)
        self._broken: dict[int, Repairs] = {}
        self._without: dict[int, list[int]] = {}
        """Frames that could not be used, and those that were matted without them."""
        self._stood_in: set[int] = set()
        """Frames of which a file could not be read and something stands in."""
        self._told = frozenset(told)
        """What was said before the start."""

    def note(self, result: MatteResult) -> None:
        """Take what a written frame says of itself."""
        if result.repairs.nan or result.repairs.inf:
            self._broken[result.frame] = Repairs(**asdict(result.repairs))
        for damaged in result.without:
            self._without.setdefault(damaged, []).append(result.frame)
        self._stood_in.update(result.stood_in)
        if result.losses:
            for frame in self._near(result.frame):
                with suppress(InputError):  # said where it is needed; mattes from a cache need no mask
                    self._matter.guidance.look_at(frame)
        self._losses.note(result.frame, self._segment_of(result.frame), result.losses)

    def tell(self) -> None:
        """Say what was noted, when no frame is to come: what is wrong with the masks comes before what
        their mattes lost."""
        for warning in self._masks():
            self._emit(warning)
        self._losses.tell()
        for warning in (
            *self._repairs(),
            *self._damage(),
            *(
                Warning("lost-subject", each.sentence, (each.frame,))
                for each in self._matter.lost(self._shot.frames)
            ),
            *self._cache(),
            *_compiling(),
            *(warning for warning in _of_files(self._shot) if warning not in self._told),
        ):
            self._emit(warning)

    def _is_mistaken(self, name: str, frame: int) -> bool:
        """Whether the matte of a person follows a mask that looks like a mistake."""
        guidance, near = self._matter.guidance, self._near(frame)
        frames = guidance.keys or self._shot.shot_frames
        found = guidance.observed.mistakes(frames, self._shot.settings.overlap)
        return any(mistake.explains(name, near) for mistake in found)

    def _near(self, frame: int) -> set[int]:
        """Frames whose masks the matte of a frame follows: its own, those beside it, which the network sees,
        too, and the keys that its mask is made from."""
        return {*_around(self._shot.shot_frames, frame), *_around(self._matter.guidance.keys, frame)}

    def _segment_of(self, frame: int) -> int:
        frames = self._shot.shot_frames
        return frames.index(frame) // (self._shot.settings.segment or len(frames))

    def _repairs(self) -> Iterator[Warning]:
        if self._broken:
            nan = sum(repairs.nan for repairs in self._broken.values())
            inf = sum(repairs.inf for repairs in self._broken.values())
            found = f"{nan} pixels with NaN and {inf} with Inf in plate frames {compact_frames(self._broken)}"
            text = f"{found} were mended in the network's copy; the plate has them"
            yield Warning("repaired-pixels", text, tuple(sorted(self._broken)))

    def _damage(self) -> Iterator[Warning]:
        for damaged, frames in self._without.items():
            yield Warning(
                "unreadable-frames",
                f"frames {compact_frames(frames)} are matted without frame {damaged}, which cannot be "
                "used: repair its files, and they are made anew",
                tuple(sorted(frames)),
            )
        of_plate = [frame for frame in sorted(self._stood_in) if self._matter.plate.damage(frame)]
        of_masks = [frame for frame in sorted(self._stood_in) if self._matter.guidance.damage(frame)]
        holds = self._shot.hand.holds
        of_holds = [frame for frame in sorted(self._stood_in) if holds is not None and holds.damage(frame)]
        for what, frames, policy in (
            ("plate frames", of_plate, self._job.on_missing),
            ("masks of frames", of_masks, self._job.guidance_missing),
            ("cores or garbage mattes of frames", of_holds, self._job.guidance_missing),
        ):
            yield from gap_warnings(what, frames, policy, damaged=True)

    def _masks(self) -> Iterator[Warning]:
        guidance, holds = self._matter.guidance, self._shot.hand.holds
        names = list(guidance.names)
        frames = guidance.keys or self._shot.shot_frames
        asked = {*self._shot.frames, *guidance.keys}
        overlap = self._shot.settings.overlap
        sentences = guidance.observed.sentences(names, frames, overlap=overlap, asked=asked)
        found = (Warning(code, sentence) for code, sentence in sentences)
        yield from (warning for warning in found if warning not in self._told)
        for sentence in () if holds is None else holds.notes():
            yield Warning("mask-nan", sentence)

    def _cache(self) -> Iterator[Warning]:
        trouble = self._matter.cache.trouble if self._matter.cache else ""
        if trouble:
            yield Warning(
                "cache-not-kept", f"the cache {trouble}: frames are right, the next run starts anew"
            )


def _around(frames: Sequence[int], frame: int) -> Sequence[int]:
    """`frame` where it is one of `frames`, which ascend, and those before and behind it."""
    return frames[max(0, bisect_left(frames, frame) - 1) : bisect_right(frames, frame) + 1]


def _compiling() -> Iterator[Warning]:
    if not has_cache():
        yield Warning(
            "no-compile-cache",
            "neither the installation nor the home folder can keep compiled loops: every job "
            "compiles them again, which takes seconds; set NUMBA_CACHE_DIR to a writable folder",
        )

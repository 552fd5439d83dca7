"""A show on a farm, event by event, and what became of it.

Every frame that a machine computes is an event: it is read from storage that all share, computed, and written
when the frames it looks ahead to are there. What a farm is like (speeds, failures, storage) is assumed; the
seconds of a start are measured. The same seed gives the same course of events.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count, groupby

from benchmarks._drawn_show import Shot
from maggie_api.job import MatteJob
from maggie_api.segments import SegmentRule, chain, needed
from maggie_node.farm.plan import START_S, THROWN, Cut, Reach, cheapest_chunk, full

RESUME = 1
"""Frames' worth of work to go on from a stored state, at most: features of the neighbours are made again."""

WARMUP, AGAIN, AHEAD, KILLS, STARTS, STORAGE, BAD = CAUSES = (
    "warm-up",
    "segment again",
    "look-ahead",
    "lost to kills",
    "session starts",
    "waiting for storage",
    "bad frames",
)
"""What machine time is wasted on. `segment again`: frames that another task of the segment delivers."""


@dataclass(frozen=True)
class Farm:
    machines: int = 1000
    spread: float = 0.15
    """Standard deviation of the logarithm of a machine's speed."""
    slow: float = 0.03
    """Share of machines at half speed."""
    mtbf_h: float = 100.0
    """Mean hours until a machine loses what it runs: it crashes, or is wanted for other work. 0 = never."""
    repair_h: float = 0.25
    storage_mb_s: float = 8000.0
    """What all machines together read and write; 0 = no limit."""
    machine_mb_s: float = 110.0
    """What one machine reads: a gigabit."""
    start_s: float = START_S
    start: str = "session"
    """A process for every `task`, for every `session` (tasks of one shot in a row), or for a `machine`."""


@dataclass(frozen=True)
class Chunking:
    """How shots become tasks."""

    chunk: int | None = 48
    """Frames in a task; None = a task for a shot."""
    cut: Cut = full
    reach: Reach = Reach(
        None if isinstance(MatteJob.segment_frames, str) else MatteJob.segment_frames,
        MatteJob.warmup_frames,
    )
    """By default that of a network with state, which costs more than one without."""
    cache: bool = False
    """Temporal state is kept where every machine finds it."""
    retries: int = 0
    """How often a task with bad frames is tried again. Its exit code says that this does not help."""
    longest_first: bool = False
    cheapest: bool = False
    """Instead of `chunk`, what `farm.plan.cheapest_chunk` says near it."""

    def tasks(self, frames: int) -> list[list[int]]:
        """Positions in the shot of each task's frames."""
        chunk = min(self.chunk or frames, frames)
        if self.cheapest:
            chunk = _cheapest(frames, chunk, self.reach, self.cut)
        return [list(part) for part in self.cut(range(frames), chunk)]


@cache
def _cheapest(frames: int, chunk: int, reach: Reach, cut: Cut) -> int:
    return cheapest_chunk(range(frames), range(frames), chunk=chunk, reach=reach, cut=cut)


@dataclass
class Outcome:
    """What became of a show. Times are machine seconds, but for `hours`."""

    frames: int = 0
    """Delivered."""
    failed: int = 0
    """Cannot be matted, because of a bad frame."""
    hours: float = 0.0
    """Until the last frame."""
    most_hours: float = 0.0
    """Until 99 in 100 frames."""
    urgent_hours: float = 0.0
    """Until the last frame of what is urgent."""
    useful: float = 0.0
    """Reading, computing and writing the frames that were delivered."""
    wasted: dict[str, float] = field(default_factory=lambda: dict.fromkeys(CAUSES, 0.0))
    busy: float = 0.0
    down: float = 0.0
    machines: int = 0
    kills: int = 0
    tasks: int = 0
    storage_s: float = 0.0
    """Seconds the storage was busy at its limit."""

    @property
    def utilisation(self) -> float:
        """Share of the farm's time in which machines work."""
        return self.busy / (self.machines * self.hours * 3600)

    def share(self, cause: str) -> float:
        return self.wasted[cause] / self.busy

    @property
    def idle(self) -> float:
        """Share of the farm's time in which machines have nothing to do, while the last tasks run."""
        return 1 - self.utilisation - self.down / (self.machines * self.hours * 3600)

    @property
    def bottleneck(self) -> str:
        """What keeps the show from being finished earlier: storage, tail or compute."""
        waiting = self.utilisation * self.share(STORAGE)
        if max(waiting, self.idle) < 0.1:
            return "compute"
        return "storage" if waiting > self.idle else "tail"


def simulate(show: list[Shot], farm: Farm, chunking: Chunking, *, seed: int = 0) -> Outcome:
    """Matte a show; raises AssertionError if a frame would be delivered twice."""
    return _Simulation(show, farm, chunking, seed).run()


@dataclass(eq=False, slots=True)
class _Task:
    shot: int
    frames: list[int]
    tries: int = 0
    killed: bool = False
    blocked: bool = False
    """The frame just read was a bad one."""
    failed: list[int] = field(default_factory=list)
    done: int = 0
    """How many of `frames` are delivered or have failed."""


@dataclass(eq=False, slots=True)
class _Machine:
    speed: float
    shot: int = -1
    """Whose session is open; -1 = none since it was started."""
    task: _Task | None = None
    steps: Iterator[tuple[int, str, int]] | None = None
    step: tuple[int, str, int] = (0, "", 0)
    since: float = 0.0
    seconds: float = 0.0
    """Of the step at hand, without waiting."""
    waits: float = 0.0
    """Of the step at hand, for storage."""
    pending: deque = field(default_factory=deque)
    """Seconds of frames that are computed and not delivered."""
    up: bool = True
    life: int = 0
    """Events of an earlier life do not count."""


OWN = "own"
_STARTING = (0, STARTS, 0)
_STEP, _FAIL, _REPAIRED = range(3)


class _Simulation:
    def __init__(self, show: list[Shot], farm: Farm, chunking: Chunking, seed: int):
        self.show, self.farm, self.chunking = show, farm, chunking
        self.reach = chunking.reach
        self.out = Outcome(machines=farm.machines)
        rng = random.Random(f"farm {seed}")
        self.machines = [_Machine(self._speed(rng)) for _ in range(farm.machines)]
        # One for each machine, so that it fails at the same hours whatever it is given to do.
        self.rngs = [random.Random(f"failures {seed} {number}") for number in range(farm.machines)]
        self.seconds = [shot.seconds for shot in show]
        self.events: list[tuple[float, int, int, int, int]] = []
        self.serial = count()
        self.now = 0.0
        self.storage_free = 0.0
        self.stored: dict[tuple[int, int], int] = {}
        self.delivered = [bytearray(shot.frames) for shot in show]
        self.left = sum(shot.frames for shot in show)
        self.total = self.left
        self.idle: list[int] = []
        self._enqueue_all()

    @staticmethod
    def _rate(mb_s: float) -> float:
        return 1e-6 / mb_s if mb_s else 0.0

    def _speed(self, rng: random.Random) -> float:
        speed = math.exp(rng.gauss(0, self.farm.spread))
        return speed / 2 if rng.random() < self.farm.slow else speed

    def _enqueue_all(self) -> None:
        order = range(len(self.show))
        if self.chunking.longest_first:
            order = sorted(order, key=lambda k: -self.seconds[k] * self.show[k].frames)
        self.rank = {k: (not self.show[k].urgent, place) for place, k in enumerate(order)}
        self.waiting: dict[int, deque[_Task]] = {}
        self.queue: list[tuple[tuple[bool, int], int]] = []
        for k in order:
            tasks = deque(_Task(k, frames) for frames in self.chunking.tasks(self.show[k].frames))
            self.out.tasks += len(tasks)
            self.waiting[k] = tasks
            self.queue.append((self.rank[k], k))
        heapq.heapify(self.queue)

    def run(self) -> Outcome:
        for number in range(len(self.machines)):
            self._plan_failure(number)
            self._next_task(number)
        handle = {_STEP: self._step_done, _FAIL: self._fail, _REPAIRED: self._repaired}
        while self.left:
            self.now, _, kind, number, life = heapq.heappop(self.events)
            if life == self.machines[number].life:
                handle[kind](number)
        self.out.down += sum(self.now - machine.since for machine in self.machines if not machine.up)
        return self.out

    def _push(self, when: float, kind: int, number: int) -> None:
        event = (when, next(self.serial), kind, number, self.machines[number].life)
        heapq.heappush(self.events, event)

    def _next_task(self, number: int) -> None:
        machine = self.machines[number]
        task = self._take(machine.shot)
        if task is None:
            self.idle.append(number)
            return
        warm = {"task": False, "session": machine.shot == task.shot, "machine": machine.shot >= 0}
        machine.task, machine.steps = task, self._steps(task)
        if warm[self.farm.start]:
            machine.shot = task.shot
            self._next_step(number)
            return
        machine.shot = task.shot
        machine.step, machine.since = _STARTING, self.now
        machine.seconds, machine.waits = self.farm.start_s / machine.speed, 0.0
        self._push(self.now + machine.seconds, _STEP, number)

    def _take(self, last: int) -> _Task | None:
        """The next task: of the shot whose session is open, unless something urgent waits."""
        while self.queue and not self.waiting[self.queue[0][1]]:
            heapq.heappop(self.queue)
        if not self.queue:
            return None
        first = self.queue[0][1]
        if last >= 0 and self.waiting[last] and self.rank[last][0] <= self.rank[first][0]:
            first = last
        return self.waiting[first].popleft()

    def _requeue(self, task: _Task) -> None:
        self.waiting[task.shot].appendleft(task)
        heapq.heappush(self.queue, (self.rank[task.shot], task.shot))
        if self.idle:
            self._next_task(self.idle.pop())

    def _next_step(self, number: int) -> None:
        machine = self.machines[number]
        task, steps = machine.task, machine.steps
        assert task is not None and steps is not None
        step = next(steps, None)
        if step is None:
            self._task_done(number)
            return
        shot = self.show[task.shot]
        size = shot.bytes_in + step[2] * shot.bytes_out
        alone = size * self._rate(self.farm.machine_mb_s)
        transfer = size * self._rate(self.farm.storage_mb_s)
        # The storage serves one request after the other at its full rate.
        self.storage_free = max(self.storage_free, self.now) + transfer
        self.out.storage_s += transfer
        machine.waits = max(0.0, self.storage_free - (self.now + alone))
        task.blocked = step[0] in shot.bad
        compute = 0.0 if task.blocked else self.seconds[task.shot] / machine.speed
        if step[1] != OWN:
            compute *= THROWN
        machine.step, machine.since, machine.seconds = step, self.now, alone + compute
        self._push(self.now + machine.waits + machine.seconds, _STEP, number)

    def _step_done(self, number: int) -> None:
        machine = self.machines[number]
        task, out = machine.task, self.out
        assert task is not None
        position, kind, ready = machine.step
        out.busy += self.now - machine.since
        out.wasted[STORAGE] += machine.waits
        if task.blocked or (task.tries and kind != OWN):
            out.wasted[BAD] += machine.seconds
        elif kind == OWN:
            machine.pending.append(machine.seconds)
        else:
            out.wasted[kind] += machine.seconds
        if task.blocked:
            out.wasted[BAD] += sum(machine.pending)
            machine.pending.clear()
        elif kind != STARTS:
            if self.chunking.cache and self.reach.temporal:
                self._store(task, position)
            self._deliver(machine, task, ready)
        if self.left:
            self._next_step(number)

    def _deliver(self, machine: _Machine, task: _Task, ready: int) -> None:
        flags = self.delivered[task.shot]
        for position in task.frames[task.done : task.done + ready]:
            assert not flags[position], f"frame {position} of shot {task.shot} is delivered twice"
            flags[position] = 1
            self.out.useful += machine.pending.popleft()
        task.done += ready
        self.out.frames += ready
        self._settle(task, ready)

    def _settle(self, task: _Task, frames: int) -> None:
        """Note that so many frames of a task need no more work."""
        self.left -= frames
        if self.show[task.shot].urgent:
            self.out.urgent_hours = self.now / 3600
        if not self.out.most_hours and self.left <= self.total // 100:
            self.out.most_hours = self.now / 3600
        if not self.left:
            self.out.hours = self.now / 3600

    def _task_done(self, number: int) -> None:
        machine = self.machines[number]
        task = machine.task
        machine.task = machine.steps = None
        assert task is not None
        if task.failed and task.tries < self.chunking.retries:
            self._requeue(_Task(task.shot, task.failed, tries=task.tries + 1))
        elif task.failed:
            self.out.failed += len(task.failed)
            self._settle(task, len(task.failed))
        self._next_task(number)

    def _steps(self, task: _Task) -> Iterator[tuple[int, str, int]]:
        """What a task computes: the position, why, and how many of its frames are finished with it.

        As many as `Reach.computed` says, but for chains that go on from a stored state. In a short shot two
        segments may have the same chain.
        """
        frames, length = self.show[task.shot].frames, self._length(task)
        rule: SegmentRule = {**self.reach.rule, "segment": length}

        def bounds(position: int) -> tuple[int, int]:
            return chain(position, frames, rule)

        def needs(position: int) -> range:
            return needed(position, frames, rule)

        for (start, _), group in groupby(list(task.frames), key=bounds):
            own = list(group)
            segment = own[0] // length
            first = segment * length
            begin, until = needs(own[0])[0], needs(own[-1])[-1]
            if (task.shot, segment) in self.stored:
                begin = max(start, min(self.stored[task.shot, segment] + 1, own[0]) - RESUME)
            mine, finished = set(own), 0
            for position in range(begin, until + 1):
                kind = OWN
                if position not in mine:
                    kind = AHEAD if position > own[-1] else WARMUP if position < first else AGAIN
                    if task.killed and kind != AHEAD:
                        kind = KILLS
                ready = finished
                while ready < len(own) and position >= needs(own[ready])[-1]:
                    ready += 1
                yield position, kind, ready - finished
                if not task.blocked:
                    finished = ready
                    continue
                # What follows in a chain of state depends on the frame that cannot be read; else what waits
                # for it.
                lost = [each for each in own[finished:] if self.reach.temporal or each <= position]
                task.failed += lost
                task.done += len(lost)
                finished += len(lost)
                if self.reach.temporal:
                    break

    def _length(self, task: _Task) -> int:
        """Frames of a segment."""
        return self.reach.segment_frames or self.show[task.shot].frames

    def _store(self, task: _Task, position: int) -> None:
        key = (task.shot, task.frames[task.done] // self._length(task))
        self.stored[key] = max(position, self.stored.get(key, position))

    def _plan_failure(self, number: int) -> None:
        if self.farm.mtbf_h:
            hours = self.rngs[number].expovariate(1 / self.farm.mtbf_h)
            self._push(self.now + 3600 * hours, _FAIL, number)

    def _fail(self, number: int) -> None:
        machine, task = self.machines[number], self.machines[number].task
        machine.life += 1
        machine.shot = -1
        if task is None:
            self.idle.remove(number)
        else:
            self.out.kills += 1
            self._drop(machine)
        machine.up, machine.since = False, self.now
        self._push(self.now + 3600 * self.farm.repair_h, _REPAIRED, number)
        if task is not None:
            # What is delivered are whole files, which stay.
            rest = task.frames[task.done :]
            self._requeue(_Task(task.shot, rest, tries=task.tries, killed=True, failed=task.failed))

    def _drop(self, machine: _Machine) -> None:
        """Count what a machine has in hand as lost."""
        elapsed = self.now - machine.since
        waited = min(elapsed, machine.waits)
        self.out.busy += elapsed
        self.out.wasted[STORAGE] += waited
        self.out.wasted[KILLS] += elapsed - waited + sum(machine.pending)
        machine.pending.clear()
        machine.task = machine.steps = None

    def _repaired(self, number: int) -> None:
        machine = self.machines[number]
        machine.up = True
        self.out.down += self.now - machine.since
        self._plan_failure(number)
        self._next_task(number)

"""Who computes next: interactive jobs first, clients by turns, nobody never."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable

import pytest

from maggie_node.worker.scheduler import Place, Turns


class Show:
    """Jobs that compute frames when it is their turn, and who did so in which order."""

    def __init__(self, **options: float | int):
        self.now = 0.0
        self.order: list[str] = []
        self.turns = Turns(clock=lambda: self.now, **options)  # type: ignore[arg-type]
        self._ends: queue.Queue[str] = queue.Queue()
        self._jobs = 0
        self._gate = Place("the test", True, lambda: None)
        self.turns.join(self._gate)  # nobody begins before everybody stands in line

    def job(
        self,
        name: str,
        *,
        frames: int = 3,
        interactive: bool = False,
        at: Callable[[int], None] | None = None,
    ) -> Place:
        """A job of the client that `name` begins with."""

        def run() -> None:
            for frame in range(frames):
                if frame and self.turns.pause(place):
                    break
                self.order.append(name)
                self.now += 1
                if at is not None:
                    at(frame)
            self.turns.leave(place)
            self._ends.put(name)

        self._jobs += 1
        place = Place(name[0], interactive, threading.Thread(target=run).start)
        self.turns.join(place)
        return place

    def forget(self) -> None:
        """One job will never begin."""
        self._jobs -= 1

    def play(self) -> str:
        """Let them; returns the order."""
        self.turns.leave(self._gate)
        while self._jobs:
            self._ends.get(timeout=20)
            self._jobs -= 1
        return " ".join(self.order)


def test_jobs_of_one_client_run_one_after_the_other():
    show = Show()
    show.job("a1")
    show.job("a2")

    assert show.play() == "a1 a1 a1 a2 a2 a2"


def test_clients_take_turns_frame_by_frame():
    show = Show()
    show.job("a1")
    show.job("a2")
    show.job("b1")

    assert show.play() == "a1 b1 a1 b1 a1 b1 a2 a2 a2"


def test_an_interactive_job_goes_ahead_at_the_next_frame():
    show = Show()

    def scrub(frame: int) -> None:
        if frame == 0:
            show.job("b1", interactive=True)

    show.job("a1", at=scrub)

    assert show.play() == "a1 b1 b1 b1 a1 a1"


def test_a_batch_is_not_starved_by_interactive_jobs():
    show = Show(patience_s=4)
    show.job("a1", frames=2)
    show.job("b1", frames=10, interactive=True)

    assert show.play() == "b1 b1 b1 b1 a1 b1 b1 b1 b1 a1 b1 b1"


def test_only_so_many_batches_hold_frames_in_memory():
    show = Show(batches_begun=2)
    for name in ("a1", "b1", "c1"):
        show.job(name)

    assert show.play() == "a1 b1 a1 b1 a1 c1 b1 c1 c1"


def test_a_cancelled_job_that_waits_hears_of_it_and_computes_no_more():
    show = Show()
    waiting = show.job("b1")

    def cancel(frame: int) -> None:
        if frame == 1:
            show.turns.cancel(waiting)

    show.job("a1", at=cancel)

    assert show.play() == "b1 a1 b1 a1 a1"


def test_a_job_cancelled_before_it_began_never_begins():
    show = Show()
    place = show.job("a1")

    assert show.turns.cancel(place)
    assert not show.turns.cancel(place)

    show.job("b1")
    show.forget()
    assert show.play() == "b1 b1 b1"


def test_whoever_waits_for_something_else_lets_others_compute():
    show = Show()
    other_is_done = threading.Event()

    def wait(frame: int) -> None:
        if frame == 0:
            with show.turns.aside(slow):
                assert other_is_done.wait(20)

    def tell(frame: int) -> None:
        if frame == 1:
            other_is_done.set()

    slow = show.job("a1", frames=2, at=wait)
    show.job("b1", frames=2, at=tell)

    assert show.play() == "a1 b1 b1 a1"


@pytest.mark.parametrize("seed", range(5))
def test_one_computes_at_a_time_whatever_happens(seed: int):
    chance = random.Random(seed)
    turns = Turns(patience_s=0.001)
    alone = threading.Lock()
    ended: queue.Queue[bool] = queue.Queue()
    places: list[Place] = []
    never_begun = 0

    def compute(place: Place, frames: int) -> None:
        was_alone = True
        for frame in range(frames):
            if frame and turns.pause(place):
                break
            was_alone = was_alone and alone.acquire(blocking=False)
            if was_alone:
                alone.release()
        turns.leave(place)
        ended.put(was_alone)

    for _ in range(40):
        place = Place(chance.randrange(5), chance.random() < 0.3, lambda: None)
        place.begin = threading.Thread(target=compute, args=(place, chance.randrange(1, 9))).start
        places.append(place)
        turns.join(place)
        if chance.random() < 0.3:
            never_begun += turns.cancel(chance.choice(places))

    assert all(ended.get(timeout=20) for _ in range(len(places) - never_begun))

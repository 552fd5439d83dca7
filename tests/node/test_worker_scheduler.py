"""Who computes next: interactive jobs first, clients by turns, nobody never."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable

import pytest

from maggie_node.worker.scheduler import FairScheduler, Ticket


class Show:
    """Jobs that compute frames when it is their turn, and who did so in which order."""

    def __init__(self, **options: float | int):
        self.now = 0.0
        self.order: list[str] = []
        self.scheduler = FairScheduler(clock=lambda: self.now, **options)  # type: ignore[arg-type]
        self._ends: queue.Queue[str] = queue.Queue()
        self._jobs = 0
        self._gate = Ticket("the test", True, lambda: None)
        self.scheduler.join(self._gate)  # nobody begins before everybody stands in line

    def job(
        self,
        name: str,
        *,
        frames: int = 3,
        interactive: bool = False,
        at: Callable[[int], None] | None = None,
    ) -> Ticket:
        """A job of the client that `name` begins with."""

        def run() -> None:
            for frame in range(frames):
                if frame and self.scheduler.pause(ticket):
                    break
                self.order.append(name)
                self.now += 1
                if at is not None:
                    at(frame)
            self.scheduler.leave(ticket)
            self._ends.put(name)

        self._jobs += 1
        ticket = Ticket(name[0], interactive, threading.Thread(target=run).start)
        self.scheduler.join(ticket)
        return ticket

    def forget(self) -> None:
        """One job will never begin."""
        self._jobs -= 1

    def play(self) -> str:
        """Let them; returns the order."""
        self.scheduler.leave(self._gate)
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
            show.scheduler.cancel(waiting)

    show.job("a1", at=cancel)

    assert show.play() == "b1 a1 b1 a1 a1"


def test_a_job_cancelled_before_it_began_never_begins():
    show = Show()
    ticket = show.job("a1")

    assert show.scheduler.cancel(ticket)
    assert not show.scheduler.cancel(ticket)

    show.job("b1")
    show.forget()
    assert show.play() == "b1 b1 b1"


def test_whoever_waits_for_something_else_lets_others_compute():
    show = Show()
    other_is_done = threading.Event()

    def wait(frame: int) -> None:
        if frame == 0:
            with show.scheduler.aside(slow):
                assert other_is_done.wait(20)

    def tell(frame: int) -> None:
        if frame == 1:
            other_is_done.set()

    slow = show.job("a1", frames=2, at=wait)
    show.job("b1", frames=2, at=tell)

    assert show.play() == "a1 b1 b1 a1"


def test_a_cancelled_job_that_waits_for_something_else_leaves_the_turn_of_another_alone():
    scheduler = FairScheduler()
    cancelled, computes, waits = (Ticket(name, False, lambda: None) for name in "abc")
    for ticket in (cancelled, computes, waits):
        scheduler.join(ticket)
    scheduler.cancel(cancelled)
    assert scheduler.pause(cancelled)
    assert scheduler.holds(computes)

    with scheduler.aside(cancelled):  # as when its client reads no events
        assert scheduler.holds(computes)
    assert scheduler.holds(computes)
    assert not waits.begun


def test_a_turn_that_comes_to_a_cancelled_job_goes_on_to_the_next():
    scheduler = FairScheduler()
    first, second = (Ticket(name, False, lambda: None) for name in "ab")
    scheduler.join(first)
    scheduler.join(second)
    scheduler.cancel(first)

    assert scheduler.pause(first)
    assert scheduler.holds(second)
    assert scheduler.pause(first)
    assert scheduler.holds(second)


@pytest.mark.parametrize("seed", range(5))
def test_one_computes_at_a_time_whatever_happens(seed: int):
    chance = random.Random(seed)
    scheduler = FairScheduler(patience_s=0.001)
    alone = threading.Lock()
    ended: queue.Queue[bool] = queue.Queue()
    tickets: list[Ticket] = []
    never_begun = 0

    def compute(ticket: Ticket, frames: int) -> None:
        was_alone = True
        for frame in range(frames):
            if frame and scheduler.pause(ticket):
                break
            was_alone = was_alone and alone.acquire(blocking=False)
            if was_alone:
                alone.release()
        scheduler.leave(ticket)
        ended.put(was_alone)

    for _ in range(40):
        ticket = Ticket(chance.randrange(5), chance.random() < 0.3, lambda: None)
        ticket.begin = threading.Thread(target=compute, args=(ticket, chance.randrange(1, 9))).start
        tickets.append(ticket)
        scheduler.join(ticket)
        if chance.random() < 0.3:
            never_begun += scheduler.cancel(chance.choice(tickets))

    assert all(ended.get(timeout=20) for _ in range(len(tickets) - never_begun))

"""Whose turn it is to compute: one job at a time, handed over between frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BATCHES_BEGUN = 4
"""Batch jobs that hold frames in memory at once; a further client's waits until one of them ends."""
PATIENCE_S = 20.0
"""A batch that has waited for so long gets one frame, however many interactive jobs there are."""


@dataclass(eq=False)
class Place:
    """A job's place among those that want to compute."""

    client: Hashable
    interactive: bool
    begin: Callable[[], None]
    """Called once, with the first turn; must not wait."""
    begun: bool = False
    waiting: bool = True
    cancelled: bool = False
    since: float = field(default=0.0)
    """When it began to wait."""


class Turns:
    """Interactive jobs go before batches; clients take turns frame by frame; one client's jobs run in order.

    The turn belongs to one place at a time. `pause` is where it changes hands.
    """

    def __init__(
        self,
        *,
        batches_begun: int = BATCHES_BEGUN,
        patience_s: float = PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._batches_begun, self._patience_s, self._clock = batches_begun, patience_s, clock
        self._change = threading.Condition()
        self._places: list[Place] = []
        self._holder: Place | None = None
        self._served: dict[Hashable, int] = {}
        self._turn = 0

    def join(self, place: Place) -> None:
        """Stand in line; `place.begin` is called when the first turn comes, which may be at once."""
        with self._change:
            place.since = self._clock()
            self._places.append(place)
            self._hand_over()

    def pause(self, place: Place) -> bool:
        """Between two frames: let others go first, and return when it is this one's turn again.

        Returns:
            Whether the place was cancelled meanwhile; it then has no turn, and computes no more.
        """
        with self._change:
            self._give_up(place)
            self._change.wait_for(lambda: self._holder is place or place.cancelled)
            return place.cancelled

    @contextmanager
    def aside(self, place: Place) -> Iterator[None]:
        """Others compute while the body waits for something else; afterwards it is this one's turn again."""
        with self._change:
            place.waiting = False
            self._holder = None
            self._hand_over()
        try:
            yield
        finally:
            self.pause(place)

    def cancel(self, place: Place) -> bool:
        """End the waiting of `place`.

        Returns:
            Whether it was there and has not begun, so that nobody but the caller can tell how it ended.
        """
        with self._change:
            place.cancelled = True
            place.waiting = False
            self._change.notify_all()
            if place.begun or place not in self._places:
                return False
            self._remove(place)
            return True

    def leave(self, place: Place) -> None:
        """Done, one way or the other."""
        with self._change:
            self._remove(place)

    def holds(self, place: Place) -> bool:
        """Whether `place` computes now."""
        return self._holder is place

    def _give_up(self, place: Place) -> None:
        if place.cancelled:
            place.waiting = False
        elif not place.waiting:
            place.waiting, place.since = True, self._clock()
        if self._holder in (None, place):
            self._holder = None
            self._hand_over()

    def _remove(self, place: Place) -> None:
        if place in self._places:
            self._places.remove(place)
        if not any(other.client == place.client for other in self._places):
            self._served.pop(place.client, None)
        if self._holder is place:
            self._holder = None
        self._hand_over()

    def _hand_over(self) -> None:
        if self._holder is not None:
            return
        place = self._next()
        if place is None:
            return
        self._turn += 1
        self._served[place.client] = self._turn
        self._holder, place.waiting = place, False
        if place.begun:
            self._change.notify_all()
        else:
            place.begun = True
            place.begin()

    def _next(self) -> Place | None:
        interactive = self._first_of_each_client(interactive=True)
        batch = self._first_of_each_client(interactive=False)
        begun = sum(place.begun and not place.interactive for place in self._places)
        if begun >= self._batches_begun:
            batch = [place for place in batch if place.begun]
        starved = [place for place in batch if self._clock() - place.since >= self._patience_s]
        line = (starved or interactive or batch) if interactive else batch
        return min(line, key=lambda place: self._served.get(place.client, 0), default=None)

    def _first_of_each_client(self, *, interactive: bool) -> list[Place]:
        first: dict[Hashable, Place] = {}
        for place in self._places:
            if place.waiting and place.interactive == interactive:
                first.setdefault(place.client, place)
        return list(first.values())

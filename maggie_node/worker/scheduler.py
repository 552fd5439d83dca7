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
class Ticket:
    """A job's ticket among those that want to compute."""

    client: Hashable
    interactive: bool
    begin: Callable[[], None]
    """Called once, with the first turn; must not wait."""
    begun: bool = False
    waiting: bool = True
    cancelled: bool = False
    since: float = field(default=0.0)
    """When it began to wait."""


class FairScheduler:
    """Interactive jobs go before batches; clients take turns frame by frame; one client's jobs run in order.

    The turn belongs to one ticket at a time. `pause` is where it changes hands.
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
        self._tickets: list[Ticket] = []
        self._holder: Ticket | None = None
        self._served: dict[Hashable, int] = {}
        self._turn = 0

    def join(self, ticket: Ticket) -> None:
        """Stand in line; `ticket.begin` is called when the first turn comes, which may be at once."""
        with self._change:
            ticket.since = self._clock()
            self._tickets.append(ticket)
            self._hand_over()

    def pause(self, ticket: Ticket) -> bool:
        """Between two frames: let others go first, and return when it is this one's turn again.

        Returns:
            Whether the ticket was cancelled meanwhile; it then has no turn, and computes no more.
        """
        with self._change:
            self._give_up(ticket)
            self._change.wait_for(lambda: self._holder is ticket or ticket.cancelled)
            if ticket.cancelled:
                self._give_up(ticket)  # the turn may have come just before
            return ticket.cancelled

    @contextmanager
    def aside(self, ticket: Ticket) -> Iterator[None]:
        """Others compute while the body waits for something else; afterwards it is this one's turn again."""
        with self._change:
            ticket.waiting = False
            if self._holder is ticket:  # a cancelled one has lost its turn, and another may compute now
                self._holder = None
                self._hand_over()
        try:
            yield
        finally:
            self.pause(ticket)

    def cancel(self, ticket: Ticket) -> bool:
        """End the waiting of `ticket`.

        Returns:
            Whether it was there and has not begun, so that nobody but the caller can tell how it ended.
        """
        with self._change:
            ticket.cancelled = True
            ticket.waiting = False
            self._change.notify_all()
            if ticket.begun or ticket not in self._tickets:
                return False
            self._remove(ticket)
            return True

    def leave(self, ticket: Ticket) -> None:
        """Done, one way or the other."""
        with self._change:
            self._remove(ticket)

    def holds(self, ticket: Ticket) -> bool:
        """Whether `ticket` computes now."""
        return self._holder is ticket

    def _give_up(self, ticket: Ticket) -> None:
        if ticket.cancelled:
            ticket.waiting = False
        elif not ticket.waiting:
            ticket.waiting, ticket.since = True, self._clock()
        if self._holder in (None, ticket):
            self._holder = None
            self._hand_over()

    def _remove(self, ticket: Ticket) -> None:
        if ticket in self._tickets:
            self._tickets.remove(ticket)
        if not any(other.client == ticket.client for other in self._tickets):
            self._served.pop(ticket.client, None)
        if self._holder is ticket:
            self._holder = None
        self._hand_over()

    def _hand_over(self) -> None:
        if self._holder is not None:
            return
        ticket = self._next()
        if ticket is None:
            return
        self._turn += 1
        self._served[ticket.client] = self._turn
        self._holder, ticket.waiting = ticket, False
        if ticket.begun:
            self._change.notify_all()
        else:
            ticket.begun = True
            ticket.begin()

    def _next(self) -> Ticket | None:
        interactive = self._first_of_each_client(interactive=True)
        batch = self._first_of_each_client(interactive=False)
        begun = sum(ticket.begun and not ticket.interactive for ticket in self._tickets)
        if begun >= self._batches_begun:
            batch = [ticket for ticket in batch if ticket.begun]
        starved = [ticket for ticket in batch if self._clock() - ticket.since >= self._patience_s]
        line = (starved or interactive or batch) if interactive else batch
        return min(line, key=lambda ticket: self._served.get(ticket.client, 0), default=None)

    def _first_of_each_client(self, *, interactive: bool) -> list[Ticket]:
        first: dict[Hashable, Ticket] = {}
        for ticket in self._tickets:
            if ticket.waiting and ticket.interactive == interactive:
                first.setdefault(ticket.client, ticket)
        return list(first.values())

"""Which job computes: one at a time, and the turn passes on between frames."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

BATCHES_BEGUN = 4
"""Most batch jobs under way at once, since each holds frames in memory. Another one waits until one ends."""
PATIENCE_S = 20.0
"""A batch that has waited this long gets one frame, however many interactive jobs there are."""


@dataclass(eq=False)
class Ticket:
    """The place of a job in the line of those that want to compute."""

    client: Hashable
    interactive: bool
    begin: Callable[[], None]
    """Called once, when the first turn comes; must not wait."""
    begun: bool = False
    waiting: bool = True
    cancelled: bool = False
    since: float = field(default=0.0)
    """Time at which it began to wait, by the scheduler's clock."""


class FairScheduler:
    """Gives the turn to one ticket at a time.

    Interactive jobs go before batches. Clients take turns frame by frame. The jobs of one client run in
    order. The turn passes on in `pause`.
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
        """Add a ticket to the line. `ticket.begin` is called at its first turn, which may be now."""
        with self._change:
            ticket.since = self._clock()
            self._tickets.append(ticket)
            self._hand_over()

    def pause(self, ticket: Ticket) -> bool:
        """Let other jobs compute between two frames; returns when it is this one's turn again.

        Returns:
            Whether the ticket was cancelled. It then has no turn and must not compute.
        """
        with self._change:
            self._give_up(ticket)
            self._change.wait_for(lambda: self._holder is ticket or ticket.cancelled)
            if ticket.cancelled:
                self._give_up(ticket)  # the turn may have come just before
            return ticket.cancelled

    @contextmanager
    def aside(self, ticket: Ticket) -> Iterator[None]:
        """Let others compute while the body waits for something; then wait for this one's turn again."""
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
        """Cancel `ticket`; it waits no longer.

        Returns:
            Whether it was in the line and had not begun. The caller then reports how the job ended.
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
        """Take `ticket` out of the line: its job has ended."""
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

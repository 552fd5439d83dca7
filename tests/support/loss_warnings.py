"""Warnings that a network which was not trained gives: it loses much of every mask."""

from __future__ import annotations

from collections.abc import Iterable

from maggie_api.events import Event, Warning


def is_loss(event: object) -> bool:
    """Whether an event tells that a matte is worse than its mask."""
    return isinstance(event, Warning) and event.code in ("matte-lost", "matte-covers")


def without_losses(events: Iterable[Event]) -> list[Event]:
    """All other events."""
    return [event for event in events if not is_loss(event)]

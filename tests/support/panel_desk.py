"""What stands for the processes behind the panel: pictures drawn in this one, a worker told what to say."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import Any

from maggie_api.errors import MaggieError, WorkerError
from maggie_api.job import MatteJob
from maggie_node.picture_server.desk import Desk
from maggie_panel.picture_client import Answer
from maggie_panel.state.commands import Ended
from maggie_panel.state.session import Session


class DeskPictures:
    """The picture process's own desk, without the process: what is asked for is there at the next poll."""

    def __init__(self) -> None:
        self._desk, self._numbers = Desk(), itertools.count(1)
        self._ready: list[Answer] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def ask(self, do: str, **given: Any) -> int:
        number = next(self._numbers)
        self.asked.append((do, given))
        try:
            result = self._desk.actions[do](**given)
        except MaggieError as error:
            self._ready.append(Answer(number, error=str(error)))
        else:
            self._ready.append(Answer(number, result, result.pop("pixels", b"")))
        return number

    def poll(self) -> list[Answer]:
        ready, self._ready = self._ready, []
        return ready

    def notify_by(self, notify: Callable[[], None]) -> None:
        """Nothing comes by itself here."""

    def close(self) -> None:
        self.asked.append(("close", {}))


class Spoken:
    """A job in the worker that says what it is told to."""

    def __init__(self, job: MatteJob, interactive: bool) -> None:
        self.job, self.interactive = job, interactive
        self.events: list[Any] = []
        self.cancelled = False

    def say(self, *events: Any) -> None:
        self.events += events

    def poll(self) -> list[Any]:
        said, self.events = self.events, []
        for each in said:
            if isinstance(each, str):
                raise WorkerError(each)
        return said

    def cancel(self) -> None:
        self.cancelled = True


class SpokenWorker:
    """A worker that takes jobs and says nothing by itself."""

    def __init__(self) -> None:
        self.jobs: list[Spoken] = []
        self.closed = False

    def start(self, job: MatteJob, *, interactive: bool = False) -> Any:
        self.jobs.append(Spoken(job, interactive))
        return self.jobs[-1]

    def close(self) -> None:
        self.closed = True


class SpokenCommand:
    """A command that ends as it is told to."""

    def __init__(self, title: str, words: list[str]) -> None:
        self.title, self.words, self.ended, self.cancelled = title, words, None, False

    ended: Ended | None

    def poll(self) -> Ended | None:
        return self.ended

    def cancel(self) -> None:
        self.cancelled = True


def until(session: Session, is_so: Callable[[], Any], *, rounds: int = 400) -> None:
    """Poll a session until something is so."""
    import time

    for _ in range(rounds):
        session.poll()
        if is_so():
            return
        time.sleep(0.01)
    raise AssertionError(f"it never was so; the session says: {session.message}")


def settled(session: Session, paths: Iterable[str]) -> None:
    """Drop paths, and wait until the shot is open and its people are known."""
    session.drop(paths)
    people = lambda: session.document.people and all(p.name for p in session.document.people)  # noqa: E731
    until(session, lambda: session.plate.frames and people() and session.picture()[1])

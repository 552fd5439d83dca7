"""What every part of a session has: the document and its history, facts, messages, requests under way."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Optional, Protocol

from maggie_api.client.worker import RunningJob
from maggie_api.errors import MaggieError
from maggie_api.job import Guidance, MatteJob

from ..picture_client import Answer
from . import commands
from .document import Document, History
from .keys import KeyMask
from .own_folder import OwnFolder, remove_abandoned
from .picture_queue import PictureCache, PictureQueue
from .playback import Playback
from .timeline import Facts
from .view import View


class Pictures(Protocol):
    """`PictureClient`, or what stands for it in a test."""

    def ask(self, do: str, **given: Any) -> int: ...
    def poll(self) -> list[Answer]: ...
    def notify_by(self, notify: Callable[[], None]) -> None: ...
    def close(self) -> None: ...


class Worker(Protocol):
    """`WorkerSession`, or what stands for it in a test."""

    def start(self, job: MatteJob, *, interactive: bool = False) -> RunningJob: ...
    def close(self) -> None: ...


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A picture that came: 8 bits of red, green and blue, row by row."""

    width: int
    height: int
    pixels: bytes
    note: str = ""
    """What is to be said about it, such as that there is no matte yet."""


@dataclasses.dataclass(frozen=True)
class Plate:
    """What is known of the plate."""

    frames: tuple[int, ...] = ()
    size: tuple[int, int] = (0, 0)
    pixel_aspect: float = 1.0
    colorspace: str = ""
    assumption: str = ""
    ocio: str = ""
    displays: tuple[tuple[str, tuple[str, ...]], ...] = ()


class SessionBase:
    """A document, and what is known about it. The parts of a session build on each other: looking, keys,
    mattes, the session.

    Args:
        folder: for frames, caches and followed masks of this session; None makes one, and `close` removes it.
        start_command: starts a command of maggie-node; `commands.Command`, or what stands for it in a test.
    """

    def __init__(
        self,
        pictures: Pictures,
        worker: Worker,
        *,
        folder: Optional[Path] = None,
        start_command: Callable[[str, list[str]], commands.Command] = commands.Command,
        now: Callable[[], float] = time.monotonic,
    ):
        self._pictures, self._worker, self._start_command, self._now = pictures, worker, start_command, now
        self._own_folder: Optional[OwnFolder] = None
        self._threads = ThreadPoolExecutor(1, "MaGGIe panel")
        if folder is None:
            self._own_folder = OwnFolder()
            folder = self._own_folder.path
            self._threads.submit(remove_abandoned)
        self.folder = folder
        self._later: list[tuple[Future[Any], Callable[[Any], None]]] = []
        self.queue = PictureQueue(PictureCache())
        self.message = "drop a plate and masks here"
        self.viewer = (640, 360)
        self.live = True
        self.changes = 0
        """Raised whenever something that a widget shows has changed."""
        self._begin()

    def _begin(self) -> None:
        """Forget everything about the shot that was open."""
        self._asked: dict[int, Callable[[Answer], None]] = {}
        """What is done with an answer, by the request's number; nothing with those about the shot before."""
        self.history = History()
        self.view, self.playback, self.plate = View(), Playback(), Plate()
        self.facts = Facts()
        self.selected = ""
        self.compared = ""
        """Mattes of side A of the wipe; empty until some are kept."""
        self._live: dict[int, str] = {}
        """Mattes of frames that were matted by themselves, by frame."""
        self.followed: dict[str, Guidance] = {}
        """Masks that were made of keys, by the person's name."""
        self._followed_of: dict[str, KeyMask] = {}
        self._edition = 0
        """Raised where key masks have changed."""
        self.command: Optional[commands.Command] = None
        self._command_ended: Callable[[commands.Ended], None] = lambda ended: None

    @property
    def document(self) -> Document:
        return self.history.document

    def change(self, document: Document, what: str, *, going_on: str = "") -> None:
        """Make a change to the document; it can be undone."""
        before = self.document
        if self.history.do(document, what, going_on=going_on):
            self._changed(before)

    def undo(self) -> None:
        before = self.document
        what = self.history.undo()
        self._say(f"undone: {what}" if what else "nothing to undo")
        self._changed(before)

    def redo(self) -> None:
        before = self.document
        what = self.history.redo()
        self._say(f"done again: {what}" if what else "nothing to do again")
        self._changed(before)

    def _changed(self, before: Document) -> None:
        """The document is another one; every part of the session does what follows for it."""
        if self.selected not in self.document.names:
            self.selected = ""
        self._touch()

    def select(self, name: str) -> None:
        """Choose the person that keys, edges and the brush are for; "" chooses nobody."""
        self.selected = name if name in self.document.names else ""
        self._touch()

    def tell(self, message: str) -> None:
        """Show a sentence in the window."""
        self._say(message)

    def mattes_at(self, frame: int) -> str:
        """Where the newest matte of a frame is: matted by itself, or in the range; "" where there is none."""
        if frame in self._live:
            return self._live[frame]
        return self.document.output if frame in self.facts.mattes else ""

    @property
    def is_followed_old(self) -> bool:
        """Whether keys have changed since the masks between them were made."""
        return bool(self.followed) and self._followed_of != self.document.key_files()

    def _run(self, title: str, words: list[str], ended: Callable[[commands.Ended], None]) -> None:
        if self.command is not None:
            self._say(f"{self.command.title} is under way: cancel it first, or wait")
            return
        with self._told():
            self.command, self._command_ended = self._start_command(title, words), ended
            self._say(title)

    def _poll_command(self) -> None:
        if self.command is None:
            return
        ended = self.command.poll()
        if ended is not None:
            self.command = None
            self._command_ended(ended)
            self._touch()

    def _poll_threads(self) -> None:
        done = [each for each in self._later if each[0].done()]
        self._later = [each for each in self._later if not each[0].done()]
        for future, then in done:
            with self._told():
                then(future.result())

    def _ask(self, do: str, then: Callable[[Answer], None], **given: Any) -> int:
        number = self._pictures.ask(do, **given)
        self._asked[number] = then
        return number

    def _in_thread(self, work: Callable[[], Any], then: Callable[[Any], None]) -> None:
        self._later.append((self._threads.submit(work), then))

    def _with_facts(self, **changes: Any) -> None:
        self.facts = dataclasses.replace(self.facts, **changes)
        self._touch()

    def _say(self, message: str) -> None:
        self.message = message
        self._touch()

    def _touch(self) -> None:
        self.changes += 1

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """An error of ours inside is told in the window."""
        try:
            yield
        except MaggieError as error:
            self._say(str(error))
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self._say(f"{error.filename}: {reason}: check the path")

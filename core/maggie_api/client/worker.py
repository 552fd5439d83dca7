"""Jobs for a worker in another process: start or find it, submit, follow, cancel.

Standard library only, Python 3.9: hosts import this. A function waits for the worker only where its text says
so, so a host may call the others from a timer of its window. The threads here only move lines between queues.

    worker = start_child(python="/opt/maggie/bin/python")
    running = worker.submit(job)
    ...
    for event in running.poll():        # from a timer
        ...
"""

from __future__ import annotations

import itertools
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Union

from .. import serialization
from ..errors import BAD_INPUT, DocumentError, FolderError, RpcError, WorkerError
from ..events import Event, Finished, FrameDone, FrameFailed, Started, Warning
from ..job import MatteJob
from . import address, rpc
from .address import LOG, default_folder
from .python import located
from .rpc import Answer, Cancel, Nothing, Request, Submit, Welcome
from .transport import (
    Pipes,
    Socket,
    Transport,
    clean_environment,
    file_size,
    how_it_ended,
    last_line,
    own_folder,
    spawn,
)

START_S = 120.0
"""Longest time to the answer of a worker's first hello; Python may come from a cold network disk."""
STARTS = 5
"""Most starts in a row. A worker ends at once when it finds another one, which may itself end then."""
ANSWER_S = 10.0
"""Longest time to an answer of a worker that runs; its requests are answered beside the computing."""


def start_child(
    *,
    python: Optional[str] = None,
    env: Optional[Mapping[str, str]] = None,
    roots: Iterable[Union[str, Path]] = (),
    name: str = "",
) -> Worker:
    """A worker as a child process, which ends when this process does. Does not wait for it.

    Args:
        python: the interpreter that has maggie-node; None = $MAGGIE_PYTHON, else this one.
        env: its environment; None = the own one, cleaned (`clean_environment`).
        roots: folders that the paths of a job have to be in; empty = anywhere.
        name: name of the client for the worker's log.
    """
    command = [_python(python), "-m", "maggie_node", "worker", "--stdio", *_root_options(roots)]
    environment = clean_environment() if env is None else dict(env)
    return Worker(lambda: _child(command, environment, name))


def find_or_start(
    folder: Union[str, Path, None] = None,
    *,
    python: Optional[str] = None,
    env: Optional[Mapping[str, str]] = None,
    idle_s: Optional[float] = None,
    roots: Iterable[Union[str, Path]] = (),
    tcp: bool = False,
    name: str = "",
) -> Worker:
    """The shared worker of `folder`, started if there is none. Does not wait for it.

    Args:
        folder: folder of the worker; None = the user's own (`address.default_folder`).
        python, env, name: as for `start_child`.
        idle_s: seconds without a job after which it ends; None = its default. This, `roots` and `tcp` only
            count when the worker is started here.
        roots: folders that the paths of a job have to be in; empty = anywhere.
        tcp: a loopback port and a token instead of a Unix socket.
    """
    place = Path(folder).absolute() if folder is not None else default_folder()
    command = [_python(python), "-m", "maggie_node", "worker", "run", "--at", str(place)]
    command += _root_options(roots) + (["--tcp"] if tcp else [])
    command += [] if idle_s is None else ["--idle-s", str(idle_s)]
    environment = clean_environment() if env is None else dict(env)
    return Worker(lambda: _find_or_start(place, command, environment, name))


def find(folder: Union[str, Path, None] = None, *, name: str = "") -> Optional[Worker]:
    """The shared worker of `folder`; None when there is none. Waits for its answer, at most a few seconds.

    Raises:
        WorkerError: it speaks another protocol, or other users may enter the folder.
    """
    place = Path(folder).absolute() if folder is not None else default_folder()
    there = [_find(place, name)]
    if there[0] is None:
        return None

    def connected() -> tuple[Transport, Welcome]:
        found = there.pop() if there else _find(place, name)
        if found is None:
            raise WorkerError(f"there is no worker in {place} any more", BAD_INPUT)
        return found

    return Worker(connected)


class RunningJob:
    """A submitted job and its events."""

    def __init__(self, asked: Submit):
        self.id: Optional[int] = None
        """The worker's number of the job; None until the worker has taken it."""
        self._asked = asked
        self._heard: queue.SimpleQueue[Union[Event, WorkerError]] = queue.SimpleQueue()
        self._error: Optional[WorkerError] = None
        self._link: Optional[_Link] = None
        self._cancel_asked = self._over = self._sent_again = False

    @property
    def over(self) -> bool:
        """Whether its last event, or its error, has been handed out."""
        return self._over

    def events(self) -> Iterator[Event]:
        """Every event that has not been handed out. Waits for the next one; ends after `Finished`.

        Raises:
            WorkerError: the job could not start, or the worker died.
        """
        while not self._over:
            event = self._next(timeout_s=0.5)  # on Windows a wait without an end is not interrupted by ctrl-C
            if event is not None:
                yield event
            elif self._error is not None:
                self._raise()

    def poll(self) -> list[Event]:
        """Events that came since the last call; never waits.

        Raises:
            WorkerError: as `events`, when every event before it has been handed out.
        """
        found: list[Event] = []
        while not self._over:
            event = self._next(timeout_s=0)
            if event is None:
                break
            found.append(event)
        if self._error is not None and not found and not self._over:
            self._raise()
        return found

    def cancel(self) -> None:
        """Ask for the end of the job; frames that exist are whole. `Finished` has `cancelled`. No wait."""
        self._cancel_asked = True
        self._send_cancel()

    def _next(self, *, timeout_s: float) -> Optional[Event]:
        """The next event; None when none came in time, or when there was an error."""
        if self._error is not None:
            return None
        try:
            said = self._heard.get(timeout=timeout_s) if timeout_s else self._heard.get_nowait()
        except queue.Empty:
            return None
        if isinstance(said, WorkerError):
            self._error = said
            return None
        self._over = isinstance(said, Finished)
        return said

    def _raise(self) -> None:
        self._over = True
        assert self._error is not None
        raise self._error

    # The threads of a link call the following methods.

    def _taken(self, number: int) -> None:
        self.id = number
        if self._cancel_asked:
            self._send_cancel()

    def _send_cancel(self) -> None:
        # Without a lock, so that a signal handler may call it. At worst the request is sent twice.
        if self.id is not None and self._link is not None:
            self._link.send(rpc.notification("cancel", Cancel(self.id)))

    def _hear(self, said: Union[Event, WorkerError]) -> None:
        self._heard.put(said)


class Worker:
    """A worker, from `start_child`, `find_or_start` or `find`. After it died, the next job starts one."""

    def __init__(self, start: Callable[[], tuple[Transport, Welcome]]):
        self._start = start
        self._lock = threading.Lock()
        self._closed = False
        self._link = _Link(start, self._send)

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    @property
    def capabilities(self) -> Welcome:
        """The worker's answer to hello; waits for it.

        Raises:
            WorkerError: it cannot be started, or speaks another protocol.
        """
        return _result(self._living().welcome, START_S, "the worker did not say hello")

    def submit(self, job: MatteJob, *, priority: rpc.Priority = "batch", keep: bool = False) -> RunningJob:
        """Put a job in the worker's queue. Never waits; an error is raised by the job's events.

        Args:
            job: a job with absolute paths. If it names no OCIO configuration it gets $OCIO.
            priority: an interactive job goes ahead of batches, also of those under way.
            keep: a shared worker continues the job when this client is gone.
        """
        config = os.environ.get("OCIO")
        if job.ocio is None and config:
            job = replace(job, ocio=config if "://" in config else os.path.abspath(config))
        running = RunningJob(Submit(job, priority, keep))
        self._send(running)
        return running

    def status(self, *, timeout_s: float = ANSWER_S) -> dict[str, Any]:
        """What the worker does now, as docs/worker.md describes; waits for its answer.

        Raises:
            WorkerError: it does not answer.
        """
        return _result(self._living().ask("status", Nothing()), timeout_s, "the worker does not answer")

    def shutdown(self, *, timeout_s: float = START_S) -> None:
        """End the worker, also a shared one, with all its jobs; waits until it has ended.

        Raises:
            WorkerError: it does not end.
        """
        link = self._living()
        _result(link.ask("shutdown", Nothing()), timeout_s, "the worker does not answer")
        if not link.ended.wait(timeout_s):
            raise WorkerError("the worker does not end: it may be in a long frame")

    def close(self) -> None:
        """Leave the worker: a child ends, a shared worker cancels this client's jobs. Never waits."""
        with self._lock:
            self._closed = True
            self._link.close()

    def _living(self) -> _Link:
        with self._lock:
            if self._link.ended.is_set() and not self._closed:
                self._link = _Link(self._start, self._send)
            return self._link

    def _send(self, running: RunningJob) -> None:
        if self._closed:
            running._hear(WorkerError("the worker was closed: take another one"))
        else:
            self._living().submit(running)


class _Link:
    """One connection to one worker process, in two threads. Either side may end it."""

    def __init__(self, start: Callable[[], tuple[Transport, Welcome]], again: Callable[[RunningJob], None]):
        self.welcome: Future[Welcome] = Future()
        self.ended = threading.Event()
        self._start, self._again = start, again
        self._out: queue.SimpleQueue[Optional[bytes]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._asked: dict[Any, Union[Future[Any], RunningJob]] = {}
        self._jobs: dict[Any, RunningJob] = {}
        self._over: Optional[WorkerError] = None
        threading.Thread(target=self._run, name="maggie worker", daemon=True).start()

    def send(self, line: bytes) -> None:
        """Queue a line; never waits."""
        self._out.put(line)

    def ask(self, method: str, params: Any) -> Future[Any]:
        """Send a request; the future receives its result."""
        reply: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if self._over is not None:
                reply.set_exception(self._over)
                return reply
            self._asked[number] = reply
        self.send(rpc.request(method, params, number))
        return reply

    def submit(self, running: RunningJob) -> None:
        """Send a job."""
        number = next(self._numbers)
        line = rpc.request("submit", running._asked, number)
        if len(line) - 1 > rpc.MAX_LINE:  # without its line break
            running._hear(_too_long(len(line)))
            return
        running._link = self
        with self._lock:
            over = self._over
            if over is None:
                self._asked[number] = running
        if over is not None:
            running._hear(over)
        else:
            self.send(line)

    def close(self) -> None:
        """End the connection when every queued line is sent."""
        self._out.put(None)

    def _run(self) -> None:
        _no_sigpipe()
        try:
            transport, welcome = self._start()
        except WorkerError as error:
            self._end(error)
            return
        except Exception as error:  # an error in this thread has to reach the host
            self._end(WorkerError(f"the worker cannot be started: {error}", BAD_INPUT))
            return
        self.welcome.set_result(welcome)
        threading.Thread(
            target=self._send_all, args=(transport,), name="to maggie worker", daemon=True
        ).start()
        try:
            while (message := transport.next()) is not None:
                self._take(message)
            error = transport.epitaph()
        except (RpcError, DocumentError) as said:
            error = WorkerError(f"the worker said what is no protocol: {said}")
        self._out.put(None)
        self._end(error)

    def _send_all(self, transport: Transport) -> None:
        _no_sigpipe()
        try:
            while (line := self._out.get()) is not None:
                transport.write(line)
        except OSError:
            pass  # the thread that reads gets an error too
        transport.close()

    def _take(self, message: Union[Answer, Request]) -> None:
        if isinstance(message, Request):
            self._notice(message)
            return
        if message.id is None and message.error is not None:
            self._refuse_all(_refusal(message.error))
            return
        waiting = self._asked.get(message.id)
        if isinstance(waiting, Future):
            if message.error is not None:
                waiting.set_exception(_refusal(message.error))
            else:
                waiting.set_result(message.result)
        elif waiting is not None and message.error is not None:
            waiting._hear(_refusal(message.error))
        elif waiting is not None:
            number = serialization.from_data(Cancel, message.result, "submit").job_id
            self._jobs[number] = waiting
            waiting._taken(number)
        with self._lock:
            self._asked.pop(message.id, None)

    def _refuse_all(self, error: WorkerError) -> None:
        """End every request without an answer: the worker could not read one, so it cannot say which."""
        with self._lock:
            waiting, self._asked = list(self._asked.values()), {}
        for each in waiting:
            if isinstance(each, Future):
                each.set_exception(error)
            else:
                each._hear(error)

    def _notice(self, said: Request) -> None:
        number = said.params.get("job_id")
        running = self._jobs.get(number)
        if running is None:
            return
        if said.method == "failed":
            code = said.params.get("exit_code")
            sentence = str(said.params.get("error"))
            running._hear(WorkerError(sentence, code if isinstance(code, int) else 1))
            del self._jobs[number]
        elif said.method == "event":
            event = _event(said.params.get("event"))
            if event is not None:
                running._hear(event)
            if isinstance(event, Finished):
                del self._jobs[number]

    def _end(self, error: WorkerError) -> None:
        with self._lock:
            self._over = error
            waiting, self._asked = list(self._asked.values()), {}
        begun = self.welcome.done()
        if not begun:
            self.welcome.set_exception(error)
        self.ended.set()
        for running in self._jobs.values():
            running._hear(error)
        for each in waiting:
            if isinstance(each, Future):
                each.set_exception(error)
            elif begun and not each._sent_again:
                # The worker ended before it took the job, for example after a long idle time: try a new one.
                each._sent_again = True
                self._again(each)
            else:
                each._hear(error)


def _child(command: list[str], env: Mapping[str, str], name: str) -> tuple[Transport, Welcome]:
    """A child process, after hello."""
    line = Pipes(command, env)
    try:
        welcome = line.greet(name)
    except (RpcError, DocumentError) as said:
        line.kill()
        raise WorkerError(_sentence(said), BAD_INPUT) from None
    if welcome is None:
        raise line.no_start()
    return line, welcome


def _find(folder: Path, name: str) -> Optional[tuple[Transport, Welcome]]:
    """The worker of `folder`, after hello; None when there is none."""
    try:
        found = address.connect(folder, timeout_s=ANSWER_S)
    except FolderError as error:
        raise WorkerError(str(error), BAD_INPUT) from None
    if found is None:
        return None
    line = Socket(found[0], folder)
    try:
        welcome = line.greet(name, found[1].token)
    except (RpcError, DocumentError) as said:
        line.close()
        if isinstance(said, RpcError) and said.code == rpc.WRONG_TOKEN:
            return None  # the address is that of an earlier worker
        raise WorkerError(_sentence(said), BAD_INPUT) from None
    if welcome is None:
        line.close()
        return None
    found[0].settimeout(None)
    return line, welcome


def _find_or_start(
    folder: Path, command: list[str], env: Mapping[str, str], name: str
) -> tuple[Transport, Welcome]:
    """The worker of `folder`, after hello. Of two clients that start one at once, both get the same."""
    own = own_folder(folder)
    deadline = time.monotonic() + START_S
    process, log_end, starts = None, 0, 0
    while time.monotonic() < deadline:
        found = _find(own, name)
        if found is not None:
            return found
        code = None if process is None else process.poll()
        if process is None or (code == 0 and starts < STARTS):  # another worker was there and has ended
            starts += 1
            log_end = file_size(own / LOG)
            asked = [*command, "--asked-ns", str(time.time_ns())]
            process = spawn(asked, env, own, own / LOG, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        elif code is not None:
            raise WorkerError(
                f"the worker did not start, it {how_it_ended(code)}{last_line(own / LOG, log_end)} "
                f"(log: {own / LOG})",
                BAD_INPUT,
            )
        time.sleep(0.05)
    raise WorkerError(f"no worker answers in {own} after {START_S:g} s (log: {own / LOG})")


def _no_sigpipe() -> None:
    """Make a write to a dead worker an error in this thread, also in a host with the default SIGPIPE."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})


def _python(given: Optional[str]) -> str:
    named = given or os.environ.get("MAGGIE_PYTHON") or sys.executable
    return located(named) or os.path.abspath(named)  # what is not there is told when it is started


def _root_options(roots: Iterable[Union[str, Path]]) -> list[str]:
    return [word for root in roots for word in ("--root", os.path.abspath(root))]


def _refusal(said: RpcError) -> WorkerError:
    return WorkerError(str(said), 1 if said.code == rpc.DEFECT else BAD_INPUT)


def _too_long(size: int) -> WorkerError:
    mib = size / (1 << 20)
    return WorkerError(
        f"the job document takes {mib:.1f} MiB and a worker reads {rpc.MAX_LINE >> 20} MiB: "
        "name fewer instances or pins, or run the job without a worker",
        BAD_INPUT,
    )


def _sentence(said: Union[RpcError, DocumentError]) -> str:
    if isinstance(said, DocumentError) or said.code in (rpc.NOT_JSON, rpc.NO_REQUEST):
        return f"what answers is no worker of maggie-node ({said}): name its Python in $MAGGIE_PYTHON"
    return str(said)


def _result(reply: Future[Any], timeout_s: float, late: str) -> Any:
    try:
        return reply.result(timeout_s)
    except FutureTimeout:
        raise WorkerError(f"{late} within {timeout_s:g} s") from None


_KINDS: dict[Any, type] = {kind.event: kind for kind in (Started, FrameDone, FrameFailed, Warning, Finished)}


def _event(data: Any) -> Optional[Event]:
    """The event in a notification; None for a kind that a later version added."""
    kind = _KINDS.get(data.get("event")) if isinstance(data, dict) else None
    return None if kind is None else rpc.lenient(kind, data, "event")

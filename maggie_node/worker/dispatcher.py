"""Answers the requests of clients."""

from __future__ import annotations

import hmac
import os
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any, Literal

from maggie_api.client import rpc
from maggie_api.client.rpc import PROTOCOL, Answer, Cancel, Hello, Nothing, Request, Submit, TooLong, Welcome
from maggie_api.errors import PathError, RpcError
from maggie_node import __version__
from maggie_node.worker.allowed_paths import check_paths
from maggie_node.worker.connection import Connection, log
from maggie_node.worker.jobs import Jobs

CAPABILITIES = ("submit", "cancel", "status", "shutdown", "interactive", "keep")


class Dispatcher:
    """Answers requests line by line. No request ends the worker but `shutdown`.

    Args:
        roots: folders that the paths of a job have to be in; empty = anywhere.
        token: token that `hello` has to carry; None = none.
        trusted: paths that are allowed wherever they are.
        stop: called when a client asks for the end of the worker.
        clients: returns the number of clients.
    """

    def __init__(
        self,
        jobs: Jobs,
        *,
        transport: Literal["stdio", "unix", "tcp"],
        roots: tuple[str, ...],
        stop: Callable[[], None],
        token: str | None = None,
        trusted: tuple[str, ...] = (),
        clients: Callable[[], int] = lambda: 1,
    ):
        self._jobs, self._roots, self._stop = jobs, roots, stop
        self._transport: Literal["stdio", "unix", "tcp"] = transport
        self._token, self._trusted, self._clients = token, trusted, clients
        self._began = time.monotonic()
        self._methods: dict[str, Callable[[Connection, Request], None]] = {
            "hello": self._hello,
            "submit": self._submit,
            "cancel": self._cancel,
            "status": self._status,
            "shutdown": self._shutdown,
        }

    def heard(self, connection: Connection, line: bytes | TooLong) -> None:
        """Carry out the request in a line, and answer it."""
        asked = None
        try:
            if isinstance(line, TooLong):
                raise RpcError(
                    rpc.NO_REQUEST,
                    f"request: longer than {rpc.MAX_LINE >> 20} MiB: name files, send no pixels",
                )
            if not line.strip():
                return
            asked = rpc.parse(line)
            if isinstance(asked, Answer):
                raise RpcError(rpc.NO_REQUEST, "request: an answer, and nothing was asked", id=asked.id)
            self._do(connection, asked)
        except RpcError as said:
            self._refuse(connection, asked, said)
        except Exception as error:
            traceback.print_exception(error, file=sys.stderr)
            said = f"a defect of ours, please report it with the worker's log: {type(error).__name__}"
            self._refuse(connection, asked, RpcError(rpc.DEFECT, said))

    def _do(self, connection: Connection, asked: Request) -> None:
        if asked.method not in self._methods:
            known = ", ".join(self._methods)
            raise RpcError(rpc.NO_METHOD, f"no method {_short(asked.method)}: there are {known}")
        if not connection.welcomed and asked.method != "hello":
            raise RpcError(rpc.NO_HELLO, f"{asked.method}: say hello first, with the protocol's version")
        self._methods[asked.method](connection, asked)

    def _refuse(self, connection: Connection, asked: Request | Answer | None, said: RpcError) -> None:
        log(f"{connection.name} refused: {said}")
        if not isinstance(asked, Request) or asked.answered:
            connection.send(rpc.error(said.id if asked is None else asked.id, said))
        if self._token is not None and not connection.welcomed:
            connection.end()  # a client without the token gets no second try

    def _hello(self, connection: Connection, asked: Request) -> None:
        theirs = asked.params.get("protocol")
        if theirs != PROTOCOL or isinstance(theirs, bool):
            raise RpcError(
                rpc.OTHER_PROTOCOL,
                f"this worker (maggie-node {__version__}) speaks protocol {PROTOCOL} and the client "
                f"{_short(theirs)}: use the client and the worker of one installation",
            )
        said = rpc.params_of(Hello, asked)
        if self._token is not None and not hmac.compare_digest(
            (said.token or "").encode("utf-8", "replace"), self._token.encode()
        ):
            raise RpcError(rpc.WRONG_TOKEN, "hello: the token is wrong or missing: read it in worker.json")
        connection.name = said.client[:80] or connection.name
        connection.welcomed = True
        welcome = Welcome(
            PROTOCOL, __version__, os.getpid(), self._transport, CAPABILITIES, roots=self._roots
        )
        self._answer(connection, asked, welcome)

    def _submit(self, connection: Connection, asked: Request) -> None:
        said = rpc.params_of(Submit, asked)
        try:
            check_paths(said.job, self._roots, trusted=self._trusted)
        except PathError as error:
            raise RpcError(rpc.NOT_ALLOWED, str(error)) from None
        number = self._jobs.new_id()
        self._answer(connection, asked, {"job_id": number})  # before the first event of the job
        self._jobs.add(number, said, connection)

    def _cancel(self, connection: Connection, asked: Request) -> None:
        said = rpc.params_of(Cancel, asked)
        self._answer(connection, asked, {"cancelled": self._jobs.cancel(said.job_id)})

    def _status(self, connection: Connection, asked: Request) -> None:
        rpc.params_of(Nothing, asked)
        status = {
            "pid": os.getpid(),
            "version": __version__,
            "uptime_s": round(time.monotonic() - self._began, 1),
            "clients": self._clients(),
            "models": self._jobs.models(),
            "jobs": self._jobs.status(),
        }
        self._answer(connection, asked, status)

    def _shutdown(self, connection: Connection, asked: Request) -> None:
        rpc.params_of(Nothing, asked)
        log(f"{connection.name} asks for the end")
        self._answer(connection, asked, {})
        self._stop()

    def _answer(self, connection: Connection, asked: Request, value: Any) -> None:
        if asked.answered:
            connection.send(rpc.result(asked.id, value))


def _short(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:57] + "..."

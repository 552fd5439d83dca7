"""Messages between client and worker: JSON-RPC 2.0, one object a line. They hold paths, never pixels.

Standard library only, Python 3.9: hosts import this. The messages are described in docs/worker.md.
"""

from __future__ import annotations

import dataclasses
import json
import typing
from dataclasses import dataclass
from typing import Any, Literal, Optional, Union

from .. import serialization
from ..errors import DocumentError, RpcError
from ..job import MatteJob

PROTOCOL = 1
"""Version of the messages. It is raised when an older client could not work with a newer worker. Within a
version fields are only added: a client ignores unknown fields of answers and events, a worker refuses a
request with unknown fields."""
MAX_LINE = 1 << 20
"""Most bytes of a request, without its line break."""

NOT_JSON, NO_REQUEST, NO_METHOD, BAD_PARAMS, DEFECT = -32700, -32600, -32601, -32602, -32603
OTHER_PROTOCOL, NO_HELLO, WRONG_TOKEN, NOT_ALLOWED, NO_JOB, BUSY = (-32000 - n for n in range(1, 7))

Id = Union[int, str, None]
Priority = Literal["batch", "interactive"]


@dataclass(frozen=True)
class Request:
    """A request; a notification when `answered` is False."""

    method: str
    params: dict[str, Any]
    id: Id = None
    answered: bool = True


@dataclass(frozen=True)
class Answer:
    """The answer to a request: a result or an error."""

    id: Id
    result: Any = None
    error: Optional[RpcError] = None


@dataclass(frozen=True)
class Hello:
    """The first request of every connection."""

    protocol: int
    client: str = ""
    """Name of the client for the log and for `status`, e.g. `Nuke 15.1 of ana`."""
    token: Optional[str] = None
    """Token of the worker's address file; needed over TCP."""


@dataclass(frozen=True)
class Welcome:
    """The answer to `hello`."""

    protocol: int
    version: str
    """Version of maggie-node."""
    pid: int
    transport: Literal["stdio", "unix", "tcp"]
    capabilities: tuple[str, ...]
    roots: tuple[str, ...] = ()
    """Folders that the paths of a job have to be in; empty = no restriction."""


@dataclass(frozen=True)
class Submit:
    """Put a job in the queue."""

    job: MatteJob
    priority: Priority = "batch"
    """Interactive jobs go ahead of a batch at its next frame."""
    keep: bool = False
    """Continue when the client is gone; otherwise the job is cancelled."""


@dataclass(frozen=True)
class Cancel:
    """End a job after the frame under way, or take it out of the queue."""

    job_id: int


@dataclass(frozen=True)
class Nothing:
    """`status` and `shutdown` take no parameters."""


class TooLong:
    """Stands for a line of more than MAX_LINE bytes; its content is dropped."""


class Lines:
    """Splits a stream of bytes into lines; holds at most one line of `limit` bytes and what was fed last."""

    def __init__(self, limit: Optional[int] = MAX_LINE):
        self._limit, self._rest, self._skipping = limit, bytearray(), False

    def feed(self, data: bytes) -> list[Union[bytes, TooLong]]:
        """The lines that are complete now, without their line breaks."""
        found: list[Union[bytes, TooLong]] = []
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._take(end, found)
            if not self._skipping:
                found.append(bytes(self._rest))
            self._rest, self._skipping = bytearray(), False
        self._take(rest, found)
        return found

    def _take(self, data: bytes, found: list[Union[bytes, TooLong]]) -> None:
        if self._skipping:
            return
        self._rest += data
        if self._limit is not None and len(self._rest) > self._limit:
            self._rest, self._skipping = bytearray(), True
            found.append(TooLong())


def request(method: str, params: Any, id: Id) -> bytes:  # noqa: A002 - JSON-RPC's word
    return _line({"id": id, "method": method, "params": serialization.to_data(params)})


def notification(method: str, params: Any) -> bytes:
    return _line({"method": method, "params": serialization.to_data(params)})


def result(id: Id, value: Any) -> bytes:  # noqa: A002 - JSON-RPC's word
    return _line({"id": id, "result": serialization.to_data(value)})


def error(id: Id, said: RpcError) -> bytes:  # noqa: A002 - JSON-RPC's word
    return _line({"id": id, "error": {"code": said.code, "message": str(said)}})


def parse(line: bytes) -> Union[Request, Answer]:
    """The message in a line.

    Raises:
        RpcError: the line is no message of JSON-RPC 2.0; it has the request's id where that can be read.
    """
    try:
        data = serialization.parse(line.decode("utf-8"), "request")
    except UnicodeDecodeError:
        raise RpcError(NOT_JSON, "request: not UTF-8 text: send one JSON object a line") from None
    except (DocumentError, ValueError) as said:  # also a number of more digits than Python reads
        raise RpcError(NOT_JSON, str(said)) from None
    if not isinstance(data, dict):
        raise RpcError(NO_REQUEST, "request: not an object: send one JSON-RPC 2.0 request a line")
    found = data.get("id")
    id: Id = found if isinstance(found, (int, str)) and not isinstance(found, bool) else None  # noqa: A001
    if data.get("jsonrpc") != "2.0":
        raise RpcError(NO_REQUEST, 'request: no "jsonrpc": "2.0": this is JSON-RPC 2.0', id=id)
    if "method" not in data and ("result" in data or "error" in data):
        return _answer(id, data)
    if id is not found:
        raise RpcError(NO_REQUEST, "request: the id is neither text nor a whole number")
    if not isinstance(data.get("method"), str):
        raise RpcError(NO_REQUEST, "request: no method: name what is asked for", id=id)
    params = data.get("params", {})
    if not isinstance(params, dict):
        raise RpcError(BAD_PARAMS, f"{data['method']}: params must be an object", id=id)
    return Request(data["method"], params, id, answered="id" in data)


def params_of(cls: type, asked: Request) -> Any:
    """The typed parameters of a request.

    Raises:
        RpcError: a field is missing, unknown or of a wrong type, by its name.
    """
    try:
        return serialization.from_data(cls, asked.params, asked.method)
    except DocumentError as said:
        raise RpcError(BAD_PARAMS, str(said)) from None


def lenient(cls: type, data: Any, what: str) -> Any:
    """An instance of `cls` from a worker's data; fields that a later version added are left out.

    Raises:
        DocumentError: a field is missing or of a wrong type.
    """
    return serialization.from_data(cls, _known(cls, data), what)


def _known(hint: Any, data: Any) -> Any:
    """`data` without the fields that the dataclass in `hint` does not have."""
    classes = [each for each in (hint, *typing.get_args(hint)) if dataclasses.is_dataclass(each)]
    if isinstance(data, list):
        return [_known(hint, item) for item in data]
    if not isinstance(data, dict) or not classes:
        return data
    hints = typing.get_type_hints(classes[0])
    return {name: _known(hints[name], value) for name, value in data.items() if name in hints}


def _answer(id: Id, data: dict[str, Any]) -> Answer:  # noqa: A002 - JSON-RPC's word
    if "error" not in data:
        return Answer(id, data["result"])
    said = data["error"] if isinstance(data["error"], dict) else {}
    code = said.get("code")
    return Answer(
        id,
        error=RpcError(
            code if isinstance(code, int) else DEFECT, str(said.get("message", "no reason given"))
        ),
    )


def _line(message: dict[str, Any]) -> bytes:
    # ASCII only, so that a name with half a surrogate pair in it is no reason to fail.
    return json.dumps({"jsonrpc": "2.0", **message}).encode("ascii") + b"\n"

"""The tree of errors, with the exit code that each kind ends a command with.

    MaggieError                 1   a defect of ours, when nothing more precise is known
    ├── InputError              2   bad usage or bad input
    │   ├── SettingsError           a setting or a job field has no meaning
    │   ├── FrameError              the plate: missing, unreadable, out of range
    │   ├── GuidanceError           the masks: missing, wrong size, unknown instance
    │   ├── ColorError              OCIO configuration or colour space
    │   ├── ModelError              unknown model, damaged or foreign weights
    │   ├── DocumentError           a JSON document does not follow its schema
    │   │   └── JobError            a job document
    │   ├── PathError               a path that a worker must not use
    │   ├── FolderError             a folder that a worker must not use as its own
    │   └── HostError               something the artist in a host has to know or do
    ├── RpcError                2   a request that a worker answers with an error
    ├── WorkerError             3   the worker, or a job in it, failed (or the code it carries)
    ├── OutputError             3   a frame could not be written
    │   └── BusyError               another job writes the same frames
    └── LicenceError            5   the weights may not be used for this
    Cancelled                 130   a job was asked to end; no Exception, so no handler takes it for a failure

Every message is one line: what was found, what is needed, what to do.
"""

from __future__ import annotations

from typing import Optional, Union

from .text import one_line

DEFECT, BAD_INPUT, SOME_FAILED, QC_EXCEEDED, LICENCE_REFUSED, CANCELLED = 1, 2, 3, 4, 5, 130
"""Exit codes of every command."""


class MaggieError(Exception):
    """Base of every error the packages raise on purpose. Its text is one line, whatever names are in it."""

    exit_code = DEFECT

    def __str__(self) -> str:
        return one_line(super().__str__())


class InputError(MaggieError):
    """The user gave something that cannot be used."""

    exit_code = BAD_INPUT


class SettingsError(InputError):
    """A setting is out of range or contradicts another.

    Attributes:
        field: name of the option, where the fault is in one.
    """

    def __init__(self, sentence: str, *, field: Optional[str] = None):
        super().__init__(sentence)
        self.field = field


class FrameError(InputError):
    """A plate frame is missing, unreadable or outside the shot."""


class GuidanceError(InputError):
    """A mask is missing, of a foreign shape, or names an unknown instance."""


class ColorError(InputError):
    """The OCIO configuration or a colour space cannot be found."""


class ModelError(InputError):
    """The model is unknown, or its weights are damaged or of another family."""


class DocumentError(InputError):
    """A document does not say what its schema asks for; one line that names the field."""


class JobError(DocumentError):
    """A job document cannot be used; one line that names the field."""


class PathError(InputError):
    """A path that a job of a worker must not name; one line with the field."""


class FolderError(InputError):
    """A folder that a worker must not use as its own."""


class HostError(InputError):
    """Something that the artist in a host has to know or do; one sentence."""


class RpcError(MaggieError):
    """A request that is answered with an error.

    Attributes:
        code: JSON-RPC error code (`client.rpc` names them).
        id: the request's id, as far as it is known.
    """

    exit_code = BAD_INPUT

    def __init__(self, code: int, sentence: str, *, id: Union[int, str, None] = None):  # noqa: A002 - JSON-RPC's word
        super().__init__(sentence)
        self.code, self.id = code, id


class WorkerError(MaggieError):
    """A worker, or a job in it, failed; one line for the artist."""

    def __init__(self, sentence: str, exit_code: int = SOME_FAILED):
        super().__init__(sentence)
        self.exit_code = exit_code


class Cancelled(BaseException):
    """A job has to end: its user, its client or a signal asked for it. Files that exist are whole.

    Like KeyboardInterrupt it is no Exception: code that reports a frame as failed and continues with the next
    one must not catch it.
    """

    exit_code = CANCELLED


class OutputError(MaggieError):
    """A result could not be written: no permission, disk full, folder gone."""

    exit_code = SOME_FAILED


class BusyError(OutputError):
    """Another process writes the same files; one sentence that says which."""


class LicenceError(MaggieError):
    """The weights' licence does not allow what was asked."""

    exit_code = LICENCE_REFUSED

"""What OpenImageIO needs and says: names and messages that are no UTF-8, and lines on the error stream."""

from __future__ import annotations

import ctypes
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from maggie_api.text import is_plain


@contextmanager
def utf8_path(path: Path) -> Iterator[str]:
    """A name under which the library reads or writes `path`: the path, or a link to it.

    The library takes file names as UTF-8. Old disks have others.
    """
    if is_plain(str(path)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory(prefix="maggie-") as folder:
        link = os.path.join(folder, "file" + (path.suffix if path.suffix.isascii() else ""))
        os.symlink(path.absolute(), link)
        yield link


def reason_of(image_or_library: Any) -> str:
    """The message of an OpenImageIO reader or writer, or of the library; bytes of the file may be in it."""
    try:
        return image_or_library.geterror()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "backslashreplace")


_readers = 0
_readers_lock = threading.Lock()


@contextmanager
def no_library_lines() -> Iterator[None]:
    """Keep the lines back that libraries under OpenImageIO (libpng) write beside the errors they return.

    They write by the C library's stream, which Python does not use: while any thread is in here that stream
    leads nowhere. Where the C library has no such variable (Windows), the lines stay.
    """
    stream, nowhere = _error_stream(), _nowhere()
    if stream is None or nowhere is None:
        yield
        return
    global _readers
    with _readers_lock:
        _readers += 1
        if _readers == 1:
            _kept.value, stream.value = stream.value, nowhere
    try:
        yield
    finally:
        with _readers_lock:
            _readers -= 1
            if not _readers:
                stream.value = _kept.value


_kept = ctypes.c_void_p()
"""The C library's error stream while another is in its place."""


@cache
def _error_stream() -> ctypes.c_void_p | None:
    """The variable that holds the C library's error stream: of glibc and musl, of macOS."""
    for name in ("stderr", "__stderrp"):
        try:
            return ctypes.c_void_p.in_dll(ctypes.CDLL(None), name)
        except (OSError, TypeError, ValueError):
            continue
    return None


@cache
def _nowhere() -> int | None:
    """A stream of the C library whose text goes nowhere; open for as long as the process."""
    open_stream = ctypes.CDLL(None).fopen
    open_stream.restype = ctypes.c_void_p
    return open_stream(os.fsencode(os.devnull), b"w")

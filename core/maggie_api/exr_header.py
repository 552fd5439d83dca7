"""The header of an OpenEXR file of one part, without its pixels.

Standard library only, Python 3.9: hosts import this. They have no library for EXR, and ask only what a matte
holds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Union

from .text import UNREADABLE

MAGIC = b"\x76\x2f\x31\x01"
MOST_BYTES = 64 << 20
"""Longest attribute: manifests of Cryptomattes have megabytes, a broken file says anything."""


def channels(path: Union[str, os.PathLike[str]]) -> tuple[str, ...]:
    """Full names of a file's channels, as they are stored.

    Raises:
        ValueError: the file cannot be opened, or is no EXR file of one part; a phrase.
    """
    for name, kind, value in _attributes(Path(path)):
        if name == "channels" and kind == "chlist":
            return tuple(_channel_names(value))
    raise ValueError("its header has no channels")


def has_text_names(path: Union[str, os.PathLike[str]]) -> bool:
    """Whether all names in the header are UTF-8; OpenEXR's own Python binding ends the process where not.

    Raises:
        ValueError: as for `channels`.
    """
    for name, kind, value in _attributes(Path(path)):
        inside = _channel_names(value) if kind == "chlist" else ()
        if any(UNREADABLE in each for each in (name, kind, *inside)):
            return False
    return True


def _attributes(path: Path) -> Iterator[tuple[str, str, bytes]]:
    """(name, type, value) of each attribute, in the order of the file."""
    try:
        with path.open("rb") as file:
            if file.read(4) != MAGIC:
                raise ValueError("it is no EXR file")
            file.read(4)  # version and flags
            while name := _name(file):
                kind = _name(file)
                size = int.from_bytes(_exactly(file, 4), "little")
                if size > MOST_BYTES:
                    raise ValueError("its header is damaged")
                yield name, kind, _exactly(file, size)
    except OSError as error:
        raise ValueError((error.strerror or str(error)).lower()) from None


def _channel_names(value: bytes) -> Iterator[str]:
    at = 0
    while value[at : at + 1] not in (b"", b"\0"):
        end = value.index(b"\0", at)
        yield value[at:end].decode("utf-8", "replace")
        at = end + 1 + 16  # type, flags and sampling of the channel


def _name(file: BinaryIO) -> str:
    found = b""
    while (byte := _exactly(file, 1)) != b"\0":
        found += byte
        if len(found) > 255:
            raise ValueError("its header is damaged")
    return found.decode("utf-8", "replace")


def _exactly(file: BinaryIO, size: int) -> bytes:
    found = file.read(size)
    if len(found) != size:
        raise ValueError("its header ends too early")
    return found

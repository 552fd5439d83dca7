"""The state cache: results of frames on disk, from run to run.

It has two kinds of small files. A *record* holds the outcome of a step; its name is the digest of everything
that the step depends on. An *array* has the digest of its own content as its name. A step's key contains the
digests of the results it starts from. So a frame that is computed anew and has the same result changes no
other frame.

Everything that is read is checked against a digest. A damaged file is removed, and its content is computed
again. Files appear whole under their names and never change, so any number of processes may share a folder
without locks. A fault of the folder costs time, never a frame.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import SettingsError
from maggie_core.mattes.provenance import recipe_digest

FORMAT = "v1"
"""Subfolder of this layout. Those of other versions are left alone."""
TAG = "CACHEDIR.TAG"
TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Temporal state of maggie-node; may be deleted.\n"
"""Tells backups to leave the folder out (https://bford.info/cachedir/)."""
BLOCK_BYTES = 4096
"""Least size of a file on disk."""
REDUCED_TO = 0.9
"""Share of the limit that is left after a removal, so that not every new file needs one."""
COUNTED_EVERY = 1 / 32
"""Share of the limit that a process writes before it counts the whole folder again."""
STRAY_S = 3600.0
"""Seconds after which an unfinished file is removed: its process has died."""


class StateCache:
    """A folder of records and arrays of bounded size. The least recently used files are removed first.

    Args:
        folder: made when the first file is written.
        limit_bytes: most bytes on disk. Each process that writes into the folder may exceed it by a
            thirty-second part for a moment.

    Raises:
        SettingsError: the limit is not positive.
    """

    def __init__(self, folder: str | Path, *, limit_bytes: int) -> None:
        if limit_bytes <= 0:
            raise SettingsError(f"the cache may take {limit_bytes} bytes: allow it some, or leave it out")
        self.folder = Path(folder)
        self.trouble = ""
        """Reason why nothing more can be written; else empty. Existing files are still read."""
        self._limit = limit_bytes
        self._uncounted = limit_bytes  # so that the first file counts the folder

    def recall(self, key: str) -> dict[str, Any] | None:
        """The record of `key`, or None."""
        path = self._path("records", key)
        content = self._read(path)
        if content is None:
            return None
        try:
            check, _, text = content.decode().partition("\n")
            value = json.loads(text)
        except ValueError:
            check, text, value = "", "", None
        if check != _digest(f"{key}\n{text}".encode()) or not isinstance(value, dict):
            _drop(path)
            return None
        return value

    def record(self, key: str, value: Mapping[str, Any]) -> None:
        """Write `value`, which JSON can hold, as the record of `key`; the last one counts."""
        text = json.dumps(value, sort_keys=True)
        content = f"{_digest(f'{key}{chr(10)}{text}'.encode())}\n{text}"
        self._write(self._path("records", key), content.encode())

    def load(self, digest: str) -> np.ndarray | None:
        """The array with this digest, bit for bit; None when it is not there."""
        path = self._path("arrays", digest)
        content = self._read(path)
        if content is None:
            return None
        try:
            array = _unpacked(content)
        except (ValueError, TypeError, KeyError, zlib.error, MemoryError):
            array = None
        if array is None or array_digest(array) != digest:
            _drop(path)
            return None
        return array

    def keep(self, array: np.ndarray) -> str:
        """Write an array; returns its digest."""
        digest = array_digest(array)
        path = self._path("arrays", digest)
        if not _touch(path):
            self._write(path, _packed(array))
        return digest

    def size_bytes(self) -> int:
        """Bytes that the cache takes on disk."""
        return sum(size for _, size, _ in self._entries())

    def _path(self, kind: str, name: str) -> Path:
        return self.folder / FORMAT / kind / name[:2] / name

    def _read(self, path: Path) -> bytes | None:
        try:
            content = path.read_bytes()
        except OSError:
            return None
        _touch(path)
        return content

    def _write(self, path: Path, content: bytes) -> None:
        if self.trouble:
            return
        temporary = path.parent / f".{os.getpid()}-{secrets.token_hex(6)}.tmp"
        try:
            if not path.parent.is_dir():
                path.parent.mkdir(parents=True, exist_ok=True)
                (self.folder / TAG).write_text(TAG_TEXT, encoding="ascii")
            # Not flushed to the disk, as mattes are: a file that a power failure cut short fails its check.
            temporary.write_bytes(content)
            os.replace(temporary, path)
        except OSError as error:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            self.trouble = f"{self.folder} takes no files ({(error.strerror or str(error)).lower()})"
            return
        self._uncounted += max(len(content), BLOCK_BYTES)
        if self._uncounted > self._limit * COUNTED_EVERY:
            self._make_room()
            self._uncounted = 0

    def _make_room(self) -> None:
        entries = sorted(self._entries())
        total = sum(size for _, size, _ in entries)
        room = self._limit if total <= self._limit else int(self._limit * REDUCED_TO)
        for _, size, path in entries:
            if total <= room:
                return
            _drop(path)
            total -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """(time of last use, bytes on disk, path) of each file; removes old unfinished files."""
        now = time.time()
        for path in (self.folder / FORMAT).glob("*/??/*"):
            try:
                about = path.stat()
            except OSError:  # another process made room
                continue
            if path.suffix == ".tmp" and now - about.st_mtime > STRAY_S:
                _drop(path)
                continue
            yield about.st_mtime, max(about.st_size, BLOCK_BYTES), path


def array_digest(array: np.ndarray) -> str:
    """Hex digest of an array's type, shape and values."""
    state = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=20)
    state.update(np.ascontiguousarray(array).data)
    return state.hexdigest()


def key_of(step: str, inputs: Mapping[str, Any]) -> str:
    """Key of a step's record: the digest of all it depends on."""
    return recipe_digest({"step": step, **inputs})


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=20).hexdigest()


def _packed(array: np.ndarray) -> bytes:
    about = json.dumps({"dtype": array.dtype.str, "shape": array.shape}).encode()
    return about + b"\n" + zlib.compress(np.ascontiguousarray(array).data, 1)


def _unpacked(content: bytes) -> np.ndarray:
    about, _, packed = content.partition(b"\n")
    said = json.loads(about)
    dtype, shape = np.dtype(said["dtype"]), tuple(int(side) for side in said["shape"])
    if dtype.hasobject:
        raise ValueError("an array of objects")
    count = int(np.prod(shape)) * dtype.itemsize
    values = zlib.decompressobj().decompress(packed, count + 1)
    return np.frombuffer(values, dtype).reshape(shape).copy()


def _touch(path: Path) -> bool:
    """Mark the file as used now; returns whether it exists."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:  # a read-only folder may still be read
        return path.exists()
    return True


def _drop(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)

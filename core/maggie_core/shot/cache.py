"""What frames' mattes were made of and what was made, kept on disk between runs.

Two kinds of small files, each under the digest it is asked for by. A *record* says what came of a step, under
the digest of everything that step depends on. An *array* lies under the digest of its own content. So the key
of a step may chain the results it starts from: a frame that is made anew and comes out as before changes
nothing after it.

Everything read is checked against a digest; what is damaged is dropped, and made again by whoever asked.
Files appear whole under their names and are never changed, so any number of processes may share a folder;
nothing is locked. Whatever goes wrong with the folder costs time, never a frame.
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
"""Folder of this layout; another version's is left alone."""
TAG = "CACHEDIR.TAG"
TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# Temporal state of maggie-node; may be deleted.\n"
"""Tells backups to leave the folder out (https://bford.info/cachedir/)."""
BLOCK_BYTES = 4096
"""A file takes at least this on disk."""
KEPT = 0.9
"""Share of the limit that is left when room is made, so that it is not made for every file."""
COUNTED_EVERY = 1 / 32
"""Share of the limit a process writes before it looks what all of them have written."""
STRAY_S = 3600.0
"""Age at which an unfinished file is one that nobody will finish."""


class StateCache:
    """A folder of records and arrays, bounded in size; what was not used for longest goes first.

    Args:
        folder: made when something is kept.
        limit_bytes: what all of it may take on disk. Each process that writes into the folder may exceed it
            by a thirty-second part for a moment.

    Raises:
        SettingsError: the limit is not positive.
    """

    def __init__(self, folder: str | Path, *, limit_bytes: int) -> None:
        if limit_bytes <= 0:
            raise SettingsError(f"the cache may take {limit_bytes} bytes: allow it some, or leave it out")
        self.folder = Path(folder)
        self.trouble = ""
        """Why nothing can be kept (any more), else empty; what is there is still found."""
        self._limit = limit_bytes
        self._uncounted = limit_bytes  # so that the first file looks what is there

    def recall(self, key: str) -> dict[str, Any] | None:
        """What was recorded under `key`, or None."""
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
        """Record `value`, which JSON can hold, under `key`; the last record of a key counts."""
        text = json.dumps(value, sort_keys=True)
        content = f"{_digest(f'{key}{chr(10)}{text}'.encode())}\n{text}"
        self._write(self._path("records", key), content.encode())

    def load(self, digest: str) -> np.ndarray | None:
        """The array whose content has this digest, bit for bit as it was kept; None where there is none."""
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
        """Keep an array; returns the digest it is found by."""
        digest = array_digest(array)
        path = self._path("arrays", digest)
        if not _touch(path):
            self._write(path, _packed(array))
        return digest

    def size_bytes(self) -> int:
        """What all of it takes on disk."""
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
            # Not flushed to the disk, as mattes are: what a power cut leaves half written is noticed later.
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
        room = self._limit if total <= self._limit else int(self._limit * KEPT)
        for _, size, path in entries:
            if total <= room:
                return
            _drop(path)
            total -= size

    def _entries(self) -> Iterator[tuple[float, int, Path]]:
        """(time of last use, bytes on disk, path) of each file; strays are removed on the way."""
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
    """Note that the file was used now; whether it is there."""
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except OSError:  # a folder one may only read is of use, too
        return path.exists()
    return True


def _drop(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)

"""Provenance: how a file was made, in its header, and whether the same recipe would be used now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from maggie_api.errors import FrameError
from maggie_core.io.exr import list_parts, read_image
from maggie_core.io.movie_writer import movie_comment
from maggie_core.io.picture import PICTURE_SUFFIXES, picture_comment
from maggie_core.mattes.layout import sibling, siblings

PREFIX = "maggie/"


def recipe_digest(recipe: Mapping[str, Any]) -> str:
    """One line of hex for everything that decides a file's pixels.

    Equal recipes have equal digests whatever the order of their keys; tuples equal lists.
    """
    return hashlib.blake2b(_canonical(recipe).encode(), digest_size=16).hexdigest()


def attributes(provenance: Mapping[str, Any]) -> dict[str, str]:
    """Header attributes of `provenance`: text as it is, everything else as JSON."""
    return {
        PREFIX + key: value if isinstance(value, str) else _canonical(value)
        for key, value in provenance.items()
    }


def explain(path: str | Path) -> dict[str, Any]:
    """Read the header of a matte: its provenance and its contents.

    Returns:
        The provenance by its keys (`model`, `settings`, `instances`, ...), and `channels`, `types`,
        `compression`, `display` and `data` (x, y, width, height) of the file itself.

    Raises:
        FrameError: there is no such file, or this package did not write it.
    """
    path = Path(path)
    parts = list_parts(path)
    known = {k.removeprefix(PREFIX): parsed(v) for k, v in parts[0].metadata.items() if k.startswith(PREFIX)}
    if not known:
        raise FrameError(f"{path} has no maggie header: explain reads the EXR files that maggie-node wrote")
    data, display = parts[0].data, parts[0].display
    return known | {
        "channels": [channel for part in parts for channel in part.channels],
        "types": sorted({kind for part in parts for kind in part.types}),
        "compression": parts[0].compression,
        "display": [display.x, display.y, display.width, display.height],
        "data": [data.x, data.y, data.width, data.height],
    }


def picture_record(path: str | Path) -> dict[str, Any]:
    """What a movie, a PNG or a TIFF says of how it was made; empty where this package did not write it, or it
    cannot be read."""
    is_picture = Path(path).suffix.lower() in PICTURE_SUFFIXES
    try:
        said = json.loads(picture_comment(path) if is_picture else movie_comment(path))
    except ValueError:
        return {}
    ours = said.get("maggie") if isinstance(said, dict) else None
    return ours if isinstance(ours, dict) else {}


def stored_files(path: str | Path, layout: str | None = None) -> tuple[Path, ...]:
    """Files that hold the frame at `path`; none when it was never written, or a file lacks its fellows.

    In the layout `files` there is nothing at `path` itself: one of its instances' files names the rest.

    Args:
        layout: look for files of this layout alone; None = for any.
    """
    path = Path(path)
    if layout != "files" and path.is_file():
        return (path,)
    if layout not in (None, "files"):
        return ()
    for file in siblings(path):
        files = _fellows(file, path)
        if file in files and all(each.is_file() for each in files):
            return files
    return ()


def is_complete(path: str | Path, recipe: str, layout: str | None = None) -> bool:
    """Whether every file of the frame at `path` exists, is whole, and was made by `recipe`."""
    files = stored_files(path, layout)
    return bool(files) and all(_made_by(file, recipe) and _is_whole(file) for file in files)


def left_out(path: str | Path, layout: str | None = None) -> tuple[int, ...]:
    """Frames that the matte of the frame at `path` was made without, because they could not be used."""
    return _frames_said(path, layout, "without")


def stood_in(path: str | Path, layout: str | None = None) -> tuple[int, ...]:
    """Frames of which the matte of the frame at `path` had no file that could be read, and took another."""
    return _frames_said(path, layout, "stood_in")


def _frames_said(path: str | Path, layout: str | None, key: str) -> tuple[int, ...]:
    for file in stored_files(path, layout):
        try:
            said = explain(file).get(key)
        except FrameError:
            return ()
        if isinstance(said, list) and all(isinstance(each, int) for each in said):
            return tuple(said)
    return ()


def remove_mattes(path: str | Path, *, but: Collection[Path] = ()) -> None:
    """Remove what this package wrote for the frame at `path`, in any layout, and nothing else.

    Args:
        but: files that stay.
    """
    path = Path(path)
    ours = [path] if path.is_file() and _is_ours(path) else []
    ours += [file for file in siblings(path) if file in _fellows(file, path)]
    for file in ours:
        if file not in but:
            file.unlink(missing_ok=True)


def _fellows(file: Path, path: Path) -> tuple[Path, ...]:
    """Files of the frame at `path` in the layout `files`, as the header of one of them says."""
    try:
        slugs = explain(file).get("slugs") or []
    except FrameError:
        return ()
    return tuple(sibling(path, slug) for slug in slugs)


def _is_ours(file: Path) -> bool:
    try:
        return bool(explain(file))
    except FrameError:
        return False


def _made_by(path: Path, recipe: str) -> bool:
    try:
        return explain(path).get("recipe") == recipe
    except FrameError:
        return False


def _is_whole(path: Path) -> bool:
    """Whether the pixels can be read to the end; every scan line holds all channels, so one will do."""
    try:
        for part in list_parts(path):
            read_image(path, channels=part.channels[-1:])
    except FrameError:
        return False
    return True


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if hasattr(value, "item"):  # a number of numpy's
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be written into a header")


def parsed(value: Any) -> Any:
    if not isinstance(value, str) or value[:1] not in ("{", "["):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value

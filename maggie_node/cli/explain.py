"""`maggie-node explain`: how a matte, a movie or a picture was made, from its own header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from maggie_api.errors import SOME_FAILED, FrameError
from maggie_api.sequences import compact_frames, parse_pattern
from maggie_node.cli.commands import debug_option

TOLD = ("frame", "frames")
"""Keys of a file's own frame, of which the record of a sequence tells at its beginning."""
SHOWN_VALUES = 4
"""Values of a key that differs between frames that are listed; of more, their number is told."""


@click.command(short_help="How a matte file was made.")
@click.argument("file", metavar="FRAME.exr", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@debug_option
def explain(file: Path, *, as_json: bool) -> int:
    """Print what FRAME.exr, a movie or a picture says of itself: model, licence, settings, instances, ...

    Of a sequence, 'matte.####.exr': what all files say alike, and of the rest, which
    frames say what; which frames are missing between others, and which files cannot
    be read (exit code 3).

    \b
    For example:
      maggie-node explain matte.1001.exr
    """
    files, missing = _files(file)
    unreadable: dict[int, str] = {}
    record = _of_sequence(files, missing, unreadable) if files else _told(file)
    if as_json:
        click.echo(json.dumps(record, indent=2, ensure_ascii=False))
    else:
        _print(record)
    return SOME_FAILED if unreadable else 0


def _print(record: dict[str, Any]) -> None:
    unreadable: Mapping[str, str] = record.pop("unreadable", {})
    differs: Mapping[str, list[dict[str, Any]]] = record.pop("differs", {})
    width = max(map(len, (*record, *differs)))
    for key, value in record.items():
        click.echo(f"{key:<{width}}  {_text(key, value)}")
    for key, values in differs.items():
        said = [f"{_text(key, each['value'])} (frames {each['frames']})" for each in values]
        if len(said) > SHOWN_VALUES:
            said = [f"{len(said)} different ones; a single file tells its own"]
        for line in said:
            click.echo(f"{key:<{width}}  {line}")
    for frame, error in list(unreadable.items())[:SHOWN_VALUES]:
        click.echo(f"frame {frame} cannot be read: {error}")
    if len(unreadable) > SHOWN_VALUES:
        click.echo(f"frames {compact_frames(map(int, unreadable))} cannot be read")


def _files(named: Path) -> tuple[dict[int, Path], str]:
    """The files of a sequence by frame, and the frames that are missing; none for what names one file.

    Raises:
        FrameError: the sequence has no file.
    """
    if named.is_file() or parse_pattern(named) is None:
        return {}, ""
    from maggie_core.qc import MatteFiles

    there = MatteFiles(named)
    if not there.frames:
        raise FrameError(f"{named} matches no file: check the path and the number of # for the padding")
    missing: set[int] = set()
    with suppress(FrameError):  # a file far off the others is no gap
        missing = set(there.expected) - set(there.frames)
    files = {frame: next(iter(there.parts(frame)), there.path(frame)) for frame in there.frames}
    return files, compact_frames(missing)


def _of_sequence(files: Mapping[int, Path], missing: str, unreadable: dict[int, str]) -> dict[str, Any]:
    """What the files of a sequence say; why some cannot be read goes into `unreadable`, too.

    Raises:
        FrameError: none can be read.
    """
    records: dict[int, dict[str, Any]] = {}
    for frame, path in files.items():
        try:
            records[frame] = _told(path)
        except FrameError as error:
            if len(files) == 1:
                raise
            unreadable[frame] = str(error)
    if not records:
        raise FrameError(f"none of {len(files)} files can be read: {next(iter(unreadable.values()))}")
    told = {"frames": compact_frames(records)} | ({"missing": missing} if missing else {})
    said = {"unreadable": {str(frame): error for frame, error in unreadable.items()}} if unreadable else {}
    return told | _compared(records) | said


def _told(file: Path) -> dict[str, Any]:
    from maggie_core import mattes
    from maggie_node.pictures import explain_picture

    return mattes.explain(file) if file.suffix.lower() == ".exr" else explain_picture(file)


def _compared(records: Mapping[int, Mapping[str, Any]]) -> dict[str, Any]:
    """What all frames say alike; under `differs`, for every other key, its values and their frames."""
    same: dict[str, Any] = {}
    differs: dict[str, list[dict[str, Any]]] = {}
    for key in dict.fromkeys(key for record in records.values() for key in record if key not in TOLD):
        frames_of: dict[str, list[int]] = {}
        for frame, record in records.items():
            frames_of.setdefault(json.dumps(record.get(key), ensure_ascii=False), []).append(frame)
        if len(frames_of) == 1:
            same[key] = json.loads(next(iter(frames_of)))
        else:
            differs[key] = [
                {"value": json.loads(value), "frames": compact_frames(frames)}
                for value, frames in frames_of.items()
            ]
    return same | ({"differs": differs} if differs else {})


def _text(key: str, value: Any) -> str:
    if isinstance(value, str):
        return value
    if key == "inputs" and isinstance(value, dict):
        return "; ".join(f"{kind} of {_frames_of(digests)}" for kind, digests in value.items())
    if key == "notes" and isinstance(value, list):
        return "; ".join(map(str, value))
    if key == "enlarged" and value and all(isinstance(each, dict) for each in value):
        return ", ".join(f"{each['name']} x{each['factor']:.1f} from {each['region']}" for each in value)
    return json.dumps(value, ensure_ascii=False)


def _frames_of(digests: Any) -> str:
    try:
        return f"frames {compact_frames(map(int, digests))}"
    except (TypeError, ValueError):
        return json.dumps(digests, ensure_ascii=False)

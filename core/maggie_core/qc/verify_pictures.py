"""Whether the PNG and TIFF files that a job delivered are whole, and made in one piece."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maggie_api.errors import FrameError
from maggie_api.sequences import frame_of_file, parse_frames, parse_pattern, sequence_of_file
from maggie_core.io.frames import open_source
from maggie_core.io.image import list_parts
from maggie_core.io.picture import PICTURE_SUFFIXES, is_whole_picture
from maggie_core.mattes.provenance import picture_record
from maggie_core.qc.delivery import AGAIN, by_sequence, other_frame, recipe_of
from maggie_core.qc.verify import Fault, odd_ones

STORED = "uint16"
"""Numbers of 16 bits: none of them is outside 0..1."""


def pictures_in(folder: Path) -> dict[str, str]:
    """The sequences of PNG and TIFF files in a folder that a job wrote, as `x_ana.####.png`, and what to call
    them; one file without a number is one, too.

    Raises:
        OSError: the folder cannot be listed.
    """
    return by_sequence(
        {
            str(file): sequence_of_file(str(file))
            for file in sorted(folder.iterdir())
            if file.suffix.lower() in PICTURE_SUFFIXES
            and not file.name.startswith(".")
            and picture_record(file)
        }
    )


def verify_pictures(
    pattern: str, *, frames: str | None = None, tell: Callable[[int], None] = lambda frame: None
) -> tuple[int, tuple[Fault, ...]]:
    """Read every pixel of a sequence of pictures.

    Args:
        pattern: a sequence as `x_ana.####.png`, or one file.
        frames: those that should be there; None takes the range in its name, or from the first to the last.
        tell: gets each frame's number when it is done.

    Returns:
        How many frames were looked at, and every fault, by frame.

    Raises:
        FrameError: no file has such a name.
    """
    source = open_source(pattern)
    numbered = parse_pattern(pattern) is not None or frame_of_file(pattern) is not None
    wanted = parse_frames(frames) if frames else source.expected
    known, faults, headers = set(source.frames), list[Fault](), dict[int, dict[str, Any]]()
    for frame in wanted:
        if frame not in known:
            faults.append(Fault(frame, f"missing: {AGAIN}"))
            continue
        path = source.path(frame)
        said = picture_record(path)
        faults += [Fault(frame, text) for text in _faults_of(path, said, frame if numbered else None)]
        if said:
            headers[frame] = said
        tell(frame)
    recipes = {frame: _recipe(said) for frame, said in headers.items()}
    faults += odd_ones(recipes, headers)
    return len(wanted), tuple(sorted(faults, key=lambda fault: fault.frame or 0))


def other_size(said: dict[str, Any], width: int, height: int) -> str:
    """What is wrong with the size of a picture; "" where it is as it was written, or its header says none."""
    if "size" not in said or said["size"] == [width, height]:
        return ""
    return f"it is {width}x{height}, and was written as {json.dumps(said['size'])}: {AGAIN}"


def _faults_of(path: Path, said: dict[str, Any], frame: int | None) -> list[str]:
    """What is wrong with a file by itself.

    Args:
        frame: that it should be of; None where its name does not say.
    """
    if not said:
        return [f"not written by maggie-node, or damaged: {AGAIN}"]
    faults = []
    if frame is not None and (text := other_frame(said, frame)):
        faults.append(text)
    try:
        part = list_parts(path)[0]
    except FrameError as error:
        return [*faults, str(error)]
    if set(part.types) != {STORED}:
        faults.append(f"another program has stored it anew, as {', '.join(sorted(set(part.types)))}: {AGAIN}")
    if text := other_size(said, part.data.width, part.data.height):
        faults.append(text)
    if not is_whole_picture(path):
        faults.append(f"it cannot be read to its end: {AGAIN}")
    return faults


def _recipe(said: dict[str, Any]) -> dict[str, str]:
    """What all files of a sequence have alike."""
    return recipe_of(said) | {key: json.dumps(said.get(key)) for key in ("instance", "rgb", "size")}

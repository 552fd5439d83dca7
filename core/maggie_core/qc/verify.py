"""Whether a delivered sequence is what a job promises: every frame whole, of one recipe, its alphas sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maggie_api.errors import FrameError
from maggie_core.image.window import Window
from maggie_core.io.exr import list_parts
from maggie_core.io.frames import compact_frames
from maggie_core.mattes import read_mattes
from maggie_core.mattes.provenance import explain, stored_files
from maggie_core.mattes.read import read_foreground
from maggie_core.qc.delivery import (
    AGAIN,
    MatteFiles,
    odd_recipes,
    other_frame,
    other_inputs,
    plate_window_of,
    recipe_of,
)


@dataclass(frozen=True)
class Fault:
    """What is wrong with a frame's files, and what to do."""

    frame: int | None
    """None where it is about a movie as a whole."""
    text: str


@dataclass(frozen=True)
class _Header:
    """What all frames of a shot have alike."""

    display: Window
    pixel_aspect: float
    names: tuple[str, ...]

    def difference(self, other: _Header) -> str:
        """How this differs from the header of the first frame; "" where it does not."""
        if self.display != other.display:
            return f"its display window is {self.display.written}, that of the others {other.display.written}"
        if self.pixel_aspect != other.pixel_aspect:
            return f"its pixel aspect is {self.pixel_aspect:g}, that of the others {other.pixel_aspect:g}"
        if self.names != other.names:
            return f"it holds {', '.join(self.names)}, the others {', '.join(other.names)}"
        return ""


def verify(
    files: MatteFiles, frames: Iterable[int], *, tell: Callable[[int], None] = lambda frame: None
) -> tuple[Fault, ...]:
    """Read every pixel of the frames, in order.

    Args:
        frames: those that should be there.
        tell: gets each frame's number when it is done.

    Returns:
        Every fault, by frame.
    """
    faults: list[Fault] = []
    recipes: dict[int, dict[str, str]] = {}
    headers: dict[int, dict[str, Any]] = {}
    first: _Header | None = None
    for frame in frames:
        try:
            header, said, headers[frame] = _look_at(files, frame)
        except FrameError as error:
            faults.append(Fault(frame, str(error)))
        else:
            first, recipes[frame] = first or header, recipe_of(headers[frame])
            faults += [Fault(frame, each) for each in (*said, header.difference(first)) if each]
        tell(frame)
    return tuple(sorted((*faults, *odd_ones(recipes, headers)), key=lambda fault: fault.frame or 0))


def odd_ones(
    recipes: Mapping[int, Mapping[str, str]], headers: Mapping[int, Mapping[str, Any]]
) -> Iterator[Fault]:
    """Frames of a sequence that were not made as the others were, or not from the same files."""
    for frame, differing in odd_recipes(recipes).items():
        if differing:
            yield Fault(frame, f"made otherwise than most frames: {', '.join(differing)}")
    for frame in other_inputs(headers):
        yield Fault(frame, f"made from another plate, or from other masks, than frames beside it: {AGAIN}")


def as_lines(faults: Sequence[Fault]) -> Iterator[str]:
    """The faults as sentences, frames with the same fault together."""
    frames: dict[str, list[int]] = {}
    for fault in faults:
        frames.setdefault(fault.text, []).extend([] if fault.frame is None else [fault.frame])
    for text, those in frames.items():
        if not those:
            yield text
            continue
        yield f"frame{'s' if len(those) > 1 else ''} {compact_frames(those)}: {text}"


def _look_at(files: MatteFiles, frame: int) -> tuple[_Header, list[str], dict[str, Any]]:
    """What a frame has alike with others, what is wrong with it, and its header.

    Raises:
        FrameError: it is not there, or cannot be read to the end.
    """
    copies = files.copies(frame)
    if not copies:
        raise FrameError(f"missing: {AGAIN}")
    path = files.path(frame)
    said = ["it is there twice: remove the older file"] if copies > 1 else []
    alphas, header = read_mattes(path)
    if not recipe_of(header):
        raise FrameError(f"not written by maggie-node: {AGAIN}")
    stored = stored_files(path)
    if len({explain(file).get("recipe") for file in stored}) > 1:
        said.append(f"its files are of several jobs: {AGAIN}")
    if files.is_numbered and (text := other_frame(header, frame)):
        said.append(text)
    parts = [part for file in stored for part in list_parts(file)]
    if len({(part.data, part.display, part.pixel_aspect) for part in parts}) > 1:
        said.append(f"its files or parts have different windows: {AGAIN}")
    known, data = [parts[0].display], parts[0].data
    if (window := plate_window_of(header)) is not None:
        known.append(window)
    if not any(each.union(data) == each for each in known):
        said.append(f"its data window {data.written} lies outside the plate: {AGAIN}")
    planes = {f"the matte of {name}": plane for name, plane in alphas.items()}
    for what, plane in (planes | {f"the colour of {n}": p for n, p in read_foreground(path).items()}).items():
        broken = int(np.count_nonzero(~np.isfinite(plane)))
        if broken:
            said.append(f"{what} has {broken} values that are NaN or infinite: {AGAIN}")
        elif what in planes and not (plane.min() >= 0 and plane.max() <= 1):
            low, high = float(plane.min()), float(plane.max())
            said.append(f"{what} has values from {low:g} to {high:g}: an alpha lies in 0..1; make it again")
    return _Header(parts[0].display, parts[0].pixel_aspect, tuple(alphas)), said, header

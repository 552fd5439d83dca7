"""Whether a delivered sequence is what a job promises: every frame whole, of one recipe, its alphas sound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from maggie_api.errors import FrameError
from maggie_core.image.window import Window
from maggie_core.io.exr import list_parts
from maggie_core.io.frames import compact_frames
from maggie_core.mattes import read_mattes
from maggie_core.mattes.provenance import stored_files
from maggie_core.mattes.read import read_foreground
from maggie_core.qc.delivery import MatteFiles, odd_recipes, plate_window_of, recipe_of


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
    first: _Header | None = None
    for frame in frames:
        try:
            header, said, recipe = _look_at(files, frame)
        except FrameError as error:
            faults.append(Fault(frame, str(error)))
        else:
            first, recipes[frame] = first or header, recipe
            faults += [Fault(frame, each) for each in (*said, header.difference(first)) if each]
        tell(frame)
    for frame, differing in odd_recipes(recipes).items():
        if differing:
            faults.append(Fault(frame, f"made otherwise than most frames: {', '.join(differing)}"))
    return tuple(sorted(faults, key=lambda fault: fault.frame or 0))


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


def _look_at(files: MatteFiles, frame: int) -> tuple[_Header, list[str], dict[str, str]]:
    """A frame's header, what is wrong with it, and its recipe.

    Raises:
        FrameError: it is not there, or cannot be read to the end.
    """
    copies = files.copies(frame)
    if not copies:
        raise FrameError("missing: run the job again")
    path = files.path(frame)
    said = ["it is there twice: remove the older file"] if copies > 1 else []
    alphas, header = read_mattes(path)
    recipe = recipe_of(header)
    if not recipe:
        raise FrameError("not written by maggie-node: run the job again")
    parts = [part for file in stored_files(path) for part in list_parts(file)]
    if len({(part.data, part.display, part.pixel_aspect) for part in parts}) > 1:
        said.append("its files or parts have different windows: run the job again")
    known, data = [parts[0].display], parts[0].data
    if (window := plate_window_of(header)) is not None:
        known.append(window)
    if not any(each.union(data) == each for each in known):
        said.append(f"its data window {data.written} lies outside the plate: run the job again")
    planes = {f"the matte of {name}": plane for name, plane in alphas.items()}
    for what, plane in (planes | {f"the colour of {n}": p for n, p in read_foreground(path).items()}).items():
        broken = int(np.count_nonzero(~np.isfinite(plane)))
        if broken:
            said.append(f"{what} has {broken} values that are NaN or infinite: run the job again")
        elif what in planes and not (plane.min() >= 0 and plane.max() <= 1):
            low, high = float(plane.min()), float(plane.max())
            said.append(f"{what} has values from {low:g} to {high:g}: an alpha lies in 0..1; make it again")
    return _Header(parts[0].display, parts[0].pixel_aspect, tuple(alphas)), said, recipe

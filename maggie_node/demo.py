"""The shipped sample shot: the job that mattes it, the errors of its mattes, and an image of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maggie_api.job import MaskGuidance, MatteJob
from maggie_core.color import BUILT_IN_CONFIG, compress_highlights
from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.frames import open_source
from maggie_core.mattes import read_mattes
from maggie_core.mattes.foreground import unmixed_foreground
from maggie_lab.evaluation import video_errors
from maggie_node.contact_sheet import Box, Moment, Person, contact_sheet

if TYPE_CHECKING:
    from PIL import Image

    from maggie_core.qc import Finding

SHOT = Path(__file__).parent / "demo_shot"
PEOPLE = ("ana", "ben")
MEASURES = {"MAD": "MAD_e3", "Grad": "Grad", "dtSSD": "dtSSD_e3"}
"""Metric by column. MAD: mean absolute error of alpha, times 1000. Grad: error of the alpha's gradient, the
published sum in thousands. dtSSD: error of the alpha's change between frames, times 1000."""
ROWS = 4
"""Frames on the contact sheet, spread over the shot."""


@dataclass(frozen=True)
class Score:
    """Errors of one kind of matte against the true alphas: means over people and frames; less is better."""

    name: str
    errors: dict[str, float]


def demo_job(output: str, *, shot: Path = SHOT, **settings: str) -> MatteJob:
    """The job that mattes the shipped shot; `settings` are further fields of it."""
    guidance = tuple(MaskGuidance(name, str(shot / "guidance" / f"{name}.####.png")) for name in PEOPLE)
    return MatteJob(
        plate=str(shot / "plate.####.exr"),
        output=output,
        guidance=guidance,
        # Named here, so that the demo looks the same whatever $OCIO says.
        ocio=BUILT_IN_CONFIG,
        colorspace="lin_rec709",
        **settings,  # type: ignore[arg-type] - checked by the caller's options
    )


def scores(output: Path, *, shot: Path = SHOT) -> tuple[Score, Score]:
    """Errors of the raw masks and of the mattes at `output` (a sequence) against the shot's true alphas."""
    truth, masks, mattes = _stacks(output, shot)
    names = tuple(MEASURES.values())
    return tuple(
        Score(name, {column: float(errors[metric].mean()) for column, metric in MEASURES.items()})
        for name, errors in (
            ("raw mask", video_errors(masks, truth, names=names)),
            ("maggie-node", video_errors(mattes, truth, names=names)),
        )
    )  # type: ignore[return-value] - two of them


def _stacks(output: Path, shot: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Truth, masks and mattes, (T, N, H, W) each."""
    truth, masks = open_source(shot / "truth.####.exr"), _guidance(shot)
    frames = truth.frames
    channels = [f"{name}.alpha" for name in PEOPLE]
    return (
        np.stack([np.moveaxis(truth.read(f, channels=channels).pixels, -1, 0) for f in frames]),
        np.stack([[mask.pixels for mask in masks.masks(f)] for f in frames]),
        np.stack([_alphas(output, f) for f in frames]),
    )


def sheet(output: Path, faults: Sequence[Finding] = (), *, subtitle: str, shot: Path = SHOT) -> Image.Image:
    """The contact sheet of the mattes at `output`; the frames in which `faults` are worst are on it."""
    plate, truth = open_source(shot / "plate.####.exr"), open_source(shot / "truth.####.exr")
    guidance = _guidance(shot)
    moments = []
    for frame in _rows(plate.frames, faults):
        linear = plate.read(frame, channels=("R", "G", "B")).pixels
        alphas = _alphas(output, frame)
        people = np.sum([unmixed_foreground(linear, alpha) for alpha in alphas], axis=0)
        masks = np.stack([mask.pixels for mask in guidance.masks(frame)])
        true = np.moveaxis(truth.read(frame, channels=[f"{name}.alpha" for name in PEOPLE]).pixels, -1, 0)
        worth = np.stack([_hair(a) for a in true])
        moments.append(Moment(frame, linear, masks, alphas, people, worth, tuple(_marks(frame, faults))))
    named = [Person(instance.name, instance.color) for instance in guidance.instances]
    return contact_sheet(moments, named, display=display, title="maggie-node demo", subtitle=subtitle)


def _rows(frames: Sequence[int], faults: Sequence[Finding]) -> list[int]:
    """Frames spread over the shot, and the worst one of each fault instead of its neighbours."""
    spread = [frames[round(place)] for place in np.linspace(0, len(frames) - 1, ROWS + 2)[1:-1]]
    worst = {
        fault.worst_frame for fault in faults if fault.place is not None and fault.worst_frame is not None
    }
    return sorted([*worst, *(frame for frame in spread if not worst & {frame - 1, frame, frame + 1})])


def _marks(frame: int, faults: Sequence[Finding]) -> Iterator[tuple[int, Box]]:
    for fault in faults:
        if fault.worst_frame == frame and fault.place is not None and fault.instance in PEOPLE:
            at = fault.place
            yield PEOPLE.index(fault.instance), (at.x, at.y, at.x + at.width, at.y + at.height)


def _hair(alpha: np.ndarray) -> np.ndarray:
    """(H, W) bool: the mixed pixels in the upper third of a person, where the hair is."""
    rows = np.flatnonzero((alpha > 0.5).any(axis=1))
    mixed = (alpha > 0.05) & (alpha < 0.95)
    if len(rows):
        mixed[int(rows[0] + 0.33 * (rows[-1] - rows[0])) :] = False
    return mixed


def display(linear: np.ndarray) -> np.ndarray:
    """Scene-linear Rec.709 to sRGB-encoded [0, 1], highlights rolled off."""
    rolled = compress_highlights(np.maximum(linear, 0.0).astype(np.float32))
    return np.where(rolled <= 0.0031308, rolled * 12.92, 1.055 * np.power(rolled, 1 / 2.4) - 0.055)


def _guidance(shot: Path):
    return combine([MaskSequence(name, shot / "guidance" / f"{name}.####.png") for name in PEOPLE])


def _alphas(output: Path, frame: int) -> np.ndarray:
    """(N, H, W) alphas of one frame, in the order of `PEOPLE`."""
    alphas, _ = read_mattes(open_source(output).path(frame))
    return np.stack([alphas[name] for name in PEOPLE])

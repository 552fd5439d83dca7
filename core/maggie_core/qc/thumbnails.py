"""Thumbnails of the frames that findings are about."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from maggie_api.errors import FrameError, InputError
from maggie_api.layer_names import EXTRA_LAYERS
from maggie_core.guidance import exclusive
from maggie_core.image.window import Window
from maggie_core.mattes import read_mattes
from maggie_core.qc.change import Plane
from maggie_core.qc.faults import Person
from maggie_core.qc.findings import Finding
from maggie_core.qc.measures import MEASURES
from maggie_core.qc.planes import IN, cleaned, far_from, find_holes, find_specks
from maggie_core.qc.subject import WHOLE_FRAME, Checked

WIDTH_PX = 276
"""Width of a thumbnail: four fit beside each other on a page."""
SAMPLES = 4
"""Frames that every page shows."""
MOST = 12
"""Findings that get thumbnails: nobody looks at more of them one by one."""
ALPHA_INK, GUIDANCE_INK = (0.25, 1.0, 0.6), (1.0, 0.62, 0.1)
"""Outlines on the plate, sRGB-encoded."""
MARK_INK = (1.0, 0.25, 0.2)
"""Pixels a finding is about."""
MARGIN = 0.12
"""Room around a person, as a share of the person's size."""


@dataclass(frozen=True)
class Thumbnail:
    """One small image, ready for a page."""

    caption: str
    jpeg: str
    """The JPEG file in base64."""
    width: int
    height: int


def thumbnails(
    checked: Checked, findings: Sequence[Finding]
) -> Iterator[tuple[Finding, tuple[Thumbnail, ...]]]:
    """Thumbnails of each finding's worst frame; findings without a readable frame are left out."""
    shown = [finding for finding in findings if finding.worst_frame is not None]
    for finding in shown[:MOST]:
        made = _of(checked, finding)
        if made:
            yield finding, made


def samples(checked: Checked) -> tuple[Thumbnail, ...]:
    """A few frames, evenly spread, whatever was found: each one's plate, if there is one, and its alphas."""
    frames = [frame for frame in checked.subject.frames if checked.subject.mattes.copies(frame)]
    count = min(len(frames), SAMPLES)
    made: list[Thumbnail] = []
    for frame in (frames[(2 * k + 1) * len(frames) // (2 * count)] for k in range(count)):
        alpha = _alpha(checked, frame, WHOLE_FRAME)
        if alpha is None:
            continue
        plate = _plate(checked, frame)
        if plate is not None:
            made.append(_thumbnail(f"{frame}", plate, {ALPHA_INK: alpha}))
        made.append(_thumbnail(f"{frame} alphas", _grey(alpha)))
    return tuple(made)


def _of(checked: Checked, finding: Finding) -> tuple[Thumbnail, ...]:
    frame, who = finding.worst_frame, finding.instance
    if frame is None:
        return ()
    alpha, mask = _alpha(checked, frame, who), _mask(checked, frame, who)
    if alpha is None:
        return ()
    before = _alpha(checked, _previous(checked, frame), who)
    is_change = MEASURES[finding.measure].about in ("pair", "seam")
    box = _box(alpha if mask is None else np.maximum(alpha, mask)) if who else (slice(None), slice(None))
    made = []
    plate = _plate(checked, frame)
    if plate is not None:
        made.append(_thumbnail(f"{frame}", plate[box], {ALPHA_INK: alpha[box]} | _guided(mask, box)))
    marked = _marked(checked, finding, alpha, mask)
    made.append(_thumbnail(f"{frame} alpha", _grey(alpha, marked)[box]))
    if is_change and before is not None and before.shape == alpha.shape:
        made.append(_thumbnail(f"{_previous(checked, frame)} alpha", _grey(before)[box]))
        made.append(_thumbnail("change", _grey(np.abs(alpha - before))[box]))
    elif mask is not None:
        made.append(_thumbnail(f"{frame} guidance", _grey(mask)[box]))
    return tuple(made)


def _marked(checked: Checked, finding: Finding, alpha: Plane, mask: Plane | None) -> NDArray[np.bool_] | None:
    """The pixels a finding is about, where they are few."""
    if finding.measure in ("specks", "speck_count"):
        return find_specks(alpha)[0]
    if finding.measure == "outside" and mask is not None:
        return far_from(mask) & (alpha > IN)
    total = _alpha(checked, finding.worst_frame, WHOLE_FRAME)
    if total is None:
        return None
    if finding.measure == "holes":
        return find_holes(alpha, total, mask)[0]
    if mask is not None and mask.any():
        found = dict(Person(alpha, mask, total - alpha).faults()).get(finding.measure)
        if found is not None:
            return found.where
    return None if finding.place is None else _frame_of(finding.place, checked, alpha.shape)


def _frame_of(place: Window, checked: Checked, shape: tuple[int, ...]) -> NDArray[np.bool_] | None:
    """(h, w): the outline of a place of the plate on the working grid."""
    if checked.geometry is None:
        return None
    region = checked.geometry.region
    across, down = shape[1] / region.width, shape[0] / region.height
    left, top = int((place.x - region.x) * across), int((place.y - region.y) * down)
    right, bottom = left + round(place.width * across), top + round(place.height * down)
    drawn = np.zeros(shape, np.uint8)
    cv2.rectangle(drawn, (left - 2, top - 2), (right + 2, bottom + 2), 1, 1)
    return drawn > 0


def _guided(mask: Plane | None, box: tuple[slice, slice]) -> dict[tuple[float, float, float], Plane]:
    return {} if mask is None else {GUIDANCE_INK: mask[box]}


def _alpha(checked: Checked, frame: int | None, who: str) -> Plane | None:
    """One instance's alpha on the working grid, or the sum of all."""
    geometry = checked.geometry
    if frame is None or geometry is None:
        return None
    try:
        alphas, _ = read_mattes(checked.subject.mattes.path(frame))
    except FrameError:
        return None
    planes = [
        plane for name, plane in alphas.items() if name == who or (not who and name not in EXTRA_LAYERS)
    ]
    region = (geometry.region.height, geometry.region.width)
    if not planes or planes[0].shape != region:
        return None
    total = np.clip(np.sum([cleaned(plane)[0] for plane in planes], axis=0, dtype=np.float32), 0, 1)
    return geometry.to_working(total, geometry.region)


def _mask(checked: Checked, frame: int, who: str) -> Plane | None:
    guidance, geometry = checked.subject.guidance, checked.geometry
    if guidance is None or geometry is None or who not in checked.subject.guided:
        return None
    try:
        here = replace(geometry, data=checked.plate_windows.get(frame))
        masks = exclusive(guidance.read(frame, here), checked.subject.overlap)
    except InputError:
        return None
    return masks[guidance.names.index(who)]


def _plate(checked: Checked, frame: int) -> Plane | None:
    """(h, w, 3) sRGB-encoded in [0, 1], on the working grid; None without a plate."""
    plate, geometry = checked.subject.plate, checked.geometry
    if plate is None or geometry is None:
        return None
    try:
        return plate.read(frame, geometry).transpose(1, 2, 0)
    except InputError:
        return None


def _previous(checked: Checked, frame: int) -> int | None:
    frames = checked.subject.shot_frames
    index = frames.index(frame)
    return frames[index - 1] if index else None


def _grey(plane: Plane, marked: NDArray[np.bool_] | None = None) -> Plane:
    image = np.repeat(plane[..., None], 3, axis=2)
    if marked is not None:
        image[cv2.dilate(marked.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = MARK_INK
    return image


def _box(plane: Plane) -> tuple[slice, slice]:
    """Rows and columns around all of a person, of the image's own shape."""
    height, width = plane.shape
    rows, columns = (np.flatnonzero((plane > 0.05).any(axis=k)) for k in (1, 0))
    if not len(rows):
        return slice(None), slice(None)
    middle_y, middle_x = (rows[0] + rows[-1] + 1) / 2, (columns[0] + columns[-1] + 1) / 2
    size = max((rows[-1] + 1 - rows[0]) / height, (columns[-1] + 1 - columns[0]) / width)
    share = min(max(size * (1 + 2 * MARGIN), 0.1), 1.0)  # of both sides: all thumbnails have one shape
    h, w = max(round(share * height), 1), max(round(share * width), 1)
    top = int(np.clip(round(middle_y - h / 2), 0, height - h))
    left = int(np.clip(round(middle_x - w / 2), 0, width - w))
    return slice(top, top + h), slice(left, left + w)


def _thumbnail(
    caption: str, pixels: Plane, outlines: Mapping[tuple[float, float, float], Plane] | None = None
) -> Thumbnail:
    size = WIDTH_PX, max(1, round(WIDTH_PX * pixels.shape[0] / pixels.shape[1]))
    small = np.ascontiguousarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    for ink, plane in (outlines or {}).items():
        inside = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
        lines, _ = cv2.findContours(inside, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(small, lines, -1, ink, 1)
    codes = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(codes).save(file, "JPEG", quality=88, subsampling=0)
    return Thumbnail(caption, base64.b64encode(file.getvalue()).decode(), *size)

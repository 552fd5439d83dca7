"""An image of what a job did: plate, guidance, alphas and people over a checkerboard, one row a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

BACKGROUND = (24, 25, 27)
INK = (222, 223, 224)
FAINT = (140, 143, 147)
MARGIN_PX, GAP_PX, LABEL_PX = 56, 12, 64
CHECKER = (0.16, 0.26)
"""Scene-linear greys of the checker: dark enough for bright hair, bright enough for dark hair."""
CHECKER_PX = 24


ALPHAS = 2
"""Column of the first person's alpha."""
DETAIL = (235, 178, 60)
"""Around what is enlarged."""
MARK = (226, 72, 58)
MARK_PX = 3
"""Room between a fault and the line around it, on the tile."""

Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class Moment:
    """One frame as the sheet shows it; everything at the plate's size."""

    frame: int
    plate: np.ndarray
    """(H, W, 3) scene-linear."""
    guidance: np.ndarray
    """(N, H, W) in [0, 1]."""
    alphas: np.ndarray
    """(N, H, W) in [0, 1]."""
    people: np.ndarray
    """(H, W, 3) scene-linear colour of all people, unmixed from the background and premultiplied."""
    worth: np.ndarray | None = None
    """(N, H, W) bool: pixels worth enlarging, per person; None takes those whose alpha is neither 0 nor 1."""

    marks: tuple[tuple[int, Box], ...] = ()
    """Places at fault, each in one person's alpha: the person's index, and a box of plate pixels."""


@dataclass(frozen=True)
class Person:
    """A person with a column of alphas."""

    name: str
    color: tuple[float, float, float]
    """Colour of the person's guidance, sRGB-encoded in [0, 1]."""


def contact_sheet(
    moments: Sequence[Moment],
    people: Sequence[Person],
    *,
    display: Callable[[np.ndarray], np.ndarray],
    title: str,
    subtitle: str,
    tile_width_px: int = 400,
) -> Image.Image:
    """Rows of frames, and under them, for each person, an enlarged detail with the most soft edges.

    Args:
        moments: at least one, all of one size.
        display: scene-linear (H, W, 3) to sRGB-encoded [0, 1].

    Returns:
        An RGB image, dark, with a title, column heads and frame numbers. Marks are red.
    """
    height, width = moments[0].plate.shape[:2]
    tile = (tile_width_px, round(tile_width_px * height / width))
    heads = ["plate", "guidance", *(f"alpha  {person.name}" for person in people), "over checker"]
    tiles = [_tiles(moment, people, display) for moment in moments]
    rows = [[image.resize(tile, Image.Resampling.LANCZOS) for image in row] for row in tiles]
    for row, moment in zip(rows, moments, strict=True):
        for who, box in moment.marks:
            for column in (ALPHAS + who, len(heads) - 1):
                _outline(row[column], box, scale=tile[0] / width, ink=MARK, room=MARK_PX)
    labels = [str(moment.frame) for moment in moments]
    for who in range(len(people)):
        mixed = [_mixed(m.alphas[who]) if m.worth is None else m.worth[who] for m in moments]
        at = max(range(len(moments)), key=lambda i: mixed[i].sum())
        box = _detail_box(mixed[at], tile)
        rows.append([image.crop(box).resize(tile, Image.Resampling.BICUBIC) for image in tiles[at]])
        labels.append(f"{moments[at].frame}\n{tile[0] / (box[2] - box[0]):.2g} : 1")
        for image in rows[at]:
            _outline(image, box, scale=tile[0] / width)
    return _lay_out(rows, heads, labels, title, subtitle)


def _tiles(
    moment: Moment, people: Sequence[Person], display: Callable[[np.ndarray], np.ndarray]
) -> list[Image.Image]:
    plate = display(moment.plate)
    masked = painted(plate, moment.guidance, [person.color for person in people])
    covered = np.clip(moment.alphas.sum(axis=0), 0.0, 1.0)[..., None]
    over = display(moment.people + (1.0 - covered) * checker(plate.shape[:2])[..., None])
    alphas = [np.repeat(alpha[..., None], 3, axis=2) for alpha in moment.alphas]
    return [as_image(pixels) for pixels in (plate, masked, *alphas, over)]


def painted(plate: np.ndarray, masks: np.ndarray, colors: Sequence[tuple[float, float, float]]) -> np.ndarray:
    """(H, W, 3) the plate in dark grey, with each of the (N, H, W) masks painted over it in its colour."""
    grey = plate.mean(axis=2, keepdims=True) * 0.55
    found = np.broadcast_to(grey, plate.shape).copy()
    for mask, color in zip(masks, colors, strict=True):
        colored = 0.25 * grey + 0.75 * np.asarray(color, np.float32)
        found += mask[..., None] * (colored - found)
    return found


def as_image(pixels: np.ndarray) -> Image.Image:
    """(H, W) or (H, W, 3) pixels in [0, 1] as 8 bits."""
    return Image.fromarray((np.clip(pixels, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8))


def checker(size: tuple[int, int]) -> np.ndarray:
    """(H, W) scene-linear squares."""
    rows, columns = np.indices(size) // CHECKER_PX
    return np.where((rows + columns) % 2 == 0, *CHECKER).astype(np.float32)


def _mixed(alpha: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the alpha is neither 0 nor 1."""
    return np.logical_and(alpha > 0.05, alpha < 0.95)


def _detail_box(mixed: np.ndarray, tile: tuple[int, int]) -> Box:
    """Left, top, right, bottom of the area with the most mixed pixels, with a tile's aspect ratio."""
    height, width = mixed.shape
    box_w = max(width // 6, 1)
    box_h = min(max(round(box_w * tile[1] / tile[0]), 1), height)
    sums = np.zeros((height + 1, width + 1), np.int64)
    sums[1:, 1:] = mixed.cumsum(axis=0).cumsum(axis=1)
    inside = sums[box_h:, box_w:] - sums[:-box_h, box_w:] - sums[box_h:, :-box_w] + sums[:-box_h, :-box_w]
    top, left = (int(i) for i in np.unravel_index(np.argmax(inside), inside.shape))
    return left, top, left + box_w, top + box_h


def _outline(
    image: Image.Image, box: Box, *, scale: float, ink: tuple[int, int, int] = DETAIL, room: int = 0
) -> None:
    left, top, right, bottom = (round(edge * scale) for edge in box)
    corners = (left - room, top - room, right - 1 + room, bottom - 1 + room)
    ImageDraw.Draw(image).rectangle(corners, outline=ink, width=2 if room else 1)


def _lay_out(
    rows: Sequence[Sequence[Image.Image]],
    heads: Sequence[str],
    labels: Sequence[str],
    title: str,
    subtitle: str,
) -> Image.Image:
    tile_w, tile_h = rows[0][0].size
    left, top = MARGIN_PX + LABEL_PX, MARGIN_PX + 112
    width = left + len(heads) * (tile_w + GAP_PX) - GAP_PX + MARGIN_PX
    height = top + len(rows) * (tile_h + GAP_PX) - GAP_PX + MARGIN_PX
    sheet = Image.new("RGB", (width, height), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN_PX, MARGIN_PX - 12), title, INK, ImageFont.load_default(34))
    draw.text((MARGIN_PX, MARGIN_PX + 36), subtitle, FAINT, ImageFont.load_default(19))
    for column, head in enumerate(heads):
        draw.text((left + column * (tile_w + GAP_PX), top - 32), head, INK, ImageFont.load_default(20))
    for r, (row, label) in enumerate(zip(rows, labels, strict=True)):
        y = top + r * (tile_h + GAP_PX)
        draw.multiline_text((MARGIN_PX, y), label, FAINT, ImageFont.load_default(19))
        for column, image in enumerate(row):
            sheet.paste(image, (left + column * (tile_w + GAP_PX), y))
    return sheet

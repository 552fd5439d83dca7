"""Pictures of a preview: plate, who is who, people over a checker, their mattes, and frame numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from maggie_api.colors import person_color
from maggie_lab.srgb import to_encoded, to_linear
from maggie_node.contact_sheet import as_image, checker, painted

PANEL_PX = (960, 540)
"""Most width and height of one of the four panels: together they fill a picture of 1920x1080."""
UPRIGHT_PX = (480, 960)
"""The same of an upright plate, whose panels stand in one row."""
NAMED_INSIDE = 0.3
"""Share of a panel's height that names may cover; more names stand in a strip below all panels."""
SMALL_PX = 320
"""A plate that is narrower is enlarged by a whole factor, so that numbers beside it can be read."""
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class PreviewFrame:
    """One frame, as a preview shows it."""

    label: str
    """What is burnt in: the frame number, and the timecode if there is one."""
    shown: np.ndarray
    """(H, W, 3) the plate, sRGB-encoded in [0, 1]."""
    alphas: np.ndarray
    """(N, H, W) in [0, 1]."""
    names: Sequence[str]
    pixel_aspect: float = 1.0
    own: np.ndarray | None = None
    """(N, H, W, 3) each person's own colour, sRGB-encoded in [0, 1]; None = the plate's."""


def preview_picture(frame: PreviewFrame) -> np.ndarray:
    """(H, W, 3) float32 in [0, 1], sRGB-encoded: four panels of one size, both sides even.

    Many people's names are below the panels, where they cover nobody.
    """
    size = panel_size(frame.shown.shape[1] * frame.pixel_aspect, frame.shown.shape[0])
    shown = _resized(frame.shown, size)
    alphas = np.stack([_resized(alpha, size) for alpha in frame.alphas])
    own = [shown] * len(alphas) if frame.own is None else [_resized(each, size) for each in frame.own]
    colors = [person_color(place) for place in range(len(alphas))]
    mattes = np.zeros_like(shown)
    over = np.repeat(checker(shown.shape[:2])[..., None], 3, axis=2)
    for alpha, colour, color in zip(alphas, own, colors, strict=True):
        over += alpha[..., None] * (to_linear(colour) - over)
        mattes += alpha[..., None] * np.asarray(color, np.float32)
    panels = {
        "plate": shown,
        "who is who": painted(shown, alphas, colors),
        "over checker": to_encoded(np.clip(over, 0.0, 1.0)),
        "mattes": np.clip(mattes, 0.0, 1.0),
    }
    drawn = [as_image(pixels) for pixels in panels.values()]
    text_px = max(14, size[1] // 20)
    for image, head in zip(drawn, panels, strict=True):
        _write(image, (0, 0), head, max(12, text_px * 3 // 5), _WHITE)
    for image in drawn[::2]:
        _write(image, (0, size[1]), frame.label, text_px, _WHITE)
    names = list(zip(frame.names, colors, strict=True))
    name_px = max(12, text_px * 3 // 4)
    if len(names) * _line(name_px) > NAMED_INSIDE * size[1]:
        picture = _with_strip(_arranged(drawn, size), names, name_px, most_px=size[1])
    else:
        for place, (name, color) in enumerate(reversed(names)):
            _write(drawn[1], (0, size[1] - place * _line(name_px)), name, name_px, _ink(color))
        picture = _arranged(drawn, size)
    return np.asarray(picture, np.float32) / 255


def panel_size(width: float, height: int) -> tuple[int, int]:
    """Width and height of a panel, both even, for a plate of this size in square pixels."""
    limits = UPRIGHT_PX if height > width else PANEL_PX
    factor = min(1.0, limits[0] / width, limits[1] / height)
    if width < SMALL_PX:
        factor = float(-(-SMALL_PX // int(width)))
    return tuple(max(2, 2 * round(side * factor / 2)) for side in (width, height))  # type: ignore[return-value]


def _resized(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    smaller = size[0] <= pixels.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_NEAREST
    return cv2.resize(np.ascontiguousarray(pixels, np.float32), size, interpolation=how)


def _arranged(panels: Sequence[Image.Image], size: tuple[int, int]) -> Image.Image:
    columns = 4 if size[1] > size[0] else 2
    picture = Image.new("RGB", (columns * size[0], 4 // columns * size[1]))
    for index, panel in enumerate(panels):
        picture.paste(panel, (index % columns * size[0], index // columns * size[1]))
    return picture


def _with_strip(
    picture: Image.Image, names: Sequence[tuple[str, Rgb]], text_px: int, *, most_px: int
) -> Image.Image:
    """The picture with names in their colours below it, row by row; those there is no room for are counted.

    Args:
        most_px: height of the strip at most.
    """
    font, line = ImageFont.load_default(text_px), _line(text_px)
    room = max(1, most_px // line)
    rows: list[list[tuple[int, str, Rgb]]] = [[]]
    left = 0
    for name, color in names:
        width = round(font.getlength(name)) + text_px
        if rows[-1] and left + width > picture.width:
            rows.append([])
            left = 0
        rows[-1].append((left, name, color))
        left += width
    left_out = sum(map(len, rows[room:]))
    if left_out:
        left_out += len(rows[room - 1])
        rows[room - 1 :] = [[(0, f"and {left_out} more", (1.0, 1.0, 1.0))]]
    height = picture.height + len(rows) * line
    found = Image.new("RGB", (picture.width, height + height % 2))
    found.paste(picture)
    for place, row in enumerate(rows, 1):
        for left, name, color in row:
            _write(found, (left, picture.height + place * line), name, text_px, _ink(color))
    return found


def _line(text_px: int) -> int:
    """Height of a line of text."""
    return round(text_px * 1.4)


def _ink(color: Rgb) -> tuple[int, int, int]:
    red, green, blue = (round(255 * value) for value in color)
    return red, green, blue


def _write(
    image: Image.Image, corner: tuple[int, int], text: str, text_px: int, ink: tuple[int, int, int]
) -> None:
    """A line of text on black, in the left corner: `corner` is its top where that is 0, else its bottom."""
    font = ImageFont.load_default(text_px)
    draw = ImageDraw.Draw(image)
    width, height = int(draw.textlength(text, font)), _line(text_px)
    left, top = corner[0], corner[1] if corner[1] == 0 else corner[1] - height
    pad = text_px // 3
    draw.rectangle((left, top, left + width + 2 * pad, top + height - 1), fill=_BLACK)
    draw.text((left + pad, top + height // 2), text, ink, font, anchor="lm")

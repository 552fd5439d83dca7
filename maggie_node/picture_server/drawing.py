"""From plates, masks and mattes to the picture of a view: 8 bits, sRGB or as the display's view has it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maggie_lab.srgb import to_linear
from maggie_node.contact_sheet import checker, painted

CHANGE_GAIN = 4.0
"""How much the change from frame to frame is brightened: a flicker of 0.05 is then a fifth of white."""

Color = tuple[float, float, float]


def colored(alphas: np.ndarray, colors: Sequence[Color]) -> np.ndarray:
    """(h, w, 3) alphas in the people's colours; one person alone in grey, whose values can be judged."""
    if len(alphas) == 1:
        return np.repeat(alphas[0][..., None], 3, axis=2)
    found = np.zeros((*alphas.shape[1:], 3), np.float32)
    for alpha, color in zip(alphas, colors, strict=True):
        found += alpha[..., None] * np.asarray(color, np.float32)
    return found


def over(linear: np.ndarray, alphas: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """(h, w, 3) scene-linear: people over a ground, in the plate's own colours."""
    total = np.clip(alphas.sum(axis=0), 0.0, 1.0)[..., None]
    return total * linear + (1 - total) * ground


def changed(now: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """(h, w, 3) how much alphas differ from those of the frame before; black where there is none before."""
    if before is None:
        return np.zeros((*now.shape[1:], 3), np.float32)
    change = (now - before).sum(axis=0) * CHANGE_GAIN
    more, less = np.clip(change, 0, 1), np.clip(-change, 0, 1)
    return np.stack([more, 0.5 * (more + less), less], axis=-1)


def checker_ground(height: int, width: int) -> np.ndarray:
    """(h, w, 3) scene-linear."""
    return np.repeat(checker((height, width))[..., None], 3, axis=2)


def flat_ground(height: int, width: int, color: Sequence[int]) -> np.ndarray:
    """(h, w, 3) scene-linear, of an sRGB colour of 0 to 255."""
    rgb = to_linear(np.asarray(color, np.float32)[None, None] / 255)
    return np.broadcast_to(rgb, (height, width, 3)).astype(np.float32)


def tinted(shown: np.ndarray, masks: np.ndarray, colors: Sequence[Color]) -> np.ndarray:
    """(h, w, 3) the plate with masks painted over it."""
    return 0.35 * shown + 0.65 * painted(shown, masks, colors)


def as_bytes(picture: np.ndarray) -> bytes:
    """RGB, 8 bits each, row by row."""
    return (np.clip(np.nan_to_num(picture), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8).tobytes()

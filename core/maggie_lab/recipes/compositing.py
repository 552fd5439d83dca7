"""Layers over a background in 8 bits: mattes that add up, and an image that is their sum.

Mattes are rounded to 8 bits before anything is composed. An image is then exactly the sum of the files, and
occlusion that is recomputed from the files is what the recipe found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Layer:
    """One person on the canvas; `x`, `y` is the top left pixel of the patch, which may reach outside."""

    colour: np.ndarray
    """(h, w, 3) uint8, sRGB-encoded, not multiplied by alpha."""
    alpha: np.ndarray
    """(h, w) uint8."""
    x: int
    y: int


@dataclass(frozen=True)
class Composite:
    """One frame; layers in the order they were pasted, later ones in front."""

    image: np.ndarray
    """(H, W, 3) uint8."""
    alphas: np.ndarray
    """(N, H, W) uint8 visible coverage of each person; sums to 255 at most."""
    whole: np.ndarray
    """(N, H, W) uint8 coverage of each person without the people in front."""
    colours: np.ndarray
    """(N, H, W, 3) uint8, sRGB-encoded, not multiplied by alpha."""
    background: np.ndarray
    """(H, W, 3) uint8."""


def placed_on(size: tuple[int, int], patch: np.ndarray, x: int, y: int) -> np.ndarray:
    """A (h, w) or (h, w, C) patch on an empty canvas of `size` (H, W), first pixel at (x, y); cut to it."""
    canvas = np.zeros((*size, *patch.shape[2:]), patch.dtype)
    top, left = max(y, 0), max(x, 0)
    bottom, right = min(y + patch.shape[0], size[0]), min(x + patch.shape[1], size[1])
    if bottom > top and right > left:
        canvas[top:bottom, left:right] = patch[top - y : bottom - y, left - x : right - x]
    return canvas


def visible_mattes(whole: np.ndarray) -> np.ndarray:
    """Visible coverage of each layer: its matte times `1 - alpha` of all layers in front of it.

    The rest that is left for the background is rounded after each layer, front to back; a layer gets the
    difference. Every value is within 1 / 255 of the product, and no pixel sums to more than 255.

    Args:
        whole: (N, H, W) uint8, later layers in front.

    Returns:
        (N, H, W) uint8.
    """
    visible = np.zeros_like(whole)
    kept = np.ones(whole.shape[1:], np.float32)
    before = np.full(whole.shape[1:], 255, np.uint8)
    for n in reversed(range(len(whole))):
        kept = kept * (1 - whole[n] * np.float32(1 / 255))
        after = np.minimum(np.rint(kept * 255).astype(np.uint8), before)
        visible[n] = before - after
        before = after
    return visible


def compose(background: np.ndarray, layers: list[Layer]) -> Composite:
    """Put layers over an (H, W, 3) uint8 background: `sum alpha_i F_i + (1 - sum alpha_i) B`, as encoded."""
    size = background.shape[0], background.shape[1]
    whole = np.stack([placed_on(size, layer.alpha, layer.x, layer.y) for layer in layers])
    alphas = visible_mattes(whole)
    colours = np.stack([placed_on(size, layer.colour, layer.x, layer.y) for layer in layers])
    return Composite(recompose(background, colours, alphas), alphas, whole, colours, background)


def recompose(background: np.ndarray, colours: np.ndarray, alphas: np.ndarray) -> np.ndarray:
    """The image of stored foregrounds (N, H, W, 3), mattes (N, H, W) and background: (H, W, 3) uint8."""
    total = background * (1 - alphas.sum(0, dtype=np.float32) / 255)[..., None]
    for colour, alpha in zip(colours, alphas, strict=True):
        rows, columns = np.flatnonzero(alpha.any(1)), np.flatnonzero(alpha.any(0))
        if len(rows):
            box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
            total[box] += colour[box] * (alpha[box] / np.float32(255))[..., None]
    return np.rint(np.clip(total, 0, 255, out=total), out=total).astype(np.uint8)


def occlusions(whole: np.ndarray) -> np.ndarray:
    """Share of the visible area of each layer that each later paste hides.

    Args:
        whole: (N, H, W) uint8, later layers in front.

    Returns:
        (N, N) float64; [i, k] is 1 - area after / area before the paste of k, for i before k; else 0.
    """
    count = len(whole)
    hidden = np.zeros((count, count))
    for i in range(count):
        seen = whole[i].astype(np.float32)
        area = float(seen.sum(dtype=np.float64))
        for k in range(i + 1, count):
            seen = seen * (1 - whole[k] * np.float32(1 / 255))
            after = float(seen.sum(dtype=np.float64))
            hidden[i, k] = 1 - after / area if area else 0.0
            area = after
    return hidden

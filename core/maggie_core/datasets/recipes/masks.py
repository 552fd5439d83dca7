"""Guidance for made test sets: mattes coarsened as the published masks are, and as training coarsens them.

Sides of kernels are pixels of the picture, as published; at the published widths (1080 to 1920) the largest
kernel is about two hundredths of the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import maximum_filter, minimum_filter

from ..sample import down_up

STILL_KERNEL_PX = 30
"""Largest side of the kernels that make M-HIM2K's artificial masks."""
CLIP_KERNEL_PX = 29
"""Largest side of the kernels of training guidance."""


def still_mask(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask as M-HIM2K has it where no segmenter found the person.

    Args:
        alpha: (H, W) in [0, 1].

    Returns:
        (H, W) float32, 0 or 1; never empty where the alpha is not.
    """
    return _never_lost(_morphed(alpha > rng.uniform(0.01, 0.99), rng, STILL_KERNEL_PX), alpha)


def clip_masks(alphas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Masks that flicker while the mattes do not: every frame and instance is coarsened by itself.

    Threshold and morphology always; down and up by 8 with p 0.5; then pieces moved within a mask or swapped
    between two; in half of the clips with six masks or more, up to half of the masks lose a piece.

    Args:
        alphas: (T, N, H, W) in [0, 1].

    Returns:
        (T, N, H, W) float32, 0 or 1. A mask is empty where its alpha is.
    """
    masks = np.stack([np.stack([_clip_mask(alpha, rng) for alpha in frame]) for frame in alphas])
    for frame in masks:
        _cut(frame, rng)
    flat = masks.reshape(-1, *masks.shape[2:])
    present = np.flatnonzero(flat.any((1, 2)))
    if len(present) >= 6 and rng.random() < 0.5:
        for n in rng.choice(present, int(rng.integers(1, len(present) // 2 + 1)), replace=False):
            _drop_piece(flat[n], rng)
    return masks * alphas.any((2, 3))[..., None, None]


def _clip_mask(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    mask = _morphed(alpha > rng.uniform(0.1, 0.95), rng, CLIP_KERNEL_PX)
    if rng.random() < 0.5:
        mask = down_up(mask[..., None])[..., 0]
    return _never_lost(mask, alpha)


def _morphed(mask: np.ndarray, rng: np.random.Generator, most_px: int) -> np.ndarray:
    def dilated(plane: np.ndarray) -> np.ndarray:
        return maximum_filter(plane, size=grow, mode="nearest")

    def eroded(plane: np.ndarray) -> np.ndarray:
        return minimum_filter(plane, size=shrink, mode="nearest")

    grow, shrink = (int(side) for side in rng.integers(1, most_px + 1, 2))
    chains: tuple[tuple[Callable[[np.ndarray], np.ndarray], ...], ...] = (
        (dilated, eroded),
        (eroded, dilated),
        (dilated,),
        (eroded,),
    )
    plane = mask.astype(np.float32)
    for step in chains[int(rng.integers(4))]:
        plane = step(plane)
    return plane


def _never_lost(mask: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The mask, or the silhouette where nothing is left of the mask."""
    return mask if mask.any() else (alpha > 0).astype(np.float32)


def _cut(frame: np.ndarray, rng: np.random.Generator) -> None:
    """Move a piece inside masks, or swap one between two masks of a frame; (N, H, W), in place."""
    count, height, width = frame.shape
    rows, columns = (int(rng.integers(max(1, side // 8), side // 4 + 1)) for side in (height, width))

    def somewhere() -> tuple[slice, slice]:
        top, left = int(rng.integers(height - rows + 1)), int(rng.integers(width - columns + 1))
        return slice(top, top + rows), slice(left, left + columns)

    if rng.random() < 0.5:
        for mask in frame:
            if rng.random() < 0.5:
                mask[somewhere()] = mask[somewhere()].copy()
    elif count > 1 and rng.random() < 0.5:
        one, other = (int(n) for n in rng.choice(count, 2, replace=False))
        box = somewhere()
        kept = frame[one][box].copy()
        frame[one][box] = frame[other][box]
        frame[other][box] = kept


def _drop_piece(mask: np.ndarray, rng: np.random.Generator) -> None:
    ys, xs = np.nonzero(mask)
    n = int(rng.integers(len(ys)))
    tall, wide = (
        max(1, int((along.max() - along.min() + 1) * rng.uniform(1 / 16, 1 / 8))) for along in (ys, xs)
    )
    top, left = max(0, int(ys[n]) - tall // 2), max(0, int(xs[n]) - wide // 2)
    mask[top : top + tall, left : left + wide] = 0

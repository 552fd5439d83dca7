"""Guidance for training, made from true alphas the way the published pipeline does.

Masks are bool: (H, W), or stacks of them, (N, H, W) and (T, N, H, W). Sizes are those of a crop of 512
pixels and shrink with smaller ones, so that a mask is never wrong by more than its crop shows.

Source: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
"""

from __future__ import annotations

import cv2
import numpy as np

THRESHOLDS = (0.1, 0.95)
"""Least and most alpha at which a mask is cut."""
LARGEST_KERNEL_PX = 29
"""Side of the largest square by which a mask of a crop of `CROP_PX` is grown or shrunk."""
CROP_PX = 512
"""Side of the published training crops."""
HALF = 127 / 255
"""One half, as the published code rounds it in 8 bits."""
BLOCK = 8
"""Pixels of the plate by one of a coarse mask, in each direction."""


def noisy_guidance(alphas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Make guidance of a still or clip. Every frame and instance is changed on its own: clips flicker.

    Args:
        alphas: (T, N, H, W) float32 in [0, 1].

    Returns:
        (T, N, H, W) bool.
    """
    clip = len(alphas) > 1
    masks = np.zeros(alphas.shape, bool)
    for t, frame in enumerate(alphas):
        for n, alpha in enumerate(frame):
            masks[t, n] = random_threshold(alpha > HALF if clip else alpha, rng)
            if rng.random() < 0.5:
                masks[t, n] = coarsened(masks[t, n])
        masks[t] = patches_moved(masks[t], rng)
    return patches_dropped(masks, rng) if clip else masks


def random_threshold(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut (H, W) at a random threshold, then grow, shrink, or both in either order.

    Args:
        alpha: (H, W) coverage in [0, 1], or a bool mask.

    Returns:
        (H, W) bool.
    """
    mask = (alpha > rng.uniform(*THRESHOLDS)).astype(np.uint8)
    largest = max(1, round(LARGEST_KERNEL_PX * min(1.0, min(alpha.shape) / CROP_PX)))
    grow, shrink = (np.ones([int(rng.integers(1, largest + 1))] * 2, np.uint8) for _ in range(2))
    order = int(rng.integers(4))
    if order in (0, 2):
        mask = cv2.dilate(mask, grow)
    if order != 2:
        mask = cv2.erode(mask, shrink)
    if order == 1:
        mask = cv2.dilate(mask, grow)
    return mask > 0


def coarsened(mask: np.ndarray) -> np.ndarray:
    """Resize an (H, W) mask to an eighth and back, bilinearly, and cut it at one half; (H, W) bool."""
    height, width = mask.shape
    small = cv2.resize(mask.astype(np.float32), (max(1, width // BLOCK), max(1, height // BLOCK)))
    return cv2.resize(small, (width, height)) > HALF


def patches_moved(masks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, H, W): copy a patch to elsewhere in its own mask, or swap one between two masks, or neither."""
    masks = masks.copy()
    count, height, width = masks.shape
    if rng.random() < 0.5:
        for mask in masks:
            if rng.random() < 0.5 and mask.any():
                tall, wide = _patch(height, width, rng, 1 / 8, 1 / 4)
                (from_y, from_x), (to_y, to_x) = (_corner(mask, tall, wide, rng) for _ in range(2))
                patch = mask[from_y : from_y + tall, from_x : from_x + wide].copy()
                mask[to_y : to_y + tall, to_x : to_x + wide] = patch
    elif rng.random() < 0.5 and count > 1:
        a, b = rng.choice(count, 2, replace=False)
        tall, wide = _patch(height, width, rng, 1 / 8, 1 / 4)
        y, x = _corner(masks[a] if masks[a].any() else masks[b], tall, wide, rng)
        place = (slice(y, y + tall), slice(x, x + wide))
        masks[a][place], masks[b][place] = masks[b][place].copy(), masks[a][place].copy()
    return masks


def patches_dropped(masks: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, N, H, W): up to half of a clip's masks lose a small patch, half of the time."""
    masks = masks.copy()
    flat = masks.reshape(-1, *masks.shape[2:])
    there = np.flatnonzero(flat.any((1, 2)))
    if len(there) < 6 or rng.random() >= 0.5:
        return masks
    for index in rng.choice(there, int(rng.integers(1, len(there) // 2 + 1)), replace=False):
        mask = flat[index]
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        box = (rows[-1] - rows[0] + 1, columns[-1] - columns[0] + 1)
        tall, wide = _patch(*box, rng, 1 / 16, 1 / 8)
        y, x = _corner(mask, tall, wide, rng)
        mask[y : y + tall, x : x + wide] = False
    return masks


def block_sampled(masks: np.ndarray) -> np.ndarray:
    """(..., H, W) masks whose 8 x 8 cells repeat their first pixel, as the published model gets them."""
    height, width = masks.shape[-2:]
    small = masks[..., ::BLOCK, ::BLOCK]
    return small.repeat(BLOCK, -2).repeat(BLOCK, -1)[..., :height, :width]


def _patch(height: int, width: int, rng: np.random.Generator, low: float, high: float) -> tuple[int, int]:
    tall, wide = (max(1, round(side * rng.uniform(low, high))) for side in (height, width))
    return tall, wide


def _corner(mask: np.ndarray, tall: int, wide: int, rng: np.random.Generator) -> tuple[int, int]:
    """Top left of a patch around a random pixel of the mask, inside the image."""
    places = np.argwhere(mask)
    y, x = places[int(rng.integers(len(places)))] if len(places) else (0, 0)
    height, width = mask.shape
    return (
        int(np.clip(y - tall // 2, 0, height - tall)),
        int(np.clip(x - wide // 2, 0, width - wide)),
    )

"""Maps that the published training makes from true alphas: where an edge is, and where alpha changed.

Source: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
"""

from __future__ import annotations

import cv2
import numpy as np

CHANGED = 5 / 255
"""Smallest change of coverage between two frames that counts; the paper's text has 0.001."""


def valid_frames(alphas: np.ndarray, change: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, N) bool: frames of an instance that the losses count.

    In a still, instances with an edge; in a clip, all instances of a frame in which anything changed, as
    published.

    Args:
        alphas: (T, N, H, W) in [0, 1].
        change: (T, H, W) from `change_map`.
    """
    if len(alphas) == 1:
        return np.array([[bool(edge_map(alpha, rng).any()) for alpha in alphas[0]]])
    return np.asarray(change.any((1, 2)))[:, None].repeat(alphas.shape[1], 1)


def edge_map(alpha: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: what growing and shrinking the alpha by a random ellipse changes."""
    kernel, times = _ellipse(rng), int(rng.integers(5, 15))
    codes = np.round(alpha * 255).astype(np.uint8)
    return cv2.dilate(codes, kernel, iterations=times) > cv2.erode(codes, kernel, iterations=times)


def change_map(alphas: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, H, W) float32 in 0, 1: where any alpha of (T, N, H, W) changed since the frame before, grown by a
    random ellipse. The first frame is all ones.
    """
    change = np.ones((len(alphas), *alphas.shape[2:]), np.float32)
    for t in range(1, len(alphas)):
        moved = (np.abs(alphas[t] - alphas[t - 1]) > CHANGED).any(0).astype(np.uint8)
        change[t] = cv2.dilate(moved, _ellipse(rng), iterations=int(rng.integers(3, 7)))
    return change


def _ellipse(rng: np.random.Generator) -> np.ndarray:
    side = int(rng.integers(2, 5))
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))

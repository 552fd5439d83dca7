"""Guidance as drawn in ten seconds a frame: the true alpha, coarsened, wobbling and sometimes wrong."""

from __future__ import annotations

import numpy as np

BLOCK_PX = 8
"""Plate pixels per pixel of the coarse map that the mask is drawn on."""
LAGGING = {"ana": (1006, 1012, 1018), "ben": (1009, 1014)}
"""Frames whose mask lies where the person was a moment ago."""
LAG_PX = {"ana": -5, "ben": 9}
"""How far a lagging mask is off, to the right."""
LOST_LIMB = {"ana": (1016,), "ben": (1011,)}
"""Frames in which the foremost hand or knee is missing."""


def rough_mask(alpha: np.ndarray, frame: int, *, name: str) -> np.ndarray:
    """Degrade one person's true alpha into a rough guidance mask.

    Args:
        alpha: (H, W) in [0, 1].
        name: the person, which with the frame selects the mistakes and the noise.

    Returns:
        (H, W) bool. Hair is a smooth helmet; edges wander by some pixels and drift over the frames.
    """
    if alpha.max() <= 0.5:
        return np.zeros(alpha.shape, bool)
    coarse = _shrink(alpha)
    coarse = _helmet(coarse)
    seed = {"ana": 100, "ben": 200}[name]
    rng = np.random.default_rng(seed + frame)
    wobble = 0.26 * _drifting_noise(coarse.shape, frame, seed=seed) + 0.10 * rng.standard_normal(coarse.shape)
    edge = (coarse > 0.02) & (coarse < 0.98)
    coarse = np.where(edge, coarse + wobble, coarse)
    lag = LAG_PX[name] if frame in LAGGING[name] else 0
    mask = _shift(_enlarge(_blur(coarse, 0.55), alpha.shape), rng.integers(-2, 3, 2) + [0, lag]) > 0.5
    if frame in LOST_LIMB[name]:
        mask &= ~_foremost_limb(mask, radius_px=46, side=1 if name == "ana" else -1)
    return mask


def _shrink(alpha: np.ndarray) -> np.ndarray:
    """Mean of each block; the last row of blocks may be short."""
    height, width = alpha.shape
    padded = np.pad(alpha, ((0, -height % BLOCK_PX), (0, -width % BLOCK_PX)), mode="edge")
    rows, columns = (n // BLOCK_PX for n in padded.shape)
    return padded.reshape(rows, BLOCK_PX, columns, BLOCK_PX).mean((1, 3))


def _helmet(coarse: np.ndarray) -> np.ndarray:
    """Round off the head: above the shoulders the outline keeps nothing finer than a few blocks."""
    rows = np.flatnonzero((coarse > 0.5).any(1))
    if not len(rows):
        return coarse
    head = rows[0] + 15
    down = np.arange(len(coarse))[:, None]
    share = np.clip((head - down) / 3.0, 0.0, 1.0)
    rounded = np.clip(0.5 + 2.2 * (_blur(coarse, 1.4) - 0.46), 0.0, 1.0)
    return share * rounded + (1.0 - share) * coarse


def _shift(plane: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Move by whole pixels (down, right); what enters repeats the border."""
    down, right = (int(n) for n in by)
    reach = max(abs(down), abs(right))
    height, width = plane.shape
    padded = np.pad(plane, reach, mode="edge")
    return padded[reach - down : reach - down + height, reach - right : reach - right + width]


def _foremost_limb(mask: np.ndarray, *, radius_px: int, side: int) -> np.ndarray:
    """A disc around the outermost pixel of the lower half."""
    height, width = mask.shape
    y, x = np.nonzero(mask & (np.arange(height)[:, None] > height // 2))
    if not len(x):
        return np.zeros_like(mask)
    tip = np.argmax(side * x)
    down, across = np.mgrid[:height, :width]
    return (down - y[tip]) ** 2 + (across - x[tip]) ** 2 < radius_px**2


def _drifting_noise(shape: tuple[int, int], frame: int, *, seed: int) -> np.ndarray:
    """Smooth noise of about unit size that becomes another field every five frames."""
    whole, part = divmod(frame, 5)
    fields = [
        _blur(np.random.default_rng([seed, whole + i]).standard_normal(shape), 1.6) * 5.6 for i in (0, 1)
    ]
    return fields[0] * (1 - part / 5) + fields[1] * (part / 5)


def _blur(plane: np.ndarray, sigma: float) -> np.ndarray:
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        padding = [(reach, reach) if i == axis else (0, 0) for i in (0, 1)]
        padded = np.pad(plane, padding, mode="edge")
        plane = np.apply_along_axis(np.convolve, axis, padded, kernel, mode="valid")
    return plane


def _enlarge(coarse: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Bilinear, half-pixel centres."""
    for axis, length in enumerate(size):
        at = np.clip((np.arange(length) + 0.5) / BLOCK_PX - 0.5, 0, coarse.shape[axis] - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, coarse.shape[axis] - 1)
        part = (at - low).reshape((-1, 1) if axis == 0 else (1, -1))
        coarse = np.take(coarse, low, axis) * (1 - part) + np.take(coarse, high, axis) * part
    return coarse

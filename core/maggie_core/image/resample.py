"""One resampler for every grid change: exact area average where it shrinks, interpolation where it grows."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix

Growing = Literal["linear", "cubic"]
SHARPNESS = -0.75
"""Slope of the cubic kernel at its first zero: the one of most image programs."""


def resample_axis(
    pixels: np.ndarray,
    axis: int,
    count: int,
    *,
    step: float,
    first: float = 0.0,
    pad_zero: bool = False,
    growing: Growing = "linear",
) -> np.ndarray:
    """Resample one axis of an image onto `count` new pixels.

    New pixel k covers the stretch [first + k step, first + (k + 1) step) of the old axis, whose pixel i
    covers [i, i + 1). Where step >= 1 the new value is the average over that stretch; below, the old values
    are interpolated between pixel centres, linearly or by a cubic, which is sharper and overshoots. In every
    way a straight edge keeps its position.

    Args:
        pixels: (H, W) or (H, W, C) float32, finite.
        axis: 0 (rows) or 1 (columns).
        count: number of new pixels, at least 1.
        step: old pixels per new pixel.
        first: where the first new pixel begins, in old pixels; may lie outside.
        pad_zero: old pixels beyond the stored ones are 0 instead of repeating the outermost one. Only what
            lies inside the new stretch counts: the filter pulls no zeros in over the image's border.
        growing: how it grows.

    Returns:
        float32 of the same rank, with `count` pixels along `axis`.
    """
    length = pixels.shape[axis]
    if step == 1.0 and float(first).is_integer() and (count, first) == (length, 0):
        return np.ascontiguousarray(pixels, dtype=np.float32)
    weights = _weights(length, count, float(step), float(first), pad_zero, growing)
    moved = pixels if axis == 0 else pixels.swapaxes(0, 1)
    flat = np.ascontiguousarray(moved, dtype=np.float32).reshape(length, -1)
    out = np.asarray(weights @ flat, dtype=np.float32).reshape(count, *moved.shape[1:])
    return np.ascontiguousarray(out if axis == 0 else out.swapaxes(0, 1))


@lru_cache(maxsize=32)  # every frame of a shot asks for the same few; a row set is tens of kilobytes
def _weights(
    length: int, count: int, step: float, first: float, pad_zero: bool, growing: Growing
) -> csr_matrix:
    if step >= 1.0:
        rows, columns, values = _area(count, step, first)
    else:
        rows, columns, values = (_cubic if growing == "cubic" else _linear)(count, step, first)
    if pad_zero:
        # At the stretch's own border the filter repeats the outermost pixel inside.
        low, high = int(np.floor(first + 1e-6)), int(np.ceil(first + count * step - 1e-6)) - 1
        columns = np.clip(columns, low, max(low, high))
        kept = (columns >= 0) & (columns < length)
        rows, columns, values = rows[kept], columns[kept], values[kept]
    else:
        columns = np.clip(columns, 0, length - 1)
    return csr_matrix((values.astype(np.float32), (rows, columns)), shape=(count, length))


def _area(count: int, step: float, first: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    begin = first + np.arange(count) * step
    reach = int(np.ceil(step)) + 1
    columns = np.floor(begin + 1e-9).astype(np.int64)[:, None] + np.arange(reach)
    overlap = np.minimum(columns + 1, (begin + step)[:, None]) - np.maximum(columns, begin[:, None])
    overlap = np.where(overlap > 1e-9, overlap, 0.0)
    return _triplets(columns, overlap / overlap.sum(1, keepdims=True))


def _linear(count: int, step: float, first: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    centre = first + (np.arange(count) + 0.5) * step - 0.5
    left = np.floor(centre)
    share = (centre - left)[:, None]
    columns = left.astype(np.int64)[:, None] + np.arange(2)
    return _triplets(columns, np.concatenate([1 - share, share], axis=1))


def _cubic(count: int, step: float, first: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source: Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981."""
    centre = first + (np.arange(count) + 0.5) * step - 0.5
    columns = np.floor(centre).astype(np.int64)[:, None] + np.arange(-1, 3)
    away, a = np.abs(columns - centre[:, None]), SHARPNESS
    inner = ((a + 2) * away - (a + 3)) * away**2 + 1
    outer = ((a * away - 5 * a) * away + 8 * a) * away - 4 * a
    return _triplets(columns, np.where(away <= 1, inner, outer))


def _triplets(columns: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows = np.broadcast_to(np.arange(len(columns))[:, None], columns.shape)
    used = weights != 0
    return rows[used], columns[used], weights[used]

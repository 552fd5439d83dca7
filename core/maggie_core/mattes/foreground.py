"""Each person's own colour, where the plate shows a mixture."""

from __future__ import annotations

import numpy as np

from maggie_core.runtime.threads import threads_kept

MARGIN_PX = 32
"""Pixels around a matte that the estimate also sees: the background beside an edge explains it."""


def unmixed_foreground(scene_linear: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """A person's share of each pixel: their own colour times their alpha.

    Colour is estimated where the pixel is mixed and is the plate's own where alpha is 1, bit for bit.
    Values above 1 and below 0 survive. NaN is read as 0, infinity as the largest value near the person.

    Args:
        scene_linear: (H, W, 3) float32 scene-linear RGB of the plate.
        alpha: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) float32 scene-linear RGB, premultiplied by `alpha`.

    Source: Germer et al., "Fast Multi-Level Foreground Estimation", ICPR 2020, in pymatting.
    """
    colour = np.zeros_like(scene_linear, dtype=np.float32)
    box = _box(alpha)
    if box is None:
        return colour
    plate, near = _finite(scene_linear[box]), alpha[box][..., None]
    colour[box] = np.where(near == 1.0, plate, _estimate(plate, alpha[box]) * near)
    return colour


def _finite(plate: np.ndarray) -> np.ndarray:
    # A larger stand-in for infinity would bleed into its surroundings through the smoothness term.
    finite = plate[np.isfinite(plate)]
    high, low = (float(finite.max()), float(finite.min())) if len(finite) else (0.0, 0.0)
    return np.nan_to_num(plate, nan=0.0, posinf=high, neginf=low)


@threads_kept()
def _estimate(plate: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    if plate.shape[:2] == (1, 1):  # nothing beside it to learn from
        return plate
    # Imported here: it brings a compiler along, which takes seconds that only --foreground should pay.
    from maggie_core.runtime.jit import import_compiled

    estimate_foreground_ml = import_compiled(
        "pymatting.foreground.estimate_foreground_ml"
    ).estimate_foreground_ml

    # The estimator clips colours to [0, 1]. Mixing is linear and its smoothness term scales with the
    # image, so it may work on the plate mapped into that range and the answer is mapped back.
    low = min(float(plate.min()), 0.0)
    high = max(float(plate.max()) - low, 1e-6)
    scaled = np.ascontiguousarray((plate - low) / high, dtype=np.float32)
    estimate = estimate_foreground_ml(scaled, np.ascontiguousarray(alpha, dtype=np.float32))
    return np.asarray(estimate) * np.float32(high) + np.float32(low)


def _box(alpha: np.ndarray) -> tuple[slice, slice] | None:
    rows, columns = np.flatnonzero(alpha.any(axis=1)), np.flatnonzero(alpha.any(axis=0))
    if not len(rows):
        return None
    return (
        slice(max(int(rows[0]) - MARGIN_PX, 0), int(rows[-1]) + 1 + MARGIN_PX),
        slice(max(int(columns[0]) - MARGIN_PX, 0), int(columns[-1]) + 1 + MARGIN_PX),
    )

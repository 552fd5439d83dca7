"""sRGB encoding and decoding by tables."""

from __future__ import annotations

import numpy as np

Plane = np.ndarray
"""(H, W) or (H, W, C) float32."""

_CODES = 4096


_ENCODED = np.linspace(0, 1, _CODES)


_TO_LINEAR = np.where(_ENCODED <= 0.04045, _ENCODED / 12.92, ((_ENCODED + 0.055) / 1.055) ** 2.4).astype(
    np.float32
)


_TO_ENCODED = np.where(
    _ENCODED**2 <= 0.0031308, 12.92 * _ENCODED**2, 1.055 * (_ENCODED**2) ** (1 / 2.4) - 0.055
).astype(np.float32)
"""Indexed by the square root of the linear value, which spends the codes where the curve is steep."""


def to_linear(encoded: Plane) -> Plane:
    """sRGB-encoded [0, 1] to linear light, by table (error below 1e-4)."""
    return _TO_LINEAR[(np.clip(encoded, 0, 1) * np.float32(_CODES - 1) + np.float32(0.5)).astype(np.int32)]


def to_encoded(linear: Plane) -> Plane:
    """Linear light in [0, 1] to sRGB-encoded, by table."""
    root = np.sqrt(np.clip(linear, 0, 1))
    return _TO_ENCODED[(root * np.float32(_CODES - 1) + np.float32(0.5)).astype(np.int32)]

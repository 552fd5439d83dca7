"""Overlapping masks: which instance owns a pixel that several masks claim."""

from __future__ import annotations

import numpy as np

from maggie_api.settings import Overlap

CLAIM = 0.5
"""Coverage from which a mask claims a pixel."""


def exclusive(coverage: np.ndarray, policy: Overlap = "first") -> np.ndarray:
    """Binary guidance in which, unless `shared`, every pixel belongs to one instance at most.

    A mask claims a pixel that it covers by at least half. Among several, the one that covers most of
    it owns it; among equals (binary masks always are) the first or the last listed, by `policy`.
    `shared` leaves a pixel to everyone who claims it, as the published code does.

    Args:
        coverage: (N, h, w) in [0, 1], one plane per instance.

    Returns:
        (N, h, w) float32, 0 or 1.
    """
    claims = coverage >= CLAIM
    if policy == "shared" or len(coverage) < 2:
        return claims.astype(np.float32)
    if policy == "first":
        owner = np.argmax(coverage, axis=0)  # argmax finds the first of equals
    else:
        owner = len(coverage) - 1 - np.argmax(coverage[::-1], axis=0)
    owned = np.arange(len(coverage))[:, None, None] == owner
    return (owned & claims).astype(np.float32)

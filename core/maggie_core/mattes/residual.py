"""The sum-to-one contract: alphas and the residual of a pixel add up to 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def sum_to_one(
    alphas: np.ndarray, *, fixed: Sequence[int] = (), cores: Mapping[int, np.ndarray] | None = None
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Scale the alphas where their sum exceeds one, and compute the residual.

    Args:
        alphas: (N, H, W) coverage in [0, 1].
        fixed: instances that keep their alphas; the others share what these leave. Fixed ones that exceed
            one among themselves stay as they are.
        cores: (H, W) least alphas of some of the others, together no more than one. Fixed ones come first.

    Returns:
        (N, H, W) float32 alphas whose sum is at most one, and two further planes (H, W) float32:
        `residual`, what belongs to none of them, so that all of it sums to one; and `contested`, the
        second largest of the alphas as they were given: 0 where nobody competes, 0.5 where two
        halve a pixel, 1 where two claim all of it.
    """
    total = alphas.sum(axis=0, dtype=np.float32)
    if len(fixed) or cores:
        held = alphas[list(fixed)].sum(axis=0, dtype=np.float32)
        least = np.zeros_like(alphas, np.float32)
        for n, core in (cores or {}).items():
            least[n] = np.minimum(core, alphas[n])
        claimed = least.sum(axis=0, dtype=np.float32)
        least *= np.clip((1 - held) / np.maximum(claimed, 1e-6), 0.0, 1.0)
        claimed = np.minimum(claimed, np.maximum(1 - held, 0))
        share = np.clip((1 - held - claimed) / np.maximum(total - held - claimed, 1e-6), 0.0, 1.0)
        scaled = (least + (alphas - least) * share).astype(np.float32)
        scaled[list(fixed)] = alphas[list(fixed)]
    else:
        scaled = (alphas / np.maximum(total, 1.0)).astype(np.float32)
    residual = np.maximum(1.0 - scaled.sum(axis=0, dtype=np.float32), 0.0)
    largest, contested = np.zeros_like(residual), np.zeros_like(residual)
    for alpha in alphas:
        np.maximum(contested, np.minimum(largest, alpha), out=contested)
        np.maximum(largest, alpha, out=largest)
    return scaled, {"residual": residual, "contested": contested}

"""Matching a segmenter's masks to people, as M-HIM2K was made from ten segmenters."""

from __future__ import annotations

import numpy as np

LEAST_IOU = 0.7
"""A mask that agrees no better than this with an alpha is not that person's."""


def match_masks(alphas: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give each alpha the mask that agrees best with its silhouette `alpha > 0`.

    Agreement is the soft IoU, sum(min) / sum(max). One mask may serve several alphas.

    Args:
        alphas: (N, H, W) coverage in [0, 1].
        masks: (M, H, W) masks in [0, 1], soft or binary; M may be 0.

    Returns:
        (index, iou): (N,) int64 place of the best mask, -1 where none agrees better than `LEAST_IOU`; (N,)
        float64 the best agreement, 0 where there is no mask or no silhouette.

    Source: the rules of M-HIM2K, Huynh et al., "MaGGIe", CVPR 2024, supplementary material.
    """
    iou = np.zeros((len(alphas), len(masks)))
    for n, alpha in enumerate(alphas):
        silhouette = alpha > 0
        for m, mask in enumerate(masks):
            # min and max against a silhouette of zeros and ones are the mask inside it and what lies outside.
            inside = mask[silhouette].sum(dtype=np.float64)
            either = silhouette.sum() + mask[~silhouette].sum(dtype=np.float64)
            iou[n, m] = inside / either if either else 0.0
    if not len(masks):
        return np.full(len(alphas), -1, np.int64), np.zeros(len(alphas))
    best = iou.max(1)
    return np.where(best > LEAST_IOU, iou.argmax(1), -1).astype(np.int64), best

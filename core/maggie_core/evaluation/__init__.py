"""Metrics and baselines: what a matte is worth, and what it must be worth at least."""

from .baselines import BASELINES, blurred_mask, guided_filter, mask_itself
from .metrics import IMAGE_METRICS, Averages, dtssd, dtssd_e3, grad, image_errors, mad, mse, sad, video_errors

__all__ = [
    "BASELINES",
    "IMAGE_METRICS",
    "Averages",
    "blurred_mask",
    "dtssd",
    "dtssd_e3",
    "grad",
    "guided_filter",
    "image_errors",
    "mad",
    "mask_itself",
    "mse",
    "sad",
    "video_errors",
]

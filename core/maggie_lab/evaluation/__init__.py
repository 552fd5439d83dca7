"""Metrics of mattes, and baselines that need no network."""

from .baselines import BASELINES, blurred_mask, closed_form, guided_filter, mask_itself
from .metrics import (
    FLICKER_METRICS,
    IMAGE_METRICS,
    PROTOCOLS,
    Averages,
    Protocol,
    image_errors,
    image_metrics,
    video_errors,
    video_metrics,
)
from .trimap import truth_trimap

__all__ = [
    "BASELINES",
    "FLICKER_METRICS",
    "IMAGE_METRICS",
    "PROTOCOLS",
    "Averages",
    "Protocol",
    "blurred_mask",
    "closed_form",
    "guided_filter",
    "image_errors",
    "image_metrics",
    "mask_itself",
    "truth_trimap",
    "video_errors",
    "video_metrics",
]

"""Published data sets, and a user's own of the same layout: found on disk and read as arrays."""

from .layouts import DATASETS, SYNTHHUMAN, find_samples
from .matching import match_masks
from .sample import (
    MOST_INSTANCES,
    EmptyGuidanceError,
    Sample,
    SampleArrays,
    at_most_ten,
    load_sample,
    read_grey,
    read_rgb,
)

__all__ = [
    "DATASETS",
    "MOST_INSTANCES",
    "SYNTHHUMAN",
    "EmptyGuidanceError",
    "Sample",
    "SampleArrays",
    "at_most_ten",
    "find_samples",
    "load_sample",
    "match_masks",
    "read_grey",
    "read_rgb",
]

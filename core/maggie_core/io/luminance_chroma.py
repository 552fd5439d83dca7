"""EXRs that store luminance at full and colour at half resolution, read as OpenEXR itself reads them.

OpenImageIO refuses channels of a lower resolution. OpenEXR's own `RgbaInputFile` turns Y, RY and BY into RGB;
its Python binding does not have it, so its conversion is done here on the planes that the binding reads.

Source: the OpenEXR format, "Luminance/Chroma Images": RY = (R - Y) / Y, BY = (B - Y) / Y, stored at even
columns and lines, and the interface of `RgbaYca`: a filter of 27 taps fills up the others, and pixels more
saturated than those around them are brought down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from maggie_api.exr_header import has_text_names

CHANNELS = frozenset(("Y", "RY", "BY", "A"))
"""Channels of such a file; A may be missing."""
_TAPS = (0.627123, -0.186077, 0.087929, -0.043159, 0.019597, -0.007540, 0.002128)
"""Weights of the neighbours at a distance of 1, 3, ... 13 on either side."""
_TYPES = {0: np.dtype("<u4"), 1: np.dtype("<f2"), 2: np.dtype("<f4")}
"""Types of channels by OpenEXR's numbers."""
_REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""x, y of red, green, blue and white where a file does not say."""


def header_of(path: str) -> Mapping[str, Any]:
    """The header of an EXR's first part, by OpenEXR's own names.

    Raises:
        OSError: no EXR, or a damaged one.
        ValueError: it has names that are no text.
    """
    import OpenEXR  # here, because few files need it

    if not has_text_names(path):
        raise ValueError("its header has names that are not UTF-8")
    with _opened(OpenEXR.InputFile(path)) as file:
        return file.header()


def read_luminance_chroma(path: str) -> np.ndarray:
    """Pixels of a file as R, G, B, and A where it has one: (H, W, 3 or 4) float32.

    Raises:
        OSError: no EXR, or a damaged one.
        ValueError: its planes do not fit each other.
    """
    import OpenEXR

    # By the older interface: `File` prints why it cannot read and goes on without the pixels.
    with _opened(OpenEXR.InputFile(path)) as file:
        header = file.header()
        box = header["dataWindow"]
        width, height = box.max.x - box.min.x + 1, box.max.y - box.min.y + 1
        if width % 2 or height % 2:
            raise ValueError(f"its size of {width}x{height} is odd")
        planes = {
            name: np.frombuffer(file.channel(name), _TYPES[channel.type.v]).reshape(
                height // channel.ySampling, width // channel.xSampling
            )
            for name, channel in header["channels"].items()
        }
    chroma = np.stack([planes[name].astype(np.float32) for name in ("RY", "BY")], axis=-1)
    luminance = planes["Y"].astype(np.float32)
    if (chroma.shape[0] * 2, chroma.shape[1] * 2) != luminance.shape:
        raise ValueError("its chroma is not of half the size")
    with np.errstate(invalid="ignore", over="ignore"):  # NaN and Inf are mended where plates are seen
        rgb = rgb_of(luminance, chroma, luminance_weights(primaries_of(header) or _REC709))
    return np.dstack([rgb, planes["A"].astype(np.float32)]) if "A" in planes else rgb


@contextmanager
def _opened(file: Any) -> Iterator[Any]:
    try:
        yield file
    finally:
        file.close()


def primaries_of(header: Mapping[str, Any]) -> tuple[float, ...] | None:
    """x, y of red, green, blue and white in a header; None where it does not say."""
    stored = header.get("chromaticities")
    if stored is None:
        return None
    return tuple(
        value for each in (stored.red, stored.green, stored.blue, stored.white) for value in (each.x, each.y)
    )


def luminance_weights(chromaticities: tuple[float, ...]) -> np.ndarray:
    """(3,) share of R, G and B in the luminance of primaries and white given by their x, y.

    Source: SMPTE RP 177-1993, section 3.3.
    """
    xy = np.asarray(chromaticities, np.float64).reshape(4, 2)
    xyz = np.stack([xy[:, 0] / xy[:, 1], np.ones(4), (1 - xy.sum(axis=1)) / xy[:, 1]])
    gains = np.linalg.solve(xyz[:, :3], xyz[:, 3])
    return (gains / gains.sum()).astype(np.float32)


def rgb_of(luminance: np.ndarray, chroma: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 of luminance (H, W) and RY, BY (H/2, W/2, 2); H and W even."""
    # One line more at the top, which OpenEXR fills up, too, to judge how saturated the first one may be.
    above = np.pad(_filled(chroma, axis=1), ((1, 0), (0, 0), (0, 0)), mode="edge")
    full, luminance = _filled(above, axis=0)[1:], np.pad(luminance, ((1, 0), (0, 0)), mode="edge")
    red, blue = ((full[..., k] + 1) * luminance for k in (0, 1))
    green = (luminance - red * weights[0] - blue * weights[2]) / weights[1]
    return _less_saturated(np.stack([red, green, blue], axis=-1), weights)[1:]


def _filled(half: np.ndarray, *, axis: int) -> np.ndarray:
    """Samples at even places of an axis, and between them those that the filter gives."""
    half = np.moveaxis(half, axis, 0)
    reach = len(_TAPS)
    padded = np.pad(half, [(reach - 1, reach), *[(0, 0)] * (half.ndim - 1)], mode="edge")
    between = np.zeros_like(half)
    for k, weight in enumerate(_TAPS):
        left, right = reach - 1 - k, reach + k
        between += np.float32(weight) * (padded[left : left + len(half)] + padded[right : right + len(half)])
    full = np.stack([half, between], axis=1).reshape(2 * len(half), *half.shape[1:])
    return np.moveaxis(full, 0, axis)


def _less_saturated(rgb: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Pixels brought down that are far more saturated than their four diagonal neighbours; not those of the
    first line."""
    top, bottom = rgb.max(axis=-1), rgb.min(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        saturation = np.where(top > 0, 1 - bottom / top, 0)
    across = np.pad(saturation, ((1, 1), (1, 1)), mode="edge")
    # Beyond the last line OpenEXR sees the one before it, as beyond the last column its filter does.
    across[-1] = across[-3]
    corners = across[:-2, :-2] + across[:-2, 2:] + across[2:, :-2] + across[2:, 2:]
    most = np.minimum(1, 1 - (1 - np.minimum(1, corners / 4)) / 4)
    too_much = saturation > most
    factor = np.where(too_much, most / np.where(too_much, saturation, 1), 1)[..., None]
    lower = np.maximum(top[..., None] - (top[..., None] - rgb) * factor, 0)
    before, after = rgb @ weights, lower @ weights
    lower *= np.where(after > 0, before / np.where(after > 0, after, 1), 1)[..., None]
    return np.where(too_much[..., None], lower, rgb).astype(np.float32)

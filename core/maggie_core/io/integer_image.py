"""Write images for people to look at: PNG, TIFF, DPX. Mattes go through `maggie_core.io.exr`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from maggie_api.errors import InputError, SettingsError
from maggie_core.io.atomic import atomic_file, cannot_write, reason_for, system_reason
from maggie_core.io.library import no_library_lines, reason_of, utf8_path
from maggie_core.io.picture import is_whole_picture

_SUFFIXES = {".png": "png", ".tif": "tiff", ".tiff": "tiff", ".dpx": "dpx"}
"""No JPEG: on a full disk its library ends the whole process."""


def write_integer_image(path: str | Path, pixels: np.ndarray, *, bits: int = 8) -> Path:
    """Write a display-encoded image, whole or not at all.

    Args:
        path: its suffix says the format: png, tif or dpx.
        pixels: (H, W) or (H, W, C); uint8 as it is, or float in [0, 1] (clamped, rounded). Alpha, if any, is
            stored unassociated.
        bits: 8 or 16 per channel, for float pixels.

    Returns:
        The path.

    Raises:
        OutputError: the file cannot be written.
        SettingsError: unknown format or depth.
    """
    path = Path(path)
    kind = _SUFFIXES.get(path.suffix.lower())
    if kind is None or bits not in (8, 16):
        raise SettingsError(f"{path} at {bits} bits: pictures are {', '.join(_SUFFIXES)} at 8 or 16 bits")
    if pixels.ndim not in (2, 3):
        raise InputError(f"pixels have {pixels.ndim} dimensions: a picture has (H, W) or (H, W, C)")
    codes = _codes(pixels if pixels.ndim == 3 else pixels[:, :, None], bits)
    spec = oiio.ImageSpec(codes.shape[1], codes.shape[0], codes.shape[2], str(codes.dtype))
    spec.attribute("oiio:UnassociatedAlpha", 1)
    with atomic_file(path) as temporary, no_library_lines():
        output: Any = oiio.ImageOutput.create(kind)
        with utf8_path(temporary) as name:
            written = output.open(name, spec)
            written = written and output.write_image(codes)
            reason = reason_of(output)
            written = output.close() and written
        if not (written and is_whole_picture(temporary)):  # as in `write_picture`
            raise cannot_write(path, system_reason(temporary, codes.nbytes) or reason_for(temporary, reason))
    return path


def _codes(pixels: np.ndarray, bits: int) -> np.ndarray:
    if pixels.dtype != np.uint8:
        top = (1 << bits) - 1
        pixels = np.round(np.clip(pixels, 0, 1) * top).astype(np.uint8 if bits == 8 else np.uint16)
    return np.ascontiguousarray(pixels)

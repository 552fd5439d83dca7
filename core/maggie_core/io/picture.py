"""Write PNG and TIFF files of 16 bits, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import OpenImageIO as oiio  # noqa: N813

from maggie_api.errors import FrameError
from maggie_api.text import plain_text
from maggie_core.io.atomic import atomic_file, cannot_write, reason_for, system_reason
from maggie_core.io.image import list_parts
from maggie_core.io.library import no_library_lines, reason_of, utf8_path

PICTURE_SUFFIXES = (".png", ".tif", ".tiff")


def write_picture(
    path: str | Path,
    pixels: np.ndarray,
    *,
    comment: str = "",
    pixel_aspect: float = 1.0,
    premultiplied: bool = False,
) -> Path:
    """Write one picture of 16 bits; numbers are stored as they are.

    Args:
        path: ends in .png, .tif or .tiff; the folder is created.
        pixels: (H, W, 1, 3 or 4) float32 in [0, 1]: grey that is data, or sRGB, with alpha as the fourth.
        comment: the description in the file's header.
        premultiplied: what a TIFF says of its colour. A PNG cannot say it.

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, "uint16")
    if count == 1:
        spec.channelnames = ("Y",)
    spec.attribute("oiio:ColorSpace", "Raw" if count == 1 else "sRGB")
    spec.attribute("ImageDescription", plain_text(comment))
    spec.attribute("PixelAspectRatio", float(pixel_aspect))
    is_tiff = path.suffix.lower() != ".png"
    if not (premultiplied and is_tiff):  # else the library divides or multiplies by alpha
        spec.attribute("oiio:UnassociatedAlpha", 1)
    spec.attribute("compression", "zip")
    codes = np.rint(np.clip(pixels, 0.0, 1.0) * np.float32(65535)).astype(np.uint16)
    with atomic_file(path) as temporary, no_library_lines():
        output: Any = oiio.ImageOutput.create("tiff" if is_tiff else "png")
        with utf8_path(temporary) as name:
            written = output.open(name, spec)
            try:
                written = written and output.write_image(np.ascontiguousarray(codes))
                reason = reason_of(output)
            finally:
                closed = output.close()
        # The PNG writer calls a full disk a success: only reading tells.
        if not (written and closed and is_whole_picture(temporary)):
            raise cannot_write(path, system_reason(temporary, codes.nbytes) or reason_for(temporary, reason))
    return path


def picture_comment(path: str | Path) -> str:
    """The description in a picture's header; empty where there is none, or no picture that can be read."""
    try:
        return str(list_parts(path)[0].metadata.get("ImageDescription") or "")
    except FrameError:
        return ""


def is_whole_picture(path: Path) -> bool:
    """Whether the pixels can be read to the end."""
    with no_library_lines(), utf8_path(path) as name:
        file = oiio.ImageInput.open(name)
        if file is None:
            reason_of(oiio)  # or it is the next one's
            return False
        pixels = file.read_image(0, 0, 0, 1, oiio.UNKNOWN)
        reason_of(file)
        file.close()
    return pixels is not None

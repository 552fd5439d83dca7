"""One person's matte as a picture: the plate's colour and alpha, for files that hold no data."""

from __future__ import annotations

import cv2
import numpy as np

from maggie_api.settings import PictureColour
from maggie_core.color import PlateView

MARGIN_PX = 16
"""Pixels around a matte that keep the plate's colour in a straight picture. Codecs mix colours within blocks
of 16; further out the picture is black, so that a player that knows no alpha shows the person alone."""
_FAINTEST = 1 / 512
"""Alpha below which a person's own colour, which is stored times alpha in 16 bits, is not divided out."""


def matte_picture(shown: np.ndarray, alpha: np.ndarray, *, rgb: PictureColour) -> np.ndarray:
    """Colour and alpha of one person.

    Args:
        shown: (H, W, 3) the person's colour, sRGB-encoded in [0, 1]: the plate, or what `own_colour` gives.
        alpha: (H, W) in [0, 1].
        rgb: what the colour is. It is multiplied by alpha as it is encoded, not in linear light, because
            programs that take such pictures composite them so.

    Returns:
        (H, W, 4) float32 in [0, 1]; (H, W, 1) where `rgb` is `alpha`.
    """
    if rgb == "alpha":
        return alpha[..., None]
    if rgb == "premultiplied":
        colour = shown * alpha[..., None]
    else:
        side = 2 * MARGIN_PX + 1
        near = cv2.dilate((alpha > 0).astype(np.uint8), np.ones((side, side), np.uint8))
        colour = shown * near[..., None]
    return np.concatenate([colour, alpha[..., None]], axis=-1).astype(np.float32)


def own_colour(shown: np.ndarray, alpha: np.ndarray, foreground: np.ndarray, view: PlateView) -> np.ndarray:
    """(H, W, 3) a person's own colour, sRGB-encoded in [0, 1]; the plate's where there is almost no alpha.

    Args:
        shown: (H, W, 3) the plate, sRGB-encoded in [0, 1].
        foreground: (H, W, 3) scene-linear and premultiplied, as mattes store it.
    """
    known = alpha > _FAINTEST
    straight = foreground / np.where(known, alpha, 1.0)[..., None]
    return np.where(known[..., None], view.scene_to_display(straight.astype(np.float32)), shown)

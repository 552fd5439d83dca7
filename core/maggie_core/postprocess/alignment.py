"""Whether a mask's outline lies on edges of the image: what tells a good mask from a rough one.

An outline drawn along the person crosses the image where it changes most; one that is off runs through plain
skin or plain wall, and the person's own edge lies beside it. That shows without a network. Once there is a
matte, its outline can be asked as well: where it lies on edges better than the mask's, it is the mask that is
off, and by about as much as the two are apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.mask_shape import box_of, depth_in, size_of, unit_of
from maggie_core.runtime.threads import side_by_side

Plane = NDArray[np.floating]

STEP_SHARE = 0.008
"""A step away from the outline, as a share of the person's size: 4 pixels for somebody 500 pixels tall. It is
about how far good masks are off, from whoever drew them."""
ON_STEPS, BESIDE_STEPS = 1, (2, 5)
"""The outline is what lies within a step of it, and its sides 2 to 5 steps away: near enough to be the same
surfaces, and as far as a rough mask is off."""
BLUR_SHARE, BLUR_PX = 0.004, 0.7
"""Standard deviation by which the image is blurred, as a share of the size, and its least: grain is no
edge."""
LEAST_STEP = 2.0
"""Pixels of an enlarged plate that a step spans at least: an edge is as wide as that, so that with less the
sides lie on it, too."""
MOST_STEP_SHARE = 0.03
"""Longest step, as a share of the size: with longer ones the sides are no longer the same surfaces. So masks
of people of less than some 70 pixels of the plate are never doubted."""
LEAST_OUTLINE = 0.25
"""Share of an outline that is to be free of other people's masks, so that the rest tells of the whole."""
BORDER_PX = 3
"""Beyond the image's border nothing is known: pixels this near to it do not count."""
LEAST_CHANGE = 1e-3
"""Mean change, in sRGB codes a pixel, that counts as none: plain surfaces have some grain."""
DOUBT = (1.0, 1.12)
"""Alignment up to which a mask is poor, and from which on it is not. Masks of photographs and portraits that
were made rough have 0.55 to 1.17, others 0.84 to 6.9, those that follow the person 1.7 and more; a moving
person's stays above 1.3."""

BETTER = (1.1, 1.4)
"""Alignment of a matte's outline over that of its mask, from which the mask counts as off, and from which in
full. Masks of 27 photographs have 0.96 to 1.06 where they are good, and 1.1 to 3.6 where they are typical,
which is off by 1 % of the size."""


@dataclass(frozen=True, eq=False)
class SeenMask:
    """A person's mask as it lies in the image of a frame."""

    mask: Plane
    """(H, W) binary."""
    image: Plane
    """(3, H, W), sRGB-encoded in [0, 1]."""
    size: float
    """Of the person, in pixels of `image`; 0 for an empty mask."""
    plate_px: float = 1.0
    """Pixels of `image` that a pixel of the plate spans; 1 where the plate is not enlarged."""
    others: Sequence[Plane] = ()
    """(H, W) binary masks of others. On an enlarged plate the sides are wide, and what lies there is another
    matter than the outline: it does not count."""
    _aligned: list[float] = field(default_factory=list, init=False, repr=False)
    """The alignment once it is known. `cached_property` of Python 3.11 holds one lock for all masks, and they
    are measured side by side."""

    @property
    def unit(self) -> float:
        """The size that lengths are shares of."""
        return unit_of(self.size, self.mask.shape)

    @property
    def alignment(self) -> float:
        """How much more the image changes on the mask's outline than beside it; measured once.

        The mean change on the outline over the geometric mean of those on either side: about 1 where the
        outline has nothing to do with the image, 2 to 5 where it follows it. Both sides count alike, as a
        patterned garment or a busy background must not outweigh the plain one beyond the outline. Infinite
        where there is no outline, where nothing can be seen around it, and where the plate is too coarse
        for the person to tell.
        """
        if not self._aligned:
            self._aligned.append(_alignment(self))
        return self._aligned[0]

    @property
    def doubt(self) -> float:
        """How far the mask is to be doubted, 0 to 1, by its alignment: a ramp, so that what follows from it
        does not jump from frame to frame."""
        poor, sound = DOUBT
        return float(np.clip((sound - self.alignment) / (sound - poor), 0, 1))

    def better(self, alpha: Plane) -> float:
        """How far the outline of an alpha (H, W) lies on edges of the image better than that of the mask, 0
        to 1; 0 where either cannot be told."""
        outlined = replace(self, mask=(alpha > 0.5).astype(np.float32), size=self.unit)
        ours, theirs = outlined.alignment, self.alignment
        if not np.isfinite(ours) or not np.isfinite(theirs):
            return 0.0
        low, high = BETTER
        return float(np.clip((ours / theirs - low) / (high - low), 0, 1))


def seen_in(
    image: Plane, masks: Plane, *, sizes: Sequence[float] | None = None, plate_px: float = 1.0
) -> list[SeenMask]:
    """The masks (N, H, W) of a frame as they lie in its image; `sizes` None takes them from the masks."""
    if sizes is None:
        sizes = side_by_side(size_of, masks)
    return [
        SeenMask(mask, image, size, plate_px, [other for k, other in enumerate(masks) if k != n])
        for n, (mask, size) in enumerate(zip(masks, sizes, strict=True))
    ]


def _alignment(seen: SeenMask) -> float:
    step = max(1.0, STEP_SHARE * seen.unit)
    coarse = seen.plate_px > 1 and step < LEAST_STEP * seen.plate_px
    if coarse:
        step = LEAST_STEP * seen.plate_px
        if step > MOST_STEP_SHARE * seen.unit:
            return float("inf")
    margin = int(np.ceil(BESIDE_STEPS[1] * step)) + 2
    inside = seen.mask > 0
    box = box_of(inside, margin=margin)
    if box is None:
        return float("inf")
    kept = np.zeros(inside.shape, bool)
    kept[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    change, kept, inside = (
        _change(seen.image[:, *box], max(BLUR_PX, BLUR_SHARE * seen.unit)),
        kept[box],
        inside[box],
    )
    # The outline runs between pixels, half a pixel from the centres on either side.
    inwards, outwards = (np.where(side, depth_in(side) - 0.5, -1.0) / step for side in (inside, ~inside))
    away = np.maximum(inwards, outwards)
    on = kept & (away <= ON_STEPS)
    if coarse:
        whole = on.sum()
        for other in seen.others:
            kept &= other[box] <= 0
        on &= kept
        if on.sum() < LEAST_OUTLINE * whole:
            return float("inf")
    near, far = BESIDE_STEPS
    sides = [kept & (each > near) & (each <= far) for each in (inwards, outwards)]
    if not on.any() or not all(side.any() for side in sides):
        return float("inf")
    ours, *theirs = (float(change[part].mean()) for part in (on, *sides))
    if max(ours, *theirs) < LEAST_CHANGE:
        return float("inf")
    return (ours + LEAST_CHANGE) / float(np.sqrt(np.prod([each + LEAST_CHANGE for each in theirs])))


def _change(image: Plane, sigma: float) -> NDArray[np.float32]:
    """(H, W) length of the gradient of all channels, in codes a pixel."""
    total = np.zeros(image.shape[1:], np.float32)
    for channel in image:
        smooth = cv2.GaussianBlur(np.ascontiguousarray(channel, np.float32), (0, 0), sigma)
        for x, y in ((1, 0), (0, 1)):
            total += cv2.Sobel(smooth, cv2.CV_32F, x, y, scale=1 / 8) ** 2
    return np.sqrt(total)

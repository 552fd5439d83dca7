"""Whom the plate's colours speak for where an alpha and its mask disagree.

A mask alone does not tell who is right: a gap beside an arm that a rough mask fills and a hole that a matte
has by mistake look alike to it. The plate tells them apart: through a gap one sees what is behind the person,
and in a hole the person. So the colours of such a patch are compared with those of the person and of the rest
nearby.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.mask_shape import box_of, pixels
from maggie_core.qc.change import Plane
from maggie_core.qc.faults import NEAR_MASK, Found, Person, Pixels

BLUR_PX = 0.7
"""Standard deviation by which the image is blurred: grain is no colour."""
SURE = 0.05
"""Alpha is in from one less this, and out up to this."""
LEAST_AREA, LEAST_PX = 0.0003, 6
"""Smallest patch, as a share of the size's square and in pixels."""
NEAR, FAR = 0.12, 0.3
"""How far, as shares of the size, colours are looked for on the side that the patch belongs to if it is at
fault, and on the other."""
SAMPLES, LEAST_SAMPLES = 256, 20
"""Most pixels of a patch or a side that are compared, and fewest that say anything."""
NEAREST = 3
"""Colours of a side that a pixel is compared with."""
HALF, CLEARLY = 0.5, 0.85
"""How near a pixel must be to one side, as a share of the squared distance from the other, and of how many
pixels of a patch that must hold. Holes and bites put into exact alphas have 0.95 and more; of the patches in
which exact alphas and rough masks differ, one in a hundred has 0.85."""


def disagreements(person: Person, image: Plane, claimed: Pixels) -> Iterator[tuple[str, Found]]:
    """What is measured, by the name of the measure; as `left_out` and `taken_in`."""
    yield "left_out", left_out(person, image, claimed)
    yield "taken_in", taken_in(person, image)


def left_out(person: Person, image: Plane, claimed: Pixels) -> Found:
    """Patches inside the mask that are left out of the alpha and look like the person.

    Args:
        image: (3, h, w) sRGB-encoded in [0, 1].
        claimed: (h, w) what other people's masks claim.

    Returns:
        The area of the largest in percent of the size's square, and all of them.
    """
    total = person.alpha + person.others
    where = person.core & (total < 0.5)
    own = person.alpha > 1 - SURE
    rest = (total < SURE) & (person.mask == 0) & ~claimed
    return _patches(where, own, rest, image, person.size)


def taken_in(person: Person, image: Plane) -> Found:
    """Patches away from the mask that are in the alpha and look like what is around them; as `left_out`."""
    off = cv2.distanceTransform((person.mask == 0).astype(np.uint8), cv2.DIST_L2, 5)
    where = (person.alpha > 0.5) & (off > NEAR_MASK * person.size)
    own = (person.alpha > 1 - SURE) & (person.mask > 0)
    return _patches(where, person.alpha < SURE, own, image, person.size)


def _patches(where: Pixels, near: Pixels, far: Pixels, image: Plane, size: float) -> Found:
    """Patches that look like the `near` side and not like the `far` one."""
    opened = cv2.morphologyEx(where.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA]
    areas[0] = 0  # the rest of the image
    large = np.flatnonzero(areas >= max(LEAST_PX, LEAST_AREA * size**2))
    found = np.zeros_like(where)
    if not large.size:
        return Found(0.0, found)
    soft = _blurred(image)
    alike = [label for label in large if _is_like(soft, labels == label, near, far, size)]
    found |= np.isin(labels, alike)
    return Found(100 * max((int(areas[label]) for label in alike), default=0) / size**2, found)


def _is_like(image: Plane, piece: Pixels, near: Pixels, far: Pixels, size: float) -> bool:
    own = _colours(image, piece)
    likes, unlikes = (
        _colours(image[:, *box], side[box])
        for side, share in ((near, NEAR), (far, FAR))
        if (box := box_of(piece, margin=pixels(share, size))) is not None
    )
    if min(len(likes), len(unlikes)) < LEAST_SAMPLES:
        return False
    return float((_distance(own, likes) < HALF * _distance(own, unlikes)).mean()) >= CLEARLY


def _colours(image: Plane, where: Pixels) -> NDArray[np.floating]:
    """(n, 3) of up to `SAMPLES` pixels, evenly taken."""
    found = image[:, where].T
    if len(found) <= SAMPLES:
        return found
    return found[np.linspace(0, len(found) - 1, SAMPLES).astype(int)]


def _distance(colours: NDArray[np.floating], others: NDArray[np.floating]) -> NDArray[np.floating]:
    """(n,) mean squared distance of each colour from the nearest of the others."""
    squares = ((colours[:, None] - others[None]) ** 2).sum(axis=-1)
    return np.partition(squares, NEAREST - 1, axis=1)[:, :NEAREST].mean(axis=1)


def _blurred(image: Plane) -> Plane:
    return np.asarray([cv2.GaussianBlur(np.ascontiguousarray(c), (0, 0), BLUR_PX) for c in image], np.float32)

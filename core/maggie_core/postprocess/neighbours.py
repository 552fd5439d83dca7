"""Who gets a pixel that several people claim.

Each person is matted for themselves, so that alphas overlap: a leg shows on the neighbour, and together they
claim more than all of a pixel. Two rules put that right. `clear_cores` belongs on the grid a pass was matted
on, where masks are as fine as the alphas; `share_pixels` on the plate's own pixels, as the last step before
mattes are written, since people come from passes with grids of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from maggie_core.postprocess.mask_shape import box_of, depth_in, unit_of

Plane = NDArray[np.floating]

CORE = (0.003, 0.008)
"""Depth in somebody's mask, as shares of their size, from which others fade, and are gone: 1.4 and 3.6 pixels
for who is 450 pixels tall, and nearly at once for small people. Nearer to the edge of a mask an alpha may be
right and the mask wrong."""
CORE_TIMES_OFF = (2.0, 4.0)
"""The same as multiples of what a mask is off in the mean: where it is off by 1 %, a band as wide as that is
the other's. More gives generated clips up to 4 % less error and 6 to 30 % more alpha on others' cores."""
BLOCK_ROWS = 128
"""Rows looked at together, so that memory does not grow with the plate."""
LEAST = 1e-6
"""Sums no further above 1 than this are rounding."""


def clear_cores(
    alphas: Plane,
    guidance: Plane,
    sizes: Sequence[float],
    *,
    own: Sequence[int] | None = None,
    off: Sequence[float] | None = None,
) -> Plane:
    """Alphas without what lies on other people's cores.

    Args:
        alphas: (N, H, W) in [0, 1].
        guidance: (M, H, W) binary masks on the same grid, of all who are there.
        sizes: (M,) of each person, in pixels of this grid.
        own: (N,) whose mask belongs to each alpha; None: they come in the order of the masks.
        off: (N,) how far the masks of the alphas are off, as shares of the sizes; None: not at all.

    Returns:
        (N, H, W) float32. An alpha is 0 wherever another's mask is deeper than a share of that person's size
        and its own mask is not; inside one's own mask, and where nobody else is, it stays bit for bit.
    """
    cleared = alphas.astype(np.float32, copy=True)
    whose = range(len(alphas)) if own is None else own
    wrong = {} if off is None else dict(zip(whose, off, strict=True))
    if len(guidance) < 2:
        return cleared
    for owner, mask in enumerate(guidance):
        box = box_of(mask > 0, margin=1)
        if box is None:
            continue
        low, high = (
            max(depth, times * wrong.get(owner, 0.0))
            for depth, times in zip(CORE, CORE_TIMES_OFF, strict=True)
        )
        inside, unit = mask[box] > 0, np.float32(unit_of(sizes[owner], mask.shape))
        kept = np.clip((high - depth_in(inside) / unit) / np.float32(high - low), 0, 1)
        for n, alpha in zip(whose, cleared, strict=True):
            if n != owner:
                foreign = inside & (guidance[n][box] == 0)
                alpha[box][foreign] *= kept[foreign]
    return cleared


def share_pixels(
    alphas: Plane, *, fixed: Sequence[int] = (), cores: Mapping[int, Plane] | None = None
) -> None:
    """Alphas that together claim no more than all of a pixel, in place.

    Where they claim more, each gives way by how unsure they are, alpha x (1 - alpha): who covers a pixel
    wholly keeps it, and two who are equally unsure halve what is too much. There is no strongest one that
    takes all, so nothing flips between frames where two are nearly equal.

    Args:
        alphas: (N, H, W) float32 in [0, 1].
        fixed: instances that keep their alphas; the others share what these leave. Fixed ones that exceed 1
            among themselves stay as they are.
        cores: (H, W) least alphas of some of the others, no more than 1 together. Fixed ones go before them.
    """
    if len(alphas) < 2:
        return
    free = [n for n in range(len(alphas)) if n not in set(fixed)]
    for top in range(0, alphas.shape[1], BLOCK_ROWS):
        rows = alphas[:, top : top + BLOCK_ROWS]
        over = rows.sum(axis=0) > 1 + LEAST
        if over.any():
            claims = rows[:, over]
            left = np.clip(1 - claims[list(fixed)].sum(axis=0), 0, 1)
            least = np.zeros_like(claims)
            for n, core in (cores or {}).items():
                least[n] = np.minimum(core[top : top + BLOCK_ROWS][over], claims[n])
            least[free] *= np.minimum(1, left / np.maximum(least[free].sum(axis=0), 1e-12))
            rest = np.maximum(left - least[free].sum(axis=0), 0)
            claims[free] = least[free] + _shared(claims[free] - least[free], rest)
            rows[:, over] = claims


def _shared(claims: Plane, left: Plane) -> Plane:
    """(N, K) claims of pixels of which there is (K,) `left`."""
    too_much = np.maximum(claims.sum(axis=0) - left, 0)
    unsure = claims * (1 - claims) + np.float32(LEAST) * claims
    given = np.maximum(claims - too_much * unsure / np.maximum(unsure.sum(axis=0), 1e-12), 0)
    # Where several are sure of a pixel they still claim too much.
    return given * np.minimum(1, left / np.maximum(given.sum(axis=0), 1e-12))

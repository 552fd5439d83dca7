"""A last, cheap step on finished alphas: edges decided once more by the plate's own colours.

Only pixels the network left undecided, and a thin rim around them, may change; everything else is returned
bit for bit. Where the network hardly contradicts the guidance all along a person's outline, the guidance is a
good one and is taken at its word, but for its edge. Deterministic, one frame at a time, so a matte stays a
function of its frame.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_api.settings import Refine
from maggie_core.postprocess.guided_filter import guided_filter
from maggie_core.runtime.threads import side_by_side

Plane = NDArray[np.floating]

UNDECIDED = (0.03, 0.97)
"""Alphas strictly between may change."""
RIM_SHARE = 0.004
"""So may pixels this near to them, as a share of the short side."""
GUIDED_RADIUS_SHARE = 0.01
"""Window of the guided filter."""
CLOSED_FORM_EPS = 1e-5
"""Regularisation of the colour line in 3 x 3 pixels."""
CLOSED_FORM_TRUST = 2e-3
"""Weight of the network's own alpha against the smoothness of the closed form: it decides where the colours
do not."""


GOOD_SHARE = (0.0024, 0.0045)
"""Mean distance of the guidance's outline from the network's, as a share of the short side, where guidance is
taken at its word (1.4 pixels at 576) and where not at all (2.6)."""
GOOD_RADIUS_SHARE = 0.0075
"""Window of the guided filter that gives good guidance its edge."""
GOOD_WEIGHT = 0.6
"""Its weight against the network's alpha: two estimates with errors of their own."""


def refine_edges(alphas: Plane, picture: Plane, guidance: Plane, how: Refine) -> Plane:
    """Refined alphas of one frame.

    Args:
        alphas: (N, H, W) in [0, 1].
        picture: (3, H, W), sRGB-encoded in [0, 1]: what the network saw.
        guidance: (N, H, W) binary masks that led to `alphas`.
        how: "none" returns `alphas`; "guided" filters them by the picture; "closed-form" solves for the
            undecided pixels with everything else known. The first closed form of a process compiles for some
            seconds.

    Returns:
        (N, H, W) float32.
    """
    if how == "none":
        return alphas
    refined = alphas.astype(np.float32, copy=True)

    def one(n: int) -> None:
        alpha, mask = refined[n], guidance[n]
        trust = trust_in(alpha, mask)
        _decide(alpha, picture, how)
        if trust > 0:
            _take_at_its_word(alpha, mask, picture, trust)

    side_by_side(one, range(len(refined)))
    return refined


def _decide(alpha: Plane, picture: Plane, how: Refine) -> None:
    """Decide the undecided band of an alpha (H, W) in place."""
    band = undecided_band(alpha)
    if not band.any():
        return
    radius = _reach(GUIDED_RADIUS_SHARE, alpha)
    box = box_around(band, margin=2 * radius + 2)
    near, inside = picture[:, *box], band[box]
    if how == "guided":
        better = guided_filter(near, alpha[box], radius_px=radius)
    else:
        better = closed_form(near, alpha[box], inside)
    alpha[box][inside] = better[inside]


def trust_in(alpha: Plane, mask: Plane) -> float:
    """How far guidance (H, W) is to be taken at its word, 0 to 1, by the network's alpha of it."""
    outline = np.abs(np.diff(mask, axis=0)).sum() + np.abs(np.diff(mask, axis=1)).sum()
    if outline == 0:
        return 0.0
    apart = np.abs((alpha > 0.5) - mask).sum() / outline / min(alpha.shape)
    good, poor = GOOD_SHARE
    return float(np.clip((poor - apart) / (poor - good), 0, 1))


def _take_at_its_word(alpha: Plane, mask: Plane, picture: Plane, trust: float) -> None:
    """Mix an alpha (H, W) with its guidance, whose edge a guided filter softens, in place."""
    radius = _reach(GOOD_RADIUS_SHARE, alpha)
    y, x = np.gradient(mask) if min(mask.shape) > 1 else (np.zeros_like(mask),) * 2
    box = box_around((y != 0) | (x != 0) | (np.abs(alpha - mask) > 0), margin=4 * radius)
    filtered = guided_filter(picture[:, *box], mask[box], radius_px=radius)
    alpha[box] += np.float32(trust * GOOD_WEIGHT) * (filtered - alpha[box])


def undecided_band(alpha: Plane) -> NDArray[np.bool_]:
    """(H, W): the pixels of an alpha (H, W) that edge refinement may change."""
    low, high = UNDECIDED
    reach = _reach(RIM_SHARE, alpha)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    undecided, rim = (alpha > low) & (alpha < high), np.hypot(y, x) <= reach + 0.3
    return cv2.dilate(undecided.view(np.uint8), rim.view(np.uint8)).view(bool)


def closed_form(
    picture: Plane,
    alpha: Plane,
    unknown: NDArray[np.bool_],
    *,
    trust: float = CLOSED_FORM_TRUST,
    eps: float = CLOSED_FORM_EPS,
) -> Plane:
    """Closed-form matting of the unknown pixels, with an alpha as what is known before.

    Args:
        picture: (3, H, W) sRGB-encoded in [0, 1]; at least 3 x 3.
        alpha: (H, W) in [0, 1]. Known pixels are taken as they are but for rounding beyond `UNDECIDED`.
        unknown: (H, W).
        trust: weight of `alpha` at unknown pixels; 0 leaves them to the colours alone.

    Returns:
        (H, W) float32 in [0, 1].

    Source: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", CVPR 2006.
    """
    from maggie_core.postprocess.closed_form import solve  # here, as it brings a compiler along

    result = alpha.astype(np.float32, copy=True)
    if not unknown.any() or min(alpha.shape) < 3:
        return result
    colour, before = picture.transpose(1, 2, 0).astype(np.float64), alpha.astype(np.float64)
    low, high = UNDECIDED
    given = np.where(before >= high, 1.0, np.where(before <= low, 0.0, before))
    solved = solve(colour, before, given, unknown, eps=eps, trust=trust, rtol=1e-5, steps=1000)
    result[unknown] = np.clip(solved, 0, 1)
    return result


def _reach(share: float, plane: Plane) -> int:
    return max(1, round(share * min(plane.shape[-2:])))


def box_around(mask: NDArray[np.bool_], *, margin: int) -> tuple[slice, slice]:
    """The rows and columns around all that is set, `margin` pixels further."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )

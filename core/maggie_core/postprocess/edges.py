"""A last, cheap step on finished alphas: edges decided once more by the plate's own colours.

Only pixels the network left undecided, and a thin rim around them, may change; everything else is returned
bit for bit. Where the network hardly contradicts the guidance all along a person's outline, the guidance is a
good one and is taken at its word, but for its edge. Where the two outlines are the same to a twentieth of a
pixel nothing is left to decide, and the alpha is returned as it is. Deterministic, one frame at a time, so a
matte stays a function of its frame.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_api.settings import Refine
from maggie_core.postprocess.alignment import SeenMask, seen_in
from maggie_core.postprocess.grain import without_grain
from maggie_core.postprocess.guided_filter import guided_filter
from maggie_core.postprocess.mask_shape import ball, box_of, depth_in, pixels, size_of, unit_of
from maggie_core.runtime.threads import side_by_side

Plane = NDArray[np.floating]

UNDECIDED = (0.06, 0.94)
"""Alphas strictly between may change. With 0.03 and 0.97 colours spread haze beside plain edges: portraits
with typical masks have a MAD of 8.35, with these 8.0."""
RIM_SHARE = 0.004
"""So may pixels this near to them, as a share of the person's size: half of it leaves hair cut, twice as much
draws in texture."""
GUIDED_RADIUS_SHARE = 0.01
"""Window of the guided filter."""
CLOSED_FORM_EPS = 1e-6
"""Regularisation of the colour line in 3 x 3 pixels: with 1e-5 lines of hair that differ little in colour are
one surface. Photographs with good, typical and rough masks: MAD 7.00, 10.84, 16.41 with that, 6.92, 10.75,
16.26 with this; grainy ones gain more."""
CLOSED_FORM_TRUST = 1.8e-2
"""Weight of the network's own alpha against the smoothness of the closed form: it decides where the colours
do not. With 2e-3 the closed form spread haze over texture on 4 of 81 photographs, with 6e-3 on two, with
1.2e-2 on one, and the more the less it flickers; from 2.4e-2 on typical masks lose."""
CLOSED_FORM_TRUST_IN_DOUBT = 1.5e-3
"""The same for a poor mask, which has led the network astray: colours know better."""

AGREED_PX = (0.05, 0.15)
"""Mean distance in pixels of the guidance's outline from the alpha's, up to which an alpha is left alone, and
from which it is refined in full. An exact alpha with its own guidance has 0; the default network's have 0.17
and more, with exact masks too."""
UNSURE_SHARE = (0.7, 0.95)
"""Share of the guidance in which an alpha is undecided, from and at which it is refined all the same: such an
alpha is unsure everywhere, and its outline says nothing."""
GOOD_SHARE = (0.002, 0.004)
"""Mean distance of the guidance's outline from the network's, as a share of the person's size, where guidance
is taken at its word (1.2 pixels at 576) and where not at all (2.3)."""
GOOD_RADIUS_SHARE = 0.008
"""Window of the guided filter that gives good guidance its edge: wide enough for a soft edge. What is wider,
hair, is the network's. With 0.011 photographs have a MAD of 6.92 instead of 6.85, portraits 4.77 and 4.51."""
GOOD_WEIGHT = 0.5
"""Its weight against the network's alpha: two estimates with errors of their own."""
GOOD_STRANDS = 2.0
"""Distance from good guidance, in windows of that filter, from which a strand beside it (`_strands`) is the
network's alone: the filter knows no hair so far out. Photographs with good masks: MAD 7.14 where strands have
the weight of all else, 7.00; portraits, against a harder estimate, 4.68 and 4.75."""
GOOD_PLATE_PX, GOOD_RADIUS_PLATE_PX = (0.3, 0.65), 2.0
"""The least that these distances and this window may be, in pixels of an enlarged plate: no mask is more
exact than those, and the colours of an edge are blurred over them."""
GOOD_WEIGHT_ENLARGED = 0.7
"""The weight where the plate is enlarged: the network's errors grow more by that than the guidance's."""

DEEP = (0.01, 0.03)
"""Depth in a mask, as shares of the person's size, from which alpha is no less than a ramp, and from which it
is 1; the same outside."""
DEEP_IN_DOUBT = (0.05, 0.10)
"""The same for a poor mask: rough masks are off by as much as 0.03, and by twice that where they lack a
piece. From 0.03, 0.04 and 0.05 on, 27 photographs with rough masks have a MAD of 19.33, 18.94 and 18.87.
No mask is held from deeper on."""
DEEP_TIMES_OFF = (3.0, 6.0)
"""The same as multiples of what a mask is off in the mean: outlines wander, and hands are missing."""
LEAST_TRUST = 1e-6
"""Trust up to which a mask holds nothing: its depths are 10,000 sizes. Those of less could be no number."""
STRAND_SHARE, STRAND_ALPHA = 0.006, (0.05, 0.2)
"""Half the greatest width of a strand, as a share of the person's size, and how far its alpha exceeds that
beside it, where it counts as one a little, and wholly."""
STRAND_TIMES = 3.0
"""How many times as far from a mask strands are let be: hair flies farther than masks are off. Haze is no
strand. Photographs with typical masks: MAD 11.08 with 1, 10.80 with 3; portraits with good ones 4.66, 4.67;
all alpha let be twice as far, haze too: 10.86 and 4.77."""


def refine_edges(
    alphas: Plane,
    image: Plane,
    guidance: Plane,
    how: Refine,
    *,
    sizes: Sequence[float] | None = None,
    doubts: Sequence[float] | None = None,
    off: Sequence[float] | None = None,
    trusts: Sequence[float | None] | None = None,
    plate_px: float = 1.0,
) -> Plane:
    """Refined alphas of one frame.

    Args:
        alphas: (N, H, W) in [0, 1].
        image: (3, H, W), sRGB-encoded in [0, 1]: what the network saw.
        guidance: (N, H, W) binary masks that led to `alphas`.
        how: "none" decides no edge; "guided" filters the alphas by the image; "closed-form" solves for the
            undecided pixels with everything else known. The first closed form of a process compiles for some
            seconds.
        sizes: of each person in pixels, which all lengths are shares of; None takes them from `guidance`.
        doubts: of each mask, 0 to 1; None takes them from how `guidance` lies in the image.
        off: how far each mask is off (`masks_off`); None finds it.
        trusts: of each mask, how far the matte is to follow it: 1 is the mask's own edge refined, 0 the
            network alone. The less, the deeper in a mask and the farther from it alpha may differ from it.
            None finds that out, and without refinement keeps to the network.
        plate_px: pixels of `image` that a pixel of the plate spans; 1 where the plate is not enlarged.

    Returns:
        (N, H, W) float32.
    """
    if how == "none" and trusts is None:
        return alphas
    refined = alphas.astype(np.float32, copy=True)
    seen, calm = seen_in(image, guidance, sizes=sizes, plate_px=plate_px), without_grain(image)
    if off is None:
        off = masks_off(alphas, seen, trusts=trusts)

    def one(n: int) -> None:
        alpha, mask, unit = refined[n], guidance[n], seen[n].unit
        asked = None if trusts is None else trusts[n]
        if how == "none" and asked is None:
            return
        apart, share = outline_distance(alpha, mask), 1.0
        if apart is not None and asked is None:
            unsure = np.interp(_unsure(alpha, mask), UNSURE_SHARE, (0, 1))
            share = float(max(np.interp(apart, AGREED_PX, (0, 1)), unsure))
        if share == 0:
            return
        doubtful = seen[n].doubt if doubts is None else doubts[n]
        weight = GOOD_WEIGHT_ENLARGED if plate_px > 1 else GOOD_WEIGHT
        own = 0.0 if apart is None else weight * _trust(apart, unit, plate_px) * (1 - doubtful)
        trust = own if asked is None else asked
        if how != "none":
            _decide(alpha, calm, how, unit, doubtful)
        if trust > 0:
            radius = _good_radius(unit, plate_px)
            _take_at_its_word(alpha, mask, calm, _less_at_strands(trust, alpha, mask, unit, radius), radius)
        if mask.any() and asked != 0:
            low, high = held_from(doubtful, off[n])
            wider = 1.0 if asked is None else 1 / max(asked, LEAST_TRUST)
            _keep_depths(alpha, mask, unit, (wider * low, wider * high))
        if share < 1:
            alpha[:] = alphas[n] + np.float32(share) * (alpha - alphas[n])

    side_by_side(one, range(len(refined)))
    return refined


def outline_distance(alpha: Plane, mask: Plane) -> float | None:
    """Mean distance in pixels of the outline of a mask (H, W) from that of an alpha (H, W); None where the
    mask has none."""
    outline = np.abs(np.diff(mask, axis=0)).sum() + np.abs(np.diff(mask, axis=1)).sum()
    return None if outline == 0 else np.abs((alpha > 0.5) - mask).sum() / outline


def masks_off(
    alphas: Plane, masks: Sequence[SeenMask], *, trusts: Sequence[float | None] | None = None
) -> list[float]:
    """How far each mask is off, as a share of the person's size, as the network's alphas (N, H, W) show it:
    as far as the two outlines are apart, if the alpha's lies on edges of the image better than the mask's; 0
    where the artist says how far to trust it.

    An alpha that lacks a piece of the person for no reason in the image gives nothing against their mask.
    """

    def one(n: int) -> float:
        alpha, seen = alphas[n], masks[n]
        apart = outline_distance(alpha, seen.mask)
        if apart is None or (trusts is not None and trusts[n] is not None):
            return 0.0
        if (poor := 1 - _trust(apart, seen.unit, seen.plate_px)) == 0:
            return 0.0
        return float(apart / seen.unit * poor * seen.better(alpha))

    return side_by_side(one, range(len(alphas)))


def held_from(doubtful: float, off: float) -> tuple[float, float]:
    """Depths in a mask, as shares of the person's size, from which it is held a little, and wholly.

    Args:
        doubtful: how far the mask is to be doubted, 0 to 1.
        off: how far it is off, as a share of the size.
    """
    low, high = (
        max(near + doubtful * (far - near), min(times * off, far))
        for near, far, times in zip(DEEP, DEEP_IN_DOUBT, DEEP_TIMES_OFF, strict=True)
    )
    return low, high


def trust_in(alpha: Plane, mask: Plane) -> float:
    """How far guidance (H, W) is taken at its word, 0 to 1, by the network's alpha of it."""
    apart = outline_distance(alpha, mask)
    return 0.0 if apart is None else _trust(apart, unit_of(size_of(mask), alpha.shape), 1.0)


def mask_with_edge(mask: Plane, image: Plane) -> Plane:
    """A mask (H, W) whose edge follows the image (3, H, W), by a guided filter: float32 in [0, 1]."""
    edged = mask.astype(np.float32, copy=True)
    radius = _good_radius(unit_of(size_of(mask), mask.shape), 1.0)
    _take_at_its_word(edged, mask, without_grain(image), np.ones_like(edged), radius)
    return edged


def _decide(alpha: Plane, image: Plane, how: Refine, unit: float, doubtful: float) -> None:
    """Decide the undecided band of an alpha (H, W) in place."""
    band = undecided_band(alpha, unit)
    radius = pixels(GUIDED_RADIUS_SHARE, unit)
    box = box_of(band, margin=2 * radius + 2)
    if box is None:
        return
    near, inside = image[:, *box], band[box]
    if how == "guided":
        better = guided_filter(near, alpha[box], radius_px=radius)
    else:
        weight = CLOSED_FORM_TRUST * (CLOSED_FORM_TRUST_IN_DOUBT / CLOSED_FORM_TRUST) ** doubtful
        better = closed_form(near, alpha[box], inside, trust=weight)
    alpha[box][inside] = better[inside]


def _trust(apart: float, unit: float, plate_px: float) -> float:
    """How far guidance is taken at its word, 0 to 1, whose outline is so many pixels from the network's."""
    least = GOOD_PLATE_PX if plate_px > 1 else (0.0, 0.0)
    good, poor = (max(share * unit, px * plate_px) for share, px in zip(GOOD_SHARE, least, strict=True))
    return float(np.clip((poor - apart) / (poor - good), 0, 1))


def _good_radius(unit: float, plate_px: float) -> int:
    """Half side of the window that gives good guidance its edge, in pixels."""
    least = GOOD_RADIUS_PLATE_PX * plate_px if plate_px > 1 else 0.0
    return max(pixels(GOOD_RADIUS_SHARE, unit), round(least))


def _unsure(alpha: Plane, mask: Plane) -> float:
    """Share of a mask's pixels where an alpha is undecided."""
    low, high = UNDECIDED
    inside = alpha[mask > 0]
    return float(((inside > low) & (inside < high)).mean()) if inside.size else 1.0


def _less_at_strands(trust: float, alpha: Plane, mask: Plane, unit: float, radius: int) -> Plane:
    """(H, W): the weight of guidance, which falls where the alpha has strands outside it."""
    weight, outside = np.full(alpha.shape, trust, np.float32), mask == 0
    reach = pixels(STRAND_SHARE, unit)
    box = box_of(outside & (alpha > STRAND_ALPHA[0]), margin=3 * reach)
    if box is not None:
        far = np.clip(depth_in(outside)[box] / np.float32(GOOD_STRANDS * radius), 0, 1)
        weight[box] *= 1 - far * _strands(alpha[box], reach)
    return weight


def _take_at_its_word(alpha: Plane, mask: Plane, image: Plane, trust: Plane, radius: int) -> None:
    """Mix an alpha (H, W) with its guidance, whose edge a guided filter softens, in place; `trust` (H, W) is
    the guidance's weight."""
    y, x = np.gradient(mask) if min(mask.shape) > 1 else (np.zeros_like(mask),) * 2
    box = box_of((y != 0) | (x != 0) | (np.abs(alpha - mask) > 0), margin=4 * radius)
    if box is None:
        return
    filtered = guided_filter(image[:, *box], mask[box], radius_px=radius)
    alpha[box] += trust[box] * (filtered - alpha[box])


def _keep_depths(alpha: Plane, mask: Plane, unit: float, depths: tuple[float, float]) -> None:
    """Deep inside a mask alpha stays 1, far outside 0, in place; strands are cut farther outside."""
    low, high = depths
    box = box_of(mask > 0, margin=int(np.ceil(STRAND_TIMES * high * unit)) + 2)
    if box is None:
        return
    near, kept = mask[box] > 0, alpha[box].copy()
    inside, outside = (depth_in(side) / np.float32(unit) for side in (near, ~near))

    def ramp(depth: Plane, end: float) -> Plane:
        return np.clip((depth - low) / (end - low), 0, 1).astype(np.float32)

    cut, reach = ramp(outside, high), pixels(STRAND_SHARE, unit)
    # Whether a pixel is a strand matters where it would be cut, and is decided by what lies around it.
    if (bitten := box_of(kept > 1 - cut, margin=3 * reach)) is not None:
        cut_strands = ramp(outside[bitten], STRAND_TIMES * high)
        cut[bitten] += _strands(kept[bitten], reach) * (cut_strands - cut[bitten])
    np.maximum(kept, ramp(inside, high), out=kept)
    np.minimum(kept, 1 - cut, out=kept)
    alpha[:] = 0  # beyond the box everything is deep outside
    alpha[box] = kept


def _strands(alpha: Plane, reach: int) -> Plane:
    """(H, W) in [0, 1]: how far a pixel lies at a piece of alpha that is narrower than twice the reach."""
    low, high = STRAND_ALPHA
    thin = alpha - cv2.morphologyEx(alpha, cv2.MORPH_OPEN, ball(reach))
    return np.clip((cv2.dilate(thin, ball(reach)) - low) / (high - low), 0, 1).astype(np.float32)


def undecided_band(alpha: Plane, size: float | None = None) -> NDArray[np.bool_]:
    """(H, W): the pixels of an alpha (H, W) that edge refinement may change, for a person of a `size` in
    pixels; None takes the short side."""
    low, high = UNDECIDED
    reach = pixels(RIM_SHARE, unit_of(size or 0.0, alpha.shape))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    undecided, rim = (alpha > low) & (alpha < high), np.hypot(y, x) <= reach + 0.3
    return cv2.dilate(undecided.view(np.uint8), rim.view(np.uint8)).view(bool)


def closed_form(
    image: Plane,
    alpha: Plane,
    unknown: NDArray[np.bool_],
    *,
    trust: float = CLOSED_FORM_TRUST,
    eps: float = CLOSED_FORM_EPS,
) -> Plane:
    """Closed-form matting of the unknown pixels, with an alpha as the prior.

    Args:
        image: (3, H, W) sRGB-encoded in [0, 1]; at least 3 x 3.
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
    colour, before = image.transpose(1, 2, 0).astype(np.float64), alpha.astype(np.float64)
    low, high = UNDECIDED
    given = np.where(before >= high, 1.0, np.where(before <= low, 0.0, before))
    solved = solve(colour, before, given, unknown, eps=eps, trust=trust, rtol=1e-5, steps=1000)
    result[unknown] = np.clip(solved, 0, 1)
    return result

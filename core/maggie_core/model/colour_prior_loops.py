"""`colour_priors` for a CPU: the same formulas as compiled loops over one instance's cells, sums in float64.

`colour_priors` is the reference. Import this module where it is used: its compiler takes a second to import.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maggie_core.runtime.jit import njit_cached

Plane = NDArray[np.float64]
MOMENTS = 10
"""Of a side: colour, its products in the order rr rg rb gg gb bb, and its weight."""


@njit_cached
def means(colour: Plane, claimed: Plane, radii: tuple[int, int]) -> Any:
    """(h, w, 12): the first of `LocalColours.rows`.

    Args:
        colour: (h, w, 3).
        claimed: (h, w) coverage of the guidance.
        radii: window half sizes.
    """
    height, width = claimed.shape
    moments = _moments(colour, claimed, 1 - claimed)
    out = np.empty((height, width, 12))
    for k in range(2):
        summed = _box(moments, radii[k])
        for y in range(height):
            for x in range(width):
                for side in range(2):
                    weight = summed[y, x, side * MOMENTS + 9] + 1e-4
                    for c in range(3):
                        mean = (summed[y, x, side * MOMENTS + c] + 1e-4 * 0.5) / weight
                        out[y, x, side * 6 + c * 2 + k] = mean
    return out


@njit_cached
def guided_filter(colour: Plane, claimed: Plane, radius: int, eps: float) -> Any:
    """(h, w, 5): `colour_priors._guided_filter` of colour (h, w, 3) and guidance (h, w)."""
    height, width = claimed.shape
    summed = _box(_moments(colour, claimed, 1 - claimed), radius)
    fit = np.zeros((height, width, 5))
    level = np.empty(MOMENTS)
    for y in range(height):
        for x in range(width):
            part = summed[y, x]
            seen = 1 / (part[9] + part[19])  # what of the window is inside the image
            for k in range(MOMENTS):
                level[k] = (part[k] + part[MOMENTS + k]) * seen
            r, g, b, cover = level[0], level[1], level[2], part[9] * seen
            red, green, blue = (
                part[0] * seen - cover * r,
                part[1] * seen - cover * g,
                part[2] * seen - cover * b,
            )
            p, q, s = _solved(level, red, green, blue, eps)
            fit[y, x, 0], fit[y, x, 1], fit[y, x, 2] = p, q, s
            fit[y, x, 3] = cover - (p * r + q * g + s * b)
    return _smooth(fit, radius)


@njit_cached
def discriminant(
    colour: Plane,
    claimed: Plane,
    left_out: int,
    radii: Any,
    smoothing: int,
    eps: float,
    rim: float,
    sure: float,
) -> Any:
    """(h, w, 5): `colour_priors._discriminant`.

    Args:
        colour: (h, w, 3).
        claimed: (h, w) coverage of the guidance.
        left_out: cells beside the guidance's edge whose side is open; they count `rim`.
        radii: (passes,) window half size of each.
        smoothing: half size of the window that a fit is averaged over.
        eps: regularisation of the colours' spread.
        sure: how far an estimate must lean to one side to count for it in the next pass.
    """
    height, width = claimed.shape
    inside, outside = _lowest(claimed, left_out), _lowest(1 - claimed, left_out)
    decided = np.maximum(inside, outside)
    inside += rim * (claimed - inside)
    outside += rim * (1 - claimed - outside)
    fit = _separated(colour, inside, outside, claimed, radii[0], smoothing, eps)
    for k in range(1, len(radii)):
        for y in range(height):
            for x in range(width):
                estimate = _applied(fit[y, x], colour[y, x])
                estimate += (claimed[y, x] - estimate) * decided[y, x]
                inside[y, x] = max(estimate - sure, 0)
                outside[y, x] = max(1 - estimate - sure, 0)
        fit = _separated(colour, inside, outside, claimed, radii[k], smoothing, eps)
    return fit


@njit_cached
def fill_coarse(
    rows: Any, colour: Any, claimed: Any, top: int, down: int, left: int, across: int, coarse: Any
) -> None:
    """Write `colour_priors._coarse` of rows (h, w, 32), colour (h, w, 3) and guidance (h, w) to `coarse`
    (12, h/2, w/2), for the cells from `top` to `down` and from `left` to `across`, which are even.
    """
    means, level, priors = np.empty(12), np.empty(3), np.empty(12)
    for y in range(top // 2, down // 2):
        for x in range(left // 2, across // 2):
            means[:] = 0
            level[:] = 0
            coarse[4:, y, x] = 0
            for n in range(4):
                i, j = 2 * y + n // 2, 2 * x + n % 2
                for k in range(12):
                    means[k] += rows[i, j, k] * 0.25
                for c in range(3):
                    level[c] += colour[i, j, c] * 0.25
                _fits(rows[i, j], colour[i, j], claimed[i, j], priors)
                for k in range(4, 12):
                    coarse[k, y, x] += priors[k] * 0.25
            _lines(means, level, priors)
            for k in range(4):
                coarse[k, y, x] = priors[k]


@njit_cached
def fill_sites(
    rows: Any,
    image: Any,
    guidance: Any,
    which: Any,
    ys: Any,
    xs: Any,
    stride: int,
    scale: float,
    out: Any,
) -> None:
    """Write the colour priors of sites to `out` (n, 12).

    Args:
        rows: (N, h, w, 32).
        image: (H, W, 3), of which a site covers `stride` pixels in both directions.
        guidance: (N, H, W).
        which, ys, xs: (n,) instance and place of each site.
        scale: of a site's place, to find it in `rows`.
    """
    _, height, width, fields = rows.shape
    local, colour, priors = np.empty(fields), np.empty(3), np.empty(12)
    share = 1 / (stride * stride)
    for n in range(len(which)):
        m = which[n]
        y = min(max((ys[n] + 0.5) * scale - 0.5, 0.0), height - 1.0)
        x = min(max((xs[n] + 0.5) * scale - 0.5, 0.0), width - 1.0)
        top, left = int(y), int(x)
        low, right = min(top + 1, height - 1), min(left + 1, width - 1)
        down, across = y - top, x - left
        for k in range(fields):
            above = rows[m, top, left, k] * (1 - across) + rows[m, top, right, k] * across
            below = rows[m, low, left, k] * (1 - across) + rows[m, low, right, k] * across
            local[k] = above * (1 - down) + below * down
        colour[:] = 0
        claimed = 0.0
        for i in range(ys[n] * stride, (ys[n] + 1) * stride):
            for j in range(xs[n] * stride, (xs[n] + 1) * stride):
                for c in range(3):
                    colour[c] += image[i, j, c] * share
                claimed += guidance[m, i, j] * share
        _lines(local, colour, priors)
        _fits(local, colour, claimed, priors)
        for k in range(12):
            out[n, k] = priors[k]


@njit_cached
def _moments(colour: Plane, inside: Plane, outside: Plane) -> Any:
    """(h, w, 20): the moments of both sides, weighted by (h, w) each."""
    height, width = inside.shape
    moments = np.empty((height, width, 2 * MOMENTS))
    for y in range(height):
        for x in range(width):
            r, g, b = colour[y, x, 0], colour[y, x, 1], colour[y, x, 2]
            for side in range(2):
                weight = outside[y, x] if side else inside[y, x]
                to = moments[y, x, side * MOMENTS : (side + 1) * MOMENTS]
                to[0], to[1], to[2] = weight * r, weight * g, weight * b
                to[3], to[4], to[5] = to[0] * r, to[0] * g, to[0] * b
                to[6], to[7], to[8] = to[1] * g, to[1] * b, to[2] * b
                to[9] = weight
    return moments


@njit_cached
def _separated(
    colour: Plane, inside: Plane, outside: Plane, claimed: Plane, radius: int, smoothing: int, eps: float
) -> Any:
    """(h, w, 5): `colour_priors._separated`."""
    height, width = claimed.shape
    summed = _box(_moments(colour, inside, outside), radius)
    fit = np.zeros((height, width, 5))
    spread = np.empty(MOMENTS)
    for y in range(height):
        for x in range(width):
            part = summed[y, x]
            if part[9] <= 1e-4 or part[19] <= 1e-4:
                fit[y, x, 3] = claimed[y, x]
                continue
            i, j = 1 / (part[9] + 1e-6), 1 / (part[19] + 1e-6)
            for k in range(9):
                spread[k] = (part[k] * i + part[MOMENTS + k] * j) / 2
            r, g, b = spread[0], spread[1], spread[2]
            red, green, blue = (
                part[0] * i - part[10] * j,
                part[1] * i - part[11] * j,
                part[2] * i - part[12] * j,
            )
            p, q, s = _solved(spread, red / 4, green / 4, blue / 4, eps)
            fit[y, x, 0], fit[y, x, 1], fit[y, x, 2] = p, q, s
            fit[y, x, 3] = 0.5 - (p * r + q * g + s * b)
            fit[y, x, 4] = p * red + q * green + s * blue
    return _smooth(fit, smoothing)


@njit_cached
def _solved(level: Any, right_r: float, right_g: float, right_b: float, eps: float) -> Any:
    """x with (C + eps) x = right, for the covariance C that mean moments (10,) have."""
    r, g, b = level[0], level[1], level[2]
    rr, rg, rb = level[3] - r * r + eps, level[4] - r * g, level[5] - r * b
    gg, gb, bb = level[6] - g * g + eps, level[7] - g * b, level[8] - b * b + eps
    first, second, third = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    fourth, fifth, sixth = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * first + rg * second + rb * third)
    return (
        (first * right_r + second * right_g + third * right_b) * scale,
        (second * right_r + fourth * right_g + fifth * right_b) * scale,
        (third * right_r + fifth * right_g + sixth * right_b) * scale,
    )


@njit_cached
def _lines(means: Any, colour: Any, priors: Any) -> None:
    """`colour_priors._lines` of one pixel, to the first four of its priors."""
    for k in range(2):
        along = length2 = 0.0
        for c in range(3):
            beyond = means[6 + c * 2 + k]
            line = means[c * 2 + k] - beyond
            along += (colour[c] - beyond) * line
            length2 += line * line
        priors[2 * k] = min(max(along / (length2 + 1e-3), -0.5), 1.5) * 2 - 1
        priors[2 * k + 1] = np.sqrt(max(length2, 1e-8)) * 2 - 1


@njit_cached
def _fits(fields: Any, colour: Any, claimed: float, priors: Any) -> None:
    """`colour_priors._fits` of one pixel, to the last eight of its priors."""
    priors[4] = claimed * 2 - 1
    for k in range(4):
        alpha = fields[24 + k]
        for c in range(3):
            alpha += fields[12 + c * 4 + k] * colour[c]
        priors[4 + 2 * k if k else 5] = min(max(alpha, 0.0), 1.0) * 2 - 1
        if k:
            priors[5 + 2 * k] = fields[28 + k] * 2 - 1


@njit_cached
def _applied(fit: Any, colour: Any) -> float:
    """Alpha of a colour (3,) under a fit (5,), cut to [0, 1]."""
    return min(max(fit[0] * colour[0] + fit[1] * colour[1] + fit[2] * colour[2] + fit[3], 0.0), 1.0)


@njit_cached
def _lowest(plane: Plane, radius: int) -> Any:
    """(h, w): the lowest value in a square of side 2 `radius` + 1."""
    height, width = plane.shape
    across, lowest = plane.copy(), np.empty((height, width))
    for y in range(height):
        for x in range(width):
            for i in range(max(x - radius, 0), min(x + radius + 1, width)):
                across[y, x] = min(across[y, x], plane[y, i])
    for y in range(height):
        lowest[y] = across[y]
        for i in range(max(y - radius, 0), min(y + radius + 1, height)):
            lowest[y] = np.minimum(lowest[y], across[i])
    return lowest


@njit_cached
def _smooth(planes: Plane, radius: int) -> Any:
    """(h, w, n): mean over a window, of what lies inside the image."""
    height, width, channels = planes.shape
    out = _box(planes, radius)
    for y in range(height):
        lines = min(y + radius, height - 1) - max(y - radius, 0) + 1
        for x in range(width):
            seen = lines * (min(x + radius, width - 1) - max(x - radius, 0) + 1)
            for c in range(channels):
                out[y, x, c] *= (2 * radius + 1) ** 2 / seen
    return out


@njit_cached
def _box(planes: Plane, radius: int) -> Any:
    """(h, w, n): mean over the (2 r + 1)^2 window, counting zeros beyond the border, by sums moved along."""
    height, width, channels = planes.shape
    column, window = np.zeros((width, channels)), np.empty(channels)
    out = np.empty((height, width, channels))
    scale = 1 / (2 * radius + 1) ** 2
    for y in range(-radius, height):
        if y + radius < height:
            for x in range(width):
                for c in range(channels):
                    column[x, c] += planes[y + radius, x, c]
        if y - radius - 1 >= 0:
            for x in range(width):
                for c in range(channels):
                    column[x, c] -= planes[y - radius - 1, x, c]
        if y < 0:
            continue
        window[:] = 0
        for x in range(-radius, width):
            if x + radius < width:
                for c in range(channels):
                    window[c] += column[x + radius, c]
            if x - radius - 1 >= 0:
                for c in range(channels):
                    window[c] -= column[x - radius - 1, c]
            if x >= 0:
                for c in range(channels):
                    out[y, x, c] = window[c] * scale
    return out

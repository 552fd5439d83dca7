"""The closed form of matting, for few unknown pixels: their rows of the Laplacian, and conjugate gradients.

Import it where it is used: it brings a compiler along, which takes a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maggie_core.runtime.jit import njit_cached

Plane = NDArray[np.float64]
REACH = 2
"""Pixels share a window of 3 x 3 with others up to this far away."""


def solve(
    colour: Plane,
    before: Plane,
    given: Plane,
    unknown: NDArray[np.bool_],
    *,
    eps: float,
    trust: float,
    rtol: float,
    steps: int,
) -> Plane:
    """Alphas of the unknown pixels: smooth in colour, joined to the known, near to what they were before.

    Args:
        colour: (H, W, 3), at least 3 x 3.
        before, given: (H, W) alphas; `before` counts at unknown pixels and `given` at all others.
        unknown: (H, W).
        eps: regularisation of the colour line.
        trust: weight of `before`.
        rtol, steps: when the search ends: at this residual, relative to the right side, or so many steps.

    Returns:
        (n,) of the unknown pixels, row by row; not limited to [0, 1].

    Source: Levin, Lischinski, Weiss, "A Closed-Form Solution to Natural Image Matting", CVPR 2006.
    """
    rows, columns = np.nonzero(unknown)
    index = np.full(unknown.shape, -1, np.int32)
    index[rows, columns] = np.arange(len(rows), dtype=np.int32)
    laplacian = _laplacian(np.ascontiguousarray(colour), index, len(rows), eps)
    start = before[rows, columns]
    field = np.pad(np.where(unknown, 0.0, given), REACH)
    places = (rows + REACH) * field.shape[1] + columns + REACH
    return _conjugate_gradients(laplacian, field, places, start, trust, rtol, steps)


@njit_cached
def _laplacian(colour: Any, index: Any, count: int, eps: float) -> Any:
    """(n, 25) entries of the unknown pixels' rows, for the 5 x 5 pixels around each."""
    height, width = index.shape
    entries = np.zeros((count, 25))
    apart = np.empty((9, 3))
    whitened = np.empty((9, 3))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            any_unknown = False
            for k in range(9):
                any_unknown |= index[y + k // 3 - 1, x + k % 3 - 1] >= 0
            if not any_unknown:
                continue
            for c in range(3):
                mean = 0.0
                for k in range(9):
                    mean += colour[y + k // 3 - 1, x + k % 3 - 1, c]
                mean /= 9
                for k in range(9):
                    apart[k, c] = colour[y + k // 3 - 1, x + k % 3 - 1, c] - mean
            rr = gg = bb = eps / 9
            rg = rb = gb = 0.0
            for k in range(9):
                r, g, b = apart[k, 0], apart[k, 1], apart[k, 2]
                rr += r * r / 9
                gg += g * g / 9
                bb += b * b / 9
                rg += r * g / 9
                rb += r * b / 9
                gb += g * b / 9
            # The inverse of a symmetric 3 x 3 matrix by its cofactors.
            i, j, k_ = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
            l, m, o = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg  # noqa: E741
            scale = 1 / (rr * i + rg * j + rb * k_)
            for k in range(9):
                r, g, b = apart[k, 0], apart[k, 1], apart[k, 2]
                whitened[k, 0] = (i * r + j * g + k_ * b) * scale
                whitened[k, 1] = (j * r + l * g + m * b) * scale
                whitened[k, 2] = (k_ * r + m * g + o * b) * scale
            for k in range(9):
                row = index[y + k // 3 - 1, x + k % 3 - 1]
                if row < 0:
                    continue
                for other in range(9):
                    dy, dx = other // 3 - k // 3, other % 3 - k % 3
                    alike = 1.0
                    for c in range(3):
                        alike += apart[k, c] * whitened[other, c]
                    entries[row, (dy + 2) * 5 + dx + 2] -= alike / 9
                entries[row, 12] += 1.0
    return entries


@njit_cached
def _conjugate_gradients(
    laplacian: Any, field: Any, places: Any, start: Any, trust: float, rtol: float, steps: int
) -> Any:
    """Solve (L + trust) x = trust start - L field at the unknown pixels.

    With D the diagonal and D^-1/2 (L + trust) D^-1/2 = A = E + I + E', E being what is below the diagonal,
    the system solved is (I + E)^-1 A (I + E')^-1, which needs a third of the steps. Each costs no more than
    without, as A = (I + E) + (I + E') - I: with t = (I + E')^-1 p, p becomes t + (I + E)^-1 (p - t).

    Source: Eisenstat, "Efficient Implementation of a Class of Preconditioned Conjugate Gradient Methods",
        1981.
    """
    count, stride, flat = len(places), field.shape[1], field.ravel()
    near = np.array([(k // 5 - 2) * stride + k % 5 - 2 for k in range(25)])
    scale, wanted = np.empty(count), np.empty(count)
    for n in range(count):
        scale[n] = 1 / np.sqrt(laplacian[n, 12] + trust)
        known = 0.0
        for k in range(25):
            known += laplacian[n, k] * flat[places[n] + near[k]]
        wanted[n] = (trust * start[n] - known) * scale[n]
    # From here on the field holds values of the unknown pixels alone, and 0 elsewhere.
    _put(flat, places, scale)
    below, above = np.empty((count, 12)), np.empty((count, 12))
    for n in range(count):
        for k in range(12):
            below[n, k] = laplacian[n, k] * scale[n] * flat[places[n] + near[k]]
            above[n, k] = laplacian[n, 24 - k] * scale[n] * flat[places[n] + near[24 - k]]
    _put(flat, places, start / scale)
    solved, residual = np.empty(count), np.empty(count)
    for n in range(count):
        before = after = 0.0
        for k in range(12):
            before += below[n, k] * flat[places[n] + near[k]]
            after += above[n, k] * flat[places[n] + near[24 - k]]
        solved[n] = flat[places[n]] + after
        residual[n] = wanted[n] - before - solved[n]
    _forward(below, flat, places, stride, wanted)
    _forward(below, flat, places, stride, residual)
    enough, length = rtol * rtol * _square(wanted), _square(residual)
    way, turned, product = residual.copy(), np.empty(count), np.empty(count)
    for _ in range(steps):
        if length <= enough:
            break
        turned[:] = way
        _backward(above, flat, places, stride, turned)
        for n in range(count):
            product[n] = way[n] - turned[n]
        _forward(below, flat, places, stride, product)
        steep = 0.0
        for n in range(count):
            product[n] += turned[n]
            steep += way[n] * product[n]
        for n in range(count):
            solved[n] += length / steep * way[n]
            residual[n] -= length / steep * product[n]
        last, length = length, _square(residual)
        for n in range(count):
            way[n] = residual[n] + length / last * way[n]
    _backward(above, flat, places, stride, solved)
    return solved * scale


@njit_cached
def _forward(below: Any, flat: Any, places: Any, stride: int, values: Any) -> None:
    """values = (I + E)^-1 values, by way of a field that is 0 at known pixels."""
    for n in range(len(places)):
        place, total, more = places[n], values[n], 0.0
        for k in range(5):
            total -= below[n, k] * flat[place - 2 * stride - 2 + k]
            more += below[n, 5 + k] * flat[place - stride - 2 + k]
        total -= more + below[n, 10] * flat[place - 2]
        values[n] = total - below[n, 11] * flat[place - 1]
        flat[place] = values[n]


@njit_cached
def _backward(above: Any, flat: Any, places: Any, stride: int, values: Any) -> None:
    """values = (I + E')^-1 values, likewise."""
    for n in range(len(places) - 1, -1, -1):
        place, total, more = places[n], values[n], 0.0
        for k in range(5):
            total -= above[n, k] * flat[place + 2 * stride + 2 - k]
            more += above[n, 5 + k] * flat[place + stride + 2 - k]
        total -= more + above[n, 10] * flat[place + 2]
        values[n] = total - above[n, 11] * flat[place + 1]
        flat[place] = values[n]


@njit_cached
def _put(flat: Any, places: Any, values: Any) -> None:
    flat[:] = 0.0
    for n in range(len(places)):
        flat[places[n]] = values[n]


@njit_cached
def _square(values: Any) -> float:
    total = 0.0
    for n in range(len(values)):
        total += values[n] * values[n]
    return total

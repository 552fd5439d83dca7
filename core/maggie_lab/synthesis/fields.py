"""Smooth random fields, and the filters that the other modules use.

All planes are float32. Painting has channels last, (H, W, C); filters and scenes have them first, (C, H, W).
Filters are sums of shifted planes, which give the same bits for any number of threads.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

Plane = NDArray[np.floating]
"""Float planes: float32 in memory, which the stubs of numpy do not follow through arithmetic."""


def resize(plane: Plane, height: int, width: int, *, mode: str = "bilinear") -> Plane:
    """Resample (H, W) or (H, W, C) with half-pixel centres; shrinking averages ("bilinear" and "bicubic")."""
    planes = plane[..., None] if plane.ndim == 2 else plane
    tensor = torch.from_numpy(np.ascontiguousarray(planes.transpose(2, 0, 1)))[None]
    shrinks = height < plane.shape[0] or width < plane.shape[1]
    out = functional.interpolate(tensor, (height, width), mode=mode, align_corners=False, antialias=shrinks)
    result = out[0].numpy().transpose(1, 2, 0)
    return np.ascontiguousarray(result[..., 0] if plane.ndim == 2 else result)


def value_noise(rng: np.random.Generator, height: int, width: int, *, cell_px: float) -> Plane:
    """Smooth noise of unit variance at its nodes, features about `cell_px` across; (height, width)."""
    rows = max(2, int(np.ceil(height / cell_px)) + 1)
    columns = max(2, int(np.ceil(width / cell_px)) + 1)
    if rows >= height and columns >= width:
        return rng.standard_normal((height, width), dtype=np.float32)
    grid = rng.standard_normal((rows, columns), dtype=np.float32)
    mode = "bicubic" if cell_px >= 6 and rows < height and columns < width else "bilinear"
    return resize(grid, height, width, mode=mode)


def fractal_noise(
    rng: np.random.Generator,
    height: int,
    width: int,
    *,
    cell_px: float,
    octaves: int = 4,
    gain: float = 0.5,
) -> Plane:
    """Noise summed over `octaves`, each half as wide and `gain` as strong as the one before; variance about
    1.
    """
    total = np.zeros((height, width), np.float32)
    power = 0.0
    for octave in range(octaves):
        strength = gain**octave
        total += np.float32(strength) * value_noise(rng, height, width, cell_px=max(1.0, cell_px / 2**octave))
        power += strength**2
    return total / np.float32(np.sqrt(0.5 * power))


def spectral_noise(rng: np.random.Generator, height: int, width: int, *, slope: float) -> Plane:
    """Noise whose amplitude falls as frequency^-slope (photographs: about 1); zero mean, unit variance."""
    fy = np.fft.fftfreq(height)[:, None]
    fx = np.fft.rfftfreq(width)[None]
    radius = np.sqrt(fy * fy + fx * fx)
    radius[0, 0] = 1.0
    white = np.fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    field = np.fft.irfft2(white * radius**-slope, s=(height, width)).astype(np.float32)
    field -= field.mean()
    return field / (field.std() + np.float32(1e-6))


def resize_planes(planes: Plane, height: int, width: int) -> Plane:
    """As `resize`, bilinear, for planes (..., H, W)."""
    shrinks = height < planes.shape[-2] or width < planes.shape[-1]
    tensor = torch.from_numpy(np.ascontiguousarray(planes)).reshape(1, -1, *planes.shape[-2:])
    out = functional.interpolate(
        tensor, (height, width), mode="bilinear", align_corners=False, antialias=shrinks
    )
    return out.numpy().reshape(*planes.shape[:-2], height, width)


def convolve_separable(planes: Plane, kernel: NDArray[np.floating], *, edge: bool = True) -> Plane:
    """Filter planes (..., H, W) with one odd symmetric kernel; `edge` repeats the border, else zeros."""
    radius = len(kernel) // 2
    if radius == 0:
        return planes
    mode = "edge" if edge else "constant"
    height, width = planes.shape[-2:]
    lead = [(0, 0)] * (planes.ndim - 2)
    padded = np.pad(planes, [*lead, (radius, radius), (0, 0)], mode=mode)
    rows = np.float32(kernel[radius]) * planes
    for step in range(radius):
        far = 2 * radius - step
        pair = padded[..., step : step + height, :] + padded[..., far : far + height, :]
        pair *= np.float32(kernel[step])
        rows += pair
    padded = np.pad(rows, [*lead, (0, 0), (radius, radius)], mode=mode)
    rows *= np.float32(kernel[radius])
    for step in range(radius):
        far = 2 * radius - step
        pair = padded[..., step : step + width] + padded[..., far : far + width]
        pair *= np.float32(kernel[step])
        rows += pair
    return rows


def gaussian_blur(planes: Plane, sigma_px: float, *, edge: bool = True) -> Plane:
    """Gaussian blur of planes (..., H, W); wide blurs run on a smaller grid, which looks the same."""
    if sigma_px < 0.15:
        return planes
    factor = int(min(8, max(1, sigma_px // 2)))
    height, width = planes.shape[-2:]
    if factor > 1 and min(height, width) >= 4 * factor:
        small = resize_planes(planes, max(2, height // factor), max(2, width // factor))
        return resize_planes(gaussian_blur(small, sigma_px / factor * 0.95, edge=edge), height, width)
    radius = max(1, int(np.ceil(2.6 * sigma_px)))
    offsets = np.arange(-radius, radius + 1)
    kernel = np.exp(-0.5 * (offsets / sigma_px) ** 2)
    return convolve_separable(planes, kernel / kernel.sum(), edge=edge)


def smoothstep(x: Plane, low: float, high: float) -> Plane:
    """0 below `low`, 1 above `high`, a smooth cubic between."""
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def disc_blur(planes: Plane, sigma_px: float) -> Plane:
    """Blur planes (..., H, W) with a disc as wide as a Gaussian of `sigma_px`, as lenses do."""
    radius = 2.0 * sigma_px
    if radius < 0.5:
        return planes
    factor, (height, width) = int(sigma_px // 1.5), planes.shape[-2:]
    if factor > 1 and min(height, width) >= 4 * factor:
        small = resize_planes(planes, max(2, height // factor), max(2, width // factor))
        return resize_planes(disc_blur(small, sigma_px / factor * 0.95), height, width)
    # A disc that covers part of a pixel covers it in part: the mean of three discs is smooth enough.
    kernel = np.zeros((2 * int(np.ceil(radius)) + 1,) * 2)
    offsets = np.arange(len(kernel)) - len(kernel) // 2
    for inner in (radius - 0.33, radius, radius + 0.33):
        kernel += np.hypot(offsets[:, None], offsets[None]) <= inner
    kernel /= kernel.sum()
    reach = len(kernel) // 2
    padded = np.pad(planes, [(0, 0)] * (planes.ndim - 2) + [(reach, reach)] * 2, mode="edge")
    sums = np.cumsum(padded, axis=-1, dtype=np.float64)
    sums = np.concatenate([np.zeros_like(sums[..., :1]), sums], axis=-1)
    total = np.zeros(planes.shape, np.float64)
    for row, weights in enumerate(kernel):
        for level in np.unique(weights[weights > 0]):
            # Rows of a disc are runs of equal weight, the heaviest in the middle.
            below = weights[weights < level].max(initial=0.0)
            run = np.flatnonzero(weights >= level)
            first, last = int(run[0]), int(run[-1]) + 1
            lines = sums[..., row : row + height, :]
            total += (level - below) * (lines[..., last : last + width] - lines[..., first : first + width])
    return total.astype(np.float32)

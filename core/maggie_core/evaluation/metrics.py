"""How far a matte is from the truth, on the published scales and on plain ones.

One *sample* is one instance in one frame, `p` predicted and `g` true, both coverage in [0, 1]. The published
scales are unusual: MAD and MSE are `1e10 * sum / (H W)^2`, so they depend on the picture's size. `MAD_e3` and
`MSE_e3` are the plain means times 1000. The two must never share a table.

Source: "MaGGIe: Masked Guided Gradual Human Instance Matting", CVPR 2024, supplementary, and the published
evaluation's behaviour; `tests/golden` holds values computed by it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from ..errors import InputError

Alphas = NDArray[np.floating]

IMAGE_METRICS = ("SAD", "MSE", "MAD", "Grad", "MAD_e3", "MSE_e3")
"""What `image_errors` returns, in this order."""

_GRAD_SIGMA = 1.4
_GRAD_RADIUS = 4
"""ceil(sigma sqrt(-2 ln(sqrt(2 pi) sigma 0.01))): beyond it the kernel is below 1 %."""


def sad(predicted: Alphas, truth: Alphas) -> float:
    """Sum of absolute differences of one sample (H, W), in thousands."""
    return 1e-3 * float(np.abs(_difference(predicted, truth)).sum())


def mad(predicted: Alphas, truth: Alphas) -> float:
    """The published MAD of one sample (H, W): `1e10 * sum|d| / (H W) / (H W + 1e-6)`."""
    return _published_mean(np.abs(_difference(predicted, truth)))


def mse(predicted: Alphas, truth: Alphas) -> float:
    """The published MSE of one sample (H, W): `1e10 * sum d^2 / (H W) / (H W + 1e-6)`."""
    return _published_mean(_difference(predicted, truth) ** 2)


def mad_e3(predicted: Alphas, truth: Alphas) -> float:
    """The mean absolute difference of one sample (H, W), times 1000."""
    return 1e3 * float(np.abs(_difference(predicted, truth)).mean())


def mse_e3(predicted: Alphas, truth: Alphas) -> float:
    """The mean squared difference of one sample (H, W), times 1000."""
    return 1e3 * float((_difference(predicted, truth) ** 2).mean())


def grad(predicted: Alphas, truth: Alphas) -> NDArray[np.float64]:
    """The gradient error of every sample.

    Args:
        predicted, truth: (..., H, W). Each array is first stretched to its own least and greatest value,
            taken over the *whole* array: hand over what the protocol wants normalised together (all
            instances of an image; all instances and frames of a video).

    Returns:
        (...) errors, in thousands.
    """
    _difference(predicted, truth)
    gap = _slope(_stretched(predicted)) - _slope(_stretched(truth))
    return 1e-3 * (gap.astype(np.float64) ** 2).sum((-2, -1))


def dtssd(predicted: Alphas, truth: Alphas) -> float:
    """Flicker of one instance over one window: `0.1 * sqrt(sum of squared differences of changes)`.

    Args:
        predicted, truth: (T, H, W). The paper's numbers take the whole video as one window. Nothing is
            divided by pixels or frames, so only windows of one size and length compare.
    """
    change = np.diff(_difference(predicted, truth), axis=0)
    return 0.1 * float(np.sqrt((change**2).sum()))


def dtssd_e3(predicted: Alphas, truth: Alphas) -> float:
    """Flicker of one instance (T, H, W) as a plain number: root mean squared difference of changes, times
    1000.
    """
    change = np.diff(_difference(predicted, truth), axis=0)
    return 1e3 * float(np.sqrt((change**2).mean())) if len(change) else 0.0


def image_errors(predicted: Alphas, truth: Alphas) -> dict[str, NDArray[np.float64]]:
    """All metrics of `IMAGE_METRICS` for the instances of one image.

    Args:
        predicted, truth: (N, H, W).

    Returns:
        For each metric its (N,) values; Grad is normalised over all instances together.
    """
    pairs = list(zip(predicted, truth, strict=True))
    each = {"SAD": sad, "MSE": mse, "MAD": mad, "MAD_e3": mad_e3, "MSE_e3": mse_e3}
    values = {name: np.array([metric(p, g) for p, g in pairs]) for name, metric in each.items()}
    values["Grad"] = grad(predicted, truth)
    return {name: values[name] for name in IMAGE_METRICS}


def video_errors(predicted: Alphas, truth: Alphas) -> dict[str, NDArray[np.float64]]:
    """All image metrics and dtSSD for the instances of one video, whole-video ("paper") protocol.

    Args:
        predicted, truth: (T, N, H, W).

    Returns:
        (T * N,) values for each image metric, and (N,) values for `dtSSD` and `dtSSD_e3`.
    """
    frames, instances = truth.shape[:2]
    flat = image_errors(
        predicted.reshape(frames * instances, *predicted.shape[2:]),
        truth.reshape(frames * instances, *truth.shape[2:]),
    )
    over_time = [(predicted[:, k], truth[:, k]) for k in range(instances)]
    flat["dtSSD"] = np.array([dtssd(p, g) for p, g in over_time])
    flat["dtSSD_e3"] = np.array([dtssd_e3(p, g) for p, g in over_time])
    return flat


@dataclass
class Averages:
    """Running means in which every sample weighs the same, as the published tables are made."""

    _sums: dict[str, float] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def add(self, errors: dict[str, NDArray[np.float64]]) -> None:
        """Add the samples of one image or video."""
        for name, values in errors.items():
            self._sums[name] = self._sums.get(name, 0.0) + float(values.sum())
            self._counts[name] = self._counts.get(name, 0) + len(values)

    def means(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """The mean of each metric over all samples so far."""
        chosen = self._sums if names is None else names
        return {name: self._sums[name] / (self._counts[name] + 1e-6) for name in chosen}

    def count(self, name: str) -> int:
        """How many samples a metric has seen."""
        return self._counts.get(name, 0)


def _difference(predicted: Alphas, truth: Alphas) -> NDArray[np.float64]:
    if predicted.shape != truth.shape:
        raise InputError(
            f"the matte is {predicted.shape} but the truth is {truth.shape}: "
            "bring both to one size before scoring."
        )
    return predicted.astype(np.float64) - truth


def _published_mean(values: NDArray[np.float64]) -> float:
    return 1e10 * float(values.sum()) / values.size / (values.size + 1e-6)


def _stretched(alphas: Alphas) -> NDArray[np.float32]:
    low, high = np.float32(alphas.min()), np.float32(alphas.max())
    return (alphas.astype(np.float32) - low) / (high - low + np.float32(1e-6))


def _slope(alphas: NDArray[np.float32]) -> NDArray[np.float32]:
    """Length of the Gaussian gradient of (..., H, W), zeros outside the picture."""
    smooth, slope = _gaussian_kernels()
    across = correlate1d(correlate1d(alphas, slope, -1, mode="constant"), smooth, -2, mode="constant")
    down = correlate1d(correlate1d(alphas, slope, -2, mode="constant"), smooth, -1, mode="constant")
    return np.hypot(across, down)


def _gaussian_kernels() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The two factors of the 9 x 9 kernel, scaled so that their product has Frobenius norm 1."""
    u = np.arange(-_GRAD_RADIUS, _GRAD_RADIUS + 1, dtype=np.float64)
    smooth = np.exp(-(u**2) / (2 * _GRAD_SIGMA**2)) / (_GRAD_SIGMA * np.sqrt(2 * np.pi))
    slope = -u * smooth / _GRAD_SIGMA**2
    return smooth / np.linalg.norm(smooth), slope / np.linalg.norm(slope)

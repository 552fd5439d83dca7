"""How far a matte is from the truth, on the published scales and on plain ones.

SAD, MAD and MSE are the sum, the mean of absolute and the mean of squared differences of alpha. MAD_f, MAD_u
and MAD_b are MAD in the foreground, around edges (unknown) and in the background. Grad compares the gradients
of alpha, Conn its connectivity. dtSSD and MESSDdt measure flicker: changes from frame to frame, and along the
motion.

One *sample* is one instance in one frame, `p` predicted and `g` true, both coverage in [0, 1]; over time it
is one instance in one window of frames. The published scales are unusual: MAD and MSE are
`1e10 * sum / (H W)^2`, so they depend on the image's size, and dtSSD is not divided by anything. `MAD_e3`,
`MSE_e3` and `dtSSD_e3` are plain means times 1000. The two must never share a column. Lower is better
everywhere.

Source: "MaGGIe: Masked Guided Gradual Human Instance Matting", CVPR 2024, supplementary, and the published
evaluation's behaviour; `tests/golden` holds values computed by it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maggie_api.errors import InputError
from maggie_lab.evaluation.connectivity import connectivity_error
from maggie_lab.evaluation.flicker import Flow, dtssd, dtssd_e3, messddt, truth_flow
from maggie_lab.evaluation.gradient import REACH_PX as GRADIENT_REACH_PX
from maggie_lab.evaluation.gradient import Limits, gradient_error, limits_of
from maggie_lab.evaluation.trimap import BACKGROUND, FOREGROUND, UNKNOWN, truth_trimap
from maggie_lab.evaluation.trimap import REACH_PX as TRIMAP_REACH_PX

Alphas = NDArray[np.floating]
Errors = dict[str, NDArray[np.float64]]
"""The values of all samples by metric."""
Protocol = Literal["paper", "release"]

PROTOCOLS: tuple[Protocol, ...] = ("paper", "release")
"""`paper`: the whole video is one window, as in the printed tables. `release`: the sliding windows of the
public program, whose dtSSD is about five times smaller for 30 frames."""
IMAGE_METRICS = ("SAD", "MAD", "MSE", "MAD_f", "MAD_u", "MAD_b", "Grad", "Conn", "MAD_e3", "MSE_e3")
FLICKER_METRICS = ("dtSSD", "MESSDdt", "MESSDdt_fixed", "dtSSD_e3")
METRICS = (*IMAGE_METRICS, *FLICKER_METRICS)
RELEASE_LEAST_FRAMES = 5

_REGIONS = {"MAD_f": FOREGROUND, "MAD_u": UNKNOWN, "MAD_b": BACKGROUND}
_MARGIN_PX = TRIMAP_REACH_PX + GRADIENT_REACH_PX
_SLACK = 1e-3
"""How far outside [0, 1] an alpha may lie: what resampling in half precision leaves."""


def image_metrics(pred: ArrayLike, truth: ArrayLike, trimap: ArrayLike | None = None) -> dict[str, float]:
    """What the mattes of one image are worth: the means over its instances.

    Args:
        pred, truth: (N, H, W) float coverage in [0, 1]; instance k against instance k, nothing is matched.
        trimap: (N, H, W) of 0 background, 1 unknown, 2 foreground; estimated from the truth when left out.

    Returns:
        `IMAGE_METRICS` by name.

    Raises:
        InputError: shapes differ, or values are no coverage.
    """
    averages = Averages()
    averages.add(image_errors(pred, truth, trimap))
    return averages.means()


def video_metrics(pred: ArrayLike, truth: ArrayLike, *, protocol: Protocol) -> dict[str, float]:
    """What the mattes of one video are worth.

    Args:
        pred, truth: (T, N, H, W) float coverage in [0, 1].
        protocol: `paper` for the printed tables, `release` for the public program.

    Returns:
        `IMAGE_METRICS` over instances and frames, `FLICKER_METRICS` over instances and windows; NaN for
        flicker of a single frame.

    Raises:
        InputError: shapes differ, values are no coverage, or `release` has fewer than five frames.
    """
    averages = Averages()
    averages.add(video_errors(pred, truth, protocol=protocol))
    return averages.means()


def image_errors(
    pred: ArrayLike,
    truth: ArrayLike,
    trimap: ArrayLike | None = None,
    *,
    names: Sequence[str] = IMAGE_METRICS,
) -> Errors:
    """As `image_metrics`, but the (N,) values of the instances; of `names` alone, where less is wanted."""
    p, g = _checked(pred, truth, "(instances, height, width)", 3)
    regions = [None] * len(g) if trimap is None else _checked_trimap(trimap, g)
    stretch = limits_of(p), limits_of(g)
    samples = [_sample_errors(*each, stretch, names) for each in zip(p, g, regions, strict=True)]
    return _stacked(samples, names)


def video_errors(
    pred: ArrayLike,
    truth: ArrayLike,
    *,
    protocol: Protocol = "paper",
    names: Sequence[str] = METRICS,
    flow: Sequence[Flow] | None = None,
) -> Errors:
    """As `video_metrics`, but the values of all samples: (T N,) for images, (windows N,) for flicker.

    Args:
        names: only these of `METRICS`; the two of motion take longest.
        flow: `truth_flow` of each instance, when several mattes are scored against one truth.
    """
    steps = list(window_errors(pred, truth, protocol=protocol, names=names, flow=flow))
    return {name: np.concatenate([step[name] for step in steps]) for name in names}


def window_errors(
    pred: ArrayLike,
    truth: ArrayLike,
    *,
    protocol: Protocol = "paper",
    names: Sequence[str] = METRICS,
    flow: Sequence[Flow] | None = None,
) -> Iterator[Errors]:
    """What each step of the protocol adds; arguments as in `video_errors`."""
    p, g = _checked(pred, truth, "(frames, instances, height, width)", 4)
    still = [name for name in names if name in IMAGE_METRICS]
    moving = [name for name in names if name not in IMAGE_METRICS]
    whole = limits_of(p), limits_of(g)
    for scored, window in _steps(len(g), protocol):
        samples, flickers = [], []
        for t in scored:
            stretch = whole if protocol == "paper" else (limits_of(p[t]), limits_of(g[t]))
            samples += [_sample_errors(p[t, k], g[t, k], None, stretch, still) for k in range(g.shape[1])]
        for k in range(g.shape[1]) if len(window) > 1 else ():
            span = slice(window[0], window[-1] + 1)
            motion = None if flow is None else flow[k][window[0] : window[-1]]
            flickers.append(_flicker_errors(p[span, k], g[span, k], motion, moving))
        yield _stacked(samples, still) | _stacked(flickers, moving)


@dataclass
class Averages:
    """Running means in which every sample weighs the same, as the published tables are made."""

    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, errors: Errors) -> None:
        """Add the samples of one image or video."""
        for name, values in errors.items():
            self._add(name, float(values.sum()), len(values))

    def merge(self, other: Averages) -> None:
        """Add all samples `other` has seen."""
        for name, total in other.sums.items():
            self._add(name, total, other.counts[name])

    def means(self, names: Iterable[str] | None = None) -> dict[str, float]:
        """The mean of each metric over all samples so far; NaN where there was none."""
        chosen = self.sums if names is None else names
        return {
            name: self.sums[name] / (self.counts[name] + 1e-6) if self.count(name) else float("nan")
            for name in chosen
        }

    def count(self, name: str) -> int:
        """How many samples a metric has seen."""
        return self.counts.get(name, 0)

    def _add(self, name: str, total: float, count: int) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + total
        self.counts[name] = self.counts.get(name, 0) + count


def _steps(frames: int, protocol: Protocol) -> list[tuple[range, range]]:
    """(frames scored one by one, window of the flicker metrics) of each step."""
    if protocol == "paper":
        return [(range(frames), range(frames))]
    if protocol != "release":
        raise InputError(f"protocol is '{protocol}': it is paper or release")
    if frames < RELEASE_LEAST_FRAMES:
        raise InputError(
            f"the video has {frames} frames: the release protocol needs {RELEASE_LEAST_FRAMES} or more, "
            "paper takes any"
        )
    steps = [(range(k, k + 1), range(max(0, k - 1), k + 1)) for k in range(frames - 3)]
    return [*steps, (range(frames - 3, frames), range(frames - 4, frames))]


def _sample_errors(
    p: Alphas,
    g: Alphas,
    trimap: NDArray[np.uint8] | None,
    stretch: tuple[Limits, Limits],
    names: Sequence[str],
) -> dict[str, float]:
    """Those of `IMAGE_METRICS` that are named, for one (H, W) pair."""
    pixels = g.size
    # Far from both mattes every error is 0 and the trimap is background: only their surroundings are read.
    box = _surroundings((p != 0) | (g != 0))
    p, g = p[box], g[box]
    distance = np.abs(p.astype(np.float32) - g.astype(np.float32))
    total, squared = _sum(distance), _sum(distance**2)
    errors = {
        "SAD": 1e-3 * total,
        "MAD": _published(total, pixels, pixels),
        "MSE": _published(squared, pixels, pixels),
        "MAD_e3": 1e3 * total / pixels,
        "MSE_e3": 1e3 * squared / pixels,
    }
    if "Grad" in names:
        errors["Grad"] = gradient_error(p, g, stretch=stretch)
    if "Conn" in names:
        errors["Conn"] = connectivity_error(p, g)
    if any(name in names for name in _REGIONS):
        regions = truth_trimap(g) if trimap is None else trimap[box]
        areas = np.bincount((regions if trimap is None else trimap).ravel(), minlength=3)
        areas[BACKGROUND] = pixels - areas[UNKNOWN] - areas[FOREGROUND]
        for name, region in _REGIONS.items():
            errors[name] = _published(_sum(distance[regions == region]), pixels, int(areas[region]))
    return errors


def _flicker_errors(p: Alphas, g: Alphas, flow: Flow | None, names: Sequence[str]) -> dict[str, float]:
    """Those of `FLICKER_METRICS` that are named, for one instance over one window (T, H, W)."""
    errors = {"dtSSD": dtssd(p, g), "dtSSD_e3": dtssd_e3(p, g)}
    if "MESSDdt" in names or "MESSDdt_fixed" in names:
        motion = truth_flow(g) if flow is None else flow
        errors["MESSDdt"] = messddt(p, g, motion)
        errors["MESSDdt_fixed"] = messddt(p, g, motion, published=False)
    return errors


def _stacked(samples: list[dict[str, float]], names: Sequence[str]) -> Errors:
    return {name: np.array([sample[name] for sample in samples]) for name in names}


def _published(total: float, pixels: int, area: int) -> float:
    """The scale of MAD and MSE: the image's size divides even where only a region is summed."""
    return 1e10 * total / pixels / (area + 1e-6)


def _sum(values: NDArray[np.float32]) -> float:
    return float(values.sum(dtype=np.float64))


def _surroundings(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The box around all that is set, with a margin; at least one pixel."""
    spans = []
    for axis in (1, 0):
        places = np.flatnonzero(mask.any(axis=axis))
        first, last = (int(places[0]), int(places[-1])) if len(places) else (0, 0)
        spans.append(slice(max(0, first - _MARGIN_PX), last + 1 + _MARGIN_PX))
    return spans[0], spans[1]


def _checked(pred: ArrayLike, truth: ArrayLike, axes: str, rank: int) -> tuple[Alphas, Alphas]:
    p, g = _coverage(pred, "the matte", axes, rank), _coverage(truth, "the truth", axes, rank)
    if p.shape != g.shape:
        raise InputError(
            f"the matte is {p.shape} but the truth is {g.shape}: bring both to one size before scoring"
        )
    return p, g


def _coverage(values: ArrayLike, name: str, axes: str, rank: int) -> Alphas:
    alphas: Any = np.asarray(values)
    if alphas.ndim != rank or not alphas.size:
        raise InputError(f"{name} is {alphas.shape}: it needs to be {axes}, none of them 0")
    if alphas.dtype.kind not in "fb":
        raise InputError(f"{name} is {alphas.dtype}: it needs floats in [0, 1], divide whole numbers by 255")
    low, high = limits_of(alphas)
    if not (low >= -_SLACK and high <= 1 + _SLACK):
        raise InputError(f"{name} has values from {low:.4g} to {high:.4g}: coverage lies in [0, 1]")
    return alphas.clip(0, 1) if low < 0 or high > 1 else alphas


def _checked_trimap(trimap: ArrayLike, truth: Alphas) -> NDArray[np.uint8]:
    regions: Any = np.asarray(trimap)
    if regions.shape != truth.shape:
        raise InputError(f"the trimap is {regions.shape} but the truth is {truth.shape}: they need one shape")
    if not np.isin(regions, (BACKGROUND, UNKNOWN, FOREGROUND)).all():
        raise InputError("the trimap has other values than 0 background, 1 unknown and 2 foreground")
    return regions.astype(np.uint8)

"""How real guidance differs from the truth, in proportion to the subject.

A `Fault` is drawn once and applied to as many frames as wanted: its noise wanders slowly with time and a
share of frames gets an extra, independent error, as masks from trackers and hurried roto do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import Plane, gaussian_blur, resize, value_noise
from .seeds import pick
from .shapes import Polygon, union

SEVERITIES: dict[str, dict[str, float]] = {
    "good": {"near": 1.0},
    "typical": {"low": 0.7, "shift": 0.3},
    "rough": {"low_rough": 0.4, "shift_rough": 0.2, "polygon": 0.2, "bites": 0.1, "swollen": 0.1},
    "mixed": {
        "near": 0.35,
        "low": 0.30,
        "low_rough": 0.05,
        "shift": 0.11,
        "shift_rough": 0.04,
        "polygon": 0.06,
        "bites": 0.04,
        "swollen": 0.03,
        "crude": 0.02,
    },
}
HELD_OUT: dict[str, dict[str, float]] = {
    "good": {"staircase_fine": 1.0},
    "typical": {"staircase": 0.5, "ragged": 0.5},
    "rough": {"staircase_rough": 0.35, "ragged_rough": 0.35, "hull": 0.3},
}
HELD_OUT["mixed"] = {
    "staircase_fine": 0.35,
    "staircase": 0.25,
    "ragged": 0.2,
    "ragged_rough": 0.1,
    "hull": 0.1,
}


def degrade(
    alpha: Plane,
    rng: np.random.Generator,
    severity: str = "mixed",
    *,
    subject_px: float | None = None,
    held_out: bool = False,
) -> Plane:
    """Turn a true alpha into a mask as an artist or a segmenter would hand it over.

    Args:
        alpha: (H, W) coverage in [0, 1].
        severity: "good", "typical", "rough", or "mixed" for the blend used in training.
        subject_px: size of the whole subject when `alpha` shows only a part; by default measured on `alpha`.
        held_out: use fault families that training never sees.

    Returns:
        (H, W) binary mask, float32. Never empty where the alpha is not.
    """
    fault = draw_fault(rng, severity, subject_px=subject_px or subject_size(alpha), held_out=held_out)
    return fault.apply(alpha, rng, time=0.0)


def subject_size(alpha: Plane) -> float:
    """Side of the square as large as the subject's bounding box, in pixels; at least 8."""
    rows, columns = np.flatnonzero(alpha.max(1) > 0.5), np.flatnonzero(alpha.max(0) > 0.5)
    if not len(rows):
        return 8.0
    return float(max(8.0, np.sqrt((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))))


def draw_fault(
    rng: np.random.Generator, severity: str = "mixed", *, subject_px: float, held_out: bool = False
) -> Fault:
    """Draw a family and its parameters; sizes follow `subject_px`."""
    family = pick(rng, (HELD_OUT if held_out else SEVERITIES)[severity])
    rough = family.endswith("_rough")
    name = family.removesuffix("_rough").removesuffix("_fine")
    cells = {
        "near": (1 / 260, 1 / 110),
        "low": (0.009, 0.027),
        "shift": (0.004, 0.012),
        "ragged": (0.006, 0.014),
    }
    low, high = cells.get(name, (0.008, 0.02))
    cell = rng.uniform(low, high) * (2.0 if rough else 1.0)
    if name == "staircase":
        cell = rng.uniform(
            *{"staircase_fine": (0.003, 0.007), "staircase": (0.02, 0.045)}.get(family, (0.035, 0.06))
        )
    jitter = {"near": 0.002, "low": rng.uniform(0.004, 0.018), "ragged": rng.uniform(0.006, 0.015)}.get(
        name, 0.006
    )
    shift = np.zeros(2)
    if name == "shift":
        shift = _heading(rng) * rng.uniform(0.008, 0.03) * (1.7 if rough else 1.0)
    swell = rng.normal(0, 0.004)
    if name == "swollen":
        swell = rng.choice([-1, 1]) * rng.uniform(0.02, 0.05)
    return Fault(
        family=name,
        cell_px=max(1.0, cell * subject_px),
        jitter_px=jitter * subject_px * (1.8 if rough else 1.0),
        wave_px=max(3.0, rng.uniform(0.03, 0.15) * subject_px),
        shift_px=(float(shift[0] * subject_px), float(shift[1] * subject_px)),
        swell_px=float(swell * subject_px),
        subject_px=float(subject_px),
        noise_seed=int(rng.integers(2**31)),
    )


def _heading(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


@dataclass(frozen=True)
class Fault:
    """One way of being wrong.

    Attributes:
        cell_px: the mask is known on cells this wide.
        jitter_px: how far the edge wanders (one standard deviation).
        wave_px: how long the waves of that wandering are.
        shift_px: how far the whole mask lies off (x, y).
        swell_px: how far it is grown; negative shrinks.
        noise_seed: the wandering itself; fixed for all frames.
    """

    family: str
    cell_px: float
    jitter_px: float
    wave_px: float
    shift_px: tuple[float, float]
    swell_px: float
    subject_px: float
    noise_seed: int

    def apply(self, alpha: Plane, rng: np.random.Generator, *, time: float) -> Plane:
        """Make this fault's mask of (H, W) `alpha` at `time` in frames; `rng` adds what differs per frame."""
        height, width = alpha.shape
        rows, columns = (max(3, round(length / self.cell_px)) for length in (height, width))
        small = resize(np.ascontiguousarray(alpha, dtype=np.float32), min(rows, height), min(columns, width))
        mask = self._threshold(small, height / small.shape[0], time)
        mask = self._deform(mask, rng, height, width)
        if not (mask > 0.5).any() and (alpha > 0.5).any():
            return (alpha > 0.5).astype(np.float32)
        return (mask > 0.5).astype(np.float32)

    def _threshold(self, small: Plane, cell_px: float, time: float) -> Plane:
        """Blur so that the edge becomes a ramp, then move the level that counts as inside."""
        reach = max(abs(self.swell_px), 2.2 * self.jitter_px) / cell_px
        sigma = max(0.5, reach)
        ramp = gaussian_blur(small, sigma)
        # Where a straight edge is blurred by sigma, moving it by d cells is a level of about tanh(d / sigma).
        noise = self._noise(*small.shape, cell_px=cell_px, time=time)
        offset = (self.swell_px + self.jitter_px * noise) / cell_px / sigma
        level = 0.5 - 0.5 * np.tanh(0.8 * offset)
        return np.clip((ramp - level) * np.float32(2.5 * sigma) + np.float32(0.5), 0, 1)

    def _noise(self, height: int, width: int, *, cell_px: float, time: float) -> Plane:
        rng = np.random.default_rng(self.noise_seed)
        wave = self.wave_px / cell_px
        if self.family == "ragged":
            wave = max(1.0, 0.25 * wave)
        first = value_noise(rng, height, width, cell_px=max(1.0, wave))
        second = value_noise(rng, height, width, cell_px=max(1.0, wave))
        turn = np.float32(0.35 * time)
        return first * np.cos(turn) + second * np.sin(turn)

    def _deform(self, mask: Plane, rng: np.random.Generator, height: int, width: int) -> Plane:
        """What happens at plate size: up-sampling, moving, cutting."""
        if self.family == "polygon":
            return self._polygon(resize(mask, height, width))
        mode = "nearest" if self.family == "staircase" else "bilinear"
        full = _enlarge(mask, height, width, mode)
        if self.family == "bites":
            full = self._bite(full)
        elif self.family == "crude":
            full = self._ellipse(full)
        elif self.family == "hull":
            full = np.maximum(full, self._stretch(full))
        shift = np.round(np.array(self.shift_px)).astype(int)
        return _moved(full, int(shift[0]), int(shift[1])) if shift.any() else full

    def _bite(self, mask: Plane) -> Plane:
        """Parts missing, and a lump of something else included."""
        rng = np.random.default_rng(self.noise_seed + 1)
        height, width = mask.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        edge = np.argwhere(np.abs(np.gradient(mask, axis=0)) + np.abs(np.gradient(mask, axis=1)) > 0.2)
        if not len(edge):
            return mask
        for index in range(int(rng.integers(1, 4))):
            row, column = edge[rng.integers(len(edge))]
            radius = rng.uniform(0.03, 0.1) * self.subject_px
            inside = np.hypot(x - column, (y - row) * rng.uniform(0.6, 1.6)) < radius
            mask = np.where(inside, np.float32(index % 3 == 1), mask)
        return mask

    def _polygon(self, mask: Plane) -> Plane:
        """A hand-drawn outline: few points, placed not quite on the edge."""
        rng = np.random.default_rng(self.noise_seed + 2)
        count = int(rng.integers(14, 60))
        height, width = mask.shape
        inside = mask > 0.5
        if not inside.any():
            return mask
        ys, xs = np.nonzero(inside)
        centre = np.array([xs.mean(), ys.mean()])
        cell = max(2.0, self.subject_px * rng.uniform(0.025, 0.06))
        rows, columns = max(3, round(height / cell)), max(3, round(width / cell))
        grid = resize(inside.astype(np.float32), min(rows, height), min(columns, width))
        if rng.random() < 0.5 or inside.mean() > 0.6:
            # An outline drawn with straight segments: linear interpolation of a coarse grid, cut hard.
            jitter = np.float32(0.12) * rng.standard_normal(grid.shape, dtype=np.float32)
            return resize(grid + jitter * (np.abs(grid - 0.5) < 0.45), height, width)
        angle = np.arctan2(ys - centre[1], xs - centre[0])
        reach = np.hypot(xs - centre[0], ys - centre[1])
        sector = ((angle + np.pi) / (2 * np.pi) * count).astype(int) % count
        far = np.full(count, 2.0)
        np.maximum.at(far, sector, reach)
        far = far * (1 + rng.normal(0, 0.02, count)) + rng.normal(0, 0.01, count) * self.subject_px
        middle = (np.arange(count) + 0.5) / count * 2 * np.pi - np.pi
        points = tuple(
            (float(centre[0] + r * np.cos(a)), float(centre[1] + r * np.sin(a)))
            for a, r in zip(middle, far, strict=True)
        )
        patch = union([Polygon(points)], max(height, width))
        drawn = np.zeros((max(height, width),) * 2, np.float32)
        if patch is not None:
            drawn[patch.box] = patch.coverage()
        drawn = drawn[:height, :width]
        # A star-shaped outline of a person with spread limbs is no one's roto: keep it near the subject.
        near = gaussian_blur(mask, max(1.0, 0.05 * self.subject_px)) > 0.12
        return drawn * near

    def _ellipse(self, mask: Plane) -> Plane:
        rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
        if not len(rows):
            return mask
        height, width = mask.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        cy, cx = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
        ry, rx = (rows[-1] - rows[0] + 2) / 1.9, (columns[-1] - columns[0] + 2) / 1.9
        return (np.hypot((x - cx) / rx, (y - cy) / ry) < 1).astype(np.float32)

    def _stretch(self, mask: Plane) -> Plane:
        """Fill hollows: wherever a wide neighbourhood is mostly inside."""
        return (gaussian_blur(mask, max(1.0, 0.04 * self.subject_px)) > 0.38).astype(np.float32)


def _enlarge(mask: Plane, height: int, width: int, mode: str) -> Plane:
    if mode == "bilinear":
        return resize(mask, height, width)
    rows = np.minimum((np.arange(height) * mask.shape[0]) // height, mask.shape[0] - 1)
    columns = np.minimum((np.arange(width) * mask.shape[1]) // width, mask.shape[1] - 1)
    return mask[rows][:, columns]


def _moved(mask: Plane, right: int, down: int) -> Plane:
    """Shift by whole pixels; what comes in repeats the border, as a mask that goes on outside the crop
    would.
    """
    height, width = mask.shape
    rows = np.clip(np.arange(height) - down, 0, height - 1)
    columns = np.clip(np.arange(width) - right, 0, width - 1)
    return mask[rows][:, columns]

"""Degradations of guidance: how real masks differ from the truth, in proportion to the subject.

A `Degradation` is drawn once and applied to any number of frames; its noise wanders slowly with time. Effects
that need more than one frame or one person (lag, swaps, leaks, key frames) are in `guidance_tracks`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from maggie_lab.random import pick

from .fields import Plane, gaussian_blur, resize, value_noise
from .outlines import between, drawn_by_hand, filled, outline

SEVERITIES: dict[str, dict[str, float]] = {
    "good": {"near": 1.0},
    "typical": {"low": 0.7, "shift": 0.3},
    "rough": {"low_rough": 0.4, "shift_rough": 0.2, "roto": 0.2, "bites": 0.1, "swollen": 0.1},
    "mixed": {
        "near": 0.1,
        "soft": 0.1,
        "low": 0.25,
        "low_rough": 0.05,
        "morph": 0.15,
        "roto": 0.12,
        "tracked": 0.13,
        "bites": 0.03,
        "swollen": 0.02,
        "crude": 0.05,
    },
    "learning": {
        "near": 0.36,
        "low": 0.14,
        "low_rough": 0.04,
        "morph": 0.32,
        "roto": 0.04,
        "tracked": 0.04,
        "bites": 0.03,
        "swollen": 0.02,
        "crude": 0.01,
    },
}
"""Families by severity. "mixed" is guidance as it comes: nearly perfect and soft masks, segmenters ("low"),
thresholds and morphology as the published training has them, outlines, trackers, and a few crude ones.
"learning" is what the default network trains on: more good masks, or it learns to doubt them, and more that
were grown or shrunk as a whole.
"""
CRUDE = {"box": 1.0, "ellipse": 1.0, "coarse": 1.0, "scribble": 1.0, "part": 1.5}
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
    """Turn a true alpha into a mask as an artist or a segmenter makes it.

    Args:
        alpha: (H, W) coverage in [0, 1].
        severity: "good", "typical", "rough", "mixed" or "learning".
        subject_px: size of the whole subject when `alpha` shows only a part; by default measured on `alpha`.
        held_out: use families that training never sees.

    Returns:
        (H, W) mask, float32, binary but for a tenth of "mixed". Never empty where the alpha is not.
    """
    degradation = draw_degradation(
        rng, severity, subject_px=subject_px or subject_size(alpha), held_out=held_out
    )
    return degradation.apply(alpha, rng, time=0.0)


def subject_size(alpha: Plane) -> float:
    """Side of the square as large as the subject's bounding box, in pixels; at least 8."""
    rows, columns = np.flatnonzero(alpha.max(1) > 0.5), np.flatnonzero(alpha.max(0) > 0.5)
    if not len(rows):
        return 8.0
    return float(max(8.0, np.sqrt((rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1))))


def draw_degradation(
    rng: np.random.Generator, severity: str = "mixed", *, subject_px: float, held_out: bool = False
) -> Degradation:
    """Draw a family and its parameters; sizes follow `subject_px`."""
    family = pick(rng, (HELD_OUT if held_out else SEVERITIES)[severity])
    rough = family.endswith("_rough")
    name = family.removesuffix("_rough").removesuffix("_fine")
    if name == "crude":
        name = pick(rng, CRUDE)
    cells = {
        "near": (1 / 260, 1 / 110),
        "low": (0.009, 0.027),
        "shift": (0.004, 0.012),
        "ragged": (0.006, 0.014),
        "coarse": (0.04, 0.09),
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
    if name == "roto":
        swell = rng.choice([-1, 1], p=[0.3, 0.7]) * rng.uniform(0, 0.02)
    if name == "swollen":
        swell = rng.choice([-1, 1]) * rng.uniform(0.02, 0.05)
    return Degradation(
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
class Degradation:
    """One way in which masks are wrong.

    Attributes:
        family: its name, without the severity.
        cell_px: the mask is known on cells this wide.
        jitter_px: how far the edge wanders (one standard deviation).
        wave_px: length of the waves of that wandering.
        shift_px: offset (x, y) of the whole mask.
        swell_px: how far the mask is grown; negative shrinks it.
        subject_px: size of the subject, see `subject_size`.
        noise_seed: seed of the wandering; fixed for all frames.
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
        """Make the mask of one frame.

        Args:
            alpha: (H, W) coverage in [0, 1].
            rng: draws what differs from frame to frame.
            time: in frames.

        Returns:
            (H, W) float32: 0 or 1, but of the family "soft" fractions.
        """
        height, width = alpha.shape
        if self.family == "soft":
            soft = gaussian_blur(np.ascontiguousarray(alpha, np.float32), max(0.5, 0.5 * self.cell_px))
            return np.where(soft < 0.05, np.float32(0), soft)
        if self.family in _WHOLE:
            mask = _WHOLE[self.family](self, np.ascontiguousarray(alpha, np.float32), time)
            return self._not_lost(mask, alpha)
        rows, columns = (max(3, round(length / self.cell_px)) for length in (height, width))
        small = resize(np.ascontiguousarray(alpha, dtype=np.float32), min(rows, height), min(columns, width))
        mask = self._threshold(small, height / small.shape[0], time)
        return self._not_lost(self._deform(mask, rng, height, width), alpha)

    def _not_lost(self, mask: Plane, alpha: Plane) -> Plane:
        seen = alpha if not (mask > 0.5).any() and (alpha > 0.5).any() else mask
        return (seen > 0.5).astype(np.float32)

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
        """The steps at the size of the plate: up-sampling, moving, cutting."""
        mode = "nearest" if self.family == "staircase" else "bilinear"
        full = _enlarge(mask, height, width, mode)
        if self.family == "bites":
            full = self._bite(full)
        elif self.family == "ellipse":
            full = self._ellipse(full)
        elif self.family == "box":
            full = self._box(full)
        elif self.family == "scribble":
            full = self._scribble(full)
        elif self.family == "part":
            full = self._without_part(full)
        elif self.family == "hull":
            full = np.maximum(full, self._stretch(full))
        shift = np.round(np.array(self.shift_px)).astype(int)
        return _moved(full, int(shift[0]), int(shift[1])) if shift.any() else full

    def _bite(self, mask: Plane) -> Plane:
        """Take parts away, and add a lump of something else."""
        rng = np.random.default_rng(self.noise_seed + 1)
        height, width = mask.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        edge = np.argwhere(np.abs(np.gradient(mask, axis=0)) + np.abs(np.gradient(mask, axis=1)) > 0.2)
        if not len(edge) or not (mask > 0.5).any():
            return mask
        for index in range(int(rng.integers(1, 4))):
            row, column = edge[rng.integers(len(edge))]
            radius = rng.uniform(0.03, 0.1) * self.subject_px
            inside = np.hypot(x - column, (y - row) * rng.uniform(0.6, 1.6)) < radius
            mask = np.where(inside, np.float32(index % 3 == 1), mask)
        return mask

    def _drawn(self, alpha: Plane) -> Plane:
        """One outline by hand, drawn at this frame."""
        return self.outline_between(alpha, alpha, 0.0, keys=(0, 0))

    def outline_between(self, before: Plane, after: Plane, share: float, *, keys: tuple[int, int]) -> Plane:
        """The mask of an outline drawn at two key frames and carried along between them.

        Args:
            before, after: (H, W) coverage at the key frames.
            share: how far from the first to the second, in [0, 1].
            keys: numbers of the key frames; a key looks the same in all frames.
        """
        rng = np.random.default_rng(self.noise_seed + 2)
        count, smooth = int(rng.integers(12, 81)), bool(rng.random() < 0.6)
        cell = max(1.0, self.subject_px / 200)
        first, second = (
            drawn_by_hand(
                outline(alpha, count, cell_px=cell),
                np.random.default_rng((self.noise_seed, key % 2**31)),
                jitter_px=0.5 * self.jitter_px,
                swell_px=self.swell_px,
            )
            for alpha, key in zip((before, after), keys, strict=True)
        )
        height, width = before.shape
        return filled(between(first, second, share), height, width, smooth=smooth)

    def _ellipse(self, mask: Plane) -> Plane:
        rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
        if not len(rows):
            return mask
        height, width = mask.shape
        y, x = np.mgrid[:height, :width].astype(np.float32)
        cy, cx = (rows[0] + rows[-1]) / 2, (columns[0] + columns[-1]) / 2
        ry, rx = (rows[-1] - rows[0] + 2) / 1.9, (columns[-1] - columns[0] + 2) / 1.9
        return (np.hypot((x - cx) / rx, (y - cy) / ry) < 1).astype(np.float32)

    def _box(self, mask: Plane) -> Plane:
        rows, columns = np.flatnonzero(mask.max(1) > 0.5), np.flatnonzero(mask.max(0) > 0.5)
        if not len(rows):
            return mask
        rng = np.random.default_rng(self.noise_seed + 1)
        around = (rng.normal(0, 0.03, 4) * self.subject_px).astype(int)
        top, left = max(0, rows[0] + around[0]), max(0, columns[0] + around[1])
        box = np.zeros_like(mask)
        box[top : rows[-1] + 1 + around[2], left : columns[-1] + 1 + around[3]] = 1
        return box

    def _scribble(self, mask: Plane) -> Plane:
        """A body filled with strokes of a fat pen that mostly stays inside."""
        rng = np.random.default_rng(self.noise_seed + 1)
        inside = np.argwhere(gaussian_blur(mask, max(1.0, 0.02 * self.subject_px)) > 0.8)
        if len(inside) < 4:
            return mask
        chosen = inside[rng.integers(len(inside), size=int(rng.integers(12, 40)))]
        chosen = chosen[np.argsort(chosen[:, 0] // max(1, int(0.15 * self.subject_px)), kind="stable")]
        image = Image.new("L", mask.shape[::-1])
        pen = max(2, int(rng.uniform(0.06, 0.14) * self.subject_px))
        line = [(float(column), float(row)) for row, column in chosen]
        ImageDraw.Draw(image).line(line, fill=1, width=pen, joint="curve")
        drawn = np.asarray(image).astype(np.float32)
        return drawn * (gaussian_blur(mask, max(1.0, 0.03 * self.subject_px)) > 0.3)

    def _without_part(self, mask: Plane) -> Plane:
        """Take away a head, a side, or 10 to 40 % of the area in any direction."""
        rng = np.random.default_rng(self.noise_seed + 1)
        rows, columns = np.nonzero(mask > 0.5)
        if len(rows) < 4:
            return mask
        angle = rng.choice([-np.pi / 2, 0, np.pi, rng.uniform(0, 2 * np.pi)]) + rng.normal(0, 0.1)
        far = columns * np.cos(angle) + rows * np.sin(angle)
        gone = far > np.quantile(far, 1 - rng.uniform(0.1, 0.4))
        mask = mask.copy()
        mask[rows[gone], columns[gone]] = 0
        return mask

    def _morph(self, alpha: Plane, time: float) -> Plane:
        """The published training's masks: a threshold, squares grown and shrunk, an eighth of the size and
        back, a rectangle copied elsewhere, a rectangle lost. Sizes are those of a subject 576 pixels large.
        """
        rng = np.random.default_rng(self.noise_seed)
        mask = (alpha > rng.uniform(0.1, 0.95)).astype(np.float32)
        order = ["grow", "shrink"][:: rng.choice([-1, 1])][: int(rng.integers(1, 3))]
        for step in order:
            wander = 1 + 0.3 * np.sin(0.2 * time + rng.uniform(0, 6))
            side = max(1, round(rng.uniform(1, 29) * wander * self.subject_px / 576))
            change = ndimage.maximum_filter if step == "grow" else ndimage.minimum_filter
            mask = np.asarray(change(mask, size=side, mode="nearest"))
        height, width = alpha.shape
        if rng.random() < 0.5:
            cell = max(1.0, 8 * self.subject_px / 576)
            small = resize(mask, max(4, round(height / cell)), max(4, round(width / cell)))
            mask = (resize(small, height, width) > 0.5).astype(np.float32)
        if rng.random() < 0.25:
            rows, columns = (int(rng.uniform(0.06, 0.2) * min(self.subject_px, s)) for s in (height, width))
            (top, left), (down, right) = (
                (int(rng.integers(height - rows)), int(rng.integers(width - columns))) for _ in range(2)
            )
            mask[down : down + rows, right : right + columns] = mask[top : top + rows, left : left + columns]
        if rng.random() < 0.25 and (mask > 0).any():
            row, column = np.argwhere(mask > 0)[int(rng.random() * (mask > 0).sum())]
            side = int(rng.uniform(1 / 16, 1 / 8) * self.subject_px)
            mask[
                max(0, row - side // 2) : row + side // 2 + 1,
                max(0, column - side // 2) : column + side // 2 + 1,
            ] = 0
        return mask

    def _stretch(self, mask: Plane) -> Plane:
        """Fill hollows: wherever a wide neighbourhood is mostly inside."""
        return (gaussian_blur(mask, max(1.0, 0.04 * self.subject_px)) > 0.38).astype(np.float32)


_WHOLE = {
    "morph": Degradation._morph,
    "roto": lambda degradation, alpha, time: degradation._drawn(alpha),
}
"""Families that are made at the size of the plate; all others are made on cells."""


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

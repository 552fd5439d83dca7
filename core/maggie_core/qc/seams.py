"""Whether mattes flicker more where two segments meet than elsewhere.

Every pair of frames is compared with the pairs around it that are no seams, so that a person who runs
through a seam does not look like one. The same is done for the pairs that are no seams: how far their ratios
scatter says what chance does, and a seam counts only as far as it stands out from that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AROUND = 4
"""Pairs on each side that a pair is compared with."""
LEAST_AROUND = 4
"""With fewer of them it is not compared."""
LEAST_ELSEWHERE = 8
"""With fewer pairs elsewhere nobody can say how far chance goes."""
FLOOR_PX = 0.02
"""Added to both sides of a ratio: a shot that stands still has no flicker to compare with."""
OUTLIER = 3.0
"""Deviations at which the value of a pair elsewhere is cut off: a spoilt frame must not hide a seam."""
DEVIATIONS_ONE, DEVIATIONS_ALL = 3.0, 2.33
"""What chance is granted: 1 in 700 for each single seam, 1 in 100 for the shot."""


@dataclass(frozen=True)
class Seam:
    """The border before a frame."""

    frame: int
    """First frame of the segment."""
    ratio: float
    """Flicker over that of the pairs around."""
    least: float
    """What is left of it after what chance does."""


@dataclass(frozen=True)
class Seams:
    """All borders of a shot."""

    seams: tuple[Seam, ...]
    ratio: float
    """Mean over the seams, as a ratio to elsewhere."""
    spread: float
    """How far single pairs elsewhere scatter, as a factor: 1.3 is 30 % up or down."""
    least: float
    """The ratio less what chance does with so many seams."""
    pairs: int
    """Pairs elsewhere that it is compared with."""


def judge_seams(
    flicker: Mapping[str, Sequence[float | None]], frames: Sequence[int], segment_frames: int
) -> Seams | None:
    """Compare the flicker at segment borders with that elsewhere.

    Args:
        flicker: of each instance, for every frame of the shot, in pixels since the frame before.
        frames: the shot's frames; segments are counted from the first.
        segment_frames: frames in a segment.

    Returns:
        None where there is no seam, or too little to compare it with.
    """
    is_seam = [i > 0 and i % segment_frames == 0 for i in range(len(frames))]
    ratios = _log_ratios(flicker, is_seam)
    elsewhere = np.array([r for i, r in ratios.items() if not is_seam[i]])
    at_seams = {i: r for i, r in ratios.items() if is_seam[i]}
    if not at_seams or len(elsewhere) < LEAST_ELSEWHERE:
        return None
    usual, spread = _usual(elsewhere)
    mean = float(np.mean(list(at_seams.values()))) - usual
    doubt = DEVIATIONS_ALL * spread * np.sqrt(1 / len(at_seams) + 1 / len(elsewhere))
    return Seams(
        tuple(
            Seam(frames[i], float(np.exp(r - usual)), float(np.exp(r - usual - DEVIATIONS_ONE * spread)))
            for i, r in at_seams.items()
        ),
        ratio=float(np.exp(mean)),
        spread=float(np.exp(spread)),
        least=float(np.exp(mean - doubt)),
        pairs=len(elsewhere),
    )


def _usual(ratios: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation, of which single frames that are spoilt do not decide."""
    middle = np.median(ratios)
    reach = OUTLIER * 1.4826 * np.median(np.abs(ratios - middle))
    near = np.clip(ratios, middle - reach, middle + reach)
    return float(near.mean()), float(near.std(ddof=1))


def _log_ratios(flicker: Mapping[str, Sequence[float | None]], is_seam: Sequence[bool]) -> dict[int, float]:
    """Of each pair, the logarithm of its flicker over that around it, mean over the instances."""
    found: dict[int, list[float]] = {}
    for values in flicker.values():
        usable = [i for i, value in enumerate(values) if value is not None and not is_seam[i]]
        for i, value in enumerate(values):
            if value is None:
                continue
            before = [j for j in usable if i - 2 * AROUND <= j < i][-AROUND:]
            after = [j for j in usable if i < j <= i + 2 * AROUND][:AROUND]
            around = [v for j in (*before, *after) if (v := values[j]) is not None]
            if len(around) >= LEAST_AROUND:
                here = np.log(value + FLOOR_PX) - np.log(np.mean(around) + FLOOR_PX)
                found.setdefault(i, []).append(float(here))
    return {i: float(np.mean(each)) for i, each in sorted(found.items())}

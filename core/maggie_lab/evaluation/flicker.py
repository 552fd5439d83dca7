"""How a matte changes over time against how it should: dtSSD and MESSDdt."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Alphas = NDArray[np.floating]
Flow = NDArray[np.int16]


def dtssd(predicted: Alphas, truth: Alphas) -> float:
    """Flicker of one instance over one window: `0.1 * sqrt(sum of squared differences of changes)`.

    Args:
        predicted, truth: (T, H, W). Nothing is divided by pixels or frames, so only windows of one size and
            length compare.
    """
    return 0.1 * float(np.sqrt(sum(_squared_changes(predicted, truth))))


def dtssd_e3(predicted: Alphas, truth: Alphas) -> float:
    """Flicker of one instance (T, H, W), T > 1, as a plain number: root mean squared difference of changes,
    times 1000.
    """
    changes = _squared_changes(predicted, truth)
    return 1e3 * float(np.sqrt(sum(changes) / (len(changes) * truth[0].size)))


def messddt(predicted: Alphas, truth: Alphas, flow: Flow, *, published: bool = True) -> float:
    """How much the squared error changes along the motion of the truth, for one instance over one window.

    Args:
        predicted, truth: (T, H, W), T > 1.
        flow: (T - 1, H, W, 2) motion of the truth in whole pixels, x then y, from `truth_flow`.
        published: follow the published program in its two slips, which its numbers need: x and y change
            places when a moved pixel is looked up, and it is looked up in the window's second frame whichever
            pair is compared. Otherwise as meant: at the pixel's place in the next frame.
    """
    pairs = zip(predicted, truth, strict=True)
    squared = [(p.astype(np.float32) - g.astype(np.float32)) ** 2 for p, g in pairs]
    height, width = truth.shape[1:]
    x, y = np.arange(width)[None, :], np.arange(height)[:, None]
    total = 0.0
    for t, motion in enumerate(flow):
        along, down = x + motion[..., 0], y + motion[..., 1]
        row, column = (along, down) if published else (down, along)
        later = squared[1 if published else t + 1]
        moved = later[np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        total += float(np.abs(squared[t] - moved).sum(dtype=np.float64))
    return 1e4 * total / (len(flow) * (height * width + 1))


def truth_flow(truth: Alphas) -> Flow:
    """Motion of one instance's true alpha from each frame to the next.

    Args:
        truth: (T, H, W) coverage in [0, 1].

    Returns:
        (T - 1, H, W, 2) x and y in pixels, rounded to whole ones, halves to even.

    Source: Farnebäck, "Two-Frame Motion Estimation Based on Polynomial Expansion", SCIA 2003, as in OpenCV,
        with the parameters of the published evaluation.
    """
    frames = [(alpha.astype(np.float32) * np.float32(255)).astype(np.uint8) for alpha in truth]
    flow = np.zeros((len(frames) - 1, *truth.shape[1:], 2), np.int16)
    for t, (here, there) in enumerate(zip(frames, frames[1:], strict=False)):
        if here.any() or there.any():
            flow[t] = np.rint(_farneback(here, there))
    return flow


def _farneback(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> NDArray[np.floating]:
    empty = np.empty((*here.shape, 2), np.float32)
    gaussian = cv2.OPTFLOW_FARNEBACK_GAUSSIAN
    flow = cv2.calcOpticalFlowFarneback(here, there, empty, 0.5, 5, 10, 2, 7, 1.5, gaussian)
    return np.asarray(flow, np.float32)


def _squared_changes(predicted: Alphas, truth: Alphas) -> list[float]:
    """For each pair of neighbouring frames the sum of squared differences of changes."""
    sums, before = [], None
    for p, g in zip(predicted, truth, strict=True):
        gap = p.astype(np.float32) - g.astype(np.float32)
        if before is not None:
            sums.append(float(((gap - before) ** 2).sum(dtype=np.float64)))
        before = gap
    return sums

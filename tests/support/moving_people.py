"""Clips of a textured person who moves before textured ground, with exact alphas."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

Plane = NDArray[np.floating]

OVER = 4
"""Pixels drawn for one that is kept, along each axis: an alpha is the share of 16."""
MARGIN_PX = 32
"""Ground around the image, for the camera to pan over."""


@dataclass(frozen=True)
class Pose:
    """Where person and camera are, against the middle frame."""

    shift: tuple[float, float] = (0, 0)
    """Pixels to the right and down."""
    turn_deg: float = 0
    scale: float = 1
    pan: tuple[float, float] = (0, 0)


MOTIONS: dict[str, Callable[[int], Pose]] = {
    "walk": lambda t: Pose((3 * t, 0.7 * t)),
    "run": lambda t: Pose((11 * t, 4 * t)),
    "turn": lambda t: Pose(turn_deg=4 * t),
    "come near": lambda t: Pose((1.3 * t, 0), scale=1.04**t),
    "pan": lambda t: Pose((2 * t, 0), pan=(-6 * t, 0)),
    "jump": lambda t: Pose((0, -3 * t * t)),
    "stand": lambda t: Pose(),
}
"""Poses by frame, counted from the middle one."""


def moving_person(
    motion: str, *, contrast: float = 1.0, soft_px: float = 0.0, frames: int = 5, side_px: int = 192
) -> tuple[Plane, Plane]:
    """Images (T, 3, H, W), sRGB-encoded in [0, 1], and exact alphas (T, 1, H, W).

    Args:
        motion: one of `MOTIONS`.
        contrast: of the textures, up to 1.
        soft_px: standard deviation of a blur of the outline; 0 leaves it sharp.
    """
    rng = np.random.default_rng(7)
    person = _outline(rng, side_px * OVER)
    if soft_px:
        person = np.asarray(cv2.GaussianBlur(person, (0, 0), soft_px * OVER), np.float32)
    cloth = _texture(rng, side_px, 2.0, 0.6, contrast)
    ground = _texture(rng, side_px + 2 * MARGIN_PX, 3.0, 0.4, contrast)
    shown = [
        _frame(person, cloth, ground, MOTIONS[motion](t - frames // 2), side_px * OVER) for t in range(frames)
    ]
    images, alphas = zip(*shown, strict=True)
    return np.stack(images), np.stack(alphas)[:, None]


def _texture(rng: np.random.Generator, side_px: int, grain_px: float, level: float, contrast: float) -> Plane:
    noise = np.zeros((side_px, side_px, 3))
    for s in (grain_px, 3 * grain_px):
        noise += gaussian_filter(rng.standard_normal(noise.shape), (s, s, 0)) * s
    noise = (noise - noise.mean()) / noise.std() * 0.18 * 0.8 * contrast
    side = side_px * OVER
    large = cv2.resize(noise.astype(np.float32), (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(level + large, 0, 1), np.float32)


def _outline(rng: np.random.Generator, side: int) -> Plane:
    """A person with spread arms and strands of hair, (side, side) in {0, 1}."""
    plane, unit = np.zeros((side, side), np.uint8), side * 0.3

    def at(x: float, y: float) -> tuple[int, int]:
        return int(side / 2 + x * unit), int(side / 2 + y * unit)

    cv2.ellipse(plane, at(0, -0.75), (int(0.22 * unit), int(0.28 * unit)), 0, 0, 360, 255, -1)
    cv2.ellipse(plane, at(0, 0.1), (int(0.38 * unit), int(0.62 * unit)), 0, 0, 360, 255, -1)
    limbs = [((-0.3, -0.3), (-0.75, 0.35), 0.16), ((0.3, -0.3), (0.8, -0.5), 0.14)]
    limbs += [((-0.15, 0.6), (-0.22, 1.3), 0.22), ((0.15, 0.6), (0.25, 1.3), 0.22)]
    for start, end, width in limbs:
        cv2.line(plane, at(*start), at(*end), 255, int(width * unit))
    for _ in range(60):
        angle, length = rng.uniform(-np.pi, 0), rng.uniform(0.06, 0.2)
        root = np.array([0.21 * np.cos(angle), -0.78 + 0.26 * np.sin(angle)])
        tip = root + length * np.array([np.cos(angle), np.sin(angle)]) + rng.normal(0, 0.03, 2)
        cv2.line(plane, at(*root), at(*tip), 255, OVER // 2)
    return np.asarray(plane, np.float32) / 255


def _frame(person: Plane, cloth: Plane, ground: Plane, pose: Pose, side: int) -> tuple[Plane, Plane]:
    size = (side, side)
    moved = cv2.getRotationMatrix2D((side / 2, side / 2), pose.turn_deg, pose.scale)
    moved[:, 2] += np.array(pose.shift) * OVER
    panned = np.array([[1, 0, pose.pan[0] - MARGIN_PX], [0, 1, pose.pan[1] - MARGIN_PX]], np.float64)
    panned[:, 2] *= OVER
    alpha = cv2.warpAffine(person, moved, size)[..., None]
    front = cv2.warpAffine(cloth, moved, size, borderMode=cv2.BORDER_REFLECT)
    back = cv2.warpAffine(ground, panned, size, borderMode=cv2.BORDER_REFLECT)
    image = _reduced(np.asarray(front * alpha + back * (1 - alpha)))
    return image.transpose(2, 0, 1).copy(), _reduced(np.asarray(alpha, np.float32))[..., 0].copy()


def _reduced(planes: Plane) -> Plane:
    side = len(planes) // OVER
    return np.asarray(planes.reshape(side, OVER, side, OVER, -1).mean((1, 3)), np.float32)

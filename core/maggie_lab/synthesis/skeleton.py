"""Bodies and poses: where the joints of a figure lie on its canvas.

Lengths are in head units (the head is 1 high) until `frame_body` puts the body on a canvas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maggie_lab.random import pick


@dataclass(frozen=True)
class Pose:
    """Angles in degrees from straight down, outwards positive: (upper, lower) per limb, left then right."""

    arms: tuple[tuple[float, float], tuple[float, float]]
    legs: tuple[tuple[float, float], tuple[float, float]] = ((6, 2), (6, 2))
    lean: float = 0.0
    fold: float = 1.0
    """Length factor of the thighs, as they come towards us when sitting."""


POSES: dict[Pose, float] = {
    Pose(((12, 6), (12, 6))): 2.0,
    Pose(((25, 12), (18, 4)), ((16, 4), (-4, -12))): 1.5,
    Pose(((45, -60), (40, -50)), ((14, 6), (14, 6))): 1.2,
    Pose(((18, -95), (18, -85))): 1.0,
    Pose(((150, 170), (155, 165)), ((12, 5), (15, 5))): 0.8,
    Pose(((20, 8), (110, 165)), ((10, 4), (10, 4))): 1.0,
    Pose(((22, 0), (30, -150))): 0.8,
    Pose(((75, 85), (80, 95)), ((25, 20), (25, 20))): 0.7,
    Pose(((25, -35), (25, -35)), ((25, 0), (25, 0)), fold=0.45): 1.0,
    Pose(((40, 20), (-30, -60)), ((38, 10), (-25, -45)), lean=14): 0.8,
    Pose(((60, -20), (55, -30)), ((70, -55), (65, -50)), fold=0.8): 0.5,
    Pose(((70, -30), (60, -60)), lean=6): 0.7,
}
"""Poses with their weights; every figure varies one of them."""


@dataclass(frozen=True)
class Body:
    """A posed figure on its canvas; joints as (x, y) in canvas pixels.

    Attributes:
        unit_px: height of the head.
        joints: "neck", "head", "chest", "pelvis" and, with the suffixes 0 and 1, "shoulder", "elbow",
            "wrist", "hand", "hip", "knee", "ankle", "toe".
        girth: factor on all limb widths.
        head_angle: turn of the head in the image plane, radians.
        yaw: -1 (looks left) .. 1 (looks right).
        faces_us: False for a figure seen from behind.
    """

    unit_px: float
    joints: dict[str, tuple[float, float]]
    girth: float
    head_angle: float
    yaw: float
    faces_us: bool

    def __getitem__(self, joint: str) -> tuple[float, float]:
        return self.joints[joint]


def draw_body(rng: np.random.Generator, size_px: int) -> Body:
    """Draw proportions, a pose and a framing."""
    child = rng.random() < 0.15
    limbs = rng.uniform(0.72, 0.85) if child else rng.uniform(0.9, 1.12)
    girth = float(np.clip(rng.normal(1.0, 0.17), 0.7, 1.5))
    yaw = float(np.clip(rng.normal(0, 0.45), -1, 1))
    joints = _pose_joints(rng, pick(rng, POSES), limbs=limbs, girth=girth, yaw=yaw)
    unit_px, shift = _frame(rng, joints, size_px)
    placed = {
        name: (float(x * unit_px + shift[0]), float(y * unit_px + shift[1]))
        for name, (x, y) in joints.items()
    }
    return Body(
        unit_px=float(unit_px),
        joints=placed,
        girth=girth,
        head_angle=float(rng.normal(0, 0.13)),
        yaw=yaw,
        faces_us=bool(rng.random() < 0.8),
    )


def _pose_joints(
    rng: np.random.Generator, pose: Pose, *, limbs: float, girth: float, yaw: float
) -> dict[str, np.ndarray]:
    spread = rng.uniform(0.72, 0.98) * (0.6 + 0.4 * girth) * (1 - 0.5 * abs(yaw))
    lean = np.radians(pose.lean * rng.choice([-1, 1]) + rng.normal(0, 5))
    spine = np.array([np.sin(lean), np.cos(lean)])
    pelvis = spine * 2.35 * limbs * rng.uniform(0.92, 1.08)
    joints = {
        "neck": np.zeros(2),
        "head": np.array(
            [0.16 * yaw + rng.normal(0, 0.05) - 0.5 * np.sin(lean), -0.62 - 0.08 * rng.random()]
        ),
        "chest": spine * 0.9 * limbs,
        "pelvis": pelvis,
    }
    swap = rng.random() < 0.5
    for side, (sign, arm, leg) in enumerate(
        zip((-1, 1), pose.arms[:: -1 if swap else 1], pose.legs[:: -1 if swap else 1], strict=True)
    ):
        shoulder = np.array([sign * spread, 0.22 + rng.normal(0, 0.03)])
        upper, lower = (np.radians(angle + rng.normal(0, 13)) for angle in arm)
        elbow = shoulder + _down(sign, upper) * 1.25 * limbs * rng.uniform(0.75, 1.05)
        wrist = elbow + _down(sign, lower) * 1.1 * limbs * rng.uniform(0.7, 1.05)
        hand = wrist + _down(sign, lower + rng.normal(0, 0.3)) * 0.33
        hip = pelvis + np.array([sign * 0.42 * (1 - 0.5 * abs(yaw)), 0.12])
        thigh, shin = (np.radians(angle + rng.normal(0, 7)) for angle in leg)
        knee = hip + _down(sign, thigh) * 1.75 * limbs * pose.fold * rng.uniform(0.9, 1.05)
        ankle = knee + _down(sign, shin) * 1.75 * limbs * rng.uniform(0.9, 1.05)
        toe = ankle + np.array([sign * 0.12 + 0.35 * yaw, 0.25])
        names = ("shoulder", "elbow", "wrist", "hand", "hip", "knee", "ankle", "toe")
        for name, joint in zip(names, (shoulder, elbow, wrist, hand, hip, knee, ankle, toe), strict=True):
            joints[f"{name}{side}"] = joint
    return joints


def _down(sign: int, angle: float) -> np.ndarray:
    return np.array([sign * np.sin(angle), np.cos(angle)])


def _frame(rng: np.random.Generator, joints: dict[str, np.ndarray], size_px: int) -> tuple[float, np.ndarray]:
    """Choose how much of the figure the canvas shows; returns (head height in px, canvas position of the
    neck).
    """
    framing = pick(rng, {"full": 0.28, "half": 0.26, "portrait": 0.26, "close": 0.13, "hair": 0.07})
    points = np.stack(list(joints.values()))
    head = joints["head"]
    if framing == "full":
        low, high = points.min(0) - 0.75, points.max(0) + 0.35
        unit = size_px * rng.uniform(0.85, 0.97) / float((high - low).max())
        return unit, size_px / 2 - (low + high) / 2 * unit
    if framing == "half":
        unit = size_px / rng.uniform(3.4, 4.8)
        middle = 0.5 * (head[0] + joints["pelvis"][0])
        return unit, np.array(
            [size_px * rng.uniform(0.42, 0.58) - middle * unit, size_px * 0.08 - (head[1] - 0.7) * unit]
        )
    spans = {"portrait": (2.1, 3.0), "close": (1.35, 1.9), "hair": (0.8, 1.2)}
    unit = size_px / rng.uniform(*spans[framing])
    room = 0.04 if framing == "portrait" else 0.08
    across = 0.06 if framing == "portrait" else 0.15
    at = np.array(
        [size_px * rng.uniform(0.5 - across, 0.5 + across), size_px * rng.uniform(0.02, room) + 0.72 * unit]
    )
    if framing == "hair":
        at = np.array([size_px * rng.uniform(0.1, 0.9), size_px * rng.uniform(0.2, 0.75)])
    return unit, at - head * unit

"""The built-in tracker keeps people apart who cross, and leaves them none of the background they uncover."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from maggie_core import load_model
from maggie_core.propagation.clip import Clip, at_key, onwards, stored
from maggie_core.propagation.ground import camera_motion
from maggie_core.propagation.tracker import LOOK_AHEAD, AffinityTracker

HEIGHT, WIDTH, FRAMES = 128, 192, 14


def texture(seed: int, height: int, width: int, tint: tuple[float, float, float]) -> np.ndarray:
    noise = np.random.default_rng(seed).random((height // 8 + 1, width // 8 + 1, 3)).astype(np.float32)
    soft = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(0.35 * soft + np.float32(0.65) * np.array(tint, np.float32), 0, 1)


def two_who_cross() -> tuple[np.ndarray, np.ndarray]:
    """Images (T, 3, H, W) under a camera that pans, and masks (T, 2, H, W) of who walks past whom."""
    ground = texture(1, HEIGHT, WIDTH + FRAMES, (0.5, 0.5, 0.45))
    people = [texture(2, 80, 24, (0.7, 0.2, 0.2)), texture(3, 72, 28, (0.2, 0.3, 0.7))]
    images, masks = [], []
    for t in range(FRAMES):
        image, shown = ground[:, t : t + WIDTH].copy(), np.zeros((2, HEIGHT, WIDTH), np.float32)
        for n, left in ((1, 20 + 9 * t), (0, 140 - 8 * t)):  # the second one walks behind the first
            height, width = people[n].shape[:2]
            place = slice(HEIGHT - height, HEIGHT), slice(left, left + width)
            image[place] = people[n]
            shown[:, *place] = 0
            shown[n][place] = 1
        images.append(image.transpose(2, 0, 1))
        masks.append(shown)
    return np.stack(images), np.stack(masks)


def test_people_who_cross_are_themselves_again_and_the_uncovered_background_is_nobodys():
    images, masks = two_who_cross()
    nothing = np.full_like(masks[0], np.nan)
    clip = Clip(
        lambda t: images[t],
        lambda t: masks[0] if t == 0 else nothing,
        lambda t: np.full(2, t == 0),
        np.zeros(2, bool),
    )
    tracker = AffinityTracker(load_model("default", device="cpu"))
    start = stored(at_key(masks[0]))

    walk = onwards(
        tracker,
        clip,
        range(FRAMES),
        lambda t: start,
        lambda t: range(t + 1, min(t + 1 + LOOK_AHEAD, FRAMES)),
        None,
    )
    found = {t: shares.argmax(axis=0) for t, shares, _ in walk}

    for n in range(2):
        mine, true = found[FRAMES - 1] == n + 1, masks[-1, n] > 0.5
        assert (mine & true).sum() > 0.8 * (mine | true).sum()


def test_the_cameras_motion_is_found_beside_somebody_who_moves_otherwise():
    angle = cv2.getRotationMatrix2D((80, 60), 2.0, 1.02)
    true = np.vstack([angle, [0, 0, 1]])
    y, x = np.indices((120, 160), dtype=np.float32)
    way = [np.asarray(a * x + b * y + c, np.float32) for a, b, c in true[:2]]
    sure = np.ones((120, 160), np.float32)
    way[0][40:100, 30:60] += 12

    found = camera_motion((way[0], way[1]), sure, sure)

    assert found == pytest.approx(true, abs=0.02)

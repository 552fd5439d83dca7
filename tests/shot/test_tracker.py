"""The built-in tracker keeps people apart who cross, and leaves them none of the background they uncover."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from maggie_core import load_model
from maggie_core.postprocess.temporal import flows
from maggie_core.propagation.clip import Clip, at_key, between, onwards, stored
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


def clip_of(images: np.ndarray, masks: np.ndarray, *, keys: list[int]) -> Clip:
    kept, nothing = list(images), np.full_like(masks[0], np.nan)
    return Clip(
        lambda t: kept[t],
        lambda t: masks[t] if t in keys else nothing,
        lambda t: np.full(len(masks[0]), t in keys),
        np.zeros(len(masks[0]), bool),
    )


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    return np.count_nonzero(a & b) / np.count_nonzero(a | b)


def test_people_who_cross_are_themselves_again_and_the_uncovered_background_is_nobodys():
    images, masks = two_who_cross()
    clip = clip_of(images, masks, keys=[0])
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
        assert overlap(found[FRAMES - 1] == n + 1, masks[-1, n] > 0.5) > 0.8


def test_both_ways_between_two_keys_look_at_each_pair_of_frames_once(monkeypatch):
    images, masks = two_who_cross()
    pairs = []

    def counted(image, other):
        pairs.append((image, other))
        return flows(image, other)

    monkeypatch.setattr("maggie_core.propagation.sights.flows", counted)
    tracker = AffinityTracker(load_model("default", device="cpu"))

    found = [s for _, s, _ in between(tracker, clip_of(images, masks, keys=[0, 5]), range(6))]

    assert len(pairs) == 5
    assert all(overlap(s.argmax(axis=0) == 1, m[0] > 0.5) > 0.8 for s, m in zip(found, masks, strict=False))


class Growing:
    """A tracker that finds as much as the key shows that it comes from."""

    digest, grid_px, look_ahead, resumes = "growing", 10, 0, False

    def follow(self, path, image, keyed, shares, settle, *args, **kwargs):
        for frame in path[1:]:
            settle(frame, shares(path[0]))
            yield frame, {}


@pytest.mark.parametrize(("first_px", "found"), [(10, True), (90, False), (0, False)])
def test_between_two_keys_counts_most_the_one_that_shows_more_of_somebody(first_px, found):
    masks = np.zeros((5, 1, 10, 10), np.float32)
    masks[0].flat[:first_px] = 1
    masks[-1] = 1
    clip = clip_of(masks, masks, keys=[0, 4])

    shares = {t: share for t, share, _ in between(Growing(), clip, range(5))}

    assert (shares[1].argmax(axis=0)[-1, -1] == 1) == found


def test_the_cameras_motion_is_found_beside_somebody_who_moves_otherwise():
    angle = cv2.getRotationMatrix2D((80, 60), 2.0, 1.02)
    true = np.vstack([angle, [0, 0, 1]])
    y, x = np.indices((120, 160), dtype=np.float32)
    way = [np.asarray(a * x + b * y + c, np.float32) for a, b, c in true[:2]]
    sure = np.ones((120, 160), np.float32)
    way[0][40:100, 30:60] += 12

    found = camera_motion((way[0], way[1]), sure, sure)

    assert found == pytest.approx(true, abs=0.02)

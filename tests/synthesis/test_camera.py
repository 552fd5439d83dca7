from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from maggie_lab.synthesis.camera import Camera, add_defects, draw_camera
from maggie_lab.synthesis.fields import disc_blur, gaussian_blur

PLAIN = Camera((1.0, 1.0, 1.0), 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def frame(height: int = 72, width: int = 80) -> np.ndarray:
    rng = np.random.default_rng(0)
    return gaussian_blur(rng.random((3, height, width), dtype=np.float32), 2.0)


@pytest.mark.parametrize(
    "fault",
    [
        {"gain": (0.6, 0.5, 0.7)},
        {"gamma": 1.3},
        {"lift": 0.1},
        {"noise": 0.03, "grain_px": 1.2},
        {"sharpen": 0.7},
        {"blur_px": 0.8},
        {"quality": 6.0},
        {"contrast": 0.6},
        {"contrast": -0.4},
        {"vignette": 0.5},
        {"fringe_px": 1.0},
        {"resized": 0.6},
        {"resized": 0.6, "sharp_resize": True},
        {"jpeg": 30},
        {"codes": True},
    ],
)
def test_every_fault_shows_and_leaves_the_image_recognisable(fault: dict):
    plate = frame()

    shot = replace(PLAIN, **fault).shoot(plate, np.random.default_rng(1))

    assert shot.shape == plate.shape
    assert shot.dtype == np.float32
    assert 0 <= shot.min() and shot.max() <= 1
    assert 0 < np.abs(shot - plate).mean() < 0.35
    assert np.corrcoef(shot.ravel(), plate.ravel())[0, 1] > 0.45


def test_a_camera_without_faults_changes_nothing():
    plate = frame()

    assert np.array_equal(PLAIN.shoot(plate, np.random.default_rng(1)), plate)


def test_cameras_have_every_fault_in_the_shares_they_should():
    cameras = [add_defects(rng, draw_camera(rng)) for rng in map(np.random.default_rng, range(400))]

    def share(which) -> float:
        return float(np.mean([bool(which(camera)) for camera in cameras]))

    assert share(lambda c: c.codes) == 1
    assert 0.2 < share(lambda c: c.jpeg) < 0.4
    assert 0.04 < share(lambda c: c.quality) < 0.2
    assert 0.6 < share(lambda c: c.noise) < 0.95
    for fault in ("vignette", "fringe_px", "sharpen", "blur_px", "contrast", "lift"):
        assert 0.05 < share(lambda c, fault=fault: getattr(c, fault)) < 0.5
    assert all(20 <= camera.jpeg <= 95 for camera in cameras if camera.jpeg)
    darkest, lightest = (f(2.2 * np.log2(np.mean(c.gain)) for c in cameras) for f in (min, max))
    assert -4 < darkest < -1.2 and 0.5 < lightest < 2.5


def test_a_disc_is_as_wide_as_its_gaussian_and_keeps_the_sum():
    point = np.zeros((1, 81, 81), np.float32)
    point[0, 40, 40] = 1
    x = np.arange(81) - 40

    for sigma in (1.0, 2.5, 4.0):
        spots = [blur(point, sigma)[0] for blur in (disc_blur, gaussian_blur)]

        widths = [np.sqrt((spot.sum(0) * x**2).sum()) for spot in spots]
        assert spots[0].sum() == pytest.approx(1, abs=0.02)
        assert widths[0] == pytest.approx(widths[1], rel=0.25)

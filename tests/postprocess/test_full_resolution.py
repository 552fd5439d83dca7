"""Edges at the plate's size: nearer to the truth, the same wherever it is cut, nothing else touched."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from support.moving_people import moving_person
from support.tiny import disc, tiny_model, write_shot

from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.guidance import Pins
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.postprocess.full_resolution import (
    HALO_PX,
    SAMPLE_PX,
    SAMPLES,
    TILE_PX,
    UNDECIDED,
    add_detail,
    has_detail,
    slope_of,
)
from maggie_core.shot.cache import StateCache
from maggie_lab.evaluation.flicker import dtssd_e3

RED, BLUE = (np.array(colour, np.float32) for colour in ((0.8, 0.2, 0.1), (0.1, 0.3, 0.7)))
SMALL = {"working_px": 64, "refine": "none", "smooth": "flow"}


class Scene:
    """Red discs with soft edges on blue, `scale` times larger than the working grid sees them."""

    def __init__(self, region: Window, *, working_px: int, pixel_aspect: float = 1.0, moved: int = 0) -> None:
        self.geometry = Geometry(region, region, pixel_aspect, working_px)
        width, height = region.width, region.height
        rng = np.random.default_rng(5 + moved)
        left, right = (
            gaussian_filter(disc(width, height, width * x + moved, height * 0.5, height * 0.2), 0.8)
            for x in (0.28, 0.72)
        )
        self.truth = np.stack([left, right])
        cover = (left + right)[..., None]
        image = cover * RED + (1 - cover) * BLUE + rng.normal(0, 0.004, (height, width, 3))
        self.image = image.clip(0, 1).astype(np.float32)
        self.seen = self.geometry.to_working(self.image, region).transpose(2, 0, 1)
        self.small = np.stack([self.geometry.to_working(alpha, region) for alpha in self.truth])

    def see(self, part: Window) -> np.ndarray:
        x, y = part.x - self.geometry.region.x, part.y - self.geometry.region.y
        return self.image[y : y + part.height, x : x + part.width]

    def enlarged(self) -> np.ndarray:
        return self.geometry.from_working(self.small).clip(0, 1)

    def detailed(self, **how: int) -> np.ndarray:
        alphas = self.enlarged()
        slopes = [slope_of(alpha, self.seen) for alpha in self.small]
        add_detail(alphas, slopes, self.seen, geometry=self.geometry, see=self.see, **how)
        return alphas


REGIONS = {
    "plain": {"region": Window(0, 0, 640, 400), "working_px": 107},
    "overscan": {"region": Window(-37, 13, 611, 397), "working_px": 150},
    "anamorphic": {"region": Window(0, 0, 400, 500), "working_px": 160, "pixel_aspect": 2.0},
}


@pytest.fixture(scope="module", params=REGIONS)
def scene(request: pytest.FixtureRequest) -> Scene:
    return Scene(**REGIONS[request.param])


def test_an_edge_comes_nearer_to_the_truth(scene):
    before, after = (np.abs(alphas - scene.truth).mean() for alphas in (scene.enlarged(), scene.detailed()))

    assert after < 0.5 * before


@pytest.mark.parametrize("tile_px", [37, 64, 1000])
def test_the_plate_may_be_cut_anywhere(scene, tile_px):
    assert np.abs(scene.detailed() - scene.detailed(tile_px=tile_px)).max() < 1e-5


def test_what_is_decided_stays_bit_for_bit(scene):
    enlarged, detailed = scene.enlarged(), scene.detailed()
    low, high = UNDECIDED
    undecided = ((scene.small > low) & (scene.small < high)).astype(np.float32)
    far = scene.geometry.from_working(np.stack([gaussian_filter(u, 3.0) for u in undecided])) < 1e-3

    assert far.mean() > 0.5
    assert np.array_equal(detailed[far], enlarged[far])
    assert detailed.min() >= 0 and detailed.max() <= 1


def test_the_working_grid_keeps_its_say():
    """What is added is what the working grid cannot hold: averaged down, the alphas are nearly as before."""
    scene = Scene(**REGIONS["plain"])
    region = scene.geometry.region

    down = np.stack([scene.geometry.to_working(alpha, region) for alpha in scene.detailed()])

    assert np.abs(down - scene.small).mean() < 0.05 * np.abs(scene.detailed() - scene.enlarged()).max()
    assert np.abs(down - scene.small).max() < 0.15


def test_the_grain_of_the_plate_stays_out_of_a_soft_edge():
    region = Window(0, 0, 640, 400)
    geometry = Geometry(region, region, working_px=100)
    alpha = np.broadcast_to(np.linspace(-1, 2, 640, dtype=np.float32).clip(0, 1), (400, 640))
    noise = np.random.default_rng(1).normal(0, 0.02, (400, 640, 3))
    image = (alpha[..., None] * RED + (1 - alpha[..., None]) * BLUE + noise).astype(np.float32)
    seen = geometry.to_working(image, region).transpose(2, 0, 1)
    small = geometry.to_working(alpha, region)
    enlarged = geometry.from_working(small[None])
    detailed = enlarged.copy()

    def see(part: Window) -> np.ndarray:
        return image[part.y : part.bottom, part.x : part.right]

    add_detail(detailed, [slope_of(small, seen)], seen, geometry=geometry, see=see)

    unhindered = 0.02 / np.linalg.norm(RED - BLUE)
    assert 0 < (detailed - enlarged)[:, :, 220:420].std() < 0.4 * unhindered


def test_edges_that_move_flicker_less_than_enlarged_ones():
    clip = [Scene(**REGIONS["plain"], moved=t) for t in range(4)]
    truth, enlarged, detailed = (
        np.stack(planes)
        for planes in zip(*((s.truth[0], s.enlarged()[0], s.detailed()[0]) for s in clip), strict=True)
    )

    assert dtssd_e3(detailed, truth) < 0.6 * dtssd_e3(enlarged, truth)


def test_a_plain_plate_adds_nothing_but_its_grain():
    scene = Scene(Window(0, 0, 640, 400), working_px=100)
    scene.image = np.broadcast_to(BLUE, scene.image.shape).astype(np.float32)
    scene.seen = scene.geometry.to_working(scene.image, scene.geometry.region).transpose(2, 0, 1)

    np.testing.assert_allclose(scene.detailed(), scene.enlarged(), atol=1e-5)


def test_exact_alphas_of_a_plate_that_holds_no_more_than_the_working_grid_stay_as_they_are():
    (image,), (truth,) = moving_person("walk", frames=1)
    whole = Window(0, 0, 576, 576)
    geometry = Geometry(whole, whole, working_px=192)
    alphas = geometry.from_working(truth)
    plate = geometry.part_from_working(np.ascontiguousarray(image.transpose(1, 2, 0)), whole)
    before = alphas.copy()

    def see(part: Window) -> np.ndarray:
        return plate[part.y : part.bottom, part.x : part.right]

    add_detail(alphas, [slope_of(truth[0], image)], image, geometry=geometry, see=see)

    assert 1000 * np.abs(alphas - before).mean() <= 0.02  # MAD


def test_exact_alphas_of_the_working_grid_come_nearer_to_those_of_the_plate():
    (image,), (truth,) = moving_person("walk", frames=1, side_px=384)
    whole = Window(0, 0, 384, 384)
    geometry = Geometry(whole, whole, working_px=192)
    plate = np.ascontiguousarray(image.transpose(1, 2, 0))
    seen = geometry.to_working(plate, whole).transpose(2, 0, 1)
    small = geometry.to_working(truth[0], whole)
    alphas = geometry.from_working(small[None])
    before = np.abs(alphas - truth).mean()

    def see(part: Window) -> np.ndarray:
        return plate[part.y : part.bottom, part.x : part.right]

    add_detail(alphas, [slope_of(small, seen)], seen, geometry=geometry, see=see)

    assert np.abs(alphas - truth).mean() < 0.6 * before


def test_alphas_of_an_enlarged_region_come_nearer_to_those_of_the_plate():
    whole = Window(0, 0, 60, 50)
    geometry = Geometry(whole, whole, scale=4.0)
    truth = gaussian_filter(disc(60, 50, 30.3, 25, 15), 0.5)
    image = truth[..., None] * RED + (1 - truth[..., None]) * BLUE
    seen = geometry.to_working(image, whole).transpose(2, 0, 1)
    small = geometry.to_working(truth, whole)  # as blurred as the image
    alphas = geometry.from_working(small[None])
    before = np.abs(alphas[0] - truth).mean()

    add_detail(
        alphas,
        [slope_of(small, seen)],
        seen,
        geometry=geometry,
        see=lambda p: image[p.y : p.bottom, p.x : p.right],
    )

    assert has_detail(geometry)
    assert np.abs(alphas[0] - truth).mean() < 0.5 * before


def test_a_16k_plate_costs_no_more_than_its_tiles():
    """What a plate pixel shows is made when a tile is asked for, so that what is measured is ours."""
    region = Window(0, 0, 16384, 2160)
    geometry = Geometry(region, region, working_px=288)
    width, height = geometry.working_size
    truth = disc(width, height, 700, 140, 60)
    seen = (truth * RED[:, None, None] + (1 - truth) * BLUE[:, None, None]).astype(np.float32)
    alphas = geometry.from_working(truth[None])
    before, asked = alphas.copy(), []

    def see(part: Window) -> np.ndarray:
        asked.append(part)
        rows, columns = np.mgrid[part.y : part.bottom, part.x : part.right]
        inside = np.hypot(columns / 7.5 - 700, rows / 7.5 - 140)[..., None] < 60
        return np.where(inside, RED, BLUE)

    slope = slope_of(truth, seen)
    tracemalloc.start()
    add_detail(alphas, [slope], seen, geometry=geometry, see=see)
    peak_mb = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()

    tiles = [part for part in asked if part.height > SAMPLE_PX]
    assert 4 < len(tiles) < 60
    assert len(asked) - len(tiles) <= SAMPLES**2
    assert max(max(part.width, part.height) for part in tiles) == TILE_PX + 2 * HALO_PX
    # The working image once more, and what a tile needs for each thread; the alphas would be 142 MB.
    assert peak_mb < 8 + 11 * torch.get_num_threads()
    assert np.array_equal(alphas[0, :, 8000:], before[0, :, 8000:])
    assert not np.array_equal(alphas, before)


@pytest.mark.parametrize(
    ("size", "working_px", "there"),
    [((640, 400), 400, False), ((640, 400), 576, False), ((640, 401), 400, True)],
)
def test_a_plate_no_larger_than_the_working_grid_holds_nothing_more(size, working_px, there):
    region = Window(3, -4, *size)

    assert has_detail(Geometry(region, region, working_px=working_px)) is there


# In a shot


@pytest.fixture(scope="module")
def shot(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("shot")
    return write_shot(folder, frames=range(1001, 1007), width=192, height=128)


def matter(shot: tuple[str, dict[str, str]], detail: str, pins: Pins | None = None, **settings: object):
    plate, masks = shot
    guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])
    chosen = MatteSettings(**{**SMALL, "detail": detail, **settings})  # type: ignore[arg-type]
    return ShotMatter(tiny_model(), open_source(plate), guidance, chosen, pins=pins)


def mattes(engine: ShotMatter, frames: list[int] | None = None) -> dict[int, np.ndarray]:
    return {frame: result.alphas for frame, result in results(engine, frames).items()}


def results(engine: ShotMatter, frames: list[int] | None = None) -> dict[int, MatteResult]:
    found = {}
    for result in engine.run(frames):
        assert isinstance(result, MatteResult), result
        found[result.frame] = result
    return found


def test_a_small_plate_is_matted_as_ever(shot):
    engine = matter(shot, "full", working_px=576)

    alphas, as_ever = (
        mattes(each, [1003])[1003] for each in (engine, matter(shot, "working", working_px=576))
    )

    assert engine.effective.detail == "working"
    assert np.array_equal(alphas, as_ever)


def test_full_detail_edges_are_the_same_in_any_order_and_from_a_cache(shot, tmp_path: Path):
    straight = mattes(matter(shot, "full"))
    coarse = mattes(matter(shot, "working"))

    assert any(not np.array_equal(straight[frame], coarse[frame]) for frame in straight)
    assert np.array_equal(mattes(matter(shot, "full"), [1004])[1004], straight[1004])
    for _ in range(2):
        engine = matter(shot, "full")
        engine.cache = StateCache(tmp_path / "cache", limit_bytes=10**9)
        assert all(np.array_equal(alphas, straight[frame]) for frame, alphas in mattes(engine).items())


def test_the_absent_stay_absent_and_all_sum_to_one(shot):
    engine = matter(shot, "full", sum_to_one=True)

    found = results(engine, [1002, 1004])

    assert found[1002].alphas[1].max() == 0
    for result in found.values():
        np.testing.assert_allclose(result.alphas.sum(0) + result.extra["residual"], 1, atol=1e-6)


def test_a_pin_stays_exact(shot, tmp_path: Path):
    whole = Window(0, 0, 192, 128)
    pinned = np.random.default_rng(0).random((128, 192, 1)).astype(np.float32)
    write_exr(tmp_path / "ana.1003.exr", [Part(None, ("Y",), pinned, whole, whole, types="float")])
    source = MaskSequence("ana", str(tmp_path / "ana.####.exr"))
    names = combine([MaskSequence(name, pattern) for name, pattern in shot[1].items()]).instances

    alphas = mattes(matter(shot, "full", Pins([source], names, range(1001, 1007))), [1003])[1003]

    assert np.array_equal(alphas[0], pinned[..., 0])

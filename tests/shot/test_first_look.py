"""A first look: which masks give way to the network's own matte, and how far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.tiny import tiny_model, write_shot

from maggie_core import MaskSequence, MatteResult, MatteSettings, ShotMatter, combine
from maggie_core.io.frames import open_source
from maggie_core.postprocess.alignment import SeenMask
from maggie_core.shot.first_look import better_guidance

HEIGHT, WIDTH = 96, 128
PICTURE = np.zeros((3, HEIGHT, WIDTH), np.float32)


class Painter:
    """A network that paints the same mattes whatever it sees; it remembers what it was shown."""

    def __init__(self, *alphas: np.ndarray):
        self.alphas = np.stack(alphas)
        self.seen: list[tuple[int, ...]] = []

    def encode(self, image: torch.Tensor, guidance: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(guidance.shape))
        return guidance

    def window(self, frames: list[torch.Tensor]) -> SimpleNamespace:
        height, width = frames[0].shape[1:]
        alphas = torch.zeros(1, len(self.alphas), height, width)
        step = WIDTH // width
        small = torch.from_numpy(self.alphas[:, ::step, ::step])
        alphas[0, :, : small.shape[1], : small.shape[2]] = small
        return SimpleNamespace(alpha=alphas)


def box(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.float32)
    mask[top:bottom, left:right] = 1
    return mask


def looked(
    model: Painter, *masks: np.ndarray, share: float = 0.5, doubts: Sequence[float] | None = None
) -> np.ndarray:
    wanted = [1.0] * len(masks) if doubts is None else doubts
    return better_guidance(model, PICTURE, np.stack(masks), wanted, share=share, pad_px=32)  # type: ignore[arg-type]


@pytest.mark.parametrize("larger", [1, 2, 3])
def test_a_larger_frame_is_not_looked_at_larger(larger: int):
    size = (288 * larger, 320 * larger)
    image, mask = np.zeros((3, *size), np.float32), np.zeros((1, *size), np.float32)
    mask[0, size[0] // 4 :, size[1] // 4 : size[1] // 2] = 1
    model = Painter(PICTURE[0])
    model.window = lambda frames: SimpleNamespace(alpha=torch.zeros(1, *frames[0].shape))

    better_guidance(model, image, mask, [0.5], share=0.5, pad_px=32)  # type: ignore[arg-type]

    wanted = {1: {(1, 96, 96), (1, 160, 160)}, 2: {(1, 160, 160), (1, 288, 320)}}
    assert set(model.seen) == wanted[min(larger, 2)]


def test_a_mask_that_the_network_contradicts_becomes_its_matte():
    rough, right = box(8, 8, 60, 60), box(20, 20, 80, 80)

    better = looked(Painter(right), rough)

    assert better.dtype == np.float32 and set(np.unique(better)) == {0, 1}
    assert np.abs(better[0] - right).mean() < 0.01


def test_a_mask_that_it_hardly_contradicts_stays_bit_for_bit():
    mask = box(20, 20, 80, 80)
    given = mask[None]

    assert better_guidance(Painter(mask), PICTURE, given, [1.0], share=0.5, pad_px=32) is given  # type: ignore[arg-type]


def scene(seen: np.ndarray) -> np.ndarray:
    """(3, H, W): somebody whose edge is that of `seen`, before a plain wall."""
    return np.stack([seen, seen, seen]) * np.float32(0.5)


def moved(
    painted: np.ndarray, mask: np.ndarray, *, image: np.ndarray = PICTURE, doubt: float = 0.0
) -> np.ndarray:
    """(H, W) the mask after a look that paints `painted`."""
    return better_guidance(Painter(painted), image, mask[None], [doubt], share=0.5, pad_px=32)[0]  # type: ignore[arg-type]


def test_a_mask_in_no_doubt_gives_way_only_to_an_outline_that_lies_better_on_the_image():
    """4 pixels off all around somebody 60 pixels tall."""
    mask, right = box(16, 16, 84, 84), box(20, 20, 80, 80)

    assert np.array_equal(moved(right, mask), mask), "in a plain image neither outline is better"
    assert np.array_equal(moved(mask, right, image=scene(right)), right), "the mask's own is"
    assert np.abs(moved(right, mask, image=scene(right)) - right).mean() < 0.01


@pytest.mark.parametrize("doubt", [0.0, 1.0])
def test_what_is_seen_far_from_the_outline_moves_nothing(doubt: float):
    """The small matte is right all around, and has a hole deep inside and a blot far outside."""
    mask, right, hole, blot = (
        box(16, 16, 84, 84),
        box(20, 20, 80, 80),
        box(42, 42, 58, 58),
        box(42, 108, 58, 124),
    )

    better = moved(np.clip(right - hole + blot, 0, 1), mask, image=scene(right), doubt=doubt)

    assert np.abs(better - right).mean() < 0.01


def test_the_outline_moves_with_the_doubt():
    mask, seen = box(28, 28, 60, 80), box(20, 20, 68, 88)

    bottoms = [int(np.flatnonzero(moved(seen, mask, doubt=d)[:, 50])[-1]) for d in (0, 0.2, 0.4, 1)]

    assert bottoms[0] == 59 and bottoms[-1] == 67
    assert bottoms == sorted(bottoms)
    assert 59 < bottoms[1] < 67


def test_without_a_share_or_a_mask_nothing_is_looked_at():
    model = Painter(box(20, 20, 80, 80))

    assert np.array_equal(looked(model, box(8, 8, 60, 60), share=0.0), box(8, 8, 60, 60)[None])
    assert not looked(model, np.zeros((HEIGHT, WIDTH), np.float32)).any()
    assert model.seen == []


def test_it_looks_at_half_the_size_grown_to_what_the_network_takes_and_at_a_quarter_before_if_in_doubt():
    model = Painter(box(20, 20, 80, 80))

    looked(model, box(8, 8, 60, 60), doubts=[0.0])
    looked(model, box(8, 8, 60, 60), doubts=[0.1])

    assert model.seen == [(1, 64, 64), (1, 32, 32), (1, 64, 64)]


def test_a_mask_is_never_lost_and_takes_nothing_from_one_that_is_kept():
    kept, rough = box(20, 4, 80, 60), box(8, 70, 40, 120)
    nobody = np.zeros((HEIGHT, WIDTH), np.float32)

    assert np.array_equal(looked(Painter(kept, nobody), kept, rough)[1], rough)
    better = looked(Painter(kept, box(20, 40, 80, 100)), kept, rough)

    assert np.array_equal(better[0], kept)
    assert not (better[0].astype(bool) & better[1].astype(bool)).any()
    assert better[1, 50, 70:96].all()


def test_neighbours_share_what_both_claim_by_who_is_surer():
    left, right = box(10, 4, 80, 70) * np.float32(0.9), box(10, 50, 80, 120) * np.float32(0.7)

    better = looked(Painter(left, right), box(30, 4, 60, 30), box(30, 100, 60, 120))

    assert better[0, 40, 60] == 1 and better[1, 40, 60] == 0
    assert (better.sum(axis=0) <= 1).all()


def test_no_mask_is_lost_and_no_two_come_to_share_a_pixel_whatever_is_seen():
    rng = np.random.default_rng(4)

    def boxes() -> np.ndarray:
        edges = np.sort(rng.integers(0, (HEIGHT, WIDTH), (2, 4, 2)), axis=0).astype(int)
        return np.stack([box(*edges[0, n], *(edges[1, n] + 1)) for n in range(4)])

    for _ in range(60):
        masks = boxes()
        painted = Painter(*(boxes() * rng.uniform(0.3, 1, (4, 1, 1)).astype(np.float32)))
        image = rng.random((3, HEIGHT, WIDTH), np.float32)

        better = better_guidance(
            painted,  # type: ignore[arg-type]
            image,
            masks,
            list(rng.choice([0, 0.3, 1], 4)),
            share=0.5,
            pad_px=32,
        )

        assert better.any(axis=(1, 2)).all()
        assert (better.sum(axis=0) <= np.maximum(masks.sum(axis=0), 1)).all()


def test_a_shot_is_looked_at_first_if_its_model_was_made_so_and_alike_in_every_chunk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    frames = range(1001, 1006)
    plate, masks = write_shot(tmp_path, frames=frames)
    model = tiny_model()
    sizes: list[tuple[int, ...]] = []
    encode = model.encode
    monkeypatch.setattr(model, "encode", lambda i, g: (sizes.append(tuple(i.shape[1:])), encode(i, g))[1])

    def mattes(asked: list[int], first_look: float) -> dict[int, np.ndarray]:
        monkeypatch.setattr(model, "info", replace(model.info, first_look=first_look))
        guidance = combine([MaskSequence(name, pattern) for name, pattern in masks.items()])
        settings = MatteSettings(segment_frames=2, warmup_frames=1)
        found = ShotMatter(model, open_source(plate), guidance, settings).run(asked)
        return {result.frame: result.alphas for result in found if isinstance(result, MatteResult)}

    monkeypatch.setattr(SeenMask, "doubt", 1.0)
    plain = mattes(list(frames), 0.0)
    assert set(sizes) == {(64, 128)}
    looked = mattes(list(frames), 0.5)

    assert set(sizes) == {(64, 128), (64, 64)}
    assert any(not np.array_equal(plain[frame], looked[frame]) for frame in frames)
    for frame in frames:
        assert np.array_equal(mattes([frame], 0.5)[frame], looked[frame])

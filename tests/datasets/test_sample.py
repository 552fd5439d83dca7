"""What is read from the files of a sample."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.published_sets import HEIGHT, WIDTH, disc, write_clips, write_him2k, write_ihim50k, write_planes

from maggie_api.errors import FrameError, GuidanceError
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.datasets import find_samples, load_sample


def test_a_still_is_read_with_its_alphas_and_masks(tmp_path: Path):
    write_him2k(tmp_path, variants=("0",))

    arrays = load_sample(find_samples("him2k", tmp_path)[1])

    assert arrays.image.shape == (1, 3, HEIGHT, WIDTH)
    np.testing.assert_allclose(arrays.image, 26 / 255, atol=1e-6)
    np.testing.assert_allclose(arrays.alphas[0], [disc(0), disc(1)], atol=0.51 / 255)
    assert np.array_equal(arrays.guidance[0], np.stack([disc(0), disc(1)]) > 0.5)
    assert {each.dtype for each in (arrays.image, arrays.alphas, arrays.guidance)} == {np.dtype(np.float32)}


def test_what_is_not_in_a_frame_is_empty_there(tmp_path: Path):
    level = write_clips(tmp_path / "comp_easy", masks=True)
    (level / "pha" / "00000" / "00001" / "01.png").unlink()
    (level / "xmem" / "00000" / "00002" / "00.png").unlink()

    arrays = load_sample(find_samples("v-him60", tmp_path)[0])

    assert arrays.alphas.shape == (3, 2, HEIGHT, WIDTH)
    assert [bool(plane.any()) for plane in arrays.alphas[:, 1]] == [True, False, True]
    assert [bool(plane.any()) for plane in arrays.guidance[:, 0]] == [True, True, False]


def test_without_masks_the_guidance_is_a_coarse_silhouette(tmp_path: Path):
    write_ihim50k(tmp_path)
    write_planes(tmp_path / "alphas" / "0", [disc(0.6, radius=11)] * 2, digits=1)

    arrays = load_sample(find_samples("i-him50k", tmp_path)[0])

    assert set(np.unique(arrays.guidance)) == {0, 1}
    inside = arrays.alphas > 0.5
    overlap = (arrays.guidance * inside).sum() / np.maximum(arrays.guidance, inside).sum()
    assert 0.7 < overlap < 1


def test_jpeg_grey_and_colour_mattes_are_read(tmp_path: Path):
    write_ihim50k(tmp_path, names=("0",))
    Image.fromarray(np.full((HEIGHT, WIDTH), 102, np.uint8)).save(tmp_path / "images" / "0.jpg")
    (tmp_path / "images" / "0.png").unlink()
    write_planes(tmp_path / "alphas" / "0", [np.repeat(disc(0)[..., None], 3, 2)], digits=1)

    arrays = load_sample(find_samples("i-him50k", tmp_path)[0])

    np.testing.assert_allclose(arrays.image, 0.4, atol=1e-6)
    np.testing.assert_allclose(arrays.alphas[0, 0], disc(0), atol=0.51 / 255)


def test_smaller_masks_of_the_same_aspect_are_enlarged(tmp_path: Path):
    write_him2k(tmp_path, names=("a",), variants=("0",))
    half = np.zeros((HEIGHT // 2, WIDTH // 2))
    half[3, 4] = 1
    write_planes(tmp_path / "masks_matched_0" / "comp" / "a", [half, half])

    arrays = load_sample(find_samples("him2k", tmp_path)[0])

    assert arrays.guidance[0, 0].sum() == 4
    assert arrays.guidance[0, 0, 6:8, 8:10].all()


def test_stills_keep_the_same_random_ten_and_clips_the_first_ten(tmp_path: Path):
    write_ihim50k(tmp_path / "stills", names=("0",))
    write_planes(tmp_path / "stills" / "alphas" / "0", [np.full((HEIGHT, WIDTH), k / 20) for k in range(14)])
    for old in ("0.png", "1.png"):
        (tmp_path / "stills" / "alphas" / "0" / old).unlink()
    (still,) = find_samples("i-him50k", tmp_path / "stills")
    clip = replace(still, frames=still.frames * 2, alphas=still.alphas * 2, masks=still.masks * 2)

    chosen, again = (np.rint(load_sample(still).alphas[0, :, 0, 0] * 20) for _ in range(2))
    first = np.rint(load_sample(clip).alphas[0, :, 0, 0] * 20)

    assert list(first) == list(range(10))
    assert list(chosen) == list(again) == sorted(chosen)
    assert len(set(chosen)) == 10 and list(chosen) != list(first)


def test_alphas_of_another_size_are_refused(tmp_path: Path):
    write_him2k(tmp_path)
    write_planes(tmp_path / "alphas" / "comp" / "a", [disc(0), disc(1, width=40)])

    with pytest.raises(FrameError, match=r"01\.png is 40x24 but its image .*a\.png is 32x24"):
        load_sample(find_samples("him2k", tmp_path)[0])


def test_frames_of_several_sizes_are_refused(tmp_path: Path):
    write_clips(tmp_path)
    write_integer_image(tmp_path / "fgr" / "00000" / "00002.png", np.zeros((10, 10, 3)))

    with pytest.raises(FrameError, match=r"00002\.png is 10x10 but 00000\.png is 32x24"):
        load_sample(find_samples("v-him2k5", tmp_path)[0])


def test_masks_of_another_image_are_refused(tmp_path: Path):
    write_him2k(tmp_path, variants=("0",))
    write_planes(tmp_path / "masks_matched_0" / "comp" / "a", [disc(0), disc(1, width=40)])

    with pytest.raises(GuidanceError, match=r"01\.png is 40x24 .* needs the aspect"):
        load_sample(find_samples("him2k", tmp_path)[0])


@pytest.mark.parametrize(
    "height, width, fits",
    [
        (24, 32, True),
        (12, 16, True),
        (13, 17, True),
        (48, 64, True),
        (25, 32, False),
        (24, 33, False),
        (12, 20, False),
    ],
)
def test_a_mask_fits_when_one_factor_leads_to_its_size(tmp_path: Path, height: int, width: int, fits: bool):
    write_him2k(tmp_path, names=("a",), variants=("0",))
    write_planes(tmp_path / "masks_matched_0" / "comp" / "a", [np.ones((height, width))] * 2)
    (sample,) = find_samples("him2k", tmp_path)

    if fits:
        assert load_sample(sample).guidance.all()
        return
    with pytest.raises(
        GuidanceError, match=f"is {width}x{height} but its image .* is 32x24: a mask needs the aspect"
    ):
        load_sample(sample)


def test_masks_that_are_all_empty_are_refused_and_one_empty_mask_is_not(tmp_path: Path):
    write_him2k(tmp_path, variants=("0",))
    nothing = np.zeros((HEIGHT, WIDTH))
    write_planes(tmp_path / "masks_matched_0" / "comp" / "a", [nothing, nothing])
    write_planes(tmp_path / "masks_matched_0" / "comp" / "b", [nothing, disc(1)])
    empty, half = find_samples("him2k", tmp_path)

    with pytest.raises(GuidanceError, match="masks of comp/0/a are all empty"):
        load_sample(empty)
    assert load_sample(half).guidance[0, 1].any()

"""The published layouts are found, and whatever is wrong with a folder is said in one line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.published_sets import disc, write_clips, write_him2k, write_ihim50k, write_planes

from maggie_api.errors import FrameError, GuidanceError, InputError, SettingsError
from maggie_lab.datasets import find_samples


def test_every_variant_of_the_masks_is_a_sample_of_its_own(tmp_path: Path):
    write_him2k(tmp_path, variants=("r50_fpn_3x", "x101_fpn_3x"))

    samples = find_samples("him2k", tmp_path)

    assert [sample.name for sample in samples] == [
        "comp/r50_fpn_3x/a",
        "comp/r50_fpn_3x/b",
        "comp/x101_fpn_3x/a",
        "comp/x101_fpn_3x/b",
    ]
    assert {sample.subset for sample in samples} == {"composition"}
    assert samples[0].instances == ("00", "01")
    assert samples[0].masks[0][1] == tmp_path / "masks_matched_r50_fpn_3x" / "comp" / "a" / "01.png"


def test_subset_and_variant_choose(tmp_path: Path):
    write_him2k(tmp_path, variants=("0", "1"))
    write_him2k(tmp_path / "other", variants=("0", "1"))
    for folder in (tmp_path / "other").iterdir():
        shutil.move(folder / "comp", tmp_path / folder.name / "natural")

    samples = find_samples("him2k", tmp_path, subset="natural", variant="1")

    assert [sample.name for sample in samples] == ["natural/1/a", "natural/1/b"]
    with pytest.raises(SettingsError, match="no variant '7': it has 0, 1"):
        find_samples("him2k", tmp_path, variant="7")


def test_both_orders_of_the_folders_are_read(tmp_path: Path):
    write_him2k(tmp_path / "usual", variants=("0",))
    for kind in ("images", "alphas", "masks_matched_0"):
        shutil.copytree(tmp_path / "usual" / kind / "comp", tmp_path / "swapped" / "comp" / kind)

    usual, swapped = (find_samples("him2k", tmp_path / each) for each in ("usual", "swapped"))

    assert [sample.name for sample in usual] == [sample.name for sample in swapped]


def test_him2k_without_masks_is_read(tmp_path: Path):
    write_him2k(tmp_path)

    assert [sample.has_masks for sample in find_samples("him2k", tmp_path)] == [False, False]


def test_training_stills_are_found_from_the_set_and_from_the_folder_around_it(tmp_path: Path):
    write_ihim50k(tmp_path / "I-HIM50K")

    inside = find_samples("i-him50k", tmp_path / "I-HIM50K")

    assert [sample.name for sample in inside] == ["0", "1"]
    assert find_samples("i-him50k", tmp_path) == inside
    assert find_samples("i-him50k", tmp_path, split="I-HIM50K") == inside


def test_test_clips_carry_their_level_and_masks(tmp_path: Path):
    write_clips(tmp_path / "comp_medium", names=("00031", "00029"), masks=True)

    first, second = find_samples("v-him60", tmp_path)

    assert (first.name, first.subset, len(first.frames)) == ("medium/00029", "medium", 3)
    assert second.masks[2] == tuple(
        tmp_path / "comp_medium" / "xmem" / "00031" / "00002" / name for name in ("00.png", "01.png")
    )


def test_names_of_training_clips_tell_their_level(tmp_path: Path):
    names = ("00499", "00500", "01499", "01500", "03499", "03500")
    write_clips(tmp_path, names=names, frames=1)

    levels = [sample.subset for sample in find_samples("v-him2k5", tmp_path)]

    assert levels == ["easy", "medium", "medium", "hard", "hard", "medium"]


def test_an_instance_may_leave_the_clip_and_the_mask_may_be_lost(tmp_path: Path):
    write_clips(tmp_path / "comp_easy", masks=True)
    (tmp_path / "comp_easy" / "pha" / "00000" / "00001" / "01.png").unlink()
    (tmp_path / "comp_easy" / "xmem" / "00000" / "00002" / "00.png").unlink()

    (clip,) = find_samples("v-him60", tmp_path)

    assert clip.alphas[1][1] is None
    assert clip.masks[2][0] is None


@pytest.mark.parametrize("dataset", ["him2k", "i-him50k", "v-him60", "v-him2k5"])
def test_a_foreign_folder_is_named_with_what_it_holds(tmp_path: Path, dataset: str):
    (tmp_path / "holiday").mkdir()

    with pytest.raises(FrameError, match=f"holds holiday: {dataset} needs .*/0?0.png"):
        find_samples(dataset, tmp_path)


def test_a_missing_folder_and_an_unknown_set_are_named(tmp_path: Path):
    with pytest.raises(FrameError, match="gone is not a folder"):
        find_samples("him2k", tmp_path / "gone")
    with pytest.raises(SettingsError, match="no data set 'coco': choose one of him2k"):
        find_samples("coco", tmp_path)


def test_an_image_without_alphas_is_named(tmp_path: Path):
    shutil.rmtree(write_him2k(tmp_path) / "alphas" / "comp" / "b")

    with pytest.raises(FrameError, match=r"b\.png has no alphas: expected one PNG per instance in .*comp/b"):
        find_samples("him2k", tmp_path)


def test_a_frame_without_alphas_is_named(tmp_path: Path):
    shutil.rmtree(write_clips(tmp_path) / "pha" / "00000" / "00001")

    with pytest.raises(FrameError, match=r"00001\.png has no alphas \(1 of 3 frames"):
        find_samples("v-him2k5", tmp_path)


def renumber(clip: Path, name: str) -> None:
    """Give every frame of a clip, a file or a folder, another name of its number."""
    for path in sorted(clip.iterdir(), reverse=True):
        path.rename(clip / (name.format(int(path.stem)) + path.suffix))


def test_frames_are_ordered_and_paired_by_number_however_they_are_padded(tmp_path: Path):
    level = write_clips(tmp_path / "comp_easy", frames=12, masks=True)
    renumber(level / "fgr" / "00000", "{}")
    renumber(level / "pha" / "00000", "{:03d}")
    renumber(level / "xmem" / "00000", "frame.{}")

    (clip,) = find_samples("v-him60", tmp_path)

    assert [path.name for path in clip.frames] == [f"{k}.png" for k in range(12)]
    assert [row[0].parent.name for row in clip.alphas if row[0]] == [f"{k:03d}" for k in range(12)]
    assert [row[1].parent.name for row in clip.masks if row[1]] == [f"frame.{k}" for k in range(12)]


@pytest.mark.parametrize(
    "kind, error, said",
    [
        ("pha", FrameError, r"00000\.png has no alphas \(1 of 3 frames"),
        ("xmem", GuidanceError, r"xmem/00000 has files for frame 3, which .*00000 does not have \(0-2\)"),
    ],
)
def test_alphas_and_masks_that_are_one_frame_off_are_refused(
    tmp_path: Path, kind: str, error: type[InputError], said: str
):
    level = write_clips(tmp_path / "comp_easy", masks=True)
    for path in sorted((level / kind / "00000").iterdir(), reverse=True):
        path.rename(path.with_name(f"{int(path.name) + 1:05d}"))

    with pytest.raises(error, match=said):
        find_samples("v-him60", tmp_path)


def test_frames_without_a_number_or_with_the_same_one_are_refused(tmp_path: Path):
    folder = write_clips(tmp_path / "a") / "fgr" / "00000"
    (folder / "00001.png").rename(folder / "last.png")
    with pytest.raises(FrameError, match="is no clip: each image needs a name with its frame number"):
        find_samples("v-him2k5", tmp_path / "a")

    folder = write_clips(tmp_path / "b") / "fgr" / "00000"
    (folder / "00001.png").rename(folder / "2.png")
    with pytest.raises(FrameError, match="are both frame 2: keep one of them"):
        find_samples("v-him2k5", tmp_path / "b")


def test_a_missing_mask_is_named(tmp_path: Path):
    (write_him2k(tmp_path, variants=("0",)) / "masks_matched_0" / "comp" / "b" / "01.png").unlink()

    with pytest.raises(GuidanceError, match=r"comp/b has 1 masks for 2 alphas, 01\.png is missing"):
        find_samples("him2k", tmp_path)


def test_an_instance_of_a_clip_without_any_mask_is_named(tmp_path: Path):
    level = write_clips(tmp_path / "comp_hard", masks=True)
    for folder in (level / "xmem" / "00000").iterdir():
        (folder / "01.png").unlink()

    with pytest.raises(GuidanceError, match="no mask of instance 01 in any frame"):
        find_samples("v-him60", tmp_path)


def test_every_error_is_bad_input(tmp_path: Path):
    write_planes(tmp_path / "images", [disc(0)])

    with pytest.raises(InputError) as caught:
        find_samples("i-him50k", tmp_path)

    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)
    assert np.array_equal(disc(0).shape, (24, 32))

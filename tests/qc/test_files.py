"""Whether every frame is there once, whole, and made like the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.tiny import disc

from maggie_api.errors import FrameError
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.qc import Finding, MatteFiles, check

LAYOUTS = ("layers", "multipart", "files", "cryptomatte")


def said(findings: tuple[Finding, ...]) -> dict[str, tuple[int, ...]]:
    return {finding.measure: finding.frames for finding in findings}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_is_found_in_a_shot_as_it_should_be(shot, layout: str):
    findings = shot.film().deliver(layout=layout).findings(plate=True, guidance=True)

    assert [finding.text for finding in findings] == []


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_that_is_not_there_is_found_by_its_number(shot, layout: str):
    shot.deliver(*shot.frames[:4], *shot.frames[5:], layout=layout)

    assert said(shot.findings()) == {"missing": (1005,)}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_file_that_was_cut_short_is_unreadable(shot, layout: str):
    shot.deliver(layout=layout)
    victim = sorted(shot.folder.glob("matte*1003.exr"))[0]
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])

    (finding,) = shot.findings()

    assert (finding.measure, finding.frames) == ("unreadable", (1003,))
    assert "1003" in finding.text and "delete the file" in finding.text


def test_a_frame_whose_second_person_has_no_file_is_not_whole(shot):
    for frame in shot.frames:
        shot.alphas[frame]["ben"] = np.zeros_like(shot.alphas[frame]["ana"])
    shot.deliver(layout="files")
    (shot.folder / "matte_ben.1006.exr").unlink()

    assert said(shot.findings()) == {"unreadable": (1006,)}


def test_a_frame_stored_under_two_paddings_or_in_two_layouts_is_there_twice(shot):
    shot.deliver()
    (shot.folder / "matte.01002.exr").write_bytes(shot.path(1002).read_bytes())
    loose = MatteFiles(shot.folder / "matte.#.exr")
    shot.deliver(1004, layout="files")

    assert loose.copies(1002) == 2
    assert said(shot.findings(mattes=loose)) == {"twice": (1002, 1004)}


def test_files_of_another_shot_that_are_called_like_instances_are_none(shot):
    shot.deliver()
    for frame in shot.frames:  # the shot `matte_b` in layers, beside the shot `matte`
        (shot.folder / f"matte_b.{frame}.exr").write_bytes(shot.path(frame).read_bytes())

    assert shot.findings() == ()


def test_a_frame_of_another_size_is_found(shot):
    shot.alphas[1004] = {"ana": disc(64, 48, 20, 24, 12)}
    (finding,) = shot.deliver().findings()

    assert (finding.measure, finding.frames) == ("size", (1004,))
    assert "64x48, the others are 128x96" in finding.text


def test_an_instance_that_is_absent_from_a_file_is_named(shot):
    for frame in shot.frames:
        if frame != 1007:
            shot.alphas[frame]["ben"] = np.zeros_like(shot.alphas[frame]["ana"])
    (finding,) = shot.deliver().findings()

    assert (finding.measure, finding.frames) == ("instances", (1007,))
    assert "(ben)" in finding.text


def test_a_frame_of_other_weights_or_settings_is_found_and_what_differs_is_said(shot):
    shot.headers[1003] = {"weights_sha256": "cd" * 32}
    shot.headers[1006] = {"settings": {"working_px": 288}}
    checked = check(shot.deliver().subject())

    assert checked.numbers.remarks["recipe", "", 1003] == "weights_sha256"
    assert checked.numbers.remarks["recipe", "", 1006] == "settings.working_px"
    assert said(shot.findings()) == {"recipe": (1003, 1006)}


def test_a_frame_that_an_artist_pinned_is_of_the_same_recipe(shot):
    shot.headers[1003] = {"recipe": "another digest", "pins": [{"name": "ana", "sequence": "hand.####.exr"}]}

    assert shot.deliver().findings() == ()


def test_mattes_of_other_programs_are_read_and_all_made_alike(shot):
    window = Window(0, 0, 128, 96)
    for frame in shot.frames:
        pixels = shot.alphas[frame]["ana"][..., None]
        write_exr(shot.path(frame), [Part(None, ("ana.A",), pixels, window, window)])
    checked = check(shot.subject())

    assert checked.instances == ("ana",)
    assert shot.findings() == ()


def test_frames_are_those_on_disk_where_nobody_says_which_are_wanted(shot):
    shot.deliver(1001, 1002, 1005)

    assert MatteFiles(shot.pattern).frames == (1001, 1002, 1005)
    assert MatteFiles(shot.pattern).expected == (1001, 1002, 1003, 1004, 1005)


def test_a_folder_is_no_sequence(tmp_path: Path):
    with pytest.raises(FrameError, match="name the files in it"):
        MatteFiles(tmp_path)

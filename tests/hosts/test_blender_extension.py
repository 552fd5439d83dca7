"""The extension, installed from its zip into real Blenders, works for an artist and on a farm."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import OpenEXR
import pytest
from support.blenders import BLENDERS, NUMBERS, ROOT, build_extension, play, write_project
from support.workers import environment

from maggie_api.job import MatteJob, write_job
from maggie_api.settings import EdgeSettings, MatteFile, MatteSettings, options_of
from maggie_core.color import BUILT_IN_CONFIG
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.mattes.provenance import explain
from maggie_lab.srgb import to_linear

HERE = [pytest.param(each, marks=pytest.mark.slow if each in ("4.2", "5.2") else ()) for each in BLENDERS]
pytestmark = pytest.mark.blender


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_extension(tmp_path_factory.mktemp("extension"))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write_project(tmp_path / "project")


def alphas(folder: Path) -> dict[int, dict[str, np.ndarray]]:
    """(H, W) planes by layer, of the mattes in a folder by number."""
    found = {}
    for file in folder.glob("matte.*.exr"):
        with OpenEXR.File(str(file), separate_channels=True) as opened:
            planes = {name: np.array(channel.pixels) for name, channel in opened.channels().items()}
        found[int(file.name.split(".")[1])] = {name.removesuffix(".alpha"): p for name, p in planes.items()}
    return found


def rendered(folder: Path) -> dict[int, np.ndarray]:
    """(H, W) red planes of what Blender rendered, by frame of the scene."""
    found = {}
    for file in folder.glob("r.*.exr"):
        with OpenEXR.File(str(file), separate_channels=True) as opened:
            found[int(file.name.split(".")[1])] = np.array(opened.channels()["R"].pixels)
    return found


def mask_plane(path: Path) -> np.ndarray:
    """(H, W) pixels of a mask that Blender rendered."""
    with OpenEXR.File(str(path), separate_channels=True) as opened:
        assert sorted(opened.channels()) == ["B", "G", "R"]  # an alpha would be taken for the mask
        return np.array(opened.channels()["R"].pixels)


def test_masks_are_rendered_where_people_are_measured_too(package: Path, project: Path):
    report, _ = play("a_short_range", package, project, "5.0")

    # 1001 and 1002 are asked for, smoothing takes from the two frames after them; 1005 is the second of the
    # segment's frames in which people are measured.
    numbers = (1001, 1002, 1003, 1004, 1005)
    assert report["masks"] == [f"ben.{number}.exr" for number in numbers]
    assert report["cores"] == [f"held_inner.{number}.exr" for number in numbers]
    job = MatteJob.from_json(json.dumps(report["job"]))
    assert [(hold.name, hold.sequence.rpartition("/")[2], hold.part) for hold in job.core] == [
        ("ben", "held_inner.####.exr", "R")
    ]
    assert [(hold.name, hold.sequence.rpartition("/")[2]) for hold in job.garbage] == [("*", "ana.####.png")]
    assert job.edges_of("ben").trust == 0.5
    assert "the edges of ben say 'grow=1'" in report["edges"]


@pytest.mark.parametrize("blender", HERE)
def test_from_an_empty_file_to_a_farms_render(blender: str, package: Path, project: Path, tmp_path: Path):
    # With the default model once, else with a tiny one.
    model = {"MODEL_OF_TEST": "default"} if blender == "5.0" else {}

    report, _ = play("an_artists_day", package, project, blender, **model)

    assert report["nobody"].startswith("nobody is in the shot")
    assert report["unsaved"] == (
        "//maggie/ is beside the blend file, which has no place yet: save it, or name a folder"
    )
    assert report["no matte"] == "there is no matte yet: matte a frame first"
    assert report["frame"] == report["range"] == report["group"] == report["again"] == ""
    assert report["after one frame"] == ["matte.1003.exr"]
    assert report["masks"] == [f"ben.{number}.exr" for number in NUMBERS]
    assert report["same masks"]
    masks = {n: mask_plane(project / "maggie/shot_a/guidance" / f"ben.{n}.exr") for n in NUMBERS}
    assert masks[1001][20:50, 42:54].min() == 1
    assert masks[1001][:12].max() == masks[1002].max() == 0  # its layer is transparent at frame 12
    assert report["cancelled"] == "cancelled"
    assert report["outputs"] == ["maggie_ana_o", "maggie_ben"]
    assert report["image"] == ["//maggie/shot_a/matte.1001.exr", "Non-Color"]

    # The command line makes the same files of the same job, to the byte.
    mattes = project / "maggie" / "shot_a"
    job = replace(MatteJob.from_json(report["job"]), output=str(tmp_path / "cli" / "m.####.exr"), cache=None)
    write_job(job, tmp_path / "job.json")  # and run with as many threads as the worker has
    command = [sys.executable, "-m", "maggie_node", "job", str(tmp_path / "job.json")]
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    for number in NUMBERS:
        ours, theirs = mattes / f"matte.{number}.exr", tmp_path / "cli" / f"m.{number}.exr"
        assert ours.read_bytes() == theirs.read_bytes()

    # And the compositor shows them, file 1001 at frame 11, to the last bit.
    truth = alphas(mattes)
    assert truth[1003]["maggie_ben"].max() > 0
    for layer in report["outputs"]:
        seen = rendered(project / layer)
        assert sorted(seen) == list(range(11, 17))
        for frame, plane in seen.items():
            np.testing.assert_array_equal(plane, truth[frame + 990][layer].astype(np.float32))

    # Without the extension a matte that is missing is seen, in every pixel, and nothing before the shot.
    bare = tmp_path / "bare"
    shutil.copytree(project, bare)
    report, _ = play("without_the_extension", package, bare, blender)
    assert report == {"ours": [False]}
    one, all_missing = rendered(bare / "one"), rendered(bare / "all")
    assert sorted(one) == sorted(all_missing) == list(range(9, 17))
    for frame in range(9, 17):
        assert (all_missing[frame].min() > 0.4) == (frame > 10 or blender == "4.2")
        if frame == 13:
            assert one[frame].min() > 0.4
        elif frame > 10:
            np.testing.assert_array_equal(one[frame], truth[frame + 990]["maggie_ben"].astype(np.float32))
    if blender != "4.2":  # which itself shows a file that is missing, as 2/3
        assert one[9].max() == one[10].max() == all_missing[10].max() == 0

    # Elsewhere, from another file too, with mattes missing: a render computes them, or ends.
    moved = tmp_path / "elsewhere"
    project.rename(moved)
    report, errors = play("on_a_farm", package, moved, blender, ends_with=3)

    assert report == {"image": "//../maggie/shot_a/matte.1001.exr"}
    assert "MaGGIe: frame 14, group MaGGIe: the matte" in errors
    assert "1004" in errors
    for folder in ("moved", "appended"):
        seen = rendered(moved / folder)
        for frame in range(11, 17):
            np.testing.assert_array_equal(seen[frame], truth[frame + 990]["maggie_ben"].astype(np.float32))
    assert sorted(rendered(moved / "black")) == [11, 12, 13]


def test_people_are_followed_from_keys_and_the_range_has_a_preview(package: Path, project: Path):
    report, _ = play("keys_and_more", package, project, "5.0")

    assert report["no key"].startswith("'ben' has no key: go to a frame")
    assert report["keys"] == [11, 13, 16]
    ana, ben = report["job"]["guidance"]
    assert (ana["kind"], ana["offset"], ben["kind"], ben["channel"]) == ("key", 3, "key", "R")
    assert [(pin["name"], pin["sequence"].rpartition("/")[2]) for pin in report["job"]["pins"]] == [
        ("ana", "ana.####.png")
    ]
    assert report["range"] == ""
    assert report["devices"][:2] == ["auto", "cpu"]
    assert "mps" not in report["devices"] or sys.platform == "darwin"  # as the worker has told
    assert report["files"] == [f"ben_keys.{number}.exr" for number in (1001, 1003, 1006)]
    assert report["mattes"] == [f"matte.{number}.exr" for number in NUMBERS]
    assert report["preview"]
    assert report["after one went"] == [f"ben_keys.{number}.exr" for number in (1001, 1006)]


def test_names_with_digits_frames_below_zero_and_copies_of_scenes(package: Path, project: Path):
    stills = project / "stills"
    stills.mkdir()
    for name in ("plate_4k", "hero_v1", "hero_v2", "shot010", "still.0007", "render0001", "render0002"):
        shutil.copy(project / "shot" / "plate.1001.exr", stills / f"{name}.exr")
    for name in ("mask_v1", "mask_v2"):
        shutil.copy(project / "shot" / "ana.1001.png", stills / f"{name}.png")

    report, _ = play("names_and_scenes", package, project, "4.5")

    assert report["stills"] == {
        "plate_4k": ["plate_4k.exr", "1"],
        "hero_v2": ["hero_v2.exr", "1"],
        "shot010": ["shot010.exr", "1"],
        "still.0007": ["still.0007.exr", "7"],
        "render0001": ["render####.exr", "2"],
    }
    assert report["a still"] == report["before zero"] == ""
    assert report["masks"] == [f"ben.{number}.exr" for number in NUMBERS]
    masks = {n: mask_plane(project / "out/shot_a/guidance" / f"ben.{n}.exr") for n in NUMBERS}
    # File 1001 is frame -2: there and at frame 0 the mask is drawn, between them it is transparent.
    assert [masks[n].max() for n in (1001, 1002, 1003)] == [1, 0, 1]
    assert report["owners"] == report["owners of the renamed"] == [True, False]
    assert report["renamed"]
    assert report["left over"] is None


def test_a_frame_has_the_picture_of_a_movie_that_blender_shows_there(package: Path, project: Path):
    grey = range(20, 180, 20)
    for name, times in (("even", range(8)), ("uneven", (0, 1, 2, 5, 6, 7, 8, 11))):
        with av.open(str(project / f"{name}.mkv"), "w") as movie:
            stream = movie.add_stream("mpeg4", rate=24)
            stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
            for time, code in zip(times, grey, strict=True):
                picture = av.VideoFrame.from_ndarray(np.full((64, 96, 3), code, np.uint8))
                picture.pts, picture.time_base = time, Fraction(1, 24)
                movie.mux(stream.encode(picture))
            movie.mux(stream.encode())

    report, _ = play("a_movie", package, project, "5.0")

    linear = to_linear(np.array(grey, np.float32) / 255)
    seen = rendered(project / "shown")
    shown = [1 + int(np.abs(linear - seen[frame].mean()).argmin()) for frame in range(9, 18)]
    assert report["numbers"] == shown == [2, 2, 3, 4, 5, 6, 6, 6, 6]
    assert "uneven.mkv has a variable frame rate, so Blender repeats or drops pictures" in report["uneven"]


@pytest.mark.parametrize("blender", HERE)
def test_clips_layers_and_cryptomattes(blender: str, package: Path, project: Path):
    window = Window(0, 0, 96, 64)
    for number, masks in zip(NUMBERS, two_masks(project), strict=True):
        part = Part(None, ("ana.a", "ben.a", "cy.a"), masks, window, window)
        write_exr(project / "layers" / f"two.{number}.exr", [part])
    larger = np.zeros((70, 100, 3), np.float32)
    overscan = Part(None, ("R", "G", "B"), larger, Window(-2, -3, 100, 70), window)
    write_exr(project / "overscan" / "plate.1001.exr", [overscan])

    shutil.copy(project / "shot" / "plate.1001.exr", project / "shot" / "version_2.exr")
    as_the_worker_numbers_them = [str(open_source(project / "shot" / "version_2.exr").frames[0]), "1003"]

    # With a configuration of the studio's: its names, and the worker takes it too.
    report, _ = play("other_guidance", package, project, blender, OCIO=BUILT_IN_CONFIG)

    assert report["layers"] == report["render"] == report["group"] == ""
    assert report["from a clip"] == ["matte.1002.exr", "matte.1003.exr"]
    assert report["from files"] == ["matte.1001.exr", "matte.1002.exr"]
    assert report["outputs"] == ["maggie_cube"]
    data, config = (
        ("Raw", BUILT_IN_CONFIG) if blender != "4.2" else ("Non-Color", str(ROOT))
    )  # too old for it
    assert report["data"] == data
    assert explain(project / "out/files/matte.1001.exr")["ocio"].startswith(config)
    assert report["file"] == report["file of the range"] == ""
    assert report["updated"] == ["maggie_cube", "maggie_ana"]
    assert report["scenes"] == ["Files"]
    assert report["stills"] == as_the_worker_numbers_them == ["1", "1003"]
    assert report["overscan"].startswith("the plate's data window is not its display window")


def two_masks(project: Path) -> list[np.ndarray]:
    """(H, W, 3) for each frame: the people's masks, and one of nobody."""
    planes = np.zeros((64, 96, 3), np.float32)
    planes[12:48, 12:32, 0] = planes[18:54, 34:54, 1] = 1
    return [planes] * len(NUMBERS)


def test_what_is_wrong_is_said_in_a_sentence_and_blender_lives_on(package: Path, project: Path):
    worker = project / "old_worker"
    worker.write_text(
        f"#!{sys.executable}\nimport json\nid = json.loads(input())['id']\n"
        "print(json.dumps({'jsonrpc': '2.0', 'id': id, 'error': {'code': -32001, 'message':"
        " 'this worker speaks protocol 7, you speak 1: update the older of the two'}}), flush=True)\n"
    )
    worker.chmod(0o755)

    report, _ = play("trouble", package, project, "4.5")

    assert "/proc/nothing" in report["read only"]
    assert report["no python"].startswith("no python with maggie-node is known: install maggie-node")
    assert report["no such python"].startswith("the settings names the python")
    assert "No module named maggie_node" in report["no maggie-node"]
    assert "protocol 7" in report["another version"]
    assert report["located"] == ""
    assert "has no maggie-node" in report["not located"]
    assert report["no package"].startswith("no package is named: name a wheel")
    assert report["offline"].startswith("Blender is told to stay offline")
    assert "quantum" in report["device"]
    state, text = report["killed"]
    assert state == "failed"
    assert "was killed by SIGKILL" in text
    assert "submit the job again" in text
    assert report["after it"] == ""
    assert report["mattes"] == [f"matte.{number}.exr" for number in NUMBERS]


def test_every_option_has_a_control_that_the_job_and_a_saved_scene_keep(package: Path, project: Path):
    offered = options_of(MatteSettings, EdgeSettings, MatteFile)

    report, _ = play("the_options", package, project, "5.0")

    for name, help_text in report["help"].items():
        assert name not in offered or help_text == offered[name].help
    for name, words in report["choices"].items():
        assert name not in offered or tuple(words) == offered[name].choices
    for name in report["help"]:
        assert report["untouched"][name] == getattr(MatteJob, name)
    assert {name: report["changed"][name] for name in report["chosen"]} == report["chosen"]
    assert report["changed"]["segment_frames"] == "whole"
    assert report["changed"]["exposure_ev"] == "auto"
    assert report["too small"] == "working size is 10 px: it needs at least 64"


@pytest.mark.parametrize("blender", HERE)
def test_an_update_in_a_running_blender_takes_effect_and_nothing_stays_of_what_is_removed(
    blender: str, package: Path, project: Path
):
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(project / "newer.zip", "w") as newer:
        for name in old.namelist():
            text = old.read(name)
            if name.endswith("maggie_api/errors.py"):
                text += b"\nNEWER = True\n"
            elif name.endswith("blender_manifest.toml"):
                text = re.sub(rb'(?m)^version = ".*"$', b'version = "99.0.0"', text)
            newer.writestr(name, text)

    report, _ = play("an_update", package, project, blender)

    assert report == {"before": False, "after": True, "enabled": True, "beside it": [], "removed": True}


def test_the_repository_offers_the_extension_and_says_what_it_may_do(package: Path):
    index = json.loads((package.parent / "index.json").read_text("utf-8"))

    (offered,) = index["data"]
    assert offered["id"] == "maggie_node"
    assert offered["archive_url"] == f"./{package.name}"
    assert "Blender" not in offered["name"]
    assert set(offered["permissions"]) == {"files", "network"}
    assert offered["license"][0] == "SPDX:GPL-3.0-or-later"

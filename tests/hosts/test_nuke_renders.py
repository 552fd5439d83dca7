"""Renders of scripts with the node: with windows, `-t`, `-x`; no frame is rendered without its matte."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.guidance_files import write_image
from support.nuke_plugin import FRAMES, PLUGIN, Case, write_config, write_sequences
from support.tiny import write_tiny_model

from maggie_api.client.worker import find
from maggie_core.io.image import read_image
from maggie_core.mattes import read_mattes

NUKE = Path(__file__).parent / "fake_nuke" / "nuke_app.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Sequences, a model, and one worker for all tests of this file."""
    folder = tmp_path_factory.mktemp("nuke")
    write_sequences(folder / "shot")
    write_config(folder / "config.ocio")
    write_tiny_model(folder / "tiny")
    (folder / "run").mkdir(mode=0o700)
    yield folder
    worker = find(folder / "run" / "maggie-node")
    if worker is not None:
        worker.shutdown()
        worker.close()


@pytest.fixture
def case(files: Path, tmp_path: Path) -> Case:
    env = {"MAGGIE_PYTHON": sys.executable, "XDG_RUNTIME_DIR": str(files / "run"), "NUKE_PATH": str(PLUGIN)}
    return Case(files / "shot", tmp_path, files / "config.ocio", model=str(files / "tiny"), env=env)


def rendered(case: Case, name: str = "out") -> list[int]:
    return sorted(int(path.name.split(".")[1]) for path in case.folder.glob(f"{name}.*.exr"))


def check_pixels(case: Case, frame: int) -> None:
    """The rendered layers are the mattes, the colours are the plate's."""
    folder = case.own() / "mattes"
    alphas, _ = read_mattes(folder / f"matte.{frame}.exr")
    shown = read_image(case.folder / f"out.{frame}.exr")
    plate = read_image(case.shot / f"plate.{frame}.exr")
    for name, alpha in alphas.items():
        at = shown.channels.index(f"maggie_{name}.alpha")
        np.testing.assert_array_equal(shown.pixels[..., at], alpha)
    for name in "RGB":
        np.testing.assert_array_equal(
            shown.pixels[..., shown.channels.index(name)], plate.pixels[..., plate.channels.index(name)]
        )


SAVED = """
    start()
    made = node("ana", "ben")
    press(made, "find")
    from maggie_nuke import apply
    apply.plan(made, plans(made)[0])
    write(made)
    nuke.scriptSave()
"""


def test_a_render_in_windows_shows_the_mattes(case: Case):
    out = case.run("""
        session = start()
        made = node("ana", "ben")
        press(made, "matte")
        wait()
        edit(made["output"], "ben")
        nuke.execute(write(made), 1002, 1003, 1)
        nuke.frame(1002)
        out["alpha"] = [nuke.sample(made, name, 60.5, 30.5) for name in ("rgba.alpha", "maggie_ben.alpha")]
        out["said"] = messages()
    """)

    assert out["said"] == [] and out["alpha"][0] == out["alpha"][1]
    assert rendered(case) == [1002, 1003]
    check_pixels(case, 1003)


def test_a_render_in_windows_without_mattes_stops_with_a_sentence(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "find")
        nuke.frame(1001)
        out["viewer"] = nuke.sample(made, "rgba.red", 20.5, 30.5) > 0
        out["unready"] = failure(nuke.execute, write(made), 1001, 1006, 1)
        nuke.frame(1003)
        press(made, "matte_frame")
        wait()
        out["other"] = failure(nuke.execute, write(made), 1003, 1006, 1)
    """)

    assert out["viewer"]
    assert "MaGGIe1: its instances were changed: press Matte once" in out["unready"]
    assert "MaGGIe1: the matte of frame 1004 is missing: press Matte" in out["other"]
    assert rendered(case) == [1003]


def test_a_copy_leaves_the_first_nodes_mattes_and_a_lost_layer_stops_a_render(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "matte")
        wait()
        made.selectOnly()
        nuke.nodeCopy(path("copied.nk"))
        again = nuke.nodePaste(path("copied.nk"))
        for index in range(3):
            again.setInput(index, made.input(index))
        again["use2"].setValue(False)
        press(again, "matte")
        wait()
        nuke.execute(write(made), 1001, 1002, 1)
        again["use2"].setValue(True)
        press(again, "reload_mattes")
        out["lost"] = failure(nuke.execute, write(again, "again"), 1001, 1002, 1)
        out["said"] = messages()
    """)

    assert out["said"] == [] and rendered(case) == [1001, 1002] and rendered(case, "again") == []
    assert "MaGGIe2: the matte of frame 1001 lacks ben: press Matte" in out["lost"]
    assert len(list((case.own("MaGGIe2") / "mattes").glob("matte.*.exr"))) == len(FRAMES)
    check_pixels(case, 1001)


def test_a_matte_of_a_mask_that_changed_since_is_stale_and_made_again(case: Case):
    own = case.folder / "shot"
    own.mkdir()
    for path in case.shot.iterdir():
        (own / path.name).write_bytes(path.read_bytes())
    case.more["shot"] = str(own)
    out = case.run("""
        start()
        made = node("ana", "ben", plate=nuke.nodes.Grade(inputs=[read("plate")]))
        press(made, "matte")
        wait()
        below = write(made)
        nuke.scriptSave()
        nuke.execute(below, 1001, 1001, 1)
        out["options"] = []
        for knob, value in (("working_px", 320), ("edges2", "grow_px=1")):
            was = made[knob].value()
            made[knob].setValue(value)
            out["options"].append(failure(nuke.execute, below, 1001, 1001, 1))
            made[knob].setValue(was)
        grade = made.input(0)
        grade["white"].setValue(0.5)
        out["plate"] = failure(nuke.execute, below, 1001, 1001, 1)
        grade["white"].setValue(1.0)
        mask = case["shot"] + "/ben.1002.exr"
        os.utime(mask, (2e9, 2e9))
        out["mask"] = failure(nuke.execute, below, 1002, 1002, 1)
        out["label"] = made["status"].value()
        press(made, "reload_mattes")
        out["reload"] = made["status"].value()
        press(made, "matte")
        wait()
        nuke.execute(below, 1002, 1002, 1)
        os.utime(mask, (1.9e9, 1.9e9))
        out["said"] = messages()
    """)
    ran = case.process(str(NUKE), "-x", "-F", "1002-1002", str(case.folder / "shot.nk"))

    assert out["said"] == []
    assert "MaGGIe1: the matte of frame 1001 is stale: working_px changed: press Matte" in out["options"][0]
    assert "is stale: per_person changed" in out["options"][1]
    assert "is stale: what plate comes from changed" in out["plate"]
    assert "the matte of frame 1002 is stale: mask of ben changed: press Matte" in out["mask"]
    assert out["label"] == "frame 1002 is stale: mask of ben changed"
    assert out["reload"] == "stale: mask of ben changed"
    assert ran.returncode == 0, ran.stderr
    assert rendered(case) == [1001, 1002]
    assert " 1900000000" in (case.own() / "account.json").read_text()


def test_an_executed_script_makes_what_is_missing_of_its_range(case: Case):
    case.run(SAVED)

    ran = case.process(str(NUKE), "-x", "-F", "1002-1004", str(case.folder / "shot.nk"))

    assert ran.returncode == 0, ran.stderr
    mattes = sorted(path.name for path in (case.own() / "mattes").glob("matte.*.exr"))
    assert mattes == [f"matte.{frame}.exr" for frame in (1002, 1003, 1004)]
    assert rendered(case) == [1002, 1003, 1004]
    check_pixels(case, 1002)


def test_an_executed_script_that_was_never_matted_finds_its_instances(case: Case):
    case.run("""
        start()
        made = node("ana", nuke.nodes.Crop(inputs=[read("ben")], box=[0, 0, 96, 64]))
        write(made)
        nuke.scriptSave()
    """)

    ran = case.process(str(NUKE), "-x", str(case.folder / "shot.nk"))

    assert ran.returncode == 0, ran.stderr
    assert rendered(case) == list(FRAMES)
    shown = read_image(case.folder / "out.1001.exr")
    assert {"maggie_ana.alpha", "maggie_crop1.alpha"} <= set(shown.channels)


def test_an_executed_script_without_a_worker_fails_and_writes_nothing(case: Case):
    case.run(SAVED)
    del case.env["MAGGIE_PYTHON"]
    case.env.update(PATH="/usr/bin:/bin", XDG_CONFIG_HOME=str(case.folder))

    ran = case.process(str(NUKE), "-x", str(case.folder / "shot.nk"))

    assert ran.returncode == 1
    assert "MaGGIe1: no python with maggie-node is known" in ran.stderr
    assert rendered(case) == []


def test_an_executed_script_whose_mattes_are_there_needs_neither_worker_nor_plug_in(case: Case):
    case.run(SAVED + '    press(made, "matte")\n    wait()\n    nuke.scriptSave()')
    for name in ("MAGGIE_PYTHON", "NUKE_PATH"):
        del case.env[name]
    case.env.update(PATH="/usr/bin:/bin", XDG_CONFIG_HOME=str(case.folder))

    ran = case.process(str(NUKE), "-x", str(case.folder / "shot.nk"))

    assert ran.returncode == 0, ran.stderr
    assert rendered(case) == list(FRAMES)
    check_pixels(case, 1006)


def test_without_the_plug_in_a_missing_matte_stops_the_render(case: Case):
    case.run(SAVED)
    del case.env["NUKE_PATH"]

    ran = case.process(str(NUKE), "-x", str(case.folder / "shot.nk"))

    assert ran.returncode == 1 and "No such file" in ran.stderr
    assert rendered(case) == []


def test_a_failing_frame_fails_alone(case: Case):
    broken = case.folder / "shot"
    broken.mkdir()
    for path in case.shot.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "ana.1005.exr").unlink()
    (broken / "ana.1005.exr").write_bytes(b"not an EXR at all")
    case.more["shot"] = str(broken)
    case.run(SAVED.replace("press(made", 'made["segment_frames"].setValue(2); press(made', 1))

    ran = case.process(str(NUKE), "-x", "--cont", str(case.folder / "shot.nk"))

    assert ran.returncode == 1
    assert 1001 in rendered(case) and 1005 not in rendered(case)


def test_a_program_renders_chunk_by_chunk_and_every_frame_is_made(case: Case):
    case.run(SAVED)
    script = case.folder / "chunks.py"
    script.write_text(
        f"""
import nuke
nuke.scriptOpen({str(case.folder / "shot.nk")!r})
nuke.execute("Write1", 1005, 1006, 1)
nuke.execute("Write1", 1001, 1001, 1)
"""
    )

    ran = case.process(str(NUKE), "-t", str(script))

    assert ran.returncode == 0, ran.stderr
    assert rendered(case) == [1001, 1005, 1006]
    check_pixels(case, 1005)


def test_a_program_prepares_what_cannot_be_rendered_in_the_middle_of_a_frame(case: Case):
    case.run("""
        start()
        made = node("ana", plate=nuke.nodes.Grade(inputs=[read("plate")]))
        press(made, "find")
        from maggie_nuke import apply
        apply.plan(made, plans(made)[0])
        write(made)
        nuke.scriptSave()
    """)
    script = case.folder / "prepared.py"
    script.write_text(
        f"""
import nuke, maggie_nuke
nuke.scriptOpen({str(case.folder / "shot.nk")!r})
try:
    nuke.execute("Write1", 1003, 1003, 1)
    raise SystemExit("it was rendered")
except RuntimeError as error:
    print(error)
maggie_nuke.prepare(nuke.toNode("Write1"), [1003])
nuke.execute("Write1", 1003, 1003, 1)
"""
    )

    ran = case.process(str(NUKE), "-t", str(script))

    assert ran.returncode == 0, ran.stderr
    assert "must be rendered for them, which Nuke does not do now" in ran.stdout
    assert rendered(case) == [1003]


def test_frames_outside_the_shot_hold_its_ends_and_shifted_ones_are_found(case: Case):
    case.run("""
        start()
        made = node(read("ana", frame="frame+1000"), plate=read("plate", frame="frame+1000"))
        press(made, "find")
        from maggie_nuke import apply
        apply.plan(made, plans(made)[0])
        write(nuke.nodes.TimeOffset(inputs=[made], time_offset=10))
        nuke.scriptSave()
    """)

    ran = case.process(str(NUKE), "-x", "-F", "9-12", str(case.folder / "shot.nk"))

    assert ran.returncode == 0, ran.stderr
    mattes = sorted(path.name for path in (case.own() / "mattes").glob("matte.*.exr"))
    assert mattes == ["matte.1001.exr", "matte.1002.exr"]
    held, first = (read_image(case.folder / f"out.{frame:04d}.exr") for frame in (9, 11))
    np.testing.assert_array_equal(held.pixels, first.pixels)


def test_mattes_that_are_there_are_shown_when_their_masks_are_gone(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        made["frames"].setValue("custom")
        made["range"].setValue("1001-1002")
        press(made, "matte")
        wait()
        made.setInput(1, None)
        out["said"] = failure(nuke.execute, write(made), 1001, 1003, 1)
    """)

    assert "frame 1003 is missing: 'ana' comes from the input 'guidance', to which nothing" in out["said"]
    assert rendered(case) == [1001, 1002]
    check_pixels(case, 1002)


def test_overscan_and_pixel_aspect_come_back(case: Case):
    wide = case.folder / "shot"
    wide.mkdir()
    for frame in FRAMES:
        pixels = np.random.default_rng(frame).uniform(0, 1, (72, 112, 3)).astype(np.float32)
        window = {"data": (-8, -4), "display": (0, 0, 96, 64), "metadata": {"PixelAspectRatio": 2.0}}
        write_image(wide / f"plate.{frame}.exr", pixels, kind="half", **window)
        mask = np.zeros((72, 112), np.float32)
        mask[20:60, 0:40] = 1
        write_image(wide / f"ana.{frame}.exr", mask, channels=("A",), kind="half", **window)
    case.more["shot"] = str(wide)

    case.run("""
        start()
        made = node("ana", plate=nuke.nodes.Grade(inputs=[read("plate")]))
        made["data_window"].setValue("plate")
        press(made, "matte")
        wait()
        nuke.execute(write(made), 1001, 1001, 1)
        out["said"] = messages()
    """)

    plate = read_image(wide / "plate.1001.exr")
    shown = read_image(case.folder / "out.1001.exr")
    matte = read_image(case.own() / "mattes/matte.1001.exr")
    given = read_image(case.own() / "plate/plate.1001.exr")
    for each in (given, matte, shown):
        assert (each.display, each.data, each.pixel_aspect) == (plate.display, plate.data, 2.0)
    alpha = matte.pixels[..., matte.channels.index("maggie_ana.alpha")]
    np.testing.assert_array_equal(shown.pixels[..., shown.channels.index("maggie_ana.alpha")], alpha)


def test_the_self_test_is_content_with_the_fake(case: Case):
    ran = case.process(str(NUKE), "-t", str(PLUGIN / "selftest.py"))

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert '"ok": false' not in ran.stdout

"""Matting from the node with the real worker: in threads, cancelled, with a worker that dies or is none."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from support.nuke_plugin import FRAMES, Case, pythons, write_config, write_sequences
from support.tiny import write_tiny_model
from support.workers import ROOT, environment

from maggie_api.client.worker import find
from maggie_api.job import read_job
from maggie_core.mattes import read_mattes


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
    env = {"MAGGIE_PYTHON": sys.executable, "XDG_RUNTIME_DIR": str(files / "run")}
    return Case(files / "shot", tmp_path, files / "config.ocio", model=str(files / "tiny"), env=env)


def mattes(case: Case) -> list[int]:
    """Frames whose matte is there, and whole."""
    found = sorted((case.own() / "mattes").glob("matte.*.exr"))
    for path in found:
        read_mattes(path)
    return [int(path.name.split(".")[1]) for path in found]


def alphas(case: Case) -> list[dict[str, np.ndarray]]:
    """The mattes of every frame, by instance."""
    folder = case.own() / "mattes"
    return [read_mattes(path)[0] for path in sorted(folder.glob("matte.*.exr"))]


MATTE = """
    session = start()
    made = node("ana", "ben")
    press(made, "matte")
    wait()
    out.update(said=messages(), status=made["status"].value(), ready=made["ready"].value())
    out["tasks"] = [[task.name, task.percents[-1], task.closed] for task in session.record.tasks]
"""


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).name)
def test_the_button_mattes_the_shot_in_a_thread(case: Case, python: str):
    case.python = python

    out = case.run(MATTE)

    assert out["said"] == [] and out["ready"]
    assert out["status"] == "6 of 6 mattes are there"
    assert out["tasks"] == [["MaGGIe: MaGGIe1", 100, True]]
    assert mattes(case) == list(FRAMES)


def test_the_mattes_are_those_of_the_command_line(case: Case):
    out = case.run(MATTE + '    import maggie_nuke\n    out["job"] = maggie_nuke.job_text(made)')
    folder = case.own()
    made = {path.name: path.read_bytes() for path in (folder / "mattes").iterdir()}
    job = read_job(folder / "job.json")
    for path in (folder / "mattes").iterdir():
        path.unlink()

    (case.folder / "job.json").write_text(out["job"], encoding="utf-8")
    subprocess.run(
        [sys.executable, "-m", "maggie_node", "job", str(case.folder / "job.json")],
        cwd=ROOT,
        env=environment(),
        check=True,
        capture_output=True,
    )

    assert job.to_json() == out["job"]
    assert len(made) == len(FRAMES)
    assert {path.name: path.read_bytes() for path in (folder / "mattes").iterdir()} == made


def test_one_frame_alone_is_the_same_frame(case: Case):
    case.run(MATTE)
    whole = (case.own() / "mattes" / "matte.1004.exr").read_bytes()
    alone = Case(case.shot, case.folder / "alone", case.ocio, model=case.model, env=case.env)

    out = alone.run("""
        start()
        nuke.frame(1004)
        made = node("ana", "ben")
        press(made, "matte_frame")
        wait()
        out.update(said=messages(), job=node_state(made).cache)
    """)

    assert out["said"] == []
    assert mattes(alone) == [1004]
    assert (alone.own() / "mattes" / "matte.1004.exr").read_bytes() == whole


def test_rendered_inputs_give_the_mattes_of_their_files(case: Case):
    case.run(MATTE)
    direct = alphas(case)
    again = Case(case.shot, case.folder / "again", case.ocio, model=case.model, env=case.env)

    out = again.run("""
        session = start()
        grade = nuke.nodes.Grade(inputs=[read("plate")])
        masks = [nuke.nodes.Crop(inputs=[read(name)]) for name in ("ana", "ben")]
        for mask in masks:
            mask["box"].setValue([0, 0, 96, 64])
        made = node(*masks, plate=grade)
        press(made, "find")
        made["name1"].setValue("ana")
        made["name2"].setValue("ben")
        press(made, "matte")
        wait()
        writes = [each.name() for each in nuke.allNodes("Write", recurseGroups=True)]
        out.update(said=messages(), writes=writes)
        out["rendered"] = len(session.record.rendered)
    """)
    assert out["said"] == [] and out["writes"] == [] and out["rendered"] == 18
    assert len(direct) == 6
    np.testing.assert_equal(alphas(again), direct)


def test_of_a_model_without_state_fewer_frames_are_rendered_and_called_stale_once_its_worker_has_said_so(
    case: Case,
):
    own = case.folder / "shot"
    shutil.copytree(case.shot, own)
    case.more["shot"], case.model = str(own), str(write_tiny_model(case.folder / "still", still=True))

    out = case.run("""
        session = start()
        made = node("ana", "ben", plate=nuke.nodes.Grade(inputs=[read("plate")]))
        out["rendered"] = []
        for frame in (1002, 1005, 1001):
            nuke.frame(frame)
            before = len(session.record.rendered)
            press(made, "matte_frame")
            wait()
            out["rendered"].append(len(session.record.rendered) - before)
        out["said"] = messages()
        nuke.scriptSave()
    """)
    again = case.run("""
        start(script="")
        nuke.scriptOpen(path("shot.nk"))
        made = nuke.toNode("MaGGIe1")
        from maggie_nuke import account
        (plan,) = plans(made)
        out["stale"] = []
        for frame in (1003, 1002):
            os.utime(f"{case['shot']}/ben.{frame}.exr", (2e9, 2e9))
            out["stale"].append(account.stale(plan, [1001], account.read(plan)))
    """)

    assert out["said"] == []
    assert out["rendered"] == [4, 4, 2], "a chain from 1001 on; then the frame, those beside it, the first"
    assert again["stale"] == [{}, {"1001": "mask of ben changed"}]


def test_a_model_that_looks_around_where_one_of_its_name_did_not_gets_its_frames_the_next_time(case: Case):
    out = case.run("""
        session = start()
        made = node("ana", "ben", plate=nuke.nodes.Grade(inputs=[read("plate")]))
        nuke.frame(1005)
        from maggie_api.client import models
        from maggie_api.client.host_client import Progress
        from types import SimpleNamespace
        models.remember(case["model"], Progress("running", started=SimpleNamespace(looks_around=False)))
        out["status"] = []
        for _ in range(2):
            press(made, "matte_frame")
            wait()
            out["status"].append(made["status"].value())
    """)

    assert "plate frames 1002-1003 (the mattes of 1005 need them) are missing" in out["status"][0]
    assert mattes(case) == [1005], out["status"][1]


@pytest.mark.parametrize("python", pythons(), ids=lambda path: Path(path).name)
def test_the_script_stays_responsive_and_a_cancelled_job_leaves_whole_frames(case: Case, python: str):
    case.python = python

    out = case.run("""
        session = start()
        made = node("ana", "ben")
        seen = []
        session.cancel_tasks = lambda task: task.percents[-1] > 0
        press(made, "matte")
        out["at once"] = made["status"].value()
        made["label"].setValue("typed meanwhile")
        wait()
        out.update(said=messages(), status=made["status"].value(), label=made["label"].value())
    """)

    assert out["said"] == [] and out["label"] == "typed meanwhile"
    assert "cancelled" in out["status"] or "6 of 6" in out["status"]
    assert out["at once"] == "starting the worker"
    mattes(case)


def test_cancel_before_anything_is_said_and_twice_matte_is_refused(case: Case):
    out = case.run("""
        start()
        made = node("ana")
        press(made, "cancel")
        press(made, "matte")
        press(made, "matte")
        press(made, "cancel")
        wait()
        out.update(said=messages(), status=made["status"].value())
    """)

    assert out["said"] == [
        "MaGGIe1: nothing is under way",
        "MaGGIe1: it is being matted already: wait, or press Cancel first",
    ]
    assert out["status"].startswith("cancelled") or "6 of 6" in out["status"]


def test_a_deleted_node_ends_its_job(case: Case):
    out = case.run("""
        session = start()
        made = node("ana", "ben")
        press(made, "matte")
        nuke.delete(made)
        wait()
        out.update(said=messages(), errors=session.record.tracebacks)
    """)

    assert out == {"said": [], "errors": []}


def test_one_frame_goes_ahead_of_a_shot_under_way(case: Case):
    out = case.run("""
        start()
        nuke.frame(1005)
        made = node("ana", "ben")
        press(made, "matte")
        press(made, "matte_frame")
        wait()
        out["said"] = messages()
    """)

    assert out["said"] == []
    assert mattes(case) == list(FRAMES)


@pytest.mark.parametrize("end", ["nuke.scriptClear()", "nuke.scriptOpen(path('shot.nk'))", "pass"])
def test_a_script_or_nuke_that_is_closed_ends_its_jobs(case: Case, end: str):
    out = case.run(f"""
        session = start()
        made = node("ana", "ben")
        press(made, "matte")
        {end}
        if {end!r} != "pass":
            wait()
        out.update(said=messages(), errors=session.record.tracebacks)
    """)

    assert out == {"said": [], "errors": []}


def test_a_worker_that_is_killed_is_a_sentence_and_the_next_job_goes_on(case: Case):
    (case.folder / "own").mkdir(mode=0o700)
    case.env["XDG_RUNTIME_DIR"] = str(case.folder / "own")

    out = case.run("""
        import glob, signal
        start()
        made = node("ana", "ben")
        made["working_px"].setValue(64)
        press(made, "matte")
        address = path("own/maggie-node/worker.json")
        pump(until=lambda: glob.glob(path("maggie/MaGGIe1_*/mattes/matte.*.exr")), seconds=120)
        with open(address) as file:
            os.kill(json.load(file)["pid"], signal.SIGKILL)
        wait()
        out["first"] = messages()
        press(made, "matte")
        wait()
        out.update(said=messages(), status=made["status"].value())
        with open(address) as file:
            os.kill(json.load(file)["pid"], signal.SIGTERM)
    """)

    assert len(out["first"]) == len(out["said"]) == 1
    assert "worker" in out["first"][0] and "submit" in out["first"][0]
    assert out["status"] == "6 of 6 mattes are there"
    assert mattes(case) == list(FRAMES)


def test_a_worker_of_another_version_is_a_sentence(case: Case):
    (case.folder / "own").mkdir(mode=0o700)
    case.env["XDG_RUNTIME_DIR"] = str(case.folder / "own")
    stranger = case.folder / "python"
    stranger.write_text(
        f"""#!{sys.executable}
import sys
sys.argv[1:3] = []
from maggie_api.client import rpc
rpc.PROTOCOL = 99
import maggie_node.worker.dispatcher, maggie_node.worker.connection, maggie_node.worker.serve
for module in list(sys.modules.values()):
    if getattr(module, "PROTOCOL", None) == 1:
        module.PROTOCOL = 99
from maggie_node.cli import main
main()
"""
    )
    stranger.chmod(0o755)
    case.env["MAGGIE_PYTHON"] = str(stranger)

    out = case.run("""
        start()
        made = node("ana")
        press(made, "matte")
        wait()
        out.update(said=messages(), status=made["status"].value())
        import signal
        with open(path("own/maggie-node/worker.json")) as file:
            os.kill(json.load(file)["pid"], signal.SIGTERM)
    """)

    assert len(out["said"]) == 1 and "protocol" in out["said"][0]


def test_no_python_is_a_sentence_that_says_what_to_do(case: Case):
    del case.env["MAGGIE_PYTHON"]
    (case.folder / "own").mkdir(mode=0o700)
    case.env["XDG_RUNTIME_DIR"] = str(case.folder / "own")
    case.env.update(PATH="/usr/bin:/bin", XDG_CONFIG_HOME=str(case.folder))

    out = case.run("""
        start()
        made = node("ana")
        press(made, "matte")
        out["said"] = messages()
        made["python"].setValue("/bin/false")
        press(made, "matte")
        wait()
        out["then"] = messages()[-1]
    """)

    assert "no python with maggie-node is known: install maggie-node" in out["said"][0]
    assert "the worker did not start" in out["then"]


def test_a_failing_frame_is_a_sentence_and_the_others_are_there(case: Case):
    broken = case.folder / "shot"
    broken.mkdir()
    for path in case.shot.iterdir():
        (broken / path.name).symlink_to(path)
    (broken / "plate.1006.exr").unlink()
    (broken / "plate.1006.exr").write_bytes(b"not an EXR at all")
    case.more["shot"] = str(broken)

    out = case.run("""
        start()
        made = node("ana")
        made["segment_frames"].setValue(2)
        press(made, "matte")
        wait()
        out.update(said=messages(), status=made["status"].value())
        out["other"] = nuke.sample(made, "maggie_ana.alpha", 20.5, 30.5)
    """)

    assert len(out["said"]) == 1 and "1006" in out["said"][0]
    assert 1001 in mattes(case) and 1006 not in mattes(case)


def test_a_cache_disk_that_goes_away_is_a_sentence(case: Case):
    out = case.run("""
        import shutil
        start()
        made = node("ana")
        made["cache"].setValue(path("disk/cache"))
        press(made, "matte")
        wait()
        out["first"] = messages()
        shutil.rmtree(path("disk"))
        with open(path("disk"), "w") as file:
            file.write("unplugged")
        press(made, "matte")
        wait()
        out["said"] = messages()
        out["viewer"] = made.node("mattes").hasError()
    """)

    assert out["first"] == []
    assert len(out["said"]) == 1 and "cannot be written" in out["said"][0]
    assert "disk/cache/MaGGIe1_" in out["said"][0]
    assert out["viewer"]


def test_views_are_matted_one_after_the_other(case: Case):
    views = case.folder / "shot"
    for view in ("left", "right"):
        (views / view).mkdir(parents=True)
        for path in case.shot.iterdir():
            (views / view / path.name).symlink_to(path)
    case.more["shot"] = f"{views}/%V"

    out = case.run("""
        start()
        for view in ("left", "right"):
            nuke.addView(view)
        nuke.deleteView("main")
        made = node("ana")
        press(made, "matte")
        wait()
        out.update(said=messages(), file=made.node("mattes")["file"].value())
    """)

    folder = case.own() / "mattes"
    assert out["said"] == [] and out["file"] == f"{folder}/%V/matte.%04d.exr"
    assert [len(list((folder / view).glob("*.exr"))) for view in ("left", "right")] == [6, 6]


def test_the_farm_gets_its_files_and_explain_tells_how_a_matte_was_made(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "send")
        pump(until=messages, seconds=120)
        press(made, "explain")
        press(made, "matte")
        wait()
        nuke.frame(1002)
        press(made, "explain")
        pump(until=lambda: len(messages()) > 2, seconds=120)
        out["said"] = messages()
    """)

    sent, before, after = out["said"]
    assert (case.own() / "farm" / "template.json").is_file()
    assert "farm openjd" in sent
    assert "This frame has no matte yet" in before and "layer maggie_ana" in before
    assert "tiny" in after and "explain" in after


def test_the_farm_command_is_shown_where_there_is_no_python(case: Case):
    del case.env["MAGGIE_PYTHON"]
    case.env.update(PATH="/usr/bin:/bin", XDG_CONFIG_HOME=str(case.folder))

    out = case.run("""
        start()
        made = node("ana")
        made["chunk"].setValue(24)
        made["farm"].setValue("deadline")
        press(made, "send")
        out["said"] = messages()
    """)

    (said,) = out["said"]
    folder = str(case.own())
    assert said.splitlines()[1] == f"maggie-node farm deadline {folder}/job.json -o {folder}/farm --chunk 24"


def test_a_person_is_followed_from_keys_and_a_removed_key_leaves_no_file(case: Case):
    out = case.run("""
        from nuke import rotopaint
        start()
        roto = nuke.nodes.Roto(inputs=[read("plate")])
        corners = ((12, 14), (34, 14), (34, 54), (12, 54))
        shape = rotopaint.Shape(roto["curves"], *corners)
        for time, step in ((1001, 0), (1006, 5)):
            for (x, y), point in zip(corners, shape):
                point.center.addPositionKey(time, (x + step, y))
        roto["curves"].rootLayer.append(shape)
        made = node(roto, "ben")
        press(made, "find")
        made["name1"].setValue("ana")
        made["at_keys1"].setValue(True)
        made["preview"].setValue(True)
        press(made, "matte")
        wait()
        out["first"] = [made["status"].value(), made["state"].value(), made["device"].values()]
        files = lambda: sorted(os.listdir(plans(made)[0].folder + "/keys"))
        out["files"] = [files()]
        nuke.frame(1004)
        press(made, "add_key1")
        press(made, "reload_mattes")
        out["stale"] = [made["status"].value(), made["state"].value()]
        press(made, "matte_frame")
        wait()
        out["files"].append(files())
        nuke.frame(1001)
        press(made, "remove_key1")
        press(made, "matte")
        wait()
        out["files"].append(files())
        shape[0].center.addPositionKey(1003, (10, 10))
        out["render"] = failure(nuke.execute, write(made), 1001, 1001, 1)
        out["said"] = messages()
    """)

    assert out["said"] == []
    assert out["first"][0].startswith("6 of 6 mattes are there") and out["first"][1] == "6 of 6"
    assert out["first"][2] == ["auto", "cpu"] or "cuda:0" in out["first"][2]
    assert out["files"][0] == ["ana.1001.exr", "ana.1006.exr"]
    assert out["files"][1] == ["ana.1001.exr", "ana.1004.exr", "ana.1006.exr"]
    assert out["files"][2] == ["ana.1004.exr", "ana.1006.exr"]
    assert out["stale"] == ["stale: the key masks of ana changed"] * 2
    assert "is stale: the key masks of ana changed" in out["render"]
    folder = case.own()
    job = read_job(folder / "job.json")
    assert [each.kind for each in job.guidance] == ["key", "mask"]
    assert job.preview == str(folder / "preview.mp4") and (folder / "preview.mp4").is_file()
    found = alphas(case)
    assert len(found) == len(FRAMES) and all(frame["ana"].max() > 0 for frame in found)

"""Templates really run by `openjd run`, with a warm worker: the pixels are those of one process."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maggie_core.mattes import read_mattes
from maggie_core.qc.measures import MEASURES

BIN = Path(sys.executable).parent
FRAMES = range(1001, 1011)


def environment() -> dict[str, str]:
    """Ours, without what would reach a worker of somebody else's or change the number of threads."""
    return {name: value for name, value in os.environ.items() if name != "MAGGIE_WORKER"}


def maggie(*args: object) -> None:
    run = subprocess.run(
        [BIN / "maggie-node", *map(str, args)], capture_output=True, text=True, env=environment(), timeout=300
    )
    assert run.returncode == 0, run.stderr


def openjd(template: Path, *args: object) -> subprocess.Popen[str]:
    """`openjd run TEMPLATE ARGS`, under way."""
    command = [BIN / "openjd", "run", template, "-p", f"MaggieNode={BIN / 'maggie-node'}", *map(str, args)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment()
    )


def tasks(*ranges: str) -> list[str]:
    """The options that run chunks by hand."""
    return ["--step", "Matte", "--tasks", json.dumps([{"Frame": each} for each in ranges])]


def ended(run: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = run.communicate(timeout=300)
    return run.returncode, said


def told(said: str, mark: str) -> list[str]:
    """What follows `mark` in the lines of a session."""
    return re.findall(rf"{mark}: (.*)", said)


def template_of(job: Path, *, chunk: int = 4) -> Path:
    """A template whose check asks for files that are there, whole and alike: random weights matte nothing."""
    folder = job.parent / "farm"
    names = [name for name, measure in MEASURES.items() if measure.about != "file"]
    loose = [word for name in names for word in ("--limit", f"{name}=none")]
    maggie("farm", "openjd", job, "-o", folder, "--chunk", chunk, *loose)
    return folder / "template.json"


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory, write_shot: Callable[..., Path]) -> Path:
    """Folder of the mattes that one process makes of the ten frames."""
    job = write_shot(tmp_path_factory.mktemp("straight"))
    maggie("job", job)
    return job.parent / "out"


@pytest.fixture
def job(tmp_path: Path, straight: Path) -> Path:
    """The same shot, file for file, in a folder of its own; tests may break it."""
    shot = straight.parent
    shutil.copytree(shot, tmp_path / "shot", ignore=shutil.ignore_patterns("out"))
    job = tmp_path / "shot" / "job.json"
    job.write_text(job.read_text(encoding="utf-8").replace(str(shot), str(job.parent)), encoding="utf-8")
    return job


def is_same(made: Path, straight: Path, frame: int) -> bool:
    """Whether a frame has the pixels and the recipe of the straight run."""
    (alphas, header), (true, of_true) = (
        read_mattes(folder / f"matte.{frame:04d}.exr") for folder in (made, straight)
    )
    alike = all(np.array_equal(alphas[name].view(np.uint32), true[name].view(np.uint32)) for name in true)
    return alphas.keys() == true.keys() and alike and header["recipe"] == of_true["recipe"]


def frames_in(folder: Path) -> list[int]:
    """Frames that are there; no other file is."""
    return sorted(int(path.name.removeprefix("matte.").removesuffix(".exr")) for path in folder.iterdir())


def test_uneven_chunks_on_a_warm_worker_give_the_pixels_of_one_process(job: Path, straight: Path):
    template = template_of(job)

    code, said = ended(openjd(template, "--step", "Check", "--run-dependencies"))

    assert code == 0, said
    assert re.findall(r"Frame\(CHUNK\[INT\]\) = (\S+)", said) == ["1001-1004", "1005-1007", "1008-1010"]
    assert len(set(re.findall(r"worker (\d+)", said))) == 1
    assert told(said, "openjd_progress").count("100.0") == 3
    assert frames_in(job.parent / "out") == list(FRAMES)
    assert all(is_same(job.parent / "out", straight, frame) for frame in FRAMES)
    report = json.loads((template.parent / "qc" / "qc.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "fine"


def test_a_task_that_fails_delivers_its_other_frames_and_is_mended_by_a_requeue(job: Path, straight: Path):
    template, plate = template_of(job), job.parent / "plate.1007.exr"
    whole = plate.read_bytes()
    plate.write_bytes(whole[: len(whole) // 2])

    code, said = ended(openjd(template, *tasks("1005-1008")))

    assert code != 0
    (failure,) = told(said, "openjd_fail")
    assert failure.startswith("frames 1007: ")
    assert "plate.1007.exr" in failure
    assert frames_in(job.parent / "out") == [1005, 1006, 1008]

    plate.write_bytes(whole)
    code, said = ended(openjd(template, *tasks("1005-1008", "1001-1004")))

    assert code == 0, said
    assert "frame 1005 was there already" in said
    assert "3 made, 1 were there already, 0 failed" in said
    assert all(is_same(job.parent / "out", straight, frame) for frame in range(1001, 1009))

    code, said = ended(openjd(template, "--step", "Check", "--no-run-dependencies"))

    assert code != 0
    (failure,) = told(said, "openjd_fail")
    assert "missing frame" in failure


def test_a_farm_that_has_the_folders_elsewhere_maps_them(job: Path, straight: Path, tmp_path: Path):
    template = template_of(job)
    values = json.loads((template.parent / "parameter_values.json").read_text(encoding="utf-8"))
    places = {each["name"]: each["value"] for each in values["parameterValues"] if ":" not in each["name"]}
    (tmp_path / "shot").rename(tmp_path / "mounted")
    rule = {"source_path_format": "POSIX", "source_path": str(tmp_path / "shot")}
    rules = {
        "version": "pathmapping-1.0",
        "path_mapping_rules": [rule | {"destination_path": str(tmp_path / "mounted")}],
    }
    mounted = tmp_path / "mounted" / "farm" / "template.json"

    run = openjd(
        mounted, "-p", json.dumps(places), "--path-mapping-rules", json.dumps(rules), *tasks("1001-1003")
    )
    code, said = ended(run)

    assert code == 0, said
    assert frames_in(tmp_path / "mounted" / "out") == [1001, 1002, 1003]
    assert not (tmp_path / "shot").exists()
    assert all(is_same(tmp_path / "mounted" / "out", straight, frame) for frame in (1001, 1002, 1003))


def test_masks_that_are_missing_fail_a_task_once(job: Path):
    template = template_of(job)
    for path in job.parent.glob("ana.*.png"):
        path.unlink()

    code, said = ended(openjd(template, *tasks("1001-1004")))

    assert code != 0
    assert len(told(said, "openjd_fail")) == 1
    assert "trying again" not in said
    assert not list(job.parent.glob("out/*"))


@pytest.mark.slow
def test_two_sessions_at_once_share_an_output_folder(job: Path, straight: Path):
    template = template_of(job)

    runs = [openjd(template, *tasks(chunk)) for chunk in ("1001-1006", "1004-1010")]

    for code, said in map(ended, runs):
        assert code == 0, said
    assert frames_in(job.parent / "out") == list(FRAMES)
    assert all(is_same(job.parent / "out", straight, frame) for frame in FRAMES)


@pytest.mark.slow
def test_what_a_killed_task_has_delivered_is_kept(tmp_path: Path, write_shot: Callable[..., Path]):
    job = write_shot(tmp_path, frames=range(1001, 1041))
    template = template_of(job, chunk=40)
    run = openjd(template, *tasks("1001-1040"))
    assert run.stdout is not None
    pids: list[int] = []
    for line in run.stdout:
        pids += [int(pid) for pid in re.findall(r"started as pid: (\d+)", line)]
        if "frame 1003 in" in line:
            os.killpg(pids[-1], signal.SIGKILL)
            break
    code, _ = ended(run)
    there = frames_in(job.parent / "out")

    requeued, said = ended(openjd(template, *tasks("1001-1040")))

    assert code != 0
    assert 3 <= len(there) < 40
    assert requeued == 0, said
    assert f"{40 - len(there)} made, {len(there)} were there already, 0 failed" in said
    maggie("job", job, "-o", tmp_path / "straight" / "matte.####.exr")
    assert all(is_same(job.parent / "out", tmp_path / "straight", frame) for frame in range(1001, 1041))


@pytest.mark.slow
@pytest.mark.parametrize("retries", [0, 1])
def test_a_task_whose_worker_is_killed_tries_again_or_asks_for_it(
    tmp_path: Path, write_shot: Callable[..., Path], retries: int
):
    job, folder = write_shot(tmp_path, frames=range(1001, 1041)), tmp_path / "worker"
    command = [BIN / "maggie-node", "farm", "task", job, "--frames", "1001-1040", "--worker", folder]
    command += ["--retries", str(retries)]
    maggie("worker", "start", "--at", folder)
    task = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())
    assert task.stdout is not None
    for line in task.stdout:
        if "frame 1003 in" in line:
            os.kill(json.loads((folder / "worker.json").read_text(encoding="utf-8"))["pid"], signal.SIGKILL)
            break
    said, _ = task.communicate(timeout=300)

    again = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=300)
    maggie("worker", "stop", "--at", folder)

    assert task.returncode == (0 if retries else 75)
    assert said.count("trying again") == retries
    assert len(told(said, "openjd_fail")) == 1
    assert again.returncode == 0, again.stderr
    assert frames_in(job.parent / "out") == list(range(1001, 1041))

"""The same job from Nuke, from Blender and from the command line: the same bytes in the mattes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.blenders import build_extension, play
from support.nuke_plugin import FRAMES, Case, write_config, write_sequences
from support.tiny import write_tiny_model
from support.workers import environment

from maggie_api.client.worker import find
from maggie_core.io.image import read_image
from maggie_core.mattes import explain

COLORSPACE = "ACEScg"
pytestmark = pytest.mark.blender


def in_nuke(folder: Path, config: Path, own: Path) -> Path:
    env = {"MAGGIE_PYTHON": sys.executable, "XDG_RUNTIME_DIR": str(own)}
    case = Case(folder / "shot", folder / "nuke", config, model=str(folder / "tiny"), env=env)

    out = case.run(f"""
        session = start()
        made = node("ana", "ben", plate=read("plate", colorspace="{COLORSPACE}"))
        press(made, "matte")
        wait()
        out.update(said=messages(), ready=made["ready"].value())
    """)

    worker = find(own / "maggie-node")
    assert worker is not None
    worker.shutdown()
    worker.close()
    assert out == {"said": [], "ready": True}
    return case.own() / "mattes" / "matte.####.exr"


def in_blender(folder: Path, config: Path) -> Path:
    package = build_extension(folder / "extension")
    report, _ = play("the_same_job", package, folder, "4.5", OCIO=str(config), COLORSPACE_OF_TEST=COLORSPACE)

    assert report == {"said": ""}
    (made,) = (path.parent for path in (folder / "blender").rglob("matte.1001.exr"))
    return made / "matte.####.exr"


def on_the_command_line(folder: Path, config: Path) -> Path:
    shot, output = folder / "shot", folder / "command" / "matte.####.exr"
    guidance = [f"--guidance={name}={shot / name}.####.exr" for name in ("ana", "ben")]
    words = ["matte", shot / "plate.####.exr", "-o", output, *guidance, "--model", folder / "tiny"]
    words += ["--colorspace", COLORSPACE, "--device", "cpu"]
    command = [sys.executable, "-m", "maggie_node", *map(str, words)]
    subprocess.run(command, env={**environment(), "OCIO": str(config)}, check=True, capture_output=True)
    return output


def test_the_same_job_from_everywhere_gives_the_same_mattes(tmp_path: Path):
    write_sequences(tmp_path / "shot")
    write_tiny_model(tmp_path / "tiny")
    write_config(tmp_path / "config.ocio")
    (tmp_path / "run").mkdir(mode=0o700)
    config = tmp_path / "config.ocio"

    nuke = in_nuke(tmp_path, config, tmp_path / "run")
    blender, command = in_blender(tmp_path, config), on_the_command_line(tmp_path, config)

    for frame in FRAMES:
        files = [Path(str(each).replace("####", str(frame))) for each in (nuke, blender, command)]
        images = [read_image(file) for file in files]
        assert len({image.channels for image in images}) == 1
        assert len({image.pixels.tobytes() for image in images}) == 1, frame
        assert len({explain(file)["recipe"] for file in files}) == 1

"""Real Blender sees the layers, the size and the values that our files promise."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from support.tiny import disc

from maggie_core import write_mattes
from maggie_core.guidance import make_instances
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-blender" / "bin" / "python"
WINDOW = Window(0, 0, 64, 48)


def blender(matte: Path, folder: Path) -> dict:
    """What Blender reports of a matte file; `folder` receives each socket as an EXR."""
    assert PYTHON.exists(), f"{PYTHON} is missing: run make .venv-blender"
    script = Path(__file__).with_name("blender_reads.py")
    done = subprocess.run(
        [PYTHON, script, matte, folder, str(WINDOW.width), str(WINDOW.height)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    report = folder / "report.json"
    assert report.exists(), done.stdout + done.stderr
    return json.loads(report.read_text(encoding="utf-8"))


def red(path: Path) -> np.ndarray:
    """The red plane of an EXR, which a float socket is spread to, read by the independent reader."""
    with OpenEXR.File(str(path), separate_channels=True) as file:
        return file.channels()["R"].pixels


@pytest.mark.blender
def test_blender_gives_each_person_a_float_socket_with_our_values(tmp_path: Path):
    people = make_instances(["Ana", "Ben Müller"])
    alphas = np.stack([disc(64, 48, 20, 20, 12), disc(64, 48, 45, 30, 9)]) * 0.7
    plate = Frame(np.zeros((48, 64, 0), np.float32), (), WINDOW, WINDOW)
    matte = tmp_path / "matte.0001.exr"
    write_mattes(
        matte, alphas, instances=people, geometry=Geometry(WINDOW, WINDOW), plate=plate, provenance={}
    )

    report = blender(matte, tmp_path)

    assert report["sockets"] == {"maggie_ana": "VALUE", "maggie_ben_muller": "VALUE"}
    for person, alpha in zip(people, alphas, strict=True):
        seen = red(tmp_path / report["files"][f"maggie_{person.slug}"])
        np.testing.assert_allclose(seen, alpha.astype(np.float16).astype(np.float32), atol=1e-6)

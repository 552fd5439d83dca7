"""What docks in a host: the panel as the Nuke plug-in delivers it, alone, on the Pythons that hosts have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.sources import interpreters, quiet_environment

ROOT = Path(__file__).parents[2]
IMPORT_ALONE = """
import sys
sys.path.insert(0, sys.argv[1])
from maggie_panel.picture_client import PictureClient
from maggie_panel.state.session import Session
from maggie_api.client.host_client import WorkerSession
session = Session(PictureClient("/nowhere/python"), WorkerSession("test", python="/nowhere/python"))
session.open_shot("/shot/plate.####.exr")
session.poll()
assert "/nowhere/python, which is not there" in session.message, session.message
session.close()
foreign = {"torch", "numpy", "click", "OpenImageIO", "maggie_core", "maggie_node", "PySide6", "PySide2"}
assert not foreign & set(sys.modules)
try:
    import maggie_panel.app
except Exception as error:
    assert "pip install 'PySide6-Essentials<6.12'" in str(error), error
else:
    raise AssertionError("Qt came from somewhere")
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nuke")
    command = [sys.executable, str(ROOT / "hosts" / "build_nuke.py"), "-o", str(folder)]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "maggie-node-nuke"


@pytest.mark.parametrize("python", interpreters(), ids=lambda path: Path(path).name)
def test_the_panel_in_the_plug_in_needs_qt_and_nothing_else(plugin: Path, python: str):
    ran = subprocess.run(
        [python, "-W", "error", "-S", "-c", IMPORT_ALONE, str(plugin)],
        capture_output=True,
        text=True,
        env=quiet_environment(),
    )

    assert ran.returncode == 0, ran.stderr

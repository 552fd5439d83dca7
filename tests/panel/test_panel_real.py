"""A real window on an X server, with a real mouse and keyboard, a real picture process and a real worker."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support.shots import TinyShot

SYSTEM = ("libxcb-cursor.so.0", "libxcb-icccm.so.4", "libxcb-keysyms.so.1", "libXtst.so.6")
"""Libraries of the system that Qt's windows under X need and do not bring, and the one that makes events."""


def missing() -> str:
    """What this machine lacks for a window, with the packages of Debian that bring it; "" for nothing."""
    if shutil.which("xvfb-run") is None:
        return "no xvfb-run: apt-get install xvfb xauth"
    for name in SYSTEM:
        try:
            ctypes.CDLL(name)
        except OSError:
            package = name.replace(".so.", "").lower()
            return f"no {name}: apt-get install {package}"
    return ""


def test_a_shot_is_opened_painted_and_matted_in_a_real_window(
    shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    lacks = missing()
    if lacks:
        pytest.skip(lacks)
    report_file = tmp_path / "report.json"
    script = Path(__file__).with_name("real_window.py")
    env = {**os.environ, "QT_QPA_PLATFORM": "xcb", "OMP_NUM_THREADS": "1", "XDG_CONFIG_HOME": str(tmp_path)}
    command = ["xvfb-run", "-a", "-s", "-screen 0 1280x720x24", sys.executable, str(script)]

    ran = subprocess.run(
        [*command, str(shot.folder), str(tiny_model), str(report_file)],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert report_file.exists(), ran.stdout + ran.stderr
    report = json.loads(report_file.read_text(encoding="utf-8"))
    assert "stuck" not in report, f"{report}\n{ran.stderr}"
    assert report["platform"] == "xcb" and report["closed"]
    (key,) = report["key"]
    mask = cv2.imread(key, cv2.IMREAD_GRAYSCALE)
    assert mask[8, 60] == mask[8, 80] == 255 and mask[8, 90] == 0
    assert report["mode"] == "over" and "device auto \u2192 cpu" in report["truth"]
    assert report["beats while matting"][0] > 3  # the window lived on
    assert Path(shot.folder / "window.png").stat().st_size > 10_000

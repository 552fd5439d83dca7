"""Drives the panel in a real window with a real mouse and keyboard, as the X server sees them.

python real_window.py SHOT_FOLDER MODEL REPORT.json, on a display. The window, the picture process and the
worker are those of `maggie-node panel`.
"""

from __future__ import annotations

import ctypes
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from maggie_panel.app import new_session, prepare, window_of
from maggie_panel.qt import QtCore, QtWidgets

PATIENCE_S = 60.0


class Hands:
    """A mouse and a keyboard: events that the X server makes (its XTEST extension)."""

    def __init__(self) -> None:
        self._x, self._test = ctypes.CDLL("libX11.so.6"), ctypes.CDLL("libXtst.so.6")
        self._x.XOpenDisplay.restype = ctypes.c_void_p
        self._x.XStringToKeysym.restype = ctypes.c_ulong
        self._display = ctypes.c_void_p(self._x.XOpenDisplay(None))

    def move(self, widget: QtWidgets.QWidget, place: QtCore.QPointF) -> None:
        at = widget.mapToGlobal(place.toPoint())
        self._test.XTestFakeMotionEvent(self._display, -1, at.x(), at.y(), 0)
        self._x.XFlush(self._display)

    def button(self, is_down: bool) -> None:
        self._test.XTestFakeButtonEvent(self._display, 1, int(is_down), 0)
        self._x.XFlush(self._display)

    def key(self, name: str) -> None:
        symbol = ctypes.c_ulong(self._x.XStringToKeysym(name.encode()))
        code = self._x.XKeysymToKeycode(self._display, symbol)
        for is_down in (1, 0):
            self._test.XTestFakeKeyEvent(self._display, code, is_down, 0)
        self._x.XFlush(self._display)


def drive(window: Any, shot: Path, model: str, report: dict[str, Any]) -> Iterator[Callable[[], Any]]:
    """What is done, step by step; each step yields what has to be so before the next."""
    session, panel, hands = window.session, window.panel, Hands()
    yield lambda: window.isActiveWindow() and session.plate.frames
    yield lambda: session.document.names == ("ana", "ben") and session.picture()[1]
    session.set_option("model", model)
    report["platform"] = QtWidgets.QApplication.platformName()

    timeline = panel.timeline
    x = timeline._x(1003) + timeline._frame_px() / 2
    hands.move(timeline, QtCore.QPointF(x, 40))
    hands.button(True)
    hands.button(False)
    yield lambda: session.playback.frame == 1003

    panel.viewer.setFocus()
    hands.key("1")
    yield lambda: session.selected == "ana"
    hands.key("b")
    yield lambda: session.tool == "paint"
    session.brush_px = 3.0
    viewer = panel.viewer
    hands.move(viewer, viewer.widget_point((60, 8)))
    yield lambda: viewer._pointer is not None
    hands.button(True)
    yield lambda: viewer._stroke
    for step in range(1, 6):
        hands.move(viewer, viewer.widget_point((60 + 4 * step, 8)))
        yield lambda step=step: len(viewer._stroke) > step
    hands.button(False)
    yield lambda: session.document.people[0].keys == (1003,) and not session._keys_under_way
    report["stroke"] = session.document.people[0].drawn[0][1].strokes[0].points
    report["key"] = [file for file in session.document.key_files()]
    hands.key("Escape")
    yield lambda: session.tool is None

    hands.key("m")
    yield lambda: session._frame_run is not None
    beats = report["beats while matting"] = [0]
    timer = QtCore.QTimer(window)
    timer.timeout.connect(lambda: beats.__setitem__(0, beats[0] + 1))
    timer.start(20)
    yield lambda: session._frame_run is None
    timer.stop()
    report["message"] = session.message
    report["matte"] = session.mattes_at(1003)
    yield lambda: session.picture()[1]
    report["truth"] = panel.truth.text()
    report["mode"] = session.view.mode

    hands.key("l")
    yield lambda: session.playback.speed == 1
    hands.key("k")
    yield lambda: session.playback.speed == 0
    window.grab().save(str(shot / "window.png"))


def main() -> int:
    shot, model, file = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    application = QtWidgets.QApplication(sys.argv[:1])
    prepare(application)
    window = window_of(new_session(python=sys.executable, shared=False))
    window.show()
    window.raise_()
    window.activateWindow()
    window.session.drop([str(shot / name) for name in ("plate.####.exr", "ana.####.png", "ben.####.png")])
    report: dict[str, Any] = {"reached": 0}
    for is_so in drive(window, shot, model, report):
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            if time.monotonic() > end:
                report["stuck"] = window.session.message
                break
            application.processEvents(QtCore.QEventLoop.ProcessEventsFlag.AllEvents, 10)
            time.sleep(0.002)
        if "stuck" in report:
            break
        report["reached"] += 1
    window.close()
    report["closed"] = not window.isVisible()
    file.write_text(json.dumps(report), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

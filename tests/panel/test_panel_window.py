"""The widgets, offscreen: real events in, calls of the session out, and what is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.panel_desk import DeskPictures, SpokenCommand, SpokenWorker, settled, until
from support.shots import TinyShot

from maggie_panel.app import prepare, window_of
from maggie_panel.panel import KEYS
from maggie_panel.qt import Qt, QtCore, QtGui, QtWidgets
from maggie_panel.state.document import DEFAULTS
from maggie_panel.state.session import Session
from maggie_panel.theme import ACCENT
from maggie_panel.window import PanelWindow


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["panel", "-platform", "offscreen"]


@pytest.fixture
def window(qtbot: Any, shot: TinyShot, tmp_path: Path) -> Iterator[PanelWindow]:
    prepare(QtWidgets.QApplication.instance())
    folder = tmp_path / "panel"
    folder.mkdir()
    session = Session(DeskPictures(), SpokenWorker(), folder=folder, start_command=SpokenCommand)  # type: ignore[arg-type]
    made = window_of(session)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    settled(session, [shot.plate, *(shot.mask(name) for name in shot.names)])
    made.panel.poll()
    yield made


def at_plate(window: PanelWindow, x: float, y: float) -> QtCore.QPoint:
    return window.panel.viewer.widget_point((x, y)).toPoint()


def test_everything_is_readable_at_1280_by_720(window: PanelWindow):
    window.resize(1280, 720)
    labels = window.panel.findChildren(QtWidgets.QLabel)
    buttons = window.panel.findChildren(QtWidgets.QPushButton)

    assert window.size() == QtCore.QSize(1280, 720) and window.minimumSizeHint().height() <= 720
    cut = [b.text() for b in buttons if b.isVisible() and b.width() < b.sizeHint().width() - 1]
    assert cut == []
    assert all(label.font().pixelSize() >= 11 or label.font().pointSize() >= 8 for label in labels)
    assert window.panel.viewer.width() >= 640 and window.panel.viewer.height() >= 360
    window.panel.message.setText(
        "/shots/sh010/plates/v003/plate.1007.exr cannot be read: " + "why not, " * 20
    )
    window.panel.truth.setText(
        "model default \u2192 maggie-default \u00b7 device auto \u2192 cpu \u00b7 " * 4
    )
    window.panel.layout().activate()
    for label in (window.panel.message, window.panel.truth):
        assert label.height() >= label.heightForWidth(label.width()) > label.fontMetrics().height()
    assert window.size() == QtCore.QSize(1280, 720) and window.panel.viewer.height() >= 320


def test_a_button_that_is_on_has_the_colour_of_what_is_on(window: PanelWindow):
    buttons = [b for b in window.findChildren(QtWidgets.QAbstractButton) if b.isCheckable() and b.text()]
    boxes = [b for b in buttons if isinstance(b, QtWidgets.QCheckBox)]
    seen = {}
    for button in [b for b in buttons if b not in boxes]:
        button.blockSignals(True)
        button.setChecked(True)
        seen[button.text()] = button.grab().toImage().pixelColor(4, button.height() // 2).name()

    assert {"Paint", "Erase", "Fill", "Pick from the picture", "Alpha", "Wipe"} <= set(seen)
    assert set(seen.values()) == {ACCENT}


def test_files_that_are_dropped_are_opened(window: PanelWindow, qtbot: Any, shot: TinyShot):
    session = window.session
    data = QtCore.QMimeData()
    data.setUrls([QtCore.QUrl.fromLocalFile(shot.mask("ana").replace("####", "1001"))])
    place = QtCore.QPointF(10, 10)
    buttons, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QtGui.QDropEvent(place, Qt.DropAction.CopyAction, data, buttons, none)

    window.panel.viewer.dropEvent(event)

    until(session, lambda: len(session.document.people) == 3)
    assert session.document.names == ("ana", "ben", "ana 2")


def test_keys_do_what_they_say(window: PanelWindow, qtbot: Any):
    session, viewer = window.session, window.panel.viewer
    viewer.setFocus()

    def press(key: Any, modifier: Any = Qt.KeyboardModifier.NoModifier) -> None:
        qtbot.keyClick(viewer, key, modifier)

    press(Qt.Key.Key_Right)
    assert session.playback.frame == 1002
    press(Qt.Key.Key_End)
    assert session.playback.frame == 1005
    press(Qt.Key.Key_Left)
    assert session.playback.frame == 1004
    press(Qt.Key.Key_L)
    press(Qt.Key.Key_L)
    assert session.playback.speed == 2
    press(Qt.Key.Key_J)
    assert session.playback.speed == -1
    press(Qt.Key.Key_K)
    assert session.playback.speed == 0
    press(Qt.Key.Key_2)
    assert session.selected == "ben"
    size = session.brush_px
    press(Qt.Key.Key_BracketRight)
    assert session.brush_px > size
    press(Qt.Key.Key_BracketLeft)
    assert session.brush_px == pytest.approx(size)
    session.go(1002)
    press(Qt.Key.Key_Insert)
    session.go(1004)
    press(Qt.Key.Key_Insert)
    assert session.document.people[1].keys == (1002, 1004)
    press(Qt.Key.Key_Comma)
    assert session.playback.frame == 1002
    press(Qt.Key.Key_Period)
    assert session.playback.frame == 1004
    press(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.document.people[1].keys == (1002,)
    press(Qt.Key.Key_F3)
    assert session.view.mode == "alpha"


def test_no_two_things_have_one_key():
    keys = [key for key, _, _ in KEYS]

    assert len(set(keys)) == len(keys)
    assert {"J", "K", "L", ",", ".", "[", "]", "Left", "Right", *"123456789"} <= set(keys)


def test_the_brush_paints_in_plate_pixels(window: PanelWindow, qtbot: Any):
    session, viewer = window.session, window.panel.viewer
    session.select("ana")
    session.take_tool("paint")
    session.brush_px = 3.0

    qtbot.mousePress(viewer, Qt.MouseButton.LeftButton, pos=at_plate(window, 60, 8))
    qtbot.mouseMove(viewer, at_plate(window, 70, 8))
    viewer.mouseMoveEvent(_move(viewer, at_plate(window, 80, 8)))
    assert viewer._stroke
    viewer.grab()  # the stroke is drawn while it goes on
    qtbot.mouseRelease(viewer, Qt.MouseButton.LeftButton, pos=at_plate(window, 80, 8))

    ((frame, key),) = session.document.people[0].drawn
    (x, y), (last, _) = key.strokes[0].points[0], key.strokes[0].points[-1]
    assert frame == 1001 and (x, y, last) == (
        pytest.approx(60, abs=0.2),
        pytest.approx(8, abs=0.2),
        pytest.approx(80, abs=0.2),
    )
    window.panel.poll()
    assert session.history.undoable == "paint"


def _move(viewer: Any, at: QtCore.QPoint) -> QtGui.QMouseEvent:
    place = QtCore.QPointF(at)
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    return QtGui.QMouseEvent(QtCore.QEvent.Type.MouseMove, place, viewer.mapToGlobal(place), left, left, none)


def test_the_wheel_zooms_where_the_pointer_is(window: PanelWindow):
    viewer, session = window.panel.viewer, window.session
    at = at_plate(window, 24, 16)
    place = QtCore.QPointF(at)
    for _ in range(6):
        viewer.wheelEvent(
            QtGui.QWheelEvent(
                place,
                viewer.mapToGlobal(place),
                QtCore.QPoint(),
                QtCore.QPoint(0, 120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
        )

    assert session.view.zoom > 8
    assert viewer.plate_point(place) == (pytest.approx(24, abs=1.5), pytest.approx(16, abs=1.5))


def test_the_timeline_goes_where_it_is_pressed(window: PanelWindow, qtbot: Any):
    timeline = window.panel.timeline
    x = round(timeline._x(1003) + timeline._frame_px() / 2)

    qtbot.mousePress(timeline, Qt.MouseButton.LeftButton, pos=QtCore.QPoint(x, 30))

    assert window.session.playback.frame == 1003


def test_solo_mute_and_names_are_in_the_list(window: PanelWindow, qtbot: Any):
    table, session = window.panel.people.table, window.session

    def click(row: int, column: int) -> None:
        cell = table.visualItemRect(table.item(row, column)).center()
        qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
        window.panel.poll()

    click(0, 2)
    assert session.document.people[0].solo
    click(1, 3)
    assert session.document.people[1].mute
    click(0, 1)
    assert session.selected == "ana"
    table.item(0, 1).setText("anna")
    assert session.document.names == ("anna", "ben")
    table.item(0, 1).setText("ben")
    window.panel.poll()
    assert "taken" in session.message and table.item(0, 1).text() == "anna"


def test_a_dragged_slider_previews_and_its_end_mattes(window: PanelWindow, qtbot: Any):
    session, slider = window.session, window.panel.edges.sliders["grow_px"]
    session.look(mode="over")
    slider.setSliderDown(True)
    slider.setValue(slider.maximum())
    worker: Any = session._worker
    assert worker.jobs[0].job.working_px == 288 and worker.jobs[0].job.grow_px == 10.0
    slider.setSliderDown(False)

    window.panel.poll()
    assert worker.jobs[0].cancelled and session._latest.is_overtaken
    assert window.panel.edges.numbers["grow_px"].text() == "10"


def test_every_option_of_a_job_has_a_field(window: PanelWindow, qtbot: Any):
    window._show_options()
    dialog, session = window.options, window.session
    assert dialog is not None
    working, detail = dialog.fields["working_px"], dialog.fields["detail"]
    assert isinstance(working, QtWidgets.QLineEdit) and isinstance(detail, QtWidgets.QComboBox)

    for text, value in (("128", 128), ("3", 128), ("x", 128), ("", 576)):
        working.setText(text)
        working.editingFinished.emit()
        assert session.document.option("working_px") == value
    assert session.message == "working_px is 'x': give a whole number"
    detail.setCurrentText("full")
    detail.activated.emit(1)
    window.panel.poll()
    assert session.document.option("detail") == "full"
    assert set(dialog.fields) | set(window.panel.edges.numbers) == set(DEFAULTS)


def test_the_window_says_what_the_session_says(window: PanelWindow):
    session = window.session
    session.tell("hello")
    window.panel.poll()

    assert window.panel.message.text() == "hello"
    assert window.panel.truth.text() == "nothing was matted yet"
    assert not window.panel.cancel.isEnabled() and window.panel.matte_range.isEnabled()


def test_what_is_drawn_is_the_picture(window: PanelWindow):
    session, viewer = window.session, window.panel.viewer
    session.look(mode="plate")
    until(session, lambda: session.picture()[1])
    image = viewer.grab().toImage()
    middle = viewer.widget_point((22, 30)).toPoint()  # ana, blue
    aside = viewer.widget_point((80, 60)).toPoint()

    person, wall = image.pixelColor(middle), image.pixelColor(aside)
    assert person.blue() > 200 > person.red() and wall.blue() < 150


def test_closing_the_window_ends_the_processes(window: PanelWindow):
    window.close()

    worker: Any = window.session._worker
    assert worker.closed


def test_a_wipe_is_taken_hold_of_and_moved(window: PanelWindow, qtbot: Any):
    session, viewer = window.session, window.panel.viewer
    session.look(wipe=True, wipe_at=0.5)
    half = QtCore.QPoint(viewer.width() // 2, 20)
    qtbot.mousePress(viewer, Qt.MouseButton.LeftButton, pos=half)
    viewer.mouseMoveEvent(_move(viewer, QtCore.QPoint(viewer.width() // 4, 20)))
    qtbot.mouseRelease(viewer, Qt.MouseButton.LeftButton, pos=half)

    assert session.view.wipe_at == pytest.approx(0.25, abs=0.01)

"""The panel as one widget, which docks in a host or stands in a window of its own."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Optional

from .qt import Qt, QtCore, QtGui, QtWidgets, Signal, shortcut_class
from .state.keys import MAX_RADIUS_PX, Tool, brush_of, brush_step
from .state.session import Session
from .state.truth import line
from .state.view import MODE_TITLES, MODES
from .theme import SHEET
from .widgets.buttons import push_button
from .widgets.edges import Edges
from .widgets.people import PeopleList
from .widgets.timeline import Timeline
from .widgets.viewer import Viewer

POLL_MS = 15
"""Time between two looks at what has come: a frame at 60 a second."""
EXPOSURE = (-6.0, 6.0)
"""Stops that the slider of the viewer goes either way."""
KEYS: tuple[tuple[str, str, Callable[[Session], Any]], ...] = (
    ("J", "Play backwards; again is faster", lambda s: s.play("backward")),
    ("K", "Stop", lambda s: s.play("stopped")),
    ("L", "Play; again is faster", lambda s: s.play("forward")),
    ("Space", "Play or stop", lambda s: s.play("toggled")),
    ("Left", "A frame back", lambda s: s.step(-1)),
    ("Right", "A frame on", lambda s: s.step(1)),
    ("Shift+Left", "Ten frames back", lambda s: s.step(-10)),
    ("Shift+Right", "Ten frames on", lambda s: s.step(10)),
    ("Home", "First frame", lambda s: s.go(s.playback.first)),
    ("End", "Last frame", lambda s: s.go(s.playback.last)),
    (",", "Key before", lambda s: s.jump_key(-1)),
    (".", "Next key", lambda s: s.jump_key(1)),
    ("Up", "Warning or finding before", lambda s: s.jump_note(-1)),
    ("Down", "Next warning or finding", lambda s: s.jump_note(1)),
    ("[", "Smaller brush", lambda s: s.brush(-1)),
    ("]", "Larger brush", lambda s: s.brush(1)),
    ("B", "Paint", lambda s: s.take_tool("paint")),
    ("E", "Erase", lambda s: s.take_tool("erase")),
    ("G", "Fill", lambda s: s.take_tool("fill")),
    ("Escape", "Put the tool away", lambda s: s.take_tool(None)),
    ("Insert", "Add a key", lambda s: s.add_key()),
    ("Delete", "Delete the key", lambda s: s.delete_key()),
    ("M", "Matte this frame", lambda s: s.matte_frame()),
    ("W", "Wipe", lambda s: s.look(wipe=not s.view.wipe)),
    ("F", "Whole picture", lambda s: s.look(zoom=0.0)),
    ("Ctrl+1", "One screen pixel for a plate pixel", lambda s: s.look(zoom=1.0)),
    *((str(n), f"Choose person {n}", lambda s, n=n: s.select_place(n)) for n in range(1, 10)),
    *(
        (f"F{n}", f"Show {MODE_TITLES[mode].lower()}", lambda s, m=mode: s.look(mode=m))
        for n, mode in enumerate(MODES, 1)
    ),
)
"""Every key of the panel, what it does in words, and what it does."""


class Panel(QtWidgets.QWidget):
    """Everything but the frame of a window."""

    answered = Signal()
    refreshed = Signal()

    def __init__(self, session: Session, parent: Optional[QtWidgets.QWidget] = None):
        super().__init__(parent)
        self.session = session
        self._drawn = -1
        self._displays: tuple[tuple[str, tuple[str, ...]], ...] = ()
        self.setStyleSheet(SHEET)
        self.viewer = Viewer(session, self)
        self.timeline = Timeline(session, self)
        self.people = PeopleList(session, self)
        self.edges = Edges(session, self)
        self.truth = QtWidgets.QLabel(self)
        self.message = QtWidgets.QLabel(self)
        self.viewer.dropped.connect(session.drop)
        self._build()
        for key, _, work in KEYS:
            shortcut = shortcut_class()(QtGui.QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda work=work: work(session))
        self._timer = QtCore.QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.poll)
        self._timer.start(POLL_MS)
        # Emitted in the thread that reads the pictures' pipe; Qt hands it to this one.
        self.answered.connect(self.poll)

    def poll(self) -> None:
        """Take what has come, and draw anew what has changed."""
        self.session.poll()
        if self.session.changes != self._drawn:
            self._drawn = self.session.changes
            self.refresh()

    def stop(self) -> None:
        """No look at the session any more: it is being closed."""
        self._timer.stop()

    # Building.

    def _build(self) -> None:
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(0)
        row.addWidget(self._left())
        row.addLayout(self._middle(), 1)
        row.addWidget(self._right())
        column.addLayout(row, 1)
        foot = QtWidgets.QVBoxLayout()
        foot.setContentsMargins(8, 3, 8, 4)
        foot.setSpacing(1)
        self.truth.setObjectName("dim")
        tip = "What was asked for and what takes effect, from the worker, of the frame that came last"
        self.truth.setToolTip(tip)
        for label in (self.message, self.truth):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setMinimumWidth(10)
            label.setWordWrap(True)
            foot.addWidget(label)
        column.addLayout(foot)

    def _left(self) -> QtWidgets.QFrame:
        side, column = _side(self, 244)
        column.addWidget(_head("People", self))
        column.addWidget(self.people, 3)
        tip = "Click people of a Cryptomatte, in or out"
        self.pick = self._button("Pick from the picture", tip, self._picking_chosen)
        self.pick.setCheckable(True)
        column.addWidget(self.pick)
        column.addWidget(_head("Key masks", self))
        self.tools: dict[Tool, QtWidgets.QPushButton] = {}
        tools: tuple[tuple[Tool, str], ...] = (("paint", "B"), ("erase", "E"), ("fill", "G"))
        grid = QtWidgets.QGridLayout()
        grid.setSpacing(4)
        for place, (tool, key) in enumerate(tools):
            tip = f"{tool.capitalize()} on this frame's key ({key})"
            button = self._button(tool.capitalize(), tip, partial(self.session.take_tool, tool))
            button.setCheckable(True)
            self.tools[tool] = button
            grid.addWidget(button, 0, place)
        self.brush = QtWidgets.QSlider(Qt.Orientation.Horizontal, self)
        self.brush.setRange(0, brush_step(MAX_RADIUS_PX))
        self.brush.setToolTip("Size of the brush ([ and ])")
        self.brush.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.brush.valueChanged.connect(self._brush_dragged)
        self.brush_said = QtWidgets.QLabel(self)
        self.brush_said.setObjectName("dim")
        grid.addWidget(self.brush, 1, 0, 1, 2)
        grid.addWidget(self.brush_said, 1, 2)
        for place, (text, tip, work) in enumerate(
            (
                ("Add key", "Make this frame a key (Insert)", self.session.add_key),
                ("Delete", "Delete this frame's key (Delete)", self.session.delete_key),
                ("Follow", "Follow everybody from the keys, to look at the masks", self.session.propagate),
            )
        ):
            grid.addWidget(self._button(text, tip, work), 2, place)
        column.addLayout(grid)
        column.addStretch(1)
        return side

    def _middle(self) -> QtWidgets.QVBoxLayout:
        column = QtWidgets.QVBoxLayout()
        column.setContentsMargins(6, 6, 6, 0)
        column.setSpacing(4)
        column.addLayout(self._view_bar())
        column.addWidget(self.viewer, 1)
        column.addLayout(self._transport())
        column.addWidget(self.timeline)
        return column

    def _view_bar(self) -> QtWidgets.QHBoxLayout:
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(4)
        self.modes: dict[str, QtWidgets.QToolButton] = {}
        for number, mode in enumerate(MODES, 1):
            button = QtWidgets.QToolButton(self)
            button.setText(MODE_TITLES[mode])
            button.setCheckable(True)
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            button.setToolTip(f"F{number}")
            button.clicked.connect(lambda _=False, m=mode: self.session.look(mode=m))
            self.modes[mode] = button
            row.addWidget(button)
        self.ground = _combo(("checker", "colour", "picture\u2026"), "What people are shown over", self)
        self.ground.activated.connect(self._ground_chosen)
        row.addWidget(self.ground)
        self.wipe = QtWidgets.QToolButton(self)
        self.wipe.setText("Wipe")
        self.wipe.setCheckable(True)
        self.wipe.setToolTip("A left of the line, B right of it (W)")
        self.wipe.clicked.connect(lambda on: self.session.look(wipe=on))
        tip = "Keep these mattes to compare what comes next with them"
        self.keep = self._button("Keep as A", tip, self.session.compare)
        row.addWidget(self.wipe)
        row.addWidget(self.keep)
        row.addStretch(1)
        self.zoom_said = QtWidgets.QLabel(self)
        self.zoom_said.setObjectName("dim")
        row.addWidget(self.zoom_said)
        return row

    def _transport(self) -> QtWidgets.QHBoxLayout:
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(4)
        for text, tip, work in (
            ("\u25c4\u25c4", "First frame (Home)", lambda: self.session.go(self.session.playback.first)),
            ("\u25c4", "Play backwards (J)", lambda: self.session.play("backward")),
            ("\u25a0", "Stop (K)", lambda: self.session.play("stopped")),
            ("\u25ba", "Play (L)", lambda: self.session.play("forward")),
            ("\u25ba\u25ba", "Last frame (End)", lambda: self.session.go(self.session.playback.last)),
            ("\u2039 key", "Key before (,)", lambda: self.session.jump_key(-1)),
            ("key \u203a", "Next key (.)", lambda: self.session.jump_key(1)),
            ("\u2039 note", "Warning or finding before (Up)", lambda: self.session.jump_note(-1)),
            ("note \u203a", "Next warning or finding (Down)", lambda: self.session.jump_note(1)),
        ):
            row.addWidget(self._button(text, tip, work))
        row.addStretch(1)
        self.exposure = QtWidgets.QSlider(Qt.Orientation.Horizontal, self)
        self.exposure.setRange(round(EXPOSURE[0] * 4), round(EXPOSURE[1] * 4))
        self.exposure.setFixedWidth(80)
        self.exposure.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.exposure.setToolTip("Exposure of the viewer, in stops; mattes do not change")
        self.exposure.valueChanged.connect(self._exposed)
        self.exposure_said = QtWidgets.QLabel(self)
        self.exposure_said.setObjectName("dim")
        self.exposure_said.setFixedWidth(32)
        row.addWidget(self.exposure)
        row.addWidget(self.exposure_said)
        self.display = _combo((), "View transform of the OCIO configuration", self)
        self.display.setFixedWidth(132)
        self.display.activated.connect(self._display_chosen)
        row.addWidget(self.display)
        self.playing = QtWidgets.QLabel(self)
        self.playing.setObjectName("dim")
        row.addWidget(self.playing)
        return row

    def _right(self) -> QtWidgets.QFrame:
        side, column = _side(self, 268)
        column.addWidget(_head("Edges", self))
        column.addWidget(self.edges)
        self.live = QtWidgets.QCheckBox("Matte while dragging", self)
        self.live.setToolTip("The matte of this frame follows every change of an edge")
        self.live.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.live.clicked.connect(lambda on: setattr(self.session, "live", on))
        column.addWidget(self.live)
        column.addWidget(_head("Matte", self))
        form = QtWidgets.QGridLayout()
        form.setSpacing(4)
        self.model = QtWidgets.QLineEdit(self)
        self.model.setToolTip("Name of a model, or path of its weights")
        self.model.editingFinished.connect(lambda: self.session.set_option("model", self.model.text()))
        self.output = QtWidgets.QLineEdit(self)
        self.output.setToolTip("Where mattes go, such as matte.####.exr")
        self.output.editingFinished.connect(lambda: self.session.set_output(self.output.text()))
        self.frames = QtWidgets.QLineEdit(self)
        self.frames.setToolTip("Frames to deliver, e.g. 1001-1100; empty is the whole shot")
        self.frames.editingFinished.connect(
            lambda: self.session.set_option("frames", self.frames.text().strip() or None)
        )
        for place, (title, edit) in enumerate(
            (("Model", self.model), ("Frames", self.frames), ("Output", self.output))
        ):
            edit.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
            form.addWidget(QtWidgets.QLabel(title, self), place, 0)
            form.addWidget(edit, place, 1)
        column.addLayout(form)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(4)
        session = self.session
        self.matte_frame = self._button("This frame", "Matte this frame (M)", session.matte_frame)
        tip = "Matte the frames above in the background"
        self.matte_range = self._button("Range", tip, session.matte_range)
        tip = "Frames that are there stay, and they are whole"
        self.cancel = self._button("Cancel", tip, session.cancel)
        for button in (self.matte_frame, self.matte_range, self.cancel):
            row.addWidget(button)
        column.addLayout(row)
        self.progress = QtWidgets.QProgressBar(self)
        self.progress.setTextVisible(False)
        self.progress_said = QtWidgets.QLabel(self)
        self.progress_said.setObjectName("dim")
        self.progress_said.setWordWrap(True)
        self.progress_said.setMinimumHeight(30)
        self.progress_said.setAlignment(Qt.AlignmentFlag.AlignTop)
        column.addWidget(self.progress)
        column.addWidget(self.progress_said)
        row = QtWidgets.QHBoxLayout()
        row.setSpacing(4)
        tip = "Find flicker, holes, specks and seams in the mattes on disk"
        self.check = self._button("Check", tip, session.check)
        tip = "A movie of the mattes on disk, to look at"
        self.export = self._button("Export preview\u2026", tip, self._export)
        row.addWidget(self.check)
        row.addWidget(self.export)
        column.addLayout(row)
        column.addStretch(1)
        return side

    def _button(self, text: str, tip: str, work: Callable[[], Any]) -> QtWidgets.QPushButton:
        return push_button(text, tip, self, work)

    # Drawing.

    def refresh(self) -> None:
        """Show what the session says."""
        session = self.session
        self.people.refresh()
        self.edges.refresh()
        for mode, button in self.modes.items():
            button.setChecked(mode == session.view.mode)
        for tool, button in self.tools.items():
            button.setChecked(tool == session.tool)
        self.wipe.setChecked(session.view.wipe)
        self.wipe.setEnabled(bool(session.compared))
        self.ground.setVisible(session.view.mode == "over")
        self.live.setChecked(session.live)
        self._fill(self.brush, brush_step(session.brush_px))
        self.brush_said.setText(f"{2 * session.brush_px:.0f} px")
        self._fill(self.exposure, round(session.view.exposure_ev * 4))
        self.exposure_said.setText(f"{session.view.exposure_ev:+.2g}")
        self._refresh_display()
        at = session.playback
        self.playing.setText(f"{at.fps:g} fps{f', {at.speed}x' if abs(at.speed) > 1 else ''}")
        self.zoom_said.setText(f"{100 * session.view.zoom:.0f} %" if session.view.zoom else "fit")
        for edit, text in (
            (self.model, session.document.option("model")),
            (self.output, session.document.output),
            (self.frames, session.document.option("frames") or ""),
        ):
            if not edit.hasFocus() and edit.text() != text:
                edit.setText(text)
        self._refresh_progress()
        self.message.setText(session.message)
        self.truth.setText(line(session.truth) or "nothing was matted yet")
        cursor = (
            Qt.CursorShape.CrossCursor if session.tool or self.viewer.picking else Qt.CursorShape.ArrowCursor
        )
        self.viewer.setCursor(cursor)
        self.viewer.update()
        self.timeline.update()
        self.refreshed.emit()

    def _refresh_progress(self) -> None:
        session = self.session
        take, command = session.shown_take, session.command
        is_matting = session.is_matting or session.is_matting_frame
        self.cancel.setEnabled(is_matting or command is not None)
        self.matte_range.setEnabled(not session.is_matting)
        if take is not None and (is_matting or command is None):
            self.progress.setRange(0, max(1, take.progress.total) if take is session.range_take else 0)
            self.progress.setValue(take.progress.done)
            self.progress_said.setText(f"{take.title}: {take.status}")
        elif command is not None:
            self.progress.setRange(0, 0)
            self.progress_said.setText(command.title)
        else:
            self.progress.setRange(0, 1)
            self.progress.setValue(0)
            self.progress_said.setText("")

    def _refresh_display(self) -> None:
        displays = self.session.plate.displays
        if displays != self._displays or not self.display.count():
            self._displays = displays
            self.display.clear()
            self.display.addItem("as previews", ("", ""))
            for display, view in [(display, view) for display, views in displays for view in views]:
                self.display.addItem(f"{view} \u2014 {display}", (display, view))
        wanted = (self.session.view.display, self.session.view.transform)
        places = [n for n in range(self.display.count()) if self.display.itemData(n) == wanted]
        self.display.setCurrentIndex(places[0] if places else 0)

    def _fill(self, slider: QtWidgets.QSlider, value: int) -> None:
        slider.blockSignals(True)
        slider.setValue(value)
        slider.blockSignals(False)

    # What somebody chooses.

    def _picking_chosen(self) -> None:
        self.viewer.picking = self.pick.isChecked()

    def _brush_dragged(self, step: int) -> None:
        self.session.take_brush(brush_of(step))

    def _exposed(self, quarters: int) -> None:
        self.session.look(exposure_ev=quarters / 4)

    def _display_chosen(self, place: int) -> None:
        display, view = self.display.itemData(place)
        self.session.look(display=display, transform=view)

    def _ground_chosen(self, place: int) -> None:
        if place == 0:
            self.session.look(ground="checker")
        elif place == 1:
            chosen = QtWidgets.QColorDialog.getColor(QtGui.QColor(*self.session.view.ground_color), self)
            if chosen.isValid():
                rgb = (chosen.red(), chosen.green(), chosen.blue())
                self.session.look(ground="colour", ground_color=rgb)
        else:
            file, _ = QtWidgets.QFileDialog.getOpenFileName(self, "Picture behind people")
            if file:
                self.session.look(ground="picture", ground_picture=file)

    def _export(self) -> None:
        kinds = "*.mp4 *.gif *.png"
        file, _ = QtWidgets.QFileDialog.getSaveFileName(self, "Export preview", "preview.mp4", kinds)
        if file:
            self.session.export_preview(file)


def _side(parent: QtWidgets.QWidget, width: int) -> tuple[QtWidgets.QFrame, QtWidgets.QVBoxLayout]:
    side = QtWidgets.QFrame(parent)
    side.setObjectName("side")
    side.setFixedWidth(width)
    column = QtWidgets.QVBoxLayout(side)
    column.setContentsMargins(8, 6, 8, 6)
    column.setSpacing(5)
    return side, column


def _head(text: str, parent: QtWidgets.QWidget) -> QtWidgets.QLabel:
    label = QtWidgets.QLabel(text, parent)
    label.setObjectName("head")
    return label


def _combo(items: tuple[str, ...], tip: str, parent: QtWidgets.QWidget) -> QtWidgets.QComboBox:
    combo = QtWidgets.QComboBox(parent)
    combo.addItems(list(items))
    combo.setToolTip(tip)
    combo.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return combo

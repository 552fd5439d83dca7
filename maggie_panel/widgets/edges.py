"""Edge tools, trust, cores and garbage mattes: for the chosen person, or for everybody."""

from __future__ import annotations

from typing import Optional

from maggie_api.settings import EdgeSettings, options_of

from ..qt import Qt, QtCore, QtGui, QtWidgets
from ..state.session import Session
from .buttons import push_button

RANGES = {
    "trust": ("Trust masks", 0.0, 1.0, 0.05),
    "fill_holes_px": ("Fill holes", 0.0, 60.0, 1.0),
    "remove_specks_px": ("Specks out", 0.0, 60.0, 1.0),
    "grow_px": ("Grow", -10.0, 10.0, 0.1),
    "soften_px": ("Soften", 0.0, 10.0, 0.1),
    "black_point": ("Black point", 0.0, 0.99, 0.01),
    "white_point": ("White point", 0.01, 1.0, 0.01),
    "gamma": ("Gamma", 0.2, 5.0, 0.05),
}
"""Title of each option, ends and step of its slider; the number beside takes all values."""


class Edges(QtWidgets.QWidget):
    """A slider and a number for each option. What is dragged is seen at once, as a preview."""

    def __init__(self, session: Session, parent: Optional[QtWidgets.QWidget] = None):
        super().__init__(parent)
        self._session = session
        self._filling = False
        self._shown: object = None
        self.who = QtWidgets.QLabel(self)
        self.who.setObjectName("dim")
        self.sliders: dict[str, QtWidgets.QSlider] = {}
        self.numbers: dict[str, QtWidgets.QLineEdit] = {}
        grid = QtWidgets.QGridLayout()
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(6)
        grid.setVerticalSpacing(3)
        for row, (name, option) in enumerate(options_of(EdgeSettings).items()):
            self._add(grid, row, name, option.help)
        self.auto = QtWidgets.QCheckBox("trust auto", self)
        self.auto.setToolTip("Find out how good each mask is")
        self.auto.clicked.connect(lambda on: session.set_edge("trust", "auto" if on else 0.5))
        self.auto.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        holds = QtWidgets.QGridLayout()
        holds.setContentsMargins(0, 0, 0, 0)
        self.holds: dict[str, QtWidgets.QLabel] = {}
        for row, (kind, title, tip) in enumerate(
            (
                ("core", "Core", "Alpha is 1 inside this matte"),
                ("garbage", "Garbage", "Alpha is 0 outside this matte"),
            )
        ):
            label = QtWidgets.QLabel(self)
            label.setObjectName("dim")
            self.holds[kind] = label
            holds.addWidget(QtWidgets.QLabel(title, self), row, 0)
            holds.addWidget(label, row, 1)
            holds.addWidget(push_button("Add\u2026", tip, self, lambda k=kind: self._add_hold(k)), row, 2)
            clear = push_button("\u00d7", f"Remove every {kind}", self, lambda k=kind: session.clear_holds(k))
            holds.addWidget(clear, row, 3)
        holds.setColumnStretch(1, 1)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        head = QtWidgets.QHBoxLayout()
        head.addWidget(self.who, 1)
        head.addWidget(self.auto)
        column.addLayout(head)
        column.addLayout(grid)
        column.addLayout(holds)

    def _add(self, grid: QtWidgets.QGridLayout, row: int, name: str, tip: str) -> None:
        title, low, high, step = RANGES[name]
        label = QtWidgets.QLabel(title, self)
        slider = QtWidgets.QSlider(Qt.Orientation.Horizontal, self)
        slider.setRange(0, round((high - low) / step))
        slider.setMinimumWidth(60)
        slider.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        number = QtWidgets.QLineEdit(self)
        validator = QtGui.QDoubleValidator(number)
        validator.setLocale(QtCore.QLocale.c())
        number.setValidator(validator)
        number.setAlignment(Qt.AlignmentFlag.AlignRight)
        number.setFixedWidth(52)
        number.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        for widget in (label, slider, number):
            widget.setToolTip(tip)
        slider.valueChanged.connect(lambda at: self._dragged(name, low + at * step))
        slider.sliderReleased.connect(lambda: self._released(name))
        number.editingFinished.connect(lambda: self._typed(name))
        grid.addWidget(label, row, 0)
        grid.addWidget(slider, row, 1)
        grid.addWidget(number, row, 2)
        grid.setColumnStretch(1, 1)
        self.sliders[name], self.numbers[name] = slider, number

    def refresh(self) -> None:
        """Show what the session says."""
        session = self._session
        state = (session.document, session.selected)
        if state == self._shown:
            return
        is_held = any(number.hasFocus() for number in self.numbers.values())
        is_held |= any(slider.isSliderDown() for slider in self.sliders.values())
        self._shown = None if is_held else state  # what is held shows what somebody does, and is filled later
        self._filling = True
        self.who.setText(f"for {session.selected}" if session.selected else "for everybody")
        for name, (_, low, _, step) in RANGES.items():
            value = session.document.edge_of(session.selected, name)
            is_auto = value == "auto"
            number = 0.5 if is_auto else float(value)
            if not self.sliders[name].isSliderDown():
                self.sliders[name].setValue(round((number - low) / step))
            if not self.numbers[name].hasFocus():
                self.numbers[name].setText("" if is_auto else f"{number:g}")
            if name == "trust":
                self.auto.setChecked(is_auto)
        for kind, label in self.holds.items():
            who = session.selected or "*"
            count = len([hold for hold in getattr(session.document, kind) if hold.name == who])
            label.setText({0: "none", 1: "1 file"}.get(count, f"{count} files"))
        self._filling = False

    def _dragged(self, name: str, value: float) -> None:
        if not self._filling:
            self._shown = None  # a value that is refused goes back
            self._session.set_edge(name, round(value, 4), dragging=self.sliders[name].isSliderDown())

    def _released(self, name: str) -> None:
        session = self._session
        session.set_edge(name, session.document.edge_of(session.selected, name))

    def _typed(self, name: str) -> None:
        session, text = self._session, self.numbers[name].text()
        if text and self.numbers[name].isModified():
            session.set_edge(name, float(text))

    def _add_hold(self, kind: str) -> None:
        files, _ = QtWidgets.QFileDialog.getOpenFileNames(self, f"Add a {kind} matte")
        if files:
            self._session.add_hold(kind, files[:1])

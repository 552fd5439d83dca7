"""The list of people: colour, name, solo and mute; and what is done with one of them."""

from __future__ import annotations

from typing import Optional

from maggie_api.text import counted

from ..qt import Qt, QtGui, QtWidgets
from ..state.people import Person, color_of
from ..state.session import Session
from ..theme import ACCENT, DIM, LINE, color
from .buttons import push_button

COLUMNS = ("", "name", "S", "M", "masks")


class PeopleList(QtWidgets.QWidget):
    """A row for each person. A click chooses somebody, a double click names them anew."""

    def __init__(self, session: Session, parent: Optional[QtWidgets.QWidget] = None):
        super().__init__(parent)
        self._session = session
        self._shown: object = None
        self.table = QtWidgets.QTableWidget(0, len(COLUMNS), self)
        self.table.setHorizontalHeaderLabels(list(COLUMNS))
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(22)
        self.table.setShowGrid(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # names of a crowd differ at their ends
        self.table.setSelectionBehavior(QtWidgets.QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QtWidgets.QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(1, QtWidgets.QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(4, QtWidgets.QHeaderView.ResizeMode.ResizeToContents)
        for column, width in ((0, 24), (2, 22), (3, 22)):
            header.setSectionResizeMode(column, QtWidgets.QHeaderView.ResizeMode.Fixed)
            self.table.setColumnWidth(column, width)
        self.table.cellClicked.connect(self._clicked)
        self.table.itemChanged.connect(self._renamed)
        self.buttons = {
            name: push_button(text, tip, self, work)
            for name, text, tip, work in (
                ("new", "+ Draw", "Somebody whose masks are drawn here", session.new_person),
                (
                    "up",
                    "\u25b2",
                    "Up: where masks overlap, the upper has the pixel",
                    lambda: self._move(-1),
                ),
                ("down", "\u25bc", "Down", lambda: self._move(1)),
                ("remove", "Remove", "Remove the chosen person; undo brings them back", self._remove),
            )
        }
        row = QtWidgets.QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for button in self.buttons.values():
            row.addWidget(button)
        column = QtWidgets.QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.table)
        column.addLayout(row)

    def refresh(self) -> None:
        """Show what the session says."""
        session = self._session
        state = (session.document.people, session.selected, tuple(session.facts.guidance.items()))
        if state == self._shown:
            return
        self._shown = state
        self.table.blockSignals(True)
        self.table.setRowCount(len(session.document.people))
        for row, person in enumerate(session.document.people):
            self._fill(row, person)
        names = [person.name for person in session.document.people]
        if session.selected:
            self.table.selectRow(names.index(session.selected))
        else:
            self.table.clearSelection()
        self.table.blockSignals(False)
        for name in ("up", "down", "remove"):
            self.buttons[name].setEnabled(bool(session.selected))

    def _fill(self, row: int, person: Person) -> None:
        name = person.name or "looking who is there\u2026"
        frames = self._session.facts.guidance.get(person.name, ())
        masks = counted(len(person.drawn), "key") if person.draws else _said(person, frames)
        items: list[QtWidgets.QTableWidgetItem] = []
        for column, text in enumerate(("", name, "", "", masks)):
            item = QtWidgets.QTableWidgetItem(text)
            flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
            item.setFlags(flags | Qt.ItemFlag.ItemIsEditable if column == 1 and person.name else flags)
            self.table.setItem(row, column, item)
            items.append(item)
        items[0].setIcon(_mark(QtGui.QColor(*color_of(person, row))))
        items[0].setToolTip("Colour: click to choose")
        marks = ((2, person.solo, "Solo: show this person alone"), (3, person.mute, "Mute: hide"))
        for column, is_on, tip in marks:
            letter = COLUMNS[column]
            items[column].setToolTip(f"{tip} (in the viewer; everybody is matted together)")
            items[column].setIcon(_mark(color(ACCENT if is_on else LINE), letter))
        items[1].setToolTip(f"{name}: {person.source.sequence}")

    def _person(self, row: int) -> Optional[Person]:
        people = self._session.document.people
        return people[row] if row < len(people) and people[row].name else None

    def _clicked(self, row: int, column: int) -> None:
        person = self._person(row)
        if person is None:
            return
        if column == 0:
            start = QtGui.QColor(*color_of(person, row))
            chosen = QtWidgets.QColorDialog.getColor(start, self, f"Colour of {person.name}")
            if chosen.isValid():
                rgb = (chosen.red(), chosen.green(), chosen.blue())
                self._session.set_person(person.name, color=rgb)
        elif column == 2:
            self._session.set_person(person.name, solo=not person.solo)
        elif column == 3:
            self._session.set_person(person.name, mute=not person.mute)
        else:
            self._session.select(person.name)

    def _renamed(self, item: QtWidgets.QTableWidgetItem) -> None:
        person = self._person(item.row())
        if person is not None and item.column() == 1 and item.text() != person.name:
            self._shown = None  # a name that is refused goes back
            self._session.rename(person.name, item.text().strip())

    def _move(self, by: int) -> None:
        self._session.move(self._session.selected, by)

    def _remove(self) -> None:
        self._session.remove(self._session.selected)


def _mark(fill: QtGui.QColor, letter: str = "") -> QtGui.QIcon:
    """A square with a letter in it, which a chosen row leaves as it is."""
    pixmap = QtGui.QPixmap(32, 32)
    pixmap.fill(fill)
    if letter:
        painter = QtGui.QPainter(pixmap)
        font = painter.font()
        font.setPixelSize(22)
        painter.setFont(font)
        painter.setPen(color("#101010" if fill.lightness() > 90 else DIM))
        painter.drawText(pixmap.rect(), int(Qt.AlignmentFlag.AlignCenter), letter)
        painter.end()
    icon = QtGui.QIcon(pixmap)
    icon.addPixmap(pixmap, QtGui.QIcon.Mode.Selected)
    return icon


def _said(person: Person, frames: tuple[int, ...]) -> str:
    if person.source.kind == "key":
        return counted(len(frames), "key")
    return counted(len(frames), "frame") if frames else "still"

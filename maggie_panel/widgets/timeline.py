"""The timeline: a line for each kind of thing that is there, and where in time the viewer is."""

from __future__ import annotations

from typing import Optional

from ..qt import Qt, QtCore, QtGui, QtWidgets, place_of
from ..state.session import Session
from ..state.timeline import TITLES, lanes
from ..theme import ACCENT, BACK, DIM, LANES, LINE, color

TITLE_PX = 64
LANE_PX = 11
RULER_PX = 16
LEAST_PX = 2.0
"""Width at least of what is drawn of a frame, so that one of a thousand is seen."""


class Timeline(QtWidgets.QWidget):
    """Lanes over frames. A press or a drag goes to a frame."""

    def __init__(self, session: Session, parent: Optional[QtWidgets.QWidget] = None):
        super().__init__(parent)
        self._session = session
        self._ground: tuple[object, QtGui.QPixmap] = ((), QtGui.QPixmap())
        """What does not change from frame to frame, and all that it was drawn from."""
        self.setFixedHeight(RULER_PX + LANE_PX * len(TITLES) + 4)
        self.setMouseTracking(True)

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        session, density = self._session, self.devicePixelRatioF()
        at = session.playback
        drawn_of = (session.document, session.facts, at.first, at.last, self.size(), density)
        if self._ground[0] != drawn_of:
            ground = QtGui.QPixmap(self.size() * density)
            ground.setDevicePixelRatio(density)
            self._draw_ground(self._painter(ground))
            self._ground = drawn_of, ground
        painter = self._painter(self)
        painter.drawPixmap(0, 0, self._ground[1])
        self._draw_place(painter)

    def _painter(self, target: QtGui.QPaintDevice) -> QtGui.QPainter:
        painter = QtGui.QPainter(target)
        font = self.font()
        font.setPixelSize(10)
        painter.setFont(font)
        return painter

    def _draw_ground(self, painter: QtGui.QPainter) -> None:
        """Lanes and ruler."""
        painter.fillRect(self.rect(), color(BACK))
        session = self._session
        for row, lane in enumerate(lanes(session.document, session.facts)):
            top = RULER_PX + row * LANE_PX
            painter.setPen(color(DIM))
            painter.drawText(
                QtCore.QRect(4, top, TITLE_PX - 8, LANE_PX),
                int(Qt.AlignmentFlag.AlignVCenter),
                TITLES[lane.kind],
            )
            painter.fillRect(TITLE_PX, top + 1, self.width() - TITLE_PX - 4, LANE_PX - 2, color("#262626"))
            for first, last in lane.runs:
                left, right = self._x(first), self._x(last + 1)
                wide = max(LEAST_PX, right - left - (1 if self._frame_px() > 4 else 0))
                painter.fillRect(QtCore.QRectF(left, top + 1, wide, LANE_PX - 2), color(LANES[lane.kind]))
        at = session.playback
        step = next(n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500, 10**9) if n * self._frame_px() >= 44)
        painter.setPen(color(DIM))
        for frame in range(at.first, at.last + 1):
            if frame % step == 0:
                x = self._x(frame)
                painter.drawLine(QtCore.QPointF(x, RULER_PX - 4), QtCore.QPointF(x, RULER_PX - 1))
                painter.drawText(QtCore.QPointF(x + 3, RULER_PX - 4), str(frame))
        painter.setPen(color(LINE))
        painter.drawLine(TITLE_PX - 2, RULER_PX, TITLE_PX - 2, self.height())
        painter.end()

    def _draw_place(self, painter: QtGui.QPainter) -> None:
        """Where in time the viewer is."""
        at = self._session.playback
        x = self._x(at.frame)
        wide = max(LEAST_PX, self._frame_px())
        bar = QtGui.QColor(ACCENT)
        bar.setAlpha(70)
        painter.fillRect(QtCore.QRectF(x, RULER_PX, wide, self.height() - RULER_PX), bar)
        painter.setPen(QtGui.QPen(color(ACCENT), 1))
        painter.drawLine(QtCore.QPointF(x, 0), QtCore.QPointF(x, self.height()))
        label = str(at.frame)
        box = QtCore.QRectF(x, 0, painter.fontMetrics().horizontalAdvance(label) + 6, RULER_PX - 2)
        if box.right() > self.width():
            box.moveRight(x)
        painter.fillRect(box, color(ACCENT))
        painter.setPen(color("#101010"))
        painter.drawText(box.adjusted(3, 0, 0, 0), int(Qt.AlignmentFlag.AlignVCenter), label)

    def _frame_px(self) -> float:
        at = self._session.playback
        return (self.width() - TITLE_PX - 4) / (at.last - at.first + 1)

    def _x(self, frame: int) -> float:
        return TITLE_PX + (frame - self._session.playback.first) * self._frame_px()

    def frame_at(self, x: float) -> int:
        """The frame at a place of the widget."""
        return self._session.playback.first + int((x - TITLE_PX) // self._frame_px())

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._session.go(self.frame_at(place_of(event).x()))

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        x = place_of(event).x()
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._session.go(self.frame_at(x))
            return
        notes = self._session.notes_of(self.frame_at(x))
        self.setToolTip("\n".join(note.text for note in notes))

"""The viewer: the picture of a view, the wipe over it, and the brush."""

from __future__ import annotations

from typing import Optional

from ..qt import Qt, QtCore, QtGui, QtWidgets, Signal, place_of
from ..state.people import color_of
from ..state.session import Session
from ..state.session_base import Drawn
from ..theme import ACCENT, BACK, DIM, WARN, color

WHEEL_STEP = 1.25
"""Factor of the zoom for one notch of the wheel."""
SAME_PX = 1.5
"""Difference of a picture's sides from those of its place that rounding alone makes."""
WIPE_GRIP_PX = 8
"""How near to the line of the wipe a press takes hold of it."""


class Viewer(QtWidgets.QWidget):
    """The picture. Its widget's pixels are those of the screen, also on a screen of high density."""

    dropped = Signal(list)

    def __init__(self, session: Session, parent: Optional[QtWidgets.QWidget] = None):
        super().__init__(parent)
        self._session = session
        self._images: dict[str, tuple[Drawn, QtGui.QImage]] = {}
        self._stroke: list[tuple[float, float]] = []
        self._waiting: list[list[tuple[float, float]]] = []
        """Strokes that the picture does not show yet."""
        self._pan: Optional[QtCore.QPointF] = None
        self._wiping = False
        self._pointer: Optional[QtCore.QPointF] = None
        self.picking = False
        self.setMinimumSize(320, 180)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # Drawing.

    def paintEvent(self, event: QtGui.QPaintEvent) -> None:  # noqa: N802
        painter = QtGui.QPainter(self)
        painter.fillRect(self.rect(), color(BACK).darker(140))
        shown, is_right = self._session.picture("b")
        if shown is None:
            self._write(painter, self._session.message)
            return
        target = self.picture_rect()
        smooth = self._session.view.zoom * self._density() <= 2
        painter.setRenderHint(QtGui.QPainter.RenderHint.SmoothPixmapTransform, smooth)
        self._draw_picture(painter, target, self._image("b", shown))
        compared, _ = self._session.picture("a")
        if compared is not None:
            self._draw_wipe(painter, target, compared)
        if is_right and not self._session.are_keys_under_way:
            self._waiting.clear()
        for stroke in (*self._waiting, self._stroke):
            self._draw_stroke(painter, stroke)
        self._draw_brush(painter)
        self._draw_corner(painter, shown.note if is_right else "drawing")

    def _draw_picture(self, painter: QtGui.QPainter, target: QtCore.QRectF, image: QtGui.QImage) -> None:
        """A picture that is drawn for this place has its pixels: to scale it would blur it, and take longer
        than everything else in the window."""
        density = self._density()
        size = QtCore.QSizeF(image.width() / density, image.height() / density)
        if max(abs(target.width() - size.width()), abs(target.height() - size.height())) * density > SAME_PX:
            painter.drawImage(target, image)
            return
        corner = target.center() - QtCore.QPointF(size.width() / 2, size.height() / 2)
        image.setDevicePixelRatio(density)
        painter.drawImage(
            QtCore.QPointF(round(corner.x() * density), round(corner.y() * density)) / density, image
        )
        image.setDevicePixelRatio(1.0)

    def _draw_wipe(self, painter: QtGui.QPainter, target: QtCore.QRectF, compared: Drawn) -> None:
        line = self._wipe_x()
        painter.save()
        painter.setClipRect(QtCore.QRectF(0, 0, line, self.height()))
        self._draw_picture(painter, target, self._image("a", compared))
        painter.restore()
        painter.setPen(QtGui.QPen(color(ACCENT), 1))
        painter.drawLine(QtCore.QPointF(line, 0), QtCore.QPointF(line, self.height()))
        painter.drawText(QtCore.QPointF(line - 16, 16), "A")
        painter.drawText(QtCore.QPointF(line + 8, 16), "B")

    def _draw_stroke(self, painter: QtGui.QPainter, stroke: list[tuple[float, float]]) -> None:
        if not stroke:
            return
        session = self._session
        tint = QtGui.QColor(20, 20, 20, 170)
        if session.tool == "paint" and session.selected:
            place = session.document.place_of(session.selected)
            tint = QtGui.QColor(*color_of(session.document.people[place], place), 170)
        pen = QtGui.QPen(tint, 2 * session.brush_px * self._scale())
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        painter.setPen(pen)
        points = [self.widget_point(point) for point in stroke]
        painter.drawPolyline(QtGui.QPolygonF([*points, points[-1] + QtCore.QPointF(0.01, 0)]))

    def _draw_brush(self, painter: QtGui.QPainter) -> None:
        if self._pointer is None or self._session.tool not in ("paint", "erase"):
            return
        radius = self._session.brush_px * self._scale()
        painter.setRenderHint(QtGui.QPainter.RenderHint.Antialiasing)
        for pen in (QtGui.QPen(color("#000000"), 3), QtGui.QPen(color("#ffffff"), 1)):
            painter.setPen(pen)
            painter.drawEllipse(self._pointer, radius, radius)

    def _draw_corner(self, painter: QtGui.QPainter, note: str) -> None:
        session = self._session
        frame = session.playback.frame
        said = [note] if note else []
        for first in session.notes[:1]:
            others = len(session.notes) - 1
            said.append(first.text + (f" ({others} more: see the timeline)" if others else ""))
        if session.is_matte_old and session.view.mode in ("alpha", "over", "difference"):
            said.append("settings have changed: M mattes again")
        if session.is_followed_old and session.view.mode == "guidance":
            said.append("keys have changed: follow again")
        wrapped = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap)
        top = 8
        for row, text in enumerate([f"{frame}", *said]):
            room = QtCore.QRect(13, top, self.width() - 26, self.height())
            needed = painter.fontMetrics().boundingRect(room, int(Qt.TextFlag.TextWordWrap), text)
            box = QtCore.QRect(8, top, needed.width() + 10, needed.height() + 4)
            painter.fillRect(box, QtGui.QColor(0, 0, 0, 150))
            painter.setPen(color("#ffffff" if not row else WARN))
            painter.drawText(box.adjusted(5, 0, -5, 0), wrapped, text)
            top = box.bottom() + 3

    def _write(self, painter: QtGui.QPainter, text: str) -> None:
        painter.setPen(color(DIM))
        flags = int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap)
        painter.drawText(self.rect().adjusted(20, 20, -20, -20), flags, text)

    def _image(self, side: str, drawn: Drawn) -> QtGui.QImage:
        known = self._images.get(side)
        if known is None or known[0] is not drawn:
            stride = 3 * drawn.width
            image = QtGui.QImage(
                drawn.pixels, drawn.width, drawn.height, stride, QtGui.QImage.Format.Format_RGB888
            )
            known = (drawn, image)  # the image uses the pixels of `drawn`, which so stay
            self._images[side] = known
        return known[1]

    # Places.

    def picture_rect(self) -> QtCore.QRectF:
        """Where the picture is, in the widget."""
        x, y, width, height = self._session.shown_region()
        width, height = width * self._session.plate.pixel_aspect, float(height)
        zoom = self._session.view.zoom or self._session.whole_zoom
        scale = zoom / self._density()
        size = QtCore.QSizeF(width * scale, height * scale)
        corner = QtCore.QPointF((self.width() - size.width()) / 2, (self.height() - size.height()) / 2)
        return QtCore.QRectF(corner, size)

    def plate_point(self, point: QtCore.QPointF) -> tuple[float, float]:
        """A place of the widget in plate pixels."""
        x, y, width, height = self._session.shown_region()
        rect = self.picture_rect()
        across = (point.x() - rect.x()) / rect.width()
        return x + across * width, y + (point.y() - rect.y()) / rect.height() * height

    def widget_point(self, place: tuple[float, float]) -> QtCore.QPointF:
        """A place in plate pixels in the widget."""
        x, y, width, height = self._session.shown_region()
        rect = self.picture_rect()
        across, down = (place[0] - x) / width, (place[1] - y) / height
        return QtCore.QPointF(rect.x() + across * rect.width(), rect.y() + down * rect.height())

    def _share(self, point: QtCore.QPointF) -> tuple[float, float]:
        """A place of the widget in widths and heights of the plate."""
        x, y = self.plate_point(point)
        width, height = self._session.plate.size
        return x / max(1, width), y / max(1, height)

    def _scale(self) -> float:
        """Widget pixels for a plate pixel."""
        return self.picture_rect().height() / max(1, self._session.shown_region()[3])

    def _density(self) -> float:
        return self.devicePixelRatioF()

    def _wipe_x(self) -> float:
        return self._session.view.wipe_at * self.width()

    # What somebody does.

    def resizeEvent(self, event: QtGui.QResizeEvent) -> None:  # noqa: N802
        density = self._density()
        self._session.set_viewer(round(self.width() * density), round(self.height() * density))

    def mousePressEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        point, session = place_of(event), self._session
        self.setFocus()
        if event.button() == Qt.MouseButton.MiddleButton:
            self._pan = point
        elif event.button() != Qt.MouseButton.LeftButton or not session.plate.frames:
            return
        elif self.picking:
            session.pick(self._share(point))
        elif session.tool is not None:
            self._stroke = [self.plate_point(point)]
        elif session.view.wipe and abs(point.x() - self._wipe_x()) <= WIPE_GRIP_PX:
            self._wiping = True
        else:
            self._pan = point
        self.update()

    def mouseMoveEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        point = place_of(event)
        self._pointer = point
        if self._stroke:
            self._stroke.append(self.plate_point(point))
        elif self._wiping:
            self._session.look(wipe_at=min(1.0, max(0.0, point.x() / self.width())))
        elif self._pan is not None:
            moved = self._share(self._pan)
            now = self._share(point)
            self._session.pan(moved[0] - now[0], moved[1] - now[1])
            self._pan = point
        self.update()

    def mouseReleaseEvent(self, event: QtGui.QMouseEvent) -> None:  # noqa: N802
        if self._stroke:
            self._waiting.append(self._stroke)
            self._session.stroke(self._stroke)
        self._stroke, self._pan, self._wiping = [], None, False
        self.update()

    def leaveEvent(self, event: QtCore.QEvent) -> None:  # noqa: N802
        self._pointer = None
        self.update()

    def wheelEvent(self, event: QtGui.QWheelEvent) -> None:  # noqa: N802
        notches = event.angleDelta().y() / 120
        if notches:
            self._session.zoom(WHEEL_STEP**notches, self._share(place_of(event)))

    def dragEnterEvent(self, event: QtGui.QDragEnterEvent) -> None:  # noqa: N802
        if event.mimeData().hasUrls():
            event.acceptProposedAction()

    def dropEvent(self, event: QtGui.QDropEvent) -> None:  # noqa: N802
        self.dropped.emit([url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()])
        event.acceptProposedAction()

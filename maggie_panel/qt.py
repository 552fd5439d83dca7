"""The one point where Qt comes in: PySide6, or PySide2 inside a host of before (Nuke 14 and 15).

Enumerations are written in full (`Qt.AlignmentFlag.AlignLeft`), which both know. What the two call
differently is here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from maggie_api.errors import HostError

if TYPE_CHECKING:
    from PySide6 import QtCore, QtGui, QtWidgets
else:
    try:
        try:
            from PySide6 import QtCore, QtGui, QtWidgets
        except ModuleNotFoundError:
            from PySide2 import QtCore, QtGui, QtWidgets
    except ModuleNotFoundError:
        raise HostError(
            "the panel needs Qt and there is no PySide6 in this Python: pip install 'PySide6-Essentials<6.12'"
        ) from None
    except ImportError as error:
        raise HostError(
            f"Qt is there and cannot be loaded ({error}): install what it needs of the system, on Debian "
            "apt-get install libegl1 libgl1 libfontconfig1 libdbus-1-3 libxkbcommon0 libglib2.0-0"
        ) from None

__all__ = [
    "IS_QT6",
    "Qt",
    "QtCore",
    "QtGui",
    "QtWidgets",
    "Signal",
    "action_class",
    "place_of",
    "run",
    "shortcut_class",
]

Qt = QtCore.Qt
Signal = QtCore.Signal
IS_QT6 = int(QtCore.qVersion().split(".")[0]) >= 6


def action_class() -> Any:
    """`QAction`, which moved from one module to another."""
    return QtGui.QAction if IS_QT6 else QtWidgets.QAction  # type: ignore[attr-defined]


def shortcut_class() -> Any:
    """`QShortcut`, which moved with it."""
    return QtGui.QShortcut if IS_QT6 else QtWidgets.QShortcut  # type: ignore[attr-defined]


def place_of(event: Any) -> QtCore.QPointF:
    """Where a mouse, wheel or drop event happened, in its widget."""
    return event.position() if IS_QT6 else QtCore.QPointF(event.pos())


def run(application: Any) -> int:
    """The event loop of an application."""
    return application.exec() if IS_QT6 else application.exec_()

"""Opens the panel as a window of its own, or gives a host the widget to dock."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Optional

from maggie_api.client.host_client import WorkerSession

from .panel import Panel
from .picture_client import PictureClient
from .qt import QtGui, QtWidgets, run
from .state import commands
from .state.session import Session
from .theme import BACK, BUTTON, TEXT, color
from .window import PanelWindow


def new_session(*, python: str = "", name: str = "panel", shared: bool = True) -> Session:
    """A session with processes of its own; they start when they are needed.

    Args:
        python: interpreter that has maggie-node; empty searches for it.
        name: of the host, for the worker's log.
        shared: whether the worker is the one that the user's other hosts have, too.
    """

    def start(title: str, words: list[str]) -> commands.Command:
        return commands.Command(title, words, python=python)

    worker = WorkerSession(name, python=python, shared=shared)
    return Session(PictureClient(python), worker, start_command=start)


def open_window(paths: Sequence[str], *, python: str = "", shared: bool = True) -> int:
    """Show the window until it is closed; returns the exit code.

    Args:
        paths: what to open: a plate, masks, folders, or a job document.
    """
    application = QtWidgets.QApplication.instance() or QtWidgets.QApplication(sys.argv[:1])
    prepare(application)
    window = window_of(new_session(python=python, shared=shared))
    window.show()
    if paths:
        window.session.drop(list(paths))
    return run(application)


def prepare(application: Any) -> None:
    """One style on every system, so that the window's colours are those of its sheet."""
    application.setStyle("Fusion")
    application.setApplicationName("MaGGIe")
    roles = QtGui.QPalette.ColorRole
    palette = QtGui.QPalette()
    for role, name in (
        (roles.Window, BACK),
        (roles.Base, BACK),
        (roles.Button, BUTTON),
        (roles.WindowText, TEXT),
        (roles.Text, TEXT),
        (roles.ButtonText, TEXT),
    ):
        palette.setColor(role, color(name))
    application.setPalette(palette)


def window_of(session: Session) -> PanelWindow:
    """The window of a session; pictures are shown as soon as they come."""
    window = PanelWindow(session)
    session.notify_by(window.panel.answered.emit)
    return window


def docked(parent: Optional[QtWidgets.QWidget] = None) -> Panel:
    """The panel for a host's dock, with a session of its own that ends with the widget.

    A host finds its interpreter as its other parts do (`maggie_api.client.python`). In Nuke:

        import maggie_panel.app
        nukescripts.panels.registerWidgetAsPanel("maggie_panel.app.docked", "MaGGIe", "maggie.panel")
    """
    session = new_session(name="docked panel")
    panel = Panel(session, parent)
    session.notify_by(panel.answered.emit)
    panel.destroyed.connect(lambda: session.close())
    return panel

"""The window around the panel, with its menus."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, Optional

from .panel import KEYS, Panel
from .qt import QtGui, QtWidgets, action_class
from .state.session import Session
from .theme import SHEET
from .widgets.options import OptionsDialog

SIZE = (1280, 720)
"""Of a new window, where the screen is not smaller."""
FRAME_PX = (8, 36)
"""What the system puts around a window, at most: width, and height with the title."""


class PanelWindow(QtWidgets.QMainWindow):
    """The panel with a menu: files, edits, and the keys."""

    def __init__(self, session: Session):
        super().__init__()
        self.session = session
        self.panel = Panel(session, self)
        self.setCentralWidget(self.panel)
        self.setStyleSheet(SHEET)
        self.setWindowTitle("MaGGIe")
        screen = self.screen().availableSize()
        self.resize(min(SIZE[0], screen.width() - FRAME_PX[0]), min(SIZE[1], screen.height() - FRAME_PX[1]))
        self._files = self.menuBar().addMenu("&File")
        self._files.aboutToShow.connect(self._fill_files)
        self._fill_files()
        self._edit = self.menuBar().addMenu("&Edit")
        self.undo_action = self._add(self._edit, "Undo", session.undo, "Ctrl+Z")
        self.redo_action = self._add(self._edit, "Redo", session.redo, "Ctrl+Shift+Z")
        self._edit.addSeparator()
        self._add(self._edit, "Copy command line", self._copy_command, "Ctrl+Shift+C")
        self._add(self._edit, "All options\u2026", self._show_options, "Ctrl+,")
        self._edit.aboutToShow.connect(self._fill_edit)
        self.options: Optional[OptionsDialog] = None
        self.panel.refreshed.connect(self._refresh_options)
        self._help = self.menuBar().addMenu("&Keys")
        for key, what, _ in KEYS:
            self._help.addAction(f"{what}\t{QtGui.QKeySequence(key).toString()}").setEnabled(False)

    def closeEvent(self, event: QtGui.QCloseEvent) -> None:  # noqa: N802
        self.panel.stop()
        self.session.close()
        event.accept()

    def _add(self, menu: QtWidgets.QMenu, text: str, work: Callable[[], Any], key: str = "") -> QtGui.QAction:
        action = action_class()(text, self)
        if key:
            action.setShortcut(QtGui.QKeySequence(key))
        action.triggered.connect(lambda: work())
        menu.addAction(action)
        return action

    def _fill_files(self) -> None:
        menu = self._files
        menu.clear()
        self._add(menu, "Open plate, masks or movie\u2026", self._open_files, "Ctrl+O")
        self._add(menu, "Open a folder\u2026", self._open_folder)
        self._add(menu, "Open another shot\u2026", lambda: self._open_files(anew=True))
        self._add(menu, "Save job", self._save, "Ctrl+S")
        self._add(menu, "Save job as\u2026", self._save_as, "Ctrl+Shift+S")
        recent = menu.addMenu("Recent jobs")
        for path in self.session.recent:
            self._add(recent, path, lambda path=path: self.session.open_job(path))
        recent.setEnabled(bool(self.session.recent))
        menu.addSeparator()
        self._add(menu, "Quit", self.close, "Ctrl+Q")

    def _fill_edit(self) -> None:
        history = self.session.history
        self.undo_action.setText(f"Undo {history.undoable}".rstrip())
        self.redo_action.setText(f"Redo {history.redoable}".rstrip())

    def _open_files(self, *, anew: bool = False) -> None:
        files, _ = QtWidgets.QFileDialog.getOpenFileNames(self, "Open a plate, masks, a movie or a job")
        if files:
            self.session.drop(files, anew=anew)

    def _open_folder(self) -> None:
        folder = QtWidgets.QFileDialog.getExistingDirectory(self, "Open a folder")
        if folder:
            self.session.drop([folder])

    def _save(self) -> None:
        if self.session.job_file:
            self.session.save_job(self.session.job_file)
        else:
            self._save_as()

    def _save_as(self) -> None:
        start = os.path.join(os.path.dirname(self.session.document.output), "job.json")
        file, _ = QtWidgets.QFileDialog.getSaveFileName(self, "Save job", start, "*.json")
        if file:
            self.session.save_job(file)

    def _show_options(self) -> None:
        if self.options is None:
            self.options = OptionsDialog(self.session, self)
        self.options.refresh()
        self.options.show()

    def _refresh_options(self) -> None:
        if self.options is not None and self.options.isVisible():
            self.options.refresh()

    def _copy_command(self) -> None:
        command = self.session.command_line()
        if command:
            QtWidgets.QApplication.clipboard().setText(command)
            self.session.tell("the command line is in the clipboard")

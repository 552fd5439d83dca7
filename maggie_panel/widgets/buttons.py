"""Buttons of the panel. They leave the keyboard to the viewer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..qt import Qt, QtWidgets


def push_button(
    text: str, tip: str, parent: QtWidgets.QWidget, work: Callable[[], Any]
) -> QtWidgets.QPushButton:
    """A button that does `work`, whatever its signal says."""
    button = QtWidgets.QPushButton(text, parent)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    button.clicked.connect(lambda: work())
    return button

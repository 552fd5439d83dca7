"""Colours and sizes of the window: dark and grey, so that they do not tint the eye."""

from __future__ import annotations

from .qt import QtGui

BACK, RAISED, BUTTON, LINE, TEXT, DIM = "#1f1f1f", "#2a2a2a", "#353535", "#3a3a3a", "#dcdcdc", "#9a9a9a"
ACCENT, WARN, BAD = "#e0913c", "#d8b13a", "#d8574b"
LANES = {
    "plate": "#6f6f6f",
    "guidance": "#5b8a5e",
    "keys": "#e0913c",
    "pinned": "#a678c8",
    "matte": "#4d8fc4",
    "cached": "#44806f",
    "warnings": "#d8b13a",
    "findings": "#d8574b",
}
"""Colour of each lane of the timeline."""

SHEET = f"""
* {{ font-size: 12px; }}
QWidget {{ background: {BACK}; color: {TEXT}; }}
QToolTip {{ background: {RAISED}; color: {TEXT}; border: 1px solid {LINE}; }}
QFrame#side, QMenuBar, QMenu {{ background: {RAISED}; }}
QFrame#side QWidget {{ background: {RAISED}; }}
QMenuBar::item {{ padding: 3px 8px; }}
QMenuBar::item:selected, QMenu::item:selected {{ background: {LINE}; }}
QLabel#head {{ color: {DIM}; font-weight: bold; padding-top: 4px; }}
QLabel#dim, QStatusBar QLabel {{ color: {DIM}; }}
QPushButton, QToolButton, QComboBox, QLineEdit {{
    background: {BUTTON}; border: 1px solid {LINE}; border-radius: 3px; padding: 3px 5px; min-height: 16px;
}}
QFrame#side QPushButton, QFrame#side QComboBox, QFrame#side QLineEdit {{ background: #383838; }}
QPushButton:hover, QToolButton:hover {{ border-color: {DIM}; }}
QPushButton:checked, QToolButton:checked, QFrame#side QPushButton:checked {{
    background: {ACCENT}; color: #101010; border-color: {ACCENT};
}}
QPushButton:disabled, QToolButton:disabled {{ color: #6a6a6a; }}
QPushButton:focus, QToolButton:focus, QLineEdit:focus, QComboBox:focus {{
    border-color: {ACCENT};
}}
QTabBar::tab {{ background: {RAISED}; padding: 4px 12px; }}
QTabBar::tab:selected {{ background: {LINE}; }}
QTabWidget::pane {{ border: 1px solid {LINE}; }}
QSlider::groove:horizontal {{ height: 4px; background: {LINE}; border-radius: 2px; }}
QSlider::handle:horizontal {{ width: 12px; margin: -5px 0; border-radius: 6px; background: {TEXT}; }}
QSlider::handle:horizontal:hover {{ background: {ACCENT}; }}
QTableWidget {{ background: {BACK}; border: 1px solid {LINE}; gridline-color: {RAISED}; }}
QFrame#side QTableWidget, QFrame#side QTableWidget QWidget {{ background: {BACK}; }}
QTableWidget::item:selected {{ background: #4a3a28; color: {TEXT}; }}
QTableWidget::item {{ padding: 0 3px; }}
QHeaderView::section {{ background: {RAISED}; color: {DIM}; border: none; padding: 2px; }}
QProgressBar {{ border: 1px solid {LINE}; border-radius: 3px; background: {BACK}; text-align: center;
    max-height: 14px; }}
QProgressBar::chunk {{ background: {ACCENT}; }}
QCheckBox::indicator {{ width: 12px; height: 12px; border: 1px solid {DIM}; border-radius: 2px; }}
QCheckBox::indicator:checked {{ background: {ACCENT}; }}
"""


def color(name: str) -> QtGui.QColor:
    return QtGui.QColor(name)

"""Every option of a job in a window beside: what the command line has, the panel has."""

from __future__ import annotations

from typing import Optional

from maggie_api.settings import Option

from ..qt import Qt, QtWidgets
from ..state.option_texts import GROUPS, text_of, title
from ..state.session import Session


class OptionsDialog(QtWidgets.QDialog):
    """A field for each option, with its help; a change counts at once, and undo takes it back."""

    def __init__(self, session: Session, parent: Optional[QtWidgets.QWidget] = None):
        super().__init__(parent)
        self._session = session
        self.fields: dict[str, QtWidgets.QWidget] = {}
        self.setWindowTitle("All options")
        self.resize(420, 560)
        tabs = QtWidgets.QTabWidget(self)
        for name, options in GROUPS.items():
            page = QtWidgets.QWidget(self)
            form = QtWidgets.QFormLayout(page)
            for option in options.values():
                if option.name not in self.fields:
                    field = self._field(option)
                    field.setToolTip(option.help)
                    label = QtWidgets.QLabel(title(option), page)
                    label.setToolTip(option.help)
                    form.addRow(label, field)
                    self.fields[option.name] = field
            tabs.addTab(page, name)
        self.said = QtWidgets.QLabel(self)
        self.said.setWordWrap(True)
        column = QtWidgets.QVBoxLayout(self)
        column.addWidget(tabs)
        column.addWidget(self.said)
        self.refresh()

    def refresh(self) -> None:
        """Show what the document says."""
        for name, field in self.fields.items():
            value = self._session.document.option(name)
            if isinstance(field, QtWidgets.QCheckBox):
                field.setChecked(bool(value))
            elif isinstance(field, QtWidgets.QComboBox):
                field.setCurrentText(str(value))
            elif isinstance(field, QtWidgets.QLineEdit) and not field.hasFocus():
                field.setText(text_of(value))
        self.said.setText(self._session.message)

    def _field(self, option: Option) -> QtWidgets.QWidget:
        session, name = self._session, option.name
        if option.kind == "flag":
            box = QtWidgets.QCheckBox(self)
            box.clicked.connect(lambda on: session.set_option(name, on))
            return box
        if option.choices:
            combo = QtWidgets.QComboBox(self)
            combo.addItems(list(option.choices))
            combo.activated.connect(lambda _: session.set_option(name, combo.currentText()))
            return combo
        edit = QtWidgets.QLineEdit(self)
        edit.setPlaceholderText("" if option.default is None else text_of(option.default))
        edit.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        edit.editingFinished.connect(lambda: session.type_option(option, edit.text()))
        return edit

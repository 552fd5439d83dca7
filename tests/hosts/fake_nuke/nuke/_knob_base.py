"""What all knobs have: a name, flags, a place in a file."""

from __future__ import annotations

from typing import Any, Optional

from . import _state
from ._state import Guarded
from ._tcl import Word, quote, words_of

DISABLED = 0x80
NO_ANIMATION = 0x100
DO_NOT_WRITE = 0x200
INVISIBLE = 0x400
STARTLINE = 0x1000
ENDLINE = 0x2000
ALWAYS_SAVE = 0x40000
NO_UNDO = 0x80000
SAVE_MENU = 0x2000000
EXPAND_TO_WIDTH = 0x4000000
KNOB_CHANGED_RECURSIVE = 0x8000000
READ_ONLY = 0x10000000
NO_MULTIVIEW = 0x40000000
NAMED = {"STARTLINE": STARTLINE, "INVISIBLE": INVISIBLE, "DISABLED": DISABLED, "HIDE": INVISIBLE}
FLAGS = (
    DISABLED,
    NO_ANIMATION,
    DO_NOT_WRITE,
    INVISIBLE,
    STARTLINE,
    ENDLINE,
    ALWAYS_SAVE,
    NO_UNDO,
    SAVE_MENU,
    EXPAND_TO_WIDTH,
    KNOB_CHANGED_RECURSIVE,
    READ_ONLY,
    NO_MULTIVIEW,
)
TABBEGINGROUP, TABBEGINCLOSEDGROUP, TABENDGROUP, TABKNOB = 1, 2, -1, 0


def _text_of(number: float) -> str:
    return format(number, ".9g")


class Knob(Guarded):
    _id = 0
    """The number that addUserKnob writes; 0: never a user knob in a file."""
    _startline = True
    """Whether a new knob of this kind begins a line of the panel."""

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        _state.session().must_be_main(f"nuke.{type(self).__name__}")
        for word, what in ((name, "name"), (label, "label")):
            if word is not None and not isinstance(word, str):
                raise TypeError(f"a knob's {what} is a str, not {type(word).__name__}")
        if args:
            raise TypeError(f"{type(self).__name__} takes a name and a label, not {args!r}")
        self._name = name
        self._label = label
        self._tooltip = ""
        self._flags = STARTLINE if self._startline else 0
        self._node: Any = None
        self._user = False

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._name}>"

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def setName(self, name: str) -> None:
        if self._node is not None:
            self._node._knobs = {
                (name if knob is self else key): knob for key, knob in self._node._knobs.items()
            }
        self._name = name

    def label(self) -> str:
        return self._name if self._label is None else self._label

    def setLabel(self, label: str) -> None:
        if not isinstance(label, str):
            raise TypeError("a label is a str")
        self._label = label

    def tooltip(self) -> str:
        return self._tooltip

    def setTooltip(self, tooltip: str) -> None:
        if not isinstance(tooltip, str):
            raise TypeError("a tooltip is a str")
        self._tooltip = tooltip

    def node(self) -> Any:
        return self._node

    def fullyQualifiedName(self, channel: int = -1) -> str:
        if self._node is None:
            return self._name
        return f"{self._node._full_name()}.{self._name}"

    def setFlag(self, flag: int) -> None:
        if not isinstance(flag, int):
            raise TypeError("a flag is an int")
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        if not isinstance(flag, int):
            raise TypeError("a flag is an int")
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def visible(self) -> bool:
        return not self._flags & INVISIBLE

    def setVisible(self, visible: bool) -> None:
        self.clearFlag(INVISIBLE) if visible else self.setFlag(INVISIBLE)

    def enabled(self) -> bool:
        return not self._flags & DISABLED

    def setEnabled(self, enabled: bool) -> None:
        self.clearFlag(DISABLED) if enabled else self.setFlag(DISABLED)

    def value(self, index: int = -1) -> Any:
        return None

    def getValue(self, channel: int = -1) -> Any:
        return self.value()

    def setValue(self, val: Any, chan: int = -1) -> bool:
        raise TypeError(f"{type(self).__name__} {self._name} holds no value")

    def toScript(self, quote: bool = True, context: Any = None) -> str:
        return self._save() if quote else self._string(0, _state.session().frame)

    def fromScript(self, script: str) -> bool:
        if not isinstance(script, str):
            raise TypeError("a script is a str")
        before = self._save()
        self._load(words_of(script))
        if self._save() != before:
            self._changed()
        return True

    def isAnimated(self, channel: int = -1) -> bool:
        return False

    def hasExpression(self, index: int = -1) -> bool:
        return False

    # what the rest of this package asks

    def _save(self) -> str:
        return ""

    def _load(self, words: list[Word]) -> None:
        pass

    def _is_default(self) -> bool:
        return True

    def _number(self, index: int, frame: float) -> float:
        raise RuntimeError(f"{self._name} is not a number")

    def _string(self, index: int, frame: float) -> str:
        return str(self.value())

    def _changed(self) -> None:
        if self._node is not None:
            self._node._knob_changed(self)

    def _definition(self) -> str:
        """The text between the braces of addUserKnob."""
        if not self._id:
            raise RuntimeError(f"{self._name}: a {type(self).__name__} cannot be saved (by this Nuke)")
        words = [str(self._id), quote(self._name) if self._name else '""']
        if self._label is not None and self._label != self._name:
            words += ["l", quote(self._label)]
        if self._tooltip:
            words += ["t", quote(self._tooltip)]
        if bool(self._flags & STARTLINE) != self._startline:
            words.append("-STARTLINE" if self._startline else "+STARTLINE")
        words += [f"+{name}" for name in ("DISABLED", "INVISIBLE") if self._flags & NAMED[name]]
        return " ".join(words + self._more_definition())

    def _more_definition(self) -> list[str]:
        return []

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        """Take a lettered part of addUserKnob; those nobody takes are skipped."""

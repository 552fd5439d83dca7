"""The knobs: those of numbers and texts, tabs, links, formats, channels; and how a file says which."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Optional

from . import _channels, _expressions, _state
from ._knob_base import (
    ALWAYS_SAVE,
    DISABLED,
    DO_NOT_WRITE,
    ENDLINE,
    EXPAND_TO_WIDTH,
    FLAGS,
    INVISIBLE,
    KNOB_CHANGED_RECURSIVE,
    NAMED,
    NO_ANIMATION,
    NO_MULTIVIEW,
    NO_UNDO,
    READ_ONLY,
    SAVE_MENU,
    STARTLINE,
    TABBEGINCLOSEDGROUP,
    TABBEGINGROUP,
    TABENDGROUP,
    TABKNOB,
    Knob,
)
from ._knob_numbers import (
    AColor_Knob,
    Array_Knob,
    BBox_Knob,
    Boolean_Knob,
    CascadingEnumeration_Knob,
    Color_Knob,
    ColorChip_Knob,
    Disable_Knob,
    Double_Knob,
    EditableEnumeration_Knob,
    Enumeration_Knob,
    Eyedropper_Knob,
    Int_Knob,
    OneView_Knob,
    Pulldown_Knob,
    Radio_Knob,
    Range_Knob,
    Unsigned_Knob,
    UV_Knob,
    WH_Knob,
    XY_Knob,
    XYZ_Knob,
)
from ._knob_texts import (
    EvalString_Knob,
    File_Knob,
    Multiline_Eval_String_Knob,
    PyCustom_Knob,
    PyScript_Knob,
    PythonKnob,
    Script_Knob,
    String_Knob,
    Text_Knob,
)
from ._tcl import Word, quote, words_of

__all__ = [
    "ALWAYS_SAVE",
    "DISABLED",
    "DO_NOT_WRITE",
    "ENDLINE",
    "EXPAND_TO_WIDTH",
    "FLAGS",
    "INVISIBLE",
    "KNOB_CHANGED_RECURSIVE",
    "NAMED",
    "NO_ANIMATION",
    "NO_MULTIVIEW",
    "NO_UNDO",
    "READ_ONLY",
    "SAVE_MENU",
    "STARTLINE",
    "TABBEGINCLOSEDGROUP",
    "TABBEGINGROUP",
    "TABENDGROUP",
    "TABKNOB",
    "Knob",
    "Array_Knob",
    "Double_Knob",
    "Int_Knob",
    "Unsigned_Knob",
    "ColorChip_Knob",
    "Boolean_Knob",
    "Disable_Knob",
    "Enumeration_Knob",
    "Pulldown_Knob",
    "Radio_Knob",
    "CascadingEnumeration_Knob",
    "EditableEnumeration_Knob",
    "OneView_Knob",
    "Color_Knob",
    "AColor_Knob",
    "Eyedropper_Knob",
    "XY_Knob",
    "XYZ_Knob",
    "WH_Knob",
    "UV_Knob",
    "Range_Knob",
    "BBox_Knob",
    "String_Knob",
    "EvalString_Knob",
    "Multiline_Eval_String_Knob",
    "File_Knob",
    "Script_Knob",
    "PyScript_Knob",
    "PyCustom_Knob",
    "PythonKnob",
    "Text_Knob",
    "Tab_Knob",
    "Link_Knob",
    "Format_Knob",
    "Channel_Knob",
    "ChannelMask_Knob",
    "MultiView_Knob",
    "Help_Knob",
    "knob_from",
]


class Tab_Knob(Knob):
    _id = 20

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        if len(args) > 1 or not all(isinstance(arg, int) for arg in args):
            raise TypeError("Tab_Knob takes a name, a label and whether it begins or ends a group")
        self._group = args[0] if args else TABKNOB

    def value(self) -> Any:
        return self._group

    def _more_definition(self) -> list[str]:
        return ["n", str(self._group)] if self._group else []

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        if letter == "n":
            self._group = int(word)


class Link_Knob(Knob):
    _id = 41

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label, *args)
        self._link = ""

    def makeLink(self, s: str, t: str) -> None:
        self.setLink(f"{s}.{t}")

    def setLink(self, s: str) -> None:
        if not isinstance(s, str):
            raise TypeError("a link is a str: node.knob")
        self._link = s

    def getLink(self) -> str:
        return self._link

    def getLinkedKnob(self) -> Optional[Knob]:
        return _expressions.find_knob(self._link, self._node) if self._link and self._node else None

    def value(self) -> Any:
        linked = self.getLinkedKnob()
        return linked.value() if linked is not None else None

    def getValue(self, channel: int = -1) -> Any:
        linked = self.getLinkedKnob()
        return linked.getValue() if linked is not None else None

    def setValue(self, val: Any) -> bool:
        linked = self.getLinkedKnob()
        if linked is None:
            raise RuntimeError(f"{self._name}: linked to nothing")
        return linked.setValue(val)

    def _number(self, index: int, frame: float) -> float:
        linked = self.getLinkedKnob()
        if linked is None:
            raise RuntimeError(f"{self._name}: linked to nothing")
        return linked._number(index, frame)

    def _more_definition(self) -> list[str]:
        return ["T", quote(self._link)] if self._link else []

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        if letter == "T":
            self._link = str(word)


class Format_Knob(Knob):
    _id = 17

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label, *args)
        self._format: Optional[_channels.Format] = None
        """None: the root's."""

    def value(self) -> _channels.Format:
        if self._format is not None:
            return self._format
        root = _state.session().root
        return root._knobs["format"]._format or root._formats["2K_Super_35(full-ap)"]

    actualValue = value

    def name(self) -> str:
        return self._name

    def setValue(self, val: Any) -> bool:
        if isinstance(val, str):
            self._format = _channels.format_from(val)
        elif isinstance(val, _channels.Format):
            self._format = val
        else:
            raise TypeError(f"{self._name}: a Format or its text is required, not {type(val).__name__}")
        self._changed()
        return True

    def notDefault(self) -> bool:
        return self._format is not None

    def _string(self, index: int, frame: float) -> str:
        return self.value().name() or self.value()._text()

    def _save(self) -> str:
        return quote(self.value()._text())

    def _load(self, words: list[Word]) -> None:
        self._format = _channels.format_from(" ".join(words))

    def _is_default(self) -> bool:
        return self._format is None


class Channel_Knob(Knob):
    """One channel, or one layer of up to four."""

    _id = 11
    _many = False

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        self._default = "none"
        self._words: list[str] = ["none"]

    def value(self) -> str:
        return " ".join(self._words)

    def setValue(self, name: str) -> bool:
        if not isinstance(name, str):
            raise TypeError(f"{self._name}: a str is required, not {type(name).__name__}")
        words = _channels.checked(name.split())
        if not words or (len(words) > 1 and not self._many):
            raise ValueError(f"{self._name}: one layer or channel is required, not {name!r}")
        if words != self._words:
            self._words = words
            self._changed()
        return True

    def _channels(self, available: Optional[Iterable[str]] = None) -> list[str]:
        return _channels.expand(self._words, available)

    def isChannelEnabled(self, name: str) -> bool:
        return name in self._channels()

    def _string(self, index: int, frame: float) -> str:
        return self.value()

    def _save(self) -> str:
        if len(self._words) == 1:
            return quote(self._words[0])
        return "{" + " ".join(quote(word) for word in self._words) + "}"

    def _load(self, words: list[Word]) -> None:
        names = [str(name) for word in words for name in str(word).split()]
        if len(names) > 1 and all("." not in name for name in names[1:]) and "." not in names[0]:
            names = names[:1]  # `rgba`, or the `{layer -channel …}` that only narrows the menu
        unknown = [name for name in names if "." in name and not name.startswith("-")]
        for name in unknown:
            layer, _, channel = name.rpartition(".")
            if layer not in _channels.ALIASES and layer not in _channels.BUILTIN:
                _channels.layers_of_script().add(layer, [channel])
        self._words = _channels.checked(name for name in names if not name.startswith("-"))

    def _is_default(self) -> bool:
        return self.value() == self._default


class ChannelMask_Knob(Channel_Knob):
    """Any set of channels."""

    _id = 10
    _many = True


class MultiView_Knob(Knob):
    _id = 45

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label, *args)
        self._views: Optional[list[str]] = None

    def value(self) -> str:
        return " ".join(self._names())

    def _names(self) -> list[str]:
        return list(_state.session().root._views) if self._views is None else self._views

    def setValue(self, val: str) -> bool:
        if not isinstance(val, str):
            raise TypeError(f"{self._name}: a str is required, not {type(val).__name__}")
        unknown = [name for name in val.split() if name not in _state.session().root._views]
        if unknown:
            raise ValueError(f"{self._name}: no view is named {unknown[0]!r}")
        self._views = val.split()
        self._changed()
        return True

    def _save(self) -> str:
        return "{" + self.value() + "}"

    def _load(self, words: list[Word]) -> None:
        self._views = [name for word in words for name in str(word).split()]

    def _is_default(self) -> bool:
        return self._views is None


class Help_Knob(Knob):
    _id = 27


KINDS: dict[int, type[Knob]] = {
    kind._id: kind
    for kind in (
        String_Knob,
        File_Knob,
        Int_Knob,
        Enumeration_Knob,
        Boolean_Knob,
        Double_Knob,
        ChannelMask_Knob,
        Channel_Knob,
        XY_Knob,
        XYZ_Knob,
        WH_Knob,
        BBox_Knob,
        Format_Knob,
        Color_Knob,
        AColor_Knob,
        Eyedropper_Knob,
        Tab_Knob,
        PyScript_Knob,
        Text_Knob,
        Help_Knob,
        UV_Knob,
        Script_Knob,
        Pulldown_Knob,
        ColorChip_Knob,
        Link_Knob,
        Multiline_Eval_String_Knob,
        MultiView_Knob,
        PyCustom_Knob,
        CascadingEnumeration_Knob,
    )
}


def knob_from(definition: str) -> Knob:
    """The user knob that the text between addUserKnob's braces describes.

    Raises:
        RuntimeError: a kind of knob this Nuke does not know.
    """
    words = words_of(definition)
    if len(words) < 1 or not words[0].isdigit() or int(words[0]) not in KINDS:
        raise RuntimeError(f"addUserKnob {{{definition}}}: unknown type of knob")
    knob = KINDS[int(words[0])](str(words[1]) if len(words) > 1 else "")
    at = 2
    while at < len(words):
        word = words[at]
        if word[0] in "+-" and word[1:] in NAMED and not word.braced:
            flag = NAMED[word[1:]]
            knob._flags = knob._flags | flag if word[0] == "+" else knob._flags & ~flag
            at += 1
        elif len(word) == 1 and at + 1 < len(words):
            value = words[at + 1]
            if word == "l":
                knob._label = str(value)
            elif word == "t":
                knob._tooltip = str(value)
            else:
                knob._define(str(word), value, words[at + 2 :])
            at += 3 if word == "R" else 2
        else:
            at += 1
    return knob

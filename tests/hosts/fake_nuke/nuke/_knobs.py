"""Knobs: typed values that refuse what is not theirs."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Optional

from . import _channels, _expressions, _state
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


class Array_Knob(Knob):
    _size = 1
    _default = 0.0
    _split = False
    """Whether value() is always a list (xy, bbox), not a float where all fields agree."""

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        self._args(*args)
        self._defaults = [self._default] * self._size
        self._values = list(self._defaults)
        self._curves: dict[int, dict[float, float]] = {}
        self._expressions: dict[int, str] = {}
        self._range: Optional[tuple[float, float]] = getattr(self, "_range", None)

    def _args(self, *args: Any) -> None:
        if args:
            raise TypeError(f"{type(self).__name__} takes a name and a label, not {args!r}")

    def _checked(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{self._name}: must be a real number, not {type(value).__name__}")
        return float(value)

    def arraySize(self) -> int:
        return self._size

    def dimensions(self) -> int:
        return 1

    def setRange(self, first: float, last: float) -> None:
        self._range = (float(first), float(last))

    def min(self) -> float:
        return self._range[0] if self._range else 0.0

    def max(self) -> float:
        return self._range[1] if self._range else 1.0

    minimum, maximum = min, max

    def setDefaultValue(self, values: Iterable[float]) -> None:
        values = [self._checked(value) for value in values]
        if len(values) > self._size:
            raise TypeError(f"{self._name} has {self._size} fields")
        at_default = self._is_default()
        self._defaults[: len(values)] = values
        if at_default:
            self._values = list(self._defaults)

    def defaultValue(self) -> float:
        return self._defaults[0]

    def notDefault(self) -> bool:
        return not self._is_default()

    def singleValue(self) -> bool:
        return len(set(self._values)) == 1 and not self._curves and not self._expressions

    def value(self, *args: int) -> Any:
        numbers = [self._number(index, _state.session().frame) for index in range(self._size)]
        if args:
            return numbers[self._index(args[0])]
        if self._size == 1 or (not self._split and len(set(numbers)) == 1):
            return numbers[0]
        return numbers

    def array(self) -> list[float]:
        return [self._number(index, _state.session().frame) for index in range(self._size)]

    def getValue(self, *args: int) -> Any:
        return Array_Knob.value(self, *args)

    def getValueAt(self, frame: float, index: int = -1, view: Optional[str] = None) -> Any:
        numbers = [self._number(field, frame) for field in range(self._size)]
        return numbers[index] if index >= 0 else numbers[0] if self._size == 1 else numbers

    valueAt = getValueAt

    def _index(self, index: int) -> int:
        if not -1 <= index < self._size:
            raise IndexError(f"{self._name} has {self._size} fields, no field {index}")
        return max(index, 0)

    def setValue(self, val: Any, chan: int = -1) -> bool:
        given = list(val) if isinstance(val, (list, tuple)) else None
        if given is not None and len(given) > self._size:
            raise TypeError(f"{self._name} has {self._size} fields, not {len(given)}")
        before = self._save()
        if given is not None:
            fields = dict(enumerate(given))
        elif chan >= 0:
            fields = {self._index(chan): val}
        else:
            fields = {index: val for index in range(self._size)}
        checked = {index: self._checked(value) for index, value in fields.items()}
        for index, value in checked.items():
            if index in self._curves:
                self._curves[index][float(_state.session().frame)] = value
            self._values[index] = value
            self._expressions.pop(index, None)
        if self._save() != before:
            self._changed()
        return True

    def setAnimated(self, channel: int = -1) -> bool:
        if self._flags & NO_ANIMATION:
            return False
        for index in range(self._size) if channel < 0 else [self._index(channel)]:
            self._curves.setdefault(index, {float(_state.session().frame): self._values[index]})
        return True

    def clearAnimated(self, channel: int = -1) -> bool:
        for index in range(self._size) if channel < 0 else [self._index(channel)]:
            self._values[index] = self._number(index, _state.session().frame)
            self._curves.pop(index, None)
            self._expressions.pop(index, None)
        self._changed()
        return True

    def isAnimated(self, channel: int = -1) -> bool:
        return bool(self._curves) if channel < 0 else channel in self._curves

    def setValueAt(self, val: Any, time: float, index: int = -1, view: Optional[str] = None) -> bool:
        value = self._checked(val)
        for field in range(self._size) if index < 0 else [self._index(index)]:
            if field not in self._curves and not self._flags & NO_ANIMATION:
                self._curves[field] = {}
            if field in self._curves:
                self._curves[field][float(time)] = value
        self._changed()
        return True

    def setKeyAt(self, time: float) -> bool:
        for index in range(self._size):
            self._curves.setdefault(index, {})[float(time)] = self._number(index, time)
        return True

    def isKeyAt(self, frame: float, index: int = 0) -> bool:
        return float(frame) in self._curves.get(max(index, 0), {})

    def getKeyList(self) -> list[float]:
        return sorted({key for curve in self._curves.values() for key in curve})

    def getNumKeys(self, channel: int = 0) -> int:
        return len(self._curves.get(max(channel, 0), {}))

    def setExpression(self, expression: str, channel: int = -1, view: Optional[str] = None) -> bool:
        if not isinstance(expression, str):
            raise TypeError("an expression is a str")
        if self._flags & NO_ANIMATION:
            return False
        for index in range(self._size) if channel < 0 else [self._index(channel)]:
            self._expressions[index] = expression
        self._changed()
        return True

    def hasExpression(self, index: int = -1) -> bool:
        return bool(self._expressions) if index < 0 else index in self._expressions

    def _number(self, index: int, frame: float) -> float:
        if index in self._expressions:
            return self._cast(_expressions.evaluate(self._expressions[index], self._node, frame))
        if index in self._curves and self._curves[index]:
            return self._cast(_interpolated(self._curves[index], frame))
        return self._values[index]

    def _cast(self, value: float) -> float:
        return value

    def _string(self, index: int, frame: float) -> str:
        return _text_of(self._number(index, frame))

    def _element(self, index: int) -> str:
        if index in self._expressions:
            return "{" + quote(self._expressions[index]) + "}"
        if self._curves.get(index):
            keys = sorted(self._curves[index].items())
            return "{curve " + " ".join(f"x{_text_of(x)} {_text_of(y)}" for x, y in keys) + "}"
        return _text_of(self._values[index])

    def _save(self) -> str:
        elements = [self._element(index) for index in range(self._size)]
        if self._size > 1 and not self._split and len(set(elements)) == 1:
            elements = elements[:1]
        if len(elements) == 1 and not elements[0].startswith("{"):
            return elements[0]
        return "{" + " ".join(elements) + "}"

    def _load(self, words: list[Word]) -> None:
        if len(words) != 1:
            raise RuntimeError(f"{self._name}: expected a value, got {' '.join(words)!r}")
        elements = words_of(words[0]) if words[0].braced else [words[0]]
        if not 1 <= len(elements) <= self._size:
            raise RuntimeError(f"{self._name}: expected {self._size} fields, got {words[0]!r}")
        if len(elements) == 1:
            elements = elements * self._size
        self._curves, self._expressions = {}, {}
        for index, element in enumerate(elements):
            self._load_element(index, element)

    def _load_element(self, index: int, element: Word) -> None:
        if not element.braced:
            try:
                self._values[index] = self._cast(float(element))
            except ValueError:
                self._expressions[index] = str(element)
            return
        words = words_of(element)
        if words and words[0] == "curve":
            curve: dict[float, float] = {}
            at = 0.0
            step = 1.0
            for word in words[1:]:
                if re.fullmatch(r"x-?[\d.]+", word):
                    step, at = float(word[1:]) - at, float(word[1:])
                elif re.fullmatch(r"[-+\d.eE]+", word):
                    curve[at] = float(word)
                    at += step or 1.0
            self._curves[index] = curve
        else:
            self._expressions[index] = str(words[0]) if len(words) == 1 else str(element)

    def _is_default(self) -> bool:
        return not self._curves and not self._expressions and self._values == self._defaults

    def _more_definition(self) -> list[str]:
        return ["R", _text_of(self._range[0]), _text_of(self._range[1])] if self._range else []

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        if letter == "R" and more:
            self._range = (float(word), float(more[0]))


def _interpolated(curve: dict[float, float], frame: float) -> float:
    """Straight lines between keys, constant outside."""
    keys = sorted(curve)
    if frame <= keys[0]:
        return curve[keys[0]]
    for left, right in zip(keys, keys[1:]):
        if frame <= right:
            part = (frame - left) / (right - left)
            return curve[left] + (curve[right] - curve[left]) * part
    return curve[keys[-1]]


class Double_Knob(Array_Knob):
    _id = 7

    def _args(self, *args: Any) -> None:
        if len(args) > 2:
            raise TypeError("Double_Knob takes a name, a label, a minimum and a maximum")
        low, high = (list(args) + [0.0, 1.0][len(args) :]) if args else (0.0, 1.0)
        self._range = (float(low), float(high))


class Int_Knob(Array_Knob):
    _id = 3
    _default = 0

    def _checked(self, value: Any) -> float:
        if not isinstance(value, int):
            raise TypeError(f"{self._name}: an integer is required, not {type(value).__name__}")
        return int(value)

    def _cast(self, value: float) -> float:
        return int(value)

    def setValue(self, val: Any) -> bool:
        return super().setValue(val)

    def value(self) -> Any:
        return int(self._number(0, _state.session().frame))

    def getValue(self, *args: int) -> float:
        return float(self._number(0, _state.session().frame))


class Unsigned_Knob(Array_Knob):
    _default = 0

    def _checked(self, value: Any) -> float:
        if not isinstance(value, int) or not 0 <= value < 2**32:
            raise TypeError(f"{self._name}: an integer from 0 to 2^32 is required, not {value!r}")
        return int(value)

    def _cast(self, value: float) -> float:
        return int(value)

    def setValue(self, val: Any) -> bool:
        return super().setValue(val)

    def value(self) -> Any:
        return int(self._number(0, _state.session().frame))

    def getValue(self, *args: int) -> float:
        return float(self._number(0, _state.session().frame))


class ColorChip_Knob(Unsigned_Knob):
    _id = 40

    def _element(self, index: int) -> str:
        return f"0x{int(self._values[index]):x}" if self._values[index] else "0"

    def _load_element(self, index: int, element: Word) -> None:
        self._values[index] = int(element, 0)


class Boolean_Knob(Array_Knob):
    _id = 6
    _startline = False
    _default = 0

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label, *args)
        if args:
            self._values = [self._checked(args[0])]

    def _args(self, *args: Any) -> None:
        if len(args) > 1:
            raise TypeError("Boolean_Knob takes a name, a label and a value")

    def _checked(self, value: Any) -> float:
        if not isinstance(value, (bool, int)):
            raise TypeError(f"{self._name}: a bool is required, not {type(value).__name__}")
        return int(bool(value))

    def _cast(self, value: float) -> float:
        return int(bool(value))

    def setValue(self, b: Any) -> bool:
        return super().setValue(b)

    def value(self) -> Any:
        return bool(self._number(0, _state.session().frame))

    def getValue(self, *args: int) -> float:
        return float(self._number(0, _state.session().frame))

    def _element(self, index: int) -> str:
        text = super()._element(index)
        return {"0": "false", "1": "true"}.get(text, text)

    def _load_element(self, index: int, element: Word) -> None:
        if element in ("true", "false"):
            self._values[index] = int(element == "true")
        else:
            super()._load_element(index, element)


class Disable_Knob(Boolean_Knob):
    _id = 0


class Enumeration_Knob(Unsigned_Knob):
    _id = 4

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label, *args)
        items = list(args[0]) if args else []
        if args and isinstance(args[0], str):
            raise TypeError("the items of an enumeration are a list")
        if not all(isinstance(item, str) for item in items):
            raise TypeError("the items of an enumeration are strings")
        self._items: list[str] = items

    def _args(self, *args: Any) -> None:
        if len(args) > 1:
            raise TypeError(f"{type(self).__name__} takes a name, a label and a list of items")

    def _checked(self, value: Any) -> float:
        if isinstance(value, str):
            return self._find(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise TypeError(f"{self._name}: an item or its number is required, not {type(value).__name__}")
        if int(value) != value or not 0 <= value < len(self._items):
            raise ValueError(f"{self._name} has {len(self._items)} items, no item {value}")
        return int(value)

    def _find(self, value: str) -> int:
        names = self._names()
        if value in names:
            return names.index(value)
        if value in self._items:
            return self._items.index(value)
        raise ValueError(f"{self._name} has no item {value!r}: it is one of {', '.join(names)}")

    def _names(self) -> list[str]:
        """What value() gives: an item up to its tab."""
        return [item.partition("\t")[0] for item in self._items]

    def value(self) -> Any:
        index = int(self._number(0, _state.session().frame))
        names = self._names()
        return names[index] if 0 <= index < len(names) else ""

    def values(self) -> list[str]:
        return list(self._items)

    def numValues(self) -> int:
        return len(self._items)

    def enumName(self, n: int) -> str:
        return self._items[n]

    def setValues(self, items: Iterable[str]) -> None:
        if isinstance(items, str) or not all(isinstance(item, str) for item in items):
            raise TypeError("the items of an enumeration are a list of strings")
        self._items = list(items)
        if self._values[0] >= len(self._items):
            self._values[0] = 0

    def _string(self, index: int, frame: float) -> str:
        at = int(self._number(0, frame))
        return self._names()[at] if 0 <= at < len(self._items) else ""

    def _element(self, index: int) -> str:
        if index in self._expressions or index in self._curves:
            return super()._element(index)
        at = int(self._values[0])
        return quote(self._names()[at]) if 0 <= at < len(self._items) else '""'

    def _load(self, words: list[Word]) -> None:
        if words and words[0].braced:
            super()._load(words)
        else:
            self._load_element(0, words[0])

    def _load_element(self, index: int, element: Word) -> None:
        if element.braced:
            super()._load_element(index, element)
            return
        self._curves, self._expressions = {}, {}
        if not self._items and not element:
            return
        try:
            self._values[0] = self._find(str(element))
        except ValueError:
            if not element.isdigit():
                raise
            self._values[0] = self._checked(int(element))

    def _more_definition(self) -> list[str]:
        return ["M", "{" + " ".join(quote(item) if item else '""' for item in self._items) + "}"]

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        if letter == "M":
            self._items = [str(item) for item in words_of(word)]


class Pulldown_Knob(Enumeration_Knob):
    _id = 35


class Radio_Knob(Enumeration_Knob):
    _id = 0


class CascadingEnumeration_Knob(Enumeration_Knob):
    """A tree of items, colour spaces above all; a name from another config is kept and is an error."""

    _id = 68

    def _find(self, value: str) -> int:
        for index, item in enumerate(self._items):
            if value in (item, *item.split("\t"), item.rpartition("/")[2]):
                return index
        raise ValueError(f"Bad value for {self._name} : {value}")

    def _load_element(self, index: int, element: Word) -> None:
        if not element.braced and not any(element in item for item in self._items):
            self._items = [*self._items, str(element)]
        super()._load_element(index, element)


class EditableEnumeration_Knob(Enumeration_Knob):
    _id = 0

    def _find(self, value: str) -> int:
        if value not in self._items:
            self._items = [*self._items, value]
        return self._items.index(value)


class OneView_Knob(Enumeration_Knob):
    _id = 0


class Color_Knob(Array_Knob):
    _id = 18
    _size = 3

    def names(self, n: int) -> str:
        return "rgba"[n]


class AColor_Knob(Color_Knob):
    _id = 19
    _size = 4


class Eyedropper_Knob(AColor_Knob):
    """A colour that the artist takes from the viewer, and the area (x, y, r, t) it was taken from."""

    _id = 36
    _size = 8
    _split = True


class XY_Knob(Array_Knob):
    _id = 12
    _size = 2
    _split = True

    def value(self, n: Any = None, oc: Any = None) -> Any:
        return Array_Knob.value(self) if n is None else Array_Knob.value(self, n)

    def x(self, oc: Any = None) -> float:
        return self.value(0)

    def y(self, oc: Any = None) -> float:
        return self.value(1)


class XYZ_Knob(XY_Knob):
    _id = 13
    _size = 3

    def z(self, oc: Any = None) -> float:
        return self.value(2)


class WH_Knob(Array_Knob):
    _id = 14
    _size = 2

    def x(self) -> float:
        return self.value(0)

    def y(self) -> float:
        return self.value(1)


class UV_Knob(Array_Knob):
    _id = 30
    _size = 2
    _split = True


class Range_Knob(Array_Knob):
    _id = 0
    _size = 2
    _split = True


class BBox_Knob(Array_Knob):
    _id = 15
    _size = 4
    _split = True

    def x(self) -> float:
        return self.value(0)

    def y(self) -> float:
        return self.value(1)

    def r(self) -> float:
        return self.value(2)

    def t(self) -> float:
        return self.value(3)

    def toDict(self) -> dict[str, float]:
        return dict(zip("xyrt", self.array()))


class String_Knob(Knob):
    _id = 1
    _default = ""

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        if len(args) > 1:
            raise TypeError(f"{type(self).__name__} takes a name, a label and a text")
        self._text = ""
        if args:
            self._text = self._checked(args[0])

    def _checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"{self._name}: a str is required, not {type(value).__name__}")
        return value

    def value(self, oc: Any = None) -> str:
        return self._text

    def getText(self, oc: Any = None) -> str:
        return self._text

    def getValue(self, oc: Any = None) -> str:
        return self._text

    def setValue(self, val: str, view: Any = None) -> bool:
        text = self._checked(val)
        if text != self._text:
            self._text = text
            self._changed()
        return True

    setText = setValue

    def _string(self, index: int, frame: float) -> str:
        return self._text

    def _number(self, index: int, frame: float) -> float:
        try:
            return float(self._text)
        except ValueError:
            return super()._number(index, frame)

    def _save(self) -> str:
        return quote(self._text) if self._text else '""'

    def _load(self, words: list[Word]) -> None:
        self._text = " ".join(words)

    def _is_default(self) -> bool:
        return self._text == self._default


class EvalString_Knob(String_Knob):
    _id = 1

    def evaluate(self, frame: Optional[float] = None) -> str:
        at = _state.session().frame if frame is None else frame
        return _expressions.substitute(self._text, self._node, at)

    def _string(self, index: int, frame: float) -> str:
        return _expressions.substitute(self._text, self._node, frame)


class Multiline_Eval_String_Knob(EvalString_Knob):
    _id = 43


class File_Knob(EvalString_Knob):
    _id = 2

    def evaluate(self, frame: Optional[float] = None) -> Optional[str]:
        from ._files import file_at

        if not self._text:
            return None
        at = _state.session().frame if frame is None else frame
        return file_at(super().evaluate(at), int(at), _state.session().root._view)

    def value(self) -> str:
        """As it stands, but for #### that is %04d."""
        return re.sub("#+", lambda found: f"%0{len(found.group())}d", self._text)

    getValue = value

    def getEvaluatedValue(self) -> str:
        """TCL evaluated; the frame stays open."""
        return _expressions.substitute(self.value(), self._node, _state.session().frame)

    def fromUserText(self, text: str) -> None:
        """A path as the file browser gives it, with a range behind it or not."""
        match = re.fullmatch(r"(.*?)\s+(-?\d+)-(-?\d+)", text)
        self.setValue(match.group(1) if match else text)
        if match and self._node is not None and "first" in self._node._knobs:
            for name, frame in zip(("first", "last"), match.groups()[1:]):
                self._node._knobs[name].setValue(int(frame))
                self._node._knobs["orig" + name].setValue(int(frame))


class Script_Knob(String_Knob):
    _id = 32
    _startline = False

    def command(self) -> str:
        return self._text

    def value(self) -> str:
        return self._text

    def setValue(self, cmd: str) -> bool:
        return super().setValue(cmd)

    def setCommand(self, cmd: str) -> None:
        self.setValue(cmd)

    def execute(self) -> None:
        raise RuntimeError(f"{self._name}: TCL scripts are not run (by this Nuke)")

    def _more_definition(self) -> list[str]:
        return ["T", quote(self._text)] if self._text else []

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        if letter == "T":
            self._text = str(word)

    def _is_default(self) -> bool:
        return self._user or super()._is_default()


class PyScript_Knob(Script_Knob):
    _id = 22

    def execute(self) -> None:
        """What a click does: the code runs with thisNode and thisKnob set."""
        from ._nodes import run_python

        run_python(self._text, self._node, self)


class PyCustom_Knob(Script_Knob):
    _id = 52

    def getObject(self) -> Any:
        return None


class PythonKnob(String_Knob):
    _id = 0


class Text_Knob(Knob):
    _id = 26

    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        if len(args) > 1 or not all(isinstance(arg, str) for arg in args):
            raise TypeError("Text_Knob takes a name, a label and a text")
        self._text = args[0] if args else ""

    def value(self) -> str:
        return self._text

    def setValue(self, val: str) -> bool:
        if not isinstance(val, str):
            raise TypeError(f"{self._name}: a str is required, not {type(val).__name__}")
        self._text = val
        return True

    def _more_definition(self) -> list[str]:
        return ["T", quote(self._text)] if self._text else []

    def _define(self, letter: str, word: Word, more: list[Word]) -> None:
        if letter == "T":
            self._text = str(word)

    def _load(self, words: list[Word]) -> None:
        self._text = " ".join(words)


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

"""Knobs that hold numbers: typed values that refuse what is not theirs; with keys and expressions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Optional

from . import _expressions, _state
from ._knob_base import NO_ANIMATION, Knob, _text_of
from ._tcl import Word, quote, words_of


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


class _Whole(Array_Knob):
    """A knob of one whole number."""

    _default = 0

    def _cast(self, value: float) -> float:
        return int(value)

    def setValue(self, val: Any) -> bool:
        return super().setValue(val)

    def value(self) -> Any:
        return int(self._number(0, _state.session().frame))

    def getValue(self, *args: int) -> float:
        return float(self._number(0, _state.session().frame))


class Int_Knob(_Whole):
    _id = 3

    def _checked(self, value: Any) -> float:
        if not isinstance(value, int):
            raise TypeError(f"{self._name}: an integer is required, not {type(value).__name__}")
        return int(value)


class Unsigned_Knob(_Whole):
    def _checked(self, value: Any) -> float:
        if not isinstance(value, int) or not 0 <= value < 2**32:
            raise TypeError(f"{self._name}: an integer from 0 to 2^32 is required, not {value!r}")
        return int(value)


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

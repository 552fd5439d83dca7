"""What a Roto draws: layers, shapes and strokes of animated points, in the knob `curves`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Optional, Union

from ._knobs import Knob
from ._tcl import Word, quote


class AnimControlPoint:
    """A point with a position at each key; straight lines between them."""

    def __init__(self, *position: float) -> None:
        self._still = tuple(position) or (0.0, 0.0)
        self._keys: dict[float, tuple[float, ...]] = {}

    def addPositionKey(self, time: float, positionOrDim: Any, view: str = "main") -> None:
        self._keys[float(time)] = tuple(positionOrDim)

    def removePositionKey(self, time: float, view: str = "main") -> None:
        self._keys.pop(float(time), None)

    def getControlPointKeyTimes(self, view: str = "main") -> list[float]:
        return sorted(self._keys)

    def getPosition(self, time: float, view: str = "main") -> tuple[float, ...]:
        keys = sorted(self._keys)
        if not keys:
            return self._still
        before = max([key for key in keys if key <= time], default=keys[0])
        after = min([key for key in keys if key >= time], default=keys[-1])
        part = (time - before) / (after - before) if after > before else 0.0
        return tuple(a + (b - a) * part for a, b in zip(self._keys[before], self._keys[after]))


class AnimCTransform:
    """Where an element is moved to; only its keys are played here."""

    def __init__(self) -> None:
        self._keys: list[float] = []

    def addTransformKey(self, time: float, view: str = "main") -> None:
        self._keys = sorted({*self._keys, float(time)})

    def getTransformKeyTimes(self, view: str = "main") -> list[float]:
        return list(self._keys)


class ShapeControlPoint:
    """A point of a shape: its centre, with tangents and a feather."""

    def __init__(self, *position: float) -> None:
        self.center = AnimControlPoint(*position)
        for name in ("leftTangent", "rightTangent", "featherCenter"):
            setattr(self, name, AnimControlPoint())


class Element:
    def __init__(self, name: str = "") -> None:
        self.name = name
        self.locked = False
        self._parts: list[Any] = []
        self._transform = AnimCTransform()

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._parts))

    def __getitem__(self, index: int) -> Any:
        return self._parts[index]

    def append(self, element: Any) -> None:
        self._parts.append(element)

    def remove(self, index: int) -> None:
        del self._parts[index]

    def getTransform(self) -> AnimCTransform:
        return self._transform


class Layer(Element):
    """Holds other elements."""

    def __init__(self, curves: CurveKnob) -> None:
        if not isinstance(curves, CurveKnob):
            raise TypeError("a layer needs the knob that will hold it")
        super().__init__("Layer1")


class Shape(Element):
    """A closed line through its points."""

    def __init__(self, curves: CurveKnob, *points: Any) -> None:
        if not isinstance(curves, CurveKnob):
            raise TypeError("a shape needs the knob that will hold it")
        super().__init__("Bezier1")
        for point in points:
            self.append(point if isinstance(point, ShapeControlPoint) else ShapeControlPoint(*point))


class Stroke(Element):
    """A line of points that is painted."""

    def __init__(self, curves: CurveKnob) -> None:
        super().__init__("Brush1")

    def append(self, element: Any) -> None:
        super().append(element if isinstance(element, AnimControlPoint) else AnimControlPoint(*element))


class CurveKnob(Knob):
    def __init__(self, name: str = "", label: Optional[str] = None, *args: Any) -> None:
        super().__init__(name, label)
        self.rootLayer = Layer(self)

    def changed(self) -> None:
        self._changed()

    def toElement(self, path: str) -> Optional[Element]:
        here: Any = self.rootLayer
        for word in path.split("/"):
            here = next((each for each in here if getattr(each, "name", None) == word), None)
            if here is None:
                return None
        return here

    def value(self, index: int = -1) -> Any:
        return self.rootLayer

    def _save(self) -> str:
        return quote(json.dumps(_plain(self.rootLayer))) if len(self.rootLayer) else '""'

    def _load(self, words: list[Word]) -> None:
        text = " ".join(words)
        self.rootLayer = _from_plain(json.loads(text), self) if text else Layer(self)

    def _is_default(self) -> bool:
        return not len(self.rootLayer)


def polygons(element: Element, frame: float) -> Iterator[list[tuple[float, ...]]]:
    """The corners of every shape at a frame."""
    if isinstance(element, Shape):
        yield [point.center.getPosition(frame) for point in element]
    elif isinstance(element, Layer):
        for each in element:
            yield from polygons(each, frame)


def _plain(part: Any) -> Any:
    if isinstance(part, (AnimControlPoint, ShapeControlPoint)):
        point = part.center if isinstance(part, ShapeControlPoint) else part
        return [point._still, sorted(point._keys.items())]
    parts = [_plain(each) for each in part]
    return [type(part).__name__, part.name, part.getTransform()._keys, parts]


def _from_plain(data: Any, curves: CurveKnob) -> Union[Layer, Shape, Stroke]:
    kind, name, moved, parts = data
    element: Any = {"Layer": Layer, "Shape": Shape, "Stroke": Stroke}[kind](curves)
    element.name, element._transform._keys = name, moved
    for each in parts:
        if kind == "Layer":
            element.append(_from_plain(each, curves))
            continue
        point = ShapeControlPoint(*each[0]) if kind == "Shape" else AnimControlPoint(*each[0])
        keyed = point.center if isinstance(point, ShapeControlPoint) else point
        keyed._keys = {time: tuple(position) for time, position in each[1]}
        element.append(point)
    return element

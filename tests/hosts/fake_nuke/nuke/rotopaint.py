"""nuke.rotopaint: what a Roto and a RotoPaint hold."""

from __future__ import annotations

from ._curves import AnimControlPoint, CurveKnob, Element, Layer, Shape, ShapeControlPoint, Stroke

__all__ = ["AnimControlPoint", "CurveKnob", "Element", "Layer", "Shape", "ShapeControlPoint", "Stroke"]

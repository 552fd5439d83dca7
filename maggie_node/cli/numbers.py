"""Option types for numbers that are not whole."""

from __future__ import annotations

import math
from typing import Any

import click


class FiniteNumber(click.FloatRange):
    """A number in a range, as `click.FloatRange`, that is neither NaN nor infinite.

    A range alone lets NaN pass, because every comparison with NaN is false, and infinity where it has no
    upper end.
    """

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if not math.isfinite(click.FLOAT.convert(value, param, ctx)):
            self.fail(f"{value} is no finite number: give one{self._range()}", param, ctx)
        return super().convert(value, param, ctx)

    def _range(self) -> str:
        low = "" if self.min is None else f" {'above' if self.min_open else 'from'} {self.min:g}"
        high = "" if self.max is None else f" {'below' if self.max_open else 'up to'} {self.max:g}"
        return low + high

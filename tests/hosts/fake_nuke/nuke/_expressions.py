"""Expressions of knobs and the little TCL of strings; what is not known here is refused."""

from __future__ import annotations

import math
import os
import re
from typing import Any, Callable

from . import _state

TOKEN = re.compile(
    r"\s*(?:(\d+\.?\d*(?:[eE][-+]?\d+)?|\.\d+)"
    r"|([A-Za-z_][\w]*(?:\.[A-Za-z_]\w*)*)"
    r"|(\*\*|==|!=|<=|>=|&&|\|\||[-+*/%<>!?:(),]))"
)
BINARY = {
    "||": (1, lambda a, b: float(bool(a) or bool(b))),
    "&&": (2, lambda a, b: float(bool(a) and bool(b))),
    "==": (3, lambda a, b: float(a == b)),
    "!=": (3, lambda a, b: float(a != b)),
    "<": (4, lambda a, b: float(a < b)),
    ">": (4, lambda a, b: float(a > b)),
    "<=": (4, lambda a, b: float(a <= b)),
    ">=": (4, lambda a, b: float(a >= b)),
    "+": (5, lambda a, b: a + b),
    "-": (5, lambda a, b: a - b),
    "*": (6, lambda a, b: a * b),
    "/": (6, lambda a, b: a / b if b else 0.0),
    "%": (6, lambda a, b: math.fmod(a, b) if b else 0.0),
    "**": (8, lambda a, b: a**b),
}
FUNCTIONS: dict[str, Callable[..., float]] = {
    "abs": abs,
    "ceil": lambda a: float(math.ceil(a)),
    "clamp": lambda a, low=0.0, high=1.0: min(max(a, low), high),
    "cos": math.cos,
    "floor": lambda a: float(math.floor(a)),
    "fmod": math.fmod,
    "int": lambda a: float(int(a)),
    "lerp": lambda a, b, t: a + (b - a) * t,
    "max": max,
    "min": min,
    "pow": math.pow,
    "rint": lambda a: float(math.floor(a + 0.5)),
    "sin": math.sin,
    "sqrt": math.sqrt,
    "trunc": lambda a: float(int(a)),
}


class _Parser:
    def __init__(self, text: str, name: Callable[[str], float]) -> None:
        self.tokens: list[tuple[str, str]] = []
        self.name = name
        self.text = text
        at = 0
        while text[at:].strip():
            match = TOKEN.match(text, at)
            if not match:
                raise RuntimeError(f"{text}: nothing is named {text[at:].strip()[:20]!r}")
            kinds = ("number", "name", "sign")
            self.tokens.append(next((kind, part) for kind, part in zip(kinds, match.groups()) if part))
            at = match.end()
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at][1] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> tuple[str, str]:
        if self.at >= len(self.tokens) or (wanted and self.peek() != wanted):
            raise RuntimeError(f"{self.text}: syntax error")
        self.at += 1
        return self.tokens[self.at - 1]

    def whole(self) -> float:
        value = self.choice()
        if self.at != len(self.tokens):
            raise RuntimeError(f"{self.text}: syntax error at {self.peek()!r}")
        return float(value)

    def choice(self) -> float:
        value = self.binary(1)
        if self.peek() != "?":
            return value
        self.take()
        yes = self.choice()
        self.take(":")
        no = self.choice()
        return yes if value else no

    def binary(self, least: int) -> float:
        left = self.unary()
        while self.peek() in BINARY and BINARY[self.peek()][0] >= least:
            strength, operation = BINARY[self.take()[1]]
            left = operation(left, self.binary(strength + 1))
        return left

    def unary(self) -> float:
        if self.peek() in ("-", "+", "!"):
            sign = self.take()[1]
            value = self.unary()
            return -value if sign == "-" else float(not value) if sign == "!" else value
        kind, token = self.take()
        if kind == "number":
            return float(token)
        if token == "(":
            value = self.choice()
            self.take(")")
            return value
        if kind != "name":
            raise RuntimeError(f"{self.text}: syntax error at {token!r}")
        if self.peek() != "(":
            return self.name(token)
        if token not in FUNCTIONS:
            raise RuntimeError(f"{self.text}: no function is named {token!r} (that this Nuke knows)")
        self.take("(")
        values = []
        while self.peek() != ")":
            values.append(self.choice())
            if self.peek() == ",":
                self.take()
        self.take(")")
        return float(FUNCTIONS[token](*values))


def find_knob(path: str, node: Any) -> Any:
    """The knob that a dotted name means, seen from `node`; None where there is none."""
    from ._nodes import Group

    words = path.split(".")
    here: Any = node
    first = words[0]
    if first in ("this", "root", "parent", "input"):
        words = words[1:]
        here = {
            "this": lambda: node,
            "root": lambda: _state.session().root,
            "parent": lambda: node._parent,
            "input": lambda: node._input(0),
        }[first]()
    elif first not in node._knobs:
        scope = node if isinstance(node, Group) else node._parent
        while scope is not None and first not in scope._children and first not in scope._knobs:
            scope = scope._parent
        if scope is None:
            return None
        here = scope
    while len(words) > 1:
        word = words[0]
        if word in ("parent", "input"):
            here = here._parent if word == "parent" else here._input(0)
        elif isinstance(here, Group) and word in here._children:
            here = here._children[word]
        elif word in here._knobs:
            break
        else:
            return None
        if here is None:
            return None
        words = words[1:]
    return here._knobs.get(words[0]) if words else None


def _field(path: str, node: Any) -> tuple[Any, int]:
    """A knob and the index of its field: `translate.y`, `color.r`."""
    knob = find_knob(path, node)
    if knob is not None:
        return knob, 0
    stem, _, field = path.rpartition(".")
    knob = find_knob(stem, node) if stem else None
    fields = {"x": 0, "y": 1, "z": 2, "r": 0, "g": 1, "b": 2, "a": 3, "w": 0, "h": 1}
    if knob is None or field not in fields:
        raise RuntimeError(f"nothing is named {path!r}")
    return knob, fields[field]


def evaluate(expression: str, node: Any, frame: float) -> float:
    """The number an expression gives at a frame.

    Raises:
        RuntimeError: nothing of that name, a syntax error, or TCL this fake does not know.
    """

    def name(word: str) -> float:
        if word in ("frame", "t", "x"):
            return float(frame)
        if word == "pi":
            return math.pi
        if word in ("first_frame", "last_frame") and (node is None or word not in node._knobs):
            return float(_state.session().root._knobs[word]._number(0, frame))
        if node is None:
            raise RuntimeError(f"nothing is named {word!r}")
        knob, index = _field(word, node)
        return float(knob._number(index, frame))

    text = substitute(expression, node, frame) if "[" in expression else expression
    windows = "1" if _state.session().mode == "gui" else "0"
    text = text.replace("$gui", windows).replace("$interactive", windows)
    return _Parser(text, name).whole()


def substitute(text: str, node: Any, frame: float) -> str:
    """A string with its [bracketed] TCL replaced."""
    out = ""
    at = 0
    while at < len(text):
        letter = text[at]
        if letter == "\\" and at + 1 < len(text) and text[at + 1] in "[]$\\":
            out, at = out + text[at + 1], at + 2
        elif letter == "[":
            depth, end = 1, at + 1
            while end < len(text) and depth:
                depth += {"[": 1, "]": -1}.get(text[end], 0)
                end += 1
            if depth:
                raise RuntimeError(f"{text}: missing close-bracket")
            out, at = out + _command(text[at + 1 : end - 1], node, frame), end
        else:
            out, at = out + letter, at + 1
    return out


def _command(text: str, node: Any, frame: float) -> str:
    words = substitute(text, node, frame).split()
    if len(words) == 2 and words[0] in ("value", "knob"):
        path = words[1].replace("this.", "", 1) if words[1].startswith("this.") else words[1]
        knob, index = _field(path, node)
        return knob._string(index, frame)
    if len(words) == 2 and words[0] == "getenv":
        if words[1] not in os.environ:
            raise RuntimeError(f"no environment variable {words[1]}")
        return os.environ[words[1]]
    if words == ["frame"]:
        return str(int(frame))
    if len(words) == 3 and words[:2] == ["file", "dirname"]:
        return os.path.dirname(words[2])
    if words and words[0] == "expr":
        return f"{evaluate(' '.join(words[1:]), node, frame):g}"
    raise RuntimeError(f"[{text}]: invalid command name (that this Nuke knows)")

"""Knobs that hold texts: strings, paths, code of buttons."""

from __future__ import annotations

import re
from typing import Any, Optional

from . import _expressions, _state
from ._knob_base import Knob
from ._tcl import Word, quote


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

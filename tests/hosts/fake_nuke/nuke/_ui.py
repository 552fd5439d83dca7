"""What the artist sees: messages, questions, progress, menus."""

from __future__ import annotations

import threading
from typing import Any, Callable, Optional, Union

from . import _state
from ._state import main_thread

# ---- messages


def _say(kind: str, text: str) -> None:
    if not isinstance(text, str):
        raise TypeError(f"nuke.{kind} takes a str, not {type(text).__name__}")
    _state.session().record.messages.append((kind, text))


@main_thread
def message(prompt: str) -> None:
    _say("message", prompt)


@main_thread
def alert(prompt: str) -> None:
    _say("alert", prompt)


@main_thread
def critical(message: str) -> None:
    _say("critical", message)


@main_thread
def warning(message: str) -> None:
    _say("warning", message)


@main_thread
def error(message: str) -> None:
    _say("error", message)


@main_thread
def debug(message: str) -> None:
    _say("debug", message)


def tprint(*args: Any, sep: str = " ", end: str = "\n", file: Any = None) -> None:
    _state.session().record.messages.append(("tprint", sep.join(str(arg) for arg in args)))


def _answer(kind: str, prompt: str) -> Any:
    session = _state.session()
    _say(kind, prompt)
    if session.mode != "gui":
        raise session.crash(f"nuke.{kind} waits for somebody at the keyboard, and there is no GUI")
    if not session.answers:
        raise session.crash(f"nuke.{kind}({prompt!r}): the test has no answer for it")
    return session.answers.pop(0)


@main_thread
def ask(prompt: str) -> bool:
    return bool(_answer("ask", prompt))


@main_thread
def askWithCancel(prompt: str) -> bool:
    """Raises CancelledError where the answer is None."""
    answer = _answer("askWithCancel", prompt)
    if answer is None:
        raise CancelledError("Cancelled")
    return bool(answer)


@main_thread
def getInput(prompt: str, default: str = "") -> Optional[str]:
    return _answer("getInput", prompt)


@main_thread
def getFilename(
    message: str,
    pattern: str = "",
    default: str = "",
    favorites: str = "",
    type: str = "",
    multiple: bool = False,
) -> Optional[str]:
    return _answer("getFilename", message)


@main_thread
def getClipname(
    prompt: str, pattern: str = "", default: Optional[str] = None, multiple: bool = False
) -> Optional[str]:
    return _answer("getClipname", prompt)


@main_thread
def choice(title: str, prompt: str, options: list[str], default: int = 0) -> Optional[int]:
    return _answer("choice", prompt)


class CancelledError(Exception):
    pass


# ---- progress


class ProgressTask:
    """A bar with a Cancel button; any thread may have one. It goes away with its last reference."""

    def __init__(self, name: str = "") -> None:
        if not isinstance(name, str):
            raise TypeError(f"a task's name is a str, not {type(name).__name__}")
        self._task = Task(name, threading.current_thread().name)
        _state.session().record.tasks.append(self._task)

    def setMessage(self, message: str) -> None:
        if not isinstance(message, str):
            raise TypeError(f"a message is a str, not {type(message).__name__}")
        self._task.messages.append(message)

    def setProgress(self, percent: int) -> None:
        if isinstance(percent, bool) or not isinstance(percent, int):
            raise TypeError(f"an integer is required (got type {type(percent).__name__})")
        if not 0 <= percent <= 100:
            raise ValueError(f"progress goes from 0 to 100, not {percent}")
        self._task.percents.append(percent)

    def isCancelled(self) -> bool:
        asks = _state.session().cancel_tasks
        if asks is not None and asks(self._task):
            self._task.cancelled = True
        return self._task.cancelled

    def __del__(self) -> None:
        if hasattr(self, "_task"):
            self._task.closed = True


class Task:
    """What a test sees of a ProgressTask."""

    def __init__(self, name: str, thread: str) -> None:
        self.name = name
        self.thread = thread
        self.messages: list[str] = []
        self.percents: list[int] = []
        self.cancelled = False
        """A test sets it to click Cancel."""
        self.closed = False
        """Whether nobody holds the task any more, so that its bar is gone."""


# ---- menus


Command = Union[str, Callable[[], Any], None]


class MenuItem(_state.Guarded):
    def __init__(self, *args: Any) -> None:
        raise TypeError("menus come from nuke.menu")

    def _begin(self, name: str, command: Command, shortcut: str, icon: str) -> None:
        self._name, self._command, self._shortcut, self._icon = name, command, shortcut, icon
        self._enabled, self._visible = True, True

    def name(self) -> str:
        return self._name

    def script(self) -> str:
        return self._command if isinstance(self._command, str) else ""

    def setScript(self, script: str) -> None:
        self._command = script

    def shortcut(self) -> str:
        return self._shortcut

    def setShortcut(self, keySequence: str) -> None:
        self._shortcut = keySequence

    def icon(self) -> str:
        return self._icon

    def setIcon(self, icon: str) -> None:
        self._icon = icon

    def setEnabled(self, enabled: bool, recursive: bool = False) -> None:
        self._enabled = bool(enabled)

    def setVisible(self, visible: bool) -> None:
        self._visible = bool(visible)

    def invoke(self) -> None:
        """What a click does."""
        from ._nodes import run_python

        if isinstance(self._command, str):
            run_python(self._command, None, None)
        elif self._command is not None:
            self._command()


def _item(kind: type, name: str, command: Command = None, shortcut: str = "", icon: str = "") -> Any:
    made = kind.__new__(kind)
    made._begin(name, command, shortcut, icon)
    return made


class _Items(_state.Guarded):
    """What a menu and a toolbar have alike."""

    _name: str
    _items: list[MenuItem]

    def _sub(self, path: list[str]) -> Menu:
        here: Any = self
        for word in path:
            found = next((i for i in here._items if i._name == word and isinstance(i, Menu)), None)
            if found is None:
                found = _item(Menu, word)
                here._items.append(found)
            here = found
        return here

    def addCommand(
        self,
        name: str,
        command: Command = None,
        shortcut: str = "",
        icon: str = "",
        tooltip: str = "",
        index: int = -1,
        readonly: bool = False,
        shortcutContext: int = 0,
    ) -> MenuItem:
        if not isinstance(name, str):
            raise TypeError("a command's name is a str")
        if command is not None and not isinstance(command, str) and not callable(command):
            raise TypeError(f"{name}: a command is Python text or a callable")
        if isinstance(command, str):
            compile(command, name, "exec")
        *path, last = name.split("/")
        menu = self._sub(path)
        made = _item(MenuItem, last, command, shortcut or "", icon or "")
        menu._items = [item for item in menu._items if item._name != last or isinstance(item, Menu)]
        menu._items.insert(len(menu._items) if index < 0 else index, made)
        return made

    def addMenu(self, name: str, icon: str = "", tooltip: str = "", index: int = -1) -> Menu:
        if not isinstance(name, str):
            raise TypeError("a menu's name is a str")
        made = self._sub(name.split("/"))
        made._icon = icon or made._icon
        return made

    def addSeparator(self, index: int = -1) -> None:
        self._items.append(_item(MenuItem, ""))

    def findItem(self, name: str) -> Optional[MenuItem]:
        here: Any = self
        for word in name.split("/"):
            here = next((item for item in getattr(here, "_items", []) if item._name == word), None)
        return here

    def menu(self, name: str) -> Optional[Menu]:
        found = self.findItem(name)
        return found if isinstance(found, Menu) else None

    def items(self) -> list[MenuItem]:
        return list(self._items)

    def removeItem(self, name: str) -> None:
        self._items = [item for item in self._items if item._name != name]

    def clearMenu(self) -> None:
        self._items = []


class Menu(_Items, MenuItem):
    def _begin(self, name: str, command: Command, shortcut: str, icon: str) -> None:
        MenuItem._begin(self, name, command, shortcut, icon)
        self._items = []


class ToolBar(_Items):
    def _begin(self, name: str, command: Command, shortcut: str, icon: str) -> None:
        self._name, self._icon, self._items = name, icon, []

    def name(self) -> str:
        return self._name


MENUS = ("Nuke", "Pane", "Nodes", "Properties", "Animation", "Viewer", "Node Graph", "Axis", "Icon")


@main_thread
def menu(name: str) -> Any:
    """One of Nuke's menus; without a GUI there is none."""
    session = _state.session()
    if not isinstance(name, str):
        raise TypeError("a menu's name is a str")
    if session.mode != "gui" or name not in MENUS:
        return None
    return session.menus.setdefault(name, _item(ToolBar if name == "Nodes" else Menu, name))


@main_thread
def toolbar(name: str, create: bool = True) -> Any:
    return menu(name)


# ---- undo


class Undo:
    """Names what the artist may take back, in `session.undos`; this fake takes nothing back itself."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __enter__(self) -> Undo:
        self.begin(self._name)
        return self

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        self.end()

    @classmethod
    def begin(cls, name: str = "") -> None:
        _state.session().must_be_main("nuke.Undo.begin")
        _state.session().undo_open.append(name)

    @classmethod
    def name(cls, name: str) -> None:
        _state.session().undo_open[-1] = name

    @classmethod
    def end(cls) -> None:
        session = _state.session()
        if not session.undo_open:
            raise RuntimeError("Undo.end() without begin()")
        name = session.undo_open.pop()
        if not session.undo_open and session.undo_changed:
            session.undos.append(name)
            session.undo_changed = False

    @classmethod
    def disable(cls) -> None:
        _state.session().undo_off += 1

    @classmethod
    def enable(cls) -> None:
        session = _state.session()
        session.undo_off = max(session.undo_off - 1, 0)

    @classmethod
    def disabled(cls) -> bool:
        return bool(_state.session().undo_off)

"""Functions that Nuke calls, and how others are added to them.

The rules: a call is registered by (call, args, kwargs, node) and stands once in a class's list, at its last
place; those of the node's class run first, then those of `*`; `args` that are no tuple become one; an
exception ends the list and goes on to whoever runs the callbacks.
"""

from __future__ import annotations

from typing import Any, Callable, Optional

from . import _state

Entry = tuple[Callable, tuple, dict, Any]


def _add(table: dict, call: Any, args: Any, kwargs: Any, node_class: str, node: Any = None) -> None:
    if not callable(call):
        raise ValueError("call must be a callable")
    if not isinstance(kwargs, dict):
        raise ValueError("kwargs must be a dictionary")
    entry = (call, args if isinstance(args, tuple) else (args,), kwargs, node)
    entries = table.setdefault(node_class, [])
    if entry in entries:
        entries.remove(entry)
    entries.append(entry)


def _remove(table: dict, call: Any, args: Any, kwargs: Any, node_class: str, node: Any = None) -> None:
    entry = (call, args if isinstance(args, tuple) else (args,), kwargs, node)
    if entry in table.get(node_class, []):
        table[node_class].remove(entry)


def _entries(table: dict) -> list[Entry]:
    import nuke

    node = nuke.thisNode()
    listed = [*table.get(nuke.thisClass(), []), *table.get("*", [])]
    return [entry for entry in listed if entry[3] is None or entry[3] is node]


def _run(table: dict) -> None:
    for call, args, kwargs, _ in _entries(table):
        call(*args, **kwargs)


def _table() -> dict:
    _state.callback_tables.append({})
    return _state.callback_tables[-1]


def _kind(node_class: str) -> tuple[dict, Callable, Callable, Callable]:
    """(table, add, remove, run) of one kind of callback."""
    table = _table()

    def add(call: Callable, args: Any = (), kwargs: Any = {}, nodeClass: str = node_class) -> None:
        _add(table, call, args, kwargs, nodeClass)

    def remove(call: Callable, args: Any = (), kwargs: Any = {}, nodeClass: str = node_class) -> None:
        _remove(table, call, args, kwargs, nodeClass)

    def run() -> None:
        _run(table)

    return table, add, remove, run


onUserCreates, addOnUserCreate, removeOnUserCreate, onUserCreate = _kind("*")
onCreates, addOnCreate, removeOnCreate, onCreate = _kind("*")
onScriptLoads, addOnScriptLoad, removeOnScriptLoad, onScriptLoad = _kind("Root")
onScriptSaves, addOnScriptSave, removeOnScriptSave, onScriptSave = _kind("Root")
onScriptCloses, addOnScriptClose, removeOnScriptClose, onScriptClose = _kind("Root")
onDestroys, addOnDestroy, removeOnDestroy, onDestroy = _kind("*")
updateUIs, addUpdateUI, removeUpdateUI, updateUI = _kind("*")
beforeRenders, addBeforeRender, removeBeforeRender, beforeRender = _kind("Write")
beforeFrameRenders, addBeforeFrameRender, removeBeforeFrameRender, beforeFrameRender = _kind("Write")
afterFrameRenders, addAfterFrameRender, removeAfterFrameRender, afterFrameRender = _kind("Write")
afterRenders, addAfterRender, removeAfterRender, afterRender = _kind("Write")
renderProgresses, addRenderProgress, removeRenderProgress, renderProgress = _kind("Write")
autolabels, addAutolabel, removeAutolabel, _ = _kind("*")
filenameFilters, addFilenameFilter, removeFilenameFilter, _ = _kind("*")
knobChangeds = _table()


def addKnobChanged(
    call: Callable,
    args: Any = (),
    kwargs: Any = {},
    nodeClass: str = "*",
    node: Optional[Any] = None,
) -> None:
    _add(knobChangeds, call, args, kwargs, nodeClass, node)


def removeKnobChanged(
    call: Callable,
    args: Any = (),
    kwargs: Any = {},
    nodeClass: str = "*",
    node: Optional[Any] = None,
) -> None:
    _remove(knobChangeds, call, args, kwargs, nodeClass, node)


def knobChanged() -> None:
    _run(knobChangeds)


def autolabel() -> Any:
    """The last callback that gives a text names the node."""
    label = None
    for call, args, kwargs, _ in _entries(autolabels):
        given = call(*args, **kwargs)
        label = label if given is None else given
    return label


def filenameFilter(filename: str) -> str:
    """Each filter gets what the one before it made; None leaves it alone."""
    for call, args, kwargs, _ in _entries(filenameFilters):
        given = call(filename, *args, **kwargs)
        filename = filename if given is None else given
    return filename

"""The module's functions on the script: finding, making, saving."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any, Optional, Union

from . import _channels, _expressions, _nk, _nodes, _state
from ._nodes import Group, Node, Root, current_group
from ._state import main_thread

REPLACE = 1

# ---- nodes


def _set_knobs(node: Node, knobs: dict[str, Any]) -> None:
    sources = knobs.pop("inputs", [])
    name = knobs.pop("name", None)
    if name is not None:
        node.setName(name)
    for index, source in enumerate(sources):
        if not node.setInput(index, source):
            raise RuntimeError(f"{node._name}: input {index} cannot be {source!r}")
    for knob, value in knobs.items():
        node[knob].setValue(value)


class NodeConstructor:
    """Makes nodes of a class in the current group, connected to nothing but `inputs`."""

    def __init__(self, kind: str) -> None:
        self._kind = kind

    def __call__(self, **knobs: Any) -> Any:
        _state.session().must_be_main(f"nuke.nodes.{self._kind}")
        node = _nodes.make_node(self._kind, current_group())
        try:
            _set_knobs(node, dict(knobs))
        except BaseException:
            _nodes.delete_node(node)
            raise
        _nodes.born(node, by_user=False)
        return node


class Nodes:
    def __getattr__(self, item: str) -> NodeConstructor:
        if item.startswith("__"):
            raise AttributeError(item)
        return NodeConstructor(item)


@main_thread
def createNode(typ: str, knobs: str = "", inpanel: bool = True) -> Node:
    """A node connected behind the selected ones, and selected itself."""
    if not isinstance(typ, str) or not isinstance(knobs, str):
        raise TypeError("createNode takes the class and the knobs as text")
    group = current_group()
    selected = group.selectedNodes()
    node = _nodes.make_node(typ, group)
    try:
        lines = _pairs(knobs)
        _nk.read_knobs(node, lines, strict=True)
    except RuntimeError:
        _nodes.delete_node(node)
        raise
    width = node.maxInputs()
    if len(selected) == 1 and width and node.maxOutputs():
        for other in selected[0].dependent(_nodes.INPUTS):
            for at, source in enumerate(other._inputs):
                if source is selected[0] and other is not node:
                    other._inputs[at] = node
    for index, source in enumerate(selected[:width]):
        node.setInput(index, source)
    node.selectOnly()
    _nodes.born(node, by_user=True)
    if inpanel:
        node.showControlPanel()
    return node


def _pairs(knobs: str) -> str:
    """`size 10 name Blur5` as lines of knobs."""
    from ._tcl import quote, words_of

    words = words_of(knobs)
    if len(words) % 2:
        raise RuntimeError(f"{knobs!r}: knob name without a value")
    parts = zip(words[::2], words[1::2])
    return "\n".join(
        f"{name} {'{' + value + '}' if value.braced else quote(value) or '{}'}" for name, value in parts
    )


@main_thread
def toNode(s: str) -> Optional[Node]:
    if not isinstance(s, str):
        raise TypeError(f"a node's name is a str, not {type(s).__name__}")
    return _nodes.find_node(s, current_group())


@main_thread
def exists(s: str) -> bool:
    return _nodes.find_node(s, current_group()) is not None or (
        "." in s and _expressions.find_knob(s, current_group()) is not None
    )


@main_thread
def allNodes(
    filter: Optional[str] = None,
    group: Optional[Group] = None,
    recurseGroups: bool = False,
) -> list[Node]:
    if isinstance(filter, Group):
        filter, group = None, filter
    inside = current_group() if group is None else group
    if not isinstance(inside, Group):
        raise TypeError(f"allNodes looks into a Group, not a {type(inside).__name__}")
    found = []
    for node in inside._children.values():
        if filter is None or node._class == filter:
            found.append(node)
        if recurseGroups and isinstance(node, Group):
            found += allNodes(filter, node, True)
    return found


@main_thread
def selectedNodes(filter: Optional[str] = None) -> list[Node]:
    return [n for n in current_group().selectedNodes() if filter is None or n._class == filter]


@main_thread
def selectedNode() -> Node:
    found = current_group().selectedNode()
    if found is None:
        raise ValueError("no node selected")
    return found


@main_thread
def selectAll() -> None:
    for node in current_group()._children.values():
        node.setSelected(True)


@main_thread
def delete(n: Optional[Node]) -> None:
    if n is None:
        return
    if not isinstance(n, Node):
        raise TypeError(f"delete takes a Node, not {type(n).__name__}")
    if n._deleted:
        raise ValueError("A PythonObject is not attached to a node")
    if n._parent is None:
        raise ValueError("the root cannot be deleted")
    _nodes.delete_node(n)


@main_thread
def root() -> Root:
    return _state.session().root


@main_thread
def thisRoot() -> Root:
    return _state.session().root


@main_thread
def thisNode() -> Node:
    this = _state.session().this
    return this[-1][0] if this and this[-1][0] is not None else current_group()


@main_thread
def thisClass() -> str:
    return thisNode()._class


@main_thread
def thisKnob() -> Any:
    this = _state.session().this
    if not this or this[-1][1] is None:
        raise ValueError("no current knob")
    return this[-1][1]


@main_thread
def thisGroup() -> Group:
    return current_group()


@main_thread
def thisParent() -> Optional[Group]:
    return thisNode()._parent


@main_thread
def thisView() -> str:
    return _state.session().root._view


@main_thread
def endGroup() -> None:
    current_group().end()


@main_thread
def dependencies(nodes: Union[Node, Iterable[Node]], what: int = 7) -> list[Node]:
    every = [nodes] if isinstance(nodes, Node) else list(nodes)
    return list(dict.fromkeys(source for node in every for source in node.dependencies(what)))


@main_thread
def dependentNodes(
    what: int = 7,
    nodes: Any = (),
    evaluateAll: bool = True,
) -> list[Node]:
    every = [nodes] if isinstance(nodes, Node) else list(nodes)
    return list(dict.fromkeys(other for node in every for other in node.dependent(what)))


@main_thread
def makeGroup(show: bool = True) -> Group:
    raise RuntimeError("makeGroup: not by this Nuke")


@main_thread
def show(n: Node, forceFloat: bool = False) -> None:
    n.showControlPanel(forceFloat)


@main_thread
def sample(node: Node, channel: str, x: float, y: float, dx: float = 1, dy: float = 1) -> float:
    """The value of the pixel under a point, at the current frame."""
    from ._channels import Box
    from ._graph import evaluate

    session = _state.session()
    picture = evaluate(node, session.frame, session.root._view)
    left, low = int(x // 1), int(y // 1)
    return float(picture.plane(channel, Box(left, low, left + 1, low + 1))[0, 0])


@main_thread
def filename(node: Node, i: int = 0) -> Optional[str]:
    """A node's file, its frame still open (%04d) or, by nuke.REPLACE, put in."""
    from ._graph import filtered, resolved

    knob = "proxy" if node.proxy() and node._knobs["proxy"]._text else "file"
    if "file" not in node._knobs or not node._knobs[knob]._text:
        return None
    session = _state.session()
    if i == REPLACE:
        return resolved(node, knob, session.frame, session.root._view)
    return filtered(node, node._knobs[knob]._string(0, session.frame))


# ---- values


@main_thread
def expression(s: str) -> float:
    node = _state.session().this[-1][0] if _state.session().this else current_group()
    return _expressions.evaluate(s, node, _state.session().frame)


@main_thread
def value(knob: str, default: Optional[str] = None) -> str:
    found = _expressions.find_knob(knob, thisNode())
    if found is None:
        if default is None:
            raise NameError(f"knob {knob} does not exist")
        return default
    return found._string(0, _state.session().frame)


@main_thread
def numvalue(knob: str, default: float = float("inf")) -> float:
    found = _expressions.find_knob(knob, thisNode())
    return default if found is None else float(found._number(0, _state.session().frame))


@main_thread
def knobDefault(classknob: str, value: Optional[str] = None) -> Optional[str]:
    if value is None:
        return _state.session().defaults.get(classknob)
    if not isinstance(value, str):
        raise TypeError("a knob's default is a str")
    _state.session().defaults[classknob] = value
    return None


@main_thread
def frame(f: Optional[int] = None) -> int:
    session = _state.session()
    if f is not None:
        if not isinstance(f, int):
            raise TypeError(f"a frame is an int, not {type(f).__name__}")
        session.frame = f
    return session.frame


@main_thread
def addFormat(s: str) -> _channels.Format:
    if not isinstance(s, str):
        raise TypeError("a format is made of a str")
    return _channels.format_from(s)


@main_thread
def formats() -> list[_channels.Format]:
    return list(_state.session().root._formats.values())


@main_thread
def views() -> list[str]:
    return list(_state.session().root._views)


@main_thread
def addView(s: str) -> None:
    _state.session().root.addView(s)


@main_thread
def deleteView(s: str) -> None:
    _state.session().root.deleteView(s)


@main_thread
def channels(node: Optional[Node] = None) -> list[str]:
    return _channels.layers_of_script().channels() if node is None else node.channels()


@main_thread
def layers(node: Optional[Node] = None) -> list[str]:
    made = _channels.layers_of_script().made
    if node is None:
        return list(made)
    have = set(node.channels())
    return [name for name in made if have & set(_channels.layers_of_script().of(name))]


@main_thread
def usingOcio() -> bool:
    return _state.session().root._knobs["colorManagement"].value() == "OCIO"


@main_thread
def getOcioColorSpaces() -> list[str]:
    from ._colour import spaces

    return list(spaces()) if usingOcio() else []


@main_thread
def getColorspaceList(colorspaceKnob: Any) -> list[str]:
    return list(colorspaceKnob.values())


@main_thread
def modified(state: Optional[bool] = None) -> bool:
    if state is not None:
        _state.session().modified = bool(state)
    return _state.session().modified


# ---- scripts


def _empty() -> None:
    session = _state.session()
    session.root = _nodes.make_root()
    session.contexts.clear()
    session.frame = 1
    if os.environ.get("OCIO"):
        knobs = session.root._knobs
        knobs["colorManagement"]._values = [1]
        knobs["OCIO_config"]._values = [knobs["OCIO_config"]._items.index("custom")]
        knobs["customOCIOConfigPath"]._text = os.environ["OCIO"]
    session.modified = False


def _run_root(knob: str) -> None:
    root = _state.session().root
    _nodes.run_python(root._knobs[knob]._text, root, None)
    _nodes.run_callbacks(knob, root)


@main_thread
def scriptClear(ignoreUnsavedChanges: bool = True) -> None:
    with _nodes.printed():
        _run_root("onScriptClose")
    for node in list(_state.session().root._children.values()):
        _nodes.delete_node(node)
    _empty()


@main_thread
def scriptClose(ignoreUnsavedChanges: bool = False) -> bool:
    session = _state.session()
    if session.modified and not ignoreUnsavedChanges and session.mode == "gui":
        from ._ui import ask

        if not ask("Save changes?"):
            return False
    scriptClear()
    return True


@main_thread
def scriptOpen(filename: Optional[str] = None) -> None:
    if not isinstance(filename, str):
        raise TypeError("scriptOpen takes a file's name")
    if not os.path.isfile(filename):
        raise RuntimeError(f"{filename}: No such file or directory")
    with open(filename, encoding="utf-8") as file:
        text = file.read()
    scriptClear()
    _nk.read_text(text)
    root = _state.session().root
    root._knobs["name"]._text = filename
    _state.session().frame = root.firstFrame()
    with _nodes.printed():
        _run_root("onScriptLoad")
    _state.session().modified = False


@main_thread
def scriptReadText(s: str) -> None:
    _nk.read_text(s)


@main_thread
def scriptReadFile(s: str) -> None:
    with open(s, encoding="utf-8") as file:
        _nk.read_text(file.read())


scriptSource = scriptReadFile


@main_thread
def scriptName() -> str:
    name = _state.session().root._knobs["name"].value()
    if not name:
        raise RuntimeError("No script name: the script was never saved")
    return name


@main_thread
def scriptSave(filename: Optional[str] = None) -> bool:
    name = filename or scriptName()
    _run_root("onScriptSave")
    _write(name)
    _state.session().modified = False
    return True


@main_thread
def scriptSaveAs(filename: Optional[str] = None, overwrite: Union[int, bool] = -1) -> None:
    if not isinstance(filename, str):
        raise TypeError("scriptSaveAs takes a file's name")
    if os.path.exists(filename) and overwrite != 1:
        from ._ui import ask

        if overwrite == 0 or not ask(f"{filename} exists: overwrite it?"):
            raise RuntimeError(f"{filename}: file exists")
    _state.session().root._knobs["name"]._text = filename
    scriptSave()


def _write(name: str) -> None:
    text = _nk.script_text()
    try:
        with open(name + "~tmp", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(name + "~tmp", name)
    except OSError as wrong:
        raise RuntimeError(f"{name}: {wrong.strerror}") from wrong


@main_thread
def nodeCopy(s: str) -> None:
    chosen = current_group().selectedNodes()
    if not chosen:
        raise RuntimeError("no nodes selected")
    text = _nk.selection_text(chosen)
    if s == "%clipboard%":
        _state.session().clipboard = text
    else:
        with open(s, "w", encoding="utf-8") as file:
            file.write(text)


@main_thread
def nodePaste(s: str) -> Optional[Node]:
    if s == "%clipboard%":
        text = _state.session().clipboard
    else:
        if not os.path.isfile(s):
            raise RuntimeError(f"{s}: No such file or directory")
        with open(s, encoding="utf-8") as file:
            text = file.read()
    group = current_group()
    selected = group.selectedNode()
    for node in group._children.values():
        node.setSelected(False)
    made = _nk.read_text(text, selection=selected)
    top = [node for node in made if node._parent is group]
    for node in top:
        node.setSelected(True)
    return top[-1] if top else None


# ---- plug-ins


@main_thread
def pluginPath() -> list[str]:
    return list(_state.session().plugin_path)


def _add_paths(args: Any, add_to_sys_path: bool, *, first: bool) -> None:
    import nuke_app

    for path in [args] if isinstance(args, str) else list(args):
        whole = os.path.normpath(os.path.join(nuke_app.loading_folder(), os.path.expanduser(path)))
        known = _state.session().plugin_path
        if whole in known:
            continue
        known.insert(0, whole) if first else known.append(whole)
        if add_to_sys_path and whole not in sys.path:
            sys.path.append(whole)
        nuke_app.run_startup(whole)


@main_thread
def pluginAddPath(args: Any, addToSysPath: bool = True) -> None:
    """Put folders in front of the plug-in path and run their init.py (and menu.py, where menus are up)."""
    _add_paths(args, addToSysPath, first=True)


@main_thread
def pluginAppendPath(args: Any, addToSysPath: bool = True) -> None:
    _add_paths(args, addToSysPath, first=False)


def script_directory() -> str:
    return os.path.dirname(scriptName())

"""Nodes, groups and the root."""

from __future__ import annotations

import contextlib
import re
import traceback
from collections.abc import Iterator
from typing import Any, Optional

from . import _channels, _classes, _knobs, _state
from ._knobs import Knob

EXPRESSIONS, INPUTS, HIDDEN_INPUTS, LINKINPUTS = 1, 2, 4, 8
WRITE_NON_DEFAULT_ONLY, TO_SCRIPT, TO_VALUE, WRITE_USER_KNOB_DEFS, WRITE_ALL = 8, 1, 2, 4, 16
NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Node(_state.Guarded):
    """A node of the script; only nuke.nodes, createNode and files make one."""

    _minimum, _maximum = 1, 1

    def __init__(self, *args: Any) -> None:
        raise TypeError(f"cannot create {type(self).__name__!r} instances: use nuke.nodes or nuke.createNode")

    def __getattribute__(self, name: str) -> Any:
        if not name.startswith("_") and object.__getattribute__(self, "_deleted"):
            raise ValueError("A PythonObject is not attached to a node")
        return super().__getattribute__(name)

    def _begin_life(self, kind: str, spec: _classes.Class) -> None:
        self._class = kind
        self._deleted = False
        self._parent: Any = None
        self._name = ""
        self._minimum, self._maximum = spec.minimum, spec.maximum
        self._inputs: list[Optional[Node]] = []
        self._knobs: dict[str, Knob] = {}
        self._changing: list[Knob] = []
        self._shown = False
        for knob in [_Name("name", "name"), *_classes.make_knobs(_classes.COMMON + spec.knobs)]:
            knob._node = self
            if knob._name != "name" or kind != "Root":
                self._knobs.setdefault(knob._name, knob)
        if kind == "Root":
            name = next(k for k in _classes.make_knobs(spec.knobs) if k._name == "name")
            name._node, self._knobs["name"] = self, name
        elif kind not in ("Input", "BackdropNode", "StickyNote"):
            self._knobs["selected"]._flags |= _knobs.DO_NOT_WRITE

    def __repr__(self) -> str:
        return f"<{self._class} {self._name}>"

    # knobs

    def Class(self) -> str:
        return self._class

    def name(self) -> str:
        return self._name

    def fullName(self) -> str:
        return self._full_name()

    def _full_name(self) -> str:
        if self._parent is None or self._parent._parent is None:
            return self._name
        return f"{self._parent._full_name()}.{self._name}"

    def setName(self, name: str, uncollide: bool = True, updateExpressions: bool = False) -> None:
        if not isinstance(name, str):
            raise TypeError("a node's name is a str")
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for a node: letters, digits and _, no digit first")
        if name == self._name:
            return
        if name in self._parent._children:
            if not uncollide:
                raise RuntimeError(f"{name}: a node of that name is there")
            name = unique_name(self._parent, name)
        siblings = self._parent._children
        self._parent._children = {(name if n is self else key): n for key, n in siblings.items()}
        self._name = name
        _state.session().modified = True

    def knob(self, p: Any, follow_link: bool = True) -> Optional[Knob]:
        if isinstance(p, int):
            every = list(self._knobs.values())
            return every[p] if 0 <= p < len(every) else None
        if not isinstance(p, str):
            raise TypeError(f"a knob's name is a str, not {type(p).__name__}")
        return self._every_knob().get(p)

    def __getitem__(self, name: str) -> Knob:
        found = self.knob(name)
        if found is None:
            raise NameError(f"knob {name} does not exist")
        return found

    def __len__(self) -> int:
        return len(self._every_knob())

    def __bool__(self) -> bool:
        return True

    def _every_knob(self) -> dict[str, Knob]:
        return self._knobs

    def knobs(self) -> dict[str, Knob]:
        return dict(self._every_knob())

    def allKnobs(self) -> list[Knob]:
        return list(self._every_knob().values())

    def numKnobs(self) -> int:
        return len(self._every_knob())

    getNumKnobs = numKnobs

    def addKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"addKnob takes a Knob, not {type(knob).__name__}")
        if knob._node is not None:
            raise RuntimeError(f"knob {knob._name} is on a node already")
        users = [other for other in self._knobs.values() if other._user]
        if not users and not isinstance(knob, _knobs.Tab_Knob):
            self.addKnob(_knobs.Tab_Knob("User"))
        name = knob._name
        if not name:
            name = next(f"_{n}" for n in range(10**6) if f"_{n}" not in self._knobs)
        if not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for a knob")
        if name in self._every_knob():
            raise RuntimeError(f"{self._name} has a knob {name} already")
        knob._node, knob._user = self, True
        self._knobs[name] = knob
        _state.session().modified = True

    def removeKnob(self, knob: Knob) -> None:
        if not isinstance(knob, Knob):
            raise TypeError(f"removeKnob takes a Knob, not {type(knob).__name__}")
        if knob._node is not self or not knob._user:
            raise ValueError(f"{knob._name} is not a user knob of {self._name}")
        self._knobs = {name: other for name, other in self._knobs.items() if other is not knob}
        knob._node, knob._user = None, False

    def writeKnobs(self, flags: int = WRITE_NON_DEFAULT_ONLY | TO_SCRIPT) -> str:
        from ._nk import knob_lines

        return "\n".join(knob_lines(self, flags))

    def readKnobs(self, s: str) -> None:
        from ._nk import read_knobs

        read_knobs(self, s, strict=True)

    def resetKnobsToDefault(self) -> None:
        for knob in self._knobs.values():
            if isinstance(knob, _knobs.Array_Knob):
                knob._values = list(knob._defaults)
                knob._curves, knob._expressions = {}, {}

    def _knob_changed(self, knob: Knob) -> None:
        session = _state.session()
        session.modified = True
        session.changed(f"{self._name}.{knob._name}")
        if session.loading or self._deleted or self._parent is None and self is not session.root:
            return
        if knob in self._changing and not knob._flags & _knobs.KNOB_CHANGED_RECURSIVE:
            return
        self._changing.append(knob)
        try:
            with printed():
                run_python(self._knobs["knobChanged"]._text, self, knob)
                run_callbacks("knobChanged", self, knob)
        finally:
            self._changing.pop()

    def _dummy_changed(self, name: str) -> None:
        """inputChange, showPanel and hidePanel are told as knobs that no node has."""
        dummy = Knob(name)
        dummy._node = self
        self._knob_changed(dummy)

    # inputs

    def _input(self, index: int) -> Optional[Node]:
        return self._inputs[index] if 0 <= index < len(self._inputs) else None

    def input(self, index: int) -> Optional[Node]:
        if not isinstance(index, int):
            raise TypeError(f"an input is numbered, not {type(index).__name__}")
        return self._input(index)

    def inputs(self) -> int:
        return max((at + 1 for at, node in enumerate(self._inputs) if node is not None), default=0)

    def minInputs(self) -> int:
        return self._minimum

    def maxInputs(self) -> int:
        return self._maximum

    def maxOutputs(self) -> int:
        return 0 if self._class in ("Viewer", "BackdropNode", "StickyNote", "Root") else 1

    def minimumInputs(self) -> int:
        return self.minInputs()

    def maximumInputs(self) -> int:
        return self.maxInputs()

    def maximumOutputs(self) -> int:
        return self.maxOutputs()

    def optionalInput(self) -> int:
        return self.maxInputs() - 1 if self.maxInputs() > self.minInputs() else self.maxInputs()

    def canSetInput(self, i: int, node: Optional[Node]) -> bool:
        if not isinstance(i, int):
            raise TypeError(f"an input is numbered, not {type(i).__name__}")
        if node is not None and not isinstance(node, Node):
            raise TypeError(f"an input is a Node or None, not {type(node).__name__}")
        if not 0 <= i < self.maxInputs():
            return False
        if node is None:
            return True
        return node._parent is self._parent and node.maxOutputs() > 0 and self not in upstream(node)

    def setInput(self, i: int, node: Optional[Node]) -> bool:
        if not self.canSetInput(i, node):
            return False
        self._inputs += [None] * (i + 1 - len(self._inputs))
        if self._inputs[i] is not node:
            self._inputs[i] = node
            self._dummy_changed("inputChange")
        return True

    def connectInput(self, i: int, node: Optional[Node]) -> bool:
        return self.setInput(i, node)

    def dependencies(self, what: int = INPUTS | HIDDEN_INPUTS | EXPRESSIONS) -> list[Node]:
        found: list[Node] = []
        if what & (INPUTS | HIDDEN_INPUTS):
            found += [node for node in self._inputs if node is not None]
        if what & EXPRESSIONS:
            found += _expression_sources(self)
        return list(dict.fromkeys(found))

    def dependent(
        self,
        what: int = INPUTS | HIDDEN_INPUTS | EXPRESSIONS,
        forceEvaluate: bool = True,
    ) -> list[Node]:
        siblings = self._parent._children.values() if self._parent is not None else ()
        return [node for node in siblings if self in node.dependencies(what)]

    # place

    def parent(self) -> Any:
        return self._parent

    def rootNode(self) -> Any:
        return _state.session().root

    def xpos(self) -> int:
        return self._knobs["xpos"].value()

    def ypos(self) -> int:
        return self._knobs["ypos"].value()

    def setXpos(self, x: int) -> None:
        self._knobs["xpos"].setValue(x)

    def setYpos(self, y: int) -> None:
        self._knobs["ypos"].setValue(y)

    def setXYpos(self, x: int, y: int) -> None:
        self.setXpos(x)
        self.setYpos(y)

    def autoplace(self) -> None:
        pass

    def screenWidth(self) -> int:
        return 80

    def screenHeight(self) -> int:
        return 18

    def isSelected(self) -> bool:
        return self._knobs["selected"].value()

    def setSelected(self, selected: bool) -> None:
        self._knobs["selected"]._values = [int(bool(selected))]

    def selectOnly(self) -> None:
        for node in self._parent._children.values():
            node.setSelected(node is self)

    def showControlPanel(self, forceFloat: bool = False) -> None:
        self._shown = _state.session().mode == "gui"
        if self._shown:
            self._dummy_changed("showPanel")

    def hideControlPanel(self) -> None:
        if self._shown:
            self._dummy_changed("hidePanel")
        self._shown = False

    def shown(self) -> bool:
        return self._shown

    def help(self) -> str:
        return self._knobs["help"].value()

    def redraw(self) -> None:
        pass

    # picture

    def _disabled(self) -> bool:
        return "disable" in self._knobs and bool(self._knobs["disable"].value())

    def channels(self) -> list[str]:
        from ._graph import info

        return list(info(self).channels)

    def format(self) -> _channels.Format:
        from ._graph import info

        return info(self).format

    def bbox(self) -> _channels.Info:
        from ._graph import info

        box = info(self).bbox
        return _channels.Info(box.x(), box.y(), box.w(), box.h())

    def width(self) -> int:
        return self.format().width()

    def height(self) -> int:
        return self.format().height()

    def pixelAspect(self) -> float:
        return self.format().pixelAspect()

    def metadata(self, *args: Any, **kwargs: Any) -> Any:
        from ._graph import info

        found = info(self).metadata
        key = args[0] if args and isinstance(args[0], str) else kwargs.get("key")
        return dict(found) if key is None else found.get(key)

    def frameRange(self) -> _channels.FrameRange:
        from ._graph import frame_range

        return _channels.FrameRange(*frame_range(self), 1)

    def firstFrame(self) -> int:
        return self.frameRange().first()

    def lastFrame(self) -> int:
        return self.frameRange().last()

    def upstreamFrameRange(self, i: int) -> Optional[_channels.FrameRange]:
        node = self._input(i)
        return None if node is None else node.frameRange()

    def proxy(self) -> bool:
        return bool(_state.session().root._knobs["proxy"].value())

    def error(self) -> bool:
        return self.hasError()

    def hasError(self) -> bool:
        from ._graph import error_of

        return error_of(self) is not None

    def treeHasError(self) -> bool:
        return any(node.hasError() for node in upstream(self))

    def forceValidate(self) -> None:
        pass

    def running(self) -> bool:
        return False


class _Name(_knobs.String_Knob):
    """The knob `name` of a node: its value is the node's name."""

    def Class(self) -> str:
        return "String_Knob"

    def value(self) -> str:
        return self._node._name

    getText = getValue = value

    def setValue(self, val: str, view: Any = None) -> bool:
        self._node.setName(self._checked(val))
        return True

    setText = setValue

    def _string(self, index: int, frame: float) -> str:
        return self._node._name

    def _save(self) -> str:
        return self._node._name

    def _is_default(self) -> bool:
        return False


class Group(Node):
    def _begin_life(self, kind: str, spec: _classes.Class) -> None:
        super()._begin_life(kind, spec)
        self._children: dict[str, Node] = {}

    def begin(self) -> Group:
        _state.session().contexts.append(self)
        return self

    def end(self) -> None:
        contexts = _state.session().contexts
        if not contexts:
            raise RuntimeError("end() without begin()")
        contexts.pop()

    def __enter__(self) -> Group:
        return self.begin()

    def __exit__(self, type: Any, value: Any, traceback: Any) -> None:
        self.end()

    run = begin

    def node(self, s: str) -> Optional[Node]:
        if not isinstance(s, str):
            raise TypeError("a node's name is a str")
        return find_node(s, self)

    def nodes(self) -> list[Node]:
        return list(self._children.values())

    def numNodes(self) -> int:
        return len(self._children)

    def output(self) -> Optional[Node]:
        return next((node for node in self._children.values() if node._class == "Output"), None)

    def selectedNodes(self) -> list[Node]:
        return [node for node in self._children.values() if node.isSelected()]

    def selectedNode(self) -> Optional[Node]:
        return next(iter(self.selectedNodes()), None)

    def _group_inputs(self) -> list[Node]:
        """Its Input nodes by number."""
        found = [node for node in self._children.values() if node._class == "Input"]
        return sorted(found, key=lambda node: node._knobs["number"].value())

    def maxInputs(self) -> int:
        return len(self._group_inputs())

    def expand(self) -> None:
        raise RuntimeError("expand: not by this Nuke")


class Gizmo(Group):
    def filename(self) -> str:
        return ""

    def command(self) -> str:
        return self._class


class Precomp(Group):
    pass


class LiveGroup(Precomp):
    pass


class Viewer(Node):
    pass


class BackdropNode(Node):
    def getNodes(self) -> list[Node]:
        x, y = self.xpos(), self.ypos()
        r, t = x + self._knobs["bdwidth"].value(), y + self._knobs["bdheight"].value()
        inside = (n for n in self._parent._children.values() if n is not self)
        return [n for n in inside if x <= n.xpos() < r and y <= n.ypos() < t]

    def selectNodes(self, selectNodes: bool = True) -> None:
        for node in self.getNodes():
            node.setSelected(selectNodes)


class Root(Group):
    def _begin_life(self, kind: str, spec: _classes.Class) -> None:
        super()._begin_life(kind, spec)
        self._name = "root"
        self._views = ["main"]
        self._view = "main"
        self._layers = _channels.Layers()
        self._formats: dict[str, _channels.Format] = {}
        self._lost: list[str] = []

    def name(self) -> str:
        """The script's file, or Root."""
        return self._knobs["name"].value() or "Root"

    def firstFrame(self) -> int:
        return self._knobs["first_frame"].value()

    def lastFrame(self) -> int:
        return self._knobs["last_frame"].value()

    def frameRange(self) -> _channels.FrameRange:
        return _channels.FrameRange(self.firstFrame(), self.lastFrame(), 1)

    def fps(self) -> int:
        return round(self.realFps())

    def realFps(self) -> float:
        return float(self._knobs["fps"].value())

    def format(self) -> _channels.Format:
        return self._knobs["format"].value()

    def channels(self) -> list[str]:
        return self._layers.channels()

    def layers(self) -> list[str]:
        return list(self._layers.made)

    def modified(self) -> bool:
        return _state.session().modified

    def setModified(self, modified: bool) -> None:
        _state.session().modified = bool(modified)

    def setFrame(self, n: int) -> None:
        _state.session().frame = int(n)

    def proxy(self) -> bool:
        return bool(self._knobs["proxy"].value())

    def setProxy(self, on: bool) -> None:
        self._knobs["proxy"].setValue(bool(on))

    def addView(self, name: str, colour: str = "") -> None:
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for a view")
        if name in self._views:
            raise ValueError(f"a view is named {name} already")
        self._views.append(name)

    def deleteView(self, name: str) -> None:
        if name not in self._views:
            raise ValueError(f"no view is named {name}")
        if len(self._views) == 1:
            raise RuntimeError("a script has at least one view")
        self._views.remove(name)
        self._view = self._views[0]

    def setView(self, name: str) -> None:
        if name not in self._views:
            raise ValueError(f"no view is named {name}")
        self._view = name

    def inputs(self) -> int:
        return 0

    def setInput(self, i: int, node: Any) -> bool:
        return False


PYTHON = {
    "Node": Node,
    "Group": Group,
    "Gizmo": Gizmo,
    "Precomp": Precomp,
    "LiveGroup": LiveGroup,
    "Viewer": Viewer,
    "BackdropNode": BackdropNode,
    "Root": Root,
}


class _Write(Node):
    """A Write has its format's knobs only while its file_type is that format."""

    def _every_knob(self) -> dict[str, Knob]:
        exr = self._knobs["file_type"].value() == "exr"
        names = self.__dict__.setdefault("_exr", _exr_knobs(self))
        every = dict(self._knobs)
        if exr:
            every.update(names)
        return every


_Write.__name__ = "Node"
_Write.__qualname__ = "Node"


def _exr_knobs(node: Node) -> dict[str, Knob]:
    made = {knob._name: knob for knob in _classes.make_knobs(_classes.EXR_WRITE)}
    for knob in made.values():
        knob._node = node
    return made


# ---- making, finding, deleting


def current_group() -> Group:
    session = _state.session()
    return session.contexts[-1] if session.contexts else session.root


def unique_name(group: Group, name: str) -> str:
    if name not in group._children:
        return name
    stem = name.rstrip("0123456789")
    return next(f"{stem}{n}" for n in range(1, 10**9) if f"{stem}{n}" not in group._children)


def make_node(kind: str, group: Group) -> Node:
    """A node with a free name in `group`; no callback runs yet.

    Raises:
        RuntimeError: no class of that name.
    """
    kind = _classes.ALIASES.get(kind, kind)
    spec = _classes.CLASSES.get(kind)
    if spec is None or kind == "Root":
        raise RuntimeError(
            f"{kind}: Unknown command. This is most likely from a corrupt .nk file, "
            "or from a missing plugin, or from a newer version of Nuke."
        )
    must_not_render(f"a {kind} made")
    _state.session().changed(f"a {kind} made")
    python = _Write if kind == "Write" else PYTHON[spec.python]
    node = python.__new__(python)
    node._begin_life(kind, spec)
    node._parent = group
    node._name = unique_name(group, f"{kind.rstrip('0123456789')}1")
    if kind == "Input":
        taken = [other._knobs["number"].value() for other in group._children.values() if other._class == kind]
        node._knobs["number"]._values = [next(n for n in range(10**6) if n not in taken)]
    group._children[node._name] = node
    for name, knob in node._knobs.items():
        default = _state.session().defaults.get(f"{kind}.{name}")
        if default is not None:
            knob._load(_knobs.words_of(default) if default else [])
    _state.session().modified = True
    return node


def make_root() -> Root:
    root = Root.__new__(Root)
    root._begin_life("Root", _classes.CLASSES["Root"])
    for text in (
        "640 480 0 0 640 480 1 PC_Video",
        "720 486 0 0 720 486 0.91 NTSC",
        "1280 720 0 0 1280 720 1 HD_720",
        "1920 1080 0 0 1920 1080 1 HD_1080",
        "2048 1556 0 0 2048 1556 1 2K_Super_35(full-ap)",
        "2048 1556 0 0 2048 1556 2 2K_Cinemascope",
        "4096 2160 0 0 4096 2160 1 4K_DCP",
        "3840 2160 0 0 3840 2160 1 UHD_4K",
    ):
        words = text.split()
        made = _channels.Format(*(int(w) for w in words[:6]), float(words[6]))
        made._name = words[7]
        root._formats[words[7]] = made
    return root


def find_node(path: str, start: Group) -> Optional[Node]:
    """A node by its dotted name, in `start` and then outwards."""
    if path == "root":
        return _state.session().root
    words = path.split(".")
    if words[0] == "root":
        start, words = _state.session().root, words[1:]
    scope: Optional[Group] = start
    while scope is not None and words[0] not in scope._children:
        scope = scope._parent if len(words) > 1 else None
    here: Any = scope
    for word in words:
        if not isinstance(here, Group) or word not in here._children:
            return None
        here = here._children[word]
    return here


def upstream(node: Optional[Node]) -> list[Node]:
    """A node and all before it in its group."""
    seen: dict[int, Node] = {}
    todo = [node] if node is not None else []
    while todo:
        here = todo.pop()
        if id(here) not in seen:
            seen[id(here)] = here
            todo += [other for other in here._inputs if other is not None]
    return list(seen.values())


def _expression_sources(node: Node) -> list[Node]:
    from ._expressions import TOKEN, find_knob

    found = []
    for knob in node._knobs.values():
        texts = list(knob._expressions.values()) if isinstance(knob, _knobs.Array_Knob) else []
        if isinstance(knob, _knobs.Link_Knob) and knob._link:
            texts.append(knob._link)
        for text in texts:
            for match in TOKEN.finditer(text):
                target = find_knob(match.group(2), node) if match.group(2) else None
                if target is None and match.group(2) and "." in match.group(2):
                    target = find_knob(match.group(2).rpartition(".")[0], node)
                if target is not None and target._node is not node and target._node is not None:
                    found.append(target._node)
    return found


def must_not_render(what: str) -> None:
    if _state.session().executing:
        raise RuntimeError(f"{what} while Nuke executes")


def delete_node(node: Node) -> None:
    must_not_render(f"{node._name} deleted")
    _state.session().changed(f"{node._name} deleted")
    run_python(node._knobs["onDestroy"]._text, node, None)
    run_callbacks("onDestroy", node, None)
    for other in list(node._parent._children.values()):
        for at, source in enumerate(other._inputs):
            if source is node:
                other._inputs[at] = node._input(0)
    if isinstance(node, Group):
        for child in list(node._children.values()):
            delete_node(child)
    del node._parent._children[node._name]
    node._deleted = True
    _state.session().modified = True


# ---- what runs because of a node


@contextlib.contextmanager
def during(node: Optional[Node], knob: Optional[Knob]) -> Iterator[None]:
    """thisNode, thisKnob and thisGroup mean these; a group's own code runs inside the group."""
    session = _state.session()
    session.this.append((node, knob))
    depth = len(session.contexts)
    if node is not None:
        session.contexts.append(node if isinstance(node, Group) else node._parent)
    try:
        yield
    finally:
        session.this.pop()
        del session.contexts[depth:]


@contextlib.contextmanager
def printed() -> Iterator[None]:
    """An exception here is printed and forgotten, as Nuke does with most callbacks."""
    try:
        yield
    except Exception:
        text = traceback.format_exc()
        _state.session().record.tracebacks.append(text)
        traceback.print_exc()


def run_python(text: str, node: Optional[Node], knob: Optional[Knob]) -> None:
    import __main__
    import nuke

    if text:
        with during(node, knob):
            exec(
                compile(text, f"<{node._name if node else 'nuke'}>", "exec"), {**vars(__main__), "nuke": nuke}
            )


def run_callbacks(name: str, node: Node, knob: Optional[Knob] = None) -> None:
    import nuke

    with during(node, knob):
        getattr(nuke, name)()


def born(node: Node, *, by_user: bool) -> None:
    """The callbacks of a new node."""
    with printed():
        if by_user:
            run_callbacks("onUserCreate", node)
        run_python(node._knobs["onCreate"]._text, node, None)
        run_callbacks("onCreate", node)

"""Scripts as text: written from nodes, read back into nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from . import _channels, _knobs, _nodes, _state
from ._knobs import Knob
from ._nodes import Group, Node
from ._tcl import Word, commands, words_of

LAST = ("name", "note_font", "selected", "xpos", "ypos", "disable", "hide_input")
"""Knobs that Nuke writes behind those of the class."""

# ---- writing


def _saved(node: Node, flags: int) -> list[Knob]:
    every = flags & _nodes.WRITE_ALL
    own = [knob for knob in node._every_knob().values() if not knob._user]
    own.sort(key=lambda knob: LAST.index(knob._name) + 1 if knob._name in LAST else 0)
    kept = []
    for knob in own:
        if knob._name in ("name", "xpos", "ypos") and node._class != "Root":
            kept.append(knob)
        elif knob._flags & _knobs.ALWAYS_SAVE or (
            not knob._flags & _knobs.DO_NOT_WRITE and (every or not knob._is_default())
        ):
            kept.append(knob)
    return kept


def knob_lines(node: Node, flags: int = 0) -> list[str]:
    lines = [f"{knob._name} {knob._save()}" for knob in _saved(node, flags)]
    for knob in node._knobs.values():
        if not knob._user:
            continue
        lines.append("addUserKnob {" + knob._definition() + "}")
        silent = isinstance(knob, (_knobs.Tab_Knob, _knobs.Text_Knob, _knobs.Script_Knob, _knobs.Link_Knob))
        if not silent and not knob._flags & _knobs.DO_NOT_WRITE and not knob._is_default():
            lines.append(f"{knob._name} {knob._save()}")
    return lines


class _Writer:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.count = 0

    def nodes(self, nodes: Iterable[Node], indent: str, first: str = "0") -> None:
        """Nodes of one group. `first` is what the first input from outside becomes; others are nothing."""
        chosen = _ordered(nodes)
        used = {id(source) for node in chosen for source in node._inputs}
        names: dict[int, str] = {}
        top: Optional[Node] = None
        for node in chosen:
            sources = list(node._inputs)
            while sources and sources[-1] is None:
                sources.pop()
            if not sources and node.minInputs() == node.maxInputs() == 1:
                sources = [None]
            if len(sources) != 1 or sources[0] is None or sources[0] is not top:
                for index, source in reversed(list(enumerate(sources))):
                    word = f"${names[id(source)]}" if id(source) in names else "0"
                    if word == "0" and index == 0:
                        word, first = first, "0"
                    self.lines.append(f"{indent}push {word}")
            self.node(node, indent, len(sources))
            top = node if node.maxOutputs() else None
            if node.maxOutputs() and id(node) in used:
                self.count += 1
                names[id(node)] = f"N{self.count:08x}"
                self.lines.append(f"{indent}set {names[id(node)]} [stack 0]")

    def node(self, node: Node, indent: str, inputs: int) -> None:
        self.lines.append(f"{indent}{node._class} {{")
        if inputs != 1:
            self.lines.append(f"{indent} inputs {inputs}")
        self.lines += [f"{indent} {line}" for line in knob_lines(node)]
        self.lines.append(f"{indent}}}")
        if isinstance(node, Group):
            self.nodes(node._children.values(), indent + " ")
            self.lines.append(f"{indent}end_group")


def _ordered(nodes: Iterable[Node]) -> list[Node]:
    """Each node behind its inputs."""
    chosen = list(nodes)
    done: list[Node] = []

    def visit(node: Node) -> None:
        if node in done or node not in chosen:
            return
        for source in node._inputs:
            if source is not None:
                visit(source)
        done.append(node)

    for node in chosen:
        visit(node)
    return done


def _layer_lines(nodes: Iterable[Node]) -> list[str]:
    """add_layer for those layers that a knob names."""
    layers = _channels.layers_of_script()
    used: set[str] = set()

    def look(node: Node) -> None:
        for knob in node._every_knob().values():
            if isinstance(knob, _knobs.Channel_Knob):
                used.update(word.rpartition(".")[0] or word for word in knob._words)
            elif node._class == "Shuffle2" and knob._name == "mappings":
                used.update(word.rpartition(".")[0] for word in knob._string(0, 0).split() if "." in word)
        if isinstance(node, Group):
            for child in node._children.values():
                look(child)

    for node in nodes:
        look(node)
    return [
        "add_layer {" + " ".join([name, *layers.of(name)]) + "}"
        for name in layers.made
        if name in used and name not in _channels.BUILTIN
    ]


def script_text() -> str:
    """The whole script, as scriptSave writes it."""
    session = _state.session()
    root = session.root
    version = "{}.{} v{}".format(*session.version)
    writer = _Writer()
    writer.lines = ["#! /usr/local/Nuke/Nuke -nx", f"version {version}", "Root {", " inputs 0"]
    writer.lines += [f" {line}" for line in knob_lines(root)]
    if root._views != ["main"]:
        views = "\\n".join(f'\\{{{name} \\"\\"\\}}' for name in root._views)
        writer.lines.append(f' views "{views}"')
    writer.lines.append("}")
    writer.lines += _layer_lines([root])
    writer.nodes(root._children.values(), "")
    return "\n".join(writer.lines) + "\n"


def selection_text(nodes: list[Node]) -> str:
    """What nodeCopy writes."""
    writer = _Writer()
    version = "{}.{} v{}".format(*_state.session().version)
    writer.lines = ["set cut_paste_input [stack 0]", f"version {version}", *_layer_lines(nodes)]
    writer.nodes(nodes, "", "$cut_paste_input")
    return "\n".join(writer.lines) + "\n"


# ---- reading


class _Reader:
    def __init__(self, group: Group, *, selection: Optional[Node] = None) -> None:
        self.groups: list[tuple[Group, list[Optional[Node]]]] = [(group, [selection] if selection else [])]
        self.names: dict[str, Optional[Node]] = {}
        self.made: list[Node] = []
        self.problems: list[str] = []

    @property
    def group(self) -> Group:
        return self.groups[-1][0]

    @property
    def stack(self) -> list[Optional[Node]]:
        return self.groups[-1][1]

    def run(self, text: str) -> None:
        for words in commands(text):
            self.command(words)
        if len(self.groups) != 1:
            raise RuntimeError("missing end_group")

    def command(self, words: list[Word]) -> None:
        name = str(words[0])
        if name in ("version", "define_window_layout_xml"):
            return
        if name == "set" and len(words) == 3:
            self.names[words[1]] = self.stack[-1] if self.stack else None
        elif name == "push" and len(words) == 2:
            key = words[1].lstrip("$")
            if key != "0" and key not in self.names:
                raise RuntimeError(f"can't read {key!r}: no such variable")
            self.stack.append(self.names.get(key))
        elif name == "add_layer" and len(words) == 2:
            layer, *channels = words_of(words[1])
            if layer not in _channels.BUILTIN:
                _channels.layers_of_script().add(str(layer), [str(channel) for channel in channels])
        elif name == "end_group" and len(words) == 1:
            if len(self.groups) == 1:
                raise RuntimeError("end_group without a group")
            self.groups.pop()
        elif name == "Root" and len(words) == 2:
            self.problems += read_knobs(_state.session().root, words[1])
        elif len(words) == 2 and words[1].braced:
            self.node(name, words[1])
        else:
            raise RuntimeError(f"{name}: Unknown command")

    def node(self, kind: str, body: Word) -> None:
        count = 1
        for words in commands(body):
            if words[0] == "inputs" and len(words) == 2:
                count = sum(int(part) for part in words[1].split("+"))
        sources = [self.stack.pop() if self.stack else None for _ in range(count)]
        try:
            node = _nodes.make_node(kind, self.group)
        except RuntimeError as unknown:
            self.problems.append(str(unknown))
            self.stack.append(sources[0] if sources else None)
            return
        self.problems += read_knobs(node, body)
        self.made.append(node)
        if any(source is not None for source in sources):
            node._inputs = sources
        if node.maxOutputs():
            self.stack.append(node)
        if isinstance(node, Group):
            self.groups.append((node, []))


def read_knobs(node: Node, body: str, *, strict: bool = False) -> list[str]:
    """Set a node's knobs from the lines of its block.

    Returns:
        One sentence for each line that means nothing here; Nuke says them and loads the rest.

    Raises:
        RuntimeError: the same, in a strict reading.
    """
    problems = []
    session = _state.session()
    session.loading += 1
    try:
        for words in commands(body):
            name, rest = str(words[0]), words[1:]
            try:
                _read_line(node, name, rest)
            except (RuntimeError, ValueError, TypeError, IndexError) as wrong:
                if strict:
                    raise RuntimeError(str(wrong)) from wrong
                problems.append(f"{node._full_name()}: {wrong}")
    finally:
        session.loading -= 1
    return problems


def _read_line(node: Node, name: str, rest: list[Word]) -> None:
    if name in ("inputs", "gizmo_file", "help_url"):
        return
    if name == "addUserKnob":
        knob = _knobs.knob_from(rest[0])
        if knob._name in node._every_knob():
            raise RuntimeError(f"{knob._name}: a knob of that name is there")
        knob._node, knob._user = node, True
        node._knobs[knob._name or f"_{len(node._knobs)}"] = knob
        return
    if name == "name" and node._class != "Root":
        node.setName(str(rest[0]))
        return
    if name == "views" and node._class == "Root":
        names = [word.split()[0] for word in words_of(" ".join(rest)) if word.split()]
        node._views = names or ["main"]
        node._view = node._views[0]
        return
    knob = node._every_knob().get(name)
    if knob is None:
        raise RuntimeError(f"{name}: no such knob")
    knob._load(rest)


def read_text(text: str, *, selection: Optional[Node] = None) -> list[Node]:
    """Add the nodes of a text to the current group.

    Unknown knobs are told and skipped; an unknown class is told and left out, as Nuke does.

    Raises:
        RuntimeError: what is no script.
    """
    session = _state.session()
    session.loading += 1
    reader = _Reader(_nodes.current_group(), selection=selection)
    try:
        reader.run(text)
    finally:
        session.loading -= 1
    for problem in reader.problems:
        session.record.messages.append(("script", problem))
    for node in reader.made:
        _nodes.born(node, by_user=False)
    return reader.made

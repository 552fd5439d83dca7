"""What Nuke's Python API has, by the published stubs (types-nuke), and whether code keeps to it."""

from __future__ import annotations

import ast
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

STUBS = Path(sysconfig.get_paths()["purelib"]) / "nuke-stubs"
NEWER: dict[str, str] = {
    "nuke.Link_Knob.setValue": "the stub's takes nothing at all, which would set nothing",
}
"""Names that the stubs (of 13.2) do not have or have otherwise, and why they are right."""

Function = ast.FunctionDef


@dataclass
class Class:
    bases: list[str]
    methods: dict[str, list[Function]] = field(default_factory=dict)
    fields: set[str] = field(default_factory=set)


@dataclass
class Api:
    """The module: functions with their overloads, classes, and other names with what they are, if known."""

    functions: dict[str, list[Function]] = field(default_factory=dict)
    classes: dict[str, Class] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.functions or name in self.classes or name in self.names

    def line(self, name: str) -> list[str]:
        """A class and all it is made of."""
        if name not in self.classes:
            return []
        return [name, *(up for base in self.classes[name].bases for up in self.line(base))]

    def family(self, name: str) -> set[str]:
        """A class and all made of it."""
        return {other for other in self.classes if name in self.line(other)}

    def methods(self, name: str, method: str) -> list[Function] | None:
        """A method's overloads, inherited ones too; [] for a plain attribute; None where there is none."""
        for each in self.line(name):
            if method in self.classes[each].methods:
                return self.classes[each].methods[method]
            if method in self.classes[each].fields:
                return []
        return None


@cache
def api() -> Api:
    """The stubs, read."""
    found = Api()
    for path in sorted(STUBS.glob("*.pyi")):
        if path.stem not in (
            "_geo",
            "_curvelib",
            "_curveknob",
            "_splinewarp",
            "curvelib",
            "curveknob",
            "geo",
        ):
            _take(ast.parse(path.read_text(encoding="utf-8")), found)
            found.names.setdefault(path.stem, "module")
    return found


def _take(module: ast.Module, found: Api) -> None:
    for node in module.body:
        if isinstance(node, Function):
            found.functions.setdefault(node.name, []).append(node)
        elif isinstance(node, ast.ClassDef):
            made = Class([base.id for base in node.bases if isinstance(base, ast.Name)])
            for part in node.body:
                if isinstance(part, Function):
                    made.methods.setdefault(part.name, []).append(part)
                elif isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
                    made.fields.add(part.target.id)
            found.classes[node.name] = made
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.names[node.target.id] = ast.unparse(node.annotation)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            for target in node.targets:
                if isinstance(target, ast.Name) and node.value.id in found.functions:
                    found.functions[target.id] = found.functions[node.value.id]


def is_open(function: Function) -> bool:
    """Whether the stub says nothing of the parameters."""
    return function.args.vararg is not None and function.args.kwarg is not None


def parameters(function: Function, *, method: bool) -> tuple[list[str], int]:
    """Names of its parameters, and how many must be given."""
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    required = len(names) - len(function.args.defaults)
    if method and names:
        return names[1:], max(required - 1, 0)
    return names, required


# ---- code that uses it


def uses_only_known_nuke(paths: Iterable[Path]) -> list[str]:
    """A sentence for every use of Nuke that the stubs do not have.

    Looked at: `nuke.x`, `nuke.x.y`, keywords of their calls, and the methods of whatever is known to be a
    node, a knob or another of the stubs' classes: what nuke's functions return, nuke.nodes makes, a subscript
    of a node gives, an annotation says, or a name like `node` or `knob` of something unannotated means.
    """
    return [sentence for path in paths for sentence in _File(path).sentences()]


CALLED = {"node": "Node", "group": "Group", "knob": "Knob", "write": "Node", "root": "Root"}
"""What something unannotated of that name is."""


class _File:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.modules = {
            alias.asname or alias.name
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import)
            for alias in node.names
            if alias.name == "nuke"
        }
        self.said: list[str] = []

    def sentences(self) -> list[str]:
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and node.module == "nuke" and not node.level:
                for alias in node.names:
                    if alias.name not in api():
                        self.say(node, f"nuke.{alias.name} is not known")
        self.scope(self.tree, {})
        return self.said

    def say(self, node: ast.AST, text: str) -> None:
        self.said.append(f"{self.path.name}:{getattr(node, 'lineno', 0)}: {text}")

    def scope(self, top: ast.AST, outer: dict[str, str]) -> None:
        """One function's (or the module's) own code, with the kinds of its names."""
        kinds = dict(outer)
        if isinstance(top, (ast.FunctionDef, ast.Lambda)):
            for arg in (*top.args.posonlyargs, *top.args.args, *top.args.kwonlyargs):
                said = ast.unparse(arg.annotation).strip("'\"") if arg.annotation else "Any"
                kind = said.removeprefix("nuke.").removeprefix("Optional[nuke.").rstrip("]")
                kinds.pop(arg.arg, None)
                if kind in api().classes and "nuke." in said:
                    kinds[arg.arg] = kind
                elif said in ("Any", "Optional[Any]") and arg.arg in CALLED:
                    kinds[arg.arg] = CALLED[arg.arg]
        own = list(_own(top))
        for node in own:
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        kinds[target.id] = self.kind(node.value, kinds)
        for node in own:
            self.look(node, kinds)
        for node in own:
            if isinstance(node, (ast.FunctionDef, ast.Lambda)):
                self.scope(node, kinds)

    def is_nuke(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Name) and node.id in self.modules

    def kind(self, node: ast.AST, kinds: dict[str, str]) -> str:
        """The class of what an expression gives; "" where it cannot be told."""
        if isinstance(node, ast.Name):
            return kinds.get(node.id, "")
        if isinstance(node, ast.Subscript):
            of = self.kind(node.value, kinds)
            return "Knob" if of in api().family("Node") else ""
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            return ""
        inner = node.func.value
        if isinstance(inner, ast.Attribute) and self.is_nuke(inner.value) and inner.attr == "nodes":
            return "Group" if node.func.attr == "Group" else "Node"
        if self.is_nuke(inner):
            if node.func.attr in api().classes:
                return node.func.attr
            return _given(api().functions.get(node.func.attr, []))
        of = self.kind(inner, kinds)
        return _given(api().methods(of, node.func.attr) or []) if of else ""

    def look(self, node: ast.AST, kinds: dict[str, str]) -> None:
        if not isinstance(node, ast.Attribute):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                self.keywords(node, node.func, kinds)
            return
        inner = node.value
        if self.is_nuke(inner):
            if node.attr not in api() and f"nuke.{node.attr}" not in NEWER:
                self.say(node, f"nuke.{node.attr} is not known")
            return
        if isinstance(inner, ast.Attribute) and self.is_nuke(inner.value):
            if inner.attr in api().classes and api().methods(inner.attr, node.attr) is None:
                self.say(node, f"nuke.{inner.attr}.{node.attr} is not known")
            elif api().names.get(inner.attr) == "module" and node.attr not in api():
                self.say(node, f"nuke.{inner.attr}.{node.attr} is not known")
            return
        of = self.kind(inner, kinds)
        if of and not any(api().methods(each, node.attr) is not None for each in api().family(of)):
            self.say(node, f"a {of} has no {node.attr}")

    def keywords(self, call: ast.Call, function: ast.Attribute, kinds: dict[str, str]) -> None:
        if not self.is_nuke(function.value):
            return
        overloads = api().functions.get(function.attr, [])
        if not overloads or any(is_open(each) for each in overloads):
            return
        known = {arg.arg for each in overloads for arg in (*each.args.args, *each.args.kwonlyargs)}
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in known:
                self.say(call, f"nuke.{function.attr} has no parameter {keyword.arg}")


def _own(top: ast.AST) -> Iterator[ast.AST]:
    """Everything in a function but what is inside the functions in it."""
    body = getattr(top, "body", [])
    todo: list[ast.AST] = list(body) if isinstance(body, list) else [body]
    while todo:
        node = todo.pop(0)
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.Lambda)):
            todo[:0] = list(ast.iter_child_nodes(node))


def _given(overloads: list[Function]) -> str:
    """The class that a function says it gives."""
    for each in overloads:
        text = ast.unparse(each.returns) if each.returns else ""
        kind = text.removeprefix("Optional[").rstrip("]")
        if kind in api().classes:
            return kind
    return ""

"""The page docs/options.md, made of what programs offer: `python -m support.options_table` writes it."""

from __future__ import annotations

import ast
import dataclasses
import functools
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import click
from support.blenders import extension_part
from support.nuke_plugin import part

from maggie_api.job import MatteJob
from maggie_api.settings import (
    EdgeSettings,
    MatteFile,
    MatteSettings,
    Option,
    PictureFile,
    RunSettings,
    options_of,
)
from maggie_node.cli.farm import deadline, opencue, openjd
from maggie_node.cli.matte import matte

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "options.md"
NUKE, BLENDER = ROOT / "hosts/nuke/maggie_nuke", ROOT / "hosts/blender/maggie_blender"
GROUPS = {
    "Pixels": MatteSettings,
    "Edges, for everybody or for one person": EdgeSettings,
    "Files": MatteFile,
    "Pictures and movies": PictureFile,
    "Run": RunSettings,
}
INPUTS = {
    "a mask in every frame": ("mask", "MaskGuidance"),
    "masks at some frames": ("key", "KeyGuidance"),
    "layers of an EXR": ("layers", "LayersGuidance", "channel"),
    "an id map": ("id_map", "IdMapGuidance"),
    "a Cryptomatte": ("cryptomatte", "CryptomatteGuidance"),
    "files numbered otherwise than the plate": ("offset", "offset"),
    "approved alphas": ("pins", "Pin"),
    "cores": ("core", "core"),
    "garbage mattes": ("garbage", "garbage"),
    "edges of one person (`--trust ana=0.9`)": ("trust", "person_options"),
    "pictures for each person": ("outputs", "PictureOutput"),
    "a preview movie": ("preview", "preview"),
}
"""What a job takes beside its options: its name on the command line, and in a program that makes jobs, where
any of several does."""
HEAD = """# Every option, and where it is

`make options` writes this page from the list of options, the command line, the knobs of the node and the
properties of the panel; a test compares it with them.
"""
ABSENT, DECIDED = "no", "no: it decides"


def page(panel: ModuleType) -> str:
    """The page.

    Args:
        panel: the extension's module `options`.
    """
    lines = [HEAD]
    knobs = part("options")
    listed: dict[str, Option] = {}
    for title, settings in GROUPS.items():
        options = {name: each for name, each in options_of(settings).items() if name not in listed}
        listed |= options
        rows = [
            (each.name, _default(each), _flags(matte, each.name), _nuke(knobs, each), _blender(panel, each))
            for each in options.values()
        ]
        lines += [
            f"## {title}",
            "",
            *_table(("field of the job", "default", "command line", "Nuke", "Blender"), rows),
        ]
    lines += ["## Inputs and outputs", "", *_table(("", "command line", "Nuke", "Blender"), _inputs())]
    lines += ["## Farms", "", *_table(("`maggie-node farm`", "openjd", "deadline", "opencue"), _farms())]
    return "\n".join(lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"
    yield ""


def _default(option: Option) -> str:
    return (
        ""
        if option.default is None
        else f"`{str(option.default).lower() if option.kind == 'flag' else option.default}`"
    )


def _flags(command: click.Command, name: str) -> str:
    found = [
        flag
        for parameter in command.params
        if parameter.name == name
        for flag in (*parameter.opts, *parameter.secondary_opts)
    ]
    return ", ".join(f"`{flag}`" for flag in found if flag.startswith("--"))


def _nuke(knobs: Any, option: Option) -> str:
    if option.name in knobs.FIXED:
        return f"no: {knobs.FIXED[option.name]}"
    knob = knobs.option_knobs().get(option.name)
    return f"*{knob.label}*" if knob else _by_itself(NUKE, option)


def _blender(panel: ModuleType, option: Option) -> str:
    control, label = panel.CONTROLS.get(option.name), _properties().get(option.name)
    if control or label:
        return f"*{control.label if control else label}*"
    reason = panel.NOT_OFFERED.get(option.name)
    return f"no: {reason}" if reason else _by_itself(BLENDER, option)


def _by_itself(host: Path, option: Option) -> str:
    """Whether a host that does not offer an option gives it a value in the jobs it makes."""
    return DECIDED if option.name in _names(host, arguments=True) else ABSENT


def _properties() -> dict[str, str]:
    """The label of every property of a shot in Blender, by name."""
    tree = ast.parse((BLENDER / "props.py").read_text(encoding="utf-8"))
    classes = {each.name: each for each in tree.body if isinstance(each, ast.ClassDef)}
    found: dict[str, str] = {}
    for each in classes["MaggieShot"].body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.annotation, ast.Call):
            said = {word.arg: word.value for word in each.annotation.keywords}
            label = said.get("name", each.annotation.args[0] if each.annotation.args else None)
            if isinstance(each.target, ast.Name) and isinstance(label, ast.Constant):
                found[each.target.id] = str(label.value)
    return found


def _inputs() -> Iterator[tuple[str, ...]]:
    for what, (command, *names) in INPUTS.items():
        has = [any(_is_made(host, name) for name in names) for host in (NUKE, BLENDER)]
        yield what, _flags(matte, command), *("yes" if each else "no" for each in has)


def _is_made(host: Path, name: str) -> bool:
    """Whether a host makes jobs with a class, or a field, of this name."""
    is_field = name.islower() and name != "person_options"
    return name in _names(host, arguments=is_field)


@functools.cache
def _names(folder: Path, *, arguments: bool = False) -> frozenset[str]:
    """Names that the modules of a folder use and arguments that they give by name, or these alone."""
    found: set[str] = set()
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg:
                found.add(node.arg)
            elif isinstance(node, ast.Name) and not arguments:
                found.add(node.id)
    return frozenset(found)


def _farms() -> Iterator[tuple[str, ...]]:
    commands: Mapping[str, click.Command] = {"openjd": openjd, "deadline": deadline, "opencue": opencue}
    names = dict.fromkeys(
        parameter.name or ""
        for command in commands.values()
        for parameter in command.params
        if isinstance(parameter, click.Option)
    )
    for name in names:
        flags = next(filter(None, (_flags(command, name) for command in commands.values())), "")
        if flags:
            yield flags, *("yes" if _flags(command, name) else "" for command in commands.values())


def fields_without_a_row() -> set[str]:
    """Fields of a job that the page does not have."""
    rows = {name for settings in GROUPS.values() for name in options_of(settings)}
    rows |= {command for command, *_ in INPUTS.values()}
    rows |= {"guidance", "per_person", "pictures"}  # the masks, edges of one person, pictures for each person
    rows |= {"plate", "output", "schema"}  # of every job
    return {field.name for field in dataclasses.fields(MatteJob)} - rows


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        PAGE.write_text(page(extension_part(Path(folder), "options")), encoding="utf-8")

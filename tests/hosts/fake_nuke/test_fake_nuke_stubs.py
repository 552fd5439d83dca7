"""The Nuke of the tests offers what the published stubs have and nothing else; code is held to them too."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.nuke_plugin import PLUGIN
from support.nuke_stubs import NEWER, Function, api, is_open, parameters, uses_only_known_nuke
from support.sources import quiet_environment

FAKE = Path(__file__).parent


@pytest.fixture(scope="module")
def offered() -> dict[str, Any]:
    run = subprocess.run(
        [sys.executable, "-W", "error", str(FAKE / "offers.py")],
        capture_output=True,
        text=True,
        env=quiet_environment(),
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def disagreement(signature: list[list[Any]], stub: Function, *, method: bool) -> str:
    """Why a call that the stub allows would fail, or one it forbids would pass; "" where neither is so."""
    if is_open(stub):
        return ""
    wanted, required = parameters(stub, method=method)
    star = any(name == "*" for name, _, _ in signature)
    have = [name for name, positional, _ in signature if positional and name not in ("*", "**")]
    needed = [name for name, _, default in signature if not default and name not in ("*", "**")]
    if len(needed) > required:
        return f"needs {needed}, the stub only {wanted[:required]}"
    if len(wanted) != len(have) and not (star and len(have) < len(wanted)):
        return f"takes {have}, the stub {wanted}"
    if not method and not star and have != wanted:
        return f"names {have}, the stub {wanted}"
    return ""


def agrees(signature: list[list[Any]], overloads: list[Function], *, method: bool) -> str:
    whys = [disagreement(signature, stub, method=method) for stub in overloads]
    return "" if "" in whys else whys[0]


def test_every_name_is_in_the_stubs(offered: dict[str, Any]):
    names = {*offered["functions"], *offered["classes"], *offered["names"]}

    assert {name for name in names if name not in api() and f"nuke.{name}" not in NEWER} == set()


def test_every_function_takes_what_the_stubs_say(offered: dict[str, Any]):
    wrong = {
        name: why
        for name, signature in offered["functions"].items()
        if f"nuke.{name}" not in NEWER
        and (
            why := agrees(signature, api().functions.get(name, []), method=False)
            if name in api().functions
            else ""
        )
    }

    assert wrong == {}


def test_every_class_has_the_stubs_members_and_nothing_else(offered: dict[str, Any]):
    wrong = {}
    for kind, described in offered["classes"].items():
        for name, signature in described["members"].items():
            found = api().methods(kind, name)
            if f"nuke.{kind}.{name}" in NEWER or any(
                f"nuke.{base}.{name}" in NEWER for base in described["bases"]
            ):
                continue
            if found is None:
                wrong[f"{kind}.{name}"] = "not in the stubs"
            elif signature is not None and found:
                why = agrees(signature, found, method=True)
                if why:
                    wrong[f"{kind}.{name}"] = why

    assert wrong == {}


def test_every_class_has_the_stubs_bases(offered: dict[str, Any]):
    wrong = {
        kind: described["bases"]
        for kind, described in offered["classes"].items()
        if not set(api().line(kind)) <= {*described["bases"], "Generic", "NodeT", "MenuItem"}
        and f"nuke.{kind}" not in NEWER
    }

    assert wrong == {}


def test_what_is_newer_is_offered_and_has_a_reason(offered: dict[str, Any]):
    for name, reason in NEWER.items():
        _, kind, *member = name.split(".")
        assert len(reason) > 20
        assert kind in {*offered["functions"], *offered["classes"], *offered["names"]}
        assert not member or member[0] in offered["classes"][kind]["members"]


def test_the_adapter_uses_what_nuke_has():
    files = sorted(PLUGIN.rglob("*.py"))

    assert len(files) > 5
    assert uses_only_known_nuke(files) == []


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("nuke.toNodee('x')", "nuke.toNodee is not known"),
        ("nuke.ProgressTask('x').setText('y')", "a ProgressTask has no setText"),
        ("nuke.toNode('x').fullname()", "a Node has no fullname"),
        ("nuke.toNode('x')['file'].val()", "a Knob has no val"),
        ("def f(node):\n    return node.input_(0)", "a Node has no input_"),
        ("def f(knob: Any):\n    knob.set(1)", "a Knob has no set"),
        ("def f(x: nuke.Group):\n    x.children()", "a Group has no children"),
        ("g = nuke.nodes.Group()\nwith g:\n    g.finish()", "a Group has no finish"),
        (
            "def f():\n    k = nuke.File_Knob('a')\n    return lambda: k.getvalue()",
            "a File_Knob has no getvalue",
        ),
        ("nuke.createNode('Read', inPanel=False)", "nuke.createNode has no parameter inPanel"),
        ("nuke.Undo.start()", "nuke.Undo.start is not known"),
        ("from nuke import thatNode", "nuke.thatNode is not known"),
    ],
)
def test_a_use_that_nuke_has_not_is_found(code: str, sentence: str, tmp_path: Path):
    path = tmp_path / "adapter.py"
    path.write_text(f"from typing import Any\nimport nuke\n{code}\n", encoding="utf-8")

    (said,) = uses_only_known_nuke([path])

    assert sentence in said and said.startswith("adapter.py:")


def test_what_nuke_has_and_what_is_not_nukes_is_left_alone(tmp_path: Path):
    path = tmp_path / "adapter.py"
    path.write_text(
        "import nuke\n"
        "def f(node: 'nuke.Node', table):\n"
        "    node['file'].getEvaluatedValue(), node.begin(), table['x'].append(1)\n"
        "    knob = {}\n"
        "    knob.update(a=1)\n"
        "    with nuke.root():\n"
        "        made = nuke.nodes.MyGizmo(name='x')\n"
        "    made.setInput(0, node)\n"
        "    nuke.createNode('Read', inpanel=False)\n"
        "    return [read.name() for read in nuke.allNodes('Read')], nuke.callbacks.filenameFilter('x')\n",
        encoding="utf-8",
    )

    assert uses_only_known_nuke([path]) == []

"""What buttons, menus and programs call."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Sequence
from typing import Any, Callable, Optional

import nuke

from maggie_node.hosting import HostError

from . import apply, build, callbacks, outside, read, run, shot
from .main_thread import on_main
from .upstream import our_nodes, seen_by

_registered: list[str] = []


def register() -> None:
    """Let Nuke call us; once."""
    if "callbacks" not in _registered:
        _registered.append("callbacks")
        callbacks.register()


def register_menu() -> None:
    """Put the node into the node menu; once."""
    if "menu" not in _registered:
        _registered.append("menu")
        nuke.menu("Nodes").addMenu("MaGGIe").addCommand("MaGGIe", _create_below)


def create(name: str = "MaGGIe1") -> Any:
    """A new node, connected to nothing."""
    return build.create(name)


def press(action: str) -> None:
    """A button of `nuke.thisNode()` was pressed; what goes wrong is a sentence for the artist."""
    node = nuke.thisNode()
    try:
        ACTIONS[action](node)
    except HostError as error:
        _say(f"{node.name()}: {error}")
    except Exception as error:
        traceback.print_exc()
        _say(f"{node.name()}: an error of MaGGIe's own ({type(error).__name__}: {error}); see the terminal")


def prepare(write: Any = None, frames: Optional[Sequence[int]] = None) -> None:
    """Make every matte that a Write (None: the script) needs, and wait; for programs, before they render.

    Args:
        frames: of the script; None = those of each node.

    Raises:
        HostError: something is missing or failed; one sentence.
    """
    nodes = our_nodes() if write is None else [node for node, _ in seen_by(write)]
    for node in nodes:
        plans = run.planned(node, frames)
        run.prepare(node, plans)
        progress = run.Run(node, plans, interactive=False).wait()
        if progress.state != "done":
            raise HostError(f"{node.fullName()}: {run.summary(progress)}")
        apply.reload(node)


def job_text(node: Any) -> str:
    """The job of a node (its first, where views differ), as `maggie-node job` takes it."""
    return shot.plans(read.asked(node))[0].job.to_json()


def _matte(node: Any) -> None:
    run.matte(node)


def _matte_frame(node: Any) -> None:
    run.matte(node, [int(nuke.frame())], interactive=True)


def _cancel(node: Any) -> None:
    if not run.cancel(node):
        raise HostError("nothing is under way")


def _reload(node: Any) -> None:
    plan = shot.plans(read.asked(node))[0]
    apply.plan(node, plan)
    apply.reload(node, ready=len(plan.missing(plan.frames)) < len(plan.frames))


def _bake(node: Any) -> None:
    if not build.wired(node):
        raise HostError("there are no mattes to bake yet: press Matte first")
    if any(each.name == node.fullName() for each in run.under_way()):
        raise HostError("it is being matted: wait, or press Cancel first")
    if nuke.GUI:  # not inside the button of a node that will be gone
        threading.Thread(target=on_main, args=(build.bake, node), name="MaGGIe bake").start()
    else:
        build.bake(node)


def _find(node: Any) -> None:
    apply.rows(node, shot.found_rows(read.asked(node), node["objects"].value()))


def _more(node: Any) -> None:
    build.add_input(node)


ACTIONS: dict[str, Callable[[Any], None]] = {
    "matte": _matte,
    "matte_frame": _matte_frame,
    "cancel": _cancel,
    "reload_mattes": _reload,
    "bake": _bake,
    "send": outside.send,
    "explain": outside.explain,
    "find": _find,
    "more": _more,
    "less": build.remove_input,
}


def _create_below() -> None:
    """The menu's: a node below the selected one, which becomes its plate."""
    selected = nuke.selectedNodes()
    node = create()
    if len(selected) == 1:
        node.setInput(0, selected[0])
        node.setXYpos(selected[0].xpos(), selected[0].ypos() + 100)
    node.showControlPanel()


def _say(text: str) -> None:
    if nuke.GUI:
        nuke.message(text)
    else:
        nuke.tprint(text)

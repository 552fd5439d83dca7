"""What buttons, menus and programs call."""

from __future__ import annotations

import os
import threading
import traceback
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Optional

import nuke

from maggie_api.errors import HostError
from maggie_api.sequences import compact_frames

from . import (
    account,
    apply,
    build,
    callbacks,
    command_line,
    guidance,
    identity,
    instances,
    knobs,
    read,
    run,
    shot,
)
from .main_thread import on_main, one_undo
from .upstream import our_nodes, our_nodes_behind

_registered: list[str] = []


def register() -> None:
    """Register the callbacks with Nuke, the first time it is called."""
    if "callbacks" not in _registered:
        _registered.append("callbacks")
        callbacks.register()


def register_menu() -> None:
    """Put the node into the node menu, the first time it is called."""
    if "menu" not in _registered:
        _registered.append("menu")
        nuke.menu("Nodes").addMenu("MaGGIe", icon=build.ICON).addCommand(
            "MaGGIe", _create_below, icon=build.ICON
        )


def create(name: str = "MaGGIe1") -> Any:
    """A new node, connected to nothing."""
    return build.create(name)


def press(action: str, number: int = 0) -> None:
    """Do what a button of `nuke.thisNode()` says; an error becomes a message to the artist.

    Args:
        action: a key of `ACTIONS`, or of `ROW_ACTIONS`.
        number: of the instance that a row's button belongs to, from 1 on.
    """
    node = nuke.thisNode()
    try:
        with one_undo(f"MaGGIe: {action.replace('_', ' ')}"):
            identity.check_in(node)
            ROW_ACTIONS[action](node, number) if number else ACTIONS[action](node)
    except HostError as error:
        _say(f"{node.name()}: {error}")
    except Exception as error:
        traceback.print_exc()
        _say(f"{node.name()}: an error of MaGGIe's own ({type(error).__name__}: {error}); see the terminal")


def prepare(write: Any = None, frames: Optional[Sequence[int]] = None) -> None:
    """Make the mattes that a render needs, and wait for them. A program calls this before it renders.

    Args:
        write: the Write that will be rendered; None = every MaGGIe node of the script.
        frames: frames of the script; None = those that each node says.

    Raises:
        HostError: something is missing or failed; one sentence.
    """
    nodes = our_nodes() if write is None else [node for node, _ in our_nodes_behind(write)]
    for node in nodes:
        plans = run.plans_of(node, frames)
        run.prepare(node, plans)
        progress = run.NodeJobs(node, plans, interactive=False).wait()
        if progress.state != "done":
            raise HostError(f"{node.fullName()}: {run.summary(progress)}")
        apply.reload(node)


def job_text(node: Any) -> str:
    """The job of a node as the JSON document that `maggie-node job` takes; the first where views differ.

    Raises:
        HostError: something is missing; one sentence.
    """
    return shot.plans(read.node_state(node))[0].job.to_json()


def _matte(node: Any) -> None:
    run.matte(node)


def _matte_frame(node: Any) -> None:
    run.matte(node, [int(nuke.frame())], interactive=True)


def _cancel(node: Any) -> None:
    if not run.cancel(node):
        raise HostError("nothing is under way")


def _reload(node: Any) -> None:
    plan = shot.plans(read.node_state(node))[0]
    apply.plan(node, plan)
    missing = len(plan.missing(plan.frames))
    changed = list(account.stale(plan, plan.frames, account.read(plan)).values())
    said = (
        f"stale: {changed[0]}"
        if changed
        else f"{len(plan.frames) - missing} of {len(plan.frames)} mattes are there"
    )
    apply.status(node, said)
    apply.reload(node, ready=missing < len(plan.frames))


def _bake(node: Any) -> None:
    if not build.wired(node):
        raise HostError("there are no mattes to bake yet: press Matte first")
    if any(each.name == node.fullName() for each in run.under_way()):
        raise HostError("it is being matted: wait, or press Cancel first")
    if nuke.GUI:  # later, since baking deletes the node whose button runs this
        threading.Thread(target=on_main, args=(_bake_now, node), name="MaGGIe bake").start()
    else:
        build.bake(node)


def _bake_now(node: Any) -> None:
    with one_undo("MaGGIe: bake"):
        build.bake(node)


def _find(node: Any) -> None:
    apply.rows(node, instances.found_rows(read.node_state(node), node["objects"].value()))


def _help(node: Any) -> None:
    page = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "README.md")
    if not os.path.isfile(page):
        raise HostError("the page is docs/nuke.md of the sources; the built plug-in has it as README.md")
    webbrowser.open(Path(page).as_uri())


def _add_key(node: Any, number: int) -> None:
    """The mask of an instance is right at the current frame. The first key keeps those of a Roto's shapes."""
    state, row = read.node_state(node), read.rows(node)[number - 1]
    source = state.input(row.input)
    if source is None or state.plate is None:
        raise HostError(f"connect the plate, and the mask of {row.name!r} to '{row.input}'")
    there = guidance.known_keys(state, row) if row.at_keys or source.keyed else ()
    keys = compact_frames({*there, int(nuke.frame())})
    guidance.key_frames(state, replace(row, keys=keys))  # raises for one outside the plate
    if not (row.at_keys and int(nuke.frame()) in there):
        build.set_knob(node, f"{knobs.KEYS}{number}", keys)
    build.set_knob(node, f"{knobs.AT_KEYS}{number}", True)
    apply.status(node, f"keys of {row.name}: {keys}")


def _remove_key(node: Any, number: int) -> None:
    """The mask of an instance at the current frame is no key any more; without keys there is one a frame."""
    row, frame = read.rows(node)[number - 1], int(nuke.frame())
    there = guidance.known_keys(read.node_state(node), row) if row.at_keys else ()
    if frame not in there:
        known = f", its keys are {compact_frames(there)}" if there else ": it has none"
        raise HostError(f"frame {frame} is no key of {row.name}{known}")
    rest = compact_frames(set(there) - {frame})
    build.set_knob(node, f"{knobs.KEYS}{number}", rest)
    build.set_knob(node, f"{knobs.AT_KEYS}{number}", bool(rest))
    apply.status(node, f"keys of {row.name}: {rest or 'none'}")


def _more(node: Any) -> None:
    build.add_input(node)


ACTIONS: dict[str, Callable[[Any], None]] = {
    "matte": _matte,
    "matte_frame": _matte_frame,
    "cancel": _cancel,
    "reload_mattes": _reload,
    "bake": _bake,
    "help_page": _help,
    "send": command_line.send,
    "explain": command_line.explain,
    "find": _find,
    "more": _more,
    "less": build.remove_input,
}


ROW_ACTIONS: dict[str, Callable[[Any, int], None]] = {
    knobs.ADD_KEY: _add_key,
    knobs.REMOVE_KEY: _remove_key,
}
"""What the buttons of an instance do."""


def _create_below() -> None:
    """What the menu does: a new node below the selected one, which becomes its plate."""
    selected = nuke.selectedNodes()
    with one_undo("MaGGIe"):
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

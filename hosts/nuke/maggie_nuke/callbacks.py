"""What Nuke calls: when it renders, loads and closes scripts, and when a knob of ours is turned.

While a frame is rendered Nuke renders nothing else and makes no nodes; whether it does before the first frame
is told differently: what has to be rendered is rendered when `nuke -x` has loaded its script, at the
latest before the first frame if Nuke lets us; during a frame only the worker makes mattes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional

import nuke

from maggie_node.hosting import HostError, frame_ranges

from . import apply, build, frames, plates, read, run, shot
from .upstream import is_ours, seen_by


@dataclass
class Seen:
    """A node of ours as a render sees it."""

    node: Any
    shift: Optional[int]
    """At the render's frame f it is asked for f - shift; None where retimes are between."""
    shown: shot.Shown
    why: str = "press Matte, or see why it failed"
    """What to say of a frame that has no matte."""
    tried: bool = False
    """What was missing was asked for: what is still missing failed."""


_rendering: dict[str, list[Seen]] = {}


def register() -> None:
    """Let Nuke call what is below."""
    nuke.addKnobChanged(knob_changed, nodeClass="Group")
    nuke.addOnDestroy(destroyed, nodeClass="Group")
    nuke.addOnScriptClose(closed)
    nuke.addOnScriptLoad(loaded)
    nuke.addBeforeRender(before_render, nodeClass="Write")
    nuke.addBeforeFrameRender(before_frame, nodeClass="Write")
    nuke.addAfterRender(after_render, nodeClass="Write")


def knob_changed() -> None:
    if nuke.thisKnob().name() == "output" and is_ours(nuke.thisNode()):
        build.show(nuke.thisNode())


def destroyed() -> None:
    if is_ours(nuke.thisNode()):
        run.cancel(nuke.thisNode())


def closed() -> None:
    run.cancel()


def loaded() -> None:
    """A script that is executed (`nuke -x`): make what a render callback could not."""
    if nuke.GUI or not frames.is_executed(nuke.rawArgs):
        return
    for write in _executed():
        for node, shift in seen_by(write):
            try:
                _make_before(node, _asked_of(write, shift))
            except HostError as error:  # the render says it again, and stops
                nuke.tprint(f"{node.fullName()}: {error}")


def before_render() -> None:
    """Look at what the render needs; without windows, make what is missing."""
    write = nuke.thisNode()
    seen = []
    for node, shift in seen_by(write):
        with _Loud(node):
            each = _seen(node, shift)
            seen.append(each)
            wanted = _asked_of(write, shift)
            if not nuke.GUI and wanted:
                _make(each, wanted, render=True)
    _rendering[write.fullName()] = seen


def before_frame() -> None:
    """A frame without its matte is never rendered."""
    frame = int(nuke.frame())
    for each in _rendering.get(nuke.thisNode().fullName(), ()):
        if each.shift is None:
            continue
        wanted = [frame - each.shift]
        with _Loud(each.node):
            if not nuke.GUI and not each.tried:
                _make(each, wanted, render=False)
                each.tried = False
            missing = each.shown.missing(wanted)
            if missing:
                raise HostError(f"the matte of frame {missing[0]} is missing: {each.why}")


def after_render() -> None:
    _rendering.pop(nuke.thisNode().fullName(), None)


def _seen(node: Any, shift: Optional[int]) -> Seen:
    """A node as it is asked for now. What it shows counts, also where it could make no more.

    Raises:
        HostError: it hands out other instances than it says, or has none.
    """
    try:
        plan = shot.plans(read.asked(node))[0]
    except HostError as error:
        if not build.wired(node):
            raise
        return Seen(node, shift, read.shown(node), why=str(error))
    if not apply.is_wired(node, plan):
        raise HostError("its instances were changed: press Matte once, so that their layers are made")
    apply.paths(node, plan)
    return Seen(node, shift, read.shown(node))


def _make(each: Seen, wanted: list[int], *, render: bool) -> None:
    """Let the worker make what is missing of some script frames, and wait for it.

    Args:
        render: inputs that are no files may be rendered, too.

    Raises:
        HostError: nothing could be made, with the reason.
    """
    missing = each.shown.missing(wanted)
    if not missing:
        return
    plans = [plan for plan in shot.plans(read.asked(each.node), missing) if plan.missing(missing)]
    apply.folders(plans)
    for needed in (needed for plan in plans for needed in plan.renders):
        try:
            if render:
                plates.render(each.node, needed)
            elif plates.missing(needed):
                raise HostError("not in the middle of a frame")
        except HostError as error:
            raise HostError(
                f"the mattes of {frame_ranges(missing)} are missing and {needed.input} must be rendered for "
                f"them, which Nuke does not do now ({error}): press Matte before, or in a program call "
                "maggie_nuke.prepare() first"
            ) from None
    each.tried = True
    progress = run.Run(each.node, plans, interactive=False).wait()
    if progress.state != "done" and not progress.done:
        raise HostError(run.summary(progress))
    if progress.state != "done":  # the frames that are there are rendered
        nuke.tprint(f"{each.node.fullName()}: {run.summary(progress)}")
    apply.reload(each.node)


def _make_before(node: Any, wanted: Optional[list[int]]) -> None:
    """Make what a render callback could not: layers, and mattes of inputs that have to be rendered."""
    asked = read.asked(node)
    if asked.rows:
        plans = shot.plans(asked, _inside(asked, wanted))
        ready = apply.is_wired(node, plans[0]) and not any(plan.renders for plan in plans)
        if ready or not any(plan.missing(plan.frames) for plan in plans):
            return
    run.matte(node, _inside(asked, wanted))


def _inside(asked: shot.Asked, wanted: Optional[list[int]]) -> Optional[list[int]]:
    """Script frames, held at the ends of the shot; None where they are not known."""
    if wanted is None or asked.plate is None:
        return None
    return sorted({min(max(frame, asked.plate.first), asked.plate.last) for frame in wanted})


def _asked_of(write: Any, shift: Optional[int]) -> Optional[list[int]]:
    """Script frames that a Write will ask a node for; None where that is not known."""
    wanted = frames.rendered_frames(nuke.rawArgs)
    if not wanted and frames.is_executed(nuke.rawArgs):
        root = nuke.root()
        wanted = list(range(int(root["first_frame"].value()), int(root["last_frame"].value()) + 1))
    if write["use_limit"].value():
        first, last = int(write["first"].value()), int(write["last"].value())
        wanted = [frame for frame in wanted if first <= frame <= last] or list(range(first, last + 1))
    return [frame - shift for frame in wanted] if wanted and shift is not None else None


def _executed() -> list[Any]:
    """The Writes that this Nuke was started to execute."""
    named = [value for flag, value in zip(nuke.rawArgs, nuke.rawArgs[1:]) if flag == "-X"]
    wanted = {name for value in named for name in value.split(",")}
    return [
        write
        for write in nuke.allNodes("Write", recurseGroups=True)
        if not write["disable"].value() and (not wanted or wanted & {write.name(), write.fullName()})
    ]


class _Loud:
    """Lets a sentence stop Nuke's render."""

    def __init__(self, node: Any):
        self._name = node.fullName()

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, HostError):
            raise RuntimeError(f"{self._name}: {error}") from None

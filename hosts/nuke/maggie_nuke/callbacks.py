"""What Nuke calls: when it renders, loads and closes scripts, and when a knob of a MaGGIe node changes.

While Nuke renders a frame, it refuses another render and refuses new nodes. Whether it also refuses before
the first frame is documented both ways. So inputs that need a render are rendered when `nuke -x` has loaded
its script, or before the first frame if Nuke allows it. During a frame only the worker makes mattes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Optional

import nuke

from maggie_api.errors import HostError
from maggie_api.sequences import compact_frames

from . import account, apply, build, frames, identity, knobs, people, read, render_inputs, run, shot
from .job_plan import JobPlan, MatteSequence
from .state import NodeState
from .upstream import is_ours, our_nodes, our_nodes_behind


@dataclass
class RenderedNode:
    """A MaGGIe node in a render that is under way."""

    node: Any
    shift: Optional[int]
    """At the render's frame f Nuke needs the node's frame f - shift; None where retimes are between."""
    mattes: MatteSequence
    """The matte files that the node shows."""
    plans: tuple[JobPlan, ...] = ()
    """The node's jobs; none when it could make no more mattes."""
    accounts: tuple[list[account.Entry], ...] = ()
    """What the mattes of each job were made from."""
    why: str = "press Matte, or see why it failed"
    """End of the sentence about a frame that has no matte."""
    tried: bool = False
    """Whether the missing mattes were asked for: one that is still missing has failed."""

    def wrong(self, wanted: list[int]) -> dict[int, str]:
        """What is wrong with the mattes of frames: `is missing`, `lacks ben`, `is stale: plate changed`."""
        found = {}
        for plan, entries in zip(self.plans, self.accounts):
            for frame, said in account.stale(plan, wanted, entries).items():
                found[frame] = f"is stale: {said}"
        return {**found, **self.mattes.wrong(wanted)}


_rendering: dict[str, list[RenderedNode]] = {}
"""Nodes of each render under way, by the Write's full name."""


def register() -> None:
    """Register the functions of this module with Nuke."""
    nuke.addOnCreate(created, nodeClass="Group")
    nuke.addKnobChanged(knob_changed, nodeClass="Group")
    nuke.addOnDestroy(destroyed, nodeClass="Group")
    nuke.addOnScriptClose(closed)
    nuke.addOnScriptLoad(loaded)
    nuke.addBeforeRender(before_render, nodeClass="Write")
    nuke.addBeforeFrameRender(before_frame, nodeClass="Write")
    nuke.addAfterRender(after_render, nodeClass="Write")


def knob_changed() -> None:
    """A knob of a Group was changed, or its panel was opened: what is ours takes effect."""
    node, name = nuke.thisNode(), nuke.thisKnob().name()
    if not is_ours(node):
        return
    if name == "output":
        build.show_output(node)
    elif name == "showPanel":
        build.offer_devices(node)
    else:
        people.changed(node, nuke.thisKnob())


def created() -> None:
    """A Group came into the script: a copy of a MaGGIe node gets a folder of its own."""
    node = nuke.thisNode()
    if is_ours(node) and node.knob(knobs.ID) is not None:
        identity.claim(node, copied=True)


def destroyed() -> None:
    """A Group was deleted: the jobs of a MaGGIe node end."""
    if is_ours(nuke.thisNode()):
        run.cancel(nuke.thisNode())


def closed() -> None:
    """The script was closed: all jobs end."""
    run.cancel()


def loaded() -> None:
    """A script was loaded: bring its nodes up to date. Under `nuke -x`, make what render callbacks cannot."""
    for node in our_nodes():
        identity.check_in(node)
    if nuke.GUI or not frames.is_executed(nuke.rawArgs):
        return
    for write in _executed():
        for node, shift in our_nodes_behind(write):
            try:
                _make_before(node, _frames_of(write, shift))
            except HostError as error:  # the render itself repeats the sentence and stops
                nuke.tprint(f"{node.fullName()}: {error}")


def before_render() -> None:
    """A render begins: find the nodes it needs; in a Nuke without windows, make what is missing."""
    write = nuke.thisNode()
    found = []
    for node, shift in our_nodes_behind(write):
        with _stopping_the_render(node):
            each = _rendered_node(node, shift)
            found.append(each)
            wanted = _frames_of(write, shift)
            if not nuke.GUI and wanted:
                _make(each, wanted, render=True)
            if wanted:  # a matte that could not be made fails its own frame alone
                _check(each, [frame for frame in wanted if each.mattes.is_there(frame)])
    _rendering[write.fullName()] = found


def before_frame() -> None:
    """A frame is about to be rendered: stop the render when a matte of it is missing."""
    frame = int(nuke.frame())
    for each in _rendering.get(nuke.thisNode().fullName(), ()):
        if each.shift is None:
            continue
        wanted = [frame - each.shift]
        with _stopping_the_render(each.node):
            if not nuke.GUI and not each.tried:
                _make(each, wanted, render=False)
                each.tried = False
            _check(each, wanted)


def after_render() -> None:
    """A render has ended."""
    _rendering.pop(nuke.thisNode().fullName(), None)


def _rendered_node(node: Any, shift: Optional[int]) -> RenderedNode:
    """A node with the mattes it shows. They count even when the node could make no more of them.

    Raises:
        HostError: the node shows colours over the plate, hands out other instances than its rows say, or has
            none.
    """
    identity.check_in(node)
    if nuke.GUI and people.shows_colours(node):
        raise HostError("it shows colours over the plate: set its knob 'show' to result")
    try:
        plans = tuple(shot.plans(read.node_state(node)))
    except HostError as error:
        if not build.wired(node):
            raise
        return RenderedNode(node, shift, read.matte_sequence(node), why=str(error))
    if not apply.is_wired(node, plans[0]):
        raise HostError("its instances were changed: press Matte once, so that their layers are made")
    apply.paths(node, plans[0])
    accounts = tuple(account.read(plan) for plan in plans)
    return RenderedNode(node, shift, read.matte_sequence(node), plans, accounts)


def _check(each: RenderedNode, wanted: list[int]) -> None:
    """Check that the matte of every frame is there with all its layers.

    Args:
        wanted: frames of the script.

    Raises:
        HostError: one is not.
    """
    for frame, said in sorted(each.wrong(wanted).items()):
        stale = said[len("is ") :] if said.startswith("is stale") else ""
        apply.status(each.node, f"frame {frame} {said}", state=stale)
        raise HostError(f"the matte of frame {frame} {said}: {each.why}")


def _make(each: RenderedNode, wanted: list[int], *, render: bool) -> None:
    """Let the worker make the mattes that are missing, and wait for them.

    Args:
        wanted: frames of the script.
        render: whether inputs that are no files may be rendered first.

    Raises:
        HostError: none could be made; the sentence says why.
    """
    missing = sorted(each.wrong(wanted))
    if not missing:
        return
    plans = shot.plans(read.node_state(each.node), missing)
    apply.folders(plans)
    for source in (source for plan in plans for source in plan.renders):
        try:
            if render:
                render_inputs.render(each.node, source)
            elif render_inputs.missing(source):
                raise HostError("not in the middle of a frame")
        except HostError as error:
            raise HostError(
                f"the mattes of {compact_frames(missing)} are missing and {source.label} must be rendered "
                f"for them, which Nuke does not do now ({error}): press Matte before, or in a program call "
                "maggie_nuke.prepare() first"
            ) from None
    each.tried = True
    progress = run.NodeJobs(each.node, plans, interactive=False).wait()
    if progress.state != "done" and not progress.done:
        raise HostError(run.summary(progress))
    if progress.state != "done":  # the render goes on with the mattes that are there
        nuke.tprint(f"{each.node.fullName()}: {run.summary(progress)}")
    apply.reload(each.node)
    each.accounts = tuple(account.read(plan) for plan in each.plans)


def _make_before(node: Any, wanted: Optional[list[int]]) -> None:
    """Make what a render callback cannot: layers, and mattes whose inputs have to be rendered."""
    state = read.node_state(node)
    if state.rows:
        plans = shot.plans(state, _inside(state, wanted))
        ready = apply.is_wired(node, plans[0]) and not any(plan.renders for plan in plans)
        if ready or not any(
            plan.missing(plan.frames) or account.stale(plan, plan.frames, account.read(plan))
            for plan in plans
        ):
            return
    run.matte(node, _inside(state, wanted))


def _inside(state: NodeState, wanted: Optional[list[int]]) -> Optional[list[int]]:
    """Frames of the script, those outside the shot moved to its ends; None where they are not known."""
    if wanted is None or state.plate is None:
        return None
    return sorted({min(max(frame, state.plate.first), state.plate.last) for frame in wanted})


def _frames_of(write: Any, shift: Optional[int]) -> Optional[list[int]]:
    """Frames of a node that the render of a Write needs; None where they are not known."""
    wanted = frames.rendered_frames(nuke.rawArgs)
    if not wanted and frames.is_executed(nuke.rawArgs):
        root = nuke.root()
        wanted = list(range(int(root["first_frame"].value()), int(root["last_frame"].value()) + 1))
    if write["use_limit"].value():
        first, last = int(write["first"].value()), int(write["last"].value())
        wanted = [frame for frame in wanted if first <= frame <= last] or list(range(first, last + 1))
    return [frame - shift for frame in wanted] if wanted and shift is not None else None


def _executed() -> list[Any]:
    """The Writes that this Nuke was started to render."""
    named = [value for flag, value in zip(nuke.rawArgs, nuke.rawArgs[1:]) if flag == "-X"]
    wanted = {name for value in named for name in value.split(",")}
    return [
        write
        for write in nuke.allNodes("Write", group=nuke.root(), recurseGroups=True)
        if not write["disable"].value() and (not wanted or wanted & {write.name(), write.fullName()})
    ]


@contextmanager
def _stopping_the_render(node: Any) -> Iterator[None]:
    """Turn an error into one that stops Nuke's render, with the node's name."""
    name = node.fullName()
    try:
        yield
    except HostError as error:
        raise RuntimeError(f"{name}: {error}") from None

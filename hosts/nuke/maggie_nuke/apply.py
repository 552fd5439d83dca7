"""Plans and their results, put into the node. Applying computes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from maggie_api.errors import HostError
from maggie_api.job import write_job

from . import build, knobs, people
from .job_plan import JobPlan
from .state import InstanceRow


def rows(node: Any, found: Sequence[InstanceRow]) -> None:
    """Give the node these instances."""
    with people.changing(node):
        build.set_rows(node, found)


def plan(node: Any, first: JobPlan) -> None:
    """Let the node show the mattes of a plan and hand out their layers.

    Raises:
        HostError: the script has no room for the layers.
    """
    build.wire(node, first.layers)
    paths(node, first)
    people.follow(node)


def paths(node: Any, first: JobPlan) -> None:
    """Let the Read inside show the plan's files.

    It makes no node, so it may be called while Nuke renders.
    """
    build.set_knob(node, knobs.OWN, first.folder)  # it stays there when the node or the script is renamed
    build.set_read(
        node.node(knobs.MATTES),
        first.mattes,
        first.first + first.shift,
        first.last + first.shift,
        first.shift,
    )


def is_wired(node: Any, first: JobPlan) -> bool:
    """Whether the node hands out the layers of a plan."""
    return build.wired(node) == [list(pair) for pair in first.layers]


def folders(made: Sequence[JobPlan]) -> None:
    """Make the folders of plans, and write the job documents into them.

    Raises:
        HostError: a folder cannot be written to.
    """
    for each in made:
        files = [each.job.output, *(render.pattern for render in each.renders)]
        try:
            for path in files:
                os.makedirs(os.path.dirname(path), exist_ok=True)
            write_job(each.document, each.job_file)
        except OSError as error:
            raise HostError(
                f"the cache folder {each.folder} cannot be written "
                f"({(error.strerror or str(error)).lower()}): name another one, or bring its disk back"
            ) from None


def status(node: Any, text: str, *, state: str = "") -> None:
    """Write the node's status line.

    Args:
        state: what the node graph shows; empty for the text itself.
    """
    build.set_knob(node, "status", text or " ")
    if node.knob(knobs.STATE) is not None:
        build.set_knob(node, knobs.STATE, state or text)


def reload(node: Any, *, ready: bool = True) -> None:
    """Read the matte files again.

    Args:
        ready: make a missing matte an error also in the viewer, from now on.
    """
    if ready:
        build.set_knob(node, knobs.READY, True)
    node.node(knobs.MATTES)["reload"].execute()

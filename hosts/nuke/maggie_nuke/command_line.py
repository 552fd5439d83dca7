"""Commands of maggie-node that a button starts: one writes the farm's files, one explains a matte."""

from __future__ import annotations

import shlex
import subprocess
import threading
from collections.abc import Sequence
from typing import Any, Optional

import nuke

from maggie_api.client.python import find_python
from maggie_api.client.worker import clean_environment
from maggie_api.errors import HostError
from maggie_api.sequences import compact_frames, matte_path

from . import read, run, shot
from .job_plan import JobPlan
from .main_thread import on_main
from .state import NodeState

TIMEOUT_S = 300.0
"""Longest time of a command, in seconds: enough for a cold interpreter on a network disk."""


def send(node: Any) -> None:
    """Write the farm's files for the node's frames, and show how they are submitted.

    Raises:
        HostError: something is missing; one sentence.
    """
    plans = run.plans_of(node)
    run.prepare(node, plans)
    words = [
        ["farm", node["farm"].value(), str(plan.job_file), "-o", f"{plan.job_file.parent}/farm"]
        for plan in plans
    ]
    if len(plans) > 1:
        words = [[*each[:-1], f"{each[-1]}/{plan.view}"] for each, plan in zip(words, plans)]
    if int(node["chunk"].value()) > 0:
        words = [[*each, "--chunk", str(int(node["chunk"].value()))] for each in words]
    try:
        python: Optional[str] = find_python(read.path_or_name(node["python"]))
    except HostError:
        python = None
    if python is None:  # the artist can write the files where maggie-node is installed
        _tell(
            node,
            "Run this where maggie-node is installed:\n" + "\n".join(_line("maggie-node", w) for w in words),
        )
    else:
        _in_background(node, python, words)


def explain(node: Any) -> None:
    """Show what the node would do, and how the matte of the current frame was made.

    Raises:
        HostError: something is missing; one sentence.
    """
    state = read.node_state(node)
    plans = shot.plans(
        state, [min(max(state.frame, state.plate.first), state.plate.last)] if state.plate else None
    )
    described = description(state, plans[0])
    there = [plan for plan in plans if not plan.missing(plan.frames)]
    if not there:
        _tell(node, f"{described}\n\nThis frame has no matte yet.")
        return
    files = [str(matte_path(plan.job.output, plan.frames[0] + plan.shift)) for plan in there]
    python = find_python(read.path_or_name(node["python"]))
    _in_background(node, python, [["explain", file] for file in files], before=described + "\n\n")


def description(state: NodeState, plan: JobPlan) -> str:
    """A plan in a few lines of text."""
    job = plan.job
    rendered = {render.label: render.why for render in plan.renders}
    lines = [
        f"{state.node}: frames {compact_frames(shot.shot_frames(state))} to {plan.mattes}",
        f"plate: {job.plate} as {job.colorspace}, OCIO {job.ocio or 'built in'}",
    ]
    for row in (row for row in state.rows if row.use):
        lines.append(f"{row.name}: {row.source}, layer {dict(plan.layers)[row.name]}")
    for name, why in rendered.items():
        lines.append(f"{name} is rendered to files first: {why}")
    lines.append(f"model {job.model}, {job.device}, segments of {job.segment_frames} frames")
    return "\n".join(lines)


def _in_background(node: Any, python: str, commands: Sequence[Sequence[str]], before: str = "") -> None:
    """Run commands and show what they print; in a thread when Nuke has windows.

    Args:
        before: text to show in front of it.
    """

    def work() -> None:
        said = before + "\n".join(_run(python, command) for command in commands)
        on_main(_tell, node, said)

    if nuke.GUI:
        threading.Thread(target=work, name="MaGGIe command", daemon=True).start()
    else:
        work()


def _run(python: str, words: Sequence[str]) -> str:
    """Run a command of maggie-node; returns its command line and what it prints."""
    command = [python, "-m", "maggie_node", *words]
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{_line(python, command[1:])}\n{error}"
    return "\n".join(
        part.strip() for part in (_line(python, command[1:]), ran.stdout, ran.stderr) if part.strip()
    )


def _line(program: str, words: Sequence[str]) -> str:
    return " ".join(shlex.quote(word) for word in (program, *words))


def _tell(node: Any, text: str) -> None:
    if nuke.GUI:
        nuke.message(text)
    else:
        nuke.tprint(text)

"""What is right for a case, and whether it came out so."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from benchmarks.odd.base import Shot, written_alphas
from benchmarks.odd.process import Ended

Right = Literal["as plain", "refused", "whole or refused"]
"""Mattes of the plain shot; one line and nothing written; or either, mattes then being whole."""
MOST_MB = 1024.0
"""Memory of a case beside the program's own. The plain shot takes some 60 MB."""
NEAR = 2e-3
"""Farthest that an alpha may be from the plain one: two steps of half floats near 1."""
Alphas = dict[int, dict[str, np.ndarray]]


@dataclass(frozen=True)
class Case:
    """A command, and what is right."""

    arguments: list[str]
    right: Right = "whole or refused"
    note: str = ""
    """What is odd, for the report of a case that went wrong."""
    env: dict[str, str | None] = field(default_factory=dict)
    encoding: str = "utf-8"
    frames: tuple[int, ...] | None = None
    """Frames that must be delivered where the command does not refuse; None where that is open."""
    says: str = ""
    """A pattern that a line on stderr must have where the command does not refuse."""
    also: Callable[[Ended, Alphas], str] | None = None
    """Another check: what is wrong, or ""."""
    compare: tuple[str, ...] = ()
    """Files that must read as OpenEXR reads them."""
    command: str = "maggie-node"
    more: dict[str, Any] = field(default_factory=dict)


Maker = Callable[[Shot, random.Random], Case]
"""Draws a case of a class; what it writes lies in the shot's folder."""


def fault_of(case: Case, ended: Ended, shot: Shot, plain: Alphas) -> str:
    """What went wrong; "" where nothing did."""
    if ended.hung:
        return f"hung for {ended.seconds:.0f} s"
    if ended.signal:
        return f"ended by signal {ended.signal}"
    if "Traceback" in ended.stderr or "a defect of ours" in ended.stderr:
        return "defect"
    if ended.code not in (0, 2, 3):
        return f"exit code {ended.code}"
    if ended.megabytes > MOST_MB:
        return f"took {ended.megabytes:.0f} MB"
    left = [path.name for path in shot.folder.rglob(".maggie-*")]
    if left:
        return f"left {left[0]}"
    try:
        alphas = written_alphas(shot.out)
    except (RuntimeError, ValueError) as error:
        return f"a matte is not whole ({error})"
    if ended.code == 2:
        return _fault_of_refusal(case, ended, alphas)
    return _fault_of_mattes(case, ended, alphas, plain)


def _fault_of_refusal(case: Case, ended: Ended, alphas: Alphas) -> str:
    if case.right == "as plain":
        return "refused what is right"
    if alphas:
        return "refused, and wrote a matte"
    if not ended.lines:
        return "refused without a line"
    return "" if len(ended.lines[-1]) < 2000 else "refused in an endless line"


def _fault_of_mattes(case: Case, ended: Ended, alphas: Alphas, plain: Alphas) -> str:
    if case.right == "refused":
        return "not refused"
    if case.frames is not None and ended.code == 0 and set(alphas) != set(case.frames):
        return f"delivered {sorted(alphas)}, not {sorted(case.frames)}"
    for frame, planes in alphas.items():
        for name, plane in planes.items():
            if not np.isfinite(plane).all() or plane.min() < 0 or plane.max() > 1:
                return f"frame {frame}: the alpha of {name} leaves 0..1"
    if ended.code == 3 and not ended.stderr.strip() + ended.stdout.strip():
        return "exit code 3, and nobody said why"
    if case.right == "as plain" and (fault := unlike(alphas, plain)):
        return fault
    if case.says and not re.search(case.says, ended.stderr):
        return f"did not say {case.says!r}"
    return case.also(ended, alphas) if case.also else ""


def unlike(alphas: Alphas, plain: Alphas) -> str:
    """How mattes differ from the plain ones. People are in the order of their layers' names, so each of them
    may be any of the plain shot's, but nobody twice."""
    if len(alphas) != len(plain):
        return f"{len(alphas)} frames"
    for (frame, planes), (_, wanted) in zip(sorted(alphas.items()), sorted(plain.items()), strict=True):
        left = list(wanted.values())
        for name, plane in planes.items():
            same = [k for k, each in enumerate(left) if each.shape == plane.shape and _is_near(plane, each)]
            if not same:
                return f"frame {frame}: the alpha of {name} is nobody's of the plain shot"
            del left[same[0]]
        if left:
            return f"frame {frame}: {len(planes)} alphas"
    return ""


def _is_near(one: np.ndarray, other: np.ndarray) -> bool:
    return bool(np.abs(one - other).max() <= NEAR)


def sentence_of(ended: Ended) -> str:
    """The last line that it said, short."""
    said = ended.lines or ended.stderr.split("\n")[-2:]
    return " ".join(said)[-300:]

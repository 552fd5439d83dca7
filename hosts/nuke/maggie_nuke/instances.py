"""Which instances the connected masks stand for. No Nuke in here."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Sequence
from dataclasses import replace

from maggie_api.errors import HostError
from maggie_api.sequences import TOKEN

from . import layers
from .job_plan import VIEW
from .state import Cryptomatte, InputSource, InstanceRow, NodeState, input_of


def found_rows(state: NodeState, wanted: str = "") -> list[InstanceRow]:
    """One instance for each connected mask; an instance that the node already has stays as it is.

    Args:
        wanted: patterns of names of Cryptomatte objects, `hero*, extra_*`; empty = all objects.

    Raises:
        HostError: no guidance is connected, or a Cryptomatte has more objects than the node takes.
    """
    fresh: list[InstanceRow] = []
    holding = {
        input_of(text) for row in state.rows for text in (row.core, row.garbage, row.approved, state.garbage)
    }
    holding -= {row.input for row in state.rows if row.use}
    for source in filter(None, state.guidance):
        if source.input in holding:
            continue
        for crypto in source.cryptomattes:
            objects = _picked(crypto, wanted)
            fresh += [InstanceRow(name, f"{source.input}:crypto:{crypto.name}") for name in objects]
        if not source.cryptomattes:
            inside = layers.masks_in(source.channels)
            fresh += [InstanceRow(name, f"{source.input}:{channel}") for name, channel in inside]
            if not inside:
                fresh.append(InstanceRow(_name_of(source), source.input))
    if not fresh:
        raise HostError(
            "connect the masks to the guidance inputs: one input for each instance, or one with layers"
        )
    there = {row.source if row.cryptomatte is None else (row.source, row.name): row for row in state.rows}
    rows: list[InstanceRow] = []
    for row in fresh:
        kept = there.get(row.source if row.cryptomatte is None else (row.source, row.name))
        rows.append(kept or replace(row, name=_unused(row.name, [each.name for each in rows])))
    return rows


def _picked(crypto: Cryptomatte, wanted: str) -> list[str]:
    patterns = [word.strip() for word in wanted.split(",") if word.strip()]
    objects = [
        name for name in crypto.objects if not patterns or any(fnmatch.fnmatchcase(name, p) for p in patterns)
    ]
    if not objects and patterns:
        raise HostError(f"{crypto.name} has no object called {wanted}: see the names in its manifest")
    if len(objects) > layers.MOST_INSTANCES:
        raise HostError(
            f"{crypto.name} has {len(objects)} objects: write those you want into 'Cryptomatte objects', as "
            "hero*, extra_01, and press Find instances again"
        )
    return objects


def _name_of(source: InputSource) -> str:
    """Name of the instance whose mask fills an input: taken from the file, else from the node."""
    stem = os.path.basename(source.path) if source.path else ""
    stem = TOKEN.sub("", VIEW.sub("", os.path.splitext(stem)[0])).strip("._- ")
    return stem or source.node.rpartition(".")[2]


def _unused(name: str, taken: Sequence[str]) -> str:
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name} {count}"
    return free

"""How much memory a job takes, before it takes it: a rule through measured peaks.

Measured with the default model on a CPU (peak of the whole process, MB):

| plate | working short side | people | detail | measured | by the rule |
|---|---|---|---|---|---|
| 1024x576 | 144 | 1 | working | 605 | 652 |
| 1024x576 | 288 | 1, 4 | working | 717, 890 | 741, 912 |
| 1024x576 | 576 | 1, 4, 10 | working | 1026, 1605, 2489 | 1100, 1714, 2943 |
| 1536x864 | 864 | 1 | working | 1571 | 1735 |
| 3840x2160 | 288 | 1, 4 | working | 892, 1216 | 1138, 1618 |
| 3840x2160 | 288 | 1 | full | 1060 | 1138 |
"""

from __future__ import annotations

import math
from dataclasses import replace

from maggie_api.errors import SettingsError
from maggie_api.settings import MIN_WORKING_PX
from maggie_core.image.geometry import Geometry
from maggie_core.runtime.memory import machine_memory
from maggie_core.shot.regions import MOST_AREA

PROGRAM_BYTES = 620e6
"""Interpreter, libraries and the default model's weights."""
FRAME_BYTES, PERSON_BYTES = 500, 350
"""For each pixel of the working grid, and for each of them and person."""
PLATE_BYTES, PLANE_BYTES = 40, 14
"""For each pixel of the plate's region: frames that are held at once, each 12 bytes a pixel; and for each of
them and person, alphas and what is written."""


def bytes_needed(geometry: Geometry, people: int, *, enlarges: bool, on_cpu: bool) -> float:
    """Memory that a job takes at its peak.

    Args:
        enlarges: small people may be enlarged, in regions of up to `MOST_AREA` times the working grid.
        on_cpu: the network computes in the same memory.
    """
    width, height = geometry.working_size
    seen = width * height * (MOST_AREA if enlarges else 1.0)
    network = seen * (FRAME_BYTES + PERSON_BYTES * people) if on_cpu else 0.0
    return PROGRAM_BYTES + network + plate_bytes(geometry, people)


def plate_bytes(geometry: Geometry, people: int) -> float:
    """The part of it that the plate's own size decides."""
    return geometry.region.width * geometry.region.height * (PLATE_BYTES + PLANE_BYTES * people)


def check_plate(geometry: Geometry, people: int) -> None:
    """See that the machine can hold what a plate's header claims.

    Raises:
        SettingsError: it has less memory.
    """
    needed, there = plate_bytes(geometry, people), machine_memory()
    if there and needed > there:
        region = geometry.region
        raise SettingsError(
            f"the plate's header says {region.width}x{region.height}, which needs {needed / 1e9:.0f} GB, and "
            f"this machine has {there / 1e9:.0f} GB: check the file, or add memory"
        )


def working_px_within(
    limit_bytes: float, geometry: Geometry, people: int, *, enlarges: bool, on_cpu: bool
) -> int:
    """The largest short side that needs no more: the one asked for, or of those that are smaller than the
    working grid's by steps of sqrt(2).

    Raises:
        SettingsError: even the smallest needs more.
    """
    px, side = geometry.working_px, min(geometry.working_size)
    while True:
        needed = bytes_needed(replace(geometry, working_px=px), people, enlarges=enlarges, on_cpu=on_cpu)
        if needed <= limit_bytes:
            return px
        if side <= MIN_WORKING_PX:
            region = geometry.region
            raise SettingsError(
                f"a plate of {region.width}x{region.height} with {people} people needs "
                f"{needed / 1e9:.1f} GB at the smallest working size, and {limit_bytes / 1e9:.1f} GB are "
                "allowed: raise --max-memory-gb, or matte fewer people at a time",
                field="max_memory_gb",
            )
        px = side = max(MIN_WORKING_PX, math.floor(side / math.sqrt(2)))

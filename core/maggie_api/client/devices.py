"""Where a worker may compute, as far as one has told this process: what a host's menu of devices offers.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..events import FoundDevice

UNTOLD = ("cuda", "mps")
"""Offered as long as no worker has told what there is."""
_told: list[FoundDevice] = []


def remember(found: Sequence[FoundDevice]) -> None:
    """Note the devices that the worker of a job has, from its event `started`."""
    _told[:] = found or _told


def names() -> list[str]:
    """Values of the option `device` to choose from."""
    return list(dict.fromkeys(("auto", "cpu", *([each.name for each in _told] or UNTOLD))))


def in_words() -> str:
    """The values with what they are, such as `cuda:0 (NVIDIA H200, 139 GiB)`."""
    what = {each.name: f"{each.name} ({each.what})" for each in _told}
    return ", ".join(what.get(name, name) for name in names())

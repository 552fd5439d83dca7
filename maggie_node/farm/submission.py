"""What a farm is asked to do with a shot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from maggie_node.farm.places import places_of

if TYPE_CHECKING:
    from maggie_node.farm.shot import FarmShot


@dataclass(frozen=True)
class Machine:
    """What a task needs of the machine that runs it, and gives to it."""

    memory_gb: float | None = None
    gpus: int = 0
    gpu_memory_gb: float | None = None
    timeout_min: int = 1440
    """Minutes after which a task is taken for hung."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Submission:
    """A shot, and how a farm computes it."""

    shot: FarmShot
    chunk: int
    """Most frames of a task."""
    name: str
    executable: str = "maggie-node"
    """Name of the command on the farm's machines."""
    limits: tuple[str, ...] = ()
    """Limits of the check at the end that differ from the usual ones: `NAME=VALUE`."""
    key_intervals: tuple[tuple[int, ...], ...] = ()
    """Frames whose masks are made together from key masks, before the mattes; empty without keys or cache."""
    machine: Machine = Machine()
    retries: int = 2
    """Times that a task itself begins again after an end that another try may mend."""
    farm_retries: int = 0
    """Times that the farm repeats a task, whatever it ended for."""

    def command(
        self, name: str, document: str, *more: str, farm: str = "openjd", retries: str | None = None
    ) -> list[str]:
        """Arguments of one of the commands a farm runs: `task`, `propagate`, `pictures` or `check`.

        Args:
            retries: the number as the farm's own parameter; None = that of the submission.
        """
        words = ["farm", name, document, *more]
        if name == "check":
            words += [word for limit in self.limits for word in ("--limit", limit)]
        else:
            words += ["--retries", retries or str(self.retries)]
        return words if farm == "openjd" else [*words, "--for", farm]

    def paths(self) -> list[str]:
        """The job's places as options, for a farm that maps paths in commands."""
        places = (place for place in places_of(self.shot.job) if place.path)
        return [word for place in places for word in ("--path", f"{place.name}={place.path}")]

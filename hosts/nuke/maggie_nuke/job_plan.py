"""Jobs with the files that Nuke has to render for them, and the files of mattes. No Nuke in here."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from maggie_api import exr_header
from maggie_api.job import MatteJob
from maggie_api.sequences import matte_path

VIEW = re.compile(r"%[vV]")
"""Where a path has the name of a view, or its first letter."""


@dataclass(frozen=True)
class InputRender:
    """The files of an input that Nuke has to render before the job can run."""

    input: str
    """Name of the input."""
    pattern: str
    """Path of the files, with a frame token."""
    frames: tuple[int, ...]
    """Numbers of the files, ascending."""
    shift: int
    """Number of a file = script frame + shift."""
    channels: str
    """Value of the Write's knob `channels`: `rgb`, `rgba` or `all`."""
    why: str
    """Why the input cannot be passed by its own files."""
    view: str
    """View to render; empty for the first."""
    digest: str = ""
    """Changes with the knobs of the nodes that the input comes from."""
    keys_of: str = ""
    """Name of the instance whose key masks these are: every file that there is counts as a key. Empty when
    the input has an image at every frame."""

    @property
    def label(self) -> str:
        """What the files are called in a sentence."""
        return f"the key masks of {self.keys_of}" if self.keys_of else self.input


@dataclass(frozen=True)
class JobPlan:
    """One job, and the files that Nuke has to render before it."""

    node: str
    """Full name of the node."""
    job: MatteJob
    document: MatteJob
    """The job of all the frames that the node says, of which `job` may deliver only some."""
    renders: tuple[InputRender, ...]
    shift: int
    """Number of a matte file = script frame + shift."""
    first: int
    """First frame of the shot, as the script counts."""
    last: int
    """Last frame of the shot, as the script counts."""
    frames: tuple[int, ...]
    """Frames to deliver, as the script counts."""
    layers: tuple[tuple[str, str], ...]
    """(name, layer) of each instance."""
    view: str
    """The view that the job is for; empty when all views share it."""
    folder: str
    """The node's folder: mattes, rendered inputs, jobs, temporal state."""
    mattes: str
    """Path of the matte files as a Read in Nuke takes it: with %V where the views differ."""
    keys: Optional[tuple[int, ...]] = None
    """Frames at which everybody who has key masks has one, as the script counts; None when nobody has any."""
    key_files: tuple[tuple[str, tuple[int, ...]], ...] = ()
    """(name, numbers of the plate) of every instance whose keys are the files of a Read."""

    @property
    def job_file(self) -> Path:
        """Path of the job document."""
        return Path(self.folder) / (f"job.{self.view}.json" if self.view else "job.json")

    def missing(self, script_frames: Iterable[int]) -> list[int]:
        """Frames whose matte is not on disk or lacks a layer; see `MatteSequence.missing`."""
        sequence = MatteSequence(self.job.output, self.first, self.last, self.shift, layers=self.layers)
        return sequence.missing(script_frames)


@dataclass(frozen=True)
class MatteSequence:
    """The matte files that a node shows."""

    files: str
    """Path of the files, with a frame token and, where the views differ, %V."""
    first: int
    """First frame, as the script counts; before it the first matte is held."""
    last: int
    """Last frame, as the script counts; after it the last matte is held."""
    shift: int
    """Number of a file = script frame + shift."""
    views: tuple[str, ...] = ("",)
    layers: tuple[tuple[str, str], ...] = ()
    """(name, layer) of every instance that is asked for."""

    def missing(self, script_frames: Iterable[int]) -> list[int]:
        """Frames whose matte cannot be shown, ascending; see `wrong`."""
        return sorted(self.wrong(script_frames))

    def wrong(self, script_frames: Iterable[int]) -> dict[int, str]:
        """What is wrong with the matte of each frame that cannot be shown: `is missing`, `lacks ben`.

        Every view counts. Frames outside the shot are held at its ends.
        """
        held = {min(max(frame, self.first), self.last) + self.shift for frame in script_frames}
        found: dict[int, str] = {}
        for view in self.views:
            for number in sorted(held):
                said = self._wrong(matte_path(in_view(self.files, view), number))
                if said:
                    found.setdefault(number - self.shift, said)
        return found

    def is_there(self, script_frame: int) -> bool:
        """Whether the matte of a frame has a file in every view, whatever it holds."""
        number = min(max(script_frame, self.first), self.last) + self.shift
        return all(matte_path(in_view(self.files, view), number).is_file() for view in self.views)

    def _wrong(self, path: Path) -> str:
        if not path.is_file():
            return "is missing"
        try:
            there = exr_header.channels(path)
        except ValueError as error:
            return f"cannot be read ({error})"
        lacking = [name for name, layer in self.layers if f"{layer}.alpha" not in there]
        return f"lacks {', '.join(lacking)}" if lacking else ""


def in_view(path: str, view: str) -> str:
    """A path with %V and %v replaced."""
    return path.replace("%V", view).replace("%v", view[:1]) if view else path

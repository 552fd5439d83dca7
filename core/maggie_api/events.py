"""Events of a running job: typed, one JSON object a line.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Optional, Union

from . import serialization
from .settings import EdgeSettings, MatteSettings
from .text import one_line


@dataclass(frozen=True)
class InstanceInfo:
    """One delivered instance: the artist's name of it, and the place of its alpha in the file."""

    name: str
    slug: str
    channel: str
    """Full channel name of the alpha; in a Cryptomatte the name of its layer."""


@dataclass(frozen=True)
class NetworkRun:
    """Where and how the network computes."""

    device: str
    precision: str
    backend: str
    """Implementation of the sparse convolutions; `auto` when none was asked for."""


@dataclass(frozen=True)
class FoundDevice:
    """A device that a job could compute on."""

    name: str
    """As the option `device` takes it: `cpu`, `cuda:0`, `mps`."""
    what: str
    """What it is, in words: `NVIDIA H200, 139 GiB`."""


@dataclass(frozen=True)
class EffectiveSettings(EdgeSettings, MatteSettings, NetworkRun):
    """Every setting that decides pixels. `Started` has them as asked for and as they take effect.

    In effect no value is `auto` but `trust`, which is found out mask by mask, and `working_px` is the short
    side of the network's image. Edge options are those for everybody.
    """

    def __post_init__(self) -> None:
        """Values are not checked: a plate that is smaller than the smallest `working_px` is as it is."""


@dataclass(frozen=True)
class Repairs:
    """Pixels that were repaired in the network's copy of the plate; the plate is untouched."""

    nan: int = 0
    inf: int = 0
    negative: int = 0
    above_one: int = 0
    """Values above one after exposure, compressed or clipped; not an error in a scene-linear plate."""


@dataclass(frozen=True)
class Started:
    """The job is understood, everything it needs is there, and the model is in memory or not needed."""

    frames: tuple[int, ...]
    instances: tuple[InstanceInfo, ...]
    device: str
    model: str
    precision: str
    asked: EffectiveSettings
    effective: EffectiveSettings
    working_size: str
    """Width and height of the network's image, e.g. `1024x576`."""
    licence: str
    colorspace: str
    """OCIO colour space the plate is read in."""
    ocio: str
    """OCIO configuration in effect."""
    assumption: str = ""
    """Why `colorspace` is only assumed, in a sentence for the user; empty where it is known."""
    devices: tuple[FoundDevice, ...] = ()
    """The devices of the machine that computes."""
    looks_around: bool = True
    """Whether the network's matte of a frame depends on other frames. Workers of before do not say it."""
    event: Literal["started"] = "started"


@dataclass(frozen=True)
class Enlarged:
    """Somebody small whom the network saw enlarged, in a segment."""

    name: str
    """Of the instance."""
    factor: float
    """Pixels of the network's image for one of the whole frame's, to three digits."""
    region: str
    """The part of the plate it saw, in plate pixels: `480x512+100+40`."""


@dataclass(frozen=True)
class FrameDone:
    """A frame's matte is on disk, whole."""

    frame: int
    path: str
    seconds: float
    """Seconds since the frame before it; 0 when its file existed."""
    cached: bool
    """True when a file of the same recipe existed."""
    paths: tuple[str, ...] = ()
    """Every file of this frame; `path` is the first."""
    repairs: Optional[Repairs] = None
    reused: Literal["nothing", "state", "matte", "file"] = "nothing"
    """What existed: nothing, in the cache the network's matte or the finished matte, or the file."""
    why: str = ""
    """With a cache: what has changed since the matte was last made, so that it had to be made again."""
    enlarged: tuple[Enlarged, ...] = ()
    """Who was seen enlarged, in the order of the instances; nobody where the file existed."""
    event: Literal["frame_done"] = "frame_done"


@dataclass(frozen=True)
class FrameFailed:
    """A frame has no matte; nothing of it is on disk."""

    frame: int
    error: str
    event: Literal["frame_failed"] = "frame_failed"


@dataclass(frozen=True)
class PictureDone:
    """A movie, or a sequence of pictures, is on disk, whole."""

    path: str
    """A movie's file, or the sequence."""
    frames: int
    """Pictures that were written; 0 when all existed, made by the same recipe."""
    event: Literal["picture_done"] = "picture_done"


@dataclass(frozen=True)
class PictureFailed:
    """A movie, or a sequence of pictures, is not there or not complete; a file that is there is whole."""

    path: str
    error: str
    event: Literal["picture_failed"] = "picture_failed"


@dataclass(frozen=True)
class Warning:
    """Something the user should know; the job goes on."""

    code: str
    """Stable, for programs: `repaired-pixels`, `missing-frames`, ..."""
    text: str
    """One line."""
    frames: tuple[int, ...] = ()
    """Frames it is about, ascending; none where it is about the whole job."""
    event: Literal["warning"] = "warning"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text))


@dataclass(frozen=True)
class Finished:
    """The last event of a job: every asked frame is in exactly one of the three counts."""

    done: int
    skipped: int
    failed: int
    cancelled: bool = False
    """True when the job was cancelled; frames it did not reach are then in no count."""
    pictures_failed: int = 0
    """Movies and sequences of pictures that were asked for and are not there."""
    event: Literal["finished"] = "finished"


Event = Union[Started, FrameDone, FrameFailed, PictureDone, PictureFailed, Warning, Finished]
_EVENTS = (Started, FrameDone, FrameFailed, PictureDone, PictureFailed, Warning, Finished)


def enlarged_text(enlarged: Iterable[Enlarged]) -> str:
    """`ben x2.8, cy x1.4`; empty for nobody."""
    return ", ".join(f"{each.name} x{each.factor:.1f}" for each in enlarged)


def to_line(event: Event) -> str:
    """One line of JSON, without its line break."""
    return json.dumps(serialization.to_data(event), ensure_ascii=False)


def from_line(line: str) -> Event:
    """The event a line holds.

    Raises:
        DocumentError: no JSON, an unknown event, an unknown field or a wrong type.
    """
    return serialization.one_of(_EVENTS, serialization.parse(line, "event"), "event", tag="event")

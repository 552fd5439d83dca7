"""What a node and its script say, as plain data. No Nuke in here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from maggie_api.sequences import has_token, is_movie
from maggie_api.settings import EdgeSettings, MatteFile, MatteSettings, RunSettings

from . import colour


@dataclass(frozen=True)
class Cryptomatte:
    """One Cryptomatte that an image carries."""

    name: str
    """Its name in the metadata, such as `CryptoObject`."""
    objects: tuple[str, ...] = ()
    """Names of its objects, in the order of its manifest."""


@dataclass(frozen=True)
class InputSource:
    """What is connected to one input of the node."""

    input: str
    """Name of the input: `plate`, `guidance`, `guidance2`, ..."""
    node: str
    """Full name of the node that the image comes from."""
    first: int
    """First frame, as the script counts."""
    last: int
    """Last frame, as the script counts."""
    path: Optional[str] = None
    """Path of the files, when a bare Read is connected; None when Nuke has to render the input."""
    why: str = ""
    """Why Nuke has to render the input; empty when it need not."""
    shift: int = 0
    """Number of a file = script frame + shift; 0 when Nuke has to render the input."""
    space: str = ""
    """Value of the Read's knob `colorspace`."""
    raw: bool = False
    """Whether the Read converts no colours."""
    channels: tuple[str, ...] = ()
    """Full names of the image's channels, such as `rgba.alpha`."""
    digest: str = ""
    """Changes with the knobs of the nodes that the image comes from."""
    cryptomattes: tuple[Cryptomatte, ...] = ()
    keyed: tuple[int, ...] = ()
    """Frames at which the shapes of the Rotos behind it have keys, as the script counts."""

    @property
    def still(self) -> bool:
        """Whether one file serves every frame."""
        return self.path is not None and not has_token(self.path) and not is_movie(self.path)


def input_of(text: str) -> str:
    """Name of the input in `guidance2:part`."""
    return text.partition(":")[0].strip()


def part_of(text: str) -> Optional[str]:
    """The channel, layer or object in `guidance2:part`; None when the text names none."""
    return text.partition(":")[2].strip() or None


@dataclass(frozen=True)
class InstanceRow:
    """One instance, as the artist sees it on the tab Instances."""

    name: str
    source: str
    """`guidance`, `guidance:hero.alpha`, or for an object of a Cryptomatte `guidance:crypto:CryptoObject`."""
    use: bool = True
    core: str = ""
    """Where the matte is inside which alpha is 1: an input, or `guidance2:part` with a channel, a layer or an
    object of a Cryptomatte."""
    garbage: str = ""
    """The same of the matte outside which alpha is 0."""
    approved: str = ""
    """Where the alphas are that are delivered as they are: an input with a Read of these frames alone."""
    edges: str = ""
    """Edge options that differ from everybody's: `trust=0.9 grow_px=-1.5`."""
    at_keys: bool = False
    """Whether the masks are those of some frames, and the instance is followed through the others."""
    keys: str = ""
    """The frames of these masks, as the script counts: `1001,1012,1024`. Empty: the frames of the Read's
    files, or those at which the shapes of a Roto have keys."""

    @property
    def input(self) -> str:
        """Name of the input that holds the mask."""
        return input_of(self.source)

    @property
    def channel(self) -> Optional[str]:
        """Channel or layer that holds the mask; None when the source names none."""
        return part_of(self.source)

    @property
    def cryptomatte(self) -> Optional[str]:
        """Name of the Cryptomatte that the instance is an object of; None for a mask."""
        kind, _, name = (self.channel or "").partition(":")
        return name if kind == "crypto" else None


@dataclass(frozen=True)
class NodeState:
    """Everything that a node and its script say about what to matte."""

    node: str
    """Full name of the node."""
    plate: Optional[InputSource]
    guidance: tuple[Optional[InputSource], ...]
    """One for each guidance input, in order; None where nothing is connected."""
    rows: tuple[InstanceRow, ...] = ()
    frames: str = "input"
    """Which frames to deliver: `input` (the plate's), `script` or `custom`."""
    range: str = ""
    """The custom frames, as the script counts: `1001-1100x2,1200`."""
    script_first: int = 1
    script_last: int = 1
    frame: int = 1
    """The script's current frame."""
    views: tuple[str, ...] = ("main",)
    proxy: bool = False
    """Whether proxy mode is on."""
    folder: str = ""
    """Folder of the script; empty when it was never saved."""
    id: str = ""
    """What tells the node from its copies; no two nodes of a script have the same."""
    own: str = ""
    """Folder of the node's files since its first matte; empty before."""
    cache: str = ""
    """Folder that the artist names for the folders of nodes; empty for one beside the script."""
    project_colour: colour.ProjectColour = colour.ProjectColour("Nuke")
    run: RunSettings = RunSettings()
    """The model, where it runs, and what to do where files are missing; the frames are said above."""
    matte: MatteSettings = MatteSettings()
    """The node's options; where `ocio` or `colorspace` is None, the script answers."""
    edges: EdgeSettings = EdgeSettings()
    """Edge options for everybody."""
    garbage: str = ""
    """Where the garbage matte of everybody is, as in a row; empty for none."""
    file: MatteFile = MatteFile()
    preview: bool = False
    """Whether a movie to look at is made of all frames."""
    fps: float = 24.0
    """Frames per second of the script, and of that movie."""

    def input(self, name: str) -> Optional[InputSource]:
        """The source of the input with a name; None when nothing is connected."""
        return next((each for each in (self.plate, *self.guidance) if each and each.input == name), None)

"""Every option of a matte, once: its values, its default, its help.

`MatteSettings` says what changes the pixels, `EdgeSettings` how the artist treats edges, `MatteFile` what the
delivered files look like, `PictureFile` what pictures and movies hold, `RunSettings` which frames are made,
by which model, where. The job document has the fields of all five. The command line and the controls of
hosts take names, choices, defaults and help texts from `options_of`.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import sys
import typing
from dataclasses import dataclass
from typing import Any, Literal, Optional, TypeVar, Union

from .errors import SettingsError

Highlights = Literal["compress", "clip"]
Overlap = Literal["first", "last", "shared"]
DataWindow = Literal["display", "tight", "plate"]
Detail = Literal["working", "full"]
Scale = Literal["auto", "off"]
Refine = Literal["none", "guided", "closed-form"]
Smooth = Literal["none", "flow"]
Layout = Literal["layers", "files", "multipart", "cryptomatte"]
Depth = Literal["half", "float"]
PictureColour = Literal["straight", "premultiplied", "alpha"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
OnMissing = Literal["error", "hold", "black", "skip"]
GuidanceMissing = Literal["error", "empty", "hold"]

S = TypeVar("S")

COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab")
"""Names of EXR compressions; `zip`, `zips`, `dwaa` and `dwab` may have a level, as in `dwaa:45`."""
LOSSLESS = ("none", "rle", "zips", "zip", "piz")
"""Compressions that keep every bit of a 32-bit float."""

MODEL_NAMES = ("default", "generated", "him50k", "vim2k5")
"""Models that are called by a name. Any other value of `model` is a path, and so is `./default`."""

TRACKER_NAMES = ("sam2:tiny", "sam2:small", "sam2:base-plus", "sam2:large")
"""Trackers beside `builtin` that are called by a name: the sizes of SAM 2.1. Others are `sam2:FOLDER`."""

MAX_FPS = 1000
"""Frames per second; more is a slip of the pen."""
MIN_WORKING_PX = 64
"""Below it the network's coarsest features, at 1/32 of the size, are one or two cells high."""
MAX_EXPOSURE_EV = 32
"""Stops either way; a factor of 2**32 leaves the values of any plate inside the range of float32."""

MAX_CACHE_GB = 1e9
"""Largest size of a cache folder: an exabyte, so that bytes are counted in 64 bits."""


def option(default: Any, help: str) -> Any:  # noqa: A002 - click's word
    """A field of a settings class, with the help text that every command line and control shows."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class MatteSettings:
    """Everything that decides the pixels of a matte beside the plate, the guidance and the weights.

    Raises:
        SettingsError: a value is out of its range.
    """

    working_px: int = option(
        576, "Short side the network works at, in square pixels; a smaller plate is never enlarged."
    )
    detail: Detail = option(
        "working", "Where edges are decided: on the working grid, or once more at the plate's own size."
    )
    scale: Scale = option(
        "auto",
        "Whether small people are enlarged until the network can judge them, or matted in the whole frame.",
    )
    colorspace: Optional[str] = option(
        None, "OCIO colour space of the plate; default: by the configuration's file rules."
    )
    ocio: Optional[str] = option(
        None, "OCIO configuration (path or ocio:// name); default: $OCIO, then the pinned built-in."
    )
    exposure_ev: Union[float, Literal["auto"]] = option(
        0.0, "Stops added before the network looks. The delivered plate is never touched."
    )
    highlights: Highlights = option(
        "compress", "How the network's copy treats values above 1: rolled off below 1, or cut."
    )
    plate_layer: Optional[str] = option(
        None, "Layer that holds the plate's RGB; default: the beauty pass is found."
    )
    overlap: Overlap = option(
        "first", "Who owns a pixel that several masks claim: first or last listed, or all (as published)."
    )
    segment_frames: Union[int, Literal["whole"]] = option(
        48,
        "Frames in which the network looks at the same regions and shares one chain of temporal state, "
        "counted from the shot's first; or whole.",
    )
    warmup_frames: int = option(
        4,
        "Frames computed before a segment and thrown away, so that its chain has settled; none for a model "
        "without state, as the default.",
    )
    carry_hidden: bool = option(
        False,
        "Also hand the network's hidden state on from window to window, as the paper says; its published "
        "program starts every window from zeros. A model without state, as the default, has none.",
    )
    refine: Union[Literal["auto"], Refine] = option(
        "auto", "The last step on edges, at working size; auto takes what the model was made to end in."
    )
    smooth: Union[Literal["auto"], Smooth] = option(
        "auto",
        "Whether a frame is averaged with its neighbours along the optical flow; auto as the model is made "
        "for. An image network's frames never are.",
    )
    sum_to_one: bool = option(
        False,
        "Add `residual`, what of a pixel is nobody's, and `contested`; alphas and residual sum to one. "
        "Alphas alone never exceed one.",
    )
    data_window: DataWindow = option(
        "display",
        "Pixels matted and written: the display window, only where there is alpha, or overscan too.",
    )

    def __post_init__(self) -> None:
        _settle(self, MatteSettings)
        if self.working_px < MIN_WORKING_PX:
            sentence = f"working size is {self.working_px} px: it needs at least {MIN_WORKING_PX}"
            raise SettingsError(sentence, field="working_px")
        if self.segment_frames != "whole" and self.segment_frames < 1:
            sentence = f"a segment has {self.segment_frames} frames: give at least 1, or 'whole'"
            raise SettingsError(sentence, field="segment_frames")
        if self.warmup_frames < 0:
            sentence = f"warm-up is {self.warmup_frames} frames: it cannot be negative"
            raise SettingsError(sentence, field="warmup_frames")
        check_exposure(self.exposure_ev)

    @property
    def segment(self) -> Optional[int]:
        """Frames of a segment; None = the whole shot."""
        return None if self.segment_frames == "whole" else self.segment_frames


MAX_EDGE_PX = 200
"""Farthest that an edge is moved or blurred, in plate pixels: no edge is wider, and work grows with it."""
MAX_PIECE_PX = 20_000
"""Largest side of a hole or a speck, in plate pixels: that of the largest plates."""
MAX_GAMMA = 100
"""Greatest gamma, and its inverse the least: beyond, half-covered pixels are all 0 or all 1."""


@dataclass(frozen=True)
class EdgeSettings:
    """How a matte is held to its mask and how its edge is treated; for everybody, or for one person.

    The edge tools work in the order of their fields on the finished alpha. Lengths are in plate pixels. At
    their defaults they change nothing, and none of these options needs the network.

    Raises:
        SettingsError: a value is out of its range.
    """

    trust: Union[float, Literal["auto"]] = option(
        "auto",
        "How far the matte keeps to its mask: 1 is the mask's own edge refined, 0 the network alone; auto "
        "finds out how good each mask is.",
    )
    fill_holes_px: float = option(0.0, "Holes of no more area than a square of this side become solid.")
    remove_specks_px: float = option(0.0, "Pieces of no more area than a square of this side vanish.")
    grow_px: float = option(
        0.0, "How far the edge moves outwards; below 0 it shrinks. Fractions of a pixel count."
    )
    soften_px: float = option(0.0, "Blur of the alpha: its standard deviation, in plate pixels.")
    black_point: float = option(0.0, "Alphas up to here become 0.")
    white_point: float = option(1.0, "Alphas from here on become 1.")
    gamma: float = option(1.0, "Above 1 half-covered pixels cover more, below 1 less; 0 and 1 stay.")

    def __post_init__(self) -> None:
        _settle(self, EdgeSettings)
        if self.trust != "auto" and not 0 <= self.trust <= 1:
            raise SettingsError(f"trust is {self.trust}: it lies between 0 and 1, or is auto", field="trust")
        limits = {"fill_holes_px": MAX_PIECE_PX, "remove_specks_px": MAX_PIECE_PX, "soften_px": MAX_EDGE_PX}
        for name, most in limits.items():
            if not 0 <= getattr(self, name) <= most:
                sentence = (
                    f"{name} is {getattr(self, name)}: give a number of pixels from 0 on, {most} at most"
                )
                raise SettingsError(sentence, field=name)
        if not abs(self.grow_px) <= MAX_EDGE_PX:
            span = f"{MAX_EDGE_PX} at most, below 0 to shrink"
            sentence = f"grow_px is {self.grow_px}: give a number of pixels, {span}"
            raise SettingsError(sentence, field="grow_px")
        if not 0 <= self.black_point < self.white_point <= 1:
            raise SettingsError(
                f"black point is {self.black_point} and white point {self.white_point}: they lie between 0 "
                "and 1, black below white",
                field="black_point",
            )
        if not 1 / MAX_GAMMA <= self.gamma <= MAX_GAMMA:
            sentence = (
                f"gamma is {self.gamma}: give a number from {1 / MAX_GAMMA} to {MAX_GAMMA}; 1 changes nothing"
            )
            raise SettingsError(sentence, field="gamma")

    @property
    def has_tools(self) -> bool:
        """Whether any edge tool does anything."""
        return self != EdgeSettings(trust=self.trust)


@dataclass(frozen=True)
class MatteFile:
    """How mattes are stored.

    Raises:
        SettingsError: a value is out of its range, or two fields contradict each other.
    """

    layout: Layout = option(
        "layers",
        "layers: one part, one layer per instance. multipart: one part per instance. files: one file per "
        "instance. cryptomatte: all of them as one Cryptomatte, always in 32-bit float.",
    )
    depth: Depth = option("half", "Stored type of alpha and colour; half keeps alpha to 1/2048.")
    compression: str = option(
        "zips", "EXR compression; one scan line at a time suits a compositor's access best."
    )
    data_window: DataWindow = option(
        "display", "Pixels stored: the display window; only where there is any matte; or all that was matted."
    )
    foreground: bool = option(
        False, "Also store each person's own colour, freed of the background and premultiplied."
    )

    def __post_init__(self) -> None:
        _settle(self, MatteFile)
        _check_compression(self.compression)
        if self.layout == "cryptomatte" and self.compression.partition(":")[0] not in LOSSLESS:
            sentence = (
                f"compression {self.compression} would change Cryptomatte ids: choose {' or '.join(LOSSLESS)}"
            )
            raise SettingsError(sentence, field="compression")
        if self.layout == "cryptomatte" and self.foreground:
            sentence = "a Cryptomatte has no room for colour: drop --foreground or choose another layout"
            raise SettingsError(sentence, field="foreground")


@dataclass(frozen=True)
class PictureFile:
    """What PNG and TIFF files and movies hold.

    Raises:
        SettingsError: a value is out of its range.
    """

    rgb: PictureColour = option(
        "straight",
        "Colour in PNG, TIFF and movies: the plate's as it is, beside the alpha (straight); times the alpha "
        "(premultiplied); or a grey picture of the alpha, and no colour (alpha).",
    )
    fps: Optional[float] = option(
        None, "Frames per second of movies and previews; default: the plate's, else 24."
    )

    def __post_init__(self) -> None:
        _settle(self, PictureFile)
        if self.fps is not None and not 0 < self.fps <= MAX_FPS:
            sentence = f"fps is {self.fps}: frames per second lie above 0 and at {MAX_FPS} at most"
            raise SettingsError(sentence, field="fps")


@dataclass(frozen=True)
class RunSettings:
    """Which frames are made, by which model, on which device, and what is kept between runs.

    Raises:
        SettingsError: a value is out of its range.
    """

    frames: Optional[str] = option(None, "Frames to deliver, e.g. 1001-1100x2,1200; default: the whole shot.")
    shot_frames: Optional[str] = option(
        None,
        "Frames the shot consists of; default: those on disk. Segments are counted from the first of them.",
    )
    on_missing: OnMissing = option(
        "error",
        "For a missing or damaged plate frame: stop, hold the one before it, take black, or skip its matte.",
    )
    guidance_missing: GuidanceMissing = option(
        "error", "For a missing or damaged mask: stop, take an empty mask, or hold the mask before it."
    )
    model: str = option(
        "default", "Name of a model, or path of a weights file or of a folder that holds one."
    )
    tracker: str = option(
        "builtin",
        "Who follows people from key masks: builtin, or SAM 2 as sam2: and a name (tiny, small, base-plus, "
        "large) or a folder; it needs the extra `track`.",
    )
    device: str = option("auto", "Where the network computes; auto takes a GPU if there is one.")
    precision: Precision = option(
        "auto",
        "Number format the network computes in; auto: bf16 on a GPU that has it, fp32 on any CPU, so that a "
        "farm's frames are alike.",
    )
    commercial: bool = option(False, "Refuse weights whose licence does not allow commercial work.")
    resume: bool = option(
        True, "Keep frames that are complete and were made by the same recipe, or redo all."
    )
    cache: Optional[str] = option(
        None,
        "Folder that keeps temporal state from run to run; default: none is kept. It changes no pixel.",
    )
    cache_gb: float = option(
        20.0, "Gigabytes the cache folder may take; what was not used for longest goes first."
    )
    max_memory_gb: float = option(
        0.0,
        "Gigabytes of memory the job may take: the network works at a smaller size where it must, which is "
        "told, and what fits at no size is refused. 0: what the machine has.",
    )

    def __post_init__(self) -> None:
        _settle(self, RunSettings)
        if self.tracker not in ("builtin", *TRACKER_NAMES) and not tracker_folder(self.tracker):
            known = f"builtin, {', '.join(TRACKER_NAMES)} or sam2:FOLDER"
            sentence = f"tracker is {self.tracker!r}: choose {known}"
            raise SettingsError(sentence, field="tracker")
        if not 0 < self.cache_gb <= MAX_CACHE_GB:
            sentence = f"the cache may take {self.cache_gb} GB: give it some room, in gigabytes"
            raise SettingsError(sentence, field="cache_gb")
        if not 0 <= self.max_memory_gb <= MAX_CACHE_GB:
            sentence = f"the job may take {self.max_memory_gb} GB of memory: give it some, or 0 for all"
            raise SettingsError(sentence, field="max_memory_gb")


def tracker_folder(tracker: str) -> str:
    """The folder that the value of `tracker` names; empty for one that is called by a name."""
    kind, _, model = tracker.partition(":")
    return model if kind == "sam2" and tracker not in TRACKER_NAMES else ""


def _check_compression(compression: str) -> None:
    codec, colon, level = compression.partition(":")
    if codec not in COMPRESSIONS:
        sentence = f"compression is {compression!r}: choose one of {', '.join(COMPRESSIONS)}"
        raise SettingsError(sentence, field="compression")
    if not colon:
        return
    if codec in ("zip", "zips") and not re.fullmatch("[1-9]", level):
        sentence = f"compression is {compression!r}: the level of {codec} is 1..9, such as {codec}:4"
    elif codec in ("dwaa", "dwab") and not re.fullmatch(r"\d{1,4}(\.\d{1,6})?", level):
        sentence = f"compression is {compression!r}: the level of {codec} is 0..9999, such as {codec}:45"
    elif codec not in ("zip", "zips", "dwaa", "dwab"):
        sentence = f"compression is {compression!r}: {codec} has no level, write {codec}"
    else:
        return
    raise SettingsError(sentence, field="compression")


def check_exposure(stops: Union[float, Literal["auto"]]) -> None:
    """Check that an exposure is `auto` or a number of stops in range.

    Raises:
        SettingsError: it is neither.
    """
    if stops != "auto" and not abs(stops) <= MAX_EXPOSURE_EV:
        span = f"-{MAX_EXPOSURE_EV}..{MAX_EXPOSURE_EV}"
        sentence = f"exposure is {stops} stops: it lies in {span}, or is auto"
        raise SettingsError(sentence, field="exposure_ev")


Kind = Literal["choice", "flag", "whole number", "number", "text"]
"""What a value is: one of some words, true or false, an integer, a float, or any text."""


@dataclass(frozen=True)
class Option:
    """One option, with what a program needs to offer it."""

    name: str
    default: Any
    help: str
    kind: Kind
    choices: tuple[str, ...] = ()
    """All values of a `choice`; empty for the other kinds."""
    word: Optional[str] = None
    """Word that may stand in place of a number, such as `whole`."""


def options_of(*settings: type) -> dict[str, Option]:
    """The options of settings classes by name, in their order; one that two classes have is given once."""
    found: dict[str, Option] = {}
    for each in settings:
        for option_ in _options(each):
            found.setdefault(option_.name, option_)
    return found


def settings_of(kind: type[S], values: object) -> S:
    """An instance of settings class `kind`, each field from the attribute of `values` with its name.

    Raises:
        SettingsError: a value is out of its range.
    """
    names = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    return kind(**{name: getattr(values, name) for name in names})


def choices_of(hint: Any) -> tuple[str, ...]:
    """The words that an annotation of literals allows; empty where it also allows other values."""
    parts = [typing.get_args(part) if _is_literal(part) else () for part in _alternatives(hint)]
    return tuple(dict.fromkeys(word for part in parts for word in part)) if all(parts) else ()


@functools.cache
def _options(settings: type) -> tuple[Option, ...]:
    hints = typing.get_type_hints(settings)
    fields = dataclasses.fields(settings)  # type: ignore[arg-type]
    return tuple(_option(field, hints[field.name]) for field in fields)


def _option(field: dataclasses.Field[Any], hint: Any) -> Option:
    choices = choices_of(hint)
    words = [typing.get_args(part)[0] for part in _alternatives(hint) if _is_literal(part)]
    return Option(
        field.name,
        field.default,
        field.metadata.get("help", ""),
        "choice" if choices else _kind(hint),
        choices,
        None if choices or not words else words[0],
    )


def _kind(hint: Any) -> Kind:
    parts = _alternatives(hint)
    if bool in parts:
        return "flag"
    if float in parts:
        return "number"
    return "whole number" if int in parts else "text"


def _alternatives(hint: Any) -> tuple[Any, ...]:
    """The types that an annotation allows: those of a union, else itself."""
    return (hint,) if _is_literal(hint) else typing.get_args(hint) or (hint,)


def _is_literal(hint: Any) -> bool:
    return typing.get_origin(hint) is Literal


def as_float(value: Any) -> Any:
    """An integer as a float; anything else, also an integer that no float can hold, as it is."""
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > sys.float_info.max:
        return value
    return float(value)


def _settle(values: object, settings: type) -> None:
    """Check the choices of a new instance, and make floats of integers that stand for numbers: 1 and 1.0 are
    one value, so they must be one in recipes, too."""
    for name, each in options_of(settings).items():
        value = getattr(values, name)
        if each.kind == "number":
            object.__setattr__(values, name, as_float(value))
        if each.choices and value not in each.choices:
            raise SettingsError(f"{name} is {value!r}: choose {' or '.join(each.choices)}", field=name)

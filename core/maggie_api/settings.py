"""Every option of a matte, once: its values, its default, its help.

`MatteSettings` says what changes the pixels, `MatteFile` what the delivered files look like. The job
document, the command line and the controls of hosts take their fields, choices, defaults and help texts from
here (`options_of`).
"""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any, Literal, Optional, Union

from .errors import SettingsError

Highlights = Literal["compress", "clip"]
Overlap = Literal["first", "last", "shared"]
DataWindow = Literal["display", "tight", "plate"]
Detail = Literal["working", "full"]
Refine = Literal["none", "guided", "closed-form"]
Smooth = Literal["none", "flow"]
Layout = Literal["layers", "files", "multipart", "cryptomatte"]
Depth = Literal["half", "float"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
OnMissing = Literal["error", "hold", "black", "skip"]
GuidanceMissing = Literal["error", "empty", "hold"]

COMPRESSIONS = ("none", "rle", "zips", "zip", "piz", "pxr24", "b44", "b44a", "dwaa", "dwab")
"""What may be asked for; `zip`, `zips`, `dwaa` and `dwab` also take a level, as in `dwaa:45`."""
LOSSLESS = ("none", "rle", "zips", "zip", "piz")
"""Compressions that keep every bit of a 32-bit float."""


def option(default: Any, help: str) -> Any:  # noqa: A002 - click's word
    """A field of a settings class, with the help text that every command line and control shows."""
    return dataclasses.field(default=default, metadata={"help": help})


@dataclass(frozen=True)
class MatteSettings:
    """What changes the pixels of a matte, beside the plate, the guidance and the weights.

    Raises:
        SettingsError: a value is out of its range.
    """

    working_px: int = option(
        576, "Short side the network works at, in square pixels; a smaller plate is never enlarged."
    )
    detail: Detail = option(
        "working", "Where edges are decided: on the working grid, or once more at the plate's own size."
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
        48, "Frames that share one chain of temporal state, counted from the shot's first; or whole."
    )
    warmup_frames: int = option(
        4, "Frames computed before a segment and thrown away, so that its chain has settled."
    )
    carry_hidden: bool = option(
        False,
        "Also hand the network's hidden state on from window to window, as the paper says; its published "
        "program starts every window from zeros, and the default weights were trained so.",
    )
    refine: Union[Refine, Literal["auto"]] = option(
        "auto", "The last step on edges, at working size; auto takes what the model was made to end in."
    )
    smooth: Union[Smooth, Literal["auto"]] = option(
        "auto",
        "Whether a frame is averaged with its neighbours along the optical flow; auto as the model is made "
        "for. An image network's frames never are.",
    )
    sum_to_one: bool = option(
        False, "Scale the alphas where they exceed one together; adds `residual` and `contested`."
    )
    data_window: DataWindow = option(
        "display",
        "Pixels matted and written: the display window, only where there is alpha, or overscan too.",
    )

    def __post_init__(self) -> None:
        _check_choices(self)
        if self.working_px < 64:
            raise SettingsError(f"working size is {self.working_px} px: it needs at least 64")
        if self.segment_frames != "whole" and self.segment_frames < 1:
            raise SettingsError(f"a segment has {self.segment_frames} frames: give at least 1, or 'whole'")
        if self.warmup_frames < 0:
            raise SettingsError(f"warm-up is {self.warmup_frames} frames: it cannot be negative")

    @property
    def segment(self) -> Optional[int]:
        """Frames of a segment; None = the whole shot."""
        return None if self.segment_frames == "whole" else self.segment_frames


@dataclass(frozen=True)
class MatteFile:
    """How mattes are stored. Every field may be left alone.

    Raises:
        SettingsError: two of them contradict each other.
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
        _check_choices(self)
        if self.compression.partition(":")[0] not in COMPRESSIONS:
            raise SettingsError(
                f"compression is {self.compression!r}: choose one of {', '.join(COMPRESSIONS)}"
            )
        if self.layout == "cryptomatte" and self.compression.partition(":")[0] not in LOSSLESS:
            raise SettingsError(
                f"compression {self.compression} would change Cryptomatte ids: choose {' or '.join(LOSSLESS)}"
            )
        if self.layout == "cryptomatte" and self.foreground:
            raise SettingsError(
                "a Cryptomatte has no room for colour: drop --foreground or choose another layout"
            )


@dataclass(frozen=True)
class Option:
    """One option as a program that offers it needs it."""

    name: str
    default: Any
    help: str
    choices: tuple[str, ...]
    """Words it may be; empty = any value of its type."""


def options_of(settings: type) -> dict[str, Option]:
    """The options of a settings class by name, in its order."""
    hints = typing.get_type_hints(settings)
    return {
        field.name: Option(
            field.name, field.default, field.metadata.get("help", ""), choices_of(hints[field.name])
        )
        for field in dataclasses.fields(settings)
    }


def choices_of(hint: Any) -> tuple[str, ...]:
    """The words that an annotation of literals allows; empty where it also allows other values."""
    if typing.get_origin(hint) is Literal:
        return typing.get_args(hint)
    if typing.get_origin(hint) is Union:
        parts = [choices_of(part) for part in typing.get_args(hint)]
        return tuple(dict.fromkeys(word for part in parts for word in part)) if all(parts) else ()
    return ()


def _check_choices(settings: Any) -> None:
    for name, each in options_of(type(settings)).items():
        value = getattr(settings, name)
        if each.choices and value not in each.choices:
            raise SettingsError(f"{name} is {value!r}: choose {' or '.join(each.choices)}")

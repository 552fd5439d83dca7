"""What the delivered files look like."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from maggie_core.errors import SettingsError
from maggie_core.io.exr import COMPRESSIONS
from maggie_core.settings import DataWindow

Layout = Literal["layers", "files", "multipart", "cryptomatte"]
Depth = Literal["half", "float"]
LOSSLESS = ("none", "rle", "zips", "zip", "piz")
"""Compressions that keep every bit of a 32-bit float."""


@dataclass(frozen=True)
class MatteFile:
    """How mattes are stored. Every field may be left alone.

    Raises:
        SettingsError: two of them contradict each other.
    """

    layout: Layout = "layers"
    """`layers`: one part, one layer per instance. `files`: one file per instance. `multipart`: one part
    per instance. `cryptomatte`: all of them as one Cryptomatte, always in 32-bit float."""
    depth: Depth = "half"
    """Stored type of alpha and colour; half keeps alpha to 1/2048."""
    compression: str = "zips"
    """EXR compression; one scan line at a time suits a compositor's access best."""
    data_window: DataWindow = "display"
    """Pixels stored: the display window; only where there is any matte; or all that was matted."""
    foreground: bool = False
    """Also store each person's unmixed colour, premultiplied, beside their alpha."""

    def __post_init__(self) -> None:
        for field, choices in (("layout", Layout), ("depth", Depth), ("data_window", DataWindow)):
            value = getattr(self, field)
            if value not in get_args(choices):
                raise SettingsError(f"{field} is {value!r}: choose {' or '.join(get_args(choices))}")
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

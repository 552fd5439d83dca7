"""How to matte a shot. Every field may be left alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maggie_core.errors import SettingsError
from maggie_core.native import Detail
from maggie_core.polish import Polish
from maggie_core.steady import Steady

Highlights = Literal["compress", "clip"]
Overlap = Literal["first", "last", "shared"]
DataWindow = Literal["display", "tight", "plate"]


@dataclass(frozen=True)
class MatteSettings:
    """What changes the pixels of a matte, beside the plate, the guidance and the weights.

    Raises:
        SettingsError: a value is out of its range.
    """

    working_px: int = 576
    """Short side the network works at, in square pixels; a smaller plate is never enlarged."""
    detail: Detail = "working"
    """Where edges are decided: on the working grid, or once more at the plate's own size."""
    colorspace: str | None = None
    """OCIO colour space of the plate; None asks the configuration's file rules."""
    ocio: str | None = None
    """OCIO configuration (path or `ocio://` name); None means $OCIO, then the pinned built-in."""
    exposure_ev: float | Literal["auto"] = 0.0
    """Stops added before the network looks. The delivered plate is never touched."""
    highlights: Highlights = "compress"
    """How the network's copy treats values above 1: rolled off below 1, or cut."""
    plate_layer: str | None = None
    """Layer that holds the plate's RGB; None finds the beauty pass."""
    overlap: Overlap = "first"
    """Who owns a pixel that several masks claim: first or last listed, or all (as published)."""
    segment_frames: int | None = 48
    """Frames that share one chain of temporal state, counted from the shot's first; None = whole shot."""
    warmup_frames: int = 4
    """Frames computed before a segment and thrown away, so that its chain has settled."""
    carry_hidden: bool = False
    """Also hand the network's hidden state on from window to window, as the paper says; its published program
    starts every window from zeros, and the weights here were trained so."""
    polish: Polish | Literal["auto"] = "auto"
    """The last step, at working size; auto takes what the model was made to end in."""
    steady: Steady | Literal["auto"] = "auto"
    """Whether a frame is averaged with its neighbours along the optical flow; auto as the model is made for.
    An image network's frames never are."""
    sum_to_one: bool = False
    """Scale the alphas where they exceed one together; adds `residual` and `contested`."""
    data_window: DataWindow = "display"
    """Pixels matted and written: the display window, only where there is alpha, or overscan too."""

    def __post_init__(self) -> None:
        if self.working_px < 64:
            raise SettingsError(f"working size is {self.working_px} px: it needs at least 64")
        if self.segment_frames is not None and self.segment_frames < 1:
            raise SettingsError(f"a segment has {self.segment_frames} frames: give at least 1, or 'whole'")
        if self.warmup_frames < 0:
            raise SettingsError(f"warm-up is {self.warmup_frames} frames: it cannot be negative")

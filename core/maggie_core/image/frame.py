"""One image in memory, with everything a file says about where its pixels are."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from maggie_core.image.window import Window


@dataclass(frozen=True)
class Frame:
    """Pixels of one image file or movie frame, unconverted.

    `pixels` is float32 (H, W, C) and covers exactly `data`; `channels` names the C planes as
    `layer.channel` (or a bare channel), in the file's own spelling.
    """

    pixels: np.ndarray
    channels: tuple[str, ...]
    data: Window
    display: Window
    pixel_aspect: float = 1.0
    metadata: dict[str, Any] = field(default_factory=dict)
    """Header attributes by OpenImageIO's names, e.g. `smpte:TimeCode`, `FramesPerSecond`."""
    code_max: float | None = None
    """Code value that `pixels` shows as 1.0 where the file stores integers (1, 15, 255, 65535), else None.

    Multiplying by it and rounding gives back the stored numbers, e.g. the ids of an id map. 32-bit integers
    are ids and never scaled.
    """

    @property
    def header(self) -> Frame:
        """The frame without its pixels: (H, W, 0)."""
        return replace(self, pixels=np.zeros((*self.pixels.shape[:2], 0), np.float32), channels=())

"""Geometry of a shot: windows in pixel coordinates, pixel aspect, the network's working size.

Coordinates follow OpenEXR and OpenImageIO: x to the right, y down, integers name pixels, and the
centre of pixel (0, 0) lies at (0.5, 0.5). Resampling is by pixel centres, so an edge stays where it was.

Three grids appear, always in this order:

    data window     what a file stores; may be smaller than the image, larger, or beside it
    region          the pixels that are matted; the plate's display window unless asked otherwise
    working grid    the region in square pixels at the size the network looks at
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from maggie_api.errors import GuidanceError, InputError, SettingsError
from maggie_api.settings import DataWindow
from maggie_core.image.frame import Frame
from maggie_core.image.resample import Growing, resample_axis
from maggie_core.image.window import Window, reframe

BORDER = (0.8, 1.25)
"""Factors between these are a border that was cut off or added, not a scale. Overscan takes 5 to 20 %, and
nobody makes a proxy of nine tenths."""


@dataclass(frozen=True)
class Geometry:
    """The region of one shot and the grid the network sees it on. The same for every frame of the shot."""

    display: Window
    """The plate's display window: the image."""
    region: Window
    """The pixels that are matted and written."""
    pixel_aspect: float = 1.0
    """Width of a plate pixel over its height."""
    working_px: int = 576
    """Short side of the working grid, in square pixels; a smaller region is never enlarged."""
    data: Window | None = None
    """The data window of the frame that masks are placed for, where it is known: a mask of its size lies on
    it. Frames of one shot may have different ones, so the geometry of a shot has none."""
    scale: float | None = None
    """Working pixels for a square pixel of the plate, above 1 where the region is enlarged; None takes the
    scale from `working_px`."""

    @property
    def working_size(self) -> tuple[int, int]:
        """(w, h) of the working grid: the region in square pixels, short side at most `working_px`,
        or as `scale` says."""
        width, height = self.region.width * self.pixel_aspect, float(self.region.height)
        scale = min(1.0, self.working_px / min(width, height)) if self.scale is None else self.scale
        return max(1, round(width * scale)), max(1, round(height * scale))

    @property
    def enlarges(self) -> bool:
        """Whether the working grid is finer than the plate along both axes."""
        width, height = self.working_size
        return width > self.region.width and height > self.region.height

    def to_working(
        self, frame_pixels: np.ndarray, data: Window, *, fill: float = 0.0, growing: Growing = "linear"
    ) -> np.ndarray:
        """Bring plate pixels onto the working grid: area average where it shrinks.

        Args:
            frame_pixels: (H, W, C) or (H, W) float32 covering `data`, finite.
            data: the frame's data window, in plate pixels.
            fill: value of the region's pixels that the frame does not store.
            growing: interpolation where it grows; a cubic overshoots.

        Returns:
            (h, w, C) or (h, w) float32 on the working grid.
        """
        pixels = reframe(frame_pixels, data, self.region, fill=fill)
        width, height = self.working_size
        # Rows first: they are contiguous, and the image that is then transposed is already small.
        rows = resample_axis(pixels, 0, height, step=self.region.height / height, growing=growing)
        return resample_axis(rows, 1, width, step=self.region.width / width, growing=growing)

    def from_working(self, planes: Any) -> Any:
        """Bring planes of the working grid back to the region, by pixel centres: bilinearly where that grows
        them, as the average of what a pixel covers where it shrinks them.

        Args:
            planes: (N, h, w) float32 ndarray or torch tensor on the working grid.

        Returns:
            (N, H, W) float32 over `region`, of the same kind (and device) as `planes`. An edge keeps its
            place to within a tenth of a plate pixel.
        """
        import torch  # here, because reading and placing pixels must not cost seconds of start-up
        import torch.nn.functional as functional

        width, height = self.working_size
        if tuple(planes.shape[1:]) != (height, width):
            raise InputError(
                f"planes are {tuple(planes.shape)}: the working grid is {height}x{width} (h x w)"
            )
        region = (self.region.height, self.region.width)
        is_array = isinstance(planes, np.ndarray)
        grown = torch.from_numpy(np.ascontiguousarray(planes)) if is_array else planes
        if len(planes) and (region[0] < height or region[1] < width):
            # What torch calls antialiasing spreads a pixel over its neighbours: it blurs enlarged people.
            cells = self.part_from_working(grown.float().cpu().numpy().transpose(1, 2, 0), self.region)
            grown = torch.from_numpy(np.ascontiguousarray(cells.transpose(2, 0, 1))).to(grown.device)
        elif region != (height, width) and len(planes):
            grown = functional.interpolate(
                grown[None].float(), size=region, mode="bilinear", align_corners=False
            )[0]
        elif region != (height, width):
            grown = grown.new_zeros((0, *region))
        return grown.float().numpy() if is_array else grown.float()

    def tiles(self, side_px: int) -> Iterator[Window]:
        """The region as squares of `side_px`, row by row; the last ones of a row or column may be smaller."""
        region = self.region
        for y in range(region.y, region.bottom, side_px):
            for x in range(region.x, region.right, side_px):
                yield Window(x, y, min(side_px, region.right - x), min(side_px, region.bottom - y))

    def cells_of(self, part: Window) -> tuple[slice, slice]:
        """Rows and columns of the working grid that `part` of the region is interpolated from."""
        rows, columns = self._axes_of(part)
        return slice(rows.low, rows.high), slice(columns.low, columns.high)

    def part_from_working(self, planes: np.ndarray, part: Window) -> np.ndarray:
        """As `from_working`, for a part of the region; a pixel's value does not depend on the part.

        Args:
            planes: (h, w, C) float32 on the working grid.
            part: a window inside the region.

        Returns:
            (H', W', C) float32 over `part`.
        """
        for axis, along in enumerate(self._axes_of(part)):
            near = planes[along.low : along.high] if axis == 0 else planes[:, along.low : along.high]
            planes = resample_axis(near, axis, along.count, step=along.step, first=along.first - along.low)
        return planes

    def _axes_of(self, part: Window) -> tuple[_Along, _Along]:
        width, height = self.working_size
        return (
            _Along.of(part.y - self.region.y, part.height, height, self.region.height),
            _Along.of(part.x - self.region.x, part.width, width, self.region.width),
        )

    def place(
        self,
        mask: np.ndarray,
        data: Window,
        display: Window,
        *,
        pixel_aspect: float = 1.0,
        name: str = "the mask",
    ) -> np.ndarray:
        """Put a mask where it belongs on the working grid.

        The size of the mask's display window says which pixels of the plate it covers:

            the plate's display size        the plate's display window, pixel by pixel
            the plate's data size           the plate's data window, pixel by pixel
            both sides scaled by one        the plate's display window: a proxy, a desqueezed mask, or both
            factor, to whole pixels,
            and not by nearly 1 (`BORDER`)
            any other size                  refused

        Coordinates count from the corner of the mask's own display window. What the mask's file does not
        store is 0.

        Args:
            mask: (h0, w0) coverage in [0, 1] over `data`.
            data: the mask's data window, in its own pixels.
            display: the mask's display window, in its own pixels.
            pixel_aspect: of the mask's file. A desqueezed mask has square pixels, of a plate with others.
            name: how the artist knows this mask, for the message.

        Returns:
            (h, w) float32 coverage in [0, 1].

        Raises:
            GuidanceError: the mask has another size than those above.
        """
        return self._placed(mask, data, display, self.working_size, pixel_aspect=pixel_aspect, name=name)

    def place_full(
        self,
        mask: np.ndarray,
        data: Window,
        display: Window,
        *,
        pixel_aspect: float = 1.0,
        name: str = "the mask",
    ) -> np.ndarray:
        """As `place`, but (H, W) over the region in plate pixels; bit-exact where no scaling is needed."""
        size = (self.region.width, self.region.height)
        return self._placed(mask, data, display, size, pixel_aspect=pixel_aspect, name=name)

    def _placed(
        self,
        mask: np.ndarray,
        data: Window,
        display: Window,
        size: tuple[int, int],
        *,
        pixel_aspect: float,
        name: str,
    ) -> np.ndarray:
        covered = self._covered(display, pixel_aspect, name)
        if mask.shape != (data.height, data.width):
            raise GuidanceError(
                f"{name} is {mask.shape[1]}x{mask.shape[0]}, its window {data.width}x{data.height}"
            )
        width, height = size
        placed = np.asarray(mask, dtype=np.float32)
        axes = (
            (0, height, self.region.y, self.region.height, covered.y, covered.height, data.y),
            (1, width, self.region.x, self.region.width, covered.x, covered.width, data.x),
        )
        for axis, count, start, length, plate_start, plate_length, stored_from in axes:
            mask_start = display.y if axis == 0 else display.x
            scale = (display.height if axis == 0 else display.width) / plate_length
            first = (start - plate_start) * scale + mask_start
            placed = resample_axis(
                placed,
                axis,
                count,
                step=length * scale / count,
                first=first - stored_from,
                pad_zero=True,
                growing="cubic",
            )
        return np.clip(placed, 0.0, 1.0)  # a cubic overshoots, and sums of weights are 1 only to rounding

    def _covered(self, mask: Window, pixel_aspect: float, name: str) -> Window:
        """The plate pixels that a mask covers with this display window; see `place`."""
        size, plate = (mask.width, mask.height), (self.display.width, self.display.height)
        if size == plate:
            return self.display
        if self.data is not None and size == (self.data.width, self.data.height):
            return self.data
        factors = _factors(size, plate)
        if factors is not None and (factors[1] < BORDER[0] or factors[0] > BORDER[1]):
            return self.display
        # A PNG knows no pixel aspect: a mask of a squeezed plate may be desqueezed and not say so.
        squeeze = self.pixel_aspect / pixel_aspect
        if squeeze != 1 and _factors(size, (plate[0] * squeeze, plate[1])) is not None:
            return self.display
        what = f"{name} is {size[0]}x{size[1]} but the plate is {plate[0]}x{plate[1]}"
        if size[0] == plate[0] or size[1] == plate[1]:
            raise GuidanceError(
                f"{what}: one of them is padded or cropped; crop or pad the mask to {plate[0]}x{plate[1]}"
            )
        raise GuidanceError(
            f"{what}: reformat the mask to the plate's format, or to a proxy of the same aspect"
        )


def _factors(size: tuple[int, int], plate: tuple[float, float]) -> tuple[float, float] | None:
    """Least and largest factor by which `size` can be the plate's, each side rounded to a whole pixel.

    None where the two sides are scaled differently.
    """
    least = max((side - 1) / length for side, length in zip(size, plate, strict=True))
    most = min((side + 1) / length for side, length in zip(size, plate, strict=True))
    return (least, most) if least < most else None


@dataclass(frozen=True)
class _Along:
    """A stretch of plate pixels along one axis, as seen from the working grid."""

    low: int
    high: int
    """Working pixels it is interpolated from: [low, high)."""
    count: int
    step: float
    """Working pixels per plate pixel."""
    first: float
    """Where its first plate pixel begins, in working pixels."""

    @classmethod
    def of(cls, start: int, count: int, working: int, plate: int) -> _Along:
        step = working / plate
        first = start * step
        low, high = int(first) - 1, int(np.ceil(first + count * step)) + 1
        return cls(max(low, 0), min(high, working), count, step, first)


def geometry_for(
    header: Frame,
    *,
    working_px: int = 576,
    data_window: DataWindow = "display",
    data_windows: Iterable[Window] = (),
) -> Geometry:
    """The geometry of a shot.

    Args:
        header: of the shot's first frame that has one that can be read.
        working_px: short side of the working grid.
        data_window: "plate" mattes what the plate stores beyond its display window too; "display" and
            "tight" matte the display window ("tight" only crops what is written).
        data_windows: for "plate", the data windows of the shot's other frames; the region holds them all.

    Raises:
        SettingsError: `data_window` is none of the three.
    """
    if data_window not in ("display", "tight", "plate"):
        raise SettingsError(f"data window is '{data_window}': it is display, tight or plate")
    region = header.display
    if data_window == "plate":
        for stored in (header.data, *data_windows):
            region = region.union(stored)
    return Geometry(header.display, region, header.pixel_aspect, working_px)

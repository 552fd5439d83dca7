"""A shot's files as the network gets them: each frame is read once for all passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from maggie_api.errors import FrameError, InputError
from maggie_api.settings import MatteSettings
from maggie_core.color import PlateView
from maggie_core.guidance import Guidance, HeldPlanes, Holds, Instance, Mask, Pins, exclusive
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window, reframe
from maggie_core.io.frames import FrameSource
from maggie_core.io.plate import plate_header, read_plate
from maggie_core.shot.frame_input import FrameInput
from maggie_core.shot.inputs import InputAccount
from maggie_core.shot.regions import Extent, Pass, extent_of, on_grid

UNREADABLE = "unreadable"
"""Stands for the digest of a file that cannot even be opened."""


class ShotReader:
    """Plate, guidance and pins of a shot by frame.

    Args:
        geometry: of the whole frame.
        view: how the plate's colours reach the network.
    """

    def __init__(
        self,
        plate: FrameSource,
        guidance: Guidance,
        pins: Pins | None,
        settings: MatteSettings,
        *,
        geometry: Geometry,
        view: PlateView,
    ) -> None:
        self.geometry, self.view = geometry, view
        self._plate, self._guidance, self._pins, self._settings = plate, guidance, pins, settings
        self._extents: dict[tuple[int, str, Window | None], tuple[Extent | None, ...]] = {}

    @property
    def instances(self) -> tuple[Instance, ...]:
        """Everybody in the guidance."""
        return self._guidance.instances

    def files(self, frame: int) -> dict[str, str]:
        """Digests of a frame's files as they are now, by kind."""
        return {
            "plate": _digest(self._plate.digest, frame),
            "guidance": _digest(self._guidance.digest, frame),
            "pins": "" if self._pins is None else _digest(self._pins.digest, frame),
        }

    def inputs(self, frame: int, passes: Sequence[Pass], account: InputAccount) -> tuple[FrameInput, ...]:
        """A frame as the network sees it in each of the passes.

        Raises:
            UnreadableFrameError: its files cannot be used.
            InputsChangedError: it was another frame before.
        """
        return account.read(frame, lambda: self.files(frame), lambda: self._inputs(frame, passes))

    def plate(self, frame: int, account: InputAccount) -> Frame:
        """A frame of the plate as stored; raises as `inputs`."""
        digests = {"plate": self._plate.digest}
        return account.read(
            frame,
            lambda: {kind: _digest(of, frame) for kind, of in digests.items()},
            lambda: read_plate(self._plate, frame, layer=self._settings.plate_layer),
        )

    def pins(self, frame: int, account: InputAccount) -> dict[int, np.ndarray]:
        """Pinned alphas by instance, (H, W) float32 over the region, as stored; raises as `inputs`."""
        pins = self._pins
        if pins is None:
            return {}
        return account.read(
            frame,
            lambda: {"pins": _digest(pins.digest, frame)},
            lambda: pins.exact(frame, self.geometry),
        )

    def scene_linear(self, frame: int, account: InputAccount) -> np.ndarray:
        """(H, W, 3) float32 scene-linear plate over the region; as stored where it is linear already."""
        plate = self.plate(frame, account)
        return self.view.scene_linear(reframe(plate.pixels, plate.data, self.geometry.region))

    def masks(self, frame: int, guidance: Guidance) -> np.ndarray:
        """(N, h, w) float32 guidance of a frame on the working grid, where it lies on that frame's plate.

        Raises:
            GuidanceError: a file is missing or damaged, or is of another picture's shape.
        """
        return guidance.read(frame, replace(self.geometry, data=self.window(frame)))

    def stood_in(self, frame: int) -> bool:
        """Whether a file of the frame was found damaged, and by the policies something stands in for it."""
        return bool(self._plate.damage(frame) or self._guidance.damage(frame))

    def holds(self, frame: int, holds: Holds) -> dict[str, str]:
        """Digest of a frame's holds as they are now, by kind."""
        return {"holds": _digest(holds.digest, frame)}

    def held(self, frame: int, holds: Holds, account: InputAccount) -> HeldPlanes:
        """What is held in a frame; raises as `inputs`."""
        return account.read(
            frame,
            lambda: self.holds(frame, holds),
            lambda: self.held_now(frame, holds),
        )

    def held_now(self, frame: int, holds: Holds) -> HeldPlanes:
        """What is held in a frame; raises as `Holds.planes`."""
        return holds.planes(frame, replace(self.geometry, data=self.window(frame)))

    def extents(self, frame: int) -> tuple[Extent | None, ...]:
        """Where everybody is in a frame, on the working grid; nobody where the guidance cannot be used."""
        nobody: tuple[Extent | None, ...] = (None,) * len(self._guidance.instances)
        try:
            key = frame, self._guidance.digest(frame), self.window(frame)
            if key not in self._extents:
                masks = exclusive(self.masks(frame, self._guidance), self._settings.overlap)
                self._extents[key] = tuple(extent_of(mask) for mask in masks)
            return self._extents[key]
        except (InputError, OSError):
            return nobody

    def image(self, frame: int, geometry: Geometry) -> np.ndarray:
        """(3, h, w) float32 image of a frame on the working grid of `geometry`, as the network sees it.

        Raises:
            FrameError: the plate cannot be read, or is of another format than the shot.
        """
        plate = self._read_plate(frame)
        image, _ = self.view.to_model(
            plate.pixels, geometry=geometry, data=plate.data, code_max=plate.code_max
        )
        return np.ascontiguousarray(image.transpose(2, 0, 1))

    def window(self, frame: int) -> Window | None:
        """The data window of a frame of the plate; None where its header cannot be read."""
        try:
            return plate_header(self._plate, frame, layer=self._settings.plate_layer).data
        except FrameError:
            return None

    def _inputs(self, frame: int, passes: Sequence[Pass]) -> tuple[FrameInput, ...]:
        plate = self._read_plate(frame)
        masks = self._guidance.masks(frame)
        found: list[FrameInput] = []
        whole = cache(lambda: self._whole(masks, plate))
        for each in passes:
            image, repairs = self.view.to_model(
                plate.pixels, geometry=each.geometry, data=plate.data, code_max=plate.code_max
            )
            here = replace(each.geometry, data=plate.data)
            shown = list(each.shown)
            coverage = exclusive(self._guidance.placed(masks, here, only=shown), self._settings.overlap)
            count = len(self._guidance.instances)
            beyond = np.zeros(count, bool)
            if each.geometry.region != self.geometry.region:
                beyond = _beyond(whole(), on_grid(each.geometry.region, self.geometry))
            pinned = self._pins and self._pins.working(frame, each.geometry, count)
            found.append(
                FrameInput(
                    plate.header,
                    repairs,
                    np.ascontiguousarray(image.transpose(2, 0, 1)),
                    coverage,
                    None if pinned is None else pinned[shown],
                    beyond[shown],
                )
            )
        return tuple(found)

    def _whole(self, masks: Sequence[Mask], plate: Frame) -> np.ndarray:
        """(N, h, w) masks on the working grid of the whole frame."""
        placed = self._guidance.placed(masks, replace(self.geometry, data=plate.data))
        return exclusive(placed, self._settings.overlap)

    def _read_plate(self, frame: int) -> Frame:
        plate = read_plate(self._plate, frame, layer=self._settings.plate_layer)
        if plate.display != self.geometry.display:
            raise FrameError(
                f"frame {frame} is {plate.display.width}x{plate.display.height} and the shot "
                f"{self.geometry.display.width}x{self.geometry.display.height}: "
                "frames of one shot share a format"
            )
        return plate


def _beyond(masks: np.ndarray, box: tuple[int, int, int, int]) -> np.ndarray:
    """(N,) bool: which masks (N, h, w) go on outside a box: left, top, right, bottom."""
    left, top, right, bottom = box
    inside = (slice(max(top, 0), bottom), slice(max(left, 0), right))
    return np.array([np.count_nonzero(mask) > np.count_nonzero(mask[inside]) for mask in masks], bool)


def _digest(of: Callable[[int], str], frame: int) -> str:
    try:
        return of(frame)
    except (InputError, OSError):
        return UNREADABLE

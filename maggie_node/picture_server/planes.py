"""Plates, masks and mattes at the size of a picture, each read once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np

from maggie_api.errors import FrameError, GuidanceError, MaggieError
from maggie_api.job import guidance_from
from maggie_api.lru import LruCache
from maggie_api.sequences import is_movie, matte_path
from maggie_core.guidance import combine
from maggie_core.guidance.combine import Guidance
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window, reframe
from maggie_core.io.frames import FrameSource, open_source
from maggie_core.io.plate import plate_header, read_plate
from maggie_core.mattes.provenance import stored_files
from maggie_core.mattes.read import read_mattes
from maggie_node.job_inputs import guidance_source

KEPT_BYTES = 384 * 2**20
"""Memory for planes at the size of pictures: 200 plates of 960x540 in half floats."""
KEPT_HEADERS = 4096
"""Headers that are kept, some hundred bytes each: those of a long shot."""
HALF_MAX = 65504.0
"""Largest half float: planes are kept as such."""
V = TypeVar("V")


class Kept(Generic[V]):
    """An `LruCache` for several threads, which makes what it has not.

    Args:
        size_of: how much of its room a value takes.
    """

    def __init__(self, room: int, size_of: Callable[[V], int]) -> None:
        self._values: LruCache[V] = LruCache(room)
        self._size_of, self._lock = size_of, threading.Lock()

    def get(self, what: Any, make: Callable[[], V]) -> V:
        """The value that is kept, or else made and kept."""
        with self._lock:
            found = self._values.get(what)
        if found is not None:
            return found
        made = make()
        with self._lock:
            self._values.put(what, made, self._size_of(made))
        return made

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.keep(())


class Planes:
    """The files of shots, opened once for each edition of their folder."""

    def __init__(self) -> None:
        self._kept: Kept[np.ndarray] = Kept(KEPT_BYTES, lambda planes: planes.nbytes)
        """float16 planes at the size of a picture."""
        self._headers: Kept[Frame] = Kept(KEPT_HEADERS, lambda header: 1)
        self._lock = threading.Lock()
        self._plates: dict[str, FrameSource] = {}
        self._guidance: dict[Any, Guidance | str] = {}
        self._movie = threading.Lock()

    def open_plate(self, plate: str, *, anew: bool = False) -> FrameSource:
        """The frames of a plate.

        Args:
            anew: its files, and those of masks, may be others than before.

        Raises:
            FrameError, SettingsError: there is none.
        """
        with self._lock:
            if anew:
                self._guidance.clear()
                self._kept.clear()
            if anew or plate not in self._plates:
                self._plates[plate] = open_source(plate)
            return self._plates[plate]

    def header(self, plate: str, frame: int, layer: str | None) -> Frame:
        """Header of a plate's frame."""
        source = self.open_plate(plate)
        key = (plate, frame, layer, _stamp(source.path(frame)))
        return self._headers.get(key, lambda: plate_header(source, frame, layer=layer))

    def plate(self, plate: str, frame: int, layer: str | None, geometry: Geometry) -> np.ndarray:
        """(h, w, 3) in file colour over the region of `geometry`, finite."""
        source = self.open_plate(plate)

        def read() -> np.ndarray:
            # A movie has one decoder, which only one thread may use.
            with self._movie if is_movie(plate) else nullcontext():
                image = read_plate(source, frame, layer=layer)
            pixels = reframe(image.pixels, image.data, geometry.region)
            if not np.isfinite(pixels.sum(dtype=np.float64)):
                pixels = np.nan_to_num(pixels, posinf=HALF_MAX, neginf=-HALF_MAX)
            return np.clip(resized(pixels, geometry), -HALF_MAX, HALF_MAX).astype(np.float16)

        key = ("plate", plate, frame, layer, _place(geometry), _stamp(source.path(frame)))
        return self._kept.get(key, read).astype(np.float32)

    def mattes(self, mattes: str, frame: int, names: Sequence[str], geometry: Geometry) -> np.ndarray | None:
        """(N, h, w) alphas of these people, zeros for those who are not in the file; None without a file."""
        path = matte_path(mattes, frame)

        def read() -> np.ndarray:
            alphas, _ = read_mattes(path)
            empty = np.zeros((geometry.display.height, geometry.display.width), np.float32)
            whole = Window(0, 0, geometry.display.width, geometry.display.height)
            region = Window(
                geometry.region.x - geometry.display.x,
                geometry.region.y - geometry.display.y,
                geometry.region.width,
                geometry.region.height,
            )
            planes = [alphas.get(name, empty) for name in names]
            return np.stack(
                [
                    resized(reframe(plane, whole, region), geometry)
                    if plane.shape == empty.shape
                    else resized(plane, geometry)
                    for plane in planes
                ]
            ).astype(np.float16)

        stamp = _stamp(stored[0] if (stored := stored_files(path)) else path)
        if stamp is None:
            return None
        key = ("mattes", mattes, frame, tuple(names), _place(geometry), stamp)
        try:
            return self._kept.get(key, read).astype(np.float32)
        except FrameError:
            if not stored_files(path):  # it went while it was read
                return None
            raise

    def guidance(
        self,
        specs: Sequence[Mapping[str, Any]],
        frame: int,
        shot_frames: tuple[int, ...],
        geometry: Geometry,
        edition: int,
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        """(h, w) coverage by name of everybody who has a mask at the frame; and why others have none."""
        found: dict[str, np.ndarray] = {}
        notes: list[str] = []
        for spec in specs:
            guidance = self._opened(spec, shot_frames, edition)
            if isinstance(guidance, str):
                notes.append(guidance)
                continue
            key = ("guidance", json.dumps(spec, sort_keys=True), frame, _place(geometry), edition)
            try:
                planes = self._kept.get(key, lambda g=guidance: g.read(frame, geometry).astype(np.float16))
            except MaggieError as error:
                notes.append(str(error))
                continue
            for instance, plane in zip(guidance.instances, planes, strict=True):
                found[instance.name] = plane.astype(np.float32)
        return found, notes

    def _opened(self, spec: Mapping[str, Any], shot_frames: tuple[int, ...], edition: int) -> Guidance | str:
        key = (json.dumps(spec, sort_keys=True), edition)
        with self._lock:
            known = self._guidance.get(key)
        if known is not None:
            return known
        try:
            opened: Guidance | str = combine(
                [guidance_source(guidance_from(spec), shot_frames)], missing="empty"
            )
        except (GuidanceError, FrameError) as error:
            opened = str(error)
        with self._lock:
            self._guidance = {k: v for k, v in self._guidance.items() if k[1] >= edition - 1}
            self._guidance[key] = opened
        return opened


def resized(pixels: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Pixels of a region on the grid of a picture, averaged where that is coarser."""
    size = geometry.working_size
    if pixels.shape[1::-1] == size:
        return pixels
    how = cv2.INTER_AREA if size[0] <= pixels.shape[1] else cv2.INTER_LINEAR
    return cv2.resize(np.ascontiguousarray(pixels, np.float32), size, interpolation=how)


def fitted(display: Window, region: Window, pixel_aspect: float, size: tuple[int, int]) -> Geometry:
    """The grid of a picture of a region, as large as fits into `size`, never above the plate's own pixels."""
    width, height = region.width * pixel_aspect, float(region.height)
    scale = min(1.0, size[0] / width, size[1] / height)
    return Geometry(display, region, pixel_aspect, working_px=max(1, round(min(width, height) * scale)))


def _stamp(path: Path) -> tuple[int, int] | None:
    """What changes when a file does; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _place(geometry: Geometry) -> tuple[Any, ...]:
    return geometry.region, geometry.working_size

"""What the panel may ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import FrameError, MaggieError
from maggie_api.job import (
    CryptomatteGuidance,
    Guidance,
    IdMapGuidance,
    IdName,
    LayersGuidance,
    guidance_from,
    people_of,
)
from maggie_api.serialization import to_data
from maggie_core.color import ColorSettings, PlateView
from maggie_core.guidance import CryptomatteSequence, KeyMasks
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.atomic import cannot_write
from maggie_core.io.frames import open_source
from maggie_node.job_inputs import guidance_source
from maggie_node.picture_server import drawing
from maggie_node.picture_server.key_masks import base_mask, drawn, write_key
from maggie_node.picture_server.planes import Planes, fitted, resized

_ID = "id_"
"""Beginning of the names that values of an id map without names are called by."""


class Desk:
    """The shots that are open, and everything that is asked about them. Its actions may run side by side."""

    def __init__(self) -> None:
        self._planes = Planes()
        self._lock = threading.Lock()
        self._views: dict[tuple[str | None, str | None, str], PlateView] = {}
        self._monitors: dict[tuple[Any, ...], Callable[[np.ndarray], np.ndarray]] = {}

    @property
    def actions(self) -> dict[str, Callable[..., dict[str, Any]]]:
        return {
            "open": self.open,
            "draw": self.draw,
            "people": self.people,
            "pick": self.pick,
            "write_key": self.write_key,
            "remove_key": self.remove_key,
        }

    def open(
        self,
        *,
        plate: str,
        plate_layer: str | None = None,
        ocio: str | None = None,
        colorspace: str | None = None,
    ) -> dict[str, Any]:
        """What a plate is.

        Raises:
            FrameError, SettingsError, ColorError: it cannot be opened.
        """
        source = self._planes.open_plate(plate, anew=True)
        header = self._planes.header(plate, source.frames[0], plate_layer)
        view = self._view(ocio, colorspace, plate)
        rate = source.rate
        return {
            "frames": list(source.frames),
            "size": [header.display.width, header.display.height],
            "pixel_aspect": header.pixel_aspect,
            "fps": None if rate is None else float(rate),
            "colorspace": view.colorspace,
            "assumption": view.assumption,
            "ocio": view.config_name,
            "displays": {name: list(views) for name, views in view.displays.items()},
        }

    def draw(
        self,
        *,
        frame: int,
        plate: str,
        size: Sequence[int],
        mode: str,
        people: Sequence[Sequence[Any]] = (),
        region: Sequence[int] | None = None,
        plate_layer: str | None = None,
        ocio: str | None = None,
        colorspace: str | None = None,
        exposure_ev: float = 0.0,
        display: str = "",
        transform: str = "",
        mattes: str = "",
        guidance: Sequence[Mapping[str, Any]] = (),
        ground: str = "checker",
        ground_color: Sequence[int] = (0, 0, 0),
        ground_picture: str = "",
        overlap: str = "first",
        edition: int = 0,
    ) -> dict[str, Any]:
        """The picture of a view; its arguments are the fields of `PictureRequest`.

        Raises:
            MaggieError: the plate cannot be read.
        """
        geometry = self._geometry(plate, frame, plate_layer, region, size)
        names = [str(name) for name, _ in people]
        colors = [(red / 255, green / 255, blue / 255) for _, (red, green, blue) in people]
        view = self._view(ocio, colorspace, plate)
        shown = self._shown(view, display, transform)
        notes: list[str] = []

        def linear_plate(at: int = frame) -> np.ndarray:
            return view.scene_linear(self._planes.plate(plate, at, plate_layer, geometry))

        gain = np.float32(2.0**exposure_ev)
        alphas = previous = None
        if mode in ("alpha", "over", "difference"):
            alphas = self._planes.mattes(mattes, frame, names, geometry) if mattes and names else None
            if alphas is None:
                notes.append("no matte of this frame yet")
            elif mode == "difference":
                previous = self._planes.mattes(mattes, frame - 1, names, geometry)
                if previous is None:
                    notes.append("no matte of the frame before")
        if mode == "alpha" and alphas is not None:
            picture = drawing.colored(alphas, colors)
        elif mode == "difference" and alphas is not None:
            picture = drawing.changed(alphas, previous)
        elif mode == "over" and alphas is not None:
            behind = self._ground(ground, ground_color, ground_picture, frame, geometry, view)
            picture = shown(gain * drawing.over(linear_plate(), alphas, behind))
        else:
            picture = shown(gain * linear_plate())
            if mode == "guidance" and names:
                masks, why = self._planes.guidance(
                    guidance, frame, self._planes.open_plate(plate).expected, geometry, edition
                )
                notes += why
                there = [name for name in names if name in masks]
                if there:
                    stack = _shared([masks[name] for name in there], overlap)
                    picture = drawing.tinted(picture, stack, [colors[names.index(name)] for name in there])
        height, width = picture.shape[:2]
        return {
            "width": width,
            "height": height,
            "note": notes[0] if notes else "",
            "pixels": drawing.as_bytes(picture),
        }

    def people(self, *, source: Mapping[str, Any], frames: Sequence[int]) -> dict[str, Any]:
        """Who is in the files of a guidance: a guidance for each, and the frames of the files.

        Raises:
            GuidanceError: nobody is, or the files cannot be used.
        """
        asked = guidance_from(source)
        opened = guidance_source(asked, tuple(frames))
        stored = opened.keys if isinstance(opened, KeyMasks) else opened.frames
        found = people_of(_naming(asked, opened.names))
        return {"found": [to_data(each) for each in found], "frames": list(stored or ())}

    def pick(
        self, *, sequence: str, frame: int, place: Sequence[float], layer: str | None = None
    ) -> dict[str, Any]:
        """The object of a Cryptomatte at a place of the picture.

        Args:
            place: in widths and heights of the display window, 0 to 1.

        Raises:
            GuidanceError: the files have no Cryptomatte.
        """
        objects = CryptomatteSequence(sequence, layer=layer, frames=(frame,))
        return {"name": objects.object_at(frame, (float(place[0]), float(place[1])))}

    def write_key(
        self,
        *,
        path: str,
        plate: str,
        frame: int,
        strokes: Sequence[Mapping[str, Any]],
        base: Mapping[str, Any] | None = None,
        plate_layer: str | None = None,
    ) -> dict[str, Any]:
        """Write the file of a key mask, of the size of the plate's display window.

        Raises:
            MaggieError: what it begins with cannot be read, or the file cannot be written.
        """
        header = self._planes.header(plate, frame, plate_layer)
        geometry = Geometry(header.display, header.display, header.pixel_aspect)
        masks = []
        if base is not None:
            shot = self._planes.open_plate(plate).expected
            source = guidance_source(guidance_from(base), shot)
            try:
                masks = source.read(frame)
            except MaggieError:
                if source.frames is None or frame in source.frames:
                    raise
        write_key(path, drawn(base_mask(masks, geometry), strokes))
        return {"path": path}

    def remove_key(self, *, path: str) -> dict[str, Any]:
        """Remove the file of a key mask that was drawn; one that is gone is fine.

        Raises:
            OutputError: it cannot be removed.
        """
        try:
            Path(path).unlink(missing_ok=True)
        except OSError as error:
            raise cannot_write(Path(path), error.strerror or str(error)) from error
        return {"path": path}

    def _geometry(
        self, plate: str, frame: int, layer: str | None, region: Sequence[int] | None, size: Sequence[int]
    ) -> Geometry:
        source = self._planes.open_plate(plate)
        if frame not in source.frames:
            raise FrameError(f"the plate has no frame {frame}")
        header = self._planes.header(plate, frame, layer)
        part = header.display
        if region is not None:
            x, y, width, height = region
            part = Window(part.x + x, part.y + y, width, height)
        return fitted(header.display, part, header.pixel_aspect, (int(size[0]), int(size[1])))

    def _view(self, ocio: str | None, colorspace: str | None, plate: str) -> PlateView:
        with self._lock:
            key = (ocio, colorspace, plate)
            if key not in self._views:
                source = self._planes.open_plate(plate)
                example = source.path(source.frames[0])
                self._views[key] = PlateView(ColorSettings(ocio, colorspace), example_path=example)
            return self._views[key]

    def _shown(self, view: PlateView, display: str, transform: str) -> Callable[[np.ndarray], np.ndarray]:
        if not display:
            return view.scene_to_display
        with self._lock:
            key = (view.digest, view.colorspace, display, transform)
            if key not in self._monitors:
                self._monitors[key] = view.monitor(display, transform)
            return self._monitors[key]

    def _ground(
        self,
        ground: str,
        color: Sequence[int],
        picture: str,
        frame: int,
        geometry: Geometry,
        view: PlateView,
    ) -> np.ndarray:
        width, height = geometry.working_size
        if ground == "colour":
            return drawing.flat_ground(height, width, color)
        if ground == "picture" and picture:
            return self._picture(picture, frame, geometry)
        return drawing.checker_ground(height, width)

    def _picture(self, path: str, frame: int, geometry: Geometry) -> np.ndarray:
        """A background of any size, filled into the plate's display window."""
        source = open_source(path)
        stored = source.frames
        at = frame if frame in stored else stored[min(frame, len(stored)) - 1 if frame > 0 else 0]
        header = self._planes.header(path, at, None)
        whole = geometry.display
        part = Window(
            header.display.x + round((geometry.region.x - whole.x) * header.display.width / whole.width),
            header.display.y + round((geometry.region.y - whole.y) * header.display.height / whole.height),
            max(1, round(geometry.region.width * header.display.width / whole.width)),
            max(1, round(geometry.region.height * header.display.height / whole.height)),
        )
        own = fitted(header.display, part, 1.0, geometry.working_size)
        linear = self._view(None, None, path).scene_linear(self._planes.plate(path, at, None, own))
        return resized(linear, geometry)


def _shared(masks: list[np.ndarray], overlap: str) -> np.ndarray:
    """(N, h, w) masks as a job shares their pixels: the first, or the last, of several has them."""
    if overlap == "shared":
        return np.stack(masks)
    order = range(len(masks)) if overlap == "first" else range(len(masks) - 1, -1, -1)
    free = np.ones_like(masks[0])
    for place in order:
        masks[place] = np.minimum(masks[place], free)
        free = np.clip(free - masks[place], 0.0, 1.0)
    return np.stack(masks)


def _naming(source: Guidance, names: Sequence[str]) -> Guidance:
    """A guidance with the names of everybody who was found in its files."""
    if isinstance(source, IdMapGuidance) and not source.names:
        return replace(source, names=tuple(IdName(int(name.removeprefix(_ID)), name) for name in names))
    if isinstance(source, (LayersGuidance, CryptomatteGuidance)):
        return replace(source, instances=tuple(names))
    return source

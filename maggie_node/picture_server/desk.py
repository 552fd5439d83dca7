"""What the panel may ask for."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
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


@dataclass(frozen=True)
class AskedPicture:
    """A picture that is asked for: the fields of the panel's `PictureRequest`, which says what they mean."""

    frame: int
    plate: str
    size: Sequence[int]
    mode: str
    people: Sequence[Sequence[Any]] = ()
    region: Sequence[int] | None = None
    plate_layer: str | None = None
    ocio: str | None = None
    colorspace: str | None = None
    exposure_ev: float = 0.0
    display: str = ""
    transform: str = ""
    mattes: str = ""
    guidance: Sequence[Mapping[str, Any]] = ()
    ground: str = "checker"
    ground_color: Sequence[int] = (0, 0, 0)
    ground_picture: str = ""
    overlap: str = "first"
    edition: int = 0

    @property
    def names(self) -> list[str]:
        """Of everybody who is shown."""
        return [str(name) for name, _ in self.people]

    @property
    def colors(self) -> list[tuple[float, float, float]]:
        """Of everybody who is shown, in [0, 1]."""
        return [(red / 255, green / 255, blue / 255) for _, (red, green, blue) in self.people]


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

    def draw(self, **fields: Any) -> dict[str, Any]:
        """The picture of a view, with a note where something of it is not there.

        Args:
            fields: of an `AskedPicture`.

        Raises:
            MaggieError: the plate cannot be read.
        """
        asked = AskedPicture(**fields)
        geometry = self._geometry(asked.plate, asked.frame, asked.plate_layer, asked.region, asked.size)
        view = self._view(asked.ocio, asked.colorspace, asked.plate)
        shown, gain = self._shown(view, asked.display, asked.transform), np.float32(2.0**asked.exposure_ev)

        def linear() -> np.ndarray:
            return view.scene_linear(
                self._planes.plate(asked.plate, asked.frame, asked.plate_layer, geometry)
            )

        def seen(pixels: np.ndarray) -> np.ndarray:
            return shown(gain * pixels)

        if asked.mode in ("alpha", "over", "difference"):
            picture, note = self._with_mattes(asked, geometry, linear, seen)
        elif asked.mode == "guidance":
            picture, note = self._with_guidance(asked, geometry, seen(linear()))
        else:
            picture, note = seen(linear()), ""
        height, width = picture.shape[:2]
        return {"width": width, "height": height, "note": note, "pixels": drawing.as_bytes(picture)}

    def _with_mattes(
        self,
        asked: AskedPicture,
        geometry: Geometry,
        linear: Callable[[], np.ndarray],
        seen: Callable[[np.ndarray], np.ndarray],
    ) -> tuple[np.ndarray, str]:
        """(h, w, 3) what mattes are looked at by, and a note.

        Args:
            linear: the plate, (h, w, 3) scene-linear.
            seen: how a monitor shows such pixels.
        """
        alphas = None
        if asked.mattes and asked.people:
            alphas = self._planes.mattes(asked.mattes, asked.frame, asked.names, geometry)
        if alphas is None:
            return seen(linear()), "no matte of this frame yet"
        if asked.mode == "alpha":
            return drawing.colored(alphas, asked.colors), ""
        if asked.mode == "difference":
            before = self._planes.mattes(asked.mattes, asked.frame - 1, asked.names, geometry)
            return drawing.changed(alphas, before), "no matte of the frame before" if before is None else ""
        ground = self._ground(asked, geometry)
        return seen(drawing.over(linear(), alphas, ground)), ""

    def _with_guidance(
        self, asked: AskedPicture, geometry: Geometry, picture: np.ndarray
    ) -> tuple[np.ndarray, str]:
        """A picture (h, w, 3) of the plate with the masks painted over it, and why a mask is not there."""
        if not asked.people:
            return picture, ""
        shot_frames = self._planes.open_plate(asked.plate).expected
        masks, why = self._planes.guidance(asked.guidance, asked.frame, shot_frames, geometry, asked.edition)
        there = {name: color for name, color in zip(asked.names, asked.colors, strict=True) if name in masks}
        if there:
            stack = _shared([masks[name] for name in there], asked.overlap)
            picture = drawing.tinted(picture, stack, list(there.values()))
        return picture, why[0] if why else ""

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

    def _ground(self, asked: AskedPicture, geometry: Geometry) -> np.ndarray:
        width, height = geometry.working_size
        if asked.ground == "colour":
            return drawing.flat_ground(height, width, asked.ground_color)
        if asked.ground == "picture" and asked.ground_picture:
            return self._picture(asked.ground_picture, asked.frame, geometry)
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

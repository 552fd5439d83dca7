"""One frame's mattes to disk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import OutputError, SettingsError
from maggie_api.settings import MatteFile
from maggie_core.guidance.instances import Instance
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window, reframe
from maggie_core.io.exr import Part, carried_metadata, write_exr
from maggie_core.mattes import cryptomatte
from maggie_core.mattes.foreground import unmixed_foreground
from maggie_core.mattes.layout import Place, places
from maggie_core.mattes.provenance import attributes

_LARGEST_HALF = 65504.0
_OF_THE_COLOUR = ("chromaticities", "whiteLuminance", "adoptedNeutral", "acesImageContainerFlag")
"""Attributes that are true of the plate's colours; alpha has none, and the foreground is scene-linear."""
_Pixels = tuple[str | None, tuple[str, ...], np.ndarray]
"""(part name, channels, (H, W, C) pixels)"""


def write_mattes(
    path: str | Path,
    alphas: np.ndarray,
    *,
    instances: Sequence[Instance],
    geometry: Geometry,
    plate: Frame,
    provenance: Mapping[str, Any],
    settings: MatteFile | None = None,
    extra: Mapping[str, np.ndarray] | None = None,
    scene_linear: np.ndarray | None = None,
) -> tuple[Path, ...]:
    """Write every instance of one frame; a person who is absent is a plane of zeros.

    Each file appears whole or not at all, with the plate's display window, pixel aspect, timecode,
    frame rate and other metadata, and a header that says how it was made.

    Args:
        path: of this frame, its number included. The layout `files` puts each slug into the name.
        alphas: (N, H, W) coverage in [0, 1] over `geometry.region`, in the order of `instances`.
        plate: the frame the mattes are of.
        provenance: what `explain` shall answer; text, numbers, lists and tables. Its `recipe` is what
            `is_complete` compares.
        extra: further planes (H, W) over the region, by name: `residual`, `contested`.
        scene_linear: (H, W, 3) scene-linear RGB over the region, for the foreground.

    Returns:
        The files written.

    Raises:
        OutputError: a file cannot be written, or a value is not finite or an alpha outside [0, 1]; then no
            file is written.
        SettingsError: the foreground is wanted and `scene_linear` is not given.
    """
    path, settings, extra = Path(path), settings or MatteFile(), extra or {}
    planes = {instance.slug: plane for instance, plane in zip(instances, alphas, strict=True)} | dict(extra)
    for slug, plane in planes.items():
        _check_alpha(plane, slug, path)
    window = _window(settings, geometry, planes)
    where = places(path, tuple(planes), settings.layout)
    framed = {slug: reframe(plane, geometry.region, window) for slug, plane in planes.items()}
    metadata = _metadata(plate, provenance, settings, instances, where)
    colours = _colours(planes, instances, scene_linear) if settings.foreground else {}
    for slug, colour in colours.items():
        _check_finite(colour, f"the foreground of {slug}", path)
    colours = {slug: reframe(colour, geometry.region, window) for slug, colour in colours.items()}
    if settings.layout == "cryptomatte":
        files = _cryptomatte(framed, instances, where, path)
    else:
        files = _layered(framed, colours, where)
    written = []
    for file, parts in files:
        stored = [
            Part(
                name,
                channels,
                pixels,
                data=window,
                display=geometry.display,
                pixel_aspect=geometry.pixel_aspect,
                metadata=metadata,
                types="float" if settings.layout == "cryptomatte" else settings.depth,
                compression=settings.compression,
                colorspace=None if settings.foreground else "Raw",
            )
            for name, channels, pixels in parts
        ]
        written.append(write_exr(file, stored))
    return tuple(written)


def _check_alpha(plane: np.ndarray, slug: str, path: Path) -> None:
    """Nothing but finite alphas in [0, 1] is ever written."""
    low, high = float(plane.min()), float(plane.max())  # NaN where there is one
    if 0 <= low and high <= 1:
        return
    _check_finite(plane, f"the matte of {slug}", path)
    raise OutputError(
        f"the matte of {slug} has values from {low:g} to {high:g} and {path.name} was not written: "
        "an alpha lies in 0..1; check the weights by `maggie-node models verify`"
    )


def _check_finite(pixels: np.ndarray, what: str, path: Path) -> None:
    broken = int(np.count_nonzero(~np.isfinite(pixels)))
    if broken:
        raise OutputError(
            f"{what} has {broken} values that are NaN or infinite and {path.name} was not written: "
            "check the weights by `maggie-node models verify`"
        )


def _layered(
    planes: Mapping[str, np.ndarray], colours: Mapping[str, np.ndarray], where: Mapping[str, Place]
) -> Iterator[tuple[Path, list[_Pixels]]]:
    """The parts of each file, for every layout but the Cryptomatte."""
    grouped: dict[Path, dict[str | None, list[str]]] = {}
    for slug, place in where.items():
        grouped.setdefault(place.path, {}).setdefault(place.part, []).append(slug)
    for file, parts in grouped.items():
        contents: list[_Pixels] = []
        for name, slugs in parts.items():
            channels: list[str] = []
            stack: list[np.ndarray] = []
            for slug in slugs:
                if slug in colours:
                    channels += where[slug].colour
                    stack.append(colours[slug])
                channels.append(where[slug].alpha)
                stack.append(planes[slug][..., None])
            contents.append((name, tuple(channels), np.concatenate(stack, axis=-1)))
        yield file, contents


def _cryptomatte(
    planes: Mapping[str, np.ndarray], instances: Sequence[Instance], where: Mapping[str, Place], path: Path
) -> Iterator[tuple[Path, list[_Pixels]]]:
    ids = cryptomatte.encode(np.stack([planes[i.slug] for i in instances]).astype(np.float32), instances)
    extras = [slug for slug in planes if slug not in {i.slug for i in instances}]
    channels = (*cryptomatte.rank_channels(len(instances)), *(where[slug].alpha for slug in extras))
    stack = [ids, *(planes[slug][..., None] for slug in extras)]
    yield path, [(None, channels, np.concatenate(stack, axis=-1))]


def _colours(
    planes: Mapping[str, np.ndarray], instances: Sequence[Instance], scene_linear: np.ndarray | None
) -> dict[str, np.ndarray]:
    if scene_linear is None:
        raise SettingsError("the foreground needs the plate's scene-linear RGB: pass scene_linear")
    return {
        # Half would turn larger values into infinity.
        i.slug: np.clip(unmixed_foreground(scene_linear, planes[i.slug]), -_LARGEST_HALF, _LARGEST_HALF)
        for i in instances
    }


def _window(settings: MatteFile, geometry: Geometry, planes: Mapping[str, np.ndarray]) -> Window:
    """Pixels to store."""
    if settings.data_window == "display":
        return geometry.display
    if settings.data_window == "plate":
        return geometry.region
    any_matte = np.zeros((geometry.region.height, geometry.region.width), bool)
    for plane in planes.values():
        any_matte |= plane > 0
    rows, columns = np.flatnonzero(any_matte.any(axis=1)), np.flatnonzero(any_matte.any(axis=0))
    if not len(rows):  # an EXR has at least one pixel
        return Window(geometry.display.x, geometry.display.y, 1, 1)
    top, left = int(rows[0]), int(columns[0])
    return Window(
        geometry.region.x + left,
        geometry.region.y + top,
        int(columns[-1]) + 1 - left,
        int(rows[-1]) + 1 - top,
    )


def _metadata(
    plate: Frame,
    provenance: Mapping[str, Any],
    settings: MatteFile,
    instances: Sequence[Instance],
    where: Mapping[str, Place],
) -> dict[str, Any]:
    ours = dict(provenance) | {"layout": settings.layout}
    if settings.layout == "cryptomatte":
        ours["instances"] = [instance.record(cryptomatte.LAYER) for instance in instances]
    else:
        ours["instances"] = [instance.record(where[instance.slug].alpha) for instance in instances]
    if settings.layout == "files":
        ours["slugs"] = list(where)
    carried = carried_metadata(plate.metadata)
    header = {name: value for name, value in carried.items() if name not in _OF_THE_COLOUR}
    header |= attributes(ours)
    return header | cryptomatte.header(instances) if settings.layout == "cryptomatte" else header

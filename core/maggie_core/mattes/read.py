"""Read mattes: our files in every layout, and the files Blender and Nuke write from them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import FrameError
from maggie_api.layer_names import EXTRA_LAYERS, LAYER_PREFIX
from maggie_core.guidance.crypto_ids import ids_in
from maggie_core.guidance.crypto_layers import CryptoLayer, crypto_layers
from maggie_core.guidance.layers import layered_instances
from maggie_core.image.frame import Frame
from maggie_core.image.window import reframe
from maggie_core.io.exr import read_image
from maggie_core.mattes.layout import COLOUR, sibling
from maggie_core.mattes.provenance import PREFIX, parsed, stored_files


def read_mattes(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read one frame's mattes.

    Args:
        path: the file; in the layout `files` the name the frame would have without a slug.

    Returns:
        `{name: (H, W) float32}` over the display window, 0 outside the data window: the instances by
        the artist's names, then `residual` and `contested` where there are any. And the header:
        provenance by its keys, all else by its own names.

    Raises:
        FrameError: the file is missing or unreadable, or has no mattes.
    """
    path = Path(path)
    files = stored_files(path)
    if files and files[0] != path:
        return _from_files(files)
    image = read_image(path)
    header = _header(image.metadata)
    layers = crypto_layers(image.channels, image.metadata)
    if header.get("layout", "cryptomatte") == "cryptomatte" and layers:
        alphas = _decoded(image, next(iter(layers.values())), path)
    else:
        named = layered_instances(image.channels, image.metadata)
        alphas = {name: _plane(image, channel) for name, channel in named.items()}
    alphas |= _extras(image)
    if not alphas:
        raise FrameError(f"{path} has no mattes: give an EXR with one layer per instance, or a Cryptomatte")
    return alphas, header


def read_foreground(path: str | Path) -> dict[str, np.ndarray]:
    """Read each person's own colour in one frame's mattes.

    Args:
        path: as for `read_mattes`.

    Returns:
        `{name: (H, W, 3) float32}` scene-linear and premultiplied over the display window, by the artist's
        names; empty where the mattes were made without `foreground`.

    Raises:
        FrameError: a file is unreadable.
    """
    found = {}
    for file in stored_files(path):
        image = read_image(file)
        for row in _header(image.metadata).get("instances") or []:
            layer = row["channel"].rpartition(".")[0]
            names = [f"{layer}.{c}" if layer else c for c in COLOUR]
            is_of_another = not layer and file != sibling(Path(path), row["slug"])
            if is_of_another or not set(names) <= set(image.channels):
                continue
            pixels = image.pixels[..., [image.channels.index(name) for name in names]]
            found[row["name"]] = np.ascontiguousarray(reframe(pixels, image.data, image.display))
    return found


def _from_files(files: tuple[Path, ...]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    images = [read_image(file) for file in files]
    header = _header(images[0].metadata)
    names = {row["slug"]: row["name"] for row in header["instances"]}
    alphas = {
        names.get(slug, slug): _plane(image, "A") for slug, image in zip(header["slugs"], images, strict=True)
    }
    return alphas, header


def _decoded(image: Frame, layer: CryptoLayer, path: Path) -> dict[str, np.ndarray]:
    alphas = {}
    for name, identity in layer.manifest(path.parent).items():
        plane = np.zeros(image.pixels.shape[:2], np.float32)
        for id_channel, coverage_channel in layer.ranks:
            ids = ids_in(image.pixels[..., image.channels.index(id_channel)])
            coverage = image.pixels[..., image.channels.index(coverage_channel)]
            np.add(plane, coverage, out=plane, where=ids == identity)
        alphas[name] = reframe(plane, image.data, image.display)
    return alphas


def _extras(image: Frame) -> dict[str, np.ndarray]:
    names = {extra: f"{LAYER_PREFIX}{extra}.alpha" for extra in EXTRA_LAYERS}
    return {extra: _plane(image, channel) for extra, channel in names.items() if channel in image.channels}


def _plane(image: Frame, channel: str) -> np.ndarray:
    plane = image.pixels[..., image.channels.index(channel)]
    return np.ascontiguousarray(reframe(plane, image.data, image.display))


def _header(metadata: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(PREFIX): parsed(value) for name, value in metadata.items()}

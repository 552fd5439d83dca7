"""File, part and channel of every plane, for each layout."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maggie_api.layer_names import LAYER_PREFIX

_NAME = re.compile(r"(?P<stem>.*?)(?P<frame>(?:^|[._])-?\d+)?$")
COLOUR = ("R", "G", "B")


@dataclass(frozen=True)
class Place:
    """File, part and layer that one plane is stored in."""

    path: Path
    part: str | None
    """Name of its part; None in a file of one part."""
    layer: str | None
    """Name of its layer; None where the channels have no layer."""

    @property
    def alpha(self) -> str:
        """Full name of the alpha channel."""
        return "A" if self.layer is None else f"{self.layer}.alpha"

    @property
    def colour(self) -> tuple[str, ...]:
        """Full names of the colour channels."""
        return tuple(c if self.layer is None else f"{self.layer}.{c}" for c in COLOUR)


def places(path: Path, slugs: Sequence[str], layout: str) -> dict[str, Place]:
    """Places of the planes by slug, of instances and of extra planes."""
    if layout == "files":
        return {slug: Place(sibling(path, slug), None, None) for slug in slugs}
    layers = {slug: LAYER_PREFIX + slug for slug in slugs}
    if layout == "multipart":
        return {slug: Place(path, layer, layer) for slug, layer in layers.items()}
    return {slug: Place(path, None, layer) for slug, layer in layers.items()}


def sibling(path: Path, slug: str) -> Path:
    """The file of one instance in the layout `files`: `out.1001.exr` becomes `out_<slug>.1001.exr`."""
    match = _NAME.match(path.stem)
    assert match is not None  # it matches any text
    stem, frame = match["stem"], match["frame"] or ""
    if not stem:  # the name is the frame number alone
        return path.with_name(f"{slug}.{frame.lstrip('._')}{path.suffix}")
    return path.with_name(f"{stem}_{slug}{frame}{path.suffix}")


def without_slug(path: Path, slug: str) -> Path | None:
    """The frame's name that `sibling` gave the file at `path`; None where it is no file of this instance."""
    match = _NAME.match(path.stem)
    assert match is not None  # it matches any text
    stem, frame = match["stem"], match["frame"] or ""
    if stem == slug and frame:
        return path.with_name(f"{frame.lstrip('._')}{path.suffix}")
    if not stem.endswith(f"_{slug}"):
        return None
    return path.with_name(f"{stem.removesuffix(f'_{slug}')}{frame}{path.suffix}")


def siblings(path: Path) -> list[Path]:
    """Files there are that may be of the frame at `path`, in the layout `files`.

    Another shot's may be among them: `out_b_anna` is anna of `out_b` and might be b_anna of `out`.
    """
    pattern = re.escape(sibling(path, "SLUG").name).replace("SLUG", r"[a-z][a-z0-9_]*")
    if not path.parent.is_dir():
        return []
    return sorted(file for file in path.parent.iterdir() if re.fullmatch(pattern, file.name))

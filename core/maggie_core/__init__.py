"""From a plate and rough masks to one clean, soft, steady alpha per person.

    from maggie_core import ShotMatter, combine, load_model, masks, open_source

Names are imported on first use, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maggie_api.errors import MaggieError
    from maggie_api.settings import MatteSettings
    from maggie_core.guidance import (
        CryptomatteSequence,
        Guidance,
        IdMapSequence,
        Instance,
        LayerSequence,
        MaskSequence,
        combine,
    )
    from maggie_core.image.geometry import Geometry
    from maggie_core.image.window import Window
    from maggie_core.io.frames import open_source
    from maggie_core.mattes import MatteFile, explain, read_mattes, write_mattes
    from maggie_core.model import MatteModel, load_model
    from maggie_core.shot.matter import MatteResult, ShotMatter

__all__ = [
    "CryptomatteSequence",
    "Geometry",
    "Guidance",
    "IdMapSequence",
    "Instance",
    "LayerSequence",
    "MaggieError",
    "MaskSequence",
    "MatteFile",
    "MatteModel",
    "MatteResult",
    "MatteSettings",
    "ShotMatter",
    "Window",
    "combine",
    "explain",
    "load_model",
    "open_source",
    "read_mattes",
    "write_mattes",
]

_HOMES = {
    "maggie_api.errors": ("MaggieError",),
    "maggie_api.settings": ("MatteFile", "MatteSettings"),
    "maggie_core.image.geometry": ("Geometry",),
    "maggie_core.image.window": ("Window",),
    "maggie_core.guidance": (
        "CryptomatteSequence",
        "Guidance",
        "IdMapSequence",
        "Instance",
        "LayerSequence",
        "MaskSequence",
        "combine",
    ),
    "maggie_core.io.frames": ("open_source",),
    "maggie_core.mattes": ("explain", "read_mattes", "write_mattes"),
    "maggie_core.model": ("MatteModel", "load_model"),
    "maggie_core.shot.matter": ("MatteResult", "ShotMatter"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'maggie_core' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)

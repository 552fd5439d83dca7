"""Which OCIO configuration and colour space the script says; nothing is guessed. No Nuke in here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from maggie_node.hosting import HostError

CHOOSE = "or write the plate's colour space into the node (for linear Rec.709: lin_rec709)"
_PUBLIC = re.compile(r"(cg|studio)-config-v[\d.]+_aces-v[\d.]+_ocio-v[\d.]+")
"""Configurations that OCIO itself carries."""


@dataclass(frozen=True)
class Settings:
    """The colour part of the project settings."""

    management: str
    """`OCIO` or `Nuke`."""
    config: str = ""
    """`custom`, or the name of one that comes with Nuke."""
    custom: str = ""
    """Path of a custom configuration, evaluated."""
    working: str = ""
    """Working space."""
    float_space: str = ""
    """What the default of a float file is."""
    environment: str = ""
    """$OCIO."""
    shipped: str = ""
    """File of the named configuration in Nuke's own folder; empty when there is none."""

    @property
    def is_ocio(self) -> bool:
        return self.management == "OCIO" or bool(self.environment)


def config_of(settings: Settings, chosen: str = "") -> str:
    """The configuration, as a path or an `ocio://` name; empty when the script has none.

    Raises:
        HostError: it is named but nowhere to be found as a file.
    """
    if chosen:
        return chosen
    if settings.environment:  # Nuke itself prefers it to the project settings
        return settings.environment
    if settings.management != "OCIO":
        return ""
    if settings.config == "custom":
        if not settings.custom:
            raise HostError(
                "the project's OCIO config is 'custom' but names no file: set it in Project Settings > Color"
            )
        return settings.custom
    if settings.shipped:
        return settings.shipped
    if _PUBLIC.fullmatch(settings.config):
        return f"ocio://{settings.config}"
    raise HostError(
        f"the project's OCIO config '{settings.config}' was not found beside Nuke: name its file in the "
        "node's OCIO config knob, or as a custom config in Project Settings > Color"
    )


def working_space(settings: Settings, chosen: str = "") -> str:
    """The colour space of what Nuke's nodes see.

    Raises:
        HostError: the script does not say.
    """
    if chosen:
        return chosen
    if not settings.is_ocio:
        raise HostError(
            "the script uses Nuke's own colour management, which does not say what its colours are: choose "
            f"OCIO in Project Settings > Color, {CHOOSE}"
        )
    if not settings.working:
        raise HostError(f"the project has no working space: set it in Project Settings > Color, {CHOOSE}")
    return _plain(settings.working)


def file_space(settings: Settings, space: str, *, raw: bool, path: str, chosen: str = "") -> str:
    """The colour space of a Read's files.

    Args:
        space: value of its colorspace knob.
        raw: whether it converts nothing: then the files hold what the nodes see.

    Raises:
        HostError: neither Read nor script says.
    """
    if chosen:
        return chosen
    if raw or not settings.is_ocio:
        return working_space(settings)
    found = re.fullmatch(r"default(?: \((.*)\))?", space.strip())
    if found is None and space.strip():
        return _plain(space)
    if found is not None and found[1]:
        return _plain(found[1])
    if settings.float_space and os.path.splitext(path)[1].lower() in (".exr", ".hdr"):
        return _plain(settings.float_space)
    raise HostError(
        f"the Read of {os.path.basename(path)} does not say its colour space: choose one there, {CHOOSE}"
    )


def _plain(space: str) -> str:
    """A colour space without the menus it stands in."""
    return space.rpartition("/")[2].strip()

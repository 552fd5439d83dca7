"""The OCIO configuration and colour spaces that the script says; nothing is guessed. No Nuke in here."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from maggie_api.errors import HostError

CHOOSE = "or write the plate's colour space into the node (for linear Rec.709: lin_rec709)"
_PUBLIC = re.compile(r"(cg|studio)-config-v[\d.]+_aces-v[\d.]+_ocio-v[\d.]+")
"""Names of configurations that OCIO itself carries."""


@dataclass(frozen=True)
class ProjectColour:
    """The colour part of the project settings, with $OCIO."""

    management: str
    """`OCIO` or `Nuke`."""
    config: str = ""
    """`custom`, or the name of a configuration that comes with Nuke."""
    custom: str = ""
    """Path of a custom configuration, evaluated."""
    working: str = ""
    """Name of the working space."""
    float_space: str = ""
    """Colour space that a Read takes for a file of floats."""
    environment: str = ""
    """Value of $OCIO."""
    shipped: str = ""
    """Path of the named configuration in Nuke's own folder; empty when there is none."""

    @property
    def is_ocio(self) -> bool:
        """Whether Nuke manages colours by OCIO."""
        return self.management == "OCIO" or bool(self.environment)


def config_of(project: ProjectColour, chosen: str = "") -> str:
    """The configuration, as a path or an `ocio://` name; empty when the script has none.

    Raises:
        HostError: the project names one that is not found as a file.
    """
    if chosen:
        return chosen
    if project.environment:  # Nuke itself prefers it to the project settings
        return project.environment
    if project.management != "OCIO":
        return ""
    if project.config == "custom":
        if not project.custom:
            raise HostError(
                "the project's OCIO config is 'custom' but names no file: set it in Project Settings > Color"
            )
        return project.custom
    if project.shipped:
        return project.shipped
    if _PUBLIC.fullmatch(project.config):
        return f"ocio://{project.config}"
    raise HostError(
        f"the project's OCIO config '{project.config}' was not found beside Nuke: name its file in the "
        "node's ocio knob, or as a custom config in Project Settings > Color"
    )


def working_space(project: ProjectColour, chosen: str = "") -> str:
    """The colour space of images inside Nuke's node graph.

    Raises:
        HostError: the script does not say.
    """
    if chosen:
        return chosen
    if not project.is_ocio:
        raise HostError(
            "the script uses Nuke's own colour management, which does not say what its colours are: choose "
            f"OCIO in Project Settings > Color, {CHOOSE}"
        )
    if not project.working:
        raise HostError(f"the project has no working space: set it in Project Settings > Color, {CHOOSE}")
    return _plain(project.working)


def file_space(project: ProjectColour, space: str, *, raw: bool, path: str, chosen: str = "") -> str:
    """The colour space of a Read's files.

    Args:
        space: value of the Read's knob `colorspace`.
        raw: whether the Read converts no colours; then the files are in the working space.
        path: path of the files.
        chosen: the colour space that the artist wrote into the node.

    Raises:
        HostError: neither the Read nor the script says.
    """
    if chosen:
        return chosen
    if raw or not project.is_ocio:
        return working_space(project)
    found = re.fullmatch(r"default(?: \((.*)\))?", space.strip())
    if found is None and space.strip():
        return _plain(space)
    if found is not None and found[1]:
        return _plain(found[1])
    if project.float_space and os.path.splitext(path)[1].lower() in (".exr", ".hdr"):
        return _plain(project.float_space)
    raise HostError(
        f"the Read of {os.path.basename(path)} does not say its colour space: choose one there, {CHOOSE}"
    )


def _plain(space: str) -> str:
    """Name of a colour space without the menus that Nuke shows it in."""
    return space.rpartition("/")[2].strip()

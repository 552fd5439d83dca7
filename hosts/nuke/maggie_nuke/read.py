"""A MaGGIe node as plain data. Reading changes nothing."""

from __future__ import annotations

import os
from typing import Any, Optional

import nuke

from . import build, knobs, panel
from .colour import ProjectColour
from .frames import read_shift
from .job_plan import MatteSequence
from .options import PATHS, read_options
from .state import InputSource, InstanceRow, NodeState
from .upstream import input_source, path_of


def node_state(node: Any) -> NodeState:
    """Everything that `node` and its script say about what to matte.

    Raises:
        HostError: an option is out of its range.
    """
    matte, edges, file, run = read_options(
        lambda name: path_or_name(node[name]) if name in PATHS else node[name].value()
    )
    root = nuke.root()
    plate, *masks = sources(node)
    return NodeState(
        node=node.fullName(),
        plate=plate,
        guidance=tuple(masks),
        rows=tuple(rows(node)),
        frames=node["frames"].value(),
        range=node["range"].value(),
        script_first=int(root["first_frame"].value()),
        script_last=int(root["last_frame"].value()),
        frame=int(nuke.frame()),
        views=tuple(nuke.views()),
        proxy=bool(root["proxy"].value()),
        folder=script_folder(),
        id=_text(node, knobs.ID),
        own=_text(node, knobs.OWN),
        cache=path_of(node["cache"]),
        project_colour=project_colour(),
        run=run,
        matte=matte,
        edges=edges,
        garbage=_text(node, knobs.GARBAGE),
        file=file,
        preview=_is_ticked(node, knobs.PREVIEW),
        fps=float(root["fps"].value()),
    )


def sources(node: Any) -> list[Optional[InputSource]]:
    """What is connected to the inputs of the node, the plate first; None where nothing is."""
    inputs = [inside for inside in node.nodes() if inside.Class() == "Input"]
    inputs.sort(key=lambda inside: int(inside["number"].value()))
    return [input_source(node, int(each["number"].value()), each.name()) for each in inputs]


def rows(node: Any) -> list[InstanceRow]:
    """The instances of the node, in order."""
    found = []
    while node.knob(f"{knobs.NAME}{len(found) + 1}") is not None:
        number = len(found) + 1
        found.append(
            InstanceRow(
                name=node[f"{knobs.NAME}{number}"].value(),
                source=node[f"{knobs.SOURCE}{number}"].value(),
                use=bool(node[f"{knobs.USE}{number}"].value()),
                at_keys=_is_ticked(node, f"{knobs.AT_KEYS}{number}"),
                **{name: _text(node, f"{name}{number}") for name in panel.HELD},
            )
        )
    return found


def matte_sequence(node: Any) -> MatteSequence:
    """The matte files that the Read inside the node shows, and the layers that the node hands out of them."""
    inside = node.node(knobs.MATTES)
    first, last = int(inside["first"].value()), int(inside["last"].value())
    shift = read_shift(inside["frame_mode"].value(), inside["frame"].value(), first) or 0
    layers = tuple((name, layer) for name, layer in build.wired(node))
    return MatteSequence(
        path_of(inside["file"]), first - shift, last - shift, shift, tuple(nuke.views()), layers
    )


def script_folder() -> str:
    """The folder of the script; empty when it was never saved."""
    name = _text(nuke.root(), "name")
    return os.path.dirname(os.path.abspath(name)).replace("\\", "/") if name else ""


def project_colour() -> ProjectColour:
    """The colour part of the project settings, with $OCIO."""
    root = nuke.root()
    config = _text(root, "OCIO_config")
    return ProjectColour(
        management=_text(root, "colorManagement") or "Nuke",
        config=config,
        custom=path_of(root["customOCIOConfigPath"]) if root.knob("customOCIOConfigPath") else "",
        working=_text(root, "workingSpaceLUT"),
        float_space=_text(root, "floatLut"),
        environment=os.environ.get("OCIO", ""),
        shipped=_shipped(config),
    )


def path_or_name(knob: Any) -> str:
    """Value of a file knob: an absolute path, or an `ocio://` name as it is."""
    text = knob.value() or ""
    return text if "://" in text else path_of(knob)


def _is_ticked(node: Any, name: str) -> bool:
    knob = node.knob(name)
    return knob is not None and bool(knob.value())


def _text(node: Any, name: str) -> str:
    knob = node.knob(name)
    return str(knob.value() or "") if knob is not None else ""


def _shipped(config: str) -> str:
    """Path of an OCIO configuration that is delivered with Nuke; empty when there is none of that name."""
    folder = os.path.join(os.path.dirname(nuke.EXE_PATH), "plugins", "OCIOConfigs", "configs")
    for name in (os.path.join(config, "config.ocio"), f"{config}.ocio"):
        path = os.path.join(folder, name)
        if config and config != "custom" and os.path.isfile(path):
            return path.replace("\\", "/")
    return ""

"""A node of ours as plain data. Reading changes nothing."""

from __future__ import annotations

import os
from typing import Any

import nuke

from . import knobs
from .colour import Settings
from .frames import read_shift
from .shot import Asked, Row, Shown
from .upstream import connected, our_nodes, path_of


def asked(node: Any) -> Asked:
    """Everything `node` and its script say about what to matte."""
    root = nuke.root()
    inputs = [inside for inside in node.nodes() if inside.Class() == "Input"]
    inputs.sort(key=lambda inside: int(inside["number"].value()))
    sources = [connected(node, int(each["number"].value()), each.name()) for each in inputs]
    return Asked(
        node=node.fullName(),
        plate=sources[0],
        guidance=tuple(sources[1:]),
        rows=tuple(rows(node)),
        frames=node["frames"].value(),
        range=node["range"].value(),
        script_first=int(root["first_frame"].value()),
        script_last=int(root["last_frame"].value()),
        frame=int(nuke.frame()),
        views=tuple(nuke.views()),
        proxy=bool(root["proxy"].value()),
        folder=script_folder(),
        cache=path_of(node["cache"]),
        others=tuple(
            (each.fullName(), path_of(each["cache"]))
            for each in our_nodes()
            if each.fullName() != node.fullName()
        ),
        settings=colour_settings(),
        ocio=path_or_name(node["ocio"]),
        colorspace=node["colorspace"].value().strip(),
        model=node["model"].value(),
        commercial=bool(node["commercial"].value()),
        device=node["device"].value(),
        precision=node["precision"].value(),
        exposure_ev=float(node["exposure"].value()),
        detail=node["detail"].value(),
        working_px=int(node["working_px"].value()),
        segment=int(node["segment"].value()),
        overlap=node["overlap"].value(),
        data_window=node["data_window"].value(),
    )


def rows(node: Any) -> list[Row]:
    """The instances of the node, in order."""
    found = []
    while node.knob(f"{knobs.NAME}{len(found) + 1}") is not None:
        number = len(found) + 1
        found.append(
            Row(
                name=node[f"{knobs.NAME}{number}"].value(),
                source=node[f"{knobs.SOURCE}{number}"].value(),
                use=bool(node[f"{knobs.USE}{number}"].value()),
            )
        )
    return found


def shown(node: Any) -> Shown:
    """The matte files that the node shows."""
    inside = node.node(knobs.MATTES)
    first, last = int(inside["first"].value()), int(inside["last"].value())
    shift = read_shift(inside["frame_mode"].value(), inside["frame"].value(), first) or 0
    return Shown(path_of(inside["file"]), first - shift, last - shift, shift, tuple(nuke.views()))


def script_folder() -> str:
    """The folder of the script; empty when it was never saved."""
    name = _text(nuke.root(), "name")
    return os.path.dirname(os.path.abspath(name)).replace("\\", "/") if name else ""


def colour_settings() -> Settings:
    """The colour part of the project settings, and $OCIO."""
    root = nuke.root()
    config = _text(root, "OCIO_config")
    return Settings(
        management=_text(root, "colorManagement") or "Nuke",
        config=config,
        custom=path_of(root["customOCIOConfigPath"]) if root.knob("customOCIOConfigPath") else "",
        working=_text(root, "workingSpaceLUT"),
        float_space=_text(root, "floatLut"),
        environment=os.environ.get("OCIO", ""),
        shipped=_shipped(config),
    )


def path_or_name(knob: Any) -> str:
    """A file knob that may also hold an `ocio://` name."""
    text = knob.value() or ""
    return text if "://" in text else path_of(knob)


def _text(node: Any, name: str) -> str:
    knob = node.knob(name)
    return str(knob.value() or "") if knob is not None else ""


def _shipped(config: str) -> str:
    """File of a configuration that came with Nuke."""
    folder = os.path.join(os.path.dirname(nuke.EXE_PATH), "plugins", "OCIOConfigs", "configs")
    for name in (os.path.join(config, "config.ocio"), f"{config}.ocio"):
        path = os.path.join(folder, name)
        if config and config != "custom" and os.path.isfile(path):
            return path.replace("\\", "/")
    return ""

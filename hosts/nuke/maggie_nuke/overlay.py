"""Colours over the plate: everybody's matte or mask in their own colour, and who is meant by a picked pixel.

A Grade for each person lays the colour on where the matte or mask is, and writes the person's number into
the alpha, which an eyedropper takes from the viewer with the colour. The masks are those of the inputs, the
mattes those of the node's own files.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Sequence
from typing import Any, Optional

import nuke

from maggie_api.errors import HostError
from maggie_api.layer_names import cryptomatte_id

from . import knobs
from .state import InputSource, InstanceRow

NOT_IN_USE = 0.3
"""Share of the opacity that a person out of use has: they can be told apart, and picked all the same."""
SURE = 0.05
"""How far a picked number may lie from a whole one: at a soft edge it is between that of two people."""


def show(
    group: Any, rows: Sequence[InstanceRow], inputs: Sequence[Optional[InputSource]], wired: Any
) -> None:
    """Lay the colours that the knob `show` asks for over the plate.

    Args:
        inputs: what is connected to the inputs of the node.
        wired: (name, layer) of the instances whose mattes the node hands out.
    """
    with group:
        for old in [inside for inside in group.nodes() if _is_overlay(inside)]:
            nuke.delete(old)
        wanted, switch = group[knobs.SHOW].value(), _switch(group)
        if wanted == knobs.RESULT:
            return
        source = _without_numbers(group.node(knobs.SWITCH))
        for number, row in enumerate(rows, 1):
            mask = (
                _matte(group, row, wired) if wanted == knobs.IN_COLOUR else _mask(group, row, inputs, number)
            )
            if mask is not None:
                source = _tinted(group, source, number, row, *mask)
        switch.setInput(1, source)


def picked(rows: Sequence[InstanceRow], colour: Sequence[float]) -> int:
    """Number of the person whose pixel was picked, from 1 on.

    Args:
        colour: red, green, blue and alpha of the pixel.

    Raises:
        HostError: nobody is there, or a pixel between people was picked.
    """
    number = round(colour[3])
    if abs(colour[3] - number) > SURE:
        raise HostError("that is the edge of somebody: pick inside of them")
    if not 0 < number <= len(rows):
        raise HostError("nobody is there: pick somebody who has a colour")
    return number


def _switch(group: Any) -> Any:
    """The Switch between the result and the colours, in the current group; it stands before the Output."""
    there = group.node(knobs.WITH_OVERLAY)
    if there is not None:
        return there
    switch = nuke.nodes.Switch(name=knobs.WITH_OVERLAY, inputs=[group.node(knobs.SWITCH)])
    # Colours are for the viewer: a render in a terminal never has them.
    switch["which"].setExpression(f"parent.{knobs.SHOW} && $gui")
    group.output().setInput(0, switch)
    return switch


def _is_overlay(node: Any) -> bool:
    return re.fullmatch(rf"{knobs.OVERLAY}\d+(_mask|_alpha)?", node.name()) is not None


def _without_numbers(source: Any) -> Any:
    """The plate with an alpha of 0, which says that nobody is there; also where the plate has none."""
    alpha = nuke.nodes.AddChannels(name=f"{knobs.OVERLAY}0_alpha", inputs=[source])
    alpha["channels"].setValue("alpha")
    grade = nuke.nodes.Grade(name=f"{knobs.OVERLAY}0", inputs=[alpha])
    grade["channels"].setValue("alpha")
    grade["multiply"].setValue(0.0)
    return grade


def _tinted(group: Any, source: Any, number: int, row: InstanceRow, mask: Any, channel: str) -> Any:
    chip = int(group[f"{knobs.COLOUR}{number}"].value())
    strength = float(group[knobs.OPACITY].value()) * (1.0 if row.use else NOT_IN_USE)
    grade = nuke.nodes.Grade(name=f"{knobs.OVERLAY}{number}", inputs=[source, mask])
    grade["channels"].setValue("rgba")
    grade["maskChannelInput"].setValue(channel)
    grade["black_clamp"].setValue(False)
    grade["multiply"].setValue([1 - strength, 1 - strength, 1 - strength, 0.0])
    grade["add"].setValue([*(strength * (chip >> shift & 255) / 255 for shift in (24, 16, 8)), float(number)])
    return grade


def _matte(group: Any, row: InstanceRow, wired: Any) -> Any:
    """(node, channel) of a person's matte; None when the node does not hand it out."""
    layer = next((layer for name, layer in wired if name == row.name), None)
    return None if layer is None else (group.node(knobs.MATTES), f"{layer}.alpha")


def _mask(group: Any, row: InstanceRow, inputs: Sequence[Optional[InputSource]], number: int) -> Any:
    """(node, channel) of a person's mask; None when there is none."""
    node = group.node(row.input)
    source = next((each for each in inputs if each is not None and each.input == row.input), None)
    if node is None or source is None:
        return None
    if row.cryptomatte is not None:
        return _object(node, row, source, number), "rgba.alpha"
    if row.channel is None:
        return node, "rgba.alpha" if "rgba.alpha" in source.channels else "rgba.red"
    inside = [each for each in source.channels if each == row.channel or each.startswith(f"{row.channel}.")]
    alphas = [each for each in inside if each.rpartition(".")[2] == "alpha"]
    return (node, (alphas or inside)[0]) if inside else None


def _object(node: Any, row: InstanceRow, source: InputSource, number: int) -> Any:
    """An Expression whose alpha is the coverage of an object of a Cryptomatte: the sum over its ranks."""
    ranks = sorted({each.rpartition(".")[0] for each in source.channels if _is_rank(each, row)})
    (value,) = struct.unpack("<f", struct.pack("<I", cryptomatte_id(row.name)))
    text = f"{value:.9g}"  # as many digits as tell any two 32-bit floats apart
    terms = [
        f"({rank}.{who} == {text}) * {rank}.{much}"
        for rank in ranks
        for who, much in (("red", "green"), ("blue", "alpha"))
    ]
    found = nuke.nodes.Expression(name=f"{knobs.OVERLAY}{number}_mask", inputs=[node])
    found["expr3"].setValue(" + ".join(terms) or "0")
    return found


def _is_rank(channel: str, row: InstanceRow) -> bool:
    return re.fullmatch(rf"{re.escape(row.cryptomatte or '')}\d+\.(red|r)", channel) is not None

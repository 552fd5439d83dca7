"""Guidance: the instances of a shot and their rough masks, in every form that can be read."""

from maggie_core.guidance.combine import Guidance, combine
from maggie_core.guidance.cryptomatte import CryptomatteSequence
from maggie_core.guidance.holds import HeldPlanes, Holds, HoldSource
from maggie_core.guidance.idmaps import IdMapSequence
from maggie_core.guidance.instances import Instance, make_instances
from maggie_core.guidance.keys import KeyMasks
from maggie_core.guidance.layers import LayerSequence
from maggie_core.guidance.masks import MaskSequence
from maggie_core.guidance.overlap import exclusive
from maggie_core.guidance.pins import Pins
from maggie_core.guidance.source import GuidanceSource, Mask

__all__ = [
    "CryptomatteSequence",
    "Guidance",
    "GuidanceSource",
    "HeldPlanes",
    "HoldSource",
    "Holds",
    "IdMapSequence",
    "Instance",
    "KeyMasks",
    "LayerSequence",
    "Mask",
    "MaskSequence",
    "Pins",
    "combine",
    "exclusive",
    "make_instances",
]

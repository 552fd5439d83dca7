"""Guidance: who is in the shot and where, roughly, in the many forms artists have it."""

from maggie_core.guidance.combine import Guidance, combine
from maggie_core.guidance.cryptomatte import CryptomatteSequence
from maggie_core.guidance.idmaps import IdMapSequence
from maggie_core.guidance.instances import Instance, make_instances
from maggie_core.guidance.layers import LayerSequence
from maggie_core.guidance.masks import MaskSequence
from maggie_core.guidance.overlap import exclusive
from maggie_core.guidance.pins import Pins
from maggie_core.guidance.source import GuidanceSource, Mask

__all__ = [
    "CryptomatteSequence",
    "Guidance",
    "GuidanceSource",
    "IdMapSequence",
    "Instance",
    "LayerSequence",
    "Mask",
    "MaskSequence",
    "Pins",
    "combine",
    "exclusive",
    "make_instances",
]

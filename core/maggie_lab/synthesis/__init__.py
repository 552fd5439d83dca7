"""Generated people with exact mattes and imperfect guidance: what the default model learns from."""

from maggie_lab.random import sample_generator

from .backgrounds import make_background
from .bank import Bank, BankPlan, DrawnBank, build_bank
from .composing import SamplePlanes, compose, compose_clip
from .figures import make_figure
from .guidance_degradation import degrade
from .heldout import HeldOutSample, heldout_set

__all__ = [
    "Bank",
    "BankPlan",
    "DrawnBank",
    "HeldOutSample",
    "SamplePlanes",
    "build_bank",
    "compose",
    "compose_clip",
    "degrade",
    "heldout_set",
    "make_background",
    "make_figure",
    "sample_generator",
]

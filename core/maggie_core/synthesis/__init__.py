"""Generated people with exact mattes and imperfect guidance: what the default model learns from."""

from .backgrounds import make_background
from .bank import Bank, BankPlan, DrawnBank, build_bank
from .composing import Sample, compose, compose_clip
from .faults import degrade
from .figures import make_figure
from .heldout import HeldOutSample, heldout_set
from .seeds import sample_generator

__all__ = [
    "Bank",
    "BankPlan",
    "DrawnBank",
    "HeldOutSample",
    "Sample",
    "build_bank",
    "compose",
    "compose_clip",
    "degrade",
    "heldout_set",
    "make_background",
    "make_figure",
    "sample_generator",
]

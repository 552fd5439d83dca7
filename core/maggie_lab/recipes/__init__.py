"""The paper's recipes on a user's own folders: stills and clips composed of mattes and backgrounds."""

from .clips import LEVELS, ClipRecipe, Level
from .making import SetPlan, make_set
from .stills import StillRecipe
from .verifying import Finding, verify_set

__all__ = [
    "LEVELS",
    "ClipRecipe",
    "Finding",
    "Level",
    "SetPlan",
    "StillRecipe",
    "make_set",
    "verify_set",
]

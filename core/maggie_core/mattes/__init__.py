"""Mattes on disk: writing them, their provenance, and reading them back."""

from maggie_api.settings import MatteFile
from maggie_core.mattes.provenance import explain, is_complete, recipe_digest
from maggie_core.mattes.read import read_mattes
from maggie_core.mattes.residual import sum_to_one
from maggie_core.mattes.write import write_mattes

__all__ = [
    "MatteFile",
    "explain",
    "is_complete",
    "read_mattes",
    "recipe_digest",
    "sum_to_one",
    "write_mattes",
]

"""The paper's own numbers, to stand beside ours."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

TABLES = Path(__file__).parent / "paper_tables.json"
OURS_THERE = "MaGGIe"
WHOLE = {"composition": 16800, "natural": 3200, "easy": 20, "medium": 20, "hard": 20}
"""Samples behind the paper's rows: stills once for each of ten sets of masks, and clips."""


@dataclass(frozen=True)
class PaperRow:
    """One method of the paper on one part of a data set."""

    method: str
    means: dict[str, float]
    deviations: dict[str, float] = field(default_factory=dict)
    """Sample deviations over the ten sets of masks."""


def paper_rows(dataset: str, subset: str) -> list[PaperRow]:
    """What Tables 5 and 12 (him2k) or 7 and 14 (v-him60) say, the paper's own method last; else nothing."""
    rows = _tables().get(dataset, {}).get(subset, [])
    return [PaperRow(row["method"], row["means"], row.get("deviations", {})) for row in rows]


def paper_row_of_masks(subset: str, variant: str) -> PaperRow | None:
    """The paper's method on HIM2K with one of the ten sets of masks; None for any other set."""
    means = _tables()["him2k masks"].get(subset, {}).get(variant)
    return None if means is None else PaperRow(f"{OURS_THERE}, {variant}", means)


@cache
def _tables() -> dict[str, Any]:
    return json.loads(TABLES.read_text(encoding="utf-8"))

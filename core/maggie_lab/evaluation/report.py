"""An evaluation as a table for people, as CSV and as JSON."""

from __future__ import annotations

import csv
import io
from typing import Any

from maggie_api.text import counted
from maggie_lab.evaluation.summary import COLUMNS, Part, Row, Summary


def as_text(summary: Summary) -> str:
    """The tables for people, one below the other."""
    blocks = [f"{_title(summary, part)}\n{_grid(part.rows)}" for part in summary.parts]
    return "\n\n".join([*blocks, *(f"note: {note}" for note in summary.notes)])


def _title(summary: Summary, part: Part) -> str:
    samples = max(row.samples for row in part.rows)
    instances = max(row.instances for row in part.rows)
    title = f"{' '.join(filter(None, (summary.dataset, part.subset)))}, {summary.protocol} protocol: "
    title += f"{counted(samples, 'sample')}, {counted(instances, 'instance')} in all frames"
    if len(part.variants) > 1:
        title += f", mean ± sample deviation over {len(part.variants)} sets of masks"
    if part.skipped:
        title += f", {counted(part.skipped, 'sample')} without guidance left out"
    return title


def _grid(rows: list[Row]) -> str:
    shown = [name for name in COLUMNS if any(name in row.means for row in rows)]
    lines = [["", *shown], *([row.method, *(_cell(row, name) for name in shown)] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = ([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines)
    return "\n".join("  ".join(cells).rstrip() for cells in padded)


def _cell(row: Row, name: str) -> str:
    if name not in row.means:
        return ""
    deviation = f" ±{row.deviations[name]:.2f}" if name in row.deviations else ""
    return f"{row.means[name]:.2f}{deviation}"


def as_data(summary: Summary) -> dict[str, Any]:
    """The whole evaluation as plain data for JSON."""
    return {
        "dataset": summary.dataset,
        "protocol": summary.protocol,
        "parts": [_part_as_data(part) for part in summary.parts],
        "failed": summary.failed,
        "notes": summary.notes,
    }


def _part_as_data(part: Part) -> dict[str, Any]:
    return {
        "subset": part.subset,
        "masks": list(part.variants),
        "skipped": part.skipped,
        "rows": [vars(row) for row in part.rows],
        "by_masks": {variant: [vars(row) for row in rows] for variant, rows in part.by_variant.items()},
    }


def as_csv(summary: Summary) -> str:
    """One line for each number; `masks` is empty for the mean over all sets of masks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    heads = ("dataset", "protocol", "subset", "masks", "method", "kind", "samples", "instances")
    writer.writerow([*heads, "metric", "mean", "deviation"])
    for part in summary.parts:
        for variant, rows in [("", part.rows), *part.by_variant.items()]:
            for row in rows:
                about = [summary.dataset, summary.protocol, part.subset, variant, row.method, row.kind]
                for name, value in row.means.items():
                    counts = [row.samples, row.instances]
                    writer.writerow([*about, *counts, name, repr(value), row.deviations.get(name, "")])
    return text.getvalue()

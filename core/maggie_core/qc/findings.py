"""Which of the numbers are too much, in sentences; and all of it as data."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from maggie_api.sequences import compact_frames
from maggie_core.qc.check import WHOLE_FRAME, Checked
from maggie_core.qc.measures import MEASURES, Measure

SCHEMA = "maggie-qc/1"
Limits = Mapping[str, float | None]


@dataclass(frozen=True)
class Finding:
    """A measure beyond its limit, in one or several frames."""

    measure: str
    instance: str
    """Whose; empty where it is nobody's own."""
    frames: tuple[int, ...]
    """Frames beyond the limit, ascending; none where it is about the whole shot."""
    worst_frame: int | None
    value: float
    """At the worst frame."""
    limit: float
    text: str
    """What was found, the limit, what to do."""


def find(checked: Checked, limits: Limits) -> tuple[Finding, ...]:
    """Everything beyond its limit, one finding for each measure and instance, the worst first.

    Files come before pixels: what is not there cannot be judged. Within these, the one that exceeds its limit
    by the largest factor comes first.
    """
    found = [*_of_frames(checked, limits), *_of_shot(checked, limits)]
    order = list(MEASURES)
    return tuple(sorted(found, key=lambda f: (_rank(f), -_excess(f), order.index(f.measure), f.instance)))


def _of_frames(checked: Checked, limits: Limits) -> Iterator[Finding]:
    for name, measure in MEASURES.items():
        limit = limits[name]
        if limit is None:
            continue
        for who, values in checked.numbers.values.get(name, {}).items():
            beyond = {frame: value for frame, value in values.items() if measure.exceeds(value, limit)}
            if beyond:
                gravest = max(beyond, key=lambda frame: measure.gravity(beyond[frame]))
                yield _finding(checked, measure, who, tuple(sorted(beyond)), gravest, beyond[gravest], limit)


def _of_shot(checked: Checked, limits: Limits) -> Iterator[Finding]:
    seams, limit = checked.seams, limits["seams"]
    if seams is not None and limit is not None and MEASURES["seams"].exceeds(seams.least, limit):
        yield _finding(checked, MEASURES["seams"], WHOLE_FRAME, (), None, seams.least, limit)


def _finding(
    checked: Checked,
    measure: Measure,
    who: str,
    frames: tuple[int, ...],
    gravest: int | None,
    value: float,
    limit: float,
) -> Finding:
    place = ""
    if frames:
        place = f"frame{'s' if len(frames) > 1 else ''} {compact_frames(frames)}"
        place += f" (worst {gravest})" if len(frames) > 1 and measure.about != "file" else ""
    head = ", ".join(filter(None, (who, place))) or "the shot"
    remark = checked.numbers.remarks.get((measure.name, gravest if gravest is not None else 0), "")
    if limit == 0 and (measure.about == "file" or measure.unit == "frames"):
        said = f"{measure.title}{f' ({remark})' if remark else ''}"
    else:
        least = "least" if measure.at_least else "limit"
        amount = f"{number(value)} {measure.unit}".strip()
        said = f"{measure.title} {amount}, the {least} is {number(limit)}"
    return Finding(measure.name, who, frames, gravest, value, limit, f"{head}: {said}: {measure.todo}")


def _rank(finding: Finding) -> int:
    return 0 if MEASURES[finding.measure].about == "file" else 1


def _excess(finding: Finding) -> float:
    """How far beyond its limit, as a factor."""
    low, high = sorted((abs(finding.value), abs(finding.limit)))
    return high / low if low > 0 else math.inf


def number(value: float) -> str:
    """Three digits, as people read them."""
    return f"{value:.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}"


def as_data(checked: Checked, findings: tuple[Finding, ...], limits: Limits) -> dict[str, Any]:
    """All of it as plain data for JSON; `schema` says which form it has.

    A series has a value, or null, for each of `frames`.
    """
    subject, frames = checked.subject, checked.subject.frames
    return {
        "schema": SCHEMA,
        "mattes": subject.mattes.pattern,
        "frames": list(frames),
        "instances": list(checked.instances),
        "segment_frames": checked.segment_frames,
        "plate": subject.plate is not None,
        "guidance": subject.guidance is not None,
        "verdict": "limits exceeded" if findings else "fine",
        "findings": [{**vars(finding), "frames": list(finding.frames)} for finding in findings],
        "notes": list(checked.notes),
        "measures": {
            name: {
                "title": measure.title,
                "unit": measure.unit,
                "limit": limits[name],
                "at_least": measure.at_least,
                "measured": name in checked.numbers.values or (name == "seams" and checked.seams is not None),
            }
            for name, measure in MEASURES.items()
        },
        "values": {
            name: {who: [values.get(frame) for frame in frames] for who, values in by_instance.items()}
            for name, by_instance in checked.numbers.values.items()
        },
        "remarks": [
            {"measure": measure, "frame": frame, "text": text}
            for (measure, frame), text in checked.numbers.remarks.items()
        ],
        "seams": None if checked.seams is None else _seams(checked),
    }


def _seams(checked: Checked) -> dict[str, Any]:
    assert checked.seams is not None
    return {**vars(checked.seams), "seams": [vars(seam) for seam in checked.seams.seams]}


def as_text(checked: Checked, findings: tuple[Finding, ...], limits: Limits) -> str:
    """A short table of the worst values, then the findings."""
    rows = [("", "worst", "limit", "frame", "who")]
    for name, measure in MEASURES.items():
        found = worst(checked, measure)
        if found is not None:
            value, frame, who = found
            limit = limits[name]
            rows.append(
                (
                    ", ".join(filter(None, (measure.title, measure.unit))),
                    number(value),
                    "" if limit is None else number(limit),
                    "" if frame is None else str(frame),
                    who,
                )
            )
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if 1 <= i <= 3 else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines += filter(None, [seams_said(checked)])
    lines += [f"note: {note}" for note in checked.notes]
    lines += [finding.text for finding in findings] or ["nothing beyond its limit"]
    return "\n".join(lines)


def worst(checked: Checked, measure: Measure) -> tuple[float, int | None, str] | None:
    """Value, frame (None for the whole shot) and instance where a measure is worst; None if not measured."""
    if measure.name == "seams":
        return None if checked.seams is None else (checked.seams.least, None, "")
    every = [
        (value, frame, who)
        for who, values in checked.numbers.values.get(measure.name, {}).items()
        for frame, value in values.items()
    ]
    return max(every, key=lambda each: measure.gravity(each[0]), default=None)


def seams_said(checked: Checked) -> str:
    """How much the seams flicker, and how well that is known; empty where nothing is known."""
    seams = checked.seams
    if seams is None:
        return ""
    count = f"{len(seams.seams)} seams flicker" if len(seams.seams) > 1 else "the seam flickers"
    return (
        f"{count} {seams.ratio:.2f} times as much as elsewhere; by chance alone single pairs of frames "
        f"scatter by a factor of {seams.spread:.2f}, so that {seams.least:.2f} is the least to be sure of"
    )

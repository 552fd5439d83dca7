"""Which of the numbers are too much, in sentences; and all of it as data."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from maggie_api.sequences import compact_frames
from maggie_api.text import counted
from maggie_core.guidance.names import listing
from maggie_core.image.window import Window
from maggie_core.qc.measures import MEASURES, Limit, Measure, number
from maggie_core.qc.subject import WHOLE_FRAME, Checked

SCHEMA = "maggie-qc/2"
Limits = Mapping[str, Limit]
NOT_SPOILED = ("mask_mistaken", "mask_hidden", "not_finite", "out_of_range", "stuck")
"""Measures that no mask of another makes worse."""
SHOWN = 12
"""Lines of findings that the short result prints; the rest is on the page."""


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
    """The side of the limit that it is beyond."""
    place: Window | None
    """Where in the plate, at the worst frame; None where it belongs to no place."""
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
        for who, values in checked.numbers.values.get(name, {}).items():
            beyond = {frame: value for frame, value in values.items() if limit.edge(value) is not None}
            if beyond:
                gravest = max(beyond, key=lambda frame: limit.gravity(beyond[frame]))
                yield _finding(checked, measure, who, tuple(sorted(beyond)), gravest, beyond[gravest], limit)


def _of_shot(checked: Checked, limits: Limits) -> Iterator[Finding]:
    seams, limit = checked.seams, limits["seams"]
    if seams is not None and limit.edge(seams.least) is not None:
        yield _finding(checked, MEASURES["seams"], WHOLE_FRAME, (), None, seams.least, limit)


def _finding(
    checked: Checked,
    measure: Measure,
    who: str,
    frames: tuple[int, ...],
    gravest: int | None,
    value: float,
    limit: Limit,
) -> Finding:
    key = (measure.name, who, 0 if gravest is None else gravest)
    place, remark = checked.numbers.places.get(key), checked.numbers.remarks.get(key, "")
    when = ""
    if frames:
        when = f"frame{'s' if len(frames) > 1 else ''} {compact_frames(frames)}"
        when += f" (worst {gravest})" if len(frames) > 1 and measure.about != "file" else ""
    edge = limit.edge(value)
    assert edge is not None
    head = ", ".join(filter(None, (who, when, "" if place is None else where(place)))) or "the shot"
    remarks = filter(None, (remark, *_given(checked, who, frames)))
    title = measure.title + "".join(f" ({each})" for each in remarks)
    if edge == 0 and (measure.about == "file" or measure.unit == "frames"):
        said = title
    else:
        said = f"{title} {f'{number(value)} {measure.unit}'.strip()}, allowed is {limit}"
    todo = _spoiled(checked, measure, who, frames) or measure.todo
    text = f"{head}: {said}: {todo}" if todo else f"{head}: {said}"
    return Finding(measure.name, who, frames, gravest, value, edge, place, text)


def _spoiled(checked: Checked, measure: Measure, who: str, frames: tuple[int, ...]) -> str:
    """What to do where mistaken masks explain what was found in all frames; else empty."""
    spoilers = [checked.spoilers(who, frame, beside=measure.about == "pair") for frame in frames]
    if not who or measure.name in NOT_SPOILED or not spoilers or not all(spoilers):
        return ""
    names = tuple(dict.fromkeys(name for each in spoilers for name in each))
    masks, are = ("masks", "are") if len(names) > 1 else ("mask", "is")
    return f"look at it again when the {masks} of {listing(names)} {are} right"


def _given(checked: Checked, who: str, frames: tuple[int, ...]) -> Iterator[str]:
    """In which of a finding's frames the artist gave the alpha, or something stands in as the job asks."""
    pins = [frame for frame in frames if who in checked.pinned.get(frame, ())]
    for what, which in (("held", checked.held.intersection(frames)), ("pinned", pins)):
        if which:
            yield what if len(which) == len(frames) else f"{what} in {compact_frames(which)}"


def where(place: Window) -> str:
    """A place in the plate, as viewers count its pixels."""
    return f"at x {place.x}-{place.x + place.width}, y {place.y}-{place.y + place.height}"


def _rank(finding: Finding) -> int:
    return 0 if MEASURES[finding.measure].about == "file" else 1


def _excess(finding: Finding) -> float:
    """How far beyond its limit, as a factor."""
    low, high = sorted((abs(finding.value), abs(finding.limit)))
    return high / low if low > 0 else math.inf


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
        "guidance": bool(subject.guided),
        "verdict": "limits exceeded" if findings else "fine",
        "findings": [_as_plain(finding) for finding in findings],
        "notes": list(checked.notes),
        "measures": {
            name: {
                "title": measure.title,
                "unit": measure.unit,
                "low": limits[name].low,
                "high": limits[name].high,
                "measured": _is_measured(checked, name),
            }
            for name, measure in MEASURES.items()
        },
        "values": {
            name: {who: [values.get(frame) for frame in frames] for who, values in by_instance.items()}
            for name, by_instance in checked.numbers.values.items()
        },
        "remarks": [
            {"measure": measure, "instance": who, "frame": frame, "text": text}
            for (measure, who, frame), text in checked.numbers.remarks.items()
        ],
        "places": [
            {"measure": measure, "instance": who, "frame": frame, "place": _box(place)}
            for (measure, who, frame), place in checked.numbers.places.items()
        ],
        "seams": None if checked.seams is None else _seams(checked),
    }


def _as_plain(finding: Finding) -> dict[str, Any]:
    place = None if finding.place is None else _box(finding.place)
    return {**vars(finding), "frames": list(finding.frames), "place": place}


def _box(place: Window) -> list[int]:
    """Left, top, width and height in plate pixels."""
    return [place.x, place.y, place.width, place.height]


def _seams(checked: Checked) -> dict[str, Any]:
    assert checked.seams is not None
    return {**vars(checked.seams), "seams": [vars(seam) for seam in checked.seams.seams]}


def unmeasured(checked: Checked, names: Iterable[str]) -> tuple[str, ...]:
    """Those of some measures that nothing was measured of: a limit of theirs says nothing."""
    return tuple(name for name in dict.fromkeys(names) if not _is_measured(checked, name))


def _is_measured(checked: Checked, name: str) -> bool:
    return name in checked.numbers.values or (name == "seams" and checked.seams is not None)


def as_text(checked: Checked, findings: tuple[Finding, ...]) -> str:
    """What is wrong, a line for each fault, the worst first; then what was not looked at, and the verdict."""
    frames, people = len(checked.subject.frames), len(checked.instances)
    looked = f"{counted(frames, 'frame')}, {counted(people, 'instance')}"
    faults = list(_faults(findings))
    lines = []
    for lead, more in faults[:SHOWN]:
        also = ", ".join(MEASURES[each.measure].title for each in more)
        lines.append(lead.text + (f" (also {also})" if also else ""))
    if len(faults) > SHOWN:
        lines.append(f"and {len(faults) - SHOWN} more")
    lines += [f"note: {note}" for note in checked.notes]
    count = counted(len(faults), "fault")
    verdict = count if findings else "no fault found"
    return "\n".join([*lines, f"{verdict} ({looked})"])


def _faults(findings: tuple[Finding, ...]) -> Iterator[tuple[Finding, list[Finding]]]:
    """Findings put together that are signs of one fault: of one instance, in most of the same frames.

    A spoilt frame shows in what it is and in its change to the next.
    """
    left = list(findings)
    while left:
        lead = left.pop(0)
        near = {*lead.frames, *(frame + 1 for frame in lead.frames)}
        more = [each for each in left if _rank(each) and each.instance == lead.instance and _most(each, near)]
        left = [each for each in left if each not in more]
        yield lead, more


def _most(finding: Finding, near: set[int]) -> bool:
    """Whether a finding is of these frames, and of at least a quarter of them."""
    return near.issuperset(finding.frames) and 4 * len(finding.frames) >= len(near)


def as_table(checked: Checked, limits: Limits) -> str:
    """The worst value of each measure, and how much the seams flicker."""
    rows = [("", "worst", "allowed", "frame", "who")]
    for name, measure in MEASURES.items():
        found = worst(checked, measure, limits[name])
        if found is not None:
            value, frame, who = found
            title = ", ".join(filter(None, (measure.title, measure.unit)))
            at = "" if frame is None or not value else str(frame)
            rows.append((title, number(value), str(limits[name]), at, who if value else ""))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if i in (1, 3) else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([*lines, *filter(None, [seams_said(checked)])])


def worst(checked: Checked, measure: Measure, limit: Limit) -> tuple[float, int | None, str] | None:
    """Value, frame (None for the whole shot) and instance where a measure is worst; None if not measured."""
    if measure.name == "seams":
        return None if checked.seams is None else (checked.seams.least, None, "")
    every = [
        (value, frame, who)
        for who, values in checked.numbers.values.get(measure.name, {}).items()
        for frame, value in values.items()
    ]
    return max(every, key=lambda each: limit.gravity(each[0]), default=None)


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

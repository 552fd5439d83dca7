"""A check as one page of HTML, `page.html` filled in: nothing is fetched, nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from maggie_api.sequences import compact_frames
from maggie_core.guidance.instances import make_instances
from maggie_core.qc.findings import Finding, Limits, seams_said, worst
from maggie_core.qc.measures import MEASURES, Limit, Measure, number
from maggie_core.qc.subject import WHOLE_FRAME, Checked
from maggie_core.qc.thumbnails import ALPHA_INK, GUIDANCE_INK, Thumbnail

TEMPLATE = Path(__file__).with_name("page.html")
PLOT_W, PLOT_H = 560, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 22, 10, 24
"""Margins of a plot in its own units; the numbers stand in them."""
NEAR_LIMIT = 1.25
"""A plot shows its limit when a value times this factor reaches it."""
WHOLE_FRAME_INK = "#c9cdd2"
"""Colour of curves that belong to no single instance."""


@dataclass(frozen=True)
class Mark:
    """A line, a number or a dot of a plot, in the plot's units."""

    text: str
    x: float = 0.0
    y: float = 0.0
    beyond: bool = False
    """Whether the value exceeds its limit."""


@dataclass(frozen=True)
class Curve:
    """One instance's values over time."""

    ink: str
    """Colour as HTML writes it."""
    runs: tuple[str, ...]
    """Points of each unbroken line, as SVG writes them."""
    dots: tuple[Mark, ...]
    """One for each frame with a value."""


@dataclass(frozen=True)
class Plot:
    """One measure over time."""

    title: str
    remark: str
    """Unit and limit."""
    levels: tuple[Mark, ...]
    frames: tuple[Mark, ...]
    seams: tuple[Mark, ...]
    limits: tuple[Mark, ...]
    curves: tuple[Curve, ...]
    width: int = PLOT_W
    height: int = PLOT_H
    left: int = LEFT
    right: int = PLOT_W - RIGHT
    top: int = TOP
    bottom: int = PLOT_H - BOTTOM


@dataclass(frozen=True)
class Row:
    """One measure in the table of all measures."""

    title: str
    name: str
    worst: str
    limit: str
    frame: str
    who: str
    reason: str
    beyond: bool


def as_page(
    checked: Checked,
    findings: Sequence[Finding],
    limits: Limits,
    thumbnails: Iterable[tuple[Finding, Sequence[Thumbnail]]] = (),
    samples: Sequence[Thumbnail] = (),
) -> str:
    """The whole page.

    Args:
        thumbnails: of findings, from `thumbnails.thumbnails`.
        samples: of a few frames, from `thumbnails.samples`.
    """
    inks, shown = _inks(checked), dict(thumbnails)
    pattern = checked.subject.mattes.pattern
    return _template().render(
        pattern=pattern,
        file_name=pattern.replace("\\", "/").rpartition("/")[2],
        facts=_facts(checked),
        keys=[{"name": name, "ink": inks[name]} for name in checked.instances],
        findings=[{"text": each.text, "thumbnails": shown.get(each, ())} for each in findings],
        samples=samples,
        outline_inks={"alpha": _hex(ALPHA_INK), "guidance": _hex(GUIDANCE_INK)},
        notes=checked.notes,
        seams=seams_said(checked),
        plots=list(_plots(checked, limits, inks)),
        rows=list(_rows(checked, findings, limits)),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8"))


def _inks(checked: Checked) -> dict[str, str]:
    """Colour of each instance's curves, the one its matte has in hosts."""
    inks = {WHOLE_FRAME: WHOLE_FRAME_INK}
    for instance in make_instances(checked.instances) if checked.instances else ():
        inks[instance.name] = _hex(instance.color)
    return inks


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in color)


def _facts(checked: Checked) -> list[str]:
    subject, header = checked.subject, checked.header
    facts = [f"frames {compact_frames(subject.frames)}"]
    if checked.segment_frames:
        facts.append(f"segments of {checked.segment_frames}")
    facts += [f"{key} {header[key]}" for key in ("model", "version") if isinstance(header.get(key), str)]
    missing = [name for name in ("plate", "guidance") if getattr(subject, name) is None]
    if missing:
        facts.append(f"without {' and '.join(missing)}")
    return facts


def _plots(checked: Checked, limits: Limits, inks: Mapping[str, str]) -> Iterator[Plot]:
    for name, measure in MEASURES.items():
        values = checked.numbers.values.get(name, {})
        if measure.about != "seam" and any(value for each in values.values() for value in each.values()):
            yield _plot(checked, measure, limits[name], inks)


def _plot(checked: Checked, measure: Measure, limit: Limit, inks: Mapping[str, str]) -> Plot:
    frames = checked.subject.frames
    series = checked.numbers.values[measure.name]
    low, high = _range(series, limit)
    first, span = frames[0], max(frames[-1] - frames[0], 1)

    def x(frame: float) -> float:
        return round(LEFT + (PLOT_W - LEFT - RIGHT) * (frame - first) / span, 1)

    def y(value: float) -> float:
        return round(TOP + (PLOT_H - TOP - BOTTOM) * (1 - (value - low) / (high - low)), 1)

    def curve(who: str, values: Mapping[int, float]) -> Curve:
        runs = _runs(checked.subject.shot_frames, values)
        return Curve(
            inks.get(who, WHOLE_FRAME_INK),
            tuple(" ".join(f"{x(frame)},{y(values[frame])}" for frame in run) for run in runs),
            tuple(
                Mark(
                    f"{who} {frame}: {number(value)}".strip(),
                    x(frame),
                    y(value),
                    beyond=limit.edge(value) is not None,
                )
                for frame, value in values.items()
            ),
        )

    return Plot(
        measure.title,
        ", ".join(filter(None, (measure.unit, str(limit)))),
        levels=tuple(Mark(number(value), y=y(value)) for value in _steps(low, high)),
        frames=tuple(Mark(str(frame), x=x(frame)) for frame in _labelled(frames)),
        seams=tuple(Mark(str(frame), x=x(frame - 0.5)) for frame in _seams(checked)),
        limits=tuple(Mark(number(edge), y=y(edge)) for edge in limit.edges if edge and low <= edge <= high),
        curves=tuple(curve(who, values) for who, values in series.items()),
    )


def _range(series: Mapping[str, Mapping[int, float]], limit: Limit) -> tuple[float, float]:
    """Lowest and highest value that a plot shows, with those sides of the limit that values come near."""
    every = [value for each in series.values() for value in each.values()]
    low, high = min(0.0, *every), max(every)
    for edge in limit.edges:
        if edge >= 0 and (high * NEAR_LIMIT >= edge or limit.low == edge):
            high = max(high, edge)
        elif edge < 0 and low * NEAR_LIMIT <= edge:
            low = min(low, edge)
    return low, high + 0.06 * ((high - low) or 1)


def _steps(low: float, high: float) -> list[float]:
    """Three to five round numbers from low to high."""
    rough = (high - low) / 4
    size = 10.0 ** len(str(int(rough))) / 10 if rough >= 1 else 1.0
    while size > rough:
        size /= 10
    step = next(size * k for k in (1, 2, 2.5, 5, 10) if size * k >= rough)
    first = int(low / step) - (low < 0)
    return [k * step for k in range(first, int(high / step) + 1) if low <= k * step <= high]


def _labelled(frames: Sequence[int]) -> list[int]:
    """At most six frames, evenly spread, first and last among them."""
    count = min(len(frames), 6)
    return sorted({frames[round(k * (len(frames) - 1) / max(count - 1, 1))] for k in range(count)})


def _seams(checked: Checked) -> list[int]:
    """First frame of each segment but the shot's first."""
    segment, wanted = checked.segment_frames, set(checked.subject.frames)
    if not segment:
        return []
    return [frame for frame in checked.subject.shot_frames[segment::segment] if frame in wanted]


def _runs(frames: Sequence[int], values: Iterable[int]) -> list[list[int]]:
    """Frames with a value, cut where frames of the shot have none."""
    there = set(values)
    runs: list[list[int]] = [[]]
    for frame in frames:
        if frame in there:
            runs[-1].append(frame)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _rows(checked: Checked, findings: Sequence[Finding], limits: Limits) -> Iterator[Row]:
    beyond = {finding.measure for finding in findings}
    for name, measure in MEASURES.items():
        found = worst(checked, measure, limits[name])
        if found is None:
            continue
        value, frame, who = found
        limit = limits[name]
        yield Row(
            measure.title,
            name,
            worst=f"{number(value)} {measure.unit}".strip(),
            limit=str(limit),
            frame="" if frame is None or not value else str(frame),
            who=who if value else "",
            reason=measure.reason if limit.edges else "",
            beyond=name in beyond,
        )

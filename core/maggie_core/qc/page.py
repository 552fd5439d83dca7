"""A check as one page of HTML: nothing is fetched, nothing is run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from maggie_api.sequences import compact_frames
from maggie_core.guidance.instances import make_instances
from maggie_core.qc.check import EVERYBODY, Checked
from maggie_core.qc.findings import Finding, Limits, number, seams_said, worst
from maggie_core.qc.images import ALPHA_INK, GUIDANCE_INK, Picture
from maggie_core.qc.measures import MEASURES, Measure

PLOT_W, PLOT_H = 560, 150
LEFT, RIGHT, TOP, BOTTOM = 44, 22, 10, 24
"""Room for the numbers around a plot."""
NEAR_LIMIT = 1.25
"""A plot reaches up to its limit where its values come that near."""
EVERYBODY_INK = "#c9cdd2"

_STYLE = """
:root { color-scheme: dark; }
body { margin: 0 auto; padding: 32px 40px 64px; max-width: 1240px; background: #18191b; color: #dedfe0;
  font: 15px/1.5 system-ui, "Segoe UI", Helvetica, Arial, sans-serif; }
h1 { font-size: 26px; font-weight: 600; margin: 0 0 2px; }
h2 { font-size: 17px; font-weight: 600; margin: 40px 0 12px; }
h3 { font-size: 14px; font-weight: 600; margin: 0; }
.faint { color: #8c8f93; }
.verdict { display: inline-block; padding: 2px 12px; border-radius: 12px; font-weight: 600; }
.fine { background: #1f4a36; color: #a9efcb; }
.exceeded { background: #5a2626; color: #ffc3bb; }
ul { margin: 0; padding: 0; list-style: none; }
.findings li { padding: 8px 0 8px 14px; margin: 8px 0; border-left: 3px solid #d0604f; }
.notes li { padding: 4px 0 4px 14px; border-left: 3px solid #6a6d71; }
.key { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin: 0 6px 0 16px; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(540px, 1fr)); gap: 20px 28px; }
.plot { background: #1f2023; border-radius: 8px; padding: 12px 14px 8px; }
svg { display: block; width: 100%; height: auto; }
.pictures { display: flex; flex-wrap: wrap; gap: 10px; margin-top: 8px; }
figure { margin: 0; }
figcaption { color: #8c8f93; font-size: 13px; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid #2c2e31; vertical-align: top; }
th { color: #8c8f93; font-weight: 500; }
td.n, th.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
tr.beyond td { color: #ffc3bb; }
"""


def as_page(
    checked: Checked,
    findings: Sequence[Finding],
    limits: Limits,
    pictures: Iterable[tuple[Finding, Sequence[Picture]]] = (),
) -> str:
    """The whole page.

    Args:
        pictures: of findings, from `pictures.pictures`.
    """
    inks = _inks(checked)
    shown = dict(pictures)
    parts = [
        _head(checked, findings, inks),
        _findings(findings, shown),
        _notes(checked.notes),
        _seam_line(checked),
        _plots(checked, limits, inks),
        _table(checked, findings, limits),
    ]
    title = escape(f"QC {checked.subject.mattes.pattern}")
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{title}</title>\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(filter(None, parts))
        + "\n</body>\n</html>\n"
    )


def _inks(checked: Checked) -> dict[str, str]:
    inks = {EVERYBODY: EVERYBODY_INK}
    for instance in make_instances(checked.instances) if checked.instances else ():
        inks[instance.name] = _hex(instance.color)
    return inks


def _hex(color: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(255 * channel):02x}" for channel in color)


def _head(checked: Checked, findings: Sequence[Finding], inks: dict[str, str]) -> str:
    subject, header = checked.subject, checked.header
    kind, verdict = ("exceeded", _count(len(findings), "finding")) if findings else ("fine", "fine")
    facts = [f"frames {compact_frames(subject.frames)}"]
    if checked.segment_frames:
        facts.append(f"segments of {checked.segment_frames}")
    facts += [f"{key} {header[key]}" for key in ("model", "version") if isinstance(header.get(key), str)]
    missing = [n for n in ("plate", "guidance") if getattr(subject, n) is None]
    if missing:
        facts.append(f"without {' and '.join(missing)}")
    keys = "".join(
        f'<span class="key" style="background:{inks[name]}"></span>{escape(name)}'
        for name in checked.instances
    )
    return (
        f"<h1>{escape(subject.mattes.pattern.replace(chr(92), '/').rpartition('/')[2])}</h1>\n"
        f'<p class="faint">{escape(subject.mattes.pattern)}<br>{escape(" · ".join(facts))}</p>\n'
        f'<p><span class="verdict {kind}">{verdict}</span>{keys}</p>'
    )


def _findings(findings: Sequence[Finding], shown: dict[Finding, Sequence[Picture]]) -> str:
    if not findings:
        return ""
    rows = []
    for finding in findings:
        figures = "".join(_figure(picture) for picture in shown.get(finding, ()))
        strip = f'<div class="pictures">{figures}</div>' if figures else ""
        rows.append(f"<li>{escape(finding.text)}{strip}</li>")
    legend = (
        '<p class="faint">Outlined on the plate: '
        f'<span style="color:{_hex(ALPHA_INK)}">alpha</span>, '
        f'<span style="color:{_hex(GUIDANCE_INK)}">guidance</span>.</p>\n'
    )
    heading = "<h2>Beyond its limit, worst first</h2>\n" + (legend if shown else "")
    return heading + '<ul class="findings">\n' + "\n".join(rows) + "\n</ul>"


def _figure(picture: Picture) -> str:
    caption = escape(picture.caption)
    size = f'width="{picture.width}" height="{picture.height}"'
    data = f"data:image/jpeg;base64,{picture.jpeg}"
    return f'<figure><img {size} alt="{caption}" src="{data}"><figcaption>{caption}</figcaption></figure>'


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    rows = "\n".join(f"<li>{escape(note)}</li>" for note in notes)
    return f'<h2>Not looked at</h2>\n<ul class="notes">\n{rows}\n</ul>'


def _seam_line(checked: Checked) -> str:
    said = seams_said(checked)
    return f"<h2>Seams</h2>\n<p>{escape(said)}</p>" if said else ""


def _plots(checked: Checked, limits: Limits, inks: dict[str, str]) -> str:
    plots = []
    for name, measure in MEASURES.items():
        values = checked.numbers.values.get(name, {})
        if measure.about != "seam" and any(value for each in values.values() for value in each.values()):
            plots.append(_plot(checked, measure, limits[name], inks))
    if not plots:
        return ""
    return '<h2>Over time</h2>\n<div class="plots">\n' + "\n".join(plots) + "\n</div>"


def _plot(checked: Checked, measure: Measure, limit: float | None, inks: dict[str, str]) -> str:
    frames = checked.subject.frames
    series = checked.numbers.values[measure.name]
    every = [value for each in series.values() for value in each.values()]
    low, high = min(0.0, *every), max(every)
    if limit is not None and (high * NEAR_LIMIT >= limit or measure.at_least):
        high = max(high, limit)
    if low < 0 and limit is not None and -low * NEAR_LIMIT >= limit:
        low = min(low, -limit)
    high += 0.06 * ((high - low) or 1)
    inner_w, inner_h = PLOT_W - LEFT - RIGHT, PLOT_H - TOP - BOTTOM
    first, span = frames[0], max(frames[-1] - frames[0], 1)

    def x(frame: float) -> float:
        return round(LEFT + inner_w * (frame - first) / span, 1)

    def y(value: float) -> float:
        return round(TOP + inner_h * (1 - (value - low) / (high - low)), 1)

    marks = [
        '<g fill="#8c8f93" font-size="11" font-family="system-ui, Segoe UI, Helvetica, Arial, sans-serif">'
    ]
    marks += [_level(y(value), number(value)) for value in _steps(low, high)]
    marks += [
        f'<text x="{x(frame)}" y="{PLOT_H - 6}" text-anchor="middle">{frame}</text>'
        for frame in _labelled(frames)
    ]
    marks.append("</g>")
    marks += [
        f'<line x1="{x(f - 0.5)}" x2="{x(f - 0.5)}" y1="{TOP}" y2="{TOP + inner_h}" stroke="#5f7fa8" '
        f'stroke-dasharray="2 3"><title>seam before {f}</title></line>'
        for f in _seams(checked)
    ]
    for edge in {limit, -limit if low < 0 else limit} if limit else ():
        if low <= edge <= high:
            marks.append(
                f'<line x1="{LEFT}" x2="{PLOT_W - RIGHT}" y1="{y(edge)}" y2="{y(edge)}" stroke="#d0604f" '
                f'stroke-dasharray="6 4"><title>limit {number(edge)}</title></line>'
            )
    for who, values in series.items():
        ink = inks.get(who, EVERYBODY_INK)
        for run in _runs(checked.subject.shot_frames, values):
            points = " ".join(f"{x(frame)},{y(values[frame])}" for frame in run)
            marks.append(f'<polyline points="{points}" fill="none" stroke="{ink}" stroke-width="1.6"/>')
        for frame, value in values.items():
            beyond = limit is not None and measure.exceeds(value, limit)
            said = escape(f"{who} {frame}: {number(value)}".strip())
            shape = 'r="3.6" stroke="#d0604f" stroke-width="2"' if beyond else 'r="1.8"'
            place = f'cx="{x(frame)}" cy="{y(value)}"'
            marks.append(f'<circle {place} {shape} fill="{ink}"><title>{said}</title></circle>')
    text = "" if limit is None else f"{'at least' if measure.at_least else 'limit'} {number(limit)}"
    faint = escape(", ".join(filter(None, (measure.unit, text))))
    head = f'{escape(measure.title)} <span class="faint">{faint}</span>'
    svg = f'<svg viewBox="0 0 {PLOT_W} {PLOT_H}" role="img">{"".join(marks)}</svg>'
    return f'<div class="plot"><h3>{head}</h3>\n{svg}</div>'


def _level(y: float, text: str) -> str:
    return (
        f'<line x1="{LEFT}" x2="{PLOT_W - RIGHT}" y1="{y}" y2="{y}" stroke="#2f3134"/>'
        f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{text}</text>'
    )


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
    count = min(len(frames), 6)
    return sorted({frames[round(k * (len(frames) - 1) / max(count - 1, 1))] for k in range(count)})


def _seams(checked: Checked) -> list[int]:
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


def _table(checked: Checked, findings: Sequence[Finding], limits: Limits) -> str:
    beyond = {finding.measure for finding in findings}
    rows = []
    for name, measure in MEASURES.items():
        found = worst(checked, measure)
        if found is None:
            continue
        value, frame, who = found
        limit = limits[name]
        cells = [
            ("", measure.title),
            ("", name),
            ("n", f"{number(value)} {measure.unit}".strip()),
            ("n", "" if limit is None else f"{'≥ ' if measure.at_least else ''}{number(limit)}"),
            ("n", "" if frame is None or not value else str(frame)),
            ("", who if value else ""),
            ("faint", "" if limit is None else measure.reason),
        ]
        row = "".join(f'<td class="{kind}">{escape(text)}</td>' for kind, text in cells)
        rows.append(f'<tr class="{"beyond" if name in beyond else ""}">{row}</tr>')
    heads = ("measure", "name", "worst", "limit", "frame", "who", "why the limit is there")
    numeric = ("worst", "limit", "frame")
    head = "".join(f'<th class="{"n" if text in numeric else ""}">{text}</th>' for text in heads)
    return f"<h2>All measures</h2>\n<table>\n<tr>{head}</tr>\n" + "\n".join(rows) + "\n</table>"


def _count(amount: int, noun: str) -> str:
    return f"{amount} {noun}" if amount == 1 else f"{amount} {noun}s"

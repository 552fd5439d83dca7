"""Draw the node's panel in Nuke from its list of knobs, and the node's icon. It is a drawing, no screenshot.

python tools/draw_nuke_panel.py            # docs/nuke_panel.png and hosts/nuke/MaGGIe.png

Knobs, their order, labels and values are those of a node in the tests' Nuke; the look is only like Nuke's.
"""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

ROOT = Path(__file__).resolve().parent.parent
PANEL, ICON = ROOT / "docs" / "nuke_panel.png", ROOT / "hosts" / "nuke" / "MaGGIe.png"
CAPTIONS = {
    "Matte": "Start and stop. What the node hands out and shows, which frames, how fine.",
    "Edges": "How the mattes keep to their masks, and tools for edges. For everybody.",
    "Advanced": "Every other option that changes the mattes or their files.",
    "Farm": "Where files lie, where the network runs, files for a farm.",
    "About": "What was done and why; replace the node by plain ones; help.",
    "People": "Who is in the shot: masks, frames with keys, cores, garbage mattes, edges of each.",
}
"""What each tab is for."""
WIDTH, MARGIN, LINE, LABEL, GAP = 640, 16, 30, 150, 6
"""Of a tab in the drawing, in pixels: its width, border, height of a line, width of labels, space between."""
NUMBER, NUMBERS = 90, ("Int_Knob", "Double_Knob")
"""Width of a number's field, and the kinds of knobs that have one."""
BACK, FIELD, BUTTON, TEXT, FAINT = "#323232", "#232323", "#4a4a4a", "#dcdcdc", "#8c8c8c"
VIOLET = "#5b4b8a"


@dataclass(frozen=True)
class Knob:
    """A knob as it is drawn."""

    kind: str
    name: str
    label: str
    value: str
    begins_line: bool


def knobs_by_tab() -> dict[str, list[Knob]]:
    """The visible knobs of a node with two people, tab by tab."""
    sys.path.insert(0, str(ROOT / "tests" / "hosts" / "fake_nuke"))
    import nuke  # pyright: ignore[reportMissingImports] - the tests' one
    from nuke_app import launch  # pyright: ignore[reportMissingImports]

    launch("gui", [ROOT / "hosts" / "nuke"])
    import maggie_nuke  # pyright: ignore[reportMissingImports]
    from maggie_nuke import build, people, state  # pyright: ignore[reportMissingImports]

    node = maggie_nuke.create()
    rows = [
        state.InstanceRow("ana", "guidance", at_keys=True, keys="1001,1024,1048"),
        state.InstanceRow("ben", "guidance2:hero.alpha", core="guidance3", edges="trust=0.9"),
    ]
    with people.changing(node):
        build.set_rows(node, rows)
    node["status"].setValue("12 of 96 mattes, 0.8 s a frame, 1:07 left")
    tabs: dict[str, list[Knob]] = {}
    for knob in node.knobs().values():
        if knob.Class() == "Tab_Knob":
            tabs[knob.label()] = []
        elif tabs and knob.visible():
            tabs[list(tabs)[-1]].append(_described(knob, nuke.STARTLINE))
    return {tab: found for tab, found in tabs.items() if tab in CAPTIONS}


def digest(tabs: dict[str, list[Knob]]) -> str:
    """Changes with everything that is drawn."""
    plain = {tab: [asdict(knob) for knob in found] for tab, found in tabs.items()}
    return hashlib.sha256(json.dumps([plain, CAPTIONS]).encode()).hexdigest()


def _described(knob: Any, startline: int) -> Knob:
    value = knob.value()
    text = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    if knob.Class() == "ColorChip_Knob":
        text = f"#{int(value):08x}"[:7]
    return Knob(knob.Class(), knob.name(), knob.label(), text, knob.getFlag(startline))


def draw_panel(tabs: dict[str, list[Knob]]) -> Image.Image:
    """The tabs side by side, each with a sentence that says what it is for."""
    pages = [_page(tab, tabs[tab]) for tab in CAPTIONS]
    columns = ([pages[0], pages[4]], [pages[2]], [pages[1], pages[3]], [pages[5]])
    height = max(sum(page.height + MARGIN for page in column) for column in columns)
    sheet = Image.new("RGB", (len(columns) * (WIDTH + MARGIN) + MARGIN, height + 60 + MARGIN), "#1e1e1e")
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, 14), "MaGGIe1", TEXT, _font(22, bold=True))
    note = "The tabs of the node's panel, side by side. Drawn from its list of knobs: no screenshot of Nuke."
    draw.text((MARGIN + 130, 19), note, FAINT, _font(16))
    for index, column in enumerate(columns):
        y = 60
        for page in column:
            sheet.paste(page, (MARGIN + index * (WIDTH + MARGIN), y))
            y += page.height + MARGIN
    return sheet


def _page(tab: str, found: list[Knob]) -> Image.Image:
    lines: list[list[Knob]] = []
    for knob in found:
        if knob.begins_line or not lines:
            lines.append([])
        lines[-1].append(knob)
    page = Image.new("RGB", (WIDTH, 74 + LINE * len(lines) + MARGIN), BACK)
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, WIDTH, 30), VIOLET)
    draw.text((MARGIN, 6), tab, "white", _font(15, bold=True))
    draw.text((MARGIN, 40), CAPTIONS[tab], FAINT, _font(13))
    for index, line in enumerate(lines):
        _line(draw, line, 68 + LINE * index)
    return page


def _line(draw: ImageDraw.ImageDraw, line: list[Knob], y: int) -> None:
    """Draw a line: fields share the room that labels, buttons and boxes leave."""
    fixed = LABEL + sum(_fixed(knob, first=not at) for at, knob in enumerate(line)) + GAP * len(line)
    fields = sum(_is_field(knob) and knob.kind not in NUMBERS for knob in line)
    room = (WIDTH - 2 * MARGIN - fixed) // max(fields, 1)
    x = MARGIN + LABEL
    for at, knob in enumerate(line):
        if knob.kind == "Text_Knob":
            _text(draw, knob, x, y)
        elif knob.kind == "PyScript_Knob":
            wide = _wide(knob.label) + 20
            draw.rounded_rectangle((x, y + 2, x + wide, y + 26), 4, BUTTON)
            draw.text((x + 10, y + 6), knob.label, TEXT, _font(13))
            x += wide + GAP
        elif knob.kind == "Boolean_Knob":
            draw.rectangle((x, y + 6, x + 15, y + 21), FIELD, FAINT)
            if knob.value == "True":
                draw.line((x + 3, y + 13, x + 7, y + 18, x + 13, y + 8), "#f0a030", 2)
            draw.text((x + 22, y + 6), knob.label, TEXT, _font(13))
            x += 22 + _wide(knob.label) + GAP
        elif not _is_field(knob):
            x = _label(draw, knob, x, y, first=not at)
            colour = knob.value if knob.kind == "ColorChip_Knob" else "#000000"
            draw.rectangle((x, y + 4, x + 20, y + 24), colour, FAINT)
            x += 20 + GAP
        else:
            x = _label(draw, knob, x, y, first=not at)
            wide = NUMBER if knob.kind in NUMBERS else max(room, 40)
            _field(draw, knob, x, y, wide)
            x += wide + GAP


def _label(draw: ImageDraw.ImageDraw, knob: Knob, x: int, y: int, *, first: bool) -> int:
    """Draw a label; where what follows it begins."""
    if not knob.label:
        return x
    if first:
        draw.text((x - 8, y + 6), knob.label, TEXT, _font(13), anchor="ra")
        return x
    draw.text((x, y + 6), knob.label, TEXT, _font(13))
    return x + _wide(knob.label) + GAP


def _field(draw: ImageDraw.ImageDraw, knob: Knob, x: int, y: int, wide: int) -> None:
    draw.rectangle((x, y + 2, x + wide, y + 26), FIELD)
    text = knob.value
    while text and _wide(text) > wide - (26 if knob.kind == "Enumeration_Knob" else 10):
        text = text[:-1]
    draw.text((x + 6, y + 6), text, TEXT, _font(13))
    if knob.kind == "Enumeration_Knob":
        right = x + wide - 8
        draw.polygon([(right - 8, y + 11), (right, y + 11), (right - 4, y + 17)], FAINT)


def _text(draw: ImageDraw.ImageDraw, knob: Knob, x: int, y: int) -> None:
    if knob.value.strip():
        draw.text((x, y + 6), knob.value, TEXT, _font(13))
        return
    if not knob.begins_line:
        return
    draw.line((MARGIN, y + 15, WIDTH - MARGIN, y + 15), BUTTON)
    if knob.label:
        draw.rectangle((MARGIN, y + 5, MARGIN + _wide(knob.label) + 8, y + 25), BACK)
        draw.text((MARGIN, y + 6), knob.label, FAINT, _font(13))


def _is_field(knob: Knob) -> bool:
    return knob.kind in ("String_Knob", "File_Knob", "Enumeration_Knob", "Int_Knob", "Double_Knob")


def _fixed(knob: Knob, *, first: bool) -> int:
    """Width of what a knob needs beside its field."""
    words = _wide(knob.label) + GAP if knob.label else 0
    if knob.kind == "PyScript_Knob":
        return _wide(knob.label) + 20
    if knob.kind == "Boolean_Knob":
        return 22 + words
    return (0 if first else words) + (NUMBER if knob.kind in NUMBERS else 0 if _is_field(knob) else 20)


def _wide(text: str) -> int:
    return round(_font(13).getlength(text))


def _font(size: int, *, bold: bool = False) -> Any:
    """A sans serif that matplotlib brings along, so that the drawing is the same everywhere."""
    from matplotlib import font_manager

    weight = "bold" if bold else "normal"
    path = font_manager.findfont(font_manager.FontProperties(family="DejaVu Sans", weight=weight))
    return ImageFont.truetype(path, size)


def draw_icon(size: int = 64) -> Image.Image:
    """Two people, one before the other, each in a colour of their own."""
    big = Image.new("RGBA", (4 * size, 4 * size), (0, 0, 0, 0))
    draw = ImageDraw.Draw(big)
    for middle, colour in ((0.64, "#59b0ff"), (0.38, "#ff9a59")):
        x, unit = middle * 4 * size, 4 * size
        draw.ellipse((x - 0.14 * unit, 0.14 * unit, x + 0.14 * unit, 0.42 * unit), colour)
        draw.pieslice((x - 0.26 * unit, 0.46 * unit, x + 0.26 * unit, 1.3 * unit), 180, 360, colour)
    return big.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    tabs = knobs_by_tab()
    kept = PngImagePlugin.PngInfo()
    kept.add_text("knobs", digest(tabs))
    draw_panel(tabs).quantize(64).save(PANEL, pnginfo=kept, optimize=True)
    draw_icon(24).save(ICON, optimize=True)
    sys.stdout.write(f"{PANEL}\n{ICON}\n")


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the picture of the panel in Blender's sidebar: docs/blender_panel.png.

    make blender-extension && python tools/blender_panel.py

It starts Debian's Blender (apt-get install --no-install-recommends blender xvfb xauth) in a window that
nobody sees, and this same file inside. That Blender is 3.4, which knows no extensions: the panel is loaded as
an add-on, and its progress bar, which came with 4.0, is not there.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs" / "blender_panel.png"
WINDOW = (1280, 1400)
"""Size of the window in pixels: high enough for all that the panel unfolds."""
EDGE = 20
"""Height of the region's lower border, in pixels."""
SHOTS = {
    "people": "Plate, people, mattes",
    "settings": "Settings",
    "advanced": "Settings > Advanced",
}
"""Pictures of the sidebar, and what is written above each."""


def main() -> None:
    from PIL import Image, ImageDraw, ImageFont

    blender = shutil.which("blender")
    if blender is None:
        sys.exit("no blender on PATH: apt-get install --no-install-recommends blender xvfb xauth")
    archive = max((ROOT / "build" / "blender").glob("maggie_node-*.zip"), default=None)
    if archive is None:
        sys.exit("no extension in build/blender: make blender-extension")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with zipfile.ZipFile(archive) as zipped:
            zipped.extractall(folder / "maggie_node")
        screen = f"-screen 0 {WINDOW[0]}x{WINDOW[1]}x24"
        size = [str(each) for each in WINDOW]
        command = [
            "xvfb-run",
            "-a",
            "-s",
            screen,
            blender,
            "--factory-startup",
            "--window-geometry",
            "0",
            "0",
        ]
        subprocess.run([*command, *size, "--python", __file__, "--", name], check=True, timeout=120)
        shots = {each: Image.open(folder / f"{each}.png").convert("RGB") for each in SHOTS}
        sidebar = json.loads((folder / "sidebar.json").read_text("utf-8"))
    cropped = {each: _cropped(shot, sidebar) for each, shot in shots.items()}
    wide = max(each.width for each in cropped.values()) + 24
    high = max(each.height for each in cropped.values())
    sheet = Image.new("RGB", (wide * len(cropped), high + 56), "#1d1d1d")
    draw = ImageDraw.Draw(sheet)
    for index, (each, shot) in enumerate(cropped.items()):
        draw.text((index * wide + 12, 14), SHOTS[each], "#e6e6e6", ImageFont.load_default(18))
        sheet.paste(shot, (index * wide + 12, 48))
    sheet.quantize(128).save(PICTURE, optimize=True)
    sys.stdout.write(f"{PICTURE}\n")


def _cropped(shot: Any, sidebar: dict[str, int]) -> Any:
    """The sidebar of a screenshot, without the empty rest below its panels."""
    top = shot.height - sidebar["y"] - sidebar["height"]
    box = (sidebar["x"], top, sidebar["x"] + sidebar["width"], top + sidebar["height"])
    region = shot.crop(box)
    column = [region.getpixel((region.width // 2, y)) for y in range(region.height)]
    empty = column[-EDGE]
    last = max(y for y, colour in enumerate(column[:-EDGE]) if colour != empty)
    return region.crop((0, 0, region.width, last + 10))


def inside(folder: Path) -> None:
    """What this file does inside of Blender: set a shot up, and take a picture of each part of the panel."""
    import bpy  # pyright: ignore[reportMissingImports]

    sys.path.insert(0, str(folder))
    bpy.types.RenderSettings.compositor_device = property(lambda _: "CPU", lambda *_: None)
    bpy.types.UILayout.progress = lambda layout, factor, text: layout.label(text=text)
    from maggie_node.maggie_api.client.host_client import (  # pyright: ignore[reportMissingImports]
        Progress,
    )

    import maggie_node  # pyright: ignore[reportMissingImports]
    from maggie_node import panel, run  # pyright: ignore[reportMissingImports]

    shown = {"people": panel.MaggiePanel, "settings": panel.MaggieSettings, "advanced": panel.MaggieAdvanced}
    now = ["people"]
    for name, each in shown.items():
        each.bl_options, each.bl_parent_id = set(), ""
        each.poll = _shown_when(lambda name=name: now[0] == name)
    for other in bpy.types.Panel.__subclasses__():  # of this sidebar, so that only ours is there
        where = [getattr(other, name, "") for name in ("bl_space_type", "bl_region_type")]
        if where == ["NODE_EDITOR", "UI"] and other not in shown.values():
            with contextlib.suppress(RuntimeError):  # one that is not registered
                bpy.utils.unregister_class(other)
    maggie_node.register()
    _set_up(bpy)
    run._State.progress = Progress("done", 48, 0, 48, text="48 of 48 mattes are there")
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    area.ui_type, area.spaces[0].show_region_ui = "CompositorNodeTree", True

    def steps() -> Iterator[None]:
        for name in shown:
            now[0] = name
            for _ in range(8):
                area.tag_redraw()
                yield
            with bpy.context.temp_override(window=window):
                bpy.ops.screen.screenshot(filepath=str(folder / f"{name}.png"))
        region = next(each for each in area.regions if each.type == "UI")
        found = {name: getattr(region, name) for name in ("x", "y", "width", "height")}
        (folder / "sidebar.json").write_text(json.dumps(found), "utf-8")

    play = steps()

    def beat() -> float | None:
        try:
            next(play)
        except StopIteration:
            maggie_node.unregister()
            bpy.ops.wm.quit_blender()
            return None
        except BaseException:
            traceback.print_exc()
            bpy.ops.wm.quit_blender()
            return None
        return 0.1

    bpy.app.timers.register(beat, first_interval=0.5)


def _shown_when(condition: Callable[[], bool]) -> Any:
    """A panel's `poll`."""
    return classmethod(lambda cls, context: condition())


def _set_up(bpy: Any) -> None:
    """A plate, a person by files and one by a mask with keys."""
    scene = bpy.context.scene
    bpy.context.preferences.view.show_splash = False
    scene.name, scene.use_nodes = "Shot", True
    scene.node_tree.nodes.clear()
    plate = scene.node_tree.nodes.new("CompositorNodeImage")
    plate.name, plate.image = "Plate", bpy.data.images.new("plate.1001.exr", 1920, 1080)
    shot = scene.maggie
    shot.plate_node = "Plate"
    for name, kind in (("ana", "FILES"), ("ben", "MASK")):
        row = shot.guidance.add()
        row.name, row.kind = name, kind
    shot.guidance[0].path = "//roto/ana.####.png"
    ben = shot.guidance[1]
    ben.mask, ben.at_keys = bpy.data.masks.new("ben"), True
    for frame in (1, 24, 48):
        ben.keys.add().frame = frame
    ben.core_mask, ben.edges = bpy.data.masks.new("ben core"), "trust=0.9"
    shot.active = 1


if __name__ == "__main__":
    if "--" not in sys.argv:
        main()
    else:
        try:
            inside(Path(sys.argv[-1]))
        except BaseException:
            traceback.print_exc()
            os._exit(1)  # else the window stays open

"""Run by a Blender with a window: the extension's timers and Blender's render jobs, as an artist has them.

    blender --factory-startup --python blender_window.py -- PACKAGES FOLDER

PACKAGES holds the extension's folder. Debian's Blender is 3.4, which knows no extension and lacks a few
names; they are given here, so that everything but the node group runs. FOLDER/report.json receives what was
seen, FOLDER/window.png how it looked.
"""

import json
import os
import sys
import time
import traceback
from pathlib import Path

import bpy

PATIENCE_S = 200
packages, folder = sys.argv[-2], Path(sys.argv[-1])
sys.path.insert(0, packages)
bpy.types.RenderSettings.compositor_device = property(lambda _: "CPU", lambda *_: None)
bpy.types.UILayout.progress = lambda layout, factor, text: layout.label(text=text)

import maggie_node  # noqa: E402 - found only now
from maggie_node import apply, panel, read, run  # noqa: E402

for each in (panel.MaggiePanel, panel.MaggieSettings, panel.MaggieAdvanced):
    each.bl_category = "Tool"  # the tab that is open
maggie_node.register()


def set_up() -> None:
    """A plate, a person by files and one by a mask that is drawn here."""
    scene = bpy.context.scene
    scene.name, scene.frame_end, scene.use_nodes = "Shot", 6, True
    tree = scene.node_tree
    tree.nodes.clear()
    plate = tree.nodes.new("CompositorNodeImage")
    plate.image = bpy.data.images.load(str(folder / "shot" / "plate.1001.exr"))
    plate.image.source, plate.frame_duration, plate.frame_offset = "SEQUENCE", 6, 1000
    shot = scene.maggie
    shot.model, shot.device, shot.folder = str(folder / "tiny"), "cpu", str(folder / "out")
    bpy.ops.maggie.add_guidance(kind="FILES")
    shot.guidance[0].name, shot.guidance[0].path = "ana", str(folder / "shot" / "ana.1001.png")
    mask = bpy.data.masks.new("ben")
    spline = mask.layers.new(name="layer").splines.new()
    spline.points.add(3)
    for point, corner in zip(spline.points, [(0.4, 0.15), (0.6, 0.15), (0.6, 0.7), (0.4, 0.7)], strict=True):
        point.handle_type = "VECTOR"
        point.co = point.handle_left = point.handle_right = corner
    spline.use_cyclic = True
    bpy.ops.maggie.add_guidance(kind="MASK")
    shot.guidance[1].name, shot.guidance[1].mask = "ben", mask


def show_mattes(scene) -> None:
    """The MaGGIe group by hand: 3.4 knows no `interface` of a node group."""
    group = bpy.data.node_groups.new("MaGGIe", "CompositorNodeTree")
    node = group.nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(str(folder / "out" / "shot" / "matte.1001.exr"))
    node.image.source, node.frame_duration, node.frame_offset = "SEQUENCE", 6, 1000
    group[apply.JOB] = apply._portable(read.shot_of(scene)).to_json()
    tree = scene.node_tree
    tree.nodes.new("CompositorNodeGroup").node_tree = group
    tree.links.new(tree.nodes["Image"].outputs[0], tree.nodes.new("CompositorNodeComposite").inputs[0])


def steps(report: dict):
    """What happens, a step at each beat of the window."""
    window = bpy.context.window_manager.windows[0]
    area = max(window.screen.areas, key=lambda each: each.width * each.height)
    area.ui_type, area.spaces[0].show_region_ui = "CompositorNodeTree", True
    yield
    report["started"] = list(bpy.ops.maggie.matte_frame())
    report["busy at once"] = run.is_busy()
    beats, texts = 0, []
    while run.is_busy():
        beats += 1
        texts.append(run.progress().text)
        yield
    report["beats"], report["texts"] = beats, sorted(set(texts))
    report["ended"] = run.progress().state

    bpy.ops.maggie.matte_range()
    while run.progress().started is None and run.is_busy():
        yield
    bpy.ops.maggie.cancel()
    while run.is_busy():
        yield
    report["cancelled"] = run.progress().state

    bpy.ops.maggie.matte_range()
    while run.is_busy():
        yield
    report["finished"] = run.progress().state
    report["scenes"] = [scene.name for scene in bpy.data.scenes]

    show_mattes(bpy.context.scene)
    (folder / "out" / "shot" / "matte.1003.exr").unlink()
    bpy.context.scene.frame_set(3)
    with bpy.context.temp_override(window=window):
        bpy.ops.render.render("INVOKE_DEFAULT")
    while bpy.app.is_job_running("RENDER") or run.progress().state == "done":
        yield
    report["missing"] = run.progress().text
    for _ in range(5):
        yield
    with bpy.context.temp_override(window=window):
        bpy.ops.screen.screenshot(filepath=str(folder / "window.png"))


def beat():
    """The window's own timer: it stops when the window does."""
    try:
        next(play)
    except StopIteration:
        maggie_node.unregister()
        (folder / "report.json").write_text(json.dumps(report), "utf-8")
        bpy.ops.wm.quit_blender()
        return None
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    if time.monotonic() - begun > PATIENCE_S:
        sys.exit(f"it never came to an end: {run.progress()}")
    return 0.05


bpy.context.preferences.view.show_splash = False
set_up()
report: dict = {}
play, begun = steps(report), time.monotonic()
bpy.app.timers.register(beat, first_interval=0.5)

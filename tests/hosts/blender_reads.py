"""Run by Blender's own Python: open a matte file as the compositor does and write out what each socket gives.

    python blender_reads.py MATTE.exr FOLDER WIDTH HEIGHT

Writes FOLDER/report.json: Blender's version, and the sockets by name with their type and the file the
compositor rendered for each, WIDTH by HEIGHT pixels.
"""

import json
import os
import sys
from pathlib import Path

import bpy


def main() -> None:
    """Report on the file, then leave without Blender's own exit, which hangs in some versions."""
    matte, folder, width, height = sys.argv[-4:]
    image = bpy.data.images.load(matte)
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = int(width), int(height)
    scene.render.resolution_percentage = 100
    scene.render.compositor_device = "CPU"
    scene.use_nodes = True
    tree = scene.node_tree
    tree.nodes.clear()
    node = tree.nodes.new("CompositorNodeImage")
    node.image = image
    sockets = {socket.name: socket.type for socket in node.outputs if socket.enabled}
    sink = tree.nodes.new("CompositorNodeOutputFile")
    sink.base_path = folder
    sink.format.file_format = "OPEN_EXR"
    sink.format.color_depth = "32"
    sink.file_slots.clear()
    for name in sockets:
        sink.file_slots.new(f"{name}.")
        tree.links.new(node.outputs[name], sink.inputs[-1])
    composite = tree.nodes.new("CompositorNodeComposite")
    tree.links.new(node.outputs[next(iter(sockets))], composite.inputs[0])
    scene.frame_set(1)
    bpy.ops.render.render(write_still=False)
    files = {name: next(Path(folder).glob(f"{name}.*.exr")).name for name in sockets}
    report = {"version": bpy.app.version_string, "sockets": sockets, "files": files}
    Path(folder, "report.json").write_text(json.dumps(report), encoding="utf-8")


main()
sys.stdout.flush()
os._exit(0)

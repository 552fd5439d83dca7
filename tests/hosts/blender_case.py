"""Run by Blender's own Python: install the extension's zip and play one of the cases below.

    python blender_case.py CASE ZIP FOLDER

FOLDER/report.json receives what the case found. Blender ends as it does for a user, without help.
"""

import json
import os
import signal
import sys
from importlib import import_module
from pathlib import Path

import bpy

REPOSITORY = "maggie_local"
IS_5 = bpy.app.version >= (5, 0)


def part(name: str):
    """A module of the installed extension."""
    return import_module(f"bl_ext.{REPOSITORY}.maggie_node.{name}")


def said(operator, **options) -> str:
    """The sentence with which an operator refuses; empty when it does its work."""
    try:
        operator(**options)
    except RuntimeError as error:
        return str(error).removeprefix("Error: ").strip()
    return ""


def compositor(scene) -> bpy.types.NodeTree:
    """The scene's compositing nodes, none yet."""
    if IS_5:
        scene.compositing_node_group = bpy.data.node_groups.new("C", "CompositorNodeTree")
        return scene.compositing_node_group
    scene.use_nodes = True
    scene.node_tree.nodes.clear()
    return scene.node_tree


def plate_node(scene, folder: Path) -> bpy.types.Node:
    """The plate of a tiny shot, seen from frame 11 of the scene on."""
    node = compositor(scene).nodes.new("CompositorNodeImage")
    node.image = bpy.data.images.load(str(folder / "shot" / "plate.1001.exr"))
    node.image.source = "SEQUENCE"
    node.frame_start, node.frame_offset, node.frame_duration = 11, 1000, 6
    scene.frame_start, scene.frame_end = 11, 16
    return node


def draw_mask(name: str) -> bpy.types.Mask:
    """A rectangle that is a person of the tiny shot, roughly."""
    mask = bpy.data.masks.new(name)
    spline = mask.layers.new(name="layer").splines.new()
    spline.points.add(3)
    corners = [(0.4, 0.15), (0.6, 0.15), (0.6, 0.7), (0.4, 0.7)]
    for point, corner in zip(spline.points, corners, strict=True):
        point.handle_type = "VECTOR"
        point.co = point.handle_left = point.handle_right = corner
    spline.use_cyclic = True
    return mask


def settings(scene, folder: Path):
    """What every case sets."""
    shot = scene.maggie
    shot.model, shot.device = os.environ.get("MODEL_OF_TEST", str(folder / "tiny")), "cpu"
    return shot


def add(shot, kind: str, name: str, **values) -> None:
    """One row of the panel's list, as its button and fields make it."""
    bpy.ops.maggie.add_guidance(kind=kind)
    row = shot.guidance[shot.active]
    for key, value in {"name": name, **values}.items():
        setattr(row, key, value)


def show(scene, output: str) -> None:
    """Let the scene render one output of its MaGGIe node."""
    group = next(node for node in tree_of(scene).nodes if node.type == "GROUP")
    show_socket(scene, group.outputs[output])


def show_socket(scene, socket) -> None:
    """Let the scene render what comes out of a node."""
    tree = tree_of(scene)
    kind = "NodeGroupOutput" if IS_5 else "CompositorNodeComposite"
    sink = next((node for node in tree.nodes if node.bl_idname == kind), None)
    if sink is None:
        if IS_5:
            tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        sink = tree.nodes.new(kind)
    tree.links.new(socket, sink.inputs[0])


def tree_of(scene) -> bpy.types.NodeTree:
    return scene.compositing_node_group if IS_5 else scene.node_tree


def render(scene, folder: Path) -> None:
    """Render the scene's range to float EXR files, as `blender -b -a` does."""
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 96, 64, 100
    render.compositor_device = "CPU"
    render.image_settings.file_format, render.image_settings.color_depth = "OPEN_EXR", "32"
    render.filepath = str(folder / "r.")
    bpy.ops.render.render(animation=True)


def an_artists_day(folder: Path) -> dict:
    """From an empty file to rendered mattes: files and a mask drawn here, one frame, the range, a cancel."""
    scene, run = bpy.context.scene, part("run")
    scene.name = "Shot A"
    plate_node(scene, folder)
    shot = settings(scene, folder)
    report = {"nobody": said(bpy.ops.maggie.matte_range)}
    add(shot, "FILES", "Ana Ö", path=str(folder / "shot" / "ana.1003.png"))
    add(shot, "MASK", "ben", mask=draw_mask("rough"))
    layer = shot.guidance[1].mask.layers[0]
    for frame, alpha in ((11, 1.0), (12, 0.0), (13, 1.0)):
        layer.alpha = alpha
        layer.keyframe_insert("alpha", frame=frame)
    report["unsaved"] = said(bpy.ops.maggie.matte_range)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "comp.blend"))
    report["no matte"] = said(bpy.ops.maggie.make_group)

    scene.frame_set(13)
    report["frame"] = said(bpy.ops.maggie.matte_frame)
    mattes = folder / "maggie" / "shot_a"
    report["after one frame"] = sorted(file.name for file in mattes.glob("*.exr"))
    masks = sorted((mattes / "guidance").glob("*"))
    times = [file.stat().st_mtime_ns for file in masks]
    report["masks"] = [file.name for file in masks]

    # What the timer does in a window is done by hand here: no timer fires without one.
    reading, matting = part("read"), part("matting")
    run.start(matting.matte(scene.name, reading.shot_of(scene), interactive=False), blocking=False)
    report["busy"] = said(bpy.ops.maggie.make_group) or said(bpy.ops.maggie.matte_range)
    while run.progress().text != "waiting for the worker":
        run.tick()
    bpy.ops.maggie.cancel()
    while run.tick() is not None:
        pass
    report["cancelled"] = run.progress().state

    report["range"] = said(bpy.ops.maggie.matte_range)
    report["same masks"] = times == [file.stat().st_mtime_ns for file in masks]
    scene.frame_set(99)
    report["group"] = said(bpy.ops.maggie.make_group)
    report["again"] = said(bpy.ops.maggie.make_group)
    group = shot.group
    image = next(node.image for node in group.nodes if node.type == "IMAGE")
    report["outputs"] = [item.name for item in group.interface.items_tree]
    report["image"] = [image.filepath, image.colorspace_settings.name]
    for output in report["outputs"]:
        show(scene, output)
        render(scene, folder / output)
    bpy.ops.wm.save_mainfile()
    found = part("apply").matte_at(group, 13)
    report["job"] = part("matting").with_colour(found[0]).to_json()
    return report


def a_short_range(folder: Path) -> dict:
    """A mask and a core are rendered for two frames of a shot of six."""
    scene, run = bpy.context.scene, part("run")
    plate_node(scene, folder)
    scene.frame_end = 12
    shot = settings(scene, folder)
    shot.folder = str(folder / "mattes")
    add(shot, "MASK", "ben", mask=draw_mask("rough"), core_mask=draw_mask("inner"), edges="trust=0.5")
    shot.garbage = str(folder / "shot" / "ana.1001.png")
    wanted = part("read").shot_of(scene)
    run.start(part("masks").render(scene, wanted), blocking=True)
    rendered = sorted(file.name for file in (folder / "mattes").glob("*/guidance/*.exr"))
    shot.guidance[0].edges = "grow=1"
    return {
        "masks": [name for name in rendered if name.startswith("ben")],
        "cores": [name for name in rendered if name.startswith("held_inner")],
        "job": json.loads(wanted.job.to_json()),
        "edges": said(bpy.ops.maggie.matte_range),
    }


def the_same_job(folder: Path) -> dict:
    """A plate and two mask sequences in files, nothing more: what any host can be asked for."""
    scene = bpy.context.scene
    image = plate_node(scene, folder).image
    image.colorspace_settings.name = os.environ["COLORSPACE_OF_TEST"]
    shot = settings(scene, folder)
    shot.folder = str(folder / "blender")
    for name in ("ana", "ben"):
        add(shot, "FILES", name, path=str(folder / "shot" / f"{name}.####.exr"))
    return {"said": said(bpy.ops.maggie.matte_range)}


def on_a_farm(folder: Path) -> dict:
    """The project lies elsewhere, mattes are missing, and another file has the group too."""
    bpy.ops.wm.open_mainfile(filepath=str(folder / "comp.blend"))
    render(bpy.context.scene, folder / "moved")

    bpy.ops.wm.read_homefile(app_template="")
    (folder / "other").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "other" / "other.blend"))
    with bpy.data.libraries.load(str(folder / "comp.blend")) as (there, here):
        here.node_groups = [name for name in there.node_groups if name == "MaGGIe"]
    scene = bpy.context.scene
    compositor(scene).nodes.new("CompositorNodeGroup").node_tree = bpy.data.node_groups["MaGGIe"]
    scene.frame_start, scene.frame_end = 11, 18
    show(scene, "maggie_ben")
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(folder / "other" / "other.blend"))
    mattes = folder / "maggie" / "shot_a"
    for number in (1002, 1005):
        (mattes / f"matte.{number}.exr").unlink()
    render(bpy.context.scene, folder / "appended")

    report = {
        "image": next(n.image.filepath for n in bpy.data.node_groups["MaGGIe"].nodes if n.type == "IMAGE")
    }
    (folder / "report.json").write_text(json.dumps(report), "utf-8")
    (mattes / "matte.1004.exr").unlink()
    (folder / "shot" / "ana.1004.png").unlink()
    render(bpy.context.scene, folder / "black")
    return {"went on": True}


def keys_and_more(folder: Path) -> dict:
    """A person with keys drawn here, another with a key in files, approved alphas; then a key goes."""
    scene, reading = bpy.context.scene, part("read")
    scene.name = "Shot A"
    plate_node(scene, folder)
    shot = settings(scene, folder)
    shot.folder, shot.preview = str(folder / "out"), True
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.1001.png"), at_keys=True, offset=3)
    add(shot, "MASK", "ben", mask=draw_mask("drawn"), at_keys=True)
    report = {"no key": said(bpy.ops.maggie.matte_range)}
    for frame in (16, 11, 13, 11):
        scene.frame_set(frame)
        bpy.ops.maggie.add_key()
    report["keys"] = [key.frame for key in shot.guidance[1].keys]
    shot.guidance[0].pins = str(folder / "shot" / "ana.1001.png")
    report["job"] = json.loads(reading.shot_of(scene).job.to_json())
    shot.guidance[0].pins, shot.guidance[0].offset = "", 0
    files_of_keys = folder / "out" / "shot_a" / "guidance"
    report["range"] = said(bpy.ops.maggie.matte_range)
    report["devices"] = part("maggie_api.client.devices").names()
    report["files"] = sorted(file.name for file in files_of_keys.glob("*.exr"))
    report["mattes"] = files(folder / "out")
    report["preview"] = (folder / "out" / "shot_a" / "preview.mp4").is_file()
    shot.guidance[1].active_key = 1
    bpy.ops.maggie.remove_key()
    work = part("masks").render(scene, reading.shot_of(scene))
    part("run").start(work, blocking=True)
    report["after one went"] = sorted(file.name for file in files_of_keys.glob("*.exr"))
    return report


def without_the_extension(folder: Path) -> dict:
    """A matte is missing, then all of them are, and nothing of ours is loaded."""
    mattes = folder / "maggie" / "shot_a"
    report = {"ours": [hasattr(bpy.types.Scene, "maggie")]}
    for name in ("one", "all"):
        if name == "one":
            (mattes / "matte.1003.exr").unlink()
        else:
            mattes.rename(folder / "not here")
        bpy.ops.wm.open_mainfile(filepath=str(folder / "comp.blend"))
        bpy.context.scene.frame_start = 9
        render(bpy.context.scene, folder / name)
    return report


def names_and_scenes(folder: Path) -> dict:
    """Names with digits, frames below zero, a duplicated scene, and leftovers of other kinds."""
    scene, reading = bpy.context.scene, part("read")
    scene.name = "Shot A"
    plate = plate_node(scene, folder)
    shot = settings(scene, folder)
    shot.folder = str(folder / "out")
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.####.png"))
    report = {}

    shot.plate_from, report["stills"] = "FILE", {}
    for name in ("plate_4k", "hero_v2", "shot010", "still.0007", "render0001"):
        shot.plate_file = str(folder / "stills" / f"{name}.exr")
        job = reading.shot_of(scene, [3]).job
        report["stills"][name] = [Path(job.plate).name, job.frames]
    shot.plate_file = str(folder / "stills" / "hero_v2.exr")
    shot.guidance[0].path = str(folder / "stills" / "mask_v2.png")
    report["a still"] = said(bpy.ops.maggie.matte_frame)

    shot.plate_from, plate.frame_start, plate.frame_offset, plate.frame_duration = "NODE", 1, 1003, 3
    scene.frame_start, scene.frame_end = 1, 2
    mask = draw_mask("drawn")
    for frame, alpha in ((-2, 1.0), (-1, 0.0), (0, 1.0)):
        mask.layers[0].alpha = alpha
        mask.layers[0].keyframe_insert("alpha", frame=frame)
    shot.guidance[0].kind, shot.guidance[0].mask, shot.guidance[0].name = "MASK", mask, "ben"
    report["before zero"] = said(bpy.ops.maggie.matte_range) or said(bpy.ops.maggie.make_group)
    report["masks"] = sorted(file.name for file in (folder / "out/shot_a/guidance").glob("ben.*.exr"))

    copy, apply = scene.copy(), part("apply")
    report["owners"] = [apply.own_group(each) == shot.group for each in (scene, copy)]
    bpy.data.scenes.remove(copy)
    scene.name = "Shot B"
    report["renamed"] = apply.own_group(scene) == shot.group
    copy = scene.copy()
    report["owners of the renamed"] = [apply.own_group(each) == shot.group for each in (scene, copy)]

    row = shot.guidance[0]
    row.layer, row.kind, row.names, row.name = "left.over", "CRYPTO_RENDER", "Cube", ""
    report["left over"] = json.loads(reading.shot_of(scene).job.to_json())["guidance"][0]["layer"]
    return report


def a_movie(folder: Path) -> dict:
    """The picture of a movie that the panel takes for each frame, and the one that Blender renders."""
    scene = bpy.context.scene
    node = plate_node(scene, folder)
    shot = settings(scene, folder)
    shot.folder = str(folder / "out")
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.####.png"))
    node.image = bpy.data.images.load(str(folder / "even.mkv"))
    node.frame_start, node.frame_offset, node.frame_duration = 11, 2, 4
    scene.frame_start, scene.frame_end, scene.render.fps = 9, 17, 30
    timing = part("read").shot_of(scene, [12]).timing
    report = {"numbers": [timing.number(frame) for frame in range(9, 18)]}
    show_socket(scene, node.outputs["Image"])
    render(scene, folder / "shown")
    node.image = bpy.data.images.load(str(folder / "uneven.mkv"))
    report["uneven"] = said(bpy.ops.maggie.matte_frame)
    return report


def other_guidance(folder: Path) -> dict:
    """A plate by file or clip; people from layers of an EXR, from a Cryptomatte file, and from a render."""
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    tree = compositor(scene)
    clip = tree.nodes.new("CompositorNodeMovieClip")
    clip.clip = bpy.data.movieclips.load(str(folder / "shot" / "plate.1001.exr"))
    clip.clip.frame_start = 21
    shot = settings(scene, folder)
    shot.folder = str(folder / "out")
    scene.frame_start, scene.frame_end = 22, 23
    report = {}
    add(shot, "LAYERS", "layers", path=str(folder / "layers" / "two.1001.exr"), names="ben, ana")
    report["layers"] = said(bpy.ops.maggie.matte_range)
    report["from a clip"] = files(folder / "out")

    scene.name = "Files"
    shot.plate_from, shot.plate_file = "FILE", str(folder / "shot" / "plate.1003.exr")
    scene.frame_start, scene.frame_end = 1001, 1002
    shot.guidance.clear()
    add(shot, "CRYPTO_RENDER", "render", names="Cube")
    report["render"] = said(bpy.ops.maggie.matte_range)
    report["group"] = said(bpy.ops.maggie.make_group)
    report["outputs"] = [item.name for item in shot.group.interface.items_tree]
    report["from files"] = files(folder / "out" / "files")
    report["data"] = shot.group.nodes[0].image.colorspace_settings.name
    report["scenes"] = [each.name for each in bpy.data.scenes]

    rendered = folder / "out" / "files" / "guidance" / "render.1001.exr"
    shot.guidance.clear()
    add(shot, "CRYPTO_FILE", "file", path=str(rendered), names="Cube", layer="ViewLayer.CryptoObject")
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.1001.png"))
    scene.frame_set(1001)
    report["file"] = said(bpy.ops.maggie.matte_frame)
    scene.frame_set(1002)
    report["file of the range"] = said(bpy.ops.maggie.matte_frame)
    report["updated"] = [item.name for item in shot.group.interface.items_tree]
    still = tree.nodes.new("CompositorNodeImage")
    shot.plate_from, shot.plate_node = "NODE", still.name
    report["stills"] = []
    for name in ("version_2.exr", "plate.1003.exr"):
        still.image = bpy.data.images.load(str(folder / "shot" / name))
        report["stills"].append(part("read").shot_of(scene).job.frames)
    shot.plate_from, shot.plate_file = "FILE", str(folder / "overscan" / "plate.1001.exr")
    add(shot, "MASK", "drawn", mask=draw_mask("drawn"))
    report["overscan"] = said(bpy.ops.maggie.matte_range)
    return report


def trouble(folder: Path) -> dict:
    """Everything that can be wrong around an artist, one after the other, in one Blender that lives on."""
    scene, run = bpy.context.scene, part("run")
    plate_node(scene, folder)
    shot = settings(scene, folder)
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.####.png"))
    preferences = bpy.context.preferences.addons[f"bl_ext.{REPOSITORY}.maggie_node"].preferences
    report, matte = {}, bpy.ops.maggie.matte_range

    shot.folder = "/proc/nothing"
    report["read only"] = said(matte)
    shot.folder = str(folder / "out")
    python = os.environ.pop("MAGGIE_PYTHON")
    path, os.environ["PATH"] = os.environ["PATH"], "/nowhere"
    report["no python"] = said(matte)
    preferences.python = str(folder / "nobody" / "bin" / "python")
    report["no such python"] = said(matte)
    preferences.python = sys.executable
    report["no maggie-node"] = said(matte)
    preferences.python = str(folder / "old_worker")
    report["another version"] = said(matte)
    preferences.python = ""
    os.environ["PATH"] = path

    report["located"] = said(bpy.ops.maggie.locate_worker, filepath=str(Path(python).parents[1]))
    report["not located"] = said(bpy.ops.maggie.locate_worker, filepath=sys.executable)
    report["no package"] = said(bpy.ops.maggie.install_worker, folder=str(folder / "worker"))
    preferences.package = "https://pip.studio/simple"
    report["offline"] = said(bpy.ops.maggie.install_worker, folder=str(folder / "worker"))
    shot.device = "quantum"
    report["device"] = said(matte)
    shot.device = "cpu"

    reading, matting = part("read"), part("matting")
    run.start(matting.matte(scene.name, reading.shot_of(scene), interactive=False), blocking=False)
    while run.progress().started is None:
        run.tick()
    for child in Path(f"/proc/{os.getpid()}/task").glob("*/children"):
        for pid in child.read_text().split():
            os.kill(int(pid), signal.SIGKILL)
    while run.tick() is not None:
        pass
    report["killed"] = [run.progress().state, run.progress().text]
    report["after it"] = said(matte)
    report["mattes"] = files(folder / "out" / "scene")
    return report


def an_installation(folder: Path) -> dict:
    """No Python is known; the button installs one, and it mattes."""
    del os.environ["MAGGIE_PYTHON"]
    os.environ["PATH"] = "/usr/bin:/bin"
    bpy.context.preferences.system.use_online_access = True
    scene, install, worker = bpy.context.scene, part("install"), str(folder / "worker")
    plate_node(scene, folder)
    shot = settings(scene, folder)
    shot.folder = str(folder / "out")
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.####.png"))
    preferences = bpy.context.preferences.addons[f"bl_ext.{REPOSITORY}.maggie_node"].preferences
    preferences.package = str(next(folder.glob("*.whl")))
    report = {"shown": [install.shown(each) for each in install.commands(worker, preferences.package)]}
    report["installed"] = said(bpy.ops.maggie.install_worker, folder=worker)
    scene.frame_set(12)
    report["matte"] = said(bpy.ops.maggie.matte_frame)
    preferences.package = str(folder / "nothing.whl")
    report["no such package"] = said(bpy.ops.maggie.install_worker, folder=worker)
    report["shown without it"] = install.shown_commands(worker, preferences.package)
    broken = folder / "broken-1.0-py3-none-any.whl"
    broken.write_bytes(b"no wheel")
    preferences.package = str(broken)
    report["broken package"] = said(bpy.ops.maggie.install_worker, folder=worker)
    report["remembered"] = part("maggie_api.client.python").find_python()
    return report


def the_options(folder: Path) -> dict:
    """Every option has a property with its default, which the job gets; a value out of its range is said."""
    scene, options = bpy.context.scene, part("options")
    plate_node(scene, folder)
    shot = settings(scene, folder)
    shot.folder = str(folder / "out")
    add(shot, "FILES", "ana", path=str(folder / "shot" / "ana.####.png"))
    properties = shot.options.bl_rna.properties
    report = {"untouched": json.loads(part("read").shot_of(scene).job.to_json())}
    report["help"] = {name: properties[name].description for name in options.CONTROLS}
    report["choices"] = {
        name: [item.identifier for item in properties[name].enum_items]
        for name in options.CONTROLS
        if properties[name].type == "ENUM"
    }
    chosen = {}
    for name, control in options.CONTROLS.items():
        if control.kind == "choice":
            chosen[name] = control.words[-1]
        elif control.kind == "switch":
            chosen[name] = not control.default
        elif control.switches:
            setattr(shot.options, control.switches[-1], True)
            continue
        elif control.kind == "text":
            chosen[name] = control.default or "x"
        elif control.kind == "number":
            chosen[name] = {"white_point": 0.75}.get(name, 0.5)
        else:
            chosen[name] = control.default + 1
        setattr(shot.options, name, chosen[name])
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "options.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(folder / "options.blend"))
    report["chosen"] = chosen
    report["changed"] = json.loads(part("read").shot_of(bpy.context.scene).job.to_json())
    bpy.context.scene.maggie.options.working_px = 10
    report["too small"] = said(bpy.ops.maggie.matte_range)
    return report


def an_update(folder: Path) -> dict:
    """Another version is installed over this one, while Blender runs; then it is disabled and removed."""
    before = part("maggie_api.errors")
    bpy.ops.extensions.package_install_files(
        filepath=str(folder / "newer.zip"), repo=REPOSITORY, enable_on_install=True
    )
    module = f"bl_ext.{REPOSITORY}.maggie_node"
    report = {
        "before": hasattr(before, "NEWER"),
        "after": hasattr(part("maggie_api.errors"), "NEWER"),
        "enabled": module in bpy.context.preferences.addons,
        "beside it": [name for name in sys.modules if name.partition(".")[0] == "maggie_api"],
    }
    repositories = bpy.context.preferences.extensions.repos
    at = next(index for index, each in enumerate(repositories) if each.module == REPOSITORY)
    bpy.ops.extensions.package_uninstall(repo_index=at, pkg_id="maggie_node")
    report["removed"] = module not in bpy.context.preferences.addons and not hasattr(
        bpy.types.Scene, "maggie"
    )
    return report


def files(folder: Path) -> list[str]:
    """Mattes in a folder and those below it."""
    return sorted(file.name for file in folder.rglob("matte.*.exr"))


def main() -> None:
    case, package, folder = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    if case != "without_the_extension":
        bpy.context.preferences.extensions.repos.new(
            name="local", module=REPOSITORY, custom_directory=os.environ["BLENDER_USER_RESOURCES"]
        )
        bpy.ops.extensions.package_install_files(filepath=package, repo=REPOSITORY, enable_on_install=True)
    report = globals()[case](folder)
    (folder / "report.json").write_text(json.dumps(report), "utf-8")


main()

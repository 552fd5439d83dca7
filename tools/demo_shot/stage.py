"""The room: wall, window, clutter, lights and camera. Metres; the camera looks along +y."""

from __future__ import annotations

import math
import random

import bpy

from demo_shot import looks

WALL_Y = 2.35


def build_room() -> None:
    """Wall, window, shelf, lamp, plant, posters and a string of bulbs, all under the empty `set`."""
    before = set(bpy.data.objects)
    rng = random.Random(4)
    _wall()
    _window(-0.62, 1.62)
    _shelf(-2.05, rng)
    _lamp(1.38, 1.75)
    _plant((2.05, 1.65, 0.0), rng)
    _posters()
    _bulbs()
    root = bpy.data.objects.new("set", None)
    bpy.context.collection.objects.link(root)
    for made in set(bpy.data.objects) - before - {root}:
        made.parent = root


def build_lights() -> None:
    """A warm key from the left, a strong rim from behind right, a weak cool fill."""
    _area("key", (-2.6, -2.6, 2.9), (0.2, 0.2, 1.3), size=1.1, power=115, color=(1.0, 0.86, 0.70))
    _area("rim right", (1.9, 2.1, 3.2), (0.3, 0.2, 1.5), size=0.7, power=52, color=(1.0, 0.90, 0.78))
    _area("rim left", (-1.8, 1.9, 2.7), (0.1, 0.1, 1.5), size=0.6, power=34, color=(0.62, 0.80, 1.0))
    _area("fill", (2.6, -2.8, 1.6), (0.3, 0.3, 1.3), size=2.0, power=20, color=(0.85, 0.90, 1.0))
    world = bpy.data.worlds.new("dusk")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.09, 0.11, 0.15, 1.0)
    bpy.context.scene.world = world


def build_camera(frames: range) -> None:
    """50 mm at f/2.0, focused on the nearer person, drifting a few centimetres to the right."""
    data = bpy.data.cameras.new("camera")
    data.lens, data.sensor_width = 50.0, 36.0
    data.dof.use_dof = True
    data.dof.aperture_fstop = 2.0
    data.dof.aperture_blades = 7
    camera = bpy.data.objects.new("camera", data)
    bpy.context.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    for frame in range(frames[0] - 2, frames[-1] + 3):
        t = (frame - frames[0]) / 24.0
        shake = 0.0022 * math.sin(7.0 * t) + 0.0012 * math.sin(17.0 * t + 1.0)
        camera.location = (0.05 + 0.24 * t, -3.00 + 0.05 * t, 1.375 + shake)
        camera.rotation_euler = (math.radians(89.0) + 0.3 * shake, shake * 0.3, math.radians(0.4 - 0.5 * t))
        data.dof.focus_distance = 2.93 - 0.05 * t
        for path in ("location", "rotation_euler"):
            camera.keyframe_insert(path, frame=frame)
        data.dof.keyframe_insert("focus_distance", frame=frame)


def _mesh(name: str, vertices, faces, material, location=(0.0, 0.0, 0.0)) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices, [], faces)
    mesh.materials.append(material)
    made = bpy.data.objects.new(name, mesh)
    made.location = location
    bpy.context.collection.objects.link(made)
    return made


def _box(name: str, center, size, material, *, bevel: float = 0.004) -> bpy.types.Object:
    x, y, z = (s / 2 for s in size)
    corners = [(sx * x, sy * y, sz * z) for sx in (-1, 1) for sy in (-1, 1) for sz in (-1, 1)]
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    made = _mesh(name, corners, faces, material, center)
    if bevel:
        made.modifiers.new("bevel", "BEVEL").width = bevel
    return made


def _round(name: str, profile, material, location, *, turns: int = 32) -> bpy.types.Object:
    """A turned solid: `profile` is (radius, height) from bottom to top."""
    vertices, faces = [], []
    for radius, height in profile:
        for i in range(turns):
            a = 2 * math.pi * i / turns
            vertices.append((radius * math.cos(a), radius * math.sin(a), height))
    for row in range(len(profile) - 1):
        for i in range(turns):
            j = (i + 1) % turns
            faces.append((row * turns + i, row * turns + j, (row + 1) * turns + j, (row + 1) * turns + i))
    made = _mesh(name, vertices, faces, material, location)
    for polygon in made.data.polygons:
        polygon.use_smooth = True
    return made


def _ball(name: str, radius: float, material, location) -> bpy.types.Object:
    profile = [
        (radius * math.sin(math.pi * i / 16) + 1e-5, -radius * math.cos(math.pi * i / 16)) for i in range(17)
    ]
    return _round(name, profile, material, location)


def _wall() -> None:
    _box("wall", (0, WALL_Y + 0.1, 1.6), (9.0, 0.2, 4.4), looks.brick("brick"), bevel=0)
    _box(
        "floor",
        (0, 0, -0.05),
        (9.0, 7.0, 0.1),
        looks.wood("floor", (0.05, 0.028, 0.016), (0.13, 0.075, 0.04)),
    )
    panel = looks.plain("panelling", (0.035, 0.075, 0.075), roughness=0.45)
    _box("wainscot", (0, WALL_Y - 0.02, 0.45), (9.0, 0.04, 0.9), panel, bevel=0.01)
    _box("rail", (0, WALL_Y - 0.04, 0.92), (9.0, 0.07, 0.05), panel, bevel=0.01)
    for i in range(14):
        _box("stile", (-4.2 + 0.62 * i, WALL_Y - 0.045, 0.45), (0.07, 0.03, 0.9), panel, bevel=0.008)


def _window(x: float, z: float) -> None:
    frame = looks.plain("window frame", (0.60, 0.57, 0.50), roughness=0.4)
    width, height, y = 0.98, 1.16, WALL_Y - 0.02
    _box("street", (x, y + 0.005, z), (width, 0.01, height), looks.window_view("street"), bevel=0)
    for dx in (-0.5, 0.0, 0.5):
        thick = 0.030 if dx == 0 else 0.06
        _box("mullion", (x + dx * width, y - 0.03, z), (thick, 0.06, height), frame)
    for dz in (-0.5, -0.17, 0.17, 0.5):
        thick = 0.030 if abs(dz) < 0.5 else 0.06
        _box("bar", (x, y - 0.03, z + dz * height), (width + 0.06, 0.06, thick), frame)
    _box("sill", (x, y - 0.09, z - height / 2 - 0.04), (width + 0.2, 0.2, 0.04), frame)
    pot = looks.plain("terracotta", (0.45, 0.16, 0.07))
    _round(
        "pot",
        [(0.0, 0), (0.045, 0), (0.06, 0.10), (0.05, 0.10)],
        pot,
        (x + 0.3, y - 0.1, z - height / 2 - 0.02),
    )


def _shelf(x: float, rng: random.Random) -> None:
    board = looks.wood("shelf", (0.10, 0.055, 0.028), (0.24, 0.14, 0.07))
    inks = [
        (0.50, 0.08, 0.05),
        (0.06, 0.18, 0.34),
        (0.55, 0.38, 0.08),
        (0.07, 0.25, 0.16),
        (0.58, 0.54, 0.46),
    ]
    covers = [looks.plain(f"cover {i}", ink, roughness=0.5) for i, ink in enumerate(inks)]
    y = WALL_Y - 0.22
    for side in (-0.55, 0.55):
        _box("upright", (x + side, y, 1.1), (0.035, 0.34, 2.2), board)
    chrome = looks.plain("chrome", (0.9, 0.9, 0.92), roughness=0.06, metallic=1.0)
    for level in range(5):
        z = 0.35 + 0.40 * level
        _box("board", (x, y, z), (1.1, 0.34, 0.03), board)
        at = x - 0.50
        while at < x + 0.40:
            if rng.random() < 0.16:
                radius = rng.uniform(0.05, 0.075)
                _ball("ornament", radius, chrome, (at + radius, y - 0.08, z + 0.015 + radius))
                at += 2 * radius + 0.02
                continue
            width, tall = rng.uniform(0.02, 0.055), rng.uniform(0.19, 0.31)
            book = _box(
                "book",
                (at + width / 2, y - 0.05, z + 0.015 + tall / 2),
                (width, 0.2, tall),
                rng.choice(covers),
            )
            book.rotation_euler[1] = rng.choice((0.0, 0.0, 0.0, 0.10))
            at += width + 0.004


def _lamp(x: float, y: float) -> None:
    brass = looks.plain("brass", (0.80, 0.52, 0.20), roughness=0.18, metallic=1.0)
    _round("lamp stand", [(0.16, 0), (0.15, 0.02), (0.015, 0.04), (0.012, 1.50)], brass, (x, y, 0))
    graph = looks.Graph("lamp shade")
    glowing = graph.node("ShaderNodeEmission", Color=(1.0, 0.62, 0.28), Strength=1.35)
    cloth = graph.node("ShaderNodeBsdfDiffuse", Color=(0.8, 0.7, 0.55))
    shade = graph.finish(graph.node("ShaderNodeAddShader", i0=glowing, i1=cloth))
    shade.cycles.emission_sampling = "NONE"
    _round("lamp shade", [(0.19, 1.46), (0.12, 1.74)], shade, (x, y, 0))
    bulb = _ball("lamp bulb", 0.04, looks.glow("bulb", (1.0, 0.72, 0.42), 60.0), (x, y, 1.44))
    bulb.visible_diffuse = bulb.visible_glossy = False
    light = bpy.data.lights.new("lamp light", "POINT")
    light.energy, light.color, light.shadow_soft_size = 26.0, (1.0, 0.66, 0.34), 0.05
    made = bpy.data.objects.new("lamp light", light)
    made.location = (x, y, 1.36)
    bpy.context.collection.objects.link(made)


def _plant(foot, rng: random.Random) -> None:
    leaf = looks.plain("leaf", (0.045, 0.16, 0.045), roughness=0.35)
    pot = looks.plain("glazed pot", (0.62, 0.60, 0.55), roughness=0.15)
    _round(
        "plant pot", [(0.0, 0.0), (0.14, 0), (0.20, 0.42), (0.17, 0.42), (0.15, 0.36), (0, 0.36)], pot, foot
    )
    vertices, faces = [], []
    for _ in range(46):
        angle, lean = rng.uniform(0, 2 * math.pi), rng.uniform(0.15, 0.95)
        length, width, droop = rng.uniform(0.55, 1.15), rng.uniform(0.03, 0.065), rng.uniform(0.1, 0.5)
        first = len(vertices)
        for i in range(9):
            s = i / 8
            out = length * s * lean
            up = length * (s * (1.1 - 0.6 * lean) - droop * s * s)
            half = width * math.sin(math.pi * (0.06 + 0.93 * s)) ** 0.8
            for side in (-half, half):
                vertices.append(
                    (
                        out * math.cos(angle) - side * math.sin(angle),
                        out * math.sin(angle) + side * math.cos(angle),
                        0.38 + up,
                    )
                )
        faces += [(first + 2 * i, first + 2 * i + 1, first + 2 * i + 3, first + 2 * i + 2) for i in range(8)]
    leaves = _mesh("plant leaves", vertices, faces, leaf, foot)
    for polygon in leaves.data.polygons:
        polygon.use_smooth = True


def _posters() -> None:
    y, black = WALL_Y - 0.02, looks.plain("poster frame", (0.012, 0.012, 0.012), roughness=0.3)
    papers = [
        (0.42, 1.78, 0.46, 0.60, looks.poster("poster a", (0.62, 0.55, 0.42), (0.50, 0.10, 0.05), scale=7.0)),
        (
            0.97,
            1.55,
            0.40,
            0.52,
            looks.poster("poster b", (0.04, 0.11, 0.22), (0.66, 0.50, 0.16), scale=12.0),
        ),
        (
            0.44,
            1.22,
            0.36,
            0.30,
            looks.poster("poster c", (0.55, 0.55, 0.50), (0.05, 0.24, 0.24), scale=18.0),
        ),
    ]
    for x, z, width, height, paper in papers:
        _box("frame", (x, y - 0.01, z), (width + 0.05, 0.03, height + 0.05), black)
        _box("paper", (x, y - 0.03, z), (width, 0.006, height), paper, bevel=0)


def _bulbs() -> None:
    wire = looks.plain("wire", (0.01, 0.01, 0.01))
    warm = [looks.glow(f"fairy {i}", (1.0, 0.55 + 0.06 * i, 0.20 + 0.06 * i), 26.0 + 9 * i) for i in range(3)]
    spans = [(-2.4, 2.12, -0.7, 2.06), (-0.7, 2.06, 0.95, 2.13), (0.95, 2.13, 2.6, 2.05)]
    for x0, z0, x1, z1 in spans:
        points = []
        for i in range(13):
            s = i / 12
            points.append((x0 + s * (x1 - x0), WALL_Y - 0.35, z0 + s * (z1 - z0) - 0.62 * s * (1 - s)))
        curve = bpy.data.curves.new("wire", "CURVE")
        curve.dimensions, curve.bevel_depth = "3D", 0.004
        line = curve.splines.new("POLY")
        line.points.add(len(points) - 1)
        for point, at in zip(line.points, points, strict=True):
            point.co = (*at, 1.0)
        curve.materials.append(wire)
        bpy.context.collection.objects.link(bpy.data.objects.new("wire", curve))
        for i, (px, py, pz) in enumerate(points[1:-1:2]):
            bulb = _ball("fairy bulb", 0.017, warm[i % 3], (px, py, pz - 0.028))
            bulb.visible_diffuse = False


def _area(name: str, location, target, *, size: float, power: float, color) -> None:
    light = bpy.data.lights.new(name, "AREA")
    light.size, light.energy, light.color = size, power, color
    made = bpy.data.objects.new(name, light)
    made.location = location
    made.visible_camera = False
    dx, dy, dz = (t - at for t, at in zip(target, location, strict=True))
    made.rotation_euler = (math.atan2(math.hypot(dx, dy), -dz), 0.0, math.atan2(-dx, dy))
    bpy.context.collection.objects.link(made)

"""People as Blender objects: meshes on a skeleton, hair curves on the head, and the walk."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix

from demo_shot import hair, looks, people

BONE_LENGTH = 0.1
"""Every bone lies along +y with this length, so that its axes are the figure's axes."""


@dataclass(frozen=True)
class Walk:
    """How one person moves. Times in seconds from the first frame, angles in degrees, metres."""

    at: Callable[[float], tuple[float, float]]
    """Ground position (x, y)."""
    facing: Callable[[float], float]
    """0 looks at the camera, positive turns towards +x."""
    look: Callable[[float], float]
    """Turn of the head against the body."""
    steps_hz: float
    phase: float
    stride: float


def add_person(build: people.Build, walk: Walk, wardrobe: dict, frames: range) -> None:
    """Build one person under an empty that carries the name; every piece is a descendant of it."""
    root = bpy.data.objects.new(build.name, None)
    bpy.context.collection.objects.link(root)
    bones = people.skeleton(build)
    rig = _skeleton(build, bones, root)
    for part in people.parts(build):
        _solid(build, part, rig, wardrobe[part.name.split(".")[0]])
        if part.name == "collar" and "fuzz" in wardrobe:
            fibres = hair.fuzz(part.vertices, part.quads, strands=5200, seed=7, length=0.016)
            _strands(f"{build.name} wool", *fibres, rig, "chest", wardrobe["fuzz"], radius=0.00022)
    _eyes(build, rig, wardrobe["eye"])
    swaying = []
    for name, (points, thickness), radius in wardrobe["hair"](build):
        swaying.append(
            _strands(
                f"{build.name} {name}", points, thickness, rig, "head", wardrobe["hair look"], radius=radius
            )
        )
    _animate(build, rig, root, walk, swaying, frames)


def _skeleton(build: people.Build, bones: dict, root: bpy.types.Object) -> bpy.types.Object:
    rig = bpy.data.objects.new(f"{build.name} rig", bpy.data.armatures.new(f"{build.name} rig"))
    bpy.context.collection.objects.link(rig)
    rig.parent = root
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for name, (parent, joint, _) in bones.items():
        bone = rig.data.edit_bones.new(name)
        bone.head, bone.tail, bone.roll = joint, joint + [0, BONE_LENGTH, 0], 0.0
        if parent:
            bone.parent = rig.data.edit_bones[parent]
    bpy.ops.object.mode_set(mode="OBJECT")
    for bone in rig.pose.bones:
        bone.rotation_mode = "YXZ" if bone.name.startswith("arm") else "XYZ"
    return rig


def _solid(build: people.Build, part: people.Part, rig: bpy.types.Object, material) -> None:
    mesh = bpy.data.meshes.new(f"{build.name} {part.name}")
    mesh.from_pydata(part.vertices.tolist(), [], part.quads.tolist())
    mesh.materials.append(material)
    mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
    weave = mesh.attributes.new("weave", "FLOAT_VECTOR", "POINT")
    weave.data.foreach_set("vector", part.weave.astype(np.float32).ravel())
    tint = mesh.attributes.new("tint", "FLOAT", "POINT")
    tint.data.foreach_set("value", part.tint.astype(np.float32))
    made = bpy.data.objects.new(mesh.name, mesh)
    bpy.context.collection.objects.link(made)
    made.parent = rig
    for bone, weights in part.weights.items():
        group = made.vertex_groups.new(name=bone)
        for index in np.flatnonzero(weights > 0.01):
            group.add([int(index)], float(weights[index]), "REPLACE")
    smooth = made.modifiers.new("smooth", "SMOOTH")
    smooth.factor, smooth.iterations = 0.5, 1 if part.name in ("skin", "lines", "hand.l", "hand.r") else 3
    made.modifiers.new("bones", "ARMATURE").object = rig


def _eyes(build: people.Build, rig: bpy.types.Object, material) -> None:
    center = people.head_center(build)
    for side, s in people.SIDES:
        mesh = bpy.data.meshes.new(f"{build.name} eye.{side}")
        rows, turns, radius = 12, 20, 0.0158
        points = []
        for i in range(rows + 1):
            ring, height = math.sin(math.pi * i / rows), math.cos(math.pi * i / rows)
            points += [
                (
                    radius * ring * math.cos(2 * math.pi * j / turns),
                    radius * ring * math.sin(2 * math.pi * j / turns),
                    radius * height,
                )
                for j in range(turns)
            ]
        faces = [
            (
                i * turns + j,
                i * turns + (j + 1) % turns,
                (i + 1) * turns + (j + 1) % turns,
                (i + 1) * turns + j,
            )
            for i in range(rows)
            for j in range(turns)
        ]
        mesh.from_pydata(points, [], faces)
        mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
        mesh.materials.append(material)
        made = bpy.data.objects.new(mesh.name, mesh)
        bpy.context.collection.objects.link(made)
        _ride(made, rig, "head", tuple(center + [s * 0.031, -0.0685, 0.005]))


def _ride(made: bpy.types.Object, rig: bpy.types.Object, bone: str, at: tuple[float, ...]) -> None:
    """Fix an object to a bone, at `at` in the figure's rest pose."""
    made.parent, made.parent_type, made.parent_bone = rig, "BONE", bone
    rest = rig.data.bones[bone].matrix_local @ Matrix.Translation((0, BONE_LENGTH, 0))
    made.matrix_parent_inverse = rest.inverted()
    made.location = at


def _strands(
    name: str, points: np.ndarray, thickness: np.ndarray, rig, bone: str, material, *, radius: float
) -> bpy.types.Object:
    count, steps = points.shape[:2]
    curves = bpy.data.hair_curves.new(name)
    curves.add_curves([steps] * count)
    curves.attributes["position"].data.foreach_set("vector", points.astype(np.float32).ravel())
    taper = np.linspace(1.0, 0.35, steps)[None] * thickness[:, None] * radius
    width = curves.attributes.get("radius") or curves.attributes.new("radius", "FLOAT", "POINT")
    width.data.foreach_set("value", taper.astype(np.float32).ravel())
    curves.materials.append(material)
    made = bpy.data.objects.new(name, curves)
    bpy.context.collection.objects.link(made)
    _ride(made, rig, bone, (0.0, 0.0, 0.0))
    made.modifiers.new("sway", "NODES").node_group = _sway_nodes()
    return made


def _sway_nodes() -> bpy.types.NodeTree:
    """Bend strands by a vector that grows with the square of the way along the strand."""
    tree = bpy.data.node_groups.get("sway")
    if tree:
        return tree
    tree = bpy.data.node_groups.new("sway", "GeometryNodeTree")
    tree.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    tree.interface.new_socket("Sway", in_out="INPUT", socket_type="NodeSocketVector")
    tree.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    new, link = tree.nodes.new, tree.links.new
    source, sink = new("NodeGroupInput"), new("NodeGroupOutput")
    along, squared = new("GeometryNodeSplineParameter"), new("ShaderNodeMath")
    squared.operation = "POWER"
    squared.inputs[1].default_value = 1.8
    scaled, moved = new("ShaderNodeVectorMath"), new("GeometryNodeSetPosition")
    scaled.operation = "SCALE"
    link(along.outputs["Factor"], squared.inputs[0])
    link(source.outputs["Sway"], scaled.inputs[0])
    link(squared.outputs[0], scaled.inputs["Scale"])
    link(source.outputs["Geometry"], moved.inputs["Geometry"])
    link(scaled.outputs[0], moved.inputs["Offset"])
    link(moved.outputs[0], sink.inputs[0])
    return tree


def _animate(build: people.Build, rig, root, walk: Walk, swaying: list, frames: range) -> None:
    lower = 17.0 if build.bust else 16.0
    for frame in range(frames[0] - 2, frames[-1] + 3):
        t = (frame - frames[0]) / 24.0
        turn = 2 * math.pi * walk.steps_hz * t + walk.phase
        swing = walk.stride * math.sin(turn)
        root.location = (*walk.at(t), 0.016 * math.cos(2 * turn) - 0.012)
        root.rotation_euler = (0.0, 0.0, math.radians(walk.facing(t)))
        pose: dict[str, tuple[float, float, float]] = {
            "hips": (-2.0, 2.5 * math.cos(turn), 5.0 * math.sin(turn)),
            "spine": (2.0, -1.5 * math.cos(turn), -5.0 * math.sin(turn)),
            "chest": (2.5, -1.0 * math.cos(turn), -6.0 * math.sin(turn)),
            "neck": (2.0, 0.0, 0.35 * walk.look(t) + 3.0 * math.sin(turn)),
            "head": (
                -4.0 + 1.2 * math.cos(2 * turn),
                2.5 * math.sin(0.7 * turn),
                0.65 * walk.look(t) + 3.0 * math.sin(turn),
            ),
        }
        for side, s in people.SIDES:
            leg, arm = s * swing, -s * swing
            pose[f"thigh.{side}"] = (-leg - 4.0, 0.0, 0.0)
            pose[f"shin.{side}"] = (8.0 + 1.1 * max(0.0, walk.stride * math.cos(turn) * s), 0.0, 0.0)
            pose[f"foot.{side}"] = (0.2 * leg, 0.0, 0.0)
            pose[f"arm.{side}"] = (-1.05 * arm + 3.0, s * lower, 0.0)
            pose[f"forearm.{side}"] = (-18.0 - 0.6 * max(0.0, arm + 6.0), 0.0, 0.0)
            pose[f"hand.{side}"] = (-6.0, 0.0, 0.0)
        for name, angles in pose.items():
            bone = rig.pose.bones[name]
            bone.rotation_euler = [math.radians(a) for a in angles]
            bone.keyframe_insert("rotation_euler", frame=frame)
        for path in ("location", "rotation_euler"):
            root.keyframe_insert(path, frame=frame)
        lag = (walk.look(t) - walk.look(t - 0.12)) / 90.0
        sway = (
            -0.10 * lag + 0.016 * math.sin(turn + 0.8),
            0.030 + 0.014 * math.sin(2 * turn),
            0.004 * math.cos(2 * turn),
        )
        for made in swaying:
            made.modifiers["sway"]["Socket_1"] = sway
            made.keyframe_insert('modifiers["sway"]["Socket_1"]', frame=frame)


def wardrobe_of_ana() -> dict:
    skin = looks.skin("ana skin", (0.66, 0.36, 0.25), (0.46, 0.11, 0.10))
    return {
        "skin": skin,
        "hand": skin,
        "lines": looks.plain("ana brows", (0.050, 0.020, 0.010)),
        "top": looks.knit("ana sweater", (0.56, 0.50, 0.40), (0.035, 0.17, 0.20), (0.50, 0.13, 0.06)),
        "bottom": looks.denim("ana trousers", (0.10, 0.045, 0.055)),
        "shoes": looks.plain("ana shoes", (0.05, 0.03, 0.02)),
        "collar": looks.wool("ana scarf", (0.72, 0.33, 0.045)),
        "fuzz": looks.hair("ana wool", (0.72, 0.34, 0.06)),
        "eye": looks.eye("ana eyes", (0.06, 0.14, 0.07)),
        "hair look": looks.hair("ana hair", (0.20, 0.048, 0.016)),
        "hair": lambda build: [("hair", hair.long_hair(build, strands=11000, seed=11), 0.00040)],
    }


def wardrobe_of_ben() -> dict:
    skin = looks.skin("ben skin", (0.36, 0.185, 0.115), (0.27, 0.085, 0.065))
    return {
        "skin": skin,
        "hand": skin,
        "lines": looks.plain("ben brows", (0.012, 0.008, 0.006)),
        "top": looks.plaid(
            "ben shirt", (0.032, 0.075, 0.19), (0.015, 0.025, 0.06), (0.62, 0.48, 0.20), (0.60, 0.58, 0.54)
        ),
        "bottom": looks.denim("ben trousers", (0.055, 0.060, 0.065)),
        "shoes": looks.plain("ben shoes", (0.02, 0.02, 0.02)),
        "collar": looks.wool("ben collar", (0.03, 0.06, 0.15)),
        "eye": looks.eye("ben eyes", (0.045, 0.022, 0.010)),
        "hair look": looks.hair("ben hair", (0.035, 0.020, 0.014)),
        "hair": lambda build: [
            ("hair", hair.curly_hair(build, strands=8500, seed=5), 0.00042),
            (
                "beard",
                hair.stubble(build, strands=2600, seed=3, face=people.head_shape(build)),
                0.00030,
            ),
        ],
    }

"""The action, and the two renders of a frame: the plate with its Cryptomatte, and each person's coverage."""

from __future__ import annotations

from pathlib import Path

import bpy

from demo_shot import looks, people, rig, stage

FRAMES = range(1001, 1021)
WIDTH, HEIGHT = 960, 540
PEOPLE = ("ana", "ben")


def _ease(a: float, b: float, t: float) -> float:
    """0 before `a`, 1 after `b`, smooth between."""
    s = min(max((t - a) / (b - a), 0.0), 1.0)
    return s * s * (3.0 - 2.0 * s)


ANA_WALK = rig.Walk(
    at=lambda t: (-0.02 + 0.50 * t, 0.0 - 0.05 * t),
    facing=lambda t: 52.0 - 12.0 * _ease(0.1, 0.8, t),
    look=lambda t: -8.0 - 34.0 * _ease(0.15, 0.75, t),
    steps_hz=0.95,
    phase=0.3,
    stride=19.0,
)
BEN_WALK = rig.Walk(
    at=lambda t: (2.07 - 2.35 * t, 0.74),
    facing=lambda t: -58.0 + 10.0 * _ease(0.2, 0.8, t),
    look=lambda t: 12.0 + 16.0 * _ease(0.2, 0.6, t),
    steps_hz=1.25,
    phase=2.2,
    stride=27.0,
)


def build_shot() -> None:
    """Replace the open file by the demo shot."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.preferences.edit.keyframe_new_interpolation_type = "LINEAR"
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = FRAMES[0], FRAMES[-1]
    scene.render.fps = 24
    stage.build_room()
    stage.build_lights()
    stage.build_camera(FRAMES)
    rig.add_person(people.ANA, ANA_WALK, rig.wardrobe_of_ana(), FRAMES)
    rig.add_person(people.BEN, BEN_WALK, rig.wardrobe_of_ben(), FRAMES)
    for made in bpy.data.objects:
        owner = _owner(made)
        made.color = tuple(float(owner == name) for name in (*PEOPLE, "none")) + (1.0,)
    _settings(scene)


def _owner(made: bpy.types.Object) -> str:
    while made.parent:
        made = made.parent
    return made.name


def _settings(scene: bpy.types.Scene) -> None:
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = WIDTH, HEIGHT, 100
    render.use_motion_blur, render.motion_blur_shutter = True, 0.28
    render.threads_mode, render.threads = "FIXED", 2
    render.use_persistent_data = False
    render.image_settings.file_format = "OPEN_EXR_MULTILAYER"
    render.image_settings.color_depth = "32"
    render.image_settings.exr_codec = "ZIP"
    cycles.device = "CPU"
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 3, 1, 1
    cycles.transmission_bounces, cycles.transparent_max_bounces = 4, 6
    cycles.sample_clamp_indirect = 4.0
    cycles.caustics_reflective = cycles.caustics_refractive = False
    scene.cycles_curves.shape = "RIBBONS"
    layer = scene.view_layers[0]
    layer.use_pass_cryptomatte_asset = True
    layer.pass_cryptomatte_depth = 4


def render_plate(frame: int, path: Path, *, samples: int, scale: int = 100) -> None:
    """Render the denoised picture and the Cryptomatte asset pass into one multilayer EXR."""
    scene = bpy.context.scene
    cycles, layer = scene.cycles, scene.view_layers[0]
    layer.material_override = None
    layer.use_pass_cryptomatte_asset = True
    cycles.samples, cycles.use_denoising = samples, True
    cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "ACCURATE"
    cycles.denoising_quality = "BALANCED"
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.12
    cycles.adaptive_min_samples = 8
    _render(frame, path, scale)


def render_coverage(frame: int, path: Path, *, samples: int, scale: int = 100) -> None:
    """Render how much of each pixel each person covers: red is ana, green is ben, everything else is black.

    Same camera, lens, shutter and pixel filter as the plate, so that motion blur, defocus and who hides whom
    agree with it. Nothing is lit: a camera ray ends on the first surface and returns that person's colour,
    which is what a render per person with all else held out gives, for both at once and summing to one.
    """
    scene = bpy.context.scene
    cycles, layer, world = scene.cycles, scene.view_layers[0], scene.world
    layer.material_override = bpy.data.materials.get("coverage marker") or looks.coverage_marker()
    layer.use_pass_cryptomatte_asset = False
    cycles.samples, cycles.use_denoising = samples, False
    cycles.use_adaptive_sampling, cycles.adaptive_threshold = True, 0.008
    cycles.adaptive_min_samples = 24
    bounces, cycles.max_bounces = cycles.max_bounces, 0
    lit, scene.world = world, None
    behind = [made for made in bpy.data.objects if _owner(made) == "set"]
    for made in behind:  # nothing of the room stands before a person, so it need not be traced
        made.hide_render = True
    _render(frame, path, scale)
    for made in behind:
        made.hide_render = False
    cycles.max_bounces, scene.world = bounces, lit


def _render(frame: int, path: Path, scale: int) -> None:
    scene = bpy.context.scene
    scene.frame_set(frame)
    scene.render.resolution_percentage = scale
    scene.cycles.seed = frame
    scene.render.filepath = str(path.with_suffix(""))
    bpy.ops.render.render(write_still=True)

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import OpenEXR
import OpenImageIO as oiio  # noqa: N813
import PyOpenColorIO
import pytest

from maggie_api.errors import ColorError, SettingsError
from maggie_core.color import (
    BUILT_IN_CONFIG,
    CEILING,
    KNEE,
    ColorSettings,
    PlateView,
    RepairCount,
    compress_highlights,
)
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.integer_image import write_integer_image

CONFIG = """
ocio_profile_version: 2
roles: {scene_linear: lin, default: lin}
file_rules:
  - !<Rule> {name: scans, extension: dpx, pattern: "*scan*", colorspace: film}
  - !<Rule> {name: Default, colorspace: lin}
displays:
  screen:
    - !<View> {name: raw, colorspace: lin}
colorspaces:
  - !<ColorSpace> {name: lin, aliases: [linear light]}
  - !<ColorSpace>
    name: film
    to_scene_reference: !<LogTransform> {base: 2, direction: inverse}
"""


@pytest.fixture(autouse=True)
def no_ocio_variable(monkeypatch):
    monkeypatch.delenv("OCIO", raising=False)


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.ocio"
    path.write_text(CONFIG)
    return path


def seen(rgb, *, code_max=None, data=None, geometry=None, auto_frames=None, **settings):
    """What the network sees of `rgb`, and the repairs."""
    settings.setdefault("colorspace", "lin_rec709")
    pixels = np.asarray(rgb, dtype=np.float32)
    pixels = pixels.reshape(1, -1, 3) if pixels.ndim < 3 else pixels
    window = data or Window(0, 0, pixels.shape[1], pixels.shape[0])
    view = PlateView(ColorSettings(**settings), example_path="plate.exr", auto_frames=auto_frames)
    return view.to_model(
        pixels, geometry=geometry or Geometry(window, window), data=window, code_max=code_max
    )


def test_published_values_of_the_srgb_curve():
    """IEC 61966-2-1: 0 -> 0, 0.0031308 -> 0.04045, 0.18 -> 0.46136, 0.5 -> 0.73536."""
    image, _ = seen([[0, 0, 0], [0.0031308] * 3, [0.18] * 3, [0.5] * 3])

    np.testing.assert_allclose(image[0, :, 1], [0, 0.04045, 0.46136, 0.73536], atol=2e-4)


def test_published_primaries_survive_the_way_through_acescg():
    """ACEScg values of Rec.709 red, green, blue at half brightness, by ACES CTL's matrix."""
    acescg = (
        np.array([[0.61310, 0.07019, 0.02062], [0.33952, 0.91635, 0.10958], [0.04738, 0.01346, 0.86980]])
        * 0.5
    )

    image, _ = seen(acescg, colorspace="ACEScg")

    np.testing.assert_allclose(image[0], np.eye(3) * 0.73536, atol=4e-3)


def test_an_eight_bit_srgb_image_is_seen_as_it_is():
    codes = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    codes[0, :2] = [[0, 0, 0], [255, 255, 255]]

    image, repairs = seen(codes / 255, colorspace="sRGB - Texture", code_max=255)

    assert np.abs(image - codes / 255).max() < 1 / 512
    assert repairs == RepairCount()


def test_highlights_are_rolled_off_and_stay_apart():
    values = np.array([0.3, KNEE, 0.8, 1.0, 2.0, 8.0, 60.0])

    image, repairs = seen(values[:, None].repeat(3, axis=1))

    assert (np.diff(image[0, :, 0]) > 0).all()
    assert image.max() < 1.0
    assert image[0, 0, 0] == pytest.approx(1.055 * 0.3 ** (1 / 2.4) - 0.055, abs=2e-4)
    assert repairs.above_one == 3


def test_highlights_can_be_cut_instead():
    image, _ = seen([[0.5] * 3, [1.0] * 3, [8.0] * 3], highlights="clip")

    np.testing.assert_allclose(image[0, :, 0], [0.73536, 1.0, 1.0], atol=2e-4)


def test_the_roll_off_keeps_hue_and_changes_nothing_below_the_knee():
    linear = np.array([[4.0, 2.0, 1.0], [0.59, 0.1, 0.0], [0.0, 0.0, 0.0]], dtype=np.float32)

    rolled = compress_highlights(linear)

    np.testing.assert_allclose(rolled[0] / rolled[0, 0], [1, 0.5, 0.25], rtol=1e-5)
    assert np.array_equal(rolled[1:], linear[1:])


def test_broken_values_are_repaired_counted_and_left_in_the_plate():
    plate = np.full((1, 6, 3), 0.5, dtype=np.float32)
    plate[0, 0, 0] = np.nan
    plate[0, 1, 1] = np.inf
    plate[0, 2, 2] = -np.inf
    plate[0, 3] = -0.25
    plate[0, 4] = 3.0
    before = plate.copy()

    image, repairs = seen(plate)

    assert repairs == RepairCount(nan=1, inf=2, negative=1, above_one=2)
    assert np.isfinite(image).all()
    np.testing.assert_allclose([image[0, 0, 0], image[0, 2, 2], *image[0, 3]], 0, atol=1e-6)
    assert image[0, 1, 1] > 0.95
    np.testing.assert_array_equal(plate, before)


def test_one_firefly_does_not_light_its_neighbourhood():
    plate = np.full((800, 800, 3), 0.1, dtype=np.float32)
    plate[400, 400] = 60000.0
    window = Window(0, 0, 800, 800)

    image, _ = seen(plate, geometry=Geometry(window, window, working_px=200))

    assert (image > 0.4).any(axis=2).sum() == 1
    assert CEILING < 60000


def test_enlarging_draws_no_dark_ring_around_a_lamp():
    rgb = np.full((20, 20, 3), 0.18, np.float32)
    rgb[10, 10] = 50
    display = Window(0, 0, 20, 20)

    image, _ = seen(rgb, geometry=Geometry(display, display, scale=4.0), colorspace="lin_rec709")

    assert image.shape == (80, 80, 3)
    assert 0.38 < image.min() and image.max() <= 1
    np.testing.assert_allclose(image[:20], 0.461, atol=2e-3)


def test_repairs_add_up():
    assert RepairCount(1, 2, 3, 4) + RepairCount(1, 0, 0, 1) == RepairCount(2, 2, 3, 5)


def test_exposure_is_in_stops():
    brighter, _ = seen([[0.125] * 3], exposure_ev=2.0)
    plain, _ = seen([[0.5] * 3])

    np.testing.assert_allclose(brighter, plain, atol=1e-5)


def test_auto_exposure_brings_the_median_of_the_shot_to_middle_grey_once():
    calls = []

    def frames():
        calls.append(1)
        return [np.full((10, 10, 3), value, np.float32) for value in (0.01, 0.0225, 0.09)]

    image, _ = seen([[0.0225] * 3], exposure_ev="auto", auto_frames=frames)

    np.testing.assert_allclose(image, 0.46136, atol=1e-3)
    assert calls == [1]


def test_auto_exposure_of_a_black_shot_changes_nothing():
    image, _ = seen([[0.18] * 3], exposure_ev="auto", auto_frames=lambda: [np.zeros((4, 4, 3), np.float32)])

    np.testing.assert_allclose(image, 0.46136, atol=1e-3)


def test_light_is_averaged_before_it_is_encoded():
    plate = np.zeros((200, 200, 3), dtype=np.float32)
    plate[:, ::2] = 1.0
    window = Window(0, 0, 200, 200)

    image, _ = seen(plate, geometry=Geometry(window, window, working_px=100))

    np.testing.assert_allclose(image, 0.73536, atol=1e-3)


@pytest.mark.parametrize("colorspace", ["lin_rec709", "sRGB - Texture"])
def test_only_the_region_is_seen_and_what_is_not_stored_is_black(colorspace):
    display = Window(0, 0, 40, 30)
    data = Window(-5, 10, 20, 40)

    image, repairs = seen(
        np.full((40, 20, 3), 0.5), data=data, geometry=Geometry(display, display), colorspace=colorspace
    )

    lit = np.zeros((30, 40), bool)
    lit[10:, :15] = True
    assert np.array_equal(image.any(axis=2), lit)
    assert repairs == RepairCount()


def test_the_built_in_configuration_is_pinned():
    view = PlateView(ColorSettings(), example_path="plate.exr")

    assert view.config_name == BUILT_IN_CONFIG == "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4"
    assert view.config_id.startswith(BUILT_IN_CONFIG + " ")
    assert view.how == "built-in; assumed"
    assert view.model_space == "sRGB Encoded Rec.709 (sRGB)"


def test_an_explicit_configuration_wins_over_the_variable_and_that_over_the_built_in(
    config, tmp_path, monkeypatch
):
    other = tmp_path / "other.ocio"
    other.write_text(CONFIG)

    monkeypatch.setenv("OCIO", str(other))

    explicit = PlateView(ColorSettings(ocio=str(config)), example_path="a.exr")
    variable = PlateView(ColorSettings(), example_path="a.exr")
    assert (explicit.config_name, explicit.how) == (str(config), "explicit; file rule")
    assert (variable.config_name, variable.how) == (str(other), "$OCIO; file rule")


def test_file_rules_know_the_colour_space_by_the_name(config):
    settings = ColorSettings(ocio=str(config))

    scan = PlateView(settings, example_path="scan.0001.dpx")
    other = PlateView(settings, example_path="plate.0001.exr")

    assert (scan.colorspace, other.colorspace) == ("film", "lin")


def test_a_colour_space_may_be_named_by_alias_or_role(config):
    def canonical(name):
        return PlateView(ColorSettings(ocio=str(config), colorspace=name), example_path="scan.dpx").colorspace

    assert (canonical("linear light"), canonical("scene_linear"), canonical("film")) == ("lin", "lin", "film")


def test_a_configuration_without_srgb_gets_the_curve(config):
    view = PlateView(ColorSettings(ocio=str(config)), example_path="a.exr")
    window = Window(0, 0, 1, 1)

    image, _ = view.to_model(
        np.full((1, 1, 3), 0.18, np.float32), geometry=Geometry(window, window), data=window
    )

    assert view.model_space == "sRGB curve"
    np.testing.assert_allclose(image, 0.46136, atol=2e-4)


def test_with_the_built_in_configuration_a_file_speaks_for_itself(tmp_path):
    header = {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}
    plane = np.zeros((2, 2), np.float16)
    p3 = (0.68, 0.32, 0.265, 0.69, 0.15, 0.06, 0.3127, 0.329)
    OpenEXR.File(header | {"chromaticities": p3}, {"R": plane}).write(str(tmp_path / "p3.exr"))
    write_integer_image(tmp_path / "a.png", np.zeros((2, 2, 3)))

    p3_view = PlateView(ColorSettings(), example_path=tmp_path / "p3.exr")
    png_view = PlateView(ColorSettings(), example_path=tmp_path / "a.png")
    movie_view = PlateView(ColorSettings(), example_path="a.mov")

    assert (p3_view.colorspace, p3_view.how) == ("Linear P3-D65", "built-in; file header")
    assert (png_view.colorspace, png_view.how) == ("sRGB Encoded Rec.709 (sRGB)", "built-in; file type")
    assert movie_view.colorspace == "sRGB Encoded Rec.709 (sRGB)"


def test_a_file_that_does_not_say_is_taken_for_linear_rec709_and_it_is_told(tmp_path):
    header = {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}
    plane = np.zeros((2, 2), np.float16)
    strange = (0.7, 0.31, 0.25, 0.66, 0.14, 0.05, 0.3127, 0.329)
    OpenEXR.File(header, {"R": plane}).write(str(tmp_path / "plain.exr"))
    OpenEXR.File(header | {"chromaticities": strange}, {"R": plane}).write(str(tmp_path / "strange.exr"))

    plain, other = (
        PlateView(ColorSettings(), example_path=tmp_path / f"{n}.exr") for n in ("plain", "strange")
    )
    named = PlateView(ColorSettings(colorspace="ACEScg"), example_path=tmp_path / "plain.exr")

    assert plain.colorspace == other.colorspace == "Linear Rec.709 (sRGB)"
    assert plain.assumption.startswith(
        "the plate does not name its colour space and is taken for Linear Rec.709"
    )
    assert "chromaticities of no known space" in other.assumption
    assert named.assumption == ""


def dpx(path: Path, transfer: str) -> Path:
    spec = oiio.ImageSpec(4, 4, 3, "uint16")
    spec.attribute("dpx:Transfer", transfer)
    output = oiio.ImageOutput.create("dpx")
    assert output.open(str(path), spec)
    assert output.write_image(np.full((4, 4, 3), 445 * 64, np.uint16))
    output.close()
    return path


@pytest.mark.parametrize("transfer", ["Logarithmic", "Printing density", "ADX"])
def test_a_dpx_that_says_it_is_logarithmic_is_never_taken_for_srgb(tmp_path, transfer):
    scan = dpx(tmp_path / "scan.0001.dpx", transfer)

    with pytest.raises(ColorError, match=rf"logarithmic \({transfer}\) .* by --colorspace") as refused:
        PlateView(ColorSettings(), example_path=scan)

    assert "\n" not in str(refused.value)
    assert PlateView(ColorSettings(colorspace="ACEScct"), example_path=scan).colorspace == "ACEScct"


@pytest.mark.parametrize("transfer", ["Linear", "ITU-R 709-4", "Unspecified video", "User defined"])
def test_any_other_dpx_is_read_as_every_file_of_integers(tmp_path, transfer):
    view = PlateView(ColorSettings(), example_path=dpx(tmp_path / "video.0001.dpx", transfer))

    assert (view.colorspace, view.how) == ("sRGB Encoded Rec.709 (sRGB)", "built-in; file type")


LUT_CONFIG = """\
ocio_profile_version: 2
environment: {LOOK: day}
search_path: luts/$LOOK
roles: {default: lin, scene_linear: lin}
displays:
  screen:
    - !<View> {name: raw, colorspace: lin}
colorspaces:
  - !<ColorSpace> {name: lin}
  - !<ColorSpace>
    name: camera
    to_scene_reference: !<FileTransform> {src: camera.cube, interpolation: tetrahedral}
"""


def write_lut(path: Path, gain: float) -> None:
    """A table of 2 x 2 x 2, always as many bytes, with one and the same time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    entries = [(r * gain, g * gain, b * gain) for b in (0, 1) for g in (0, 1) for r in (0, 1)]
    lines = ["LUT_3D_SIZE 2", *("{:.7f} {:.7f} {:.7f}".format(*entry) for entry in entries)]
    path.write_text("\n".join(lines) + "\n")
    os.utime(path, (1_600_000_000, 1_600_000_000))


def lut_view(folder: Path) -> PlateView:
    settings = ColorSettings(ocio=str(folder / "config.ocio"), colorspace="camera", highlights="clip")
    return PlateView(settings, example_path="plate.exr")


def white_of(view: PlateView) -> float:
    window = Window(0, 0, 1, 1)
    seen, _ = view.to_model(np.ones((1, 1, 3), np.float32), geometry=Geometry(window, window), data=window)
    return float(seen.max())


def lut_folder(folder: Path, gain: float = 1.0) -> Path:
    write_lut(folder / "luts" / "day" / "camera.cube", gain)
    (folder / "config.ocio").write_text(LUT_CONFIG)
    return folder


def test_a_damaged_lut_is_said_in_one_line(tmp_path):
    folder = lut_folder(tmp_path)
    lut = folder / "luts" / "day" / "camera.cube"
    os.truncate(lut, lut.stat().st_size // 3)

    with pytest.raises(ColorError, match="'camera' cannot be converted to scene-linear") as said:
        lut_view(folder)

    assert "\n" not in str(said.value)


def test_a_lut_edited_in_place_is_another_conversion_in_the_same_process(tmp_path):
    folder = lut_folder(tmp_path)
    before = lut_view(folder)

    write_lut(folder / "luts" / "day" / "camera.cube", 0.5)
    after = lut_view(folder)

    assert (white_of(before), white_of(after)) == (pytest.approx(1.0), pytest.approx(0.7353569, abs=1e-4))
    assert before.digest != after.digest
    assert before.config_id != after.config_id


def test_the_smallest_change_of_a_table_is_another_conversion(tmp_path):
    before = lut_view(lut_folder(tmp_path)).digest

    assert lut_view(lut_folder(tmp_path, 1.0000001)).digest != before


def test_the_same_table_in_another_file_folder_or_archive_is_the_same_conversion(tmp_path):
    folder = lut_folder(tmp_path / "one")
    lut = folder / "luts" / "day" / "camera.cube"
    before = lut_view(folder).digest

    copy = lut.with_suffix(".tmp")
    copy.write_bytes(lut.read_bytes())
    copy.replace(lut)  # another inode and another time
    assert lut_view(folder).digest == before

    assert lut_view(lut_folder(tmp_path / "two")).digest == before

    archive = tmp_path / "config.ocioz"
    PyOpenColorIO.Config.CreateFromFile(str(folder / "config.ocio")).archive(str(archive))
    settings = ColorSettings(ocio=str(archive), colorspace="camera")
    assert PlateView(settings, example_path="a.exr").digest == before


def test_a_variable_that_chooses_the_table_is_in_the_digest(tmp_path, monkeypatch):
    folder = lut_folder(tmp_path)
    write_lut(folder / "luts" / "night" / "camera.cube", 0.25)
    day = lut_view(folder).digest

    monkeypatch.setenv("LOOK", "night")

    assert lut_view(folder).digest != day


def test_a_number_of_the_configuration_is_in_the_digest_to_15_digits(tmp_path):
    def digest(exponent: str) -> str:
        path = tmp_path / "c.ocio"
        path.write_text(
            LUT_CONFIG.replace(
                "!<FileTransform> {src: camera.cube, interpolation: tetrahedral}",
                f"!<ExponentTransform> {{value: [{exponent}, 1, 1, 1]}}",
            )
        )
        return lut_view_of(path).digest

    def lut_view_of(path: Path) -> PlateView:
        return PlateView(ColorSettings(ocio=str(path), colorspace="camera"), example_path="plate.exr")

    assert digest("2.2") == digest("2.20")
    assert digest("2.2") != digest("2.2000000001")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"colorspace": "ACEScgg"}, r"colour space 'ACEScgg' is unknown .* \(ACEScg"),
        ({"ocio": "nowhere.ocio"}, "the OCIO configuration nowhere.ocio cannot be used"),
        ({"ocio": "ocio://nothing"}, "ocio://nothing cannot be used"),
    ],
)
def test_what_colour_cannot_find_is_said_in_one_line(settings, sentence):
    with pytest.raises(ColorError, match=sentence) as refused:
        PlateView(ColorSettings(**settings), example_path="a.exr")

    assert "\n" not in str(refused.value)


def test_a_wrong_variable_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("OCIO", str(tmp_path / "gone.ocio"))

    with pytest.raises(ColorError, match=r"\$OCIO .*gone\.ocio cannot be used"):
        PlateView(ColorSettings(), example_path="a.exr")


def test_a_configuration_without_scene_linear_is_refused(tmp_path):
    path = tmp_path / "raw.ocio"
    path.write_text(CONFIG.replace("scene_linear: lin, ", ""))

    with pytest.raises(ColorError, match="no scene_linear role"):
        PlateView(ColorSettings(ocio=str(path)), example_path="a.exr")


def test_settings_out_of_range_are_refused():
    with pytest.raises(SettingsError, match="highlights is 'roll'"):
        ColorSettings(highlights="roll")  # pyright: ignore[reportArgumentType]
    with pytest.raises(SettingsError, match="exposure is 99 stops"):
        ColorSettings(exposure_ev=99)
    with pytest.raises(SettingsError, match="no frames to measure"):
        PlateView(ColorSettings(exposure_ev="auto"), example_path="a.exr")


def test_scene_linear_keeps_a_linear_plates_own_values():
    view = PlateView(ColorSettings(colorspace="lin_rec709"), example_path="plate.exr")
    rgb = np.float32([[[0.18, 2.5, -0.1], [np.nan, 0.5, 1.0]]])

    linear = view.scene_linear(rgb)

    assert np.array_equal(linear[0, 0], rgb[0, 0])
    assert linear[0, 1, 0] == 0


def test_scene_linear_decodes_an_encoded_plate():
    view = PlateView(ColorSettings(colorspace="sRGB - Texture"), example_path="plate.png")

    linear = view.scene_linear(np.full((1, 1, 3), 0.5, np.float32))

    assert linear.mean() == pytest.approx(0.214, abs=1e-3)  # IEC 61966-2-1, then neutral stays neutral

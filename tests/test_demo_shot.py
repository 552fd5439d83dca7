"""The shipped sample shot is what its README says it is."""

import json
from pathlib import Path

import mmh3
import numpy as np
import OpenImageIO as oiio  # noqa: N813
import pytest

SHOT = Path(__file__).parent.parent / "maggie_node" / "demo_shot"
FRAMES = range(1001, 1021)
PEOPLE = ("ana", "ben")


def read(path: Path) -> tuple[np.ndarray, oiio.ImageSpec]:
    image = oiio.ImageInput.open(str(path))
    assert image is not None, oiio.geterror()
    spec = image.spec()
    pixels = image.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
    image.close()
    return pixels, spec


def truth(frame: int) -> np.ndarray:
    return read(SHOT / f"truth.{frame}.exr")[0]


def mask(name: str, frame: int) -> np.ndarray:
    return read(SHOT / "guidance" / f"{name}.{frame}.png")[0][..., 0]


@pytest.mark.parametrize("pattern", ["plate.*.exr", "truth.*.exr", "crypto.*.exr", "guidance/ana.*.png"])
def test_every_sequence_of_the_shot_has_the_same_twenty_frames(pattern):
    found = sorted(int(path.suffixes[-2][1:]) for path in SHOT.glob(pattern))

    assert found == list(FRAMES)


def test_the_shot_stays_small_enough_to_ship():
    size = sum(path.stat().st_size for path in SHOT.rglob("*") if path.is_file())

    assert size <= 10 * 1024**2


def test_the_plate_is_half_scene_linear_and_goes_above_one():
    for frame in (FRAMES[0], FRAMES[-1]):
        pixels, spec = read(SHOT / f"plate.{frame}.exr")

        assert (spec.width, spec.height, spec.channelnames) == (960, 540, ("R", "G", "B"))
        assert spec.format == oiio.HALF
        assert spec.getattribute("compression") == "dwaa"
        assert np.isfinite(pixels).all()
        assert pixels.min() >= 0
        assert pixels.max() > 10
        assert 0.005 < (pixels > 1).any(-1).mean() < 0.10
        assert spec.getattribute("chromaticities")[:2] == pytest.approx((0.64, 0.33))


def test_true_alphas_are_coverage_that_never_sums_above_one():
    for frame in FRAMES:
        pixels, spec = read(SHOT / f"truth.{frame}.exr")

        assert spec.channelnames == ("ana.alpha", "ben.alpha")
        assert spec.format == oiio.HALF
        assert spec.getattribute("compression") == "zips"
        assert pixels.min() >= 0
        assert pixels.sum(-1).max() <= 1


def test_ben_is_absent_at_first_and_then_hidden_by_ana():
    present = [truth(frame)[..., 1].sum() for frame in FRAMES]
    middle = truth(1016)
    both = (middle > 0.1).all(-1)

    assert present[0] == 0
    assert present[5] > 0
    assert present[10] > 20_000
    assert both.sum() > 300, "their edges meet in the crossing"


def test_hair_gives_a_wide_band_of_partial_coverage():
    alpha = truth(1008)[..., 0]
    top = np.flatnonzero((alpha > 0.5).any(1))[0]
    head = alpha[max(top - 30, 0) : top + 110]

    soft = ((head > 0.02) & (head < 0.98)).sum()

    assert soft > 2_500


@pytest.mark.parametrize("name", PEOPLE)
def test_masks_are_binary_rough_and_about_right(name):
    plane = PEOPLE.index(name)
    for frame in FRAMES:
        drawn, alpha = mask(name, frame), truth(frame)[..., plane]

        assert set(np.unique(drawn)) <= {0.0, 1.0}
        if alpha.sum() > 20_000:
            shared = np.minimum(drawn, alpha).sum() / np.maximum(drawn, alpha).sum()
            assert 0.70 < shared < 0.985, f"{name} {frame}: {shared:.3f}"


def test_cryptomatte_decodes_by_name_to_the_truth():
    pixels, spec = read(SHOT / "crypto.1012.exr")
    key = f"cryptomatte/{mmh3.hash('CryptoAsset', signed=False):08x}"[:-1]
    manifest = json.loads(spec.getattribute(f"{key}/manifest"))
    wanted = ["CryptoAsset" + rank + "." + channel for rank in ("00", "01") for channel in "RGBA"]
    pixels = pixels[..., [spec.channelnames.index(name) for name in wanted]]
    ids, coverage = np.ascontiguousarray(pixels[..., ::2]).view(np.uint32), pixels[..., 1::2]

    assert spec.format == oiio.FLOAT
    assert spec.getattribute(f"{key}/name") == "CryptoAsset"
    assert spec.getattribute(f"{key}/hash") == "MurmurHash3_32"
    assert spec.getattribute(f"{key}/conversion") == "uint32_to_float32"
    assert sorted(manifest) == ["ana", "ben", "set"]
    assert coverage.sum(-1).max() <= 1.001
    for plane, name in enumerate(PEOPLE):
        assert int(manifest[name], 16) == mmh3.hash(name, signed=False)
        decoded = np.where(ids == int(manifest[name], 16), coverage, 0).sum(-1)
        assert np.abs(decoded - truth(1012)[..., plane]).mean() < 0.01

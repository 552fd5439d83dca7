"""A renderer's Cryptomatte."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from support.guidance_files import square, write_image

from maggie_api.errors import GuidanceError
from maggie_api.layer_names import cryptomatte_id
from maggie_core.guidance import CryptomatteSequence
from maggie_core.guidance.crypto_ids import float_of, hex_of
from maggie_core.guidance.crypto_layers import crypto_layers, rank_layers

ANNA, BEN, WALL = square(0, 0) * 0.75, square(4, 4) * 0.25, 1 - square(0, 0)


def write_crypto(
    path: Path,
    objects: dict[str, np.ndarray],
    *,
    layer: str = "CryptoObject",
    manifest: dict[str, str] | str | None = None,
    sidecar: str | None = None,
    suffixes: str = "RGBA",
    kind: str | tuple[str, ...] = "",
) -> Path:
    """One pair of id and coverage per object, in the given order, as a renderer with sparse ranks would."""
    planes, channels = [], []
    for place, (name, coverage) in enumerate(objects.items()):
        planes += [np.where(coverage > 0, float_of(cryptomatte_id(name)), np.float32(0)), coverage]
        channels += [f"{layer}{place // 2:02d}.{suffixes[2 * (place % 2) + k]}" for k in (0, 1)]
    if manifest is None:
        manifest = {name: hex_of(cryptomatte_id(name)) for name in objects}
    metadata = {"cryptomatte/abc1234/name": layer, "cryptomatte/abc1234/hash": "MurmurHash3_32"}
    if sidecar:
        metadata["cryptomatte/abc1234/manif_file"] = sidecar
    elif manifest:
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        metadata["cryptomatte/abc1234/manifest"] = text
    return write_image(
        path, np.dstack(planes).astype(np.float32), channels=channels, kind=kind, metadata=metadata
    )


def read(path: Path, *names: str, frame: int = 1, **options) -> dict[str, np.ndarray]:
    source = CryptomatteSequence(path, instances=names or None, **options)
    return {mask.name: mask.pixels for mask in source.read(frame)}


@pytest.mark.parametrize("suffixes", ["RGBA", "rgba"])
def test_an_object_is_its_exact_coverage(tmp_path, suffixes):
    write_crypto(tmp_path / "c.exr", {"wall": WALL, "anna": ANNA, "ben": BEN}, suffixes=suffixes)

    masks = read(tmp_path / "c.exr", "ben", "anna")

    assert list(masks) == ["ben", "anna"]
    assert np.array_equal(masks["anna"], ANNA) and np.array_equal(masks["ben"], BEN)


def test_an_object_in_several_ranks_is_the_sum(tmp_path):
    path = write_crypto(tmp_path / "c.exr", {"anna": ANNA, "ben": BEN})
    swapped = np.zeros((32, 48), bool)
    swapped[:, ::2] = True
    pairs = [(float_of(cryptomatte_id("anna")), ANNA), (float_of(cryptomatte_id("ben")), BEN)]
    planes = [np.where(swapped, pairs[1 - k][j], pairs[k][j]) for k in (0, 1) for j in (0, 1)]
    metadata = {"cryptomatte/abc1234/name": "c"}
    write_image(
        path, np.dstack(planes).astype(np.float32), channels=[f"c00.{x}" for x in "RGBA"], metadata=metadata
    )

    masks = read(path, "anna", "ben")

    assert np.array_equal(masks["anna"], ANNA) and np.array_equal(masks["ben"], BEN)


def test_all_is_everything_that_fills_half_a_pixel_somewhere_in_the_shot(tmp_path):
    everybody = {name: hex_of(cryptomatte_id(name)) for name in ("wall", "anna", "ben", "never rendered")}
    write_crypto(tmp_path / "c.1.exr", {"wall": WALL}, manifest=everybody)
    write_crypto(tmp_path / "c.2.exr", {"wall": WALL, "anna": ANNA, "ben": BEN}, manifest=everybody)

    source = CryptomatteSequence(tmp_path / "c.#.exr")

    assert source.names == ("wall", "anna")
    assert {m.name: m.pixels.max() for m in source.read(1)} == {"wall": 1.0, "anna": 0.0}


def test_a_name_that_only_a_later_manifest_has_is_zero_before(tmp_path):
    write_crypto(tmp_path / "c.1.exr", {"wall": WALL})
    write_crypto(tmp_path / "c.2.exr", {"wall": WALL, "anna": ANNA})

    source = CryptomatteSequence(tmp_path / "c.#.exr", instances=["anna"])

    assert [source.read(frame)[0].pixels.max() for frame in (1, 2)] == [0.0, 0.75]


def test_the_manifest_may_be_in_a_sidecar(tmp_path):
    (tmp_path / "names.json").write_text(
        json.dumps({"mädchen": hex_of(cryptomatte_id("wall"))}), encoding="utf-8"
    )
    write_crypto(tmp_path / "c.exr", {"wall": WALL}, sidecar="names.json")

    assert np.array_equal(read(tmp_path / "c.exr", "mädchen")["mädchen"], WALL)


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [
        ("names.json", "No such file"),
        ("/dev/zero", "has to lie beside the picture"),
        ("../names.json", "has to lie beside the picture"),
        ("fifo", "is no regular file"),
        ("huge.json", "is larger than 256 MB"),
        ("deep.json", "is not a JSON table"),
        ("latin.json", "is not UTF-8"),
    ],
)
def test_a_sidecar_that_cannot_be_read_is_told_and_names_are_found_by_their_hash(tmp_path, sidecar, reason):
    os.mkfifo(tmp_path / "fifo")
    with (tmp_path / "huge.json").open("wb") as file:
        file.truncate(1 << 30)
    (tmp_path / "deep.json").write_text("[" * 50_000)
    (tmp_path / "latin.json").write_bytes(b'{"J\xf6rg": "00000001"}')
    write_crypto(tmp_path / "c.exr", {"wall": WALL}, sidecar=sidecar)
    source = CryptomatteSequence(tmp_path / "c.exr", instances=["wall"])

    assert np.array_equal(source.read(1)[0].pixels, WALL)
    (note,) = source.notes
    assert re.search(rf"Cryptomatte CryptoObject .*{reason}.*: names are matched by their hash", note)


@pytest.mark.parametrize(
    ("stored", "asked"), [("Jürgen", "Ju\u0308rgen"), ("Anna.body", "anna_body"), ("ben", "BEN")]
)
def test_a_name_that_another_program_spells_differently_is_found(tmp_path, stored, asked):
    write_crypto(tmp_path / "c.exr", {stored: ANNA, "wall": WALL})

    assert np.array_equal(read(tmp_path / "c.exr", asked)[asked], ANNA)


def test_a_name_that_may_be_two_objects_is_refused(tmp_path):
    write_crypto(tmp_path / "c.exr", {"ben.x": ANNA, "Ben_x": WALL})

    assert np.array_equal(read(tmp_path / "c.exr", "Ben_x")["Ben_x"], WALL)
    with pytest.raises(GuidanceError, match=r"'BEN.X' may be ben\.x, Ben_x: write it as one of them"):
        read(tmp_path / "c.exr", "BEN.X")


def test_channels_that_nuke_has_renamed_are_found():
    header = {"cryptomatte/abc1234/name": "ViewLayer.cryptoAsset"}
    channels = ("ViewLayer_CryptoAsset00.R", "ViewLayer_CryptoAsset00.G")

    assert crypto_layers(channels, header)["ViewLayer.cryptoAsset"].ranks == (channels,)
    assert rank_layers(channels, header) == ("ViewLayer_CryptoAsset00",)


def test_without_a_manifest_a_name_is_found_by_its_hash(tmp_path):
    write_crypto(tmp_path / "c.exr", {"wall": WALL, "anna": ANNA}, manifest="")

    assert np.array_equal(read(tmp_path / "c.exr", "anna")["anna"], ANNA)
    assert set(read(tmp_path / "c.exr")) == {
        f"id_{hex_of(cryptomatte_id(name))}" for name in ("wall", "anna")
    }
    with pytest.raises(GuidanceError, match="no manifest and no object with the id of 'cleo'"):
        read(tmp_path / "c.exr", "cleo")


def test_an_unknown_object_lists_near_names(tmp_path):
    write_crypto(tmp_path / "c.exr", {"wall": WALL, "anna_body": ANNA, "ben": BEN})

    with pytest.raises(GuidanceError, match="has no object 'anna': it has anna_body, wall, ben; name one"):
        read(tmp_path / "c.exr", "anna")


def test_of_several_cryptomattes_the_objects_are_taken_unless_one_is_named(tmp_path):
    pair = np.dstack([np.full((4, 4), float_of(cryptomatte_id("x"))), np.ones((4, 4), np.float32)])
    layers = ("View.CryptoMaterial", "View.CryptoObject")
    channels = [f"{layer}00.{c}" for layer in layers for c in "RG"]
    metadata = {f"cryptomatte/{k}/name": layer for k, layer in enumerate(layers)}
    path = write_image(
        tmp_path / "c.exr",
        np.dstack([pair * [1, 0.5], pair]).astype(np.float32),
        channels=channels,
        metadata=metadata,
    )

    assert read(path, "x")["x"].max() == 1.0
    assert read(path, "x", layer="cryptomaterial")["x"].max() == 0.5
    with pytest.raises(GuidanceError, match="no Cryptomatte layer 'CryptoAsset': the file has View.Crypto"):
        read(path, "x", layer="CryptoAsset")


def test_ids_that_half_floats_have_destroyed_are_refused(tmp_path):
    write_crypto(tmp_path / "c.exr", {"anna": ANNA}, kind="half")

    with pytest.raises(GuidanceError, match="stores Cryptomatte ids as half, which destroys them: .* 32-bit"):
        read(tmp_path / "c.exr", "anna")


@pytest.mark.parametrize(
    "manifest", ["{not json", '["a list"]', '{"anna": "xyz"}', "[" * 50_000, '{"\\ud800nna": "12"}']
)
def test_a_damaged_manifest_is_said_in_one_line(tmp_path, manifest):
    write_crypto(tmp_path / "c.exr", {"anna": ANNA}, manifest=manifest)
    source = CryptomatteSequence(tmp_path / "c.exr", instances=["anna"])

    assert np.array_equal(source.read(1)[0].pixels, ANNA)
    (note,) = source.notes
    assert re.search("is not a JSON table|has names that are no text", note)
    assert note.endswith("to have them by name") and "\n" not in note


def test_a_image_without_cryptomatte_is_refused(tmp_path):
    write_image(tmp_path / "c.exr", square(0, 0), channels=("A",))

    with pytest.raises(GuidanceError, match="has no Cryptomatte: give the EXR"):
        read(tmp_path / "c.exr", "anna")

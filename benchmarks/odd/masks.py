"""Odd inputs by class: masks of every form and with every content, and the people they belong to."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import OpenEXR

from benchmarks.odd.base import FRAMES, HEIGHT, PEOPLE, WIDTH, Shot, write_image, write_movie
from benchmarks.odd.judging import Alphas, Case, Maker, Right
from benchmarks.odd.process import Ended
from benchmarks.odd.stock import ODD_WORDS
from maggie_api.layer_names import cryptomatte_id
from maggie_core.guidance.crypto_ids import float_of, hex_of


def mask_forms(shot: Shot, r: random.Random) -> Case:
    """The same masks as every kind of guidance."""
    form = r.choice(MASK_FORMS)
    guidance, more = form(shot, r)
    arguments = shot.arguments(*more, guidance=guidance)
    return Case(arguments, "as plain", f"{form.__name__}", frames=FRAMES)


Guided = tuple[list[str], list[str]]


def _each(shot: Shot, suffix: str, write: Callable[[Path, np.ndarray], None]) -> Guided:
    for name in PEOPLE:
        for frame in FRAMES:
            write(shot.folder / f"{name}.{frame}{suffix}", shot.base.masks[name, frame])
    return [f"{name}={shot.folder / name}.####{suffix}" for name in PEOPLE], []


def _grey(shot: Shot, r: random.Random) -> Guided:
    suffix, kind = r.choice(
        (
            (".png", "uint8"),
            (".png", "uint16"),
            (".tif", "uint8"),
            (".tif", "float"),
            (".dpx", "uint16"),
            (".bmp", "uint8"),
            (".tga", "uint8"),
            (".exr", "half"),
            (".exr", "float"),
            (".hdr", "float"),
        )
    )
    if suffix in (".dpx", ".bmp", ".tga", ".hdr"):
        return _each(shot, suffix, lambda path, plane: write_image(path, np.dstack([plane] * 3), kind=kind))
    return _each(shot, suffix, lambda path, plane: write_image(path, plane, kind=kind))


def _zeros_and_ones(shot: Shot, r: random.Random) -> Guided:
    return _each(shot, ".png", lambda path, plane: write_image(path, plane.astype(np.uint8)))


def _coloured(shot: Shot, r: random.Random) -> Guided:
    colour = np.array(r.choice(((1, 0, 0), (0, 1, 0), (1, 1, 0), (1, 1, 1))), np.float32)
    return _each(shot, ".png", lambda path, plane: write_image(path, plane[..., None] * colour, kind="uint8"))


def _in_alpha(shot: Shot, r: random.Random) -> Guided:
    suffix = r.choice((".png", ".tif", ".exr"))
    noise = np.random.default_rng(r.randrange(99)).random((HEIGHT, WIDTH, 3)).astype(np.float32)
    return _each(
        shot,
        suffix,
        lambda path, plane: write_image(
            path, np.dstack([noise * plane[..., None], plane]), kind="half" if suffix == ".exr" else "uint16"
        ),
    )


def _id_map(shot: Shot, r: random.Random) -> Guided:
    ids = r.sample(range(1, 250), 2)
    suffix, kind = r.choice(
        ((".png", np.uint8), (".png", np.uint16), (".tif", np.uint16), (".exr", np.float32))
    )
    for frame in FRAMES:
        plane = sum((n * shot.base.masks[name, frame] for n, name in zip(ids, PEOPLE, strict=True)))
        write_image(shot.folder / f"ids.{frame}{suffix}", np.asarray(plane).astype(kind))
    words = [word for n, name in zip(ids, PEOPLE, strict=True) for word in ("--instance", f"{n}={name}")]
    return [], ["--id-map", str(shot.folder / f"ids.####{suffix}"), *words]


def _layered(shot: Shot, r: random.Random) -> Guided:
    spell = r.choice(("{}.A", "{}.alpha", "{}", "{}.V", "ViewLayer.{}.A", "{}.Y"))
    for frame in FRAMES:
        planes = {spell.format(name): shot.base.masks[name, frame] for name in PEOPLE}
        noise = {c: np.full((HEIGHT, WIDTH), 0.3, np.float16) for c in "RGBAZ"} if r.random() < 0.5 else {}
        OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, planes | noise).write(
            str(shot.folder / f"l.{frame}.exr")
        )
    return [], [
        "--guidance-layers",
        str(shot.folder / "l.####.exr"),
        "--instance",
        "ana",
        "--instance",
        "ben",
    ]


def _movie(shot: Shot, r: random.Random) -> Guided:
    name, codec, form = r.choice(
        (
            ("mkv", "ffv1", "gray"),
            ("mkv", "ffv1", "bgr0"),
            ("mov", "png", "gray"),
            ("mov", "qtrle", "rgb24"),
            ("avi", "ffv1", "gray16le"),
        )
    )
    for who in PEOPLE:
        pictures = [np.dstack([(shot.base.masks[who, f] * 255).astype(np.uint8)] * 3) for f in FRAMES]
        write_movie(shot.folder / f"{who}.{name}", pictures, codec=codec, form=form)
    return [f"{who}={shot.folder / who}.{name}" for who in PEOPLE], ["--guidance-offset", "-1000"]


def _cryptomatte(shot: Shot, r: random.Random) -> Guided:
    write_cryptomatte(shot, {name: hex_of(cryptomatte_id(name)) for name in PEOPLE})
    return [], ["--cryptomatte", str(shot.folder / "c.####.exr"), "--instance", "ana", "--instance", "ben"]


MASK_FORMS = (_grey, _zeros_and_ones, _coloured, _in_alpha, _id_map, _layered, _movie, _cryptomatte)


def write_cryptomatte(
    shot: Shot, manifest: object, *, layer: str = "CryptoObject", header: dict[str, str] | None = None
) -> None:
    """The masks as a Cryptomatte; `manifest` is stored as JSON, or as it is where it is text."""
    key = "abc1234"
    attributes: dict[str, object] = {
        f"cryptomatte/{key}/name": layer,
        f"cryptomatte/{key}/hash": "MurmurHash3_32",
        f"cryptomatte/{key}/conversion": "uint32_to_float32",
    }
    if manifest is not None:
        attributes[f"cryptomatte/{key}/manifest"] = (
            manifest if isinstance(manifest, str) else json.dumps(manifest)
        )
    for frame in FRAMES:
        planes: dict[str, np.ndarray] = {}
        for name, pair in zip(PEOPLE, ("RG", "BA"), strict=True):
            mask = shot.base.masks[name, frame]
            planes[f"{layer}00.{pair[0]}"] = np.where(
                mask > 0, float_of(cryptomatte_id(name)), np.float32(0)
            ).astype(np.float32)
            planes[f"{layer}00.{pair[1]}"] = mask
        whole = {"compression": OpenEXR.ZIP_COMPRESSION} | attributes | (header or {})
        OpenEXR.File(whole, planes).write(str(shot.folder / f"c.{frame}.exr"))


def cryptomatte_headers(shot: Shot, r: random.Random) -> Case:
    """Manifests and sidecars that are broken, endless or spelt by other programs: names are then hashes."""
    ids = {name: hex_of(cryptomatte_id(name)) for name in PEOPLE}
    deep = "[" * r.choice((10, 1000, 100_000))
    broken: tuple[object, ...] = (
        ids,
        None,
        "",
        "{",
        deep,
        "null",
        "[]",
        "1",
        '"x"',
        {**ids, "ana": "zz"},
        {**ids, "wall": None},
        {**ids, "x": []},
        {**ids, "x": "f" * 100_000},
        {**ids, **{f"o{k}": hex_of(k) for k in range(20_000)}},
        json.dumps(ids)[:-3],
        json.dumps(ids) + "}",
        {"ANA": ids["ana"], "BEN": ids["ben"]},
        "\x00",
        "{" + '"a":' * 5000 + "1" + "}" * 5000,
        '{"ana": 1e999}',
        '{"\\ud800": "1"}',
    )
    manifest = r.choice(broken)
    sidecars = (
        "",
        "c.json",
        "../c.json",
        "/dev/zero",
        "/etc/passwd",
        "fifo",
        "c",
        "x" * 300,
        "a\x00b",
        ".",
        "missing.json",
        "ÄÖ.json",
    )
    sidecar = r.choice(sidecars) if r.random() < 0.5 else ""
    if sidecar:
        manifest = None
        (shot.folder / "c.json").write_text(json.dumps(ids)[: r.choice((5, 10_000))], encoding="utf-8")
        os.mkfifo(shot.folder / "fifo")
    header = {"cryptomatte/abc1234/manif_file": sidecar} if sidecar else None
    if isinstance(manifest, str) and "\x00" in manifest:
        manifest = manifest.replace("\x00", "\x01")
    if header:
        header = {name: text.replace("\x00", "\x01") for name, text in header.items()}
    write_cryptomatte(shot, manifest, header=header)
    wanted = ["--instance", "ana", "--instance", "ben"]
    arguments = shot.arguments("--cryptomatte", str(shot.folder / "c.####.exr"), *wanted, guidance=[])
    named = f"manifest {str(manifest)[:60]!r} sidecar {sidecar!r}"
    right: Right = "as plain" if _names_survive(manifest) else "whole or refused"
    return Case(arguments, right, named, frames=FRAMES)


def _names_survive(manifest: object) -> bool:
    """Whether names can be found by a manifest, or by their hash where there is none or a broken one."""
    return not isinstance(manifest, dict) or any(name in manifest for name in ("ana", "ANA"))


def mask_contents(shot: Shot, r: random.Random) -> Case:
    """Masks that are empty, full, no numbers, or somebody else's: each of these is told."""
    kind = r.choice(
        ("empty", "nan", "same", "full", "noise", "pixel", "negative", "above", "infinite", "faint")
    )
    rng = np.random.default_rng(r.randrange(999))
    says = {"empty": "ana is empty in all frames", "nan": "NaN", "same": "have the same mask"}.get(kind, "")
    for frame in FRAMES:
        own = shot.base.masks["ana", frame]
        plane = {
            "empty": own * 0,
            "nan": np.where(rng.random(own.shape) < 0.1, np.nan, own),
            "same": shot.base.masks["ben", frame],
            "full": own * 0 + 1,
            "noise": rng.random(own.shape),
            "pixel": np.eye(HEIGHT, WIDTH) * (np.arange(WIDTH) == 40),
            "negative": -own,
            "above": own * 50,
            "infinite": np.where(own > 0, np.inf, -np.inf),
            "faint": own * 0.004,
        }[kind]
        write_image(shot.folder / f"ana.{frame}.exr", plane.astype(np.float32))
    says = "ana is empty in all frames" if kind == "negative" else says
    masks = [f"ana={shot.folder / 'ana'}.####.exr", f"ben={shot.base.folder / 'ben'}.####.png"]
    more = [
        "--overlap",
        r.choice(("first", "last", "shared")),
        "--trust",
        r.choice(("auto", "0", "1", "0.5")),
    ]

    def nobody(ended: Ended, alphas: Alphas) -> str:
        seen = any(planes["ana"].any() for planes in alphas.values())
        return "an alpha without a mask" if seen and kind in ("empty", "negative") else ""

    return Case(
        shot.arguments(*more, guidance=masks), "whole or refused", kind, frames=FRAMES, says=says, also=nobody
    )


def names_of_people(shot: Shot, r: random.Random) -> Case:
    """People with odd names: each has a layer, and the header has the name as it was given."""
    names = r.sample([word for word in ODD_WORDS if "=" not in word], 2)
    masks = [f"{name}={shot.base.folder / who}.####.png" for name, who in zip(names, PEOPLE, strict=True)]

    def kept(ended: Ended, alphas: Alphas) -> str:
        with OpenEXR.File(str(shot.out / f"m.{FRAMES[0]}.exr"), header_only=True) as file:
            table = json.loads(file.header()["maggie/instances"])
        stored = [row["name"] for row in table]
        return "" if stored == [name.strip() for name in names] else f"the header has {stored}"

    return Case(shot.arguments(guidance=masks), "as plain", repr(names), frames=FRAMES, also=kept)


MASKS: dict[str, Maker] = {
    "kinds of guidance": mask_forms,
    "Cryptomatte headers": cryptomatte_headers,
    "contents of masks": mask_contents,
    "names of people": names_of_people,
}

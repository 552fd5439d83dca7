"""Odd inputs by class: pictures, masks and movies of every form, and damaged ones."""

from __future__ import annotations

import json
import os
import random
import socket
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR

from benchmarks.odd.base import FRAMES, HEIGHT, PEOPLE, WIDTH, Shot, oiio, write_exr, write_image
from benchmarks.odd.judging import Alphas, Case, Right
from benchmarks.odd.process import Ended
from maggie_api.layer_names import cryptomatte_id
from maggie_core.guidance.crypto_ids import float_of, hex_of

Maker = Callable[[Shot, random.Random], Case]
"""Draws a case of a class; what it writes lies in the shot's folder."""

ODD_WORDS = (
    "a b",
    "ÄÖÜ",
    "アナ",
    "e\u0301te\u0301",
    "it's",
    'say "hi"',
    "a=b",
    "a,b",
    "a;b",
    "$HOME",
    "~",
    "50%",
    "[x]",
    "{y}",
    "(z)",
    "a&b",
    "SC#01",
    "me@home",
    "-dash",
    "--flag",
    ".hidden",
    "v001.final",
    "\U0001f600",
    "q?",
    "st*r",
    "\\",
    "x" * 120,
    "null",
    "1e9",
    "cam1-3",
    "a:b",
    "tab\there",
    "\u202egnp",
    "%s",
    "%n",
)
ODD_VALUES = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "1e999",
    "nan",
    "inf",
    "-0",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "1_000",
    "١٢",
    "½",
    "auto",
    "None",
    "true",
    "../..",
    "/",
    "/dev/null",
    "/dev/zero",
    "a" * 4096,
    "\n",
    "\r\n",
    "\t",
    "'",
    '"',
    "\\",
    "%s%n",
    "\udcff",
    "#" * 40,
    "%99999999999d",
    "-5--2",
    "1-2-3",
    "1,,2",
    ",",
    "1-",
    "-",
    "1001-1002x0",
    "1001-1002x-1",
    "1001x2",
    "1002-1001",
)


def file_names(shot: Shot, r: random.Random) -> Case:
    """Plate, masks and mattes under odd names, with every kind of frame token."""
    word = r.choice([each for each in ODD_WORDS if not each.startswith(("-", "~"))])
    folder = r.choice(("", f"{r.choice(ODD_WORDS[:12])}/"))
    token = r.choice(("####", "%04d", "@@@@", "$F4", "#", "%d", "$F"))
    dot = r.choice((".", "_", "-", " ", ""))
    stem = f"{word}{dot}" if not word[-1:].isdigit() or dot else f"{word}."
    for name, source, suffix in (("p", "plate", ".exr"), *((who, who, ".png") for who in PEOPLE)):
        shot.linked(f"{folder}{stem}{name}.{{frame}}{suffix}".replace("{y}", "{{y}}"), source, suffix=suffix)
    masks = [f"{who}={shot.folder}/{folder}{stem}{who}.{token}.png" for who in PEOPLE]
    plate = f"{shot.folder}/{folder}{stem}p.{token}.exr"
    # A name with a percent or dollar sign of its own may be a token to one and a letter to another.
    clear = not any(sign in word + folder for sign in "%$*?[")
    return Case(
        shot.arguments(plate=plate, guidance=masks),
        "as plain" if clear and ":" not in word else "whole or refused",
        f"{folder}{stem} {token}",
        frames=FRAMES,
    )


def plate_forms(shot: Shot, r: random.Random) -> Case:
    """The same pixels in every kind of EXR."""
    compression = r.choice(("NO", "RLE", "ZIPS", "ZIP", "PIZ"))
    header: dict[str, object] = {"compression": getattr(OpenEXR, f"{compression}_COMPRESSION")}
    header |= {name: value for name, value in _attributes(r)}
    names = r.choice((("R", "G", "B"), ("r", "g", "b"), ("red", "green", "blue"), *_layers(r)))
    grey = np.full((HEIGHT, WIDTH), 0.5, r.choice((np.float16, np.float32)))
    more = {
        name: grey for name in r.sample(("A", "Z", "depth.Z", "N.X", "id", "mask.Y", "AO.V", "beauty2.R"), 3)
    }
    kind = r.choice((np.float16, np.float32))
    form = r.choice(("plain", "parts", "overscan", "tiled", "mip"))
    pixels = {frame: picture.astype(kind) for frame, picture in shot.base.plates.items()}
    if form == "parts":
        parts = r.sample(("depth", "crypto", "ana", "N.main", "other"), r.randint(1, 3))
        plate = shot.plates(pixels, header=header, parts=parts, first=r.random() < 0.5, names=("R", "G", "B"))
    elif form == "overscan":
        plate = shot.plates(
            {frame: np.pad(each, ((5, 3), (2, 7), (0, 0))) for frame, each in pixels.items()},
            header=header | _windows((-2, -5, WIDTH + 6, HEIGHT + 2), (0, 0, WIDTH - 1, HEIGHT - 1)),
            names=names,
        )
    elif form in ("tiled", "mip"):
        plate = _tiled(shot, pixels, r, mip=form == "mip")
    else:
        plate = shot.plates(pixels, header=header, more=more, names=names)
    return Case(
        shot.arguments(plate=plate),
        "as plain",
        f"{form} {compression} {names} {sorted(header)}",
        frames=FRAMES,
    )


def _layers(r: random.Random) -> list[tuple[str, ...]]:
    word = r.choice(("rgba", "beauty", "ViewLayer.Combined", "main", "C", "left"))
    return [tuple(f"{word}.{c}" for c in "RGB")]


def _attributes(r: random.Random) -> list[tuple[str, object]]:
    values: tuple[object, ...] = (
        "text",
        "Ä é ア",
        "",
        "x" * 5000,
        1,
        -(2**31),
        1e30,
        float("nan"),
        (1.0, 2.0),
        OpenEXR.TimeCode(),
        OpenEXR.KeyCode(),
        np.eye(3, dtype=np.float32),
        np.eye(4, dtype=np.float32),
        np.array([1, 2], np.int32),
        np.array([1.5, 2.5], np.float32),
        np.array([1, 2, 3], np.int32),
        ["a", "b"],
    )
    names = (
        "comments",
        "owner",
        "nuke/node_hash",
        "camera",
        "exif:Lens",
        "Ümlaut",
        "a" * 200,
        "cryptomatte/x/foo",
        "utcOffset2",
    )
    return [(name, r.choice(values)) for name in r.sample(names, r.randint(0, 4))]


def _windows(data: tuple[int, ...], display: tuple[int, ...]) -> dict[str, object]:
    def box(corners: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        return np.array(corners[:2], np.int32), np.array(corners[2:], np.int32)

    return {"dataWindow": box(data), "displayWindow": box(display)}


def _tiled(shot: Shot, pixels: dict[int, np.ndarray], r: random.Random, *, mip: bool) -> str:
    side = r.choice((8, 16, 33, 64, 128))
    for frame, picture in pixels.items():
        path = shot.folder / f"p.{frame}.exr"
        buffer = oiio.ImageBuf(np.ascontiguousarray(picture))
        if mip:
            config = oiio.ImageSpec()
            config.tile_width = config.tile_height = side
            assert oiio.ImageBufAlgo.make_texture(oiio.MakeTxTexture, buffer, str(path), config)
            continue
        spec = oiio.ImageSpec(WIDTH, HEIGHT, 3, str(picture.dtype).replace("float16", "half"))
        spec.tile_width = spec.tile_height = side
        output = oiio.ImageOutput.create(str(path))
        assert output.open(str(path), spec), output.geterror()
        assert output.write_image(np.ascontiguousarray(picture)), output.geterror()
        assert output.close()
    return str(shot.folder / "p.####.exr")


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


def write_movie(path: Path, pictures: list[np.ndarray], *, codec: str, form: str, **options: str) -> None:
    """(H, W, 3) uint8 pictures as a movie of 24 a second."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=Fraction(24), options=options)
        stream.width, stream.height, stream.pix_fmt = pictures[0].shape[1], pictures[0].shape[0], form
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")))
        container.mux(stream.encode())


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


def damaged_exrs(shot: Shot, r: random.Random) -> Case:
    """Bytes of the plate's or a mask's EXRs that were lost, changed or put in."""
    as_mask = r.random() < 0.4
    for frame in FRAMES:
        if as_mask:
            for name in PEOPLE:
                plane = {"A": shot.base.masks[name, frame].astype(np.float16)}
                OpenEXR.File({"compression": OpenEXR.ZIP_COMPRESSION}, plane).write(
                    str(shot.folder / f"{name}.{frame}.exr")
                )
    plate = None if as_mask else shot.plates()
    damaged = [
        shot.folder / f"{'ana' if as_mask else 'p'}.{frame}.exr" for frame in FRAMES[: r.choice((1, 2))]
    ]
    for path in damaged:
        path.write_bytes(mutated(path.read_bytes(), r, head=400))
    guidance = [f"{name}={shot.folder / name}.####.exr" for name in PEOPLE] if as_mask else None
    policy = [
        "--on-missing",
        r.choice(("error", "hold", "black", "skip")),
        "--guidance-missing",
        r.choice(("error", "empty", "hold")),
    ]
    return Case(
        shot.arguments(*policy, plate=plate, guidance=guidance),
        note=f"{'mask' if as_mask else 'plate'} of {len(damaged)} frames",
        compare=tuple(map(str, damaged)),
    )


def mutated(content: bytes, r: random.Random, *, head: int = 0) -> bytes:
    """`content` with a few random changes, half of them in its first `head` bytes."""
    data = bytearray(content)
    for _ in range(r.choice((1, 1, 2, 5, 30))):
        if not data:
            break
        top = min(head, len(data)) if head and r.random() < 0.5 else len(data)
        at, kind = r.randrange(top), r.randrange(6)
        if kind == 0:
            data[at] ^= 1 << r.randrange(8)
        elif kind == 1:
            data[at] = r.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            data[at : at + 4] = struct.pack("<i", r.choice((-1, 0, 1, 2**31 - 1, -(2**31), 65536, 1 << 24)))
        elif kind == 3:
            del data[at : at + r.choice((1, 4, 64))]
        elif kind == 4:
            data[at:at] = r.randbytes(r.choice((1, 4, 64)))
        elif r.random() < 0.3:
            del data[at:]
        else:
            data[at : at + 16] = r.randbytes(16)
    return bytes(data)


def damaged_pictures(shot: Shot, r: random.Random) -> Case:
    """Bytes of masks and plates in other formats that were changed."""
    suffix = r.choice((".png", ".tif", ".jpg", ".dpx", ".tga", ".bmp", ".hdr", ".webp", ".gif", ".psd"))
    if suffix in (".psd", ".gif"):
        suffix = ".png"
    for frame in FRAMES:
        picture = np.clip(shot.base.plates[frame].astype(np.float32), 0, 1)
        write_image(
            shot.folder / f"p.{frame}{suffix}", picture, kind="float" if suffix == ".hdr" else "uint8"
        )
    path = shot.folder / f"p.{FRAMES[0]}{suffix}"
    path.write_bytes(mutated(path.read_bytes(), r, head=100))
    return Case(shot.arguments(plate=str(shot.folder / f"p.####{suffix}")), note=suffix)


def damaged_movies(shot: Shot, r: random.Random) -> Case:
    """Bytes of a movie that were changed. Where its codec has check sums, what is changed is told."""
    name, codec, form, options = r.choice(
        (
            ("mkv", "ffv1", "bgr0", {"slicecrc": "1", "level": "3"}),
            ("mkv", "ffv1", "bgr0", {"slicecrc": "1", "level": "3"}),
            ("mp4", "libx264", "yuv420p", {}),
            ("mov", "prores_ks", "yuv422p10le", {}),
            ("mov", "png", "rgb24", {}),
            ("avi", "mpeg4", "yuv420p", {}),
            ("webm", "libvpx-vp9", "yuv420p", {}),
        )
    )
    pictures = [
        (np.clip(shot.base.plates[f].astype(np.float32), 0, 1) * 255).astype(np.uint8) for f in FRAMES
    ]
    path = shot.folder / f"p.{name}"
    write_movie(path, pictures, codec=codec, form=form, **options)
    whole = path.read_bytes()
    path.write_bytes(mutated(whole, r, head=600))
    masks = ["--guidance-offset", "1000"]
    return Case(shot.arguments(*masks, plate=str(path)), note=f"{name} {codec}")


def sizes(shot: Shot, r: random.Random) -> Case:
    """Plates of one pixel and of odd shapes."""
    width, height = (r.choice((1, 2, 3, 5, 16, 31, 33, 64, 65, 127, 400)) for _ in range(2))
    rng = np.random.default_rng(r.randrange(999))
    for frame in FRAMES:
        write_exr(shot.folder / f"p.{frame}.exr", rng.random((height, width, 3)).astype(np.float16))
        for at, name in enumerate(PEOPLE):
            plane = np.zeros((height, width), np.uint8)
            plane[:, at * width // 2 : (at + 1) * width // 2] = 255
            write_image(shot.folder / f"{name}.{frame}.png", plane)
    masks = [f"{name}={shot.folder / name}.####.png" for name in PEOPLE]
    detail = [
        "--detail",
        r.choice(("working", "full")),
        "--refine",
        r.choice(("auto", "none", "guided", "closed-form")),
    ]

    def sized(ended: Ended, alphas: Alphas) -> str:
        shapes = {plane.shape for planes in alphas.values() for plane in planes.values()}
        return "" if shapes <= {(height, width)} else f"mattes of {shapes}"

    plate = str(shot.folder / "p.####.exr")
    return Case(shot.arguments(*detail, plate=plate, guidance=masks), note=f"{width}x{height}", also=sized)


def claimed_sizes(shot: Shot, r: random.Random) -> Case:
    """Headers that claim more pixels than any memory holds."""
    plate = shot.plates()
    width, height = r.choice(
        ((2**31 - 2, 1), (60_000, 60_000), (10**6, 10**6), (2**30, 2**30), (200_000, 20_000), (1, 2**31 - 2))
    )
    what = r.choice((b"dataWindow", b"displayWindow", b"both"))
    for frame in FRAMES:
        path = shot.folder / f"p.{frame}.exr"
        data = bytearray(path.read_bytes())
        for name in (b"dataWindow", b"displayWindow"):
            if what in (name, b"both"):
                at = data.index(name + b"\0box2i\0") + len(name) + 7 + 4
                data[at : at + 16] = struct.pack("<4i", 0, 0, width - 1, height - 1)
        path.write_bytes(bytes(data))
    return Case(shot.arguments(plate=plate), "refused", f"{what.decode()} of {width}x{height}")


def pixel_values(shot: Shot, r: random.Random) -> Case:
    """Plates with NaN, infinities, negative and enormous values; those of no number are told."""
    odd = r.choice((np.nan, np.inf, -np.inf, 65504, -65504, 1e38, -1e38, 1e-45, -0.0, 3.4e38))
    share = r.choice((0.001, 0.05, 0.5, 1.0))
    rng = np.random.default_rng(r.randrange(999))
    pixels = {}
    for frame in FRAMES:
        picture = shot.base.plates[frame].astype(np.float32)
        picture[rng.random(picture.shape[:2] if r.random() < 0.5 else picture.shape) < share] = odd
        pixels[frame] = picture
    more = ["--highlights", r.choice(("compress", "clip")), "--exposure-ev", r.choice(("0", "auto", "-3"))]
    told = (
        "mended"
        if not np.isfinite(odd) and any((~np.isfinite(each)).any() for each in pixels.values())
        else ""
    )
    return Case(
        shot.arguments(*more, plate=shot.plates(pixels)),
        "whole or refused",
        f"{odd} {share}",
        frames=FRAMES,
        says=told,
    )


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


def folders(shot: Shot, r: random.Random) -> Case:
    """Folders beside whose sequences lie pipes, folders, dangling links and files of other numbers."""
    shot.linked("p.{frame}.exr", "plate", suffix=".exr")
    beside = shot.folder
    stray = r.choice(
        ("fifo", "folder", "link", "loop", "socket", "empty", "twin", "dated", "case", "words", "negative")
    )
    name = beside / f"p.{FRAMES[-1] + 1}.exr"
    if stray == "fifo":
        os.mkfifo(name)
    elif stray == "folder":
        name.mkdir()
    elif stray == "link":
        name.symlink_to(beside / "nothing")
    elif stray == "loop":
        name.symlink_to(name)
    elif stray == "socket":
        with socket.socket(socket.AF_UNIX) as listening:
            os.chdir(beside)  # a socket's path is short
            listening.bind(name.name)
    elif stray == "empty":
        name.touch()
    else:
        other = {
            "twin": "p.001001.exr",
            "dated": "p.20261129.exr",
            "case": "P.1001.EXR",
            "words": "p.1001.final.exr",
            "negative": "p.-1001.exr",
        }[stray]
        (beside / other).write_bytes((beside / f"p.{FRAMES[0]}.exr").read_bytes())
    asked = ["--frames", "1001-1002"] if r.random() < 0.5 else []
    shots = ["--shot-frames", "1001-1002"] if r.random() < 0.5 else []
    plain = stray in ("case", "words") or (shots and stray != "twin")
    right: Right = "as plain" if plain else "whole or refused"
    return Case(
        shot.arguments(*asked, *shots, plate=str(beside / "p.####.exr")), right, f"{stray} {asked} {shots}"
    )


PICTURES: dict[str, Maker] = {
    "names of files, and frame tokens": file_names,
    "kinds of EXR": plate_forms,
    "kinds of guidance": mask_forms,
    "Cryptomatte headers": cryptomatte_headers,
    "damaged EXRs": damaged_exrs,
    "damaged pictures of other formats": damaged_pictures,
    "damaged movies": damaged_movies,
    "sizes from one pixel on": sizes,
    "sizes that headers claim": claimed_sizes,
    "values of pixels": pixel_values,
    "contents of masks": mask_contents,
    "names of people": names_of_people,
    "what lies beside a sequence": folders,
}

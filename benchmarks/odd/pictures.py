"""Odd inputs by class: plates of every form, what lies beside them, and damaged pictures and movies."""

from __future__ import annotations

import os
import random
import socket
import struct

import numpy as np
import OpenEXR

from benchmarks.odd.base import FRAMES, HEIGHT, PEOPLE, WIDTH, Shot, oiio, write_exr, write_image, write_movie
from benchmarks.odd.judging import Alphas, Case, Maker, Right
from benchmarks.odd.process import Ended
from benchmarks.odd.stock import ODD_WORDS, mutated


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
    "damaged EXRs": damaged_exrs,
    "damaged pictures of other formats": damaged_pictures,
    "damaged movies": damaged_movies,
    "sizes from one pixel on": sizes,
    "sizes that headers claim": claimed_sizes,
    "values of pixels": pixel_values,
    "what lies beside a sequence": folders,
}

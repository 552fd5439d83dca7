"""From Blender's own files to the shot as shipped: plate, truth, Cryptomatte and guidance."""

from __future__ import annotations

import json
from pathlib import Path

import mmh3
import numpy as np
import OpenImageIO as oiio  # noqa: N813

from demo_shot import masks

PEOPLE = ("ana", "ben")
FRAMES_PER_SECOND = (24, 1)
CRYPTOMATTE = "CryptoAsset"
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""Chromaticities of the plate's primaries and white."""


def write_shot(work: Path, output: Path) -> None:
    """Write every frame found in `work` to `output`, see the README there for what each file is."""
    frames = sorted(int(path.suffixes[-2][1:]) for path in work.glob("coverage.*.exr"))
    (output / "guidance").mkdir(parents=True, exist_ok=True)
    for frame in frames:
        planes, manifest = _read(work / f"plate.{frame}.exr")
        _write_plate(output / f"plate.{frame}.exr", planes, frame)
        _write_cryptomatte(output / f"crypto.{frame}.exr", planes, frame, manifest=manifest)
        coverage, _ = _read(work / f"coverage.{frame}.exr")
        truth = _within_one(coverage["Combined.R"], coverage["Combined.G"])
        _write_truth(output / f"truth.{frame}.exr", truth, frame)
        for name, alpha in zip(PEOPLE, truth, strict=True):
            mask = masks.rough_mask(alpha.astype(np.float32), frame, name=name)
            _write_mask(output / "guidance" / f"{name}.{frame}.png", mask)


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Planes (H, W) float32 by `pass.channel`, and the Cryptomatte manifest."""
    image = oiio.ImageInput.open(str(path))
    if image is None:
        raise OSError(oiio.geterror())
    spec = image.spec()
    pixels = image.read_image(0, 0, 0, spec.nchannels, oiio.FLOAT)
    manifest = {}
    for attribute in spec.extra_attribs:
        if attribute.name.startswith("cryptomatte/") and attribute.name.endswith("/manifest"):
            manifest = json.loads(attribute.value)
    image.close()
    names = [name.split(".", 1)[1] for name in spec.channelnames]
    return {name: pixels[..., i] for i, name in enumerate(names)}, manifest


def _within_one(ana: np.ndarray, ben: np.ndarray) -> np.ndarray:
    """Round to half so that the two alphas (2, H, W) still sum to at most one."""
    truth = np.clip(np.stack([ana, ben]), 0.0, 1.0).astype(np.float16)
    over = truth.astype(np.float32).sum(0) > 1.0
    larger = truth.argmax(0)
    for i in range(2):
        trim = over & (larger == i)
        truth[i][trim] = (1.0 - truth[1 - i][trim].astype(np.float32)).astype(np.float16)
        still = truth.astype(np.float32).sum(0) > 1.0
        truth[i][still & trim] = np.nextafter(truth[i][still & trim], np.float16(0))
    return truth


def _write_plate(path: Path, planes: dict[str, np.ndarray], frame: int) -> None:
    rgb = np.stack([planes[f"Combined.{c}"] for c in "RGB"], -1)
    rgb = np.clip(rgb, 0.0, 65504.0).astype(np.float16)
    spec = _spec(rgb, ("R", "G", "B"), "half", "dwaa:140", frame)
    spec.attribute("oiio:ColorSpace", "lin_rec709_scene")
    spec.attribute("chromaticities", oiio.TypeDesc("float[8]"), REC709)
    _write(path, spec, rgb)


def _write_truth(path: Path, truth: np.ndarray, frame: int) -> None:
    pixels = np.ascontiguousarray(truth.transpose(1, 2, 0))
    spec = _spec(pixels, tuple(f"{name}.alpha" for name in PEOPLE), "half", "zips", frame)
    spec.attribute("oiio:ColorSpace", "data")
    _write(path, spec, pixels)


def _write_cryptomatte(
    path: Path, planes: dict[str, np.ndarray], frame: int, *, manifest: dict[str, str]
) -> None:
    """Blender's Cryptomatte asset pass under the usual name, with the people and the set in its manifest."""
    names = [name for name in planes if name.startswith(CRYPTOMATTE)]
    pixels = np.stack([planes[name] for name in names], -1).astype(np.float32)
    upper = tuple(name[:-1] + name[-1].upper() for name in names)
    spec = _spec(pixels, upper, "float", "zip", frame)
    key = f"cryptomatte/{mmh3.hash(CRYPTOMATTE, signed=False):08x}"[:-1]
    kept = {name: manifest[name] for name in (*PEOPLE, "set")}
    spec.attribute(f"{key}/name", CRYPTOMATTE)
    spec.attribute(f"{key}/hash", "MurmurHash3_32")
    spec.attribute(f"{key}/conversion", "uint32_to_float32")
    spec.attribute(f"{key}/manifest", json.dumps(kept, separators=(",", ":")))
    spec.attribute("oiio:ColorSpace", "data")
    _write(path, spec, pixels)


def _write_mask(path: Path, mask: np.ndarray) -> None:
    pixels = (mask[..., None] * np.uint8(255)).astype(np.uint8)
    spec = oiio.ImageSpec(mask.shape[1], mask.shape[0], 1, "uint8")
    _write(path, spec, pixels)


def _spec(
    pixels: np.ndarray, channels: tuple[str, ...], kind: str, compression: str, frame: int
) -> oiio.ImageSpec:
    height, width, count = pixels.shape
    spec = oiio.ImageSpec(width, height, count, kind)
    spec.channelnames = channels
    spec.attribute("compression", compression)
    spec.attribute("FramesPerSecond", oiio.TypeRational, FRAMES_PER_SECOND)
    spec.attribute("smpte:TimeCode", oiio.TypeTimeCode, (_timecode(frame), 0))
    spec.attribute("DateTime", "2026:01:01 00:00:00")  # the writer's own clock would make every run differ
    return spec


def _timecode(frame: int) -> int:
    """Binary-coded hours, minutes, seconds and frames; frame 0 is 00:00:00:00."""
    seconds, frames = divmod(frame, FRAMES_PER_SECOND[0])
    fields = (seconds // 3600, seconds // 60 % 60, seconds % 60, frames)
    return sum(
        (value // 10 << 4 | value % 10) << shift for value, shift in zip(fields, (24, 16, 8, 0), strict=True)
    )


def _write(path: Path, spec: oiio.ImageSpec, pixels: np.ndarray) -> None:
    out = oiio.ImageOutput.create(str(path))
    if out is None or not out.open(str(path), spec) or not out.write_image(np.ascontiguousarray(pixels)):
        raise OSError(f"{path}: {out.geterror() if out else oiio.geterror()}")
    out.close()

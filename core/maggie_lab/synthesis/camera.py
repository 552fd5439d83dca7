"""Defects that a camera and a codec add to a finished frame. Mattes are never changed here."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from .fields import Plane, convolve_separable, gaussian_blur, resize_planes

_DCT = np.array(
    [[np.sqrt((1 + (k > 0)) / 8) * np.cos((2 * n + 1) * k * np.pi / 16) for n in range(8)] for k in range(8)],
    dtype=np.float32,
)
_COARSE = (1 + np.add.outer(np.arange(8), np.arange(8)) * 0.9).astype(np.float32)
"""Step of each DCT coefficient relative to the first: high frequencies are kept less exactly."""


@dataclass(frozen=True)
class Camera:
    """The defects of one camera and its files; all but the noise are fixed for a clip.

    Attributes:
        gain: (3,) factors on red, green and blue: exposure and colour cast.
        gamma: exponent of the tone curve.
        lift: haze added to black.
        noise: standard deviation at mid grey, in sRGB-encoded [0, 1].
        grain_px: blur of the noise (0 is white noise).
        sharpen: strength of an unsharp mask.
        blur_px: softness of the whole frame.
        quality: block quantisation step in 1/255; 0 leaves it out.
        contrast: of an S-shaped tone curve; below 0 flattens.
        vignette: how much darker the corners are.
        fringe_px: how far red and blue lie off at the corners, in opposite directions.
        resized: size to store the image at before it is brought back, relative to its own; 1 leaves it out.
        sharp_resize: whether the stored size is made of nearest pixels rather than averages.
        jpeg: quality 20-95 of a JPEG to store the image as; 0 leaves it out.
        codes: whether the result is rounded to 8 bits.
    """

    gain: tuple[float, float, float]
    gamma: float
    lift: float
    noise: float
    grain_px: float
    sharpen: float
    blur_px: float
    quality: float
    contrast: float = 0.0
    vignette: float = 0.0
    fringe_px: float = 0.0
    resized: float = 1.0
    sharp_resize: bool = False
    jpeg: int = 0
    codes: bool = False

    def shoot(self, frame: Plane, rng: np.random.Generator) -> Plane:
        """Add the defects to one frame.

        Args:
            frame: (3, H, W) sRGB-encoded [0, 1].
            rng: draws the noise of this frame.

        Returns:
            (3, H, W) sRGB-encoded [0, 1].
        """
        if self.fringe_px:
            frame = _fringed(frame, self.fringe_px)
        if self.vignette:
            y, x = (np.linspace(-1, 1, side, dtype=np.float32) ** 2 for side in frame.shape[1:])
            frame = frame * (1 - np.float32(0.5 * self.vignette) * (y[:, None] + x[None]))
        frame = np.clip(frame * np.array(self.gain, np.float32)[:, None, None], 0, 1)
        if self.gamma != 1:
            frame = np.exp(np.float32(self.gamma) * np.log(np.maximum(frame, np.float32(1e-4))))
        if self.contrast:
            curved = frame * frame * (3 - 2 * frame) if self.contrast > 0 else np.full_like(frame, 0.5)
            frame = frame + np.float32(abs(self.contrast)) * (curved - frame)
        frame = np.float32(self.lift) + np.float32(1 - self.lift) * frame
        if self.blur_px > 0.2:
            frame = gaussian_blur(frame, self.blur_px)
        if self.sharpen > 0:
            frame = frame + np.float32(self.sharpen) * (frame - gaussian_blur(frame, 1.2))
        if self.noise > 0:
            frame = frame + self._noise(frame, rng)
        if self.resized != 1:
            frame = _resized(frame, self.resized, sharp=self.sharp_resize)
        if self.quality > 0:
            frame = quantise_blocks(frame, step=self.quality / 255)
        if self.jpeg:
            frame = _as_jpeg(frame, self.jpeg)
        if self.codes:
            frame = np.floor(np.clip(frame, 0, 1) * 255 + np.float32(0.5)) * np.float32(1 / 255)
        return np.clip(frame, 0, 1)

    def _noise(self, frame: Plane, rng: np.random.Generator) -> Plane:
        noise = rng.standard_normal(frame.shape, dtype=np.float32)
        if self.grain_px > 0.3:
            soft = np.array([0.25, 0.5, 0.25]) if self.grain_px < 1 else np.array([1, 4, 6, 4, 1]) / 16
            noise = convolve_separable(noise, soft) * np.float32(1.9 if self.grain_px < 1 else 2.6)
        luminance = np.clip(frame[0] * np.float32(0.3) + frame[1] * np.float32(0.7), 0, 1)
        noise *= np.float32(self.noise) * (np.float32(0.6) + np.float32(0.8) * np.sqrt(luminance))
        return noise


def draw_camera(rng: np.random.Generator) -> Camera:
    """Draw a camera of the held-out set: most are good, some are dark, noisy or badly compressed."""
    exposure = float(2 ** np.clip(rng.normal(0.05, 0.4), -1.6, 0.6))
    cast = np.exp(rng.normal(0, 0.05, 3))
    noisy = rng.random()
    return Camera(
        gain=(float(exposure * cast[0]), float(exposure * cast[1]), float(exposure * cast[2])),
        gamma=float(np.exp(rng.normal(0, 0.15))) if rng.random() < 0.5 else 1.0,
        lift=float(rng.uniform(0, 0.2)) if rng.random() < 0.2 else 0.0,
        noise=float(
            rng.uniform(0.003, 0.02) if noisy < 0.6 else rng.uniform(0.02, 0.05) if noisy < 0.8 else 0.0
        ),
        grain_px=float(rng.choice([0.0, 0.7, 1.2])),
        sharpen=float(rng.uniform(0.1, 0.8)) if rng.random() < 0.25 else 0.0,
        blur_px=float(rng.uniform(0.3, 0.9)) if rng.random() < 0.3 else 0.0,
        quality=float(rng.uniform(1, 7)) if rng.random() < 0.3 else 0.0,
    )


def add_defects(rng: np.random.Generator, camera: Camera) -> Camera:
    """Add what cameras of the held-out set do not have: more exposures, a tone curve, lens defects, files."""
    compressed = rng.random()
    # Exposure is a matter of light, the gain one of codes: about its 2.2nd root.
    mean = sum(camera.gain) / 3
    wanted = 2 ** (rng.uniform(-2, 1) / 2.2) if rng.random() < 0.2 else mean
    red, green, blue = (gain * wanted / mean for gain in camera.gain)
    return replace(
        camera,
        gain=(red, green, blue),
        contrast=float(rng.uniform(-0.4, 0.8)) if rng.random() < 0.35 else 0.0,
        vignette=float(rng.uniform(0.1, 0.6)) if rng.random() < 0.25 else 0.0,
        fringe_px=float(rng.uniform(0.3, 1.2)) if rng.random() < 0.15 else 0.0,
        resized=float(rng.uniform(0.5, 1.6)) if rng.random() < 0.15 else 1.0,
        sharp_resize=bool(rng.random() < 0.3),
        quality=camera.quality if compressed < 0.3 else 0.0,
        jpeg=int(rng.integers(20, 96)) if 0.3 <= compressed < 0.6 else 0,
        codes=True,
    )


def _fringed(frame: Plane, reach_px: float) -> Plane:
    """Red a little larger and blue a little smaller than green, as simple lenses draw them."""
    height, width = frame.shape[1:]
    planes = []
    for plane, way in zip(frame, (-1, 0, 1), strict=True):
        if not way:
            planes.append(plane)
            continue
        y, x = (np.arange(side, dtype=np.float32) for side in (height, width))
        zoom = np.float32(1 + way * 2 * reach_px / max(height, width))
        y, x = (y - height / 2) * zoom + height / 2, (x - width / 2) * zoom + width / 2
        planes.append(_between_columns(_between_columns(plane, x).T, y).T)
    return np.stack(planes)


def _between_columns(plane: Plane, x: Plane) -> Plane:
    """(H, W) looked up at columns `x`, linearly."""
    x = np.clip(x, 0, plane.shape[1] - 1.001).astype(np.float32)
    low = x.astype(np.int64)
    part = x - low.astype(np.float32)
    return plane[:, low] * (1 - part) + plane[:, np.minimum(low + 1, plane.shape[1] - 1)] * part


def _resized(frame: Plane, factor: float, *, sharp: bool) -> Plane:
    """To another size and back; `sharp` takes the nearest pixel on the way there."""
    height, width = frame.shape[1:]
    small = (max(8, round(height * factor)), max(8, round(width * factor)))
    if sharp:
        rows, columns = (
            np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(np.int64)
            for new, old in zip(small, (height, width), strict=True)
        )
        return resize_planes(frame[:, rows[:, None], columns[None]], height, width)
    return resize_planes(resize_planes(frame, *small), height, width)


def _as_jpeg(frame: Plane, quality: int) -> Plane:
    codes = np.floor(np.clip(frame, 0, 1) * 255 + 0.5).astype(np.uint8).transpose(1, 2, 0)
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(codes)).save(stream, "JPEG", quality=quality, subsampling=2)
    with Image.open(stream) as stored:
        return np.asarray(stored.convert("RGB")).transpose(2, 0, 1).astype(np.float32) / 255


def quantise_blocks(frame: Plane, *, step: float) -> Plane:
    """Round the 8 x 8 block spectrum of luminance and half-size chroma, as a lossy codec does."""
    high, wide = frame.shape[1:]
    if high % 16 or wide % 16:
        whole = np.pad(frame, ((0, 0), (0, -high % 16), (0, -wide % 16)), mode="edge")
        return quantise_blocks(whole, step=step)[:, :high, :wide]
    red, green, blue = frame
    height, width = high, wide
    luminance = np.float32(0.299) * red + np.float32(0.587) * green + np.float32(0.114) * blue
    chroma = np.stack([blue - luminance, red - luminance])
    luminance = _round_blocks(luminance, step)
    half = resize_planes(chroma, height // 2, width // 2)
    blue, red = (
        resize_planes(np.stack([_round_blocks(plane, 2 * step) for plane in half]), height, width) + luminance
    )
    green = (luminance - np.float32(0.299) * red - np.float32(0.114) * blue) / np.float32(0.587)
    return np.stack([red, green, blue])


def _round_blocks(plane: Plane, step: float) -> Plane:
    height, width = plane.shape
    blocks = plane.reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3)
    spectrum = _DCT @ blocks @ _DCT.T
    steps = _COARSE * np.float32(3 * step)
    spectrum = np.round(spectrum / steps) * steps
    blocks = _DCT.T @ spectrum @ _DCT
    return blocks.transpose(0, 2, 1, 3).reshape(height, width)

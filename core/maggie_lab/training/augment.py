"""Stills and clips of a data set made new each time: scale, crop, light, noise, blur, compression, warp.

Images are (T, H, W, 3) uint8 sRGB-encoded, alphas (T, N, H, W) uint8; what is drawn once applies to all
frames of a clip. Every function is a function of its arguments and of the generator it is given.

Source: Huynh et al., "MaGGIe", CVPR 2024, and its released configuration.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from maggie_lab.datasets import guidance_noise

SHORT_PX, CROP_PX = 576, 512
"""Short side an image is scaled to, for crops of this side; other crops scale it with them."""
STRIDE = 64
LOWEST_ALPHA = 5
"""Codes below are 0: compression leaves them everywhere."""
SMALLEST_SHARE = 0.001
"""Share of the crop an instance must fill to stay one."""


@dataclass(frozen=True)
class Codes:
    """A still or clip in 8-bit codes; `masks` are the alphas guidance is made from."""

    image: np.ndarray
    alphas: np.ndarray
    masks: np.ndarray

    def map(self, image, alphas) -> Codes:
        """With one function over the images and another over alphas and masks."""
        return Codes(image(self.image), alphas(self.alphas), alphas(self.masks))


def augmented(
    image: np.ndarray,
    alphas: np.ndarray,
    rng: np.random.Generator,
    *,
    crop_px: int = CROP_PX,
    blocky: bool = False,
) -> dict[str, np.ndarray] | None:
    """One training sample; None when nobody, or no guidance, is left in it.

    Args:
        image: (T, 3, H, W) float32 in [0, 1], sRGB-encoded; T is 1 for a still.
        alphas: (T, N, H, W) float32 in [0, 1].
        crop_px: side of the crop.
        blocky: sample the guidance on every eighth pixel.

    Returns:
        `image` (T, 3, crop, crop), `alphas` and `guidance` (T, N', crop, crop), float32.
    """
    codes = Codes(to_codes(image.transpose(0, 2, 3, 1)), to_codes(alphas), to_codes(alphas))
    codes = cropped(scaled(codes, round(SHORT_PX * crop_px / CROP_PX)), rng, crop_px)
    if rng.random() < 0.5:
        codes = codes.map(lambda x: x[:, :, ::-1], lambda x: x[..., ::-1])
    frames, mattes = codes.image, codes.alphas
    if rng.random() < 0.5:
        frames = with_gamma(frames, rng)
    masks = codes.masks
    if len(frames) > 1 and rng.random() < 0.3:
        frames, mattes = motion_blurred(frames, mattes, rng)
        masks = mattes
    if rng.random() < 0.3:
        frames = noisy(frames, rng)
    if rng.random() < 0.1:
        frames = compressed(frames, rng)
    if rng.random() < 0.1:
        frames, mattes = warped(frames, mattes, rng)
    mattes = np.where(mattes < LOWEST_ALPHA, 0, mattes)
    kept = (mattes > 127).mean((2, 3)).max(0) >= SMALLEST_SHARE
    if kept.sum() > 1 and rng.random() < (0.2 if len(frames) > 1 else 0.05):
        kept[rng.choice(np.flatnonzero(kept))] = False
    if not kept.any():
        return None
    guidance = guidance_noise.noisy_guidance(masks[:, kept].astype(np.float32) / 255, rng)
    guidance = guidance_noise.block_sampled(guidance) if blocky else guidance
    if not guidance.any():
        return None
    return {
        "image": np.ascontiguousarray(frames.transpose(0, 3, 1, 2)).astype(np.float32) / 255,
        "alphas": mattes[:, kept].astype(np.float32) / 255,
        "guidance": guidance.astype(np.float32),
    }


def scaled(codes: Codes, short_px: int) -> Codes:
    """Short side at `short_px` (alphas bilinear, the masks' by nearest pixel), then grown right and bottom
    with zeros to a multiple of 64.
    """
    height, width = codes.image.shape[1:3]
    ratio = short_px / min(height, width)
    size = (int(width * ratio), int(height * ratio))
    image, alphas, masks = codes.image, codes.alphas, codes.masks
    if ratio != 1:
        image = np.stack([cv2.resize(frame, size) for frame in image])
        alphas = _each(alphas, lambda plane: cv2.resize(plane, size))
        masks = _each(masks, lambda plane: cv2.resize(plane, size, interpolation=cv2.INTER_NEAREST))
    tall, wide = -image.shape[1] % STRIDE, -image.shape[2] % STRIDE
    grown = ((0, 0), (0, 0), (0, tall), (0, wide))
    return Codes(
        np.pad(image, ((0, 0), (0, tall), (0, wide), (0, 0))), np.pad(alphas, grown), np.pad(masks, grown)
    )


def cropped(codes: Codes, rng: np.random.Generator, crop_px: int) -> Codes:
    """A random square that starts where people are; one time in ten all of the image, made square."""
    height, width = codes.image.shape[1:3]
    if rng.random() < 0.1 or min(height, width) < crop_px:
        side = max(height, width)
        tall, wide = side - height, side - width
        size = (crop_px, crop_px)

        def squared(planes: np.ndarray, how: int) -> np.ndarray:
            grown = np.pad(planes, ((0, 0), (0, 0), (0, tall), (0, wide)))
            return _each(grown, lambda plane: cv2.resize(plane, size, interpolation=how))

        image = np.pad(codes.image, ((0, 0), (0, tall), (0, wide), (0, 0)))
        image = np.stack([cv2.resize(frame, size) for frame in image])
        return Codes(image, squared(codes.alphas, cv2.INTER_LINEAR), squared(codes.masks, cv2.INTER_NEAREST))
    crowd = (codes.alphas.mean(1) > 127).any(0)
    rows, columns = np.flatnonzero(crowd.any(1)), np.flatnonzero(crowd.any(0))
    # The mean over three or more people who stand apart is never that high: anywhere will do then.
    top, bottom = (rows[0], rows[-1] + 1) if len(rows) else (0, height)
    left, right = (columns[0], columns[-1] + 1) if len(columns) else (0, width)
    y = x = 0
    for _ in range(3):
        y = min(int(rng.integers(top, bottom)), height - crop_px)
        x = min(int(rng.integers(left, right)), width - crop_px)
        if (codes.alphas[..., y : y + crop_px, x : x + crop_px] > 127).any():
            break
    rows, columns = slice(y, y + crop_px), slice(x, x + crop_px)
    return codes.map(lambda image: image[:, rows, columns], lambda planes: planes[..., rows, columns])


def with_gamma(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A power between 0.5 and 1.5, mostly near 1."""
    gamma = rng.normal(1, 0.2)
    while not 0.5 <= gamma <= 1.5:
        gamma = rng.normal(1, 0.2)
    table = np.round(255 * (np.arange(256) / 255) ** gamma).astype(np.uint8)
    return table[image]


def noisy(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Grey Gaussian noise of up to 3 %, the same in all channels and frames."""
    pattern = rng.normal(0, rng.uniform(0, 0.03 * 255), (*image.shape[1:3], 1))
    return _rounded(image + pattern)


def compressed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """JPEG there and back, at a quality of 20 to 80."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 81))]

    def there_and_back(frame: np.ndarray) -> np.ndarray:
        done, stored = cv2.imencode(".jpg", frame[..., ::-1], quality)
        assert done
        decoded = cv2.imdecode(stored, cv2.IMREAD_COLOR)
        assert decoded is not None
        return decoded[..., ::-1]

    return np.stack([there_and_back(frame) for frame in image])


def motion_blurred(
    image: np.ndarray, alphas: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Frames and their alphas along a random line of 3 to 49 pixels: one line for the whole clip nine times
    in ten, else a line for each frame.
    """
    largest = max(2, round(24 * min(1.0, image.shape[1] / CROP_PX)))

    def line() -> np.ndarray:
        side, angle = 2 * int(rng.integers(1, largest + 1)) + 1, rng.uniform(0, np.pi)
        kernel = np.zeros((side, side), np.float32)
        middle, reach = side // 2, np.array([np.cos(angle), np.sin(angle)]) * (side // 2)
        ends = [tuple(np.round(middle + sign * reach).astype(int).tolist()) for sign in (-1, 1)]
        cv2.line(kernel, ends[0], ends[1], 1.0)
        return kernel / kernel.sum()

    kernels = [line()] * len(image) if rng.random() < 0.9 else [line() for _ in image]
    blurred = np.stack([cv2.filter2D(frame, -1, k) for frame, k in zip(image, kernels, strict=True)])
    mattes = [
        np.stack([cv2.filter2D(plane, -1, k) for plane in planes])
        for planes, k in zip(alphas, kernels, strict=True)
    ]
    return blurred, np.stack(mattes)


def warped(image: np.ndarray, alphas: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A small rotation, shear and zoom, and a shift of all codes; alphas by nearest pixel.

    Guidance is left where it was: a slight misalignment is a part of the training.
    """
    height, width = image.shape[1:3]
    turn, lean = np.deg2rad(rng.uniform(-10, 10)), np.deg2rad(rng.uniform(-5, 5))
    zoom = rng.uniform(0.95, 1.05, 2)
    turned = np.array([[np.cos(turn), -np.sin(turn + lean)], [np.sin(turn), np.cos(turn + lean)]]) * zoom
    middle = np.array([width, height]) / 2
    matrix = np.column_stack([turned, middle - turned @ middle])
    size, shift = (width, height), rng.uniform(-0.03 * 255, 0.03 * 255)

    def warp(plane: np.ndarray, how: int) -> np.ndarray:
        return cv2.warpAffine(plane, matrix, size, flags=how, borderMode=cv2.BORDER_REFLECT_101)

    moved = np.stack([warp(frame, cv2.INTER_LINEAR) for frame in image])
    return _rounded(moved + shift), _each(alphas, lambda plane: warp(plane, cv2.INTER_NEAREST))


def _each(planes: np.ndarray, change) -> np.ndarray:
    """(T, N, H, W) with `change` made to every plane."""
    flat = [change(np.ascontiguousarray(plane)) for plane in planes.reshape(-1, *planes.shape[2:])]
    return np.stack(flat).reshape(*planes.shape[:2], *flat[0].shape)


def to_codes(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as uint8."""
    return _rounded(values * 255)


def _rounded(values: np.ndarray) -> np.ndarray:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)

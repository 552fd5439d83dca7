"""One still or clip of a data set: its files, and their contents as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from maggie_api.errors import FrameError, GuidanceError
from maggie_core.image.resample import resample_axis
from maggie_core.io.image import list_parts, read_image
from maggie_core.io.plate import rgb_channels

MOST_INSTANCES = 10
"""Most instances of a sample: the published networks have ten slots, and the numbers count no more."""
CHOICE_SEED = 2023
"""Seed of the choice of ten in stills with more instances, as published."""
GUIDANCE_STRIDE = 8
"""Guidance made from a matte goes down and up by this factor, so that it is no better than a coarse mask."""


class EmptyGuidanceError(GuidanceError):
    """All masks of a sample are empty; the published evaluation counts such a sample nowhere."""


@dataclass(frozen=True)
class Sample:
    """A still (one frame) or a clip; paths only, nothing read yet."""

    name: str
    """Unique in its data set and stable: a key for resuming."""
    subset: str
    """`composition`, `natural`, `easy`, `medium`, `hard`, `face`, `body`, `upper`; "" where there is none."""
    variant: str
    """Which set of masks: the end of the folder's name after `masks_matched_`; "" where there is one set."""
    instances: tuple[str, ...]
    """File names without suffix, in the published order."""
    frames: tuple[Path, ...]
    """Files of the images, in the order of time."""
    alphas: tuple[tuple[Path | None, ...], ...]
    """[frame][instance]; None: the instance is not in this frame."""
    masks: tuple[tuple[Path | None, ...], ...]
    """[frame][instance]; None: no guidance in this frame. All None: no masks come with the set."""

    @property
    def has_masks(self) -> bool:
        """Whether any frame comes with a mask."""
        return any(mask is not None for row in self.masks for mask in row)


@dataclass(frozen=True)
class SampleArrays:
    """The contents of the files of one sample; float32. T frames, N instances."""

    image: np.ndarray
    """(T, 3, H, W) sRGB-encoded, [0, 1]."""
    guidance: np.ndarray
    """(T, N, H, W) 0 or 1."""
    alphas: np.ndarray
    """(T, N, H, W) [0, 1]."""


def load_sample(sample: Sample) -> SampleArrays:
    """Read one sample.

    More than ten instances are cut to ten: stills keep a random choice (the same one always), clips the first
    ten. Masks whose size is that of the image times one factor are resized by nearest pixel. Where the set
    brings no masks at all, guidance is `alpha > 127 / 255`, down and up by 8.

    Raises:
        FrameError: a file cannot be read, or an image and its alphas differ in size.
        GuidanceError: a mask shows another image.
        EmptyGuidanceError: all masks of the sample are empty.
    """
    sample = at_most_ten(sample)
    image = _read_frames(sample.frames)
    alphas = np.zeros((len(image), len(sample.instances), *image.shape[2:]), np.float32)
    guidance = np.zeros_like(alphas)
    for t, frame in enumerate(sample.frames):
        for n, (alpha, mask) in enumerate(zip(sample.alphas[t], sample.masks[t], strict=True)):
            if alpha is not None:
                alphas[t, n] = _read_alpha(alpha, frame, alphas.shape[2:])
            if mask is not None:
                guidance[t, n] = _read_mask(mask, frame, alphas.shape[2:])
    if not sample.has_masks:
        return SampleArrays(image, coarse_guidance(alphas), alphas)
    if not guidance.any():
        first = next(mask for row in sample.masks for mask in row if mask is not None)
        raise EmptyGuidanceError(
            f"the masks of {sample.name} are all empty, beginning with {first}: make them again"
        )
    return SampleArrays(image, guidance, alphas)


def read_rgb(path: Path) -> np.ndarray:
    """Read an image as (3, H, W) float32 in [0, 1], sRGB-encoded as stored; grey three times over.

    Raises:
        FrameError: the file is missing, unreadable or has no colours.
    """
    names = rgb_channels([name for part in list_parts(path) for name in part.channels], path=path)
    planes = read_image(path, channels=names).pixels.transpose(2, 0, 1)
    return np.ascontiguousarray(np.repeat(planes, 3, 0) if len(planes) == 1 else planes)


def read_grey(path: Path) -> np.ndarray:
    """Read a matte or mask as (H, W) float32 in [0, 1]: the grey channel, or red where there is none.

    Raises:
        FrameError: the file is missing, unreadable or has no image.
    """
    names = rgb_channels([name for part in list_parts(path) for name in part.channels], path=path)
    return read_image(path, channels=names[:1]).pixels[..., 0]


def coarse_guidance(alphas: np.ndarray) -> np.ndarray:
    """Make masks from mattes as the published loader does where a set has none.

    Args:
        alphas: (..., H, W) in [0, 1].

    Returns:
        (..., H, W) float32, 0 or 1: `alpha > 127 / 255`, averaged down by 8, interpolated up, `> 127 / 255`.
    """
    planes = np.moveaxis(alphas.reshape(-1, *alphas.shape[-2:]), 0, -1) > 127 / 255
    return np.ascontiguousarray(np.moveaxis(down_up(planes), -1, 0)).reshape(alphas.shape)


def down_up(masks: np.ndarray) -> np.ndarray:
    """Shrink (H, W, C) masks by 8, enlarge them again and cut at one half; float32, 0 or 1."""
    height, width = masks.shape[:2]
    rows, columns = max(1, height // GUIDANCE_STRIDE), max(1, width // GUIDANCE_STRIDE)
    return (resized(resized(masks.astype(np.float32), rows, columns), height, width) > 127 / 255).astype(
        np.float32
    )


def resized(planes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resample (H, W) or (H, W, C): area average where it shrinks, linear where it grows."""
    rows = resample_axis(planes, 0, height, step=planes.shape[0] / height)
    return resample_axis(rows, 1, width, step=planes.shape[1] / width)


def at_most_ten(sample: Sample) -> Sample:
    """The sample with the ten instances the published numbers count, where it has more."""
    count = len(sample.instances)
    if count <= MOST_INSTANCES:
        return sample
    kept: Sequence[int] = range(MOST_INSTANCES)
    if len(sample.frames) == 1:
        chosen = np.random.default_rng(CHOICE_SEED).choice(count, MOST_INSTANCES, replace=False)
        kept = sorted(int(each) for each in chosen)
    return replace(
        sample,
        instances=tuple(sample.instances[k] for k in kept),
        alphas=tuple(tuple(row[k] for k in kept) for row in sample.alphas),
        masks=tuple(tuple(row[k] for k in kept) for row in sample.masks),
    )


def _read_frames(frames: Sequence[Path]) -> np.ndarray:
    first = read_rgb(frames[0])
    images = np.empty((len(frames), *first.shape), np.float32)
    images[0] = first
    for t, path in enumerate(frames[1:], start=1):
        image = read_rgb(path)
        if image.shape != first.shape:
            raise FrameError(
                f"{path} is {_size(image)} but {frames[0].name} is {_size(first)}: "
                "all frames of a clip need one size"
            )
        images[t] = image
    return images


def _read_alpha(path: Path, frame: Path, size: tuple[int, ...]) -> np.ndarray:
    alpha = read_grey(path)
    if alpha.shape != size:
        raise FrameError(
            f"{path} is {_size(alpha)} but its image {frame} is {size[1]}x{size[0]}: "
            "an alpha needs the size of its image"
        )
    return alpha


def _read_mask(path: Path, frame: Path, size: tuple[int, ...]) -> np.ndarray:
    mask = read_grey(path)
    (rows, columns), (height, width) = mask.shape, size
    if not _is_scaled((rows, columns), (height, width)):
        raise GuidanceError(
            f"{path} is {_size(mask)} but its image {frame} is {width}x{height}: "
            "a mask needs the aspect of its image"
        )
    inside = mask > 127 / 255
    if mask.shape != size:
        inside = inside[np.arange(height) * rows // height][:, np.arange(width) * columns // width]
    return inside.astype(np.float32)


def _is_scaled(mask: tuple[int, int], image: tuple[int, int]) -> bool:
    """Whether a mask has the size of an image times one factor, rounded to whole pixels.

    Where one side is equal and the other is not, the mask is padded or cropped, and no scale would be right.
    """
    if (mask[0] == image[0]) != (mask[1] == image[1]):
        return False
    least = max((own - 1) / side for own, side in zip(mask, image, strict=True))
    most = min((own + 1) / side for own, side in zip(mask, image, strict=True))
    return least < most


def _size(planes: np.ndarray) -> str:
    return f"{planes.shape[-1]}x{planes.shape[-2]}"

"""Guidance as an id map: one image whose pixel values are the ids of instances."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from maggie_api.errors import GuidanceError
from maggie_core.guidance.channels import alpha_index, id_channel, mask_channels, named_channels
from maggie_core.guidance.files import GuidanceFiles
from maggie_core.guidance.names import listing
from maggie_core.guidance.source import Mask
from maggie_core.image.frame import Frame

MOST_IDS = 256
"""More different values than this are an image, or ids that a lossy format has blurred."""
_WHOLE = 1e-2
"""How far a stored float may be from the whole number it means."""


@dataclass(frozen=True)
class _Seen:
    """Contents of a sequence of id maps."""

    coloured: bool
    ids: tuple[int, ...]


class IdMapSequence:
    """An instance for every value above zero; zero and below is background.

    Values are the integers that 8 and 16 bit files store, or the whole numbers of a float EXR. A
    map in colour, as a file with a palette reads, is decoded by the PASCAL VOC palette that
    annotation tools share: it gives every colour an integer of its own.
    """

    def __init__(
        self,
        pattern: str | Path,
        *,
        names: Mapping[int, str] | None = None,
        channel: str | None = None,
        frames: Iterable[int] | None = None,
    ) -> None:
        """
        Args:
            names: `{id: instance name}` of those wanted; None takes all, as `id_<n>`.
            channel: the channel with the ids, when there are several.
            frames: the shot's frames, to look for ids in; None looks in every file there is.

        Raises:
            GuidanceError: there is no such file, or it is of a format that changes values.
        """
        if Path(pattern).suffix.lower() in (".jpg", ".jpeg"):
            raise GuidanceError(f"{pattern} is a JPEG, which changes ids: write the id map as PNG or EXR")
        self._files = GuidanceFiles(pattern)
        self._channel = channel
        self._named = dict(names) if names else None
        self._shot = None if frames is None else frozenset(frames)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._ids.values())

    @property
    def frames(self) -> tuple[int, ...] | None:
        return self._files.frames

    @property
    def notes(self) -> tuple[str, ...]:
        return self._files.notes

    def read(self, frame: int) -> list[Mask]:
        image = self._files.read(frame)
        ids = self._decode(image, frame, coloured=self._seen.coloured)
        here = set(np.unique(ids).tolist())
        return [
            Mask(name, (ids == n).astype(np.float32), image.data, image.display, image.pixel_aspect)
            for n, name in self._ids.items()
            if n in here
        ]

    def digest(self, frame: int) -> str:
        return f"ids:{self._channel}:{self._ids}:{self._seen.coloured}:{self._files.digest(frame)}"

    @cached_property
    def _ids(self) -> dict[int, str]:
        if self._named is not None:
            strange = [n for n in self._named if n not in self._seen.ids]
            if strange:
                raise GuidanceError(
                    f"{self._files.pattern} has no id {', '.join(map(str, strange[:6]))}: it has "
                    f"{listing([str(n) for n in self._seen.ids]) or 'none above 0'}; name one of them"
                )
            return self._named
        if not self._seen.ids:
            raise GuidanceError(
                f"{self._files.pattern} is 0 everywhere, so nobody is in the id map: "
                "write each person's id as a value above 0"
            )
        return {n: f"id_{n}" for n in self._seen.ids}

    @cached_property
    def _seen(self) -> _Seen:
        """Ids of the whole shot, read once: the list of instances is the same at every frame."""
        coloured, grey, colour = False, set[int](), set[int]()
        for frame, (has_colour, as_grey, as_colour) in self._files.learn(
            self._files.among(self._shot), self._values
        ):
            grey |= as_grey
            colour |= as_colour
            coloured = coloured or has_colour
            found = {n for n in (colour if coloured else grey) if n > 0}
            if len(found) > MOST_IDS:
                raise GuidanceError(
                    f"{self._files.path(frame)} has over {MOST_IDS} different values, so it is no id map: "
                    "write whole ids without filtering, to PNG or EXR"
                )
        return _Seen(coloured, tuple(sorted(n for n in (colour if coloured else grey) if n > 0)))

    def _values(self, frame: int) -> tuple[bool, set[int], set[int]]:
        """Whether a file is in colour, its ids read as grey, and as colours: empty where it cannot be so."""
        image = self._files.read(frame)
        planes = self._planes(image)
        has_colour = bool((planes != planes[..., :1]).any())
        as_grey, as_colour = set[int](), set[int]()
        if not has_colour:
            as_grey = set(np.unique(self._decode(image, frame, coloured=False)).tolist())
        if planes.shape[-1] == 3:
            as_colour = set(np.unique(self._decode(image, frame, coloured=True)).tolist())
        return has_colour, as_grey, as_colour

    def _decode(self, image: Frame, frame: int, *, coloured: bool) -> np.ndarray:
        """Ids as (h0, w0) int64."""
        values = self._planes(image).astype(np.float64)
        if image.code_max is not None:
            values = values * image.code_max
        whole = np.rint(values)
        if (np.abs(values - whole) > _WHOLE).any():
            raise GuidanceError(
                f"{self._files.path(frame)} has values between whole numbers, so it is no id map: "
                "render the ids without filtering or anti-aliasing"
            )
        ids = whole.astype(np.int64)
        return _voc_index(ids) if coloured and ids.shape[-1] == 3 else ids[..., 0]

    def _planes(self, image: Frame) -> np.ndarray:
        """(h0, w0, 1 or 3) values as stored, without alpha; NaN is 0."""
        ids = id_channel(image.channels)
        if self._channel is None and ids is not None:
            wanted: tuple[str, ...] = (ids,)
        elif self._channel is None:
            wanted = mask_channels(image.channels)
        else:
            wanted = named_channels(image.channels, self._channel)
        if len(wanted) > 1:
            alpha = alpha_index(wanted)
            wanted = tuple(c for i, c in enumerate(wanted) if i != alpha)
        planes = image.pixels[..., [image.channels.index(c) for c in wanted]]
        return np.nan_to_num(planes, nan=0.0, posinf=0.0, neginf=0.0)


def _voc_index(rgb: np.ndarray) -> np.ndarray:
    """Index of 8 bit colours in the PASCAL VOC palette, which deals an index's bits out to R, G and B.

    Bit 3k + c of the index is bit 7 - k of component c, so every colour is some index.
    """
    index = np.zeros(rgb.shape[:2], np.int64)
    for k in range(8):
        for component in range(3):
            index |= ((rgb[..., component] >> (7 - k)) & 1) << (3 * k + component)
    return index

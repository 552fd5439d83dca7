"""What is seen in the images of a clip, and from one to the next. A walk there and one back see the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from maggie_api.lru import LruCache
from maggie_core.postprocess.temporal import correspondence, flows
from maggie_core.propagation.affinity import Plane, colours, in_cells
from maggie_core.propagation.ground import Matrix, camera_motion

KEPT = 32
"""Frames of which it is kept for the way back, 6 MB each where the grid has 288x512 pixels."""


@dataclass(frozen=True, eq=False)
class Sight:
    """An image (3, H, W), sRGB-encoded in [0, 1], as the tracker looks at it."""

    image: Plane

    @cached_property
    def cells(self) -> Plane:
        """(h, w, 3) colours of its cells."""
        return in_cells(colours(self.image))

    @cached_property
    def soft(self) -> Plane:
        """(H, W, 4) colours without the finest grain, and a plane of ones: all of it is shown."""
        blurred = np.asarray(cv2.blur(colours(self.image), (3, 3)), np.float32)
        return np.dstack([blurred, np.ones_like(blurred[..., 0])])


@dataclass(frozen=True, eq=False)
class Way:
    """(H, W) each: x and y in another frame of what a frame shows at a pixel, and how sure that is."""

    x: Plane
    y: Plane
    sure: Plane

    @cached_property
    def motion(self) -> Matrix:
        """How the camera moves; nobody has been found in either frame, so all pixels count alike."""
        return camera_motion((self.x, self.y), self.sure, np.ones_like(self.sure))


class Sights:
    """Sights of frames and ways between two, as long as their images are the same objects."""

    def __init__(self) -> None:
        self._frames: LruCache[Sight] = LruCache(KEPT)
        self._ways: LruCache[tuple[Sight, Sight, Way, Way]] = LruCache(KEPT)

    def of(self, frame: int, image: Callable[[int], Plane]) -> Sight:
        now, found = image(frame), self._frames.get(frame)
        if found is None or found.image is not now:
            found = Sight(now)
            self._frames.put(frame, found)
        return found

    def way(self, frame: int, other: int, image: Callable[[int], Plane]) -> Way:
        """From a frame to another one."""
        low, high = sorted((frame, other))
        first, second = self.of(low, image), self.of(high, image)
        found = self._ways.get((low, high))
        if found is None or found[0] is not first or found[1] is not second:
            ways = flows(first.image, second.image)
            there = Way(*correspondence(first.image, second.image, ways))
            back = Way(*correspondence(second.image, first.image, ways.turned))
            found = first, second, there, back
            self._ways.put((low, high), found)
        return found[2] if frame == low else found[3]

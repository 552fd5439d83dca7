"""People at their size: which parts of the plate the network looks at, and how much it enlarges them.

A network judges people well in the range of sizes it was trained for, and loses those who are much smaller.
So small people are matted from regions of the plate that are enlarged until a person has the right size.
People whose regions overlap share a pass, and a neighbour who reaches into a region takes part in it, so that
people compete for pixels as they do in the whole frame.

The passes of a segment are a function of the guidance of its frames alone and hold for all of them: borders
lie on a coarse grid and scales in steps, so that painting one mask anew hardly ever moves them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from maggie_api.segments import SAMPLED_EVERY
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.postprocess.mask_shape import box_of, size_of

STEPS_PER_OCTAVE = 2
"""Scales are powers of the square root of 2: one more step costs twice the pixels, and a person who keeps
their size keeps their scale."""
MARGIN_SHARE = 0.06
"""Plate around a person's box, as a share of their size: hair and hands outside a rough mask. 0.05 to 0.15
lose the same on a crowd, and 0.15 costs half as much again, 0.3 twice the pixels."""
GRID_PX = 8
"""Borders of regions lie on multiples of this many plate pixels."""
STRIDE_PX = 64
"""Regions are widened to a multiple of this on their working grid, which the network pads to anyway."""
MOST_AREA = 1.5
"""Pixels of one region's working grid, of those that the whole frame of a large plate has: who crosses
the frame within a segment is enlarged less, so that memory stays bounded."""
HALVING_FRAMES = 12
"""Frames in which somebody seems half as tall at most, as they walk away: half a second. Who seems to shrink
faster is hidden, or leaves the frame, and is as tall as before."""
SIZE_STEPS = 8
"""Steps per octave of the sizes that lengths are shares of: 9 % each, so that painting a mask anew hardly
ever changes a size."""


@dataclass(frozen=True)
class Pass:
    """One look of the network at a part of the plate."""

    geometry: Geometry
    """Its region and working grid."""
    shown: tuple[int, ...]
    """Indices of the instances that take part, ascending."""
    owned: tuple[int, ...]
    """Those of them whose alphas come from this pass."""
    enlarged: float = 1.0
    """Working pixels for one of the whole frame's."""
    sizes: tuple[float, ...] = ()
    """Height of everybody `shown` in one frame, in working pixels; 0 for who was not measured, empty where
    nobody was."""


@dataclass(frozen=True)
class Plan:
    """The passes of a segment, and how tall everybody is in each of its frames."""

    passes: tuple[Pass, ...]
    measured: Mapping[int, Sequence[Extent | None]] = field(default_factory=dict)
    """Where everybody is in some of the frames, by their place in the shot."""

    def at(self, place: int) -> tuple[Pass, ...]:
        """The passes with the sizes in the frame at a place in the shot."""
        sizes = sizes_at(place, self.measured)
        return tuple(
            replace(each, sizes=tuple(sizes[n] * each.enlarged for n in each.shown)) if sizes else each
            for each in self.passes
        )


@dataclass(frozen=True)
class Extent:
    """Where one instance is in one frame, on the working grid of the whole frame."""

    left: int
    top: int
    right: int
    bottom: int
    """Box of the mask; `right` and `bottom` lie outside."""
    size: float
    """Height of the person in pixels, as far as the mask tells it."""


def extent_of(mask: np.ndarray) -> Extent | None:
    """Where a mask (h, w), 0 or 1, is; None for an empty one."""
    box = box_of(mask > 0)
    if box is None:
        return None
    rows, columns = box
    return Extent(columns.start, rows.start, columns.stop, rows.stop, size_of(mask))


def sizes_at(place: int, measured: Mapping[int, Sequence[Extent | None]]) -> tuple[float, ...]:
    """How tall everybody is in a frame, on the whole frame's working grid.

    A mask of a frame tells less: who is half hidden is no smaller, and lengths that are shares of their size
    must not jump when they step behind somebody.

    Args:
        measured: where everybody is in some frames, by place.

    Returns:
        In steps of `SIZE_STEPS`; 0 for who was never seen, empty where no frame was measured.
    """
    # Between two measured frames it is that of the taller one, so that nobody shrinks and grows there.
    beyond = {at: max(0, abs(at - place) - SAMPLED_EVERY + 1) for at in measured}
    seen = [
        [each.size * 2.0 ** (-beyond[at] / HALVING_FRAMES) if each else 0.0 for each in frame]
        for at, frame in measured.items()
    ]
    tallest = [max(sizes) for sizes in zip(*seen, strict=True)]
    return tuple(
        2.0 ** (round(SIZE_STEPS * math.log2(size)) / SIZE_STEPS) if size else 0.0 for size in tallest
    )


def plan_passes(
    extents: Iterable[Sequence[Extent | None]],
    geometry: Geometry,
    *,
    count: int,
    range_px: tuple[int, int] | None,
    most: int | None = None,
) -> tuple[Pass, ...]:
    """The passes of a segment: the whole frame first where anybody needs it, then regions.

    People whom the given frames do not show may still come between those. A look at the whole frame is for
    them, after the regions where nobody else needs it. It costs nothing in frames in which they are not
    (see `Segment`).

    Args:
        extents: for each frame of the segment, where each instance is.
        geometry: of the whole frame.
        count: instances of the shot.
        range_px: heights of people, on its working grid, that the network was trained for; None: one pass of
            the whole frame for everybody.
        most: instances that one pass can hold; None = any number.
    """
    whole = Pass(geometry, tuple(range(count)), tuple(range(count)))
    if range_px is None or not count:
        return (whole,)
    people = [_Person.of(index, seen) for index, seen in _by_instance(extents, count)]
    small = [(person, step) for person in people if (step := _step_of(person, geometry, range_px)) > 0]
    groups = _grouped([_Group.of(person, step, geometry) for person, step in small], geometry)
    passes: list[Pass] = []
    alone = {n for group in groups for n in group.owned}
    rest = tuple(n for n in range(count) if n not in alone)
    there = [person.box for person in people if person.index in rest and person.box]
    if there or not groups:
        near = (p.index for p in people if p.index in rest or any(_meet(p.box, box) for box in there))
        passes.append(replace(whole, shown=tuple(near), owned=rest))
    for group in groups:
        passes += group.passes(people, geometry, most)
    if rest and not any(each.geometry == geometry for each in passes):
        passes.append(replace(whole, owned=rest))
    return tuple(passes)


_Box = tuple[int, int, int, int]
"""Left, top, right, bottom."""


@dataclass(frozen=True)
class _Person:
    index: int
    box: _Box | None
    """Around them in every frame, on the whole frame's working grid; None for who was not seen."""
    size: float

    @classmethod
    def of(cls, index: int, extents: Sequence[Extent | None]) -> _Person:
        seen = [each for each in extents if each]
        if not seen:
            return cls(index, None, 0.0)
        return cls(index, _reach(extents), float(np.median([each.size for each in seen])))


def _reach(extents: Sequence[Extent | None]) -> _Box:
    """A box around somebody in the given frames and between them.

    Between two frames each side is taken to go no farther beyond where it is in one of them than half the
    way that it moves there, or in the interval before or after: who turns round has slowed down before.
    """
    sides = np.array([(e.left, e.top, e.right, e.bottom) if e else (np.nan,) * 4 for e in extents], float)
    moves = np.pad(np.nan_to_num(np.abs(np.diff(sides, axis=0))), ((1, 1), (0, 0)))
    beyond = np.maximum(moves[:-1], moves[1:]) / 2
    left, top = (math.floor(each) for each in np.nanmin((sides - beyond)[:, :2], axis=0))
    right, bottom = (math.ceil(each) for each in np.nanmax((sides + beyond)[:, 2:], axis=0))
    return left, top, right, bottom


@dataclass(frozen=True)
class _Group:
    """Instances that share a region."""

    owned: tuple[int, ...]
    step: int
    window: Window

    @classmethod
    def of(cls, person: _Person, step: int, geometry: Geometry) -> _Group:
        return cls((person.index,), step, _window_of(person, geometry))

    def area(self) -> int:
        return self.window.width * self.window.height

    def with_(self, other: _Group) -> _Group:
        return _Group(tuple(sorted((*self.owned, *other.owned))), self.step, self.window.union(other.window))

    def passes(self, people: Sequence[_Person], geometry: Geometry, most: int | None) -> list[Pass]:
        step, window = self.step, self.window
        while step > 0 and _area(geometry, window, step) > _most_area(geometry):
            step -= 1
        scale = _scale(geometry) * 2 ** (step / STEPS_PER_OCTAVE)
        window = _widened(window, scale, geometry)
        own = replace(geometry, region=window, scale=scale)
        shown = [p.index for p in people if p.index in self.owned or _meet(p.box, on_grid(window, geometry))]
        if most is None or len(shown) <= most:
            return [Pass(own, tuple(shown), self.owned, 2 ** (step / STEPS_PER_OCTAVE))]
        # More people than the network has places: owners go first, in as many passes as needed.
        others = [n for n in shown if n not in self.owned]
        found: list[Pass] = []
        for start in range(0, len(self.owned), most):
            mine = self.owned[start : start + most]
            place = sorted((*mine, *others[: most - len(mine)]))
            found.append(Pass(own, tuple(place), mine, 2 ** (step / STEPS_PER_OCTAVE)))
        return found


def _by_instance(
    extents: Iterable[Sequence[Extent | None]], count: int
) -> list[tuple[int, list[Extent | None]]]:
    frames = list(extents)
    return [(n, [frame[n] for frame in frames]) for n in range(count)]


def _step_of(person: _Person, geometry: Geometry, range_px: tuple[int, int]) -> int:
    """Fewest steps of enlargement that bring a person into the range; 0 for who is in it or above.

    The middle of the range would lose a tenth less of a crowd and cost 1.7 times the pixels.
    """
    if person.box is None or person.size <= 0:
        return 0
    # In a preview at a smaller working size people are judged at that size.
    least = range_px[0] * min(1.0, geometry.working_px / range_px[1])
    return max(0, math.ceil(STEPS_PER_OCTAVE * math.log2(least / person.size)))


def _grouped(groups: list[_Group], geometry: Geometry) -> list[_Group]:
    """Groups of one scale put together wherever one region costs no more than two."""
    found = sorted(groups, key=lambda group: (group.step, group.owned))
    together = True
    while together:
        together = False
        for i, one in enumerate(found):
            for j in range(i + 1, len(found)):
                both = one.with_(found[j])
                cheaper = both.area() <= one.area() + found[j].area()
                fits = _area(geometry, both.window, one.step) <= _most_area(geometry)
                if one.step == found[j].step and cheaper and fits:
                    found[i : j + 1] = [both, *found[i + 1 : j]]
                    together = True
                    break
            if together:
                break
    return found


def _scale(geometry: Geometry) -> float:
    """Working pixels of the whole frame for a square pixel of the plate."""
    return geometry.working_size[1] / geometry.region.height


def _most_area(geometry: Geometry) -> float:
    width, height = geometry.working_size
    larger = max(1.0, geometry.working_px / min(width, height))
    return MOST_AREA * width * height * larger**2


def _area(geometry: Geometry, window: Window, step: int) -> float:
    scale = _scale(geometry) * 2 ** (step / STEPS_PER_OCTAVE)
    return window.width * geometry.pixel_aspect * window.height * scale**2


def _window_of(person: _Person, geometry: Geometry) -> Window:
    """Plate pixels around a person, with a margin, on the coarse grid."""
    assert person.box is not None
    left, top, right, bottom = person.box
    width, height = geometry.working_size
    region, margin = geometry.region, MARGIN_SHARE * person.size
    across, down = region.width / width, region.height / height

    def outwards(low: float, high: float, most: int) -> tuple[int, int]:
        first = max(0, math.floor(low / GRID_PX) * GRID_PX)
        return first, min(most, math.ceil(high / GRID_PX) * GRID_PX)

    x0, x1 = outwards((left - margin) * across, (right + margin) * across, region.width)
    y0, y1 = outwards((top - margin) * down, (bottom + margin) * down, region.height)
    return Window(region.x + x0, region.y + y0, x1 - x0, y1 - y0)


def _widened(window: Window, scale: float, geometry: Geometry) -> Window:
    """The window grown to whole strides of its working grid, as far as the plate goes."""

    def grown(first: int, length: int, low: int, high: int, per_px: float) -> tuple[int, int]:
        wanted = int(math.ceil(length * per_px / STRIDE_PX) * STRIDE_PX / per_px)
        wanted = min(max(wanted, length), high - low)
        start = min(max(first - (wanted - length) // 2, low), high - wanted)
        return start, wanted

    region = geometry.region
    x, width = grown(window.x, window.width, region.x, region.right, scale * geometry.pixel_aspect)
    y, height = grown(window.y, window.height, region.y, region.bottom, scale)
    return Window(x, y, width, height)


def on_grid(window: Window, geometry: Geometry) -> _Box:
    """A window of plate pixels on the whole frame's working grid: left, top, right, bottom."""
    width, height = geometry.working_size
    across, down = width / geometry.region.width, height / geometry.region.height
    x, y = window.x - geometry.region.x, window.y - geometry.region.y
    return (
        math.floor(x * across),
        math.floor(y * down),
        math.ceil((x + window.width) * across),
        math.ceil((y + window.height) * down),
    )


def _meet(one: _Box | None, other: _Box | None) -> bool:
    if one is None or other is None:
        return False
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]

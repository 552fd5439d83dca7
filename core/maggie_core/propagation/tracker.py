"""Trackers: from the people in one frame to the people in the next ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_api.lru import LruCache
from maggie_core.model import MatteModel
from maggie_core.model.still import PAD_PX, matte_still
from maggie_core.postprocess.temporal import sampled
from maggie_core.propagation.affinity import (
    CELL_PX,
    OWN_SHARE,
    Match,
    Plane,
    by_a_key,
    by_colours,
    by_the_frame_before,
    in_cells,
    in_pixels,
)
from maggie_core.propagation.ground import (
    NOISE,
    PLATES,
    STEPS,
    USUAL_NOISE,
    View,
    camera_motion,
    nearest_of,
    shift_of,
)
from maggie_core.propagation.sights import Sight, Sights, Way

State = Mapping[str, Any]
"""What a tracker knows beside the shares of frames, as JSON has it. `found`, if there: how far each person is
believed to be found, in [0, 1]."""

GRID_PX = 288
"""Short side of the grid that people are followed on. Half of the network's: its pixels are smaller than what
a typical mask is wrong by, for a quarter of the time."""
KEYS = 4
"""Keys whose outline is kept: a walk from one side and one from the other begin with it."""
LOOK_AHEAD = max(STEPS)
"""Frames to come that a mask depends on."""
MATTE_SHARE = 0.85
"""What the network's own matte counts against all else. It sees what a mask is wrong by; alone it would
follow whatever it once took in. Mean IoU, key at the first frame: of the demo shot and crossings 1, 4, 6, 7
0.827 with 0.5, 0.852 with 0.8, 0.855 with 0.9; of crossings 0, 2, 3, 5 0.808, 0.844 and 0.849, with 0.9 one
person less for a frame."""
KEY_SHARE = 0.5
"""What a person's key counts against the frame before: without it, what was once taken in would stay."""
KEY_BEHIND = 0.5
"""Cost of a cell of a key against one of the frame before, which is nearer in time."""
KEY_MOST = 10.0
"""Cost above which a key says no more: people turn and show what it does not have."""
CARRIED = 0.5
"""What the shares that the flow carries count, where it is sure."""
FROM_A_PLATE = 25.0, 4.0
"""Cost of a squared distance of 1 from the background of an earlier frame, and the most it can be."""
NOT_THE_PLATE = 3.0
"""Cost of background where an earlier frame shows another one."""
AS_THE_PLATE = 0.5
"""What speaks for the background where an earlier frame shows the same."""
STAYED = 4.0
"""Cost of a person where nothing has moved while they have walked on."""
WALKED_ON = 0.1, 0.1
"""A person has walked on by (distance / (second * width) - first), at most 1."""
ANCHOR = 0.3
"""How fast the place that a key leads to follows where the person is found."""
ALIKE = 3.0
"""Cost below which a cell of a key tells where the person is."""
SPEED_SHARE = 0.5
"""What a new speed counts against the one before."""
VISIBLE = 0.3, 0.4
"""A person's speed and place are measured from this share of the key's area on, and fully that much above;
somebody who is hidden goes on as before."""
LEAST_PX, LEAST_CELLS = 60, 12
"""Pixels and cells that are needed for it."""
MOTION = 3.0
"""Cost of somebody where the image moves on as somebody else does, or as the background."""
UNLIKE = 2.0
"""Cost of a cell of a key from which it does not look like the person."""
MOTION_PX = 0.7, 2.0
"""How much nearer somebody else's motion is, in pixels, from which that costs, and how much more until it
costs in full."""


class Tracker(Protocol):
    """Follows people through a clip, in one direction."""

    @property
    def digest(self) -> str:
        """Text that changes with everything that decides the masks beside images and keys."""
        ...

    @property
    def grid_px(self) -> int:
        """Short side of the grid that people are followed on, where the plate is no smaller."""
        ...

    @property
    def look_ahead(self) -> int:
        """Frames to come that a mask depends on."""
        ...

    @property
    def resumes(self) -> bool:
        """Whether a walk can be taken up at a frame, with the state that came with it. If not, a walk always
        begins at a key."""
        ...

    def follow(
        self,
        path: Sequence[int],
        image: Callable[[int], Plane],
        keyed: Callable[[int], NDArray[np.bool_]],
        shares: Callable[[int], Plane],
        settle: Callable[[int, Plane], Plane],
        coming: Callable[[int], Sequence[int]],
        state: State | None = None,
        other: Callable[[int], State | None] = lambda frame: None,
        fixed: Collection[int] = (),
        counts: Callable[[int], bool] = lambda frame: True,
    ) -> Iterator[tuple[int, State]]:
        """Follow people along a path of frames.

        Args:
            path: frames in the order they are visited, forwards or backwards in time.
            image: (3, H, W) of a frame, sRGB-encoded in [0, 1].
            keyed: (N,) who has a key in a frame; all count as having one in the first frame of a path that is
                not taken up again.
            shares: (N + 1, H, W) shares of background and people in the first frame of the path, in one that
                is settled, or in one that the state tells of.
            settle: takes a frame and the shares (N + 1, H, W) found in it, and returns those to go on from:
                what is known of the frame replaces what was found.
            coming: up to `look_ahead` frames that follow a frame on its way, to look at.
            state: what came with the first frame of the path, if it was not the start of a walk; None for a
                tracker that does not resume.
            other: the state with which a walk in the other direction came to a frame, where there was one.
            fixed: people whose masks are known in every frame: whatever is found of them is replaced.
            counts: whether much depends on what is found in a frame; where not, a tracker may spare itself
                work.

        Yields:
            Each frame after the first once it is settled, and the state that the walk can be taken up with.
        """
        ...


@dataclass(frozen=True)
class Person:
    """Where somebody is expected.

    Attributes:
        key: the frame of their key.
        moved: pixels they have moved since, to the right and down.
        speed: pixels they move in a step.
        steps: since the key.
        found: share of their cells in which they look as in the key.
    """

    key: int
    moved: tuple[float, float] = (0.0, 0.0)
    speed: tuple[float, float] = (0.0, 0.0)
    steps: int = 0
    found: float = 1.0

    @property
    def expected(self) -> tuple[float, float]:
        """Pixels from the key to the place in the next frame."""
        return self.moved[0] + self.speed[0], self.moved[1] + self.speed[1]


@dataclass(frozen=True, eq=False)
class Key:
    """A frame with given masks.

    Attributes:
        cells: (h, w, C) what its cells look like.
        shares: (h, w, N + 1) of background and people in its cells.
        areas: (N,) pixels of each person.
        widths: (N,) pixels from left to right.
        longer: (N,) longer side in cells; 0 for who is not in it.
    """

    cells: Plane
    shares: Plane
    areas: NDArray[np.int64]
    widths: NDArray[np.int64]
    longer: NDArray[np.int64]


def key_of(cells: Plane, shares: Plane) -> Key:
    """A key from the colours of its cells (h, w, C) and shares (N + 1, H, W)."""
    in_it = np.stack([in_cells(plane) for plane in shares], axis=-1)
    boxes = [np.argwhere(in_it[..., n] > OWN_SHARE) for n in range(1, len(shares))]
    return Key(
        cells,
        in_it,
        (shares[1:] > 0.5).sum(axis=(1, 2)),
        np.array([CELL_PX * (np.ptp(box[:, 1]) + 1) if len(box) else 0 for box in boxes]),
        np.array([np.ptp(box, axis=0).max() + 1 if len(box) else 0 for box in boxes]),
    )


class AffinityTracker:
    """The built-in tracker: everybody's appearance, the background's, flow, and the network's own matte.

    Beside the shares of frames it keeps a few numbers: where the earlier frames lie under the one in work,
    and where each person is expected. So a walk may be taken up at any frame.
    """

    grid_px = GRID_PX
    look_ahead = LOOK_AHEAD
    resumes = True

    def __init__(self, model: MatteModel) -> None:
        self._model = model
        self._sights: WeakKeyDictionary[Callable[[int], Plane], Sights] = WeakKeyDictionary()
        """By who gives the images of a clip: they go with it."""
        self._outlined: LruCache[tuple[Plane, Plane, Plane]] = LruCache(KEYS)

    @property
    def digest(self) -> str:
        return f"affinity 5 {self._model.digest}"

    def follow(
        self,
        path: Sequence[int],
        image: Callable[[int], Plane],
        keyed: Callable[[int], NDArray[np.bool_]],
        shares: Callable[[int], Plane],
        settle: Callable[[int, Plane], Plane],
        coming: Callable[[int], Sequence[int]],
        state: State | None = None,
        other: Callable[[int], State | None] = lambda frame: None,
        fixed: Collection[int] = (),
        counts: Callable[[int], bool] = lambda frame: True,
    ) -> Iterator[tuple[int, State]]:
        """As `Tracker.follow`; `fixed` people compete for pixels as all others do, and the network draws the
        outline where it counts."""
        sights = self._sights.setdefault(image, Sights())
        walk = _Walk(self._matted, self._outlines, sights, image, keyed, shares, path[0], state, other)
        for frame in path[1:]:
            walk.step(frame, coming(frame), settle, draws=counts(frame))
            yield frame, walk.state()

    def _outlines(self, frame: int, image: Plane, shares: Plane) -> Plane:
        """`_matted` of a key, which walks from both sides ask for."""
        kept = self._outlined.get(frame)
        if kept is None or kept[0] is not image or not np.array_equal(kept[1], shares):
            kept = image, shares, self._matted(image, shares)
            self._outlined.put(frame, kept)
        return kept[2]

    def _matted(self, image: Plane, shares: Plane) -> Plane:
        """(N + 1, H, W) the network's mattes with the masks of who has the most of each pixel."""
        owner = shares.argmax(axis=0)
        masks = np.stack([owner == n for n in range(1, len(shares))]).astype(np.float32)
        if not masks.any():
            return shares
        alphas = matte_still(self._model, image, masks, pad_px=PAD_PX)
        found = np.concatenate([np.clip(1 - alphas.sum(axis=0, keepdims=True), 0, 1), alphas])
        return found / np.maximum(found.sum(axis=0), np.float32(1e-3))


class _Walk:
    """A way through a clip, at one of its frames."""

    def __init__(
        self,
        matted: Callable[[Plane, Plane], Plane],
        outlined: Callable[[int, Plane, Plane], Plane],
        sights: Sights,
        image: Callable[[int], Plane],
        keyed: Callable[[int], NDArray[np.bool_]],
        shares: Callable[[int], Plane],
        frame: int,
        state: State | None,
        other: Callable[[int], State | None],
    ) -> None:
        self._matted, self._outlined, self._sights = matted, outlined, sights
        self._image, self._keyed, self._shares, self._other = image, keyed, shares, other
        self._frame, self._start = frame, frame
        self._keys: dict[int, Key] = {}
        self._ground: dict[int, Plane] = {}
        if state is None:
            self._people = [Person(frame)] * (len(shares(frame)) - 1)
            self._recent, self._plates = [View(frame, np.eye(3))], [View(frame, np.eye(3))]
        else:
            self._start = state["start"]
            self._people = [Person(**person) for person in state["people"]]
            self._recent, self._plates = (
                [View(at, np.array(matrix)) for at, matrix in state[name]] for name in ("recent", "plates")
            )
        self._before = self._settled(frame)

    def state(self) -> State:
        """What the walk is taken up with."""
        return {
            "start": self._start,
            "found": [person.found for person in self._people],
            "people": [vars(person) for person in self._people],
            "recent": [[view.frame, view.matrix.tolist()] for view in self._recent],
            "plates": [[view.frame, view.matrix.tolist()] for view in self._plates],
        }

    def step(
        self, frame: int, coming: Sequence[int], settle: Callable[[int, Plane], Plane], *, draws: bool
    ) -> None:
        """Find the people in the next frame.

        Args:
            coming: frames behind it.
            draws: whether the network draws the outline.
        """
        way = self._way(frame, self._frame)
        found, matches = self._find(frame, way, coming)
        if draws:
            found += np.float32(MATTE_SHARE) * (self._matted(self._image(frame), found) - found)
            found /= found.sum(axis=0)
        settle(frame, found)
        self._frame = frame
        self._before = self._settled(frame)
        self._people = [self._moved(n, match, way) for n, match in enumerate(matches)]
        self._remember(frame)

    def _find(self, frame: int, way: Way, coming: Sequence[int]) -> tuple[Plane, list[Match | None]]:
        """(N + 1, H, W) shares in the next frame, without the network's matte, and what the keys say."""
        here, there = self._sight(frame), self._sight(self._frame)
        x, y, sure = way.x, way.y, way.sure
        carried = np.stack([sampled(plane, x, y) for plane in self._before])
        motion = camera_motion((x, y), sure, carried[0])
        self._recent = [view.moved_on(motion) for view in self._recent]
        self._plates = [view.moved_on(motion) for view in self._plates]
        self._people = [self._set_off(n, way, carried) for n in range(len(self._people))]
        cells = here.cells
        costs = by_the_frame_before(cells, there.cells, carried, x, y)
        people = range(len(self._people))
        elsewhere = by_colours(cells, there.cells, in_cells(self._before[0]))
        costs[..., 0] = np.minimum(costs[..., 0], elsewhere)
        matches = [self._match(n, self._people[n].key, self._people[n].expected, cells) for n in people]
        others = self._matches_of_other(frame, cells)
        alike = np.zeros_like(carried[1:])
        for n in people:
            found = [match.cost for match in (matches[n], others[n]) if match is not None]
            if found:
                by_key = np.min(found, axis=0)
                alike[n] = 1 - np.clip(in_pixels(by_key, sure.shape) / np.float32(UNLIKE), 0, 1)
                cost = np.minimum(costs[..., n + 1], by_key + np.float32(KEY_BEHIND))
                costs[..., n + 1] = cost + np.float32(KEY_SHARE) * (np.minimum(by_key, KEY_MOST) - cost)
        total = np.stack([in_pixels(costs[..., n], sure.shape) for n in range(costs.shape[-1])])
        shift, ahead = shift_of(motion, sure.shape), self._ahead(frame, coming)
        self._add_ground(total, here.soft, self._earlier(frame), carried[0], shift, ahead)
        if coming:
            self._add_motion(total, alike, frame, coming[0])
        total -= np.float32(CARRIED) * sure * np.log(carried + np.float32(0.02))
        found = np.exp(total.min(axis=0) - total)
        found /= found.sum(axis=0)
        return found, matches

    def _add_motion(self, total: Plane, alike: Plane, frame: int, after: int) -> None:
        """What the way to the next frame says, added to the costs (N + 1, H, W) of all.

        What was hidden in the frame before has no way there, but it has one to the next frame, and goes on
        with whom it belongs to. Limbs move in ways of their own: the more a pixel looks as in somebody's key,
        the less its motion says against them.

        Args:
            alike: (N, H, W) in [0, 1], how far a pixel looks as in the key of each person.
        """
        from maggie_core.propagation.ground_loops import add_motion  # its compiler takes a second to import

        way = self._way(frame, after)
        ahead = np.linalg.inv(self._way(after, frame).motion)
        speeds = np.array([person.speed for person in self._people], np.float32)
        scale = np.float32(MOTION), np.float32(MOTION_PX[0]), np.float32(MOTION_PX[1])
        add_motion(total, (way.x, way.y, way.sure), ahead[:2].astype(np.float32), speeds, alike, scale)

    def _set_off(self, n: int, way: Way, carried: Plane) -> Person:
        """A person with the speed of their first step."""
        person = self._people[n]
        if person.steps or any(person.speed):
            return person
        measured = _speed_of(carried.argmax(axis=0) == n + 1, way)
        return person if measured is None else replace(person, speed=measured)

    def _sight(self, frame: int) -> Sight:
        return self._sights.of(frame, self._image)

    def _way(self, frame: int, other: int) -> Way:
        return self._sights.way(frame, other, self._image)

    def _ahead(self, frame: int, coming: Sequence[int]) -> list[tuple[int, View]]:
        """Frames to come as seen from one: steps to them, and the view."""
        found, matrix = [], np.eye(3)
        for steps, (before, after) in enumerate(pairwise([frame, *coming]), start=1):
            matrix = matrix @ self._way(after, before).motion
            if steps in STEPS:
                found.append((steps, View(after, np.asarray(np.linalg.inv(matrix), np.float64))))
        return found

    def _settled(self, frame: int) -> Plane:
        """(N + 1, H, W) shares to go on from: those of a key have the outline that the network draws."""
        if frame != self._start and not self._keyed(frame).any():
            return self._shares(frame)
        return self._outlined(frame, self._image(frame), self._shares(frame))

    def _key(self, frame: int) -> Key:
        if frame not in self._keys:
            self._keys[frame] = key_of(self._sight(frame).cells, self._settled(frame))
        return self._keys[frame]

    def _match(self, n: int, at: int, moved: tuple[float, float], cells: Plane) -> Match | None:
        """A frame compared with the key in frame `at`; None for a person who was not in it.

        Args:
            moved: pixels that they have moved since, to the right and down.
        """
        key = self._key(at)
        if not key.longer[n]:
            return None
        return by_a_key(cells, key.cells, key.shares[..., n + 1], moved, int(key.longer[n]))

    def _matches_of_other(self, frame: int, cells: Plane) -> list[Match | None]:
        """The same with the keys that a walk in the other direction came from, for each person."""
        state = self._other(frame)
        if state is None:
            return [None] * len(self._people)
        people = [Person(**person) for person in state["people"]]
        return [self._match(n, person.key, person.moved, cells) for n, person in enumerate(people)]

    def _earlier(self, frame: int) -> list[View]:
        """Frames that tell where the background is."""
        state = self._other(frame)
        if state is None:
            return self._plates
        at, matrix = state["plates"][0]
        return [*self._plates, View(at, np.array(matrix))]

    def _add_ground(
        self,
        total: Plane,
        here: Plane,
        plates: Sequence[View],
        carried: Plane,
        shift: NDArray[np.float64],
        ahead: Sequence[tuple[int, View]],
    ) -> None:
        """What earlier frames say of the background, added to the costs (N + 1, H, W) of all.

        Args:
            here: (H, W, 4) soft colours of the frame.
            plates: frames that tell where the background is.
            carried: (H, W) share of background that the flow brings.
            shift: (2,) how the background moves.
            ahead: frames to come.
        """
        nearest, seen = nearest_of(here, [(self._background(v.frame), v.matrix) for v in plates])
        nearest = _blurred(nearest)
        noise = _noise(nearest[seen & (carried > 0.9)])
        steep, most = FROM_A_PLATE
        cost = np.minimum(steep * np.maximum(nearest - noise**2, 0), most)
        cost = np.minimum(cost, total[0] + NOT_THE_PLATE) - AS_THE_PLATE * np.exp(-nearest / (2 * noise**2))
        total[0] = np.where(seen, cost, total[0])
        beside = [(steps, self._recent[-steps]) for steps in STEPS if steps <= len(self._recent)]
        for steps, view in ahead or beside:
            squared, _ = nearest_of(here, [(self._sight(view.frame).soft, view.matrix)])
            stayed = np.exp(-_blurred(squared) / np.float32(2 * noise**2))
            for n, person in enumerate(self._people):
                away = float(np.hypot(*(np.array(person.speed) - shift))) * steps
                width = max(int(self._key(person.key).widths[n]), 8)
                walked = np.clip(away / (WALKED_ON[1] * width) - WALKED_ON[0], 0, 1)
                total[n + 1] += np.float32(STAYED / len(STEPS) * walked) * stayed

    def _moved(self, n: int, match: Match | None, way: Way) -> Person:
        """A person one step on."""
        person, shares = self._people[n], self._before
        if self._keyed(self._frame)[n] and self._key(self._frame).longer[n]:
            return Person(self._frame, speed=person.speed)
        own = shares.argmax(axis=0) == n + 1
        visible = _visible(np.count_nonzero(own) / max(int(self._key(person.key).areas[n]), 1))
        steps, speed = person.steps + 1, np.array(person.speed)
        measured = _speed_of(own, way)
        if measured is not None:
            speed += visible * max(SPEED_SHARE, 1 / steps) * (measured - speed)
        moved, found = np.array(person.moved) + speed, 1.0
        if match is not None:
            theirs = in_cells(own.astype(np.float32)) > 0.7
            cells = theirs & (match.row >= 0) & (match.cost < ALIKE)
            found = float(np.count_nonzero(cells)) / max(int(np.count_nonzero(theirs)), 1)
            rows, columns = np.nonzero(cells)
            if len(rows) > LEAST_CELLS:
                place = [np.median(columns - match.column[cells]), np.median(rows - match.row[cells])]
                moved += ANCHOR * visible * (CELL_PX * np.array(place) - moved)
        return replace(person, moved=_pair(moved), speed=_pair(speed), steps=steps, found=found)

    def _remember(self, frame: int) -> None:
        """Keep the frame as an earlier one, and let go of those that tell the least."""
        here = View(frame, np.eye(3))
        self._recent = [*self._recent, here][-max(STEPS) :]
        self._plates = [*self._plates, here]
        if len(self._plates) > PLATES:
            at = [abs(view.frame - frame) for view in self._plates]
            inner = range(1, len(at) - 1)
            self._plates.pop(min(inner, key=lambda i: (at[i - 1] - at[i + 1]) / (1 + at[i])))
        kept = {view.frame for view in self._earlier(frame)}
        self._ground = {at: plane for at, plane in self._ground.items() if at in kept}

    def _background(self, frame: int) -> Plane:
        """(H, W, 4) soft colours of an earlier frame, and its share of background."""
        if frame not in self._ground:
            shown = self._settled(frame)[0]
            self._ground[frame] = np.dstack([self._sight(frame).soft[..., :3], shown])
        return self._ground[frame]


def _blurred(plane: Plane) -> Plane:
    return np.asarray(cv2.blur(plane, (3, 3)), np.float32)


def _noise(squared: Plane) -> float:
    """Noise of a colour, from squared distances where the background is seen."""
    if squared.size < 500:
        return USUAL_NOISE
    return float(np.clip(1.5 * np.sqrt(np.median(squared[::7])), *NOISE))


def _visible(share: float) -> float:
    return float(np.clip((share - VISIBLE[0]) / VISIBLE[1], 0, 1))


def _speed_of(own: NDArray[np.bool_], way: Way) -> tuple[float, float] | None:
    """Pixels that somebody has moved since the frame before, to the right and down, by where their pixels
    (H, W) were; None where too few tell."""
    x, y = way.x, way.y
    rows, columns = np.nonzero(own & (way.sure > 0.5))
    if len(rows) <= LEAST_PX:
        return None
    return _pair(np.array([np.median(columns - x[rows, columns]), np.median(rows - y[rows, columns])]))


def _pair(values: NDArray[np.floating]) -> tuple[float, float]:
    return float(values[0]), float(values[1])

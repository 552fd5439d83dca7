"""The guidance of a shot in which some people have masks at some frames only.

A mask that is made depends on the plates and masks from the key before it to the key after it, and on nothing
else: a shot is cut wherever everybody who has keys has one. Before the first key and behind the last one it
depends on the frames from that key on, and on a few behind it. So it is the same whatever frames are asked
for, and a key that is added or corrected changes only the frames between its neighbours.

Masks are made when they are needed, all frames between two keys together, and kept in the state cache under
the digest of all they depend on.
"""

from __future__ import annotations

import hashlib
import threading
import time
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maggie_api.errors import InputError, ModelError
from maggie_api.lru import LruCache
from maggie_api.settings import Overlap
from maggie_core.guidance import Guidance, KeyMasks, Mask, exclusive
from maggie_core.guidance.keys import common_keys
from maggie_core.image.geometry import Geometry
from maggie_core.propagation.affinity import Plane
from maggie_core.propagation.clip import Agreement, Clip, Stored, at_key, between, coverage, onwards, stored
from maggie_core.propagation.tracker import GRID_PX, State, Tracker
from maggie_core.shot.cache import StateCache, key_of

REMEMBERED_S = 2.0
"""Seconds for which the state of a file is remembered: a mask may depend on thousands of them."""
LEAST_SHARE = 0.15
"""A person with less than this share of the area that their keys let expect may be lost. People who cross
others in the generated clips keep 0.18 or more, unless they are all but hidden."""
LEAST_AGREEMENT = 0.3
"""Overlap (intersection over union) of what was found forwards and backwards, below which a person may be
lost."""
LOST_FRAMES = 3
"""A person of whom this holds in as many frames on end, and who has not walked out of the image, is told as
lost: two are no more than somebody who is hidden for a moment."""
MOST_DISPUTED = 0.25
"""Share of a person that is another one's in the other direction, from which a part of them may be taken."""
TAKEN_FRAMES = 2
"""In so many frames of a stretch: two who pass each other in haste exchange pixels in one."""
BORDER = 1 / 32
"""A person who was last seen with half of their pixels this near to the border has left the image; a share of
the tracker's grid."""
PART_SHARE = 0.5
"""Who touches a side or the top of the image with less than this share of their largest area is half out of
it. Most people are cut off by the bottom, which says nothing."""
IMAGES = 96
"""Images of a clip that are kept for the way back, 160 MB; fewer where a tracker's are larger."""


@dataclass(frozen=True)
class Shot:
    """What the guidance needs of the shot it belongs to.

    Attributes:
        frames: of the whole shot, ascending.
        grid: the grid that people are followed on.
        image: (3, h, w) of a frame on that grid, sRGB-encoded in [0, 1]; raises InputError or OSError for one
            that cannot be used.
        placed_on: the grid, with the data window of a frame's plate, on which its masks may lie.
        digest: text that changes with a frame's plate.
        how: what decides how a plate becomes an image.
        computing: what decides the bits of a computation on this machine.
    """

    frames: tuple[int, ...]
    grid: Callable[[], Geometry]
    image: Callable[[int], Plane]
    placed_on: Callable[[int], Geometry]
    digest: Callable[[int], str]
    how: Callable[[], dict[str, Any]]
    computing: Callable[[], dict[str, Any]]
    overlap: Overlap


@dataclass(frozen=True)
class Lost:
    """Somebody who was not found again, or a part of whom may be another one's."""

    name: str
    frame: int
    """First frame without them; the last one, where the shot begins without them."""
    at_start: bool = False
    """Whether they are missing from the first frame of the shot on."""
    taken_by: str = ""
    """Who may have a part of them."""

    @property
    def sentence(self) -> str:
        if self.taken_by:
            return (
                f"{self.taken_by} may have taken a part of {self.name} from {self.frame}: add a key mask of "
                "both near there"
            )
        if self.at_start:
            return (
                f"{self.name} is not found up to {self.frame}: add a key mask there, or an empty one if "
                f"{self.name} comes in later"
            )
        return (
            f"{self.name} is lost from {self.frame}: add a key mask near there, or an empty one if "
            f"{self.name} is not in the picture"
        )


class PropagatedGuidance(Guidance):
    """A guidance with keys, and masks for every frame.

    Args:
        guidance: with at least one `KeyMasks`.
        shot: the shot it belongs to.
        tracker: follows people.
        cache: keeps what was made from run to run; it changes no mask.
    """

    def __init__(
        self, guidance: Guidance, shot: Shot, tracker: Tracker, *, cache: StateCache | None = None
    ) -> None:
        super().__init__(guidance.sources, missing=guidance.missing_policy)
        self._shot, self._tracker, self._cache = shot, tracker, cache
        self._keys = {s.names[0]: set(s.keys) for s in self.sources if isinstance(s, KeyMasks)}
        self._cuts = common_keys(self.sources)
        self._fixed = np.array([i.name not in self._keys for i in self.instances])
        self._made: dict[str, tuple[tuple[int, ...], bytes, dict[str, Any]]] = {}
        self._images: LruCache[tuple[str, Plane]] = LruCache(round(IMAGES * (GRID_PX / tracker.grid_px) ** 2))
        self._states: dict[int, tuple[str, float]] = {}
        self._found: dict[int, _Found] = {}
        self._seen: dict[int, tuple[str, NDArray[np.bool_]]] = {}
        self._lock = threading.RLock()

    def masks(self, frame: int) -> list[Mask]:
        """Masks of `frame`: given ones as their files have them, the others as they were made."""
        found = super().masks(frame)
        missing = self._without_key(frame)
        if not missing:
            return found
        geometry = self._shot.grid()
        planes = geometry.from_working(coverage(self._shares(frame)))
        for plane, instance in zip(planes, self.instances, strict=True):
            if instance.name in missing and plane.any():
                found.append(
                    Mask(instance.name, plane, geometry.region, geometry.display, geometry.pixel_aspect)
                )
        return found

    def digest(self, frame: int) -> str:
        """Text that changes whenever the result of `masks(frame)` may change."""
        given = super().digest(frame)
        if not self._without_key(frame):
            return given
        return hashlib.blake2b(
            f"{given} {self._state_of(self.reach(frame))}".encode(), digest_size=16
        ).hexdigest()

    def reach(self, frame: int) -> tuple[int, ...]:
        """Frames whose plate and masks the masks of `frame` depend on, ascending."""
        if not self._without_key(frame):
            return (frame,)
        frames = self._shot.frames
        first, last = self._span(frame)
        start, end = bisect_left(frames, min(first, frame)), bisect_right(frames, max(last, frame))
        if frame < first:
            start = max(0, start - self._tracker.look_ahead)
        if frame > last:
            end += self._tracker.look_ahead
        return frames[start:end]

    def prepare(
        self,
        frames: Iterable[int],
        *,
        checkpoint: Callable[[], None] = lambda: None,
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> dict[int, Exception]:
        """Make the masks of some frames now.

        Args:
            checkpoint: called between two steps of the work; what it raises ends it.
            tell: called with the steps done and their number: a frame has one, and two between keys.

        Returns:
            What a key, or the plate at a key, cannot be used for, by frame of which no mask could be made.

        Raises:
            ModelError: the tracker's files are damaged.
        """
        wanted = {frame for frame in frames if self._without_key(frame)}
        wanted |= {key for frame in wanted for key in self._span(frame)}
        parts: dict[tuple[int, int, int], list[int]] = {}
        for frame in sorted(wanted):
            parts.setdefault(self._part(frame), []).append(frame)
        failed: dict[int, Exception] = {}
        total, before = sum(map(self._steps, parts.values())), 0
        for part in parts.values():
            steps = count(before + 1)

            def step(steps: Iterator[int] = steps) -> None:
                tell(min(next(steps), total), total)
                checkpoint()

            tell(before, total)
            # The outermost first: on the way to it the others are made, and no walk is taken up again.
            for frame in part if part[0] < self._part(part[0])[0] else part[::-1]:
                try:
                    self._shares(frame, step)
                except ModelError:  # no frame's fault
                    raise
                except (InputError, OSError) as error:  # raised where the frame is matted
                    failed[frame] = error
            before += self._steps(part)
        tell(total, total)
        return failed

    def _part(self, frame: int) -> tuple[int, int, int]:
        """The frames that are made together with `frame`: between two keys, before the first or behind the
        last."""
        first, last = self._span(frame)
        return first, last, (frame > last) - (frame < first)

    def _steps(self, part: Sequence[int]) -> int:
        """Steps that it takes to make the masks of some frames of a part, if none is there."""
        first, last, side = self._part(part[0])
        frames = self._shot.frames
        if side:
            ends = (last, part[-1]) if side > 0 else (part[0], first)
            return bisect_right(frames, ends[1]) - bisect_left(frames, ends[0]) - 1
        return 2 * (bisect_right(frames, last) - bisect_left(frames, first) - 1)

    def lost(self, asked: Iterable[int]) -> list[Lost]:
        """People who were lost in some of the frames `asked`, and who had not walked out of the image.

        Lost is who has too little area against the keys around, or of whom the two directions disagree; not
        who comes in after an empty key or is gone before one. So is a part of somebody that is another one's
        in one of the directions.
        """
        wanted = set(asked)
        frames = [frame for frame in self._shot.frames if frame in self._found]
        found: list[Lost] = []
        for n, instance in enumerate(self.instances):
            for first, end in _runs(self._doubtful(n, frames)):
                if end - first < LOST_FRAMES or not wanted & set(frames[first:end]):
                    continue
                beside = frames[max(first - 1, 0)], frames[min(end, len(frames) - 1)]
                if any(self._is_empty_key(n, frame) for frame in beside):
                    continue
                if not self._has_left(n, frames, first, end):
                    at_start = frames[first] == self._shot.frames[0]
                    found.append(Lost(instance.name, frames[end - 1 if at_start else first], at_start))
            found += self._taken(n, frames, wanted)
        return found

    def _taken(self, n: int, frames: Sequence[int], wanted: set[int]) -> Iterator[Lost]:
        """Where another one may have taken a part of a person, and the whole is in doubt nowhere around."""
        said, doubtful = [self._found[frame].agreement for frame in frames], self._doubtful(n, frames)
        disputed = [each[n].disputed >= MOST_DISPUTED for each in said]
        for first, end in _runs([part or whole for part, whole in zip(disputed, doubtful, strict=True)]):
            of_whole = _runs(doubtful[first:end])
            parts = [i for i in range(first, end) if disputed[i]]
            if len(parts) < TAKEN_FRAMES or any(stop - start >= LOST_FRAMES for start, stop in of_whole):
                continue
            rival = max(said[first:end], key=lambda each: each[n].disputed)[n].rival
            own, others = (sum(each[of].disputed for each in said[first:end]) for of in (n, rival))
            # Of two who dispute pixels, it is told of whom more is at stake.
            if wanted & set(frames[first:end]) and (own, -n) > (others, -rival):
                yield Lost(self.instances[n].name, frames[parts[0]], taken_by=self.instances[rival].name)

    def _doubtful(self, n: int, frames: Sequence[int]) -> list[bool]:
        """Of each frame whether a person may be lost in it."""
        own = self._keys.get(self.instances[n].name, set())
        keys = [frame for frame in frames if frame in own]
        if not keys:
            return [False] * len(frames)
        areas = {frame: self._found[frame].areas[n] for frame in frames}
        expected = np.interp(frames, keys, [areas[key] for key in keys])
        return [
            frame not in own
            and (
                areas[frame] < LEAST_SHARE * area or self._found[frame].agreement[n].overlap < LEAST_AGREEMENT
            )
            for frame, area in zip(frames, expected, strict=True)
        ]

    def _is_empty_key(self, n: int, frame: int) -> bool:
        """Whether a key says that a person is not in `frame`."""
        return frame in self._keys.get(self.instances[n].name, ()) and not self._found[frame].areas[n]

    def _has_left(self, n: int, frames: Sequence[int], first: int, end: int) -> bool:
        """Whether a person who is not in `frames[first:end]` was at the border of the image beside them."""
        beside = first - 1 if first > 0 else end
        if beside >= len(frames):
            return False
        seen = self._found[frames[beside]]
        return seen.at_border[n] or (
            seen.touches_side[n] and seen.areas[n] < PART_SHARE * max(self._found[f].areas[n] for f in frames)
        )

    def _without_key(self, frame: int) -> set[str]:
        return {name for name, keys in self._keys.items() if frame not in keys}

    def _span(self, frame: int) -> tuple[int, int]:
        """First and last key of the part of the shot that `frame` lies in."""
        cut = bisect_right(self._cuts, frame)
        low = self._cuts[cut - 1] if cut else None
        high = self._cuts[cut] if cut < len(self._cuts) else None
        keys = [key for key in self.keys if (low is None or key >= low) and (high is None or key <= high)]
        return keys[0], keys[-1]

    def _state_of(self, frames: Sequence[int]) -> str:
        """Digest of everything that the masks made from `frames` depend on."""
        state = hashlib.blake2b(self._how.encode(), digest_size=16)
        for frame in frames:
            state.update(f"{frame} {self._inputs_of(frame)};".encode())
        return state.hexdigest()

    @property
    def _how(self) -> str:
        how = sorted(self._shot.how().items())
        return f"nobody by empty keys {self._tracker.digest} {how} {self._shot.overlap}"

    def _inputs_of(self, frame: int) -> str:
        now = time.monotonic()
        found, at = self._states.get(frame, ("", -REMEMBERED_S))
        if now - at >= REMEMBERED_S:
            found, at = f"{_said(self._shot.digest, frame)} {_said(super().digest, frame)}", now
            self._states[frame] = found, at
        return found

    def _shares(self, frame: int, checkpoint: Callable[[], None] = lambda: None) -> Stored:
        """(N + 1, h, w) shares of background and people in a frame, times 255."""
        with self._lock:
            if self._recall(frame) is None:
                self._make(frame, checkpoint)
            found = self._recall(frame)
            if found is None:  # its own plate cannot be used, which is said where the frame is matted
                width, height = self._shot.grid().working_size
                return np.zeros((len(self.instances) + 1, height, width), np.uint8)
            shares, told = found
            if frame not in self._found:
                border = round(BORDER * self._tracker.grid_px)
                self._found[frame] = _measured(
                    shares, [Agreement(*each) for each in told["agreement"]], border
                )
            return shares

    def _key(self, frame: int) -> str:
        made = {"frame": frame, "from": self._state_of(self.reach(frame)), "by": self._shot.computing()}
        return key_of("followed, weighed by what keys show", made)

    def _recall(self, frame: int) -> tuple[Stored, dict[str, Any]] | None:
        """Shares of a frame, and what was told of it as `_keep` has it."""
        key = self._key(frame)
        if key in self._made:
            shape, packed, told = self._made[key]
            return np.frombuffer(zlib.decompress(packed), np.uint8).reshape(shape), told
        record = None if self._cache is None else self._cache.recall(key)
        if record is None or self._cache is None:
            return None
        shares = self._cache.load(record["array"])
        return None if shares is None else (shares, record)

    def _keep(
        self,
        frame: int,
        shares: Stored,
        agreement: Sequence[Agreement] | None = None,
        state: State | None = None,
    ) -> None:
        """Keep the shares of a frame, how far each person is believed, and the state of the walk."""
        key, all_agree = self._key(frame), [Agreement(1.0)] * len(self.instances)
        told = {"agreement": [astuple(each) for each in agreement or all_agree], "state": state}
        self._made[key] = shares.shape, zlib.compress(shares.tobytes(), 1), told
        if self._cache is not None:
            self._cache.record(key, {"array": self._cache.keep(shares), **told})

    def _make(self, frame: int, checkpoint: Callable[[], None]) -> None:
        """Make the masks of a frame, and of all between it and the keys that it depends on.

        Frames whose plate or masks cannot be used are passed over, but for keys.

        Raises:
            InputError, OSError: a key, or the plate at a key, cannot be used.
        """
        first, last = self._span(frame)
        absent = [n for n in range(len(self.instances)) if self._is_absent(n, first, last)]

        def known(t: int) -> Plane:
            masks = self._known(t)
            masks[absent] = 0
            return masks

        clip = Clip(self._image, known, self._keyed, self._fixed)
        usable = [t for t in self.reach(frame) if t in self.keys or self._is_usable(t)]
        inside = [t for t in usable if first <= t <= last]
        if first <= frame <= last:
            if len(inside) < 2:
                self._keep(frame, stored(at_key(clip.known(frame))))
                return
            for t, shares, agreement in between(self._tracker, clip, inside, tell=checkpoint):
                self._keep(t, shares, agreement)
            return
        end = last if frame > last else first
        way = usable if frame > last else usable[::-1]
        path = [t for t in way[way.index(end) + 1 :] if abs(t - end) <= abs(frame - end)]
        places = reversed(range(len(path))) if self._tracker.resumes else ()
        done = next((i for i in places if self._recall(path[i]) is not None), None)
        before = None if done is None else self._recall(path[done])
        start, rest = (end, path) if done is None else (path[done], path[done + 1 :])
        self._shares(start, checkpoint)
        state = None if before is None else before[1]["state"]
        frames = self._shot.frames if frame > last else self._shot.frames[::-1]
        place = {t: i for i, t in enumerate(frames, start=1)}
        ahead = self._tracker.look_ahead

        def coming(t: int) -> Sequence[int]:
            return [each for each in frames[place[t] : place[t] + ahead] if each in usable]

        walk = onwards(self._tracker, clip, [start, *rest], self._shares, coming, state)
        for t, shares, after in walk:
            self._keep(t, shares, [Agreement(found) for found in after.get("found", ())], after)
            checkpoint()

    def _is_absent(self, n: int, first: int, last: int) -> bool:
        """Whether all keys of a person from frame `first` to `last` are empty: nothing tells what they look
        like, so they are nowhere around these keys, whatever others leave of a pixel."""
        keys = [t for t in self._keys.get(self.instances[n].name, ()) if first <= t <= last]
        return bool(keys) and not any(self._seen_in(t)[n] for t in keys)

    def _seen_in(self, key: int) -> NDArray[np.bool_]:
        """(N,) bool: whose mask in a key is not empty, of those who have one there."""
        inputs, kept = self._inputs_of(key), self._seen.get(key)
        if kept is None or kept[0] != inputs:
            try:
                seen = np.asarray(self._known(key).any(axis=(1, 2)))
            except (InputError, OSError):  # said where it is needed
                return np.ones(len(self.instances), bool)
            kept = self._seen[key] = inputs, seen
        return kept[1]

    def _is_usable(self, frame: int) -> bool:
        try:
            self._image(frame)
            self._known(frame)
        except (InputError, OSError):
            return False
        return True

    def _image(self, frame: int) -> Plane:
        inputs, kept = self._inputs_of(frame), self._images.get(frame)
        if kept is not None and kept[0] == inputs:  # a plate may be written anew during a job
            return kept[1]
        image = self._shot.image(frame)
        self._images.put(frame, (inputs, image))
        return image

    def _known(self, frame: int) -> Plane:
        """(N, h, w) masks of a frame, 0 or 1; NaN for who has none."""
        masks = exclusive(
            super().placed(super().masks(frame), self._shot.placed_on(frame)), self._shot.overlap
        )
        masks[~self._keyed(frame)] = np.nan
        return masks

    def _keyed(self, frame: int) -> NDArray[np.bool_]:
        """(N,) bool: who has a mask in a frame."""
        missing = self._without_key(frame)
        return np.array([instance.name not in missing for instance in self.instances])


@dataclass(frozen=True)
class _Found:
    """What was found of people in a frame; a value for each.

    Attributes:
        areas: their pixels.
        at_border: half of their pixels or more are near to the border.
        touches_side: some are in the outermost columns or the top row.
        agreement: of what was found forwards and backwards; where there is one direction, its overlap is what
            the tracker says of how far they are found.
    """

    areas: list[int]
    at_border: list[bool]
    touches_side: list[bool]
    agreement: list[Agreement]


def _measured(shares: Stored, agreement: list[Agreement], border_px: int) -> _Found:
    owner = shares.argmax(axis=0)
    inner = owner[border_px:-border_px, border_px:-border_px]
    people = range(1, len(shares))
    areas, inside = ([int(np.count_nonzero(part == n)) for n in people] for part in (owner, inner))
    at_border = [within < whole / 2 for within, whole in zip(inside, areas, strict=True)]
    rim = np.concatenate([owner[0], owner[:, 0], owner[:, -1]])
    return _Found(areas, at_border, [bool((rim == n).any()) for n in people], agreement)


def _runs(flags: Sequence[bool]) -> list[tuple[int, int]]:
    """Stretches of true ones: (first, end)."""
    edges = np.flatnonzero(np.diff([False, *flags, False]))
    return [(int(first), int(end)) for first, end in edges.reshape(-1, 2)]


def _said(of: Callable[[int], str], frame: int) -> str:
    try:
        return of(frame)
    except (InputError, OSError):
        return "unreadable"

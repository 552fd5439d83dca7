"""A clip from its keys: people followed both ways from them, and both ways merged.

Shares of background and people in a pixel sum to 1. They are kept as bytes, so that a chain that is taken up
from the cache goes on from the very numbers it would have had.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maggie_core.propagation.tracker import State, Tracker

Plane = NDArray[np.float32]
Stored = NDArray[np.uint8]
"""(N + 1, H, W) shares times 255."""

SHOWN = 2
"""Power of a key's area in the weight of the direction that comes from it. Of whom it shows a part, less is
known by it, and such a mask is poor more often than others. Mean IoU of crossings 0 to 7, a key every 12th
frame: 0.802 with 0, 0.811 with 1, 0.813 with 2."""
COUNTS = 0.25
"""Share that a direction has of somebody in a frame, from which the tracker takes all pains there. Mean IoU
of the demo shot and of crossings 1, 4, 6 and 7, keys at both ends or 12 frames apart: 0.001 less than with
all pains everywhere; with 0.5 0.009 less in those of the demo shot and of crossing 1."""
LEAST_SAY = 0.1
"""Share of a frame below which a direction's disagreement says nothing of the mask. Keys at every 12th frame
of eight clips: without this limit six warnings are given, three of masks with an IoU of 0.5 to 0.9; with 0.1
to 0.25 two, and both are right, but somebody who is lost for two frames is not told."""
LEAST_TRUST = 0.05
"""Weight of a direction that did not arrive at the next key at all."""


@dataclass(frozen=True)
class Agreement:
    """How far two directions agree on a person in a frame in which both count.

    Attributes:
        overlap: of what they found (intersection over union).
        disputed: share of what either found that is one other person's in the other direction.
        rival: that other person, from 0 on.
    """

    overlap: float
    disputed: float = 0.0
    rival: int = 0


@dataclass(frozen=True)
class Clip:
    """Frames, and what is known of them.

    Attributes:
        image: (3, H, W) of a frame, sRGB-encoded in [0, 1]; the same object as long as it is the same image.
        known: (N, H, W) masks of a frame, 0 or 1, in which no pixel is two people's; NaN for who has none.
        keyed: (N,) bool: who has a mask in a frame. The trackers ask often, and it takes no reading.
        fixed: (N,) bool: who has a mask in every frame.
    """

    image: Callable[[int], Plane]
    known: Callable[[int], Plane]
    keyed: Callable[[int], NDArray[np.bool_]]
    fixed: NDArray[np.bool_]

    def in_key(self, frame: int) -> NDArray[np.bool_]:
        """(N,) bool: who has a key in a frame."""
        return self.keyed(frame) & ~self.fixed


def stored(shares: Plane) -> Stored:
    return np.round(shares * 255).astype(np.uint8)


def unstored(shares: Stored) -> Plane:
    return np.asarray(shares, np.float32) / np.float32(255)


def coverage(shares: Stored) -> Plane:
    """(N, H, W) coverage of people: above 0.5 for who has the largest share of a pixel."""
    values = unstored(shares)
    found = np.empty_like(values[1:])
    for n in range(1, len(values)):
        others = np.delete(values, n, axis=0).max(axis=0)
        found[n - 1] = np.clip(0.5 + (values[n] - others) / 2, 0, 1)
    return found


def settled(shares: Plane, known: Plane) -> Plane:
    """Shares with those people replaced who are known; the others and the background share the rest."""
    there = ~np.isnan(known[:, 0, 0])
    if not there.any():
        return shares
    given = known[there]
    free = np.concatenate([[True], ~there])
    rest = np.clip(1 - given.sum(axis=0), 0, 1)
    result = shares.copy()
    result[1:][there] = given
    total = result[free].sum(axis=0)
    result[free] *= rest / np.maximum(total, np.float32(1e-6))
    result[0] += np.where(total > 1e-6, 0, rest)
    return result


def at_key(known: Plane) -> Plane:
    """Shares of a frame of which nothing else is known; people without a mask are not in it."""
    masks = np.nan_to_num(known, nan=0.0)
    return np.concatenate([np.clip(1 - masks.sum(axis=0, keepdims=True), 0, 1), masks])


def onwards(
    tracker: Tracker,
    clip: Clip,
    path: Sequence[int],
    made: Callable[[int], Stored],
    coming: Callable[[int], Sequence[int]],
    state: State | None,
) -> Iterator[tuple[int, Stored, State]]:
    """Frames beyond the last key, or before the first one: (frame, shares, state) along a path.

    Args:
        made: shares of the first frame of the path, and of frames before it.
        coming: frames that follow a frame and may be looked at.
        state: what came with the first frame of the path; None for a key.
    """
    found: dict[int, Stored] = {}

    def settle(frame: int, shares: Plane) -> Plane:
        found[frame] = stored(settled(shares, clip.known(frame)))
        return unstored(found[frame])

    def shares(frame: int) -> Plane:
        return unstored(found[frame] if frame in found else made(frame))

    walk = tracker.follow(
        path, clip.image, clip.in_key, shares, settle, coming, state, fixed=np.flatnonzero(clip.fixed)
    )
    for frame, after in walk:
        yield frame, found[frame], after


def between(
    tracker: Tracker, clip: Clip, frames: Sequence[int], *, tell: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Stored, list[Agreement]]]:
    """Frames from the first key to the last one, in order: (frame, shares, agreement on each person).

    People are followed forwards, then backwards with what the first pass knows of them. Who has no later key
    keeps in the second pass what the first one found. A frame takes from either pass by its distance from the
    key that the pass comes from, by how much of the person that key shows, and by how well the pass arrived
    at the person's key on the other side.

    Args:
        frames: ascending; the first and the last have a key.
        tell: called after each frame of each pass.
    """
    keyed = {t: clip.keyed(t) for t in frames}
    areas = {t: clip.known(t).sum(axis=(1, 2)) for t in frames if clip.in_key(t).any()}
    followed = [n for n, fixed in enumerate(clip.fixed) if not fixed]  # the others are settled
    weights = {n: _weights(n, frames, keyed, areas) for n in followed}
    there = {t for t in frames if any(each[t].ahead >= COUNTS for each in weights.values())}
    back = {t for t in frames if any(each[t].behind >= COUNTS for each in weights.values())}
    forwards = _pass(tracker, clip, frames, there, None, {}, tell)
    later = np.zeros(len(clip.fixed), bool)
    given: dict[int, NDArray[np.bool_]] = {}
    for t in reversed(frames):
        later |= keyed[t]
        given[t] = ~later  # of whom the second pass has nothing to tell
    backwards = _pass(tracker, clip, frames[::-1], back, forwards, given, tell)
    for t in frames:
        first, second = forwards.shares(t), backwards.shares(t)
        merged = first.copy()
        shares = {n: each[t].of_backwards(n, forwards, backwards) for n, each in weights.items()}
        for n, share in shares.items():
            merged[n + 1] = first[n + 1] + share * (second[n + 1] - first[n + 1])
        merged[1:] /= np.maximum(merged[1:].sum(axis=0), 1)
        merged[0] = 1 - merged[1:].sum(axis=0)
        ahead, back = first.argmax(axis=0), second.argmax(axis=0)
        agreement = [
            _agreement(n, ahead, back) if LEAST_SAY <= shares.get(n - 1, 0) <= 1 - LEAST_SAY else Agreement(1)
            for n in range(1, len(merged))
        ]
        yield t, stored(settled(merged, clip.known(t))), agreement


@dataclass(frozen=True)
class _Pass:
    """One direction through the frames between keys."""

    packed: dict[int, bytes]
    shape: tuple[int, int, int]
    arrival: dict[tuple[int, int], float]
    """By frame and person: overlap (intersection over union) of what was found at a key with the key."""
    states: dict[int, State]
    """By frame: what the tracker knows there."""

    def shares(self, frame: int) -> Plane:
        values = np.frombuffer(zlib.decompress(self.packed[frame]), np.uint8).reshape(self.shape)
        return unstored(values)

    def arrived(self, frame: int | None, n: int) -> float:
        """How well the pass arrived at a key of person `n`, from `LEAST_TRUST` to 1."""
        return 1.0 if frame is None else max(self.arrival.get((frame, n), 1.0), LEAST_TRUST)


def _pass(
    tracker: Tracker,
    clip: Clip,
    path: Sequence[int],
    counts: Collection[int],
    other: _Pass | None,
    given: Mapping[int, NDArray[np.bool_]],
    tell: Callable[[], None],
) -> _Pass:
    """Follow people along a path.

    Args:
        counts: frames in which it counts for anybody.
        other: the pass in the other direction, if it was made.
        given: (N,) bool by frame: who is where `other` has them.
    """
    packed: dict[int, bytes] = {}
    arrival: dict[tuple[int, int], float] = {}

    def known(frame: int) -> Plane:
        masks = clip.known(frame)
        if other is not None and given[frame].any():
            owner = other.shares(frame).argmax(axis=0)
            masks = masks.copy()
            for n in np.flatnonzero(given[frame] & np.isnan(masks[:, 0, 0])):
                masks[n] = owner == n + 1
        return masks

    def settle(frame: int, shares: Plane) -> Plane:
        masks, owner = known(frame), shares.argmax(axis=0)
        for n in np.flatnonzero(clip.keyed(frame) & ~clip.fixed):
            arrival[frame, int(n)] = _overlap(owner == n + 1, masks[n] > 0.5)
        values = stored(settled(shares, masks))
        packed[frame] = zlib.compress(values.tobytes(), 1)
        return unstored(values)

    start = at_key(known(path[0]))
    packed[path[0]] = zlib.compress(stored(start).tobytes(), 1)
    result = _Pass(packed, start.shape, arrival, {})  # pyright: ignore[reportArgumentType] - three axes
    place = {frame: i for i, frame in enumerate(path, start=1)}

    def coming(frame: int) -> Sequence[int]:
        return path[place[frame] : place[frame] + tracker.look_ahead]

    def shares(frame: int) -> Plane:
        return (result if frame in packed or other is None else other).shares(frame)

    def seen(frame: int) -> State | None:
        return None if other is None else other.states.get(frame)

    walk = tracker.follow(
        path,
        clip.image,
        clip.in_key,
        shares,
        settle,
        coming,
        other=seen,
        fixed=np.flatnonzero(clip.fixed),
        counts=counts.__contains__,
    )
    for frame, state in walk:
        result.states[frame] = state
        tell()
    return result


@dataclass(frozen=True)
class _Weights:
    """What the two passes count for a person in a frame, before it is known how well they arrive.

    Attributes:
        before, after: frames of the keys that they come from; None where one of them has none.
        ahead, behind: of the forward and the backward pass, with a sum of 1; both 0 in a frame with a key.
    """

    before: int | None
    after: int | None
    ahead: float
    behind: float

    def of_backwards(self, n: int, forwards: _Pass, backwards: _Pass) -> float:
        """What the backward pass counts for person `n` in the end, in [0, 1]."""
        ahead = self.ahead * forwards.arrived(self.after, n)
        behind = self.behind * backwards.arrived(self.before, n)
        return behind / (ahead + behind) if ahead or behind else 0.0


def _weights(
    n: int,
    frames: Sequence[int],
    keyed: Mapping[int, NDArray[np.bool_]],
    areas: Mapping[int, Plane],
) -> dict[int, _Weights]:
    """By frame what either pass counts for a person.

    Args:
        keyed: (N,) bool by frame: who has a key.
        areas: (N,) by frame with a key: pixels of each person in it.
    """
    places = [i for i, t in enumerate(frames) if keyed[t][n]]
    found: dict[int, _Weights] = {}
    for i, t in enumerate(frames):
        before = max((k for k in places if k < i), default=None)
        after = min((k for k in places if k > i), default=None)
        if keyed[t][n] or (before is None and after is None):
            found[t] = _Weights(None, None, 0.0, 0.0)
        elif before is None or after is None:
            found[t] = _Weights(None, None, float(after is None), float(before is None))
        else:
            first, second = (float(areas[frames[k]][n]) ** SHOWN for k in (before, after))
            if not first or not second:
                first = second = 1.0  # an empty key is no poor one
            ahead, behind = (after - i) * first, (i - before) * second
            total = ahead + behind
            found[t] = _Weights(frames[before], frames[after], ahead / total, behind / total)
    return found


def _agreement(n: int, ahead: NDArray[np.intp], back: NDArray[np.intp]) -> Agreement:
    """Of the owners (H, W) of all pixels by both passes, 0 for the background, what holds for person `n`."""
    first, second = ahead == n, back == n
    either = max(int(np.count_nonzero(first | second)), 1)
    elsewhere = np.concatenate([back[first & ~second], ahead[second & ~first]])
    others = np.bincount(elsewhere, minlength=n + 1)
    others[0] = 0
    rival = int(others.argmax())
    return Agreement(_overlap(first, second), int(others[rival]) / either, max(rival - 1, 0))


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    either = np.count_nonzero(a | b)
    return 1.0 if either == 0 else np.count_nonzero(a & b) / either

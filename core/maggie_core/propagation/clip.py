"""A clip from its keys: people followed both ways from them, and both ways merged.

Shares of background and people in a pixel sum to 1. They are kept as bytes, so that a chain that is taken up
from the cache goes on from the very numbers it would have had.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from maggie_core.propagation.tracker import Tracker

Plane = NDArray[np.float32]
Stored = NDArray[np.uint8]
"""(N + 1, H, W) shares times 255."""

MOST_KEYS = 8
"""Keys that a frame is compared with; of more, some from first to last."""
LEAST_TRUST = 0.05
"""Weight of a direction that did not arrive at the next key at all."""


@dataclass(frozen=True)
class Clip:
    """Frames, and what is known of them.

    Attributes:
        image: (3, H, W) of a frame, sRGB-encoded in [0, 1].
        known: (N, H, W) masks of a frame, 0 or 1, in which no pixel is two people's; NaN for who has none.
        fixed: (N,) bool: who has a mask in every frame.
    """

    image: Callable[[int], Plane]
    known: Callable[[int], Plane]
    fixed: NDArray[np.bool_]

    def keyed(self, frame: int) -> NDArray[np.bool_]:
        """(N,) bool: who has a mask in a frame."""
        return ~np.isnan(self.known(frame)[:, 0, 0])


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


def memory_of(clip: Clip, keys: Sequence[int]) -> dict[int, Plane]:
    """Shares that a tracker may look up in key frames, by frame.

    Where somebody has no mask in a key frame, all that is nobody's is left open: it may be them.
    """
    count = min(len(keys), MOST_KEYS)
    chosen = [keys[round(i * (len(keys) - 1) / max(count - 1, 1))] for i in range(count)]
    found: dict[int, Plane] = {}
    for t in chosen:
        found[t] = at_key(clip.known(t))
        if not clip.keyed(t).all():
            found[t][0] = 0
    return found


def onwards(
    tracker: Tracker,
    clip: Clip,
    path: Sequence[int],
    start: Stored,
    keys: Mapping[int, Plane],
) -> Iterator[tuple[int, Stored]]:
    """Frames beyond the last key, or before the first one: (frame, shares) along a path.

    Args:
        start: shares of the first frame of the path.
        keys: as `memory_of` gives them.
    """
    found: dict[int, Stored] = {}

    def settle(frame: int, shares: Plane) -> Plane:
        found[frame] = stored(settled(shares, clip.known(frame)))
        return unstored(found[frame])

    for frame in tracker.follow(path, clip.image, keys, unstored(start), settle):
        yield frame, found.pop(frame)


def between(
    tracker: Tracker, clip: Clip, frames: Sequence[int], *, tell: Callable[[], None] = lambda: None
) -> Iterator[tuple[int, Stored, list[float]]]:
    """Frames from the first key to the last one, in order: (frame, shares, agreement).

    Agreement has for each person the overlap (intersection over union) of what the two passes found.

    People are followed forwards, then backwards. Who has no later key keeps in the second pass what the first
    one found. A frame takes from either pass by its distance from the key that the pass comes from, and by
    how well the pass arrived at the person's key on the other side.

    Args:
        frames: ascending; the first and the last have a key.
        tell: called after each frame of each pass.
    """
    keyed = {t: clip.keyed(t) for t in frames}
    keys = memory_of(clip, [t for t in frames if (keyed[t] & ~clip.fixed).any()])
    forwards = _pass(tracker, clip, frames, keys, {}, tell)
    later = np.zeros(len(clip.fixed), bool)
    given: dict[int, NDArray[np.bool_]] = {}
    for t in reversed(frames):
        later |= keyed[t]
        given[t] = ~later  # of whom the second pass has nothing to tell
    backwards = _pass(tracker, clip, frames[::-1], keys, {t: (forwards, given[t]) for t in frames}, tell)
    plans = [_plan(n, frames, keyed, forwards, backwards) for n in range(len(clip.fixed))]
    for t in frames:
        first, second = forwards.shares(t), backwards.shares(t)
        merged = np.empty_like(first)
        for n, plan in enumerate(plans):
            share = plan[t]
            merged[n + 1] = first[n + 1] + share * (second[n + 1] - first[n + 1])
        merged[1:] /= np.maximum(merged[1:].sum(axis=0), 1)
        merged[0] = 1 - merged[1:].sum(axis=0)
        ahead, back = first.argmax(axis=0), second.argmax(axis=0)
        agreement = [_overlap(ahead == n, back == n) for n in range(1, len(merged))]
        yield t, stored(settled(merged, clip.known(t))), agreement


@dataclass(frozen=True)
class _Pass:
    """One direction through the frames between keys."""

    packed: dict[int, bytes]
    shape: tuple[int, int, int]
    arrival: dict[tuple[int, int], float]
    """By frame and person: overlap (intersection over union) of what was found at a key with the key."""

    def shares(self, frame: int) -> Plane:
        values = np.frombuffer(zlib.decompress(self.packed[frame]), np.uint8).reshape(self.shape)
        return unstored(values)


def _pass(
    tracker: Tracker,
    clip: Clip,
    path: Sequence[int],
    keys: Mapping[int, Plane],
    given: Mapping[int, tuple[_Pass, NDArray[np.bool_]]],
    tell: Callable[[], None],
) -> _Pass:
    packed: dict[int, bytes] = {}
    arrival: dict[tuple[int, int], float] = {}

    def known(frame: int) -> Plane:
        masks = clip.known(frame)
        if frame in given and given[frame][1].any():
            other, who = given[frame]
            found = other.shares(frame)
            owner = found.argmax(axis=0)
            masks = masks.copy()
            for n in np.flatnonzero(who & np.isnan(masks[:, 0, 0])):
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
    for _ in tracker.follow(path, clip.image, keys, start, settle):
        tell()
    return _Pass(packed, start.shape, arrival)  # pyright: ignore[reportArgumentType] - three axes


def _plan(
    n: int, frames: Sequence[int], keyed: Mapping[int, NDArray[np.bool_]], forwards: _Pass, backwards: _Pass
) -> dict[int, float]:
    """By frame: what the backward pass counts for a person, in [0, 1]."""
    places = [i for i, t in enumerate(frames) if keyed[t][n]]
    plan: dict[int, float] = {}
    for i, t in enumerate(frames):
        before = max((k for k in places if k <= i), default=None)
        after = min((k for k in places if k >= i), default=None)
        if before is None or after is None:
            plan[t] = 1.0 if before is None else 0.0
            continue
        along = 0.5 if before == after else (i - before) / (after - before)
        there = max(forwards.arrival.get((frames[after], n), 1.0), LEAST_TRUST) ** along
        back = max(backwards.arrival.get((frames[before], n), 1.0), LEAST_TRUST) ** (1 - along)
        ahead, behind = (1 - along) * there, along * back
        plan[t] = behind / (ahead + behind)
    return plan


def _overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    either = np.count_nonzero(a | b)
    return 1.0 if either == 0 else np.count_nonzero(a & b) / either

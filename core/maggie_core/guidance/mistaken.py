"""Masks that look like a mistake: white all over, inverted, or with somebody else's whole mask in them.

Each makes mattes of the wrong things, or empty ones, without an error. What is told holds for no mask of
people as they are drawn: somebody who fills the image leaves it free at a corner, or at a side, and
somebody who is hidden in some frames is seen in others.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from maggie_api.sequences import compact_frames
from maggie_api.settings import Overlap
from maggie_core.guidance.names import listing
from maggie_core.guidance.overlap import CLAIM, exclusive
from maggie_core.guidance.source import Mask
from maggie_core.image.window import reframe

POINTS = 256
"""Masks are looked at in as many rows and columns of points: they may be of different sizes, and a person of
60 x 60 pixels in 1920x1080 has a hundred points."""
LEAST_POINTS = 8
"""A mask with fewer says nothing."""
LEAST_OUT = 0.002
"""Share of the image that a mask leaves out, below which it is white all over."""
SIDE = 0.995
"""Share of an image's side from which a mask takes it in whole."""
CUT_OFF, SHOULDERS, CLOSE = 0.3, 0.5, 0.15
"""Who is seen close up takes this share of the image's lower side, leaves this share of its left and right
side above their shoulders, and is this share of it: their mask, inverted, has the upper side alone whole."""
LEAST_LEFT = 0.05
"""Share of a mask that its matte has to itself, below which somebody else has it whole: edges of masks meet
and cross."""

MOST_TAKEN = 0.5
"""Share of what a mask leaves out that people have, above which it is no inverted mask but the background
behind them. Masks that look inverted themselves say nothing of each other: often all of a shot are."""

Look = Literal["person", "inverted", "full"]


@dataclass(frozen=True)
class Mistake:
    """A mask that looks like a mistake."""

    kind: Literal["inverted", "full", "hidden"]
    """`hidden`: wherever the person has a mask, all of it lies in the masks of `others`, who own it between
    them."""
    name: str
    frames: tuple[int, ...]
    """Ascending, of those that were read."""
    others: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Whom it hides, or by whom it is hidden, and in which of these frames."""

    def within(self, frames: Collection[int]) -> Mistake:
        """The same in those of `frames` where it is found; itself where it is found in others alone."""
        there = tuple(frame for frame in self.frames if frame in frames)
        if not there:
            return self
        others = {name: tuple(frame for frame in at if frame in frames) for name, at in self.others.items()}
        return replace(self, frames=there, others={name: at for name, at in others.items() if at})

    def explains(self, name: str, frames: Collection[int]) -> bool:
        """Whether the matte of `name` is wrong because of it, as seen in one of `frames`."""
        if name == self.name:
            return not set(self.frames).isdisjoint(frames)
        return self.kind != "hidden" and not set(self.others.get(name, ())).isdisjoint(frames)

    @property
    def sentence(self) -> str:
        """What was found, and what to do."""
        frames = _named(self.frames)
        if self.kind == "hidden":
            others = listing(tuple(self.others))
            masks, are = ("masks", "are") if len(self.others) > 1 else ("mask", "is")
            return (
                f"the whole mask of {self.name} lies in the {masks} of {others} in {frames}, and the matte "
                f"of {self.name} is empty there: unless {others} {are} in front of all of {self.name}, cut "
                f"{self.name} out of the {masks} of {others}, or change their order or --overlap"
            )
        if self.kind == "full":
            return (
                f"the mask of {self.name} is white all over in {frames}{self._hides}: white is what is "
                "matted, so check the file, and which of its channels or ids is meant"
            )
        return (
            f"the mask of {self.name} is white along the image's sides and black inside in {frames}"
            f"{self._hides}: white is what is matted, so turn black and white round if {self.name} is where "
            "it is black"
        )

    @property
    def _hides(self) -> str:
        """Whom it hides and where, as a part of the sentence."""
        if not self.others:
            return ""
        several, places = len(self.others) > 1, set(self.others.values())
        masks, mattes = ("masks", "their mattes") if several else ("mask", "that matte")
        where = "in some of them"
        if len(places) == 1:
            (place,) = places
            where = "there" if place == self.frames else f"in {_named(place)}"
        others = listing(tuple(self.others))
        return f", and covers the {masks} of {others} {where}, where little or nothing is left of {mattes}"


@dataclass
class Mistakes:
    """Looks at the masks of a shot as they are read, and keeps what it saw by name and frame."""

    _claimed: dict[str, set[int]] = field(default_factory=dict)
    _looks: dict[tuple[str, Look], set[int]] = field(default_factory=dict)
    _hidden: dict[Overlap, dict[str, dict[int, tuple[str, ...]]]] = field(default_factory=dict)
    """By the order that decides, person and frame: by whom, who has most of them first."""

    def note(self, frame: int, masks: Sequence[Mask]) -> None:
        """Look at the masks of a frame."""
        points = {mask.name: _points(mask) for mask in masks}
        claims = {name: int((plane >= CLAIM).sum()) for name, plane in points.items()}
        there = [mask for mask in masks if claims[mask.name] >= LEAST_POINTS]
        looks: dict[str, Look] = {mask.name: _look(mask, points[mask.name] >= CLAIM) for mask in there}
        people = [points[name] >= CLAIM for name, look in looks.items() if look == "person"]
        for name, look in looks.items():
            self._claimed.setdefault(name, set()).add(frame)
            if look == "inverted" and people:
                taken = np.any(people, axis=0)[points[name] < CLAIM].mean()
                look = "person" if taken > MOST_TAKEN else look
            self._looks.setdefault((name, look), set()).add(frame)
        if len(there) < 2:
            return
        coverage = np.stack([points[mask.name] for mask in there])
        claimed = coverage >= CLAIM
        orders: tuple[Overlap, ...] = ("first", "last")
        for order in orders:
            owned = exclusive(coverage, order) > 0
            for n, mask in enumerate(there):
                left = owned[n].sum() / claimed[n].sum()
                if left < LEAST_LEFT:
                    owners = _owners(owned[:, claimed[n]].mean(axis=1), n)
                    by = tuple(there[k].name for k in owners)
                    self._hidden.setdefault(order, {}).setdefault(mask.name, {})[frame] = by

    def found(
        self, overlap: Overlap, *, whole: bool, same: Callable[[str, str], bool] = lambda one, other: False
    ) -> Iterator[Mistake]:
        """The mistakes in what was seen.

        Args:
            overlap: which of several owns a pixel.
            whole: all frames that have masks were seen. Only then it is known that somebody who fills the
                image does so in all of them.
            same: whether two are known to have the same masks, which is a mistake of its own.
        """
        hidden = self._hidden.get(overlap, {})
        mistaken: set[str] = set()
        for name, claimed in self._claimed.items():
            inverted, full = (self._looks.get((name, look), set()) for look in ("inverted", "full"))
            hides = {
                other: tuple(sorted(where))
                for other in hidden
                if (where := (inverted | full) & _by(name, hidden[other]))
            }
            if inverted:
                yield Mistake("inverted", name, tuple(sorted(inverted | full)), hides)
            elif full and whole and full == claimed:
                yield Mistake("full", name, tuple(sorted(full)), hides)
            elif hides:
                yield Mistake("full", name, tuple(sorted(set[int]().union(*hides.values()))), hides)
            else:
                continue
            mistaken.add(name)
        for name, by in hidden.items():
            others: dict[str, tuple[int, ...]] = {}
            for frame, owners in sorted(by.items()):
                others |= {owner: (*others.get(owner, ()), frame) for owner in owners}
            known = mistaken.intersection(others) or any(same(name, other) for other in others)
            if not known and set(by) == self._claimed[name]:
                yield Mistake("hidden", name, tuple(sorted(by)), others)


def _named(frames: Sequence[int]) -> str:
    return f"frame{'s' if len(frames) > 1 else ''} {compact_frames(frames)}"


def _owners(shares: NDArray[np.floating], n: int) -> list[int]:
    """Who has the mask of `n` between them, who has most of it first.

    Args:
        shares: (N,) of that mask that everybody has; they sum up to 1.
    """
    most_first = [int(k) for k in np.argsort(-shares, kind="stable") if k != n]
    count = 1 + int(np.argmax(shares[n] + np.cumsum(shares[most_first]) > 1 - LEAST_LEFT))
    return most_first[:count]


def _by(owner: str, hidden: Mapping[int, tuple[str, ...]]) -> set[int]:
    """Frames in which somebody is hidden by `owner`, or by others less."""
    return {frame for frame, by in hidden.items() if by[0] == owner}


def _points(mask: Mask) -> NDArray[np.float32]:
    """(POINTS, POINTS) coverage of a mask at points spread over its display window."""

    def places(
        start: int, length: int, stored: int, count: int
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        at = start - stored + ((np.arange(POINTS) + 0.5) * length / POINTS).astype(np.intp)
        return np.clip(at, 0, count - 1), (at >= 0) & (at < count)

    display, data = mask.display, mask.data
    rows, down = places(display.y, display.height, data.y, data.height)
    columns, across = places(display.x, display.width, data.x, data.width)
    return np.where(down[:, None] & across, mask.pixels[rows[:, None], columns], np.float32(0))


def _look(mask: Mask, points: NDArray[np.bool_]) -> Look:
    """What a mask looks like.

    Inverted is one that has the left and the right side of the image whole, its corners, and one side more
    but where somebody stands at the lower one; or has all around a close-up. Of 8,284 crops of 30 to 100 % of
    the masks of 6 portraits, 14 people of a crowd, the demo shot and 27 photographs three in a thousand look
    so, most of them of toys that fill the image; of the masks themselves none, and inverted all portraits and
    127 of 149.
    """
    display, data = mask.display, mask.data
    if data.intersection(display) != display or not points[0, [0, -1]].all():
        return "person"
    out = 1 - float(points.mean())
    corners = bool(points[-1, [0, -1]].all())
    if corners and out < LEAST_OUT:
        return "full"
    shown = reframe(mask.pixels, data, display) >= CLAIM
    sides = (shown[:, 0], shown[:, -1], shown[0], shown[-1])
    left, right, top, bottom = (float(side.mean()) for side in sides)
    if corners and min(left, right) >= SIDE and (top >= SIDE or bottom < SIDE):
        return "inverted"
    above = shown[: int(SHOULDERS * len(shown))][:, [0, -1]]
    cut_off = top >= SIDE and above.all() and bottom <= 1 - CUT_OFF
    return "inverted" if cut_off and out >= CLOSE else "person"

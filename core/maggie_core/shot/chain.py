"""The mattes of one chain of frames, asked for one by one: made, or found in the state cache.

    a frame's pixels    picture and guidance as the network sees them
    network             its window of three frames, and the network's matte of the frame before
    refined            network's matte, the frame's pixels
    matte               refined mattes of the frame and its two neighbours, and their pictures

Each of these steps is remembered under what it depends on, a frame's pixels and earlier results by their
digests. A mask that is painted anew thus costs the frames that come out different, and no other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_api.errors import InputError
from maggie_api.sequences import compact_frames
from maggie_api.settings import Refine, Smooth
from maggie_core.color import RepairCount
from maggie_core.image.frame import Frame
from maggie_core.model import MatteModel
from maggie_core.model.matte_model import WINDOW
from maggie_core.postprocess.edges import refine_edges
from maggie_core.postprocess.temporal import Flows, flows, smoothed
from maggie_core.shot.cache import StateCache, array_digest, key_of
from maggie_core.shot.first_look import better_guidance
from maggie_core.shot.frame_input import FrameInput
from maggie_core.shot.memo import CachedStep, LruCache

PAD_PX = 64
"""The network sees the working grid grown right and bottom to a multiple of this. The last row and column go
on, so that a person cut by the picture's border does not seem to end there; published is black."""

Reused = Literal["nothing", "state", "matte"]
"""What of a frame was found in the cache: nothing, the network's matte, or the finished one."""

PIXELS = ("plate", "guidance", "pins")
"""What a frame's pixels are of."""


@dataclass(frozen=True)
class Recipe:
    """What decides a chain's mattes, beside the pixels of its frames."""

    refine: Refine
    smooth: Smooth
    carry_hidden: bool = False
    """Whether a window's temporal state starts from the window before, as the paper says; published is 0."""
    first_look: float = 0.0
    """Size of the first look at a frame (`shot.first_look`), as a share of the frame's; 0 is none."""
    seeing: dict[str, Any] | None = None
    """How files become pixels: colour, geometry, instances, ... With a cache only, as all below."""
    network: dict[str, Any] | None = None
    """Weights and everything that decides the bits of a computation."""
    shot: str = ""
    """What the shot is called when the cache tells what has changed since last time."""


class Chain:
    """Frames that share one chain of temporal state.

    Args:
        frames: frame numbers, ascending, warm-up and look-ahead included.
        look: reads a frame; its InputError is remembered, and raised for every frame that needs this one.
        files: digests by name of the files a look at a frame depends on.
        size: width and height of the working grid.
        between: called between two steps of the work, with whether a frame is looked at next.
    """

    def __init__(
        self,
        model: MatteModel,
        frames: Sequence[int],
        recipe: Recipe,
        *,
        look: Callable[[int], FrameInput],
        files: Callable[[int], dict[str, str]],
        size: tuple[int, int],
        cache: StateCache | None = None,
        between: Callable[[bool], None] = lambda looks: None,
    ) -> None:
        self.frames = tuple(frames)
        self._between = between
        self._model, self._recipe, self._cache = model, recipe, cache
        self._read, self._files, (self._width, self._height) = look, files, size
        self._last = len(self.frames) - 1
        self._looks: LruCache[FrameInput] = LruCache(2 * WINDOW)
        self._features: LruCache[tuple[bool, Any]] = LruCache(WINDOW)
        """Of a frame, and whether they are whole."""
        self._windows: LruCache[_Window] = LruCache(1)
        self._flows: LruCache[Flows] = LruCache(2)
        self._noted: dict[int, dict[str, Any]] = {}
        self._broken: dict[int, InputError | OSError] = {}
        steps = ("hidden", self._hidden_parts, self._make_hidden), ("network", self._parts, self._make)
        self._hidden, self._network = (CachedStep(*step, cache, chained=True) for step in steps)
        self._refined = CachedStep("refine", self._refine_parts, self._make_refined, cache)
        self._mattes = CachedStep("smooth", self._smooth_parts, self._make_smoothed, cache)

    def close(self) -> None:
        """Let go of every array: a chain and its steps hold each other, so nothing else would for long."""
        for recent in (self._looks, self._features, self._windows, self._flows):
            recent.keep(())
        self._broken.clear()  # an error knows the calls it came through, and what they held
        for step in (self._hidden, self._network, self._refined, self._mattes):
            step.close()

    def matte(self, frame: int) -> tuple[np.ndarray, Reused, str]:
        """(N, h, w) float32 alphas of `frame`, what of them was reused, and why not more.

        Raises:
            InputError, OSError: a frame it depends on cannot be read.
        """
        i = self.frames.index(frame)
        alphas = self._mattes.array(i)
        if self._cache is None:
            return alphas, "nothing", ""
        found = i not in self._mattes.made
        reused: Reused = "matte" if found else "nothing" if i in self._network.made else "state"
        return alphas, reused, self._remember(i, found=found)

    def about(self, frame: int) -> tuple[Frame | None, np.ndarray, RepairCount]:
        """Header of a frame (None when it was not read), (N,) bool who is there, and its repairs."""
        i = self.frames.index(frame)
        if self._cache is None or self._looks.get(i) is not None:
            look = self._look(i)
            return look.header, look.present, look.repairs
        seen = self._seen(i)
        present = np.array([there == "1" for there in seen["present"]])
        return None, present, RepairCount(**seen["repairs"])

    def picture(self, frame: int) -> np.ndarray:
        """(3, h, w) what the network saw of a frame.

        Raises:
            InputError, OSError: the frame cannot be read.
        """
        return self._look(self.frames.index(frame)).picture

    def _look(self, i: int) -> FrameInput:
        if i in self._broken:
            raise self._broken[i]
        found = self._looks.get(i)
        if found is None:
            self._between(True)
            try:
                found = self._read(self.frames[i])
            except (InputError, OSError) as error:
                self._broken[i] = error
                raise
            self._looks.put(i, found)
        return found

    def _seen(self, i: int) -> dict[str, Any]:
        """Digests of a frame's pixels, who is there, and repairs."""
        if i in self._broken:
            raise self._broken[i]
        if i not in self._noted:
            assert self._cache is not None
            key = key_of("seen", {"how": self._recipe.seeing, "files": self._files(self.frames[i])})
            found = self._cache.recall(key)
            if found is None:
                look = self._look(i)
                found = {
                    "plate": array_digest(look.picture),
                    "guidance": array_digest(look.guidance),
                    "pins": "" if look.pinned is None else array_digest(look.pinned),
                    "present": "".join("01"[bool(there)] for there in look.present),
                    "repairs": asdict(look.repairs),
                }
                self._cache.record(key, found)
            self._noted[i] = found
        return self._noted[i]

    def _pixels(self, i: int) -> dict[str, str]:
        """Digests of all the network sees of a frame."""
        seen = self._seen(i)
        return {what: seen[what] for what in PIXELS}

    # The network: frame 0 comes from the first window, frame i from the one around it. The last frame has no
    # second neighbour and keeps what its own frame says: published is to carry the matte before it on
    # wherever nothing seems to change, which leaves a ghost where a change is overlooked.

    def _window_of(self, i: int) -> int:
        return max(0, min(i - 1, self._last - WINDOW + 1))

    def _indices(self, window: int) -> list[int]:
        if not self._model.is_video:
            return [window]
        return [min(window + k, self._last) for k in range(WINDOW)]

    def _keeps_its_own(self, i: int) -> bool:
        return i == self._last and self._last >= WINDOW - 1

    def _parts(self, i: int) -> dict[str, Any]:
        window = self._window_of(i)
        carried = self._recipe.carry_hidden and window > 0
        own = self._keeps_its_own(i)
        return {
            "network": self._recipe.network,
            "place": "own" if own else i - window,
            "window": [self._pixels(j) for j in self._indices(window)],
            "before": None if window == 0 or own else self._network.digest(window),
            "hidden": self._hidden.digest(window) if carried else None,
        }

    def _make(self, i: int) -> np.ndarray:
        result = self._window(self._window_of(i))
        if self._keeps_its_own(i):
            return result.own_last[0]
        return result.first if i == 0 else result.second

    def _hidden_parts(self, i: int) -> dict[str, Any]:
        return {
            "network": self._recipe.network,
            "window": [self._pixels(j) for j in self._indices(i - 1)] if i else None,
            "hidden": self._hidden.digest(i - 1) if i > 1 else None,
        }

    def _make_hidden(self, i: int) -> np.ndarray:
        """State before the window that starts at frame i; before the first there is none."""
        hidden = self._window(i - 1).hidden if i else None
        return np.zeros(0, np.float32) if hidden is None else hidden

    def _window(self, window: int) -> _Window:
        found = self._windows.get(window)
        if found is not None:
            return found
        looks = {j: self._look(j) for j in self._indices(window)}
        before = hidden = None
        if window > 0:
            before = torch.from_numpy(self._network.array(window))
            if self._recipe.carry_hidden and (state := self._hidden.array(window)).size:
                hidden = torch.from_numpy(state)
        known = {j: self._grown(look.pinned) for j, look in looks.items() if look.pinned is not None}
        self._features.keep(looks)
        encoded = [self._encoded(j, looks[j], passed=j == window > 0) for j in self._indices(window)]
        self._between(False)
        result = self._model.window(
            encoded,
            previous=before,
            hidden=hidden,
            skip_first=before is not None,
            skip_last=before is not None and window + WINDOW <= self._last,
            known=[known.get(j) for j in self._indices(window)],
        )
        state = result.hidden[0] if self._recipe.carry_hidden and result.hidden is not None else None
        made = _Window(
            _array(result.alpha[0]),
            _array(result.alpha[min(1, len(result.alpha) - 1)]),
            _array(result.single[-1:]),
            None if state is None else _array(state),
        )
        self._windows.put(window, made)
        self._between(False)
        return made

    def _encoded(self, j: int, look: FrameInput, *, passed: bool) -> Any:
        """Features of frame j, as far as a window takes them that begins with it or has `passed` it."""
        whole, found = self._features.get(j) or (False, None)
        if found is None or not (whole or passed):
            masks = better_guidance(
                self._model, look.picture, look.guidance, share=self._recipe.first_look, pad_px=PAD_PX
            )
            found = self._model.encode(self._grown(look.picture), self._grown(masks))
        if passed:
            found = self._model.passed(found)
        self._features.put(j, (not passed, found))
        return found

    def _grown(self, planes: np.ndarray) -> Tensor:
        """(C, h, w) with its last column and row repeated."""
        margin = (0, -self._width % PAD_PX, 0, -self._height % PAD_PX)
        return F.pad(torch.from_numpy(planes).unsqueeze(0), margin, mode="replicate").squeeze(0)

    # The last steps.

    def _refine_parts(self, i: int) -> dict[str, Any]:
        return {
            "network": self._recipe.network,
            "how": self._recipe.refine,
            "alphas": self._network.digest(i),
            "pixels": self._pixels(i),
        }

    def _make_refined(self, i: int) -> np.ndarray:
        alphas, look = self._network.array(i)[:, : self._height, : self._width], self._look(i)
        return _with_pins(refine_edges(alphas, look.picture, look.guidance, self._recipe.refine), look)

    def _beside(self, i: int) -> list[int]:
        return [j for j in (i - 1, i + 1) if 0 <= j <= self._last] if self._recipe.smooth != "none" else []

    def _smooth_parts(self, i: int) -> dict[str, Any]:
        return {
            "network": self._recipe.network,
            "how": self._recipe.smooth,
            "frames": [
                (self._refined.digest(j), self._seen(j)["plate"], self._seen(j)["present"])
                for j in (i, *self._beside(i))
            ],
            "pins": self._seen(i)["pins"],
        }

    def _make_smoothed(self, i: int) -> np.ndarray:
        # In ascending order, as the frames come: the network then goes over them once.
        alphas = {j: self._refined.array(j) for j in sorted((i, *self._beside(i)))}
        beside = [
            (self._look(j).picture, alphas[j], self._look(j).present, partial(self._ways, i, j))
            for j in self._beside(i)
        ]
        if not beside:
            return alphas[i]
        look = self._look(i)
        return _with_pins(smoothed(look.picture, alphas[i], beside), look)

    def _ways(self, i: int, j: int) -> Flows:
        """The flows from frame i to the one beside it; both need them."""
        first = min(i, j)
        found = self._flows.get(first)
        if found is None:
            found = flows(self._look(first).picture, self._look(first + 1).picture)
            self._flows.put(first, found)
        return found if first == i else found.turned

    # What has changed since last time.

    def _remember(self, i: int, *, found: bool) -> str:
        """Note what the matte of a frame was made from; unless it was `found`, say what is new in that."""
        assert self._cache is not None
        around = range(max(0, i - 2), min(self._last, i + 2) + 1)
        noted = {
            "recipe": {
                **(self._recipe.network or {}),
                **(self._recipe.seeing or {}),
                "refine": self._recipe.refine,
                "smooth": self._recipe.smooth,
            },
            "frames": {str(self.frames[j]): self._pixels(j) for j in around if j in self._noted},
            "before": {str(self.frames[j]): self._network.digest(j) for j in (i - 2,) if j >= 0},
        }
        now = json.loads(json.dumps(noted))  # as it will be recalled
        key = key_of("last time", {"shot": self._recipe.shot, "frame": self.frames[i]})
        before = self._cache.recall(key)
        if before != now:
            self._cache.record(key, now)
        if found:
            return ""
        return "first time" if before is None else _news(before, now)


@dataclass(frozen=True, eq=False)
class _Window:
    """What is kept of a window's result, on the grown grid: (N, H, W) mattes of its first frames."""

    first: np.ndarray
    second: np.ndarray
    own_last: np.ndarray
    """(1, N, H, W) the last frame's matte before the fusion, or none where nobody asks for it."""
    hidden: np.ndarray | None


def _array(planes: Tensor) -> np.ndarray:
    return planes.float().cpu().numpy().copy()


def _with_pins(alphas: np.ndarray, look: FrameInput) -> np.ndarray:
    return alphas if look.pinned is None else np.where(np.isnan(look.pinned), alphas, look.pinned)


def _news(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What differs between two notes of the same frame, in a phrase."""
    was, recipe = before["recipe"], now["recipe"]
    changed = [name for name in sorted(recipe.keys() | was.keys()) if recipe.get(name) != was.get(name)]
    if changed:
        return f"changed: {', '.join(changed)}"
    words = []
    for what in PIXELS:
        frames = [
            frame
            for frame, seen in now["frames"].items()
            if frame in before["frames"] and before["frames"][frame][what] != seen[what]
        ]
        if frames:
            words.append(f"{what} of {compact_frames(map(int, frames))}")
    if words:
        return f"changed: {'; '.join(words)}"
    if before["frames"].keys() != now["frames"].keys():
        return "changed: which frames are its neighbours"
    if before["before"] != now["before"]:
        return f"changed: the matte of {', '.join(now['before'] or before['before'])}, which it goes on from"
    return "no longer in the cache"

"""The mattes of one chain of frames. Each step of a frame is computed, or found in the state cache.

    step       depends on
    network    images and guidance of its window of three frames, and the network's matte of the frame before;
               of a network that sees every frame by itself, the image and guidance of the frame
    refined    the network's matte, and the image and guidance of the frame
    matte      the refined mattes of the frame and its two neighbours, and their images

The cache's key of a step is the digest of what it depends on; images and earlier results count by their own
digests. So a mask that is painted anew costs only the frames whose results change.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from maggie_api.lru import LruCache
from maggie_api.sequences import compact_frames
from maggie_api.settings import Refine, Smooth
from maggie_core.color import RepairCount
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.model import MatteModel
from maggie_core.model.config import WINDOW
from maggie_core.model.frame_window import TemporalState, Wanted
from maggie_core.model.still import PAD_PX, padded
from maggie_core.postprocess.alignment import SeenMask, seen_in
from maggie_core.postprocess.edges import masks_off, refine_edges
from maggie_core.postprocess.losses import Loss, losses
from maggie_core.postprocess.neighbours import clear_cores
from maggie_core.postprocess.temporal import Flows, flows, smoothed
from maggie_core.runtime.threads import side_by_side
from maggie_core.shot.cache import StateCache, key_of
from maggie_core.shot.first_look import better_guidance
from maggie_core.shot.frame_input import PIXELS, FrameDigest, FrameInput, digest_of, set_in
from maggie_core.shot.inputs import InputAccount
from maggie_core.shot.memo import CachedStep

Reused = Literal["nothing", "state", "matte"]
"""What was found in the cache for a frame: nothing, the network's matte, or the finished one."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides a chain's mattes beside the pixels of its frames."""

    refine: Refine
    smooth: Smooth
    carry_hidden: bool = False
    """Whether temporal state passes from window to window, as the paper says. The published program starts
    every window from zeros."""
    trusts: tuple[float | None, ...] | None = None
    """How far each matte keeps to its mask; None leaves that to the masks, of one instance or of all."""
    first_look: float = 0.0
    """Size of the first look at a frame (`shot.first_look`), as a share of the frame's; 0 is none."""
    seeing: dict[str, Any] | None = None
    """How files become pixels: colour, geometry, instances, ... Only with a cache, as all fields below."""
    network: dict[str, Any] | None = None
    """Weights and everything that decides the bits of a computation."""
    shot: str = ""
    """Identifies the shot, for the reason that is told when a matte was not found."""


class Chain:
    """Frames that share one chain of temporal state.

    Args:
        frames: frame numbers, ascending, warm-up and look-ahead included.
        read: reads a frame; raises `UnreadableFrameError` for one whose own files cannot be used, and
            `InputsChangedError` for one that was another before.
        files: digests by kind of the files of a frame as they are now.
        account: what the mattes are made from is noted here.
        size: width and height of the working grid.
        own: places, among the instances of a frame, of those whose mattes are asked for; the others compete
            with them for pixels.
        sizes: height of everybody in a frame, in pixels of the working grid; for who was not measured (0, or
            the whole empty) the mask of that frame tells it.
        plate_px: pixels of the working grid that a pixel of the plate spans; 1 where nothing is enlarged.
        checkpoint: called between two steps of the work, with whether the next one reads a frame.
    """

    def __init__(
        self,
        model: MatteModel,
        frames: Sequence[int],
        recipe: Recipe,
        *,
        read: Callable[[int], FrameInput],
        files: Callable[[int], dict[str, str]],
        account: InputAccount,
        size: tuple[int, int],
        own: Sequence[int],
        sizes: Callable[[int], Sequence[float]] = lambda frame: (),
        plate_px: float = 1.0,
        cache: StateCache | None = None,
        checkpoint: Callable[[bool], None] = lambda reads: None,
    ) -> None:
        self.frames = tuple(frames)
        self._checkpoint = checkpoint
        self._model, self._recipe, self._cache = model, recipe, cache
        self._read, self._files, self._account, self._size = read, files, account, size
        self._width, self._height = size
        self._own, self._measured, self._plate_px = list(own), sizes, plate_px
        self._last = len(self.frames) - 1
        self._frame_inputs: LruCache[FrameInput] = LruCache(2 * WINDOW)
        self._features: LruCache[tuple[bool, Any]] = LruCache(WINDOW)
        """Features of a frame, and whether they are whole (see `_encoded`)."""
        self._windows: LruCache[_WindowMattes] = LruCache(1)
        self._flows: LruCache[Flows] = LruCache(2)
        self._seen_masks: LruCache[list[SeenMask]] = LruCache(WINDOW)
        self._frame_digests: dict[int, FrameDigest] = {}
        steps = ("hidden", self._hidden_key, self._make_hidden), ("network", self._network_key, self._make)
        self._hidden, self._network = (CachedStep(*step, cache, chained=self._looks_around) for step in steps)
        self._refined = CachedStep("refine", self._refine_key, self._make_refined, cache)
        self._mattes = CachedStep("smooth", self._smooth_key, self._make_smoothed, cache)

    def close(self) -> None:
        """Release every array. A chain and its steps refer to each other, so they are freed late."""
        for recent in (self._frame_inputs, self._features, self._windows, self._flows, self._seen_masks):
            recent.keep(())
        for step in (self._hidden, self._network, self._refined, self._mattes):
            step.close()

    def matte(self, frame: int) -> tuple[np.ndarray, Reused, str]:
        """(N, h, w) float32 alphas of `frame` in [0, 1], what was reused, and the reason why not more.

        Raises:
            UnreadableFrameError: the files of a frame it depends on cannot be used.
            InputsChangedError: those of a frame have changed since they were read.
        """
        i = self.frames.index(frame)
        alphas = self._mattes.array(i)
        if self._cache is None:
            return alphas, "nothing", ""
        found = i not in self._mattes.made
        reused: Reused = "matte" if found else "nothing" if i in self._network.made else "state"
        return alphas, reused, self._remember(i, found=found)

    def without(self, frame: int) -> Chain:
        """The same chain as if the shot had no such frame; what does not depend on it is taken over.

        This chain is closed.
        """
        at = self.frames.index(frame)
        rest = Chain(
            self._model,
            (*self.frames[:at], *self.frames[at + 1 :]),
            self._recipe,
            read=self._read,
            files=self._files,
            account=self._account,
            size=self._size,
            own=self._own,
            sizes=self._measured,
            plate_px=self._plate_px,
            cache=self._cache,
            checkpoint=self._checkpoint,
        )
        before = range(at)
        self._frame_inputs.keep(before)
        self._features.keep(before)
        rest._frame_inputs.take(self._frame_inputs)
        rest._features.take(self._features)
        rest._frame_digests = {i: digest for i, digest in self._frame_digests.items() if i in before}
        # The matte of frame i is made of its window; a smoothed one of its neighbours' windows, too.
        whole = [i for i in before if self._window_of(i) + self._model.window_frames <= at]
        rest._hidden.take(self._hidden, whole)
        rest._network.take(self._network, whole)
        rest._refined.take(self._refined, whole)
        rest._mattes.take(self._mattes, [i for i in whole if i + 1 in whole])
        self.close()
        return rest

    def losses(self, frame: int, geometry: Geometry) -> tuple[Loss, ...]:
        """What the matte of a frame lost of its masks; instances count as in the frame.

        Args:
            geometry: of the working grid.
        """
        i = self.frames.index(frame)
        if self._cache is None:
            return self._find_losses(i, geometry)
        about = {"alphas": self._mattes.digest(i), "guidance": self._frame_digest(i).guidance}
        key = key_of("losses", about | {"own": self._own, "region": asdict(geometry.region)})
        found = self._cache.recall(key)
        if found is None:
            losses = self._find_losses(i, geometry)
            self._cache.record(key, {"losses": [asdict(loss) for loss in losses]})
            return losses
        return tuple(Loss(**{**loss, "where": Window(**loss["where"])}) for loss in found["losses"])

    def _find_losses(self, i: int, geometry: Geometry) -> tuple[Loss, ...]:
        guidance, sizes = self._frame_input(i).guidance, [mask.size for mask in self._seen(i)]
        return losses(self._mattes.array(i), guidance, sizes, geometry, own=self._own)

    def frame_info(self, frame: int) -> tuple[Frame | None, np.ndarray, RepairCount]:
        """Header of a frame (None when it was not read), (N,) bool presence of its own instances, its
        repairs."""
        i = self.frames.index(frame)
        if self._cache is None or self._frame_inputs.get(i) is not None:
            frame_input = self._frame_input(i)
            return frame_input.header, frame_input.present[self._own], frame_input.repairs
        digest = self._frame_digest(i)
        return None, set_in(digest.present, self._own), RepairCount(**digest.repairs)

    def beyond(self, frame: int) -> np.ndarray:
        """(N,) bool: whose mask, of its own instances, goes on outside the region in a frame."""
        i = self.frames.index(frame)
        if self._cache is None or self._frame_inputs.get(i) is not None:
            return self._frame_input(i).beyond[self._own]
        return set_in(self._frame_digest(i).beyond, self._own)

    def image(self, frame: int) -> np.ndarray:
        """(3, h, w) float32 image of a frame as the network sees it, sRGB-encoded in [0, 1].

        Raises:
            UnreadableFrameError, InputsChangedError: as `matte`.
        """
        return self._frame_input(self.frames.index(frame)).image

    def _frame_input(self, i: int) -> FrameInput:
        found = self._frame_inputs.get(i)
        if found is None:
            self._checkpoint(True)
            found = self._read(self.frames[i])
            self._frame_inputs.put(i, found)
        return found

    def _frame_digest(self, i: int) -> FrameDigest:
        """The digests of a frame's input: from the cache by those of its files, else of its arrays."""
        if i not in self._frame_digests:
            assert self._cache is not None
            frame = self.frames[i]
            files = self._files(frame) | self._account.of(frame)
            found = self._cache.recall(self._frame_key(files))
            if found is None:
                self._frame_digests[i] = digest_of(self._frame_input(i))
                self._cache.record(self._frame_key(self._account.of(frame)), asdict(self._frame_digests[i]))
            else:
                self._account.note(frame, files)
                self._frame_digests[i] = FrameDigest(**found)
        return self._frame_digests[i]

    def _frame_key(self, files: dict[str, str]) -> str:
        return key_of("frame", {"how": self._recipe.seeing, "files": files})

    # The network's matte of frame 0 comes from the first window, that of frame i from the window around it.
    # The last frame has no frame after it and keeps the matte of its own features. The published program
    # keeps the matte of the frame before wherever nothing seems to change; a change it misses leaves a ghost.

    @property
    def _looks_around(self) -> bool:
        """Whether the network's matte of a frame depends on other frames."""
        return self._model.window_frames > 1

    def _window_of(self, i: int) -> int:
        if not self._looks_around:
            return i
        return max(0, min(i - 1, self._last - WINDOW + 1))

    def _indices(self, window: int) -> list[int]:
        return [min(window + k, self._last) for k in range(self._model.window_frames)]

    def _keeps_its_own(self, i: int) -> bool:
        return self._looks_around and i == self._last and self._last >= WINDOW - 1

    def _network_key(self, i: int) -> dict[str, Any]:
        window = self._window_of(i)
        after = self._looks_around and window > 0
        own = self._keeps_its_own(i)
        return {
            "network": self._recipe.network,
            "place": "own" if own else i - window,
            "window": [self._frame_digest(j).pixels for j in self._indices(window)],
            "before": self._network.digest(window) if after and not own else None,
            "hidden": self._hidden.digest(window) if after and self._recipe.carry_hidden else None,
        }

    def _make(self, i: int) -> np.ndarray:
        result = self._window(self._window_of(i))
        if self._keeps_its_own(i):
            return result.own_last[0]
        return result.first if i == 0 else result.second

    def _hidden_key(self, i: int) -> dict[str, Any]:
        return {
            "network": self._recipe.network,
            "window": [self._frame_digest(j).pixels for j in self._indices(i - 1)] if i else None,
            "hidden": self._hidden.digest(i - 1) if i > 1 else None,
        }

    def _make_hidden(self, i: int) -> np.ndarray:
        """Temporal state before the window that starts at frame i; empty before the first window."""
        hidden = self._window(i - 1).hidden if i else None
        return np.zeros(0, np.float32) if hidden is None else hidden

    def _window(self, window: int) -> _WindowMattes:
        found = self._windows.get(window)
        if found is not None:
            return found
        inputs = {j: self._frame_input(j) for j in self._indices(window)}
        before = hidden = None
        after = self._looks_around and window > 0
        if after:
            before = torch.from_numpy(self._network.array(window))
            if self._recipe.carry_hidden and (state := self._hidden.array(window)).size:
                hidden = torch.from_numpy(state)
        fixed = {j: padded(pins) for j, each in inputs.items() if (pins := self._pins(each)) is not None}
        self._features.keep(inputs)
        encoded = [self._encoded(j, inputs[j], released=after and j == window) for j in self._indices(window)]
        self._checkpoint(False)
        wanted: Wanted = "all"
        if before is not None:
            wanted = "middle" if window + WINDOW <= self._last else "after first"
        result = self._model.window(
            encoded,
            state=TemporalState(before, hidden),
            wanted=wanted,
            fixed_alphas=[fixed.get(j) for j in self._indices(window)],
            only=self._own,
        )
        state = result.hidden[0] if self._recipe.carry_hidden and result.hidden is not None else None
        made = _WindowMattes(
            _array(result.alpha[0]),
            _array(result.alpha[min(1, len(result.alpha) - 1)]),
            _array(result.single[-1:]),
            None if state is None else _array(state),
        )
        self._windows.put(window, made)
        self._checkpoint(False)
        return made

    def _encoded(self, j: int, frame_input: FrameInput, *, released: bool) -> Any:
        """Features of frame j; `released` of what only the windows before this one needed."""
        whole, found = self._features.get(j) or (False, None)
        if found is None or not (whole or released):
            masks = better_guidance(
                self._model,
                frame_input.image,
                frame_input.guidance,
                share=self._recipe.first_look,
                pad_px=PAD_PX,
                seen=self._seen(j),
            )
            found = self._model.encode(padded(frame_input.image), padded(masks))
        if released:
            found = self._model.release_fine(found)
        self._features.put(j, (not released, found))
        return found

    # The last steps.

    def _refine_key(self, i: int) -> dict[str, Any]:
        return {
            "network": self._recipe.network,
            "how": self._recipe.refine,
            "alphas": self._network.digest(i),
            "pixels": self._frame_digest(i).pixels,
            "sizes": self._measured(self.frames[i]),
            **self._trusted,
        }

    @property
    def _trusted(self) -> dict[str, Any]:
        trusts = self._recipe.trusts
        return {} if trusts is None else {"trust": trusts}

    def _make_refined(self, i: int) -> np.ndarray:
        alphas = self._network.array(i)[:, : self._height, : self._width]
        frame, how, trusts, own = self._frame_input(i), self._recipe.refine, self._recipe.trusts, self._own
        if how == "none" and trusts is None:
            return _with_pins(alphas, self._pins(frame))
        seen, measured = self._seen(i), self._measured(self.frames[i])
        if measured:
            seen = [replace(mask, size=size or mask.size) for mask, size in zip(seen, measured, strict=True)]
        sizes, mine = [mask.size for mask in seen], [seen[n] for n in own]
        off = masks_off(alphas, mine, trusts=trusts)
        refined = refine_edges(
            alphas,
            frame.image,
            frame.guidance[own],
            how,
            sizes=[mask.size for mask in mine],
            doubts=side_by_side(lambda n: self._seen(i)[n].doubt, own),
            off=off,
            trusts=trusts,
            plate_px=self._plate_px,
        )
        if how == "none":
            return _with_pins(refined, self._pins(frame))
        return _with_pins(clear_cores(refined, frame.guidance, sizes, own=own, off=off), self._pins(frame))

    def _seen(self, i: int) -> list[SeenMask]:
        """The masks of a frame as they lie in its image."""
        found = self._seen_masks.get(i)
        if found is None:
            frame = self._frame_input(i)
            found = seen_in(frame.image, frame.guidance, plate_px=self._plate_px)
            self._seen_masks.put(i, found)
        return found

    def _pins(self, frame: FrameInput) -> np.ndarray | None:
        """(N, h, w) pinned alphas of its own instances."""
        return None if frame.pinned is None else frame.pinned[self._own]

    def _beside(self, i: int) -> list[int]:
        return [j for j in (i - 1, i + 1) if 0 <= j <= self._last] if self._recipe.smooth != "none" else []

    def _smooth_key(self, i: int) -> dict[str, Any]:
        return {
            "network": self._recipe.network,
            "how": self._recipe.smooth,
            "frames": [
                (self._refined.digest(j), self._frame_digest(j).plate, self._frame_digest(j).present)
                for j in (i, *self._beside(i))
            ],
            "pins": self._frame_digest(i).pins,
        }

    def _make_smoothed(self, i: int) -> np.ndarray:
        # In ascending order, so that the network goes over the frames once.
        alphas = {j: self._refined.array(j) for j in sorted((i, *self._beside(i)))}
        beside = [
            (
                self._frame_input(j).image,
                alphas[j],
                self._frame_input(j).present[self._own],
                partial(self._ways, i, j),
            )
            for j in self._beside(i)
        ]
        if not beside:
            return alphas[i]
        frame_input = self._frame_input(i)
        return _with_pins(smoothed(frame_input.image, alphas[i], beside), self._pins(frame_input))

    def _ways(self, i: int, j: int) -> Flows:
        """The flows between frame i and frame j beside it."""
        first = min(i, j)
        found = self._flows.get(first)
        if found is None:
            found = flows(self._frame_input(first).image, self._frame_input(first + 1).image)
            self._flows.put(first, found)
        return found if first == i else found.turned

    # What has changed since last time.

    def _remember(self, i: int, *, found: bool) -> str:
        """Record what the matte of a frame was made from. Unless it was `found`, return what has changed."""
        assert self._cache is not None
        around = range(max(0, i - 2), min(self._last, i + 2) + 1)
        noted = {
            "recipe": {
                **(self._recipe.network or {}),
                **(self._recipe.seeing or {}),
                "refine": self._recipe.refine,
                "smooth": self._recipe.smooth,
                **self._trusted,
            },
            "frames": {
                str(self.frames[j]): self._frame_digest(j).pixels for j in around if j in self._frame_digests
            },
            "before": {str(self.frames[j]): self._network.digest(j) for j in (i - 2,) if j >= 0},
        }
        now = json.loads(json.dumps(noted))  # in the form in which it is recalled
        key = key_of("last time", {"shot": self._recipe.shot, "frame": self.frames[i]})
        before = self._cache.recall(key)
        if before != now:
            self._cache.record(key, now)
        if found:
            return ""
        return "first time" if before is None else _news(before, now)


@dataclass(frozen=True, eq=False)
class _WindowMattes:
    """What is kept of a window's result: (N, H, W) mattes of its first frames, on the padded grid."""

    first: np.ndarray
    second: np.ndarray
    own_last: np.ndarray
    """(1, N, H, W) matte of the last frame before the fusion; (0, N, H, W) where it is not needed."""
    hidden: np.ndarray | None


def _array(planes: Tensor) -> np.ndarray:
    return planes.float().cpu().numpy().copy()


def _with_pins(alphas: np.ndarray, pinned: np.ndarray | None) -> np.ndarray:
    return alphas if pinned is None else np.where(np.isnan(pinned), alphas, pinned)


def _news(before: dict[str, Any], now: dict[str, Any]) -> str:
    """What differs between two records of the same frame, in a phrase."""
    was, recipe = before["recipe"], now["recipe"]
    changed = [name for name in sorted(recipe.keys() | was.keys()) if recipe.get(name) != was.get(name)]
    if changed:
        return f"changed: {', '.join(changed)}"
    words = []
    for what in PIXELS:
        frames = [
            frame
            for frame, digests in now["frames"].items()
            if frame in before["frames"] and before["frames"][frame][what] != digests[what]
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

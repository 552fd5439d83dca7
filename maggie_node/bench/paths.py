"""The ways to a matte that are measured side by side, each a step a frame once it is under way."""

from __future__ import annotations

import time
from collections import defaultdict, deque
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from maggie_core.model.checkpoint import load_model, read_state
from maggie_core.model.config import WINDOW
from maggie_core.model.frame_window import TemporalState


class MattePath(Protocol):
    """One way from frames to mattes."""

    parts: dict[str, list[float]]
    """Seconds of each part of a step, step by step."""

    def step(self) -> Tensor:
        """(N, H, W) alphas of the next frame."""
        ...


class Frames:
    """A short scene without end: it runs forwards and backwards."""

    def __init__(self, image: np.ndarray, guidance: np.ndarray):
        self._image, self._guidance = image, guidance

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """(3, H, W) and (N, H, W) float32 of a frame."""
        last = len(self._image) - 1
        place = last - abs(index % (2 * last) - last) if last else 0
        return torch.from_numpy(self._image[place]).float() / 255, torch.from_numpy(
            self._guidance[place]
        ).float()

    @property
    def instances(self) -> int:
        return self._guidance.shape[1]


class FastPath:
    """What a job runs: features of each frame once, windows from features at hand."""

    def __init__(
        self, weights: str, frames: Frames, *, device: str, precision: Any, instances: Any = "together"
    ):
        self.model = load_model(weights, device=device, precision=precision, instances=instances)
        self.parts = defaultdict(list)
        self._frames, self._next = frames, 0
        self._features: deque[Any] = deque()
        self._previous: Tensor | None = None

    def step(self) -> Tensor:
        if self.model.window_frames == 1:
            features = self._timed("encode", self.model.encode, *self._frames[self._next])
            self._next += 1
            return self._timed("window", self.model.window, [features]).alpha[0]
        if self._features:
            self._features.popleft()
            self._features[0] = self.model.release_fine(self._features[0])
        while len(self._features) < WINDOW:
            features = self._timed("encode", self.model.encode, *self._frames[self._next])
            self._features.append(features)
            self._next += 1
        later = self._previous is not None
        result = self._timed(
            "window",
            self.model.window,
            list(self._features),
            state=TemporalState(self._previous),
            wanted="middle" if later else "all",
        )
        matte: Tensor = result.alpha[0 if later else 1]
        self._previous = matte
        return matte

    def _timed(self, part: str, call: Any, *args: Any, **how: Any) -> Any:
        begin = time.perf_counter()
        result = call(*args, **how)
        settle(self.model.device)
        self.parts[part].append(time.perf_counter() - begin)
        return result


class LiteralPath:
    """The published order of operations: every window from its frames; more than ten people in two passes."""

    def __init__(self, weights: str, frames: Frames, *, device: str):
        # Here, because what it imports is no part of the other paths' memory.
        from maggie_node.bench.literal import SLOTS, LiteralModel

        self.model = LiteralModel(read_state(Path(weights)), device=device)
        self.parts = defaultdict(list)
        self._frames, self._next = frames, 0
        count = frames.instances
        self.groups = torch.arange(count).tensor_split(-(-count // SLOTS))
        self._previous: list[Tensor | None] = [None] * len(self.groups)

    def step(self) -> Tensor:
        frames = [self._frames[self._next + k] for k in range(WINDOW if self.model.is_video else 1)]
        image, guidance = (torch.stack(planes) for planes in zip(*frames, strict=True))
        self._next += 1
        mattes = []
        for k, group in enumerate(self.groups):
            result = self.model.predict(image, guidance[:, group], previous=self._previous[k])
            mattes.append(result.alpha[1 if self.model.is_video else 0])
            if self.model.is_video:
                self._previous[k] = mattes[-1]
        settle(self.model.device)
        return torch.cat(mattes)


def settle(device: torch.device) -> None:
    """Wait until the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def open_path(name: str, weights: str, frames: Frames, *, device: str, instances: str) -> Any:
    """The path called `literal`, `fast` or `bf16`."""
    if name == "literal":
        return LiteralPath(weights, frames, device=device)
    precision = "bf16" if name == "bf16" else "fp32"
    return FastPath(weights, frames, device=device, precision=precision, instances=instances)

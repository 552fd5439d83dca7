"""Batches for a training, made in worker processes while the network learns.

What sample `index` is depends on the seed, the index and the size asked for, and on nothing else; what batch
`number` holds depends on its number. So any number of workers or processes gives the same training.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from maggie_api.errors import SettingsError
from maggie_lab.synthesis import Bank, compose, compose_clip, sample_generator
from maggie_lab.training.forward import TrainingBatch
from maggie_lab.training.settings import TrainSettings
from maggie_lab.training.transitions import change_map, valid_frames

SLOTS = 10
ATTEMPTS = 20
REOPEN_EVERY = 100
"""Batches after which a bank is opened anew: it may still be growing."""

Arrays = dict[str, np.ndarray]


class Source(Protocol):
    """Where samples come from; workers get a copy each."""

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        """`image` (T, 3, H, W), `alphas` and `guidance` (T, N, H, W), float32 in [0, 1]; None: try again.

        `valid` (T, N) bool may say which alphas are known.
        """
        ...


class BankSource:
    """Scenes composed from a bank of generated figures and backgrounds."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._bank = Bank(folder)
        self._seen = 0

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        self._seen += 1
        if self._seen % REOPEN_EVERY == 0:
            self._bank = Bank(self.folder)
        how = {"crop_px": crop_px, "instances": (1, 3), "severity": "learning"}
        if frames > 1:
            sample = compose_clip(rng, self._bank, frames=frames, **how)
        else:
            still = compose(rng, self._bank, **how)
            sample = {name: planes[None] for name, planes in still.items()}
        kept = sample["guidance"].any(axis=(0, 2, 3))
        if not kept.any():
            return None
        return {name: x if name == "image" else x[:, kept] for name, x in sample.items()}


class MixedSource:
    """Samples of several sources in equal shares."""

    def __init__(self, sources: list[Source]):
        self.sources = sources

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        source = self.sources[index % len(self.sources)]
        return source.sample(rng, index // len(self.sources), frames=frames, crop_px=crop_px)


@dataclass(frozen=True)
class Share:
    """The batches one of several processes takes: each `of`-th, from `process` on, and where it goes on."""

    process: int = 0
    of: int = 1
    step: int = 0


class Feed(IterableDataset[Arrays]):
    """Endless collated batches of one process."""

    def __init__(self, source: Source, settings: TrainSettings, share: Share):
        super().__init__()
        self.source, self.settings, self.share = source, settings, share
        self.progress = multiprocessing.Value("d", 0.0)
        """Progress of a training that is measured in minutes; one in steps follows from a batch's number."""

    def __iter__(self) -> Iterator[Arrays]:
        info = get_worker_info()
        if info:
            torch.set_num_threads(1)
        part, parts = (info.id, info.num_workers) if info else (0, 1)
        s, turn = self.settings, self.share.step * self.settings.accumulate + part
        while True:
            yield self.batch(turn // s.accumulate, turn * self.share.of + self.share.process)
            turn += parts

    def batch(self, step: int, number: int) -> Arrays:
        """Batch `number` of the training, as its step asks for it."""
        s = self.settings
        progress = step / s.steps if s.steps is not None else self.progress.value
        clips = progress >= s.video_from
        count, frames = (s.clip_batch, s.clip_frames) if clips else (s.batch, 1)
        first, crop_px = number * max(s.batch, s.clip_batch), s.crop_px(progress)
        samples = [self._sample(first + k, frames=frames, crop_px=crop_px) for k in range(count)]
        return collate(samples, sample_generator(s.seed + 1, number), maps=s.objective == "published")

    def _sample(self, index: int, *, frames: int, crop_px: int) -> Arrays:
        for attempt in range(ATTEMPTS):
            rng = sample_generator(self.settings.seed, index * ATTEMPTS + attempt)
            sample = self.source.sample(rng, index + attempt, frames=frames, crop_px=crop_px)
            if sample is not None:
                return sample
        raise SettingsError(
            f"nobody is in {ATTEMPTS} samples from number {index} on: are the alphas of the data empty?"
        )


def batches(feed: Feed, *, workers: int) -> Iterator[TrainingBatch]:
    """Training batches of a feed from `workers` processes; 0 makes them in this one."""
    loader = DataLoader(feed, batch_size=None, num_workers=workers, prefetch_factor=2 if workers else None)
    for item in loader:
        yield TrainingBatch(**item)


def collate(samples: list[Arrays], rng: np.random.Generator, *, maps: bool = False) -> Arrays:
    """Samples with different numbers of instances side by side, each instance in a random slot of ten.

    Args:
        maps: add the maps the published objective needs.
    """
    most = max(sample["alphas"].shape[1] for sample in samples)

    def stack(planes: list[np.ndarray]) -> torch.Tensor:
        return torch.from_numpy(np.stack(planes))

    def filled(planes: np.ndarray) -> np.ndarray:
        """With empty instances up to the largest sample's number."""
        spare = [(0, 0), (0, most - planes.shape[1]), *[(0, 0)] * (planes.ndim - 2)]
        return np.pad(planes, spare)

    batch = {
        "image": stack([sample["image"].astype(np.float32) for sample in samples]),
        "guidance": stack([filled(sample["guidance"].astype(np.float32)) for sample in samples]),
        "alpha": stack([filled(sample["alphas"].astype(np.float32)) for sample in samples]),
        "slots": stack([rng.permutation(SLOTS)[:most] for _ in samples]),
    }
    if "valid" in samples[0]:
        batch["valid"] = stack([filled(sample["valid"]) for sample in samples])
    elif maps:
        changes = [change_map(sample["alphas"], rng) for sample in samples]
        frames = [valid_frames(s["alphas"], c, rng) for s, c in zip(samples, changes, strict=True)]
        batch |= {"change": stack(changes), "valid": stack([filled(each) for each in frames])}
    return batch  # type: ignore[return-value] - tensors, which the loader hands over as they are

"""Batches of generated scenes, composed in worker processes while the network trains."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from maggie_core.synthesis import Bank, compose, compose_clip, sample_generator
from maggie_core.training.windows import TrainingBatch

SLOTS = 10


class SceneFeed(IterableDataset[dict[str, torch.Tensor]]):
    """Endless batches; what they look like follows the shared `video` flag and `crop_px`.

    Args:
        bank: folder of a bank of figures and backgrounds; it may still be growing.
        batch: samples of one frame in a batch; clips of three frames come in batches of a third of it.
    """

    def __init__(self, bank: Path, *, seed: int, batch: int, video: Synchronized, crop_px: Synchronized):
        super().__init__()
        self.bank, self.seed, self.batch = bank, seed, batch
        self.video, self.crop_px = video, crop_px

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        torch.set_num_threads(1)
        info = get_worker_info()
        part, parts = (info.id, info.num_workers) if info else (0, 1)
        bank = Bank(self.bank)
        for count, number in enumerate(range(part, 1 << 40, parts)):
            if count % 100 == 99:
                bank = Bank(self.bank)
            clip, crop = bool(self.video.value), int(self.crop_px.value)
            size = max(1, self.batch // 3) if clip else self.batch
            yield collate(
                [
                    _sample(bank, self.seed, number * self.batch + k, clip=clip, crop_px=crop)
                    for k in range(size)
                ],
                sample_generator(self.seed + 1, number),
            )


def scene_batches(
    bank: Path, *, seed: int, batch: int, video: Synchronized, crop_px: Synchronized, workers: int
) -> Iterator[TrainingBatch]:
    """Training batches from `workers` processes."""
    feed = SceneFeed(bank, seed=seed, batch=batch, video=video, crop_px=crop_px)
    loader = DataLoader(feed, batch_size=None, num_workers=workers, prefetch_factor=2 if workers else None)
    for item in loader:
        yield TrainingBatch(**item)


def collate(samples: list[dict[str, np.ndarray]], rng: np.random.Generator) -> dict[str, torch.Tensor]:
    """Samples of (T, N, H, W) with different N, side by side, each instance in a random slot."""
    most = max(sample["alphas"].shape[1] for sample in samples)

    def stack(key: str) -> torch.Tensor:
        planes = [sample[key] for sample in samples]
        padded = [np.pad(p, ((0, 0), (0, most - p.shape[1]), (0, 0), (0, 0))) for p in planes]
        return torch.from_numpy(np.stack(padded).astype(np.float32))

    return {
        "image": torch.from_numpy(np.stack([sample["image"] for sample in samples]).astype(np.float32)),
        "guidance": stack("guidance"),
        "alpha": stack("alphas"),
        "slots": torch.from_numpy(np.stack([rng.permutation(SLOTS)[:most] for _ in samples])),
    }


def _sample(bank: Bank, seed: int, index: int, *, clip: bool, crop_px: int) -> dict[str, Any]:
    """One scene as (T, ...) arrays that has guidance for every instance somewhere."""
    for attempt in range(20):
        rng = sample_generator(seed, index * 20 + attempt)
        if clip:
            sample = compose_clip(rng, bank, frames=3, crop_px=crop_px, instances=(1, 3))
        else:
            sample = {k: v[None] for k, v in compose(rng, bank, crop_px=crop_px, instances=(1, 3)).items()}
        kept = sample["guidance"].any(axis=(0, 2, 3))
        if kept.any():
            return {k: v if k == "image" else v[:, kept] for k, v in sample.items()}
    raise ValueError(f"sample {index} of seed {seed} has no guidance in 20 attempts")

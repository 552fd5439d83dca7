"""Batches for a training, made in worker processes while the network learns.

What a batch holds depends on the seed, on the batch's number and on the size asked for, and on nothing else.
So any number of worker processes gives the same training. Processes that train together share the numbers.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from maggie_api.errors import SettingsError
from maggie_core.model import MatteModel, load_model
from maggie_core.model.still import PAD_PX
from maggie_core.shot.first_look import better_guidance
from maggie_lab.synthesis import Bank, compose, compose_clip, sample_generator
from maggie_lab.synthesis.bank import Figures
from maggie_lab.training.forward import TrainingBatch
from maggie_lab.training.settings import TrainSettings
from maggie_lab.training.transitions import change_map, valid_frames

SLOTS = 10
"""Identities of the published network: instances of a sample take random ones."""
ATTEMPTS = 20
"""Draws for one sample. A crop without anybody is drawn again; if all draws fail, the data hold nobody."""
ATTEMPTS_IN_PLACE = 5
"""Draws of the sample whose turn it is; later draws take any other of the same source. One whose alphas are
all empty would fail for ever."""
REOPEN_EVERY = 100
"""Samples after which a bank is opened anew: it may still be growing."""
CLIP_STREAM = 3
"""Added to the seed for clips, so that they are not the scenes of the stills. 1 and 2 are taken: by the
slots of a batch, and by the order of a data set."""

Arrays = dict[str, np.ndarray]


class Source(Protocol):
    """Where samples come from. Each worker process gets a copy."""

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        """Sample `index`, drawn with `rng`; consecutive indices go through all that the source has.

        Returns:
            `image` (T, 3, H, W), `alphas` and `guidance` (T, N, H, W), float32 in [0, 1], and maybe `valid`
            (T, N) bool, which says which alphas are known. None: nobody is in it, draw again.
        """
        ...


class SceneSource:
    """Scenes composed from figures and backgrounds."""

    def __init__(self, figures: Figures):
        self.figures = figures

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        how = {"crop_px": crop_px, "instances": (1, 3), "severity": "learning"}
        if frames > 1:
            sample = compose_clip(rng, self.figures, frames=frames, **how)
        else:
            still = compose(rng, self.figures, **how)
            sample = {name: planes[None] for name, planes in still.items()}
        kept = sample["guidance"].any(axis=(0, 2, 3))
        if not kept.any():
            return None
        return {name: x if name == "image" else x[:, kept] for name, x in sample.items()}


class BankSource(SceneSource):
    """Scenes composed from a bank of generated figures and backgrounds."""

    def __init__(self, folder: Path):
        super().__init__(Bank(folder))
        self.folder = folder
        self._seen = 0

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        self._seen += 1
        if self._seen % REOPEN_EVERY == 0:
            self.figures = Bank(self.folder)
        return super().sample(rng, index, frames=frames, crop_px=crop_px)


class LookedSource:
    """Samples of another source, a share of them with the masks that the network gets in a job: corrected by
    a first look (`maggie_core.shot.first_look`) of the shipped model.

    Args:
        share: of the samples, 0..1.
    """

    def __init__(self, source: Source, share: float):
        self.source, self.share = source, share
        self._model: MatteModel | None = None
        """Each process loads its own."""

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        sample = self.source.sample(rng, index, frames=frames, crop_px=crop_px)
        if sample is None or rng.random() >= self.share:
            return sample
        if self._model is None:
            self._model = load_model("default", device="cpu")
        look = self._model.info.first_look
        masks = [
            better_guidance(
                self._model,
                np.ascontiguousarray(image),
                np.ascontiguousarray(guidance),
                share=look,
                pad_px=PAD_PX,
            )
            for image, guidance in zip(sample["image"], sample["guidance"], strict=True)
        ]
        return {**sample, "guidance": np.stack(masks)}


@dataclass(frozen=True)
class ProcessShard:
    """The batches that one of several processes takes: every `of`-th, from `process` on."""

    process: int = 0
    of: int = 1
    step: int = 0
    """Optimiser step the training goes on at."""

    def numbers(self, accumulate: int, *, worker: int = 0, workers: int = 1) -> Iterator[tuple[int, int]]:
        """(optimiser step, number) of each batch that one worker of this process makes, without end.

        Over all workers of all processes every number from `step * accumulate * of` on comes once.
        """
        turn = self.step * accumulate + worker
        while True:
            yield turn // accumulate, turn * self.of + self.process
            turn += workers


class TrainingDataset(IterableDataset[Arrays]):
    """Endless collated batches of one process, from several sources in equal shares.

    Samples are numbered without a gap over all batches, stills and clips apart, and the sources take turns.
    So every source has its share, whatever the sizes of batches and the numbers of processes and workers.
    """

    def __init__(self, sources: Sequence[Source], settings: TrainSettings, shard: ProcessShard):
        super().__init__()
        self.sources, self.settings, self.shard = list(sources), settings, shard
        self.progress = multiprocessing.Value("d", 0.0)
        """Progress of a training that is measured in minutes; one in steps follows from a batch's number."""

    def __iter__(self) -> Iterator[Arrays]:
        info = get_worker_info()
        if info:
            torch.set_num_threads(1)
            # A signal to the whole process group is the training's to answer: it still needs this process.
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        for step, number in self.shard.numbers(self.settings.accumulate, worker=worker, workers=workers):
            yield self.batch(step, number)

    def batch(self, step: int, number: int) -> Arrays:
        """Batch `number` of the training, for its optimiser step `step`."""
        s = self.settings
        progress = step / s.steps if s.steps is not None else self.progress.value
        crop_px = s.crop_px(progress, number // self.shard.of)
        if progress >= s.video_from:
            count, frames, stream = s.clip_batch, s.clip_frames, CLIP_STREAM
        else:
            count, frames, stream = s.batch, 1, 0
        samples = [
            self._sample(stream, number * count + k, frames=frames, crop_px=crop_px) for k in range(count)
        ]
        return collate(samples, sample_generator(s.seed + 1, number), maps=s.loss == "published")

    def _sample(self, stream: int, position: int, *, frames: int, crop_px: int) -> Arrays:
        turn, which = divmod(position, len(self.sources))
        for attempt in range(ATTEMPTS):
            rng = sample_generator(self.settings.seed + stream, position * ATTEMPTS + attempt)
            index = turn if attempt < ATTEMPTS_IN_PLACE else int(rng.integers(1 << 31))
            sample = self.sources[which].sample(rng, index, frames=frames, crop_px=crop_px)
            if sample is not None:
                return sample
        raise SettingsError(
            f"nobody is in {ATTEMPTS} samples from number {position} on: are the alphas of the data empty?"
        )


def batches(dataset: TrainingDataset, *, workers: int) -> Generator[TrainingBatch, None, None]:
    """Training batches of a dataset from `workers` processes; 0 makes them in this one."""
    loader = DataLoader(dataset, batch_size=None, num_workers=workers, prefetch_factor=2 if workers else None)
    with _signals_held():
        made = iter(loader)
    for item in made:  # closing the generator ends it, and the worker processes with it
        yield TrainingBatch(**item)


@contextmanager
def _signals_held() -> Iterator[None]:
    """Processes that are started here miss no signal and are ended by none before they can ignore it."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows, where no signal ends a process group
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def collate(samples: list[Arrays], rng: np.random.Generator, *, maps: bool = False) -> Arrays:
    """Samples with different numbers of instances side by side, each instance in a random slot of ten.

    Args:
        maps: add the maps that the published loss needs.
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

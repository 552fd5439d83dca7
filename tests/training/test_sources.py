"""Every source of a training has its share, whatever the settings."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import sys
import threading
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from maggie_api.errors import SettingsError
from maggie_lab.training.dataset import (
    ATTEMPTS,
    Arrays,
    LookedSource,
    ProcessShard,
    TrainingDataset,
    batches,
)
from maggie_lab.training.per_shot import ApprovedFrame, ShotSource
from maggie_lab.training.settings import TrainSettings

SETTINGS = TrainSettings(minutes=None, steps=1000, crops=((0.0, 64),), precision="fp32")
BATCHES = 60


class Marked:
    """A source whose samples are all of one value, and which remembers the indices it was asked for."""

    def __init__(self, value: int, *, empty_share: float = 0.0):
        self.value, self.empty_share = value, empty_share
        self.indices: list[int] = []

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        if rng.random() < self.empty_share:
            return None
        self.indices.append(index)
        plane = np.full((frames, 1, 8, 8), self.value, np.float32)
        return {"image": plane.repeat(3, 1), "alphas": plane, "guidance": plane}


def marked(count: int) -> list[Marked]:
    return [Marked(value) for value in range(count)]


def drawn(sources: list[Marked], settings: TrainSettings, *, processes: int, workers: int) -> Counter[int]:
    """Samples of each source in the first batches of a training, over all workers of all processes."""
    counts: Counter[int] = Counter()
    for process in range(processes):
        shard = ProcessShard(process, processes)
        dataset = TrainingDataset(sources, settings, shard)
        for worker in range(workers):
            numbers = shard.numbers(settings.accumulate, worker=worker, workers=workers)
            for step, number in itertools.takewhile(lambda each: each[1] < BATCHES, numbers):
                values = np.asarray(dataset.batch(step, number)["image"])[:, 0, 0, 0, 0]
                counts.update(int(value) for value in values)
    return counts


@pytest.mark.parametrize("video_from", [0.0, 1.0], ids=["clips", "stills"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_every_source_is_drawn_as_often_as_any_other(count: int, video_from: float):
    choices = itertools.product((1, 2, 3, 8), (1, 2, 4), (1, 3), (1, 2, 4), (1, 2, 3))
    for batch, clip_batch, accumulate, processes, workers in choices:
        settings = replace(
            SETTINGS, batch=batch, clip_batch=clip_batch, accumulate=accumulate, clip_frames=2,
            video_from=video_from,
        )  # fmt: skip

        counts = drawn(marked(count), settings, processes=processes, workers=workers)

        setting = (count, batch, clip_batch, accumulate, processes, workers)
        assert sum(counts.values()) == BATCHES * (clip_batch if video_from == 0 else batch), setting
        shares = [counts[value] for value in range(count)]
        assert max(shares) - min(shares) <= 1, (setting, shares)


@pytest.mark.parametrize("video_from", [0.0, 1.0], ids=["clips", "stills"])
def test_a_source_is_gone_through_without_gaps(video_from: float):
    sources = marked(2)
    settings = replace(SETTINGS, batch=3, clip_batch=1, video_from=video_from)

    drawn(sources, settings, processes=2, workers=2)

    for source in sources:
        assert sorted(source.indices) == list(range(len(source.indices)))


def test_all_processes_of_a_step_have_crops_of_the_same_size():
    """They wait for each other at every step: small crops beside large ones are no faster."""

    class Sized(Marked):
        def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
            plane = np.ones((frames, 1, crop_px, crop_px), np.float32)
            return {"image": plane.repeat(3, 1), "alphas": plane, "guidance": plane}

    settings = replace(SETTINGS, batch=1, accumulate=1, video_from=1.0, crops=((0.0, 64), (0.0, 96)))

    def sizes(process: int) -> list[int]:
        made = iter(TrainingDataset([Sized(1)], settings, ProcessShard(process, 2)))
        return [np.asarray(batch["image"]).shape[-1] for batch in itertools.islice(made, 4)]

    assert sizes(0) == sizes(1) == [64, 96, 64, 96]


def test_clips_are_not_the_scenes_of_the_stills():
    class Drawn(Marked):
        def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
            plane = np.full((frames, 1, 8, 8), rng.random(), np.float32)
            return {"image": plane.repeat(3, 1), "alphas": plane, "guidance": plane}

    def first(video_from: float) -> float:
        settings = replace(SETTINGS, video_from=video_from)
        return float(
            np.asarray(TrainingDataset([Drawn(1)], settings, ProcessShard()).batch(0, 0)["alpha"])[0].max()
        )

    assert first(0.0) != first(1.0)


def test_a_source_whose_crops_are_often_empty_keeps_its_share():
    sources = [Marked(0, empty_share=0.6), Marked(1)]

    counts = drawn(sources, replace(SETTINGS, batch=2, video_from=1.0), processes=1, workers=1)

    assert counts[0] == counts[1]


def test_a_sample_without_anybody_does_not_end_a_training():
    class OneEmpty(Marked):
        def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
            if index % 4 == 2:
                return None
            return super().sample(rng, index, frames=frames, crop_px=crop_px)

    counts = drawn([OneEmpty(1)], replace(SETTINGS, batch=2, video_from=1.0), processes=1, workers=1)

    assert counts[1] == 2 * BATCHES


def test_data_without_anybody_are_named_after_a_few_draws():
    dataset = TrainingDataset([Marked(1, empty_share=1.0)], SETTINGS, ProcessShard())

    with pytest.raises(SettingsError, match=f"nobody is in {ATTEMPTS} samples"):
        dataset.batch(0, 0)


def test_worker_processes_share_the_sources_as_one_process_does():
    settings = replace(SETTINGS, batch=1, clip_batch=2, video_from=1.0)

    def values(workers: int) -> list[int]:
        made = batches(TrainingDataset(marked(2), settings, ProcessShard()), workers=workers)
        return [int(batch.image.max()) for batch in itertools.islice(made, 8)]

    assert values(0) == values(2) == [0, 1] * 4


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_every_approved_frame_of_a_shot_is_learnt_from(batch: int):
    def frame(number: int) -> ApprovedFrame:
        plane = np.zeros((1, 64, 64), np.float32)
        plane[:, 16:48, 16:48] = 1
        image = np.full((3, 64, 64), number / 10, np.float32)
        return ApprovedFrame(number, image, plane, plane, np.ones(1, bool), plane)

    seen: Counter[int] = Counter()

    class Watched(ShotSource):
        def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
            seen[index % 2] += 1
            return super().sample(rng, index, frames=frames, crop_px=crop_px)

    settings = replace(SETTINGS, batch=batch, video_from=1.0)
    dataset = TrainingDataset([Watched([frame(1), frame(2)])], settings, ProcessShard())
    for number in range(BATCHES):
        dataset.batch(number, number)

    assert seen[0] == seen[1] == BATCHES * batch / 2


@pytest.mark.skipif(sys.platform == "win32", reason="no signal ends a process group there")
def test_a_signal_at_the_first_moment_of_a_worker_process_does_not_end_it():
    told: set[int] = set()
    over = threading.Event()

    def tell_each() -> None:
        while not over.is_set():
            for process in multiprocessing.active_children():
                if process.pid is not None and process.pid not in told:
                    told.add(process.pid)
                    os.kill(process.pid, signal.SIGTERM)

    telling = threading.Thread(target=tell_each)
    telling.start()
    made = batches(TrainingDataset(marked(2), SETTINGS, ProcessShard()), workers=2)
    try:
        found = [next(made) for _ in range(2)]
    finally:
        made.close()
        over.set()
        telling.join()

    assert len(told) == 2
    assert len(found) == 2


class Wide:
    """A disc before plain ground, whose mask is a wider disc, in samples of one and of three frames."""

    def sample(self, rng: np.random.Generator, index: int, *, frames: int, crop_px: int) -> Arrays | None:
        rows, columns = np.indices((crop_px, crop_px)) - crop_px / 2
        away = np.hypot(rows, columns)
        alpha, mask = ((away < radius * crop_px).astype(np.float32) for radius in (0.3, 0.36))
        image = np.stack([0.2 + 0.6 * alpha, 0.7 - 0.5 * alpha, 0.3 + 0 * alpha])
        image += 0.02 * np.random.default_rng(5).standard_normal(image.shape)
        image = np.clip(image, 0, 1)
        planes = {"image": image, "alphas": alpha[None], "guidance": mask[None]}
        return {name: np.stack([plane] * frames).astype(np.float32) for name, plane in planes.items()}


@pytest.mark.parametrize("frames", [1, 3])
def test_a_share_of_the_samples_has_masks_as_a_first_look_leaves_them(frames: int):
    def wrong(share: float) -> list[float]:
        source, rng = LookedSource(Wide(), share), np.random.default_rng(1)
        found = [source.sample(rng, k, frames=frames, crop_px=160) for k in range(8)]
        samples = [each for each in found if each is not None]
        assert all(each["guidance"].shape == each["alphas"].shape for each in samples)
        assert all(set(np.unique(each["guidance"])) == {0, 1} for each in samples)
        return [float(np.abs(each["guidance"] - each["alphas"]).mean()) for each in samples]

    as_drawn, looked, mixed = wrong(0.0), wrong(1.0), wrong(0.5)

    assert max(looked) < 0.5 * min(as_drawn)
    assert set(mixed) == {as_drawn[0], looked[0]}


def test_a_looked_share_beyond_the_whole_is_said():
    with pytest.raises(SettingsError, match="looked share is 1.5: it needs to be from 0 to 1"):
        replace(SETTINGS, looked_share=1.5)

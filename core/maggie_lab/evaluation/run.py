"""Methods scored over the samples of a data set, going on where a run before was stopped."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maggie_api.errors import MaggieError, OutputError
from maggie_lab.datasets import EmptyGuidanceError, Sample, SampleArrays, at_most_ten, load_sample
from maggie_lab.evaluation.flicker import Flow, truth_flow
from maggie_lab.evaluation.methods import Method, Scene
from maggie_lab.evaluation.metrics import Averages, Protocol, image_errors, video_errors
from maggie_lab.evaluation.network_size import to_network_size
from maggie_lab.evaluation.scores import Score, ScoreLog, files_digest


@dataclass(frozen=True)
class SampleDone:
    """A sample has its scores under every method, or cannot have them."""

    number: int
    """From 1."""
    sample: Sample
    seconds: float
    computed: int
    """Methods that had to be run; 0 where all scores were there already."""
    error: str = ""


@dataclass
class Scores:
    """All scores of a run."""

    of: dict[str, list[Score]] = field(default_factory=dict)
    """By method, in the order of the samples, skipped ones too."""
    failed: dict[str, str] = field(default_factory=dict)
    """Why, by the sample's name."""


def score_samples(
    samples: Sequence[Sample],
    methods: Sequence[Method],
    *,
    dataset: str,
    protocol: Protocol,
    folder: Path,
    tell: Callable[[SampleDone], None] = lambda done: None,
) -> Scores:
    """Score every method on every sample.

    Scores are kept in `folder/scores`, one file for each method and recipe. A score is found there again
    while the recipe, the code, the libraries and the contents of the sample's files are the same. A sample
    that cannot be read is left out, under all methods.

    Raises:
        OutputError: a score cannot be kept.
    """
    logs = {method.name: _log(method, dataset, protocol, folder) for method in methods}
    scores = Scores({method.name: [] for method in methods})
    for number, sample in enumerate(samples, start=1):
        sample, start = at_most_ten(sample), time.monotonic()
        found: dict[str, Score] = {}
        error, computed = "", 0
        try:
            digests = {method.name: _digest(sample, method) for method in methods}
            kept = {name: logs[name].find(sample.name, digest) for name, digest in digests.items()}
            found = {name: score for name, score in kept.items() if score is not None}
            absent = [method for method in methods if method.name not in found]
            computed = len(absent)
            for name, score in _computed(sample, absent, digests, protocol) if absent else ():
                logs[name].add(score)
                found[name] = score
        except OutputError:
            raise
        except MaggieError as problem:
            error = scores.failed[sample.name] = str(problem)
        if not error:
            for name, score in found.items():
                scores.of[name].append(score)
        tell(SampleDone(number, sample, time.monotonic() - start, computed, error))
    return scores


def _log(method: Method, dataset: str, protocol: Protocol, folder: Path) -> ScoreLog:
    label = method.name if method.kind == "baseline" else method.kind
    recipe = {"dataset": dataset, "protocol": protocol, **method.recipe}
    return ScoreLog(folder / "scores", f"{dataset}-{protocol}-{label}", recipe)


def _digest(sample: Sample, method: Method) -> str:
    rows = (*sample.alphas, *sample.masks)
    planes = [path for row in rows for path in row if path is not None]
    return files_digest([*sample.frames, *planes, *method.files(sample)])


def _computed(sample: Sample, methods: Sequence[Method], digests: dict[str, str], protocol: Protocol):
    """(name, score) of each method; the sample is read once."""
    about = (sample.name, sample.subset, sample.variant)
    try:
        arrays = load_sample(sample)
    except EmptyGuidanceError:
        for method in methods:
            yield method.name, Score(*about, digests[method.name], skipped=True)
        return
    truth, flow = arrays.alphas, _flow(arrays)
    scene = Scene(sample, *to_network_size(arrays.image, arrays.guidance), truth.shape[-2:])
    del arrays
    for method in methods:
        mattes = method.mattes(scene)
        averages = Averages()
        if flow is None:
            averages.add(image_errors(mattes.alphas[0], truth[0]))
        else:
            averages.add(video_errors(mattes.alphas, truth, protocol=protocol, flow=flow))
        notes = {"missing": mattes.missing, "extra": mattes.extra, "resized": mattes.resized}
        yield method.name, Score(*about, digests[method.name], averages, **notes)


def _flow(arrays: SampleArrays) -> list[Flow] | None:
    """The motion of each instance's truth, which all methods are scored with; None for a still."""
    if len(arrays.alphas) == 1:
        return None
    return [truth_flow(arrays.alphas[:, k]) for k in range(arrays.alphas.shape[1])]

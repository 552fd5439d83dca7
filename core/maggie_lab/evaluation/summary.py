"""From scores to what is reported: one table for each part of a data set, the paper's rows beside ours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import mean, stdev

from maggie_lab.evaluation.methods import Method
from maggie_lab.evaluation.metrics import Averages, Protocol
from maggie_lab.evaluation.paper import WHOLE, PaperRow, paper_row_of_masks, paper_rows
from maggie_lab.evaluation.run import Scores
from maggie_lab.evaluation.scores import Score

COLUMNS = (
    *("MAD", "MSE", "SAD", "Grad", "Conn", "MAD_f", "MAD_u", "MAD_b", "dtSSD", "MESSDdt", "MESSDdt_fixed"),
    *("MAD_e3", "MSE_e3", "dtSSD_e3"),
)
"""As tables are printed: the paper's scales first, plain means last."""


@dataclass(frozen=True)
class Row:
    """One method on one part of a data set."""

    method: str
    kind: str
    """`network`, `baseline`, `files` or `paper`."""
    means: dict[str, float]
    deviations: dict[str, float] = field(default_factory=dict)
    """Sample deviations (n - 1) over the sets of masks, where there are several."""
    samples: int = 0
    """Stills or clips scored, each once for every set of masks."""
    instances: int = 0
    """(instance, frame) pairs scored."""


@dataclass(frozen=True)
class Part:
    """The table of one subset."""

    subset: str
    variants: tuple[str, ...]
    """Sets of masks."""
    rows: list[Row]
    by_variant: dict[str, list[Row]]
    """The same for each set of masks by itself, where there are several."""
    skipped: int
    """Samples without any guidance, which count nowhere."""


@dataclass(frozen=True)
class Summary:
    """A whole evaluation."""

    dataset: str
    protocol: Protocol
    parts: list[Part]
    failed: dict[str, str]
    notes: list[str]
    """What a reader of the numbers must know."""


def summarise(scores: Scores, methods: Sequence[Method], *, dataset: str, protocol: Protocol) -> Summary:
    """Average every method over each subset: over samples first, then over sets of masks."""
    every = [score for found in scores.of.values() for score in found]
    subsets = list(dict.fromkeys(score.subset for score in every))
    parts = [_part(subset, scores, methods, dataset, protocol) for subset in subsets]
    notes = [*_notes_on_paper(parts, dataset, protocol), *_notes_on_files(scores)]
    return Summary(dataset, protocol, parts, scores.failed, notes)


def _part(subset: str, scores: Scores, methods: Sequence[Method], dataset: str, protocol: Protocol) -> Part:
    here = {name: [score for score in found if score.subset == subset] for name, found in scores.of.items()}
    variants = tuple(dict.fromkeys(score.variant for found in here.values() for score in found))

    def scored(method: Method, variant: str) -> list[Score]:
        return [score for score in here[method.name] if score.variant == variant]

    by_variant = {
        variant: [_row(method, [scored(method, variant)]) for method in methods] for variant in variants
    }
    rows = [_row(method, [scored(method, variant) for variant in variants]) for method in methods]
    # Videos compare with the printed tables under the protocol those were made by; stills have only one.
    if protocol == "paper" or dataset == "him2k":
        rows += [_paper_row(row) for row in paper_rows(dataset, subset)]
    for variant in variants:
        row = paper_row_of_masks(subset, variant) if dataset == "him2k" else None
        if row is not None:
            by_variant[variant].append(_paper_row(row))
            if len(variants) == 1:
                rows.append(_paper_row(row))
    skipped = max(sum(score.skipped for score in found) for found in here.values())
    return Part(subset, variants, rows, by_variant if len(variants) > 1 else {}, skipped)


def _row(method: Method, by_variant: list[list[Score]]) -> Row:
    sums = [averages for averages in map(_sum, by_variant) if averages.count("SAD")]
    means = [averages.means() for averages in sums]
    measured = [{name for name, value in each.items() if math.isfinite(value)} for each in means]
    names = [name for name in COLUMNS if measured and all(name in each for each in measured)]
    return Row(
        method.name,
        method.kind,
        {name: mean(each[name] for each in means) for name in names},
        {name: stdev(each[name] for each in means) for name in names} if len(means) > 1 else {},
        samples=sum(not score.skipped for scores in by_variant for score in scores),
        instances=sum(averages.count("SAD") for averages in sums),
    )


def _sum(scores: list[Score]) -> Averages:
    averages = Averages()
    for score in scores:
        averages.merge(score.averages)
    return averages


def _paper_row(row: PaperRow) -> Row:
    return Row(f"paper: {row.method}", "paper", row.means, row.deviations)


def _notes_on_paper(parts: list[Part], dataset: str, protocol: Protocol) -> list[str]:
    if protocol == "release" and dataset == "v-him60":
        return ["the paper's rows were made under the paper protocol and are left out"]
    notes = []
    for part in parts:
        scored, whole = max(row.samples for row in part.rows), WHOLE.get(part.subset, 0)
        if any(row.kind == "paper" for row in part.rows) and scored != whole:
            notes.append(f"{part.subset}: {scored} samples here, {whole} behind the paper's rows")
    return notes


def _notes_on_files(scores: Scores) -> list[str]:
    notes = []
    for name, found in scores.of.items():
        missing, resized = sum(score.missing for score in found), sum(score.resized for score in found)
        extra = [path for score in found for path in score.extra]
        if missing:
            notes.append(f"{name}: {missing} mattes are missing and count as empty")
        if resized:
            notes.append(f"{name}: {resized} mattes had another size than the truth and were resized")
        if extra:
            more = f" and {len(extra) - 3} more" if len(extra) > 3 else ""
            notes.append(f"{name}: {len(extra)} files belong to no instance: {', '.join(extra[:3])}{more}")
    return notes

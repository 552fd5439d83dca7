"""`maggie-node evaluate`: networks and baselines on a published data set, beside the paper's numbers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maggie_api.errors import SOME_FAILED
from maggie_api.settings import MODEL_NAMES
from maggie_node.cli.commands import complain, debug_option
from maggie_node.cli.progress import StepLines, progress_bar
from maggie_node.cli.running import stoppable
from maggie_node.openmp import settle_waiting

if TYPE_CHECKING:
    from maggie_lab.datasets import Sample
    from maggie_lab.evaluation.methods import Method
    from maggie_lab.evaluation.run import SampleDone

NETWORKS_ALONE = ("refine", "smooth", "instances", "device", "precision")
"""Options that only a network has."""
TABLE, NUMBERS, RESULT = "table.txt", "numbers.csv", "result.json"
_DIR = click.Path(path_type=Path, file_okay=False)


def _choice(name: str, *values: str, help: str) -> Any:  # noqa: A002 - click's word
    """An option whose first value is the default."""
    return click.option(name, type=click.Choice(values), default=values[0], show_default=True, help=help)


@click.command(short_help="Score a model on a data set, beside the paper.")
@click.argument("dataset", metavar="him2k|i-him50k|v-him60|v-him2k5|synthhuman")
@click.argument("root", type=_DIR)
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="|".join((*MODEL_NAMES, "PATH")),
    help="Repeatable; the default model unless --predictions are given.",
)
@click.option(
    "--predictions",
    multiple=True,
    type=_DIR,
    help="Saved mattes, PNG or EXR, in the data set's layout. Repeatable.",
)
@click.option("--baselines", default="all", show_default=True, metavar="all|none|NAME,NAME")
@click.option("--subset", help="E.g. natural (him2k) or hard (v-him60); default all.")
@click.option("--variant", help="One set of masks of him2k, e.g. r50_fpn_3x; default all.")
@_choice("--protocol", "paper", "release", help="Windows of the flicker measures.")
@_choice("--refine", "auto", "none", "guided", "closed-form", help="The last step on edges.")
@_choice("--smooth", "auto", "none", "flow", help="Average clips along the optical flow.")
@_choice("--instances", "together", "alone", help="One pass for all, or one for each.")
@click.option("--limit", type=click.IntRange(min=1), help="Only so many samples of each subset and variant.")
@click.option("--strict", is_flag=True, help="Refuse predictions that are missing, superfluous or resized.")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda[:n]|mps")
@_choice("--precision", "auto", "fp32", "bf16", "fp16", help="Of the network.")
@click.option("-o", "--output", "--out", type=_DIR, default="maggie-evaluation", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The result as one JSON object, not as a table.")
@debug_option
@click.pass_context
def evaluate(
    ctx: click.Context,
    *,
    dataset: str,
    root: Path,
    subset: str | None,
    variant: str | None,
    protocol: Any,
    limit: int | None,
    output: Path,
    as_json: bool,
    **compared: Any,
) -> int:
    """Score models on the data set in ROOT, baselines and the paper's rows beside them.

    \b
    Run it again to go on where it stopped: scores are kept in DIR/scores. The
    table, all numbers and the whole result are DIR/table.txt, numbers.csv and
    result.json. For example:
      maggie-node evaluate him2k HIM2K_M-HIM2K --subset natural -o scores
    """
    asked = _asked(ctx)
    _check_together(asked)
    settle_waiting()
    with StepLines() as step:
        step("loading the program")
        from maggie_core.io.atomic import write_text
        from maggie_lab.datasets import find_samples
        from maggie_lab.evaluation.report import as_csv, as_data, as_text
        from maggie_lab.evaluation.run import score_samples
        from maggie_lab.evaluation.summary import summarise

        step("looking for samples")
        samples = list(_first(find_samples(dataset, root, subset=subset, variant=variant), limit))
        step("loading the models")
        methods = _methods(samples, dataset, root, **compared)
    _check_effect(asked, samples, methods)
    with stoppable(), _progress(len(samples), quiet=as_json and not sys.stderr.isatty()) as tell:
        scores = score_samples(samples, methods, dataset=dataset, protocol=protocol, folder=output, tell=tell)
    summary = summarise(scores, methods, dataset=dataset, protocol=protocol)
    text, result = as_text(summary), json.dumps(as_data(summary), indent=1)
    write_text(output / TABLE, text + "\n")
    write_text(output / NUMBERS, as_csv(summary))
    write_text(output / RESULT, result + "\n")
    click.echo(result if as_json else text)
    if not scores.failed:
        return 0
    name, reason = next(iter(scores.failed.items()))
    complain(f"{len(scores.failed)} of {len(samples)} samples are left out, first {name}: {reason}")
    return SOME_FAILED


def _asked(ctx: click.Context) -> dict[str, str]:
    """Options that differ from their defaults, as the user wrote them, by name."""
    changed: dict[str, str] = {}
    for option in ctx.command.params:
        name, value = option.name or "", ctx.params.get(option.name or "")
        if isinstance(option, click.Option) and value not in (option.default, (), None, False):
            changed[name] = option.opts[-1] if option.is_flag else f"{option.opts[-1]} {value}"
    return changed


def _check_together(asked: Mapping[str, str]) -> None:
    """Refuse options that change nothing beside the others, before anything is loaded."""
    if "predictions" not in asked and "strict" in asked:
        raise click.UsageError("--strict changes nothing: it is about --predictions; leave it out")
    if "predictions" in asked and "models" not in asked:
        for name in NETWORKS_ALONE:
            if name in asked:
                raise click.UsageError(
                    f"{asked[name]} changes nothing: no network is scored; add --model, or leave it out"
                )


def _check_effect(asked: Mapping[str, str], samples: Sequence[Sample], methods: Sequence[Method]) -> None:
    """Refuse options that change nothing for these samples and networks.

    Raises:
        SettingsError: the first such option, and why.
    """
    from maggie_api.errors import SettingsError
    from maggie_lab.evaluation.methods import NetworkMethod

    are_stills = all(len(sample.frames) == 1 for sample in samples)
    smooth = any(method.smooths for method in methods if isinstance(method, NetworkMethod))
    idle = {
        "protocol": "the data set has stills, and protocols differ in windows of frames"
        if are_stills
        else "",
        "smooth": "the data set has stills" if are_stills else "" if smooth else "image networks see stills",
    }
    for name, why in idle.items():
        if why and name in asked and asked[name] != "--smooth none":
            raise SettingsError(f"{asked[name]} changes nothing: {why}; leave it out")


def _first(samples: Iterable[Sample], limit: int | None) -> Iterator[Sample]:
    """At most `limit` of each subset and variant."""
    seen: dict[tuple[str, str], int] = {}
    for sample in samples:
        key = (sample.subset, sample.variant)
        seen[key] = seen.get(key, 0) + 1
        if limit is None or seen[key] <= limit:
            yield sample


def _methods(
    samples: Sequence[Sample],
    dataset: str,
    root: Path,
    *,
    models: tuple[str, ...],
    predictions: tuple[Path, ...],
    baselines: str,
    refine: Any,
    smooth: Any,
    instances: Any,
    strict: bool,
    device: str,
    precision: Any,
) -> list[Method]:
    from maggie_api.errors import SettingsError
    from maggie_lab.evaluation.methods import baseline_methods, network_method, saved_mattes

    methods: list[Method] = [
        network_method(
            model, refine=refine, smooth=smooth, instances=instances, device=device, precision=precision
        )
        for model in models or (() if predictions else ("default",))
    ]
    methods += [
        saved_mattes(folder, samples, dataset=dataset, root=root, strict=strict) for folder in predictions
    ]
    methods += baseline_methods(baselines)
    names = [method.name for method in methods]
    for name in names:
        if names.count(name) > 1:
            raise SettingsError(f"'{name}' is there {names.count(name)} times: each needs a name of its own")
    return methods


@contextmanager
def _progress(total: int, *, quiet: bool) -> Iterator[Callable[[SampleDone], None]]:
    """What a person sees on stderr: a bar in a terminal, a line for each sample in a log."""
    if quiet:
        yield lambda done: None
    elif sys.stderr.isatty():
        with progress_bar() as bar:
            task = bar.add_task("", total=total, rate="")
            yield lambda done: bar.update(task, completed=done.number, rate=done.sample.name)
    else:
        yield lambda done: click.echo(f"{_line(done)}  ({done.number}/{total})", err=True)


def _line(done: SampleDone) -> str:
    state = f"{done.seconds:.1f} s" if done.computed else "was there already"
    return f"{done.sample.name}  {'failed' if done.error else state}"

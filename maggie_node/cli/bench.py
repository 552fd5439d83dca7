"""`maggie-node bench`: what the network costs here, against its published order of operations."""

from __future__ import annotations

import json
from typing import Any

import click

from maggie_node.cli.commands import debug_option
from maggie_node.openmp import settle_waiting


@click.command(short_help="Measure time and memory on this machine.")
@click.option(
    "--case", "names", multiple=True, metavar="NAME", help="Case to measure; see --list. Repeatable."
)
@click.option("--list", "as_list", is_flag=True, help="Print the names of the standard cases.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each case.")
@click.option(
    "--threads", type=click.IntRange(1), help="Threads of the network; default: $OMP_NUM_THREADS, or all."
)
@click.option("--repeat", type=click.IntRange(1), metavar="N", help="Rounds; default: 5.")
@click.option("--device", default="cpu", show_default=True, metavar="auto|cpu|cuda[:n]|mps")
@debug_option
def bench(
    *,
    names: tuple[str, ...],
    as_list: bool,
    as_json: bool,
    threads: int | None,
    repeat: int | None,
    device: str,
) -> None:
    """Measure cases by NAME, video-576x1024-n5 if none is given.

    Paths are measured in turns within one run, and medians are printed, so that ratios hold on a busy machine
    too. A ratio is the fast path's time for a frame divided by that of the published order of operations.
    Without the published checkpoint the network has its widths and fixed random weights.

    \b
    For example:
      maggie-node bench --case video-576x1024-n5 --json
    """
    settle_waiting()
    from maggie_node.bench.cases import GRAMMAR, STANDARD, find_case

    if as_list:
        click.echo("\n".join(STANDARD))
        click.echo(f"others are spelt {GRAMMAR}", err=True)
        return
    cases = [find_case(name) for name in names or ("video-576x1024-n5",)]
    from maggie_node.bench.measure import measure

    for case in cases:
        result = measure(
            case,
            device=device,
            threads=threads,
            repeat=repeat,
            say=lambda text: click.echo(text, err=True),
        )
        click.echo(json.dumps(_rounded(result)) if as_json else _as_text(result))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    return [_rounded(part) for part in value] if isinstance(value, (list, tuple)) else value


def _as_text(result: dict[str, Any]) -> str:
    lines = [
        f"{name:<26}{_shown(value)}"
        for name, value in result.items()
        if value is not None and name not in ("roofline", "resident_mb")
    ]
    for after, mb in result.get("resident_mb", {}).items():
        lines.append(f"  after {after:>5} frames {mb:8.1f} MB")
    for path, found in result.get("roofline", {}).items():
        lines.append(f"\n{path + ', dense stages':<24}{'GMAC':>8}{'MB':>8}{'least s':>10}{'s':>10}")
        for stage, row in found["stages"].items():
            seconds = f"{row['seconds']:10.4f}" if row["seconds"] else f"{'-':>10}"
            lines.append(f"  {stage:<22}{row['gmac']:8.2f}{row['mb']:8.0f}{row['least_s']:10.4f}{seconds}")
        dense = found["dense"]
        lines.append(
            f"  {'all, as run':<22}{dense['gmac_counted']:8.2f}{'':8}{dense['least_s']:10.4f}"
            f"{dense['seconds']:10.4f}   {dense['gflops']:.0f} GFLOP/s, "
            f"{100 * dense['of_matrix_product']:.0f} % of a matrix product's"
        )
    return "\n".join(lines)


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return " to ".join(_shown(part) for part in value)
    return str(value)

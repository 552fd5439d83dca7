"""Time and memory of the network on this machine: tables and plots from `maggie-node bench`.

    python -m benchmarks.speed -o speed --set targets      # what was to be reached, some ten minutes
    python -m benchmarks.speed -o speed --set growth       # 1 to 20 instances, one at a time too: the plots
    python -m benchmarks.speed -o speed                    # 576 lines: 1 to 20 instances, two bands
    python -m benchmarks.speed -o speed --set large        # 1080 lines
    python -m benchmarks.speed -o speed --set product      # default model, 4K, EXR to EXR, a long shot
    python -m benchmarks.speed -o speed --draw             # only draw and print what is there
    python -m benchmarks.speed -o speed-cuda --set all --device cuda --repeat 50

Every case is a process of its own. What is measured is added to `speed.json` in the folder as it comes, so
that an interrupted run goes on; `--again` measures anew. Beside it come `tables.md`, and plots once
`--set growth` has been measured.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks._pages import with_table

COUNTS = (1, 2, 5, 10, 20)
KINDS = ("image", "video")
VIDEO, IMAGE, GROWTH = "video-576x1024-n5", "image-576x1024-n5", "growth-576x1024"
DEFAULT, FULL, WHOLE = "default-576x1024-n3", "full-4096x2160-n3", "e2e-2k"
PLOTS = {"growth": "growth-576x1024-alone", "growth-image": "growth-image-576x1024-alone"}


def _network(size: str) -> list[str]:
    plain = [f"{kind}-{size}-n{count}" for kind in KINDS for count in COUNTS]
    return plain + [f"{kind}-{size}-n5-wide" for kind in KINDS]


SETS = {
    "targets": [VIDEO, IMAGE, GROWTH, DEFAULT, WHOLE, FULL],
    "growth": list(PLOTS.values()),
    "network": _network("576x1024"),
    "large": _network("1080x1920"),
    "product": [DEFAULT, FULL, WHOLE, "long-1000"],
}


@dataclass(frozen=True)
class Target:
    """Something to reach, and how it is found in what a case gives."""

    what: str
    case: str
    found: Callable[[dict[str, Any]], float | None]
    limit: float
    at_least: bool = False
    unit: str = ""
    device: str = "cpu"
    literal: Callable[[dict[str, Any]], float] | None = None
    """The same of the published order of operations."""

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


def _dense(path: str) -> Callable[[dict[str, Any]], float]:
    return lambda row: 100 * row["roofline"][path]["dense"]["of_matrix_product"]


def _rate(seconds: str) -> Callable[[dict[str, Any]], float]:
    """Frames a second."""
    return lambda row: 1 / row[seconds]


def _growth(way: str, count: str) -> Callable[[dict[str, Any]], float]:
    return lambda row: row["ratio_to_n1"][way][count]


TARGETS = (
    Target("video, N=5, fp32 / literal", VIDEO, lambda row: row["ratio_fp32"], 0.30),
    Target("video, N=5, bf16 / literal", VIDEO, lambda row: row["ratio_bf16"], 0.12),
    Target(
        "bf16 within 2/255, random weights",
        VIDEO,
        lambda row: 100 * row["bf16_within_2_of_255"],
        99.9,
        True,
        "%",
    ),
    Target(
        "bf16 within 2/255, default model",
        VIDEO,
        lambda row: 100 * row["bf16_within_2_of_255_default_model"],
        99.9,
        True,
        "%",
    ),
    Target("image, N=5, fp32 / literal", IMAGE, lambda row: row["ratio_fp32"], 0.75),
    Target("image, N=5, bf16 / literal", IMAGE, lambda row: row["ratio_bf16"], 0.35),
    Target("dense stages of a matrix product's rate, fp32", VIDEO, _dense("fast"), 70, True, "%"),
    Target("dense stages of a matrix product's rate, bf16", VIDEO, _dense("bf16"), 70, True, "%"),
    Target(
        "N=10 / N=1, video, fp32", GROWTH, _growth("fast", "n10"), 1.15, literal=_growth("literal", "n10")
    ),
    Target("N=20 / N=1, video, fp32", GROWTH, _growth("fast", "n20"), 1.4, literal=_growth("literal", "n20")),
    Target(
        "peak memory, video, N=5, fp32",
        VIDEO,
        lambda row: row["peak_mb_fast"],
        800,
        unit="MB",
        literal=lambda row: row["peak_mb_literal"],
    ),
    Target("default model, N=3, fp32, frames a second", DEFAULT, _rate("seconds_fast"), 3, True),
    Target("default model, N=3, bf16, frames a second", DEFAULT, _rate("seconds_fast_bf16"), 3, True),
    Target("4096x2160 full-resolution detail, N=3", FULL, lambda row: row.get("seconds_fast"), 4, unit="s"),
    Target(
        "4096x2160 full-resolution detail, peak memory",
        FULL,
        lambda row: row.get("peak_mb_fast"),
        3000,
        unit="MB",
    ),
    Target(
        "EXR to EXR, 2K, outside network and last steps",
        WHOLE,
        lambda row: 100 * row["overhead"],
        15,
        unit="%",
    ),
    Target(
        "video, N=5, bf16, frames a second",
        VIDEO,
        _rate("seconds_fast_bf16"),
        100,
        True,
        device="cuda",
    ),
    Target(
        "4096x2160 full-resolution detail, frames a second",
        FULL,
        lambda row: 1 / row["seconds_fast"] if row.get("seconds_fast") else None,
        10,
        True,
        device="cuda",
    ),
)
"""Of the published widths at 576x1024 where nothing else is said."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-o", "--output", type=Path, default=Path("speed"))
    parser.add_argument("--set", choices=[*SETS, "all"], default="network")
    parser.add_argument("--case", nargs="+", default=[], help="these cases instead of a set")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--repeat", type=int)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--draw", action="store_true")
    parser.add_argument("--into", type=Path, help="a page, docs/speed.md, whose tables and plots are renewed")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    store = args.output / "speed.json"
    found: dict[str, Any] = json.loads(store.read_text()) if store.is_file() else {}
    chosen = args.case or [name for key in SETS if args.set in (key, "all") for name in SETS[key]]
    how = [f"--{key}={value}" for key in ("device", "threads", "repeat") if (value := getattr(args, key))]
    for name in dict.fromkeys([] if args.draw else chosen):
        if args.again or name not in found:
            command = [sys.executable, "-m", "maggie_node", "bench", "--json", f"--case={name}", *how]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            found[name] = json.loads(done.stdout)
            store.write_text(json.dumps(found, indent=1) + "\n")
    text = tables(found)
    (args.output / "tables.md").write_text(text + "\n")
    print(text)
    for name, case in PLOTS.items():
        for folder in (args.output, args.into and args.into.parent) if case in found else ():
            if folder:
                draw(found[case], folder / f"speed_{name}.png")
    if args.into:
        args.into.write_text(renewed(args.into.read_text(), found))


def renewed(page: str, found: dict[str, Any]) -> str:
    """The page with the tables that there are figures for."""
    for name, table in TABLES.items():
        text = table(found)
        if text:
            page = with_table(page, name, text)
    return page


def tables(found: dict[str, Any]) -> str:
    """What was found as Markdown."""
    parts = [table(found) for table in TABLES.values()]
    return "\n\n".join(part for part in parts if part)


def _target_table(found: dict[str, Any]) -> str:
    lines = ["| | published order, same run | wanted | found | |", "|---|---|---|---|---|"]
    for target in TARGETS:
        row = found.get(target.case, {})
        if target.device == "cuda" and row.get("device", "cpu") == "cpu":
            continue
        value = target.found(row) if row else None
        if value is not None:
            sign, unit = ">=" if target.at_least else "<=", f" {target.unit}".rstrip()
            literal = f"{target.literal(row):.5g}{unit}" if target.literal else ""
            lines.append(
                f"| {target.what} | {literal} | {sign} {target.limit:g}{unit} | {value:.5g}{unit} "
                f"| {'yes' if target.met(value) else 'no'} |"
            )
    return "\n".join(lines) if len(lines) > 2 else ""


def _network_table(found: dict[str, Any]) -> str:
    lines = [
        "| case | literal s | fp32 s | bf16 s | fp32 / literal | bf16 / literal | spread "
        "| literal MB | fp32 MB | bf16 MB | bf16 within 2/255 | default model |",
        "|" + "---|" * 12,
    ]
    for name, row in found.items():
        if "seconds_literal" not in row:
            continue
        spread = " to ".join(f"{ratio:.2f}" for ratio in row["spread_fp32"] or [])
        lines.append(
            f"| {name} | {_number(row['seconds_literal'])} | {_number(row['seconds_fast'])} "
            f"| {_number(row['seconds_fast_bf16'])} | {_number(row['ratio_fp32'])} "
            f"| {_number(row['ratio_bf16'])} | {spread} | {_number(row['peak_mb_literal'], 0)} "
            f"| {_number(row['peak_mb_fast'], 0)} | {_number(row['peak_mb_fast_bf16'], 0)} "
            f"| {_percent(row['bf16_within_2_of_255'])} "
            f"| {_percent(row['bf16_within_2_of_255_default_model'])} |"
        )
    return "\n".join(lines) if len(lines) > 2 else ""


def _roofline_table(found: dict[str, Any]) -> str:
    lines = [
        "| case | | GMAC | GFLOP/s | of a matrix product | its GFLOP/s now | copies GB/s |",
        "|" + "---|" * 7,
    ]
    for name, row in found.items():
        for path, key in (("fast", "gflops_fp32"), ("bf16", "gflops_bf16")):
            if path in row.get("roofline", {}):
                dense = row["roofline"][path]["dense"]
                lines.append(
                    f"| {name} | {key[7:]} | {dense['gmac_counted']:.1f} | {dense['gflops']:.0f} "
                    f"| {100 * dense['of_matrix_product']:.0f} % | {row['machine'][key]:.0f} "
                    f"| {row['machine']['copy_gb_s']:.1f} |"
                )
    return "\n".join(lines) if len(lines) > 2 else ""


def _growth_table(found: dict[str, Any]) -> str:
    lines = ["| case | way | instances | s a frame | to one instance | MB |", "|" + "---|" * 6]
    for name, row in found.items():
        for way, ratios in row.get("ratio_to_n1", {}).items():
            for count, ratio in ratios.items():
                memory = row.get("peak_mb", {}).get(way, {}).get(count)
                lines.append(
                    f"| {name} | {way} | {count[1:]} | {row['seconds'][way][count]:.2f} | {ratio:.2f} "
                    f"| {_number(memory, 0)} |"
                )
    return "\n".join(lines) if len(lines) > 2 else ""


def _product_table(found: dict[str, Any]) -> str:
    lines = []
    for name, row in found.items():
        if "frames" not in row:
            continue
        line = f"- {name}: {row['seconds_fast']:.2f} s a frame, peak {row['peak_mb_fast']:.0f} MB"
        if "shares" in row:
            shares = ", ".join(f"{part} {100 * share:.0f} %" for part, share in row["shares"].items())
            line += f"; {shares}; outside network and last steps {100 * row['overhead']:.0f} %"
        if "growth_mb" in row:
            line += f"; {row['growth_mb']:+.1f} MB from the second tenth of the shot to the last"
        if "seconds_working" in row:
            line += f"; at the working size {row['seconds_working']:.2f} s, {row['peak_mb_working']:.0f} MB"
        lines.append(line)
    return "\n".join(lines)


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"


TABLES = {
    "targets": _target_table,
    "network": _network_table,
    "roofline": _roofline_table,
    "growth": _growth_table,
    "jobs": _product_table,
}


WAYS = {
    "literal": "published order of operations",
    "alone": "one at a time, fp32",
    "fast": "together, fp32",
    "bf16": "together, bf16",
}


def draw(row: dict[str, Any], path: Path) -> None:
    """Time and memory against instances."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(10, 3.8))
    for axis, key, label in (
        (axes[0], "seconds", "seconds a frame"),
        (axes[1], "peak_mb", "peak memory, MB"),
    ):
        for way, name in WAYS.items():
            points = [(int(count[1:]), value) for count, value in row[key].get(way, {}).items()]
            axis.plot(*zip(*points, strict=True), marker="o", label=name)
        axis.set(xlabel="instances", ylabel=label, ylim=(0, None), xlim=(0, None))
        axis.set_xticks(sorted({int(count[1:]) for counts in row[key].values() for count in counts}))
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.suptitle(
        f"{row['case'].removesuffix('-alone')}, {row['device']}, {row['threads']} threads", fontsize=9
    )
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()

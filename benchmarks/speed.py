"""Time and memory of the network on this machine: tables and plots from `maggie-node bench`.

    python -m benchmarks.speed -o speed                    # 576 lines: 1 to 20 instances, two bands
    python -m benchmarks.speed -o speed --set instances    # and one at a time, as the paper's Fig. 4
    python -m benchmarks.speed -o speed --set large        # 1080 lines
    python -m benchmarks.speed -o speed --set product      # default model, 4K, EXR to EXR, a long shot
    python -m benchmarks.speed -o speed --draw             # only draw and print what is there
    python -m benchmarks.speed -o speed-cuda --device cuda --repeat 50

Every case is a process of its own. What is measured is added to `speed.json` in the folder as it comes, so
that an interrupted run goes on; `--again` measures anew.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

COUNTS = (1, 2, 5, 10, 20)
ALONE = (1, 2, 5, 10)
KINDS = ("image", "video")


def _network(size: str) -> list[str]:
    plain = [f"{kind}-{size}-n{count}" for kind in KINDS for count in COUNTS]
    return plain + [f"{kind}-{size}-n5-wide" for kind in KINDS]


SETS = {
    "network": [*_network("576x1024"), "growth-576x1024"],
    "large": _network("1080x1920"),
    "instances": [f"image-576x1024-n{n}{mode}" for n in ALONE for mode in ("", "-alone")],
    "product": ["default-576x1024-n3", "native-4096x2160-n3", "e2e-2k", "long-1000"],
}


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
    print(tables(found))
    draw(found, args.output / "instances.png")


def tables(found: dict[str, Any]) -> str:
    """What was found as Markdown."""
    parts = [_network_table(found), _roofline_table(found), _growth_table(found), _product_table(found)]
    return "\n\n".join(part for part in parts if part)


def _network_table(found: dict[str, Any]) -> str:
    lines = [
        "| case | literal s | fp32 s | bf16 s | fp32 / literal | bf16 / literal | spread "
        "| literal MB | fp32 MB | bf16 MB | bf16 within 2/255 |",
        "|" + "---|" * 11,
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
            f"| {100 * row['bf16_within_2_of_255']:.2f} % |"
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
    lines = ["| case | instances | fp32 s | to one instance |", "|---|---|---|---|"]
    for name, row in found.items():
        for count, ratio in row.get("ratio_to_n1", {}).items():
            lines.append(f"| {name} | {count[1:]} | {row['seconds_fast'][count]:.2f} | {ratio:.2f} |")
    return "\n".join(lines) if len(lines) > 2 else ""


def _product_table(found: dict[str, Any]) -> str:
    lines = []
    for name, row in found.items():
        if "frames" not in row and "there" not in row:
            continue
        if row.get("there") is False:
            lines.append(f"- {name}: not there ({row['reason']})")
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


def draw(found: dict[str, Any], path: Path) -> None:
    """Time and memory against instances, where at least two counts are there."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    curves = {
        "published order of operations": ("", "literal"),
        "together, fp32": ("", "fast"),
        "together, bf16": ("", "fast_bf16"),
        "one at a time, fp32": ("-alone", "fast"),
    }
    kinds = [kind for kind in KINDS if len(_curve(found, kind, "", "seconds_fast")) > 1]
    if not kinds:
        return
    figure, axes = plt.subplots(len(kinds), 2, figsize=(10, 3.6 * len(kinds)), squeeze=False)
    for row, kind in zip(axes, kinds, strict=True):
        for axis, key, label in (
            (row[0], "seconds", "seconds a frame"),
            (row[1], "peak_mb", "peak memory, MB"),
        ):
            for name, (mode, way) in curves.items():
                points = _curve(found, kind, mode, f"{key}_{way}")
                if points:
                    axis.plot(*zip(*points, strict=True), marker="o", label=name)
            axis.set(xlabel="instances", ylabel=label, title=f"{kind}, 1024x576", ylim=(0, None))
            axis.grid(alpha=0.3)
    axes[0][0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def _curve(found: dict[str, Any], kind: str, mode: str, key: str) -> list[tuple[int, float]]:
    rows = [(count, found.get(f"{kind}-576x1024-n{count}{mode}", {})) for count in COUNTS]
    return [(count, row[key]) for count, row in rows if row.get(key)]


if __name__ == "__main__":
    main()

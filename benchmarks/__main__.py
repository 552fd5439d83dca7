"""Everything that is measured, one table after the other: `python -m benchmarks`."""

from __future__ import annotations

import subprocess
import sys

RUNS = (
    ("benchmarks.default_model", []),
    ("benchmarks.evaluation", []),
    ("benchmarks.chunking", []),
    ("benchmarks.instances", []),
    ("benchmarks.synthesis", []),
    ("benchmarks.state", []),
    ("benchmarks.full_resolution", []),
    ("benchmarks.speed", ["--set", "all"]),
    ("benchmarks.segments", []),
    ("benchmarks.people", ["cost"]),
    ("benchmarks.people", ["walk"]),
    ("benchmarks.qc", []),
    ("benchmarks.show", []),
    ("benchmarks.reliability", []),
    ("benchmarks.faults", []),
    ("benchmarks.odd_inputs", []),
    ("benchmarks.propagation", []),
    ("benchmarks.panel", []),
)


def main() -> int:
    """Run each benchmark in a process of its own, so that none feels the memory of another."""
    worst = 0
    for module, arguments in RUNS:
        print(f"== {module} {' '.join(arguments)}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, "-m", module, *arguments], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())

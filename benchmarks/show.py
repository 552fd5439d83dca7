"""A whole show on a whole farm, simulated: how long it takes, what is wasted, and what is in the way.

    python -m benchmarks.show                         # 10 000 shots on 1 000 machines, plans compared
    python -m benchmarks.show --one --shots 500 --machines 40 --chunk 24         # only this one

Seconds are measured ones; what shows and farms are like is assumed (_drawn_show.py, _simulated_farm.py).
"""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import replace
from typing import Any

from benchmarks._drawn_show import draw_show
from benchmarks._simulated_farm import (
    AGAIN,
    AHEAD,
    BAD,
    CAUSES,
    KILLS,
    STARTS,
    STORAGE,
    WARMUP,
    Chunking,
    Farm,
    Outcome,
    simulate,
)
from maggie_node.farm.plan import even


def describe(out: Outcome, farm: Farm) -> str:
    """An outcome in words: what was done, what was wasted, what is in the way and what would help."""
    wasted = sorted(out.wasted.items(), key=lambda item: -item[1])
    lines = [
        f"{out.frames} frames in {out.hours:.2f} hours, {out.frames / out.hours:,.0f} an hour; "
        f"99 in 100 after {out.most_hours:.2f}, all that is urgent after {out.urgent_hours:.2f}",
        f"machines work {100 * out.utilisation:.1f} % of the time; "
        f"{out.tasks} tasks, {out.kills} of them killed; {out.failed} frames cannot be matted",
        f"of that {100 * out.useful / out.busy:.1f} % is useful; wasted: "
        + ", ".join(f"{cause} {100 * seconds / out.busy:.2f} %" for cause, seconds in wasted),
        f"storage moves {8e-3 * out.storage_s * farm.storage_mb_s / 3600 / out.hours:.1f} Gbit/s on average",
        f"in the way: {out.bottleneck}. {_advice(out)}",
    ]
    return "\n".join(lines)


def _advice(out: Outcome) -> str:
    if out.bottleneck == "storage":
        return "Faster storage, or plates copied near the machines; more machines would only wait."
    if out.bottleneck == "tail":
        return (
            f"Machines idle {100 * out.idle:.0f} % of the time while the last tasks run: longest shots first."
        )
    help_for = {
        WARMUP: "longer segments, or a shorter warm-up",
        AGAIN: "chunks that end where segments end",
        AHEAD: "longer chunks",
        KILLS: "smaller chunks, or the cache where every machine finds it",
        STARTS: "longer chunks, or a worker that stays warm between shots",
        STORAGE: "faster storage",
        BAD: "plates that are checked before they are submitted",
    }
    cause = max(out.wasted, key=lambda name: out.wasted[name])
    return f"More machines, or a faster step; of what is wasted, {cause} is most: {help_for[cause]}."


def comparisons(chunking: Chunking, farm: Farm) -> dict[str, tuple[Chunking, Farm]]:
    """Plans and farms that differ from the given ones in one thing."""
    length = chunking.reach.segment_frames or 48

    def cut(chunk: int | None, **changes: Any) -> tuple[Chunking, Farm]:
        return replace(chunking, chunk=chunk, **changes), farm

    def on(farm: Farm, **changes: Any) -> tuple[Chunking, Farm]:
        return replace(chunking, **changes), farm

    shorter = replace(chunking.reach, segment_frames=length // 2)
    often = replace(farm, mtbf_h=2.0)
    return {
        "as given": (chunking, farm),
        "longest first": on(farm, longest_first=True),
        f"chunk {length // 4}": cut(length // 4),
        f"chunk {length // 2}": cut(length // 2),
        f"chunk {length // 2}, segment too": cut(length // 2, reach=shorter),
        f"chunk {length + 2}": cut(length + 2),
        f"chunk {2 * length}": cut(2 * length),
        f"chunk {length}, cut evenly": cut(length, cut=even),
        "the same, at the cheapest size": cut(length, cut=even, cheapest=True),
        "a task for a shot": cut(None),
        "the same, longest first": cut(None, longest_first=True),
        "a process for every task": on(replace(farm, start="task")),
        "a worker that stays warm": on(replace(farm, start="machine")),
        "a kill every 2 hours": on(often),
        "the same, with the cache": on(often, cache=True),
        f"the same, chunk {2 * length}": on(often, chunk=2 * length, cache=True),
        "bad frames tried 5 times": on(farm, retries=5),
        "storage of 4 GB/s": on(replace(farm, storage_mb_s=4000.0)),
        "storage of 2 GB/s": on(replace(farm, storage_mb_s=2000.0)),
        "half the machines": on(replace(farm, machines=max(1, farm.machines // 2))),
    }


COLUMNS = ("hours", "99 %", "frames/h", "busy %", "useful %", *CAUSES, "in the way")


def row(out: Outcome) -> dict[str, float | str]:
    """An outcome as a row of the table; causes as per cent of busy time."""
    shares = {cause: round(100 * out.share(cause), 2) for cause in CAUSES}
    return {
        "hours": round(out.hours, 3),
        "99 %": round(out.most_hours, 3),
        "frames/h": round(out.frames / out.hours),
        "busy %": round(100 * out.utilisation, 1),
        "useful %": round(100 * out.useful / out.busy, 1),
        **shares,
        "in the way": out.bottleneck,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--shots", type=int, default=10_000)
    parser.add_argument("--machines", type=int, default=Farm.machines)
    parser.add_argument(
        "--chunk", type=int, default=Chunking.chunk, help="frames in a task; 0: a task for a shot"
    )
    parser.add_argument("--cache", action="store_true", help="temporal state is kept where all find it")
    parser.add_argument("--mtbf", type=float, default=Farm.mtbf_h, help="hours between kills of a machine")
    parser.add_argument("--storage", type=float, default=Farm.storage_mb_s, help="MB/s for all; 0: no limit")
    parser.add_argument("--start", choices=["task", "session", "machine"], default=Farm.start)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--one", action="store_true", help="only this plan, no comparisons")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    show = draw_show(args.shots, seed=args.seed)
    chunking = Chunking(chunk=args.chunk or None, cache=args.cache)
    farm = Farm(machines=args.machines, mtbf_h=args.mtbf, storage_mb_s=args.storage, start=args.start)
    cases = {"as given": (chunking, farm)} if args.one else comparisons(chunking, farm)
    began = time.perf_counter()
    found = {name: simulate(show, on, how, seed=args.seed) for name, (how, on) in cases.items()}
    if args.json:
        print(json.dumps({name: row(out) for name, out in found.items()}, indent=1))
        return
    frames = sum(shot.frames for shot in show)
    mean = sum(shot.frames * shot.seconds for shot in show) / frames
    print(f"{len(show)} shots, {frames} frames of {mean:.2f} s, {farm.machines} machines, seed {args.seed}")
    print(describe(found["as given"], farm))
    if not args.one:
        print("\n" + _as_text(found))
    print(f"\n{time.perf_counter() - began:.0f} s for {len(found)} simulations")


def _as_text(found: dict[str, Outcome]) -> str:
    wide = max(len(name) for name in found) + 2
    lines = [" " * wide + "  ".join(COLUMNS)]
    for name, out in found.items():
        cells = row(out)
        lines.append(f"{name:{wide}}" + "  ".join(f"{cells[c]:>{len(c)}}" for c in COLUMNS))
    return "\n".join(lines)


if __name__ == "__main__":
    main()

"""Where the truth is fractional: what each stage of the default model makes of strands of hair.

    python -m benchmarks.strands BANK [--model default] [--count 64]

Crops of one person are drawn from a bank of generated figures until so many have more than 8 % of their
pixels between 0.1 and 0.9. For these pixels every row gives the mean error, and the shares that come out
below 0.05 and above 0.95. The first three rows look where the truth is undecided, the others where the
network does.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from maggie_core.model.refinement import FUSE1_PX, FUSE4_PX, REGION_PX, Detail, dilate, fuse, undecided
from maggie_core.model.temporal import SOLID
from maggie_lab.synthesis import Bank, compose, sample_generator
from maggie_lab.training.dataset import collate
from maggie_lab.training.forward import Prediction, TrainingBatch, predict
from maggie_lab.training.weights import start_from

CROP_PX, BATCH, SEED = 128, 8, 4242
FRACTIONAL = (0.1, 0.9)
LEAST_SHARE = 0.08
"""Of a crop that is fractional, to be one of strands."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bank", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--count", type=int, default=64)
    args = parser.parse_args()
    net = start_from(args.model).network.eval()
    sums: dict[str, Tensor] = {}
    pixels = 0
    for batch in batches(args.bank, args.count):
        with torch.no_grad():
            own = predict(net, batch, guide_by_truth=False, faults_guide=False)
            told = predict(net, batch, guide_by_truth=True, faults_guide=False)
        low, high = FRACTIONAL
        chosen = (batch.alpha > low) & (batch.alpha < high)
        pixels += int(chosen.sum())
        for name, alpha in stages(own, told).items():
            a, truth = alpha[chosen], batch.alpha[chosen]
            found = torch.stack([(a - truth).abs().sum(), (a < 0.05).sum(), (a > 0.95).sum()])
            sums[name] = sums.get(name, torch.zeros(3)) + found
    print("| | error | below 0.05 | above 0.95 |\n|---|---|---|---|")
    for name, found in sums.items():
        print(f"| {name} | " + " | ".join(f"{value:.3f}" for value in found / pixels) + " |")


def stages(own: Prediction, told: Prediction) -> dict[str, Tensor]:
    """(B, 1, 1, H, W) alphas by name."""
    snapped = own.alpha8.masked_fill(own.alpha8 >= SOLID, 1.0)
    region = dilate(undecided(snapped), REGION_PX)
    fine = Detail(own.alpha4, own.alpha1)
    taken4 = torch.where(dilate(undecided(snapped), FUSE4_PX) & region, own.alpha4, snapped)
    looked_at = dilate(undecided(taken4), FUSE1_PX) & region
    return {
        "coarse": told.alpha8,
        "stride 4": told.alpha4,
        "full resolution": told.alpha1,
        "all fused": fuse(snapped, fine, region),
        "all fused, no snap to 1": fuse(own.alpha8, fine, own.region),
        "full resolution where it is taken, else the coarse": torch.where(looked_at, own.alpha1, snapped),
    }


def batches(folder: Path, count: int) -> Iterator[TrainingBatch]:
    """Batches of crops that hold strands."""
    bank, kept, index = Bank(folder), [], 0
    while count > 0:
        sample = compose(
            sample_generator(SEED, index), bank, crop_px=CROP_PX, instances=(1, 1), severity="learning"
        )
        index += 1
        low, high = FRACTIONAL
        share = ((sample["alphas"] > low) & (sample["alphas"] < high)).mean()
        if share > LEAST_SHARE and sample["guidance"].any():
            kept.append({name: planes[None] for name, planes in sample.items()})
        if len(kept) == BATCH:
            yield TrainingBatch(**collate(kept, sample_generator(SEED + 1, count)))  # pyright: ignore[reportArgumentType]
            kept, count = [], count - BATCH


if __name__ == "__main__":
    main()

"""What each last step does to a matte, photograph by photograph.

    python -m benchmarks.last_steps FOLDER... [--model default]

FOLDER holds image/NAME.*, alpha/NAME.* (or alpha_estimate/) and mask/QUALITY/NAME.*. Printed are mean
absolute errors times 1000, how much of the inside of the masks was lost where the truth has it, and how many
photographs a step made worse by more than 1.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.photographs import _matte, photographs
from maggie_core import load_model
from maggie_core.model import MatteModel
from maggie_core.model.still import PAD_PX
from maggie_core.postprocess.edges import refine_edges
from maggie_core.postprocess.mask_shape import depth_in, size_of
from maggie_core.shot.first_look import better_guidance

STEPS = ("mask", "network", "first look", "refined")
HARM = 1.0
INSIDE_SHARE = 0.009
"""Depth, as a share of the size, from which a pixel counts as inside a mask."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="+")
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    model = load_model(args.model, device="cpu")
    errors: dict[str, list[list[float]]] = {}
    lost: dict[str, list[float]] = {}
    for folder in args.folder:
        for quality, image, truth, mask in photographs(folder):
            found = dict(_steps(model, image, mask))
            errors.setdefault(quality, []).append(
                [1e3 * float(np.abs(found[step] - truth).mean()) for step in STEPS]
            )
            lost.setdefault(quality, []).append(_lost(found["refined"], truth, mask))
    print("| guidance | " + " | ".join(STEPS) + " | inside lost, % | first look hurts | refining hurts |")
    print("|---" * (len(STEPS) + 4) + "|")
    for quality, rows in errors.items():
        table = np.array(rows)
        hurts = (np.diff(table, axis=1) > HARM).sum(axis=0)
        cells = [*(f"{mean:.2f}" for mean in table.mean(axis=0)), f"{100 * np.mean(lost[quality]):.2f}"]
        cells += [f"{count} of {len(table)}" for count in hurts[1:]]
        print(f"| {quality} | " + " | ".join(cells) + " |")


def _steps(model: MatteModel, image: np.ndarray, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """(H, W) after each step."""
    yield "mask", mask
    alpha = _matte(model, image, mask)
    yield "network", alpha
    look = model.info.first_look
    led = better_guidance(model, image, mask[None], share=look, pad_px=PAD_PX)[0]
    alpha = _matte(model, image, led)
    yield "first look", alpha
    yield "refined", refine_edges(alpha[None], image, mask[None], model.info.refine)[0]


def _lost(alpha: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> float:
    """Share of the inside of a mask, where the truth is solid, that an alpha does not have."""
    inside = (depth_in(mask > 0) > INSIDE_SHARE * size_of(mask)) & (truth > 0.95)
    return float((1 - alpha[inside]).mean()) if inside.any() else 0.0


if __name__ == "__main__":
    main()

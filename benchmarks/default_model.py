"""The default model against what can be had without a network, on generated scenes it never learned from.

    python -m benchmarks.default_model [--model default] [--count 48] [--sheet sheet.png]

Every row is the mean over all instances and frames of the held-out set (hair styles, garments, backgrounds
and mask faults that training does not draw). dtSSD is over the clips of the set.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

from maggie_core import load_model
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.model.config import WINDOW
from maggie_core.model.frame_window import NO_STATE, TemporalState
from maggie_core.model.still import PAD_PX
from maggie_core.postprocess.edges import refine_edges
from maggie_core.postprocess.temporal import smoothed_clip
from maggie_core.shot.first_look import better_guidance
from maggie_lab.evaluation import BASELINES, Averages, video_errors
from maggie_lab.synthesis import HeldOutSample, heldout_set

METRICS = ("MAD_e3", "MSE_e3", "Grad", "dtSSD_e3")
OURS = "default model"
UNSMOOTHED, BARE = "not smoothed", "network alone"
"""Without the last step in time; and with nothing before the network or behind it."""
ALONE = "frame by frame"
"""The network without its neighbours: each frame as a clip of its own."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--count", type=int, default=48, help="samples; every fourth is a clip")
    parser.add_argument("--size", type=int, default=384, help="side of the images in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sheet", type=Path, help="write an image of some samples here")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    model = load_model(args.model, device="cpu")
    scores: dict[str, dict[str, Averages]] = {}
    strips = []
    for number, sample in enumerate(heldout_set(args.count, args.seed, args.size)):
        pairs = _pairs(sample.image, sample.guidance)
        look = model.info.first_look
        led = [
            better_guidance(model, image, masks, share=look, pad_px=PAD_PX)
            for image, masks in zip(sample.image, sample.guidance, strict=True)
        ]
        refined = np.stack(
            [
                refine_edges(alphas, image, masks, model.info.refine)
                for alphas, image, masks in zip(
                    _matted(model, _pairs(sample.image, led)), sample.image, sample.guidance, strict=True
                )
            ]
        )
        smooth = smoothed_clip(sample.image, refined, np.any(sample.guidance, axis=(2, 3)))
        results = {
            OURS: smooth if model.info.smooth == "flow" else refined,
            UNSMOOTHED: refined,
            BARE: _matted(model, pairs),
        } | _baselines(sample)
        if model.window_frames > 1:
            results[ALONE] = torch.cat([model.predict_clip(i[None], g[None]) for i, g in pairs]).numpy()
        for name, alphas in results.items():
            errors = video_errors(alphas, sample.alphas, names=METRICS)
            for group in (sample.severity, "all"):
                scores.setdefault(group, {}).setdefault(name, Averages()).add(errors)
        if args.sheet and number < 12:
            strips.append(_strip(sample, results[OURS]))
    if args.sheet:
        write_integer_image(args.sheet, np.concatenate(strips, axis=1))
    table = {
        group: {name: _rounded(average) for name, average in rows.items()} for group, rows in scores.items()
    }
    print(json.dumps(table, indent=1) if args.json else _as_text(table))


def _pairs(images: np.ndarray, masks: Iterable[np.ndarray]) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return [
        (torch.from_numpy(image), torch.from_numpy(each)) for image, each in zip(images, masks, strict=True)
    ]


def _matted(model: MatteModel, pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> np.ndarray:
    """(T, N, H, W) alphas as a job makes them: a clip's last frame takes nothing over from the one before."""
    mattes = list(model.stream(pairs))
    if model.window_frames == WINDOW <= len(pairs):
        features = [model.encode(*pair) for pair in pairs[-WINDOW:]]
        state = TemporalState(mattes[-WINDOW]) if len(pairs) > WINDOW else NO_STATE
        mattes[-1] = model.window(features, state=state).single[-1]
    return torch.stack(mattes).float().numpy()


def _baselines(sample: HeldOutSample) -> dict[str, np.ndarray]:
    return {
        name: np.stack(
            [
                np.stack([baseline(image, mask) for mask in masks])
                for image, masks in zip(sample.image, sample.guidance, strict=True)
            ]
        )
        for name, baseline in BASELINES.items()
    }


def _rounded(average: Averages) -> dict[str, float]:
    return {name: round(average.means([name])[name], 3) for name in METRICS if average.count(name)}


def _strip(sample: HeldOutSample, alphas: np.ndarray) -> np.ndarray:
    """Plate, guidance, ours and truth of a sample's first person, below each other."""
    planes = [plane[0, 0][..., None].repeat(3, 2) for plane in (sample.guidance, alphas, sample.alphas)]
    return np.concatenate([sample.image[0].transpose(1, 2, 0), *planes], axis=0)


def _as_text(table: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = [f"{'guidance':10}{'':16}" + "".join(f"{metric:>10}" for metric in METRICS)]
    for group, rows in table.items():
        for name, row in rows.items():
            cells = "".join(f"{row[metric]:10.2f}" if metric in row else f"{'':10}" for metric in METRICS)
            lines.append(f"{group:10}{name:16}{cells}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

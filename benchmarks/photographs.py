"""The default model on single images with alphas and masks of several qualities.

    python -m benchmarks.photographs FOLDER [--model default] [--sheet sheet.png]

FOLDER holds image/NAME.*, alpha/NAME.* (or alpha_estimate/) and mask/QUALITY/NAME.*. Everything is done and
scored at a short side of 576 pixels; smaller images stay as they are. Every row is the mean over images.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.default_model import BARE, OURS
from maggie_api.errors import InputError
from maggie_core import load_model
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.model.still import PAD_PX, padded
from maggie_core.postprocess.edges import refine_edges
from maggie_core.shot.first_look import better_guidance
from maggie_lab.datasets import read_grey, read_rgb
from maggie_lab.evaluation import BASELINES, Averages, image_metrics

METRICS = ("MAD_e3", "MSE_e3", "Grad")
WORKING_PX = 576


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--sheet", type=Path, help="write image, mask, ours and truth of every row here")
    args = parser.parse_args()
    model = load_model(args.model, device="cpu")
    scores: dict[str, dict[str, Averages]] = {}
    strips = []
    for quality, image, truth, mask in photographs(args.folder):
        led = better_guidance(model, image, mask[None], share=model.info.first_look, pad_px=PAD_PX)[0]
        alpha = _matte(model, image, led)
        found = {
            OURS: refine_edges(alpha[None], image, mask[None], model.info.refine)[0],
            BARE: _matte(model, image, mask),
        } | {name: baseline(image, mask) for name, baseline in BASELINES.items()}
        for name, alpha in found.items():
            errors = image_metrics(alpha[None], truth[None])
            row = {metric: np.array([errors[metric]]) for metric in METRICS}
            scores.setdefault(quality, {}).setdefault(name, Averages()).add(row)
        strips.append(_strip(image, mask, found[OURS], truth))
    if args.sheet:
        write_integer_image(args.sheet, np.concatenate(strips, axis=0))
    print(f"{'guidance':10}{'':16}" + "".join(f"{metric:>10}" for metric in METRICS))
    for quality, rows in scores.items():
        for name, average in rows.items():
            means = average.means()
            print(f"{quality:10}{name:16}" + "".join(f"{means[metric]:10.2f}" for metric in METRICS))


def photographs(folder: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Quality, image (3, H, W), truth (H, W) and mask (H, W), all at working size."""
    truths = next((f for f in (folder / "alpha", folder / "alpha_estimate") if f.is_dir()), None)
    qualities = sorted(path.name for path in (folder / "mask").glob("*") if path.is_dir())
    if truths is None or not qualities:
        raise InputError(f"{folder}: needs image/, alpha/ and mask/QUALITY/")
    for quality in qualities:
        for path in sorted((folder / "image").iterdir()):
            alpha, mask = (_named(place, path.stem) for place in (truths, folder / "mask" / quality))
            image = read_rgb(path).transpose(1, 2, 0)
            size = _working_size(*image.shape[:2])
            small = cv2.resize(image, size, interpolation=cv2.INTER_AREA).transpose(2, 0, 1)
            truth = cv2.resize(read_grey(alpha), size, interpolation=cv2.INTER_AREA)
            guide = cv2.resize(read_grey(mask), size, interpolation=cv2.INTER_NEAREST) > 0.5
            yield quality, np.ascontiguousarray(small), truth, guide.astype(np.float32)


def _named(folder: Path, stem: str) -> Path:
    found = sorted(folder.glob(f"{stem}.*"))
    if not found:
        raise InputError(f"{folder}: no file for {stem}")
    return found[0]


def _working_size(height: int, width: int) -> tuple[int, int]:
    scale = min(1.0, WORKING_PX / min(height, width))
    return int(width * scale), int(height * scale)


def _matte(model: MatteModel, image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    height, width = mask.shape
    picture, guidance = (padded(planes)[None] for planes in (image, mask[None]))
    return model.predict_clip(picture, guidance)[0, 0, :height, :width].float().numpy()


def _strip(image: np.ndarray, *planes: np.ndarray) -> np.ndarray:
    side = (320, 240)
    tiles = [image.transpose(1, 2, 0), *(plane[..., None].repeat(3, 2) for plane in planes)]
    return np.concatenate([cv2.resize(np.ascontiguousarray(tile), side) for tile in tiles], axis=1)


if __name__ == "__main__":
    main()

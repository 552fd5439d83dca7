"""Photographs with true alpha as jobs: each is a shot of one frame, with every default of the product.

    python -m benchmarks.stills FOLDER [--short 576,192,128,96] [--every 1] [--keep DIRECTORY]

FOLDER holds image/NAME.*, alpha/NAME.* and mask/QUALITY/NAME.*; all are made smaller until the short side has
as many pixels as `--short` says. Printed are mean absolute errors times 1000 of the mask, of the mask with an
edge by guided filter, and of the job's matte; and for each last step how many photographs it raises by more
than 1. A step is measured on what the job gave it, in the job's own order. The first look is measured on
finished mattes, with it and without.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch

from benchmarks.photographs import _named
from maggie_api.job import MaskGuidance, MatteJob
from maggie_core import load_model
from maggie_core.image.geometry import Geometry
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.postprocess import edges
from maggie_core.shot import chain
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.datasets import read_grey, read_rgb
from maggie_lab.evaluation import BASELINES
from maggie_node.job_inputs import open_shot

HARM = 1.0
LAST_STEPS = {"closed form": "_decide", "trust": "_take_at_its_word", "clamp": "_keep_depths"}
"""Of `edges.refine_edges`, in its order."""


@dataclass(frozen=True, eq=False)
class Still:
    name: str
    image: np.ndarray
    """(H, W, 3) sRGB-encoded."""
    mask: np.ndarray
    """(H, W) binary."""
    truth: np.ndarray
    """(H, W)."""

    def error(self, alpha: np.ndarray) -> float:
        return 1e3 * float(np.abs(alpha - self.truth).mean())


def stills(folder: Path, quality: str, short: int, every: int = 1) -> Iterator[Still]:
    """Photographs made smaller until their short side has so many pixels; never larger."""
    for path in sorted((folder / "image").iterdir())[::every]:
        image = read_rgb(path).transpose(1, 2, 0)
        scale = min(1.0, short / min(image.shape[:2]))
        size = round(image.shape[1] * scale), round(image.shape[0] * scale)
        mask = read_grey(_named(folder / "mask" / quality, path.stem))
        truth = read_grey(_named(folder / "alpha", path.stem))
        small = [cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in (image, mask, truth)]
        yield Still(path.stem, small[0], (small[1] > 0.5).astype(np.float32), small[2])


def matte(model: MatteModel, still: Still) -> tuple[np.ndarray, _Given]:
    """(H, W) matte of a job, and what its edge refinement was given."""
    with tempfile.TemporaryDirectory() as name, _recorded() as calls:
        folder = Path(name)
        write_integer_image(folder / "plate.0001.png", still.image)
        write_integer_image(folder / "mask.0001.png", still.mask)
        job = MatteJob(
            plate=str(folder / "plate.####.png"),
            output=str(folder / "matte.####.exr"),
            guidance=(MaskGuidance("it", str(folder / "mask.####.png")),),
            device="cpu",
        )
        shot = open_shot(job, to_write=False)
        matter = ShotMatter(model, shot.plate, shot.guidance, shot.settings, overlap=False)
        (result,) = matter.run()
        if isinstance(result, FrameFailure):
            raise result.error
        (each,) = matter.passes(result.frame)
        ((args, how),) = calls
        return result.alphas[0], _Given(each.geometry, args, how)


@dataclass(frozen=True, eq=False)
class _Given:
    geometry: Geometry
    args: tuple[Any, ...]
    how: dict[str, Any]

    def after(self, steps: int) -> np.ndarray:
        """(H, W) after so many of the last steps."""
        alphas = self.args[0]
        if steps:
            with ExitStack() as without:
                for name in list(LAST_STEPS.values())[steps:]:
                    without.enter_context(mock.patch.object(edges, name))
                alphas = edges.refine_edges(*self.args, **self.how)
        region, plate = self.geometry.region, self.geometry.display
        whole = np.zeros((plate.height, plate.width), np.float32)
        whole[region.y : region.bottom, region.x : region.right] = self.geometry.from_working(alphas)[0]
        return np.clip(whole, 0, 1)


@contextmanager
def _recorded() -> Iterator[list[tuple[tuple[Any, ...], dict[str, Any]]]]:
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def noted(*args: Any, **how: Any) -> np.ndarray:
        calls.append((args, how))
        return edges.refine_edges(*args, **how)

    with mock.patch.object(chain, "refine_edges", noted):
        yield calls


def _harms(model: MatteModel, still: Still, alpha: np.ndarray, given: _Given) -> dict[str, float]:
    """By how much each last step raises the error of a photograph."""
    errors = [still.error(given.after(count)) for count in range(len(LAST_STEPS) + 1)]
    raised = dict(zip(LAST_STEPS, np.diff(errors).tolist(), strict=True))
    raised["plate's edges"] = still.error(alpha) - errors[-1]
    if model.info.first_look:
        plain = MatteModel(model._network, replace(model.info, first_look=0.0))
        raised["first look"] = still.error(alpha) - still.error(matte(plain, still)[0])
    return raised


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--short", default="576,192,128,96")
    parser.add_argument("--quality", default="good,typical,rough")
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="write mattes here, SHORT/QUALITY/NAME.png")
    parser.add_argument("--model", default="default")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = load_model(args.model, device="cpu")
    steps = (*LAST_STEPS, "plate's edges", "first look")
    print("| short side, guidance | mask | guided filter | job | " + " | ".join(steps) + " raise it |")
    print("|---" * (4 + len(steps)) + "|")
    for short in map(int, args.short.split(",")):
        for quality in args.quality.split(","):
            rows: list[list[float]] = []
            harms: list[dict[str, float]] = []
            for still in stills(args.folder, quality, short, args.every):
                alpha, given = matte(model, still)
                picture = np.ascontiguousarray(still.image.transpose(2, 0, 1))
                filtered = BASELINES["guided-filter"](picture, still.mask)
                rows.append([still.error(each) for each in (still.mask, filtered, alpha)])
                harms.append(_harms(model, still, alpha, given))
                if args.keep:
                    place = args.keep / str(short) / quality
                    place.mkdir(parents=True, exist_ok=True)
                    write_integer_image(place / f"{still.name}.png", alpha)
            counts = [sum(each.get(step, 0) > HARM for each in harms) for step in steps]
            means = " | ".join(f"{mean:.2f}" for mean in np.mean(rows, axis=0))
            told = " | ".join(f"{count} of {len(rows)}" for count in counts)
            print(f"| {short}, {quality} | {means} | {told} |", flush=True)


if __name__ == "__main__":
    main()

"""Key masks: what mattes lose when a few masks are followed through a clip.

    python -m benchmarks.propagation                   # the demo shot and eight clips of people who cross
    python -m benchmarks.propagation --clips 0 --plot iou.png   # the demo shot alone, with IoU by frame
    python -m benchmarks.propagation --clips 0 --size 1080      # the demo shot, its plate enlarged
    python -m benchmarks.propagation --frames 25       # of each generated clip the 25 frames in its middle

The third clip of people who cross and those behind it are not run with a key every 24 frames.

Each clip has 48 frames at most, begins where everybody is there, and is matted with a typical mask in every
frame and with a few of these masks as keys. Generated clips have 288x288 pixels, and the demo shot's plate is
made as small. MAD is the mattes' mean absolute error; IoU the overlap of mask and truth (intersection over
union), mean over people and the least of anybody in any frame. Time is that of following and matting over
that of matting alone, of the same run: that ratio of processor times holds on a busy machine, too.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from benchmarks._crossings import crossing
from maggie_api.job import KeyGuidance, MaskGuidance, MatteJob
from maggie_core import MaskSequence, combine, load_model, open_source
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.evaluation import video_errors
from maggie_node.demo import PEOPLE, SHOT, display
from maggie_node.job_inputs import open_shot

FRAMES, SHORT_PX = 48, 288
ALL_THERE = 0.5
"""A clip begins at the first frame in which everybody has this share of their largest area."""
LEAST_PX = 40
"""IoU counts where a person shows more pixels than this."""
WAYS = {
    "a typical mask in every frame": lambda count: None,
    "first frame alone": lambda count: [0],
    "every 24th frame and the last": lambda count: sorted({*range(0, count, 24), count - 1}),
    "every 12th frame and the last": lambda count: sorted({*range(0, count, 12), count - 1}),
}


ALL_WAYS = 2
"""So many of the generated clips are run in all ways, the others without keys every `LEFT_OUT`."""
LEFT_OUT = "every 24th frame and the last"


@dataclass(frozen=True, eq=False)
class Clip:
    """Images (T, 3, H, W) sRGB-encoded, exact alphas and typical masks (T, N, H, W), in [0, 1]."""

    name: str
    images: np.ndarray
    alphas: np.ndarray
    masks: np.ndarray


@dataclass(frozen=True, eq=False)
class Outcome:
    """MAD times 1000 of the mattes, IoU (T, N) of the masks, seconds a frame for following people and for
    matting, and what was told of who is lost."""

    mad: float
    iou: np.ndarray
    following: float
    matting: float
    lost: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=8, help="generated clips beside the demo shot")
    parser.add_argument("--frames", type=int, default=FRAMES, help="of each generated clip, in its middle")
    parser.add_argument("--size", type=int, default=SHORT_PX, help="short side of the demo shot's plate")
    parser.add_argument("--plot", type=Path, metavar="PNG", help="IoU by frame")
    args = parser.parse_args()
    model, results = load_model("default", device="cpu"), {}
    warm_up(model)
    print(
        f"{'':32}{'MAD':>7}{'ratio':>7}{'IoU':>7}{'least':>7}{'below 0.3':>11}{'s/frame':>9}{'time':>7}",
        flush=True,
    )
    for index in range(-1, args.clips):
        clip = demo(args.size) if index < 0 else middle_of(generated(index), args.frames)
        print(f"{clip.name}, {len(clip.images)} frames", flush=True)
        results[clip.name] = rows(clip, model, all_ways=index < ALL_WAYS)
        if args.plot and index < ALL_WAYS:
            draw(results, args.plot)


def rows(clip: Clip, model: MatteModel, *, all_ways: bool) -> dict[str, Outcome]:
    """Print a clip's rows; of two ways with the same keys the first."""
    found: dict[str, Outcome] = {}
    count = len(clip.images)
    run_with: list[list[int] | None] = []
    for way, keys in WAYS.items():
        if keys(count) in run_with or (way == LEFT_OUT and not all_ways):
            continue
        run_with.append(keys(count))
        found[way] = outcome = run(clip, run_with[-1], model)
        typical = next(iter(found.values()))
        print(
            f"  {way:30}{outcome.mad:7.2f}{outcome.mad / typical.mad:7.2f}{np.nanmean(outcome.iou):7.2f}"
            f"{np.nanmin(outcome.iou):7.2f}{100 * np.nanmean(outcome.iou < 0.3):9.0f} %"
            f"{outcome.following + outcome.matting:9.2f}{1 + outcome.following / outcome.matting:7.2f}"
            f"  {'; '.join(outcome.lost)}",
            flush=True,
        )
    return found


def run(clip: Clip, keys: list[int] | None, model: MatteModel) -> Outcome:
    """Matte a clip with typical masks at `keys`; None has them in every frame."""
    with tempfile.TemporaryDirectory() as folder:
        shot = open_shot(written(clip, keys, Path(folder)), to_write=False)
        matter = ShotMatter(model, shot.plate, shot.guidance, shot.settings, overlap=False)
        began, mattes = time.process_time(), []
        matter.prepare()
        followed = time.process_time()
        for result in matter.run():
            if isinstance(result, FrameFailure):
                raise result.error
            mattes.append(result.alphas)
        ended = time.process_time()
        grid = matter.geometry
        masks = [grid.from_working(matter.guidance.read(frame, grid)) for frame in shot.frames]
    errors = video_errors(np.stack(mattes), clip.alphas, names=("MAD_e3",))
    return Outcome(
        float(errors["MAD_e3"].mean()),
        overlaps(np.stack(masks) > 0.5, clip.alphas > 0.5),
        (followed - began) / len(mattes),
        (ended - followed) / len(mattes),
        [each.sentence for each in matter.lost()],
    )


def written(clip: Clip, keys: list[int] | None, folder: Path) -> MatteJob:
    """The job that mattes a clip, whose files are written."""
    kind = MaskGuidance if keys is None else KeyGuidance
    for t, (image, masks) in enumerate(zip(clip.images, clip.masks, strict=True)):
        write_integer_image(folder / f"plate.{t + 1:04d}.png", np.moveaxis(image, 0, -1))
        if keys is None or t in keys:
            for n, mask in enumerate(masks):
                write_integer_image(folder / f"p{n}.{t + 1:04d}.png", mask)
    return MatteJob(
        plate=str(folder / "plate.####.png"),
        output=str(folder / "out" / "matte.####.exr"),
        guidance=tuple(kind(f"p{n}", str(folder / f"p{n}.####.png")) for n in range(clip.masks.shape[1])),
        device="cpu",
    )


def overlaps(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """(T, N) IoU; NaN where somebody is hardly there."""
    either = (found | true).sum(axis=(2, 3))
    iou = (found & true).sum(axis=(2, 3)) / np.maximum(either, 1)
    return np.where(true.sum(axis=(2, 3)) > LEAST_PX, iou, np.nan)


def generated(index: int) -> Clip:
    made = crossing(index, side_px=SHORT_PX)
    return clip_of(made.name, made.images, made.alphas, made.masks)


def middle_of(clip: Clip, frames: int) -> Clip:
    first = max(0, (len(clip.images) - frames) // 2)
    part = slice(first, first + frames)
    return Clip(clip.name, clip.images[part], clip.alphas[part], clip.masks[part])


def demo(short_px: int) -> Clip:
    """The shipped shot with its typical masks, smaller or larger."""
    plate, truth = open_source(SHOT / "plate.####.exr"), open_source(SHOT / "truth.####.exr")
    masks = combine([MaskSequence(name, SHOT / "guidance" / f"{name}.####.png") for name in PEOPLE])
    layers = [f"{name}.alpha" for name in PEOPLE]
    images = [display(plate.read(t, channels=("R", "G", "B")).pixels) for t in plate.frames]
    alphas = [truth.read(t, channels=layers).pixels for t in plate.frames]
    rough = [np.stack([mask.pixels for mask in masks.masks(t)]) for t in plate.frames]
    return clip_of(
        "demo shot",
        np.stack([_resized(np.moveaxis(image, -1, 0), short_px) for image in images]),
        np.stack([_resized(np.moveaxis(alpha, -1, 0), short_px) for alpha in alphas]),
        np.stack([_resized(planes, short_px) for planes in rough]),
    )


def clip_of(name: str, images: np.ndarray, alphas: np.ndarray, masks: np.ndarray) -> Clip:
    areas = (alphas > 0.5).sum(axis=(2, 3))
    there = (areas > ALL_THERE * areas.max(axis=0)).all(axis=1)
    first = int(np.argmax(there))
    part = slice(first, first + FRAMES)
    binary = (masks[part] > 0.5).astype(np.float32)
    return Clip(name, images[part], alphas[part].astype(np.float32), binary)


def _resized(planes: np.ndarray, short_px: int) -> np.ndarray:
    height, width = planes.shape[1:]
    factor = short_px / min(height, width)
    size = round(width * factor), round(height * factor)
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.stack([cv2.resize(plane, size, interpolation=how) for plane in planes.astype(np.float32)])


def warm_up(model: MatteModel) -> None:
    """Compile what is compiled, so that the first way does not pay for it."""
    rng = np.random.default_rng(0)
    masks = np.zeros((3, 1, SHORT_PX, SHORT_PX), np.float32)
    masks[:, :, 80:200, 80:200] = 1
    still = rng.random((3, 3, SHORT_PX, SHORT_PX), np.float32)
    run(Clip("warm-up", still, masks, masks), [0], model)


def draw(results: dict[str, dict[str, Outcome]], path: Path) -> None:
    """IoU against frames, a row for each clip and a column for each way."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    columns = max(len(ways) for ways in results.values())
    figure, grid = plt.subplots(
        len(results), columns, figsize=(3 * columns, 2.4 * len(results)), squeeze=False, sharey=True
    )
    for axes, (name, ways) in zip(grid, results.items(), strict=True):
        for axis in axes[len(ways) :]:
            axis.set_visible(False)
        for axis, (way, outcome) in zip(axes, ways.items(), strict=False):
            for n, values in enumerate(outcome.iou.T):
                axis.plot(values, label=f"person {n + 1}")
            axis.set(title=f"{name}\n{way}", ylim=(0, 1))
            axis.title.set_fontsize(8)
            axis.grid(alpha=0.3)
        axes[0].set_ylabel("IoU")
    for axis in grid[-1]:
        axis.set_xlabel("frame")
    figure.tight_layout()
    figure.savefig(path, dpi=90)
    plt.close(figure)


if __name__ == "__main__":
    main()

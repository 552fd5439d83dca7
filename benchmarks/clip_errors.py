"""Where the error of a clip's mattes is: by step, by region of the picture, and by what moves.

    python -m benchmarks.clip_errors [CLIP ...] [--oracles]

A CLIP is `demo`, or generated ones of two or three people: `cross-INDEX` (they walk past each other) and
`typical-SEED`, `good-SEED`, `rough-SEED` (held-out figures, masks of that quality); 20 frames of 384 pixels
each. Without any: the demo shot and four others. A clip is matted as a job does it, in one segment, everybody
in one pass. `leak` is the alpha that lies where the truth of another is above 0.98, summed over all
frames.

With `--oracles` also: the same with the truth's own outlines as masks; with the truth in place of ours in one
region after the other; and with the errors averaged or their median taken over three frames along the flow,
which is what perfect smoothing would leave of what differs from frame to frame.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

import cv2
import numpy as np
import torch

from benchmarks import segments
from benchmarks._crossings import crossing
from maggie_core import MaskSequence, combine, load_model
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.postprocess.mask_shape import depth_in, size_of
from maggie_core.postprocess.neighbours import share_pixels
from maggie_core.postprocess.temporal import Flows, correspondence, flows, sampled
from maggie_core.shot.chain import Chain
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.evaluation import video_errors
from maggie_lab.synthesis import BankPlan, DrawnBank, compose_clip, sample_generator

CLIPS = ("demo", "cross-0", "typical-4", "good-3", "rough-2")
FRAMES, SIDE_PX = 20, 384
MEASURES = {"MAD": "MAD_e3", "Grad": "Grad", "dtSSD": "dtSSD_e3"}
SOLID, EMPTY = 0.98, 0.02
"""Truth from which a pixel is wholly somebody's, and up to which it is not theirs."""
NEAR_SHARE = 0.03
"""How far from a person the background counts as near, as a share of their size."""
FAST_PX = 4.0
"""Motion from one frame to the next from which an edge counts as moving."""
REGIONS = (
    "hair: mixed, upper third",
    "mixed, moving edge",
    "mixed, other edge",
    "solid",
    "empty, near",
    "empty, far",
    "another's core",
)


@dataclass(frozen=True, eq=False)
class Steps:
    """A clip's mattes after each step, (T, N, H, W), and what they were made from."""

    clip: segments.Clip
    images: np.ndarray
    masks: np.ndarray
    network: np.ndarray
    refined: np.ndarray
    smoothed: np.ndarray
    delivered: np.ndarray


def clip_of(name: str, folder: Path) -> segments.Clip:
    if name == "demo":
        return segments.demo()
    kind, _, number = name.partition("-")
    if kind == "cross":
        made = crossing(int(number), side_px=SIDE_PX, frames=FRAMES)
        sample = {"image": made.images, "alphas": made.alphas, "guidance": made.masks}
    else:
        sample = _held_out(kind, 900 + int(number))
    return segments._written(folder / name, name, sample)


def _held_out(severity: str, seed: int) -> dict[str, np.ndarray]:
    """The first clip of a seed in which two people stay in view."""
    bank = DrawnBank(BankPlan(figures=12, backgrounds=12, puppets=6, seed=seed, held_out=True))
    index = 0
    while True:
        rng, how = sample_generator(seed, index), {"severity": severity, "held_out": True}
        sample = compose_clip(rng, bank, frames=FRAMES, crop_px=SIDE_PX, instances=(2, 3), **how)  # type: ignore[arg-type]
        if (sample["alphas"].mean((2, 3)).min(0) > 0.05).sum() >= 2:
            return sample
        index += 1


def steps_of(clip: segments.Clip, model: MatteModel) -> Steps:
    # The demo shot's people are large; small ones would be in passes with grids of their own.
    scale = clip.shot.settings.scale if clip.name == "demo shot" else "off"
    settings = replace(clip.shot.settings, segment_frames="whole", scale=scale)
    matter = ShotMatter(
        model,
        clip.shot.plate,
        clip.shot.guidance,
        settings,
        shot_frames=clip.shot.shot_frames,
        overlap=False,
    )
    delivered = []
    with _recorded() as found:
        for result in matter.run():
            if isinstance(result, FrameFailure):
                raise result.error
            delivered.append(result.alphas)
    planes = {key: np.stack([found[key][f] for f in clip.shot.shot_frames]) for key in found}
    return Steps(clip, **planes, delivered=np.stack(delivered))


@contextmanager
def _recorded() -> Iterator[dict[str, dict[int, np.ndarray]]]:
    """What a chain makes while it lasts, by step and frame."""
    names = ("images", "masks", "network", "refined", "smoothed")
    found: dict[str, dict[int, np.ndarray]] = {name: {} for name in names}
    refine, smooth = Chain._make_refined, Chain._make_smoothed

    def refined(self: Chain, i: int) -> np.ndarray:
        made, frame = refine(self, i), self.frames[i]
        height, width = made.shape[1:]
        found["refined"][frame], found["network"][frame] = made, self._network.array(i)[:, :height, :width]
        found["images"][frame], found["masks"][frame] = (
            self._frame_input(i).image,
            self._frame_input(i).guidance,
        )
        return made

    def smoothed(self: Chain, i: int) -> np.ndarray:
        found["smoothed"][self.frames[i]] = smooth(self, i)
        return found["smoothed"][self.frames[i]]

    with mock.patch.multiple(Chain, _make_refined=refined, _make_smoothed=smoothed):
        yield found


def scored(name: str, alphas: np.ndarray, truth: np.ndarray) -> None:
    errors = video_errors(alphas, truth, names=tuple(MEASURES.values()))
    means = " | ".join(f"{errors[metric].mean():.2f}" for metric in MEASURES.values())
    print(f"| {name} | {means} | {leak(alphas, truth):.0f} |", flush=True)


def leak(alphas: np.ndarray, truth: np.ndarray) -> float:
    cores = truth > SOLID
    people = range(truth.shape[1])
    return float(sum(alphas[:, n][cores[:, other]].sum() for n in people for other in people if n != other))


def motions(images: np.ndarray) -> list[Flows]:
    return [flows(here, there) for here, there in zip(images, images[1:], strict=False)]


def regions(steps: Steps, ways: list[Flows]) -> np.ndarray:
    """(T, N, H, W): the place in `REGIONS` of every pixel."""
    truth = steps.clip.truth
    found = np.empty(truth.shape, np.int8)
    for t, alphas in enumerate(truth):
        flow = ways[t].there if t < len(ways) else ways[t - 1].back
        fast = cv2.dilate(np.hypot(flow[..., 0], flow[..., 1]), np.ones((9, 9))) > FAST_PX
        for n, alpha in enumerate(alphas):
            rows = np.flatnonzero((alpha > 0.5).any(axis=1))
            upper = np.zeros(alpha.shape, bool)
            if rows.size:
                upper[: rows[0] + (rows[-1] - rows[0]) // 3] = True
            away = depth_in(alpha < EMPTY)
            near = away < NEAR_SHARE * max(size_of(alpha > 0.5), 60.0)
            found[t, n] = np.where(upper, 0, np.where(fast, 1, 2))
            found[t, n][alpha >= SOLID] = 3
            found[t, n][alpha < EMPTY] = np.where(near, 4, 5)[alpha < EMPTY]
            for other in range(truth.shape[1]):
                found[t, n][(alphas[other] > SOLID) & (n != other)] = 6
    return found


def by_region(steps: Steps, where: np.ndarray, ways: list[Flows]) -> None:
    """Print the shares of the errors and of their changes, by person, and how errors hold along the flow."""
    gap = steps.delivered - steps.clip.truth
    change = np.diff(gap, axis=0) ** 2
    people = range(gap.shape[1])
    print("\n| region | share of MAD, % | mean error there | share of dtSSD squared, % |\n|---|---|---|---|")
    for place, region in enumerate(REGIONS):
        there = where == place
        cells = [
            [100 * np.abs(gap[:, n][there[:, n]]).sum() / np.abs(gap[:, n]).sum() for n in people],
            [np.abs(gap[:, n][there[:, n]]).sum() / max(1, there[:, n].sum()) for n in people],
            [100 * change[:, n][there[1:, n]].sum() / change[:, n].sum() for n in people],
        ]
        formats = ("{:.0f}", "{:.2f}", "{:.0f}")
        told = (", ".join(form.format(v) for v in row) for form, row in zip(formats, cells, strict=True))
        print(f"| {region} | {' | '.join(told)} |")
    for n in people:
        same, along, size, still = 0.0, 0.0, 0.0, 0.0
        for t in range(1, len(gap)):
            here, before = gap[t, n], gap[t - 1, n]
            same += float((here * before).sum())
            along += float((here * carried(steps, ways, before, t, t - 1)).sum())
            size += float(np.sqrt((here**2).sum() * (before**2).sum()))
            flow = ways[t - 1].back
            moves = cv2.dilate(np.hypot(flow[..., 0], flow[..., 1]), np.ones((9, 9)))
            still += float(change[t - 1, n][moves < 1].sum())
        share = 100 * still / change[:, n].sum()
        print(
            f"person {n + 1}: {share:.0f} % of the squared dtSSD is where nothing moves; errors of two frames"
            f" agree by {same / size:.2f} in place, by {along / size:.2f} along the flow"
        )


def carried(steps: Steps, ways: list[Flows], plane: np.ndarray, here: int, there: int) -> np.ndarray:
    way = ways[here] if there > here else ways[there].turned
    x, y, _ = correspondence(steps.images[here], steps.images[there], way)
    return sampled(np.ascontiguousarray(plane, np.float32), x, y)


def steadied(steps: Steps, ways: list[Flows], of: Callable[..., np.ndarray]) -> np.ndarray:
    """The truth with errors that are the mean (or the median) of those of three frames along the flow."""
    truth = steps.clip.truth
    gap = _shared(steps.refined) - truth
    found = gap.copy()
    for t in range(len(gap)):
        for n in range(gap.shape[1]):
            beside = [j for j in (t - 1, t + 1) if 0 <= j < len(gap)]
            found[t, n] = of([gap[t, n], *(carried(steps, ways, gap[j, n], t, j) for j in beside)], axis=0)
    return np.clip(truth + found, 0, 1)


def _shared(alphas: np.ndarray) -> np.ndarray:
    shared = alphas.astype(np.float32, copy=True)
    for frame in shared:
        share_pixels(frame)
    return shared


def with_true_masks(clip: segments.Clip, folder: Path) -> segments.Clip:
    """The same clip, its masks the truth's own outlines."""
    names = [each.name for each in clip.shot.guidance.instances]
    for t, frame in enumerate(clip.shot.shot_frames):
        for n, name in enumerate(names):
            mask = (clip.truth[t, n] > 0.5).astype(np.float32)
            write_integer_image(folder / f"{name}.{frame:04d}.png", mask)
    guidance = combine([MaskSequence(name, folder / f"{name}.####.png") for name in names])
    return replace(clip, shot=replace(clip.shot, guidance=guidance))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", metavar="CLIP", default=list(CLIPS))
    parser.add_argument("--model", default="default")
    parser.add_argument("--oracles", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    model = load_model(args.model, device="cpu")
    with tempfile.TemporaryDirectory() as name:
        for word in args.clips:
            report(clip_of(word, Path(name)), model, oracles=args.oracles)


def report(clip: segments.Clip, model: MatteModel, *, oracles: bool) -> None:
    steps = steps_of(clip, model)
    truth = clip.truth
    print(f"\n{clip.name}\n\n| | {' | '.join(MEASURES)} | leak |\n|---|---|---|---|---|")
    for name, alphas in (
        ("mask", steps.masks),
        ("network", steps.network),
        ("refined", steps.refined),
        ("smoothed", steps.smoothed),
        ("delivered", steps.delivered),
    ):
        scored(name, alphas, truth)
    ways = motions(steps.images)
    where = regions(steps, ways)
    if oracles:
        with tempfile.TemporaryDirectory() as name:
            scored(
                "true outlines as masks", steps_of(with_true_masks(clip, Path(name)), model).delivered, truth
            )
        for place, region in enumerate(REGIONS):
            scored(f"true in: {region}", np.where(where == place, truth, steps.delivered), truth)
        scored("errors the mean of three frames", steadied(steps, ways, np.mean), truth)
        scored("errors the median of three frames", steadied(steps, ways, np.median), truth)
    by_region(steps, where, ways)


if __name__ == "__main__":
    main()

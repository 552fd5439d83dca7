"""What a seam between two segments costs and shows: where the defaults of segment and warm-up come from.

    python -m benchmarks.segments                  # two generated clips of 104 frames and the demo shot
    python -m benchmarks.segments --quick          # one clip of 40 frames
    python -m benchmarks.segments --clips 8 --size 384     # long

A chain's mattes depend on where it starts and on nothing else, so every chain that any row of the table needs
is computed from its start until it equals the whole-shot run bit for bit; rows are put together from those.
One of them is also run straight, and must be the same. `as shipped` ends in the model's own last steps,
`network alone` is without them.

dtSSD is over the pair of frames with the seam between them, divided by that of the same pair in the
whole-shot run, so that what the clip itself does there is taken out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maggie_api.job import MaskGuidance, MatteJob
from maggie_core import load_model
from maggie_core.guidance import MaskSequence, combine
from maggie_core.io.integer_image import write_integer_image
from maggie_core.model import MatteModel
from maggie_core.model.frame_window import TemporalState
from maggie_core.shot import chain
from maggie_core.shot.matter import FrameFailure, ShotMatter
from maggie_lab.synthesis import BankPlan, DrawnBank, compose_clip, sample_generator
from maggie_node.demo import PEOPLE, SHOT, demo_job
from maggie_node.job_inputs import OpenShot, open_shot

SEGMENTS = (8, 12, 16, 24, 48, 96)
WARMUPS = (0, 1, 2, 3, 4, 8)
VARIANTS: dict[str, dict[str, Any]] = {
    "as shipped": {},
    "network alone": {"smooth": "none", "refine": "none"},
}
AHEAD = {"as shipped": 2, "network alone": 1}
"""Frames computed after a segment's last, see `maggie_core.shot.matter`."""
SEVERITIES = ("typical", "good", "rough")
IN_VIEW = 0.02
"""Share of the image that two people must fill throughout a clip for it to be used."""


@dataclass(frozen=True, eq=False)
class Clip:
    name: str
    shot: OpenShot
    truth: np.ndarray
    """(T, N, H, W)."""


@dataclass(frozen=True, eq=False)
class Chains:
    """A clip matted as one chain, and by chains that start later."""

    whole: np.ndarray
    """(T, N, H, W)."""
    from_start: dict[int, list[np.ndarray]]
    """By the index a chain starts at: its frames up to the last that is not the same as in `whole`."""

    def at(self, index: int, start: int) -> np.ndarray:
        """Frame `index` of the chain that starts at `start`."""
        own = self.from_start[start] if start else []
        return own[index - start] if index - start < len(own) else self.whole[index]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="default")
    parser.add_argument("--clips", type=int, default=2)
    parser.add_argument("--frames", type=int, default=104, help="of a clip; a segment longer has no seam")
    parser.add_argument("--size", type=int, default=192, help="side of the clips in pixels")
    parser.add_argument("--seed", type=int, default=70)
    parser.add_argument("--quick", action="store_true", help="one clip of 40 frames, no demo shot")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = load_model(args.model, device="cpu")
    began = time.process_time()
    count, frames = (1, 40) if args.quick else (args.clips, args.frames)
    found: dict[str, list[tuple[Clip, Chains]]] = {name: [] for name in VARIANTS}
    with tempfile.TemporaryDirectory() as folder, remembering(model):
        clips = generated(Path(folder), count, frames, args.size, args.seed)
        for clip in clips if args.quick else (*clips, demo()):
            for name, settings in VARIANTS.items():
                found[name].append((clip, chains(clip, model, settings)))
        clip, known = found["as shipped"][-1]
        check(clip, known, model, segment=8, warmup=1)
    table = {
        name: {"memory": memory(pairs), "seams": seams(pairs, AHEAD[name])} for name, pairs in found.items()
    }
    if args.json:
        print(json.dumps(table, indent=1))
        return
    for name, parts in table.items():
        print(f"\n{name}\n" + _as_text(parts["memory"]) + "\n\n" + _as_text(parts["seams"]))
    print(f"\n{(time.process_time() - began) / 60:.1f} minutes of processor time")


def generated(folder: Path, count: int, frames: int, size_px: int, seed: int) -> list[Clip]:
    """Clips made as the held-out set is, of which at least two people stay in view."""
    bank = DrawnBank(BankPlan(figures=12, backgrounds=12, seed=seed, held_out=True))
    clips: list[Clip] = []
    index = 0
    while len(clips) < count:
        severity = SEVERITIES[len(clips) % len(SEVERITIES)]
        sample = compose_clip(
            sample_generator(seed, index),
            bank,
            frames=frames,
            crop_px=size_px,
            instances=(2, 4),
            severity=severity,
            held_out=True,
        )
        if (sample["alphas"].mean((2, 3)).min(0) > IN_VIEW).sum() >= 2:
            clips.append(_written(folder / str(index), f"{severity} {index}", sample))
        index += 1
    return clips


def _written(folder: Path, name: str, sample: dict[str, np.ndarray]) -> Clip:
    folder.mkdir()
    people = range(sample["guidance"].shape[1])
    for index, (image, masks) in enumerate(zip(sample["image"], sample["guidance"], strict=True), 1):
        write_integer_image(folder / f"plate.{index:04d}.png", image.transpose(1, 2, 0))
        for n in people:
            write_integer_image(folder / f"p{n}.{index:04d}.png", masks[n])
    job = MatteJob(
        plate=str(folder / "plate.####.png"),
        output=str(folder / "matte.####.exr"),
        guidance=tuple(MaskGuidance(f"p{n}", str(folder / f"p{n}.####.png")) for n in people),
    )
    return Clip(name, open_shot(job), sample["alphas"])


def demo() -> Clip:
    """The shipped shot of twenty frames."""
    opened = open_shot(demo_job("matte.####.exr"))
    truth = combine([MaskSequence(name, SHOT / "truth.####.exr", channel=f"{name}.alpha") for name in PEOPLE])
    planes = [np.stack([mask.pixels for mask in truth.masks(frame)]) for frame in opened.shot_frames]
    return Clip("demo shot", opened, np.stack(planes))


def chains(clip: Clip, model: MatteModel, settings: dict[str, Any]) -> Chains:
    """Matte a clip whole, and from every index that a chain of the table starts at."""
    whole = np.stack(list(_mattes(clip, model, settings)))
    from_start: dict[int, list[np.ndarray]] = {}
    for start in starts(len(whole)):
        own: list[np.ndarray] = []
        same = 0
        for index, alphas in enumerate(_mattes(clip, model, settings, start=start), start):
            own.append(alphas)
            same = same + 1 if np.array_equal(alphas, whole[index]) else 0
            if same == 2:
                break
        from_start[start] = own[: len(own) - same]
    return Chains(whole, from_start)


def starts(frames: int) -> list[int]:
    """Where chains of the table start in a clip, after its first frame."""
    found = {s - warmup for _, s in _places(frames) for warmup in WARMUPS}
    return sorted(start for start in found if start > 0)


def _places(frames: int) -> Iterator[tuple[int, int]]:
    """Every segment length and seam: the index of a segment's first frame."""
    return ((length, s) for length in SEGMENTS for s in range(length, frames - 2, length))


def _mattes(
    clip: Clip, model: MatteModel, settings: dict[str, Any], *, start: int = 0
) -> Iterator[np.ndarray]:
    wanted = replace(clip.shot.settings, segment_frames="whole", **settings)
    frames = clip.shot.shot_frames[start:]
    for result in ShotMatter(model, clip.shot.plate, clip.shot.guidance, wanted, shot_frames=frames).run():
        assert not isinstance(result, FrameFailure), result
        yield result.alphas


def check(clip: Clip, known: Chains, model: MatteModel, *, segment: int, warmup: int) -> None:
    """Run one row straight, and see that what was put together is the same, bit for bit."""
    settings = replace(clip.shot.settings, segment_frames=segment, warmup_frames=warmup)
    matter = ShotMatter(
        model, clip.shot.plate, clip.shot.guidance, settings, shot_frames=clip.shot.shot_frames
    )
    for index, result in enumerate(matter.run()):
        assert not isinstance(result, FrameFailure), result
        start = max(0, index // segment * segment - warmup)
        assert np.array_equal(result.alphas, known.at(index, start)), f"frame {index} of {clip.name}"


def memory(pairs: Sequence[tuple[Clip, Chains]]) -> list[dict[str, Any]]:
    """How far a chain is from the whole-shot run, by the number of frames since it started."""
    rows = []
    longest = max(len(own) for _, known in pairs for own in known.from_start.values())
    total = sum(len(known.from_start) for _, known in pairs)
    for since in range(longest + 1):
        off = [
            np.abs(own[since] - known.whole[start + since])
            for _, known in pairs
            for start, own in known.from_start.items()
            if since < len(own)
        ]
        rows.append(
            {
                "frames since start": since,
                "same bit for bit": f"{total - len(off)} of {total}",
                "largest": max((float(each.max()) for each in off), default=0.0),
                "mean_e6": 1e6 * sum(float(each.mean()) for each in off) / total,
            }
        )
    return rows


def seams(pairs: Sequence[tuple[Clip, Chains]], ahead: int) -> list[dict[str, Any]]:
    """One row for every segment length and warm-up."""
    rows = []
    for length in SEGMENTS:
        for warmup in WARMUPS:
            found = [
                _seam(clip, known, s, length, warmup)
                for clip, known in pairs
                for s in range(length, len(known.whole) - 2, length)
            ]
            if found:
                rows.append(_row(found, length, warmup, ahead) | _elsewhere(pairs, found, length))
    return rows


@dataclass(frozen=True)
class _Seam:
    first: float
    first_mean: float
    last: float
    flicker: float
    flicker_whole: float


def _seam(clip: Clip, known: Chains, s: int, length: int, warmup: int) -> _Seam:
    before = known.at(s - 1, max(0, s - length - warmup))
    after = known.at(s, max(0, s - warmup))
    off = np.abs(after - known.whole[s])
    return _Seam(
        first=float(off.max()),
        first_mean=float(off.mean()),
        last=float(np.abs(before - known.whole[s - 1]).max()),
        flicker=_dtssd(before, after, clip.truth[s - 1 : s + 1]),
        flicker_whole=_dtssd(known.whole[s - 1], known.whole[s], clip.truth[s - 1 : s + 1]),
    )


def _dtssd(before: np.ndarray, after: np.ndarray, truth: np.ndarray) -> float:
    """Root mean square error of the change between two frames, mean over instances."""
    gap = (after - before) - (truth[1] - truth[0])
    return float(np.sqrt((gap**2).mean((1, 2))).mean())


def _row(found: list[_Seam], length: int, warmup: int, ahead: int) -> dict[str, Any]:
    ratios = np.array([seam.flicker / seam.flicker_whole for seam in found if seam.flicker_whole > 0])
    return {
        "segment": length,
        "warm-up": warmup,
        "seams": len(found),
        "first frame, largest": max(seam.first for seam in found),
        "mean_e6": 1e6 * float(np.mean([seam.first_mean for seam in found])),
        "last frame, largest": max(seam.last for seam in found),
        "dtSSD / whole": float(ratios.mean()),
        "spread": float(ratios.std()),
        "worst": float(ratios.max()),
        "computed, %": 100 * (warmup + ahead) / length,
        "frames for one": warmup + ahead + (length + 1) / 2,
    }


def _elsewhere(pairs: Sequence[tuple[Clip, Chains]], found: list[_Seam], length: int) -> dict[str, Any]:
    """dtSSD at seams against that of all other pairs; `whole` has no seams and shows what the clips do."""
    others = [
        _dtssd(known.whole[s - 1], known.whole[s], clip.truth[s - 1 : s + 1])
        for clip, known in pairs
        for s in range(1, len(known.whole))
        if s % length
    ]
    return {
        "seams / others": float(np.mean([seam.flicker for seam in found]) / np.mean(others)),
        "in whole": float(np.mean([seam.flicker_whole for seam in found]) / np.mean(others)),
    }


@contextmanager
def remembering(model: MatteModel) -> Iterator[None]:
    """While it lasts, what the network and the last steps found for the same input is not computed again."""
    places: list[tuple[Any, str, int]] = [
        (model, "encode", 40),
        (model, "window", 40),
        (chain, "refine_edges", 400),
        (chain, "smoothed", 400),
    ]
    kept = [(owner, name, getattr(owner, name)) for owner, name, _ in places]
    for owner, name, size in places:
        setattr(owner, name, _remembered(getattr(owner, name), size))
    try:
        yield
    finally:
        for owner, name, original in kept:
            setattr(owner, name, original)


def _remembered(call: Callable[..., Any], size: int) -> Callable[..., Any]:
    kept: OrderedDict[Any, Any] = OrderedDict()

    def inner(*args: Any, **kwargs: Any) -> Any:
        key = _name([*args, *sorted(kwargs.items())])
        if key not in kept:
            kept[key] = call(*args, **kwargs)
        kept.move_to_end(key)
        if len(kept) > size:
            kept.popitem(last=False)
        return kept[key]

    return inner


def _name(value: Any) -> Any:
    """Something hashable that is the same for the same contents."""
    if isinstance(value, (list, tuple)):
        return tuple(_name(each) for each in value)
    if isinstance(value, TemporalState):
        return tuple(_name(getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Tensor):
        value = value.cpu().numpy()
    if isinstance(value, np.ndarray):
        return value.shape, str(value.dtype), blake2b(value.tobytes(), digest_size=16).digest()
    return value


def _as_text(rows: list[dict[str, Any]]) -> str:
    names = list(rows[0])
    lines = ["  ".join(names)]
    for row in rows:
        cells = [f"{v:.5g}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("  ".join(f"{cell:>{len(name)}}" for cell, name in zip(cells, names, strict=True)))
    return "\n".join(lines)


if __name__ == "__main__":
    main()

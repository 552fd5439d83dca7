"""Which faults quality control finds, and how often it is wrong about faultless mattes.

    python -m benchmarks.qc [--clips 15] [--into benchmarks/qc.md]

Clips of generated people have exact mattes and masks that are wrong the way real masks are. Every clip is
checked as it is, and once for each fault: one person's matte is spoilt in one frame, or in all frames at the
same place of the person. Recall is the share of spoilt clips in which one of the measures that mean this
fault reports that person there. A false alarm is a finding about a faultless matte; precision is given by
measure, as the share of its findings that are about a spoilt frame (or the one after, which it changes to).
Somebody whose mask shares less than half with the true alpha (another person's, or a part) is counted apart:
that the two disagree is then no false alarm.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_core.color import BUILT_IN_CONFIG, ColorSettings
from maggie_core.guidance import MaskSequence, combine
from maggie_core.guidance.instances import make_instances
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.io.frames import open_source
from maggie_core.io.integer_image import write_integer_image
from maggie_core.mattes import MatteFile, write_mattes
from maggie_core.postprocess.mask_shape import depth_in, size_of
from maggie_core.qc import MEASURES, MatteFiles, PlateImages, Subject, check, find, limits_with
from maggie_lab.srgb import to_linear
from maggie_lab.synthesis import BankPlan, DrawnBank, compose_clip, sample_generator

Plane = NDArray[np.float32]
FIRST, FRAMES, SIZE = 1001, 6, 320
SPOILT = 3
"""Index of the frame that gets the fault: it has neighbours on both sides."""
SEED = 77
QUALITIES = ("good", "typical", "rough")


@dataclass(frozen=True)
class Scene:
    """One frame of a clip: what a fault is put into.

    Attributes:
        alphas: (N, H, W) true.
        mask: (H, W) of the person, binary.
        who: the person's index.
        size: of the person in pixels.
        before: (H, W) the person's alpha in the frame before.
        aim: a place on the person, as shares of the mask's height and width.
    """

    alphas: Plane
    mask: Plane
    who: int
    size: float
    before: Plane
    aim: tuple[float, float]
    rng: np.random.Generator

    @property
    def alpha(self) -> Plane:
        return self.alphas[self.who].copy()

    def disc(self, center: tuple[int, int], share: float) -> NDArray[np.bool_]:
        """A disc around (y, x), its radius a share of the size."""
        y, x = np.indices(self.mask.shape)
        return np.hypot(y - center[0], x - center[1]) <= max(2.0, share * self.size)

    def deep(self) -> tuple[int, int]:
        """A pixel well inside both matte and mask."""
        depth = depth_in((self.alphas[self.who] > 0.95) & (self.mask > 0))
        return self.near_aim(depth > 0.5 * depth.max())

    def rim(self) -> tuple[int, int]:
        """A pixel just inside the edge of both matte and mask."""
        depth = depth_in((self.alphas[self.who] > 0.9) & (self.mask > 0))
        return self.near_aim((depth > 0.02 * self.size) & (depth <= max(2.0, 0.03 * self.size)))

    def near_aim(self, where: NDArray[np.bool_]) -> tuple[int, int]:
        """The pixel of `where` nearest to the aim, so that a fault of many frames moves with the person."""
        found = np.argwhere(where if where.any() else self.mask > 0)
        of_mask = np.argwhere(self.mask > 0)
        low, high = of_mask.min(axis=0), of_mask.max(axis=0)
        y, x = found[np.hypot(*(found - (low + self.aim * (high - low))).T).argmin()]
        return int(y), int(x)


def _empty(scene: Scene) -> Plane:
    return np.zeros_like(scene.mask)


def _noise(scene: Scene) -> Plane:
    return scene.rng.random(scene.mask.shape, dtype=np.float32)


def _swapped(scene: Scene) -> Plane:
    """Another person's matte; a mirrored one where there is nobody else."""
    others = [k for k in range(len(scene.alphas)) if k != scene.who and scene.alphas[k].mean() > 0.01]
    return scene.alphas[others[0]].copy() if others else scene.alpha[:, ::-1].copy()


def _hole(scene: Scene) -> Plane:
    alpha = scene.alpha
    alpha[scene.disc(scene.deep(), 0.06)] = 0
    return alpha


def _small_hole(scene: Scene) -> Plane:
    """20 by 30 pixels of somebody who is 430 tall."""
    alpha, (y, x) = scene.alpha, scene.deep()
    down, across = (max(1, round(share * scene.size / 2)) for share in (30 / 430, 20 / 430))
    alpha[y - down : y + down, x - across : x + across] = 0
    return alpha


def _bite(scene: Scene) -> Plane:
    """A notch at the edge, as the network leaves where a sleeve looks like the wall."""
    alpha = scene.alpha
    alpha[scene.disc(scene.rim(), 0.05)] *= 0.35
    return alpha


def _lost_part(scene: Scene) -> Plane:
    """The lower third is gone."""
    alpha, rows = scene.alpha, np.flatnonzero(scene.mask.any(axis=1))
    alpha[int(rows[0] + 0.65 * (rows[-1] - rows[0])) :] = 0
    return alpha


def _collapsed(scene: Scene) -> Plane:
    """Blotches of anything inside, as small people get."""
    blotches = cv2.GaussianBlur(
        scene.rng.random(scene.mask.shape, dtype=np.float32), (0, 0), 0.03 * scene.size
    )
    blotches = np.clip(0.5 + 3 * (blotches - blotches.mean()) / (blotches.std() + 1e-6) / 6, 0, 1)
    return np.asarray(scene.alpha * blotches, np.float32)


def _streak(scene: Scene) -> Plane:
    """A line of the background, drawn out sideways from the edge."""
    alpha, (y, x) = scene.alpha, scene.rim()
    side = 1 if x > np.nonzero(scene.mask)[1].mean() else -1
    end = int(np.clip(x + side * 0.35 * scene.size, 0, alpha.shape[1] - 1))
    half = max(1, round(0.008 * scene.size))
    line = alpha[max(y - half, 0) : y + half + 1, min(x, end) : max(x, end)]
    np.maximum(line, 0.6, out=line)
    return alpha


def _leak(scene: Scene) -> Plane:
    """Half of somebody else's body too, half transparent."""
    alpha = scene.alpha
    for k, other in enumerate(scene.alphas):
        rows = np.nonzero(other > 0.5)[0]
        if k != scene.who and rows.size:
            upper = np.arange(other.shape[0])[:, None] < rows.mean()
            alpha = np.maximum(alpha, 0.5 * other * upper)
    return np.asarray(alpha, np.float32)


def _detached(scene: Scene) -> Plane:
    """A piece of the person beside the person."""
    alpha = scene.alpha
    off = cv2.distanceTransform((np.maximum(scene.mask, alpha) == 0).astype(np.uint8), cv2.DIST_L2, 5)
    ring = (off > 0.08 * scene.size) & (off < 0.14 * scene.size)
    if ring.any():
        piece = scene.disc(scene.near_aim(ring), 0.035)
        alpha[piece] = np.maximum(alpha[piece], 0.9)
    return alpha


def _shifted(scene: Scene) -> Plane:
    """Two hundredths of the size to the side."""
    return np.roll(scene.alpha, max(2, round(0.02 * scene.size)), axis=1)


def _shifted_by_one(scene: Scene) -> Plane:
    return np.roll(scene.alpha, 1, axis=1)


def _chattering(scene: Scene) -> Plane:
    """The edge is a pixel too far out or in, another way in each frame and at each place."""
    height, width = scene.mask.shape
    drawn = scene.rng.uniform(-1, 1, (height // 16 + 2, width // 16 + 2)).astype(np.float32)
    way = np.sign(cv2.resize(drawn, (width, height), interpolation=cv2.INTER_CUBIC))
    kernel = np.ones((3, 3), np.uint8)
    return np.where(way > 0, cv2.dilate(scene.alpha, kernel), cv2.erode(scene.alpha, kernel))


def _copied(scene: Scene) -> Plane:
    """The frame before once more."""
    return scene.before


@dataclass(frozen=True)
class Fault:
    name: str
    spoil: Callable[[Scene], Plane]
    means: frozenset[str]
    """Measures that say what this fault is."""
    lasts: bool
    """Whether it is in all frames of the clip, or in one."""

    @property
    def key(self) -> str:
        return f"{self.name}, all frames" if self.lasts else self.name


def _fault(name: str, spoil: Callable[[Scene], Plane], *means: str, lasts: bool = False) -> Fault:
    return Fault(name, spoil, frozenset(means), lasts)


ONCE = ("flash", "pop")
"""Measures that mean any patch that is in one frame alone."""
FAULTS = (
    _fault("empty frame", _empty, "empty"),
    _fault("noise", _noise, "specks", "speck_count", "outside", "undecided_inside", "area_drift"),
    _fault("another person's matte", _swapped, "covers", "iou", "outside", "centre_drift", "inside_lost"),
    _fault("frame before copied", _copied, "stuck"),
    _fault("hole", _hole, "holes", "inside_lost", "left_out", *ONCE),
    _fault("small hole", _small_hole, "holes", "left_out", *ONCE),
    _fault("bite at the edge", _bite, "patches", "inside_lost", "left_out", *ONCE),
    _fault("lost third", _lost_part, "inside_lost", "area_jump", "left_out", *ONCE),
    _fault("collapsed", _collapsed, "undecided_inside", "inside_lost", "patches", "left_out", *ONCE),
    _fault("streak", _streak, "streaks", "taken_in", *ONCE),
    _fault("leak onto another", _leak, "covers", "above_one", "taken_in", *ONCE),
    _fault("piece apart", _detached, "apart", "taken_in", *ONCE),
    _fault("shifted by 2 %", _shifted, "flicker", "chatter", "jolt", "pop"),
    _fault("shifted by a pixel", _shifted_by_one, "flicker", "chatter", "jolt"),
    _fault("edge chatter", _chattering, "flicker", "chatter", "jolt", lasts=True),
    _fault("hole", _hole, "holes", "inside_lost", "left_out", lasts=True),
    _fault("small hole", _small_hole, "holes", "left_out", lasts=True),
    _fault("bite at the edge", _bite, "patches", "inside_lost", "left_out", lasts=True),
    _fault("lost third", _lost_part, "inside_lost", "left_out", lasts=True),
    _fault("collapsed", _collapsed, "undecided_inside", "inside_lost", "patches", "left_out", lasts=True),
    _fault("streak", _streak, "streaks", "taken_in", lasts=True),
    _fault("leak onto another", _leak, "covers", "above_one", "taken_in", lasts=True),
    _fault("piece apart", _detached, "apart", "taken_in", lasts=True),
)


@dataclass
class Counts:
    """Of one kind of mask."""

    frames: int = 0
    """Faultless: people times frames."""
    alarms: dict[str, int] = field(default_factory=dict)
    """False ones, by measure: people and frames in which it is beyond its limit."""
    wrong: int = 0
    """Faultless people and frames with any alarm."""
    told: int = 0
    """Alarms about people whose mask is another's."""
    right: dict[str, int] = field(default_factory=dict)
    """Spoilt ones found, by fault."""
    spoilt: dict[str, int] = field(default_factory=dict)
    signs: dict[str, int] = field(default_factory=dict)
    """Spoilt ones in which a measure is beyond its limit, by measure."""


class Clip:
    """A generated clip in a folder, with its true mattes until one is spoilt."""

    def __init__(self, folder: Path, quality: str, planes: dict[str, Plane]):
        self.folder, self.quality = folder, quality
        self.alphas, self.masks = planes["alphas"], (planes["guidance"] > 0.5).astype(np.float32)
        self.names = tuple(f"p{k}" for k in range(self.alphas.shape[1]))
        self.frames = tuple(range(FIRST, FIRST + len(self.alphas)))
        folder.mkdir()
        window = self._window = Window(0, 0, *self.alphas.shape[:1:-1])
        for t, frame in enumerate(self.frames):
            pixels = np.ascontiguousarray(to_linear(planes["image"][t]).transpose(1, 2, 0), np.float32)
            write_exr(folder / f"plate.{frame}.exr", [Part(None, ("R", "G", "B"), pixels, window, window)])
            for name, mask in zip(self.names, self.masks[t], strict=True):
                write_integer_image(folder / f"{name}.{frame}.png", mask)
            self.deliver(t, self.alphas[t])

    def deliver(self, t: int, alphas: Plane) -> None:
        window = self._window
        plate = Frame(np.zeros((window.height, window.width, 3), np.float32), ("R", "G", "B"), window, window)
        write_mattes(
            self.folder / f"matte.{self.frames[t]}.exr",
            alphas,
            instances=make_instances(self.names),
            geometry=Geometry(window, window),
            plate=plate,
            provenance={"version": "benchmark"},
            settings=MatteFile(depth="half"),
        )

    def alarms(self) -> dict[tuple[str, int], set[str]]:
        """Measures beyond their limit, by person and frame."""
        plate = open_source(str(self.folder / "plate.####.exr"))
        subject = Subject(
            MatteFiles(str(self.folder / "matte.####.exr")),
            self.frames,
            self.frames,
            plate=PlateImages.of(plate, ColorSettings(BUILT_IN_CONFIG, "lin_rec709")),
            guidance=combine([MaskSequence(n, str(self.folder / f"{n}.####.png")) for n in self.names]),
        )
        found: dict[tuple[str, int], set[str]] = {}
        for finding in find(check(subject), limits_with()):
            for frame in finding.frames:
                for who in [finding.instance] if finding.instance else self.names:
                    found.setdefault((who, frame), set()).add(finding.measure)
        return found

    @property
    def largest(self) -> int | None:
        """The person who is largest in the frame to be spoilt; None where nobody is large enough."""
        masks, alphas = self.masks[SPOILT], self.alphas[SPOILT]
        both = [float((mask * (alpha > 0.9)).mean()) for mask, alpha in zip(masks, alphas, strict=True)]
        return int(np.argmax(both)) if max(both) > 0.01 else None

    def scene(self, t: int, who: int, seed: list[int]) -> Scene:
        aim = np.random.default_rng(seed).random(2)
        mask, rng = self.masks[t, who], np.random.default_rng([*seed, t])
        before = self.alphas[max(t - 1, 0), who]
        return Scene(self.alphas[t], mask, who, size_of(mask), before, (float(aim[0]), float(aim[1])), rng)

    def is_misled(self, who: int, frame: int) -> bool:
        """Whether a person's mask in a frame is hardly theirs."""
        t = self.frames.index(frame)
        mask, alpha = self.masks[t, who] > 0, self.alphas[t, who] > 0.5
        either = np.count_nonzero(mask | alpha)
        return bool(np.count_nonzero(mask & alpha) < 0.5 * either)


def clips(folder: Path, count: int) -> Iterator[Clip]:
    """Generated clips of one to three people, with masks of the three qualities in turns."""
    bank = DrawnBank(BankPlan(figures=10, backgrounds=8, size_px=SIZE, seed=11, puppets=10))
    for k in range(count):
        quality = QUALITIES[k % len(QUALITIES)]
        rng = sample_generator(SEED, k)
        planes = compose_clip(rng, bank, frames=FRAMES, crop_px=SIZE, instances=(2, 3), severity=quality)
        yield Clip(folder / f"{k}", quality, dict(planes))


def measured(folder: Path, count: int, faults: tuple[Fault, ...] = FAULTS) -> dict[str, Counts]:
    """Check every clip as it is and with each fault; by kind of mask."""
    counts: dict[str, Counts] = {}
    for number, clip in enumerate(clips(folder, count)):
        kept = counts.setdefault(clip.quality, Counts())
        before = clip.alarms()
        kept.frames += len(clip.names) * len(clip.frames)
        for (name, frame), measures in before.items():
            if clip.is_misled(clip.names.index(name), frame):
                kept.told += 1
                continue
            kept.wrong += 1
            for measure in measures:
                kept.alarms[measure] = kept.alarms.get(measure, 0) + 1
        for fault in faults:
            _spoil(clip, fault, [SEED, number], kept, before)
    return counts


def _spoil(
    clip: Clip, fault: Fault, seed: list[int], kept: Counts, before: dict[tuple[str, int], set[str]]
) -> None:
    who = clip.largest
    if who is None:
        return
    changed = 0.0
    spoilt = [t for t in range(FRAMES) if (fault.lasts or t == SPOILT) and clip.masks[t, who].any()]
    for t in spoilt:
        scene = clip.scene(t, who, seed)
        alphas = scene.alphas.copy()
        alphas[who] = fault.spoil(scene)
        changed += float(np.abs(alphas - scene.alphas).sum())
        clip.deliver(t, alphas)
    found = clip.alarms() if changed >= 10 else {}
    for t in spoilt:
        clip.deliver(t, clip.alphas[t])
    if changed < 10:
        return  # there was no room for it
    new: set[str] = set()
    for t in sorted({*spoilt, *(t + 1 for t in spoilt if t + 1 < FRAMES)}):
        at = clip.names[who], clip.frames[t]
        new |= found.get(at, set()) - before.get(at, set())
    kept.spoilt[fault.key] = kept.spoilt.get(fault.key, 0) + 1
    kept.right[fault.key] = kept.right.get(fault.key, 0) + bool(new & fault.means)
    for measure in new:
        kept.signs[measure] = kept.signs.get(measure, 0) + 1


def as_text(counts: dict[str, Counts]) -> str:
    """Two tables: recall by fault, false alarms and precision by measure."""
    qualities = [quality for quality in QUALITIES if quality in counts]
    heads = " | ".join(f"{quality} masks" for quality in qualities)
    lines = [f"| fault | found by | {heads} |", "|---|---|" + "---:|" * len(qualities)]
    for fault in FAULTS:
        cells = [
            f"{counts[q].right.get(fault.key, 0)} of {counts[q].spoilt.get(fault.key, 0)}" for q in qualities
        ]
        found_by = ", ".join(f"`{name}`" for name in MEASURES if name in fault.means)
        lines.append(f"| {fault.key} | {found_by} | {' | '.join(cells)} |")
    lines += ["", f"| measure | {heads} | of its alarms, true |", "|---|" + "---:|" * (len(qualities) + 1)]
    totals = [f"{counts[q].wrong} of {counts[q].frames}" for q in qualities]
    lines.append(f"| any | {' | '.join(totals)} | |")
    misled = " | ".join(str(counts[q].told) for q in qualities)
    lines.append(f"| of people whose mask is hardly theirs | {misled} | |")
    for name in MEASURES:
        false = [counts[q].alarms.get(name, 0) for q in qualities]
        true = sum(counts[q].signs.get(name, 0) for q in qualities)
        if true or any(false):
            precision = f"{100 * true / (true + sum(false)):.0f} %"
            lines.append(f"| `{name}` | {' | '.join(map(str, false))} | {precision} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clips", type=int, default=15, help="clips; the masks' qualities take turns")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(as_text(measured(Path(folder), args.clips)))


if __name__ == "__main__":
    main()

"""Banks: figures, puppets and backgrounds that are drawn once and composed into any number of samples.

Drawing strands takes a third of a second a figure, composing a scene far less. A bank is a folder of plain
`.npy` arrays that many processes map at once:

    figures-<first>.npy       (K, S, S, 5) uint8: straight sRGB-encoded colour, alpha, share of alpha held
    backgrounds-<first>.npy   (K, S, S, 3) uint8
    puppet-<index>.npz        one figure in pieces
    bank.json                 what the folder holds, written first

Several processes and machines may draw one bank together: an item depends on the plan and on its number
alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import torch
from numpy.typing import NDArray

from maggie_api.errors import SettingsError
from maggie_core.io.atomic import atomic_file
from maggie_lab.datasets.continuation import check_same, read_record, write_record
from maggie_lab.processes import ordered_results

from .backgrounds import make_background
from .fields import Plane, gaussian_blur
from .figures import draw_figure, draw_puppet
from .images import image_digest, read_background, read_cutout
from .puppet import Puppet

Codes = NDArray[np.uint8]
Tell = Callable[[int, int], None]
"""What is told of progress: how many items are there, and how many there will be."""

RECORD = "bank.json"
CHUNK = 50
"""Items per file: few enough to lose little when a process dies, many enough to map quickly."""


@dataclass(frozen=True)
class BankPlan:
    """What a bank holds; an item depends on the plan and on its number alone."""

    figures: int = 1500
    backgrounds: int = 1500
    size_px: int = 384
    """Side of the square images."""
    seed: int = 0
    held_out: bool = False
    """Draw from the styles of the held-out set, which training never sees."""
    puppets: int = 0
    """Figures in pieces, which clips and embraces pose; without any, clips bend flat figures."""
    images: str = ""
    """Folder of images to cut backgrounds from; every second background is one of them."""
    cutouts: str = ""
    """Folder of RGBA images of single subjects; every second figure is one of them."""


@dataclass(frozen=True)
class Anchors:
    """Points of a figure that a crop can be aimed at, as (x, y) in figure pixels; float32.

    Attributes:
        edge: (K, 2) on the outline.
        soft: (K, 2) inside wide soft regions, as hair has them; the outline again where there are none.
        core: (K, 2) deep inside.
        box: left, top, right, bottom of what is visible.
    """

    edge: NDArray[np.float32]
    soft: NDArray[np.float32]
    core: NDArray[np.float32]
    box: tuple[float, float, float, float]


def build_bank(
    folder: Path,
    plan: BankPlan,
    *,
    workers: int = 1,
    tell: Tell = lambda done, of: None,
    share: int = 0,
    shares: int = 1,
) -> None:
    """Draw what is missing of a bank; the same bytes for any number of processes and machines.

    Files are written to a temporary name and renamed: a file that exists is complete.

    Args:
        folder: is made where it does not exist.
        workers: processes.
        tell: is called with the number of items that are there and that there will be: at once, and after
            every item.
        share: which of `shares` parts of the files to draw, from 0; several machines may draw one each.

    Raises:
        SettingsError: the folder holds a bank of another plan.
        InputError: one of the user's images cannot be used.
        OutputError: a file cannot be written.
    """
    _check_plan(folder, plan)
    files = _files(plan)[share::shares]
    missing = [file for file in files if not file.path(folder).exists()]
    total = sum(len(file.items) for file in files)
    done = total - sum(len(file.items) for file in missing)
    tell(done, total)
    tasks = [(plan, file.kind, index) for file in missing for index in file.items]
    drawn = ordered_results(_draw_item, tasks, workers=workers, prepare=use_one_thread)
    for file in missing:
        items = []
        for _ in file.items:
            items.append(next(drawn))
            done += 1
            tell(done, total)
        file.write(folder, items)


def use_one_thread() -> None:
    """For one of several processes, which have the cores between them."""
    torch.set_num_threads(1)


@dataclass(frozen=True)
class _BankFile:
    """One file of a bank: up to `CHUNK` figures or backgrounds, or one puppet."""

    kind: str
    items: range

    def path(self, folder: Path) -> Path:
        ending = "npz" if self.kind == "puppet" else "npy"
        return folder / f"{self.kind}-{self.items[0]:05d}.{ending}"

    def write(self, folder: Path, items: list[Codes | Puppet]) -> None:
        target = self.path(folder)
        with atomic_file(target) as temporary, temporary.open("wb") as stream:
            if isinstance(items[0], Puppet):
                items[0].save(stream)
            else:
                np.save(stream, np.stack(cast(list[Codes], items)))


def _files(plan: BankPlan) -> list[_BankFile]:
    counts = {"backgrounds": plan.backgrounds, "figures": plan.figures}
    chunked = [
        _BankFile(kind, range(first, min(first + CHUNK, count)))
        for kind, count in counts.items()
        for first in range(0, count, CHUNK)
    ]
    return chunked + [_BankFile("puppet", range(index, index + 1)) for index in range(plan.puppets)]


def _draw_item(task: tuple[BankPlan, str, int]) -> Codes | Puppet:
    """Draw one item of a plan, of the kind "figures", "backgrounds" or "puppet"."""
    plan, kind, index = task
    if kind == "puppet":
        return replace(draw_puppet(plan.seed + index, plan.size_px, held_out=plan.held_out))
    return _figure_codes(plan, index) if kind == "figures" else _background_codes(plan, index)


def _check_plan(folder: Path, plan: BankPlan) -> None:
    """Write what the bank is made of, or compare it with what is written."""
    path = folder / RECORD
    own = {"images": plan.images, "cutouts": plan.cutouts}
    now = asdict(plan) | {f"{kind}_content": image_digest(each) for kind, each in own.items() if each}
    was = read_plan(folder)
    if was is None:
        folder.mkdir(parents=True, exist_ok=True)
        write_record(path, now)
        return
    check_same(folder, was, now)


def plan_of(folder: Path) -> BankPlan | None:
    """The plan that the bank in `folder` was made by; None where there is no record.

    Raises:
        SettingsError: the record is damaged.
    """
    record = read_plan(folder)
    if record is None:
        return None
    return BankPlan(**{each.name: record[each.name] for each in fields(BankPlan) if each.name in record})


def read_plan(folder: Path) -> dict[str, Any] | None:
    """What the bank in `folder` was made with, by field of `BankPlan`; None where there is no record.

    Raises:
        SettingsError: the record is damaged.
    """
    record = read_record(folder / RECORD)
    if record is not None and "pictures" in record:  # the name of `images` in banks of before
        record["images"] = record.pop("pictures")
    return record


def _figure_codes(plan: BankPlan, index: int) -> Codes:
    if plan.cutouts and index % 2:
        return read_cutout(plan.cutouts, index // 2, plan.size_px)
    figure = draw_figure(plan.seed + index, plan.size_px, held_out=plan.held_out)
    return np.concatenate([to_codes(figure.colour), to_codes(np.stack([figure.alpha, figure.held], -1))], -1)


def _background_codes(plan: BankPlan, index: int) -> Codes:
    if plan.images and index % 2:
        return read_background(plan.images, index // 2, plan.size_px, seed=plan.seed)
    return to_codes(make_background(plan.seed + index, plan.size_px, held_out=plan.held_out))


def to_codes(values: Plane) -> Codes:
    """Values in [0, 1] as codes of eight bits, rounded; others are clipped."""
    return np.floor(np.clip(values, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)


class Figures(Protocol):
    """The source of figures and backgrounds of scenes: a `Bank` on disk or a `DrawnBank` in memory."""

    figures: int
    backgrounds: int
    puppets: int
    size_px: int

    def figure(self, index: int) -> Codes:
        """Figure `index`: (S, S, 5) codes: straight sRGB-encoded colour, alpha, alpha of held things."""
        ...

    def background(self, index: int) -> Codes:
        """Background `index`: (S, S, 3) codes of sRGB-encoded colour."""
        ...

    def puppet(self, index: int) -> Puppet:
        """Puppet `index`: a figure in pieces."""
        ...

    def anchors(self, index: int) -> Anchors:
        """Points of figure `index` to aim a crop at; measured once."""
        ...

    def puppet_anchors(self, index: int) -> Anchors:
        """As `anchors`, for puppet `index` in its painted pose."""
        ...


class _AnchorCache:
    """Anchors of a bank's items, found when they are first asked for and kept."""

    def __init__(self) -> None:
        self._anchors: dict[tuple[str, int], Anchors] = {}

    def _anchors_of(self, kind: str, index: int, codes: Callable[[int], Codes]) -> Anchors:
        if (kind, index) not in self._anchors:
            self._anchors[kind, index] = find_anchors(codes(index)[..., 3])
        return self._anchors[kind, index]


class Bank(_AnchorCache):
    """A bank on disk; read-only, safe to open in any number of processes.

    A bank that is still being built can be opened: it holds what is complete at that moment.
    """

    def __init__(self, folder: Path | str) -> None:
        super().__init__()
        folder = Path(folder)
        self._figures = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("figures-*.npy"))]
        self._backgrounds = [
            np.load(path, mmap_mode="r") for path in sorted(folder.glob("backgrounds-*.npy"))
        ]
        if not self._figures or not self._backgrounds:
            raise SettingsError(f"{folder}: no figures or no backgrounds here; build the bank first.")
        self.figures = sum(len(chunk) for chunk in self._figures)
        self.backgrounds = sum(len(chunk) for chunk in self._backgrounds)
        self._puppets = sorted(folder.glob("puppet-*.npz"))
        self.puppets = len(self._puppets)
        self.size_px = int(self._figures[0].shape[1])

    def figure(self, index: int) -> Codes:
        codes = _item(self._figures, index)
        if codes.shape[-1] == 4:  # banks of before have no plane of held things
            codes = np.concatenate([codes, np.zeros_like(codes[..., :1])], -1)
        return codes

    def background(self, index: int) -> Codes:
        return _item(self._backgrounds, index)

    def puppet(self, index: int) -> Puppet:
        return Puppet.load(self._puppets[index])

    def anchors(self, index: int) -> Anchors:
        return self._anchors_of("figure", index, self.figure)

    def puppet_anchors(self, index: int) -> Anchors:
        return self._anchors_of("puppet", index, lambda number: self.puppet(number).flat())


class DrawnBank(_AnchorCache):
    """The items of a bank built by `plan`, drawn when they are first asked for and kept in memory."""

    def __init__(self, plan: BankPlan) -> None:
        super().__init__()
        self.plan = plan
        self.figures, self.backgrounds, self.size_px = plan.figures, plan.backgrounds, plan.size_px
        self.puppets = plan.puppets
        self._drawn: dict[tuple[str, int], Codes] = {}
        self._puppets: dict[int, Puppet] = {}

    def figure(self, index: int) -> Codes:
        key = ("figure", index)
        if key not in self._drawn:
            self._drawn[key] = _figure_codes(self.plan, index)
        return self._drawn[key]

    def background(self, index: int) -> Codes:
        key = ("background", index)
        if key not in self._drawn:
            self._drawn[key] = _background_codes(self.plan, index)
        return self._drawn[key]

    def puppet(self, index: int) -> Puppet:
        if index not in self._puppets:
            plan = self.plan
            self._puppets[index] = draw_puppet(plan.seed + index, plan.size_px, held_out=plan.held_out)
        return self._puppets[index]

    def anchors(self, index: int) -> Anchors:
        return self._anchors_of("figure", index, self.figure)

    def puppet_anchors(self, index: int) -> Anchors:
        return self._anchors_of("puppet", index, lambda number: self.puppet(number).flat())


def _item(chunks: list[Codes], index: int) -> Codes:
    for chunk in chunks:
        if index < len(chunk):
            return np.array(chunk[index])
        index -= len(chunk)
    raise IndexError(index)


def find_anchors(codes: Codes) -> Anchors:
    """Anchors of a figure by its alpha, (S, S) codes."""
    alpha = np.ascontiguousarray(codes[::2, ::2]).astype(np.float32) / 255
    smooth = gaussian_blur(alpha, 8.0)
    fractional = (alpha > 0.06) & (alpha < 0.94)
    crowded = gaussian_blur(fractional.astype(np.float32), 2.0)
    rows, columns = np.nonzero(alpha > 0.5)
    top, left = (int(v.min()) * 2 for v in (rows, columns))
    bottom, right = (int(v.max()) * 2 + 2 for v in (rows, columns))
    edge = _some(fractional & (crowded < 0.5), alpha > 0.5)
    soft = _some(crowded > 0.35, fractional)
    core = _some((alpha > 0.9) & (smooth > 0.9), alpha > 0.9)
    return Anchors(edge, soft, core, (left, top, right, bottom))


def _some(wanted: NDArray[np.bool_], otherwise: NDArray[np.bool_], count: int = 64) -> NDArray[np.float32]:
    found = np.argwhere(wanted)
    if len(found) < 8:
        found = np.argwhere(otherwise)
    if not len(found):
        found = np.array([[wanted.shape[0] // 2, wanted.shape[1] // 2]])
    chosen = found[np.linspace(0, len(found) - 1, count).astype(int)]
    return (chosen[:, ::-1] * 2 + 1).astype(np.float32)

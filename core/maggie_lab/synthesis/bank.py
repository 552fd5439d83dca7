"""Banks: figures, puppets and backgrounds drawn once, composed endlessly.

Strands are dear, scenes are cheap. A bank is a folder of plain `.npy` arrays that many processes map at once:

    figures-<first>.npy       (K, S, S, 5) uint8: straight sRGB-encoded colour, alpha, share of alpha held
    backgrounds-<first>.npy   (K, S, S, 3) uint8
    puppet-<index>.npz        one figure in pieces
    bank.json                 what the folder holds, written first

Several processes may build disjoint ranges of one bank; what item `i` is depends on the seed and on `i`
alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from maggie_api.errors import SettingsError

from .backgrounds import make_background
from .fields import Plane, gaussian_blur
from .figures import draw_figure, draw_puppet
from .images import read_background, read_cutout
from .puppet import Puppet

Codes = NDArray[np.uint8]

CHUNK = 50
"""Items per file: small enough to lose little when a process dies, large enough to map quickly."""


@dataclass(frozen=True)
class BankPlan:
    """What a bank holds."""

    figures: int = 1500
    backgrounds: int = 1500
    size_px: int = 384
    seed: int = 0
    held_out: bool = False
    puppets: int = 0
    """Figures in pieces that clips and embraces pose anew; without any, clips bend flat figures."""
    images: str = ""
    """Folder of images to cut backgrounds from; every second background is one of them."""
    cutouts: str = ""
    """Folder of RGBA images of single subjects; every second figure is one of them."""


@dataclass(frozen=True)
class Anchors:
    """Where in a figure something happens, as (x, y) in figure pixels.

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


def build_bank(folder: Path, plan: BankPlan, *, part: int = 0, parts: int = 1) -> None:
    """Draw what is missing of a bank; run with the same plan as `part` 0 .. `parts`-1 to share the work.

    Files are written to a temporary name and renamed: a file that exists is complete.
    """
    folder.mkdir(parents=True, exist_ok=True)
    described = folder / "bank.json"
    if described.exists() and BankPlan(**json.loads(described.read_text())) != plan:
        raise SettingsError(
            f"{folder}: holds a bank made by another plan; choose an empty folder, or remove that bank first."
        )
    _write(described, lambda temporary: temporary.write_text(json.dumps(asdict(plan))))
    jobs = [("backgrounds", first) for first in range(0, plan.backgrounds, CHUNK)]
    jobs += [("figures", first) for first in range(0, plan.figures, CHUNK)]
    for kind, first in jobs[part::parts]:
        target = folder / f"{kind}-{first:05d}.npy"
        if target.exists():
            continue
        last = min(first + CHUNK, plan.figures if kind == "figures" else plan.backgrounds)
        draw = _figure_codes if kind == "figures" else _background_codes
        items = np.stack([draw(plan, index) for index in range(first, last)])
        _write(target, lambda temporary, items=items: _save(temporary, items))
    for index in range(part, plan.puppets, parts):
        target = folder / f"puppet-{index:05d}.npz"
        if not target.exists():
            puppet = draw_puppet(plan.seed + index, plan.size_px, held_out=plan.held_out)
            _write(target, lambda temporary, puppet=puppet: _save(temporary, puppet))


def _write(target: Path, write: Callable[[Path], object]) -> None:
    temporary = target.with_name(f".{os.getpid()}-{target.name}")
    write(temporary)
    os.replace(temporary, target)


def _save(path: Path, items: Codes | Puppet) -> None:
    with path.open("wb") as stream:
        items.save(stream) if isinstance(items, Puppet) else np.save(stream, items)


def _figure_codes(plan: BankPlan, index: int) -> Codes:
    if plan.cutouts and index % 2:
        return read_cutout(plan.cutouts, index // 2, plan.size_px)
    figure = draw_figure(plan.seed + index, plan.size_px, held_out=plan.held_out)
    return np.concatenate([_codes(figure.colour), _codes(np.stack([figure.alpha, figure.held], -1))], -1)


def _background_codes(plan: BankPlan, index: int) -> Codes:
    if plan.images and index % 2:
        return read_background(plan.images, index // 2, plan.size_px, seed=plan.seed)
    return _codes(make_background(plan.seed + index, plan.size_px, held_out=plan.held_out))


def _codes(values: Plane) -> Codes:
    return np.floor(np.clip(values, 0, 1) * 255 + np.float32(0.5)).astype(np.uint8)


class Figures(Protocol):
    """What scenes are composed from: a `Bank` on disk or a `DrawnBank` in memory."""

    figures: int
    backgrounds: int
    puppets: int
    size_px: int

    def figure(self, index: int) -> Codes:
        """Figure `index`: (S, S, 5) codes of straight sRGB-encoded colour, alpha and what of it is held."""
        ...

    def background(self, index: int) -> Codes:
        """Background `index`: (S, S, 3) codes of sRGB-encoded colour."""
        ...

    def puppet(self, index: int) -> Puppet:
        """Figure number `index` of those in pieces."""
        ...

    def anchors(self, index: int) -> Anchors:
        """Where to aim a crop at figure `index`; measured once."""
        ...

    def puppet_anchors(self, index: int) -> Anchors:
        """As `anchors`, of puppet `index` in its painted pose."""
        ...


class _Measured:
    """Anchors of what a bank holds, found when first asked for."""

    def __init__(self) -> None:
        self._anchors: dict[tuple[str, int], Anchors] = {}

    def _anchors_of(self, kind: str, index: int, codes: Callable[[int], Codes]) -> Anchors:
        if (kind, index) not in self._anchors:
            self._anchors[kind, index] = _find_anchors(codes(index)[..., 3])
        return self._anchors[kind, index]


class Bank(_Measured):
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
        if codes.shape[-1] == 4:  # a bank from before held things were told apart
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


class DrawnBank(_Measured):
    """The same items as a bank built by `plan`, drawn when first asked for and kept in memory."""

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


def _find_anchors(codes: Codes) -> Anchors:
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

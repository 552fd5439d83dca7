"""The frames of one segment, matted pass by pass."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from maggie_api.errors import FrameError, InputError, MaggieError
from maggie_api.lru import LruCache
from maggie_api.settings import Detail
from maggie_core.color import RepairCount
from maggie_core.guidance.holds import NOTHING, HeldPlanes
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.mattes import sum_to_one
from maggie_core.model import MatteModel
from maggie_core.postprocess.edges import mask_with_edge
from maggie_core.postprocess.full_resolution import add_detail, has_detail, slope_of
from maggie_core.postprocess.losses import Loss
from maggie_core.postprocess.neighbours import share_pixels
from maggie_core.shot.cache import StateCache
from maggie_core.shot.chain import Chain, Recipe, Reused
from maggie_core.shot.frame_input import FrameInput
from maggie_core.shot.hand import Hand
from maggie_core.shot.inputs import InputAccount, InputsChangedError, UnreadableFrameError
from maggie_core.shot.reading import ShotReader
from maggie_core.shot.regions import Pass

RESTARTS = 4
"""Times a segment is begun anew because its files changed, before its frames are given up."""
AT_HAND = 4
"""Frames read for all passes that are kept until every pass has taken its own."""


@dataclass(frozen=True, eq=False)
class MatteResult:
    """The mattes of one frame."""

    frame: int
    alphas: np.ndarray
    """(N, H, W) float32 coverage in [0, 1] over `geometry.region`, in the guidance's order of instances."""
    geometry: Geometry
    header: Frame
    """The plate's frame without its pixels: windows, pixel aspect and metadata."""
    repairs: RepairCount
    """What was repaired in the network's copy of the plate."""
    extra: dict[str, np.ndarray] = field(default_factory=dict)
    """(H, W) planes by name: `residual` and `contested` under `sum_to_one`."""
    reused: Reused = "nothing"
    """What was found in the cache."""
    why: str = ""
    """With a cache: why not the finished matte was found."""
    inputs: dict[int, dict[str, str]] = field(default_factory=dict)
    """Digests, by frame and kind, of the files the matte was made from, as they were read."""
    without: tuple[int, ...] = ()
    """Frames that the matte should depend on and that could not be used."""
    stood_in: tuple[int, ...] = ()
    """Frames it depends on of which a file could not be read, so that by the policies for missing files
    another, black or an empty mask stood in."""
    losses: tuple[Loss, ...] = ()
    """Where a matte is worse than its mask and the artist does not hold it by a pin, a core or a garbage
    matte."""
    scene_linear: np.ndarray | None = None
    """(H, W, 3) float32 scene-linear plate over the region, where it was asked for."""


@dataclass(frozen=True)
class FrameFailure:
    """A frame that cannot be matted, and why; other frames are not affected."""

    frame: int
    error: MaggieError
    unreadable: bool = False
    """Whether the frame's own files cannot be used."""


@dataclass(frozen=True)
class SegmentSettings:
    """What all segments of a shot share."""

    model: MatteModel
    reader: ShotReader
    hand: Hand
    detail: Detail
    share_pixels: bool
    """Whether alphas of one pixel never exceed 1 together."""
    sum_to_one: bool
    scene_linear: bool
    """Whether results carry the scene-linear plate."""
    recipe: Callable[[Pass], Recipe]
    cache: StateCache | None
    checkpoint: Callable[[bool], None]


class Segment:
    """Frames that share one chain of temporal state in every pass.

    A frame whose own files cannot be used is left out, and its neighbours are matted as if the shot had no
    such frame. When files change after they were read, the segment is begun anew.

    Args:
        frames: of the chain, ascending, warm-up and look-ahead included.
        passes: gives the passes with the sizes in a frame; but for these they are those of every frame.
        reach: frames that the matte of a frame depends on, given those that are left out.
    """

    def __init__(
        self,
        frames: Sequence[int],
        settings: SegmentSettings,
        *,
        passes: Callable[[int], tuple[Pass, ...]],
        reach: Callable[[int, frozenset[int]], tuple[int, ...]],
    ) -> None:
        self.frames = tuple(frames)
        self._settings, self._plan, self._reach = settings, passes, reach
        self._planning = threading.Lock()
        self._unreadable: dict[int, InputError | OSError] = {}
        self._chains: list[Chain] = []
        self.read: Callable[[int], tuple[FrameInput, ...]] = self.read_now
        """Reads a frame for all passes; a shot puts one in that reads ahead."""
        self.read_plate: Callable[[int], Frame] = self.read_plate_now
        self._begin()

    @property
    def passes(self) -> tuple[Pass, ...]:
        return self._passes_at(self.frames[0])

    def _passes_at(self, frame: int) -> tuple[Pass, ...]:
        with self._planning:
            return self._plan(frame)

    def close(self) -> None:
        """Let go of every array."""
        for chain in self._chains:
            chain.close()
        self._at_hand.keep(())

    def read_now(self, frame: int) -> tuple[FrameInput, ...]:
        """A frame for all passes, from its files; may be called from another thread."""
        return self._settings.reader.inputs(frame, self.passes, self._account)

    def read_plate_now(self, frame: int) -> Frame:
        """A frame of the plate, from its file; may be called from another thread."""
        return self._settings.reader.plate(frame, self._account)

    def matte(self, frame: int) -> MatteResult | FrameFailure:
        """The mattes of a frame."""
        restarts = 0
        while True:
            if (error := self._unreadable.get(frame)) is not None:
                return FrameFailure(frame, _ours(error), unreadable=True)
            try:
                return self._result(frame)
            except UnreadableFrameError as found:
                self._unreadable[found.frame] = found.error
                _forget_calls(found)
                _forget_calls(found.error)
                self._chains = [chain.without(found.frame) for chain in self._chains]
            except InputsChangedError as changed:
                _forget_calls(changed)
                restarts += 1
                if restarts > RESTARTS:
                    return FrameFailure(frame, FrameError(f"{changed}, again and again: write them first"))
                self.close()
                self._begin()
                # What was read ahead is of the account before, so it may be another version of the files.
                self.read, self.read_plate = self.read_now, self.read_plate_now
            except (InputError, OSError) as error:
                _forget_calls(error)
                return FrameFailure(frame, _ours(error))

    def _begin(self) -> None:
        self._account, self._holds_account = InputAccount(), InputAccount()
        self._at_hand: LruCache[tuple[FrameInput, ...]] = LruCache(AT_HAND)
        self._unreadable.clear()
        self._chains = []

    def _chain_of(self, index: int, each: Pass) -> Chain:
        s = self._settings
        return Chain(
            s.model,
            [frame for frame in self.frames if frame not in self._unreadable],
            s.recipe(each),
            read=lambda frame: self._input(frame, index),
            files=s.reader.files,
            account=self._account,
            size=each.geometry.working_size,
            own=[each.shown.index(n) for n in each.owned],
            sizes=lambda frame: self._passes_at(frame)[index].sizes,
            plate_px=max(1.0, each.geometry.working_size[1] / each.geometry.region.height),
            cache=s.cache,
            checkpoint=s.checkpoint,
        )

    def _input(self, frame: int, index: int) -> FrameInput:
        found = self._at_hand.get(frame)
        if found is None:
            found = self.read(frame)
            if len(found) > 1:
                self._at_hand.put(frame, found)
        return found[index]

    def _result(self, frame: int) -> MatteResult:
        s = self._settings
        if not self._chains:
            self._chains = [self._chain_of(index, each) for index, each in enumerate(self.passes)]
        pinned = s.reader.pins(frame, self._account)
        alphas, told = self._joined(frame, pinned)
        held = self._held(frame)
        alphas, extra = self._finished(alphas, pinned, held)
        scene = s.reader.scene_linear(frame, self._account) if s.scene_linear else None
        headers = (each.header for each in told if each.header is not None)
        header = next(headers, None) or self.read_plate_now(frame).header
        repairs = {each.geometry: each.repairs for each in told}
        reused: list[Reused] = [each.reused for each in told]
        without = frozenset(self._unreadable)
        reach = self._reach(frame, without)
        return MatteResult(
            frame,
            alphas,
            s.reader.geometry,
            header,
            repairs.get(s.reader.geometry) or sum(repairs.values(), RepairCount()),
            extra,
            min(reused, key=("nothing", "state", "matte").index),
            next((each.why for each in told if each.why), ""),
            {each: self._account.of(each) for each in reach if each != frame}
            | {frame: self._account.of(frame) | self._holds_account.of(frame)},
            tuple(each for each in reach if each in without),
            tuple(
                each for each in reach if s.reader.stood_in(each) or (each == frame and self._is_held(frame))
            ),
            tuple(loss for each in told for loss in each.losses if loss.instance not in _in_hand(loss, held)),
            scene,
        )

    def _joined(self, frame: int, pinned: Collection[int]) -> tuple[np.ndarray, list[_Told]]:
        """(N, H, W) alphas of a frame over the region, and what its passes tell of it.

        Args:
            pinned: instances whose alphas the artist gave.
        """
        plate = cache(lambda: self.read_plate(frame))
        alphas: np.ndarray | None = None
        told: list[_Told] = []
        cut: list[tuple[int, Window]] = []
        for each, chain in zip(self.passes, self._chains, strict=True):
            # Where nobody of a later pass is there, their alphas are zeros.
            if alphas is None or _are_there(chain, frame):
                part, tells = self._part(frame, each, chain, pinned, plate)
                alphas = self._with_part(alphas, part, each)
                told.append(tells)
            cut += [(n, region) for n, region in _cut(each, chain, frame) if n not in pinned]
        assert alphas is not None
        if cut:
            self._add_outside(alphas, frame, cut)
        return alphas, told

    def _part(
        self, frame: int, each: Pass, chain: Chain, pinned: Collection[int], plate: Callable[[], Frame]
    ) -> tuple[np.ndarray, _Told]:
        """(n, H', W') alphas of a pass over its own region, and what it tells of the frame."""
        small, reused, why = chain.matte(frame)
        header, present, repairs = chain.frame_info(frame)
        losses = [loss for loss in _losses(each, chain, frame) if loss.instance not in pinned]
        # Who has no guidance in a frame is not in it, whatever the neighbouring frames suggest.
        small = small * present[:, None, None].astype(np.float32)
        part = each.geometry.from_working(small)
        np.clip(part, 0, 1, out=part)
        # Who was enlarged was blurred by that: the plate's own pixels say where their edges are.
        if each.geometry.enlarges or (self._settings.detail == "full" and has_detail(each.geometry)):
            self._settings.checkpoint(True)
            free = [None if n in pinned else alpha for n, alpha in zip(each.owned, small, strict=True)]
            self._add_detail(part, free, chain.image(frame), plate, each.geometry)
        return part, _Told(each.geometry, header, repairs, reused, why, losses)

    def _with_part(self, alphas: np.ndarray | None, part: np.ndarray, each: Pass) -> np.ndarray:
        """Alphas (N, H, W) with those of a pass where its region is; None has only zeros so far."""
        geometry, count = self._settings.reader.geometry, len(self._settings.reader.instances)
        window, region = each.geometry.region, geometry.region
        if len(each.owned) == count and window == region:
            return part
        if alphas is None:
            alphas = np.zeros((count, region.height, region.width), np.float32)
        top, left = window.y - region.y, window.x - region.x
        alphas[list(each.owned), top : top + window.height, left : left + window.width] = part
        return alphas

    def _finished(
        self, alphas: np.ndarray, pinned: Mapping[int, np.ndarray], held: HeldPlanes
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Alphas as the artist decides, that share their pixels as asked, and planes to deliver beside them.
        The given ones are changed, too."""
        s = self._settings
        s.hand.apply(alphas, held, but=list(pinned))
        for place, plane in pinned.items():
            alphas[place] = plane
        cores = {place: plane for place, plane in held.core.items() if place not in pinned}
        if s.share_pixels:
            share_pixels(alphas, fixed=list(pinned), cores=cores)
        if s.sum_to_one:
            return sum_to_one(alphas, fixed=list(pinned), cores=cores)
        return alphas, {}

    def _add_outside(self, alphas: np.ndarray, frame: int, cut: Sequence[tuple[int, Window]]) -> None:
        """Give people the part of their mask outside their region, its edge refined: they jumped out of it
        and back between two of the frames that the region was found from."""
        geometry, reader = self._settings.reader.geometry, self._settings.reader
        everybody = tuple(range(len(reader.instances)))
        (seen,) = reader.inputs(frame, (Pass(geometry, everybody, everybody),), self._account)
        for n, region in cut:
            found = geometry.from_working(mask_with_edge(seen.guidance[n], seen.image)[None])[0]
            top, left = region.y - geometry.region.y, region.x - geometry.region.x
            inside = (slice(top, top + region.height), slice(left, left + region.width))
            found[inside] = alphas[n][inside]
            np.clip(found, 0, 1, out=alphas[n])

    def _is_held(self, frame: int) -> bool:
        """Whether a core or garbage matte of the frame is damaged, and another file stands in, or none."""
        holds = self._settings.hand.holds
        return holds is not None and holds.damage(frame) is not None

    def _held(self, frame: int) -> HeldPlanes:
        s = self._settings
        if s.hand.holds is None:
            return NOTHING
        try:
            return s.reader.held(frame, s.hand.holds, self._holds_account)
        except UnreadableFrameError as found:  # no other frame depends on it
            raise found.error from None

    def _add_detail(
        self,
        alphas: np.ndarray,
        small: Sequence[np.ndarray | None],
        image: np.ndarray,
        read_plate: Callable[[], Frame],
        geometry: Geometry,
    ) -> None:
        slopes = [None if alpha is None else slope_of(alpha, image) for alpha in small]
        if all(slope is None for slope in slopes):
            return
        plate, view = read_plate(), self._settings.reader.view

        def see(part: Window) -> np.ndarray:
            as_stored = Geometry(plate.display, part, working_px=max(part.width, part.height))
            return view.to_model(plate.pixels, geometry=as_stored, data=plate.data, code_max=plate.code_max)[
                0
            ]

        add_detail(alphas, slopes, image, geometry=geometry, see=see)


@dataclass(frozen=True, eq=False)
class _Told:
    """What a pass tells of a frame beside its mattes."""

    geometry: Geometry
    header: Frame | None
    """None where the frame was not read."""
    repairs: RepairCount
    reused: Reused
    why: str
    losses: list[Loss]


def _in_hand(loss: Loss, held: HeldPlanes) -> Collection[int]:
    """Instances whose losses of that kind the artist has taken in hand."""
    return held.core if loss.kind == "lost" else held.garbage


def _are_there(chain: Chain, frame: int) -> bool:
    """Whether anybody whose alphas come from a chain has guidance or a pin in a frame."""
    _, present, _ = chain.frame_info(frame)
    return bool(present.any())


def _losses(each: Pass, chain: Chain, frame: int) -> list[Loss]:
    """What the mattes of a pass lost of their masks; instances count as in the shot."""
    return [
        replace(
            loss,
            instance=each.shown[loss.instance],
            other=None if loss.other is None else each.shown[loss.other],
        )
        for loss in chain.losses(frame, each.geometry)
    ]


def _cut(each: Pass, chain: Chain, frame: int) -> list[tuple[int, Window]]:
    """Whose mask goes on outside the region of their pass in a frame, and that region."""
    beyond = zip(each.owned, chain.beyond(frame), strict=True)
    return [(n, each.geometry.region) for n, goes_on in beyond if goes_on]


def _forget_calls(error: Exception) -> None:
    """Let go of the calls that an error came through: they hold a frame's arrays."""
    error.__context__ = error.__cause__ = error.__traceback__ = None


def _ours(error: InputError | OSError) -> MaggieError:
    return error if isinstance(error, MaggieError) else FrameError(str(error))

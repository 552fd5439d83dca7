"""`ShotMatter`: the frames of a shot in, its mattes out.

Temporal state runs in chains. A shot is cut into segments counted from its first frame. The chain of a
segment starts a few warm-up frames before it and needs one frame more than it delivers. So a matte depends on
a bounded set of frames, whatever frames are asked for and in which order, and memory does not grow with the
shot.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import asdict, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch

from maggie_api import segments
from maggie_api.errors import FrameError, InputError
from maggie_api.segments import SegmentRule
from maggie_api.sequences import compact_frames
from maggie_api.settings import Detail, MatteSettings, Refine, Smooth
from maggie_core import sparse
from maggie_core.color import ColorSettings, PlateView
from maggie_core.guidance import Guidance, HeldPlanes, Pins
from maggie_core.guidance.holds import NOTHING
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry, geometry_for
from maggie_core.io.frames import FrameSource
from maggie_core.io.plate import plate_header, plate_windows, read_plate
from maggie_core.model import MatteModel
from maggie_core.postprocess.full_resolution import has_detail
from maggie_core.propagation.tracker import Tracker
from maggie_core.propagation.trackers import tracker_of
from maggie_core.runtime.fingerprint import determinism_fingerprint
from maggie_core.runtime.heap import trim_heap
from maggie_core.shot.cache import StateCache
from maggie_core.shot.chain import Recipe
from maggie_core.shot.hand import Hand
from maggie_core.shot.prefetch import Prefetch
from maggie_core.shot.propagated import Lost, PropagatedGuidance, Shot
from maggie_core.shot.reading import ShotReader
from maggie_core.shot.regions import Pass, Plan, plan_passes
from maggie_core.shot.segment import FrameFailure, MatteResult, Segment, SegmentSettings

__all__ = ["FrameFailure", "MatteResult", "ShotMatter"]


class ShotMatter:
    """Mattes of a shot, for any of its frames in any order.

    Args:
        model: from `load_model`. An image network mattes every frame by itself.
        plate: the input frames.
        guidance: the masks, from `guidance.combine`.
        settings: what changes the pixels.
        shot_frames: the whole shot's frame numbers, ascending; None means all the plate has. Give it when
            only a part of the shot is there, so that segments stay where they are.
        pins: alphas that are delivered as they are; the network continues from them in the frames beside.
        hand: the artist's cores, garbage mattes and edge tools.
        cache: keeps results from run to run. It changes no pixel.
        checkpoint: called between two steps of the work, with whether the next one reads a frame. It may
            wait; what it raises ends the run, so it raises `Cancelled` to stop.
        overlap: read a frame ahead, in a thread of its own, while others are computed. It changes no pixel.
        with_scene: results carry the scene-linear plate.
        tracker: who follows people from key masks, as `RunSettings.tracker`.

    Raises:
        FrameError: the plate lacks frames of the shot.
        GuidanceError: masks are missing or of a foreign shape.
        ColorError: the colour space or the configuration is not there.
        ModelError: the tracker is not on this machine.
        SettingsError: `$MAGGIE_SPARSE` asks for what does not run on the model's device.
    """

    def __init__(
        self,
        model: MatteModel,
        plate: FrameSource,
        guidance: Guidance,
        settings: MatteSettings | None = None,
        *,
        shot_frames: Sequence[int] | None = None,
        pins: Pins | None = None,
        hand: Hand | None = None,
        cache: StateCache | None = None,
        checkpoint: Callable[[bool], None] = lambda reads: None,
        overlap: bool = True,
        with_scene: bool = False,
        tracker: str = "builtin",
    ):
        sparse.chosen(model.device)  # raises here, before a frame is read
        self.model, self.plate = model, plate
        self.settings = settings or MatteSettings()
        self.pins, self.cache = pins, cache
        self.hand = hand or Hand.untouched(len(guidance.instances))
        self._checkpoint, self._overlap, self._with_scene = checkpoint, overlap, with_scene
        self._plans: dict[tuple[int, int], Plan] = {}
        self.shot_frames = tuple(plate.frames if shot_frames is None else shot_frames)
        if not self.shot_frames:
            raise FrameError("the shot has no frames: name a plate that exists")
        self._place = {frame: index for index, frame in enumerate(self.shot_frames)}
        self._given = self.guidance = guidance
        if guidance.keys:
            follows = tracker_of(tracker, model)
            self.guidance = PropagatedGuidance(guidance, self._as_clip(follows), follows, cache=self.cache)

    @cached_property
    def effective(self) -> MatteSettings:
        """The settings as they take effect: every "auto" and every default of elsewhere is resolved.

        `ocio` is the identity of the configuration. `working_px` is what was asked for: `geometry` says the
        size that a smaller plate gives. An automatic exposure is measured on frames of the plate.

        Raises:
            FrameError: a frame that this needs cannot be read.
            ColorError: the colour space or the configuration is not there.
        """
        return replace(
            self.settings,
            scale=self._scale,
            detail=self._detail,
            refine=self._refine,
            smooth=self._smooth,
            ocio=self.view.config_id,
            colorspace=self.view.colorspace,
            exposure_ev=self.view.exposure_ev,
        )

    @property
    def _refine(self) -> Refine:
        asked = self.settings.refine
        return self.model.info.refine if asked == "auto" else asked

    @property
    def _smooth(self) -> Smooth:
        if not self.model.is_video:
            return "none"
        asked = self.settings.smooth
        return self.model.info.smooth if asked == "auto" else asked

    @property
    def _scale(self) -> Literal["auto", "off"]:
        """A model that does not say which sizes it was trained for sees the whole frame."""
        return "off" if self.model.info.person_px is None else self.settings.scale

    @property
    def enlarges(self) -> bool:
        """Whether small people may be seen enlarged."""
        return self._scale != "off"

    @property
    def _detail(self) -> Detail:
        """A small plate holds nothing more than its working grid."""
        return self.settings.detail if has_detail(self.geometry) else "working"

    @cached_property
    def geometry(self) -> Geometry:
        """Region and working grid, from the header of the shot's first frame.

        With the data window "plate" the headers of all frames are read, for the region holds whatever one of
        them stores.
        """
        s = self.settings
        frames = self.shot_frames if s.data_window == "plate" else ()
        windows = plate_windows(self.plate, frames, layer=s.plate_layer)
        return geometry_for(
            self._first[1], working_px=s.working_px, data_window=s.data_window, data_windows=windows
        )

    @cached_property
    def view(self) -> PlateView:
        """The conversion of the plate's colours for the network."""
        s = self.settings
        colour = ColorSettings(s.ocio, s.colorspace, s.exposure_ev, s.highlights)
        example = self.plate.path(self._first[0])
        return PlateView(colour, example_path=example, auto_frames=self._sample, tags=self.plate.tags)

    @cached_property
    def _first(self) -> tuple[int, Frame]:
        """The shot's first frame and its header; of damaged frames, the first after them that has one. So it
        is the same whatever frames are asked for.
        """
        reason: FrameError | None = None
        for frame in self.shot_frames:
            self._checkpoint(True)
            try:
                return frame, plate_header(self.plate, frame, layer=self.settings.plate_layer)
            except FrameError as error:
                reason = reason or error
                if frame not in self.plate.frames:
                    break
        assert reason is not None
        raise reason

    def _sample(self) -> Iterator[np.ndarray]:
        """Pixels of the frames that an automatic exposure is measured on; for a damaged one, of the first
        after it that can be read.

        Raises:
            FrameError: one of the frames is missing.
        """
        for start, end in pairwise((*segments.AUTO_EXPOSURE_AT, None)):
            for frame in self.shot_frames[start:end]:
                self._checkpoint(True)
                try:
                    yield read_plate(self.plate, frame, layer=self.settings.plate_layer).pixels
                    break
                except FrameError:
                    if frame not in self.plate.frames:
                        raise

    def influence(self, frame: int, *, without: Collection[int] = ()) -> tuple[int, ...]:
        """Every frame whose plate or guidance the matte of `frame` depends on, ascending.

        Args:
            without: frames that cannot be used. The matte then depends on frames behind them, and on their
                being damaged: they are among the frames, too.
        """
        index, rule = self._index(frame), self._segments
        if not without:
            return tuple(self.shot_frames[i] for i in segments.needed(index, len(self.shot_frames), rule))
        first, last = segments.chain(index, len(self.shot_frames), rule)
        frames = self.shot_frames[first : last + 1]
        left = [each for each in frames if each == frame or each not in without]
        at, behind = left.index(frame), rule["behind"]
        last = segments.needed_of(at, len(left) + 1, rule)[1]
        # Where the chain ends before it has what is needed, damaged frames at its ends have cut it short.
        start = frames[0] if behind is None or at < behind else left[at - behind]
        end = frames[-1] if last >= len(left) else left[last]
        return tuple(each for each in frames if start <= each <= end)

    def passes(self, frame: int) -> tuple[Pass, ...]:
        """Where the network looks for the matte of `frame`, how closely, and how tall everybody is."""
        return self._passes(self._chain(self._index(frame)), frame)

    def _passes(self, chain: tuple[int, int], frame: int) -> tuple[Pass, ...]:
        """The same for a frame of a chain, one that only others need, too."""
        if chain not in self._plans:
            self._plans[chain] = self._plan(*chain)
        return self._plans[chain].at(self._place[frame])

    def measured(self, frame: int) -> tuple[int, ...]:
        """Frames whose guidance says where the network looks for the matte of `frame`, ascending."""
        if self._scale == "off":
            return ()
        return tuple(self.shot_frames[i] for i in segments.sampled(*self._chain(self._index(frame))))

    def inputs_now(self, frame: int, *, without: Collection[int] = ()) -> dict[int, dict[str, str]]:
        """Digests of the files that the matte of `frame` would be made from, by frame and kind.

        Args:
            without: as for `influence`.
        """
        found = {each: self._reader.files(each) for each in self.influence(frame, without=without)}
        if self.hand.holds is not None:
            found[frame] |= self._reader.holds(frame, self.hand.holds)
        return found

    def prepare(
        self,
        frames: Iterable[int] | None = None,
        *,
        tell: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        """Make the masks that the mattes of `frames` (default: the whole shot) need, where some are made of
        key masks. Otherwise they are made when they are first read.

        Args:
            tell: as for `PropagatedGuidance.prepare`.
        """
        if isinstance(self.guidance, PropagatedGuidance):
            wanted = self.shot_frames if frames is None else frames
            needed = {each for frame in wanted for each in (*self.influence(frame), *self.measured(frame))}
            self.guidance.prepare(needed, checkpoint=lambda: self._checkpoint(True), tell=tell)

    def reach(self, frame: int) -> tuple[int, ...]:
        """Every frame whose plate the matte of `frame` depends on, ascending: `influence`, and what its masks
        are made of.
        """
        found = {*self.influence(frame)}
        if isinstance(self.guidance, PropagatedGuidance):
            needed = (*found, *self.measured(frame))
            found.update(each for frame in needed for each in self.guidance.reach(frame))
        return tuple(sorted(found))

    def lost(self, frames: Iterable[int] | None = None) -> list[Lost]:
        """People who were lost in some of `frames` (default: the whole shot), from key masks."""
        wanted = self.shot_frames if frames is None else frames
        return self.guidance.lost(wanted) if isinstance(self.guidance, PropagatedGuidance) else []

    def masks(self, frame: int) -> np.ndarray:
        """(N, h, w) float32 masks that are given for a frame, on the working grid, in [0, 1].

        Raises:
            GuidanceError: a file is missing or damaged, or is of another picture's shape.
        """
        return self._reader.masks(frame, self._given)

    def holds(self, frame: int) -> HeldPlanes:
        """What the artist's cores and garbage mattes hold in a frame.

        Raises:
            GuidanceError: as for `masks`.
        """
        return NOTHING if self.hand.holds is None else self._reader.held_now(frame, self.hand.holds)

    def look_at(self, frame: int) -> None:
        """Read the files of a frame, so that `files` knows which of them are damaged."""
        with suppress(InputError):
            read_plate(self.plate, frame, layer=self.settings.plate_layer)
        with suppress(InputError):
            self.guidance.masks(frame)
        with suppress(InputError):
            self.holds(frame)

    def run(self, frames: Iterable[int] | None = None) -> Generator[MatteResult | FrameFailure, None, None]:
        """Matte `frames` (default: the whole shot), in ascending order, one by one.

        A frame's matte is the same whatever else is asked for. A frame whose plate or masks cannot be used
        fails; its neighbours are matted without it and say so. Close it where it is not used up: it has a
        thread.
        """
        wanted = sorted(set(self.shot_frames if frames is None else frames))
        outside = [frame for frame in wanted if frame not in self._place]
        if outside:
            raise FrameError(
                f"frames {compact_frames(outside)} are outside the shot "
                f"({compact_frames(self.shot_frames)}): ask for frames of the shot"
            )
        self.prepare(wanted)
        by_chain: dict[tuple[int, int], list[int]] = {}
        for frame in wanted:
            by_chain.setdefault(self._chain(self._place[frame]), []).append(frame)
        runs = {chain: self._segment(chain) for chain in by_chain}
        read = [(chain, each) for chain, asked in by_chain.items() for each in self._read_for(asked)]
        delivered = [(chain, each) for chain, asked in by_chain.items() for each in asked]
        with ThreadPoolExecutor(1, "reading") if self._overlap else nullcontext() as pool:
            inputs = Prefetch(lambda key: runs[key[0]].read_now(key[1]), read, pool)
            plates = Prefetch(lambda key: runs[key[0]].read_plate_now(key[1]), delivered, pool)
            for chain, asked in by_chain.items():
                runs[chain].read = lambda frame, chain=chain: inputs.get((chain, frame))
                runs[chain].read_plate = lambda frame, chain=chain: plates.get((chain, frame))
                with closing(runs[chain]):
                    for frame in asked:
                        yield _trimmed(runs[chain].matte(frame))  # kept by whoever takes it alone

    def _read_for(self, asked: Sequence[int]) -> Iterable[int]:
        """Frames of one chain that the mattes of some of its frames depend on, ascending."""
        if self._segments["behind"] is None:
            return self.influence(asked[-1])
        return sorted({each for frame in asked for each in self.influence(frame)})

    def _segment(self, chain: tuple[int, int]) -> Segment:
        start, end = chain
        return Segment(
            self.shot_frames[start : end + 1],
            SegmentSettings(
                self.model,
                self._reader,
                self.hand,
                self._detail,
                # `contested` tells of what exceeds 1, and the network alone is what it is.
                self._refine != "none" and not self.settings.sum_to_one,
                self.settings.sum_to_one,
                self._with_scene,
                self._recipe,
                self.cache,
                self._checkpoint,
            ),
            passes=lambda frame: self._passes(chain, frame),
            reach=lambda frame, without: self.influence(frame, without=without),
        )

    def _plan(self, start: int, end: int) -> Plan:
        count = len(self.guidance.instances)
        if self._scale == "off":
            return Plan(plan_passes([], self.geometry, count=count, range_px=None))
        measured = {
            place: self._reader.extents(self.shot_frames[place]) for place in segments.sampled(start, end)
        }
        passes = plan_passes(
            measured.values(),
            self.geometry,
            count=count,
            range_px=self.model.info.person_px,
            most=self.model.most_instances,
        )
        return Plan(passes, measured)

    @cached_property
    def _reader(self) -> ShotReader:
        return ShotReader(
            self.plate, self.guidance, self.pins, self.settings, geometry=self.geometry, view=self.view
        )

    def _recipe(self, each: Pass) -> Recipe:
        """What decides the pixels of every chain of a pass, for the cache by name."""
        refine, smooth, hidden = self._refine, self._smooth, self.settings.carry_hidden
        trusts = self.hand.trusts(each.owned)
        if self.cache is None:
            return Recipe(refine, smooth, hidden, trusts, self.model.info.first_look)
        names = tuple(self.guidance.instances[n].name for n in each.shown)
        seeing = self._seeing | {
            "overlap": self.settings.overlap,
            "geometry": asdict(each.geometry),
            "instances": names,
            "of": tuple(instance.name for instance in self.guidance.instances),
            **determinism_fingerprint(torch.device("cpu"), "fp32"),
        }
        network = {"weights": self.model.digest, "carry_hidden": hidden} | self._computing
        network["matted"] = [self.guidance.instances[n].name for n in each.owned]
        network["enlarged"] = each.geometry.working_size[1] / each.geometry.region.height
        shot = f"{self.plate.colorspace_hint} {names} {asdict(each.geometry.region)}"
        look = self.model.info.first_look
        if look:
            network["first_look"] = look
        return Recipe(refine, smooth, hidden, trusts, look, seeing, network, shot=shot)

    @property
    def _seeing(self) -> dict[str, Any]:
        """What decides how a plate's colours reach the network."""
        s, view = self.settings, self.view
        return {
            "ocio": view.digest,
            "colorspace": view.colorspace,
            "exposure_ev": view.exposure_ev,
            "highlights": s.highlights,
            "plate_layer": s.plate_layer,
        }

    @property
    def _computing(self) -> dict[str, Any]:
        """What decides the bits of what the network computes, beside its weights."""
        fingerprint = determinism_fingerprint(self.model.device, self.model.precision)
        return fingerprint | {"sparse": sparse.chosen(self.model.device)}

    def _as_clip(self, tracker: Tracker) -> Shot:
        """The shot as people are followed in it."""

        def grid() -> Geometry:
            return replace(self.geometry, working_px=min(tracker.grid_px, self.geometry.working_px))

        return Shot(
            self.shot_frames,
            grid,
            lambda frame: self._reader.image(frame, grid()),
            lambda frame: replace(grid(), data=self._reader.window(frame)),
            self.plate.digest,
            lambda: self._seeing | {"geometry": asdict(grid())},
            lambda: self._computing,
            self.settings.overlap,
        )

    def _index(self, frame: int) -> int:
        if frame not in self._place:
            raise FrameError(f"frame {frame} is outside the shot ({compact_frames(self.shot_frames)})")
        return self._place[frame]

    def _chain(self, index: int) -> tuple[int, int]:
        """First and last index (inclusive) of the chain that delivers the frame at `index`."""
        return segments.chain(index, len(self.shot_frames), self._segments)

    @property
    def _segments(self) -> SegmentRule:
        s = self.settings
        return segments.segment_rule(
            s.segment,
            s.warmup_frames,
            smooth=self._smooth != "none",
            looks_around=self.model.window_frames > 1,
        )


def _trimmed(result: MatteResult | FrameFailure) -> MatteResult | FrameFailure:
    """Give the memory back that a frame took."""
    trim_heap()
    return result

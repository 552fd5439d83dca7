"""`ShotMatter`: the frames of a shot in, its mattes out.

Temporal state runs in chains. A shot is cut into segments counted from its first frame. The chain of a
segment starts a few warm-up frames before it and needs one frame more than it delivers. So a matte depends on
a bounded set of frames, whatever frames are asked for and in which order, and memory does not grow with the
shot.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property

import numpy as np
import torch

from maggie_api import segments
from maggie_api.errors import FrameError, InputError, MaggieError
from maggie_api.segments import SegmentRule
from maggie_api.sequences import compact_frames
from maggie_api.settings import Detail, MatteSettings, Refine, Smooth
from maggie_core import sparse
from maggie_core.color import AUTO_EXPOSURE_AT, ColorSettings, PlateView, RepairCount
from maggie_core.guidance import Guidance, Pins, exclusive
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry, geometry_for
from maggie_core.image.window import Window, reframe
from maggie_core.io.frames import FrameSource
from maggie_core.io.plate import plate_windows, read_plate
from maggie_core.mattes import sum_to_one
from maggie_core.model import MatteModel
from maggie_core.postprocess.full_resolution import add_detail, has_detail, slope_of
from maggie_core.runtime.fingerprint import determinism_fingerprint
from maggie_core.runtime.heap import trim_heap
from maggie_core.shot.cache import StateCache
from maggie_core.shot.chain import Chain, Recipe, Reused
from maggie_core.shot.frame_input import FrameInput
from maggie_core.shot.prefetch import Prefetch


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
    """Which result was found in the cache."""
    why: str = ""
    """With a cache: the reason why the finished matte was not found; else empty."""


@dataclass(frozen=True)
class FrameFailure:
    """A frame that cannot be matted, and the error; other frames are not affected."""

    frame: int
    error: MaggieError


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
        cache: keeps results from run to run. It changes no pixel.
        checkpoint: called between two steps of the work, with whether the next one reads a frame. It may
            wait; what it raises ends the run, so it raises `Cancelled` to stop.
        overlap: read one frame ahead in a thread of its own. It changes no pixel.

    Raises:
        FrameError: the plate lacks frames of the shot.
        GuidanceError: masks are missing or of a foreign shape.
        ColorError: the colour space or the configuration is not there.
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
        cache: StateCache | None = None,
        checkpoint: Callable[[bool], None] = lambda reads: None,
        overlap: bool = True,
    ):
        sparse.chosen(model.device)  # raises here, before a frame is read
        self.model, self.plate, self.guidance = model, plate, guidance
        self.settings = settings or MatteSettings()
        self.pins, self.cache = pins, cache
        self._checkpoint, self._overlap = checkpoint, overlap
        self.shot_frames = tuple(plate.frames if shot_frames is None else shot_frames)
        if not self.shot_frames:
            raise FrameError("the shot has no frames: name a plate that exists")
        self._place = {frame: index for index, frame in enumerate(self.shot_frames)}

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
    def _detail(self) -> Detail:
        """A small plate holds nothing more than its working grid."""
        return self.settings.detail if has_detail(self.geometry) else "working"

    @cached_property
    def geometry(self) -> Geometry:
        """Region and working grid, from the shot's first frame.

        With the data window "plate" the headers of all frames are read, for the region holds whatever one of
        them stores.
        """
        first = self._read(self.shot_frames[0])
        s = self.settings
        later = self.shot_frames[1:] if s.data_window == "plate" else ()
        windows = plate_windows(self.plate, later, layer=s.plate_layer)
        return geometry_for(first, working_px=s.working_px, data_window=s.data_window, data_windows=windows)

    @cached_property
    def view(self) -> PlateView:
        """The conversion of the plate's colours for the network."""
        s = self.settings
        colour = ColorSettings(s.ocio, s.colorspace, s.exposure_ev, s.highlights)
        sample = [frame for i, frame in enumerate(self.shot_frames) if i in AUTO_EXPOSURE_AT]
        return PlateView(
            colour,
            example_path=self.plate.path(self.shot_frames[0]),
            auto_frames=lambda: (self._read(frame).pixels for frame in sample),
        )

    def influence(self, frame: int) -> tuple[int, ...]:
        """Every frame whose plate or guidance the matte of `frame` depends on, ascending."""
        if not self.model.is_video:
            return (frame,)
        wanted = segments.needed(self._index(frame), len(self.shot_frames), **self._segments)
        return self.shot_frames[wanted.start : wanted.stop]

    def run(self, frames: Iterable[int] | None = None) -> Generator[MatteResult | FrameFailure, None, None]:
        """Matte `frames` (default: the whole shot), in ascending order, one by one.

        A frame's matte does not depend on the other frames asked for. A plate or mask that cannot be read
        fails the frames it influences; the others are delivered. Close the generator if it is not used up: it
        has a thread.
        """
        wanted = sorted(set(self.shot_frames if frames is None else frames))
        outside = [frame for frame in wanted if frame not in self._place]
        if outside:
            raise FrameError(
                f"frames {compact_frames(outside)} are outside the shot "
                f"({compact_frames(self.shot_frames)}): ask for frames of the shot"
            )
        by_chain: dict[tuple[int, int], list[int]] = {}
        for frame in wanted:
            by_chain.setdefault(self._chain(self._place[frame]), []).append(frame)
        read_order = [frame for asked in by_chain.values() for frame in self.influence(asked[-1])]
        in_detail = wanted if self._detail == "full" else []
        with ThreadPoolExecutor(1, "reading") if self._overlap else nullcontext() as pool:
            inputs = Prefetch(self._frame_input, read_order, pool)
            plates = Prefetch(self._stored, in_detail, pool)
            for (start, end), asked in by_chain.items():
                yield from self._run_chain(start, end, asked, inputs, plates)

    def scene_linear(self, frame: int) -> np.ndarray:
        """(H, W, 3) float32 scene-linear plate over the region, as stored where it is scene-linear."""
        image = self._read(frame)
        return self.view.scene_linear(reframe(image.pixels, image.data, self.geometry.region))

    def _run_chain(
        self, start: int, end: int, asked: list[int], inputs: Prefetch[FrameInput], plates: Prefetch[Frame]
    ) -> Iterator[MatteResult | FrameFailure]:
        chain = Chain(
            self.model,
            self.shot_frames[start : end + 1],
            self._recipe,
            read=inputs.get,
            files=self._files,
            size=self.geometry.working_size,
            cache=self.cache,
            checkpoint=self._checkpoint,
        )
        with closing(chain):
            for frame in asked:
                yield self._matted(chain, frame, plates)  # no name here, so only the caller keeps it

    def _matted(self, chain: Chain, frame: int, plates: Prefetch[Frame]) -> MatteResult | FrameFailure:
        try:
            return self._result(chain, frame, plates)
        except (InputError, OSError) as error:
            return FrameFailure(frame, error if isinstance(error, MaggieError) else FrameError(str(error)))
        finally:
            trim_heap()

    @cached_property
    def _recipe(self) -> Recipe:
        """Everything that decides the pixels of every chain; for the cache's keys."""
        refine, smooth, hidden = self._refine, self._smooth, self.settings.carry_hidden
        if self.cache is None:
            return Recipe(refine, smooth, hidden)
        s, view = self.settings, self.view
        names = tuple(instance.name for instance in self.guidance.instances)
        seeing = {
            "ocio": view.digest,
            "colorspace": view.colorspace,
            "exposure_ev": view.exposure_ev,
            "highlights": s.highlights,
            "plate_layer": s.plate_layer,
            "overlap": s.overlap,
            "geometry": asdict(self.geometry),
            "instances": names,
            **determinism_fingerprint(torch.device("cpu"), "fp32"),
        }
        network = {"weights": self.model.digest, "carry_hidden": hidden}
        network |= determinism_fingerprint(self.model.device, self.model.precision)
        network["sparse"] = sparse.chosen(self.model.device)
        return Recipe(refine, smooth, hidden, seeing, network, shot=f"{self.plate.colorspace_hint} {names}")

    def _frame_input(self, frame: int) -> FrameInput:
        plate = self._stored(frame)
        if plate.display != self.geometry.display:
            raise FrameError(
                f"frame {frame} is {plate.display.width}x{plate.display.height} and the shot "
                f"{self.geometry.display.width}x{self.geometry.display.height}: "
                "frames of one shot share a format"
            )
        image, repairs = self.view.to_model(
            plate.pixels, geometry=self.geometry, data=plate.data, code_max=plate.code_max
        )
        here = replace(self.geometry, data=plate.data)
        masks = exclusive(self.guidance.read(frame, here), self.settings.overlap)
        pinned = None if self.pins is None else self.pins.working(frame, self.geometry, len(masks))
        return FrameInput(
            _bare(plate), repairs, np.ascontiguousarray(image.transpose(2, 0, 1)), masks, pinned
        )

    def _files(self, frame: int) -> dict[str, str]:
        return {
            "plate": self.plate.digest(frame),
            "guidance": self.guidance.digest(frame),
            "pins": "" if self.pins is None else self.pins.digest(frame),
        }

    def _result(self, chain: Chain, frame: int, plates: Prefetch[Frame]) -> MatteResult:
        small, reused, why = chain.matte(frame)
        header, present, repairs = chain.frame_info(frame)
        # An instance without guidance in a frame is not in it, whatever the frames beside suggest.
        small = small * present[:, None, None].astype(np.float32)
        alphas = self.geometry.from_working(small)
        np.clip(alphas, 0, 1, out=alphas)
        pinned = {} if self.pins is None else self.pins.exact(frame, self.geometry)
        if self._detail == "full":
            self._checkpoint(True)
            self._add_detail(alphas, small, chain.image(frame), lambda: plates.get(frame), but=pinned)
        for place, plane in pinned.items():
            alphas[place] = plane
        extra: dict[str, np.ndarray] = {}
        if self.settings.sum_to_one:
            alphas, extra = sum_to_one(alphas, fixed=list(pinned))
        header = header or _bare(self._read(frame))
        return MatteResult(frame, alphas, self.geometry, header, repairs, extra, reused, why)

    def _add_detail(
        self,
        alphas: np.ndarray,
        small: np.ndarray,
        image: np.ndarray,
        read: Callable[[], Frame],
        *,
        but: Container[int],
    ) -> None:
        slopes = [None if n in but else slope_of(alpha, image) for n, alpha in enumerate(small)]
        if all(slope is None for slope in slopes):
            return
        plate = read()

        def see(part: Window) -> np.ndarray:
            as_stored = Geometry(plate.display, part, working_px=max(part.width, part.height))
            return self.view.to_model(
                plate.pixels, geometry=as_stored, data=plate.data, code_max=plate.code_max
            )[0]

        add_detail(alphas, slopes, image, geometry=self.geometry, see=see)

    def _read(self, frame: int) -> Frame:
        self._checkpoint(True)
        return self._stored(frame)

    def _stored(self, frame: int) -> Frame:
        return read_plate(self.plate, frame, layer=self.settings.plate_layer)

    def _index(self, frame: int) -> int:
        if frame not in self._place:
            raise FrameError(f"frame {frame} is outside the shot ({compact_frames(self.shot_frames)})")
        return self._place[frame]

    def _chain(self, index: int) -> tuple[int, int]:
        """First and last index (inclusive) of the chain that delivers the frame at `index`."""
        if not self.model.is_video:
            return index, index
        return segments.chain(index, len(self.shot_frames), **self._segments)

    @property
    def _segments(self) -> SegmentRule:
        s = self.settings
        ahead = segments.look_ahead(smooth=self._smooth != "none")
        return {"segment": s.segment, "warmup": s.warmup_frames, "ahead": ahead}


def _bare(plate: Frame) -> Frame:
    """A frame without its pixels."""
    return replace(plate, pixels=plate.pixels[..., :0].copy(), channels=())

"""One object per shot: frames in, mattes out.

Temporal state runs in chains. A shot is cut into segments counted from its first frame; each segment's chain
starts a few warm-up frames earlier and needs one frame more than it delivers. So a matte depends on a bounded
set of frames that has nothing to do with what was asked for or in which order, and memory does not grow with
the shot.
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
from maggie_core.color import ColorSettings, PlateView, RepairCount
from maggie_core.guidance import Guidance, Pins, exclusive
from maggie_core.image.frame import Frame
from maggie_core.image.geometry import Geometry, geometry_for
from maggie_core.image.window import Window, reframe
from maggie_core.io.frames import FrameSource
from maggie_core.io.plate import read_plate
from maggie_core.mattes import sum_to_one
from maggie_core.model import MatteModel
from maggie_core.postprocess.full_resolution import add_detail, has_detail, slope_of
from maggie_core.runtime.fingerprint import backend_class
from maggie_core.runtime.heap import give_back
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
    """What was found in the cache."""
    why: str = ""
    """With a cache: why not the finished matte was found."""


@dataclass(frozen=True)
class FrameFailure:
    """A frame that cannot be matted, and why; other frames are not affected."""

    frame: int
    error: MaggieError


class ShotMatter:
    """Mattes of a shot, for any of its frames in any order.

    Args:
        model: from `load_model`. An image network mattes every frame by itself.
        plate: the input frames.
        guidance: the masks, from `guidance.combine`.
        settings: what changes the pixels.
        shot_frames: the whole shot's frame numbers, ascending; None means all the plate has. Give it
            when only a part of the shot is at hand, so that segments stay where they are.
        pins: alphas that are delivered as they are, and that the frames beside them go on from.
        cache: keeps what was computed from run to run. It changes no pixel.
        between: called between two steps of the work, with whether a frame is read for the next one; it may
            wait, and what it raises ends the run.
        overlap: read a frame ahead, in a thread of its own, while others are computed. It changes no pixel.

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
        between: Callable[[bool], None] = lambda reads: None,
        overlap: bool = True,
    ):
        sparse.chosen(model.device)  # says now what cannot be had
        self.model, self.plate, self.guidance = model, plate, guidance
        self.settings = settings or MatteSettings()
        self.pins, self.cache = pins, cache
        self._between, self._overlap = between, overlap
        self.shot_frames = tuple(plate.frames if shot_frames is None else shot_frames)
        if not self.shot_frames:
            raise FrameError("the shot has no frames: name a plate that exists")
        self._place = {frame: index for index, frame in enumerate(self.shot_frames)}
        asked = self.settings.refine
        self.refine: Refine = model.info.refine if asked == "auto" else asked
        """The last step that takes effect."""
        wanted = model.info.smooth if self.settings.smooth == "auto" else self.settings.smooth
        self.smooth: Smooth = wanted if model.is_video else "none"
        """How frames are made to agree, as it takes effect."""

    @cached_property
    def geometry(self) -> Geometry:
        """Region and working grid, from the shot's first frame."""
        first = self._read(self.shot_frames[0])
        s = self.settings
        return geometry_for(first, working_px=s.working_px, data_window=s.data_window)

    @cached_property
    def detail(self) -> Detail:
        """Where edges are decided, as it takes effect: a small plate holds nothing more."""
        return self.settings.detail if has_detail(self.geometry) else "working"

    @cached_property
    def view(self) -> PlateView:
        """How the plate's colours reach the network."""
        s = self.settings
        colour = ColorSettings(s.ocio, s.colorspace, s.exposure_ev, s.highlights)
        sample = dict.fromkeys([0, len(self.shot_frames) // 2, len(self.shot_frames) - 1])
        return PlateView(
            colour,
            example_path=self.plate.colorspace_hint,
            auto_frames=lambda: (self._read(self.shot_frames[i]).pixels for i in sample),
        )

    def influence(self, frame: int) -> tuple[int, ...]:
        """Every frame whose plate or guidance the matte of `frame` depends on, ascending."""
        if not self.model.is_video:
            return (frame,)
        wanted = segments.needed(self._index(frame), len(self.shot_frames), **self._segments)
        return self.shot_frames[wanted.start : wanted.stop]

    def run(self, frames: Iterable[int] | None = None) -> Generator[MatteResult | FrameFailure, None, None]:
        """Matte `frames` (default: the whole shot), in ascending order, one by one.

        A frame's matte is the same whatever else is asked for. A plate or mask that cannot be read fails the
        frames it influences; the others go on. Close it where it is not used up: it has a thread.
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
        looked_at = [frame for asked in by_chain.values() for frame in self.influence(asked[-1])]
        in_detail = wanted if self.detail == "full" else []
        with ThreadPoolExecutor(1, "reading") if self._overlap else nullcontext() as pool:
            looks = Prefetch(self._look, looked_at, pool)
            plates = Prefetch(self._stored, in_detail, pool)
            for (start, end), asked in by_chain.items():
                yield from self._run_chain(start, end, asked, looks, plates)

    def scene_linear(self, frame: int) -> np.ndarray:
        """(H, W, 3) float32 scene-linear plate over the region; as stored where it is linear already."""
        picture = self._read(frame)
        return self.view.scene_linear(reframe(picture.pixels, picture.data, self.geometry.region))

    def _run_chain(
        self, start: int, end: int, asked: list[int], looks: Prefetch[FrameInput], plates: Prefetch[Frame]
    ) -> Iterator[MatteResult | FrameFailure]:
        chain = Chain(
            self.model,
            self.shot_frames[start : end + 1],
            self._recipe,
            look=looks.get,
            files=self._files,
            size=self.geometry.working_size,
            cache=self.cache,
            between=self._between,
        )
        with closing(chain):
            for frame in asked:
                yield self._matted(chain, frame, plates)  # kept by whoever takes it alone

    def _matted(self, chain: Chain, frame: int, plates: Prefetch[Frame]) -> MatteResult | FrameFailure:
        try:
            return self._result(chain, frame, plates)
        except (InputError, OSError) as error:
            return FrameFailure(frame, error if isinstance(error, MaggieError) else FrameError(str(error)))
        finally:
            give_back()

    @cached_property
    def _recipe(self) -> Recipe:
        """What decides the pixels of every chain, for the cache by name."""
        refine, smooth, hidden = self.refine, self.smooth, self.settings.carry_hidden
        if self.cache is None:
            return Recipe(refine, smooth, hidden, self.model.info.first_look)
        s, view = self.settings, self.view
        names = tuple(instance.name for instance in self.guidance.instances)
        seeing = {
            "ocio": view.config_id,
            "colorspace": view.colorspace,
            "exposure_ev": view.exposure_ev,
            "highlights": s.highlights,
            "plate_layer": s.plate_layer,
            "overlap": s.overlap,
            "geometry": asdict(self.geometry),
            "instances": names,
            **backend_class(torch.device("cpu"), "fp32"),
        }
        network = {"weights": self.model.digest, "carry_hidden": hidden}
        network |= backend_class(self.model.device, self.model.precision)
        network["sparse"] = sparse.chosen(self.model.device)
        look = self.model.info.first_look
        if look:
            network["first_look"] = look
        return Recipe(
            refine, smooth, hidden, look, seeing, network, shot=f"{self.plate.colorspace_hint} {names}"
        )

    def _look(self, frame: int) -> FrameInput:
        plate = self._stored(frame)
        if plate.display != self.geometry.display:
            raise FrameError(
                f"frame {frame} is {plate.display.width}x{plate.display.height} and the shot "
                f"{self.geometry.display.width}x{self.geometry.display.height}: "
                "frames of one shot share a format"
            )
        picture, repairs = self.view.to_model(
            plate.pixels, geometry=self.geometry, data=plate.data, code_max=plate.code_max
        )
        masks = exclusive(self.guidance.read(frame, self.geometry), self.settings.overlap)
        pinned = None if self.pins is None else self.pins.working(frame, self.geometry, len(masks))
        return FrameInput(
            _bare(plate), repairs, np.ascontiguousarray(picture.transpose(2, 0, 1)), masks, pinned
        )

    def _files(self, frame: int) -> dict[str, str]:
        return {
            "plate": self.plate.digest(frame),
            "guidance": self.guidance.digest(frame),
            "pins": "" if self.pins is None else self.pins.digest(frame),
        }

    def _result(self, chain: Chain, frame: int, plates: Prefetch[Frame]) -> MatteResult:
        small, reused, why = chain.matte(frame)
        header, present, repairs = chain.about(frame)
        # Who has no guidance in a frame is not in it, whatever the neighbouring frames suggest.
        small = small * present[:, None, None].astype(np.float32)
        alphas = self.geometry.from_working(small)
        np.clip(alphas, 0, 1, out=alphas)
        pinned = {} if self.pins is None else self.pins.exact(frame, self.geometry)
        if self.detail == "full":
            self._between(True)
            self._add_detail(alphas, small, chain.picture(frame), lambda: plates.get(frame), but=pinned)
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
        picture: np.ndarray,
        read: Callable[[], Frame],
        *,
        but: Container[int],
    ) -> None:
        slopes = [None if n in but else slope_of(alpha, picture) for n, alpha in enumerate(small)]
        if all(slope is None for slope in slopes):
            return
        plate = read()

        def see(part: Window) -> np.ndarray:
            as_stored = Geometry(plate.display, part, working_px=max(part.width, part.height))
            return self.view.to_model(
                plate.pixels, geometry=as_stored, data=plate.data, code_max=plate.code_max
            )[0]

        add_detail(alphas, slopes, picture, geometry=self.geometry, see=see)

    def _read(self, frame: int) -> Frame:
        self._between(True)
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
        ahead = segments.look_ahead(smooth=self.smooth != "none")
        return {"segment": s.segment, "warmup": s.warmup_frames, "ahead": ahead}


def _bare(plate: Frame) -> Frame:
    """A frame's header alone."""
    return replace(plate, pixels=plate.pixels[..., :0].copy(), channels=())

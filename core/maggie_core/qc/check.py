"""Measure a delivered shot in one pass. Only numbers, one frame and the frame before it are kept."""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

import cv2
import numpy as np

from maggie_api.errors import FrameError, GuidanceError, InputError
from maggie_api.layer_names import EXTRA_LAYERS
from maggie_core.guidance import exclusive
from maggie_core.guidance.mistaken import Mistake
from maggie_core.guidance.names import listing
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.exr import list_parts
from maggie_core.io.plate import plate_header
from maggie_core.mattes import read_mattes
from maggie_core.postprocess.losses import largest_window, losses
from maggie_core.postprocess.mask_shape import size_of
from maggie_core.postprocess.temporal import Between
from maggie_core.qc import planes
from maggie_core.qc.change import Motion, Plane, change_px, chatter_px, jolt_px, pop
from maggie_core.qc.delivery import odd_recipes, plate_window_of, recipe_of
from maggie_core.qc.faults import Person
from maggie_core.qc.likeness import disagreements
from maggie_core.qc.seams import Seams, judge_seams
from maggie_core.qc.subject import WHOLE_FRAME, Checked, Numbers, Subject, size_text

GAP_FRAMES = 3
"""Without guidance: an instance that is absent for at most so many frames between frames in which it is
present is a fault, not a person hidden by something."""


@dataclass(frozen=True, eq=False)
class _FrameData:
    """What the comparison with the next frame needs, on the working grid."""

    index: int
    """Place in the shot."""
    alphas: dict[str, Plane]
    digests: dict[str, bytes]
    """Digest of each alpha as it is in the file, by instance."""
    image: Plane | None
    masks: dict[str, Plane]
    earlier: _Step | None = None
    """What lies between the frame before and this one; None where that is not next to it."""


@dataclass(frozen=True, eq=False)
class _Step:
    """From one frame to the next."""

    alphas: dict[str, Plane]
    """Of the frame before."""
    motion: Motion | None
    """None where one of the two has no image."""


def check(subject: Subject, *, tell: Callable[[int], None] = lambda frame: None) -> Checked:
    """Measure a shot, each frame read once and in order.

    Args:
        tell: gets each frame's number when it is done.

    A file that cannot be read, be it matte, plate or mask, is a value of that frame; the others go on.
    """
    return _Check(subject, tell).run()


class _Check:
    def __init__(self, subject: Subject, tell: Callable[[int], None]) -> None:
        self._subject, self._tell = subject, tell
        self._numbers = Numbers()
        self._place = {frame: index for index, frame in enumerate(subject.shot_frames)}
        self._recipes: dict[int, dict[str, str]] = {}
        self._names: dict[int, tuple[str, ...]] = {}
        self._named = subject.guidance.names if subject.guidance else ()
        self._guided = subject.guided
        self._geometry: Geometry | None = None
        self._header: dict[str, Any] = {}
        self._notes: dict[str, list[int]] = {}
        self._windows: dict[int, Window] = {}
        self._jolts: dict[str, dict[int, float]] = {}
        """By instance and place in the shot."""
        self._held = set(subject.held)
        self._pinned: dict[int, tuple[str, ...]] = {}

    def run(self) -> Checked:
        before: _FrameData | None = None
        for frame in self._subject.frames:
            here = self._look_at(frame)
            if here is not None and before is not None and before.index + 1 == here.index:
                here = replace(here, earlier=self._compare(frame, here, before))
            before = here
            self._tell(frame)
        instances = tuple(dict.fromkeys([*self._named, *(n for each in self._names.values() for n in each)]))
        mistakes = tuple(self._mistakes())
        self._note_mistakes(mistakes)
        self._note_absent(instances)
        self._note_recipes()
        self._note_gaps(instances)
        self._note_jolts()
        self._note_jumps(instances)
        return Checked(
            self._subject,
            instances,
            self._numbers,
            self._segment(),
            self._judge_seams(instances),
            (*self._subject.notes, *self._said()),
            self._header,
            self._geometry,
            self._windows,
            frozenset(self._held),
            self._pinned,
            mistakes,
        )

    def _look_at(self, frame: int) -> _FrameData | None:
        """Measure one frame by itself; None when there is nothing to measure."""
        mattes, add = self._subject.mattes, self._numbers.add
        copies = mattes.copies(frame)
        add("missing", frame, copies == 0)
        add("twice", frame, max(copies - 1, 0))
        if not copies:
            return None
        try:
            alphas, header = read_mattes(mattes.path(frame))
            geometry = self._geometry_of(frame)
        except FrameError as error:
            add("unreadable", frame, 1)
            self._numbers.remarks["unreadable", WHOLE_FRAME, frame] = str(error)
            return None
        add("unreadable", frame, 0)
        alphas = {name: plane for name, plane in alphas.items() if name not in EXTRA_LAYERS}
        self._recipes[frame], self._names[frame] = recipe_of(header), tuple(alphas)
        self._header = self._header or header
        if frame in (header.get("stood_in") or ()):
            self._held.add(frame)
        if header.get("pins"):
            self._pinned[frame] = tuple(map(str, header["pins"]))
        self._geometry = self._geometry or geometry
        add("size", frame, geometry != self._geometry)
        if geometry != self._geometry:
            self._numbers.remarks["size", WHOLE_FRAME, frame] = (
                f"{size_text(geometry)}, the others are {size_text(self._geometry)}"
            )
            return None
        window = self._plate_window(frame, header)
        if window is not None:
            self._windows[frame] = window
        return self._measured(frame, alphas, geometry, contract=_contract(header))

    def _geometry_of(self, frame: int) -> Geometry:
        parts = self._subject.mattes.parts(frame)
        header = list_parts(parts[0] if parts else self._subject.mattes.path(frame))[0]
        return Geometry(header.display, header.display, header.pixel_aspect, self._subject.working_px)

    def _plate_window(self, frame: int, header: Mapping[str, Any]) -> Window | None:
        """The data window of a frame's plate: as its matte says, else as the plate does."""
        said, plate = plate_window_of(header), self._subject.plate
        if said is None and plate is not None:
            with suppress(FrameError):
                return plate_header(plate.source, frame, layer=plate.layer).data
        return said

    def _measured(
        self, frame: int, stored: dict[str, Plane], geometry: Geometry, *, contract: bool
    ) -> _FrameData:
        if self._subject.plate is not None or self._guided:
            self._numbers.add("unusable_input", frame, 0)
        alphas: dict[str, Plane] = {}
        for name, plane in stored.items():
            alphas[name], not_finite, beyond = planes.cleaned(plane)
            self._numbers.add("not_finite", frame, not_finite, name)
            self._numbers.add("out_of_range", frame, beyond, name)
            self._numbers.add("area", frame, planes.area(alphas[name]), name)
        masks = self._masks(frame, geometry)
        if alphas:
            total = np.asarray(np.sum(list(alphas.values()), axis=0, dtype=np.float32))
            self._numbers.add("above_one", frame, planes.above_one(total))
            if contract:
                self._numbers.add("sum_broken", frame, max(float(total.max()) - 1, 0))
            for name, alpha in alphas.items():
                self._shape(frame, name, alpha, total, masks.get(name))
        small = {name: geometry.to_working(alpha, geometry.region) for name, alpha in alphas.items()}
        for name, mask in masks.items():
            self._numbers.add("guidance_area", frame, planes.area(mask), name)
            if name in small:
                self._beside_guidance(frame, name, small[name], mask)
        image = self._image(frame, geometry)
        self._faults(frame, small, masks, image, geometry)
        digests = {
            name: hashlib.blake2b(np.ascontiguousarray(plane).tobytes(), digest_size=16).digest()
            for name, plane in stored.items()
        }
        return _FrameData(self._place[frame], small, digests, image, masks)

    def _shape(self, frame: int, name: str, alpha: Plane, total: Plane, mask: Plane | None) -> None:
        if planes.area(alpha) < 100 * planes.PRESENT_SHARE:
            return
        if mask is not None:
            size = (alpha.shape[1], alpha.shape[0])
            mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.float32)
        for measure, value in asdict(planes.shape(alpha, total, mask)).items():
            self._numbers.add(measure, frame, value, name)

    def _beside_guidance(self, frame: int, name: str, alpha: Plane, mask: Plane) -> None:
        add = self._numbers.add
        add("outside", frame, planes.outside(alpha, mask), name)
        claimed = float(mask.mean(dtype=np.float64))
        if claimed < planes.PRESENT_SHARE:
            return
        empty = float(alpha.mean(dtype=np.float64)) < planes.EMPTY_SHARE * claimed
        add("empty", frame, empty, name)
        if not empty:
            for measure, value in asdict(planes.agreement(alpha, mask)).items():
                add(measure, frame, value, name)

    def _faults(
        self,
        frame: int,
        alphas: dict[str, Plane],
        masks: dict[str, Plane],
        image: Plane | None,
        geometry: Geometry,
    ) -> None:
        """Measure what the alphas of people lack in their own masks, and cover elsewhere."""
        names = [
            name
            for name, mask in masks.items()
            if name in alphas and mask.mean(dtype=np.float64) >= planes.PRESENT_SHARE
        ]
        if not names:
            return
        own, claims = (np.stack([planes_of[name] for name in names]) for planes_of in (alphas, masks))
        self._losses(frame, names, own, claims, geometry)
        total = np.sum(list(alphas.values()), axis=0, dtype=np.float32)
        claimed = claims.any(axis=0)
        for name, alpha, mask in zip(names, own, claims, strict=True):
            person = Person(alpha, mask, total - alpha)
            faults = list(person.faults())
            if image is not None:
                faults += disagreements(person, image, claimed & (mask == 0))
            for measure, found in faults:
                place = largest_window(found.joined(person.size), geometry) if found.where.any() else None
                self._numbers.add(measure, frame, found.amount, name, place=place)

    def _losses(
        self, frame: int, names: list[str], alphas: np.ndarray, masks: np.ndarray, geometry: Geometry
    ) -> None:
        for name in names:
            self._numbers.add("inside_lost", frame, 0, name)
            if len(names) > 1:
                self._numbers.add("covers", frame, 0, name)
        sizes = [size_of(mask) for mask in masks]
        for loss in sorted(losses(alphas, masks, sizes, geometry, least=0), key=lambda loss: loss.share):
            measure, who = "inside_lost" if loss.kind == "lost" else "covers", names[loss.instance]
            self._numbers.add(measure, frame, 100 * loss.share, who, place=loss.where)
            if loss.other is not None:
                self._numbers.remarks[measure, who, frame] = f"on {names[loss.other]}"

    def _compare(self, frame: int, here: _FrameData, before: _FrameData) -> _Step:
        """Measure what changed since the frame before."""
        motion = None
        if here.image is not None and before.image is not None:
            motion = Motion(here.image, before.image)
        for name, alpha in here.alphas.items():
            if name not in before.alphas:
                continue
            earlier = before.alphas[name]
            self._numbers.add("change", frame, change_px(alpha, earlier), name)
            if motion is not None:
                self._numbers.add("flicker", frame, motion.flicker_px(alpha, earlier), name)
                self._flash(frame, name, here, before, motion)
            moves = self._moves(name, here, before, motion)
            if moves is not None:
                stuck = moves and here.digests[name] == before.digests[name] and frame not in self._held
                self._numbers.add("stuck", frame, stuck, name)
        if motion is not None and before.earlier is not None and before.earlier.motion is not None:
            between = before.earlier.motion.around(motion)
            if between is not None:
                self._beside_both(before, before.earlier.alphas, here.alphas, between)
        return _Step(before.alphas, motion)

    def _beside_both(
        self, here: _FrameData, before: dict[str, Plane], after: dict[str, Plane], between: Between
    ) -> None:
        """Measure what is in a frame and in neither of its neighbours."""
        frame = self._subject.shot_frames[here.index]
        for name, alpha in here.alphas.items():
            if name not in before or name not in after:
                continue
            size = max(_size_of(each[name]) for each in (before, here.alphas, after))
            if not size:
                continue
            beside = between.carried(before[name], after[name])
            jolt = jolt_px(alpha, *beside, between.sure)
            if jolt is not None:
                self._jolts.setdefault(name, {})[self._place[frame]] = jolt
            contradicted = between.contradicted(alpha, *beside)
            self._numbers.add("chatter", frame, chatter_px(contradicted, alpha), name)
            amount, where = pop(contradicted, size)
            self._numbers.add("pop", frame, amount, name, place=self._around(where))

    def _flash(self, frame: int, name: str, here: _FrameData, before: _FrameData, motion: Motion) -> None:
        """Measure patches that come or go, of a person who is there in both frames."""
        alphas = here.alphas[name], before.alphas[name]
        size = max(_size_of(alpha) for alpha in alphas)
        if min(planes.area(alpha) for alpha in alphas) < 100 * planes.PRESENT_SHARE or not size:
            return
        found = motion.flash(*alphas, size=size)
        if found is not None:
            amount, where = found
            self._numbers.add("flash", frame, amount, name, place=self._around(where))

    def _around(self, where: np.ndarray) -> Window | None:
        """The place in the plate of the largest piece of what is set; None where nothing is."""
        return largest_window(where, self._geometry) if self._geometry and where.any() else None

    def _moves(self, name: str, here: _FrameData, before: _FrameData, motion: Motion | None) -> bool | None:
        """Whether image or guidance give an alpha a reason to change; None when neither is known."""
        if not here.alphas[name].any():
            return False
        if motion is not None:
            return motion.is_visible(here.alphas[name])
        if name in here.masks and name in before.masks:
            return not np.array_equal(here.masks[name], before.masks[name])
        return None

    def _masks(self, frame: int, geometry: Geometry) -> dict[str, Plane]:
        """The masks that alphas of a frame are compared with, each without what another mask of it has."""
        guidance = self._subject.guidance
        if guidance is None or not self._guided:
            return {}
        try:
            guidance.check([frame], plate=self._subject.shot_frames)
        except GuidanceError as error:
            self._notes.setdefault(str(error), []).append(frame)
            return {}
        try:
            placed = replace(geometry, data=self._windows.get(frame))
            coverage = guidance.read(frame, placed)
        except InputError as error:
            self._note_unusable(frame, error)
            return {}
        for name in self._guided:
            for measure in ("mask_mistaken", "mask_hidden"):
                self._numbers.add(measure, frame, 0, name)
        masks = exclusive(coverage, self._subject.overlap)
        self._hold(frame, masks, geometry)
        return {name: masks[guidance.names.index(name)] for name in self._guided}

    def _hold(self, frame: int, masks: Plane, geometry: Geometry) -> None:
        """Put the artist's cores and garbage mattes of a frame into its masks (N, h, w)."""
        holds = self._subject.holds
        if holds is None:
            return
        try:
            held = holds.planes(frame, replace(geometry, data=self._windows.get(frame)))
        except InputError as error:
            self._note_unusable(frame, error)
            return
        for n, core in held.core.items():
            solid = geometry.to_working(core, geometry.region) > 0.5
            masks[:, solid] = 0
            masks[n][solid] = 1
        for n, garbage in held.garbage.items():
            masks[n][geometry.to_working(garbage, geometry.region) < 0.5] = 0

    def _image(self, frame: int, geometry: Geometry) -> Plane | None:
        plate = self._subject.plate
        if plate is None:
            return None
        is_there = frame in plate.source.frames
        try:
            return plate.read(frame, geometry)
        except InputError as error:
            if is_there:
                self._note_unusable(frame, error)
            else:
                self._notes.setdefault(str(error), []).append(frame)
            return None

    def _note_unusable(self, frame: int, error: InputError) -> None:
        """Count an input file of `frame` that is there and cannot be used."""
        key = ("unusable_input", WHOLE_FRAME, frame)
        count, said = self._numbers.of("unusable_input").get(frame, 0), self._numbers.remarks.get(key)
        self._numbers.add("unusable_input", frame, count + 1)
        self._numbers.remarks[key] = f"{said}; {error}" if said else str(error)

    def _note_mistakes(self, mistakes: Iterable[Mistake]) -> None:
        """Tell of masks that look like a mistake: their mattes follow them, and agree with them."""
        for found in mistakes:
            measure = "mask_hidden" if found.kind == "hidden" else "mask_mistaken"
            for frame in self._subject.frames:
                if frame in found.frames:
                    self._numbers.add(measure, frame, 1, found.name)
                    others = listing([name for name, where in found.others.items() if frame in where])
                    if others:
                        remark = f"of {others}" if found.kind == "hidden" else f"covers that of {others}"
                        self._numbers.remarks[measure, found.name, frame] = remark

    def _mistakes(self) -> Iterator[Mistake]:
        """Masks of the frames that look like a mistake, and key masks that mattes of the frames follow."""
        subject, guidance = self._subject, self._subject.guidance
        if guidance is None:
            return
        for found in guidance.observed.mistakes(subject.shot_frames, subject.overlap):
            if found.name in self._guided:
                yield found
        keys, first, last = guidance.keys, subject.frames[0], subject.frames[-1]
        for key in keys[max(0, bisect_right(keys, first) - 1) : bisect_left(keys, last) + 1]:
            try:
                guidance.look_at(key)
            except InputError as error:
                self._notes.setdefault(str(error), []).append(key)
        for found in guidance.observed.mistakes(keys, subject.overlap) if keys else ():
            if found.name in guidance.keyed:
                if not {*found.frames} & {*subject.frames}:
                    self._notes.setdefault(found.sentence, [])
                yield found

    def _note_absent(self, instances: tuple[str, ...]) -> None:
        for frame, names in self._names.items():
            absent = [name for name in instances if name not in names]
            self._numbers.add("instances", frame, len(absent))
            if absent:
                self._numbers.remarks["instances", WHOLE_FRAME, frame] = ", ".join(absent)

    def _note_recipes(self) -> None:
        """Compare every frame's recipe with the most common one."""
        for frame, differing in odd_recipes(self._recipes).items():
            self._numbers.add("recipe", frame, len(differing))
            if differing:
                self._numbers.remarks["recipe", WHOLE_FRAME, frame] = ", ".join(differing)

    def _note_gaps(self, instances: tuple[str, ...]) -> None:
        """Without guidance: find frames in which an instance is absent that is present before and after."""
        for name in instances:
            if name in self._guided:
                continue
            areas = self._numbers.of("area", name)
            there = [frame for frame, value in areas.items() if value >= 100 * planes.PRESENT_SHARE]
            for frame in areas:
                self._numbers.add("empty", frame, 0, name)
            for last, following in zip(there, there[1:], strict=False):
                gap = [frame for frame in areas if last < frame < following]
                usual = min(areas[last], areas[following])
                gone = [frame for frame in gap if areas[frame] < planes.EMPTY_SHARE * usual]
                for frame in gone if len(gap) <= GAP_FRAMES else ():
                    self._numbers.add("empty", frame, 1, name)

    def _note_jolts(self) -> None:
        """Shifts of frames, less what a shifted neighbour puts into them: half of its own."""
        frames = self._subject.shot_frames
        for name, jolts in self._jolts.items():
            for place, jolt in jolts.items():
                beside = max(jolts.get(place - 1, 0), jolts.get(place + 1, 0))
                self._numbers.add("jolt", frames[place], max(jolt - beside / 2, 0), name)

    def _note_jumps(self, instances: tuple[str, ...]) -> None:
        """Changes of area that the guidance does not share."""
        shot = self._subject.shot_frames
        for name in instances:
            areas, masks = self._numbers.of("area", name), self._numbers.of("guidance_area", name)
            seen = [value for value in areas.values() if value >= 100 * planes.PRESENT_SHARE]
            if not seen:
                continue
            usual = float(np.median(seen))  # the small area of a person who enters or leaves changes fast
            for before, frame in zip(shot, shot[1:], strict=False):
                if before not in areas or frame not in areas:
                    continue
                change = areas[frame] - areas[before]
                if before in masks and frame in masks:
                    change = min(change, change - (masks[frame] - masks[before]), key=abs)
                largest = max(areas[frame], areas[before], usual)
                self._numbers.add("area_jump", frame, 100 * abs(change) / largest, name)

    def _segment(self) -> int | None:
        asked = self._subject.segment_frames
        if asked == "header":
            settings = self._header.get("settings")
            asked = settings.get("segment_frames") if isinstance(settings, Mapping) else None
        return asked if isinstance(asked, int) and asked > 0 else None

    def _judge_seams(self, instances: tuple[str, ...]) -> Seams | None:
        segment = self._segment()
        if segment is None:
            return None
        measure = "flicker" if "flicker" in self._numbers.values else "change"
        frames = self._subject.shot_frames
        series = {
            name: [self._numbers.of(measure, name).get(frame) for frame in frames] for name in instances
        }
        seams = judge_seams(series, frames, segment)
        if seams is None:
            if any(i and i % segment == 0 for i in range(len(frames))):
                self._notes["too few pairs of frames to judge the seams by"] = []
            return None
        for seam in seams.seams:
            self._numbers.add("seam", seam.frame, seam.least)
        return seams

    def _said(self) -> Iterator[str]:
        for text, frames in self._notes.items():
            yield text if len(frames) < 2 else f"{text} (and {len(frames) - 1} more)"


def _contract(header: Mapping[str, Any]) -> bool:
    settings = header.get("settings")
    return isinstance(settings, Mapping) and bool(settings.get("sum_to_one"))


def _size_of(alpha: Plane) -> float:
    """Of the person that an alpha shows, in pixels."""
    return size_of((alpha > planes.FAINT).astype(np.float32))

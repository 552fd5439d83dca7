"""Opens and checks what a job names, before the model is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from maggie_api import job as jobs
from maggie_api.errors import FrameError, GuidanceError, SettingsError
from maggie_api.events import Warning
from maggie_api.job import NAME_BYTES, MatteJob
from maggie_api.layer_names import EXTRA_LAYERS
from maggie_api.sequences import is_movie, parse_pattern
from maggie_api.settings import MatteFile, MatteSettings, settings_of
from maggie_core.guidance import (
    CryptomatteSequence,
    Guidance,
    GuidanceSource,
    Holds,
    HoldSource,
    IdMapSequence,
    KeyMasks,
    LayerSequence,
    MaskSequence,
    Pins,
    combine,
)
from maggie_core.guidance.holds import HoldKind
from maggie_core.guidance.instances import Instance
from maggie_core.guidance.names import listing
from maggie_core.guidance.offset import OffsetSource
from maggie_core.io.frames import (
    FrameSource,
    compact_frames,
    expand_output,
    missing_frames,
    on_missing_source,
    open_source,
    parse_frames,
)
from maggie_core.io.image import list_parts
from maggie_core.io.patience import looked
from maggie_core.mattes.layout import sibling
from maggie_core.shot.hand import Hand
from maggie_node.output_paths import check_outputs
from maggie_node.pictures import DEFAULT_FPS, check_names, frame_rate, pictures_of


@dataclass(frozen=True)
class OpenShot:
    """The opened inputs of a job, and its settings."""

    plate: FrameSource
    guidance: Guidance
    pins: Pins | None
    hand: Hand
    frames: tuple[int, ...]
    """Frames to deliver, ascending."""
    left_out: tuple[int, ...]
    """Frames asked for that the plate lacks and `on_missing` leaves out."""
    shot_frames: tuple[int, ...]
    settings: MatteSettings
    files: MatteFile
    warnings: tuple[Warning, ...]
    outputs: tuple[Path, ...] = ()
    """A file of each output that will be written."""

    def require(self, frames: Sequence[int]) -> None:
        """Check that plate and guidance exist for every one of `frames`.

        Raises:
            FrameError, GuidanceError: what is missing, by frame.
        """
        missing = missing_frames(self.plate, frames)
        if missing:
            raise FrameError(
                f"plate frames {compact_frames(missing)}{self._needed_for(missing)} are missing beside "
                f"{self.plate.colorspace_hint}: "
                "render them, change --frames, or choose --on-missing hold, black or skip"
            )
        why = self._needed_for(self.guidance.missing(frames))
        try:
            self.guidance.check(frames, why=why, plate=self.shot_frames)
        except GuidanceError:
            self.plate.channels(self.plate.frames[0])  # a plate that no mask would help says so
            raise

    def _needed_for(self, missing: Sequence[int]) -> str:
        """Why frames are needed that nobody asked for; empty where one of them was."""
        asked = set(missing) & set(self.frames)
        return "" if asked else f" (the mattes of {compact_frames(self.frames)} need them)"


def open_shot(job: MatteJob, *, to_write: bool = True) -> OpenShot:
    """Open what `job` names.

    Args:
        to_write: mattes will be written, so the outputs' names and every input they need are checked first.

    Raises:
        InputError: something is missing, unreadable or out of range.
    """
    settings, files = settings_of(MatteSettings, job), settings_of(MatteFile, job)
    plate = open_source(job.plate)
    shot_frames = plate.expected if job.shot_frames is None else parse_frames(job.shot_frames)
    asked = shot_frames if job.frames is None else parse_frames(job.frames)
    outside = sorted(set(asked) - set(shot_frames))
    if outside:
        raise FrameError(
            f"frames {compact_frames(outside)} are outside the shot, which is {compact_frames(shot_frames)}: "
            "change --frames, or say which frames the shot has with --shot-frames"
        )
    if to_write:
        check_names(job)
    warnings = gap_warnings("plate frames", missing_frames(plate, shot_frames), job.on_missing)
    if job.on_missing != "error":
        plate = on_missing_source(plate, shot_frames, job.on_missing)
        if job.on_missing == "skip":
            shot_frames = tuple(frame for frame in shot_frames if frame in set(plate.frames))
    sources = [
        guidance_source(source, shot_frames, pass_over=job.guidance_missing != "error")
        for source in job.guidance
    ]
    guidance = combine(sources, missing=job.guidance_missing)
    if job.guidance_missing != "error":
        warnings += gap_warnings("masks of frames", guidance.missing(shot_frames), job.guidance_missing)
    warnings += _still_warnings(guidance, shot_frames) + _header_warnings(plate, job.plate_layer)
    warnings += _offset_warnings(guidance)
    outputs: tuple[Path, ...] = ()
    if to_write:
        warnings += _rate_warnings(job, plate)
        outputs = _check_output(job, asked, guidance.instances)
    hand = _hand(job, guidance)
    frames = tuple(frame for frame in asked if frame in set(shot_frames))
    if hand.holds is not None and job.guidance_missing != "error":
        gaps = hand.holds.missing(frames)
        warnings += gap_warnings("cores or garbage mattes of frames", gaps, job.guidance_missing)
    shot = OpenShot(
        plate,
        guidance,
        _pins(job, guidance, shot_frames),
        hand,
        frames,
        tuple(sorted(set(asked) - set(frames))),
        shot_frames,
        settings,
        files,
        warnings,
        outputs,
    )
    if to_write:
        shot.require(frames)
        if hand.holds is not None:
            hand.holds.check(frames)
    return shot


def held_frames(job: MatteJob, shot: OpenShot) -> frozenset[int]:
    """Frames of a job for which another frame's plate or masks stand in, because their own are missing."""
    found: set[int] = set()
    if job.on_missing == "hold":
        found.update(missing_frames(open_source(job.plate), shot.frames))
    if job.guidance_missing == "hold":
        found.update(shot.guidance.missing(shot.frames))
    return frozenset(found)


def _hand(job: MatteJob, guidance: Guidance) -> Hand:
    """The artist's decisions.

    Raises:
        GuidanceError: something is for nobody in the shot, or its files cannot be used.
    """
    names = list(guidance.names)
    for each in job.per_person:
        if each.name not in names:
            raise GuidanceError(
                f"{each.option} is set for {each.name} and the shot has {', '.join(names)}: "
                "use the shot's names"
            )
    kinds: tuple[tuple[HoldKind, tuple[jobs.Hold, ...]], ...] = (("core", job.core), ("garbage", job.garbage))
    sources = [
        HoldSource(kind, hold.name, hold.sequence, part=hold.part, missing=job.guidance_missing)
        for kind, holds in kinds
        for hold in holds
    ]
    holds = Holds(sources, guidance.instances, overlap=job.overlap) if sources else None
    return Hand(tuple(job.edges_of(name) for name in names), holds)


def _still_warnings(guidance: Guidance, shot_frames: Sequence[int]) -> tuple[Warning, ...]:
    """Warns of people whose one mask would stand still in a moving shot."""
    stills = (s for s in guidance.sources if isinstance(s, MaskSequence) and s.frames is None)
    names = [source.names[0] for source in stills] if len(shot_frames) > 1 else []
    return tuple(
        Warning(
            "still-mask",
            f"{name} has one mask for all {len(shot_frames)} frames: if {name} moves, give it as "
            f"--key {name}=FILE instead, and it is followed",
        )
        for name in names
    )


def _header_warnings(plate: FrameSource, layer: str | None) -> tuple[Warning, ...]:
    """What the first frame's header says that changes what is matted, or what is carried into the mattes."""
    path = plate.path(plate.frames[0])
    try:
        part = None if is_movie(path) else list_parts(path)[0]
    except FrameError:  # the frame says so itself
        return ()
    if part is None:
        return ()
    found: list[Warning] = []
    views = () if layer else part.metadata.get("multiView", ())
    names = (views,) if isinstance(views, str) else tuple(views)
    if len(names) > 1:
        other = "the other" if len(names) == 2 else "another"
        text = f"the plate has the views {', '.join(names)}: {names[0]} is matted"
        found.append(Warning("views", f"{text}; --plate-layer {names[1]} takes {other}"))
    if part.data.intersection(part.display) is None:
        text = (
            f"the plate's pixels ({part.data.written}) lie outside its picture ({part.display.written}), "
            "which is black: check its windows, or take --data-window plate"
        )
        found.append(Warning("plate-outside", text))
    if {"Y", "RY", "BY"} <= {*part.own_channels}:
        text = (
            "the plate stores luminance and chroma: its colours are made of chroma at half the resolution, "
            "and of its attributes only text, numbers and the time code are carried into the mattes"
        )
        found.append(Warning("luminance-chroma", text))
    return tuple(found)


def _offset_warnings(guidance: Guidance) -> tuple[Warning, ...]:
    """Warns of offsets that change nothing."""
    return tuple(
        Warning(
            "guidance",
            f"one file is the mask of {listing(source.names)} in all frames: --guidance-offset "
            f"{source.offset} changes nothing, leave it out or name the sequence",
        )
        for source in guidance.sources
        if isinstance(source, OffsetSource) and source.frames is None
    )


def _pins(job: MatteJob, guidance: Guidance, shot_frames: tuple[int, ...]) -> Pins | None:
    if not job.pins:
        return None
    sources = [MaskSequence(pin.name, pin.sequence, channel=pin.channel, exact=True) for pin in job.pins]
    return Pins(sources, guidance.instances, shot_frames)


def guidance_source(
    source: jobs.Guidance, shot_frames: tuple[int, ...], *, pass_over: bool = False
) -> GuidanceSource:
    """Open one guidance of a job. Its instances are searched for in the frames of the shot.

    Args:
        pass_over: key masks that cannot be read are no keys.
    """
    if isinstance(source, jobs.KeyGuidance):
        return KeyMasks(
            source.name,
            source.sequence,
            shot_frames,
            channel=source.channel,
            offset=source.offset,
            pass_over=pass_over,
        )
    if source.offset:
        files = tuple(frame + source.offset for frame in shot_frames)
        return OffsetSource(guidance_source(replace(source, offset=0), files), source.offset)
    if isinstance(source, jobs.MaskGuidance):
        return MaskSequence(source.name, source.sequence, channel=source.channel)
    if isinstance(source, jobs.LayersGuidance):
        return LayerSequence(source.sequence, instances=source.instances or None, frames=shot_frames)
    if isinstance(source, jobs.IdMapGuidance):
        names = {named.id: named.name for named in source.names}
        return IdMapSequence(source.sequence, names=names or None, frames=shot_frames)
    return CryptomatteSequence(
        source.sequence, layer=source.layer, instances=source.instances or None, frames=shot_frames
    )


def gap_warnings(
    what: str, frames: Sequence[int], policy: str, *, damaged: bool = False
) -> tuple[Warning, ...]:
    """What is said of frames whose files are missing, or `damaged`, and what the policy does about it."""
    if not frames or policy == "error":
        return ()
    done = {
        "hold": "held from the nearest frame before, or else after",
        "black": "black",
        "skip": "left out",
        "empty": "empty",
    }
    if not damaged:
        sentence = f"{what} {compact_frames(frames)} are missing and {done[policy]}"
        return (Warning("missing-frames", sentence, tuple(frames)),)
    sentence = f"{what} {compact_frames(frames)} cannot be read and are {done[policy]}: repair their files"
    return (Warning("unreadable-frames", sentence, tuple(frames)),)


def _rate_warnings(job: MatteJob, plate: FrameSource) -> tuple[Warning, ...]:
    if not any(is_movie(path) or path.lower().endswith(".gif") for path in job.all_pictures):
        return ()
    if frame_rate(plate, job.fps) is not None:
        return ()
    text = f"the plate does not say its frame rate: movies run at {DEFAULT_FPS} a second; --fps changes it"
    return (Warning("no-frame-rate", text),)


def _check_output(job: MatteJob, frames: Sequence[int], instances: Sequence[Instance]) -> tuple[Path, ...]:
    """Check, before hours are spent, that all files have their own names; returns a file of each output."""
    single = len(frames) == 1
    paths = [expand_output(job.mattes, frame, single=single) for frame in frames]
    slugs = (*(instance.slug for instance in instances), *EXTRA_LAYERS)
    outputs = {job.mattes: list(_outputs(paths, slugs))}
    for picture in pictures_of(job, instances):
        files = dict.fromkeys(picture.file(frame, single=single) for frame in frames)
        outputs.setdefault(picture.path, []).extend(files)
    named = [instance.slug for instance in instances] if job.layout == "files" else []
    _check_lengths(_outputs(paths[-1:], named))
    _check_lengths(file for files in outputs.values() for file in files[-1:] if file.suffix != ".exr")
    check_outputs(outputs, list(inputs_of(job)))
    return tuple(files[0] for files in outputs.values())


def _check_lengths(outputs: Iterable[Path]) -> None:
    for output in outputs:
        length = len(os.fsencode(output.name))
        if length > NAME_BYTES:
            raise SettingsError(
                f"output {output} has a name of {length} bytes: {NAME_BYTES} are the most; shorten -o or the "
                "instance's name"
            )


def _outputs(paths: Iterable[Path], slugs: Sequence[str]) -> Iterator[Path]:
    """Every file that any layout writes for the frames at `paths`."""
    for path in paths:
        yield path
        yield from (sibling(path, slug) for slug in slugs)


def inputs_of(job: MatteJob) -> Iterator[Path]:
    """Every file that the job reads and names."""
    for name in (job.plate, *(path for _, path in job.sequences())):
        pattern = None if looked(Path(name).is_file) else parse_pattern(name)
        if pattern is None:
            yield Path(name)
            continue
        with suppress(OSError):  # whoever opens it says why it cannot be listed
            yield from pattern.on_disk().values()
    yield from (Path(name) for name in (job.model, job.ocio) if name is not None and Path(name).is_file())

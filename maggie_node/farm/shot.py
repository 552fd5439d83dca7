"""A job as a farm gets it: absolute paths, and every frame written out."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from maggie_api.errors import FrameError, GuidanceError, SettingsError
from maggie_api.job import KeyGuidance, MatteJob, read_job
from maggie_api.sequences import parse_pattern
from maggie_core.guidance.keys import KeyMasks, key_intervals
from maggie_core.io.frames import (
    FrameSource,
    compact_frames,
    expand_output,
    missing_frames,
    open_source,
    parse_frames,
)
from maggie_core.weights.catalogue import require_commercial
from maggie_node.farm.places import moved


@dataclass(frozen=True)
class FarmShot:
    """A job that means the same on every machine, whatever files are on disk when a task starts."""

    job: MatteJob
    """With `frames` and `shot_frames` written out, so that segments stay where they are."""
    shot_frames: tuple[int, ...]
    frames: tuple[int, ...]
    """Frames to deliver, ascending."""
    missing: tuple[int, ...]
    """Frames of the shot without a plate file yet."""


def read_farm_job(document: Path, places: Mapping[str, str]) -> MatteJob:
    """The job in a file, with some of its places elsewhere; see `places.moved`.

    Raises:
        JobError: the file cannot be read or does not hold a job, or the job has no such place.
    """
    return read_job(document, change=lambda job: moved(job, places))


def farm_shot(job: MatteJob) -> FarmShot:
    """Fix the frames of `job`, whose paths are absolute, as they are now.

    Raises:
        FrameError: there is no plate and the job does not say its `shot_frames`; or frames are asked for that
            the shot does not have.
        LicenceError: the job is for commercial work and its weights are not.
        SettingsError: a frame range cannot be read, or the output has one name for several frames, or the
            job asks for pictures alone.
    """
    if not job.output.strip():
        raise SettingsError(
            "the job makes no mattes: a farm's tasks write them, and pictures are made of them at the end; "
            'name them as its "output", such as matte.####.exr'
        )
    if job.commercial:
        require_commercial(job.model, job.tracker)
    plate = _plate(job)
    if job.shot_frames:
        shot_frames = parse_frames(job.shot_frames)
    else:
        assert plate is not None, "_plate has raised"
        shot_frames = plate.expected
    missing = shot_frames if plate is None else missing_frames(plate, shot_frames)
    frames = parse_frames(job.frames) if job.frames else shot_frames
    outside = sorted(set(frames) - set(shot_frames))
    if outside:
        raise FrameError(
            f"frames {compact_frames(outside)} are outside the shot, which is {compact_frames(shot_frames)}: "
            'change the job\'s "frames" or its "shot_frames"'
        )
    if job.on_missing == "skip" and plate is not None:
        # A frame that appears while the farm works must not move the segments of the others.
        there = set(plate.frames)
        shot_frames = tuple(frame for frame in shot_frames if frame in there)
        frames, missing = tuple(frame for frame in frames if frame in there), ()
        if not frames:
            raise FrameError(f"none of the frames asked for is there: the plate has {compact_frames(there)}")
    expand_output(job.output, frames[0], single=len(frames) == 1)
    fixed = dataclasses.replace(
        job,
        frames=compact_frames(frames),
        shot_frames=compact_frames(shot_frames),
        ocio=job.ocio or _ocio_here(),
    )
    return FarmShot(fixed, shot_frames, frames, missing)


def intervals_of(shot: FarmShot) -> tuple[tuple[int, ...], ...]:
    """Frames whose masks are made together from the job's key masks; only those with frames to deliver.

    Raises:
        GuidanceError: key masks are not there, or have none of the shot's frames.
    """
    keyed = [source for source in shot.job.guidance if isinstance(source, KeyGuidance)]
    sources = [
        KeyMasks(each.name, each.sequence, shot.shot_frames, channel=each.channel, offset=each.offset)
        for each in keyed
    ]
    wanted = set(shot.frames)
    return tuple(each for each in key_intervals(sources, shot.shot_frames) if wanted & {*each})


def not_there(job: MatteJob) -> Iterator[str]:
    """Sequences of a job, beside the plate, that have no file yet: field and path.

    Raises:
        GuidanceError: there is one, and the job does not say its `shot_frames`, as one does whose files are
            still to come.
    """
    for name, path in job.sequences():
        if _has_files(path):
            continue
        if not job.shot_frames:
            raise GuidanceError(
                f"{name} {path} has no files: check the path; files that are still to come need "
                '"shot_frames" in the job'
            )
        yield f"{name} {path}"


def _ocio_here() -> str | None:
    """$OCIO of this machine, for the others, which may have another one."""
    named = os.environ.get("OCIO")
    return os.path.abspath(named) if named and os.path.isfile(named) else named or None


def _has_files(path: str) -> bool:
    pattern = None if os.path.isfile(path) else parse_pattern(path)
    try:
        return os.path.isfile(path) if pattern is None else bool(pattern.on_disk())
    except OSError:  # no such folder
        return False


def _plate(job: MatteJob) -> FrameSource | None:
    """The plate; None when there are no files yet and the job names the frames it will have."""
    try:
        return open_source(job.plate)
    except FrameError as error:
        if job.shot_frames:
            return None
        raise FrameError(f'{error}; a plate that is still to come needs "shot_frames" in the job') from None

"""A job as a farm gets it: absolute paths, and every frame written out."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from maggie_api.errors import FrameError, SettingsError
from maggie_api.job import KeyGuidance, MatteJob
from maggie_core.guidance.keys import KeyMasks, key_intervals
from maggie_core.io.atomic import atomic_file
from maggie_core.io.frames import (
    FrameSource,
    compact_frames,
    expand_output,
    missing_frames,
    open_source,
    parse_frames,
)


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


@dataclass(frozen=True)
class Submission:
    """A shot, and how a farm computes it."""

    shot: FarmShot
    chunk: int
    """Most frames of a task."""
    name: str
    executable: str = "maggie-node"
    """Name of the command on the farm's machines."""
    limits: tuple[str, ...] = ()
    """Limits of the check at the end that differ from the usual ones: `NAME=VALUE`."""
    key_intervals: tuple[tuple[int, ...], ...] = ()
    """Frames whose masks are made together from key masks, before the mattes; empty without keys or cache."""

    def check(self, document: str, report: str) -> list[str]:
        """Arguments of the command that checks the delivered mattes."""
        limits = [word for limit in self.limits for word in ("--limit", limit)]
        return ["qc", "--job", document, "-o", report, *limits]


def farm_shot(job: MatteJob) -> FarmShot:
    """Fix the frames of `job`, whose paths are absolute, as they are now.

    Raises:
        FrameError: there is no plate and the job does not say its `shot_frames`; or frames are asked for that
            the shot does not have.
        SettingsError: a frame range cannot be read, or the output has one name for several frames, or the
            job asks for pictures alone.
    """
    if not job.output.strip():
        raise SettingsError(
            "the job makes no mattes: a farm's tasks write them, and pictures are made of them at the end; "
            'name them as its "output", such as matte.####.exr'
        )
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
    fixed = dataclasses.replace(job, frames=compact_frames(frames), shot_frames=compact_frames(shot_frames))
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


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _plate(job: MatteJob) -> FrameSource | None:
    """The plate; None when there are no files yet and the job names the frames it will have."""
    try:
        return open_source(job.plate)
    except FrameError as error:
        if job.shot_frames:
            return None
        raise FrameError(f'{error}; a plate that is still to come needs "shot_frames" in the job') from None

"""Writes the masks that a job mattes with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from maggie_api.errors import FrameError, JobError, OutputError, SettingsError
from maggie_api.events import Warning
from maggie_api.job import MatteJob
from maggie_api.sequences import compact_frames, expand_output, parse_frames, parse_pattern
from maggie_api.text import counted
from maggie_core.guidance import exclusive
from maggie_core.io.integer_image import write_integer_image
from maggie_core.mattes.layout import sibling
from maggie_core.model import load_model
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import ShotMatter
from maggie_core.shot.propagated import PropagatedGuidance
from maggie_node.job_inputs import OpenShot, inputs_of, open_shot
from maggie_node.job_warnings import of_keys
from maggie_node.output_paths import check_outputs, folders_of

MASK_SUFFIXES = (".png", ".tif", ".tiff")
"""Files of integers, as masks of 0 and 1 are."""


def write_masks(
    job: MatteJob, output: str, *, step: Callable[[str, int, int], None] = lambda what, done, total: None
) -> Iterator[str | Warning]:
    """Write the masks of a job's frames, one file for each frame and person; yields sentences for a person,
    the warnings of the job's files, and one for everybody who is lost.

    Args:
        output: a sequence; `masks.####.png` gives `masks_ana.1001.png`. Masks are on the working grid of the
            whole frame, 8 bits, and may be given back as guidance.
        step: called with what is being done, how much of it is done, and of how much.

    Raises:
        InputError: something is missing, unreadable or out of range.
        OutputError: a file cannot be written.
    """
    _check_name(output)
    step("opening plate and masks", 0, 0)
    shot = open_shot(job, to_write=False)
    yield from shot.warnings
    paths = {
        (frame, instance.slug): sibling(expand_output(output, frame), instance.slug)
        for frame in shot.frames
        for instance in shot.guidance.instances
    }
    check_outputs({output: list(paths.values())}, list(inputs_of(job)))
    with folders_of([next(iter(paths.values()))]):
        yield from _written(job, shot, paths, step)


def _written(
    job: MatteJob,
    shot: OpenShot,
    paths: Mapping[tuple[int, str], Path],
    step: Callable[[str, int, int], None],
) -> Iterator[str | Warning]:
    step(f"loading the model {job.model}", 0, 0)
    matter = _matter(job, shot)
    shot.require(sorted({each for frame in shot.frames for each in matter.reach(frame)}))
    yield from of_keys(shot, matter)
    people = ", ".join(each.name for each in shot.guidance.instances)
    yield f"following {people} through frames {compact_frames(shot.frames)}"
    matter.prepare(shot.frames, tell=lambda done, total: step("following", done, total))
    for done, frame in enumerate(shot.frames):
        step("writing masks", done, len(shot.frames))
        masks = exclusive(matter.guidance.read(frame, matter.geometry), job.overlap)
        for instance, mask in zip(shot.guidance.instances, masks, strict=True):
            write_integer_image(paths[frame, instance.slug], mask)
    for each in matter.lost(shot.frames):
        yield Warning("lost-subject", each.sentence, (each.frame,))
    yield f"{counted(len(paths), 'mask')} written, from {next(iter(paths.values()))} on"


def make_masks(
    job: MatteJob, asked: str | None, *, checkpoint: Callable[[], None]
) -> Iterator[tuple[int, int, str]]:
    """Make the masks of a job's frames and keep them in its cache; yields how many of how many are there, and
    a sentence.

    Args:
        asked: a range of frames; None for all of the job's.
        checkpoint: called between two steps; what it raises ends the work, and what is whole stays.

    Raises:
        JobError: the job has no key masks, or no cache.
        InputError: something is missing, unreadable or out of range.
    """
    if job.cache is None or not any(source.kind == "key" for source in job.guidance):
        raise JobError(
            "the job needs key masks and a cache, where its tasks find what is made of them: write it with "
            "maggie-node matte --key ... --cache DIR --print-job"
        )
    shot = open_shot(job, to_write=False)
    frames = shot.frames if asked is None else parse_frames(asked)
    outside = sorted(set(frames) - set(shot.shot_frames))
    if outside:
        raise FrameError(
            f"frames {compact_frames(outside)} are outside the shot, which is "
            f"{compact_frames(shot.shot_frames)}: ask for those"
        )
    matter = _matter(job, shot)
    assert isinstance(matter.guidance, PropagatedGuidance), "the job has key masks"
    shot.require(sorted({each for frame in frames for each in matter.guidance.reach(frame)}))
    for warning in of_keys(shot, matter):
        yield 0, len(frames), f"note: {warning.text}"
    yield 0, len(frames), f"following people through frames {compact_frames(frames)}"
    failed = matter.guidance.prepare(frames, checkpoint=checkpoint)
    if failed:
        raise FrameError(
            f"no masks could be made of frames {compact_frames(failed)}: {next(iter(failed.values()))}"
        )
    for each in matter.lost(frames):
        yield len(frames), len(frames), f"note: {each.sentence}"
    trouble = matter.cache.trouble if matter.cache else ""
    if trouble:
        raise OutputError(f"the cache {job.cache} {trouble}: make it writable, the tasks find no masks in it")
    yield len(frames), len(frames), f"the masks of frames {compact_frames(frames)} are in {job.cache}"


def _check_name(output: str) -> None:
    """See that masks can have the name.

    Raises:
        SettingsError: it is of another kind of file, or has no frame number.
    """
    if Path(output).suffix.lower() not in MASK_SUFFIXES:
        raise SettingsError(f"masks cannot be written as {output}: name PNG or TIFF, such as masks.####.png")
    if parse_pattern(output) is None:
        raise SettingsError(f"{output} is one file and every frame has masks: name it as masks.####.png")


def _matter(job: MatteJob, shot: OpenShot) -> ShotMatter:
    cache = None if job.cache is None else StateCache(job.cache, limit_bytes=int(job.cache_gb * 1e9))
    return ShotMatter(
        load_model(job.model, device=job.device, precision=job.precision),
        shot.plate,
        shot.guidance,
        shot.settings,
        shot_frames=shot.shot_frames,
        cache=cache,
        tracker=job.tracker,
    )

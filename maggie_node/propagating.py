"""Writes the masks that a job mattes with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from maggie_api.job import MatteJob
from maggie_api.sequences import compact_frames, expand_output
from maggie_core.guidance import exclusive
from maggie_core.io.atomic import cannot_write
from maggie_core.io.integer_image import write_integer_image
from maggie_core.mattes.layout import sibling
from maggie_core.model import load_model
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import ShotMatter
from maggie_node.job_inputs import inputs_of, open_shot
from maggie_node.output_paths import check_outputs


def write_masks(job: MatteJob, output: str) -> Iterator[str]:
    """Write the masks of a job's frames, one file for each frame and person; yields sentences for a person.

    Args:
        output: a sequence; `masks.####.png` gives `masks_ana.1001.png`. Masks are on the working grid of the
            whole frame, 8 bits, and may be given back as guidance.

    Raises:
        InputError: something is missing, unreadable or out of range.
        OutputError: a file cannot be written.
    """
    shot = open_shot(job, to_write=False)
    paths = {
        (frame, instance.slug): sibling(expand_output(output, frame), instance.slug)
        for frame in shot.frames
        for instance in shot.guidance.instances
    }
    check_outputs({output: list(paths.values())}, list(inputs_of(job)))
    folder = Path(output).parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(folder, (error.strerror or str(error)).lower()) from error
    cache = None if job.cache is None else StateCache(job.cache, limit_bytes=int(job.cache_gb * 1e9))
    matter = ShotMatter(
        load_model(job.model, device=job.device, precision=job.precision),
        shot.plate,
        shot.guidance,
        shot.settings,
        shot_frames=shot.shot_frames,
        cache=cache,
    )
    shot.require(sorted({each for frame in shot.frames for each in matter.reach(frame)}))
    yield f"following {len(shot.guidance.instances)} people through frames {compact_frames(shot.frames)}"
    matter.prepare(shot.frames)
    for frame in shot.frames:
        masks = exclusive(matter.guidance.read(frame, matter.geometry), job.overlap)
        for instance, mask in zip(shot.guidance.instances, masks, strict=True):
            write_integer_image(paths[frame, instance.slug], mask)
    for each in matter.lost():
        yield f"{each.name} is lost from {each.frame}: add a key mask near that frame"
    yield f"{len(paths)} masks written: {output}"

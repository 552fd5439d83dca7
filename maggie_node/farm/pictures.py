"""The pictures of a job whose mattes a farm has made."""

from __future__ import annotations

from collections.abc import Callable

from maggie_api.events import Event
from maggie_api.job import MatteJob
from maggie_api.sequences import expand_output
from maggie_api.settings import PictureFile, settings_of
from maggie_core.color import ColorSettings, PlateView
from maggie_node.job_inputs import open_shot
from maggie_node.pictures import PictureMaker, check_names, matte_recipes, pictures_of


def make_pictures(
    job: MatteJob, *, emit: Callable[[Event], None], checkpoint: Callable[[str, int, int], None]
) -> int:
    """Make the pictures of a job from the mattes on disk, by whatever machine and device those were made.

    Returns:
        How many pictures are not there at the end.

    Raises:
        InputError: the job's plate or masks cannot be opened.
    """
    check_names(job)
    shot = open_shot(job, to_write=False)
    settings = shot.settings
    colour = ColorSettings(settings.ocio, settings.colorspace, highlights=settings.highlights)
    single = len(shot.frames) == 1
    files = {frame: expand_output(job.mattes, frame, single=single) for frame in shot.frames}
    recipes = dict(matte_recipes(shot.frames, files.__getitem__))
    maker = PictureMaker(
        pictures_of(job, shot.guidance.instances),
        mattes=files.__getitem__,
        plate=shot.plate,
        layer=settings.plate_layer,
        view=PlateView(colour, example_path=shot.plate.path(shot.shot_frames[0])),
        look=settings_of(PictureFile, job),
        single=single,
    )
    missing = [frame for frame in shot.frames if frame not in recipes]
    return maker.make(recipes, failed=missing, resume=job.resume, emit=emit, checkpoint=checkpoint)

"""Runs a job: from a `MatteJob` to files, with events. Command line and worker enter `maggie_core` here."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from maggie_api.errors import (
    Cancelled,
    FrameError,
    GuidanceError,
    MaggieError,
    OutputError,
    SettingsError,
)
from maggie_api.events import (
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    Repairs,
    Warning,
)
from maggie_api.job import MatteJob
from maggie_api.settings import PictureFile, settings_of
from maggie_core.guidance.files import UnreadableMaskError
from maggie_core.io.frames import expand_output
from maggie_core.io.patience import written
from maggie_core.mattes import is_complete, recipe_digest, write_mattes
from maggie_core.mattes.provenance import left_out, remove_mattes, stood_in, stored_files
from maggie_core.model import MatteModel, load_model
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import FrameFailure, MatteResult, ShotMatter
from maggie_core.shot.memory import bytes_needed, check_plate, working_px_within
from maggie_core.weights.catalogue import require_commercial
from maggie_node import __version__
from maggie_node.checkpoints import Checkpoint, undisturbed
from maggie_node.claims import claimed
from maggie_node.job_inputs import OpenShot, open_shot
from maggie_node.job_warnings import FrameWarnings, before_start
from maggie_node.output_paths import folders_of
from maggie_node.pictures import PictureMaker, matte_recipes, pictures_of
from maggie_node.records import Records

Step = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and of how much."""
FOLLOWING = "following people from their key masks"


def _no_step(what: str, done: int, total: int) -> None:
    pass


def run(
    job: MatteJob,
    *,
    emit: Callable[[Event], None],
    checkpoint: Callable[[], None] = lambda: None,
    load: Callable[..., MatteModel] = load_model,
    overlap: bool = True,
    step: Step = _no_step,
) -> Finished:
    """Matte what `job` asks for. Every frame asked for is delivered whole or reported as failed.

    While one frame is computed, the next is read and the one before is written, in threads of their own.
    `emit`, `checkpoint` and `load` are called in the caller's.

    Args:
        emit: receives every event as it happens: warnings, one `Started`, a `FrameDone` or a `FrameFailed`
            for each frame, one `Finished`.
        checkpoint: called once for each frame that is read, while no file is being written. The job waits
            until it returns; `Cancelled`, or a KeyboardInterrupt, ends the job. The files that exist are then
            whole, and running the job again continues where it stopped.
        load: `load_model`, or a function of the same kind that keeps models from job to job.
        overlap: False reads, computes and writes one after the other. The files are the same.
        step: called when something begins that may take seconds and has no event of its own, and as it goes
            on, with how much of it is done: `(what, done, total)`; 0 of 0 where nobody knows.

    Returns:
        The `Finished` event.

    Raises:
        MaggieError: the job could not start (bad input, licence refused, output not writable). Only warnings
            were emitted and nothing was written.
    """
    if job.commercial:
        require_commercial(job.model, job.tracker)
    step("opening plate and masks", 0, 0)
    shot = open_shot(job)
    with folders_of(shot.outputs):
        return _run_opened(job, shot, emit, checkpoint, load, overlap=overlap, step=step)


def _run_opened(
    job: MatteJob,
    shot: OpenShot,
    emit: Callable[[Event], None],
    checkpoint: Callable[[], None],
    load: Callable[..., MatteModel],
    *,
    overlap: bool,
    step: Step,
) -> Finished:
    step(f"loading the model {job.model}", 0, 0)
    model = load(job.model, device=job.device, precision=job.precision)
    at_frames = Checkpoint(checkpoint)
    job, shot, matter = _within_memory(job, shot, model, at_frames, overlap=overlap)
    step("reading headers of plate and masks", 0, 0)
    shot.require(sorted({each for frame in shot.frames for each in matter.reach(frame)}))
    # A mask is read here, so that masks of a wrong kind stop the job before it starts. So is what an
    # automatic exposure is measured on: a started job reads plates frame by frame alone.
    _read_one(matter.masks, shot.guidance.keys or shot.frames)
    if shot.hand.holds is not None:
        _read_one(matter.holds, shot.frames)
    _ = matter.view.exposure_ev
    told: list[Warning] = []
    for warning in before_start(job, shot, model, matter):
        emit(warning)
        told.append(warning)
    same = recipe_digest({"version": __version__, "job": replace(job, frames=None).to_json()})
    with claimed(Path(job.mattes), sorted({*shot.frames, *shot.left_out}), job=same) as fellow:
        if fellow:
            emit(Warning("made-twice", f"{fellow} makes some of these frames now, too: both write the same"))
        finished = _Run(
            job, shot, model, matter, emit, at_frames, overlap=overlap, step=step, told=told
        ).run()
    if not job.output.strip():
        with suppress(OSError):  # mattes are kept in it, or somebody put something else there
            Path(job.mattes).parent.rmdir()
    return finished


def outdated(
    job: MatteJob, *, checkpoint: Callable[[], None] = lambda: None, step: Step = _no_step
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The frames that `job` delivers, and those whose files are not as it would make them now.

    Args:
        checkpoint: called before each frame.
        step: as for `run`.

    Raises:
        MaggieError: the job could not start.
    """
    step("opening plate and masks", 0, 0)
    shot = open_shot(job, to_write=False)
    step(f"loading the model {job.model}", 0, 0)
    model = load_model(job.model, device=job.device, precision=job.precision)
    at_frames = Checkpoint(checkpoint)
    job, shot, matter = _within_memory(job, shot, model, at_frames, overlap=False)
    under_way = _Run(job, shot, model, matter, lambda event: None, at_frames, overlap=False, step=step)
    try:
        matter.prepare(shot.frames, tell=lambda done, total: step(FOLLOWING, done, total))
        since: list[int] = []
        for done, frame in enumerate(shot.frames):
            step("comparing with what the job would make now", done, len(shot.frames))
            if not under_way.is_done(frame):
                since.append(frame)
        return shot.frames, tuple(since)
    finally:
        shot.plate.close()


def _within_memory(
    job: MatteJob, shot: OpenShot, model: MatteModel, checkpoint: Checkpoint, *, overlap: bool
) -> tuple[MatteJob, OpenShot, ShotMatter]:
    """The job as it fits into the memory it may take, and the object that does it.

    Raises:
        SettingsError: it fits at no working size.
    """
    matter = _matter(job, shot, model, checkpoint, overlap=overlap)
    geometry, people = matter.geometry, len(shot.guidance.instances)
    if not job.max_memory_gb:
        check_plate(geometry, people)
        return job, shot, matter
    place = {"enlarges": matter.enlarges, "on_cpu": model.device.type == "cpu"}
    px = working_px_within(job.max_memory_gb * 1e9, geometry, people, **place)
    if px == geometry.working_px:
        return job, shot, matter
    whole = bytes_needed(geometry, people, **place)
    text = (  # it stands in the mattes, which are the same under any limit that leads to this size
        f"at a working size of {min(geometry.working_size)} px the job takes {whole / 1e9:.1f} GB, more than "
        f"--max-memory-gb allows: it works at {px} px"
    )
    job = replace(job, working_px=px)
    settings = replace(shot.settings, working_px=px)
    shot = replace(shot, settings=settings, warnings=(*shot.warnings, Warning("less-memory", text)))
    return job, shot, _matter(job, shot, model, checkpoint, overlap=overlap)


def _matter(
    job: MatteJob, shot: OpenShot, model: MatteModel, checkpoint: Checkpoint, *, overlap: bool
) -> ShotMatter:
    cache = None if job.cache is None else StateCache(job.cache, limit_bytes=int(job.cache_gb * 1e9))
    return ShotMatter(
        model,
        shot.plate,
        shot.guidance,
        shot.settings,
        shot_frames=shot.shot_frames,
        pins=shot.pins,
        hand=shot.hand,
        cache=cache,
        checkpoint=checkpoint,
        overlap=overlap,
        with_scene=job.foreground,
        tracker=job.tracker,
    )


def _read_one(read: Callable[[int], object], frames: Sequence[int]) -> None:
    """Read masks of one frame: of the first, or if they cannot be used of the middle or the last.

    Raises:
        GuidanceError: none of the three can be used, and some can be read: they are of a wrong kind. Damaged
            ones are left to the frames that need them.
    """
    wrong: GuidanceError | None = None
    for frame in dict.fromkeys((frames[0], frames[len(frames) // 2], frames[-1])):
        try:
            read(frame)
        except UnreadableMaskError:
            continue
        except GuidanceError as error:
            wrong = wrong or error
        else:
            return
    if wrong is not None:
        raise wrong


class _AtOnce(Executor):
    """An executor that runs each call at once, in the thread that submits it."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(fn(*args, **kwargs))
        except Exception as error:
            done.set_exception(error)
        return done


class _Run:
    """One job under way."""

    def __init__(
        self,
        job: MatteJob,
        shot: OpenShot,
        model: MatteModel,
        matter: ShotMatter,
        emit: Callable[[Event], None],
        checkpoint: Checkpoint,
        *,
        overlap: bool,
        step: Step,
        told: Iterable[Warning] = (),
    ) -> None:
        self._step = step
        self._job, self._shot, self._model, self._matter = job, shot, model, matter
        self._emit = emit
        checkpoint.report_written = self._report_written
        self._checkpoint = checkpoint
        # The foreground estimate starts threads of its own, which slow down the network's threads.
        self._overlap = overlap and not job.foreground
        self._left: list[int] = []
        self._writing: tuple[MatteResult, Future[tuple[tuple[Path, ...], float]]] | None = None
        self._since = 0.0
        self._done = 0
        self._failed: list[int] = []
        self._pictures = self._picture_maker()
        self._pictures_failed = 0
        self._skipped = len(shot.left_out)
        self._records = Records(job, shot, model, matter)
        self._warnings = FrameWarnings(job, shot, matter, emit, told)
        self._looked_at: set[int] = set()

    def run(self) -> Finished:
        self._emit(self._records.started())
        for frame in self._shot.left_out:
            remove_mattes(self._path(frame))  # of when its plate was there
        stopped = False
        try:
            if self._shot.guidance.keys:
                self._matter.prepare(
                    self._shot.frames, tell=lambda done, total: self._step(FOLLOWING, done, total)
                )
            self._deliver(self._not_yet_there())
            self._make_pictures()
        except (Cancelled, KeyboardInterrupt):
            stopped = True
        finally:
            self._shot.plate.close()
        self._warnings.tell()
        finished = Finished(
            self._done,
            self._skipped,
            len(self._failed),
            cancelled=stopped,
            pictures_failed=self._pictures_failed,
        )
        self._emit(finished)
        return finished

    def _picture_maker(self) -> PictureMaker | None:
        pictures = pictures_of(self._job, self._shot.guidance.instances)
        if not pictures:
            return None
        return PictureMaker(
            pictures,
            mattes=self._path,
            plate=self._shot.plate,
            layer=self._job.plate_layer,
            view=self._matter.view,
            look=settings_of(PictureFile, self._job),
            single=len(self._shot.frames) == 1,
        )

    def _make_pictures(self) -> None:
        """Make the movies and other pictures from the mattes that are on disk."""
        if self._pictures is None:
            return
        recipes = {frame: self._shown[frame] for frame in sorted(self._shown)}
        made = [frame for frame in self._shot.frames if frame not in {*self._shown, *self._failed}]
        recipes |= dict(matte_recipes(made, self._path))

        def checkpoint(what: str, done: int, total: int) -> None:
            self._checkpoint(True)
            self._step(f"writing {what}", done, total)

        if recipes:
            self._pictures_failed = self._pictures.make(
                recipes,
                failed=self._failed,
                resume=self._job.resume,
                emit=self._emit,
                checkpoint=checkpoint,
            )
        if not self._job.output.strip() and not self._failed and not self._pictures_failed:
            _remove_kept(Path(self._job.mattes))

    def _in_pictures(self) -> dict[int, str]:
        """In a job of pictures alone: frames that are in all of them already, and what made their mattes."""
        if self._pictures is None or self._job.output.strip() or not self._job.resume:
            return {}
        inputs = {frame: self._matter.inputs_now(frame, without=()) for frame in self._shot.frames}
        recipes = {frame: self._records.recipe(frame, inputs[frame]) for frame in inputs}
        return {frame: recipes[frame] for frame in self._pictures.there(recipes)}

    def _not_yet_there(self) -> tuple[int, ...]:
        """Frames to compute; reports those that exist already."""
        waiting: list[int] = []
        self._step("looking which frames are there", 0, 0)
        self._shown = self._in_pictures()
        for frame in self._shot.frames:
            if frame in self._shown:
                self._skipped += 1
                self._emit(FrameDone(frame, self._job.all_pictures[0], 0.0, cached=True, reused="file"))
                continue
            path = self._path(frame)
            if self._job.resume and self.is_done(frame):
                self._skipped += 1
                names = tuple(str(file) for file in stored_files(path, self._job.layout))
                self._emit(FrameDone(frame, names[0], 0.0, cached=True, paths=names, reused="file"))
            else:
                waiting.append(frame)
        self._step("computing the first frame", 0, 0)
        return tuple(waiting)

    def is_done(self, frame: int) -> bool:
        """Whether a frame's files are there as they would be made now."""
        path = self._path(frame)
        # What a matte had to do without is damaged still, or it is another file by now.
        layout = self._job.layout
        for each in set(stood_in(path, layout)) - self._looked_at:
            self._looked_at.add(each)
            self._matter.look_at(each)
        inputs = self._matter.inputs_now(frame, without=left_out(path, layout))
        return is_complete(path, self._records.recipe(frame, inputs), layout)

    def _deliver(self, waiting: tuple[int, ...]) -> None:
        self._left, self._since = list(waiting), time.monotonic()
        try:
            with ThreadPoolExecutor(1, "writing") if self._overlap else _AtOnce() as pool:
                try:
                    self._compute(waiting, pool)
                finally:
                    self._report_finished()
        except OutputError as error:
            self._fail(self._left, error)
        except (MemoryError, torch.OutOfMemoryError):
            size = "x".join(str(side) for side in self._matter.geometry.working_size)
            region = self._matter.geometry.region
            plate_gb = region.width * region.height * 12 / 1e9  # three floats of 32 bits for each pixel
            todo = "lower --working-px or take --device cpu"
            if plate_gb > 1:
                todo = f"one frame of the plate takes {plate_gb:.1f} GB, and several are held: add memory"
            error = SettingsError(f"no memory left at {size}: {todo}")
            self._fail(self._left, error)

    def _compute(self, waiting: tuple[int, ...], pool: Executor) -> None:
        """Compute `waiting`. Each frame is written while the next is computed; one is written at a time.

        Raises:
            OutputError: no further frame could be written.
        """
        with closing(self._matter.run(waiting)) as results:
            for result in results:
                self._report_finished()
                # On a slow disk a file may be written during the whole frame after it. A cancelled job would
                # then never see its end, and in a worker other jobs would wait.
                self._checkpoint.catch_up()
                if isinstance(result, FrameFailure):
                    self._left.remove(result.frame)
                    self._take_failure(result)
                else:
                    bare = replace(result, alphas=result.alphas[:0], extra={}, scene_linear=None)
                    with undisturbed():  # what is being written is known to be
                        self._writing = bare, pool.submit(self._write, result)
                del result  # only the writer keeps its pixels

    def _report_written(self) -> bool:
        """Report the file that was written last; False while it is still being written."""
        if self._writing is not None and not self._writing[1].done():
            return False
        self._report_finished()
        return True

    def _report_finished(self) -> None:
        """Wait for the frame that is being written, if there is one, and report it.

        Raises:
            OutputError: no further frame could be written either.
        """
        if self._writing is None:
            return
        result, future = self._writing
        wait([future])
        failed = future.exception()
        with undisturbed():
            self._writing = None
            if failed is None:
                self._tell_done(result, *future.result())
                return
        if not isinstance(failed, OutputError) or not self._has_room(result):
            raise failed
        self._left.remove(result.frame)
        self._fail([result.frame], failed)

    def _take_failure(self, failure: FrameFailure) -> None:
        # The policy is the plate's: masks that cannot be read are told by a `GuidanceError`.
        of_plate = failure.unreadable and isinstance(failure.error, FrameError)
        if of_plate and self._job.on_missing == "skip":
            self._skipped += 1
            remove_mattes(self._path(failure.frame))
            text = f"frame {failure.frame} is left out: {failure.error}"
            self._emit(Warning("unreadable-frames", text, (failure.frame,)))
        else:
            self._fail([failure.frame], failure.error)

    def _fail(self, frames: Iterable[int], error: MaggieError) -> None:
        for frame in frames:
            self._failed.append(frame)
            remove_mattes(self._path(frame))  # of an earlier run, by another recipe
            self._emit(FrameFailed(frame, str(error)))

    def _write(self, result: MatteResult) -> tuple[tuple[Path, ...], float]:
        """Write the files of a frame. Returns them and the time when they were complete."""
        paths = written(Path(self._job.mattes).parent, lambda: self._write_now(result))
        return paths, time.monotonic()

    def _write_now(self, result: MatteResult) -> tuple[Path, ...]:
        paths = write_mattes(
            self._path(result.frame),
            result.alphas,
            instances=self._shot.guidance.instances,
            geometry=result.geometry,
            plate=result.header,
            provenance=self._records.provenance(result),
            settings=self._shot.files,
            extra=result.extra,
            scene_linear=result.scene_linear,
        )
        remove_mattes(self._path(result.frame), but=paths)  # of another layout
        return paths

    def _has_room(self, result: MatteResult) -> bool:
        """Whether the disk has room for one more matte. If not, no further frame is computed."""
        folder = self._path(result.frame).parent
        region, people = result.geometry.region, len(self._shot.guidance.instances)
        bytes_needed = region.width * region.height * people * (2 if self._job.depth == "half" else 4)
        try:
            with tempfile.TemporaryFile(dir=folder) as file:
                file.write(bytes(bytes_needed))
                file.flush()
        except OSError:
            return False
        return True

    def _tell_done(self, result: MatteResult, paths: tuple[Path, ...], at: float) -> None:
        """Note and tell a frame that is on disk since `at`."""
        self._left.remove(result.frame)
        seconds, self._since = at - self._since, at
        self._warnings.note(result)
        self._done += 1
        names = tuple(str(path) for path in paths)
        self._emit(
            FrameDone(
                result.frame,
                names[0],
                seconds,
                cached=False,
                paths=names,
                repairs=Repairs(**asdict(result.repairs)),
                reused=result.reused,
                why=result.why,
                enlarged=self._records.enlarged(result.frame),
            )
        )

    def _path(self, frame: int) -> Path:
        return expand_output(self._job.mattes, frame, single=len(self._shot.frames) == 1)


def _remove_kept(mattes: Path) -> None:
    """Remove the mattes of a job of pictures alone, once nothing needs them."""
    for file in mattes.parent.glob("matte*.exr"):
        file.unlink(missing_ok=True)

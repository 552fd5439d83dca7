"""Runs a job: from a `MatteJob` to files, with events. Command line and worker enter `maggie_core` here."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
    LicenceError,
    MaggieError,
    OutputError,
    SettingsError,
)
from maggie_api.events import (
    EffectiveSettings,
    Enlarged,
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    InstanceInfo,
    Repairs,
    Started,
    Warning,
)
from maggie_api.job import MatteJob
from maggie_api.settings import EdgeSettings, PictureFile, settings_of
from maggie_core.guidance.files import UnreadableMaskError
from maggie_core.image.window import Window
from maggie_core.io.frames import compact_frames, expand_output
from maggie_core.mattes import is_complete, recipe_digest, write_mattes
from maggie_core.mattes.cryptomatte import LAYER as CRYPTOMATTE_LAYER
from maggie_core.mattes.layout import places
from maggie_core.mattes.provenance import left_out, remove_mattes, stood_in, stored_files
from maggie_core.model import MatteModel, licence_of, load_model
from maggie_core.postprocess.losses import Loss
from maggie_core.runtime.fingerprint import library_versions
from maggie_core.runtime.jit import has_cache
from maggie_core.runtime.precision_speed import cpu_speed
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import FrameFailure, MatteResult, ShotMatter
from maggie_node import __version__
from maggie_node.claims import claimed
from maggie_node.job_inputs import OpenShot, gap_warnings, open_shot
from maggie_node.pictures import PictureMaker, matte_recipes, pictures_of

Step = Callable[[str, int, int], None]
"""Takes what is being done, how much of it is done, and of how much."""

LOSS_HINTS = {
    "lost": "look at the mask there; hold alpha with --core or --trust, or pin a matte that is right",
    "covers": "look at both masks there; hold alpha with --garbage, or pin a matte that is right",
}
"""What to try about a matte that is worse than its mask."""


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
        _check_licence(job.model)
    step("opening plate and masks", 0, 0)
    shot = open_shot(job)
    step(f"loading the model {job.model}", 0, 0)
    model = load(job.model, device=job.device, precision=job.precision)
    at_frames = _Checkpoint(checkpoint)
    matter = _matter(job, shot, model, at_frames, overlap=overlap)
    step("reading headers of plate and masks", 0, 0)
    shot.require(_all(matter.reach, shot.frames))
    # A mask is read here, so that masks of a wrong kind stop the job before it starts. So is what an
    # automatic exposure is measured on: a started job reads plates frame by frame alone.
    _read_one(matter, shot.guidance.keys or shot.frames)
    _ = matter.view.exposure_ev
    for warning in (*shot.warnings, *_unmeasured(job, shot, matter), *_slow_precision(job, model)):
        emit(warning)
    same = recipe_digest({"version": __version__, "job": replace(job, frames=None).to_json()})
    with claimed(Path(job.mattes), sorted({*shot.frames, *shot.left_out}), job=same) as fellow:
        if fellow:
            emit(Warning("made-twice", f"{fellow} makes some of these frames now, too: both write the same"))
        finished = _Run(job, shot, model, matter, emit, at_frames, overlap=overlap, step=step).run()
    if not job.output.strip():
        with suppress(OSError):  # mattes are kept in it, or somebody put something else there
            Path(job.mattes).parent.rmdir()
    return finished


def outdated(
    job: MatteJob, *, checkpoint: Callable[[], None] = lambda: None
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The frames that `job` delivers, and those whose files are not as it would make them now.

    Args:
        checkpoint: called before each frame.

    Raises:
        MaggieError: the job could not start.
    """
    shot = open_shot(job, to_write=False)
    model = load_model(job.model, device=job.device, precision=job.precision)
    at_frames = _Checkpoint(checkpoint)
    matter = _matter(job, shot, model, at_frames, overlap=False)
    under_way = _Run(job, shot, model, matter, lambda event: None, at_frames, overlap=False, step=_no_step)
    try:
        return shot.frames, tuple(frame for frame in shot.frames if not under_way.is_done(frame))
    finally:
        shot.plate.close()


def _matter(
    job: MatteJob, shot: OpenShot, model: MatteModel, checkpoint: _Checkpoint, *, overlap: bool
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
    )


def _slow_precision(job: MatteJob, model: MatteModel) -> Iterator[Warning]:
    """A warning where a number format was asked for in which this machine's CPU is slower than in fp32."""
    if job.precision in ("bf16", "fp16") and model.device.type == "cpu":
        speed = cpu_speed(job.precision)
        if speed.is_slower:
            yield Warning(
                "slow-precision",
                f"--precision {speed.precision} takes {speed} on this machine: leave it out, or take fp32",
            )


def _read_one(matter: ShotMatter, frames: Sequence[int]) -> None:
    """Read the masks of one frame: of the first, or if they cannot be used of the middle or the last.

    Raises:
        GuidanceError: none of the three can be used, and some can be read: they are of a wrong kind. Damaged
            ones are left to the frames that need them.
    """
    wrong: GuidanceError | None = None
    for frame in dict.fromkeys((frames[0], frames[len(frames) // 2], frames[-1])):
        try:
            matter.masks(frame)
        except UnreadableMaskError:
            continue
        except GuidanceError as error:
            wrong = wrong or error
        else:
            return
    if wrong is not None:
        raise wrong


def _all(frames_of: Callable[[int], Iterable[int]], frames: Iterable[int]) -> list[int]:
    """What a function finds for any of some frames, ascending."""
    return sorted({found for frame in frames for found in frames_of(frame)})


def _unmeasured(job: MatteJob, shot: OpenShot, matter: ShotMatter) -> Iterator[Warning]:
    """Warns of masks that no matte needs but that would say how large people are."""
    missing = shot.guidance.missing(_all(matter.measured, shot.frames))
    if missing and job.guidance_missing == "error":
        yield Warning(
            "missing-frames",
            f"masks of frames {compact_frames(missing)} are missing: people are measured on the others, and "
            "mattes of their segments may change when these masks come",
        )


class _Checkpoint:
    """Calls the caller's checkpoint once for each frame that is read.

    While a file is being written the call is put off: a job that waits at a checkpoint has reported every
    file it has written.
    """

    def __init__(self, checkpoint: Callable[[], None]) -> None:
        self._checkpoint, self._due = checkpoint, False
        self.report_written: Callable[[], bool] = lambda: True
        """Reports the file that was written last; False while it is still being written."""

    def __call__(self, reads: bool) -> None:
        self._due |= reads
        if self.report_written():
            self.catch_up()

    def catch_up(self) -> None:
        """Make the call that was put off, if there is one; nothing may be unreported."""
        if self._due:
            self._due = False
            self._checkpoint()


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
        checkpoint: _Checkpoint,
        *,
        overlap: bool,
        step: Step,
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
        self._broken: dict[int, Repairs] = {}
        self._losses = _Losses([instance.name for instance in shot.guidance.instances], emit)
        self._without: dict[int, list[int]] = {}
        """Frames that could not be used, and those that were matted without them."""
        self._stood_in: set[int] = set()
        """Frames of which a file could not be read and something stands in."""
        self._looked_at: set[int] = set()

    def run(self) -> Finished:
        self._emit(_started(self._job, self._shot, self._model, self._matter))
        for frame in self._shot.left_out:
            remove_mattes(self._path(frame))  # of when its plate was there
        stopped = False
        try:
            if self._shot.guidance.keys:
                self._step("following people from their key masks", 0, 0)
                self._matter.prepare(self._shot.frames)
            self._deliver(self._not_yet_there())
            self._make_pictures()
        except (Cancelled, KeyboardInterrupt):
            stopped = True
        finally:
            self._shot.plate.close()
        self._losses.tell()
        self._warn_of_repairs()
        self._warn_of_damage()
        self._warn_of_the_lost()
        self._warn_of_the_cache()
        self._warn_of_compiling()
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
        recipes = {frame: self._recipe(frame, inputs[frame]) for frame in inputs}
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
        return is_complete(path, self._recipe(frame, inputs), layout)

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
        self._writing = None
        try:
            paths, at = future.result()
        except OutputError as error:
            if not self._has_room(result):
                raise
            self._left.remove(result.frame)
            self._fail([result.frame], error)
        else:
            self._left.remove(result.frame)
            seconds, self._since = at - self._since, at
            self._tell_done(result, paths, seconds=seconds)

    def _take_failure(self, failure: FrameFailure) -> None:
        # The policy is the plate's: masks that cannot be read are told by a `GuidanceError`.
        of_plate = failure.unreadable and isinstance(failure.error, FrameError)
        if of_plate and self._job.on_missing == "skip":
            self._skipped += 1
            remove_mattes(self._path(failure.frame))
            self._emit(Warning("unreadable-frames", f"frame {failure.frame} is left out: {failure.error}"))
        else:
            self._fail([failure.frame], failure.error)

    def _fail(self, frames: Iterable[int], error: MaggieError) -> None:
        for frame in frames:
            self._failed.append(frame)
            remove_mattes(self._path(frame))  # of an earlier run, by another recipe
            self._emit(FrameFailed(frame, str(error)))

    def _write(self, result: MatteResult) -> tuple[tuple[Path, ...], float]:
        """Write the files of a frame. Returns them and the time when they were complete."""
        paths = write_mattes(
            self._path(result.frame),
            result.alphas,
            instances=self._shot.guidance.instances,
            geometry=result.geometry,
            plate=result.header,
            provenance=self._provenance(result),
            settings=self._shot.files,
            extra=result.extra,
            scene_linear=result.scene_linear,
        )
        remove_mattes(self._path(result.frame), but=paths)  # of another layout
        return paths, time.monotonic()

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

    def _tell_done(self, result: MatteResult, paths: tuple[Path, ...], *, seconds: float) -> None:
        repairs = Repairs(**asdict(result.repairs))
        if repairs.nan or repairs.inf:
            self._broken[result.frame] = repairs
        for damaged in result.without:
            self._without.setdefault(damaged, []).append(result.frame)
        self._stood_in.update(result.stood_in)
        self._losses.note(result.frame, self._segment_of(result.frame), result.losses)
        self._done += 1
        names = tuple(str(path) for path in paths)
        self._emit(
            FrameDone(
                result.frame,
                names[0],
                seconds,
                cached=False,
                paths=names,
                repairs=repairs,
                reused=result.reused,
                why=result.why,
                enlarged=self._enlarged(result.frame),
            )
        )

    def _enlarged(self, frame: int) -> tuple[Enlarged, ...]:
        """Who was seen enlarged, in the order of the instances."""
        names = [instance.name for instance in self._shot.guidance.instances]
        found = {
            n: Enlarged(names[n], round(each.enlarged, 3), _window_text(each.geometry.region))
            for each in self._matter.passes(frame)
            if each.enlarged > 1
            for n in each.owned
        }
        return tuple(found[n] for n in sorted(found))

    def _segment_of(self, frame: int) -> int:
        frames = self._shot.shot_frames
        return frames.index(frame) // (self._shot.settings.segment or len(frames))

    def _warn_of_repairs(self) -> None:
        if self._broken:
            nan = sum(repairs.nan for repairs in self._broken.values())
            inf = sum(repairs.inf for repairs in self._broken.values())
            found = f"{nan} pixels with NaN and {inf} with Inf in plate frames {compact_frames(self._broken)}"
            self._emit(
                Warning("repaired-pixels", f"{found} were mended in the network's copy; the plate has them")
            )

    def _warn_of_damage(self) -> None:
        for damaged, frames in self._without.items():
            self._emit(
                Warning(
                    "unreadable-frames",
                    f"frames {compact_frames(frames)} are matted without frame {damaged}, which cannot be "
                    "used: repair its files, and they are made anew",
                )
            )
        of_plate = [frame for frame in sorted(self._stood_in) if self._matter.plate.damage(frame)]
        of_masks = [frame for frame in sorted(self._stood_in) if self._matter.guidance.damage(frame)]
        for warning in (
            *gap_warnings("plate frames", of_plate, self._job.on_missing, damaged=True),
            *gap_warnings("masks of frames", of_masks, self._job.guidance_missing, damaged=True),
        ):
            self._emit(warning)

    def _warn_of_the_lost(self) -> None:
        for each in self._matter.lost():
            self._emit(Warning("lost-subject", each.sentence))

    def _warn_of_the_cache(self) -> None:
        trouble = self._matter.cache.trouble if self._matter.cache else ""
        if trouble:
            self._emit(
                Warning("cache-not-kept", f"the cache {trouble}: frames are right, the next run starts anew")
            )

    def _warn_of_compiling(self) -> None:
        if not has_cache():
            self._emit(
                Warning(
                    "no-compile-cache",
                    "neither the installation nor the home folder can keep compiled loops: every job "
                    "compiles them again, which takes seconds; set NUMBA_CACHE_DIR to a writable folder",
                )
            )

    def _path(self, frame: int) -> Path:
        return expand_output(self._job.mattes, frame, single=len(self._shot.frames) == 1)

    def _recipe(self, frame: int, inputs: Mapping[int, Mapping[str, str]]) -> str:
        """Changes with everything that decides the frame's files, and with nothing else.

        Args:
            inputs: digests of what the matte is made from, by frame and kind.
        """
        info = self._model.info
        return recipe_digest(
            {
                "version": __version__,
                "libraries": library_versions(),
                "weights": self._model.digest,
                "model": [info.name, info.licence, info.first_look],
                "device": self._model.device.type,
                "precision": self._model.precision,
                # What takes effect counts, not how it was asked for: a configuration by $OCIO or by path.
                "settings": asdict(self._matter.effective) | {"ocio": self._matter.view.digest},
                "edges": [asdict(each) for each in self._shot.hand.edges],
                "files": asdict(self._shot.files),
                "geometry": asdict(self._matter.geometry),
                "instances": [instance.name for instance in self._shot.guidance.instances],
                "frame": frame,
                "passes": [asdict(each) for each in self._matter.passes(frame)],
                "inputs": {str(each): dict(digests) for each, digests in inputs.items()},
            }
        )

    def _provenance(self, result: MatteResult) -> dict[str, Any]:
        frame, window = result.frame, result.header.data
        info, settings = self._model.info, self._matter.effective
        return {
            "version": __version__,
            "model": info.name,
            "weights_sha256": info.sha256,
            "licence": info.licence,
            "device": self._model.device.type,
            "precision": self._model.precision,
            "settings": asdict(settings) | asdict(settings_of(EdgeSettings, self._job)),
            "per_person": [asdict(each) for each in self._job.per_person],
            "core": [asdict(each) for each in self._job.core],
            "garbage": [asdict(each) for each in self._job.garbage],
            "ocio": settings.ocio,
            "colorspace": settings.colorspace,
            "plate": self._job.plate,
            "plate_window": [window.x, window.y, window.width, window.height],
            "guidance": [asdict(source) for source in self._job.guidance],
            "pins": self._shot.pins.names(frame) if self._shot.pins else [],
            "enlarged": [asdict(each) for each in self._enlarged(frame)],
            "without": list(result.without),
            "stood_in": list(result.stood_in),
            "recipe": self._recipe(frame, result.inputs),
        }


def _window_text(window: Window) -> str:
    """`480x512+100+40`: width, height, x and y."""
    return f"{window.width}x{window.height}{window.x:+d}{window.y:+d}"


def _remove_kept(mattes: Path) -> None:
    """Remove the mattes of a job of pictures alone, once nothing needs them."""
    for file in mattes.parent.glob("matte*.exr"):
        file.unlink(missing_ok=True)


class _Losses:
    """Tells, once per person and segment, where mattes are worse than their masks.

    Args:
        names: of the instances.
    """

    def __init__(self, names: Sequence[str], emit: Callable[[Event], None]) -> None:
        self._names, self._emit = names, emit
        self._segment = 0
        self._found: dict[tuple[str, int, int | None], list[tuple[int, Loss]]] = {}

    def note(self, frame: int, segment: int, losses: Iterable[Loss]) -> None:
        """Take a frame's losses; those of the segment before are told."""
        if segment != self._segment:
            self.tell()
            self._segment = segment
        for loss in losses:
            self._found.setdefault((loss.kind, loss.instance, loss.other), []).append((frame, loss))

    def tell(self) -> None:
        """Tell what was noted and not told yet."""
        for (kind, instance, other), found in self._found.items():
            frame, worst = max(found, key=lambda each: each[1].share)
            box, share = worst.where, f"{100 * worst.share:.0f} %"
            what = f"lost {share} of the inside of its mask"
            if other is not None:
                what = f"covers {share} of the inside of the mask of {self._names[other]}"
            frames = f"frame {frame}"
            if len(found) > 1:
                frames = f"frames {compact_frames(at for at, _ in found)}, most in {frame}"
            self._emit(
                Warning(
                    f"matte-{kind}",
                    f"{self._names[instance]}: the matte {what} in {frames} "
                    f"at x {box.x} to {box.right - 1}, y {box.y} to {box.bottom - 1}: {LOSS_HINTS[kind]}",
                )
            )
        self._found.clear()


def _check_licence(model: str) -> None:
    licence, commercial = licence_of(model)
    if not commercial:
        raise LicenceError(
            f"model {model} has the licence {licence}, which does not allow commercial work: "
            "take --model default, or drop --commercial"
        )


def _started(job: MatteJob, shot: OpenShot, model: MatteModel, matter: ShotMatter) -> Started:
    width, height = matter.geometry.working_size
    slugs = tuple(instance.slug for instance in shot.guidance.instances)
    if job.layout == "cryptomatte":
        channels = dict.fromkeys(slugs, CRYPTOMATTE_LAYER)
    else:
        channels = {slug: place.alpha for slug, place in places(Path(job.mattes), slugs, job.layout).items()}
    instances = tuple(InstanceInfo(i.name, i.slug, channels[i.slug]) for i in shot.guidance.instances)
    edges = asdict(settings_of(EdgeSettings, job))
    asked = EffectiveSettings(
        device=job.device, precision=job.precision, backend="auto", **asdict(shot.settings), **edges
    )
    in_effect: dict[str, Any] = asdict(matter.effective) | {"working_px": min(width, height)} | edges
    effective = EffectiveSettings(
        device=str(model.device), precision=model.precision, backend="native", **in_effect
    )
    return Started(
        frames=shot.frames,
        instances=instances,
        device=effective.device,
        model=model.info.name,
        precision=effective.precision,
        asked=asked,
        effective=effective,
        working_size=f"{width}x{height}",
        licence=model.info.licence,
        colorspace=matter.view.colorspace,
        ocio=matter.view.config_id,
        assumption=matter.view.assumption,
    )

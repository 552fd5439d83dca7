"""A job to files, with events: the only door to `maggie_core` for the command line and the worker."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, Future, ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maggie_api.errors import LicenceError, MaggieError, OutputError, SettingsError
from maggie_api.events import (
    EffectiveSettings,
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
from maggie_core.io.frames import compact_frames, expand_output
from maggie_core.mattes import is_complete, recipe_digest, write_mattes
from maggie_core.mattes.cryptomatte import LAYER as CRYPTOMATTE_LAYER
from maggie_core.mattes.layout import places
from maggie_core.mattes.provenance import stored_files
from maggie_core.model import MatteModel, licence_of, load_model
from maggie_core.shot.cache import StateCache
from maggie_core.shot.matter import FrameFailure, MatteResult, ShotMatter
from maggie_node import __version__
from maggie_node.job_inputs import OpenShot, open_shot


def run(
    job: MatteJob,
    *,
    emit: Callable[[Event], None],
    cancelled: Callable[[], bool] = lambda: False,
    load: Callable[..., MatteModel] = load_model,
    overlap: bool = True,
) -> Finished:
    """Matte what `job` asks for; every asked frame is delivered whole or reported.

    While a frame is computed, the next is read and the one before is written, in threads of their own.
    `emit`, `cancelled` and `load` are called in the caller's.

    Args:
        emit: gets every event as it happens: warnings, one `Started`, a `FrameDone` or a `FrameFailed` for
            each frame, one `Finished`.
        cancelled: asked for each frame that is looked at; once it is true the job ends, and until it returns
            the job waits. A KeyboardInterrupt ends it too. Either way the files there are whole, and running
            the job again goes on where it stopped.
        load: `load_model`, or what keeps its models from job to job.
        overlap: off, everything happens one after the other; the files are the same.

    Returns:
        The `Finished` event.

    Raises:
        MaggieError: nothing could be started (bad input, licence refused, output not writable); no event but
            warnings was emitted and nothing was written.
    """
    if job.commercial:
        _check_licence(job.model)
    shot = open_shot(job)
    model = load(job.model, device=job.device, precision=job.precision)
    between = _Between(cancelled)
    cache = None if job.cache is None else StateCache(job.cache, limit_bytes=int(job.cache_gb * 1e9))
    matter = ShotMatter(
        model,
        shot.plate,
        shot.guidance,
        shot.settings,
        shot_frames=shot.shot_frames,
        pins=shot.pins,
        cache=cache,
        between=between,
        overlap=overlap,
    )
    shot.require(sorted({seen for frame in shot.frames for seen in matter.influence(frame)}))
    # The first frame is read here, so that a plate or a mask of a wrong kind stops the job before it starts.
    # So is what an automatic exposure is measured on: a started job reads plates frame by frame alone.
    shot.guidance.read(shot.frames[0], matter.geometry)
    _ = matter.view.exposure_ev
    for warning in shot.warnings:
        emit(warning)
    return _Run(job, shot, model, matter, emit, between, overlap=overlap).run()


class _Between:
    """Called between two steps of the work: where a job ends or waits, once for each frame it looks at.

    That is put off while a file is being written, so that whoever waits has told of all that is there.
    """

    def __init__(self, cancelled: Callable[[], bool]) -> None:
        self._cancelled, self._due = cancelled, False
        self.told_all: Callable[[], bool] = lambda: True

    def __call__(self, looks: bool) -> None:
        self._due |= looks
        if not self.told_all() or not self._due:
            return
        self._due = False
        if self._cancelled():
            raise KeyboardInterrupt


class _AtOnce(Executor):
    """Does what it is given in the thread that gives it."""

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
        between: _Between,
        *,
        overlap: bool,
    ) -> None:
        self._job, self._shot, self._model, self._matter = job, shot, model, matter
        self._emit = emit
        between.told_all = self._told_all
        # The estimate of the foreground starts threads of its own, which leave the network's no peace.
        self._overlap = overlap and not job.foreground
        self._left: list[int] = []
        self._writing: tuple[MatteResult, Future[tuple[tuple[Path, ...], float]]] | None = None
        self._since = 0.0
        self._done = self._failed = 0
        self._skipped = len(shot.left_out)
        self._broken: dict[int, Repairs] = {}

    def run(self) -> Finished:
        self._emit(_started(self._job, self._shot, self._model, self._matter))
        stopped = False
        try:
            self._deliver(self._not_yet_there())
        except KeyboardInterrupt:
            stopped = True
        finally:
            self._shot.plate.close()
        self._warn_of_repairs()
        self._warn_of_the_cache()
        finished = Finished(self._done, self._skipped, self._failed, cancelled=stopped)
        self._emit(finished)
        return finished

    def _not_yet_there(self) -> tuple[int, ...]:
        """Frames to compute; tells of those that are there."""
        waiting: list[int] = []
        for frame in self._shot.frames:
            path = self._path(frame)
            if self._job.resume and is_complete(path, self._recipe(frame)):
                self._skipped += 1
                names = tuple(str(file) for file in stored_files(path))
                self._emit(FrameDone(frame, names[0], 0.0, cached=True, paths=names, reused="file"))
            else:
                waiting.append(frame)
        return tuple(waiting)

    def _deliver(self, waiting: tuple[int, ...]) -> None:
        self._left, self._since = list(waiting), time.monotonic()
        try:
            with ThreadPoolExecutor(1, "writing") if self._overlap else _AtOnce() as pool:
                try:
                    self._compute(waiting, pool)
                finally:
                    self._tell_written()
        except OutputError as error:
            self._fail(self._left, error)
        except (MemoryError, torch.OutOfMemoryError):
            size = "x".join(str(side) for side in self._matter.geometry.working_size)
            error = SettingsError(f"no memory left at {size}: lower --working-px or take --device cpu")
            self._fail(self._left, error)

    def _compute(self, waiting: tuple[int, ...], pool: Executor) -> None:
        """Each frame is written while the next is computed, and there is never more than one to be written.

        Raises:
            OutputError: no further frame could be written.
        """
        with closing(self._matter.run(waiting)) as results:
            for result in results:
                self._tell_written()
                if isinstance(result, FrameFailure):
                    self._left.remove(result.frame)
                    self._fail([result.frame], result.error)
                else:
                    scene = self._matter.scene_linear(result.frame) if self._job.foreground else None
                    bare = replace(result, alphas=result.alphas[:0], extra={})
                    self._writing = bare, pool.submit(self._write, result, scene)
                del result  # its pixels are the writer's

    def _told_all(self) -> bool:
        """Whether nothing is being written any more, and all that was has been told of."""
        if self._writing is not None and not self._writing[1].done():
            return False
        self._tell_written()
        return True

    def _tell_written(self) -> None:
        """Wait for the frame that is being written, if there is one, and tell of it.

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

    def _fail(self, frames: Iterable[int], error: MaggieError) -> None:
        for frame in frames:
            self._failed += 1
            self._emit(FrameFailed(frame, str(error)))

    def _write(self, result: MatteResult, scene: np.ndarray | None) -> tuple[tuple[Path, ...], float]:
        """The files of a frame, and when they were there."""
        paths = write_mattes(
            self._path(result.frame),
            result.alphas,
            instances=self._shot.guidance.instances,
            geometry=result.geometry,
            plate=result.header,
            provenance=self._provenance(result.frame),
            settings=self._shot.files,
            extra=result.extra,
            scene_linear=scene,
        )
        return paths, time.monotonic()

    def _has_room(self, result: MatteResult) -> bool:
        """Whether the disk takes as much as a matte: if not, the frames to come are not worth computing."""
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
            )
        )

    def _warn_of_repairs(self) -> None:
        if self._broken:
            nan = sum(repairs.nan for repairs in self._broken.values())
            inf = sum(repairs.inf for repairs in self._broken.values())
            found = f"{nan} pixels with NaN and {inf} with Inf in plate frames {compact_frames(self._broken)}"
            self._emit(
                Warning("repaired-pixels", f"{found} were mended in the network's copy; the plate has them")
            )

    def _warn_of_the_cache(self) -> None:
        trouble = self._matter.cache.trouble if self._matter.cache else ""
        if trouble:
            self._emit(
                Warning("cache-not-kept", f"the cache {trouble}: frames are right, the next run starts anew")
            )

    def _path(self, frame: int) -> Path:
        return expand_output(self._job.output, frame, single=len(self._shot.frames) == 1)

    def _recipe(self, frame: int) -> str:
        """Changes with everything that decides the frame's files, and with nothing else."""
        seen = self._matter.influence(frame)
        return recipe_digest(
            {
                "version": __version__,
                "weights": self._model.digest,
                "device": self._model.device.type,
                "precision": self._model.precision,
                # What takes effect counts, not how it was asked for: a configuration by $OCIO or by path.
                "settings": asdict(self._matter.effective),
                "files": asdict(self._shot.files),
                "geometry": asdict(self._matter.geometry),
                "instances": [instance.name for instance in self._shot.guidance.instances],
                "frame": frame,
                "plate": {str(f): self._shot.plate.digest(f) for f in seen},
                "guidance": {str(f): self._shot.guidance.digest(f) for f in seen},
                "pins": {str(f): pins.digest(f) for f in seen} if (pins := self._shot.pins) else {},
            }
        )

    def _provenance(self, frame: int) -> dict[str, Any]:
        info, settings = self._model.info, self._matter.effective
        return {
            "version": __version__,
            "model": info.name,
            "weights_sha256": info.sha256,
            "licence": info.licence,
            "device": self._model.device.type,
            "precision": self._model.precision,
            "settings": asdict(settings),
            "ocio": settings.ocio,
            "colorspace": settings.colorspace,
            "plate": self._job.plate,
            "guidance": [asdict(source) for source in self._job.guidance],
            "pins": self._shot.pins.names(frame) if self._shot.pins else [],
            "recipe": self._recipe(frame),
        }


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
        channels = {slug: place.alpha for slug, place in places(Path(job.output), slugs, job.layout).items()}
    instances = tuple(InstanceInfo(i.name, i.slug, channels[i.slug]) for i in shot.guidance.instances)
    asked = EffectiveSettings(
        device=job.device, precision=job.precision, backend="auto", **asdict(shot.settings)
    )
    in_effect: dict[str, Any] = asdict(matter.effective) | {"working_px": min(width, height)}
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
    )

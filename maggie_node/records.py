"""How a job makes its mattes, as its first event, the mattes' headers and their recipes say it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maggie_api.events import EffectiveSettings, Enlarged, InstanceInfo, Started
from maggie_api.job import MatteJob
from maggie_api.sequences import has_token
from maggie_api.settings import EdgeSettings, settings_of
from maggie_core.mattes import recipe_digest
from maggie_core.mattes.cryptomatte import LAYER as CRYPTOMATTE_LAYER
from maggie_core.mattes.layout import places
from maggie_core.model import MatteModel
from maggie_core.model.checkpoint import found_devices
from maggie_core.runtime.fingerprint import library_versions
from maggie_core.shot.matter import MatteResult, ShotMatter
from maggie_node import __version__
from maggie_node.job_inputs import OpenShot

NOTED = ("views", "luminance-chroma", "less-memory")
"""Warnings that are true of each matte of a job, whatever frames are asked for."""

SAID_DIGITS = 8
"""Hex digits of an input's digest that a header tells: two inputs are equal once in four billion."""


class Records:
    """What one job says of itself."""

    def __init__(self, job: MatteJob, shot: OpenShot, model: MatteModel, matter: ShotMatter) -> None:
        self._job, self._shot, self._model, self._matter = job, shot, model, matter

    def started(self) -> Started:
        """The job's first event."""
        job, shot, model, matter = self._job, self._shot, self._model, self._matter
        width, height = matter.geometry.working_size
        slugs = tuple(instance.slug for instance in shot.guidance.instances)
        if job.layout == "cryptomatte":
            channels = dict.fromkeys(slugs, CRYPTOMATTE_LAYER)
        else:
            channels = {
                slug: place.alpha for slug, place in places(Path(job.mattes), slugs, job.layout).items()
            }
        instances = tuple(InstanceInfo(i.name, i.slug, channels[i.slug]) for i in shot.guidance.instances)
        edges = asdict(settings_of(EdgeSettings, job))
        asked = EffectiveSettings(
            device=job.device,
            precision=job.precision,
            backend="auto",
            **asdict(shot.settings),
            **edges,
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
            devices=found_devices(),
            looks_around=model.window_frames > 1,
        )

    @property
    def _notes(self) -> dict[str, list[str]]:
        """What was assumed or converted, so that a matte tells it as the job does."""
        said = (each.text for each in self._shot.warnings if each.code in NOTED)
        notes = [note for note in (self._matter.view.assumption, *said) if note]
        return {"notes": notes} if notes else {}

    def recipe(self, frame: int, inputs: Mapping[int, Mapping[str, str]]) -> str:
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
                "instances": list(self._shot.guidance.names),
                "frame": frame,
                "passes": [asdict(each) for each in self._matter.passes(frame)],
                "inputs": {str(each): dict(digests) for each, digests in inputs.items()},
                **self._notes,
            }
        )

    def provenance(self, result: MatteResult) -> dict[str, Any]:
        """What the header of a frame's matte says."""
        frame, window = result.frame, result.header.data
        info, settings = self._model.info, self._matter.effective
        return {
            "version": __version__,
            ("frame" if has_token(self._job.mattes) else "plate_frame"): frame,
            "model": info.name,
            "weights_sha256": info.sha256,
            "licence": info.licence,
            **({"encoder_from": info.encoder_from} if info.encoder_from else {}),
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
            **({"tracker": self._job.tracker} if self._shot.guidance.keys else {}),
            "pins": self._shot.pins.names(frame) if self._shot.pins else [],
            "enlarged": [asdict(each) for each in self.enlarged(frame)],
            "without": list(result.without),
            "stood_in": list(result.stood_in),
            "inputs": _inputs_said(result.inputs),
            **self._notes,
            "recipe": self.recipe(frame, result.inputs),
        }

    def enlarged(self, frame: int) -> tuple[Enlarged, ...]:
        """Who was seen enlarged, in the order of the instances."""
        names = list(self._shot.guidance.names)
        found = {
            n: Enlarged(names[n], round(each.enlarged, 3), each.geometry.region.written)
            for each in self._matter.passes(frame)
            if each.enlarged > 1
            for n in each.owned
        }
        return tuple(found[n] for n in sorted(found))


def _inputs_said(inputs: Mapping[int, Mapping[str, str]]) -> dict[str, dict[str, str]]:
    """What a matte is made from as a header tells it, by kind and frame, so that mattes of two jobs in one
    sequence are told apart."""
    said: dict[str, dict[str, str]] = {}
    for frame, digests in inputs.items():
        for kind, digest in digests.items():
            said.setdefault(kind, {})[str(frame)] = digest[:SAID_DIGITS]
    return said

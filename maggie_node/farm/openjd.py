"""An Open Job Description template: chunks of frames on a warm worker, then a check of the whole."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from maggie_api.errors import SettingsError
from maggie_api.sequences import compact_frames
from maggie_core.io.atomic import write_text
from maggie_node.farm.places import Place, places_of
from maggie_node.farm.submission import Submission
from maggie_node.openmp import THREADS

TEMPLATE, VALUES, JOB, QC = "template.json", "parameter_values.json", "job.json", "qc"
NAME_CHARACTERS = 128
"""Most characters that OpenJD allows in a job's name."""
GRACE_S = 30
"""Seconds between the notice of a cancellation and the end; a frame under way is dropped at once."""
IDLE_S = 900
"""Idle seconds after which a worker ends by itself, because its session was killed."""
START_S, STOP_S = 600, 120
"""Seconds after which a worker's start and end are taken for hung; a network disk may hold its libraries."""


def write_openjd(submission: Submission, folder: Path) -> list[Path]:
    """Write `template.json`, the job it runs, `job.json`, and `parameter_values.json` into `folder`.

    The three are a job bundle of AWS Deadline Cloud: the values say which folders it has to copy or to map.

    Raises:
        SettingsError: OpenJD does not take the name or a variable of the environment.
        OutputError: nothing can be written there.
    """
    name = submission.name
    if not 0 < len(name) <= NAME_CHARACTERS or not name.isprintable():
        raise SettingsError(
            f"the job's name has {len(name)} characters: OpenJD takes 1 to {NAME_CHARACTERS} printable ones"
        )
    for variable, value in submission.machine.environment.items():
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", variable) or "{{" in value:
            raise SettingsError(
                f"--env {variable}={value}: OpenJD takes names of letters, digits and _, no {{{{ in values"
            )
    path, values, document = folder / TEMPLATE, folder / VALUES, folder / JOB
    write_text(document, submission.shot.job.to_json())
    write_text(path, _as_json(template(submission)))
    write_text(values, _as_json(parameter_values(submission)))
    return [path, document, values]


def _as_json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def parameter_values(submission: Submission) -> dict[str, Any]:
    """Values of a job bundle: the places of the job, and how often a task is repeated."""
    values: dict[str, Any] = {
        _parameter(place): place.path for place in places_of(submission.shot.job) if place.path
    }
    values["deadline:maxRetriesPerTask"] = submission.farm_retries
    return {"parameterValues": [{"name": name, "value": value} for name, value in values.items()]}


def template(submission: Submission) -> dict[str, Any]:
    """The template as plain data."""
    job, frames = submission.shot.job, submission.shot.frames
    gaps = frames[-1] - frames[0] + 1 != len(frames)
    places = places_of(job)
    steps = _Steps(submission, [f"{place.name}={{{{Param.{_parameter(place)}}}}}" for place in places])
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": submission.name,
        "parameterDefinitions": [
            _path("JobFile", "FILE", "IN", JOB, "The job document; its paths are absolute."),
            _path("QcFolder", "DIRECTORY", "OUT", QC, "Where the report of the last step goes."),
            {
                "name": "Frames",
                "type": "STRING",
                "default": range_expression(frames),
                "description": "Frames to deliver. The last step checks all frames of the job document.",
            },
            {
                "name": "Chunk",
                "type": "INT",
                "default": submission.chunk,
                "minValue": 1,
                "description": "Frames of a task at most; any number gives the same pixels.",
            },
            *(_path_of(place) for place in places),
            {
                "name": "Threads",
                "type": "INT",
                "default": 0,
                "minValue": 0,
                "description": "Threads of a task; 0 = as the machine has them.",
            },
            {
                "name": "Retries",
                "type": "INT",
                "default": submission.retries,
                "minValue": 0,
                "description": "Times that a task begins again after it was killed or lost its worker.",
            },
            {
                "name": "MaggieNode",
                "type": "STRING",
                "default": submission.executable,
                "description": "The maggie-node command on the farm's machines.",
            },
        ],
        "jobEnvironments": [
            {
                "name": "Variables",
                "variables": {THREADS: "{{Param.Threads}}", **submission.machine.environment},
            }
        ],
        "steps": [
            *([steps.keys(submission.key_intervals)] if submission.key_intervals else []),
            steps.matte(gaps=gaps),
            *([steps.pictures()] if job.all_pictures else []),
            steps.check(after="Pictures" if job.all_pictures else "Matte"),
        ],
    }


class _Steps:
    """The steps of a template.

    Args:
        places: `NAME={{Param.X}}` for each place of the job.
    """

    def __init__(self, submission: Submission, places: Sequence[str]) -> None:
        self._submission = submission
        self._places = [word for place in places for word in ("--path", place)]

    def keys(self, intervals: Sequence[Sequence[int]]) -> dict[str, Any]:
        """People are followed from key masks: a task for each interval between keys that everybody has."""
        ranges = [compact_frames(frames) for frames in intervals]
        return {
            "name": "Keys",
            **self._on_a_gpu(),
            "parameterSpace": {
                "taskParameterDefinitions": [{"name": "Between", "type": "STRING", "range": ranges}]
            },
            **self._script("propagate", "--frames", "{{Task.Param.Between}}"),
        }

    def matte(self, *, gaps: bool) -> dict[str, Any]:
        return {
            "name": "Matte",
            **({"dependencies": [{"dependsOn": "Keys"}]} if self._submission.key_intervals else {}),
            **self._on_a_gpu(),
            "parameterSpace": {
                "taskParameterDefinitions": [
                    {
                        "name": "Frame",
                        "type": "CHUNK[INT]",
                        "range": "{{Param.Frames}}",
                        "chunks": {
                            "defaultTaskCount": "{{Param.Chunk}}",
                            # Contiguous chunks of every second frame would have one frame each.
                            "rangeConstraint": "NONCONTIGUOUS" if gaps else "CONTIGUOUS",
                        },
                    }
                ]
            },
            "stepEnvironments": [
                {
                    "name": "Worker",
                    "description": "Keeps the model loaded between the tasks of a session.",
                    "variables": {"MAGGIE_WORKER": "{{Session.WorkingDirectory}}/worker"},
                    "script": {
                        "actions": {
                            "onEnter": _command(
                                "worker", "start", *_AT, "--idle-s", str(IDLE_S), timeout_s=START_S
                            ),
                            "onExit": _command("worker", "stop", *_AT, timeout_s=STOP_S),
                        }
                    },
                }
            ],
            **self._script("task", "--frames", "{{Task.Param.Frame}}"),
        }

    def pictures(self) -> dict[str, Any]:
        return {
            "name": "Pictures",
            "dependencies": [{"dependsOn": "Matte"}],
            **self._with_memory(),
            **self._script("pictures"),
        }

    def check(self, *, after: str) -> dict[str, Any]:
        return {
            "name": "Check",
            "dependencies": [{"dependsOn": after}],
            **self._with_memory(),
            **self._script("check", "-o", "{{Param.QcFolder}}"),
        }

    def _script(self, name: str, *more: str) -> dict[str, Any]:
        words = self._submission.command(
            name, "{{Param.JobFile}}", *more, *self._places, retries="{{Param.Retries}}"
        )
        run = _command(*words, timeout_s=60 * self._submission.machine.timeout_min)
        run["cancelation"] = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": GRACE_S}
        return {"script": {"actions": {"onRun": run}}}

    def _on_a_gpu(self) -> dict[str, Any]:
        machine = self._submission.machine
        return _requirements(
            {
                "amount.worker.memory": _mib(machine.memory_gb),
                "amount.worker.gpu": machine.gpus,
                "amount.worker.gpu.memory": _mib(machine.gpu_memory_gb),
            }
        )

    def _with_memory(self) -> dict[str, Any]:
        return _requirements({"amount.worker.memory": _mib(self._submission.machine.memory_gb)})


_AT = ("--at", "{{Session.WorkingDirectory}}/worker")


def _mib(gigabytes: float | None) -> int:
    """A size in OpenJD's unit; 0 where none is asked for."""
    return 0 if gigabytes is None else math.ceil(gigabytes * 1e9 / 2**20)


def _requirements(amounts: Mapping[str, int]) -> dict[str, Any]:
    asked = [{"name": name, "min": least} for name, least in amounts.items() if least]
    return {"hostRequirements": {"amounts": asked}} if asked else {}


def _command(*arguments: str, timeout_s: int) -> dict[str, Any]:
    return {"command": "{{Param.MaggieNode}}", "args": list(arguments), "timeout": timeout_s}


def _parameter(place: Place) -> str:
    """The parameter of a place: `PlateFolder`, `Masks2Folder`, `Model`."""
    values = {"model": "Model", "ocio": "OcioConfig"}
    return values.get(place.name) or f"{place.name.capitalize()}Folder"


def _path_of(place: Place) -> dict[str, Any]:
    what = f"it says {place.path}" if place.path else "it names none"
    return _path(
        _parameter(place),
        "FILE" if place.is_file else "DIRECTORY",
        place.flow,
        "",
        f"In place of the job document's {place.name}; empty: as the document has it, and {what}.",
    )


def _path(name: str, kind: str, flow: str, default: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "PATH",
        "objectType": kind,
        "dataFlow": flow,
        "default": default,  # empty, or relative, as OpenJD wants it: beside the template
        "description": description,
    }


def range_expression(frames: Sequence[int]) -> str:
    """Ascending frames in OpenJD's grammar, in which a step is written `1-9:2`."""
    parts: list[str] = []
    rest = list(frames)
    while rest:
        step = rest[1] - rest[0] if len(rest) > 1 else 1
        count = 1
        while count < len(rest) and rest[count] - rest[count - 1] == step:
            count += 1
        if count == 2 and step > 1:
            count = 1  # two frames are no range: the second may begin one
        run, rest = rest[:count], rest[count:]
        parts.append(f"{run[0]}-{run[-1]}{f':{step}' if step > 1 else ''}" if count > 1 else str(run[0]))
    return ",".join(parts)

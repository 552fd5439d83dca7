"""An Open Job Description template: chunks of frames on a warm worker, then a check of the whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from maggie_api.errors import SettingsError
from maggie_api.sequences import compact_frames
from maggie_node.farm.shot import Submission, write_text

TEMPLATE, JOB, QC = "template.json", "job.json", "qc"
NAME_CHARACTERS = 128
"""Most characters that OpenJD allows in a job's name."""
GRACE_S = 30
"""Seconds between the notice of a cancellation and the end; a frame under way is dropped at once."""
IDLE_S = 900
"""Idle seconds after which a worker ends by itself, because its session was killed."""


def write_openjd(submission: Submission, folder: Path) -> list[Path]:
    """Write `template.json` and the job it runs, `job.json`, into `folder`.

    Raises:
        SettingsError: OpenJD does not take the name.
        OutputError: nothing can be written there.
    """
    name = submission.name
    if not 0 < len(name) <= NAME_CHARACTERS or not name.isprintable():
        raise SettingsError(
            f"the job's name has {len(name)} characters: OpenJD takes 1 to {NAME_CHARACTERS} printable ones"
        )
    path, document = folder / TEMPLATE, folder / JOB
    write_text(document, submission.shot.job.to_json())
    write_text(path, json.dumps(template(submission), indent=2, ensure_ascii=False) + "\n")
    return [path, document]


def template(submission: Submission) -> dict[str, Any]:
    """The template as plain data."""
    frames = submission.shot.frames
    gaps = frames[-1] - frames[0] + 1 != len(frames)
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
            {
                "name": "MaggieNode",
                "type": "STRING",
                "default": submission.executable,
                "description": "The maggie-node command on the farm's machines.",
            },
        ],
        "steps": [
            *([_keys(submission.key_intervals)] if submission.key_intervals else []),
            _matte(gaps=gaps, after_keys=bool(submission.key_intervals)),
            *([_pictures()] if submission.shot.job.all_pictures else []),
            _check(submission),
        ],
    }


def _keys(intervals: Sequence[Sequence[int]]) -> dict[str, Any]:
    """People are followed from the key masks: a task for each interval between keys that everybody has."""
    ranges = [compact_frames(frames) for frames in intervals]
    arguments = ("farm", "propagate", "{{Param.JobFile}}", "--frames", "{{Task.Param.Between}}")
    return {
        "name": "Keys",
        "parameterSpace": {
            "taskParameterDefinitions": [{"name": "Between", "type": "STRING", "range": ranges}]
        },
        "script": {"actions": {"onRun": _command(*arguments, stoppable=True)}},
    }


def _matte(*, gaps: bool, after_keys: bool) -> dict[str, Any]:
    return {
        "name": "Matte",
        **({"dependencies": [{"dependsOn": "Keys"}]} if after_keys else {}),
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
                        "onEnter": _command("worker", "start", *_AT, "--idle-s", str(IDLE_S)),
                        "onExit": _command("worker", "stop", *_AT),
                    }
                },
            }
        ],
        "script": {
            "actions": {
                "onRun": _command(
                    "farm", "task", "{{Param.JobFile}}", "--frames", "{{Task.Param.Frame}}", stoppable=True
                )
            }
        },
    }


_AT = ("--at", "{{Session.WorkingDirectory}}/worker")


def _pictures() -> dict[str, Any]:
    return {
        "name": "Pictures",
        "dependencies": [{"dependsOn": "Matte"}],
        "script": {"actions": {"onRun": _command("farm", "pictures", "{{Param.JobFile}}", stoppable=True)}},
    }


def _check(submission: Submission) -> dict[str, Any]:
    arguments = submission.check("{{Param.JobFile}}", "{{Param.QcFolder}}")
    return {
        "name": "Check",
        "dependencies": [{"dependsOn": "Matte"}],
        "script": {"actions": {"onRun": _command(*arguments, stoppable=True)}},
    }


def _command(*arguments: str, stoppable: bool = False) -> dict[str, Any]:
    command: dict[str, Any] = {"command": "{{Param.MaggieNode}}", "args": list(arguments)}
    if stoppable:
        command["cancelation"] = {"mode": "NOTIFY_THEN_TERMINATE", "notifyPeriodInSeconds": GRACE_S}
    return command


def _path(name: str, kind: str, flow: str, default: str, description: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "PATH",
        "objectType": kind,
        "dataFlow": flow,
        "default": default,  # relative, as OpenJD wants it: beside the template
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

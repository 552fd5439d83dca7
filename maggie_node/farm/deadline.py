"""Dependent jobs for Deadline 10, each as a job info file and a file for its CommandLine plugin."""

from __future__ import annotations

import re
from pathlib import Path

from maggie_api.errors import SettingsError
from maggie_node.farm.shot import Submission, write_text

JOB, QC = "job.json", "qc"
KEYS_JOB, KEYS_PLUGIN = "keys_job.info", "keys_plugin.info"
MATTE_JOB, MATTE_PLUGIN = "matte_job.info", "matte_plugin.info"
PICTURES_JOB, PICTURES_PLUGIN = "pictures_job.info", "pictures_plugin.info"
QC_JOB, QC_PLUGIN = "qc_job.info", "qc_plugin.info"


def write_deadline(submission: Submission, folder: Path) -> list[Path]:
    """Write two files for each job and the job document they run, `job.json`, into `folder`.

    Raises:
        SettingsError: a text does not fit on a line of Deadline's files.
        OutputError: nothing can be written there.
    """
    job, name = submission.shot.job, submission.name
    document, report = folder / JOB, folder / QC
    output = Path(job.output)
    files = {
        **(_keys(submission, document) if submission.key_intervals else {}),
        MATTE_JOB: {
            "Plugin": "CommandLine",
            "Name": f"{name} matte",
            "BatchName": name,
            "Frames": job.frames or "",
            "ChunkSize": str(submission.chunk),
            "OutputDirectory0": str(output.parent),
            "OutputFilename0": output.name,
        },
        # Deadline makes a task's first and last frame; frames between them that the job does not ask for
        # are left out by `farm task`.
        MATTE_PLUGIN: _plugin(
            submission,
            ["farm", "task", str(document), "--frames", "<STARTFRAME>-<ENDFRAME>", "--for", "deadline"],
        ),
        **(_pictures(submission, document) if job.all_pictures else {}),
        QC_JOB: {
            "Plugin": "CommandLine",
            "Name": f"{name} qc",
            "BatchName": name,
            "Frames": "0",
            "ChunkSize": "1",
            "OutputDirectory0": str(report),
        },
        QC_PLUGIN: _plugin(submission, submission.check(str(document), str(report))),
    }
    texts = {
        folder / file: "".join(_line(key, value) for key, value in entries.items())
        for file, entries in files.items()
    }
    for path, text in (texts | {document: job.to_json()}).items():
        write_text(path, text)
    return [*texts, document]


def _keys(submission: Submission, document: Path) -> dict[str, dict[str, str]]:
    """The job that follows people from key masks before the mattes; one task."""
    return {
        KEYS_JOB: {
            "Plugin": "CommandLine",
            "Name": f"{submission.name} keys",
            "BatchName": submission.name,
            "Frames": "0",
            "ChunkSize": "1",
        },
        KEYS_PLUGIN: _plugin(submission, ["farm", "propagate", str(document), "--for", "deadline"]),
    }


def _pictures(submission: Submission, document: Path) -> dict[str, dict[str, str]]:
    """The job that makes movies and other pictures when all mattes are there."""
    job, name = submission.shot.job, submission.name
    folders = dict.fromkeys(str(Path(path).parent) for path in job.all_pictures)
    return {
        PICTURES_JOB: {
            "Plugin": "CommandLine",
            "Name": f"{name} pictures",
            "BatchName": name,
            "Frames": "0",
            "ChunkSize": "1",
            **{f"OutputDirectory{place}": folder for place, folder in enumerate(folders)},
        },
        PICTURES_PLUGIN: _plugin(submission, ["farm", "pictures", str(document), "--for", "deadline"]),
    }


def _plugin(submission: Submission, arguments: list[str]) -> dict[str, str]:
    return {
        "Executable": submission.executable,
        "Arguments": " ".join(_quoted(word) for word in arguments),
        "Shell": "default",
        "ShellExecute": "False",
        "SingleFramesOnly": "False",
    }


def _quoted(word: str) -> str:
    if '"' in word:
        raise SettingsError(f"{word} has a quotation mark in it, which Deadline cannot take: rename it")
    return f"<QUOTE>{word}<QUOTE>" if re.search(r"[^\w<>=,./:-]|\\", word) or not word else word


def _line(key: str, value: str) -> str:
    if not value.isprintable():
        raise SettingsError(f"{key} is {value!r}: Deadline needs it on one line, without control characters")
    return f"{key}={value}\n"

"""Dependent jobs for Deadline 10, each as a job info file and a file for its CommandLine plugin."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from maggie_api.errors import SettingsError
from maggie_api.job import MatteJob
from maggie_core.io.atomic import write_text
from maggie_node.farm.submission import Submission

JOB, QC = "job.json", "qc"
KEYS_JOB, KEYS_PLUGIN = "keys_job.info", "keys_plugin.info"
MATTE_JOB, MATTE_PLUGIN = "matte_job.info", "matte_plugin.info"
PICTURES_JOB, PICTURES_PLUGIN = "pictures_job.info", "pictures_plugin.info"
QC_JOB, QC_PLUGIN = "qc_job.info", "qc_plugin.info"


@dataclass(frozen=True)
class Queue:
    """Where Deadline lines the jobs up, and how many machines take them; None = as the repository does."""

    pool: str | None = None
    group: str | None = None
    priority: int | None = None
    limits: str | None = None
    """Names of limits, with commas between them."""
    machine_limit: int | None = None


def write_deadline(submission: Submission, folder: Path, *, queue: Queue = Queue()) -> list[Path]:  # noqa: B008
    """Write two files for each job and the job document they run, `job.json`, into `folder`.

    Raises:
        SettingsError: a text does not fit on a line of Deadline's files.
        OutputError: nothing can be written there.
    """
    job, document, report = submission.shot.job, folder / JOB, folder / QC
    output = Path(job.output)
    jobs = _Jobs(submission, queue, str(document))
    files = {
        **(
            {KEYS_JOB: jobs.info("keys", crowded=True), KEYS_PLUGIN: jobs.plugin("propagate")}
            if submission.key_intervals
            else {}
        ),
        MATTE_JOB: jobs.info(
            "matte",
            crowded=True,
            Frames=job.frames or "",
            ChunkSize=str(submission.chunk),
            OutputDirectory0=str(output.parent),
            OutputFilename0=output.name,
        ),
        # Deadline makes a task's first and last frame; frames between them that the job does not ask for
        # are left out by `farm task`.
        MATTE_PLUGIN: jobs.plugin("task", "--frames", "<STARTFRAME>-<ENDFRAME>"),
        **(_pictures(jobs, job) if job.all_pictures else {}),
        QC_JOB: jobs.info("qc", OutputDirectory0=str(report)),
        QC_PLUGIN: jobs.plugin("check", "-o", str(report)),
    }
    texts = {
        folder / file: "".join(_line(key, value) for key, value in entries.items())
        for file, entries in files.items()
    }
    for path, text in (texts | {document: job.to_json()}).items():
        write_text(path, text)
    return [*texts, document]


def _pictures(jobs: _Jobs, job: MatteJob) -> dict[str, dict[str, str]]:
    """The job that makes movies and other pictures when all mattes are there."""
    folders = dict.fromkeys(str(Path(path).parent) for path in job.all_pictures)
    outputs = {f"OutputDirectory{place}": folder for place, folder in enumerate(folders)}
    return {PICTURES_JOB: {**jobs.info("pictures"), **outputs}, PICTURES_PLUGIN: jobs.plugin("pictures")}


class _Jobs:
    """The entries of job info and plugin info files."""

    def __init__(self, submission: Submission, queue: Queue, document: str) -> None:
        self._submission, self._queue, self._document = submission, queue, document

    def info(self, kind: str, *, crowded: bool = False, **own: str) -> dict[str, str]:
        """A job info file.

        Args:
            crowded: the job computes on many machines, so that limits are for it.
        """
        submission, queue = self._submission, self._queue
        limits = {"LimitGroups": queue.limits, "MachineLimit": queue.machine_limit} if crowded else {}
        asked = {"Pool": queue.pool, "Group": queue.group, "Priority": queue.priority, **limits}
        environment = [f"{name}={value}" for name, value in submission.machine.environment.items()]
        return {
            "Plugin": "CommandLine",
            "Name": f"{submission.name} {kind}",
            "BatchName": submission.name,
            "Frames": "0",
            "ChunkSize": "1",
            **own,
            **{key: str(value) for key, value in asked.items() if value is not None},
            "TaskTimeoutMinutes": str(submission.machine.timeout_min),
            "OnTaskTimeout": "Error",
            # A task repeats by itself what another try may mend; what it fails for then is final.
            "OverrideTaskFailureDetection": "True",
            "FailureDetectionTaskErrors": str(1 + submission.farm_retries),
            **{f"EnvironmentKeyValue{place}": pair for place, pair in enumerate(environment)},
        }

    def plugin(self, command: str, *more: str) -> dict[str, str]:
        submission = self._submission
        words = submission.command(command, self._document, *more, *submission.paths(), farm="deadline")
        return {
            "Executable": submission.executable,
            "Arguments": " ".join(_quoted(word) for word in words),
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

"""An outline for OpenCue, serialised by its own library to the XML that a Cuebot takes."""

from __future__ import annotations

import re
import shlex
import tempfile
from pathlib import Path
from typing import Any

from maggie_api.errors import SettingsError
from maggie_node.farm.shot import Submission, write_text

SPEC, JOB, QC = "job.xml", "job.json", "qc"
FRAME = "#IFRAME#"
"""The first frame of a chunk, as the Cuebot puts it into a command."""


def write_opencue(
    submission: Submission, folder: Path, *, show: str = "testing", shot: str = "default"
) -> list[Path]:
    """Write `job.xml` and the job it runs, `job.json`, into `folder`.

    Args:
        show, shot: where OpenCue files the job.

    Raises:
        SettingsError: opencue-pyoutline is not installed.
        OutputError: nothing can be written there.
    """
    cuerun, shell, outline = _pyoutline()
    path, document = folder / SPEC, folder / JOB
    job, chunk = submission.shot.job, submission.chunk
    run = [submission.executable, "farm", "task", str(document)]
    run += ["--frames", FRAME, "--chunk", str(chunk), "--for", "opencue"]
    check = [submission.executable, *submission.check(str(document), str(folder / QC))]
    with tempfile.TemporaryDirectory() as sessions:
        # The library keeps a session for its own wrapper, which these commands do without.
        outline.config.set("outline", "session_dir", sessions)
        made = outline.Outline(_slug(submission.name), show=show, shot=shot)
        matte = shell.Shell("matte", command=_quoted(run), range=job.frames, chunk=chunk)
        qc = shell.ShellCommand("qc", command=_quoted(check))
        qc.depend_all(matte)
        if submission.key_intervals:
            run = [submission.executable, "farm", "propagate", str(document), "--for", "opencue"]
            keys = shell.ShellCommand("keys", command=_quoted(run))
            matte.depend_all(keys)
            made.add_layer(keys)
        made.add_layer(matte)
        if job.all_pictures:
            run = [submission.executable, "farm", "pictures", str(document)]
            pictures = shell.ShellCommand("pictures", command=_quoted(run))
            pictures.depend_all(matte)
            made.add_layer(pictures)
        made.add_layer(qc)
        text = cuerun.OutlineLauncher(made, nomail=True).serialize(use_pycuerun=False)
    write_text(document, job.to_json())
    write_text(path, text + "\n")
    return [path, document]


def _pyoutline() -> tuple[Any, Any, Any]:
    try:
        import outline
        import outline.cuerun
        import outline.modules.shell
    except ImportError as error:
        raise SettingsError(
            f"OpenCue's library is not here ({error}): pip install 'maggie-node[opencue]' "
            "(PyPI's pyoutline is something else)"
        ) from None
    return outline.cuerun, outline.modules.shell, outline


def _quoted(words: list[str]) -> str:
    return " ".join(word if word == FRAME else shlex.quote(word) for word in words)


def _slug(name: str) -> str:
    """A job's name as OpenCue takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "matte"

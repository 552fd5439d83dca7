"""An outline for OpenCue, serialised by its own library to the XML that a Cuebot takes."""

from __future__ import annotations

import math
import re
import tempfile
from pathlib import Path
from typing import Any

from maggie_api.errors import SettingsError
from maggie_core.io.atomic import write_text
from maggie_node.farm.places import is_windows, shot_name
from maggie_node.farm.submission import Submission

SPEC, JOB, QC = "job.xml", "job.json", "qc"
FRAME = "#IFRAME#"
"""The first frame of a chunk, as the Cuebot puts it into a command."""


def write_opencue(
    submission: Submission,
    folder: Path,
    *,
    show: str = "testing",
    shot: str | None = None,
    user: str | None = None,
    service: str = "shell",
) -> list[Path]:
    """Write `job.xml` and the job it runs, `job.json`, into `folder`.

    Args:
        show, shot: where OpenCue files the job; None = the shot that the plate's path names.
        user: whose job it is; None = the user's who runs this.
        service: OpenCue's name for what the tasks are, which has its own needs and limits there.

    Raises:
        SettingsError: opencue-pyoutline is not installed, or a command cannot be quoted.
        OutputError: nothing can be written there.
    """
    cuerun, shell, outline = _pyoutline()
    path, document = folder / SPEC, folder / JOB
    job, chunk, machine = submission.shot.job, submission.chunk, submission.machine

    def command(name: str, *more: str) -> str:
        words = submission.command(name, _on_a_line(document), *more, farm="opencue")
        return _quoted([_on_a_line(submission.executable), *words])

    needs = {"memory": _size(machine.memory_gb), "timeout": 60 * machine.timeout_min}
    gpu = {"gpus": machine.gpus or None, "gpu_memory": _size(machine.gpu_memory_gb)}
    with tempfile.TemporaryDirectory() as sessions:
        # The library keeps a session for its own wrapper, which these commands do without.
        outline.config.set("outline", "session_dir", sessions)
        made = outline.Outline(
            _slug(submission.name), show=show, shot=shot or _slug(shot_name(job).split()[0])
        )
        for name, value in machine.environment.items():
            made.set_env(name, value, True)  # True: the Cuebot gives it to the tasks

        def add(layer: Any, after: Any, *, on_a_gpu: bool = False) -> Any:
            layer.set_service(service)
            for name, value in (needs | gpu if on_a_gpu else needs).items():
                if value is not None:
                    layer.set_arg(name, value)
            if after is not None:
                layer.depend_all(after)
            made.add_layer(layer)
            return layer

        before = None
        if submission.key_intervals:
            before = add(shell.ShellCommand("keys", command=command("propagate")), None, on_a_gpu=True)
        run = command("task", "--frames", FRAME, "--chunk", str(chunk))
        last = add(shell.Shell("matte", command=run, range=job.frames, chunk=chunk), before, on_a_gpu=True)
        if job.all_pictures:
            last = add(shell.ShellCommand("pictures", command=command("pictures")), last)
        add(shell.ShellCommand("qc", command=command("check", "-o", _on_a_line(folder / QC))), last)
        flags = {"nomail": True, "maxretries": submission.farm_retries, **({"user": user} if user else {})}
        text = cuerun.OutlineLauncher(made, **flags).serialize(use_pycuerun=False)
    write_text(document, job.to_json())
    write_text(path, text + "\n")
    return [path, document]


def _size(gigabytes: float | None) -> str | None:
    """A size as OpenCue writes it, in megabytes."""
    return None if gigabytes is None else f"{math.ceil(gigabytes * 1000)}m"


def _pyoutline() -> tuple[Any, Any, Any]:
    try:
        import outline
        import outline.cuerun
        import outline.modules.shell
    except ImportError as error:
        raise SettingsError(
            f"OpenCue's library is not here ({error}): pip install opencue-pyoutline packaging "
            "(PyPI's pyoutline is something else)"
        ) from None
    return outline.cuerun, outline.modules.shell, outline


def _on_a_line(path: str | Path) -> str:
    """A path as commands of every system take it: Windows also knows slashes."""
    return str(path).replace("\\", "/") if is_windows(str(path)) else str(path)


def _quoted(words: list[str]) -> str:
    """One line for sh and for cmd.exe, which have double quotes in common.

    Raises:
        SettingsError: a word has a character in it that one of them expands even there.
    """
    for word in words:
        bad = re.search(r"[\"$`%!\\\n]", word)
        if bad:
            raise SettingsError(
                f"{word} has {bad[0]!r} in it, which a shell of OpenCue's machines expands: rename it"
            )
    return " ".join(w if re.fullmatch(r"[\w@+=:,./#-]+", w, re.ASCII) else f'"{w}"' for w in words)


def _slug(name: str) -> str:
    """A job's name as OpenCue takes it: letters, digits and underscores."""
    return re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "matte"

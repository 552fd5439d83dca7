"""A farm's command run again where another try may mend it, and never where none can."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from maggie_api.errors import (
    BAD_INPUT,
    CANCELLED,
    DEFECT,
    LICENCE_REFUSED,
    QC_EXCEEDED,
    SOME_FAILED,
)

FINAL = frozenset((0, DEFECT, BAD_INPUT, SOME_FAILED, QC_EXCEEDED, LICENCE_REFUSED, CANCELLED))
"""Exit codes after which another try ends the same. All others are a lost worker, or a killed process."""
RETRY = 75
"""Exit code of a task that may succeed when it is run again unchanged (EX_TEMPFAIL of sysexits.h)."""
PAUSE_S = 5.0
"""Seconds before another try: a machine that ran out of memory has to get some back."""


def run_again(
    words: Sequence[str], *, retries: int, say: Callable[[str], None], pause_s: float = PAUSE_S
) -> int:
    """Run `maggie-node WORDS` in a process of its own, up to `retries` times again; returns its exit code.

    A process that was killed gives RETRY. Signals go on to the process, and end the tries.
    """
    for tried in range(1, retries + 2):
        code, stopped = _run([sys.executable, "-m", "maggie_node", *words])
        if code in FINAL or stopped:
            return code
        if tried <= retries:
            how = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
            say(f"it {how}: trying again, {tried} of {retries}")
            time.sleep(pause_s)
    return RETRY


def _run(command: Sequence[str]) -> tuple[int, bool]:
    """Exit code, and whether a signal asked for the end."""
    asked: list[int] = []
    process: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if (
            process is not None and sys.platform != "win32"
        ):  # there a process has the console's signals itself
            process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        process = subprocess.Popen(command)
        if asked:  # while it was being started
            process.terminate()
        return process.wait(), bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""Which processes run on this machine."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any


def is_running(pid: int) -> bool:
    """Whether a process of this number exists on this machine."""
    if sys.platform == "win32":
        return _is_running_on_windows(pid)
    try:
        os.kill(pid, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    # A killed process that nobody has waited for is still there by number.
    with suppress(OSError):
        state = re.search(r"\) ([A-Z]) ", Path(f"/proc/{pid}/stat").read_text())
        return state is None or state[1] not in "ZX"
    return True


_SYNCHRONIZE = 0x0010_0000
_TIMEOUT = 0x102
_ACCESS_DENIED = 5


def _is_running_on_windows(pid: int) -> bool:
    # `os.kill` would end the process there.
    kernel: Any = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined]
    process = kernel.OpenProcess(_SYNCHRONIZE, False, pid)
    if not process:
        return ctypes.get_last_error() == _ACCESS_DENIED  # type: ignore[attr-defined]
    try:
        return kernel.WaitForSingleObject(process, 0) == _TIMEOUT
    finally:
        kernel.CloseHandle(process)

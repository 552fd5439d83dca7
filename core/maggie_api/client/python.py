"""The Python interpreter that has maggie-node: found, checked, and remembered for the hosts of this user.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Optional

from ..errors import HostError
from .transport import clean_environment

VERSION_S = 60.0
"""Longest time for an interpreter to print its version; it may come from a cold network disk."""
INSTALL = (
    "install maggie-node (make wheel, pip install maggie_node-*.whl) and name its python here, or in "
    "$MAGGIE_PYTHON"
)


def find_python(configured: str = "") -> str:
    """Absolute path of the interpreter that has maggie-node.

    It is the configured one, $MAGGIE_PYTHON, the remembered one, or the one beside the `maggie-node` command
    on PATH. Each may be a path or the name of a command on PATH.

    Raises:
        HostError: there is none, or the one that was named is not there.
    """
    for named, place in (
        (configured, "the settings"),
        (os.environ.get("MAGGIE_PYTHON", ""), "$MAGGIE_PYTHON"),
        (_remembered(), str(_settings_file())),
    ):
        if named:
            found = located(named)
            if found is None:
                raise HostError(f"{place} names the python {named}, which is not there: {INSTALL}")
            return found
    command = shutil.which("maggie-node")
    beside = Path(command).resolve().parent if command else Path()
    for name in ("python.exe", "python3", "python"):
        found = located(str(beside / name)) if command else None
        if found is not None:
            return found
    raise HostError(f"no python with maggie-node is known: {INSTALL}")


def remember_python(path: str) -> None:
    """Note the interpreter for this user, so that every host finds it.

    Raises:
        HostError: the note cannot be written.
    """
    file = _settings_file()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path + "\n", encoding="utf-8")
    except OSError as error:
        raise HostError(f"{file} cannot be written ({error.strerror or error})") from None


def check_python(path: str) -> str:
    """Version of the maggie-node that an interpreter has; waits for the answer, a second or so.

    Raises:
        HostError: it has none, or does not run.
    """
    try:
        ran = subprocess.run(
            [path, "-m", "maggie_node", "--version"],
            capture_output=True,
            text=True,
            timeout=VERSION_S,
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        reason = getattr(error, "strerror", None) or error
        raise HostError(f"{path} does not run ({reason}): {INSTALL}") from None
    found = re.search(r"version (\S+)", ran.stdout)
    if ran.returncode or not found:
        said = (ran.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise HostError(f"{path} has no maggie-node ({said}): {INSTALL}")
    return found[1]


def pip_words(source: str) -> list[str]:
    """What `pip install` is told to take.

    The versions that maggie-node was tested with are taken from files beside a wheel or in a checkout, those
    with the small torch for CPUs where there is no NVIDIA driver.

    Args:
        source: a wheel; a folder with a checkout or with wheels, without a network if torch's is among them;
            the URL of a package index; or a name that pip's own index knows.

    Raises:
        HostError: it is none of them.
    """
    if re.match(r"https?://", source):
        return ["--index-url", source, "maggie-node"]
    path = Path(source or os.devnull).expanduser()
    if path.is_file():
        return [*_tested_with(path.parent), str(path)]
    if path.is_dir() and (path / "pyproject.toml").is_file():
        return [*_tested_with(path), str(path)]
    if path.is_dir() and any(path.glob("maggie_node-*.whl")):
        alone = ["--no-index"] if any(path.glob("torch-*.whl")) else _tested_with(path)
        return [*alone, "--find-links", str(path), "maggie-node"]
    if not source or re.search(r"[\\/]|\.whl$", source):
        found = f"{source} is no maggie-node that pip can install" if source else "no package is named"
        raise HostError(
            f"{found}: name a wheel (make wheel), a folder with a checkout or wheels, or the URL of an index"
        )
    return [source]


def _tested_with(folder: Path) -> list[str]:
    name = "constraints.txt" if shutil.which("nvidia-smi") else "constraints-cpu.txt"
    return ["-c", str(folder / name)] if (folder / name).is_file() else []


def settings_folder() -> Path:
    """Folder of what maggie-node remembers for this user; it need not exist."""
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home())
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "maggie-node"


def _settings_file() -> Path:
    return settings_folder() / "python"


def _remembered() -> str:
    try:
        return _settings_file().read_text(encoding="utf-8").strip()
    except (OSError, ValueError):
        return ""


def located(named: str) -> Optional[str]:
    """Absolute path of a program that is named by a path or as a command on PATH; None when it is not there.

    A worker is started in another folder and with another environment, where the name may mean nothing.
    """
    found = shutil.which(os.path.expanduser(named))
    return None if found is None else os.path.abspath(found)

"""Source files and what they import; the Python interpreters that hosts have."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def imported_roots(path: Path) -> set[str]:
    """First parts of everything a file imports, wherever in it."""
    roots: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots.add((node.module or "").partition(".")[0])
    return roots


def interpreters() -> list[str]:
    """This Python, and the older ones of hosts as far as they are on this machine."""
    found = [sys.executable]
    for version in ("3.9", "3.10"):
        path = shutil.which(f"python{version}") or ""
        asks = [
            path,
            "-c",
            f"import sys; sys.exit(sys.version_info[:2] != {tuple(map(int, version.split('.')))})",
        ]
        if path and subprocess.run(asks, capture_output=True, env=quiet_environment()).returncode == 0:
            found.append(path)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    for version in ("3.9", "3.10"):
        installed = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
        if installed and not any(version in path for path in found):
            found.append(str(installed[-1]))
    return found


def quiet_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

# SPDX-License-Identifier: GPL-3.0-or-later
"""The extension as a zip, and the folder of a repository that Blender can install it from.

    python build.py ENVIRONMENT [-o FOLDER] [--repository]

ENVIRONMENT is a Python environment with bpy, whose own tool builds, validates and writes the index.

The modules of maggie_node that talk to a worker go in as the extension's sub-package `maggie_node`. An
extension may not put itself on sys.path, so `from maggie_node import job` becomes `from . import job`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE / "maggie_node"
NODE = HERE.parents[1] / "maggie_node"
MODULES = ("__init__", "address", "client", "document", "hosting", "job", "protocol", "rpc")
"""Of maggie_node: what `hosting` needs, all of it standard library."""


def tool_of(environment: Path) -> Path:
    """Blender's extension tool in an environment that has bpy."""
    found = sorted(environment.glob("**/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise SystemExit(f"{environment} has no blender_ext.py: run make .venv-blender")
    return found[0]


def version() -> str:
    """Of maggie-node."""
    return re.search(r'"(.+)"', (NODE / "__init__.py").read_text("utf-8"))[1]


def assemble(folder: Path) -> None:
    """Put together what goes into the zip."""
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = folder / "blender_manifest.toml"
    text = manifest.read_text("utf-8").replace('version = "0.0.0"', f'version = "{version()}"')
    manifest.write_text(text, "utf-8")
    inner = folder / "maggie_node"
    inner.mkdir()
    for name in MODULES:
        text = (NODE / f"{name}.py").read_text("utf-8")
        text = re.sub(r"^from maggie_node import", "from . import", text, flags=re.MULTILINE)
        text = re.sub(r"^from maggie_node\.", "from .", text, flags=re.MULTILINE)
        (inner / f"{name}.py").write_text(text, "utf-8")
    shutil.copy(NODE.parent / "LICENSE", inner / "LICENSE")


def build(environment: Path, folder: Path) -> Path:
    """The zip, validated by Blender's tool."""
    tool = tool_of(environment)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"maggie_node-{version()}.zip"
    with tempfile.TemporaryDirectory() as temporary:
        source = Path(temporary, "maggie_node")
        assemble(source)
        _run(tool, "build", "--source-dir", source, "--output-filepath", path)
    _run(tool, "validate", path)
    return path


def _run(tool: Path, *words: object) -> None:
    done = subprocess.run(
        [sys.executable, tool, *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{words[0]}: {done.stdout}{done.stderr}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("environment", type=Path)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/blender"))
    parser.add_argument("--repository", action="store_true")
    given = parser.parse_args()
    path = build(given.environment, given.output)
    if given.repository:
        _run(tool_of(given.environment), "server-generate", "--repo-dir", given.output, "--html")
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()

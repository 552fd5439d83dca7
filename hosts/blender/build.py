# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the extension's zip, and the index of a repository that Blender can install it from.

    python build.py ENVIRONMENT [-o FOLDER] [--repository]

ENVIRONMENT is a Python environment with bpy: Blender's own tool builds, validates and writes the index.

The folder core/maggie_api goes in unchanged, as the sub-package `maggie_api`: its imports are relative. It is
not a bundled wheel, because Blender keeps a wheel's modules loaded when it updates an extension: the new
extension would meet the old maggie_api until Blender is started again.
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
ROOT = HERE.parents[1]
SOURCE = HERE / "maggie_blender"
API = ROOT / "core" / "maggie_api"


def tool_of(environment: Path) -> Path:
    """Blender's extension tool in an environment that has bpy."""
    found = sorted(environment.glob("**/bl_pkg/cli/blender_ext.py"))
    if not found:
        raise SystemExit(f"{environment} has no blender_ext.py: run make .venv-blender")
    return found[0]


def version() -> str:
    """The version of maggie-node, which the extension has too."""
    found = re.search(r'"(.+)"', (ROOT / "maggie_node" / "__init__.py").read_text("utf-8"))
    if found is None:
        raise SystemExit("maggie_node/__init__.py has no version")
    return found[1]


def assemble(folder: Path) -> None:
    """Make `folder`, which must not exist, with everything that goes into the zip."""
    caches = shutil.ignore_patterns("__pycache__")
    # In the source tree maggie_api is a link, for editors and pyright; not every checkout keeps links.
    shutil.copytree(SOURCE, folder, ignore=shutil.ignore_patterns("__pycache__", API.name))
    shutil.copytree(API, folder / API.name, ignore=caches)
    shutil.copy(ROOT / "LICENSE", folder / API.name / "LICENSE")
    manifest = folder / "blender_manifest.toml"
    text = manifest.read_text("utf-8").replace('version = "0.0.0"', f'version = "{version()}"')
    manifest.write_text(text, "utf-8")


def build(environment: Path, folder: Path) -> Path:
    """Write the zip into `folder` and let Blender's tool validate it; returns the zip."""
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

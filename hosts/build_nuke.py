"""The folder that goes on NUKE_PATH, and a zip of it: the plug-in with the standard-library modules it needs.

python hosts/build_nuke.py -o dist
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "maggie-node-nuke"
PLUGIN = ("init.py", "menu.py", "selftest.py", "maggie_nuke")
VENDORED = ("__init__", "address", "client", "document", "hosting", "job", "protocol", "rpc")
"""Modules of maggie_node that a host imports."""


def build(output: Path) -> Path:
    """Write `output`/maggie-node-nuke and the zip beside it; returns the zip."""
    folder = output / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in PLUGIN:
        source = ROOT / "hosts" / "nuke" / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder / name)
    (folder / "maggie_node").mkdir()
    for name in VENDORED:
        shutil.copy2(ROOT / "maggie_node" / f"{name}.py", folder / "maggie_node")
    shutil.copy2(ROOT / "LICENSE", folder)
    shutil.copy2(ROOT / "docs" / "nuke.md", folder / "README.md")
    return Path(shutil.make_archive(str(folder), "zip", output, NAME))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist")
    sys.stdout.write(f"{build(parser.parse_args().output)}\n")

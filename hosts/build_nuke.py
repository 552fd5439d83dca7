"""Build the Nuke plug-in: the folder that goes on NUKE_PATH, and a zip of it.

python hosts/build_nuke.py -o dist
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NAME = "maggie-node-nuke"
PLUGIN = ("init.py", "menu.py", "MaGGIe.png", "selftest.py", "maggie_nuke")
"""Files and folders of hosts/nuke."""
API = ROOT / "core" / "maggie_api"
"""Everything else that the plug-in imports; copied unchanged."""
PANEL = ROOT / "maggie_panel"
"""The panel, which docks where Nuke has Qt; the node does without it."""


def build(output: Path) -> Path:
    """Write `output`/maggie-node-nuke and the zip beside it; returns the zip."""
    folder = output / NAME
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for source in (*(ROOT / "hosts" / "nuke" / name for name in PLUGIN), API, PANEL):
        if source.is_dir():
            shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, folder)
    shutil.copy2(ROOT / "LICENSE", folder)
    shutil.copy2(ROOT / "docs" / "nuke.md", folder / "README.md")
    shutil.copy2(ROOT / "docs" / "nuke_panel.png", folder)
    return Path(shutil.make_archive(str(folder), "zip", output, NAME))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=ROOT / "dist")
    sys.stdout.write(f"{build(parser.parse_args().output)}\n")

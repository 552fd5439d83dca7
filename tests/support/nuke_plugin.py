"""The Nuke plug-in for tests: its parts without Nuke in this process, the rest in a fake Nuke's."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import PyOpenColorIO
from support.guidance_files import write_image
from support.sources import quiet_environment

from maggie_api.layer_names import cryptomatte_id as id_of
from maggie_core.color import BUILT_IN_CONFIG
from maggie_core.guidance.crypto_ids import hex_of

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "hosts" / "nuke"
API = ROOT / "core" / "maggie_api"
SCENE = ROOT / "tests" / "hosts" / "nuke_scene.py"
FRAMES = range(1001, 1007)
SIZE = (64, 96)
ocio: Any = PyOpenColorIO


def part(name: str) -> Any:
    """A module of the plug-in that knows no Nuke: `frames`, `colour`, `layers`, `options` or `shot`."""
    if "maggie_nuke" not in sys.modules:
        package = ModuleType("maggie_nuke")  # without its __init__, which needs Nuke
        package.__path__ = [str(PLUGIN / "maggie_nuke")]
        sys.modules["maggie_nuke"] = package
    return importlib.import_module(f"maggie_nuke.{name}")


def pythons() -> list[str]:
    """The Pythons of Nuke 14 to 17, and the next one, as far as they are here; this one among them."""
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {sys.version_info[:2]: sys.executable}
    for minor in (9, 10, 11, 13):
        installed = sorted(home.glob(f"3.{minor}.*/bin/python3.{minor}"))
        if installed:
            found.setdefault((3, minor), str(installed[-1]))
    return [found[version] for version in sorted(found)]


def write_sequences(folder: Path) -> None:
    """`plate` of two people, their masks `ana` and `ben`, both in `layered` and in a Cryptomatte `ids`."""
    folder.mkdir(parents=True, exist_ok=True)
    height, width = SIZE
    for frame in FRAMES:
        step = frame - FRAMES[0]
        masks = {name: np.zeros(SIZE, np.float32) for name in ("ana", "ben")}
        masks["ana"][10:50, 12 + step : 34 + step] = 1
        masks["ben"][16:56, 56 - step : 80 - step] = 1
        image = np.random.default_rng(frame).uniform(0.02, 0.2, (height, width, 3)).astype(np.float32)
        image += masks["ana"][..., None] * np.array([1.5, 0.4, 0.2], np.float32)
        image += masks["ben"][..., None] * np.array([0.2, 0.4, 0.9], np.float32)
        write_image(
            folder / f"plate.{frame}.exr",
            np.dstack([image, np.ones(SIZE, np.float32)]),
            channels="RGBA",
            kind="half",
        )
        for name, mask in masks.items():
            write_image(folder / f"{name}.{frame}.exr", mask, channels=("A",), kind="half")
        layered = np.dstack([image, masks["ana"], masks["ben"]])
        write_image(
            folder / f"layered.{frame}.exr", layered, channels=(*"RGB", "hero.A", "extra.A"), kind="half"
        )
        _write_cryptomatte(folder / f"ids.{frame}.exr", masks)


def _write_cryptomatte(path: Path, masks: dict[str, np.ndarray]) -> None:
    rank = np.zeros((*SIZE, 4), np.float32)
    for name, mask in masks.items():
        rank[mask > 0, 0] = np.array([id_of(name)], np.uint32).view(np.float32)[0]
        rank[mask > 0, 1] = 1
    key = f"cryptomatte/{hex_of(id_of('CryptoObject'))[:7]}"
    write_image(
        path,
        rank,
        channels=tuple(f"CryptoObject00.{letter}" for letter in "rgba"),
        kind="float",
        metadata={
            f"{key}/name": "CryptoObject",
            f"{key}/hash": "MurmurHash3_32",
            f"{key}/conversion": "uint32_to_float32",
            f"{key}/manifest": json.dumps({name: hex_of(id_of(name)) for name in masks}),
        },
    )


def write_config(path: Path) -> None:
    """The product's own configuration as a file, as a studio has one."""
    path.write_text(ocio.Config.CreateFromBuiltinConfig(BUILT_IN_CONFIG.partition("://")[2]).serialize())


@dataclass
class Case:
    """A fake Nuke's surroundings: sequences to read, a folder of its own, an environment."""

    shot: Path
    folder: Path
    ocio: Path
    model: str = "default"
    python: str = sys.executable
    env: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def own(self, name: str = "MaGGIe1") -> Path:
        """The folder of a node's files."""
        (found,) = (self.folder / "maggie").glob(f"{name}_????????")
        return found

    def run(self, body: str, *, fails: bool = False) -> dict[str, Any]:
        """Run a script in the fake Nuke; what it put into `out`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        script, given = self.folder / "body.py", self.folder / "case.json"
        script.write_text(textwrap.dedent(body), encoding="utf-8")
        case = {
            "shot": str(self.shot),
            "folder": str(self.folder),
            "ocio": str(self.ocio),
            "model": self.model,
            "frames": [FRAMES[0], FRAMES[-1]],
            **self.more,
        }
        given.write_text(json.dumps(case), encoding="utf-8")
        ran = self.process(str(SCENE), str(given), str(script))
        assert (ran.returncode != 0) == fails, f"{ran.stdout}\n{ran.stderr}"
        return json.loads(ran.stdout.splitlines()[-1])

    def process(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-W", "error", *words],
            capture_output=True,
            text=True,
            timeout=400,
            cwd=self.folder,
            env={**quiet_environment(), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1", **self.env},
        )

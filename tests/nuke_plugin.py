"""The Nuke plug-in for tests: its parts without Nuke in this process, the rest in a fake Nuke's."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parent.parent
PLUGIN = ROOT / "hosts" / "nuke"


def part(name: str) -> Any:
    """A module of the plug-in that knows no Nuke: `frames`, `colour`, `layers` or `shot`."""
    if "maggie_nuke" not in sys.modules:
        package = ModuleType("maggie_nuke")  # without its __init__, which needs Nuke
        package.__path__ = [str(PLUGIN / "maggie_nuke")]
        sys.modules["maggie_nuke"] = package
    return importlib.import_module(f"maggie_nuke.{name}")

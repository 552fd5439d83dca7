"""What scores are made by: a change of the code or of a library makes new ones."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

import maggie_api
import maggie_core
from maggie_core.runtime.fingerprint import APART, LIBRARIES

LAB = Path(__file__).parent.parent
LAB_FOLDERS = ("datasets", "evaluation")
"""Folders of the lab that scores depend on."""


def made_by() -> dict[str, str]:
    """Digest of the sources that read samples, matte and score, and the libraries they use."""
    return {"code": _code(), "libraries": _libraries()}


@cache
def _code() -> str:
    state = hashlib.blake2b(digest_size=16)
    for folder in (Path(maggie_api.__file__).parent, Path(maggie_core.__file__).parent, LAB):
        for path in sorted(folder.rglob("*.py")):
            name = path.relative_to(folder)
            if name.parts[0] in LAB_FOLDERS if folder == LAB else name.parts[0] not in APART:
                state.update(f"{folder.name}/{name.as_posix()}".encode() + path.read_bytes())
    return state.hexdigest()


@cache
def _libraries() -> str:
    installed = {each.name.lower(): each.version for each in importlib.metadata.distributions()}
    return " ".join(f"{name} {installed.get(name.lower(), 'unknown')}" for name in LIBRARIES)

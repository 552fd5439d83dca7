"""Identifies what the last bits of a result depend on: device, threads, libraries and this package's code."""

from __future__ import annotations

import hashlib
import importlib.metadata
from functools import cache
from pathlib import Path

import torch

import maggie_api
import maggie_core

LIBRARIES = (
    "numpy",
    "opencolorio",
    "opencv-python-headless",
    "OpenImageIO",
    "numba",
    "pymatting",
    "scipy",
    "torch",
)
APART = ("client", "qc", "weights")
"""Folders of the core and of maggie_api that no matte depends on; weights have a digest of their own."""


def determinism_fingerprint(device: torch.device, precision: str) -> dict[str, str]:
    """What two runs have to share, by name, so that equal input gives equal bits."""
    return {
        "device": _device(device),
        "threads": str(torch.get_num_threads()),
        "precision": precision,
        "libraries": library_versions(),
        "code": _code(),
    }


def _device(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda {torch.cuda.get_device_name(device)}"
    return f"{device.type} {torch.backends.cpu.get_cpu_capability()}"


@cache
def library_versions() -> str:
    """Names and versions of the libraries that decide pixels."""
    return " ".join(f"{name} {_version(name)}" for name in LIBRARIES)


def _version(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


@cache
def _code() -> str:
    """Digest of the sources that decide pixels, so that an update never takes results of another version."""
    state = hashlib.blake2b(digest_size=16)
    for package in (Path(maggie_api.__file__).parent, Path(maggie_core.__file__).parent):
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package)
            if name.parts[0] not in APART:
                state.update(f"{package.name}/{name.as_posix()}".encode() + path.read_bytes())
    return state.hexdigest()

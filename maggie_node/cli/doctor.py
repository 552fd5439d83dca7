"""`maggie-node doctor`: what is installed, what will be used, and what is wrong with it."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import click

from maggie_node import __version__
from maggie_node.cli.commands import debug_option
from maggie_node.processors import usable_cpus

PACKAGES = ("torch", "numpy", "OpenImageIO", "opencolorio", "av", "safetensors", "huggingface_hub")
OPTIONAL = ("spconv-cu120", "spconv-cu126", "PySide6-Essentials")


@click.command(short_help="What is installed, what will be used, what is wrong.")
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@debug_option
def doctor(*, as_json: bool) -> int:
    """Print what a job on this machine would use. Exit code 2 when something needed is not right.

    \b
    For example:
      maggie-node doctor
    """
    report: dict[str, Any] = {
        "maggie-node": __version__,
        "python": f"{platform.python_version()} at {sys.executable}",
        "system": f"{platform.system()} {platform.release()} {platform.machine()}, "
        f"{os.cpu_count()} cores, {usable_cpus()} to be used",
        "packages": {name: _version(name) for name in PACKAGES},
        "optional packages": {name: _version(name) for name in OPTIONAL},
    }
    problems: list[str] = []
    for name, examine in _EXAMINATIONS.items():
        try:
            report[name] = examine()
        except Exception as error:  # whatever is wrong is the finding
            report[name] = None
            problems.append(f"{name}: {' '.join(str(error).split()) or type(error).__name__}")
    report["problems"] = problems
    click.echo(json.dumps(report, indent=2) if as_json else _as_text(report))
    return 2 if problems else 0


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _device() -> dict[str, Any]:
    from maggie_core.model.checkpoint import choose_device, found_devices

    return {"auto takes": str(choose_device("auto")), **{each.name: each.what for each in found_devices()}}


def _precision() -> dict[str, Any]:
    """Which number format a job takes; on a CPU how fast the others are there, measured."""
    from maggie_core.model.checkpoint import choose_device, choose_precision
    from maggie_core.runtime.precision_speed import cpu_speed

    device = choose_device("auto")
    facts: dict[str, Any] = {"auto takes": choose_precision("auto", device)}
    if device.type == "cpu":
        speeds = [cpu_speed("bf16"), cpu_speed("fp16")]
        facts |= {speed.precision: str(speed) for speed in speeds}
        faster = [f"--precision {speed.precision}" for speed in speeds if speed.is_faster]
        facts["advice"] = (
            f"{' or '.join(faster)} saves time here: give it to every machine of a farm, or to none"
            if faster
            else "leave --precision out: nothing is faster here"
        )
    return facts


def _sparse() -> dict[str, Any]:
    """Who computes sparse convolutions on the device a job takes; on CUDA both ways are compared."""
    import torch

    from maggie_core import sparse
    from maggie_core.model.checkpoint import choose_device

    device = choose_device("auto")
    facts = {"computed by": sparse.chosen(device)}
    if device.type == "cuda" and sparse.has_spconv():
        from maggie_core.sparse import native, spconv

        random = torch.Generator(device).manual_seed(1)
        sites = sparse.Sites.where(torch.rand(2, 96, 96, device=device, generator=random) < 0.3)
        rows = torch.rand(len(sites), 32, device=device, generator=random)
        weight = torch.rand(16, 3, 3, 32, device=device, generator=random)
        with torch.inference_mode():
            theirs, ours = (by.submanifold_conv3(rows, weight, None, sites) for by in (spconv, native))
        error = float((theirs - ours).abs().max() / ours.abs().max())
        if error > 1e-4:
            raise RuntimeError(
                f"spconv and native differ by {error:.1e} of the largest value: unset MAGGIE_SPARSE"
            )
        facts["spconv against native"] = f"{error:.1e} of the largest value"
    return facts


def _weights() -> dict[str, Any]:
    from maggie_core.model import load_model

    info = load_model("default", device="cpu", precision="fp32").info
    return {
        "default": f"{info.kind}, {info.parameters:,} parameters",
        "licence": info.licence,
        "sha256": info.sha256,
    }


def _color() -> dict[str, Any]:
    from maggie_core.color import ColorSettings, PlateView

    view = PlateView(ColorSettings(), example_path="plate.exr")
    return {
        "$OCIO": os.environ.get("OCIO"),
        "configuration": view.config_id,
        "an EXR is read as": view.colorspace,
    }


def _files() -> dict[str, Any]:
    """Write and read back an EXR, as every job does."""
    from pathlib import Path

    import numpy as np

    from maggie_core.image.window import Window
    from maggie_core.io.exr import Part, read_image, write_exr

    window = Window(0, 0, 2, 2)
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.full((2, 2, 1), 0.5, np.float32)
        path = write_exr(
            Path(folder) / "test.exr", [Part(None, ("maggie_test.alpha",), pixels, window, window)]
        )
        alike = bool((read_image(path).pixels == pixels).all())
    if not alike:
        raise RuntimeError("an EXR did not read back as it was written: reinstall OpenImageIO")
    free = shutil.disk_usage(tempfile.gettempdir()).free
    return {
        "EXR": "writes and reads",
        "temporary folder": tempfile.gettempdir(),
        "free there": f"{free / 1e9:.0f} GB",
    }


_EXAMINATIONS: dict[str, Callable[[], dict[str, Any]]] = {
    "device": _device,
    "precision": _precision,
    "sparse convolutions": _sparse,
    "weights": _weights,
    "color": _color,
    "files": _files,
}


def _as_text(report: dict[str, Any]) -> str:
    lines: list[str] = []
    for name, value in report.items():
        if name == "problems":
            continue
        if not isinstance(value, dict):
            lines.append(f"{name:<22}{value if value is not None else 'does not work, see below'}")
            continue
        lines.append(name)
        lines += [f"  {key:<20}{'-' if text is None else text}" for key, text in value.items()]
    problems = report["problems"]
    lines += ["", *(f"PROBLEM  {text}" for text in problems)] if problems else ["", "all is well"]
    return "\n".join(lines)

"""Every `maggie-node train` that the README and the documentation show is taken and starts to train."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from support.command_line import run_command
from support.published_sets import write_him2k
from support.tiny import disc, write_shot
from support.training_sets import write_clips, write_stills, write_synthhuman

from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_core.model.network import Network
from maggie_lab.synthesis import BankPlan, build_bank
from maggie_lab.training import loop
from maggie_lab.training.checkpoint import read_checkpoint
from maggie_lab.training.settings import RECIPES
from maggie_lab.training.weights import export
from maggie_node.cli.train import train

ROOT = Path(__file__).parents[2]
EXPERIMENTS, WEIGHTS = "docs/experiments.md", "core/maggie_core/weights/README.md"
PAGES = ("README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")), WEIGHTS)
BLOCK = re.compile(r"^```.*?\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^.*(?:maggie-node|-m maggie_node) train (.*)$", re.MULTILINE)
CLIPS_ALONE = ("paper-video", "table6")
"""Words of the commands that train on clips."""


def commands() -> Iterator[tuple[str, list[str]]]:
    """(page, arguments of `train`) of each command in a block of code; what follows a # is a comment."""
    for page in PAGES:
        for block in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
            for arguments in COMMAND.findall(block.replace("\\\n", " ")):
                yield page, shlex.split(re.sub(r"\s#.*", "", arguments))


def to_start() -> Iterator[tuple[str, list[str]]]:
    """All of them, but one alone of the experiments of each table, which differ in their networks."""
    tables: set[str] = set()
    for page, arguments in commands():
        table = arguments[0].partition("-")[0] if page == EXPERIMENTS else ""
        if table not in tables:
            yield page, arguments
        tables |= {table} - {""}


def named(pages_and_arguments: Iterator[tuple[str, list[str]]]) -> list[Any]:
    return [pytest.param(a, id=f"{page}: {' '.join(a)}") for page, a in pages_and_arguments]


@pytest.mark.parametrize("page", ["README.md", "docs/training.md", EXPERIMENTS, WEIGHTS])
def test_a_page_about_training_shows_its_command(page: str):
    assert page in [page for page, _ in commands()]


@pytest.mark.parametrize("arguments", named(commands()))
def test_the_options_of_a_documented_command_exist(arguments: list[str]):
    parsed = train.make_context("train", list(arguments), parent=click.Context(click.Command("maggie-node")))

    assert parsed.params["run"] == Path(arguments[0])


@pytest.mark.parametrize("arguments", named(to_start()))
def test_a_documented_command_starts_to_train(
    tmp_path: Path, studio: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
):
    for path in studio.iterdir():
        (tmp_path / path.name).symlink_to(path)
    if "--from" in arguments and "/" in (start := arguments[arguments.index("--from") + 1]):
        shutil.copytree(studio / "published", tmp_path / start)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop.Trainer, "train_step", one_step_and_ctrl_c)
    accelerator = loop._accelerator
    # The published recipes need a CUDA device.
    monkeypatch.setattr(
        loop, "_accelerator", lambda s, device: accelerator(replace(s, precision="fp32"), "cpu")
    )
    clips = any(word in " ".join(arguments) for word in CLIPS_ALONE)
    small = [] if "--batch" in arguments else ["--clips", "1"] if clips else ["--batch", "1"]
    small += ["--crop", "64", "--workers", "0"]
    for crops in [k for k, each in enumerate(arguments) if each.startswith("crops=")]:  # --crop excludes it
        arguments = arguments[: crops - 1] + arguments[crops + 1 :]

    result = run_command("train", *arguments, *small)

    assert result.exit_code == 130, result.stderr
    lines = result.stderr.splitlines()
    assert lines[0] == "starting" and lines[-1].startswith("maggie-node: stopped; run it again to go on")
    assert any(line.startswith("step 1  ") for line in lines)
    assert read_checkpoint(tmp_path / arguments[0] / "checkpoint.pt").step == 1
    assert (tmp_path / arguments[0] / "last" / "weights.safetensors").is_file()


def one_step_and_ctrl_c(trainer: loop.Trainer, batches: list[Any]) -> dict[str, float]:
    """A stopped step that learns nothing: one of the published network would take minutes."""
    assert all(batch.image.shape[-1] == 64 for batch in batches)
    os.kill(os.getpid(), signal.SIGINT)
    trainer.step += 1
    return {"loss": 1.0, "norm": 1.0, "rate": 1.0}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all that the pages' commands name, small."""
    folder = tmp_path_factory.mktemp("studio")
    build_bank(folder / "bank", BankPlan(figures=2, backgrounds=2, size_px=96, seed=1))
    write_stills(folder / "I-HIM50K")
    write_clips(folder / "V-HIM2K5", frames=9)
    write_him2k(folder / "HIM2K")
    write_synthhuman(folder / "SynthHuman", (0, 1, 2, 3))
    plate, masks = write_shot(folder, frames=range(1001, 1021))
    whole = Window(0, 0, 96, 64)
    for frame in range(1001, 1021):
        alpha = disc(96, 64, 30, 32, 20)[..., None]
        write_exr(folder / f"ana_final.{frame}.exr", [Part(None, ("A",), alpha, whole, whole)])
    write_job(MatteJob(plate, "matte.####.exr", (MaskGuidance("ana", masks["ben"]),)), folder / "job.json")
    about = {"name": "image", "licence": "in-house", "commercial": True}
    export(Network(RECIPES["paper-image"].config), folder / "published", about)
    return folder

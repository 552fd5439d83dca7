"""A folder with everything that the commands of the documentation name, small."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import numpy as np
from support.command_line import run_command
from support.footage_folders import write_clips_of_people, write_stills
from support.guidance_files import write_grey_png
from support.published_sets import write_clips, write_him2k
from support.tiny import disc, write_shot, write_tiny_model

from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr
from maggie_lab.synthesis import BankPlan, build_bank

FRAMES = range(1001, 1021)
WIDTH, HEIGHT = 96, 64
WHOLE = Window(0, 0, WIDTH, HEIGHT)
MODELS = ("runs/mine/best", "runs/sh010/last", "runs/mine/last")


def write_studio(folder: Path) -> Path:
    """Plate, masks in every form, holds, pins, mattes, jobs, models, data sets."""
    tiny = write_tiny_model(folder / "tiny")
    for path in MODELS:
        shutil.copytree(tiny, folder / path)
    write_shot(folder, frames=FRAMES, width=WIDTH, height=HEIGHT)
    for frame in FRAMES:
        _write_masks(folder, frame)
    (folder / "ana_key.1001.png").write_bytes((folder / "ana.1001.png").read_bytes())
    (folder / "ana_key.1020.png").write_bytes((folder / "ana.1020.png").read_bytes())
    _write_jobs(folder, tiny)
    _write_sets(folder)
    return folder


def open_studio(studio: Path, folder: Path) -> Path:
    """A studio of one's own, of links: what replaces a file in one leaves the others."""
    return Path(shutil.copytree(studio, folder, copy_function=os.link, dirs_exist_ok=True))


def _write_masks(folder: Path, frame: int) -> None:
    ana, ben = (disc(WIDTH, HEIGHT, WIDTH * x, HEIGHT * 0.5, HEIGHT * 0.22) for x in (0.3, 0.7))
    for name in ("ana_core", "ben_keep", "ana_final"):
        write_exr(folder / f"{name}.{frame}.exr", [Part(None, ("A",), ana[..., None], WHOLE, WHOLE)])
    pin = Part(None, ("maggie_ana.alpha",), ana[..., None], WHOLE, WHOLE)
    write_exr(folder / f"ana_fixed.{frame}.exr", [pin])
    layers = Part(None, ("ana.A", "ben.A"), np.stack([ana, ben], -1), WHOLE, WHOLE)
    write_exr(folder / f"masks.{frame}.exr", [layers])
    ids = np.where(ana > 0.5, 1, np.where(ben > 0.5, 2, 0)).astype(np.uint8)
    write_grey_png(folder / f"ids.{frame}.png", ids, bits=8)


def _write_jobs(folder: Path, tiny: Path) -> None:
    """Jobs, and the mattes that they make: of every frame, as layers, as a Cryptomatte and as a movie."""
    masks = tuple(MaskGuidance(name, f"{name}.####.png") for name in ("ana", "ben"))
    job = MatteJob("plate.####.exr", "matte.####.exr", masks, model=str(tiny), device="cpu")
    write_job(job, folder / "job.json")
    write_job(dataclasses.replace(job, frames="1001-1002"), folder / "shot.json")
    ids = dataclasses.replace(job, output="crypto.####.exr", layout="cryptomatte")
    write_job(ids, folder / "ids.json")
    for document in ("job.json", "ids.json"):
        made = run_command("job", folder / document)
        assert made.exit_code == 0, made.stderr
    movie = run_command(
        *("matte", folder / "plate.####.exr", "-o", folder / "ana.mov", "--rgb", "alpha"),
        *("--guidance", f"ana={folder / 'ana.####.png'}", "--model", tiny),
    )
    assert movie.exit_code == 0, movie.stderr
    for place in ("out", "maggie-demo"):
        (folder / place).mkdir()
        for path in folder.glob("matte.*.exr"):
            os.link(path, folder / place / path.name)
    above = tuple(MaskGuidance(mask.name, f"../{mask.sequence}") for mask in masks)
    inside = dataclasses.replace(job, plate="../plate.####.exr", guidance=above)
    write_job(inside, folder / "maggie-demo" / "job.json")


def _write_sets(folder: Path) -> None:
    build_bank(folder / "bank", BankPlan(figures=2, puppets=0, backgrounds=2, size_px=96, seed=0))
    for name in ("HIM2K", "HIM2K_M-HIM2K"):
        root = write_him2k(folder / name, variants=("r50_fpn_3x", "x101_fpn_3x"))
        for part in [*root.glob("*")]:
            shutil.copytree(part / "comp", part / "natural")
    clips = write_clips(folder / "V-HIM60" / "comp_easy", names=("00001",), masks=True)
    shutil.copytree(clips / "pha", folder / "theirs" / "comp_easy")
    write_stills(folder / "footage")
    write_clips_of_people(folder / "footage")
    (folder / "footage" / "fg").rename(folder / "FG")
    (folder / "footage" / "bg").rename(folder / "BG")

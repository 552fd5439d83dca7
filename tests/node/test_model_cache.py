"""Models that stay in memory follow the content of their files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save
from support.shots import TinyShot
from support.tiny import tiny_state, write_tiny_model
from support.workers import job_of

from maggie_api.events import FrameDone
from maggie_core.mattes import explain
from maggie_node import runner
from maggie_node.model_cache import WarmModels


def test_weights_written_in_place_with_their_time_kept_are_loaded_again(tmp_path: Path):
    folder, models = write_tiny_model(tmp_path / "model"), WarmModels()
    file = folder / "tiny.safetensors"
    before, size = file.stat(), file.stat().st_size
    first = models.load(str(folder), device="cpu")
    assert models.load(str(folder), device="cpu") is first

    with file.open("r+b") as opened:
        opened.write(save(tiny_state(seed=3)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert file.stat().st_size == size
    assert models.load(str(folder), device="cpu").digest != first.digest


@pytest.mark.parametrize("other", [{"first_look": 0.5}, {"licence": "CC0-1.0"}])
def test_another_description_of_the_model_makes_its_mattes_anew(
    kept_shot: TinyShot, tmp_path: Path, other: dict[str, Any]
):
    folder, cached = write_tiny_model(tmp_path / "model"), []
    job = job_of(kept_shot, tmp_path / "out", folder, frames="1001")

    def emit(event: object) -> None:
        if isinstance(event, FrameDone):
            cached.append(event.cached)

    for _ in range(2):
        runner.run(job, emit=emit)
    about = json.loads((folder / "config.json").read_text()) | other
    (folder / "config.json").write_text(json.dumps(about))
    runner.run(job, emit=emit)

    assert cached == [False, True, False]
    assert explain(tmp_path / "out" / "m.1001.exr")["licence"] == about["licence"]


def test_a_frame_that_is_left_out_keeps_no_matte_of_when_it_was_there(
    shot: TinyShot, tmp_path: Path, tiny_model: Path
):
    job = job_of(shot, tmp_path / "out", tiny_model, on_missing="skip", shot_frames="1001-1005")
    runner.run(job, emit=lambda event: None)

    (shot.folder / "plate.1003.exr").unlink()
    finished = runner.run(job, emit=lambda event: None)

    assert finished.skipped == 1
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["m.1001.exr", "m.1002.exr", "m.1004.exr", "m.1005.exr"]

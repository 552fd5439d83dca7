from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import support.shots as shots
import support.tiny as tiny

from maggie_api.job import MaskGuidance, MatteJob, write_job

SEGMENT, WARMUP = 4, 2


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_tiny_model(tmp_path_factory.mktemp("model"))


WriteShot = Callable[..., Path]


@pytest.fixture(scope="session")
def write_shot(model: Path) -> WriteShot:
    """Writes a shot of small frames into a folder, and the job that mattes it beside it."""

    def write(folder: Path, *, frames: range = range(1001, 1011)) -> Path:
        shot = shots.write_shot(folder, frames=frames)
        job = MatteJob(
            plate=shot.plate,
            output=str(folder / "out" / "matte.####.exr"),
            guidance=tuple(MaskGuidance(name, shot.mask(name)) for name in shot.names),
            model=str(model),
            device="cpu",
            segment_frames=SEGMENT,
            warmup_frames=WARMUP,
        )
        write_job(job, folder / "job.json")
        return folder / "job.json"

    return write


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have a warm worker; they do without."""
    monkeypatch.delenv("MAGGIE_WORKER", raising=False)

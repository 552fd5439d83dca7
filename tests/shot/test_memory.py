"""What a job takes, and what it does where it may take less."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.shots import write_image, write_shot

from maggie_api.errors import SettingsError
from maggie_api.events import Event, Finished, Started, Warning
from maggie_api.job import MaskGuidance, MatteJob
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.io.image import list_parts, read_image
from maggie_core.mattes import explain
from maggie_core.runtime.memory import machine_memory
from maggie_core.shot.memory import bytes_needed, check_plate, working_px_within
from maggie_node import runner

MEASURED_MB = {
    (1024, 576, 144, 1): 605,
    (1024, 576, 288, 1): 717,
    (1024, 576, 576, 1): 1026,
    (1536, 864, 864, 1): 1571,
    (1024, 576, 576, 4): 1605,
    (1024, 576, 576, 10): 2489,
}


def geometry(width: int, height: int, px: int = 576) -> Geometry:
    window = Window(0, 0, width, height)
    return Geometry(window, window, working_px=px)


@pytest.mark.parametrize("case", MEASURED_MB)
def test_the_rule_is_above_what_was_measured_and_not_far(case: tuple[int, int, int, int]):
    width, height, px, people = case

    needed = bytes_needed(geometry(width, height, px), people, enlarges=False, on_cpu=True) / 2**20

    assert MEASURED_MB[case] <= needed <= 1.3 * MEASURED_MB[case]


def test_the_size_is_the_largest_that_fits():
    plate = geometry(1920, 1080)
    needed = bytes_needed(plate, 4, enlarges=True, on_cpu=True)

    same, less = (
        working_px_within(limit, plate, 4, enlarges=True, on_cpu=True) for limit in (needed, needed - 1)
    )

    assert (same, less) == (576, 407)


def test_what_fits_at_no_size_is_refused_with_what_it_needs():
    with pytest.raises(
        SettingsError, match=r"20000x20000 with 3 people needs \d+\.\d GB .* 4\.0 GB are allowed"
    ):
        working_px_within(4e9, geometry(20_000, 20_000), 3, enlarges=True, on_cpu=True)


def test_a_plate_larger_than_the_machine_is_refused():
    assert machine_memory() > 1e8
    check_plate(geometry(1920, 1080), 3)
    with pytest.raises(SettingsError, match=r"400000x300000, which needs \d+ GB, and this machine has"):
        check_plate(geometry(400_000, 300_000), 1)


def test_a_job_that_may_take_less_works_smaller_and_says_so(tiny_model: Path, tmp_path: Path):
    shot = write_shot(tmp_path / "shot", frames=range(1, 3))
    for file in shot.folder.iterdir():  # twice the size
        kind = list_parts(file)[0].types[0]
        write_image(file, read_image(file).pixels.repeat(2, axis=0).repeat(2, axis=1), kind)
    needed = bytes_needed(geometry(192, 128), 2, enlarges=False, on_cpu=True)
    job = MatteJob(
        shot.plate,
        str(tmp_path / "m.####.exr"),
        tuple(MaskGuidance(name, shot.mask(name)) for name in shot.names),
        model=str(tiny_model),
    )
    events: list[Event] = []

    def run_within(limit: float) -> tuple[Finished, str, list[str]]:
        events.clear()
        finished = runner.run(replace(job, max_memory_gb=limit / 1e9), emit=events.append)
        (started,) = (event for event in events if isinstance(event, Started))
        told = [event.text for event in events if isinstance(event, Warning) and event.code == "less-memory"]
        return finished, started.working_size, told

    less, size, (told,) = run_within(needed - 1)
    assert (less.done, size) == (2, "135x90")
    assert told.startswith("at a working size of 128 px the job takes 0.7 GB") and told.endswith("at 90 px")
    assert told in explain(tmp_path / "m.0001.exr")["notes"]
    same, size, (again,) = run_within(needed - 1000)
    assert (same.done, same.skipped, size, again) == (0, 2, "135x90", told)  # the same mattes
    whole, size, notes = run_within(needed)
    assert (whole.done, size, notes) == (2, "192x128", [])

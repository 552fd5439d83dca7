"""No output of a job is one of its inputs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maggie_api.errors import SettingsError
from maggie_node.output_paths import check_outputs


def test_outputs_beside_inputs_are_fine(tmp_path: Path):
    check_outputs([tmp_path / "matte.1.exr"], [tmp_path / "plate.1.exr"], said="matte.#.exr")


@pytest.mark.parametrize("through", ["plain", "dots", "link"])
def test_an_output_that_is_an_input_is_refused_however_it_is_written(tmp_path: Path, through: str):
    real = tmp_path / "real"
    real.mkdir()
    (real / "plate.1.exr").write_bytes(b"")
    (tmp_path / "link").symlink_to(real)
    asked = {"plain": real, "dots": real / ".." / "real", "link": tmp_path / "link"}[through]

    with pytest.raises(SettingsError, match=r"would write over .*plate\.1\.exr, which is an input"):
        check_outputs([asked / "plate.1.exr"], [real / "plate.1.exr"], said="plate.#.exr")


def test_an_output_may_replace_a_link_to_an_input(tmp_path: Path):
    (tmp_path / "plate.1.exr").write_bytes(b"")
    os.symlink(tmp_path / "plate.1.exr", tmp_path / "matte.1.exr")

    check_outputs([tmp_path / "matte.1.exr"], [tmp_path / "plate.1.exr"], said="matte.#.exr")

"""What a file says of itself, and whether it needs to be made again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.guidance_files import write_image

from maggie_api.errors import FrameError
from maggie_core.mattes import explain, is_complete, recipe_digest

LAYOUTS = ("layers", "files", "multipart", "cryptomatte")


def test_a_recipe_is_what_it_says_and_not_how_it_is_written():
    recipe = {"model": "abc", "frames": (1, 2), "settings": {"a": 1, "b": None}, "folder": Path("x/y")}
    same = {"settings": {"b": None, "a": 1}, "frames": [1, 2], "folder": "x/y", "model": "abc"}

    assert recipe_digest(recipe) == recipe_digest(same)
    assert recipe_digest(recipe) != recipe_digest({**recipe, "model": "abd"})
    assert len(recipe_digest(recipe)) == 32


@pytest.mark.parametrize("layout", LAYOUTS)
def test_any_file_of_ours_explains_itself(write, layout):
    for path in write(layout=layout):
        said = explain(path)

        assert (said["version"], said["recipe"], said["layout"]) == ("0.1.0", "abc123", layout)
        assert said["settings"] == {"working_px": 576}
        assert [row["name"] for row in said["instances"]] == ["Anna Maria", "ben"]
        assert (said["display"], said["data"], said["compression"]) == (
            [0, 0, 48, 32],
            [0, 0, 48, 32],
            "zips",
        )


def test_a_foreign_file_has_nothing_to_explain(tmp_path):
    write_image(tmp_path / "plate.exr", np.zeros((4, 4), np.float32), channels=("Y",))

    with pytest.raises(FrameError, match="has no maggie header: explain reads"):
        explain(tmp_path / "plate.exr")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_frame_is_complete_when_all_of_it_was_made_by_this_recipe(write, tmp_path, layout):
    path = tmp_path / "out.1001.exr"
    assert not is_complete(path, "abc123")

    written = write(layout=layout)
    assert is_complete(path, "abc123")
    assert not is_complete(path, "another recipe")

    written[-1].unlink()
    assert not is_complete(path, "abc123")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_truncated_file_is_not_complete(write, tmp_path, layout):
    damaged = write(layout=layout)[-1]
    whole = damaged.read_bytes()

    for keep in (0.97, 0.5, 0.01):
        damaged.write_bytes(whole[: int(len(whole) * keep)])
        assert not is_complete(tmp_path / "out.1001.exr", "abc123")


def test_another_shots_files_of_a_like_name_do_not_matter(write, tmp_path):
    others = write(layout="files", provenance={"recipe": "another"})
    for file in others:
        file.rename(file.with_name(file.name.replace("out_", "out_aa_")))

    write(layout="files")

    assert is_complete(tmp_path / "out.1001.exr", "abc123")


def test_header_text_that_looks_like_json_but_is_not_is_left_as_it_is(write):
    (path,) = write(provenance={"recipe": "x", "command": "[sic] {as typed"})

    assert explain(path)["command"] == "[sic] {as typed"

"""A user's folders: what belongs together, and what is missing."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from support.footage_folders import person

from maggie_api.errors import FrameError
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.recipes.footage import OpenFootage, find_backgrounds, find_foregrounds


def write_movie(path: Path, frames: list[np.ndarray]) -> None:
    with av.open(str(path), "w") as movie:
        stream = movie.add_stream("png", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[:2], "rgb24"
        for pixels in frames:
            codes = np.rint(pixels * 255).astype(np.uint8)
            movie.mux(stream.encode(av.VideoFrame.from_ndarray(codes, "rgb24")))
        movie.mux(stream.encode())


def test_images_with_an_alpha_and_pairs_are_stills(tmp_path: Path):
    write_integer_image(tmp_path / "ana.png", person(0))
    write_integer_image(tmp_path / "ben.png", person(1)[..., :3])
    write_integer_image(tmp_path / "ben_alpha.png", person(1)[..., 3])

    ana, ben = find_foregrounds(tmp_path)

    assert (ana.name, ana.source, ana.is_clip, ana.mattes) == ("ana", "ana", False, ())
    assert (ben.name, ben.mattes) == ("ben", (tmp_path / "ben_alpha.png",))
    for k, footage in enumerate((ana, ben)):
        opened = OpenFootage(footage)
        np.testing.assert_allclose(opened.colour(0), person(k)[..., :3], atol=0.51 / 255)
        np.testing.assert_allclose(opened.alpha(0), person(k)[..., 3], atol=0.51 / 255)


def test_numbered_frames_are_a_clip_and_other_images_of_a_folder_are_stills_of_one_source(tmp_path: Path):
    for name in ("0001.png", "0002.png", "0010.png"):
        write_integer_image(tmp_path / "ana" / "walk" / name, person(0))
    for name in ("laughs.png", "sits.png"):
        write_integer_image(tmp_path / "ana" / name, person(0))

    found = find_foregrounds(tmp_path)

    assert [(each.name, each.is_clip) for each in found] == [
        ("ana/laughs", False),
        ("ana/sits", False),
        ("ana/walk", True),
    ]
    assert {each.source for each in found} == {"ana"}
    assert OpenFootage(found[2]).frames == 3


def test_a_folder_of_mattes_belongs_to_the_folder_of_its_name(tmp_path: Path):
    for t in range(2):
        write_integer_image(tmp_path / "walk" / f"{t}.png", person(t)[..., :3])
        write_integer_image(tmp_path / "walk_alpha" / f"{t}.png", person(t)[..., 3])

    (walk,) = find_foregrounds(tmp_path)

    assert len(walk.mattes) == 2
    np.testing.assert_allclose(OpenFootage(walk).alpha(1), person(1)[..., 3], atol=0.51 / 255)


def test_a_movie_takes_the_movie_of_its_matte(tmp_path: Path):
    frames = [person(0, shift=t) for t in range(3)]
    write_movie(tmp_path / "walk.mov", [frame[..., :3] for frame in frames])
    write_movie(tmp_path / "walk_alpha.mov", [frame[..., 3:].repeat(3, 2) for frame in frames])

    (walk,) = find_foregrounds(tmp_path)
    opened = OpenFootage(walk)

    assert (walk.is_clip, opened.frames, opened.size()) == (True, 3, (30, 40))
    np.testing.assert_allclose(opened.alpha(2), frames[2][..., 3], atol=1.1 / 255)
    opened.close()


def test_a_movie_of_mattes_of_another_size_is_named(tmp_path: Path):
    write_movie(tmp_path / "walk.mov", [person(0)[..., :3]])
    write_movie(tmp_path / "walk_alpha.mov", [person(0, width=40)[..., 3:].repeat(3, 2)])

    with pytest.raises(FrameError, match=r"walk\.mov is 40x40 but its image is 30x40"):
        OpenFootage(find_foregrounds(tmp_path)[0])


def test_a_foreground_without_a_matte_is_named(tmp_path: Path):
    write_integer_image(tmp_path / "ana.png", person(0)[..., :3])

    with pytest.raises(FrameError, match=r"ana\.png has no matte: .*ana_alpha\.png beside it"):
        find_foregrounds(tmp_path)


def test_mattes_that_do_not_fit_are_named(tmp_path: Path):
    for t in range(2):
        write_integer_image(tmp_path / "walk" / f"{t}.png", person(t)[..., :3])
    write_integer_image(tmp_path / "walk" / "0_alpha.png", person(0)[..., 3])
    with pytest.raises(FrameError, match="2 images and 1 mattes"):
        find_foregrounds(tmp_path)

    write_integer_image(tmp_path / "walk" / "1_alpha.png", person(1, width=31)[..., 3])
    (walk,) = find_foregrounds(tmp_path)
    with pytest.raises(FrameError, match="is 31x40 but its image is 30x40"):
        OpenFootage(walk).alpha(1)


def test_an_empty_folder_is_named(tmp_path: Path):
    with pytest.raises(FrameError, match="holds no images and no movies"):
        find_backgrounds(tmp_path)

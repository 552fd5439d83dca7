"""A user's folders: what belongs together, and what is missing."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from support.footage_folders import person

from maggie_api.errors import FrameError
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.recipes.footage import MATTE, OpenFootage, find_backgrounds, find_foregrounds


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


def write_numbered(folder: Path, names: list[str], *, alpha: bool) -> None:
    """Frame k shows person k, whatever the name of its file."""
    for k, name in enumerate(names):
        planes = person(k)
        write_integer_image(folder / f"{name}.png", planes[..., 3] if alpha else planes[..., :3])


@pytest.mark.parametrize(
    "images, mattes",
    [
        ([f"{k}" for k in range(1, 13)], [f"{k:04d}" for k in range(1, 13)]),
        ([f"{k:04d}" for k in range(1, 13)], [f"{k}" for k in range(1, 13)]),
        ([f"walk.{k}" for k in range(8, 12)], [f"mask_{k:05d}" for k in range(8, 12)]),
        ([f"a.{k}" for k in range(-2, 3)], [f"a.{k:04d}" for k in range(-2, 3)]),
        ([f"{k}" for k in range(98, 102)], [f"{k:03d}{MATTE}" for k in range(98, 102)]),
    ],
    ids=["unpadded with padded", "padded with unpadded", "other names", "negative", "marked mattes"],
)
@pytest.mark.parametrize("beside", [False, True])
def test_frames_and_mattes_are_paired_by_number(
    tmp_path: Path, images: list[str], mattes: list[str], beside: bool
):
    if beside:
        mattes = [name.removesuffix(MATTE) + MATTE for name in mattes]
    write_numbered(tmp_path / "walk", images, alpha=False)
    write_numbered(tmp_path / ("walk" if beside else "walk_alpha"), mattes, alpha=True)

    (walk,) = find_foregrounds(tmp_path)
    opened = OpenFootage(walk)

    assert [path.stem for path in walk.images] == images
    assert [path.stem for path in walk.mattes] == mattes
    for k in range(len(images)):
        np.testing.assert_allclose(opened.colour(k), person(k)[..., :3], atol=0.51 / 255)
        np.testing.assert_allclose(opened.alpha(k), person(k)[..., 3], atol=0.51 / 255)


@pytest.mark.parametrize(
    "images, mattes, said",
    [
        (
            range(1001, 1005),
            range(1002, 1006),
            "4 images and 4 mattes in .*_alpha, of frames 1001-1004 and 1002-1005",
        ),
        (range(4), range(3), "4 images and 3 mattes in .*, of frames 0-3 and 0-2"),
        (range(3), range(4), "3 images and 4 mattes in .*, of frames 0-2 and 0-3"),
    ],
)
def test_mattes_of_other_frames_are_refused_in_one_line(
    tmp_path: Path, images: range, mattes: range, said: str
):
    write_numbered(tmp_path / "walk", [f"{k:04d}" for k in images], alpha=False)
    write_numbered(tmp_path / "walk_alpha", [f"{k:04d}" for k in mattes], alpha=True)

    with pytest.raises(FrameError, match=said) as caught:
        find_foregrounds(tmp_path)

    assert "each image needs the matte of its own frame number" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mattes_without_numbers_are_refused(tmp_path: Path):
    write_numbered(tmp_path / "walk", ["1", "2"], alpha=False)
    write_numbered(tmp_path / "walk_alpha", ["first", "second"], alpha=True)

    with pytest.raises(FrameError, match="walk_alpha are not numbered in one way"):
        find_foregrounds(tmp_path)


def test_two_files_of_one_frame_or_one_name_are_refused(tmp_path: Path):
    write_numbered(tmp_path / "a" / "walk", ["1", "01", "2"], alpha=False)
    with pytest.raises(FrameError, match=r"are both frame 1: keep one of them"):
        find_backgrounds(tmp_path / "a")

    write_integer_image(tmp_path / "b" / "ana.png", person(0))
    (tmp_path / "b" / "ana.jpg").write_bytes(b"")
    with pytest.raises(FrameError, match=r"ana\.jpg and ana\.png have one name"):
        find_foregrounds(tmp_path / "b")

    write_numbered(tmp_path / "c" / "walk", ["1", "2"], alpha=False)
    write_movie(tmp_path / "c" / "walk.mov", [person(0)[..., :3]])
    with pytest.raises(FrameError, match="has two clips or images called walk"):
        find_backgrounds(tmp_path / "c")


def test_an_empty_folder_is_named(tmp_path: Path):
    with pytest.raises(FrameError, match="holds no images and no movies"):
        find_backgrounds(tmp_path)

"""What a job says of a mask that looks like a mistake, and of the mattes that follow it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import OpenImageIO
import pytest
from support.loss_warnings import is_loss
from support.shots import TinyShot, write_image, write_shot

from maggie_api.events import Event, Warning
from maggie_api.job import KeyGuidance, MaskGuidance, MatteJob
from maggie_core.qc import check, find, limits_with
from maggie_node import runner
from maggie_node.cli.qc import subject_of


def invert(shot: TinyShot, name: str, frame: int) -> None:
    path = shot.folder / f"{name}.{frame}.png"
    mask = np.asarray(OpenImageIO.ImageBuf(str(path)).get_pixels(OpenImageIO.UINT8))
    write_image(path, 255 - mask, "uint8")


def mask_area(shot: TinyShot, name: str, frame: int) -> float:
    """Percent of the image."""
    mask = OpenImageIO.ImageBuf(str(shot.folder / f"{name}.{frame}.png")).get_pixels(OpenImageIO.UINT8)
    return 100 * float((np.asarray(mask) > 127).mean())


def keep_masks(shot: TinyShot, names: tuple[str, ...], *frames: int) -> None:
    """Remove the masks of all other frames."""
    for frame in shot.frames:
        for name in names if frame not in frames else ():
            (shot.folder / f"{name}.{frame}.png").unlink()


def told(shot: TinyShot, model: Path, out: Path, *, keys: bool = False, **more) -> list[Warning]:
    """Warnings of a job, in order. The network was not trained, and loses some of every mask."""
    kind = KeyGuidance if keys else MaskGuidance
    guidance = tuple(kind(name, shot.mask(name)) for name in shot.names)
    events: list[Event] = []
    job = MatteJob(shot.plate, str(out / "m.####.exr"), guidance, model=str(model), device="cpu", **more)
    runner.run(job, emit=events.append)
    return [event for event in events if isinstance(event, Warning)]


def lost(warnings: list[Warning], name: str) -> set[int]:
    """Frames of which losses of a person are told."""
    return {
        frame for each in warnings if is_loss(each) and each.text.startswith(name) for frame in each.frames
    }


@pytest.fixture
def long_shot(tmp_path: Path) -> TinyShot:
    return write_shot(tmp_path / "long", frames=range(1001, 1009))


def test_the_mask_is_told_of_first_and_not_what_the_mattes_lose_by_it(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    before = told(long_shot, tiny_model, tmp_path / "before")
    invert(long_shot, "ana", 1003)

    cache = str(tmp_path / "cache")
    after = told(long_shot, tiny_model, tmp_path / "after", cache=cache)
    again = told(long_shot, tiny_model, tmp_path / "again", cache=cache)  # reads no mask for its mattes

    assert again == after
    assert after[0].code == "inverted-mask"
    assert " in frame 1003, and covers the mask of ben there" in after[0].text
    for name in ("ana", "ben"):
        assert lost(before, name) & {1002, 1003, 1004}
        assert not lost(after, name) & {1002, 1003, 1004}
        assert lost(after, name) & {1006, 1007, 1008}  # they have other reasons


def test_losses_of_frames_that_are_made_from_a_mistaken_key_are_not_told(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    keep_masks(long_shot, long_shot.names, 1001, 1005, 1008)
    invert(long_shot, "ana", 1005)

    after = told(long_shot, tiny_model, tmp_path / "after", keys=True, frames="1002-1003")

    (mistaken,) = (each for each in after if each.code == "inverted-mask")
    assert " in frame 1005, " in mistaken.text  # not asked for, and masks that are come from it
    assert mistaken.text.endswith("; other frames that it spoils come right with it")
    assert not lost(after, "ana") | lost(after, "ben")  # ben's matte of 1003 loses some


def test_a_mistaken_key_is_told_once_before_anybody_is_followed_and_found_by_the_check(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    keep_masks(long_shot, long_shot.names, 1001, 1005, 1008)
    invert(long_shot, "ana", 1005)
    guidance = tuple(KeyGuidance(name, long_shot.mask(name)) for name in long_shot.names)
    job = MatteJob(
        long_shot.plate, str(tmp_path / "m.####.exr"), guidance, model=str(tiny_model), device="cpu"
    )
    order: list[str] = []

    def said(event: Event) -> None:
        order.extend([event.code] if isinstance(event, Warning) else [])

    runner.run(job, emit=said, step=lambda what, done, total: order.append(what))

    assert order.count("inverted-mask") == 1
    assert order.index("inverted-mask") < order.index(runner.FOLLOWING)
    found = check(subject_of(job)).numbers.values
    assert found["mask_mistaken"] == {"ana": {1005: 1.0}}
    assert "iou" not in found  # key masks are no guidance of the frames between them


@pytest.mark.parametrize("ben", ["empty", "hidden", "full", "inverted"])
def test_before_anybody_is_followed_nothing_is_told_of_masks_that_are_there_in_every_frame(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path, ben: str
):
    """Ana has one key, and in that frame alone nothing can be said of all of ben's masks."""
    ana = np.asarray(
        OpenImageIO.ImageBuf(str(long_shot.folder / "ana.1004.png")).get_pixels(OpenImageIO.UINT8)
    )
    keep_masks(long_shot, ("ana",), 1004)
    masks = {"empty": 0 * ana, "hidden": ana, "full": 0 * ana + 255}
    if ben in masks:
        write_image(long_shot.folder / "ben.1004.png", masks[ben], "uint8")
    else:
        for frame in range(1001, 1009):
            invert(long_shot, "ben", frame)
    guidance = (KeyGuidance("ana", long_shot.mask("ana")), MaskGuidance("ben", long_shot.mask("ben")))
    job = MatteJob(
        long_shot.plate, str(tmp_path / "m.####.exr"), guidance, model=str(tiny_model), device="cpu"
    )
    events: list[Event] = []

    runner.run(job, emit=events.append)

    masks_told = ("empty-mask", "hidden-mask", "full-mask", "inverted-mask")
    codes = [each.code for each in events if isinstance(each, Warning) and each.code in masks_told]
    assert codes == (["inverted-mask"] if ben == "inverted" else [])
    values = check(subject_of(job)).numbers.values
    found = {
        who
        for each in ("mask_mistaken", "mask_hidden")
        for who in values[each]
        if any(values[each][who].values())
    }
    assert found == ({"ben"} if ben == "inverted" else set())


def test_who_has_masks_in_every_frame_is_compared_with_them_beside_somebody_with_keys(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    keep_masks(long_shot, ("ana",), 1004)
    guidance = (KeyGuidance("ana", long_shot.mask("ana")), MaskGuidance("ben", long_shot.mask("ben")))
    job = MatteJob(
        long_shot.plate, str(tmp_path / "m.####.exr"), guidance, model=str(tiny_model), device="cpu"
    )
    runner.run(job, emit=lambda event: None)

    subject = subject_of(job)
    values = check(subject).numbers.values

    assert list(values["guidance_area"]) == ["ben"]
    assert values["guidance_area"]["ben"].keys() == set(long_shot.frames)
    assert values["outside"].keys() == {"ben"}
    whole = {frame: mask_area(long_shot, "ben", frame) for frame in long_shot.frames}
    # Nothing is taken off his mask where ana's matte lies on it: what she takes from him shows.
    assert {f: values["guidance_area"]["ben"][f] for f in whole if f != 1004} == pytest.approx(
        {f: area for f, area in whole.items() if f != 1004}, rel=0.02
    )
    (note,) = subject.notes
    assert note.startswith("the mattes of ana are not compared with masks")


def test_what_a_mistaken_mask_spoils_is_to_be_looked_at_again_when_it_is_right(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    invert(long_shot, "ana", 1003)
    told(long_shot, tiny_model, tmp_path)
    guidance = tuple(MaskGuidance(name, long_shot.mask(name)) for name in long_shot.names)

    def found(frames: str, *measures: str) -> dict[str, str]:
        job = MatteJob(long_shot.plate, str(tmp_path / "m.####.exr"), guidance, frames=frames)
        limits = limits_with((name, 0.0) for name in measures)
        return {f"{f.measure} {f.instance}": f.text for f in find(check(subject_of(job)), limits)}

    again = "look at it again when the mask of ana is right"
    spoiled = found("1003", "area", "change")
    assert spoiled["area ana"].endswith(again)
    assert "turn black and white round" in spoiled["mask_mistaken ana"]
    assert again not in found("1003-1004", "area")["area ana"]  # it has another reason in 1004
    assert found("1003-1004", "change")["change ana"].endswith(again)  # of 1004 from 1003
    assert again not in found("1003-1006", "change")["change ana"]


def test_a_mistaken_key_beside_the_asked_frames_is_a_note_of_the_check(
    long_shot: TinyShot, tiny_model: Path, tmp_path: Path
):
    keep_masks(long_shot, ("ana",), 1001, 1006, 1008)
    invert(long_shot, "ana", 1006)
    invert(long_shot, "ana", 1008)  # which no asked frame is made from
    guidance = (KeyGuidance("ana", long_shot.mask("ana")),)
    job = MatteJob(
        long_shot.plate,
        str(tmp_path / "m.####.exr"),
        guidance,
        model=str(tiny_model),
        device="cpu",
        frames="1002-1003",
    )

    runner.run(job, emit=lambda event: None)

    (note,) = [note for note in check(subject_of(job)).notes if "white along" in note]
    assert " in frame 1006: " in note

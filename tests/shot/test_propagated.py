"""People are followed from their key masks: order-free, both ways, and nothing is made anew without need."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.shots import HEIGHT, WIDTH, TinyShot, write_image, write_shot
from support.tiny import tiny_model

from maggie_api.errors import GuidanceError
from maggie_core import MaskSequence, ShotMatter, combine, load_model
from maggie_core.guidance import KeyMasks
from maggie_core.io.frames import open_source
from maggie_core.shot.cache import StateCache
from maggie_core.shot.propagated import PropagatedGuidance

FRAMES = tuple(range(1001, 1009))


@pytest.fixture
def shot(tmp_path: Path) -> TinyShot:
    return write_shot(tmp_path, frames=FRAMES)


def keys_only(shot: TinyShot, name: str, keys: tuple[int, ...]) -> str:
    """The pattern of a folder with some of a person's masks."""
    folder = shot.folder / f"keys_{name}"
    folder.mkdir(exist_ok=True)
    for frame in keys:
        (folder / f"{name}.{frame}.png").write_bytes(
            Path(shot.mask(name).replace("####", str(frame))).read_bytes()
        )
    return str(folder / f"{name}.####.png")


def matter(shot: TinyShot, *, model=None, cache=None, **keys: tuple[int, ...]) -> ShotMatter:
    sources = [
        KeyMasks(name, keys_only(shot, name, keys[name]), shot.frames)
        if name in keys
        else MaskSequence(name, shot.mask(name))
        for name in shot.names
    ]
    plate = open_source(shot.plate)
    return ShotMatter(model or tiny_model(), plate, combine(sources), shot_frames=shot.frames, cache=cache)


def masks(shot: ShotMatter, frame: int) -> np.ndarray:
    return shot.guidance.read(frame, shot.geometry)


def test_the_mask_of_a_frame_is_the_same_alone_in_any_order_and_from_the_cache(shot):
    cache = StateCache(shot.folder / "cache", limit_bytes=10**8)
    keys = {"ana": (1001, 1005), "ben": (1001, 1003, 1005)}
    whole = matter(shot, cache=cache, **keys)
    expected = {frame: masks(whole, frame) for frame in FRAMES}

    for frame in (1007, 1004, 1002):
        alone = matter(shot, **keys)
        assert np.array_equal(masks(alone, frame), expected[frame]), frame
    again = matter(shot, cache=cache, **keys)
    again.guidance._make = None  # type: ignore[method-assign] - everything is there
    assert all(np.array_equal(masks(again, frame), expected[frame]) for frame in FRAMES)


def test_a_mask_depends_on_the_keys_around_it_and_on_the_plates_between(shot):
    keyed = matter(shot, ana=(1002, 1004, 1006), ben=(1002, 1004, 1006)).guidance

    assert [keyed.reach(frame) for frame in (1001, 1002, 1003, 1008)] == [
        (1001, 1002),
        (1002,),
        (1002, 1003, 1004),
        (1006, 1007, 1008),
    ]


def test_an_added_or_corrected_key_changes_only_the_frames_between_its_neighbours(shot):
    everyone = (1001, 1003, 1007)
    before = matter(shot, ana=everyone, ben=everyone).guidance
    digests = {frame: before.digest(frame) for frame in FRAMES}

    after = matter(shot, ana=(*everyone, 1005), ben=everyone).guidance

    changed = [frame for frame in FRAMES if after.digest(frame) != digests[frame]]
    assert changed == [1004, 1005, 1006]


def test_how_far_it_is_is_told_up_to_the_end_also_from_the_cache(shot):
    cache = StateCache(shot.folder / "cache", limit_bytes=10**8)
    for _ in range(2):
        told: list[tuple[int, int]] = []
        keyed = matter(shot, cache=cache, ana=(1002, 1006), ben=(1002, 1006))
        keyed.prepare(tell=lambda done, total, told=told: told.append((done, total)))

        # 1001, twice 1003 to 1006, 1007 and 1008.
        assert told == sorted(told) and {total for _, total in told} == {11}
        assert (told[0][0], told[-1][0]) == (0, 11)
    assert len(told) < 11


def test_given_masks_stay_as_they_are_and_an_empty_key_says_that_somebody_is_gone(shot):
    write_image(
        Path(shot.mask("ben").replace("####", "1003")), np.zeros((HEIGHT, WIDTH, 1), np.uint8), "uint8"
    )
    plain = combine([MaskSequence(name, shot.mask(name)) for name in shot.names])

    keyed = matter(shot, ben=(1001, 1003))

    for frame in FRAMES:
        given = plain.read(frame, keyed.geometry)
        assert np.array_equal(masks(keyed, frame)[0], given[0]), frame
        if frame in (1001, 1003):
            assert np.array_equal(masks(keyed, frame)[1], given[1]), frame
    assert not masks(keyed, 1003)[1].any()


def test_people_are_followed_both_ways_and_do_not_take_each_others_pixels(shot):
    keyed = matter(shot, model=load_model("default", device="cpu"), ana=(1004,), ben=(1004,))
    wide = combine([MaskSequence(name, shot.mask(name)) for name in shot.names])

    for frame in (1001, 1008):
        found = masks(keyed, frame) > 0.5
        assert not (found[0] & found[1]).any()
        for mine, mask in zip(found, wide.read(frame, keyed.geometry), strict=True):
            person = cv2.erode(mask, np.ones((5, 5))) > 0.5  # masks are two pixels too wide on all sides
            assert (mine & person).sum() > 0.85 * (mine | person).sum()
    assert keyed.lost() == []


@pytest.mark.parametrize("given", ["key", "guidance"])
def test_whose_only_key_is_empty_gets_nothing_that_the_masks_of_another_leave_out(shot, given):
    """Of what a bite in ana's mask leaves, ben had most."""
    pattern, empty = keys_only(shot, "ana", shot.frames), shot.folder / "empty" / "ben.1001.png"
    bitten = Path(pattern.replace("####", "1005"))
    mask = cv2.imread(str(bitten), cv2.IMREAD_GRAYSCALE)
    rows, columns = np.nonzero(mask)
    mask[int(np.median(rows)) :, int(np.median(columns)) :] = 0
    cv2.imwrite(str(bitten), mask)
    empty.parent.mkdir()
    cv2.imwrite(str(empty), np.zeros_like(mask))
    frames = shot.frames
    ana = KeyMasks("ana", pattern, frames) if given == "key" else MaskSequence("ana", pattern)
    guidance = combine([ana, KeyMasks("ben", empty.with_name("ben.####.png"), frames)])
    plate, model = open_source(shot.plate), load_model("default", device="cpu")
    keyed = ShotMatter(model, plate, guidance, shot_frames=frames)

    found = [keyed.guidance.read(frame, keyed.geometry)[1] for frame in frames]

    assert max(float(mask.max()) for mask in found) == 0


def test_keys_of_frames_that_the_shot_does_not_have_are_refused(shot):
    with pytest.raises(GuidanceError, match="key masks of ana have frames 1001 and the shot 2001-2003"):
        KeyMasks("ana", keys_only(shot, "ana", (1001,)), (2001, 2002, 2003))


def test_a_key_mask_without_a_number_is_refused_with_the_name_it_needs(shot, tmp_path):
    lone = tmp_path / "key.png"
    lone.write_bytes(Path(shot.mask("ana").replace("####", "1001")).read_bytes())

    with pytest.raises(
        GuidanceError, match=r"^key.png has no frame number, .* key\.2001\.png, with the number"
    ):
        KeyMasks("ana", lone, (2001, 2002, 2003))


class Scripted:
    """A tracker that finds what a function makes of the true masks of a frame, forwards and backwards."""

    digest, grid_px, look_ahead, resumes = "scripted", 288, 12, True

    def __init__(self, truth: Callable[[int], np.ndarray], found: Callable[..., np.ndarray]) -> None:
        self._truth, self._found = truth, found

    def follow(self, path, image, keyed, shares, settle, coming, state=None, **kwargs):
        for frame in path[1:]:
            masks = self._found(self._truth(frame), frame, forwards=path[0] < path[-1])
            settle(frame, np.concatenate([1 - masks.sum(axis=0, keepdims=True), masks]).astype(np.float32))
            yield frame, {}


def ana_takes_nearly_all_of_ben(masks: np.ndarray, frame: int, *, forwards: bool) -> np.ndarray:
    if frame in (1003, 1004, 1005):
        rest = np.zeros_like(masks[1])
        y, x = np.argwhere(masks[1] > 0).mean(axis=0).astype(int)
        rest[y : y + 6, x : x + 6] = masks[1, y : y + 6, x : x + 6]
        masks = np.stack([np.maximum(masks[0], masks[1] - rest), rest])
    return masks


def ben_is_elsewhere_on_the_way_back(masks: np.ndarray, frame: int, *, forwards: bool) -> np.ndarray:
    if frame in (1003, 1004, 1005, 1006) and not forwards:
        masks = np.stack([masks[0], np.roll(masks[1], masks.shape[2] // 2, axis=1) * (masks[0] == 0)])
    return masks


def ana_takes_half_of_ben_on_the_way_there(masks: np.ndarray, frame: int, *, forwards: bool) -> np.ndarray:
    if frame in (1004, 1005) and forwards:
        half = np.arange(masks.shape[2]) < np.argwhere(masks[1] > 0).mean(axis=0)[1]
        masks = np.stack([np.maximum(masks[0], masks[1] * half), masks[1] * ~half])
    return masks


def ben_is_hidden_for_two_frames(masks: np.ndarray, frame: int, *, forwards: bool) -> np.ndarray:
    return masks * np.array([1, frame not in (1004, 1005)])[:, None, None]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (ana_takes_nearly_all_of_ben, ["ben is lost from 1003: add a key mask near there"]),
        (ben_is_elsewhere_on_the_way_back, ["ben is lost from 1003: add a key mask near there"]),
        (
            ana_takes_half_of_ben_on_the_way_there,
            ["ana may have taken a part of ben from 1004: add a key mask of both near there"],
        ),
        (ben_is_hidden_for_two_frames, []),
    ],
)
def test_somebody_who_is_swallowed_or_found_in_two_places_is_told_as_lost_also_from_the_cache(
    shot, found, said
):
    ends = (FRAMES[0], FRAMES[-1])
    cache = StateCache(shot.folder / "cache", limit_bytes=10**8)
    plain = matter(shot)

    def truth(frame: int) -> np.ndarray:
        given = masks(plain, frame) > 0.5
        return np.stack([given[0] & ~given[1], given[1]]).astype(np.float32)

    for _ in range(2):
        keyed = matter(shot, cache=cache, ana=ends, ben=ends)
        assert isinstance(keyed.guidance, PropagatedGuidance)
        keyed.guidance._tracker = Scripted(halved(truth, keyed), found)
        keyed.prepare()
        assert [each.sentence.partition(", or an empty one")[0] for each in keyed.lost()] == said
        assert keyed.lost([1001, 1002, 1007]) == []


def test_who_is_not_found_before_the_first_key_may_come_in_later(shot):
    plain = matter(shot)
    keyed = matter(shot, ana=(1006,), ben=(1006,))
    assert isinstance(keyed.guidance, PropagatedGuidance)

    def truth(frame: int) -> np.ndarray:
        given = masks(plain, frame) > 0.5
        return np.stack([given[0] & ~given[1], given[1]]).astype(np.float32)

    def without_ben(found: np.ndarray, frame: int, *, forwards: bool) -> np.ndarray:
        return found * np.array([1, frame > 1003])[:, None, None]

    keyed.guidance._tracker = Scripted(halved(truth, keyed), without_ben)
    keyed.prepare()

    assert [each.sentence for each in keyed.lost()] == [
        "ben is not found up to 1003: add a key mask there, or an empty one if ben comes in later"
    ]


def test_who_comes_in_after_an_empty_key_is_not_lost(shot):
    empty = np.zeros((HEIGHT, WIDTH, 1), np.uint8)
    write_image(Path(shot.mask("ben").replace("####", "1001")), empty, "uint8")
    plain = matter(shot)
    keyed = matter(shot, ana=(1001, 1008), ben=(1001, 1008))
    assert isinstance(keyed.guidance, PropagatedGuidance)

    def truth(frame: int) -> np.ndarray:
        given = masks(plain, frame) > 0.5
        return np.stack([given[0] & ~given[1], given[1]]).astype(np.float32)

    def without_ben(found: np.ndarray, frame: int, *, forwards: bool) -> np.ndarray:
        return found * np.array([1, frame > 1006])[:, None, None]

    keyed.guidance._tracker = Scripted(halved(truth, keyed), without_ben)
    keyed.prepare()

    assert keyed.lost() == []


def halved(truth: Callable[[int], np.ndarray], keyed: ShotMatter) -> Callable[[int], np.ndarray]:
    """Masks on the grid that people are followed on."""
    width, height = keyed.guidance._shot.grid().working_size

    def read(frame: int) -> np.ndarray:
        return np.stack(
            [cv2.resize(m, (width, height), interpolation=cv2.INTER_NEAREST) for m in truth(frame)]
        )

    return read

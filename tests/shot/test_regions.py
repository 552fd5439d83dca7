"""Which parts of the plate the network looks at, and how much they are enlarged."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maggie_api.segments import SAMPLED_EVERY
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window
from maggie_core.shot.regions import (
    GRID_PX,
    MOST_AREA,
    STRIDE_PX,
    Extent,
    Pass,
    Plan,
    extent_of,
    plan_passes,
    sizes_at,
)

RANGE = (250, 576)


def geometry(width: int = 1920, height: int = 1080, *, working_px: int = 576) -> Geometry:
    region = Window(0, 0, width, height)
    return Geometry(region, region, working_px=working_px)


def person(left: int, top: int, height: int) -> Extent:
    """Somebody who stands, a third as wide as tall, on the working grid."""
    return Extent(left, top, left + height // 3, top + height, float(height))


def passes(*frames: Sequence[Extent | None], **how: object) -> tuple[Pass, ...]:
    plate = how.pop("plate", None) or geometry()
    assert isinstance(plate, Geometry)
    return plan_passes(frames, plate, count=len(frames[0]), range_px=RANGE, **how)  # type: ignore[arg-type]


def seen_height(found: Pass, each: Extent, plate: Geometry) -> float:
    """Pixels that somebody is tall on the working grid of a pass."""
    return each.size / plate.working_size[1] * plate.region.height * (found.geometry.scale or 0)


def test_large_people_are_matted_in_the_whole_frame_as_ever():
    (only,) = passes([person(100, 50, 500), person(400, 100, 250)])

    assert only == Pass(geometry(), (0, 1), (0, 1))


def test_a_network_without_a_range_gets_the_whole_frame():
    (only,) = plan_passes([[person(10, 10, 40)]], geometry(), count=1, range_px=None)

    assert only.geometry == geometry()


@pytest.mark.parametrize("height", [20, 60, 110, 200, 248])
def test_somebody_small_is_brought_into_the_range_and_no_further(height: int):
    each = person(300, 200, height)

    (only,) = passes([each])

    assert RANGE[0] <= seen_height(only, each, geometry()) < RANGE[0] * 1.42
    assert only.owned == (0,)


def test_somebody_small_in_a_preview_is_seen_as_large_as_the_preview_asks():
    plate, each = geometry(working_px=288), person(100, 100, 40)

    (only,) = passes([each], plate=plate)

    assert RANGE[0] / 2 <= seen_height(only, each, plate) <= RANGE[1] / 2


def test_a_region_holds_the_person_with_a_margin_in_every_frame_and_stays_inside_the_plate():
    first, last = person(10, 300, 100), person(60, 320, 110)

    (only,) = passes([first], [last])

    region, per_px = only.geometry.region, 1080 / 576
    assert region.x == 0
    assert region.right >= (last.right + 10) * per_px
    assert region.y <= (first.top - 10) * per_px
    assert region.bottom >= (last.bottom + 10) * per_px or region.bottom == 1080


def test_large_and_small_people_have_passes_of_their_own():
    whole, near = passes([person(100, 20, 500), person(800, 400, 100)])

    assert (whole.owned, whole.shown, whole.geometry) == ((0,), (0,), geometry())
    assert (near.owned, near.shown) == ((1,), (1,))


def test_a_neighbour_who_reaches_into_a_region_takes_part():
    whole, near = passes([person(100, 20, 500), person(260, 400, 100)])

    assert (whole.owned, whole.shown) == ((0,), (0, 1))
    assert (near.owned, near.shown) == ((1,), (0, 1))


def test_people_of_one_scale_who_stand_together_share_a_pass():
    crowd = [person(100 + 30 * n, 300, 100 + n) for n in range(6)]

    (only,) = passes([*crowd])

    assert only.owned == tuple(range(6))


def test_people_far_apart_do_not_share_the_plate_between_them():
    found = passes([person(10, 10, 100), person(900, 400, 100)])

    assert [each.owned for each in found] == [(0,), (1,)]


def test_more_people_than_the_network_has_places_come_in_several_passes():
    crowd = [person(100 + 10 * n, 300, 100) for n in range(14)]

    found = passes([*crowd], most=10)

    assert sorted(n for each in found for n in each.owned) == list(range(14))
    assert max(len(each.shown) for each in found) <= 10


def test_somebody_who_was_not_seen_is_looked_for_in_the_whole_frame_after_the_others():
    own, whole = passes([None, person(500, 300, 100)])

    assert own.owned == (1,)
    assert whole == Pass(geometry(), (0, 1), (0,))


def test_a_segment_with_nobody_in_it_is_one_pass_of_the_whole_frame():
    (only,) = passes([None, None])

    assert (only.geometry, only.owned) == (geometry(), (0, 1))


def test_somebody_who_crosses_the_frame_is_enlarged_less_than_memory_allows():
    (only,) = passes([person(0, 300, 60)], [person(980, 300, 60)])

    width, height = only.geometry.working_size
    assert width * height <= MOST_AREA * 1024 * 576 * 1.15


def test_the_size_of_a_person_is_not_that_of_a_group_or_of_stretched_arms():
    body = np.zeros((200, 200), np.float32)
    body[20:180, 90:120] = 1
    pole = body.copy()
    pole[0:200, 104:106] = 1
    found, with_pole = extent_of(body), extent_of(pole)

    assert found is not None
    assert with_pole is not None
    assert (found.top, found.bottom, with_pole.top, with_pole.bottom) == (20, 180, 0, 200)
    assert with_pole.size == found.size
    assert extent_of(np.zeros((4, 4), np.float32)) is None


def test_somebody_who_comes_in_from_the_side_is_as_large_as_their_body_tells():
    body = np.zeros((200, 200), np.float32)
    body[20:180, 90:120] = 1
    whole, half = extent_of(body), extent_of(body[:, 105:])

    assert whole is not None
    assert half is not None
    assert (half.left, half.right) == (0, 15)
    assert half.size == whole.size


@given(st.integers(0, 900), st.integers(0, 400), st.integers(40, 150), st.integers(-1, 1))
def test_painting_a_mask_anew_hardly_ever_moves_a_region(left: int, top: int, height: int, more: int):
    before = passes(*[[person(left, top, height)]] * 3)[0].geometry
    after = passes(*[[person(left, top, height)]] * 2, [person(left, top, height + more)])[0].geometry

    assert before.scale == after.scale
    cells = (abs(before.region.x - after.region.x), abs(before.region.right - after.region.right))
    # At the plate's border a region that needs a stride more grows to one side.
    assert before.scale is not None
    assert max(cells) <= STRIDE_PX / before.scale + GRID_PX


def test_what_is_enlarged_is_a_whole_number_of_strides_where_the_plate_allows():
    (only,) = passes([person(400, 200, 100)])

    width, height = only.geometry.working_size
    assert (-width % 64) <= 4
    assert (-height % 64) <= 4


@pytest.mark.parametrize("phase", [0.0, 0.25, 0.5, 0.75])
@pytest.mark.parametrize("period", [12, 16, 24])
def test_who_turns_round_between_two_measured_frames_stays_inside_their_region(period: int, phase: float):
    at = [person(400 + round(80 * math.sin(2 * math.pi * (t / period + phase))), 200, 100) for t in range(29)]

    (only,) = passes(*([each] for each in at[::SAMPLED_EVERY]))

    region, per_px = only.geometry.region, 1080 / 576
    assert region.x <= min(each.left for each in at) * per_px
    assert region.right >= max(each.right for each in at) * per_px


def test_who_steps_behind_somebody_or_out_of_the_frame_keeps_their_size():
    hidden = [400.0, 400.0, 120.0, 0.0, 410.0]
    measured = {4 * k: [person(10, 10, round(size)) if size else None] for k, size in enumerate(hidden)}

    sizes = [sizes_at(t, measured)[0] for t in range(17)]

    assert min(sizes) > 0.6 * 400 and max(sizes) < 1.05 * 410
    assert max(abs(math.log2(a / b)) for a, b in zip(sizes, sizes[1:], strict=False)) <= 1 / 8 + 1e-9


def test_who_stands_keeps_one_size_in_frames_that_are_not_measured():
    measured = {t: [person(0, 0, 440 - t % 8)] for t in range(0, 49, SAMPLED_EVERY)}

    assert len({sizes_at(t, measured) for t in range(49)}) == 1


def test_who_walks_away_becomes_smaller():
    tall = np.geomspace(500, 60, 49)
    measured = {t: [person(0, 0, round(tall[t]))] for t in range(0, 49, SAMPLED_EVERY)}

    for t in range(49):
        assert sizes_at(t, measured)[0] == pytest.approx(tall[t], rel=0.3)


def test_sizes_are_in_pixels_of_each_pass_and_hold_for_one_frame():
    measured = {0: [person(100, 20, 500), person(800, 400, 100)], 4: [None, person(800, 400, 52)]}
    plan = Plan(passes(*measured.values()), measured)

    whole, near = plan.at(0)

    assert whole.sizes[0] == pytest.approx(500, rel=0.05)
    assert near.sizes == (pytest.approx(100 * near.enlarged, rel=0.05),)
    assert plan.at(40)[0].sizes[0] < 100
    assert plan_passes([], geometry(), count=1, range_px=None)[0].sizes == ()

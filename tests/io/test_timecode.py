from __future__ import annotations

from fractions import Fraction

import pytest

from maggie_core.io.timecode import later_timecode, packed_timecode, timecode_text

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize("text", ["01:02:03:04", "23:59:59:23", "10:00:00;02"])
def test_a_timecode_survives_the_header_of_an_exr(text):
    packed = packed_timecode(text)

    assert packed is not None and timecode_text(packed) == text


def test_what_is_no_timecode_is_none():
    assert packed_timecode("soon") is None


@pytest.mark.parametrize(
    ("start", "frames", "rate", "expected"),
    [
        ("01:00:00:23", 1, Fraction(24000, 1001), "01:00:01:00"),
        ("23:59:59:24", 1, Fraction(25), "00:00:00:00"),
        ("00:00:59;29", 1, NTSC, "00:01:00;02"),  # numbers 0 and 1 are dropped
        ("00:09:59;29", 1, NTSC, "00:10:00;00"),  # but not in every tenth minute
        ("00:00:00;00", 107892, NTSC, "01:00:00;00"),  # an hour of NTSC, ST 12-1
        ("00:00:59;59", 1, 2 * NTSC, "00:01:00;04"),
    ],
)
def test_timecodes_are_counted_on(start, frames, rate, expected):
    assert later_timecode(start, frames, rate) == expected


def test_dropped_numbers_are_never_reached_and_counting_one_by_one_agrees():
    reached = [later_timecode("00:00:00;00", count, NTSC) for count in range(0, 20000)]

    assert reached == sorted(set(reached))
    assert not [each for each in reached if each[6:] in ("00;00", "00;01") and int(each[4]) % 10]
    assert all(
        later_timecode(a, 1, NTSC) == b for a, b in zip(reached[1780:1830], reached[1781:1831], strict=True)
    )

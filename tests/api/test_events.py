"""Events: typed values, one JSON object a line."""

from __future__ import annotations

import json

import pytest

from maggie_api.errors import DocumentError
from maggie_api.events import (
    EffectiveSettings,
    Event,
    Finished,
    FrameDone,
    FrameFailed,
    InstanceInfo,
    Repairs,
    Started,
    Warning,
    from_line,
    to_line,
)

STARTED = Started(
    frames=(1001, 1002),
    instances=(InstanceInfo("Žofie", "zofie", "maggie_zofie.alpha"),),
    device="cpu",
    model="default",
    precision="fp32",
    asked=EffectiveSettings(
        device="auto", precision="auto", working_px=576, detail="working", backend="auto"
    ),
    effective=EffectiveSettings(
        device="cpu", precision="fp32", working_px=540, detail="working", backend="native"
    ),
    working_size="960x540",
    licence="Apache-2.0",
    colorspace="ACEScg",
    ocio="cg-config-v2.2.0",
)
EVENTS = [
    STARTED,
    FrameDone(1001, "matte.1001.exr", 1.25, False, ("matte.1001.exr",), Repairs(nan=3)),
    FrameDone(1002, "matte.1002.exr", 0.0, True),
    FrameFailed(1003, "plate.1003.exr is cut short\nafter line 3"),
    Warning("repaired-pixels", "3 NaN pixels"),
    Finished(done=1, skipped=1, failed=1),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_its_line(event: Event):
    line = to_line(event)

    assert from_line(line) == event
    assert "\n" not in line


def test_a_program_finds_the_kind_of_event_in_its_first_field():
    assert list(json.loads(to_line(STARTED)).items())[0] == ("event", "started")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("{}", 'field "event" is missing: it is one of started, frame_done'),
        ('{"event": "frame_dome"}', '"event" is "frame_dome": did you mean "frame_done"?'),
        (
            '{"event": "frame_failed", "frame": "7", "error": "x"}',
            'field "frame" is "7": it must be a whole number',
        ),
        ('{"event": "finished", "done": 1, "skipped": 0}', 'field "failed" is missing'),
        ("frame 7 done", "event: not JSON"),
    ],
)
def test_a_line_that_is_no_event_is_refused(line: str, sentence: str):
    with pytest.raises(DocumentError) as refusal:
        from_line(line)

    assert sentence in str(refusal.value)

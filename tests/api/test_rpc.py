"""Lines and messages between client and worker."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maggie_api.client import rpc
from maggie_api.client.rpc import MAX_LINE, Answer, Lines, Request, Submit, TooLong, Welcome
from maggie_api.errors import RpcError
from maggie_api.events import FrameDone, Repairs
from maggie_api.job import MaskGuidance, MatteJob
from maggie_api.serialization import to_data

JOB = MatteJob("/p/plate.####.exr", "/p/matte.####.exr", (MaskGuidance("Žofie", "/p/zofie.####.exr"),))


@given(st.lists(st.binary(max_size=12).filter(lambda line: b"\n" not in line)), st.integers(1, 9))
def test_lines_are_the_same_however_the_bytes_come(lines: list[bytes], size: int):
    data = b"".join(line + b"\n" for line in lines)
    reader = Lines()

    found = [line for i in range(0, len(data), size) for line in reader.feed(data[i : i + size])]

    assert found == lines


def test_a_line_that_is_too_long_is_skipped_and_the_next_one_is_read():
    reader = Lines(limit=8)

    pieces = (b"12345678\n1234", b"56789", b"abc" * 100, b"\nok\n")
    found = [line for piece in pieces for line in reader.feed(piece)]

    said = [line if isinstance(line, bytes) else "too long" for line in found]
    assert said == [b"12345678", "too long", b"ok"]


def test_a_reader_holds_no_more_than_a_line():
    reader = Lines()

    for _ in range(50):
        found = reader.feed(bytes(MAX_LINE // 8))
        assert all(isinstance(line, TooLong) for line in found)

    assert len(reader._rest) <= MAX_LINE


def test_a_request_survives_its_line():
    line = rpc.request("submit", Submit(JOB, "interactive"), 7)

    asked = rpc.parse(line)

    assert isinstance(asked, Request)
    assert (asked.method, asked.id, asked.answered) == ("submit", 7, True)
    assert rpc.params_of(Submit, asked) == Submit(JOB, "interactive")


def test_a_notification_waits_for_no_answer():
    asked = rpc.parse(rpc.notification("cancel", {"job_id": 1}))

    assert asked == Request("cancel", {"job_id": 1}, None, answered=False)


def test_an_error_survives_its_line():
    answer = rpc.parse(rpc.error("x", RpcError(rpc.NO_JOB, "no job 7")))

    assert isinstance(answer, Answer)
    assert answer.error is not None
    assert (answer.id, answer.error.code, str(answer.error)) == ("x", rpc.NO_JOB, "no job 7")


def test_a_name_with_half_a_character_is_no_reason_to_fail():
    line = rpc.result(1, {"client": "\udcff"})

    assert rpc.parse(line) == Answer(1, {"client": "\udcff"})


@pytest.mark.parametrize(
    ("line", "code", "sentence"),
    [
        (b"hello?", rpc.NOT_JSON, "not JSON at line 1 column 1"),
        (b"\xff\xfe", rpc.NOT_JSON, "not UTF-8"),
        (b"1" * 9999, rpc.NOT_JSON, "digits"),
        (b"[" * 9999, rpc.NOT_JSON, "nested too deeply"),
        (b'{"jsonrpc": "2.0", "id": NaN}', rpc.NOT_JSON, "NaN is not a JSON value"),
        (b"[]", rpc.NO_REQUEST, "not an object"),
        (b'{"id": 1, "method": "status"}', rpc.NO_REQUEST, 'no "jsonrpc": "2.0"'),
        (b'{"jsonrpc": "2.0", "id": [1], "method": "status"}', rpc.NO_REQUEST, "the id is neither"),
        (b'{"jsonrpc": "2.0", "id": 1}', rpc.NO_REQUEST, "no method"),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": [1]}', rpc.BAD_PARAMS, "must be an object"),
    ],
)
def test_what_is_no_request_is_refused_in_one_line(line: bytes, code: int, sentence: str):
    with pytest.raises(RpcError) as refusal:
        rpc.parse(line)

    assert refusal.value.code == code
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_job_with_a_wrong_field_is_refused_by_its_name():
    data = {"job": to_data(JOB) | {"working_px": "576"}}

    with pytest.raises(RpcError, match='submit: field "job.working_px" is "576": it must be a whole number'):
        rpc.params_of(Submit, Request("submit", data, 1))


def test_what_a_later_worker_adds_is_left_out():
    welcome = Welcome(1, "9.0", 7, "unix", ("submit",))
    done = FrameDone(1, "m.exr", 0.5, False, ("m.exr",), Repairs(nan=2))
    later = to_data(done) | {"mood": "fine", "repairs": to_data(Repairs(nan=2)) | {"purple": 1}}

    assert rpc.lenient(Welcome, to_data(welcome) | {"colour": "blue"}, "hello") == welcome
    assert rpc.lenient(FrameDone, json.loads(json.dumps(later)), "event") == done

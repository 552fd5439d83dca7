"""Values made ahead: the same ones, whoever asks for what, and never more than one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from maggie_core.shot.prefetch import Prefetch


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def squares(made: list[int]):
    def make(frame: int) -> int:
        made.append(frame)
        if frame == 13:
            raise ValueError("thirteen")
        return frame * frame

    return make


def test_the_next_value_is_made_before_it_is_asked_for_and_no_further_one(pool: ThreadPoolExecutor):
    made: list[int] = []
    ahead = Prefetch(squares(made), [1, 2, 3], pool)

    first = ahead.get(1)
    pool.submit(lambda: None).result(timeout=10)  # the pool has done what it had to

    assert first == 1
    assert made == [1, 2]


def test_it_is_made_in_another_thread(pool: ThreadPoolExecutor):
    ahead = Prefetch(lambda frame: threading.current_thread(), [1, 2], pool)

    assert ahead.get(1) is threading.current_thread()
    assert ahead.get(2) is not threading.current_thread()


@pytest.mark.parametrize("asked", [[1, 2, 3, 2, 3, 4], [1, 3, 4], [4, 1, 9, 2], [3, 3, 3]])
def test_any_order_gives_the_same(pool: ThreadPoolExecutor, asked: list[int]):
    made: list[int] = []
    ahead = Prefetch(squares(made), [1, 2, 3, 2, 3, 4], pool)

    assert [ahead.get(frame) for frame in asked] == [frame * frame for frame in asked]


def test_each_is_made_once_where_the_order_is_kept(pool: ThreadPoolExecutor):
    made: list[int] = []
    order = [1, 2, 3, 2, 3, 4]
    ahead = Prefetch(squares(made), order, pool)

    for frame in order:
        ahead.get(frame)

    assert made == order


def test_what_goes_wrong_is_raised_where_it_is_asked_for(pool: ThreadPoolExecutor):
    ahead = Prefetch(squares([]), [1, 13, 2], pool)

    assert ahead.get(1) == 1
    with pytest.raises(ValueError, match="thirteen"):
        ahead.get(13)
    assert ahead.get(2) == 4


def test_without_a_pool_nothing_is_made_unasked():
    made: list[int] = []
    ahead = Prefetch(squares(made), [1, 2], None)

    ahead.get(1)

    assert made == [1]

"""The folder of records and arrays: bounded, shared, and never believed without a look."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from maggie_api.errors import SettingsError
from maggie_core.shot.cache import BLOCK_BYTES, StateCache, array_digest, key_of

GB = 10**9


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "CACHEDIR.TAG")


def noise(seed: int, count: int = 5000) -> np.ndarray:
    return np.random.default_rng(seed).random(count).astype(np.float32)


@settings(max_examples=50, deadline=None)
@given(arrays.arrays(st.sampled_from([np.float32, np.float64, np.uint8, np.bool_]), arrays.array_shapes()))
def test_arrays_come_back_bit_for_bit(tmp_path_factory: pytest.TempPathFactory, array: np.ndarray):
    cache = StateCache(tmp_path_factory.getbasetemp() / "arrays", limit_bytes=GB)

    found = cache.load(cache.keep(array))

    assert found is not None and found.dtype == array.dtype and found.shape == array.shape
    assert found.tobytes() == array.tobytes()


def test_views_that_are_not_contiguous_are_kept_as_they_read(tmp_path: Path):
    view = noise(0).reshape(50, 100)[::2, 3:-3]

    found = StateCache(tmp_path, limit_bytes=GB).load(StateCache(tmp_path, limit_bytes=GB).keep(view))

    assert found is not None and np.array_equal(found, view)


def test_type_and_shape_are_part_of_an_array_s_digest():
    zeros = np.zeros(8, np.float32)

    assert len({array_digest(a) for a in (zeros, zeros.reshape(2, 4), zeros.view(np.int32))}) == 3


def test_records_come_back_and_the_last_one_counts(tmp_path: Path):
    cache, key = StateCache(tmp_path, limit_bytes=GB), key_of("step", {"frame": 3})
    assert cache.recall(key) is None

    cache.record(key, {"array": "a"})
    cache.record(key, {"array": "b", "names": ["Žofie"]})

    assert StateCache(tmp_path, limit_bytes=GB).recall(key) == {"array": "b", "names": ["Žofie"]}


def test_a_key_changes_with_the_step_and_with_each_part():
    inputs = {"weights": "w", "frames": [{"plate": "p"}]}

    keys = {key_of("a", inputs), key_of("b", inputs), key_of("a", {**inputs, "frames": [{"plate": "q"}]})}

    assert len(keys) == 3
    assert key_of("a", dict(reversed(list(inputs.items())))) in keys


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "foreign", "pickle"])
def test_what_is_damaged_is_dropped_not_served(tmp_path: Path, damage: str):
    cache, array = StateCache(tmp_path, limit_bytes=GB), noise(1)
    digest, key = cache.keep(array), key_of("step", {})
    cache.record(key, {"array": digest})
    for path in files(tmp_path):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 4
        damaged = {
            "empty": b"",
            "truncated": path.read_bytes()[:-7],
            "flipped": bytes(content),
            "foreign": b"\x00\xff not ours",
            "pickle": b'{"dtype": "|O", "shape": [1]}\nx\x9c\x03\x00\x00\x00\x00\x01',
        }
        path.write_bytes(damaged[damage])

    assert cache.load(digest) is None and cache.recall(key) is None
    assert files(tmp_path) == []
    assert cache.keep(array) == digest
    assert np.array_equal(cache.load(digest), array)  # type: ignore[arg-type]


def test_a_record_under_another_name_is_not_believed(tmp_path: Path):
    cache, keys = StateCache(tmp_path, limit_bytes=GB), [key_of("step", {"frame": k}) for k in (1, 2)]
    cache.record(keys[0], {"array": "a"})
    (path,) = files(tmp_path)
    other = path.parent.parent / keys[1][:2] / keys[1]
    other.parent.mkdir(exist_ok=True)
    other.write_bytes(path.read_bytes())

    assert cache.recall(keys[1]) is None
    assert cache.recall(keys[0]) == {"array": "a"}


def test_the_folder_stays_within_its_limit_and_what_is_used_stays(tmp_path: Path):
    limit = 40 * 20_000
    cache = StateCache(tmp_path, limit_bytes=limit)
    first = cache.keep(noise(0))

    for seed in range(1, 120):
        digest = cache.keep(noise(seed))
        assert cache.load(digest) is not None
        assert cache.load(first) is not None
        os.utime(tmp_path / "v1" / "arrays" / digest[:2] / digest, (seed, seed))  # long ago, in order

    assert cache.size_bytes() <= limit * (1 + 1 / 32)
    assert len(files(tmp_path)) > 20
    assert cache.load(array_digest(noise(1))) is None
    assert cache.load(array_digest(noise(119))) is not None


def test_small_files_count_as_what_they_take_on_disk(tmp_path: Path):
    cache = StateCache(tmp_path, limit_bytes=64 * BLOCK_BYTES)

    for frame in range(400):
        cache.record(key_of("step", {"frame": frame}), {"array": "a"})

    assert len(files(tmp_path)) <= 66


def test_unfinished_files_of_the_dead_are_swept_and_those_of_the_living_are_not(tmp_path: Path):
    cache = StateCache(tmp_path, limit_bytes=GB)
    cache.keep(noise(0))
    (folder,) = {path.parent for path in files(tmp_path)}
    dead, living = folder / ".1-dead.tmp", folder / ".2-living.tmp"
    for path in (dead, living):
        path.write_bytes(b"half")
    os.utime(dead, (1, 1))

    StateCache(tmp_path, limit_bytes=GB).keep(noise(1))

    assert living.exists() and not dead.exists()


def test_a_folder_that_takes_no_files_is_said_once_and_still_read(tmp_path: Path):
    digest = StateCache(tmp_path, limit_bytes=GB).keep(noise(0))
    kept = [array for array in map(noise, range(1, 40))]
    for array in kept:  # a file in the way of every folder it would need
        (tmp_path / "v1" / "arrays" / array_digest(array)[:2]).touch()
    cache = StateCache(tmp_path, limit_bytes=GB)

    for array in kept:
        cache.keep(array)

    assert "takes no files" in cache.trouble and "\n" not in cache.trouble
    assert np.array_equal(cache.load(digest), noise(0))  # type: ignore[arg-type]


def test_a_limit_of_nothing_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError, match="allow it some"):
        StateCache(tmp_path, limit_bytes=0)

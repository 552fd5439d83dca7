"""Whatever comes from outside is understood, or refused by one sentence: text, headers, and bytes of files.

`make fuzz SECONDS=3600` runs these for as long as one likes, with other random numbers each time. What has
failed once is an example of its target, or a file of `corpus`.
"""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import OpenEXR
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from maggie_api.client.rpc import Cancel, Hello, Lines, Submit, TooLong, params_of, parse
from maggie_api.errors import FrameError, GuidanceError, InputError, MaggieError, RpcError
from maggie_api.job import MaskGuidance, MatteJob
from maggie_api.sequences import (
    compact_frames,
    expand_output,
    expected_frames,
    frame_of_file,
    parse_frames,
    parse_pattern,
    sequence_of_file,
)
from maggie_core.guidance.crypto_layers import CryptoLayer, ManifestError, crypto_layers, rank_layers
from maggie_core.io.image import list_parts, read_image
from maggie_core.io.video import MovieSource

CORPUS = Path(__file__).parent / "corpus"
EXAMPLES = int(os.environ.get("MAGGIE_FUZZ", "60"))
"""Cases of each target; `make fuzz` takes more."""
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=5000,
    derandomize="MAGGIE_FUZZ" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
FRAMES = st.sets(st.integers(-(10**6), 10**6), min_size=1, max_size=30)
PLAIN_PARTS = ["p", ".", "_", "-", "#", ",", "é", " ", "v2"]
NAME_PARTS = st.lists(
    st.sampled_from([*PLAIN_PARTS, "####", "%04d", "%d", "@", "@@", "$F", "$F4", "1001", "1-3", "x2"])
    | st.text(st.characters(exclude_characters="/\0"), max_size=4),
    min_size=1,
    max_size=8,
).map("".join)


def one_line(error: MaggieError) -> bool:
    return str(error) != "" and not any(unicodedata.category(letter) == "Cc" for letter in str(error))


@fuzzed
@given(st.text("0123456789-,xy ", max_size=30) | st.text(max_size=30))
@example("9" * 30)
@example("1-" + "9" * 5000)
@example("")
@example("1-5x" + "0" * 5000)
@example("١٢")
@example("--1")
def test_ranges_of_frames(text: str):
    try:
        frames = parse_frames(text)
    except InputError as error:
        assert len(str(error)) < 300
    else:
        assert frames == tuple(sorted(set(frames)))
        assert parse_frames(compact_frames(frames)) == frames


@fuzzed
@given(NAME_PARTS)
@example("p.%99999999999d.exr")
@example("p." + "#" * 5000 + ".exr")
@example("cam1####.exr")
@example("cam1-3####.exr")
@example("SC#01_####.exr")
@example("p.1-2,####.exr")
@example("p.%٣d.exr")
def test_names_of_sequences(name: str):
    frame_of_file(name)
    try:
        sequence_of_file(name)
        pattern = parse_pattern(name)
        outputs = [expand_output(name, frame) for frame in (-2, 0, 7, 1001, 123456)]
    except InputError:
        return
    assert len(set(outputs)) == 5
    if pattern is not None and pattern.frames is None:
        assert all(pattern.matches(path.name) for path in outputs)


@fuzzed
@given(FRAMES)
@example({1, 2, 20261129})
@example({1, 2, 202611291200})
def test_frames_of_a_shot(numbers: set[int]):
    frames = sorted(numbers)
    try:
        assert set(frames) <= set(expected_frames(frames))
    except FrameError as error:
        assert one_line(error)


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
PLAIN_JOB: dict[str, Any] = json.loads(
    MatteJob("p.####.exr", "m.####.exr", (MaskGuidance("ana", "a.####.png"),)).to_json()
)


@fuzzed
@given(st.sampled_from(sorted(PLAIN_JOB)), JSON)
@example("guidance", [{"kind": "mask"}])
@example("cache_gb", 1e300)
@example("working_px", int("9" * 4000))
@example("plate", "a\0b")
@example("plate", "\ud800")
@example("output", "a\nb.####.exr")
@example("compression", "dwaa:nan")
@example("frames", "")
def test_fields_of_a_job(field: str, value: Any):
    text = json.dumps(PLAIN_JOB | {field: value})
    try:
        job = MatteJob.from_json(text)
    except InputError as error:
        assert one_line(error)
    else:
        assert MatteJob.from_json(job.to_json()) == job


@fuzzed
@given(st.text(max_size=200) | JSON.map(json.dumps))
@example("[" * 100_000)
@example('{"a":' * 100_000)
@example("1" * 5000)
@example('{"plate": 1, "plate": 2}')
@example("NaN")
def test_documents_that_are_no_jobs(text: str):
    with pytest.raises(InputError) as refused:
        MatteJob.from_json(text)
    assert one_line(refused.value)


METHODS = ["hello", "submit", "cancel", "status", "shutdown"]
REQUESTS = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | LEAVES},
    optional={
        "id": LEAVES | JSON,
        "method": st.sampled_from(METHODS) | LEAVES,
        "params": JSON,
        "result": JSON,
        "error": JSON,
    },
)


@fuzzed
@given(st.binary(max_size=200) | REQUESTS.map(lambda data: json.dumps(data).encode()))
@example(b'{"jsonrpc": "2.0", "id": 1, "method": "submit", "params": {"job": null}}')
@example(b'{"jsonrpc": "2.0", "id": 1, "method": "submit", "params": {"job": {"plate": "\\ud800"}}}')
@example(b"[" * 100_000)
@example(b"1" * 5000)
@example(b"\xff\xfe")
def test_lines_of_the_protocol(line: bytes):
    try:
        message = parse(line)
        for cls in (Hello, Submit, Cancel):
            if hasattr(message, "params"):
                params_of(cls, message)  # type: ignore[arg-type]
    except RpcError as error:
        assert one_line(error)


@fuzzed
@given(st.lists(st.binary(max_size=50), max_size=8), st.integers(1, 60))
def test_streams_of_lines_hold_no_more_than_a_line(chunks: list[bytes], limit: int):
    lines = Lines(limit)
    found = [line for chunk in chunks for line in lines.feed(chunk)]

    whole = b"".join(chunks).split(b"\n")[:-1]
    assert [line for line in found if not isinstance(line, TooLong)] == [
        line for line in whole if len(line) <= limit
    ]


TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
MANIFESTS = st.dictionaries(TEXTS, JSON | st.from_regex(r"[0-9a-f]{1,9}", fullmatch=True), max_size=4).map(
    json.dumps
)
LAYERS = [
    f"{layer}{rank}" for layer in ("Crypto", "crypto", "V.Crypto", "A") for rank in ("", "00", "01", "9" * 30)
]
CHANNELS = st.lists(
    st.sampled_from([f"{layer}.{c}" for layer in LAYERS for c in "RGBArgba"]) | TEXTS, max_size=12
)
KEYS = st.sampled_from(["name", "manifest", "manif_file", "hash", "conversion", ""])


@fuzzed
@given(
    CHANNELS,
    st.dictionaries(
        st.tuples(TEXTS, KEYS).map("cryptomatte/{0[0]}/{0[1]}".format), TEXTS | st.just("Crypto"), max_size=6
    ),
)
@example(["Crypto00.R"], {"cryptomatte/x/name": "(", "cryptomatte/y/name": "Crypto"})
def test_headers_of_cryptomattes(channels: list[str], metadata: dict[str, str]):
    for name, layer in crypto_layers(channels, metadata).items():
        assert layer.name == name
        assert set(layer.channels) <= set(channels)
    assert set(rank_layers(channels, metadata)) <= {channel.rpartition(".")[0] for channel in channels}


@fuzzed
@given(text=MANIFESTS | TEXTS, sidecar=TEXTS | st.sampled_from(["/dev/zero", "../x", "fifo", ".", "x" * 300]))
@example(text="[" * 50_000, sidecar="")
@example(text='{"a": "\\ud800"}', sidecar="")
@example(text='{"\\ud800": "1"}', sidecar="")
@example(text="", sidecar="/dev/zero")
@example(text="", sidecar="fifo")
@example(text='{"a": 1e999}', sidecar="")
@example(text="", sidecar="\n")
@example(text="", sidecar="\x1b[2J")
def test_manifests(tmp_path: Path, text: str, sidecar: str):
    if not (tmp_path / "fifo").exists():
        os.mkfifo(tmp_path / "fifo")
    try:
        found = CryptoLayer("Crypto", (), text or None, sidecar or None).manifest(tmp_path)
    except ManifestError as error:
        assert one_line(error)
    else:
        assert all(0 <= identity < 2**32 for identity in found.values())
        assert "".join(found).encode("utf-8") is not None


def _changes(size: int) -> st.SearchStrategy[list[tuple[int, int, bytes]]]:
    """Places, how many bytes go there, and what comes in their place."""
    return st.lists(
        st.tuples(st.integers(0, size), st.sampled_from([0, 1, 1, 1, 4, 40]), st.binary(max_size=8)),
        min_size=1,
        max_size=4,
    )


def _changed(content: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    for at, gone, come in changes:
        content = content[:at] + come + content[at + gone :]
    return content


def _exr(folder: Path, kind: str) -> bytes:
    path = folder / f"{kind}.exr"
    if not path.exists():
        plane = np.linspace(0, 1, 96, dtype=np.float16).reshape(8, 12)
        header: dict[str, Any] = {
            "compression": OpenEXR.ZIP_COMPRESSION,
            "type": OpenEXR.scanlineimage,
            "comments": "Ä",
        }
        if kind == "parts":
            OpenEXR.File(
                [OpenEXR.Part(header | {"name": name}, {"A": plane}, name) for name in ("rgba", "ana")]
            ).write(str(path))
        elif kind == "chroma":
            path.write_bytes(
                np.load(CORPUS.parents[1] / "golden" / "luminance_chroma.npz")["tiny_file"].tobytes()
            )
        else:
            OpenEXR.File(header, {"RGBA": np.dstack([plane] * 4)}).write(str(path))
    return path.read_bytes()


def _reads(path: Path) -> None:
    try:
        list_parts(path)
        image = read_image(path)
    except (FrameError, GuidanceError) as error:
        assert one_line(error)
    else:
        assert image.pixels.shape == (image.data.height, image.data.width, len(image.channels))


@fuzzed
@given(kind=st.sampled_from(["plain", "parts", "chroma"]), changes=_changes(900))
def test_bytes_of_exrs(tmp_path: Path, kind: str, changes: list[tuple[int, int, bytes]]):
    path = tmp_path / "changed.exr"
    path.write_bytes(_changed(_exr(tmp_path, kind), changes))

    _reads(path)


@pytest.mark.parametrize("name", sorted(path.name for path in CORPUS.glob("*")))
def test_files_that_have_failed_once(tmp_path: Path, name: str):
    if name.endswith(".exr"):
        _reads(CORPUS / name)
    else:
        _plays(CORPUS / name)


def _movie(folder: Path, name: str, codec: str, form: str) -> bytes:
    path = folder / f"whole_{name}"
    if not path.exists():
        with av.open(str(path), "w") as container:
            stream: Any = container.add_stream(codec, rate=24)
            stream.width, stream.height, stream.pix_fmt = 48, 32, form
            for k in range(4):
                picture = np.random.default_rng(k).integers(0, 255, (32, 48, 3), np.uint8)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            container.mux(stream.encode())
    return path.read_bytes()


def _plays(path: Path) -> None:
    try:
        movie = MovieSource(path)
    except FrameError as error:
        assert one_line(error)
        return
    for frame in movie.frames[:4]:
        try:
            image = movie.read(frame)
        except FrameError as error:
            assert one_line(error)
        else:
            assert np.isfinite(image.pixels).all()
    assert all("\n" not in note for note in movie.notes)
    movie.close()


MOVIES: dict[str, tuple[str, str]] = {
    "a.mp4": ("libx264", "yuv420p"),
    "a.mov": ("prores_ks", "yuv422p10le"),
    "a.mkv": ("ffv1", "bgr0"),
    "b.mov": ("png", "rgb24"),
    "a.avi": ("mpeg4", "yuv420p"),
}


@fuzzed
@given(name=st.sampled_from(sorted(MOVIES)), changes=_changes(6000))
def test_bytes_of_movies(tmp_path: Path, name: str, changes: list[tuple[int, int, bytes]]):
    path = tmp_path / name
    path.write_bytes(_changed(_movie(tmp_path, name, *MOVIES[name]), changes))

    _plays(path)


def test_a_target_can_fail():
    """The targets tell a wrong exception from a refusal."""
    failing: Callable[[str], None] = settings(max_examples=5, database=None)(
        given(st.text())(lambda text: int("x"))
    )

    with pytest.raises(ValueError, match="invalid literal"):
        failing()  # type: ignore[call-arg]

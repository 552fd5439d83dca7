"""Guidance of which a file is damaged: the frame that needs the file fails, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from support.guidance_files import square, write_image

from maggie_api.errors import GuidanceError
from maggie_core.guidance import (
    CryptomatteSequence,
    GuidanceSource,
    IdMapSequence,
    LayerSequence,
    MaskSequence,
)
from maggie_core.guidance.crypto_ids import float_of
from maggie_core.guidance.files import UnreadableMaskError

MASK = square(4, 4)
PEOPLE = {1: ("ana",), 2: ("ben",), 3: ("ana", "cleo")}
"""Who is in each frame."""


def id_map(folder: Path, frame: int) -> GuidanceSource:
    ids = {"ana": 3, "ben": 4, "cleo": 5}
    planes = [square(4, 4 + 12 * place) * ids[who] for place, who in enumerate(PEOPLE[frame])]
    write_image(folder / f"g.{frame}.png", np.maximum.reduce(planes).astype(np.uint8))
    return IdMapSequence(folder / "g.#.png")


def layered(folder: Path, frame: int) -> GuidanceSource:
    planes = np.stack([MASK for _ in PEOPLE[frame]], axis=-1)
    write_image(folder / f"g.{frame}.exr", planes, channels=[f"{who}.A" for who in PEOPLE[frame]])
    return LayerSequence(folder / "g.#.exr")


def cryptomatte(folder: Path, frame: int) -> GuidanceSource:
    planes = [plane for who in PEOPLE[frame] for plane in (MASK * float_of(ord(who[0])), MASK * 0.5)]
    channels = [f"crypto00.{channel}" for channel in "RGBA"[: len(planes)]]
    write_image(
        folder / f"g.{frame}.exr",
        np.stack(planes, axis=-1).astype(np.float32),
        channels=channels,
        metadata={"cryptomatte/abc/name": "crypto"},
    )
    return CryptomatteSequence(folder / "g.#.exr")


def masks(folder: Path, frame: int) -> GuidanceSource:
    write_image(folder / f"g.{frame}.png", (MASK * 255).astype(np.uint8))
    return MaskSequence("ana", folder / "g.#.png")


KINDS = [id_map, layered, cryptomatte, masks]


def reopened(source: GuidanceSource, folder: Path) -> GuidanceSource:
    """The same guidance, of which nothing is known yet."""
    pattern = folder / f"g.#{next(folder.iterdir()).suffix}"
    if isinstance(source, MaskSequence):
        return MaskSequence("ana", pattern)
    assert isinstance(source, IdMapSequence | LayerSequence | CryptomatteSequence)
    return type(source)(pattern)


@pytest.mark.parametrize("cut", ["all of it", "its end"])
@pytest.mark.parametrize("frame", PEOPLE)
@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_has_no_say_in_who_is_in_the_shot(tmp_path: Path, kind, frame: int, cut: str):
    healthy = [kind(tmp_path, each) for each in PEOPLE][-1]
    file = next(tmp_path.glob(f"g.{frame}.*"))
    whole = file.read_bytes()
    file.write_bytes(b"no picture" if cut == "all of it" else whole[: len(whole) - 40])
    others = [each for each in PEOPLE if each != frame]

    source = reopened(healthy, tmp_path)

    with pytest.raises(UnreadableMaskError, match=rf"g\.{frame}\..*cannot be read"):
        source.read(frame)
    for each in others:
        seen = [mask for mask in source.read(each) if mask.pixels.any()]
        assert len(seen) == (1 if kind is masks else len(PEOPLE[each]))
    before = source.digest(others[0])
    file.write_bytes(whole)
    repaired = reopened(healthy, tmp_path)
    assert repaired.names == healthy.names
    assert (repaired.digest(others[0]) == before) == (repaired.names == source.names)


@pytest.mark.parametrize("kind", KINDS)
def test_when_all_files_are_damaged_the_first_is_named(tmp_path: Path, kind):
    healthy = [kind(tmp_path, each) for each in PEOPLE][-1]
    for file in tmp_path.iterdir():
        file.write_bytes(b"no picture")

    with pytest.raises(GuidanceError, match=r"g\.1\..*cannot be read"):
        reopened(healthy, tmp_path).read(1)

"""The process that draws: over its pipes, when it dies, and when it is left."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
from support.shots import HEIGHT, WIDTH, TinyShot

from maggie_panel.picture_client import GONE, Answer, PictureClient

PATIENCE_S = 60.0


@pytest.fixture
def client() -> Iterator[PictureClient]:
    made = PictureClient(sys.executable)
    yield made
    made.close()


def answers(client: PictureClient, *numbers: int) -> dict[int, Answer]:
    found: dict[int, Answer] = {}
    end = time.monotonic() + PATIENCE_S
    while not set(numbers) <= set(found):
        assert time.monotonic() < end, f"no answer to {set(numbers) - set(found)}"
        found |= {answer.number: answer for answer in client.poll()}
        time.sleep(0.01)
    return found


def stroke(tool: str) -> dict[str, object]:
    return {"tool": tool, "points": [[20.0, 20.0]], "radius_px": 8.0}


def test_pictures_come_over_the_pipe_and_the_process_is_replaced_when_it_dies(
    client: PictureClient, kept_shot: TinyShot, tmp_path: Path
):
    plate, key = kept_shot.plate, str(tmp_path / "keys" / "ana.1001.png")
    opened = client.ask("open", plate=plate)
    drawn = client.ask("draw", plate=plate, frame=1001, size=[48, 48], mode="plate")
    absent = client.ask("draw", plate=plate, frame=7, size=[48, 48], mode="plate")
    wrong = client.ask("open", plate=str(tmp_path / "no.####.exr"))
    writes = [
        client.ask("write_key", path=key, plate=plate, frame=1001, strokes=[stroke("paint")] * n)
        for n in (1, 2, 40)
    ]
    removed = client.ask("remove_key", path=key)
    last = client.ask("write_key", path=key, plate=plate, frame=1001, strokes=[])
    found = answers(client, opened, drawn, absent, wrong, *writes, removed, last)

    assert found[opened].result["size"] == [WIDTH, HEIGHT]
    assert len(found[drawn].pixels) == 48 * 32 * 3 and found[drawn].result["height"] == 32
    assert "no frame 7" in found[absent].error and "matches no file" in found[wrong].error
    assert cv2.imread(key, cv2.IMREAD_GRAYSCALE).max() == 0  # the last of them stays

    link = client._link
    assert link is not None
    slow = client.ask("draw", plate=plate, frame=1002, size=[48, 48], mode="plate")
    os.kill(link._process.pid, signal.SIGKILL)
    assert answers(client, slow)[slow].error in ("", GONE)  # it may have been quicker
    end = time.monotonic() + PATIENCE_S
    while not link.ended:
        assert time.monotonic() < end
        time.sleep(0.01)
    again = client.ask("draw", plate=plate, frame=1003, size=[48, 48], mode="plate")
    assert answers(client, again)[again].error == ""

    link = client._link
    assert link is not None
    client.close()
    assert link._process.wait(timeout=PATIENCE_S) == 0


def test_a_python_without_the_product_is_told(tmp_path: Path):
    client = PictureClient(str(tmp_path / "python"))
    number = client.ask("open", plate="x")

    assert "no pictures can be drawn" in answers(client, number)[number].error

"""The panel on a long 4K shot: how soon it is open, how it scrubs, what memory it takes.

    python -m benchmarks.panel [--frames 1000] [--size 4096x2160] [--seconds 5] [--json FILE]

The shot is one real EXR file (half float, ZIP) under as many names, as hard links, so that a thousand frames
take the disk of one; the system has its bytes in memory, as it has those of a shot that was just written. The
window is real but offscreen, 1280x720, with the real picture process.

    launch   seconds from nothing to the first picture: process, window, picture process, shot
    open     seconds from the drop of another shot to its first picture
    fill     pictures drawn ahead in a second, while nothing else is asked for
    scrub    playing what is cached at 24 a second: pictures shown of those due, and the longest gap
    memory   most resident memory of the panel and of the picture process

`cpu` are seconds of a CPU in both processes: what a machine without other work needs at most.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from maggie_core.image.window import Window
from maggie_core.io.exr import Part, write_exr

FPS = 24.0
PATIENCE_S = 600.0


def write_shots(folder: Path, frames: int, size: tuple[int, int]) -> list[str]:
    """A noisy picture of this size as so many frames, twice; returns the two sequences."""
    width, height = size
    random = np.random.default_rng(0)
    blocks = random.uniform(0.02, 0.6, (-(-height // 16), -(-width // 16), 3)).astype(np.float32)
    picture = np.kron(blocks, np.ones((16, 16, 1), np.float32))[:height, :width]
    picture = picture + random.normal(0, 0.01, picture.shape).astype(np.float32)  # grain, as a camera's
    first = folder / "plate.1001.exr"
    whole = Window(0, 0, width, height)
    part = Part(None, ("R", "G", "B"), picture, whole, whole, compression="zip", colorspace=None)
    write_exr(first, [part])
    for name in ("plate", "other_plate"):
        for frame in range(1001, 1001 + frames):
            if (name, frame) != ("plate", 1001):
                os.link(first, folder / f"{name}.{frame}.exr")
    return [str(folder / f"{name}.####.exr") for name in ("plate", "other_plate")]


def measured(plates: list[str], seconds: float, began: float) -> dict[str, Any]:
    """All of it, in this process.

    Args:
        began: `time.time()` when the process was started.
    """
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from maggie_panel.app import new_session, prepare, window_of
    from maggie_panel.qt import QtWidgets

    application = QtWidgets.QApplication(sys.argv[:1])
    prepare(application)
    session = new_session(python=sys.executable, shared=False)
    window = window_of(session)
    window.show()
    until = _waiting(application)

    def is_open() -> Any:
        return session.plate.frames and session.picture()[1]

    session.drop(plates[:1])
    until(is_open)
    window.panel.viewer.repaint()
    found: dict[str, Any] = {"launch_s": time.time() - began}

    found["launch_cpu_s"] = _cpu_s(session)
    again, used = time.perf_counter(), _cpu_s(session)
    session.drop(plates[1:])
    until(lambda: not session.plate.frames)
    until(is_open)
    window.panel.viewer.repaint()
    found |= {"open_s": time.perf_counter() - again, "open_cpu_s": _cpu_s(session) - used}
    found["frames"] = len(session.plate.frames)

    room = round(seconds * FPS) + 8
    began_fill, had = time.perf_counter(), len(session.facts.cached)
    until(lambda: len(session.facts.cached) >= min(room, len(session.plate.frames)))
    found["fill_per_s"] = (len(session.facts.cached) - had) / (time.perf_counter() - began_fill)

    used = _cpu_s(session)
    found |= _scrubbed(application, session, window, seconds)
    found["scrub_cpu_share"] = (_cpu_s(session) - used) / seconds
    # Pictures are put into the cache until it is full twice over: what it takes then is the bound.
    shown, _ = session.picture()
    request = session.request()
    assert shown is not None and request is not None
    for frame in range(2 * session.queue.cache.room_for(len(shown.pixels))):
        kept = bytes(len(shown.pixels) - 1) + bytes([frame % 256])
        session.queue.cache.put(request.at(-frame), kept, len(kept))
    found["cache_mb"] = session.queue.cache.size / 2**20
    found["memory_mb"] = _memory(session)
    window.close()
    return found


def _scrubbed(application: Any, session: Any, window: Any, seconds: float) -> dict[str, Any]:
    """Play what is cached, and note when each picture is painted."""
    frame = session.playback.frame
    session.playback = session.playback.in_range(frame, frame + round(seconds * FPS) - 1)
    painted: dict[int, float] = {}
    viewer = window.panel.viewer
    paint = viewer.paintEvent

    def noted(event: Any) -> None:
        paint(event)
        if session.picture()[1]:
            painted.setdefault(session.playback.frame, time.perf_counter())

    viewer.paintEvent = noted
    session.play("forward")
    began = time.perf_counter()
    while time.perf_counter() - began < seconds - 0.5 / FPS:
        application.processEvents()
        time.sleep(0.001)
    session.play("stopped")
    viewer.paintEvent = paint
    times = sorted(painted.values())
    gaps = [1000 * (b - a) for a, b in zip(times, times[1:], strict=False)]
    return {"due": round(seconds * FPS), "shown": len(painted), "longest_gap_ms": max(gaps)}


def _waiting(application: Any) -> Callable[[Callable[[], Any]], None]:
    def until(is_so: Callable[[], Any]) -> None:
        end = time.monotonic() + PATIENCE_S
        while not is_so():
            assert time.monotonic() < end, "it never was so"
            application.processEvents()
            time.sleep(0.001)

    return until


def _cpu_s(session: Any) -> float:
    """Seconds of a CPU that the panel and its picture process have used."""
    fields = Path(f"/proc/{session._pictures._link._process.pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory(session: Any) -> dict[str, float]:
    """Most resident megabytes so far, of the panel and of the picture process."""
    server = session._pictures._link._process.pid
    status = Path(f"/proc/{server}/status").read_text().splitlines()
    (peak,) = [line.split()[1] for line in status if line.startswith("VmHWM")]
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"panel": round(own / 1024), "pictures": round(int(peak) / 1024)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--size", default="4096x2160")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        began, *plates = asked.inside
        print(json.dumps(measured(plates, asked.seconds, float(began))))
        return
    width, height = (int(side) for side in asked.size.split("x"))
    with tempfile.TemporaryDirectory() as folder:
        plates = write_shots(Path(folder), asked.frames, (width, height))
        command = [sys.executable, "-m", "benchmarks.panel", "--seconds", str(asked.seconds)]
        ran = subprocess.run(
            [*command, "--inside", str(time.time()), *plates], stdout=subprocess.PIPE, text=True, check=True
        )
    found = json.loads(ran.stdout.splitlines()[-1])
    for name, value in found.items():
        print(f"{name:28} {value if not isinstance(value, float) else round(value, 2)}")
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

"""Starts a Nuke: in a test by launch(), as a process by `python nuke_app.py -t script.py`."""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Callable, Optional, Union

sys.path[:0] = [folder for folder in [str(Path(__file__).parent)] if folder not in sys.path]

import nuke  # noqa: E402
from nuke import _script, _state  # noqa: E402

VERSION = (15, 1, 3)
_loading: list[str] = []
_phase = "done"


def loading_folder() -> str:
    """The folder of the init.py or menu.py that runs now; relative plug-in paths start there."""
    return _loading[-1] if _loading else os.getcwd()


def launch(
    mode: str = "gui",
    nuke_path: Sequence[Union[str, os.PathLike]] = (),
    *,
    version: tuple[int, int, int] = VERSION,
    arguments: Sequence[str] = (),
) -> _state.Session:
    """A new, empty Nuke in this process; the calling thread is its main thread.

    Args:
        mode: "gui", "t" (a Python script) or "x" (a render).
        nuke_path: folders as of NUKE_PATH: init.py of each runs in every mode, menu.py in the GUI.

    Raises:
        RuntimeError: an init.py or menu.py failed; the real program would not come up.
    """
    global _phase
    if mode not in ("gui", "t", "x"):
        raise ValueError(f"a Nuke runs as gui, t or x, not {mode!r}")
    session = _state.start(mode, version, list(arguments))
    _script._empty()
    nuke._dress(session)
    _phase = "init"
    for folder in reversed([os.path.abspath(os.fspath(folder)) for folder in nuke_path]):
        if folder not in session.plugin_path:
            session.plugin_path.insert(0, folder)
            sys.path[:0] = [folder] if folder not in sys.path else []
            run_startup(folder)
    if mode == "gui":
        _phase = "menu"
        for folder in reversed(list(session.plugin_path)):
            _run(folder, "menu.py")
    _phase = "done"
    return session


def run_startup(folder: str) -> None:
    """What a folder new on the plug-in path makes Nuke run."""
    _run(folder, "init.py")
    if _phase != "init" and _state.session().mode == "gui":
        _run(folder, "menu.py")


def _run(folder: str, name: str) -> None:
    path = os.path.join(folder, name)
    if not os.path.isfile(path):
        return
    _loading.append(folder)
    try:
        with open(path, encoding="utf-8") as file:
            code = compile(file.read(), path, "exec")
        exec(code, {"__name__": name[:-3], "__file__": path, "nuke": nuke})
    except Exception as wrong:
        raise RuntimeError(f"{path}: {type(wrong).__name__}: {wrong}") from wrong
    finally:
        _loading.pop()


def pump(until: Optional[Callable[[], Any]] = None, *, seconds: float = 30.0) -> None:
    """The event loop: run what other threads have queued, until `until()` is true (or nothing waits).

    Raises:
        TimeoutError: `until()` was not true in time.
    """
    session = _state.session()
    session.must_be_main("the event loop")
    if session.mode != "gui":
        raise session.crash("nuke -t and -x have no event loop")
    end = time.monotonic() + seconds
    while True:
        while session.queue:
            _serve(session, session.queue.popleft())
        if until is None or until():
            return
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"nothing of the kind in {seconds} s")
        with session.queued:
            if not session.queue:
                session.queued.wait(min(left, 0.02))


def _serve(session: _state.Session, queued: _state.Call) -> None:
    try:
        queued.result = queued.call(*queued.args, **queued.kwargs)
    except Exception as wrong:
        queued.error = wrong
        if queued.event is None:
            session.record.tracebacks.append(traceback.format_exc())
            traceback.print_exc()
    finally:
        if queued.event is not None:
            queued.event.set()


def click(knob: Any) -> None:
    """Press a button of a node's panel; what it raises is shown to the artist, as Nuke does."""
    try:
        knob.execute()
    except Exception as wrong:
        _state.session().record.messages.append(("error", f"{type(wrong).__name__}: {wrong}"))
        _state.session().record.tracebacks.append(traceback.format_exc())


def edit(knob: Any, value: Any) -> None:
    """Change a knob as the artist does: by its panel, which is open."""
    node = knob.node()
    if not node.shown():
        node.showControlPanel()
    knob.setValue(value)


def pick(knob: Any, node: Any, x: float, y: float) -> None:
    """Take a colour from the viewer, which shows a node, with the eyedropper of a panel that is open."""
    colour = [nuke.sample(node, f"rgba.{name}", x, y) for name in ("red", "green", "blue", "alpha")]
    edit(knob, [*colour, x, y, x + 1, y + 1])


def update_ui() -> None:
    """What Nuke does when it is idle: updateUI of every node."""
    from nuke import _nodes

    for node in _script.allNodes(recurseGroups=True, group=_state.session().root):
        with _nodes.printed():
            _nodes.run_python(node._knobs["updateUI"]._text, node, None)
            _nodes.run_callbacks("updateUI", node)


@contextlib.contextmanager
def running(
    mode: str = "gui", nuke_path: Sequence[Union[str, os.PathLike]] = (), **more: Any
) -> Iterator[Any]:
    """launch() for a `with`; at its end nothing may have crashed."""
    session = launch(mode, nuke_path, **more)
    yield session
    assert not session.record.crashes, session.record.crashes


# ---- the program


def _eaten(arguments: list[str]) -> list[str]:
    """sys.argv of a script: a last argument that looks like frames is not in it."""
    if len(arguments) > 1 and re.fullmatch(r"-?\d+(-\d+(x\d+)?)?(,\d+){0,2}", arguments[-1]):
        return arguments[:-1]
    return arguments


def _render(session: _state.Session, options: argparse.Namespace) -> int:
    _script.scriptOpen(options.script)
    if session.record.tracebacks:
        return 1
    writes = [node for node in _script.allNodes("Write") if not node["disable"].value()]
    if options.nodes:
        writes = [_script.toNode(name) for name in options.nodes.split(",")]
    root = _state.session().root
    frames = nuke.FrameRanges(options.frames or f"{root.firstFrame()}-{root.lastFrame()}")
    if not writes or None in writes:
        sys.stderr.write("nothing to render\n")
        return 1
    writes.sort(key=lambda node: node["render_order"].value())
    try:
        nuke.executeMultiple(writes, frames, None, options.go_on)
    except RuntimeError as wrong:
        sys.stderr.write(f"{wrong}\n")
        return 1
    return 1 if session.record.texts("error") else 0


def main(arguments: Sequence[str]) -> int:
    """`-t script.py [args]`, `-x script.nk [-F 1-10] [-X Write1] [--cont]`; the exit status."""
    given = list(arguments)
    nuke_path = [folder for folder in os.environ.get("NUKE_PATH", "").split(os.pathsep) if folder]
    if given[:1] == ["-t"]:
        script = given[1:]
        launch("t", nuke_path, arguments=["nuke", *given])
        sys.argv = _eaten(script)
        with open(script[0], encoding="utf-8") as file:
            code = compile(file.read(), script[0], "exec")
        import __main__

        vars(__main__).update({"nuke": nuke, "__file__": script[0]})
        exec(code, vars(__main__))
        return 1 if _state.session().record.crashes else 0
    parser = argparse.ArgumentParser(prog="nuke")
    parser.add_argument("-x", dest="render", action="store_true", required=True)
    parser.add_argument("-F", dest="frames", default="")
    parser.add_argument("-X", dest="nodes", default="")
    parser.add_argument("--cont", dest="go_on", action="store_true")
    parser.add_argument("script")
    options = parser.parse_args(given)
    session = launch("x", nuke_path, arguments=["nuke", *given])
    return _render(session, options)


if __name__ == "__main__":
    sys.modules["nuke_app"] = sys.modules["__main__"]
    sys.exit(main(sys.argv[1:]))

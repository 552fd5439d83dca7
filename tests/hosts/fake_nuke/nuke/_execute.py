"""nuke.execute: callbacks in order, frames to files, one execution at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, Optional

from . import _expressions, _nodes, _state
from ._channels import FrameRange, FrameRanges
from ._files import file_at
from ._nodes import Node
from ._state import main_thread


def _frames(node: Node, args: tuple) -> list[int]:
    root = _state.session().root
    if len(args) == 1 and isinstance(args[0], FrameRanges):
        return args[0].toFrameList()
    if len(args) == 1 and isinstance(args[0], FrameRange):
        return list(args[0])
    if not all(isinstance(arg, int) for arg in args):
        raise TypeError("execute(node, start, end, incr) takes whole frames")
    start, end, step = [*args, *(root.firstFrame(), root.lastFrame(), 1)[len(args) :]][:3]
    return list(FrameRange(start, end, step))


@main_thread
def execute(
    nameOrNode: Any,
    *args: Any,
    views: Optional[list[str]] = None,
    continueOnError: bool = False,
    start: Optional[int] = None,
    end: Optional[int] = None,
    incr: Optional[int] = None,
    frameRangeSet: Optional[FrameRanges] = None,
) -> None:
    """Render a Write: (start, end, incr, views, continueOnError) or (FrameRanges, views, continueOnError).

    Raises:
        RuntimeError: a node that renders nothing, an execution in another one, a failing frame or
            callback, "Cancelled".
    """
    node = _nodes.find_node(nameOrNode, _nodes.current_group()) if isinstance(nameOrNode, str) else nameOrNode
    if node is None:
        raise RuntimeError(f"{nameOrNode}: no such node")
    if not isinstance(node, Node):
        raise TypeError(f"execute takes a Node or its name, not {type(node).__name__}")
    given = list(args)
    if given and isinstance(given[-1], bool):
        continueOnError = given.pop()
    if given and isinstance(given[-1], (list, tuple)):
        views = list(given.pop())
    if frameRangeSet is not None:
        given = [frameRangeSet]
    named = [value for value in (start, end, incr) if value is not None]
    _run([(node, _frames(node, tuple(given + named)))], views, continueOnError)


@main_thread
def executeMultiple(
    nodes: Iterable[Node],
    ranges: Any,
    views: Optional[list[str]] = None,
    continueOnError: bool = False,
) -> None:
    """Render several Writes frame by frame; `ranges` is FrameRanges or [(first, last, incr)]."""
    if isinstance(ranges, FrameRanges):
        frames = ranges.toFrameList()
    else:
        frames = [frame for first, last, step in ranges for frame in FrameRange(first, last, step)]
    _run([(node, frames) for node in nodes], views, continueOnError)


@main_thread
def executing(f: Optional[float] = None) -> bool:
    return bool(_state.session().executing)


@main_thread
def cancel() -> None:
    _state.session().cancel_render = lambda frame: True


def _callbacks(name: str, node: Node) -> None:
    """A Write's own code, then what was added for its class; an exception ends the execution."""
    try:
        _nodes.run_python(node._knobs[name]._text, node, None)
        _nodes.run_callbacks(name, node)
    except Exception as wrong:
        raise RuntimeError(f"{node._full_name()}: {name}: {type(wrong).__name__}: {wrong}") from wrong


def _run(jobs: list[tuple[Node, list[int]]], views: Optional[list[str]], go_on: bool) -> None:
    session = _state.session()
    if session.executing:
        raise RuntimeError("I'm already executing something else")
    for node, _ in jobs:
        if node._class != "Write":
            raise RuntimeError(f"{node._full_name()}: a {node._class} cannot be executed")
        if node._disabled():
            raise RuntimeError(f"{node._full_name()} is disabled")
        unknown = [view for view in views or () if view not in session.root._views]
        if unknown:
            raise RuntimeError(f"no view is named {unknown[0]!r}")
    before = session.frame, session.root._view
    around = 0 if session.nested_execute else 1
    session.executing += around
    try:
        for node, _ in jobs:
            _callbacks("beforeRender", node)
        session.executing = 1
        for node, frames in jobs:
            chosen = views or node._knobs["views"]._names()
            for frame in frames:
                _one_frame(node, frame, chosen, go_on)
        session.executing = around
        for node, _ in jobs:
            _callbacks("afterRender", node)
    finally:
        session.executing = 0
        session.frame, session.root._view = before
        if session.render_cancelled:
            session.cancel_render, session.render_cancelled = None, False


def _one_frame(node: Node, frame: int, views: list[str], go_on: bool) -> None:
    session = _state.session()
    if session.cancel_render is not None and session.cancel_render(frame):
        session.render_cancelled = True
        raise RuntimeError("Cancelled")
    session.frame = frame
    try:
        _callbacks("beforeFrameRender", node)
        for view in views:
            session.root._view = view
            _write(node, frame, view)
            session.record.rendered.append((node._full_name(), frame, view))
        _callbacks("afterFrameRender", node)
        _callbacks("renderProgress", node)
    except RuntimeError as wrong:
        if not go_on:
            raise
        session.record.messages.append(("error", str(wrong)))


def written_frame(node: Node, frame: int) -> int:
    """The number in the file's name."""
    text, mode = node._knobs["frame"]._text, node._knobs["frame_mode"].value()
    if not text:
        return frame
    value = _expressions.evaluate(text, node, frame)
    if mode == "expression":
        return int(value)
    if mode == "offset":
        return int(frame + value)
    return int(frame - _state.session().root.firstFrame() + value)


def _write(node: Node, frame: int, view: str) -> None:
    from ._graph import evaluate, filtered
    from ._pixels import write_exr

    session = _state.session()
    name = "proxy" if session.root.proxy() else "file"
    text = filtered(node, node._knobs[name]._string(0, frame))
    if not text:
        raise RuntimeError(f"{node._full_name()}: no {name} name")
    several = len(node._knobs["views"]._names()) > 1
    if several and "%v" not in text and "%V" not in text:
        raise RuntimeError(f"{node._full_name()}: this fake writes one view a file: put %V into its name")
    path = file_at(text, written_frame(node, frame), view)
    kind = node._knobs["file_type"].value().strip() or os.path.splitext(path)[1].lstrip(".").lower()
    if kind != "exr":
        raise RuntimeError(
            f"{node._full_name()}: this fake writes exr, not {kind or 'a file without a type'}"
        )
    folder = os.path.dirname(path)
    if folder and not os.path.isdir(folder):
        if not node._knobs["create_directories"].value():
            raise RuntimeError(f"{node._full_name()}: {path}: No such file or directory")
        os.makedirs(folder, exist_ok=True)
    source = node._input(0)
    if source is None:
        raise RuntimeError(f"{node._full_name()}: no input")
    write_exr(path, node, evaluate(source, frame, view))

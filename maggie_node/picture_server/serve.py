"""The conversation: requests in, pictures and facts out."""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from maggie_api.errors import MaggieError
from maggie_node.openmp import settle_waiting
from maggie_node.worker.serve import take_stdio

DRAWERS = 2
"""Pictures that are drawn at the same time. Files are decoded by threads of their library beside."""
IN_TURN = {"people": "people", "write_key": "key", "remove_key": "key"}
"""Actions that have a thread of their own: looking into every file of a Cryptomatte takes minutes, which
pictures must not wait for; and the last of two changes of one key must be the one that stays."""


def serve() -> NoReturn:
    """Answer until stdin ends; the process ends then."""
    source, target = take_stdio()
    settle_waiting()
    with os.fdopen(source, "rb") as requests, os.fdopen(target, "wb") as answers:
        # Imported when the descriptors are safe; it takes a second, in which requests may already wait.
        from maggie_node.picture_server.desk import Desk

        desk, lock = Desk(), threading.Lock()

        def answer(request: Mapping[str, Any]) -> None:
            head, pixels = _answered(desk.actions, request)
            try:
                with lock:
                    answers.write(json.dumps(head).encode() + b"\n")
                    answers.write(pixels)
                    answers.flush()
            except OSError:  # the panel is gone, and so is stdin soon
                return

        drawers, own = ThreadPoolExecutor(DRAWERS), {turn: ThreadPoolExecutor(1) for turn in IN_TURN.values()}
        for line in requests:
            request = json.loads(line)
            turn = IN_TURN.get(request["do"])
            (own[turn] if turn else drawers).submit(answer, request)
        own["key"].shutdown()  # what was drawn is kept
        os._exit(0)  # nobody wants the rest, and Python would wait for its threads


def _answered(
    actions: Mapping[str, Callable[..., Any]], request: Mapping[str, Any]
) -> tuple[dict[str, Any], bytes]:
    """The head of an answer, and its pixels."""
    number = request["id"]
    try:
        result = actions[request["do"]](**request.get("with", {}))
    except MaggieError as error:
        return {"id": number, "error": str(error)}, b""
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        return {"id": number, "error": f"a defect of ours: {type(error).__name__}: {error}"}, b""
    pixels = result.pop("pixels", b"")
    return {"id": number, "result": result, "bytes": len(pixels)}, pixels

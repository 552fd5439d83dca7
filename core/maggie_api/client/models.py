"""What workers have told this process of models: which of them see every frame by itself.

Of such a model's matte a host renders the inputs of fewer frames (`segments.input_frames`). Nothing is known
before the first job of a model has started.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import os

from .host_client import Progress

_told: dict[tuple[str, int], bool] = {}
"""By model and the time of its files: whether a matte depends on other frames."""


def remember(model: str, progress: Progress) -> None:
    """Note what the event `started` of a job says of its model. Where two workers disagree of a name, the one
    that needs more is believed.

    What was told is forgotten when a job fails before it has said anything: by that name, its worker may know
    another model, and lack the frames that were not rendered.
    """
    key = model, _time(model)
    if progress.started is not None:
        _told[key] = _told.get(key, False) or progress.started.looks_around
    elif progress.state == "failed":
        _told.pop(key, None)


def looks_around(model: str) -> bool:
    """Whether the network's matte of a frame depends on other frames; True as long as nobody has told."""
    return _told.get((model, _time(model)), True)


def _time(model: str) -> int:
    """When the files of a model were written, in nanoseconds of the epoch; 0 for a name."""
    try:
        inside = [entry.stat().st_mtime_ns for entry in os.scandir(model)] if os.path.isdir(model) else []
        return max([os.stat(model).st_mtime_ns, *inside])
    except OSError:
        return 0

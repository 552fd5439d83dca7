"""Trackers by name."""

from __future__ import annotations

from maggie_core.model import MatteModel
from maggie_core.propagation.tracker import AffinityTracker, Tracker


def tracker_of(spec: str, model: MatteModel) -> Tracker:
    """The tracker of a job.

    Args:
        spec: as `RunSettings.tracker`.
        model: the network that mattes; the built-in tracker uses it, another one its device alone.

    Raises:
        ModelError: it is not on this machine.
    """
    if spec == "builtin":
        return AffinityTracker(model)
    from maggie_core.propagation.sam2 import Sam2Tracker

    return Sam2Tracker(spec, device=model.device)

"""Models kept in memory from job to job."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from maggie_core.io.digest import file_digest
from maggie_core.model import MatteModel, load_model
from maggie_core.model.checkpoint import choose_device
from maggie_core.weights.catalogue import find_weights

MODELS_IN_MEMORY = 2
"""The model in use, and the one before it, so that two jobs may alternate."""


class WarmModels:
    """`load_model` with a memory: loads a model that is not in memory, or whose file has changed."""

    def __init__(self, kept: int = MODELS_IN_MEMORY):
        self._kept = kept
        self._lock = threading.Lock()
        self._models: dict[tuple[Any, ...], MatteModel] = {}

    def load(self, spec: str = "default", *, device: str = "auto", precision: Any = "auto") -> MatteModel:
        """As `load_model`. The least recently used model makes room for a new one.

        Raises:
            ModelError: as `load_model`.
        """
        where = str(choose_device(device)), precision
        with self._lock:
            while True:
                key = (*_on_disk(find_weights(spec)), *where)
                model = self._models.pop(key, None)
                if model is None:
                    while len(self._models) >= self._kept:
                        del self._models[next(iter(self._models))]
                    model = load_model(spec, device=device, precision=precision)
                    if (*_on_disk(find_weights(spec)), *where) != key:
                        continue  # the files changed while they were read
                self._models[key] = model
                return model

    def names(self) -> list[str]:
        """Names of the models in memory, the last used one at the end."""
        return [model.info.name for model in list(self._models.values())]


def _on_disk(weights: Path) -> tuple[Any, ...]:
    """Place and content of a model's files: the weights and their description."""
    beside = weights.parent / "config.json"
    return str(weights.resolve()), file_digest(weights), file_digest(beside) if beside.is_file() else ""

"""The network, stateless: descriptor, checkpoint, encoder, instance decoder, refinement, temporal."""

from maggie_core.model.checkpoint import (
    from_state_dict,
    load_model,
    save_weights,
)
from maggie_core.model.frame_window import WindowResult
from maggie_core.model.matte_model import MatteModel, ModelInfo
from maggie_core.weights.catalogue import find_weights, licence_of, local_weights, model_names

__all__ = [
    "MatteModel",
    "ModelInfo",
    "WindowResult",
    "find_weights",
    "from_state_dict",
    "licence_of",
    "load_model",
    "local_weights",
    "model_names",
    "save_weights",
]

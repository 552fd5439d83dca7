"""The network, stateless: descriptor, checkpoint, encoder, instance decoder, refinement, temporal."""

from maggie_core.model.checkpoint import (
    find_weights,
    from_state_dict,
    licence_of,
    load_model,
    local_weights,
    model_names,
    save_weights,
)
from maggie_core.model.matte_model import MatteModel, ModelInfo, WindowResult

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

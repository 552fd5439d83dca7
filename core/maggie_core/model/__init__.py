"""The network, stateless: descriptor, checkpoint, encoder, instance decoder, refinement, temporal."""

from maggie_core.model.checkpoint import from_state_dict, load_model, model_names
from maggie_core.model.matte_model import MatteModel, ModelInfo, WindowResult

__all__ = ["MatteModel", "ModelInfo", "WindowResult", "from_state_dict", "load_model", "model_names"]

"""SAM 2 as `transformers` has it, with few channels and random weights."""

from __future__ import annotations

from pathlib import Path

SIDE = 128
"""Of the square that it sees, in pixels."""
CHANNELS = 128


def write_tiny_sam2(folder: Path, *, seed: int = 0) -> Path:
    """Write the network into a folder."""
    import torch
    from transformers import Sam2VideoConfig, Sam2VideoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    backbone = {
        "model_type": "sam2_hiera_det_model",
        "hidden_size": 8,
        "image_size": [SIDE, SIDE],
        "blocks_per_stage": [1, 1, 2, 1],
        "embed_dim_per_stage": [8, 16, 32, 64],
        "num_attention_heads_per_stage": [1, 1, 2, 2],
        "window_size_per_stage": [4, 4, 4, 4],
        "global_attention_blocks": [3],
        "window_positional_embedding_background_size": [2, 2],
    }
    config = Sam2VideoConfig(
        vision_config={
            "model_type": "sam2_vision_model",
            "backbone_config": backbone,
            "backbone_channel_list": [64, 32, 16, 8],
            "backbone_feature_sizes": [[SIDE // stride] * 2 for stride in (4, 8, 16)],
            "fpn_hidden_size": CHANNELS,
        },
        prompt_encoder_config={"hidden_size": CHANNELS, "image_size": SIDE, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": CHANNELS,
            "mlp_dim": 32,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 32,
        },
        image_size=SIDE,
        memory_attention_hidden_size=CHANNELS,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32,
        memory_attention_rope_feat_sizes=[SIDE // 16] * 2,
        memory_encoder_hidden_size=CHANNELS,
        mask_downsampler_embed_dim=CHANNELS,
        memory_fuser_embed_dim=CHANNELS,
        memory_fuser_intermediate_dim=32,
        memory_fuser_num_layers=1,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Sam2VideoModel(config)
        for tensor in model.parameters():
            if tensor.dim() > 1:  # as they are made, all logits are nearly the same
                torch.nn.init.normal_(tensor, std=1 / tensor[0].numel() ** 0.5)
        model.save_pretrained(folder)
    return folder

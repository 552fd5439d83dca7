"""Mattes as a Cryptomatte: ids and coverages in ranks, names in the header.

Source: Cryptomatte specification 1.2 (Psyop).
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from maggie_api.layer_names import cryptomatte_id
from maggie_core.guidance.crypto_ids import float_of, hex_of
from maggie_core.guidance.instances import Instance

LAYER = "CryptoMaggie"
_BLOCK_ROWS = 128
"""Rows sorted at a time, so that memory does not grow with instances times pixels."""


def rank_channels(count: int) -> tuple[str, ...]:
    """Channels that hold `count` instances wherever they overlap: two to a rank, the same in every frame."""
    ranks = (count + 1) // 2
    return tuple(f"{LAYER}{rank:02d}.{channel}" for rank in range(ranks) for channel in "RGBA")


def encode(alphas: np.ndarray, instances: Sequence[Instance]) -> np.ndarray:
    """Alphas as ranks, the most covering instance of each pixel first.

    Args:
        alphas: (N, H, W) float32 coverage in [0, 1].

    Returns:
        (H, W, 4 * ranks) float32: id, coverage, id, coverage, ... The ids are bit patterns; a pair of
        zeros is nobody. Coverages are those given, bit for bit.
    """
    count, height, width = alphas.shape
    ids = np.array([float_of(instance.id) for instance in instances], np.float32)
    ranks = np.zeros((height, width, len(rank_channels(count))), np.float32)
    for top in range(0, height, _BLOCK_ROWS):
        rows = slice(top, top + _BLOCK_ROWS)
        somebody = alphas[:, rows].any(axis=0)
        claims = alphas[:, rows][:, somebody].T  # (pixels, N); most of an image is nobody
        order = np.argsort(-claims, axis=-1, kind="stable")
        pairs = np.zeros((len(claims), ranks.shape[-1]), np.float32)
        coverage = pairs[:, 1 : 2 * count : 2] = np.take_along_axis(claims, order, axis=-1)
        pairs[:, 0 : 2 * count : 2] = np.where(coverage > 0, ids[order], np.float32(0))
        ranks[rows][somebody] = pairs
    return ranks


def header(instances: Sequence[Instance]) -> dict[str, str]:
    """Metadata that makes the ranks a Cryptomatte."""
    key = f"cryptomatte/{hex_of(cryptomatte_id(LAYER))[:7]}"
    manifest = {instance.name: hex_of(instance.id) for instance in instances}
    return {
        f"{key}/name": LAYER,
        f"{key}/hash": "MurmurHash3_32",
        f"{key}/conversion": "uint32_to_float32",
        f"{key}/manifest": json.dumps(manifest, ensure_ascii=False, separators=(",", ":")),
    }

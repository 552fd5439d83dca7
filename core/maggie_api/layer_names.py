"""Names of instances and of their layers in files: slugs, reserved words, Cryptomatte ids."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

LAYER_PREFIX = "maggie_"
LAYER_BYTES = 63
"""Longest name of a layer, in bytes: Blender cuts longer ones."""
EXTRA_LAYERS = ("residual", "contested")
"""Layers of ours that are not instances."""
RESERVED: frozenset[str] = frozenset(
    (
        *EXTRA_LAYERS,
        # View names: Nuke takes a part of a channel name that equals a view out of the layer name.
        *("left", "right", "main", "default"),
        # Nuke's own layers, and words its channel knobs use.
        *("rgb", "rgba", "red", "green", "blue", "alpha", "depth", "forward", "backward", "deep", "motion"),
        *("disparityl", "disparityr", "mask", "rotopaint_mask", "mask_planartrack", "mask_splinewarp"),
        *("all", "none", "other", "ci"),
    )
)
"""Slugs that no instance gets."""


def slugs(names: Iterable[str]) -> list[str]:
    """The slug of each name, in order: `[a-z][a-z0-9_]*`, unique, reserved words avoided.

    A slug that is taken or reserved gets `_2`, `_3`, ... in that order, so slugs depend on the order of the
    names. The layer of an instance is `LAYER_PREFIX` and its slug, at most `LAYER_BYTES` bytes.
    """
    taken: set[str] = set(RESERVED)
    found: list[str] = []
    for name in names:
        slug = _unique(_slug(name), taken)
        taken.add(slug)
        found.append(slug)
    return found


def cryptomatte_id(name: str) -> int:
    """The uint32 id of `name`, never one whose bits are a denormal, infinite or NaN float.

    Those bit patterns have an exponent of 0 or 255; flipping bit 23 moves them to 1 or 254, because software
    may quietly change a denormal or a NaN.

    Source: Cryptomatte specification 1.2 (Psyop); the hash is MurmurHash3_x86_32 with seed 0.
    """
    bits = _murmur3(name.encode("utf-8"))
    return bits ^ (1 << 23) if (bits >> 23) & 0xFF in (0, 255) else bits


def _slug(name: str) -> str:
    ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "_", ascii_only).strip("_")
    if not words:  # nothing of it is ASCII: the id is the shortest stable stand-in
        words = f"instance_{cryptomatte_id(name):08x}"
    if not words[0].isalpha():  # Nuke drops leading digits
        words = f"n{words}"
    return words[: LAYER_BYTES - len(LAYER_PREFIX)]


def _unique(slug: str, taken: set[str]) -> str:
    candidate, count = slug, 1
    while candidate in taken:
        count += 1
        suffix = f"_{count}"
        candidate = slug[: LAYER_BYTES - len(LAYER_PREFIX) - len(suffix)] + suffix
    return candidate


def _murmur3(data: bytes) -> int:
    """MurmurHash3, x86, 32 bits, seed 0 (Appleby, public domain)."""
    mask, hashed = 0xFFFFFFFF, 0

    def mixed(block: int) -> int:
        block = block * 0xCC9E2D51 & mask
        return ((block << 15 | block >> 17) & mask) * 0x1B873593 & mask

    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        hashed ^= mixed(int.from_bytes(data[at : at + 4], "little"))
        hashed = ((hashed << 13 | hashed >> 19) & mask) * 5 + 0xE6546B64 & mask
    hashed ^= mixed(int.from_bytes(data[whole:], "little")) if data[whole:] else 0
    hashed ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        hashed = (hashed ^ hashed >> shift) * factor & mask
    return hashed

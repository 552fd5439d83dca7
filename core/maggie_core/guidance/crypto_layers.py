"""The Cryptomattes of a file by its header: layers, ranks, manifests.

Source: Cryptomatte specification 1.2 (Psyop). A layer called L has the ranks L00, L01, ..., each with
two pairs of id and coverage: (R, G) and (B, A). The metadata `cryptomatte/<key>/name` is L; the
manifest, name to id, is in `.../manifest` as JSON, or in a file that `.../manif_file` names.
"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maggie_api.errors import GuidanceError
from maggie_api.text import plain_text
from maggie_core.guidance.channels import by_layer, find_rgba
from maggie_core.guidance.names import alike

_ENTRY = re.compile(r"cryptomatte/([^/]+)/(name|manifest|manif_file)$")


MANIFEST_BYTES = 256 << 20
"""Largest sidecar that is read. The largest scenes have some million objects of a hundred bytes each."""


class ManifestError(GuidanceError):
    """A manifest cannot be read. Objects can still be found by the hash of their names."""


@dataclass(frozen=True)
class CryptoLayer:
    """One Cryptomatte of a file."""

    name: str
    ranks: tuple[tuple[str, str], ...]
    """(id channel, coverage channel) pairs, most covering first."""
    manifest_json: str | None
    manifest_file: str | None
    """Sidecar with the manifest, relative to the image's folder."""

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel of the ranks."""
        return tuple(channel for pair in self.ranks for channel in pair)

    def manifest(self, folder: Path) -> dict[str, int]:
        """`{object name: uint32 id}`; empty when the file has none.

        Raises:
            ManifestError: the manifest, or its sidecar in `folder`, cannot be read.
        """
        text = self.manifest_json
        if not text and self.manifest_file:
            text = self._sidecar(folder)
        return _parse(text, self.name) if text else {}

    def _sidecar(self, folder: Path) -> str:
        """The text of the sidecar: a regular file beside the picture, of bounded size."""
        name = str(self.manifest_file)
        path = folder / name
        try:
            if re.search(r"[/\\:\0]", name) or name in (".", ".."):
                reason = "it has to lie beside the picture"
            elif not stat.S_ISREG(path.stat().st_mode):
                reason = "it is no regular file"
            elif path.stat().st_size > MANIFEST_BYTES:
                reason = f"it is larger than {MANIFEST_BYTES >> 20} MB"
            else:
                return path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ManifestError(f"the manifest of Cryptomatte {self.name} should be in {name}, but {reason}")


def _parse(text: str, layer: str) -> dict[str, int]:
    try:
        entries = json.loads(text)
        return {plain_text(str(name)): int(str(value), 16) & 0xFFFFFFFF for name, value in entries.items()}
    except (ValueError, AttributeError, RecursionError) as error:
        raise ManifestError(
            f"the manifest of Cryptomatte {layer} is not a JSON table of names and hex ids"
        ) from error


def crypto_layers(channels: Sequence[str], metadata: Mapping[str, Any]) -> dict[str, CryptoLayer]:
    """Cryptomattes of a file by name, in header order; layers without ranks are left out.

    A file whose metadata was lost on the way is recognised by its rank channels.
    """
    described: dict[str, dict[str, str]] = {}
    for attribute, value in metadata.items():
        match = _ENTRY.match(attribute)
        if match:
            described.setdefault(match[1], {})[match[2]] = str(value)
    entries = {entry["name"]: entry for entry in described.values() if "name" in entry}
    if not entries:
        entries = {name: {} for name in _guess(channels)}
    found = {}
    for name, entry in entries.items():
        ranks = _ranks(channels, name)
        if ranks:
            found[name] = CryptoLayer(name, ranks, entry.get("manifest"), entry.get("manif_file"))
    return found


def _ranks(channels: Sequence[str], name: str) -> tuple[tuple[str, str], ...]:
    exact = re.compile(re.escape(name) + r"(\d+)$")
    loose = re.compile(re.escape(alike(name)) + r"(\d+)$")
    layers = by_layer(channels)
    numbered = sorted((int(m[1]), layer) for layer in layers if (m := exact.match(layer)))
    numbered = numbered or sorted((int(m[1]), layer) for layer in layers if (m := loose.match(alike(layer))))
    pairs: list[tuple[str, str]] = []
    for _, layer in numbered:
        rgba = find_rgba(layers[layer])
        pairs += [(rgba[i], rgba[c]) for i, c in (("R", "G"), ("B", "A")) if i in rgba and c in rgba]
    return tuple(pairs)


def _guess(channels: Sequence[str]) -> list[str]:
    return [
        layer[:-2]
        for layer, members in by_layer(channels).items()
        if re.search(r"crypto.*00$", layer, re.IGNORECASE) and len(find_rgba(members)) == 4
    ]


def rank_layers(channels: Sequence[str], metadata: Mapping[str, Any]) -> tuple[str, ...]:
    """Layers that hold ids and coverages, and the preview layer of each. None of them is a mask."""
    layers = by_layer(channels)
    names = crypto_layers(channels, metadata)
    return tuple(
        layer
        for layer in layers
        if any(re.fullmatch(re.escape(alike(name)) + r"\d*", alike(layer)) for name in names)
    )

"""Guidance as a renderer's Cryptomatte: objects by name, with exact coverage."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

import numpy as np

from maggie_api.errors import GuidanceError
from maggie_api.layer_names import cryptomatte_id
from maggie_api.text import UNREADABLE
from maggie_core.guidance.crypto_ids import hex_of, ids_in
from maggie_core.guidance.crypto_layers import CryptoLayer, ManifestError, crypto_layers
from maggie_core.guidance.files import GuidanceFiles
from maggie_core.guidance.names import alike, found_among, listing, near
from maggie_core.guidance.overlap import CLAIM
from maggie_core.guidance.source import Mask, mask_of


class CryptomatteSequence:
    """Objects of a Cryptomatte, by the names of its manifest.

    Asked for by name, an object must be in a manifest of the sequence, or, where there is none, its
    id must be in the image at some frame. Without names, everything is an instance that covers at
    least half of some pixel of the shot: less can guide nothing, and a manifest lists the whole
    scene. An object without coverage at a frame is absent there: zeros.
    """

    def __init__(
        self,
        pattern: str | Path,
        *,
        layer: str | None = None,
        instances: Iterable[str] | None = None,
        frames: Iterable[int] | None = None,
    ) -> None:
        """
        Args:
            layer: name of the Cryptomatte, when the files have several; its last part will do.
            instances: object names; None takes everything that is seen.
            frames: the shot's frames, to look for names and objects in; None looks in every file.

        Raises:
            GuidanceError: there is no such file.
        """
        self._files = GuidanceFiles(pattern)
        self._layer = layer
        self._wanted = None if instances is None else tuple(instances)
        self._shot = None if frames is None else frozenset(frames)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._ids)

    @property
    def frames(self) -> tuple[int, ...] | None:
        return self._files.frames

    def read(self, frame: int) -> list[Mask]:
        layer = self._layer_at(frame)
        wanted = self._ids
        image = self._files.read(frame, channels=layer.channels)
        place = {channel: i for i, channel in enumerate(image.channels)}
        planes = {name: np.zeros(image.pixels.shape[:2], np.float32) for name in wanted}
        for id_channel, coverage_channel in layer.ranks:
            ids = ids_in(image.pixels[..., place[id_channel]])
            coverage = image.pixels[..., place[coverage_channel]]
            for name, identity in wanted.items():
                np.add(planes[name], coverage, out=planes[name], where=ids == identity)
        return [mask_of(name, plane, image) for name, plane in planes.items()]

    def object_at(self, frame: int, place: tuple[float, float]) -> str | None:
        """Name of the object that covers most of a pixel; None where nothing does.

        Args:
            place: in widths and heights of the display window, from its top left corner.

        Raises:
            GuidanceError: the file cannot be used.
        """
        ids, coverages = zip(*self._layer_at(frame).ranks, strict=True)
        image = self._files.read(frame, channels=(*ids, *coverages))
        x = image.display.x + int(place[0] * image.display.width) - image.data.x
        y = image.display.y + int(place[1] * image.display.height) - image.data.y
        if not (0 <= y < image.pixels.shape[0] and 0 <= x < image.pixels.shape[1]):
            return None
        found = ids_in(image.pixels[y, x, : len(ids)])
        covered = image.pixels[y, x, len(ids) :]
        best = int(np.argmax(np.where(found == 0, 0.0, covered)))
        if not found[best] or covered[best] <= 0:
            return None
        names = {identity: name for name, identity in self._manifest.items()}
        return names.get(int(found[best]), f"id_{hex_of(int(found[best]))}")

    def digest(self, frame: int) -> str:
        return f"cryptomatte:{self._layer_name}:{self._ids}:{self._files.digest(frame)}"

    @cached_property
    def _ids(self) -> dict[str, int]:
        """Wanted objects by name, in the order asked for, else in the manifests' order."""
        manifest = self._manifest
        if self._wanted is None:
            # Pairs are sorted by coverage, so an object with half of a pixel is in the first pair, or in the
            # second where two objects have half each.
            seen = self._ids_of_shot(pairs=2, least=CLAIM)
            known = {name: identity for name, identity in manifest.items() if identity in seen}
            nameless = sorted(seen - set(known.values()))
            if not seen:
                objects = f"its manifest has {listing(near('', manifest))}" if manifest else "nor a manifest"
                raise GuidanceError(
                    f"Cryptomatte {self._layer_name} covers half a pixel of nothing in the shot; {objects}: "
                    "name who is meant with --instance, or render it again"
                )
            return known | {f"id_{hex_of(identity)}": identity for identity in nameless}
        return {name: self._id_of(name) for name in self._wanted}

    def _id_of(self, name: str) -> int:
        known = found_among(name, self._manifest)
        if known is not None:
            return self._manifest[known]
        identity = int(name[3:], 16) if _is_hex_name(name) else cryptomatte_id(name)
        if identity in self._manifest.values():
            return identity
        if not self._manifest or self._read_manifests[1]:
            composed = cryptomatte_id(unicodedata.normalize("NFC", name))
            for each in (identity, composed):
                if each in self._visible:
                    return each
        if not self._manifest:
            raise GuidanceError(
                f"Cryptomatte {self._layer_name} has no manifest and no object with the id of {name!r}: "
                "check the spelling, or render with a manifest"
            )
        raise GuidanceError(
            f"Cryptomatte {self._layer_name} has no object {name!r}: "
            f"it has {listing(near(name, self._manifest))}; name one of them"
        )

    @cached_property
    def _manifest(self) -> dict[str, int]:
        """Union of the manifests over the shot."""
        return self._read_manifests[0]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know: manifests that cannot be read, and what the files have."""
        return (*self._read_manifests[1], *self._files.notes)

    @cached_property
    def _read_manifests(self) -> tuple[dict[str, int], tuple[str, ...]]:
        union: dict[str, int] = {}
        notes: dict[str, None] = {}
        parsed: set[tuple[str | None, str | None]] = set()
        for frame, layer in self._files.learn(self._files.among(self._shot), self._layer_at):
            source = (layer.manifest_json, layer.manifest_file)
            if source in parsed:
                continue
            parsed.add(source)
            trouble = ""
            try:
                manifest = layer.manifest(self._files.path(frame).parent)
            except ManifestError as error:
                trouble = str(error)
            else:
                union |= manifest
                if any(UNREADABLE in name for name in manifest):
                    trouble = f"the manifest of Cryptomatte {layer.name} has names that are no text"
            if trouble:
                hint = "names are matched by their hash; render it again to have them by name"
                notes[f"{trouble}: {hint}"] = None
        return union, tuple(notes)

    @cached_property
    def _visible(self) -> set[int]:
        """Ids that cover anything of any pixel of the shot."""
        return self._ids_of_shot(pairs=None, least=1e-6)

    def _ids_of_shot(self, *, pairs: int | None, least: float) -> set[int]:
        """Ids that cover at least `least` of some pixel of the shot, looking at so many pairs."""

        def ids_of(frame: int) -> set[int]:
            found: set[int] = set()
            for id_channel, coverage_channel in self._layer_at(frame).ranks[:pairs]:
                image = self._files.read(frame, channels=(id_channel, coverage_channel))
                covered = image.pixels[..., 1] >= least
                found |= set(np.unique(ids_in(image.pixels[..., 0])[covered]).tolist())
            return found

        found = self._files.learn(self._files.among(self._shot), ids_of)
        return set[int]().union(*(ids for _, ids in found)) - {0}

    @cached_property
    def _layer_name(self) -> str:
        """The Cryptomatte in use, chosen once from the first file that has one."""
        first, layers = next(self._files.learn(self._files.among(self._shot), self._layers_of))
        if self._layer is not None:
            return _named(self._layer, layers)
        fitting = [name for name, layer in layers.items() if self._holds_all(layer, first)] or list(layers)
        objects = [name for name in fitting if "object" in name.lower()]
        if len(fitting) == 1 or len(objects) == 1:
            return (fitting if len(fitting) == 1 else objects)[0]
        raise GuidanceError(
            f"{self._files.path(first)} has the Cryptomattes {listing(fitting)}: say which, as SEQUENCE:LAYER"
        )

    def _layers_of(self, frame: int) -> dict[str, CryptoLayer]:
        layers = crypto_layers(*self._files.header(frame))
        if not layers:
            raise GuidanceError(
                f"{self._files.path(frame)} has no Cryptomatte: "
                "give the EXR the renderer wrote, with its channels and metadata"
            )
        return layers

    def _holds_all(self, layer: CryptoLayer, frame: int) -> bool:
        if self._wanted is None:
            return True
        try:
            manifest = layer.manifest(self._files.path(frame).parent)
        except ManifestError:
            return False
        return all(found_among(name, manifest) for name in self._wanted)

    def _layer_at(self, frame: int) -> CryptoLayer:
        layers = crypto_layers(*self._files.header(frame))
        if self._layer_name not in layers:
            raise GuidanceError(
                f"{self._files.path(frame)} has no Cryptomatte {self._layer_name}, which other frames have: "
                "render it again"
            )
        layer = layers[self._layer_name]
        types = self._files.channel_types(frame)
        narrow = {types[channel] for channel, _ in layer.ranks} - {"float"}
        if narrow:
            raise GuidanceError(
                f"{self._files.path(frame)} stores Cryptomatte ids as {listing(sorted(narrow))}, which "
                "destroys them: render or convert the ranks as 32-bit float"
            )
        return layer


def _named(wanted: str, layers: dict[str, CryptoLayer]) -> str:
    exact = [name for name in layers if name == wanted]
    exact = exact or [name for name in layers if alike(name) == alike(wanted)]
    ends = [name for name in layers if alike(name).endswith(alike("." + wanted))]
    if len(exact or ends) != 1:
        raise GuidanceError(
            f"there is no Cryptomatte layer {wanted!r}: "
            f"the file has {listing(near(wanted, layers))}; name one of them"
        )
    return (exact or ends)[0]


def _is_hex_name(name: str) -> bool:
    """Whether `name` has the form `id_<8 hex digits>`, which objects without a manifest entry get."""
    digits = name.removeprefix("id_")
    return name.startswith("id_") and len(digits) == 8 and all(d in "0123456789abcdef" for d in digits)

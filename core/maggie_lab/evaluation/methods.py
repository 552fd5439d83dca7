"""What is scored: networks, the baselines, and saved mattes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from maggie_api.errors import InputError, SettingsError
from maggie_api.settings import Refine, Smooth
from maggie_core.model import MatteModel, load_model
from maggie_core.model.checkpoint import Instances, Precision
from maggie_core.postprocess.edges import refine_edges
from maggie_core.postprocess.temporal import smoothed_clip
from maggie_lab.datasets import DATASETS, Sample, read_grey
from maggie_lab.evaluation.baselines import BASELINES
from maggie_lab.evaluation.network_size import from_network_size, padded

Planes = NDArray[np.floating]

MATTE_SUFFIXES = (".png", ".exr", ".tif", ".tiff", ".jpg", ".webp")


@dataclass(frozen=True, eq=False)
class Scene:
    """What a method gets of a sample: everything but its alphas."""

    sample: Sample
    image: Planes
    """(T, 3, h, w) at network size, sRGB-encoded, [0, 1]."""
    guidance: Planes
    """(T, N, h, w) at network size, 0 or 1."""
    size: tuple[int, int]
    """(H, W) of the truth."""


@dataclass(frozen=True, eq=False)
class Mattes:
    """Mattes of a sample, and what was missing."""

    alphas: Planes
    """(T, N, H, W) float32 in [0, 1], at the truth's size."""
    missing: int = 0
    """Mattes that were not there and count as empty."""
    extra: tuple[str, ...] = ()
    """Files that belong to no instance."""
    resized: int = 0
    """Mattes that had another size than the truth."""


class Method(Protocol):
    """Something that mattes a sample."""

    @property
    def name(self) -> str:
        """As tables print it."""
        ...

    @property
    def kind(self) -> str:
        """`network`, `baseline` or `files`."""
        ...

    @property
    def recipe(self) -> dict[str, Any]:
        """Everything that its mattes depend on beside the sample, as plain data."""
        ...

    def files(self, sample: Sample) -> list[Path]:
        """Further files the mattes of a sample are made from."""
        ...

    def mattes(self, scene: Scene) -> Mattes:
        """Matte one sample."""
        ...


@dataclass(frozen=True, eq=False)
class NetworkMethod:
    """A network, run as the published evaluation runs it, and the last steps that belong to it."""

    model: MatteModel
    refine: Refine
    name: str
    smooth: Smooth = "none"
    kind: str = "network"

    @property
    def recipe(self) -> dict[str, Any]:
        model = self.model
        return {
            "weights": model.info.digest,
            "instances": model.instances,
            "refine": self.refine,
            "smooth": self.smooth,
            "precision": model.precision,
            "device": model.device.type,
        }

    @property
    def smooths(self) -> bool:
        """Whether `smooth` means anything for it: an image network is run on stills."""
        return self.model.is_video

    def files(self, sample: Sample) -> list[Path]:
        return []

    def mattes(self, scene: Scene) -> Mattes:
        height, width = scene.image.shape[-2:]
        image, guidance = padded(scene.image), padded(scene.guidance)
        if not self.model.is_video:
            # The published image network was trained and tested with the corner of each 8 x 8 cell.
            guidance = guidance[..., ::8, ::8]
        found = self.model.predict_clip(image, guidance)[..., :height, :width].float().cpu().numpy()
        seen = zip(found, scene.image, scene.guidance, strict=True)
        small = np.stack([refine_edges(alphas, image, masks, self.refine) for alphas, image, masks in seen])
        if self.smooth == "flow" and self.smooths:
            small = smoothed_clip(scene.image, small, np.any(scene.guidance, axis=(2, 3)))
        return Mattes(from_network_size(small, scene.size))


@dataclass(frozen=True)
class BaselineMethod:
    """One of `BASELINES`, on the images and masks the network sees."""

    name: str
    kind: str = "baseline"

    @property
    def recipe(self) -> dict[str, Any]:
        return {"baseline": self.name}

    def files(self, sample: Sample) -> list[Path]:
        return []

    def mattes(self, scene: Scene) -> Mattes:
        baseline = BASELINES[self.name]
        small = [
            [baseline(image, mask) for mask in masks]
            for image, masks in zip(scene.image, scene.guidance, strict=True)
        ]
        return Mattes(from_network_size(np.array(small, np.float32), scene.size))


@dataclass(frozen=True)
class SavedMattes:
    """Mattes in files, as any program may have written them.

    The matte of an instance has the place below `folder` that its alpha has below `root`, with or without the
    folder that says what it holds (`alphas`, `pha`), and any of `MATTE_SUFFIXES`. Where masks come in
    variants, a folder of the variant's name may come first.
    """

    folder: Path
    root: Path
    name: str
    strict: bool = False
    """Refuse mattes that are missing, superfluous or of another size."""
    kind: str = "files"

    @property
    def recipe(self) -> dict[str, Any]:
        return {"files": str(self.folder.absolute()), "strict": self.strict}

    def files(self, sample: Sample) -> list[Path]:
        return [path for found in self._found(sample) for path in found.values()]

    def mattes(self, scene: Scene) -> Mattes:
        sample = scene.sample
        alphas = np.zeros((len(sample.frames), len(sample.instances), *scene.size), np.float32)
        missing = resized = 0
        extra: list[str] = []
        for t, found in enumerate(self._found(sample)):
            extra += [str(path) for instance, path in found.items() if instance not in sample.instances]
            for k, instance in enumerate(sample.instances):
                if instance not in found:
                    missing += sample.alphas[t][k] is not None
                    continue
                matte = read_grey(found[instance])
                if matte.shape != scene.size:
                    matte = cv2.resize(matte, scene.size[::-1], interpolation=cv2.INTER_LINEAR)
                    resized += 1
                alphas[t, k] = matte.clip(0, 1)
        if self.strict and (missing or extra or resized):
            raise InputError(
                f"{self.folder} has {missing} mattes of {sample.name} missing, {len(extra)} superfluous and "
                f"{resized} of another size: with --strict there may be none"
            )
        return Mattes(alphas, missing, tuple(extra), resized)

    def _found(self, sample: Sample) -> list[dict[str, Path]]:
        """For each frame the files that are there, by the instance they name."""
        return [
            self._in(next(path.parent for path in row if path is not None), sample.variant)
            for row in sample.alphas
        ]

    def _in(self, truth: Path, variant: str) -> dict[str, Path]:
        place = truth.relative_to(self.root)
        bare = Path(*(part for part in place.parts if part not in ("alphas", "pha")))
        for parent in (self.folder / variant, self.folder):
            for folder in (parent / place, parent / bare):
                if folder.is_dir():
                    return {
                        path.stem: path
                        for path in sorted(folder.iterdir())
                        if path.suffix.lower() in MATTE_SUFFIXES
                    }
        return {}


def network_method(
    model: str,
    *,
    refine: Refine | Literal["auto"],
    smooth: Smooth | Literal["auto"],
    instances: Instances,
    device: str,
    precision: Precision,
) -> NetworkMethod:
    """A network by name or path, as `load_model` takes it; `auto` is what it was made to end in."""
    loaded = load_model(model, device=device, precision=precision, instances=instances)
    name = model if instances == "together" else f"{model}, {instances}"
    info = loaded.info
    return NetworkMethod(
        loaded,
        info.refine if refine == "auto" else refine,
        name,
        info.smooth if smooth == "auto" else smooth,
    )


def baseline_methods(names: str) -> list[BaselineMethod]:
    """The baselines of a list such as `mask,blur`, of `all` or of `none`.

    Raises:
        SettingsError: one of them is unknown.
    """
    chosen = {"all": list(BASELINES), "none": []}.get(names, names.split(","))
    for name in chosen:
        if name not in BASELINES:
            raise SettingsError(f"there is no baseline '{name}': choose from {', '.join(BASELINES)}, or none")
    return [BaselineMethod(name) for name in chosen]


def saved_mattes(
    folder: Path, samples: Sequence[Sample], *, dataset: str, root: Path, strict: bool
) -> SavedMattes:
    """The mattes in `folder`, laid out as the data set below `root` is.

    Raises:
        InputError: there is none for any of the samples.
    """
    inner = root / DATASETS[dataset][1]
    top = inner if samples[0].frames[0].is_relative_to(inner) else root
    mattes = SavedMattes(folder, top, folder.name, strict)
    if not any(mattes.files(sample) for sample in samples):
        wanted = next(path for path in samples[0].alphas[0] if path is not None).relative_to(top)
        raise InputError(f"{folder} holds no matte of {dataset}: it needs files such as {folder / wanted}")
    return mattes

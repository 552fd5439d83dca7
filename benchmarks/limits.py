"""What limits the default model: parts of it replaced by the truth, or left out, on photographs.

    python -m benchmarks.limits --photos FOLDER [--model default] [--every 1] [--only WORD ...] [--json FILE]

FOLDER holds image/NAME.*, alpha/NAME.* and mask/QUALITY/NAME.*; everything is done and scored at a short side
of 576 pixels. One row for each change:

    MAD    mean difference x 1000
    Grad   squared difference of slopes (Gaussian derivative, sigma 1.4), sum / 1000
    soft   share of pixels between 0.1 and 0.9, over that share of the truth: below 1 is too binary
    hole   percent of the solid pixels of the truth (above 0.95) that come out below 0.7

A network that was trained with a part does worse without it than one trained without it would; so a row with
a part left out says what that part carries, not what a network needs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from benchmarks.photographs import photographs
from maggie_core import load_model
from maggie_core.model import MatteModel, temporal
from maggie_core.model.colour_priors import LocalColours, local_colours
from maggie_core.model.network import CoarseInstances, FineFeatures, Network, Undecided
from maggie_core.model.refinement import Detail
from maggie_core.model.still import PAD_PX, padded
from maggie_core.postprocess import edges
from maggie_core.postprocess.guided_filter import guided_filter
from maggie_core.shot.first_look import better_guidance
from maggie_core.sparse import Sites
from maggie_lab.evaluation import image_metrics

QUALITIES = ("good", "typical", "rough")
MEASURES = ("MAD", "Grad", "soft", "hole")
TRUE_REGION_SHARES = (0.01, 0.03)
"""How far a true trimap reaches beyond the truth's soft pixels, as shares of the short side."""
DECIDED_LOGIT = 4.0
"""Largest coarse logit that is made of the truth: as far as the gate goes."""
FIRST_LOOKS = (1.0, 0.5)
"""Sizes of a first look (`maggie_core.shot.first_look`)."""
GUIDANCE_CHANNEL = 4
"""The colour prior that is the guidance itself, which a network without colours keeps."""

Change = Callable[["Photograph", Network], object]
"""Turns something of the network over to the truth, as a context."""


@dataclass(frozen=True, eq=False)
class Photograph:
    """A picture (3, H, W), its true alpha and its mask (H, W)."""

    picture: np.ndarray
    truth: np.ndarray
    mask: np.ndarray

    @property
    def padded_truth(self) -> Tensor:
        return padded(self.truth[None])


def bare(model: MatteModel, photo: Photograph) -> np.ndarray:
    """(H, W): the network's matte of a still, without a last step."""
    height, width = photo.truth.shape
    frame = model.encode(padded(photo.picture), padded(photo.mask[None]))
    return model.window([frame]).alpha[0, 0, :height, :width].numpy()


@contextmanager
def true_coarse(photo: Photograph, net: Network) -> Iterator[None]:
    """The coarse logits are those of the truth's mean over 8 x 8 pixels."""
    cover = F.avg_pool2d(photo.padded_truth[None], 8)[0]
    true_logits = torch.atanh(2 * cover - 1).clamp(-DECIDED_LOGIT, DECIDED_LOGIT)
    ours = net.coarse_logits

    def found(*args: object, **kwargs: object) -> tuple[Tensor, Tensor, Tensor | None]:
        logits, f8, states = ours(*args, **kwargs)  # pyright: ignore[reportArgumentType]
        return true_logits.expand_as(logits).clone(), f8, states

    with patch.object(net, "coarse_logits", found):
        yield


@contextmanager
def true_fine(photo: Photograph, net: Network) -> Iterator[None]:
    """Both finer mattes are the truth, wherever ours are looked for."""

    def found(frame: FineFeatures, coarse: CoarseInstances, where: Undecided, **how: bool) -> Detail:
        height, width = where.region.shape[-2:]
        top, left = (0, 0) if where.part is None else where.part.corner[0].tolist()
        near = photo.padded_truth[:, top : top + height, left : left + width]
        return Detail(near, near)

    with patch.object(net, "detail", found):
        yield


@contextmanager
def no_colours(photo: Photograph, net: Network) -> Iterator[None]:
    """The fine stages see no local colours, only the guidance."""
    theirs = LocalColours.at

    def found(self: LocalColours, sites: Sites, chosen: Tensor, *, stride: int) -> Tensor:
        seen = theirs(self, sites, chosen, stride=stride)
        blind = torch.zeros_like(seen)
        blind[:, GUIDANCE_CHANNEL] = seen[:, GUIDANCE_CHANNEL]
        return blind

    with patch.object(LocalColours, "at", found):
        yield


@contextmanager
def coarse_colours(photo: Photograph, net: Network) -> Iterator[None]:
    """The fine stages compare the colours on both sides of the coarse matte's edge, not of the mask's."""
    ours = net.detail

    def found(frame: FineFeatures, coarse: CoarseInstances, where: Undecided, **how: bool) -> Detail:
        mask = (temporal.enlarge(coarse.logits) > 0).float()
        if frame.colours is not None and mask.any():
            image = padded(photo.picture)
            frame = replace(frame, colours=local_colours(image, mask))
        return ours(frame, coarse, where, **how)

    with patch.object(net, "detail", found):
        yield


@contextmanager
def no_gate(photo: Photograph, net: Network) -> Iterator[None]:
    """The network may leave the guidance at any distance from its edge."""
    prior = net.decoder.prior
    with patch.object(prior, "gated", lambda logits, cues: logits) if prior else ExitStack():
        yield


@contextmanager
def no_prior(photo: Photograph, net: Network) -> Iterator[None]:
    """The coarse logits start from nothing: neither from the guidance nor from local colours."""
    prior = net.decoder.prior
    if prior is None:
        yield
        return
    ours = prior.forward
    with patch.object(prior, "forward", lambda cues: 0 * ours(cues)):
        yield


@contextmanager
def no_colours_in_prior(photo: Photograph, net: Network) -> Iterator[None]:
    """The coarse logits start from the guidance alone."""
    prior = net.decoder.prior
    if prior is None:
        yield
        return
    with patch.object(prior, "forward", lambda cues: prior.scale * cues[:, GUIDANCE_CHANNEL]):
        yield


@contextmanager
def no_snap(photo: Photograph, net: Network) -> Iterator[None]:
    """Coarse coverage from 0.95 on stays what it is."""
    with patch.object(temporal, "SOLID", 2.0):
        yield


CHANGES: dict[str, Change] = {
    "network alone": lambda photo, net: ExitStack(),
    "true coarse matte": true_coarse,
    "true fine matte in our region": true_fine,
    "no snap to 1 from 0.95": no_snap,
    "fine stages without colours": no_colours,
    "prior without colours": no_colours_in_prior,
    "no prior": no_prior,
    "no gate": no_gate,
    "fine stages with the colours of the coarse matte": coarse_colours,
}
"""Rows of the network without a last step."""
REFINED = ("network alone", "true coarse matte", "fine stages with the colours of the coarse matte")
"""Rows of which the last step's result is shown too."""


def last_steps(photo: Photograph, alpha: np.ndarray) -> dict[str, np.ndarray]:
    """The default last step of an alpha, and the same without each of its parts."""
    planes = alpha[None], photo.picture, photo.mask[None]
    found = {"+ last step (as delivered)": edges.refine_edges(*planes, "closed-form")[0]}
    with patch.object(edges, "GOOD_WEIGHT", 0.0):
        found["+ closed form without the mask's word"] = edges.refine_edges(*planes, "closed-form")[0]
        found["+ guided filter of the alpha"] = edges.refine_edges(*planes, "guided")[0]
    with patch.object(edges, "_decide", lambda *args: None):
        found["+ the mask's word without closed form"] = edges.refine_edges(*planes, "closed-form")[0]
    return found


def from_true_trimaps(photo: Photograph, alpha: np.ndarray) -> dict[str, np.ndarray]:
    """What is made of the truth's soft region when all around it is known."""
    found = {}
    for share in TRUE_REGION_SHARES:
        unknown = true_region(photo.truth, share)
        known = np.where(unknown, 0.5, photo.truth).astype(np.float32)
        name = f"true trimap, {100 * share:.0f} %"
        found[f"{name}: closed form"] = edges.closed_form(photo.picture, known, unknown, trust=0)
        sharp = (photo.truth > 0.5).astype(np.float32)
        radius = max(1, round(edges.GUIDED_RADIUS_SHARE * min(photo.truth.shape)))
        filtered = guided_filter(photo.picture, sharp, radius_px=radius)
        found[f"{name}: guided filter of the true mask"] = np.where(unknown, filtered, photo.truth)
        found[f"{name}: our network"] = np.where(unknown, alpha, photo.truth)
    return found


def true_region(truth: np.ndarray, share: float) -> np.ndarray:
    """(H, W) bool: the soft pixels of a truth, grown by a share of the short side."""
    soft = (truth > 0.02) & (truth < 0.98)
    reach = max(1, round(share * min(truth.shape)))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1,) * 2)
    return cv2.dilate(soft.astype(np.uint8), disc) > 0


def measured(alpha: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """`MEASURES` of a matte (H, W)."""
    errors = image_metrics(alpha[None], truth[None])
    solid = truth > 0.95
    return {
        "MAD": float(errors["MAD_e3"]),
        "Grad": float(errors["Grad"]),
        "soft": _soft(alpha) / max(_soft(truth), 1e-6),
        "hole": 100 * float((alpha[solid] < 0.7).mean()) if solid.any() else 0.0,
    }


def _soft(alpha: np.ndarray) -> float:
    return float(((alpha > 0.1) & (alpha < 0.9)).mean())


def rows(model: MatteModel, photo: Photograph, only: list[str]) -> Iterator[tuple[str, np.ndarray]]:
    """Every row's matte of a photograph; `only` names parts of those that are asked for."""
    net = model._network  # pyright: ignore[reportPrivateUsage]
    for name, change in CHANGES.items():
        if only and not any(word in name for word in only):
            continue
        with change(photo, net):  # pyright: ignore[reportGeneralTypeIssues]
            alpha = bare(model, photo)
        yield name, alpha
        if name in REFINED:
            for step, refined in last_steps(photo, alpha).items():
                yield f"{name} {step}", refined
        if name == "network alone":
            yield from from_true_trimaps(photo, alpha).items()
    for share in FIRST_LOOKS:
        name = f"first look at {100 * share:.0f} % of the size, as delivered"
        if not only or any(word in name for word in only):
            planes = photo.picture, photo.mask[None]
            better = better_guidance(model, *planes, [1.0], share=share, pad_px=PAD_PX)[0]
            alpha = bare(model, replace(photo, mask=better))
            yield name, edges.refine_edges(alpha[None], *planes, "closed-form")[0]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", default="default")
    parser.add_argument("--every", type=int, default=1, help="take every so many photographs")
    parser.add_argument("--qualities", nargs="+", default=list(QUALITIES))
    parser.add_argument("--only", nargs="+", default=[], help="rows whose name holds one of these words")
    parser.add_argument("--json", type=Path, help="write every photograph's figures here")
    args = parser.parse_args()
    model = load_model(args.model, device="cpu")
    found: dict[str, dict[str, list[dict[str, float]]]] = {}
    counts = dict.fromkeys(args.qualities, 0)
    for quality, picture, truth, mask in photographs(args.photos):
        if quality not in counts:
            continue
        counts[quality] += 1
        if (counts[quality] - 1) % args.every:
            continue
        photo = Photograph(picture, truth, mask)
        for name, alpha in rows(model, photo, args.only):
            found.setdefault(name, {}).setdefault(quality, []).append(measured(alpha, truth))
        print(".", end="", flush=True)
        if args.json:
            args.json.write_text(json.dumps(found))
    print("\n" + table(found, args.qualities))


def table(found: dict[str, dict[str, list[dict[str, float]]]], qualities: list[str]) -> str:
    """Means over the photographs, in Markdown."""
    columns = [f"{quality} {measure}" for quality in qualities for measure in MEASURES]
    lines = [f"| | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for name, by_quality in found.items():
        means = [
            float(np.mean([each[measure] for each in by_quality[quality]]))
            for quality in qualities
            for measure in MEASURES
        ]
        lines.append(f"| {name} | {' | '.join(f'{mean:.2f}' for mean in means)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()

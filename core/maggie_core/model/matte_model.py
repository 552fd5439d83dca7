"""A loaded network ready to matte: one window, one clip, or a stream of frames in constant memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_api.errors import ModelError
from maggie_core.model.config import WINDOW, Fusion
from maggie_core.model.crops import CELL, Box, Crops, grown
from maggie_core.model.frame_window import (
    NO_STATE,
    AskedGroup,
    GroupCoarse,
    TemporalState,
    Wanted,
    WindowMaps,
    WindowResult,
    WindowUnderWay,
)
from maggie_core.model.network import STRIDE, FrameFeatures, Network, Undecided
from maggie_core.model.refinement import REGION_PX, dilate, fuse, to_alpha, undecided
from maggie_core.model.temporal import (
    change_logits,
    coarse_mattes,
    enlarge,
    fuse_window,
    may_take_over,
)
from maggie_core.runtime.heap import keep_freed, trim_heap

if TYPE_CHECKING:
    from maggie_api.settings import Refine, Smooth

NARROW = 10_000_000
"""Parameters below which a network is narrow. The published ones have three times as many, the default one
less than half.
"""
KEPT_BYTES = 600 << 20
"""Freed memory that the C library may keep; a frame of 576x1024 frees less than that."""


@dataclass(frozen=True)
class ModelInfo:
    """What a user may want to know about a model before trusting it with a shot."""

    name: str
    kind: Literal["image", "video"]
    parameters: int
    licence: str = "unknown"
    commercial: bool = False
    sha256: str = ""
    """Of the weights file, to tell where the weights are from; the same weights may stand in other files."""
    digest: str = ""
    """Of the tensors and the variant (`digest_tensors`): the same for the same weights in any file."""
    refine: Refine = "none"
    """Edge refinement that `auto` takes (`maggie_core.postprocess.edges`)."""
    smooth: Smooth = "none"
    """Temporal smoothing that `auto` takes (`maggie_core.postprocess.temporal`)."""
    person_px: tuple[int, int] | None = None
    """Heights of people, on the working grid, that it was trained for; None where nobody said."""
    first_look: float = 0.0
    """Size of the first look it was made to begin with (`maggie_core.shot.first_look`); 0 is none."""
    encoder_from: str = ""
    """Weights that the encoder's training began with, and their licence; empty: none, or nobody said."""
    learned_from: str = ""
    """What it was trained on, in words; empty: nobody said."""


class MatteModel:
    """The network of one checkpoint, folded for inference. It keeps nothing between calls.

    More instances than the network has slots (ten) are split, in the order given, into as few groups of
    nearly equal size as needed. The groups share the encoder's features; slots, and with them the mask
    embedding's identities, start again in each.
    """

    instances: Literal["together", "alone"] = "together"
    """`PerInstanceModel` (per_instance.py) gives every instance a pass of its own."""

    def __init__(self, network: Network, info: ModelInfo):
        self._network = network
        self.info = info
        self.device = torch.device("cpu")
        self.precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    @property
    def is_video(self) -> bool:
        return self.info.kind == "video"

    @property
    def window_frames(self) -> int:
        """Frames that it looks at together: 3, or 1 if it sees every frame by itself."""
        return self._network.config.window

    @property
    def digest(self) -> str:
        """Changes with the weights and with how instances are passed; for keys of caches and recipes."""
        return f"{self.info.digest} {self.instances}"

    @property
    def most_instances(self) -> int:
        """Instances that can compete for pixels in one pass."""
        return self._network.config.slots

    def to(
        self, device: torch.device | str, precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    ) -> MatteModel:
        """Move to a device and round the weights to a precision; attention and logits stay float32."""
        self.device = torch.device(device)
        self.precision = precision
        self._network.to(self.device)
        self._network.round({"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32))
        keep_freed(self._kept)
        trim_heap()
        return self

    @property
    def _kept(self) -> int:
        """Bytes of freed memory that the C library may keep between the steps of a frame. Without them a
        narrow network takes a seventh longer; a wide one needs that memory for its weights.
        """
        return KEPT_BYTES if self.info.parameters < NARROW else 0

    @torch.inference_mode()
    def encode(self, image: Tensor, guidance: Tensor) -> FrameFeatures:
        """Features of one frame, to be reused by every window that contains it.

        Args:
            image: (3, H, W) float32 in [0, 1], sRGB-encoded; H and W multiples of 32.
            guidance: (N, H, W) or (N, H/8, W/8), binary.
        """
        image, guidance = image.to(self.device), guidance.to(self.device, torch.float32)
        ids = torch.cat([torch.arange(len(group)) + 1 for group in self._groups(len(guidance))])
        found = self._network.encode(image, guidance, ids)
        trim_heap(beyond=self._kept)
        return found

    def release_fine(self, features: FrameFeatures) -> FrameFeatures:
        """What later windows need of a frame whose matte is made; the rest, most of its memory, is freed."""
        return replace(features, fine=None)

    @torch.inference_mode()
    def window(
        self,
        frames: list[FrameFeatures],
        *,
        state: TemporalState = NO_STATE,
        wanted: Wanted = "all",
        fixed_alphas: Sequence[Tensor | None] = (),
        only: Sequence[int] | None = None,
        maps: bool = False,
    ) -> WindowResult:
        """Matte a window from its frames' features.

        Args:
            frames: `window_frames` of a video network, any number of an image network. A first frame that is
                not wanted may have been through `release_fine`.
            state: from the window before.
            wanted: `after first` leaves out the first frame, whose matte is `state.matte`. `middle` gives the
                middle frame's matte alone, as (1, N, H, W), and computes the last frame only where the middle
                one may take something over from it; `single` is empty then.
            fixed_alphas: for each frame None, or (N, H, W) alphas that replace the network's wherever they
                are not NaN, in the fusion of its neighbours too.
            only: instances whose mattes are asked for, ascending; None means all. The others compete with
                them and get none: N of `state.matte`, of `fixed_alphas` and of the result counts these alone.
            maps: give all maps that led to the mattes; of frames that are not wanted they are zeros.

        Raises:
            ModelError: a matte is not finite.
        """
        size = [8 * side for side in frames[0].cells.shape[1:]]
        groups = self._groups(len(frames[0].cells))
        hidden = [None] * len(groups)
        if state.hidden is not None:
            hidden = list(state.hidden.to(self.device).chunk(len(groups)))
        first = 0 if wanted == "all" else 1
        coarse = [self._coarse(frames, *each, first) for each in zip(groups, hidden, strict=True)]
        trim_heap(beyond=self._kept)
        asked = range(len(frames[0].cells)) if only is None else only
        shape = len(frames) if maps else 0, len(asked), *size
        window = WindowUnderWay(
            frames,
            AskedGroup.in_groups(groups, asked),
            coarse,
            None if state.matte is None else state.matte.to(self.device),
            fixed_alphas or [None] * len(frames),
            WindowMaps.zeros(shape, self.device),
        )
        result = None
        if wanted == "middle":
            result = self._middle(window)
        if result is None:
            result = self._fused(window, first)
            if wanted == "middle":
                result = replace(result, alpha=result.alpha[1:2], single=result.single[:0])
        _check_finite(result.alpha, result.single)
        return result

    @property
    def _fusion(self) -> Fusion:
        return self._network.config.fusion if self._network.config.fuses else "none"

    def _middle(self, window: WindowUnderWay) -> WindowResult | None:
        """The matte of the middle frame without all of the last one; None where fusion needs all of it."""
        before = window.before
        if self._fusion not in {"none", "both"} or (self._fusion == "both" and before is None):
            return None
        middle = self._single(window, 1)
        if self._fusion == "both" and before is not None:
            wanted = may_take_over(middle, before, self._changed(window))
            if wanted.any():
                agreed = wanted & (self._single(window, WINDOW - 1, wanted) == before)
                middle[agreed] = before[agreed]
                middle = _with_fixed(middle, window.fixed_alphas[1])
        return WindowResult(middle[None], *window.maps.all, middle[None][:0], window.hidden)

    def _fused(self, window: WindowUnderWay, first: int) -> WindowResult:
        """Mattes of all frames, fused in time; frames before `first` have theirs from the window before."""
        frames, before, all_maps = window.frames, window.before, len(window.maps.region) > 0
        single = torch.empty(len(frames), *window.shape, device=self.device)
        for t, into in enumerate(single):
            if t >= first:
                into.copy_(self._single(window, t))
            elif before is not None:
                into.copy_(before)
            else:
                into.zero_()
            trim_heap(beyond=self._kept)
        final, single = single, single.clone() if all_maps else single[-1:].clone()
        forward = backward = None
        if self.window_frames > 1:
            forward, backward = self._changes(window)
            if self._fusion != "none" and len(frames) == WINDOW:
                self._fuse_in_time(final, before, forward, backward, as_skipped=not all_maps)
                for alphas, fixed in zip(final, window.fixed_alphas, strict=True):
                    alphas.copy_(_with_fixed(alphas, fixed))
        return WindowResult(final, *window.maps.all, single, window.hidden, forward, backward)

    def _fuse_in_time(
        self, alphas: Tensor, before: Tensor | None, forward: Tensor, backward: Tensor, *, as_skipped: bool
    ) -> None:
        """Replace mattes (3, N, H, W) by the fused ones, one instance after the other for the sake of memory.

        Args:
            as_skipped: give the middle frame the matte that `_middle` gives it.
        """
        for n in range(alphas.shape[1]):
            earlier = None if before is None else before[n]
            own = alphas[1, n].clone()
            alphas[:, n] = fuse_window(alphas[:, n], earlier, forward, backward, fusion=self._fusion)
            if self._fusion == "both" and earlier is not None and as_skipped:
                changed = (forward[1] > 0.5) | (backward[1] > 0.5)
                taken = may_take_over(own, earlier, changed)
                alphas[1, n] = torch.where(taken, alphas[1, n], own)

    def _single(self, window: WindowUnderWay, t: int, wanted: Tensor | None = None) -> Tensor:
        """(N, H, W) mattes of frame t before the temporal fusion, with its fixed alphas.

        Args:
            wanted: (N, H, W) bool: pixels that are asked for. None means all.
        """
        parts = [
            self._matte(window, group, seen, t, wanted)
            for group, seen in zip(window.groups, window.coarse, strict=True)
        ]
        return _with_fixed(parts[0] if len(parts) == 1 else torch.cat(parts), window.fixed_alphas[t])

    def _matte(
        self, window: WindowUnderWay, group: AskedGroup, coarse: GroupCoarse, t: int, wanted: Tensor | None
    ) -> Tensor:
        """(n, H, W) mattes of those of a group that are asked for in frame t, finer where they are undecided.

        The window's maps are filled in, unless they are empty. `wanted` as in `_single`.
        """
        frame, maps = window.frames[t], window.maps
        if coarse.logits is None or not len(group.rows):
            return torch.zeros(len(group.rows), *window.shape[1:], device=self.device)
        if frame.fine is None:
            raise ValueError("a frame's own matte needs all of its features")
        mine = group.place
        logits = coarse.logits[t - len(window.frames), group.rows]  # a first frame not wanted has none
        alpha8, boxes = coarse_mattes(logits) if self.is_video else (to_alpha(enlarge(logits)), None)
        places = Crops.around(alpha8, boxes)
        coarse8 = [crops.of(alpha8) for crops in places]
        if boxes is not None:
            _clear_beyond(boxes, alpha8)
        if len(maps.region):
            maps.alpha8[t, mine] = alpha8
        for crops, near8 in zip(places, coarse8, strict=True):
            region = dilate(undecided(near8), REGION_PX)
            if boxes is not None:
                inside = crops.inside(boxes)
                near8, region = near8 * inside, region & inside
            detail = self._network.detail(
                frame.fine,
                coarse.instances(group.instances, group.rows[crops.maps], t - len(window.frames)),
                Undecided(
                    near8,
                    crops.of(logits, stride=8),
                    region,
                    crops.part,
                    None if wanted is None else crops.of(wanted[mine]),
                ),
                whole=len(maps.region) > 0,
            )
            crops.put(alpha8, fuse(near8, detail, region))
            if len(maps.region):
                crops.put(maps.alpha4[t, mine], detail.alpha_os4)
                crops.put(maps.alpha1[t, mine], detail.alpha_os1)
                crops.put(maps.region[t, mine], region)
        return alpha8

    def _changed(self, window: WindowUnderWay) -> Tensor:
        """(H, W) bool: where anything changed from the middle frame to one of its neighbours."""
        head = self._network.decoder.diff_module
        changed = torch.zeros(window.shape[1:], dtype=torch.bool, device=self.device)
        for seen in window.coarse:
            if seen.logits is not None and head is not None:
                pairs = torch.cat([seen.f8[::2], seen.f8[1:2].expand(2, -1, -1, -1)], dim=1)
                changed |= (enlarge(head(pairs).squeeze(1)) > 0).any(dim=0)
        return changed

    def _changes(self, window: WindowUnderWay) -> tuple[Tensor, Tensor]:
        """Change maps (T, H, W) of all groups together: changed where any of them changed."""
        head, found = self._network.decoder.diff_module, []
        for seen in window.coarse:
            if seen.logits is not None and head is not None:
                found.append([torch.sigmoid(enlarge(logits)) for logits in change_logits(head, seen.f8)])
        if not found:
            still = torch.full((len(window.frames), *window.shape[1:]), 0.5, device=self.device)
            return still, still
        forward, backward = (torch.stack(maps).amax(dim=0) for maps in zip(*found, strict=True))
        return forward, backward

    def predict_window(
        self, image: Tensor, guidance: Tensor, *, previous: Tensor | None = None, hidden: Tensor | None = None
    ) -> WindowResult:
        """Matte the frames of one window together.

        A video network looks at three frames, unless it sees every frame by itself as an image network does.

        Args:
            image: (T, 3, H, W) float32 in [0, 1], sRGB-encoded, before normalisation. Other sizes than
                multiples of 32 are padded at the right and bottom.
            guidance: (T, N, H, W) or (T, N, H/8, W/8), binary.
            previous: (N, H, W) final matte of the window's first frame, from the window before (video).
            hidden: (C, H/8, W/8) temporal state before the first frame (video); None as published.

        Raises:
            ModelError: shapes that do not belong together, a video window that is not three frames long, or a
                matte that is not finite.
        """
        self._check(image, guidance)
        wanted = self.window_frames
        if wanted > 1 and len(image) != wanted:
            raise ModelError(
                f"a window of {len(image)} frames: the video network needs {wanted}, predict_clip takes any"
            )
        height, width = image.shape[-2:]
        image, guidance = _pad(image, guidance)
        padded = image.shape[-2:]
        if previous is not None:
            previous = F.pad(previous, (0, padded[1] - width, 0, padded[0] - height))
        features = [self.encode(i, g) for i, g in zip(image, guidance, strict=True)]
        if wanted > 1:
            result = self.window(features, state=TemporalState(previous, hidden), maps=True)
        else:
            result = WindowResult.joined([self.window([frame], maps=True) for frame in features])
        return result.cropped(height, width)

    def predict_clip(self, image: Tensor, guidance: Tensor, *, carry_hidden: bool = False) -> Tensor:
        """Matte a clip by the published composition of overlapping windows.

        Args:
            image: (L, 3, H, W) float32 in [0, 1], sRGB-encoded; any L >= 1.
            guidance: (L, N, H, W) or (L, N, H/8, W/8), binary; may be empty in some or all frames.
            carry_hidden: start each window's temporal state from the window before, as the paper says; the
                published program starts from zeros.

        Returns:
            (L, N, H, W) coverage in [0, 1]; zeros where a whole window has no guidance.
        """
        self._check(image, guidance)
        height, width = image.shape[-2:]
        image, guidance = _pad(image, guidance)
        pairs = zip(image, guidance, strict=True)
        mattes = [matte for matte in self.stream(pairs, carry_hidden=carry_hidden)]
        return torch.stack(mattes)[..., :height, :width]

    def stream(
        self, pairs: Iterable[tuple[Tensor, Tensor]], *, carry_hidden: bool = False
    ) -> Iterator[Tensor]:
        """Matte frames as they come, one (N, H, W) for each, holding three frames' features at most.

        Args:
            pairs: (image (3, H, W), guidance (N, H, W)) per frame, H and W multiples of 32.
        """
        if self.window_frames == 1:
            for image, guidance in pairs:
                yield self.window([self.encode(image, guidance)]).alpha[0]
            return
        frames: deque[FrameFeatures] = deque()
        state = before = NO_STATE
        result = None
        seen = 0
        for image, guidance in pairs:
            if len(frames) == WINDOW:
                frames.popleft()
                frames[0] = self.release_fine(frames[0])
            frames.append(self.encode(image, guidance))
            seen += 1
            if len(frames) < WINDOW:
                continue
            before = state
            result = self.window(
                list(frames), state=before, wanted="all" if before.matte is None else "middle"
            )
            if before.matte is None:
                yield result.alpha[0]
            matte = result.alpha[1 if before.matte is None else 0]
            yield matte
            carried = carry_hidden and result.hidden is not None
            state = TemporalState(matte, result.hidden[0] if carried and result.hidden is not None else None)
        if result is None:
            padded = list(frames) + [frames[-1]] * (WINDOW - seen) if frames else []
            yield from self.window(padded).alpha[:seen] if padded else []
            return
        if before.matte is not None:
            result = self.window(list(frames), state=before, wanted="after first")
        yield result.alpha[2]

    def _groups(self, count: int) -> list[Tensor]:
        slots = self._network.config.slots
        passes = max(1, -(-count // slots))
        return list(torch.arange(count, device=self.device).tensor_split(passes))

    def _coarse(
        self, frames: list[FrameFeatures], group: Tensor, hidden: Tensor | None, first: int
    ) -> GroupCoarse:
        """Coarse result of a group of instances; logits from frame `first` on."""
        net = self._network
        cells = torch.stack([frame.cells[group] for frame in frames])
        if not cells.any():
            h, w = cells.shape[-2:]
            empty = torch.zeros(len(frames), net.config.attention, h, w, device=self.device)
            return GroupCoarse(None, torch.empty(0), empty if net.config.has_gru else None, torch.empty(0))
        slots = torch.arange(len(group), device=self.device)
        features, queries, _ = net.decoder.refine_OS8.attend(
            torch.cat([frame.d8 for frame in frames]), cells, slots
        )
        priors = None
        if net.decoder.prior is not None:
            priors = [
                frame.colour_priors[group] for frame in frames[first:] if frame.colour_priors is not None
            ]
        return GroupCoarse(*net.coarse_logits(features, queries, priors, hidden, first=first), queries)

    def _check(self, image: Tensor, guidance: Tensor) -> None:
        if image.ndim != 4 or image.shape[1] != 3:
            raise ModelError(f"image is {tuple(image.shape)}: it needs to be (frames, 3, height, width)")
        if guidance.ndim != 4 or len(guidance) != len(image) or guidance.shape[1] == 0:
            raise ModelError(
                f"guidance is {tuple(guidance.shape)}: needed is ({len(image)}, instances, height, width)"
            )
        height, width = image.shape[-2:]
        if tuple(guidance.shape[-2:]) not in {(height, width), (height // 8, width // 8)}:
            raise ModelError(
                f"guidance is {guidance.shape[-1]}x{guidance.shape[-2]} and the image {width}x{height}: "
                "it needs the image's size or an eighth of it"
            )


def _check_finite(*mattes: Tensor) -> None:
    """Refuse mattes that hold NaN or infinity: a sum does as soon as one pixel does.

    Raises:
        ModelError: one of them is not finite.
    """
    if not all(bool(torch.isfinite(each.sum())) for each in mattes):
        raise ModelError(
            "the network's matte of this frame is not finite, all alphas need to be numbers in 0..1: "
            "verify the weights (maggie-node models verify), or take --precision fp32"
        )


def _with_fixed(alphas: Tensor, fixed: Tensor | None) -> Tensor:
    """(N, H, W) alphas of one frame, with the fixed ones in place of the network's."""
    return alphas if fixed is None else torch.where(fixed.isnan().to(alphas.device), alphas, fixed.to(alphas))


def _clear_beyond(boxes: list[Box], planes: Tensor) -> None:
    """Planes (M, H, W) that are zero further than a cell outside their boxes, from there on."""
    for plane, box in zip(planes, boxes, strict=True):
        inside = plane[box].clone()
        plane[grown(box, CELL, CELL, plane.shape)] = 0
        plane[box] = inside


def _pad(image: Tensor, guidance: Tensor) -> tuple[Tensor, Tensor]:
    """Zeros at the right and bottom, to a multiple of 64 unless the size already is one of 32."""
    height, width = image.shape[-2:]
    if height % STRIDE == 0 and width % STRIDE == 0:
        return image, guidance
    guidance = guidance.to(torch.float32)
    if guidance.shape[-1] != width:
        guidance = F.interpolate(guidance, (height, width), mode="nearest")
    margin = (0, -width % 64, 0, -height % 64)
    return F.pad(image, margin), F.pad(guidance, margin)

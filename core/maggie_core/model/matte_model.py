"""A loaded network ready to matte: one window, one clip, or a stream of frames in constant memory."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from maggie_api.errors import ModelError
from maggie_core.model.crops import CELL, Box, Crops, grown
from maggie_core.model.network import STRIDE, FrameFeatures, Network
from maggie_core.model.refinement import REGION_PX, dilate, finest, fuse, fuse4, reach, to_alpha, undecided
from maggie_core.model.temporal import (
    change_logits,
    coarse_mattes,
    enlarge,
    fuse_window,
    may_take_over,
)
from maggie_core.runtime.heap import give_back, keep_freed

if TYPE_CHECKING:
    from maggie_api.settings import Refine, Smooth

WINDOW = 3
"""Frames the video network looks at together."""
NARROW = 10_000_000
"""Parameters. The published networks have three times as many, the default one less than half."""
KEPT = 600 << 20
"""Bytes; a frame of 576x1024 frees less than that."""


@dataclass(frozen=True)
class ModelInfo:
    """What a user may want to know about a model before trusting it with a shot."""

    name: str
    kind: Literal["image", "video"]
    parameters: int
    licence: str = "unknown"
    commercial: bool = False
    sha256: str = ""
    refine: Refine = "none"
    """The last step it was made to end in (`maggie_core.postprocess.edges`)."""
    smooth: Smooth = "none"
    """And how its frames are made to agree (`maggie_core.postprocess.temporal`)."""
    first_look: float = 0.0
    """Size of the first look it was made to begin with (`maggie_core.shot.first_look`); 0 is none."""


@dataclass(frozen=True, eq=False)
class WindowResult:
    """Mattes of a window and what led to them; coverage in [0, 1], (T, N, H, W) each.

    Only `alpha` and `single` are given unless `window` is asked for all `maps`; T is 0 of the others.
    """

    alpha: Tensor
    alpha_os8: Tensor
    alpha_os4: Tensor
    alpha_os1: Tensor
    undecided: Tensor
    """bool: where the sparse stage looked."""
    single: Tensor
    """The mattes before the temporal fusion, of the last frame alone unless all maps are asked for."""
    hidden: Tensor | None = None
    """(T, C, H/8, W/8) forward temporal states; several groups of instances lie side by side in C."""
    change_forward: Tensor | None = None
    """(T, H, W) in [0, 1]: frame t against t-1; 0.5 where there is no neighbour."""
    change_backward: Tensor | None = None


class MatteModel:
    """The network of one checkpoint, folded for inference. It keeps nothing between calls.

    More instances than the network has slots (ten) are split, in the order given, into as few groups of
    nearly equal size as needed. The groups share the encoder's features; slots, and with them the mask
    embedding's identities, start again in each.
    """

    instances: Literal["together", "alone"] = "together"
    """`OneByOne` (alone.py) gives every instance a pass of its own."""

    def __init__(self, network: Network, info: ModelInfo):
        self._network = network
        self.info = info
        self.device = torch.device("cpu")
        self.precision: Literal["fp32", "bf16", "fp16"] = "fp32"

    @property
    def is_video(self) -> bool:
        return self.info.kind == "video"

    @cached_property
    def digest(self) -> str:
        """Changes with the weights and with how instances are passed."""
        if self.info.sha256:
            return f"{self.info.sha256} {self.instances}"
        state = hashlib.sha256()
        for name, tensor in self._network.state_dict().items():
            state.update(name.encode() + tensor.detach().cpu().float().contiguous().numpy().tobytes())
        return f"{state.hexdigest()} {self.instances}"

    def to(
        self, device: torch.device | str, precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    ) -> MatteModel:
        """Move to a device and round the weights to a precision; attention and logits stay float32."""
        self.device = torch.device(device)
        self.precision = precision
        self._network.to(self.device)
        self._network.round({"bf16": torch.bfloat16, "fp16": torch.float16}.get(precision, torch.float32))
        keep_freed(self._kept)
        give_back()
        return self

    @property
    def _kept(self) -> int:
        """Bytes the C library may keep between the steps of a frame: a narrow network takes a seventh longer
        without them, and a wide one needs that memory for its weights.
        """
        return KEPT if self.info.parameters < NARROW else 0

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
        give_back(beyond=self._kept)
        return found

    def passed(self, features: FrameFeatures) -> FrameFeatures:
        """What of a frame's features later windows take once its matte is made: most of it is freed."""
        return replace(features, fine=None)

    @torch.inference_mode()
    def window(
        self,
        frames: list[FrameFeatures],
        *,
        previous: Tensor | None = None,
        hidden: Tensor | None = None,
        skip_first: bool = False,
        skip_last: bool = False,
        known: Sequence[Tensor | None] = (),
        maps: bool = False,
    ) -> WindowResult:
        """Matte a window from its frames' features.

        Args:
            frames: three of a video network, any number of an image network; of a first frame that is left
                out what is left of it once it has `passed` will do.
            previous: (N, H, W) final matte of the window's first frame, from the window before.
            hidden: (C, H/8, W/8) temporal state before the first frame.
            skip_first: leave the first frame out, whose matte is `previous`.
            skip_last: give the middle frame's matte alone, as (1, N, H, W), and look at the last frame only
                where the middle one may take something over from it. `single` is empty then.
            known: for each frame None, or (N, H, W) alphas that stand instead of the network's wherever they
                are not NaN, in its neighbours' fusion too.
            maps: give all maps that led to the mattes; the skipped ones are zeros.
        """
        fusion = self._network.widths.fusion if self._network.widths.fuses else "none"
        count, h, w = frames[0].cells.shape
        shape = count, 8 * h, 8 * w
        known = known or [None] * len(frames)
        groups = self._groups(shape[0])
        carried = [None] * len(groups) if hidden is None else list(hidden.to(self.device).chunk(len(groups)))
        coarse = [
            self._coarse(frames, group, state, 1 if skip_first else 0)
            for group, state in zip(groups, carried, strict=True)
        ]
        give_back(beyond=self._kept)
        found = _Maps.zeros((len(frames) if maps else 0, *shape), self.device)

        def matte(t: int, wanted: Tensor | None = None) -> Tensor:
            parts = [
                self._matte(frames[t], group, seen, t - len(frames), found, wanted)
                for group, seen in zip(groups, coarse, strict=True)
            ]
            return _with_known(parts[0] if len(parts) == 1 else torch.cat(parts), known[t])

        before = None if previous is None else previous.to(self.device)
        states = [seen.hidden for seen in coarse if seen.hidden is not None]
        carry = None if not states else states[0] if len(states) == 1 else torch.cat(states, dim=1)
        if skip_last and (fusion == "none" or (fusion == "both" and before is not None)):
            middle = matte(1)
            if fusion == "both" and before is not None:
                wanted = may_take_over(middle, before, self._changed(coarse, shape))
                if wanted.any():
                    agreed = wanted & (matte(WINDOW - 1, wanted) == before)
                    middle[agreed] = before[agreed]
                    middle = _with_known(middle, known[1])
            return WindowResult(middle[None], *found.all, middle[None][:0], carry)
        single = torch.empty(len(frames), *shape, device=self.device)
        for t, into in enumerate(single):
            if not (skip_first and t == 0):
                into.copy_(matte(t))
            elif before is not None:
                into.copy_(before)
            else:
                into.zero_()
            give_back(beyond=self._kept)
        final, single = single, single.clone() if maps else single[-1:].clone()
        forward = backward = None
        if self.is_video:
            forward, backward = self._changes(coarse, (len(frames), *shape[1:]))
            if fusion != "none" and len(frames) == WINDOW:
                for n in range(shape[0]):  # planes of one instance are small beside those of all
                    earlier = None if before is None else before[n]
                    own = final[1, n].clone()
                    final[:, n] = fuse_window(final[:, n], earlier, forward, backward, fusion=fusion)
                    if fusion == "both" and earlier is not None and not maps:
                        changed = (forward[1] > 0.5) | (backward[1] > 0.5)
                        taken = may_take_over(own, earlier, changed)  # as where the last frame is skipped
                        final[1, n] = torch.where(taken, final[1, n], own)
                for alphas, values in zip(final, known, strict=True):
                    alphas.copy_(_with_known(alphas, values))
        if skip_last:
            final, single = final[1:2], single[:0]
        return WindowResult(final, *found.all, single, carry, forward, backward)

    def _matte(
        self,
        frame: FrameFeatures,
        group: Tensor,
        coarse: _Coarse,
        t: int,
        maps: _Maps,
        wanted: Tensor | None,
    ) -> Tensor:
        """(n, H, W) mattes of a group of instances in a frame of a window, finer where they are undecided.

        Args:
            t: place of the frame, counted from the window's end.
            maps: to be filled in, unless they are empty.
            wanted: (N, H, W) bool: where the matte is asked for. None means everywhere.
        """
        if coarse.logits is None:
            return torch.zeros(len(group), *(8 * side for side in frame.cells.shape[1:]), device=self.device)
        if frame.fine is None:
            raise ValueError("a frame's own matte needs all of its features")
        mine = slice(int(group[0]), int(group[-1]) + 1)
        logits = coarse.logits[t]
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
            looked_at = asked = region
            if wanted is not None:
                asked = crops.of(wanted[mine]) & region
                looked_at = region & reach(asked)
            detail = self._network.detail(
                frame.fine,
                group[crops.maps],
                coarse.f8[t],
                coarse.queries[crops.maps],
                logits[crops.maps],
                crops.of(logits, stride=8),
                looked_at,
                crops.part,
                finest=None if len(maps.region) else partial(_finest, near8, region, asked),
            )
            crops.put(alpha8, fuse(near8, detail, region))
            if len(maps.region):
                crops.put(maps.alpha4[t, mine], detail.alpha_os4)
                crops.put(maps.alpha1[t, mine], detail.alpha_os1)
                crops.put(maps.region[t, mine], region)
        return alpha8

    def _changed(self, coarse: list[_Coarse], shape: tuple[int, ...]) -> Tensor:
        """(H, W) bool: where anything changed from the middle frame to one of its neighbours."""
        head = self._network.decoder.diff_module
        changed = torch.zeros(shape[1:], dtype=torch.bool, device=self.device)
        for seen in coarse:
            if seen.logits is not None and head is not None:
                pairs = torch.cat([seen.f8[::2], seen.f8[1:2].expand(2, -1, -1, -1)], dim=1)
                changed |= (enlarge(head(pairs).squeeze(1)) > 0).any(dim=0)
        return changed

    def _changes(self, coarse: list[_Coarse], shape: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Change maps (T, H, W) of all groups together: changed where any of them changed."""
        head, found = self._network.decoder.diff_module, []
        for seen in coarse:
            if seen.logits is not None and head is not None:
                found.append([torch.sigmoid(enlarge(logits)) for logits in change_logits(head, seen.f8)])
        if not found:
            still = torch.full(shape, 0.5, device=self.device)
            return still, still
        forward, backward = (torch.stack(maps).amax(dim=0) for maps in zip(*found, strict=True))
        return forward, backward

    def predict_window(
        self, image: Tensor, guidance: Tensor, *, previous: Tensor | None = None, hidden: Tensor | None = None
    ) -> WindowResult:
        """Matte the frames of one window together.

        A video network looks at three frames; an image network treats each frame by itself.

        Args:
            image: (T, 3, H, W) float32 in [0, 1], sRGB-encoded, before normalisation. Other sizes than
                multiples of 32 are padded at the right and bottom.
            guidance: (T, N, H, W) or (T, N, H/8, W/8), binary.
            previous: (N, H, W) final matte of the window's first frame, from the window before (video).
            hidden: (C, H/8, W/8) temporal state before the first frame (video); None as published.

        Raises:
            ModelError: shapes that do not belong together, or a video window that is not three frames long.
        """
        self._check(image, guidance)
        if self.is_video and len(image) != WINDOW:
            raise ModelError(
                f"a window of {len(image)} frames: the video network needs {WINDOW}, predict_clip takes any"
            )
        height, width = image.shape[-2:]
        image, guidance = _pad(image, guidance)
        padded = image.shape[-2:]
        if previous is not None:
            previous = F.pad(previous, (0, padded[1] - width, 0, padded[0] - height))
        features = [self.encode(i, g) for i, g in zip(image, guidance, strict=True)]
        if self.is_video:
            result = self.window(features, previous=previous, hidden=hidden, maps=True)
        else:
            result = _stack([self.window([frame], maps=True) for frame in features])
        return _crop(result, height, width)

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
        if not self.is_video:
            for image, guidance in pairs:
                yield self.window([self.encode(image, guidance)]).alpha[0]
            return
        frames: deque[FrameFeatures] = deque()
        previous = hidden = result = None
        before = None, None
        seen = 0
        for image, guidance in pairs:
            if len(frames) == WINDOW:
                frames.popleft()
                frames[0] = self.passed(frames[0])
            frames.append(self.encode(image, guidance))
            seen += 1
            if len(frames) < WINDOW:
                continue
            before = previous, hidden
            later = previous is not None
            result = self.window(
                list(frames), previous=previous, hidden=hidden, skip_first=later, skip_last=later
            )
            if previous is None:
                yield result.alpha[0]
            previous = result.alpha[0 if later else 1]
            yield previous
            hidden = result.hidden[0] if carry_hidden and result.hidden is not None else None
        if result is None:
            padded = list(frames) + [frames[-1]] * (WINDOW - seen) if frames else []
            yield from self.window(padded).alpha[:seen] if padded else []
            return
        if before[0] is not None:
            result = self.window(list(frames), previous=before[0], hidden=before[1], skip_first=True)
        yield result.alpha[2]

    def _groups(self, count: int) -> list[Tensor]:
        slots = self._network.widths.slots
        passes = max(1, -(-count // slots))
        return list(torch.arange(count, device=self.device).tensor_split(passes))

    def _coarse(
        self, frames: list[FrameFeatures], group: Tensor, hidden: Tensor | None, first: int
    ) -> _Coarse:
        """Coarse result of a group of instances; logits from frame `first` on."""
        net = self._network
        cells = torch.stack([frame.cells[group] for frame in frames])
        if not cells.any():
            h, w = cells.shape[-2:]
            empty = torch.zeros(len(frames), net.widths.attention, h, w, device=self.device)
            return _Coarse(None, torch.empty(0), empty if net.widths.has_gru else None, torch.empty(0))
        slots = torch.arange(len(group), device=self.device)
        features, queries, _ = net.decoder.refine_OS8.attend(
            torch.cat([frame.d8 for frame in frames]), cells, slots
        )
        cues = None
        if net.decoder.prior is not None:
            cues = [frame.cues[group] for frame in frames[first:] if frame.cues is not None]
        return _Coarse(*net.coarse_logits(features, queries, cues, hidden, first=first), queries)

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


@dataclass(frozen=True, eq=False)
class _Coarse:
    """Coarse result of one group; `logits` is None when the whole window has no guidance."""

    logits: Tensor | None
    f8: Tensor
    hidden: Tensor | None
    queries: Tensor


@dataclass(frozen=True, eq=False)
class _Maps:
    """(T, N, H, W) maps of a window while its groups of instances are filled in; T 0 where nobody asked for
    them.
    """

    alpha8: Tensor
    alpha4: Tensor
    alpha1: Tensor
    region: Tensor

    @classmethod
    def zeros(cls, shape: tuple[int, ...], device: torch.device) -> _Maps:
        kinds = torch.float32, torch.float32, torch.float32, torch.bool
        return cls(*(torch.zeros(shape, dtype=kind, device=device) for kind in kinds))

    @property
    def all(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """In the order of a `WindowResult`."""
        return self.alpha8, self.alpha4, self.alpha1, self.region


def _with_known(alphas: Tensor, known: Tensor | None) -> Tensor:
    """(N, H, W) alphas of one frame, those that are known instead of found."""
    return alphas if known is None else torch.where(known.isnan().to(alphas.device), alphas, known.to(alphas))


def _finest(alpha8: Tensor, region: Tensor, asked: Tensor, alpha4: Tensor) -> Tensor:
    """Where the mattes of full resolution are looked for, as `Network.detail` asks."""
    return finest(fuse4(alpha8, alpha4, region), asked)


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


MAPS = ("alpha", "alpha_os8", "alpha_os4", "alpha_os1", "undecided", "single")
"""Results with one map per instance."""
CHANGES = ("change_forward", "change_backward")
"""Results of a video network with one map per frame."""


def _crop(result: WindowResult, height: int, width: int) -> WindowResult:
    maps = {name: getattr(result, name) for name in (*MAPS, *CHANGES)}
    return replace(result, **{name: m[..., :height, :width] for name, m in maps.items() if m is not None})


def _stack(results: list[WindowResult]) -> WindowResult:
    return WindowResult(**{name: torch.cat([getattr(r, name) for r in results]) for name in MAPS})

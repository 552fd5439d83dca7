"""People followed by SAM 2, a network that was trained to follow objects through video.

`transformers` has the network; it is loaded when somebody is first followed. The network sees people one by
one; in each pixel they and the background compete by its logits.

Source: Ravi et al., SAM 2: Segment Anything in Images and Videos, 2024.
"""

from __future__ import annotations

import importlib.metadata
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from maggie_api.errors import ModelError
from maggie_core.io.digest import file_digest
from maggie_core.propagation.affinity import Plane
from maggie_core.propagation.tracker import State
from maggie_core.weights.catalogue import error_line, find_tracker

TRANSFORMERS = (5, 24)
"""First version of `transformers` that this was run with."""
MODEL_TYPE = "sam2_video"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours that the network was trained on, which are those of ImageNet."""
GRID_PX = 576
"""Short side of the grid: 1024 pixels wide in a plate of 16:9, as wide as the network's square."""
KEYS = 8
"""Keys of a person that the network looks back at, the latest ones. It looks at all that it is given, and a
person who has keys beside somebody who has few may have hundreds; it was trained with up to four."""


class Sam2Tracker:
    """SAM 2 as a tracker.

    A walk is a video of its own, in the order of its path: the masks of its first frame and of every key on
    the way are given to the network, all others are found. It remembers the last few frames and keys of each
    person, so memory does not grow with the shot. What it remembers is no small text: a walk is never taken
    up again.

    Args:
        spec: `sam2:` and a name or a folder.
        device: where it computes, in float32.

    Raises:
        ModelError: it is not on this machine, or `transformers` is not.
    """

    grid_px = GRID_PX
    look_ahead = 0
    resumes = False

    def __init__(self, spec: str, *, device: torch.device) -> None:
        self.weights, self._device = find_tracker(spec), device
        self._library = _library(spec)
        _check_kind(self.weights.parent / "config.json")

    @property
    def digest(self) -> str:
        return f"sam2 2 {self._content} transformers {self._library}"

    @property
    def _content(self) -> str:
        return f"{file_digest(self.weights)} {file_digest(self.weights.parent / 'config.json')}"

    def network(self) -> Any:
        """The network in evaluation mode; the one that was used last stays in memory.

        Raises:
            ModelError: its files are damaged, or of another network.
        """
        return _load(self.weights, self._device, self._content)

    @contextmanager
    def _running(self) -> Iterator[None]:
        """What the network's own steps raise is told of its files: their sizes do not go together.

        Raises:
            ModelError: it cannot be run.
        """
        try:
            yield
        except (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error):
                raise
            raise ModelError(
                f"the network in {self.weights.parent} cannot be run ({error_line(error)}): fetch or copy it "
                "again"
            ) from error

    def follow(
        self,
        path: Sequence[int],
        image: Callable[[int], Plane],
        keyed: Callable[[int], NDArray[np.bool_]],
        shares: Callable[[int], Plane],
        settle: Callable[[int, Plane], Plane],
        coming: Callable[[int], Sequence[int]],
        state: State | None = None,
        other: Callable[[int], State | None] = lambda frame: None,
        fixed: Collection[int] = (),
        counts: Callable[[int], bool] = lambda frame: True,
    ) -> Iterator[tuple[int, State]]:
        """As `Tracker.follow`; `coming`, `state`, `other` and `counts` tell it nothing. Nobody `fixed` is
        followed."""
        first, seen, keys, network = shares(path[0]), image(path[0]), keyed(path[0]), self.network()
        with self._running():
            walk = _Walk(network, self._device, len(first) - 1)
            walk.look(seen)
            walk.give(first, ~np.isin(np.arange(len(first) - 1), [*fixed]), certain=keys)
        for frame in path[1:]:
            seen = image(frame)
            with self._running():
                walk.look(seen)
                found, sure = walk.found()
            after = settle(frame, found)
            if keyed(frame).any():
                with self._running():
                    walk.give(after, keyed(frame), certain=keyed(frame))
            yield frame, {"found": [1.0 if key else sure[n] for n, key in enumerate(keyed(frame))]}


class _Walk:
    """The network's session along a path, at one of its frames."""

    def __init__(self, model: Any, device: torch.device, people: int) -> None:
        from transformers import Sam2VideoInferenceSession

        config, size = model.config, model.config.image_size
        self._model, self._device, self._people = model, device, people
        self._side = (size, size) if isinstance(size, int) else tuple(size)
        self._remembered = max(config.max_object_pointers_in_encoder, config.num_maskmem)
        self._session: Any = Sam2VideoInferenceSession(
            video_height=self._side[0],
            video_width=self._side[1],
            inference_device=device,
            inference_state_device=device,
            video_storage_device=device,
            dtype=torch.float32,
        )
        self._step = -1
        self._pixels = torch.zeros(0)
        self._shape: tuple[int, int] = (0, 0)
        self._assumed: set[int] = set()
        """People whose first mask was no key: it counts until there is one."""

    def look(self, image: Plane) -> None:
        """Go on to the next frame (3, H, W), sRGB-encoded in [0, 1]."""
        self._step += 1
        self._shape = image.shape[1], image.shape[2]
        mean, std = (torch.tensor(each).view(3, 1, 1) for each in (MEAN, STD))
        pixels = self._in_square(torch.from_numpy(image)[None])[0]
        self._pixels = ((pixels - mean) / std).to(self._device)
        self._forget()

    def found(self) -> tuple[Plane, list[float]]:
        """(N + 1, H, W) shares of background and people in the frame, and how sure the network is, for each
        person, that they are in it."""
        logits = np.full((self._people + 1, *self._shape), -np.inf, np.float32)
        logits[0], sure = 0, [1.0] * self._people
        if self._session.obj_ids:
            masks, present = self._ask()
            for n, mask, score in zip(self._session.obj_ids, masks, present, strict=True):
                logits[n + 1], sure[n] = mask, score
        shares = np.exp(logits - logits.max(axis=0))
        return shares / shares.sum(axis=0), sure

    def give(self, shares: Plane, who: NDArray[np.bool_], *, certain: NDArray[np.bool_]) -> None:
        """Tell the network where some people are in the frame.

        Args:
            shares: (N + 1, H, W) of background and people.
            who: (N,) of whom.
            certain: (N,) whose mask is a key.
        """
        owner, session, given = shares.argmax(axis=0), self._session, False
        for n in map(int, np.flatnonzero(who)):
            mask = owner == n + 1
            if n not in session.obj_ids and not mask.any():
                continue  # nothing is known of somebody who has not been seen yet
            place, given = session.obj_id_to_idx(n), True
            outputs = session.output_dict_per_obj[place]
            if n in self._assumed and certain[n]:
                for each in outputs.values():
                    each.clear()
            self._assumed.discard(n)
            if not certain[n]:
                self._assumed.add(n)
            # What was found in this frame is no memory: the mask that is given takes its place.
            outputs["non_cond_frame_outputs"].pop(self._step, None)
            session.frames_tracked_per_obj[place].pop(self._step, None)
            square = self._in_square(torch.from_numpy(mask[None, None].astype(np.float32)))
            session.add_mask_inputs(place, self._step, (square >= 0.5).float())
            session.obj_with_new_inputs.append(n)
        if given:
            self._ask()
            for place in session.mask_inputs_per_obj:
                session.remove_mask_inputs(place, self._step)

    @torch.inference_mode()
    def _ask(self) -> tuple[Plane, list[float]]:
        """(M, H, W) logits of the people that the network knows, and (M,) how sure it is that they are in the
        frame."""
        # With `frame` it is a stream, of which neither length nor other frames are known.
        result = self._model(self._session, frame_idx=self._step, frame=self._pixels)
        masks = interpolate(result.pred_masks.float(), self._shape, mode="bilinear", align_corners=False)
        if not torch.isfinite(masks).all():
            raise ModelError("SAM 2 computed masks that are not finite: take another size of it")
        return masks[:, 0].cpu().numpy(), result.object_score_logits.float().sigmoid().flatten().tolist()

    def _forget(self) -> None:
        """Let go of what is never looked at again."""
        session, step = self._session, self._step
        session.processed_frames = None
        for outputs in session.output_dict_per_obj.values():
            found, given = outputs["non_cond_frame_outputs"], outputs["cond_frame_outputs"]
            for each in (*found.values(), *given.values()):
                each.pop("high_res_masks", None)  # of the network's full size, and used in their frame alone
            for at in [at for at in found if at < step - self._remembered]:
                del found[at]
            for at in sorted(given)[:-KEYS]:
                del given[at]

    def _in_square(self, planes: Tensor) -> Tensor:
        """Planes (B, C, H, W) at the size that the network sees."""
        return interpolate(planes, self._side, mode="bilinear", align_corners=False, antialias=True)


@lru_cache(maxsize=1)
def _load(weights: Path, device: torch.device, content: str) -> Any:
    """The network in a file on a device, in evaluation mode and float32.

    Args:
        content: a digest of its files, so that changed ones are loaded anew.
    """
    from transformers import Sam2VideoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    read: Any = Sam2VideoModel.from_pretrained  # with the loading info it returns a pair
    try:
        model, report = read(
            weights.parent,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        raise ModelError(
            f"{weights.parent} cannot be read as SAM 2 ({error_line(error)}): fetch or copy it again"
        ) from error
    missing = sorted(map(str, report["missing_keys"]))
    if missing:
        raise ModelError(
            f"{weights} lacks {len(missing)} tensors of SAM 2 ({', '.join(missing[:3])}): it is not whole, "
            "or of another network"
        )
    if not all(bool(torch.isfinite(tensor).all()) for tensor in model.state_dict().values()):
        raise ModelError(f"the weights in {weights} hold NaN or infinity: fetch or copy the file again")
    _check_sizes(model.config, weights.parent / "config.json")
    return model.to(device).eval().requires_grad_(False)


def _check_sizes(config: Any, path: Path) -> None:
    """Check numbers that the network takes whatever they are, and that say how it is run.

    Raises:
        ModelError: one makes no sense.
    """
    size = config.image_size
    sides = (size, size) if isinstance(size, int) else size
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        raise ModelError(f"{path}: image_size is {json.dumps(size)}: it must be a size in pixels")
    for name in ("num_maskmem", "max_object_pointers_in_encoder"):
        if getattr(config, name) < 1:
            raise ModelError(f"{path}: {name} is {getattr(config, name)}: it must be at least 1")


def _library(spec: str) -> str:
    """The version of `transformers`."""
    install = "install the extra `track` (docs/install.md)"
    try:
        version = importlib.metadata.version("transformers")
    except importlib.metadata.PackageNotFoundError:
        raise ModelError(
            f"the tracker {spec} needs transformers: {install}, or take --tracker builtin"
        ) from None
    if tuple(int(part) for part in version.split(".")[:2]) < TRANSFORMERS:
        least = ".".join(map(str, TRANSFORMERS))
        raise ModelError(
            f"the tracker {spec} needs transformers {least} or later, {version} is here: {install}"
        )
    return version


def _check_kind(config: Path) -> None:
    """Check that a folder says that it holds SAM 2 for video.

    Raises:
        ModelError: it does not.
    """
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError, RecursionError) as error:
        raise ModelError(f"{config} cannot be read ({error_line(error)}): fetch or copy it again") from error
    if kind != MODEL_TYPE:
        raise ModelError(f"{config}: model_type is {json.dumps(kind)}: a tracker needs {MODEL_TYPE}")

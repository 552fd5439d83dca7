"""Key masks: masks of an instance at some frames of the shot, which are followed through the others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from maggie_api.errors import GuidanceError
from maggie_api.sequences import compact_frames, frame_of_file, has_token
from maggie_core.guidance.files import UnreadableMaskError
from maggie_core.guidance.masks import MaskSequence
from maggie_core.guidance.source import GuidanceSource, Mask


class KeyMasks:
    """One instance's masks at the frames there are files for: its keys.

    A frame that is no key has no mask of its own here (`maggie_core.propagation` makes one). An empty mask
    says that the instance is not in the frame.

    Args:
        name: of the instance.
        pattern: a sequence of any frames, or one file whose name ends in the frame's number.
        shot_frames: the shot's frames; keys at other frames are left out.
        channel: the channel that is the mask; None finds it.
        offset: what is added to a frame of the shot to give its file's number.
        pass_over: a file that cannot be read is no key; `notes` says so. All files are read for that.

    Raises:
        GuidanceError: there is no such file, or none of a frame of the shot, or (with `pass_over`) none that
            can be read.
    """

    def __init__(
        self,
        name: str,
        pattern: str | Path,
        shot_frames: Sequence[int],
        *,
        channel: str | None = None,
        offset: int = 0,
        pass_over: bool = False,
    ) -> None:
        self._masks, self._offset = MaskSequence(name, pattern, channel=channel), offset
        shot, stored = set(shot_frames), tuple(number - offset for number in self._masks.stored)
        self.keys = tuple(frame for frame in stored if frame in shot)
        """Frames with a mask, ascending."""
        if not self.keys and not has_token(pattern) and frame_of_file(pattern) is None:
            file = Path(pattern)
            raise GuidanceError(
                f"{file.name} has no frame number, so the key mask of {name} is of no frame: name it as "
                f"{file.stem}.{shot_frames[0]}{file.suffix}, with the number of its frame"
            )
        if not self.keys:
            raise GuidanceError(
                f"the key masks of {name} have frames {compact_frames(stored)} and the shot "
                f"{compact_frames(tuple(shot_frames))}: number their files as the plate's"
            )
        outside = compact_frames(frame for frame in stored if frame not in shot)
        text = f"key masks of {name} at frames {outside} lie outside the shot and are not used"
        self._outside = (text,) if outside else ()
        self._passed_over: tuple[str, ...] = ()
        if pass_over:
            self._pass_over()

    def _pass_over(self) -> None:
        bad: dict[int, GuidanceError] = {}
        for frame in self.keys:
            try:
                self.read(frame)
            except UnreadableMaskError as error:
                bad[frame] = error
        if len(bad) == len(self.keys):
            raise bad[self.keys[0]]
        self.keys = tuple(frame for frame in self.keys if frame not in bad)
        if bad:
            self._passed_over = (
                f"key masks of {self.names[0]} at frames {compact_frames(bad)} cannot be read and are passed "
                "over: repair their files",
            )

    @property
    def names(self) -> tuple[str, ...]:
        return self._masks.names

    @property
    def notes(self) -> tuple[str, ...]:
        return (*self._outside, *self._passed_over, *self._masks.notes)

    @property
    def frames(self) -> None:
        """None: a mask can be had for every frame."""

    def read(self, frame: int) -> list[Mask]:
        return self._masks.read(frame + self._offset) if frame in self.keys else []

    def digest(self, frame: int) -> str:
        return self._masks.digest(frame + self._offset) if frame in self.keys else "no key"


def common_keys(sources: Iterable[GuidanceSource]) -> list[int]:
    """Frames, ascending, at which everybody who has keys has one."""
    keys = [set(source.keys) for source in sources if isinstance(source, KeyMasks)]
    return sorted(set.intersection(*keys)) if keys else []


def key_intervals(sources: Sequence[GuidanceSource], shot_frames: Sequence[int]) -> list[tuple[int, ...]]:
    """The frames before, between and behind the common keys; none without keys.

    The masks of an interval are made without those of the others.
    """
    if not any(isinstance(source, KeyMasks) for source in sources):
        return []
    cuts = common_keys(sources)
    bounds = zip([None, *cuts], [*cuts, None], strict=True)
    found = (
        tuple(t for t in shot_frames if (low is None or t > low) and (high is None or t < high))
        for low, high in bounds
    )
    return [frames for frames in found if frames]

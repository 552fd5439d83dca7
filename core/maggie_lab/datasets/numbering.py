"""Files of a clip in the order of their frame numbers, and pairs of files by the same number.

Names are never compared as text: `2.png` comes before `10.png`, and `1.png` belongs to `0001_alpha.png`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from maggie_api.errors import FrameError
from maggie_api.sequences import compact_frames, numbered_stem

LONGEST_RANGE = 60
"""Characters of a range in an error, which is one line."""


def by_frame(named: Mapping[str, Path]) -> dict[int, Path] | None:
    """The files of one numbered sequence by frame, ascending; None where they are none.

    They are one when every name ends with a number and all have the same text before it. Padding is free.

    Args:
        named: files (or folders) by the name to look at, without suffix.

    Raises:
        FrameError: two of the files have the same number.
    """
    found: dict[int, Path] = {}
    heads = set()
    for stem, path in named.items():
        numbered = numbered_stem(stem)
        if numbered is None:
            return None
        head, frame = numbered
        heads.add(head)
        if len(heads) > 1:
            return None
        if frame in found:
            raise FrameError(f"{found[frame]} and {path.name} are both frame {frame}: keep one of them")
        found[frame] = path
    return dict(sorted(found.items())) or None


def check_paired(
    frames: Collection[int], partners: Collection[int], *, of: Path, where: Path, what: str, needs: str
) -> None:
    """Refuse partners that are not those of the frames.

    Args:
        frames: numbers of the images.
        partners: numbers of what belongs to them.
        of: the folder of the images.
        where: the folder of the partners.
        what: what the partners are called, such as "mattes".
        needs: what to do, such as "each image needs the matte of its own frame number".

    Raises:
        FrameError: a frame has no partner, or a partner no frame.
    """
    if set(frames) == set(partners):
        return
    there = "" if where == of else f" in {where}"
    raise FrameError(
        f"{of} has {len(frames)} images and {len(partners)} {what}{there}, of frames {_range(frames)} and "
        f"{_range(partners)}: {needs}"
    )


def _range(frames: Iterable[int]) -> str:
    told = compact_frames(frames)
    return told if len(told) <= LONGEST_RANGE else f"{told[:LONGEST_RANGE]}..."

"""How sequences and frame ranges are written: `plate.####.exr`, `plate.%04d.exr`, `1001-1100x2,1200`.

The grammar is fileseq's, with one `#` (or `@`) for each digit, as Nuke and RV count them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from fileseq.constants import PAD_STYLE_HASH1
from fileseq.exceptions import FileSeqException, MaxSizeException
from fileseq.filesequence import FileSequence
from fileseq.frameset import FrameSet

from maggie_core.errors import SettingsError

_TOKEN = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
_NUMBER_AT_END = re.compile(r"(?:\.(-?\d+)|_(\d{3,6}))$")


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames a range text names, ascending, each once.

    Args:
        text: fileseq grammar: `1001-1100`, `1001-1100x2`, `1,5,9-12`; negative numbers too.

    Raises:
        SettingsError: not a range of whole frames, or an empty one.
    """
    try:
        frames = sorted(set(FrameSet(text.strip()))) if text.strip() else []
    except (FileSeqException, MaxSizeException, ValueError, TypeError):
        frames = []
    if not frames or any(frame != int(frame) for frame in frames):
        raise SettingsError(
            f"'{text}' is no frame range: write it like 1001-1100, 1001-1100x2 or 1001,1005-1009"
        )
    return tuple(int(frame) for frame in frames)


def compact_frames(frames: Iterable[int]) -> str:
    """Frames as a person writes them: `1001-1005,1009`."""
    return FrameSet.framesToFrameRange(sorted(set(frames)))


@dataclass(frozen=True)
class SequencePattern:
    """A sequence's name, taken apart around its frame number."""

    folder: Path
    prefix: str
    suffix: str
    width: int
    """Digits the number is padded to; 1 means as many as it needs."""
    frames: tuple[int, ...] | None = None
    """The range written into the name (`a.1001-1010#.exr`), if any."""

    def path(self, frame: int) -> Path:
        """Name of one frame; a minus sign counts as a digit of the padding, as in C."""
        return self.folder / f"{self.prefix}{frame:0{self.width}d}{self.suffix}"

    def on_disk(self) -> dict[int, Path]:
        """The files that exist, by frame. Where two paddings give the same frame, the asked one wins.

        Raises:
            OSError: the folder cannot be listed.
        """
        name = re.compile(re.escape(self.prefix) + r"(-?\d+)" + re.escape(self.suffix))
        found: dict[int, Path] = {}
        with os.scandir(self.folder or ".") as entries:
            for entry in entries:
                match = name.fullmatch(entry.name)
                if match is None or not self._is_padded(match[1]):
                    continue
                frame, path = int(match[1]), self.folder / entry.name
                if frame not in found or path == self.path(frame):
                    found[frame] = path
        return dict(sorted(found.items()))

    def _is_padded(self, digits: str) -> bool:
        if self.width == 1 or digits.startswith("-"):
            return True  # a lone token takes any padding; for negative numbers programs disagree
        return len(digits) == self.width or (len(digits) > self.width and not digits.startswith("0"))


def parse_pattern(pattern: str | Path) -> SequencePattern | None:
    """Take a sequence's name apart; None when it has no frame token and so names one file.

    Raises:
        SettingsError: more than one frame token.
    """
    folder, name = Path(pattern).parent, Path(pattern).name
    tokens = _TOKEN.findall(name)
    if not tokens:
        return None
    if len(tokens) > 1:
        raise SettingsError(
            f"{pattern} has {len(tokens)} frame tokens: one is needed, such as plate.####.exr"
        )
    try:
        parsed = FileSequence(name, pad_style=PAD_STYLE_HASH1)
        prefix, suffix, text = parsed.basename(), parsed.extension(), parsed.frameRange()
    except FileSeqException:
        # fileseq takes a dash before the token for the end of a range; to artists it is part of the name.
        prefix, suffix = name.split(tokens[0])
        text = ""
    return SequencePattern(folder, prefix, suffix, _width(tokens[0]), parse_frames(text) if text else None)


def _width(token: str) -> int:
    if token[0] in "#@":
        return len(token)
    digits = re.sub(r"\D", "", token)
    return max(1, int(digits or 1))


def frame_of_file(path: str | Path) -> int | None:
    """The frame number in one file's name (`plate.1001.exr`, `plate_0007.png`), or None.

    After an underscore three to six digits count: `portrait_3` and `coco_000000142238` carry names, not
    frames.
    """
    match = _NUMBER_AT_END.search(Path(path).stem)
    return int(match[1] or match[2]) if match else None


def expand_output(pattern: str | Path, frame: int, *, single: bool = False) -> Path:
    """The file to write for one frame: `out.####.exr` gives `out.1001.exr`.

    Args:
        pattern: a name with one frame token.
        frame: the source's frame number.
        single: the job has one frame, so a name without a token is that frame's.

    Raises:
        SettingsError: the output is a folder, or several frames would get one name.
    """
    if str(pattern).endswith(("/", os.sep)) or Path(pattern).is_dir():
        example = Path(pattern) / "matte.####.exr"
        raise SettingsError(f"output {pattern} is a folder: name the files in it, such as {example}")
    parsed = parse_pattern(pattern)
    if parsed is not None:
        return parsed.path(frame)
    if single:
        return Path(pattern)
    path = Path(pattern)
    example = path.with_name(f"{path.stem}.####{path.suffix}")
    raise SettingsError(
        f"output {pattern} names one file: several frames need a frame token, such as {example}"
    )

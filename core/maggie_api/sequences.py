"""How sequences and frame ranges are written: `plate.####.exr`, `plate.%04d.exr`, `1001-1100x2,1200`.

One `#` (or `@`) stands for one digit, as in Nuke and RV; `%04d` and `$F4` are read too. A lone `#` or `@`
beside another token is a letter of the name (`SC#01_####.exr`). Ranges follow the grammar of fileseq:
`1-10x2` every second frame, `1-10y2` the others, `1-10:2` the same frames as `1-10x2`. In a name a range
stands before the token and after a dot, or begins the name: in `cam1-3####.exr` the digits are the camera's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from .errors import FrameError, SettingsError

MOVIE_SUFFIXES = frozenset(
    (
        *(".mov", ".mp4", ".m4v", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".mxf", ".wmv", ".asf", ".flv"),
        *(".mpg", ".mpeg", ".m2v", ".mts", ".m2ts", ".ts", ".ogv", ".y4m"),
    )
)
"""Endings of files that hold a movie, lower case."""
MAX_FRAMES = 1_000_000
"""Most frames that a range may name, eleven hours of film; more is a slip of the pen."""
MAX_GAP = 100_000
"""Most frames that may be missing between two files, over an hour of film; what lies further off is a stray
file, such as one that ends in a date."""
MAX_DIGITS = 255
"""Most digits a frame number is padded to: no file's name is longer."""
TOKEN = re.compile(r"#+|@+|%0?\d*d|\$F\d*")
"""Where a sequence's name has its frame number."""
_NUMBER = r"-?\d{1,15}"  # so many digits survive the floating-point numbers of other programs' JSON
_RANGE = re.compile(rf"({_NUMBER})(?:-({_NUMBER})(?:([xy:])(\d{{1,15}}))?)?")
_RANGE_IN_NAME = re.compile(
    rf"(?:^|(?<=\.))(?:{_NUMBER}-{_NUMBER}(?:[xy:]\d+)?|{_NUMBER}(?=,))"
    rf"(?:,{_NUMBER}(?:-{_NUMBER}(?:[xy:]\d+)?)?)*$"
)
_NUMBER_AT_END = re.compile(r"(?:\.(-?\d+)|_(\d{3,6}))$")
_NUMBERED_FILE = re.compile(r"(?<!\d)\d{4,6}$")
_LAST_NUMBER = re.compile(r"^(.*?)(\d+)(\D*)$")
_NUMBERED_STEM = re.compile(r"(?P<head>(?:.*\.)?)(?P<negative>-\d+)|(?P<name>.*?)(?P<number>\d+)")

Pathlike = Union[str, Path]


def is_movie(path: Pathlike) -> bool:
    """Whether a file's name ends as a movie's does."""
    return os.path.splitext(str(path))[1].lower() in MOVIE_SUFFIXES


def parse_frames(text: str) -> tuple[int, ...]:
    """The frames a range text names, ascending, each once.

    Args:
        text: `1001-1100`, `1001-1100x2`, `1,5,9-12`; negative numbers too.

    Raises:
        SettingsError: not a range of whole frames, an empty one, or one of more than `MAX_FRAMES`.
    """
    shown = text if len(text) <= 60 else f"{text[:60]}..."
    frames: set[int] = set()
    for part in text.split(","):
        found = _RANGE.fullmatch(part.strip())
        step = int(found[4] or 1) if found else 0
        if found is None or step == 0:
            raise SettingsError(
                f"'{shown}' is no frame range: write it like 1001-1100, 1001-1100x2 or 1001,1005-1009"
            )
        first, last = int(found[1]), int(found[2] or found[1])
        if abs(last - first) >= MAX_FRAMES or len(frames) > MAX_FRAMES:
            raise SettingsError(f"'{shown}' names more than {MAX_FRAMES} frames: write a shorter range")
        whole = range(first, last + 1) if first <= last else range(first, last - 1, -1)
        chosen = set(whole[::step])
        frames |= set(whole) - chosen if found[3] == "y" else chosen
    if not frames:
        raise SettingsError(f"'{shown}' names no frame: every step of y1 is left out")
    return tuple(sorted(frames))


def compact_frames(frames: Iterable[int]) -> str:
    """Frames as a job has them and as a person writes them: `1001-1005,1009`, `1001-1009x2`."""
    left, parts = sorted(set(frames)), []
    while left:
        step = left[1] - left[0] if len(left) > 1 else 1
        count = 1
        while count < len(left) and left[count] - left[count - 1] == step:
            count += 1
        if count == 2 and step > 1:  # two frames are no rhythm
            count = 1
        first, last = left[0], left[count - 1]
        parts.append(f"{first}" if count == 1 else f"{first}-{last}" + (f"x{step}" if step > 1 else ""))
        del left[:count]
    return ",".join(parts)


def expected_frames(frames: Sequence[int], *, name: str = "the sequence") -> range:
    """The frames of the shot whose files these are, those of gaps too; in steps where every step is the same.

    Segments are counted in these.

    Args:
        frames: numbers of the files, ascending, at least one.
        name: of the sequence, for the message.

    Raises:
        FrameError: more than `MAX_GAP` frames are missing in one gap.
    """
    steps = [after - before for before, after in zip(frames, frames[1:])]
    if len(set(steps)) > 1 and max(steps) > MAX_GAP:
        raise FrameError(
            f"{name} has the frames {_some(frames)}, with a gap of {max(steps) - 1} frames: if a stray file "
            "is among them, say which frames the shot has, such as --shot-frames "
            f"{_some(_largest_group(frames))}"
        )
    return range(frames[0], frames[-1] + 1, steps[0] if len(set(steps)) == 1 else 1)


def _largest_group(frames: Sequence[int]) -> Sequence[int]:
    """Those of the frames that lie together: most of them, and no gap above `MAX_GAP`."""
    ends = [i for i in range(1, len(frames)) if frames[i] - frames[i - 1] > MAX_GAP]
    groups = [frames[i:j] for i, j in zip([0, *ends], [*ends, len(frames)])]
    return max(groups, key=len)


def _some(frames: Sequence[int]) -> str:
    shown = compact_frames(frames)
    return shown if len(shown) <= 80 else f"{frames[0]}-{frames[-1]}"


def frame_runs(frames: Iterable[int]) -> list[tuple[int, int]]:
    """Frames as (first, last) of each unbroken run, ascending."""
    found: list[tuple[int, int]] = []
    for frame in sorted(set(frames)):
        if found and frame == found[-1][1] + 1:
            found[-1] = (found[-1][0], frame)
        else:
            found.append((frame, frame))
    return found


@dataclass(frozen=True)
class SequencePattern:
    """A sequence's name, taken apart around its frame number."""

    folder: Path
    prefix: str
    suffix: str
    width: int
    """Digits the number is padded to; 1 means as many as it needs."""
    frames: Optional[tuple[int, ...]] = None
    """The range written into the name (`a.1001-1010#.exr`), if any."""

    def path(self, frame: int) -> Path:
        """Name of one frame; a minus sign counts as a digit of the padding, as in C."""
        return self.folder / f"{self.prefix}{frame:0{self.width}d}{self.suffix}"

    def on_disk(self) -> dict[int, Path]:
        """The files that exist, by frame, ascending. Of two paddings of one frame, the asked one wins.

        Raises:
            OSError: the folder cannot be listed.
        """
        name = re.compile(re.escape(self.prefix) + rf"({_NUMBER})" + re.escape(self.suffix))
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

    def matches(self, name: str) -> bool:
        """Whether a file's name could be one of the sequence, whatever its frame."""
        return name.startswith(self.prefix) and name.endswith(self.suffix)

    def _is_padded(self, digits: str) -> bool:
        if self.width == 1 or digits.startswith("-"):
            return True  # a lone token takes any padding; for negative numbers programs disagree
        return len(digits) == self.width or (len(digits) > self.width and not digits.startswith("0"))


def parse_pattern(pattern: Pathlike) -> Optional[SequencePattern]:
    """Take a sequence's name apart; None when it has no frame token and so names one file.

    Raises:
        SettingsError: several names for the frame number, or one padded to more than `MAX_DIGITS`.
    """
    folder, name = Path(pattern).parent, Path(pattern).name
    token = _token(name)
    if token is None:
        return None
    prefix, suffix = name[: token.start()], name[token.end() :]
    written = _RANGE_IN_NAME.search(prefix)
    frames = None
    if written is not None:
        prefix, frames = prefix[: written.start()], parse_frames(written[0])
    return SequencePattern(folder, prefix, suffix, _width(token[0], name), frames)


def has_token(path: Pathlike) -> bool:
    """Whether a name has a place for a frame number."""
    return TOKEN.search(os.path.basename(str(path))) is not None


def _token(name: str) -> Optional[re.Match[str]]:
    """Where a file's name has its frame number: at its one token, else at the last lone `#` or `@`.

    Raises:
        SettingsError: several tokens that are not one `#` or `@` alone.
    """
    found = list(TOKEN.finditer(name))
    sure = [token for token in found if token[0] not in ("#", "@")]
    if len(sure) > 1:
        raise SettingsError(f"{name} has {len(sure)} frame tokens: one is needed, such as plate.####.exr")
    return (sure or found or [None])[-1]


def frame_of_file(path: Pathlike) -> Optional[int]:
    """The frame number in one file's name (`plate.1001.exr`, `plate_0007.png`), or None.

    After an underscore three to six digits count: `portrait_3` and `coco_000000142238` carry names, not
    frames.
    """
    match = _NUMBER_AT_END.search(Path(path).stem)
    return int(match[1] or match[2]) if match else None


def as_sequence(path: str) -> tuple[str, Optional[int]]:
    """`plate.1001.exr` as `plate.####.exr` and 1001.

    As in Blender, the last number of the name counts. A name without a number, or with a token, stays as it
    is, and the number is None.
    """
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    found = _LAST_NUMBER.match(stem)
    token = _token(name)
    if found is None or (token is not None and (len(token[0]) > 1 or stem.endswith(token[0]))):
        return path, None
    return os.path.join(folder, found[1] + "#" * len(found[2]) + found[3] + suffix), int(found[2])


def sequence_of_file(path: str) -> str:
    """The sequence that a chosen file may belong to (`plate.####.exr`); a still's name stays as it is.

    The number at the end of a name counts frames where `frame_of_file` finds it, and where it has four to six
    digits (`render0001`, `0001`), as Blender and cameras write them. Other digits belong to the name:
    `plate_4k`, `hero_v2`, `shot010`.
    """
    is_numbered = frame_of_file(path) is not None or _NUMBERED_FILE.search(Path(path).stem) is not None
    return as_sequence(path)[0] if is_numbered else path


def numbered_stem(stem: str) -> Optional[tuple[str, int]]:
    """Take apart the name, without suffix, of one frame: `walk.0012` is ("walk.", 12), `0012` is ("", 12).

    The number at the end counts, however it is padded; None where the name ends with none. A minus belongs to
    the number at the beginning and after a dot (`plate.-005`), not in `take-12`.
    """
    found = _NUMBERED_STEM.fullmatch(stem)
    if found is None:
        return None
    if found["negative"]:
        return found["head"], int(found["negative"])
    return found["name"], int(found["number"])


def matte_path(output: Pathlike, frame: int) -> Path:
    """The file of a frame: `matte.####.exr` and `matte.%04d.exr` give `matte.1001.exr`.

    A name without a token is that of every frame.
    """
    pattern = parse_pattern(output)
    return Path(output) if pattern is None else pattern.path(frame)


def missing_mattes(output: Pathlike, frames: Iterable[int]) -> list[int]:
    """Those of the frames whose matte is not on disk; files that exist are whole."""
    return [frame for frame in frames if not matte_path(output, frame).is_file()]


def expand_output(pattern: Pathlike, frame: int, *, single: bool = False) -> Path:
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


def _width(token: str, name: str) -> int:
    digits = re.sub(r"\D", "", token).lstrip("0")
    width = len(token) if token[0] in "#@" else int(digits[:4] or 1)
    if width > MAX_DIGITS:
        raise SettingsError(
            f"{name} pads the frame number to more than {MAX_DIGITS} digits: write a shorter token, "
            "such as ####"
        )
    return max(1, width)

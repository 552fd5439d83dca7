"""Whether a movie that a job delivered is whole, and made in one piece."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PIL import Image

from maggie_api.errors import FrameError, SettingsError
from maggie_api.sequences import compact_frames, parse_frames
from maggie_core.io.movie_writer import ALPHA_SUFFIXES, OPAQUE_SUFFIXES
from maggie_core.io.video import MovieSource
from maggie_core.mattes.provenance import picture_record
from maggie_core.qc.verify_pictures import other_size

MOVIE_SUFFIXES = (*ALPHA_SUFFIXES, *OPAQUE_SUFFIXES)


def movies_in(folder: Path) -> tuple[Path, ...]:
    """The movies in a folder that a job wrote.

    Raises:
        OSError: the folder cannot be listed.
    """
    return tuple(
        file
        for file in sorted(folder.iterdir())
        if file.suffix.lower() in MOVIE_SUFFIXES and not file.name.startswith(".") and picture_record(file)
    )


def verify_movie(
    path: Path, *, frames: str | None = None, tell: Callable[[int], None] = lambda frame: None
) -> tuple[int, tuple[str, ...]]:
    """Decode every picture of a movie.

    Args:
        frames: those that should be in it; None takes what its header says.
        tell: gets each picture's number when it is done.

    Returns:
        How many pictures it has, and every fault with what to do.

    Raises:
        FrameError: it is not there.
    """
    if not path.is_file():
        raise FrameError(f"{path} does not exist: check the path of the movie")
    said = picture_record(path)
    if not said:
        return 0, ("not written by maggie-node, or damaged: run the job again",)
    faults: list[str] = []
    try:
        wanted = parse_frames(str(said["frames"]))
    except (KeyError, SettingsError):
        wanted = ()
        faults.append("its header does not say which frames it has: run the job again")
    if frames is not None and parse_frames(frames) != wanted:
        faults.append(f"it has the frames {compact_frames(wanted)}: run the job with --frames {frames}")
    if "recipe" not in said:
        faults.append("its header does not say how it was made: run the job again")
    try:
        count, sizes = _pictures(path, tell)
    except _BrokenError as error:
        return error.count, (*faults, f"only {error.count} pictures can be decoded: run the job again")
    faults += [text for size in sorted(sizes) if (text := other_size(said, *size))]
    if count != len(wanted):
        faults.append(f"it has {count} pictures for {len(wanted)} frames: run the job again")
    return count, tuple(faults)


class _BrokenError(Exception):
    """A movie that cannot be decoded to its end, and how many pictures can be."""

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self.count = count


def _pictures(path: Path, tell: Callable[[int], None]) -> tuple[int, set[tuple[int, int]]]:
    """How many pictures a movie has, and their widths and heights.

    Raises:
        _BrokenError: one cannot be decoded.
    """
    done = 0
    if path.suffix.lower() == ".gif":
        try:
            with Image.open(path) as image:
                count: int = getattr(image, "n_frames", 1)
                for place in range(count):
                    image.seek(place)
                    image.load()
                    done = place + 1
                    tell(done)
                size = image.size
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise _BrokenError(done) from error
        return count, {size}
    sizes = set[tuple[int, int]]()
    try:
        movie = MovieSource(path)
        for frame in movie.frames:
            window = movie.read(frame).data
            sizes.add((window.width, window.height))
            done = frame
            tell(done)
    except FrameError as error:
        raise _BrokenError(done) from error
    return len(movie.frames), sizes

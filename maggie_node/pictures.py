"""Movies, PNG, TIFF and previews, made from mattes that are on disk."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from maggie_api.errors import FrameError, InputError, MaggieError, OutputError, SettingsError
from maggie_api.events import Event, PictureDone, PictureFailed
from maggie_api.job import MatteJob
from maggie_api.sequences import compact_frames, expand_output, has_token, parse_pattern
from maggie_api.settings import PictureFile
from maggie_core.color import ColorSettings, PlateView
from maggie_core.guidance.instances import Instance
from maggie_core.image.window import Window, reframe
from maggie_core.io.exr import list_parts
from maggie_core.io.frames import FrameSource, open_source
from maggie_core.io.movie_writer import (
    ALPHA_SUFFIXES,
    OPAQUE_SUFFIXES,
    SRGB_TAGS,
    MovieHeader,
    Write,
    is_whole_movie,
    movie_size,
    movie_writer,
)
from maggie_core.io.picture import PICTURE_SUFFIXES, is_whole_picture, write_picture
from maggie_core.io.plate import read_plate
from maggie_core.io.timecode import timecode_text
from maggie_core.mattes import explain, read_mattes, recipe_digest
from maggie_core.mattes.layout import sibling
from maggie_core.mattes.picture import matte_picture, own_colour
from maggie_core.mattes.provenance import picture_record, stored_files
from maggie_core.mattes.read import read_foreground
from maggie_core.qc import MatteFiles
from maggie_node import __version__
from maggie_node.output_paths import check_outputs
from maggie_node.preview import PreviewFrame, preview_picture

DEFAULT_FPS = 24
"""Frames per second where neither the plate nor the job says any: cinema's."""
WRITABLE = (
    "mattes are EXR, as in matte.####.exr; pictures are movies with alpha, x.mov (ProRes 4444) and x.webm "
    "(VP9), or files of 16 bits, x.####.png and x.####.tif; something to look at is --preview x.mp4, "
    "x.gif or x.####.png"
)
PREVIEW_SUFFIXES = (*OPAQUE_SUFFIXES, *PICTURE_SUFFIXES)
_CARRIED = ("model", "weights_sha256", "licence", "plate", "settings")
"""What pictures tell of how their mattes were made."""


@dataclass(frozen=True)
class Picture:
    """One movie, or one sequence of pictures."""

    path: str
    person: Instance | None
    """The person in it; None = a preview, which shows everybody."""

    @property
    def is_movie(self) -> bool:
        return Path(self.path).suffix.lower() not in PICTURE_SUFFIXES

    def file(self, frame: int, *, single: bool = False) -> Path:
        """The file that holds a frame."""
        return Path(self.path) if self.is_movie else expand_output(self.path, frame, single=single)


def check_names(job: MatteJob) -> None:
    """Check that every output of a job is of a kind that can be written.

    Raises:
        SettingsError: one is not; the sentence lists what can be.
    """
    if job.output.strip() and not job.output.endswith(("/", "\\")) and _suffix(job.output) != ".exr":
        raise SettingsError(f"output {job.output} cannot be written: {WRITABLE}")
    for picture in job.pictures:
        if _suffix(picture.path) not in (*ALPHA_SUFFIXES, *PICTURE_SUFFIXES):
            raise SettingsError(f"output {picture.path} cannot be written: {WRITABLE}")
    if job.preview is not None and _suffix(job.preview) not in PREVIEW_SUFFIXES:
        raise SettingsError(f"preview {job.preview} cannot be written: {WRITABLE}")


def pictures_of(job: MatteJob, instances: Sequence[Instance]) -> tuple[Picture, ...]:
    """The movies and sequences that a job asks for.

    Raises:
        SettingsError: one is of a person that the guidance does not have.
    """
    found: list[Picture] = []
    for asked in job.pictures:
        chosen = [each for each in instances if asked.instance in (None, each.name)]
        if not chosen:
            names = ", ".join(each.name for each in instances)
            raise SettingsError(
                f"output {asked.instance}={asked.path}: nobody has that name, there is {names}"
            )
        alone = asked.instance is not None or len(chosen) == 1
        found += [
            Picture(asked.path if alone else _of_person(asked.path, each.slug), each) for each in chosen
        ]
    if job.preview is not None:
        found.append(Picture(job.preview, None))
    return tuple(found)


def frame_rate(plate: FrameSource, fps: float | None) -> Fraction | None:
    """Frames per second of movies: those asked for, else the plate's; None where neither says any.

    A rate such as 23.976 is that of television, 24000/1001.
    """
    if fps is None:
        return plate.rate
    television = Fraction(round(fps) * 1000, 1001)
    if round(fps) and abs(fps - television) < 0.005:
        return television
    return Fraction(fps).limit_denominator(1001)


class PictureMaker:
    """Makes the pictures of one job.

    Args:
        mattes: path of each frame's EXR.
        recipes: what each frame's matte is made by, of the frames that are to be in the pictures.
        single: the shot has one frame, so that names need no frame number.
    """

    def __init__(
        self,
        pictures: Sequence[Picture],
        *,
        mattes: Callable[[int], Path],
        plate: FrameSource,
        layer: str | None,
        view: PlateView,
        look: PictureFile,
        single: bool = False,
    ) -> None:
        self._pictures, self._mattes, self._single = tuple(pictures), mattes, single
        self._plate, self._layer, self._view, self._look = plate, layer, view, look
        self._windows: dict[str, Window] = {}
        self._plates: dict[int, str] = {}
        """Digests of the plate's frames that the pictures show."""

    def there(self, recipes: Mapping[int, str]) -> set[int]:
        """Frames that are in every picture already, as they would be made now.

        Args:
            recipes: what every frame's matte is made by.
        """
        frames = set(recipes)
        self._plates.clear()
        for picture in self._pictures:
            frames -= set(self._missing(picture, recipes))
        return frames

    def make(
        self,
        recipes: Mapping[int, str],
        *,
        failed: Collection[int] = (),
        resume: bool = True,
        emit: Callable[[Event], None],
        checkpoint: Callable[[str, int, int], None] = lambda what, done, total: None,
    ) -> int:
        """Make every picture that is not there, in one walk through the frames.

        Args:
            recipes: what the matte of each frame is made by.
            failed: frames that have no matte. A movie with one of them is not made.
            resume: keep what was made by the same recipe.
            emit: receives a `PictureDone` or a `PictureFailed` for each.
            checkpoint: called before each frame with what is made, the frames done and their number.

        Returns:
            How many failed.
        """
        wanted: dict[Picture, set[int]] = {}
        bad = 0
        self._plates.clear()
        for picture in self._pictures:
            missing = set(self._missing(picture, recipes) if resume else recipes)
            if failed:
                bad += 1
                what = "it is not written" if picture.is_movie else "they are not in it"
                emit(PictureFailed(picture.path, f"frames {compact_frames(failed)} have no matte: {what}"))
                if picture.is_movie:
                    continue
                for frame in failed:  # of an earlier run, by another recipe
                    picture.file(frame, single=self._single).unlink(missing_ok=True)
            if not missing and not failed:
                emit(PictureDone(picture.path, 0))
            elif missing:
                wanted[picture] = missing
        return bad + self._write(wanted, recipes, failed, emit, checkpoint)

    def _write(
        self,
        wanted: Mapping[Picture, set[int]],
        recipes: Mapping[int, str],
        failed: Collection[int],
        emit: Callable[[Event], None],
        checkpoint: Callable[[str, int, int], None],
    ) -> int:
        frames = sorted(set().union(*wanted.values())) if wanted else []
        names = ", ".join(Path(picture.path).name for picture in wanted)
        bad = 0
        with ExitStack() as unfinished:
            writers = {picture: _Writer(self, picture, recipes) for picture in wanted}
            for writer in writers.values():
                unfinished.callback(writer.abandon)

            def give_up(picture: Picture, error: MaggieError) -> None:
                nonlocal bad
                bad += 1
                writers.pop(picture).abandon()
                emit(PictureFailed(picture.path, str(error)))

            for done, frame in enumerate(frames):
                if not writers:
                    break
                checkpoint(names, done, len(frames))
                try:
                    sight = self._sight(frame)
                except MaggieError as error:
                    for picture in [each for each in writers if frame in wanted[each]]:
                        give_up(picture, error)
                    continue
                for picture, writer in list(writers.items()):
                    if frame in wanted[picture]:
                        try:
                            writer.write(frame, sight)
                        except MaggieError as error:
                            give_up(picture, error)
            for picture, writer in list(writers.items()):
                try:
                    writer.finish()
                except MaggieError as error:
                    give_up(picture, error)
                    continue
                if not failed:
                    emit(PictureDone(picture.path, len(wanted[picture])))
        return bad

    def _missing(self, picture: Picture, recipes: Mapping[int, str]) -> Iterable[int]:
        """Frames of a picture that are not there as they would be made now; of a movie all or none."""
        if picture.is_movie:
            there = _recipe_in(picture.path) if Path(picture.path).is_file() else ""
            same = there == self._recipe(picture, recipes) and is_whole_movie(picture.path, len(recipes))
            return () if same else tuple(recipes)
        return [frame for frame, recipe in recipes.items() if not self._is_there(picture, frame, recipe)]

    def _is_there(self, picture: Picture, frame: int, recipe: str) -> bool:
        path = picture.file(frame, single=self._single)
        if not path.is_file() or _recipe_in(path) != self._recipe(picture, {frame: recipe}):
            return False
        return is_whole_picture(path)

    def _recipe(self, picture: Picture, recipes: Mapping[int, str]) -> str:
        return recipe_digest(
            {
                "version": __version__,
                "mattes": {str(frame): recipes[frame] for frame in sorted(recipes)},
                "plates": {str(frame): self._plate_digest(frame) for frame in sorted(recipes)},
                "person": picture.person.name if picture.person else None,
                "kind": _suffix(picture.path),
                "rgb": self._look.rgb if picture.person else None,
                "rate": str(self.rate) if picture.is_movie else None,
            }
        )

    def _plate_digest(self, frame: int) -> str:
        """Digest of a frame of the plate as it was when the pictures were begun."""
        if frame not in self._plates:
            self._plates[frame] = self._plate_now(frame)
        return self._plates[frame]

    def _plate_now(self, frame: int) -> str:
        try:
            return self._plate.digest(frame)
        except (InputError, OSError):  # to read it says why
            return "unreadable"

    @cached_property
    def rate(self) -> Fraction:
        return frame_rate(self._plate, self._look.fps) or Fraction(DEFAULT_FPS)

    def comment(
        self,
        picture: Picture,
        recipes: Mapping[int, str],
        provenance: Mapping[str, Any],
        *,
        size: tuple[int, int],
    ) -> str:
        """How a picture was made, as JSON for its header.

        Args:
            size: width and height in the file.
        """
        said: dict[str, Any] = {"version": __version__, "recipe": self._recipe(picture, recipes)}
        said["size"] = size
        carried = _CARRIED if picture.is_movie else (*_CARRIED, "inputs")
        said |= {key: provenance[key] for key in carried if key in provenance}
        said["frames"] = compact_frames(recipes)
        if not picture.is_movie and has_token(picture.path):
            said["frame"] = next(iter(recipes))
        if picture.person:
            said |= {"instance": picture.person.name, "rgb": self._look.rgb}
        return json.dumps({"maggie": said}, ensure_ascii=True, separators=(",", ":"))

    def _sight(self, frame: int) -> _Sight:
        path = self._mattes(frame)
        alphas, header = read_mattes(path)
        display = list_parts(stored_files(path)[0])[0].display
        before = self._plate_digest(frame)
        plate = read_plate(self._plate, frame, layer=self._layer)
        if self._plate_now(frame) != before:
            raise FrameError(
                f"frame {frame} of the plate changed while pictures were made: run the job again"
            )
        pixels = reframe(plate.pixels, plate.data, display)
        shown = self._view.to_display(pixels, code_max=plate.code_max)
        timecode = plate.metadata.get("smpte:TimeCode")
        foreground = read_foreground(path)
        return _Sight(
            frame,
            shown,
            alphas,
            {
                name: own_colour(shown, alphas[name], colour, self._view)
                for name, colour in foreground.items()
            },
            header,
            plate.pixel_aspect,
            timecode_text(timecode) if timecode else None,
        )

    @property
    def tags(self) -> tuple[int, int]:
        """What a movie says of its colours: what the plate's own movie says, if those are its colours."""
        return (self._plate.tags if self._view.shows_as_stored else None) or SRGB_TAGS

    @property
    def look(self) -> PictureFile:
        return self._look

    @property
    def single(self) -> bool:
        return self._single


@dataclass(frozen=True)
class _Sight:
    """What one frame's pictures are made of; everything over the display window."""

    frame: int
    shown: np.ndarray
    alphas: Mapping[str, np.ndarray]
    own: Mapping[str, np.ndarray]
    """Each person's own colour, sRGB-encoded; empty where the plate's is taken."""
    header: Mapping[str, Any]
    pixel_aspect: float
    timecode: str | None

    def of(self, person: Instance) -> tuple[np.ndarray, np.ndarray]:
        """Colour and alpha of a person."""
        return self.own.get(person.name, self.shown), self.alphas[person.name]

    def preview(self) -> np.ndarray:
        names = [row["name"] for row in self.header.get("instances") or []] or list(self.alphas)
        return preview_picture(
            PreviewFrame(
                f"{self.frame}  {self.timecode}" if self.timecode else str(self.frame),
                self.shown,
                np.stack([self.alphas[name] for name in names]),
                names,
                self.pixel_aspect,
                np.stack([self.own.get(name, self.shown) for name in names]) if self.own else None,
            )
        )


class _Writer:
    """One picture under way: a movie is open from its first frame to its last."""

    def __init__(self, maker: PictureMaker, picture: Picture, recipes: Mapping[int, str]) -> None:
        self._maker, self._picture, self._recipes = maker, picture, recipes
        self._movie = ExitStack()
        self._into: Write | None = None

    def write(self, frame: int, sight: _Sight) -> None:
        """
        Raises:
            OutputError: it cannot be written.
        """
        person, rgb = self._picture.person, self._maker.look.rgb
        if person is None:
            pixels = sight.preview()
        else:
            colour, alpha = sight.of(person)
            pixels = matte_picture(colour, alpha, rgb=rgb)
        size = (pixels.shape[1], pixels.shape[0])
        if self._picture.is_movie:
            if pixels.shape[-1] == 1:
                pixels = np.repeat(pixels, 3, axis=-1)
            self._opened(sight, size)(pixels)
            return
        write_picture(
            self._picture.file(frame, single=self._maker.single),
            pixels,
            comment=self._maker.comment(
                self._picture, {frame: self._recipes[frame]}, sight.header, size=size
            ),
            pixel_aspect=1.0 if person is None else sight.pixel_aspect,
            premultiplied=rgb == "premultiplied",
        )

    def _opened(self, sight: _Sight, size: tuple[int, int]) -> Write:
        if self._into is None:
            aspect = 1.0 if self._picture.person is None else sight.pixel_aspect
            stored = movie_size(self._picture.path, *size, pixel_aspect=aspect)
            header = MovieHeader(
                self._maker.rate,
                aspect,
                sight.timecode,
                self._maker.tags if self._picture.person else SRGB_TAGS,
                self._maker.comment(self._picture, self._recipes, sight.header, size=stored),
            )
            self._into = self._movie.enter_context(movie_writer(self._picture.path, header))
        return self._into

    def finish(self) -> None:
        """Put a movie in its place.

        Raises:
            OutputError: it cannot be written.
        """
        self._movie.close()
        self._into = None

    def abandon(self) -> None:
        """Leave nothing of a movie that is not finished."""
        if self._into is None:
            return
        self._into = None
        with suppress(_Abandoned, MaggieError):
            self._movie.__exit__(_Abandoned, _Abandoned(), None)


class _Abandoned(Exception):  # noqa: N818 - no error: it unwinds what is open
    pass


def explain_picture(path: Path) -> dict[str, Any]:
    """What a movie or picture tells of how it was made.

    Raises:
        FrameError: there is no such file, or this package did not write it.
    """
    said = picture_record(path)
    if not said:
        raise FrameError(f"{path} has no maggie header: explain reads what maggie-node wrote")
    return said


def write_preview(
    mattes: str,
    path: str,
    *,
    plate: str | None = None,
    frames: Sequence[int] | None = None,
    ocio: str | None = None,
    colorspace: str | None = None,
    fps: float | None = None,
    checkpoint: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> int:
    """Write a preview of mattes that are on disk; returns how many frames it has.

    Args:
        mattes: sequence of the EXR files, as it was asked for.
        path: ends in one of `PREVIEW_SUFFIXES`.
        plate, ocio, colorspace: instead of those that the mattes name.
        frames: those to show; None = all that are there.

    Raises:
        InputError: there are no mattes, or their plate is not there.
        OutputError: the preview cannot be written.
    """
    if _suffix(path) not in PREVIEW_SUFFIXES:
        raise SettingsError(f"preview {path} cannot be written: {WRITABLE}")
    given = open_source(plate) if plate else None
    shown = sorted(MatteFiles(mattes, plate=given).expected if frames is None else frames)
    files = {frame: expand_output(mattes, frame, single=len(shown) == 1) for frame in shown}
    recipes = dict(matte_recipes(shown, files.__getitem__))
    if not recipes:
        raise FrameError(f"{mattes} matches no file: check the path and the number of # for the padding")
    said = explain(stored_files(files[next(iter(recipes))])[0])
    settings = said.get("settings") or {}
    source = given or open_source(str(said["plate"]))
    colour = ColorSettings(
        ocio or str(settings.get("ocio", "")).rpartition(" ")[0] or None,
        colorspace or settings.get("colorspace"),
        highlights=settings.get("highlights", "compress"),
    )
    picture, single = Picture(path, None), len(recipes) == 1
    written = dict.fromkeys(picture.file(frame, single=single) for frame in recipes)
    check_outputs({path: written}, [*files.values(), *(source.path(frame) for frame in source.frames)])
    maker = PictureMaker(
        [picture],
        mattes=files.__getitem__,
        plate=source,
        layer=settings.get("plate_layer"),
        view=PlateView(colour, example_path=source.path(source.frames[0])),
        look=PictureFile(fps=fps),
        single=single,
    )
    failures: list[str] = []

    def take(event: Event) -> None:
        if isinstance(event, PictureFailed):
            failures.append(event.error)

    maker.make(recipes, resume=False, emit=take, checkpoint=checkpoint)
    if failures:
        raise OutputError(f"{path} is not written: {failures[0]}")
    return len(recipes)


def matte_recipes(frames: Iterable[int], mattes: Callable[[int], Path]) -> Iterator[tuple[int, str]]:
    """Frames that have mattes on disk, and what those were made by."""
    for frame in frames:
        files = stored_files(mattes(frame))
        if files:
            yield frame, str(explain(files[0]).get("recipe", ""))


def _recipe_in(path: str | Path) -> str:
    return str(picture_record(path).get("recipe", ""))


def _suffix(path: str) -> str:
    return Path(path).suffix.lower()


def _of_person(path: str, slug: str) -> str:
    """The path with a person's slug in it: `x.mov` gives `x_ana.mov`, `x.####.png` gives `x_ana.####.png`."""
    file = Path(path)
    if _suffix(path) not in PICTURE_SUFFIXES:  # a number at the end of a movie's name is a shot's
        return str(file.with_name(f"{file.stem}_{slug}{file.suffix}"))
    pattern = parse_pattern(path)
    if pattern is None:
        return str(sibling(file, slug))
    stem = pattern.prefix.rstrip("._")
    name = f"{stem}_{slug}{pattern.prefix[len(stem) :]}" if stem else f"{slug}."
    return str(file.with_name(f"{name}{'#' * pattern.width}{pattern.suffix}"))

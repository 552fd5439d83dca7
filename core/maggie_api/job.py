"""The job document: what to matte. Command line, worker, hosts and farm exchange it.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Optional, Union

from . import serialization
from .errors import DocumentError, JobError, SettingsError
from .files import write_whole
from .settings import (
    MODEL_NAMES,
    EdgeSettings,
    MatteFile,
    MatteSettings,
    PictureFile,
    RunSettings,
    as_float,
    options_of,
    settings_of,
    tracker_folder,
)
from .text import is_plain

SCHEMA = "maggie-job/1"
SEQUENCES = ("guidance", "pins", "core", "garbage")
"""Fields of a job whose values name sequences."""


@dataclass(frozen=True)
class MaskGuidance:
    """One instance: a sequence (or one file for every frame) that holds its mask."""

    name: str
    sequence: str
    channel: Optional[str] = None
    """Channel that holds the mask; None = alpha, or the only channel, or the luminance."""
    offset: int = 0
    """Number of a mask's file less the plate's frame: -1000 where 1001 belongs to the mask 1."""
    kind: Literal["mask"] = "mask"


@dataclass(frozen=True)
class KeyGuidance:
    """One instance: masks at some frames of the shot, which are followed through the others."""

    name: str
    sequence: str
    """Whatever files it has are the keys; an empty mask says that the instance is not in the frame."""
    channel: Optional[str] = None
    """Channel that holds the mask; None as for a mask in every frame."""
    offset: int = 0
    """Number of a mask's file less the plate's frame: -1000 where 1001 belongs to the mask 1."""
    kind: Literal["key"] = "key"


@dataclass(frozen=True)
class LayersGuidance:
    """One instance for each layer, or channel without a layer, of a sequence."""

    sequence: str
    instances: tuple[str, ...] = ()
    """Names of the layers to take; empty = every layer that could be a mask."""
    offset: int = 0
    """Number of a mask's file less the plate's frame: -1000 where 1001 belongs to the mask 1."""
    kind: Literal["layers"] = "layers"


@dataclass(frozen=True)
class IdName:
    """Name of the instance that a value of an id map stands for."""

    id: int
    name: str


@dataclass(frozen=True)
class IdMapGuidance:
    """One instance for each value above zero of a sequence of whole numbers."""

    sequence: str
    names: tuple[IdName, ...] = ()
    """The values to take, with names; empty = every value found, as `id_<n>`."""
    offset: int = 0
    """Number of a mask's file less the plate's frame: -1000 where 1001 belongs to the mask 1."""
    kind: Literal["id_map"] = "id_map"


@dataclass(frozen=True)
class CryptomatteGuidance:
    """Instances picked by name from a Cryptomatte."""

    sequence: str
    layer: Optional[str] = None
    """The Cryptomatte's own name, e.g. `CryptoObject`; None = the only one in the file."""
    instances: tuple[str, ...] = ()
    """Names of the manifest; empty = every object in the images."""
    offset: int = 0
    """Number of a mask's file less the plate's frame: -1000 where 1001 belongs to the mask 1."""
    kind: Literal["cryptomatte"] = "cryptomatte"


@dataclass(frozen=True)
class Pin:
    """Alphas of one instance that the artist approves: they are delivered as they are."""

    name: str
    """Name of an instance of the guidance."""
    sequence: str
    """Files of the plate's size, one for each pinned frame and none for other frames."""
    channel: Optional[str] = None
    """Channel that holds the alpha; None as for a mask."""


EVERYBODY = "*"
"""Stands for the name of an instance where something is for all of them."""


@dataclass(frozen=True)
class Hold:
    """A matte of the artist's that holds alphas: a core, inside which alpha is 1, or a garbage matte, outside
    which it is 0. Half of a pixel holds by half."""

    sequence: str
    """Files numbered as the plate, or one file for every frame."""
    name: str = EVERYBODY
    """Name of an instance of the guidance; `*` = everybody."""
    part: Optional[str] = None
    """What of the files: a channel or layer, a Cryptomatte's object, or the value of an id map. None finds
    the mask as guidance does, and in a Cryptomatte the object with the instance's name."""


@dataclass(frozen=True)
class PersonOption:
    """An option of `EdgeSettings` that is another for one person."""

    name: str
    """Name of an instance of the guidance."""
    option: str
    value: Union[float, Literal["auto"]]

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", as_float(self.value))


def person_options(name: str, text: str) -> tuple[PersonOption, ...]:
    """The options of one instance that a text such as `trust=0.9 grow_px=-1.5` sets.

    Raises:
        JobError: a word of it is no option with a number.
    """
    known = options_of(EdgeSettings)
    found = []
    for word in text.replace(",", " ").split():
        option, _, value = word.partition("=")
        number = _number(value)
        if option not in known or (number is None and value != known[option].word):
            raise JobError(
                f"the edges of {name} say {word!r}: write options as trust=0.9 grow_px=-1.5; known are "
                f"{', '.join(known)}"
            )
        found.append(PersonOption(name, option, "auto" if number is None else number))
    return tuple(found)


def _number(text: str) -> Optional[float]:
    try:
        return float(text)
    except ValueError:
        return None


@dataclass(frozen=True)
class PictureOutput:
    """Pictures made from the mattes: a movie, or a file a frame, for each person."""

    path: str
    """Ends in `.mov`, `.webm`, or as a sequence in `.png`, `.tif`, `.tiff`. Several people each have a file
    of their own, with the slug in its name: `x.mov` gives `x_ana.mov` and `x_ben.mov`."""
    instance: Optional[str] = None
    """Name of the only person in it, under just this path; None = everybody."""


Guidance = Union[MaskGuidance, LayersGuidance, IdMapGuidance, CryptomatteGuidance, KeyGuidance]


def guidance_from(data: Any) -> Guidance:
    """A guidance from plain data, as a job document has it.

    Raises:
        DocumentError: it is none.
    """
    return serialization.one_of(typing.get_args(Guidance), data, "guidance", tag="kind")


def people_of(source: Guidance) -> tuple[Guidance, ...]:
    """A guidance for each person that one names; itself where it takes everybody in its files."""
    if isinstance(source, IdMapGuidance) and source.names:
        return tuple(dataclasses.replace(source, names=(named,)) for named in source.names)
    if isinstance(source, (LayersGuidance, CryptomatteGuidance)) and source.instances:
        return tuple(dataclasses.replace(source, instances=(name,)) for name in source.instances)
    return (source,)


@dataclass(frozen=True)
class Shot:
    """The sequences a job cannot do without.

    Sequences are written `plate.####.exr`, `plate.%04d.exr`, or name one file.
    """

    plate: str
    output: str
    """EXR files with the mattes. May be empty where pictures are asked for: then mattes are kept beside the
    first of them until all are whole."""
    guidance: tuple[Guidance, ...]
    """In order: where masks overlap, the order decides (see `overlap`)."""


@dataclass(frozen=True)
class MatteJob(RunSettings, PictureFile, MatteFile, EdgeSettings, MatteSettings, Shot):
    """One shot and how to matte it: the fields of its base classes, and a few more.

    Only the fields of `Shot` have to be given. Ranges of frames are written `1001-1100x2,1200`.

    Raises:
        JobError: a field has no meaning, in one line that names it.
    """

    pins: tuple[Pin, ...] = ()
    """Approved alphas, delivered as they are; the frames beside continue from them."""
    core: tuple[Hold, ...] = ()
    """Mattes inside which alpha is 1. Several of one person add up."""
    garbage: tuple[Hold, ...] = ()
    """Mattes outside which alpha is 0. What several of one person have in common stays."""
    per_person: tuple[PersonOption, ...] = ()
    """Edge options of people who differ from the rest."""
    pictures: tuple[PictureOutput, ...] = ()
    """Movies, PNG and TIFF files, made when the mattes are there."""
    preview: Optional[str] = None
    """A movie or pictures to look at, `.mp4`, `.gif`, `.png` or `.tif`: plate, people over checker, a colour
    each, frame numbers."""
    schema: Literal["maggie-job/1"] = SCHEMA

    def __post_init__(self) -> None:
        for name, text in _texts(self):
            _check_text(name, text)
        if self.preview is not None and not self.preview.strip():
            raise JobError('job: field "preview" is empty: name a file such as preview.mp4, or leave it out')
        for i, picture in enumerate(self.pictures):
            if not picture.path.strip():
                raise JobError(f'job: field "pictures[{i}].path" is empty: name a file such as ana.mov')
        for name in ("plate", "output"):
            if name == "output" and self.all_pictures:
                continue
            if not getattr(self, name).strip():
                raise JobError(f'job: field "{name}" is empty: name a sequence or a file')
        if not self.guidance:
            raise JobError(
                "job: no guidance: give at least one mask, key mask, layered file, id map or Cryptomatte "
                "(--guidance, --key, --guidance-layers, --id-map, --cryptomatte)"
            )
        for i, source in enumerate(self.guidance):
            if not source.sequence.strip():
                raise JobError(f'job: field "guidance[{i}].sequence" is empty: name a sequence or a file')
            if isinstance(source, (MaskGuidance, KeyGuidance)) and not source.name.strip():
                raise JobError(f'job: field "guidance[{i}].name" is empty: name the instance')
        for i, pin in enumerate(self.pins):
            for name in ("name", "sequence"):
                if not getattr(pin, name).strip():
                    raise JobError(f'job: field "pins[{i}].{name}" is empty: name the instance and its files')
        for kind in ("core", "garbage"):
            for i, hold in enumerate(getattr(self, kind)):
                for name in ("name", "sequence"):
                    if not getattr(hold, name).strip():
                        raise JobError(
                            f'job: field "{kind}[{i}].{name}" is empty: name the instance, or * for all, '
                            "and its files"
                        )
        try:
            for settings in (MatteSettings, EdgeSettings, MatteFile, PictureFile, RunSettings):
                settings.__post_init__(self)
            for person in {each.name for each in self.per_person}:
                self.edges_of(person)
        except SettingsError as error:
            raise JobError(f"job: {_named(error)}") from None

    def edges_of(self, name: str) -> EdgeSettings:
        """The edge options of one instance.

        Raises:
            JobError: one is unknown or given twice for the same person.
            SettingsError: a value is out of its range.
        """
        known = options_of(EdgeSettings)
        own: dict[str, Union[float, str]] = {}
        for i, each in enumerate(self.per_person):
            if each.option not in known:
                hint = serialization.nearest(each.option, list(known))
                raise JobError(f'job: field "per_person[{i}].option" is {each.option!r}{hint}')
            if each.name != name:
                continue
            if each.option in own:
                raise JobError(f'job: field "per_person[{i}]" gives {each.option} of {name} again: keep one')
            if each.value == "auto" and known[each.option].word != "auto":
                raise JobError(f'job: field "per_person[{i}].value" is auto: {each.option} is a number')
            own[each.option] = each.value
        return dataclasses.replace(settings_of(EdgeSettings, self), **own)  # type: ignore[arg-type]

    @property
    def all_pictures(self) -> tuple[str, ...]:
        """Paths of all pictures as they are given, the preview last."""
        preview = () if self.preview is None else (self.preview,)
        return (*(picture.path for picture in self.pictures), *preview)

    @property
    def mattes(self) -> str:
        """The EXR files: `output`, or in a job of pictures alone those kept until the pictures are whole."""
        if self.output.strip():
            return self.output
        folder, name = os.path.split(self.all_pictures[0])
        return os.path.join(folder, f".{name}.mattes", "matte.####.exr")

    def to_json(self) -> str:
        """The document, indented, every field written out, as UTF-8 can hold it; ends with a line break."""
        text = json.dumps(serialization.to_data(self), indent=2, ensure_ascii=False)
        return (text if is_plain(text) else json.dumps(serialization.to_data(self), indent=2)) + "\n"

    @classmethod
    def from_json(cls, text: str, *, what: str = "job") -> MatteJob:
        """The job `text` describes.

        Args:
            what: name of the document in an error, e.g. its file name.

        Raises:
            JobError: the text is no JSON, or has another schema, an unknown field, a wrong type or a value
                out of range; one line that names it.
        """
        try:
            data = serialization.parse(text, what)
            if not isinstance(data, dict) or "schema" not in data:
                raise JobError(f'{what}: no "schema" field: a job begins with "schema": "{SCHEMA}"')
            if data["schema"] != SCHEMA:
                raise JobError(
                    f'{what}: schema is {json.dumps(data["schema"])}: this version reads "{SCHEMA}"'
                )
            return serialization.from_data(cls, data, what)
        except JobError:
            raise
        except DocumentError as error:
            raise JobError(str(error)) from None

    def anchored(self, folder: Path) -> MatteJob:
        """The same job with relative paths made absolute; they are relative to `folder`."""
        sequences = {
            name: tuple(
                dataclasses.replace(each, sequence=_absolute(each.sequence, folder))
                for each in getattr(self, name)
            )
            for name in SEQUENCES
        }
        pictures = tuple(
            dataclasses.replace(each, path=_absolute(each.path, folder)) for each in self.pictures
        )
        # A model is a name or a path, and so is an OCIO configuration. The names of shipped models win over
        # files; else what exists as a file is a path.
        return dataclasses.replace(
            self,
            plate=_absolute(self.plate, folder),
            output=_absolute(self.output, folder) if self.output.strip() else "",
            **sequences,
            pictures=pictures,
            preview=None if self.preview is None else _absolute(self.preview, folder),
            model=self.model if self.model in MODEL_NAMES else _absolute_if_there(self.model, folder),
            tracker=_tracker_in(self.tracker, folder),
            ocio=None if self.ocio is None else _absolute_if_there(self.ocio, folder),
            cache=None if self.cache is None else _absolute(self.cache, folder),
        )

    def sequences(self) -> Iterator[tuple[str, str]]:
        """(name of the field, path) of every sequence that the job reads beside its plate."""
        for name in SEQUENCES:
            for i, each in enumerate(getattr(self, name)):
                yield f"{name}[{i}].sequence", each.sequence


def read_job(path: Path, *, change: Callable[[MatteJob], MatteJob] = lambda job: job) -> MatteJob:
    """The job in a file; its relative paths are relative to the file's folder.

    Args:
        change: what is done to the job as it was written, before its paths are made absolute.

    Raises:
        JobError: the file cannot be read or does not hold a job.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors of Windows begin a file with a mark
    except OSError as error:
        raise JobError(f"{path}: {error.strerror or error}: give a job document") from None
    except UnicodeDecodeError:
        raise JobError(f"{path}: not UTF-8 text: give a job document") from None
    return change(MatteJob.from_json(text, what=str(path))).anchored(path.resolve().parent)


def write_job(job: MatteJob, path: Path) -> None:
    """Write `job`; a job file that exists is whole.

    Raises:
        OSError: `path` cannot be written.
    """
    write_whole(path, job.to_json())


_PATHS = frozenset(("plate", "output", "sequence", "model", "tracker", "ocio", "cache", "path", "preview"))
"""Fields that hold a path, or may."""
NAME_BYTES = 255
"""Longest name in a folder, on every file system in use."""
_PATH_BYTES = 4096
"""Longest path that a system call takes."""


def _texts(value: Any, field: str = "") -> Iterator[tuple[str, str]]:
    """(full name of the field, text) of every text in a job."""
    if isinstance(value, str):
        yield field, value
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _texts(item, f"{field}[{i}]")
    elif dataclasses.is_dataclass(value):
        for each in dataclasses.fields(value):
            yield from _texts(getattr(value, each.name), f"{field}.{each.name}" if field else each.name)


def _check_text(field: str, text: str) -> None:
    """Check that no file system and no file refuses a text of a job.

    Raises:
        JobError: it has a zero byte or half of a surrogate pair, or is a path that is too long; or it is an
            output and has a line break in it.
    """
    is_path = field.rpartition(".")[2] in _PATHS
    try:
        # A file's name may be no UTF-8; its bytes are then held by the second halves of surrogate pairs.
        stored = text.encode("utf-8", "surrogateescape" if is_path else "strict")
    except UnicodeEncodeError:
        raise JobError(f'job: field "{field}" has half of a surrogate pair in it: write it as text') from None
    if b"\0" in stored:
        raise JobError(f'job: field "{field}" has a zero byte in it: write it as text')
    is_output = field in ("output", "preview") or field.startswith("pictures")
    if is_output and any(ord(letter) < 32 for letter in text):
        raise JobError(f'job: field "{field}" has a line break or a control character in it: leave it out')
    longest = max(len(name) for name in re.split(rb"[/\\]", stored))
    if is_path and (longest > NAME_BYTES or len(stored) > _PATH_BYTES):
        raise JobError(
            f'job: field "{field}" is a path of {len(stored)} bytes with a name of {longest}: '
            f"{_PATH_BYTES} and {NAME_BYTES} are the most that there may be"
        )


def _named(error: SettingsError) -> str:
    """The sentence of an error, with its field named as documents name fields."""
    name, sentence = error.field or "", str(error)
    rest = sentence[len(name) :] if sentence.startswith(f"{name} ") else f": {sentence}"
    return f'field "{name}"{rest}'


def _absolute(path: str, folder: Path) -> str:
    return os.path.normpath(os.path.join(str(folder), path))


def _tracker_in(tracker: str, folder: Path) -> str:
    path = tracker_folder(tracker)
    return f"sam2:{_absolute(os.path.expanduser(path), folder)}" if path else tracker


def _absolute_if_there(name_or_path: str, folder: Path) -> str:
    candidate = _absolute(name_or_path, folder)
    return candidate if os.path.exists(candidate) else name_or_path

"""What was dropped: which sequence is the plate, which are masks, and whose; masks beside a plate."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from maggie_api.errors import FrameError
from maggie_api.exr_header import channels
from maggie_api.job import CryptomatteGuidance, Guidance, KeyGuidance, LayersGuidance, MaskGuidance
from maggie_api.sequences import (
    MOVIE_SUFFIXES,
    TOKEN,
    frame_of_file,
    has_token,
    is_movie,
    parse_pattern,
    sequence_of_file,
)

from .timeline import frames_on_disk

IMAGES = frozenset(".exr .dpx .png .jpg .jpeg .tif .tiff .tga .sxr".split())
"""Endings of image files, lower case."""
_MASK_WORDS = frozenset("mask masks matte mattes roto guidance guide id ids alpha alphas crypto".split())
_PLATE_WORDS = frozenset("plate plates src source bg scan beauty".split())
_NOT_INPUT = frozenset("truth preview qc cache".split())
"""Words of files that are made from a shot, or of what it should become: nobody's masks."""
MASK_FOLDERS = frozenset("mask masks roto guidance matte_in mattes_in alpha alphas".split())
"""Folders beside or under a plate's where masks are looked for."""
KEYS_SHARE = 0.5
"""Masks of fewer of the plate's frames than this share are key masks: who means one for every frame has most
of them."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Found:
    """What some files are."""

    plate: str = ""
    guidance: tuple[Guidance, ...] = ()
    job: str = ""
    """A job document, which says everything itself."""


def understood(paths: Iterable[str], *, plate: str = "") -> Found:
    """What dropped files, folders and movies are.

    Args:
        paths: files, folders (whose own files count, not those of folders in them), or sequences.
        plate: the plate that is open; everything dropped is then masks, unless something is named a plate.

    A plate that is dropped alone brings the masks that lie beside it.
    """
    paths = list(paths)
    jobs = [path for path in paths if path.lower().endswith(".json")]
    if jobs:
        return Found(job=jobs[0])
    sequences = sequences_of(paths)
    new = _plate_among(sequences, is_open=bool(plate))
    masks = [each for each in sequences if each != new and not _words(each) & _NOT_INPUT]
    if new and not masks:
        masks = beside(new)
    return Found(new, tuple(guidance_of(each, new or plate) for each in masks))


def sequences_of(paths: Iterable[str]) -> list[str]:
    """The sequences and movies that files and folders hold, each once, in their order."""
    found: dict[str, None] = {}
    for path in paths:
        if os.path.isdir(path):
            found.update(dict.fromkeys(_in_folder(path)))
        elif is_movie(path) or (has_token(path) and not os.path.isfile(path)):
            found[path] = None
        elif sequence_of_file(path) not in found:  # of a thousand files the first is looked at
            found[_sequence_or_still(path)] = None
    return list(found)


def beside(plate: str) -> list[str]:
    """Sequences that look like masks of a plate: its name with another word, or in a folder for masks."""
    folder, name = os.path.split(plate)
    own = _words(name) - _PLATE_WORDS
    near = [
        each
        for each in _in_folder(folder)
        if each != plate
        and not _words(each) & (_NOT_INPUT | _PLATE_WORDS)
        and (_words(each) & _MASK_WORDS or (own and own < _words(each)))
    ]
    for parent in dict.fromkeys((folder, os.path.dirname(folder))):
        for each in _mask_folders(parent):
            near += [path for path in _in_folder(each) if not _words(path) & _NOT_INPUT]
    stills = [each for each in near if not has_token(each) and not is_movie(each)]
    # A picture on its own beside a sequence is a reference or a thumbnail more often than somebody's mask.
    return [each for each in near if each not in stills or not has_token(plate)]


def guidance_of(sequence: str, plate: str = "") -> Guidance:
    """What a sequence of masks is: a Cryptomatte, a layer for each person, or one person's masks.

    Only an EXR's header says more than the name does; it is read from the first file. Masks at a few of the
    plate's frames are key masks.
    """
    if sequence.lower().endswith(".exr"):
        names = _channels(sequence)
        layers = {name.rpartition(".")[0] for name in names if "." in name}
        if any(re.search(r"crypto\w*\d\d\.", name, re.IGNORECASE) for name in names):
            return CryptomatteGuidance(sequence)
        if len(layers) > 1 or (layers and not {"R", "G", "B", "A", "Y"} & set(names)):
            return LayersGuidance(sequence)
    kind = KeyGuidance if _are_keys(sequence, plate) else MaskGuidance
    return kind(person_name(sequence, plate), sequence)


def person_name(sequence: str, plate: str = "") -> str:
    """The name that a file of masks gives its person: its words less those of the plate and of masks.

    `sh010_ana_mask.####.png` beside `sh010_plate.####.exr` is ana. Where nothing is left, the folder's name
    is taken, then the file's.
    """
    name = os.path.basename(sequence)
    known = _words(os.path.basename(plate)) | _MASK_WORDS | _PLATE_WORDS
    own = [word for word in _listed(name) if word.lower() not in known and not _is_version(word)]
    if own:
        return "_".join(own)
    folder = os.path.basename(os.path.dirname(sequence))
    in_folder = [word for word in _WORD.findall(folder.replace("_", " ")) if word.lower() not in known]
    return "_".join(in_folder) or "_".join(_listed(name)) or "person"


def matte_name(plate: str) -> str:
    """A name for the mattes of a plate, which those of no other plate in its folder have.

    `sh010_plate.####.exr` gives `sh010_matte.####.exr`, `plate.####.exr` gives `matte.####.exr`.
    """
    if has_token(plate):
        words = [word for word in _listed(plate) if word.lower() not in _PLATE_WORDS]
    else:
        words = [os.path.splitext(os.path.basename(plate))[0]]
    return "_".join((*words, "matte")) + ".####.exr"


def _plate_among(sequences: list[str], *, is_open: bool) -> str:
    """The plate among them; "" where all are masks."""
    named = [each for each in sequences if _words(each) & _PLATE_WORDS]
    if named:
        return named[0]
    if is_open:
        return ""
    colour = [each for each in sequences if not _words(each) & _MASK_WORDS and not _looks_like_masks(each)]
    return colour[0] if colour else (sequences[0] if len(sequences) == 1 else "")


def _looks_like_masks(sequence: str) -> bool:
    if not sequence.lower().endswith(".exr"):
        return False
    names = _channels(sequence)
    return bool(names) and not {"R", "G", "B"} <= {name.rpartition(".")[2].upper() for name in names}


def _are_keys(sequence: str, plate: str) -> bool:
    lone = None if has_token(sequence) or is_movie(sequence) else frame_of_file(sequence)
    shot = set(frames_on_disk(plate))
    masks = shot.intersection(frames_on_disk(sequence) if lone is None else (lone,))
    return 0 < len(masks) < KEYS_SHARE * len(shot)


def _channels(sequence: str) -> tuple[str, ...]:
    """Channels of the first file of an EXR sequence; none where it cannot be read."""
    try:
        pattern = None if os.path.isfile(sequence) else parse_pattern(sequence)
        files = [sequence] if pattern is None else [str(each) for each in pattern.on_disk().values()]
        return channels(files[0]) if files else ()
    except (OSError, ValueError, FrameError):
        return ()


def _in_folder(folder: str) -> list[str]:
    """Sequences and movies of a folder, by name; stills, too."""
    try:
        with os.scandir(folder or ".") as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith("."))
    except OSError:
        return []
    found: dict[str, int] = {}
    firsts: dict[str, str] = {}
    for name in names:
        suffix = os.path.splitext(name)[1].lower()
        if suffix not in IMAGES and suffix not in MOVIE_SUFFIXES:
            continue
        path = os.path.join(folder, name)
        sequence = path if suffix in MOVIE_SUFFIXES else sequence_of_file(path)
        found[sequence] = found.get(sequence, 0) + 1
        firsts.setdefault(sequence, path)
    return [each if count > 1 else firsts[each] for each, count in found.items()]


def _sequence_or_still(path: str) -> str:
    """The sequence of a chosen file; a lone file is itself."""
    sequence = sequence_of_file(path)
    pattern = parse_pattern(sequence) if sequence != path else None
    try:
        alone = pattern is None or len(pattern.on_disk()) < 2
    except OSError:
        alone = True
    return path if alone else sequence


def _mask_folders(parent: str) -> Iterator[str]:
    try:
        with os.scandir(parent or ".") as entries:
            folders = [(each.path, _words(each.name)) for each in entries if each.is_dir()]
    except OSError:
        return
    yield from sorted(path for path, words in folders if words and words <= MASK_FOLDERS)


def _listed(name: str) -> list[str]:
    """Words of a file's name, without its number and ending."""
    stem = os.path.splitext(TOKEN.sub(" ", os.path.basename(name)))[0]
    return [word for word in _WORD.findall(stem.replace("_", " ")) if not re.fullmatch(r"\d{3,}", word)]


def _words(name: str) -> frozenset[str]:
    return frozenset(word.lower() for word in _listed(name))


def _is_version(word: str) -> bool:
    return re.fullmatch(r"v\d+", word.lower()) is not None

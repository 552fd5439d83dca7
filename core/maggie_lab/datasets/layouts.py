"""The layouts of the published data sets, which folders of other samples may have too.

    him2k       images/<comp|natural>/<name>.jpg  alphas/<comp|natural>/<name>/00.png
                masks_matched_<variant>/<comp|natural>/<name>/00.png
    i-him50k    [<split>/]images/<name>.jpg       [<split>/]alphas/<name>/0.png
    v-him60     comp_<level>/fgr/<clip>/00000.jpg  comp_<level>/pha/<clip>/00000/00.png
                comp_<level>/xmem/<clip>/00000/00.png
    v-him2k5    fgr/<clip>/00000.jpg  pha/<clip>/00000/00.png
    synthhuman  rgb_0000000.png  alpha_0000000.png

Frames of a clip are ordered, and paired with their alphas and masks, by the number of their names.

Lenient: images may be JPEG, PNG, WebP or TIFF, and `comp/images` is as good as `images/comp`. `fgr` holds
the composed frames, despite its name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maggie_api.errors import FrameError, GuidanceError, InputError, SettingsError
from maggie_api.sequences import compact_frames

from .numbering import by_frame
from .sample import Sample

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff"})
MASKS = "masks_matched_"
LEVELS = ("easy", "medium", "hard")
_SUBSETS = {"composition": "comp", "natural": "natural"}


def find_samples(
    dataset: str,
    root: str | Path,
    *,
    split: str | None = None,
    subset: str | None = None,
    variant: str | None = None,
) -> list[Sample]:
    """List the samples of a data set, in a stable order: subset, then variant, then name.

    Args:
        dataset: a name of `DATASETS`.
        root: the unpacked folder, or the folder that holds it under its published name.
        split: folder inside `root` to read, such as `I-HIM50K` or a `train` that `synthesize` made.
        subset: `composition` or `natural` (him2k); `easy`, `medium` or `hard` (clips); `face`, `body` or
            `upper` (synthhuman); None is all.
        variant: which masks of him2k, such as `r50_fpn_3x`; None is all there are.

    Raises:
        SettingsError: no such data set, subset or variant.
        FrameError: the folder is missing or of another layout, or an image has no alphas.
        GuidanceError: masks are missing where others of their kind exist.
    """
    if dataset not in DATASETS:
        raise SettingsError(f"there is no data set '{dataset}': choose one of {', '.join(DATASETS)}")
    folder = Path(root) if split is None else Path(root) / split
    if not folder.is_dir():
        raise FrameError(f"{folder} is not a folder: it must hold {dataset}, {_EXPECTED[dataset]}")
    find, name = DATASETS[dataset]
    samples = list(find(folder)) or (list(find(folder / name)) if (folder / name).is_dir() else [])
    if not samples:
        raise FrameError(f"{folder} holds {_listing(folder)}: {dataset} needs {_EXPECTED[dataset]}")
    samples = _chosen(samples, "subset", subset, folder)
    return _chosen(samples, "variant", variant, folder)


def _chosen(samples: list[Sample], field: str, wanted: str | None, folder: Path) -> list[Sample]:
    if wanted is None:
        return samples
    chosen = [sample for sample in samples if getattr(sample, field) == wanted]
    if not chosen:
        there = sorted({getattr(sample, field) or "none" for sample in samples})
        raise SettingsError(f"{folder} has no {field} '{wanted}': it has {', '.join(there)}")
    return chosen


def _listing(folder: Path) -> str:
    names = sorted(os.listdir(folder))
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "") or "nothing"


def _him2k(root: Path) -> Iterator[Sample]:
    for subset, subset_folder in (*_SUBSETS.items(), ("", "")):
        images = _images(_folder(root, "images", subset_folder))
        for variant, masks in _mask_folders(root, subset_folder) or [("", None)] if images else ():
            for path in images:
                alphas = _folder(root, "alphas", subset_folder) / path.stem
                name = "/".join(each for each in (subset_folder, variant, path.stem) if each)
                yield _still(name, subset, variant, path, alphas, masks and masks / path.stem)


def _mask_folders(root: Path, subset_folder: str) -> list[tuple[str, Path]]:
    parents = [root / subset_folder] if subset_folder else [root]
    found = {folder.name: folder for parent in parents for folder in parent.glob(f"{MASKS}*")}
    if subset_folder:
        found |= {
            each.name: each / subset_folder
            for each in root.glob(f"{MASKS}*")
            if (each / subset_folder).is_dir()
        }
    return [(name.removeprefix(MASKS), found[name]) for name in sorted(found)]


def _ihim50k(root: Path) -> Iterator[Sample]:
    for subset_folder in ("", "I-HIM50K"):
        for path in _images(_folder(root, "images", subset_folder)):
            yield _still(path.stem, "", "", path, _folder(root, "alphas", subset_folder) / path.stem, None)


def _still(
    name: str, subset: str, variant: str, image: Path, alpha_folder: Path, mask_folder: Path | None
) -> Sample:
    alphas = _images(alpha_folder)
    if not alphas:
        raise FrameError(f"{image} has no alphas: expected one PNG per instance in {alpha_folder}")
    masks: list[Path | None] = [None] * len(alphas)
    if mask_folder is not None:
        by_name = {path.stem: path for path in _images(mask_folder)}
        masks = [by_name.get(path.stem) for path in alphas]
        if None in masks:
            missing = alphas[masks.index(None)].name
            raise GuidanceError(
                f"{mask_folder} has {len(by_name)} masks for {len(alphas)} alphas, {missing} is missing: "
                "each instance needs a mask of its alpha's name"
            )
    names = tuple(path.stem for path in alphas)
    return Sample(name, subset, variant, names, (image,), (tuple(alphas),), (tuple(masks),))


def _vhim60(root: Path) -> Iterator[Sample]:
    for level in LEVELS:
        yield from _clips(root / f"comp_{level}", lambda _, level=level: level, prefix=f"{level}/")


def _vhim2k5(root: Path) -> Iterator[Sample]:
    yield from _clips(root, published_level)
    yield from _vhim60(root)


def published_level(clip: str) -> str:
    """The level a five-digit name of V-HIM2K5 tells; "" for other names."""
    if len(clip) != 5 or not clip.isdecimal():
        return ""
    number = int(clip)
    return "easy" if number < 500 else "hard" if 1500 <= number < 3500 else "medium"


def _clips(root: Path, level: Callable[[str], str], *, prefix: str = "") -> Iterator[Sample]:
    for folder in _folders(root / "fgr"):
        yield _clip(root, folder, level(folder.name), prefix + folder.name)


def _clip(root: Path, folder: Path, level: str, name: str) -> Sample:
    images = {path.stem: path for path in _images(folder)}
    if not images:
        raise FrameError(f"{folder} has no images: a clip needs one per frame, such as 00000.jpg")
    frames = by_frame(images)
    if frames is None or len(images) < len(_images(folder)):
        raise FrameError(
            f"{folder} is no clip: each image needs a name with its frame number, such as 00000.jpg"
        )
    pha, xmem = root / "pha" / folder.name, root / "xmem" / folder.name
    alphas, masks = _planes_by_frame(pha), _planes_by_frame(xmem)
    instances = tuple(sorted({instance for frame in frames for instance in alphas.get(frame, ())}))
    without = [frame for frame in frames if not alphas.get(frame)]
    if without:
        first = frames[without[0]]
        raise FrameError(
            f"{first} has no alphas ({len(without)} of {len(frames)} frames of the clip): "
            f"expected one PNG per instance in {pha / first.stem}"
        )
    _check_no_others(folder, frames, pha, alphas, FrameError)
    _check_no_others(folder, frames, xmem, masks, GuidanceError)
    if xmem.parent.is_dir():
        lacking = [each for each in instances if not any(each in masks.get(frame, ()) for frame in frames)]
        if lacking:
            raise GuidanceError(
                f"{xmem} has no mask of instance {lacking[0]} in any frame: "
                "each instance needs masks of its alpha's name"
            )
    return Sample(
        name,
        level,
        "",
        instances,
        tuple(frames.values()),
        _rows(alphas, frames, instances),
        _rows(masks, frames, instances),
    )


_PlanesByFrame = dict[int, dict[str, Path]]
"""Files of alphas or masks by frame and instance."""


def _check_no_others(
    folder: Path, frames: Mapping[int, Path], where: Path, planes: _PlanesByFrame, error: type[InputError]
) -> None:
    """Refuse files of frames that a clip does not have: they may be shifted, or another clip's."""
    others = sorted(frame for frame in planes if planes[frame] and frame not in frames)
    if others:
        raise error(
            f"{where} has files for frame {others[0]}, which {folder} does not have "
            f"({compact_frames(frames)}): each frame needs files of its own number"
        )


def _planes_by_frame(clip: Path) -> _PlanesByFrame:
    """What the numbered folders of a clip hold; nothing where there is no such clip."""
    folders = {folder.name: folder for folder in _folders(clip)}
    frames = by_frame(folders)
    if folders and frames is None:
        raise FrameError(f"{clip} needs one folder for each frame, with its number for a name, such as 00000")
    return {frame: {path.stem: path for path in _images(folder)} for frame, folder in (frames or {}).items()}


def _rows(
    planes: _PlanesByFrame, frames: Iterable[int], instances: Iterable[str]
) -> tuple[tuple[Path | None, ...], ...]:
    """[frame][instance], None where there is no file."""
    return tuple(tuple(planes.get(frame, {}).get(instance) for instance in instances) for frame in frames)


def _folder(root: Path, kind: str, subset_folder: str) -> Path:
    """`kind/subset_folder`, or `subset_folder/kind` where only that exists."""
    swapped = root / subset_folder / kind
    usual = root / kind / subset_folder
    return swapped if swapped.is_dir() and not usual.is_dir() else usual


def _images(folder: Path) -> list[Path]:
    """Image files by name; none where there is no such folder."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise FrameError(f"{folder} cannot be listed ({error.strerror}): check the folder") from error
    return [folder / name for name in names if _is_image(name)]


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")


def _folders(folder: Path) -> Sequence[Path]:
    return sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []


def _synthhuman(root: Path) -> Iterator[Sample]:
    alphas = {path.name: path for path in _images(root) if path.name.startswith("alpha_")}
    for path in _images(root):
        number = path.stem.removeprefix("rgb_")
        if number == path.stem or not number.isdecimal():
            continue
        alpha = alphas.get(f"alpha_{number}.png")
        if alpha is None:
            raise FrameError(f"{path} has no alpha: expected alpha_{number}.png beside it")
        shown = next((each for each, end in SYNTHHUMAN_SHOWN if int(number) < end), "upper")
        yield Sample(number, shown, "", ("0",), (path,), ((alpha,),), ((None,),))


SYNTHHUMAN = "synthhuman"
SYNTHHUMAN_SHOWN = (("face", 98_040), ("body", 98_040 + 99_976))
"""What the pictures of SynthHuman show, by the first number that shows something else; the rest are upper
bodies. Source: the data set's description, Microsoft, 2025."""

DATASETS: dict[str, tuple[Callable[[Path], Iterator[Sample]], str]] = {
    "him2k": (_him2k, "HIM2K_M-HIM2K"),
    "i-him50k": (_ihim50k, "I-HIM50K"),
    "v-him60": (_vhim60, "V-HIM60"),
    "v-him2k5": (_vhim2k5, "V-HIM2K5"),
    SYNTHHUMAN: (_synthhuman, "SynthHuman"),
}
"""By name: the function that finds its samples, and the folder that its archive unpacks to."""

_EXPECTED = {
    "him2k": "images/comp/*.jpg (or natural) and alphas/comp/*/00.png",
    "i-him50k": "images/*.jpg and alphas/*/0.png",
    "v-him60": "comp_easy/fgr/<clip>/*.jpg (or medium, hard) and comp_easy/pha/<clip>/<frame>/00.png",
    "v-him2k5": "fgr/<clip>/*.jpg and pha/<clip>/<frame>/00.png",
    SYNTHHUMAN: "rgb_0000000.png and alpha_0000000.png",
}


@dataclass(frozen=True)
class SampleLayout:
    """Where the files of one folder of samples go, in a published layout.

    A kind is a folder below `base`: `images`, `fgr`, `alphas`, `pha`, the folders of masks, and of made sets
    `whole`, `fg`, `bg` and `made`.
    """

    base: Path
    images: str
    """Kind of the images: `images` for stills, `fgr` for clips."""
    alphas: str
    """Kind of the alphas: `alphas` for stills, `pha` for clips."""
    subset: str = ""
    """Folder inside each kind, such as `comp`; "" for none."""
    digits: int = 2
    """Digits in the name of an instance's file."""
    masks: tuple[str, ...] = ()
    """Kinds of the masks; none for training sets."""

    @property
    def is_clip(self) -> bool:
        """Whether a sample has a folder of frames."""
        return self.images == "fgr"

    def image(self, kind: str, name: str, frame: int, suffix: str = ".png") -> Path:
        """The file of one frame, of a kind with one file per frame: `images`, `fgr`, `bg`."""
        inside = f"{name}/{frame:05d}{suffix}" if self.is_clip else f"{name}{suffix}"
        return self.base / kind / self.subset / inside

    def plane(self, kind: str, name: str, frame: int, instance: int) -> Path:
        """The file of one frame and instance: of `alphas`, `pha`, `whole`, `fg` and the masks."""
        file = f"{instance:0{self.digits}d}.png"
        folder = self.base / kind / self.subset / name
        return folder / f"{frame:05d}" / file if self.is_clip else folder / file

    def record(self, name: str) -> Path:
        """The file that describes a made sample; it is written last: a sample that has it is complete."""
        return self.base / "made" / self.subset / f"{name}.json"

    def names(self) -> list[str]:
        """Names of the samples whose images are there, complete or not, ascending."""
        return sorted(path.stem for path in (self.base / self.images / self.subset).glob("[!.]*"))

    def records(self) -> Iterator[Path]:
        """Descriptions of the complete samples, by name."""
        yield from sorted((self.base / "made" / self.subset).glob("*.json"))

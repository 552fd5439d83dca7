"""Weights by name or path, and what they say of themselves: known without loading them, and without torch.

Those of trackers, too: `sam2:tiny` or `sam2:FOLDER`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from maggie_api.errors import LicenceError, ModelError
from maggie_api.settings import TRACKER_NAMES, Refine, Smooth, tracker_folder

OFFICIAL = {
    "him50k": "chuonghm/maggie-image-him50k-cvpr24",
    "vim2k5": "chuonghm/maggie-video-vim2k5-cvpr24",
}
"""Published weights by name: image and video. CC BY-NC 4.0, never bundled."""
OFFICIAL_LICENCE = "CC-BY-NC-4.0"
TRACKERS = {name: f"facebook/sam2.1-hiera-{name.partition(':')[2]}" for name in TRACKER_NAMES}
"""Published weights of trackers by name: SAM 2.1 in the layout of `transformers`. Never fetched to matte."""
TRACKER_LICENCE = "Apache-2.0"
TRACKER_FILE = "model.safetensors"
TRACKER_FILES = ("config.json", TRACKER_FILE)
HUB_FILES = ["*.safetensors", "config.json"]
SHIPPED = {name: Path(__file__).parent / name for name in ("default", "generated")}
"""Weights that come with the package, by name: folders. `generated` has never seen a photograph."""


def model_names() -> tuple[str, ...]:
    """Names `load_model` knows beside paths."""
    return (*SHIPPED, *OFFICIAL)


def find_weights(spec: str) -> Path:
    """The weights file behind a model name or path; fetches published weights when they are not cached.

    Raises:
        ModelError: no such name or file, or the hub cannot be reached.
    """
    if is_tracker(spec):
        raise ModelError(f"{spec} is a tracker: give it as --tracker {spec}; models are {_known()}")
    if spec in SHIPPED:
        return _file_in(SHIPPED[spec], spec)
    if spec in OFFICIAL:
        return _file_in(_from_hub(OFFICIAL[spec], f"model {spec}"), spec)
    path = Path(spec).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ModelError(
                f"{path} has no config.json: name a model folder, a .safetensors file, or one of {_known()}"
            )
        return _file_in(path, spec)
    if not path.is_file():
        raise ModelError(
            f"no model called {spec}: known are {_known()}, or give a .safetensors file that exists"
        )
    return path


def is_tracker(spec: str) -> bool:
    """Whether a name or path is that of a tracker."""
    return spec in TRACKERS or bool(tracker_folder(spec))


def find_tracker(spec: str) -> Path:
    """The weights file of a tracker, in a folder with its `config.json`; nothing is fetched.

    Raises:
        ModelError: it is not on this machine, or is none.
    """
    if spec in TRACKERS:
        folder = _cached(TRACKERS[spec], TRACKER_FILES)
        if folder is None:
            raise ModelError(
                f"the tracker {spec} is not on this machine: fetch it with maggie-node models pull {spec}, "
                "or take --tracker builtin"
            )
    else:
        folder = Path(tracker_folder(spec)).expanduser()
    for name in TRACKER_FILES:
        if not (folder / name).is_file():
            raise ModelError(
                f"{folder} has no {name}: name a folder as transformers writes it, or one of "
                f"{', '.join(TRACKERS)}"
            )
    return folder / TRACKER_FILE


def require_name(spec: str) -> None:
    """Check that a name or path is of weights of any kind.

    Raises:
        ModelError: it is of none.
    """
    if not (spec in model_names() or is_tracker(spec) or Path(spec).expanduser().exists()):
        raise ModelError(
            f"no model or tracker called {spec}: known are {', '.join((*model_names(), *TRACKERS))}, "
            "or give a model folder or a .safetensors file that exists"
        )


def fetch_tracker(spec: str) -> Path:
    """The same; fetches published weights that are not cached.

    Raises:
        ModelError: as `find_tracker`, or the hub cannot be reached.
    """
    if spec in TRACKERS:
        _from_hub(TRACKERS[spec], f"tracker {spec}", TRACKER_FILES)
    return find_tracker(spec)


def local_weights(spec: str) -> Path | None:
    """The weights file as far as it is on this machine; None when it would have to be fetched first.

    Raises:
        ModelError: no such name or file.
    """
    if spec in TRACKERS:
        folder = _cached(TRACKERS[spec], TRACKER_FILES)
        return None if folder is None else folder / TRACKER_FILE
    if is_tracker(spec):
        return find_tracker(spec)
    if spec not in OFFICIAL:
        return find_weights(spec)
    folder = _cached(OFFICIAL[spec])
    return None if folder is None else _file_in(folder, spec)


def licence_of(spec: str) -> tuple[str, bool]:
    """(licence, whether it allows commercial work), known before anything is fetched or loaded.

    Raises:
        ModelError: no such name or file.
    """
    if spec in TRACKERS:
        return TRACKER_LICENCE, True
    if is_tracker(spec):
        about = about_weights(spec, find_tracker(spec))
    else:
        about = about_weights(spec, Path() if spec in OFFICIAL else find_weights(spec))
    return about["licence"], about["commercial"]


def require_commercial(model: str, tracker: str) -> None:
    """Check that weights may be used for commercial work, before anything is fetched or loaded.

    Raises:
        ModelError: no such name or file.
        LicenceError: they may not.
    """
    _require_commercial("model", model, "default")
    if tracker != "builtin":
        _require_commercial("tracker", tracker, "builtin")


def _require_commercial(kind: str, spec: str, other: str) -> None:
    licence, commercial = licence_of(spec)
    if not commercial:
        raise LicenceError(
            f"{kind} {spec} has the licence {licence}, which does not allow commercial work: "
            f"take --{kind} {other}, or drop --commercial"
        )


def is_video(weights: Path) -> tuple[bool, bool]:
    """Whether a `.safetensors` file holds a video network, and whether that looks at several frames together,
    by the file's header alone.

    Raises:
        ModelError: it is no such file.
    """
    header = _header(weights)
    about = header.get("__metadata__", {})
    kind = about.get("kind")
    video = kind == "video" if kind is not None else has_time(header)
    return video, video and about.get("gru") != "still"


def check_whole(weights: Path) -> None:
    """Check that a `.safetensors` file is as long as its header says; others have no such header.

    Raises:
        ModelError: it is damaged, or was cut off.
    """
    if weights.suffix != ".safetensors":
        return
    ends = [each["data_offsets"][1] for name, each in _header(weights).items() if name != "__metadata__"]
    with weights.open("rb") as file:
        needed = 8 + int.from_bytes(file.read(8), "little") + max(ends, default=0)
    found = weights.stat().st_size
    if found != needed:
        raise ModelError(f"{weights} has {found} bytes, its header says {needed}: fetch or copy it again")


def _header(weights: Path) -> dict[str, Any]:
    """Tensors of a `.safetensors` file by name, and its `__metadata__`.

    Raises:
        ModelError: it is no such file.
    """
    try:
        with weights.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        if _is_header(header):
            return header
        reason = "its header names no tensors"
    except (OSError, OverflowError, MemoryError, ValueError, RecursionError) as error:
        reason = error_line(error)
    raise ModelError(f"{weights} cannot be read as weights ({reason}): fetch or copy it again")


def _is_header(header: Any) -> bool:
    def is_tensor(value: Any) -> bool:
        ends = value.get("data_offsets") if isinstance(value, dict) else None
        return isinstance(ends, list) and len(ends) == 2 and all(type(each) is int for each in ends)

    return isinstance(header, dict) and all(
        isinstance(value, dict) if name == "__metadata__" else is_tensor(value)
        for name, value in header.items()
    )


def has_time(names: Iterable[str]) -> bool:
    """Whether tensors of these names belong to a network that carries state from frame to frame."""
    return any(name.startswith(("decoder.os8_temp_module.", "decoder.diff_module.")) for name in names)


def _cached(repository: str, needed: Iterable[str] = ("*.safetensors",)) -> Path | None:
    """The folder of a repository in the hub's cache; None where a file is missing, as after a fetch that was
    cut short."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        folder = Path(snapshot_download(repository, allow_patterns=HUB_FILES, local_files_only=True))
    except LocalEntryNotFoundError:
        return None
    return folder if all(any(folder.glob(name)) for name in needed) else None


def _from_hub(repository: str, name: str, needed: Iterable[str] = ("*.safetensors",)) -> Path:
    from huggingface_hub import snapshot_download

    cached = _cached(repository, needed)
    if cached is not None:
        return cached
    try:
        return Path(snapshot_download(repository, allow_patterns=HUB_FILES))
    except Exception as error:
        raise ModelError(
            f"{name} is not cached and {repository} cannot be reached ({type(error).__name__}): "
            "connect once, or give a path"
        ) from error


def _file_in(folder: Path, spec: str) -> Path:
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        raise ModelError(f"model {spec} has no .safetensors file in {folder}: fetch it again")
    return found[0]


def about_weights(spec: str, weights: Path) -> dict[str, Any]:
    """What weights say of themselves: fields of `ModelInfo`.

    Raises:
        ModelError: the `config.json` beside them is damaged.
    """
    if spec in OFFICIAL:
        return {"name": spec, "licence": OFFICIAL_LICENCE, "commercial": False}
    config = weights.parent / "config.json"
    if spec in SHIPPED or config.is_file():
        about = _read_config(config) if config.is_file() else {}
        _check_config(about, config)
        return {
            "name": about.get("name", spec),
            "licence": about.get("licence", "unknown"),
            "commercial": about.get("commercial", False),
            "refine": about.get("refine", "none"),
            "smooth": about.get("smooth", "none"),
            "first_look": float(about.get("first_look", 0)),
            "person_px": tuple(about["person_px"]) if "person_px" in about else None,
            "encoder_from": about.get("encoder_from", ""),
            "learned_from": about.get("learned_from") or _trained_on(about),
        }
    return {"name": weights.stem, "licence": "unknown", "commercial": False}


def _trained_on(about: Mapping[str, Any]) -> str:
    """What a folder of `maggie-node train` has learned from: weights it began with, then its data sets."""
    data = ", ".join(about.get("data", ()))
    begun = about.get("from", "")
    return f"{begun}, then {data}" if begun and data else data or begun


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_whole(value: Any) -> bool:
    return type(value) is int and 0 < value < 1 << 20


_CONFIG: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "name": ("text", _is_text),
    "licence": ("text", _is_text),
    "sha256": ("text", _is_text),
    "encoder_from": ("text", _is_text),
    "learned_from": ("text", _is_text),
    "from": ("text", _is_text),
    "data": (
        "a list of texts",
        lambda value: isinstance(value, list) and all(isinstance(each, str) for each in value),
    ),
    "commercial": ("true or false", lambda value: isinstance(value, bool)),
    "refine": (" or ".join(get_args(Refine)), lambda value: value in get_args(Refine)),
    "smooth": (" or ".join(get_args(Smooth)), lambda value: value in get_args(Smooth)),
    "first_look": ("a number from 0 to 1", lambda value: type(value) in (int, float) and 0 <= value <= 1),
    "person_px": (
        "two whole numbers of pixels, the smaller one first",
        lambda value: (
            isinstance(value, list)
            and len(value) == 2
            and all(map(_is_whole, value))
            and value[0] <= value[1]
        ),
    ),
}
"""Fields of a model folder's config.json that are read: what each has to be, in words and as a check."""


def _check_config(config: Mapping[str, Any], path: Path) -> None:
    for name, (kind, fits) in _CONFIG.items():
        if name in config and not fits(config[name]):
            raise ModelError(f"{path}: {name} is {json.dumps(config[name])[:60]}: it must be {kind}")


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{path} cannot be read ({error_line(error)}): fetch or copy the model again"
        ) from error
    if not isinstance(config, dict):
        raise ModelError(f"{path} is no JSON object: fetch or copy the model again")
    return config


def _known() -> str:
    return ", ".join(model_names())


def error_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

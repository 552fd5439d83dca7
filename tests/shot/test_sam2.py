"""SAM 2 follows people as the built-in tracker does: order-free, both ways, one owner for each pixel."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from support.shots import HEIGHT, WIDTH, TinyShot, write_image, write_shot
from support.tiny import tiny_model
from support.tiny_sam2 import write_tiny_sam2

from maggie_api.errors import ModelError
from maggie_core import ShotMatter, combine
from maggie_core.guidance import KeyMasks
from maggie_core.io.frames import open_source
from maggie_core.propagation import sam2
from maggie_core.propagation.sam2 import KEYS, Sam2Tracker
from maggie_core.shot.cache import StateCache
from maggie_core.weights import catalogue

FRAMES = tuple(range(1001, 1009))
HEAD = "mask_decoder.pred_obj_score_head.proj_out.bias"


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_sam2(tmp_path_factory.mktemp("sam2"))


@pytest.fixture
def shot(tmp_path: Path) -> TinyShot:
    return write_shot(tmp_path / "shot", frames=FRAMES)


def matter(shot: TinyShot, network: Path, *, cache: StateCache | None = None, **keys) -> ShotMatter:
    sources = []
    for name, at in keys.items():
        folder = shot.folder / f"keys_{name}"
        folder.mkdir(exist_ok=True)
        for frame in at:
            shutil.copy(shot.mask(name).replace("####", str(frame)), folder / f"{name}.{frame}.png")
        sources.append(KeyMasks(name, folder / f"{name}.####.png", shot.frames))
    return ShotMatter(
        tiny_model(),
        open_source(shot.plate),
        combine(sources),
        shot_frames=shot.frames,
        cache=cache,
        tracker=f"sam2:{network}",
    )


def masks(shot: ShotMatter, frame: int) -> np.ndarray:
    return shot.guidance.read(frame, shot.geometry)


def test_the_mask_of_a_frame_is_the_same_alone_in_any_order_and_from_the_cache(
    shot: TinyShot, network: Path, monkeypatch: pytest.MonkeyPatch
):
    cache = StateCache(shot.folder / "cache", limit_bytes=10**8)
    keys = {"ana": (1002, 1006), "ben": (1002, 1004, 1006)}
    whole = matter(shot, network, cache=cache, **keys)
    expected = {frame: masks(whole, frame) for frame in FRAMES}

    found = [expected[frame] > 0.5 for frame in FRAMES if frame not in keys["ben"]]
    assert all(mask.any() for mask in found), "the network finds somebody everywhere"
    assert not any((mask[0] & mask[1]).any() for mask in found), "each pixel has one owner"
    assert not np.array_equal(expected[1003], expected[1005])
    for frame in (1008, 1007, 1003, 1001):
        alone = matter(shot, network, **keys)
        assert np.array_equal(masks(alone, frame), expected[frame]), frame
    monkeypatch.setattr(sam2, "_load", lambda *_: pytest.fail("everything is in the cache"))
    again = matter(shot, network, cache=cache, **keys)
    assert all(np.array_equal(masks(again, frame), expected[frame]) for frame in FRAMES)


def test_a_mask_depends_on_the_weights_the_keys_around_and_the_plates_between(
    shot: TinyShot, network: Path, tmp_path: Path
):
    keys = {"ana": (1002, 1006), "ben": (1002, 1006)}
    keyed = matter(shot, network, **keys)
    digests = {frame: keyed.guidance.digest(frame) for frame in FRAMES}

    assert [keyed.guidance.reach(frame) for frame in (1001, 1004, 1008)] == [
        (1001, 1002),
        (1002, 1003, 1004, 1005, 1006),
        (1006, 1007, 1008),
    ]
    other = matter(shot, write_tiny_sam2(tmp_path / "other", seed=1), **keys).guidance
    assert [frame for frame in FRAMES if other.digest(frame) == digests[frame]] == [1002, 1006]
    mask = masks(keyed, 1004)
    wide = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    write_image(Path(shot.mask("ana").replace("####", "1006")), wide, "uint8")
    assert not np.array_equal(masks(matter(shot, network, **keys), 1004), mask)


def walk(
    network: Path, frames: int, keyed: Callable[[int], tuple[bool, bool]], *, fixed: tuple[int, ...] = ()
) -> tuple[dict[int, np.ndarray], list[float]]:
    """What is found in noise of that many frames, and what is said of it at the end."""
    images = np.random.default_rng(0).random((frames, 3, 72, 128), np.float32)
    shares = np.zeros((3, 72, 128), np.float32)
    shares[1, 10:40, 10:40] = shares[2, 20:60, 60:100] = 1
    shares[0] = 1 - shares[1:].sum(axis=0)
    found: dict[int, np.ndarray] = {}

    def settle(frame: int, result: np.ndarray) -> np.ndarray:
        found[frame] = result
        return shares if any(keyed(frame)) else result

    said: list[float] = []
    tracker = Sam2Tracker(f"sam2:{network}", device=torch.device("cpu"))
    for _, state in tracker.follow(
        range(frames),
        lambda frame: images[frame],
        lambda frame: np.array(keyed(frame)),
        lambda frame: shares,
        settle,
        lambda frame: (),
        fixed=fixed,
    ):
        said = state["found"]
    return found, said


def test_what_is_let_go_of_changes_no_mask_and_what_is_kept_does_not_grow(
    network: Path, monkeypatch: pytest.MonkeyPatch
):
    held: list[int] = []
    forget = sam2._Walk._forget

    def measured(self: sam2._Walk) -> None:
        forget(self)
        kept = self._session.output_dict_per_obj.values()
        held.append(max((len(part) for outputs in kept for part in outputs.values()), default=0))
        assert all(len(outputs["cond_frame_outputs"]) <= KEYS for outputs in kept)
        assert not any(self._session.mask_inputs_per_obj.values())

    monkeypatch.setattr(sam2._Walk, "_forget", measured)
    found, _ = walk(network, 26, lambda frame: (frame % 3 == 0, frame == 0))
    assert max(held) <= 17

    short, _ = walk(network, 20, lambda frame: (frame in (0, 17), frame == 0))
    monkeypatch.setattr(sam2._Walk, "_forget", lambda self: None)
    everything, _ = walk(network, 20, lambda frame: (frame in (0, 17), frame == 0))
    assert all(np.array_equal(short[frame], everything[frame]) for frame in range(1, 20))


def test_somebody_whom_the_network_does_not_see_any_more_is_told_as_lost(
    shot: TinyShot, network: Path, tmp_path: Path
):
    blind = shutil.copytree(network, tmp_path / "blind")
    state = load_file(blind / "model.safetensors")
    state[HEAD].fill_(-100)
    save_file(state, blind / "model.safetensors", metadata={"format": "pt"})
    keyed = matter(shot, blind, ana=(1001, 1008), ben=(1001, 1008))
    keyed.prepare()

    assert [each.sentence.partition(":")[0] for each in keyed.lost()] == [
        "ana is lost from 1002",
        "ben is lost from 1002",
    ]


def test_nobody_is_followed_from_an_empty_key_and_a_first_key_later_on_begins_anew(network: Path):
    found, said = walk(network, 4, lambda frame: (False, False))
    assert all(np.isfinite(shares).all() for shares in found.values()) and len(said) == 2

    later, said = walk(network, 6, lambda frame: (frame == 3, False))
    assert np.array_equal(later[2], walk(network, 3, lambda frame: (False, False))[0][2])
    assert np.isfinite(later[5]).all()


def test_who_has_a_mask_in_every_frame_is_not_followed(network: Path):
    both, _ = walk(network, 3, lambda frame: (frame == 0, False))
    found, said = walk(network, 3, lambda frame: (frame == 0, False), fixed=(1,))

    assert both[2][2].any() and not found[2][2].any()
    assert found[2][1].any() and len(said) == 2


def damaged(name: str, folder: Path) -> Path:
    """A network with one fault."""
    weights, config = folder / "model.safetensors", folder / "config.json"
    if name in ("config.json", "model.safetensors"):
        (folder / name).rename(folder / "pytorch_model.bin")
    elif name == "model_type":
        config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "bert"}))
    elif name in ("image_size", "max_object_pointers_in_encoder"):
        config.write_text(json.dumps(json.loads(config.read_text()) | {name: 0}))
    elif name == "no JSON":
        config.write_text("{")
    elif name == "cut short":
        weights.write_bytes(weights.read_bytes()[:-1000])
    else:
        state = load_file(weights)
        if name == "lacks":
            del state[HEAD]
        else:
            state[HEAD].fill_(torch.nan)
        save_file(state, weights, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("config.json", "has no config.json"),
        ("model.safetensors", "has no model.safetensors"),
        ("model_type", 'model_type is "bert": a tracker needs sam2_video'),
        ("no JSON", "cannot be read"),
        ("cut short", "cannot be read as SAM 2"),
        ("lacks", "lacks 1 tensors of SAM 2 (mask_decoder.pred_obj_score_head.proj_out.bias)"),
        ("NaN", "hold NaN or infinity"),
        ("image_size", "image_size is 0: it must be a size in pixels"),
        ("max_object_pointers_in_encoder", "max_object_pointers_in_encoder is 0: it must be at least 1"),
    ],
)
def test_a_folder_that_holds_no_whole_network_is_refused_in_one_line(
    network: Path, tmp_path: Path, fault: str, sentence: str
):
    folder = damaged(fault, shutil.copytree(network, tmp_path / "network"))

    with pytest.raises(ModelError) as refusal:
        Sam2Tracker(f"sam2:{folder}", device=torch.device("cpu")).network()

    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_network_whose_sizes_do_not_go_together_is_refused_in_one_line(
    shot: TinyShot, network: Path, tmp_path: Path
):
    folder = shutil.copytree(network, tmp_path / "network")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"image_size": 96}))

    with pytest.raises(ModelError, match=r"the network in .* cannot be run \(.*\): fetch or copy it again"):
        masks(matter(shot, folder, ana=[1001]), 1004)


def test_a_tracker_that_is_not_here_names_the_command_that_fetches_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(catalogue, "_cached", lambda repository, needed: None)

    with pytest.raises(
        ModelError, match="fetch it with maggie-node models pull sam2:tiny, or take --tracker"
    ):
        Sam2Tracker("sam2:tiny", device=torch.device("cpu"))


@pytest.mark.parametrize(
    ("version", "sentence"), [(None, "needs transformers: "), ("4.57.1", "5.24 or later")]
)
def test_without_transformers_it_says_what_to_install(
    network: Path, monkeypatch: pytest.MonkeyPatch, version: str | None, sentence: str
):
    def found(name: str) -> str:
        if version is None:
            raise sam2.importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(sam2.importlib.metadata, "version", found)

    with pytest.raises(ModelError, match=f"{sentence}.*install the extra `track`"):
        Sam2Tracker(f"sam2:{network}", device=torch.device("cpu"))


FOLLOW = """
import sys
from pathlib import Path
sys.path.insert(0, "tests")
from support.tiny import tiny_model
from maggie_core import ShotMatter, combine
from maggie_core.guidance import KeyMasks
from maggie_core.io.frames import open_source
plate, mask = sys.argv[1:]
shot = open_source(plate)
keys = KeyMasks("ana", mask, shot.frames)
ShotMatter(tiny_model(), shot, combine([keys]), shot_frames=shot.frames).prepare(shot.frames[:2])
assert "transformers" not in sys.modules
"""


def test_the_built_in_tracker_loads_nothing_of_transformers(shot: TinyShot):
    command = [sys.executable, "-c", FOLLOW, shot.plate, shot.mask("ana").replace("####", "1001")]

    result = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2])

    assert result.returncode == 0, result.stderr

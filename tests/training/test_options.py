"""Every option of `maggie-node train` takes effect or says why not: new or going on, with data or a shot."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import pytest
from click.testing import Result
from support.command_line import run_command
from support.tiny import write_shot, write_tiny_model

from maggie_api.job import MaskGuidance, MatteJob, write_job
from maggie_core.io.integer_image import write_integer_image
from maggie_lab.training import run as runs
from maggie_lab.training.checkpoint import CHECKPOINT
from maggie_lab.training.loop import Trainer
from maggie_node.cli.train import train

EFFECT = ""
"""What a training gets is another than without the option."""
BEGUN = "has begun with"
NOTHING = "changes nothing"
DATA_OF_A_SHOT = "--shot takes no recipe, experiment or data"
LICENCE_OF_A_SHOT = "--shot takes no licence"
SHOTS_ALONE = "belong to --shot"

CONTEXTS = ("new", "goes on", "shot", "shot goes on")
OPTIONS: dict[str, tuple[list[str], tuple[str, str, str, str]]] = {
    # parameter: (how it is given, what happens in each of CONTEXTS: EFFECT, or a part of the error)
    "recipe": (["--recipe", "paper-image"], (EFFECT, BEGUN, DATA_OF_A_SHOT, DATA_OF_A_SHOT)),
    "experiment": (
        ["--experiment", "table3-stacked"],
        ("is about another network", BEGUN, DATA_OF_A_SHOT, DATA_OF_A_SHOT),
    ),
    "data": (["--data", "v-him2k5:CLIPS"], (EFFECT, BEGUN, DATA_OF_A_SHOT, DATA_OF_A_SHOT)),
    "validate": (["--validate", "i-him50k:STILLS"], (EFFECT, BEGUN, DATA_OF_A_SHOT, DATA_OF_A_SHOT)),
    "start": (["--from", "OTHER"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "shot": (
        ["--shot", "SHOT/other.json"],
        (DATA_OF_A_SHOT, "--shot needs --approved", EFFECT, "other frames or data"),
    ),
    "approved": (
        ["--approved", "ben=SHOT/ben.####.png"],
        (SHOTS_ALONE, SHOTS_ALONE, EFFECT, "frame 1001 has another approved alpha"),
    ),
    "frames": (["--frames", "1001,1004"], (SHOTS_ALONE, SHOTS_ALONE, EFFECT, "other frames or data")),
    "minutes": (["--minutes", "5"], (EFFECT, EFFECT, EFFECT, EFFECT)),
    "steps": (["--steps", "7"], (EFFECT, EFFECT, EFFECT, EFFECT)),
    "batch": (["--batch", "5"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "clip_batch": (["--clips", "5"], (EFFECT, BEGUN, f"--clips {NOTHING}", f"--clips {NOTHING}")),
    "accumulate": (["--accumulate", "2"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "crop_px": (["--crop", "64"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "learning_rate": (["--rate", "1e-5"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "clip": (["--clip", "0.5"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "precision": (["--precision", "fp32"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "seed": (["--seed", "5"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "validate_every": (
        ["--validate-every", "7"],
        (EFFECT, EFFECT, f"--validate-every {NOTHING}", f"--validate-every {NOTHING}"),
    ),
    "others": (["--set", "ema=0.9"], (EFFECT, BEGUN, EFFECT, BEGUN)),
    "device": (["--device", "cpu"], (EFFECT, EFFECT, EFFECT, EFFECT)),
    "workers": (["--workers", "3"], (EFFECT, EFFECT, EFFECT, EFFECT)),
    "licence": (["--licence", "in-house"], (EFFECT, BEGUN, LICENCE_OF_A_SHOT, LICENCE_OF_A_SHOT)),
    "commercial": (["--commercial"], (EFFECT, BEGUN, LICENCE_OF_A_SHOT, LICENCE_OF_A_SHOT)),
}
NO_TRAINING = {"run", "debug"}
"""Parameters that change nothing of a training: the folder itself, and what is printed of an error."""

Begin = Callable[..., Result]


class Recorder:
    """Stands in for `train_on`: keeps what a training would get, and leaves a checkpoint of step 2."""

    def __init__(self) -> None:
        self.last: str | None = None

    def __call__(
        self, sources: Sequence[Any], network: Any, folder: Path, settings: Any, **more: Any
    ) -> bool:
        about = more["about"]
        counts = [
            (type(each).__name__, len(getattr(each, "samples", getattr(each, "frames", ()))))
            for each in sources
        ]
        self.last = json.dumps(
            [counts, repr(settings), about, more["device"], more["workers"]], sort_keys=True
        )
        if more["state"] is None:
            trainer = Trainer(replace(settings, precision="fp32"), network, device="cpu", about=about)
            trainer.settings, trainer.step, trainer.elapsed_s = settings, 2, 1.0
            trainer.save(folder / CHECKPOINT)
        return True


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, stills: Path, clips: Path, tiny_model: Path) -> Path:
    """A folder with all that the options name."""
    folder = tmp_path_factory.mktemp("options")
    write_tiny_model(folder / "other", licence="other")
    shutil.copytree(tiny_model, folder / "tiny")
    write_job_of(folder / "shot")
    return folder


def write_job_of(folder: Path) -> None:
    """A shot of six small frames, its job, and the job of another plate."""
    plate, masks = write_shot(folder)
    shutil.copytree(folder, folder / "copy")
    for path in (folder / "copy").glob("plate.*.exr"):
        path.rename(folder / path.name.replace("plate", "other"))
    guidance = tuple(MaskGuidance(name, mask) for name, mask in masks.items())
    for name, frames in (("job", plate), ("other", str(folder / "other.####.exr"))):
        write_job(MatteJob(frames, "matte.####.exr", guidance, working_px=64), folder / f"{name}.json")


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(runs, "train_on", recorder)
    return recorder


@pytest.fixture(scope="module")
def begin(place: Path, stills: Path, clips: Path) -> Begin:
    """Run `maggie-node train`, with the folders' names in place of their words."""

    def begin(folder: Path, *options: object) -> Result:
        words = {"STILLS": stills, "CLIPS": clips, "OTHER": place / "other", "TINY": place / "tiny"}
        words["SHOT"] = place / "shot"
        written = [str(option) for option in options]
        for word, path in words.items():
            written = [option.replace(word, str(path)) for option in written]
        return run_command("train", folder, *written)

    return begin


DATA = ("--data", "i-him50k:STILLS", "--from", "TINY")
APPROVED = ("--approved", "ana=SHOT/ana.####.png", "--frames", "1001,1003")
SHOT = ("--from", "TINY", "--shot", "SHOT/job.json", *APPROVED)
BASE = {"new": DATA, "goes on": (), "shot": SHOT, "shot goes on": SHOT}
FIRST = {"goes on": DATA, "shot goes on": SHOT}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, begin: Begin) -> dict[str, tuple[Path, str | None]]:
    """For each context the folder that the training goes on in, and what it gets without the option."""
    found: dict[str, tuple[Path, str | None]] = {}
    with pytest.MonkeyPatch.context() as patch:
        recorder = Recorder()
        patch.setattr(runs, "train_on", recorder)
        for context in CONTEXTS:
            folder = tmp_path_factory.mktemp("plain") / "run"
            for options in (FIRST[context], BASE[context]) if context in FIRST else (BASE[context],):
                result = begin(folder, *options)
                assert result.exit_code == 0, result.stderr
            found[context] = folder, recorder.last
    return found


def test_every_option_has_a_rule():
    assert {parameter.name for parameter in train.params} == OPTIONS.keys() | NO_TRAINING


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_takes_effect_or_says_why_not(
    tmp_path: Path,
    begin: Begin,
    plain: dict[str, tuple[Path, str | None]],
    recorder: Recorder,
    name: str,
    context: str,
):
    option, said = OPTIONS[name][0], OPTIONS[name][1][CONTEXTS.index(context)]
    folder, (begun, before) = tmp_path / "run", plain[context]
    if context in FIRST:
        shutil.copytree(begun, folder)

    result = begin(folder, *BASE[context], *option)

    if said:
        assert result.exit_code == 2, result.stderr
        assert said in result.stderr.splitlines()[-1]
        assert recorder.last is None
    else:
        assert result.exit_code == 0, result.stderr
        assert recorder.last is not None and recorder.last != before


@pytest.mark.parametrize("context", ["goes on", "shot goes on"])
def test_the_same_command_goes_on(tmp_path: Path, begin: Begin, recorder: Recorder, context: str):
    options = (*FIRST[context], "--batch", 3, "--seed", 4, "--crop", 64, "--set", "ema=0.9", "--rate", 0.001)
    assert begin(tmp_path, *options).exit_code == 0

    again = begin(tmp_path, *options)

    assert again.exit_code == 0, again.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--recipe", "paper-image", "--clips", 2), "--clips changes nothing: it is a training on stills"),
        (("--recipe", "paper-video", "--batch", 2), "--batch changes nothing: it is a training on clips"),
        (("--validate-every", 0, "--validate", "i-him50k:STILLS"), "--validate changes nothing"),
        (("--set", "warmup_steps=7"), "--set warmup_steps changes nothing: the cosine schedule"),
        (("--set", "fusion_weight_share=0.5"), "--set fusion_weight_share changes nothing"),
        (("--recipe", "paper-image", "--set", "truth_shares=[1,1,1]"), "nothing: truth_steps is given"),
        (("--set", "published_start=true"), "changes nothing: the training starts from weights"),
        (("--batch", 2, "--set", "batch=3"), "--batch and --set batch are the same setting"),
        (("--minutes", 1, "--set", "steps=3"), "minutes and steps are both given"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_a_setting_that_changes_nothing_beside_the_others_is_refused(
    tmp_path: Path, begin: Begin, recorder: Recorder, options: tuple[object, ...], said: str
):
    result = begin(tmp_path / "run", *DATA, *options)

    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]
    assert not (tmp_path / "run").exists()


def test_what_is_read_of_a_bank_has_no_stride(tmp_path: Path, begin: Begin, recorder: Recorder):
    result = begin(tmp_path / "run", "--data", "bank:bank", "--set", "clip_stride=2")

    assert result.exit_code == 2
    assert "--set clip_stride changes nothing: the clips of a bank are composed" in result.stderr


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("ana.1003.png", "frame 1003 has another approved alpha"),
        ("plate.1001.exr", "frame 1001 has another plate"),
        ("mask.1003.png", "frame 1003 has another mask"),
    ],
)
def test_a_shot_that_was_repainted_is_not_gone_on_with(
    tmp_path: Path, begin: Begin, recorder: Recorder, file: str, said: str
):
    write_job_of(tmp_path / "shot")
    folder = tmp_path / "shot"
    for path in folder.glob("ana.*.png"):  # the approved alphas are files of their own
        shutil.copy(path, folder / path.name.replace("ana", "mask"))
    job = json.loads((folder / "job.json").read_text())
    job = json.loads(json.dumps(job).replace("ana.####", "mask.####"))
    (folder / "job.json").write_text(json.dumps(job))
    shot = (
        "--shot",
        folder / "job.json",
        "--approved",
        f"ana={folder}/ana.####.png",
        "--frames",
        "1001,1003",
    )
    assert begin(tmp_path / "run", "--from", "TINY", *shot).exit_code == 0
    if file.endswith(".exr"):
        shutil.copy(folder / "plate.1006.exr", folder / file)
    else:
        write_integer_image(folder / file, np.eye(64, 96, dtype=np.float32))

    result = begin(tmp_path / "run", "--from", "TINY", *shot)

    assert result.exit_code == 2
    assert said in result.stderr.splitlines()[-1]


@pytest.mark.parametrize("options", [DATA, SHOT], ids=["data", "shot"])
def test_weights_that_have_changed_are_no_longer_those_it_began_from(
    tmp_path: Path, begin: Begin, place: Path, recorder: Recorder, options: tuple[str, ...]
):
    from safetensors.torch import load_file, save_file

    start = tmp_path / "start"
    shutil.copytree(place / "tiny", start)
    asked = [start if option == "TINY" else option for option in options]
    assert begin(tmp_path / "run", *asked).exit_code == 0
    weights = load_file(start / "tiny.safetensors")
    save_file(
        weights, start / "tiny.safetensors", metadata={"kind": "video"}
    )  # the same tensors in another file
    assert begin(tmp_path / "run", *asked).exit_code == 0
    save_file({name: tensor * 1.01 for name, tensor in weights.items()}, start / "tiny.safetensors")

    result = begin(tmp_path / "run", *asked)

    assert result.exit_code == 2
    assert "have changed since the training in" in result.stderr.splitlines()[-1]
    assert begin(tmp_path / "run", *[o for o in asked if o not in ("--from", start)]).exit_code == (
        0 if options is DATA else 2
    )


@pytest.mark.parametrize("written", [("--minutes", "3"), ("--steps", "3")], ids=["minutes", "steps"])
@pytest.mark.parametrize("kind", [DATA, SHOT], ids=["data", "shot"])
def test_a_length_of_either_kind_is_the_length(
    tmp_path: Path,
    begin: Begin,
    monkeypatch: pytest.MonkeyPatch,
    kind: tuple[str, ...],
    written: tuple[str, str],
):
    found: list[Any] = []
    monkeypatch.setattr(runs, "train_on", lambda *args, **more: not found.append(args[3]))

    result = begin(tmp_path / "run", *kind, *written)

    assert result.exit_code == 0, result.stderr
    minutes, steps = (3.0, None) if written[0] == "--minutes" else (None, 3)
    assert (found[0].minutes, found[0].steps) == (minutes, steps)


def test_help_says_what_each_option_is_for():
    silent = [
        option.name
        for option in train.params
        if isinstance(option, click.Option) and not option.help and not option.metavar
    ]

    assert silent == []

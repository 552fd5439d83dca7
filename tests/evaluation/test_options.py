"""Every option of `maggie-node evaluate` takes effect or says why not; scores are those of today's code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.command_line import run_command
from support.published_sets import write_clips, write_him2k
from support.tiny import write_tiny_model

from maggie_core.io.integer_image import write_integer_image
from maggie_lab.evaluation import fingerprint, run, scores
from maggie_lab.evaluation.run import Scores
from maggie_lab.evaluation.scores import ScoreLog, files_digest
from maggie_node.cli.evaluate import evaluate

EFFECT = ""
NOTHING = "changes nothing"
NO_NETWORK = "no network is scored"
STILLS = "the data set has stills"

CONTEXTS = ("clips", "stills", "saved mattes")
OPTIONS: dict[str, tuple[list[str], tuple[str, str, str]]] = {
    # parameter: (how it is given, what happens in each of CONTEXTS: EFFECT, or a part of the error)
    "models": (["--model", "OTHER"], (EFFECT, EFFECT, EFFECT)),
    "predictions": (["--predictions", "MATTES"], (EFFECT, EFFECT, "is there 2 times")),
    "baselines": (["--baselines", "none"], (EFFECT, EFFECT, EFFECT)),
    "subset": (["--subset", "SUBSET"], (EFFECT, "has no subset", EFFECT)),
    "variant": (["--variant", "VARIANT"], ("has no variant", EFFECT, "has no variant")),
    "protocol": (["--protocol", "release"], (EFFECT, STILLS, EFFECT)),
    "refine": (["--refine", "guided"], (EFFECT, EFFECT, NO_NETWORK)),
    "smooth": (["--smooth", "flow"], (EFFECT, STILLS, NO_NETWORK)),
    "instances": (["--instances", "alone"], (EFFECT, EFFECT, NO_NETWORK)),
    "limit": (["--limit", "1"], (EFFECT, EFFECT, EFFECT)),
    "strict": (["--strict"], (NOTHING, NOTHING, EFFECT)),
    "device": (["--device", "DEVICE"], ("no device called", "no device called", NO_NETWORK)),
    "precision": (["--precision", "bf16"], (EFFECT, EFFECT, NO_NETWORK)),
    "output": (["-o", "ELSEWHERE"], (EFFECT, EFFECT, EFFECT)),
}
NO_SCORES = {"dataset", "root", "as_json", "debug"}
"""What is scored, and how the result and errors are printed."""


class Recorder:
    """Stands in for `score_samples`: keeps what would be scored, and how."""

    def __init__(self) -> None:
        self.last: str | None = None

    def __call__(
        self, samples: Any, methods: Any, *, dataset: str, protocol: str, folder: Path, **_: Any
    ) -> Scores:
        names = [sample.name for sample in samples]
        self.last = json.dumps([names, [[m.name, m.recipe] for m in methods], dataset, protocol, str(folder)])
        return Scores({method.name: [] for method in methods})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_him2k(folder / "HIM2K", variants=("one", "two"))
    for level, name in (("comp_easy", "00001"), ("comp_hard", "00002"), ("comp_hard", "00003")):
        write_clips(folder / "V-HIM60" / level, names=(name,), frames=5, masks=True)
    write_tiny_model(folder / "tiny")
    write_tiny_model(folder / "other")
    return folder


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    recorder = Recorder()
    monkeypatch.setattr(run, "score_samples", recorder)
    return recorder


def evaluated(place: Path, context: str, *options: str):
    words = {
        "OTHER": place / "other", "MATTES": place / "V-HIM60", "SUBSET": "hard", "VARIANT": "one",
        "DEVICE": "abacus", "ELSEWHERE": place / "elsewhere",
    }  # fmt: skip
    dataset, root = ("v-him60", place / "V-HIM60")
    base = ["--model", str(place / "tiny")]
    if context == "stills":
        dataset, root = ("him2k", place / "HIM2K")
        words |= {"SUBSET": "natural", "MATTES": root}
    if context == "saved mattes":
        base = ["--predictions", str(root)]
    written = [str(words.get(option, option)) for option in options]
    return run_command("evaluate", dataset, root, *base, "-o", place / "out", *written)


def test_every_option_has_a_rule():
    assert {parameter.name for parameter in evaluate.params} == OPTIONS.keys() | NO_SCORES


@pytest.mark.parametrize("context", CONTEXTS)
@pytest.mark.parametrize("name", OPTIONS)
def test_an_option_takes_effect_or_says_why_not(place: Path, recorder: Recorder, name: str, context: str):
    option, said = OPTIONS[name][0], OPTIONS[name][1][CONTEXTS.index(context)]
    plain = evaluated(place, context)
    assert plain.exit_code == 0, plain.stderr
    before, recorder.last = recorder.last, None

    result = evaluated(place, context, *option)

    if said:
        assert result.exit_code == 2
        assert said in result.stderr.splitlines()[-1]
        assert recorder.last is None
    else:
        assert result.exit_code == 0, result.stderr
        assert recorder.last is not None and recorder.last != before


def test_scores_of_other_code_are_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def path() -> Path:
        return ScoreLog(tmp_path, "him2k", {"baseline": "mask"}).path

    before = path()
    assert path() == before
    for made_by in ({"code": "other", "libraries": "same"}, {"code": "same", "libraries": "other"}):
        monkeypatch.setattr(scores, "made_by", lambda made_by=made_by: made_by)
        assert path() != before


@pytest.mark.parametrize("package", ["maggie_core/model/network.py", "maggie_lab/evaluation/metrics.py"])
def test_an_edit_of_the_sources_is_another_code(
    tmp_path: Path, package: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(fingerprint, "LAB", tmp_path / "maggie_lab")
    for name in ("maggie_api", "maggie_core"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr(getattr(fingerprint, name), "__file__", str(tmp_path / name / "__init__.py"))
    (tmp_path / package).parent.mkdir(parents=True)
    found = []
    for text in ("a = 1\n", "a = 2\n", "a = 1\n"):
        (tmp_path / package).write_text(text)
        found.append(fingerprint._code.__wrapped__())

    assert found[0] == found[2] != found[1]


def test_the_code_of_training_makes_no_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "training").mkdir()
    monkeypatch.setattr(fingerprint, "LAB", tmp_path)
    before = fingerprint._code.__wrapped__()
    (tmp_path / "training" / "loop.py").write_text("a = 1\n")

    assert fingerprint._code.__wrapped__() == before


def test_a_file_that_changed_in_place_with_its_size_and_time_is_another(tmp_path: Path):
    path = tmp_path / "mask.png"
    write_integer_image(path, np.zeros((8, 8), np.float32))
    whole, stat, before = path.read_bytes(), path.stat(), files_digest([path])
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert files_digest([path]) != before
    path.write_bytes(whole)
    assert files_digest([path]) == before

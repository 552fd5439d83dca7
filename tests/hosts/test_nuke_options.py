"""Options: every one of the shared list is a knob of the node, and reaches the job."""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

import pytest
from support.nuke_plugin import Case, part, write_config, write_sequences

from maggie_api.errors import HostError
from maggie_api.job import MatteJob
from maggie_api.settings import EdgeSettings, MatteFile, MatteSettings, RunSettings, option, options_of

options = part("options")
LISTED = options_of(MatteSettings, EdgeSettings, MatteFile, RunSettings)


def defaults(**changed: Any) -> dict[str, Any]:
    """Values of all knobs as a new node has them, but for those that are changed."""
    values: dict[str, Any] = {}
    for knob in options.option_knobs().values():
        values[knob.name] = "" if knob.default is None else knob.default
        if knob.word is not None:
            values[knob.word_knob] = knob.default == knob.word
    return {**values, **changed}


def test_every_option_is_a_knob_or_has_a_reason_not_to_be():
    assert set(options.option_knobs()) == set(LISTED) - set(options.FIXED)
    assert set(options.FIXED) <= set(LISTED)
    assert all(len(reason) > 20 for reason in options.FIXED.values())


def test_every_option_stands_on_one_tab():
    others = [knob.name for knob in (*options.advanced(), *options.edges())]

    tabs = (*options.MAIN, *options.COLOUR, *options.MODEL, *options.WORKER)

    assert sorted([*tabs, *others]) == sorted(options.option_knobs())


def test_every_option_is_a_field_of_a_job():
    assert set(LISTED) <= {field.name for field in fields(MatteJob)}


def test_choices_defaults_and_tooltips_are_those_of_the_list():
    for name, knob in options.option_knobs().items():
        assert (knob.default, knob.choices) == (LISTED[name].default, LISTED[name].choices)
        assert knob.tooltip == options.FROM_SCRIPT.get(name, LISTED[name].help)


def test_a_new_option_appears_by_itself():
    @dataclass(frozen=True)
    class More:
        glow: Literal["none", "soft"] = option("soft", "How edges glow.")
        rays: int | Literal["all"] = option(3, "Rays of each light.")

    found = options.option_knobs((MatteSettings, MatteFile, More))

    assert (found["glow"].kind, found["glow"].choices) == ("choice", ("none", "soft"))
    assert (found["rays"].kind, found["rays"].word, found["rays"].word_knob) == (
        "whole number",
        "all",
        "rays_all",
    )


def test_a_new_node_has_the_defaults_of_the_list():
    assert options.read_options(defaults().get) == (
        MatteSettings(),
        EdgeSettings(),
        MatteFile(),
        RunSettings(),
    )


def test_a_checkbox_chooses_the_word_in_place_of_a_number():
    matte, _, _, _ = options.read_options(defaults(segment_frames_whole=True, exposure_ev_auto=True).get)

    assert (matte.segment_frames, matte.exposure_ev) == ("whole", "auto")


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"working_px": 10}, "working size is 10 px: it needs at least 64"),
        ({"segment_frames": 0}, "a segment has 0 frames: give at least 1, or 'whole'"),
        ({"trust_auto": False, "trust": 2}, "trust is 2.0: it lies between 0 and 1, or is auto"),
        ({"compression": "gzip"}, "compression is 'gzip': choose one of"),
    ],
)
def test_a_value_out_of_range_is_said(changed: dict[str, Any], sentence: str):
    with pytest.raises(HostError, match=sentence):
        options.read_options(defaults(**changed).get)


def test_every_knob_of_the_node_reaches_the_job(tmp_path: Path):
    write_sequences(tmp_path / "shot")
    write_config(tmp_path / "config.ocio")
    env = {"MAGGIE_PYTHON": sys.executable}
    case = Case(tmp_path / "shot", tmp_path / "case", tmp_path / "config.ocio", env=env)

    out = case.run("""
        start()
        from maggie_api.serialization import to_data
        from maggie_nuke import options
        made = node("ana")
        made["device"].setValue("auto")
        made["model"].setValue("default")
        press(made, "find")
        knobs = options.option_knobs()
        job = lambda: to_data(plans(made)[0].job)
        before = job()
        out["tips"] = {name: made[name].tooltip() for name in knobs}
        out["before"] = {name: before[name] for name in knobs}
        for name, knob in knobs.items():
            if knob.kind == "choice":
                new = next(word for word in knob.choices if word != knob.default)
            elif knob.kind == "flag":
                new = not knob.default
            elif knob.kind == "whole number":
                new = knob.default + 64
            elif knob.kind == "number":
                new = {"white_point": 0.75}.get(name, 0.5)
                if knob.default == knob.word:
                    made[knob.word_knob].setValue(False)
            else:
                known = {"compression": "zip", "ocio": "ocio://default", "device": "cpu", "model": "him50k",
                         "tracker": "sam2:tiny"}
                new = known.get(name, f"a {name}")
            made[name].setValue(new)
            out[name] = [new, job()[name]]
            if knob.word is not None:
                made[knob.word_knob].setValue(True)
                out[knob.word_knob] = [knob.word, job()[name]]
        for name, value in (("core1", "guidance"), ("edges1", "trust=0.25"), ("garbage", "guidance")):
            made[name].setValue(value)
        (core,), (garbage,), (edge,) = (job()[name] for name in ("core", "garbage", "per_person"))
        out["core1"] = ["ana ana.%04d.exr", core["name"] + " " + core["sequence"].split("/")[-1]]
        out["edges1"] = [["ana", "trust", 0.25], [edge[name] for name in ("name", "option", "value")]]
        out["garbage"] = ["*", garbage["name"]]
        out["said"] = messages()
    """)

    assert out.pop("said") == []
    tips = out.pop("tips")
    assert tips.pop("device").startswith(
        LISTED["device"].help + " Offered is what the worker found: auto, cpu"
    )
    assert tips == {name: knob.tooltip for name, knob in options.option_knobs().items() if name != "device"}
    before = out.pop("before")
    assert {name: before[name] for name in before if name not in options.FROM_SCRIPT} == {
        name: LISTED[name].default for name in before if name not in options.FROM_SCRIPT
    }
    assert {name for name, (new, said) in out.items() if new != said} == set()
    assert set(out) > set(options.option_knobs())

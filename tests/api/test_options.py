"""Options: one list, and every program that offers them offers all of it."""

from __future__ import annotations

import dataclasses
import typing
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest
from support.blenders import extension_part
from support.nuke_plugin import part

from maggie_api.errors import JobError, SettingsError
from maggie_api.job import MaskGuidance, MatteJob, Shot
from maggie_api.settings import (
    MODEL_NAMES,
    EdgeSettings,
    MatteFile,
    MatteSettings,
    Option,
    PictureFile,
    RunSettings,
    options_of,
    settings_of,
)
from maggie_core.weights.catalogue import model_names
from maggie_node.cli.matte import matte

CLASSES = (RunSettings, MatteSettings, EdgeSettings, MatteFile, PictureFile)
LISTED = options_of(*CLASSES)
OF_A_MATTE = options_of(MatteSettings, EdgeSettings, MatteFile)
"""Options that hosts offer; those of a run they decide by themselves, or ask for in their preferences."""
JOBS_OWN = {
    "pins",
    "core",
    "garbage",
    "per_person",
    "pictures",
    "preview",
    "schema",
    *(field.name for field in dataclasses.fields(Shot)),
}
COMMANDS_OWN = {
    "help_all",
    "outputs",
    "preview",
    "pins",
    "core",
    "garbage",
    "print_job",
    "json_events",
    "explain_cache",
    "debug",
}
GUIDANCE = {"offset", "key", "mask", "layers", "id_map", "cryptomatte", "instance"}


@pytest.fixture(scope="module")
def panel(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    return extension_part(tmp_path_factory.mktemp("extension"), "options")


def lacking(
    listed: dict[str, Option], matte_options: dict[str, Option], panel: ModuleType
) -> dict[str, set[str]]:
    """The options that each program does not know, of a list of options."""
    knobs = part("options")
    known = {
        "job": {field.name for field in dataclasses.fields(MatteJob)},
        "command": {parameter.name for parameter in matte.params},
    }
    hosts = {
        "nuke": {*knobs.option_knobs(), *knobs.FIXED},
        "blender": {*panel.CONTROLS, *panel.NOT_OFFERED},
    }
    missing = {name: set(listed) - names for name, names in known.items()}
    return missing | {name: set(matte_options) - names for name, names in hosts.items()}


def test_job_command_line_and_both_hosts_have_every_option(panel: ModuleType):
    assert lacking(LISTED, OF_A_MATTE, panel) == {
        "job": set(),
        "command": set(),
        "nuke": set(),
        "blender": set(),
    }


def test_an_option_that_one_of_them_lacks_is_found(panel: ModuleType):
    new = {"glow": Option("glow", 0.0, "How far light spreads.", "number")}

    found = lacking(LISTED | new, OF_A_MATTE | new, panel)

    assert found == dict.fromkeys(("job", "command", "nuke", "blender"), {"glow"})


def test_the_job_has_no_other_fields_and_takes_types_and_defaults_from_the_list():
    hints = typing.get_type_hints(MatteJob)
    fields = {field.name: field for field in dataclasses.fields(MatteJob)}

    assert set(fields) - JOBS_OWN == set(LISTED)
    for settings in CLASSES:
        for name, hint in typing.get_type_hints(settings).items():
            assert (hints[name], fields[name].default) == (hint, LISTED[name].default)


def test_the_command_line_takes_defaults_choices_and_help_from_the_list():
    by_name: dict[str, list[click.Option]] = {}
    for parameter in matte.params:
        if isinstance(parameter, click.Option) and parameter.name:
            by_name.setdefault(parameter.name, []).append(parameter)

    assert set(by_name) - COMMANDS_OWN - GUIDANCE == set(LISTED)
    for name, option in LISTED.items():
        first = by_name[name][0]
        assert option.help in (first.help or "")
        if name in options_of(EdgeSettings):  # given for everybody or for one, as often as needed
            assert (first.multiple, first.show_default) == (True, str(option.default))
        else:
            assert name == "depth" or first.default == option.default
        if option.kind == "choice" and name != "depth":
            assert isinstance(first.type, click.Choice)
            assert tuple(first.type.choices) == option.choices
    assert {each.flag_value for each in by_name["depth"]} == set(LISTED["depth"].choices)


def test_the_models_that_have_names_are_those_of_the_core():
    assert model_names() == MODEL_NAMES


def test_every_option_has_a_sentence_of_help():
    assert all(len(option.help) > 20 for option in LISTED.values())


def test_settings_are_copied_from_a_job_by_the_names_of_their_fields():
    job = MatteJob(
        "p.exr", "m.exr", (MaskGuidance("ana", "a.png"),), working_px=128, depth="float", cache="c"
    )

    assert settings_of(MatteSettings, job) == MatteSettings(working_px=128)
    assert settings_of(MatteFile, job) == MatteFile(depth="float")
    assert settings_of(RunSettings, job) == RunSettings(cache="c")


OUT_OF_RANGE: list[tuple[dict[str, Any], str]] = [
    ({"working_px": 63}, 'field "working_px": working size is 63 px: it needs at least 64'),
    ({"segment_frames": 0}, "field \"segment_frames\": a segment has 0 frames: give at least 1, or 'whole'"),
    ({"warmup_frames": -1}, 'field "warmup_frames": warm-up is -1 frames: it cannot be negative'),
    ({"exposure_ev": float("inf")}, 'field "exposure_ev": exposure is inf stops'),
    ({"exposure_ev": float("nan")}, 'field "exposure_ev": exposure is nan stops'),
    ({"cache_gb": 0.0}, 'field "cache_gb": the cache may take 0.0 GB: give it some room'),
    ({"cache_gb": float("nan")}, 'field "cache_gb": the cache may take nan GB'),
    ({"cache_gb": float("inf")}, 'field "cache_gb": the cache may take inf GB'),
    ({"tracker": "xmem"}, "field \"tracker\" is 'xmem': choose builtin, sam2:tiny, sam2:small"),
    ({"tracker": "sam2:"}, "field \"tracker\" is 'sam2:': choose builtin"),
    ({"trust": 1.5}, 'field "trust" is 1.5: it lies between 0 and 1, or is auto'),
    ({"soften_px": -1.0}, 'field "soften_px" is -1.0: give a number of pixels from 0 on, 200 at most'),
    ({"soften_px": 1e6}, 'field "soften_px" is 1000000.0: give a number of pixels from 0 on, 200 at most'),
    (
        {"fill_holes_px": 1e200},
        'field "fill_holes_px" is 1e+200: give a number of pixels from 0 on, 20000 at most',
    ),
    (
        {"grow_px": -1e9},
        'field "grow_px" is -1000000000.0: give a number of pixels, 200 at most, below 0 to shrink',
    ),
    ({"gamma": 1e308}, 'field "gamma" is 1e+308: give a number from 0.01 to 100; 1 changes nothing'),
    ({"black_point": 0.6, "white_point": 0.5}, 'field "black_point": black point is 0.6 and white point 0.5'),
    ({"fps": 0.0}, 'field "fps" is 0.0: frames per second lie above 0'),
    ({"fps": float("nan")}, 'field "fps" is nan: frames per second lie above 0'),
    ({"depth": "double"}, "field \"depth\" is 'double': choose half or float"),
    ({"refine": "much"}, "field \"refine\" is 'much': choose auto or none or guided or closed-form"),
    ({"precision": "int8"}, "field \"precision\" is 'int8'"),
    ({"compression": "lzw"}, "field \"compression\" is 'lzw': choose one of none"),
    ({"layout": "cryptomatte", "foreground": True}, 'field "foreground": a Cryptomatte has no room'),
]


@pytest.mark.parametrize(("values", "sentence"), OUT_OF_RANGE)
def test_a_value_out_of_range_is_refused_when_a_job_is_made_and_named(values: dict[str, Any], sentence: str):
    with pytest.raises(JobError) as refusal:
        MatteJob("p.exr", "m.exr", (MaskGuidance("ana", "a.png"),), **values)

    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("values", "sentence"), OUT_OF_RANGE)
def test_settings_themselves_refuse_it_by_the_same_rule(values: dict[str, Any], sentence: str):
    kind = next(each for each in CLASSES if set(values) <= set(options_of(each)))

    with pytest.raises(SettingsError) as refusal:
        kind(**values)

    assert refusal.value.field in values
    assert sentence.rpartition('": ')[2].replace('field "', "").replace('"', "") in str(refusal.value)


def test_a_job_that_is_read_is_refused_as_well(tmp_path: Path):
    text = MatteJob("p.exr", "m.exr", (MaskGuidance("ana", "a.png"),)).to_json()

    with pytest.raises(JobError, match='field "working_px": working size is 32 px'):
        MatteJob.from_json(text.replace('"working_px": 576', '"working_px": 32'))
    with pytest.raises(JobError, match='field "exposure_ev": exposure is inf'):
        MatteJob.from_json(text.replace('"exposure_ev": 0.0', '"exposure_ev": 1e999'))

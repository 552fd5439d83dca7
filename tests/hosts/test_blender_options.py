"""Controls of the panel from the options of a matte."""

from __future__ import annotations

from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from support.blenders import extension_part

from maggie_api.job import MaskGuidance, MatteJob
from maggie_api.settings import EdgeSettings, MatteFile, MatteSettings, RunSettings, options_of

OPTIONS = options_of(MatteSettings, EdgeSettings, MatteFile, RunSettings)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The extension's module, which knows no Blender."""
    return extension_part(tmp_path_factory.mktemp("extension"), "options")


def untouched(options: ModuleType, **values: Any) -> SimpleNamespace:
    """What Blender's properties hold at first, but for some."""
    held: dict[str, Any] = {}
    for name, control in options.CONTROLS.items():
        held[name] = "" if control.default is None else control.default
        if control.kind != "choice":
            held |= {control.switch(word): control.default == word for word in control.words}
    return SimpleNamespace(**{**held, **values})


def test_every_option_has_a_control_or_a_reason_to_have_none(options: ModuleType):
    controls, left_out = set(options.CONTROLS), set(options.NOT_OFFERED)

    assert set(OPTIONS) <= controls | left_out
    assert {"precision", "on_missing", "guidance_missing", "cache_gb"} <= controls
    assert left_out <= set(OPTIONS)
    assert not controls & left_out


def test_a_control_has_the_options_own_words_default_and_help(options: ModuleType):
    for name, control in options.CONTROLS.items():
        if name in OPTIONS:
            assert (control.default, control.help) == (OPTIONS[name].default, OPTIONS[name].help)
            assert control.kind != "choice" or control.words == OPTIONS[name].choices


def test_untouched_controls_give_the_job_of_a_bare_command(options: ModuleType):
    job = MatteJob("p.exr", "m.####.exr", (MaskGuidance("ana", "ana.exr"),))

    values = options.values_of(untouched(options))

    assert values == {name: getattr(job, name) for name in options.CONTROLS}


def test_a_switch_puts_a_word_in_the_place_of_a_number(options: ModuleType):
    values = options.values_of(
        untouched(options, segment_frames=12, segment_frames_whole=True, exposure_ev=1.5)
    )

    assert (values["segment_frames"], values["exposure_ev"]) == ("whole", 1.5)
    assert options.settings_of(values).segment is None


def test_a_number_of_blenders_is_the_one_that_was_typed(options: ModuleType):
    values = options.values_of(untouched(options, exposure_ev=0.10000000149011612))

    assert values["exposure_ev"] == 0.1


def test_what_has_no_meaning_is_said_in_a_sentence(options: ModuleType):
    input_error = options.HostError.__base__  # of the extension's own maggie_api

    with pytest.raises(input_error, match="working size is 10 px: it needs at least 64"):
        options.values_of(untouched(options, working_px=10))
    with pytest.raises(input_error, match="compression is 'lzw'"):
        options.values_of(untouched(options, compression="lzw"))
    with pytest.raises(input_error, match="Highlights has a value that is not offered any more: choose one"):
        options.values_of(untouched(options, highlights=""))


def test_labels_are_words_with_their_unit(options: ModuleType):
    labels = [options.label_of(word) for word in ("working_px", "exposure_ev", "closed-form", "fp16")]

    assert labels == ["Working (px)", "Exposure (EV)", "Closed Form", "Fp16"]


def test_what_blender_saves_for_a_value_depends_on_the_word_alone(options: ModuleType):
    assert options.enum_number("none") == 2140143823
    for control in options.CONTROLS.values():
        if control.kind == "choice":
            assert len({options.enum_number(word) for word in control.words}) == len(control.words)

"""Colour as the script says it: never guessed."""

from __future__ import annotations

import pytest
from support.nuke_plugin import part

from maggie_api.errors import HostError

colour = part("colour")
ACES = colour.ProjectColour("OCIO", config="custom", custom="/show/config.ocio", working="ACES - ACEScg")


def test_a_custom_configuration_is_its_file():
    assert colour.config_of(ACES) == "/show/config.ocio"
    assert colour.working_space(ACES) == "ACES - ACEScg"


def test_the_environment_goes_before_the_project_as_in_nuke():
    settings = colour.ProjectColour(
        "OCIO", config="aces_1.2", environment="/studio/config.ocio", working="scene_linear"
    )

    assert colour.config_of(settings) == "/studio/config.ocio"


def test_what_the_artist_chooses_goes_before_everything():
    assert colour.config_of(ACES, "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4").startswith("ocio://")
    assert colour.file_space(ACES, "sRGB", raw=False, path="a.exr", chosen="ACEScct") == "ACEScct"


def test_a_configuration_of_nukes_own_is_looked_for_beside_it():
    shipped = colour.ProjectColour(
        "OCIO", config="aces_1.2", shipped="/opt/Nuke15/plugins/OCIOConfigs/aces_1.2.ocio"
    )

    assert colour.config_of(shipped) == "/opt/Nuke15/plugins/OCIOConfigs/aces_1.2.ocio"
    with pytest.raises(HostError, match="aces_1.2.*not found"):
        colour.config_of(colour.ProjectColour("OCIO", config="aces_1.2"))


def test_a_configuration_that_ocio_carries_needs_no_file():
    settings = colour.ProjectColour("OCIO", config="studio-config-v1.0.0_aces-v1.3_ocio-v2.1")

    assert colour.config_of(settings) == "ocio://studio-config-v1.0.0_aces-v1.3_ocio-v2.1"


@pytest.mark.parametrize(
    ("knob", "space"),
    [
        ("ACES - ACES2065-1", "ACES - ACES2065-1"),
        ("default (ACES - ACEScg)", "ACES - ACEScg"),
        ("Input/ARRI/Input - ARRI - Linear", "Input - ARRI - Linear"),
    ],
)
def test_a_read_says_its_colour_space(knob: str, space: str):
    assert colour.file_space(ACES, knob, raw=False, path="plate.exr") == space


def test_a_raw_read_holds_what_the_nodes_see():
    assert colour.file_space(ACES, "sRGB", raw=True, path="plate.exr") == "ACES - ACEScg"


def test_the_projects_default_counts_where_a_read_says_only_default():
    settings = colour.ProjectColour("OCIO", working="ACEScg", float_space="scene_linear")

    assert colour.file_space(settings, "default", raw=False, path="plate.exr") == "scene_linear"
    with pytest.raises(HostError, match="plate.dpx does not say"):
        colour.file_space(settings, "default", raw=False, path="/show/plate.dpx")


def test_nukes_own_colour_management_is_asked_about_not_guessed():
    settings = colour.ProjectColour("Nuke", working="linear")

    with pytest.raises(HostError, match="does not say what its colours are: choose OCIO"):
        colour.file_space(settings, "linear", raw=False, path="plate.exr")
    assert (
        colour.file_space(settings, "linear", raw=False, path="plate.exr", chosen="lin_rec709")
        == "lin_rec709"
    )
    assert colour.config_of(settings) == ""

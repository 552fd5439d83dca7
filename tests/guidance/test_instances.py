"""Names that survive Nuke, Blender and the file system."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maggie_api.errors import GuidanceError
from maggie_api.layer_names import cryptomatte_id
from maggie_core.guidance import make_instances


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("anna", "anna"),
        ("Person A", "person_a"),
        ("Jörg Müller", "jorg_muller"),
        ("01_person", "n01_person"),
        ("hair.front-left", "hair_front_left"),
        ("__x__", "x"),
    ],
)
def test_a_slug_is_lower_case_ascii_and_starts_with_a_letter(name, slug):
    (instance,) = make_instances([name])

    assert (instance.slug, instance.layer) == (slug, f"maggie_{slug}")


def test_names_that_slug_alike_are_told_apart_in_order():
    slugs = [i.slug for i in make_instances(["Anna", "anna", "anna_2", "ANNA"])]

    assert slugs == ["anna", "anna_2", "anna_2_2", "anna_3"]


def test_views_and_words_of_the_hosts_are_never_slugs():
    slugs = [i.slug for i in make_instances(["left", "Alpha", "depth", "residual"])]

    assert slugs == ["left_2", "alpha_2", "depth_2", "residual_2"]


def test_a_name_without_any_ascii_gets_a_stable_slug():
    alone = make_instances(["太郎"])[0].slug
    among = make_instances(["花子", "太郎"])[1].slug

    assert alone == among and re.fullmatch(r"instance_[0-9a-f]{8}", alone)


@given(st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=30, unique=True))
def test_any_names_give_unique_layers_that_blender_keeps_whole(names):
    instances = make_instances(names)

    layers = [i.layer for i in instances]
    assert [i.name for i in instances] == names
    assert len(set(layers)) == len(layers)
    assert all(re.fullmatch(r"maggie_[a-z][a-z0-9_]*", layer) and len(layer) <= 63 for layer in layers)


def test_colour_and_id_depend_on_the_name_alone():
    first = make_instances(["anna", "ben"])[1]
    second = make_instances(["ben"])[0]

    assert (first.color, first.id) == (second.color, second.id)
    assert all(0 <= c <= 1 for c in first.color)


@pytest.mark.parametrize(
    ("names", "message"),
    [([], "at least one mask"), (["anna", "anna"], "'anna' is given twice"), ([" "], "empty name")],
)
def test_names_nobody_could_mean_are_refused(names, message):
    with pytest.raises(GuidanceError, match=message):
        make_instances(names)


def test_ids_are_those_of_the_specification():
    # "hello" is the published vector of MurmurHash3 with seed 0. The others are in the manifest of a
    # renderer's file that the Cryptomatte project publishes (cornellBox_CryptoWildcard).
    known = {
        "hello": 0x248BFA47,
        "has_*_asterisk": 0x5DEF0D04,
        "Rect_[]_right": 0x5DD125B2,
        "rect_[_top": 0xC1FA3F1F,
    }

    assert {name: cryptomatte_id(name) for name in known} == known


def test_an_id_is_never_a_denormal_or_a_nan():
    assert cryptomatte_id("") == 1 << 23  # the empty text hashes to zero
    assert all(((cryptomatte_id(str(n)) >> 23) & 255) not in (0, 255) for n in range(5000))

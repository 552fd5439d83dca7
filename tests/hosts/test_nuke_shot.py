"""What a node asks for becomes jobs: plain data to plain data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.guidance_files import write_image
from support.nuke_plugin import part

from maggie_api.errors import HostError
from maggie_api.job import CryptomatteGuidance, Hold, KeyGuidance, MaskGuidance, MatteJob, Pin
from maggie_api.settings import EdgeSettings, MatteSettings, RunSettings

shot, state, job_plan, instances, colour = map(part, ("shot", "state", "job_plan", "instances", "colour"))
ACES = colour.ProjectColour("OCIO", config="custom", custom="/show/config.ocio", working="ACEScg")


def files(name: str, path: str, **more: Any) -> Any:
    """An input that a bare Read is connected to."""
    return state.InputSource(
        name, more.pop("node", "Read1"), more.pop("first", 1001), more.pop("last", 1100), path, **more
    )


def nodes(name: str, **more: Any) -> Any:
    """An input that has to be rendered."""
    return state.InputSource(name, "Grade1", 1001, 1100, None, why="it comes from Grade1", **more)


PLATE = files("plate", "/show/plate.%04d.exr", space="default (ACEScg)")
ANA, BEN = (
    files("guidance", "/show/ana.%04d.png"),
    files("guidance2", "/show/ben.%04d.png"),
)


def node_state(**fields: Any) -> Any:
    """A node with two masks from files."""
    given = {
        "plate": PLATE,
        "guidance": (ANA, BEN),
        "rows": (state.InstanceRow("Ana", "guidance"), state.InstanceRow("Ben", "guidance2")),
        "id": "3f2a90cd",
        "folder": "/show/comp",
        "project_colour": ACES,
        **fields,
    }
    return state.NodeState("MaGGIe1", **given)


def plan(**fields: Any) -> Any:
    (only,) = shot.plans(node_state(**fields))
    return only


def test_files_are_passed_as_they_are():
    found = plan()

    assert found.job == MatteJob(
        plate="/show/plate.%04d.exr",
        output="/show/comp/maggie/MaGGIe1_3f2a90cd/mattes/matte.%04d.exr",
        guidance=(MaskGuidance("Ana", "/show/ana.%04d.png"), MaskGuidance("Ben", "/show/ben.%04d.png")),
        frames="1001-1100",
        shot_frames="1001-1100",
        ocio="/show/config.ocio",
        colorspace="ACEScg",
        cache="/show/comp/maggie/MaGGIe1_3f2a90cd/state",
    )
    assert found.renders == ()
    assert found.layers == (("Ana", "maggie_ana"), ("Ben", "maggie_ben"))


def test_every_knob_is_in_the_job():
    matte = MatteSettings(
        exposure_ev=-1.5, working_px=448, segment_frames=24, overlap="shared", data_window="plate"
    )
    job = plan(
        run=RunSettings(
            model="him50k", commercial=True, device="cuda:1", precision="fp16", on_missing="hold"
        ),
        cache="/cache/x",
        matte=matte,
    ).job

    assert (job.model, job.commercial, job.device, job.precision) == ("him50k", True, "cuda:1", "fp16")
    assert job.on_missing == "hold"
    assert (job.exposure_ev, job.working_px, job.segment_frames) == (-1.5, 448, 24)
    assert (job.overlap, job.data_window) == ("shared", "plate")
    assert (job.output, job.cache) == (
        "/cache/x/MaGGIe1_3f2a90cd/mattes/matte.%04d.exr",
        "/cache/x/MaGGIe1_3f2a90cd/state",
    )
    assert plan(matte=MatteSettings(segment_frames="whole")).job.segment_frames == "whole"
    assert plan(run=RunSettings(model="models/mine")).job.model == "/show/comp/models/mine"


def test_what_the_artist_writes_goes_before_the_script():
    job = plan(matte=MatteSettings(ocio="ocio://default", colorspace="lin_rec709")).job

    assert (job.ocio, job.colorspace) == ("ocio://default", "lin_rec709")


def test_a_layer_of_the_plate_is_still_there_when_the_plate_is_rendered():
    (render,) = plan(plate=nodes("plate"), matte=MatteSettings(plate_layer="beauty")).renders

    assert render.channels == "all"


@pytest.mark.parametrize(
    ("fields", "frames"),
    [
        ({"frames": "custom", "range": "1001-1010x3"}, "1001-1010x3"),
        ({"frames": "script", "script_first": 1090, "script_last": 1200}, "1090-1100"),
        ({"frames": "input"}, "1001-1100"),
    ],
)
def test_frames_are_the_plates_the_scripts_or_chosen(fields: dict[str, Any], frames: str):
    job = plan(**fields).job

    assert (job.frames, job.shot_frames) == (frames, "1001-1100")


def test_a_shifted_plate_keeps_its_own_numbers():
    moved = replace(PLATE, first=1, last=100, shift=1000)
    same = [replace(each, first=1, last=100, shift=1000) for each in (ANA, BEN)]

    found = plan(plate=moved, guidance=tuple(same), frames="custom", range="5-6")

    assert (found.job.frames, found.job.shot_frames, found.shift) == ("1005-1006", "1001-1100", 1000)
    assert found.renders == ()


def test_guidance_that_is_shifted_otherwise_has_an_offset_and_a_core_is_rendered():
    moved = replace(PLATE, first=1, last=100, shift=1000)
    masks = replace(ANA, first=1, last=100, shift=0)
    rows = (state.InstanceRow("Ana", "guidance"),)

    found = plan(plate=moved, guidance=(masks,), rows=rows, frames="custom", range="5")
    held = plan(
        plate=moved,
        guidance=(masks, replace(masks, input="guidance2")),
        rows=(replace(rows[0], core="guidance2"),),
        frames="custom",
        range="5",
    )

    assert found.renders == ()
    assert found.job.guidance == (MaskGuidance("Ana", "/show/ana.%04d.png", offset=-1000),)
    (render,) = held.renders
    assert (render.input, render.shift) == ("guidance2", 1000)
    assert render.frames == (*range(1001, 1008), *range(1009, 1051, 4))
    assert render.pattern == "/show/comp/maggie/MaGGIe1_3f2a90cd/guidance2/guidance2.%04d.exr"
    assert held.job.core[0].sequence == render.pattern
    assert "shifted" in render.why


def test_what_is_no_read_is_rendered_in_working_space():
    found = plan(plate=nodes("plate"), guidance=(nodes("guidance", channels=("rgba.red", "rgba.alpha")), BEN))

    assert [(each.input, each.channels) for each in found.renders] == [("plate", "rgb"), ("guidance", "rgba")]
    assert found.job.plate == "/show/comp/maggie/MaGGIe1_3f2a90cd/plate/plate.%04d.exr"
    assert found.job.colorspace == "ACEScg"
    assert found.job.guidance[1].sequence == "/show/ben.%04d.png"


def test_guidance_with_fewer_frames_than_the_plate_is_rendered_as_nuke_shows_it():
    found = plan(guidance=(replace(ANA, last=1050), BEN))

    assert [(each.input, each.why) for each in found.renders] == [
        ("guidance", "it has only the frames 1001-1050 of the plate's")
    ]


def test_one_picture_guides_every_frame_and_is_no_plate():
    still = files("guidance", "/show/ana.png", first=1, last=1)

    assert plan(guidance=(still, BEN)).renders == ()
    assert plan(plate=replace(PLATE, path="/show/plate.exr")).renders[0].input == "plate"


def test_instances_out_of_use_and_their_inputs_are_left_out():
    found = plan(
        guidance=(nodes("guidance"), BEN),
        rows=(state.InstanceRow("Ana", "guidance", use=False), state.InstanceRow("Ben", "guidance2")),
    )

    assert found.renders == ()
    assert [name for name, _ in found.layers] == ["Ben"]


def test_layers_of_one_input_are_instances():
    layered = files("guidance", "/show/ids.%04d.exr", channels=("rgba.red", "hero.alpha", "extra.alpha"))

    rows = instances.found_rows(node_state(guidance=(layered,), rows=()))

    assert rows == [state.InstanceRow("hero", "guidance:hero"), state.InstanceRow("extra", "guidance:extra")]
    assert plan(guidance=(layered,), rows=tuple(rows)).job.guidance == (
        MaskGuidance("hero", "/show/ids.%04d.exr", channel="hero"),
        MaskGuidance("extra", "/show/ids.%04d.exr", channel="extra"),
    )


def test_objects_of_a_cryptomatte_are_instances_and_stay_together():
    crypto = files(
        "guidance",
        "/show/id.%04d.exr",
        cryptomattes=(state.Cryptomatte("CryptoObject", ("ana", "ben", "wall")),),
    )

    rows = instances.found_rows(node_state(guidance=(crypto, BEN), rows=()), "ana, b*")
    found = plan(guidance=(crypto, BEN), rows=(rows[0], state.InstanceRow("Cat", "guidance2"), rows[1]))

    assert rows[0] == state.InstanceRow("ana", "guidance:crypto:CryptoObject")
    assert found.job.guidance == (
        CryptomatteGuidance("/show/id.%04d.exr", layer="CryptoObject", instances=("ana", "ben")),
        MaskGuidance("Cat", "/show/ben.%04d.png"),
    )
    assert [name for name, _ in found.layers] == ["ana", "ben", "Cat"]


def test_a_cryptomatte_is_never_rendered_and_never_too_large():
    names = tuple(f"object{i}" for i in range(65))
    crypto = nodes("guidance", cryptomattes=(state.Cryptomatte("CryptoObject", names),))
    given = node_state(
        guidance=(crypto,), rows=(state.InstanceRow("object1", "guidance:crypto:CryptoObject"),)
    )

    with pytest.raises(HostError, match="ids survive no filter"):
        shot.plans(given)
    with pytest.raises(HostError, match="65 objects"):
        instances.found_rows(given)
    with pytest.raises(HostError, match="no object called wall"):
        instances.found_rows(given, "wall")


def test_finding_again_keeps_names_and_choices():
    rows = (state.InstanceRow("Hero", "guidance", use=False),)

    assert instances.found_rows(node_state(rows=rows)) == [rows[0], state.InstanceRow("ben", "guidance2")]


def test_a_lone_mask_is_called_by_its_file_or_node_once():
    roto = replace(nodes("guidance2"), node="Comp.Roto_hero")
    again = files("guidance3", "/else/ana.####.exr")

    rows = instances.found_rows(node_state(guidance=(ANA, roto, again), rows=()))

    assert [row.name for row in rows] == ["ana", "Roto_hero", "ana 2"]


def test_views_have_jobs_of_their_own_where_they_differ():
    left, right = shot.plans(
        node_state(plate=replace(PLATE, path="/show/%V/plate.%v.%04d.exr"), views=("left", "right"))
    )

    assert left.job.plate == "/show/left/plate.l.%04d.exr"
    assert right.job.output == "/show/comp/maggie/MaGGIe1_3f2a90cd/mattes/right/matte.%04d.exr"
    assert left.mattes == right.mattes == "/show/comp/maggie/MaGGIe1_3f2a90cd/mattes/%V/matte.%04d.exr"
    assert left.job_file != right.job_file
    assert len(shot.plans(node_state(views=("left", "right")))) == 1


def test_proxy_mode_stops_only_what_nuke_has_to_render():
    assert plan(proxy=True).job.plate == "/show/plate.%04d.exr"
    with pytest.raises(HostError, match="guidance has to be rendered .* proxy mode is on"):
        plan(proxy=True, guidance=(nodes("guidance"), BEN))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"plate": None}, "connect the plate"),
        ({"rows": ()}, "no instance is in use"),
        ({"guidance": (ANA, None)}, "'Ben' comes from the input 'guidance2', to which nothing"),
        ({"folder": ""}, "save the script"),
        ({"frames": "custom", "range": "1-5"}, "no frames 1-5, it has 1001-1100"),
        ({"frames": "custom", "range": "1.5"}, "'1.5' is no frame range: write it like 1001-1100"),
        ({"frames": "script", "script_first": 1, "script_last": 9}, "no frames 1-9"),
        ({"project_colour": colour.ProjectColour("Nuke")}, "colour management"),
    ],
)
def test_what_is_missing_is_one_sentence(fields: dict[str, Any], sentence: str):
    with pytest.raises(HostError, match=sentence):
        plan(**fields)


def test_no_guidance_is_said_when_instances_are_looked_for():
    with pytest.raises(HostError, match="connect the masks"):
        instances.found_rows(node_state(guidance=(None, None), rows=()))


def test_missing_mattes_are_looked_for_where_the_ends_are_held(tmp_path: Path):
    found = plan(own=str(tmp_path))
    (tmp_path / "mattes").mkdir()
    channels = ("maggie_ana.alpha", "maggie_ben.alpha")
    write_image(tmp_path / "mattes" / "matte.1001.exr", np.zeros((4, 4, 2), np.float32), channels=channels)

    assert found.missing([990, 1000, 1001]) == []
    assert found.missing([1001, 1002, 1100, 1200]) == [1002, 1100]


def test_a_matte_without_a_layer_that_is_asked_for_cannot_be_shown(tmp_path: Path):
    sequence = job_plan.MatteSequence(
        str(tmp_path / "m.%04d.exr"), 1, 3, 0, layers=(("Ana", "maggie_ana"), ("Ben", "maggie_ben"))
    )
    alphas = np.zeros((4, 4, 2), np.float32)
    write_image(tmp_path / "m.0001.exr", alphas, channels=("maggie_ana.alpha", "maggie_ben.alpha"))
    write_image(tmp_path / "m.0002.exr", alphas[..., :1], channels=("maggie_ana.alpha",))
    (tmp_path / "m.0003.exr").write_bytes((tmp_path / "m.0001.exr").read_bytes()[:60])

    said = sequence.wrong([1, 2, 3])

    assert said == {2: "lacks Ben", 3: "cannot be read (its header ends too early)"}


def test_the_folder_stays_when_the_node_and_the_script_are_renamed():
    made = shot.cache_folder(node_state())
    later = replace(node_state(own=made, folder="/show/comp/v002"), node="Hero")

    assert made == "/show/comp/maggie/MaGGIe1_3f2a90cd"
    assert shot.cache_folder(later) == made
    assert shot.cache_folder(replace(later, cache="/fast")) == "/fast/Hero_3f2a90cd"


def test_the_job_document_has_all_frames_also_when_one_is_made():
    (found,) = shot.plans(node_state(frames="custom", range="1001-1010"), [1004])

    assert (found.job.frames, found.document.frames) == ("1004", "1001-1010")


def held_by(**fields: Any) -> Any:
    """A plan with a third guidance input, for cores and garbage mattes."""
    holding = fields.pop("holding", files("guidance3", "/show/hold.%04d.exr"))
    rows = fields.pop("rows")
    return plan(guidance=(ANA, BEN, holding), rows=tuple(rows), **fields)


def test_cores_garbage_mattes_and_edges_of_an_instance_reach_the_job():
    rows = [
        state.InstanceRow("Ana", "guidance", core="guidance3:ana.A", edges="trust=0.9, grow_px=-1.5"),
        state.InstanceRow("Ben", "guidance2", garbage="guidance3"),
    ]

    job = held_by(rows=rows, garbage="guidance3:all.A", edges=EdgeSettings(gamma=1.2)).job

    assert job.core == (Hold("/show/hold.%04d.exr", "Ana", "ana.A"),)
    assert job.garbage == (
        Hold("/show/hold.%04d.exr", "Ben", None),
        Hold("/show/hold.%04d.exr", "*", "all.A"),
    )
    assert job.edges_of("Ana") == EdgeSettings(trust=0.9, grow_px=-1.5, gamma=1.2)
    assert job.edges_of("Ben") == EdgeSettings(gamma=1.2)
    assert {each.name for each in job.guidance} == {"Ana", "Ben"}


def test_a_core_that_is_no_read_is_rendered_with_its_channels():
    rows = [state.InstanceRow("Ana", "guidance", core="guidance3:ana.A")]

    (render,) = held_by(rows=rows, holding=nodes("guidance3")).renders

    assert (render.input, render.channels) == ("guidance3", "all")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"core": "guidance9"}, "the core of Ana is 'guidance9': name a guidance input that is connected"),
        ({"garbage": "plate"}, "the garbage of Ana is 'plate': name a guidance input"),
        ({"edges": "grow=2"}, "the edges of Ana say 'grow=2': write options as trust=0.9 grow_px=-1.5"),
        ({"edges": "trust=7"}, 'trust is 7.0|"trust" is 7.0'),
    ],
)
def test_what_cannot_hold_is_said(row: dict[str, str], said: str):
    with pytest.raises(HostError, match=said):
        held_by(rows=[state.InstanceRow("Ana", "guidance", **row)])


def test_an_input_that_only_holds_is_no_instance():
    rows = (state.InstanceRow("Ana", "guidance", core="guidance2"),)

    found = instances.found_rows(node_state(guidance=(ANA, BEN), rows=rows))

    assert [row.source for row in found] == ["guidance"]
    assert found[0].core == "guidance2"


def keyed(row: dict[str, Any], **fields: Any) -> Any:
    """A plan of one person whose masks are those of some frames, and Ben with a mask in every frame."""
    rows = (state.InstanceRow("Ana", "guidance", at_keys=True, **row), state.InstanceRow("Ben", "guidance2"))
    return plan(rows=rows, **{"guidance": (nodes("guidance", keyed=(1001, 1100)), BEN), **fields})


def test_shapes_are_rendered_at_their_keys_and_plates_between_them():
    found = keyed({}, plate=nodes("plate"), frames="custom", range="1040")

    plate, keys = found.renders
    folder = "/show/comp/maggie/MaGGIe1_3f2a90cd"
    assert found.job.guidance == (
        KeyGuidance("Ana", f"{folder}/keys/ana.%04d.exr"),
        MaskGuidance("Ben", "/show/ben.%04d.png"),
    )
    assert (keys.input, keys.frames, keys.label) == ("guidance", (1001, 1100), "the key masks of Ana")
    assert plate.frames == tuple(range(1001, 1101))
    assert (found.keys, found.key_files) == ((1001, 1100), ())


def test_frames_that_the_artist_names_go_before_the_keys_of_shapes_and_files():
    read = replace(ANA, shift=0)

    assert keyed({"keys": "1001,1050-1052"}).renders[0].frames == (1001, 1050, 1051, 1052)
    assert keyed({"keys": "1020"}, guidance=(read, BEN)).renders[0].frames == (1020,)


def test_the_files_of_a_read_are_keys_also_under_other_numbers(tmp_path: Path):
    for number in (1, 24, 300):
        (tmp_path / f"ana.{number:04d}.png").touch()
    read = files("guidance", f"{tmp_path}/ana.%04d.png", first=1001, last=1300, shift=-1000)

    found = keyed({}, guidance=(read, BEN))

    assert found.job.guidance[0] == KeyGuidance("Ana", f"{tmp_path}/ana.%04d.png", None, -1000)
    assert (found.renders, found.keys, found.key_files) == ((), (1001, 1024), (("Ana", (1001, 1024)),))


@pytest.mark.parametrize(
    ("row", "fields", "sentence"),
    [
        ({"keys": "1200,1050"}, {}, "'Ana' has keys at 1200, and the plate has the frames 1001-1100"),
        ({"keys": "soon"}, {}, "the keys of 'Ana': 'soon' is no frame range"),
        ({}, {"guidance": (nodes("guidance"), BEN)}, "'Ana' has no key: go to a frame where its mask is"),
        ({}, {"guidance": (ANA, BEN)}, "'Ana' has no key: /show/ana.%04d.png has no file of the plate's"),
        ({"approved": "guidance"}, {}, "the approved alphas of Ana come from guidance, but it comes from"),
        ({"approved": "guidance7"}, {}, "the approved alpha of Ana is 'guidance7': name a guidance input"),
    ],
)
def test_keys_and_approved_alphas_that_are_none_are_said(row: Any, fields: Any, sentence: str):
    with pytest.raises(HostError, match=sentence):
        keyed(row, **fields)


def test_an_object_of_a_cryptomatte_has_no_keys():
    crypto = files("guidance", "/show/id.%04d.exr", cryptomattes=(state.Cryptomatte("C", ("Ana",)),))
    row = state.InstanceRow("Ana", "guidance:crypto:C", at_keys=True, keys="1001")

    with pytest.raises(HostError, match="'Ana' is an object of a Cryptomatte, which has masks at every"):
        plan(guidance=(crypto,), rows=(row,))


def test_approved_alphas_are_files_of_their_own():
    row = state.InstanceRow("Ana", "guidance", approved="guidance3:alpha")

    job = held_by(rows=[row], holding=files("guidance3", "/show/fixed.%04d.exr", first=1010, last=1020)).job

    assert job.pins == (Pin("Ana", "/show/fixed.%04d.exr", "alpha"),)
    assert [each.name for each in instances.found_rows(node_state(rows=(row,)))] == ["Ana", "ben"]

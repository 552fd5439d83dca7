"""The document of the panel: jobs in and out, people, options, undo."""

from __future__ import annotations

import dataclasses

import pytest
from support.panel import ANA, BEN, CRYPTO, JOB, SHOT

from maggie_api.errors import JobError, SettingsError
from maggie_api.job import (
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    PictureOutput,
)
from maggie_panel.state.document import Document, History
from maggie_panel.state.keys import (
    KeyMask,
    Stroke,
    bigger,
    brush_of,
    brush_step,
    changed_files,
    smaller,
)
from maggie_panel.state.people import color_of, shown


def test_a_job_comes_back_from_the_document_as_it_was():
    document = Document.of_job(JOB)

    assert document.names == ("ana", "cy", "di", "ed", "flo", "gus", "hal")
    assert document.job() == JOB


def test_people_of_one_file_are_read_together_in_the_order_of_the_rows():
    document = Document.of_job(JOB).moved("di", 1)

    assert document.job().guidance[1] == dataclasses.replace(CRYPTO, instances=("di", "cy"))


def test_people_between_whom_another_stands_are_read_apart():
    document = Document.of_job(JOB).moved("ana", 1)

    kinds = [source.kind for source in document.job().guidance]
    assert kinds[:3] == ["cryptomatte", "mask", "cryptomatte"]


def test_a_file_of_people_nobody_knows_yet_is_one_row_until_they_are_found():
    asked = LayersGuidance("/s/l.####.exr")
    document = SHOT.with_guidance((asked,))
    assert len(document.people) == 3 and document.names == ("ana", "ben")

    found = document.with_found(asked, [LayersGuidance("/s/l.####.exr", (n,)) for n in ("gus", "hal")])

    assert found.names == ("ana", "ben", "gus", "hal")
    assert found.job().guidance[2] == LayersGuidance("/s/l.####.exr", ("gus", "hal"))


def test_a_taken_name_gets_a_number():
    assert SHOT.with_guidance((ANA,)).names == ("ana", "ben", "ana 2")


def test_somebody_who_goes_takes_their_options_along():
    document = Document.of_job(JOB).without_person("ana").without_person("cy")

    assert document.pins == () and document.per_person == () and document.core == ()
    assert document.garbage == JOB.garbage


def test_a_new_name_holds_everywhere():
    alone = dataclasses.replace(JOB, pictures=(*JOB.pictures, PictureOutput("/s/ana.mov", "ana")))
    document = Document.of_job(alone).renamed("ana", "anna")

    assert document.names[0] == "anna" and document.pins[0].name == "anna"
    assert document.edge_of("anna", "grow_px") == 1.5
    assert [picture.instance for picture in document.pictures] == [None, "anna"]


@pytest.mark.parametrize(("old", "new"), [("ana", "ben"), ("ana", " "), ("cy", "cyd")])
def test_a_name_that_cannot_be_is_refused(old: str, new: str):
    with pytest.raises(SettingsError):
        Document.of_job(JOB).with_guidance((BEN,)).renamed(old, new)


def test_solo_shows_those_alone_and_mute_wins():
    document = SHOT.with_person("ana", solo=True)
    assert shown(document.people) == ("ana",)

    assert shown(document.with_person("ana", solo=False, mute=True).people) == ("ben",)


def test_colours_follow_the_place_until_one_is_chosen():
    first, second = SHOT.people

    assert color_of(first, 0) != color_of(second, 1)
    assert color_of(dataclasses.replace(first, color=(1, 2, 3)), 0) == (1, 2, 3)


def test_an_edge_option_is_for_everybody_or_for_one_person():
    document = SHOT.with_edge("", "grow_px", 2.0).with_edge("ana", "grow_px", -1.0)

    assert document.edge_of("ben", "grow_px") == 2.0 and document.edge_of("ana", "grow_px") == -1.0
    assert document.with_edge("ana", "grow_px", 2.0).per_person == ()


def test_a_value_out_of_its_range_is_refused_in_a_sentence():
    with pytest.raises(SettingsError, match="gamma is -1"):
        SHOT.with_edge("ana", "gamma", -1.0)
    with pytest.raises(SettingsError, match="working size is 3 px"):
        SHOT.with_option("working_px", 3)


def test_an_option_at_its_default_is_no_option():
    assert SHOT.with_option("working_px", 512).with_option("working_px", 576) == SHOT


@pytest.mark.parametrize("document", [Document(), Document("/s/plate.####.exr", "/s/m.####.exr")])
def test_what_is_missing_is_said(document: Document):
    with pytest.raises(JobError, match="drop"):
        document.job()


def test_undo_goes_back_and_redo_forth():
    history = History(SHOT)
    history.do(SHOT.without_person("ana"), "remove ana")
    assert history.undoable == "remove ana"

    assert history.undo() == "remove ana" and history.document == SHOT
    assert history.redo() == "remove ana" and history.document.names == ("ben",)
    assert history.redo() == ""


def test_a_dragged_slider_is_one_step():
    history = History(SHOT)
    for value in (0.1, 0.2, 0.3):
        history.do(history.document.with_edge("", "soften_px", value), "soften", going_on="soften_px")
    history.settle()
    history.do(history.document.with_edge("", "soften_px", 0.4), "soften", going_on="soften_px")

    history.undo()
    assert history.document.option("soften_px") == 0.3
    history.undo()
    assert history.document == SHOT


# Keys.


def test_painting_leaves_the_artists_masks_alone():
    document = SHOT.with_key("ana", 1003, "/shots/sh010")
    (ana, _) = document.people

    assert ana.source == KeyGuidance("ana", "/shots/sh010/.maggie_keys/ana.####.png")
    assert ana.drawn == ((1003, KeyMask(base=ANA)),)


def test_keys_that_are_files_become_the_bases_of_drawn_ones():
    source = KeyGuidance("ana", "/s/key.####.png")
    document = Document("/s/p.####.exr").with_guidance((source,))

    drawn = dict(document.with_key("ana", 1010, "/shots/sh010", had=(1001, 1020)).people[0].drawn)

    assert [frame for frame in drawn] == [1001, 1010, 1020]
    assert drawn[1020].base == MaskGuidance("ana", "/s/key.1020.png") and drawn[1010].base is None


def test_a_key_between_keys_begins_with_the_followed_mask():
    followed = MaskGuidance("ana", "/shots/sh010/followed_ana.####.png")
    document = SHOT.with_key("ana", 1003, "/shots/sh010").with_key(
        "ana", 1005, "/shots/sh010", followed=followed
    )

    assert dict(document.people[0].drawn)[1005] == KeyMask(base=followed)


def test_every_key_of_somebody_with_masks_begins_with_them():
    document = SHOT.with_key("ana", 1003, "/shots/sh010").with_key("ana", 1005, "/shots/sh010")
    assert dict(document.people[0].drawn)[1005] == KeyMask(base=ANA)

    assert document.without_key("ana", 1003).without_key("ana", 1005) == SHOT
    anna = document.renamed("ana", "anna").without_key("anna", 1003).without_key("anna", 1005)
    assert anna == SHOT.renamed("ana", "anna")


def test_somebody_new_is_drawn_from_nothing():
    document, name = SHOT.with_new_person("/shots/sh010", "ana")
    assert name == "ana 2"
    with pytest.raises(JobError, match="ana 2 has no key: add one"):
        document.job()

    document = document.with_key(name, 1001, "/shots/sh010")

    assert dict(document.people[-1].drawn)[1001].base is None
    assert document.job().guidance[-1].kind == "key"


def test_two_people_with_one_slug_have_files_of_their_own():
    document, _ = SHOT.with_new_person("/shots/sh010", "Cy!")
    document, _ = document.with_new_person("/shots/sh010", "cy")

    assert len({person.source.sequence for person in document.people}) == 4


def test_files_of_keys_follow_the_document_both_ways():
    stroke = Stroke("paint", ((1.0, 2.0),), 5.0)
    before = SHOT.with_key("ana", 1001, "/shots/sh010")
    after = before.with_stroke("ana", 1001, stroke).with_key("ana", 1005, "/shots/sh010")
    file = "/shots/sh010/.maggie_keys/ana.1001.png"

    written, removed = changed_files(before.key_files(), after.key_files())
    assert written[file].strokes == (stroke,) and len(written) == 2 and not removed

    written, removed = changed_files(after.key_files(), before.key_files())
    assert written == {file: KeyMask(base=ANA)}
    assert removed == ["/shots/sh010/.maggie_keys/ana.1005.png"]


def test_the_brush_has_an_end_both_ways():
    assert smaller(bigger(20.0)) == pytest.approx(20.0)
    assert smaller(1.0) == 1.0 and bigger(500.0) == 500.0
    assert brush_of(brush_step(500.0)) == 500.0 and brush_step(brush_of(7)) == 7
    assert brush_step(bigger(20.0)) == brush_step(20.0) + 1

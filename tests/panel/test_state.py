"""What the panel decides without a window: dropped files, timeline, playing, pictures, jobs, commands."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from support.panel import JOB, SHOT
from support.panel_desk import Spoken

from maggie_api.errors import JobError
from maggie_api.events import (
    EffectiveSettings,
    Enlarged,
    Finished,
    FrameDone,
    FrameFailed,
    PictureFailed,
    Started,
    Warning,
)
from maggie_api.job import (
    CryptomatteGuidance,
    Guidance,
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    MatteJob,
    PictureOutput,
)
from maggie_api.serialization import to_data
from maggie_panel.state import command_line, playback, recent, truth
from maggie_panel.state.companions import beside, matte_name, person_name, sequences_of, understood
from maggie_panel.state.document import Document
from maggie_panel.state.matting import Latest, Take, frame_job, range_job
from maggie_panel.state.picture_queue import Ahead, PictureCache, PictureQueue
from maggie_panel.state.playback import Playback
from maggie_panel.state.timeline import Facts, Note, delivered_frames, lanes, next_of, notes_at
from maggie_panel.state.view import Sight, View, fitting, framed, request_of, zoomed

DEMO = Path(__file__).parents[2] / "maggie_node" / "demo_shot"
LOOK = (PictureOutput("/s/x.mov"), PictureOutput("/s/y.####.png", "ana"))


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


# Dropped files.


def test_the_demo_shot_dropped_as_a_folder_is_a_plate_with_its_masks():
    found = understood([str(DEMO / "plate.1004.exr")])

    assert found.plate == str(DEMO / "plate.####.exr")
    assert [(type(each), getattr(each, "name", "")) for each in found.guidance] == [
        (CryptomatteGuidance, ""),
        (MaskGuidance, "ana"),
        (MaskGuidance, "ben"),
    ]


def test_masks_are_paired_with_their_plate_by_name(tmp_path: Path):
    names = [f"sh010_{what}.{f}.png" for what in ("plate", "ana_mask", "ben") for f in (1, 2)]
    folder = touch(tmp_path, *names, "thumb.png", "other_cut.0001.png", "other_cut.0002.png")

    found = understood([str(folder / "sh010_plate.1.png")])

    assert [each.name for each in found.guidance if isinstance(each, MaskGuidance)] == ["ana", "ben"]


def test_a_folder_of_masks_beside_the_plate_is_found(tmp_path: Path):
    plate = touch(tmp_path / "plate", "bg.0001.exr", "bg.0002.exr") / "bg.####.exr"
    touch(tmp_path / "masks", "ana.0001.png", "ana.0002.png")

    assert [os.path.basename(each) for each in beside(str(plate))] == ["ana.####.png"]


def test_what_is_dropped_on_an_open_plate_is_a_mask(tmp_path: Path):
    folder = touch(tmp_path, "cy.0001.png", "cy.0002.png")

    found = understood([str(folder)], plate="/s/plate.####.exr")

    assert found.plate == "" and found.guidance == (MaskGuidance("cy", str(folder / "cy.####.png")),)


@pytest.mark.parametrize(
    ("masks", "kind"),
    [
        ((3,), KeyGuidance),
        ((1, 3, 4), KeyGuidance),
        ((1, 2, 3, 4, 6, 7), MaskGuidance),
        ((1001,), MaskGuidance),
    ],
)
def test_masks_of_a_few_of_the_plates_frames_are_keys(
    tmp_path: Path, masks: tuple[int, ...], kind: type[Guidance]
):
    plate = touch(tmp_path, *(f"plate.{n:04d}.exr" for n in range(1, 9))) / "plate.####.exr"
    folder = touch(tmp_path / "ana", *(f"ana.{n:04d}.png" for n in masks))

    (found,) = understood([str(folder)], plate=str(plate)).guidance

    assert (type(found), found.name) == (kind, "ana")


def test_files_of_a_sequence_are_one_even_with_a_hash_in_their_name(tmp_path: Path):
    names = [f"SC#01_plate.{frame}.exr" for frame in (1001, 1002, 1003)]
    folder = touch(tmp_path, *names)

    found = sequences_of([str(folder / name) for name in names])

    assert found == [str(folder / "SC#01_plate.####.exr")]


def test_movies_and_jobs_are_known_by_their_endings(tmp_path: Path):
    touch(tmp_path, "plate.mov")

    assert understood([str(tmp_path / "plate.mov")]).plate == str(tmp_path / "plate.mov")
    assert understood(["/s/shot.json"]).job == "/s/shot.json"


def test_an_exr_of_layers_is_a_person_each():
    found = understood([str(DEMO / "truth.1001.exr").replace("1001", "####")], plate="/s/plate.####.exr")

    assert found.guidance == ()  # nobody's masks: it is what the mattes should become
    assert isinstance(_guidance_of("truth.####.exr"), LayersGuidance)


def _guidance_of(name: str):
    from maggie_panel.state.companions import guidance_of

    return guidance_of(str(DEMO / name))


@pytest.mark.parametrize(
    ("file", "plate", "name"),
    [
        ("/s/sh010_ana_mask_v003.####.png", "/s/sh010_plate_v003.####.exr", "ana"),
        ("/s/Ana.####.png", "", "Ana"),
        ("/s/ben/mask.####.png", "/s/plate.####.exr", "ben"),
        ("/s/roto_left_actor.%04d.exr", "/s/plate.exr", "left_actor"),
    ],
)
def test_a_person_is_called_after_what_is_their_own_in_the_name(file: str, plate: str, name: str):
    assert person_name(file, plate) == name


# The timeline.


def test_the_lanes_say_what_is_there():
    document = SHOT.with_key("ana", 1003, "/shots/sh010")
    facts = Facts(
        tuple(range(1001, 1006)),
        {"ben": (1001, 1002, 1004)},
        frozenset((1005,)),
        frozenset((1001, 1002)),
        frozenset((1004,)),
        (Note((1002, 1003), "lost"), Note((), "slow")),
        (Note((1005,), "flicker"),),
    )

    found = {lane.kind: lane.runs for lane in lanes(document, facts)}

    assert found == {
        "plate": ((1001, 1005),),
        "guidance": ((1001, 1002), (1004, 1004)),
        "keys": ((1003, 1003),),
        "pinned": ((1005, 1005),),
        "matte": ((1001, 1002),),
        "cached": ((1004, 1004),),
        "warnings": ((1002, 1003),),
        "findings": ((1005, 1005),),
    }
    assert [note.text for note in notes_at(1002, facts)] == ["lost"]


def test_a_still_mask_is_there_in_every_frame():
    document = Document("/s/p.####.exr").with_guidance((MaskGuidance("ana", "/s/ana.png"),))

    assert lanes(document, Facts((1, 2, 3), {"ana": ()}))[1].runs == ((1, 3),)


def test_the_next_key_is_found_either_way():
    assert next_of((1001, 1010, 1020), 1010, 1) == 1020
    assert next_of((1001, 1010), 1010, 1) == 1010 and next_of((1001, 1010), 1005, -1) == 1001


# Playing.


def test_l_doubles_the_speed_and_j_turns_round():
    at = Playback(1001, 1001, 1010)

    assert at.forward().forward().speed == 2
    assert at.forward().forward().backward().speed == -1
    for _ in range(9):
        at = at.backward()
    assert at.speed == -playback.MAX_SPEED and at.stopped().speed == 0


def test_playing_keeps_time_and_goes_round():
    at = Playback(1009, 1001, 1010).forward()
    for _ in range(30):  # a tick of 1/120 s each: a quarter of a second is six frames
        at = at.after(1 / 120)

    assert at.frame == 1005 and at.passed == pytest.approx(0, abs=1e-9)


def test_steps_end_at_the_ends():
    at = Playback(1002, 1001, 1010).forward()

    assert at.stepped(-5).frame == 1001 and at.stepped(-5).speed == 0
    assert at.in_range(1005, 1010).frame == 1005


# Views and pictures.


def test_a_picture_depends_only_on_what_its_mode_shows():
    sight = Sight(1001, (960, 540), "/s/m.####.exr", 3, (1920, 1080))
    plate = request_of(SHOT, View("plate", ground_color=(1, 2, 3)), sight)

    assert plate.key == request_of(SHOT.without_person("ana"), View("plate"), sight).key
    assert plate.mattes == "" and plate.guidance == ()
    over = request_of(SHOT, View("over"), sight)
    assert over.mattes == "/s/m.####.exr" and [name for name, _ in over.people] == ["ana", "ben"]
    assert over.key != request_of(SHOT.with_person("ana", mute=True), View("over"), sight).key


def test_zooming_keeps_the_place_under_the_pointer():
    view = zoomed(View(), 8.0, at=(0.25, 0.5), whole=0.25)
    region, size = framed(view, (4096, 2160), (1024, 540))

    assert view.zoom == 2.0 and size == (512, 270)
    assert region is not None and region[0] <= 0.25 * 4096 <= region[0] + region[2]
    assert (0.25 * 4096 - region[0]) / region[2] == pytest.approx(0.25, abs=0.01)


def test_out_of_the_whole_picture_there_is_nothing_further():
    view = zoomed(View(zoom=0.3), 0.1, at=(0.5, 0.5), whole=0.25)

    assert view.zoom == 0.0 and framed(view, (4096, 2160), (1024, 540)) == (None, (1024, 540))
    assert fitting((4096, 2160), (1024, 540)) == 0.25
    assert framed(View(zoom=1.0), (2048, 1556), (1024, 540), 2.0) == ((768, 508, 512, 540), (1024, 540))


def queue(limit: int = 10) -> PictureQueue:
    return PictureQueue(PictureCache(limit))


def picture(frame: int, **changes: object):
    request = request_of(SHOT, View("plate"), Sight(frame, (96, 54)))
    return dataclasses.replace(request, **changes)  # type: ignore[arg-type]


def test_the_newest_view_is_drawn_and_those_between_are_not():
    found = queue()
    for number, frame in enumerate((1, 2)):
        found.want("a", picture(frame))
        request = found.next()
        assert request == picture(frame)
        found.asked(number, request)
    for frame in range(3, 9):
        found.want("a", picture(frame))
    assert found.next() is None  # two are under way

    found.answered(0, "picture", 1)

    assert found.next() == picture(8)


def test_pictures_ahead_wait_for_those_that_are_looked_at():
    found = queue()
    found.look_ahead(Ahead(picture(9), 1, 10, most=4))
    found.want("a", picture(9))
    found.asked(0, picture(9))

    assert found.next() is None  # a place is left free
    found.answered(0, "picture", 1)
    assert found.next() == picture(10)
    found.asked(1, picture(10))
    found.answered(1, "picture", 1)
    assert found.next() == picture(1)


def test_a_picture_that_cannot_be_drawn_is_not_asked_for_again():
    found = queue()
    found.want("a", picture(1))
    found.asked(0, picture(1))
    found.answered(0, None, 0)

    assert found.next() is None


def test_memory_is_bounded_and_the_oldest_goes():
    cache = PictureCache(30)
    for frame in range(1, 6):
        cache.put(picture(frame), f"p{frame}", 10)
        cache.get(picture(1))

    assert cache.size <= 30 and cache.frames(picture(1)) == {1, 4, 5}
    assert cache.frames(picture(1, exposure_ev=1.0)) == frozenset()


@pytest.mark.parametrize(
    ("plate", "name"),
    [
        ("/s/plate.####.exr", "matte.####.exr"),
        ("/s/sh010_plate_v002.####.exr", "sh010_v002_matte.####.exr"),
        ("/s/p3m_07141906.jpg", "p3m_07141906_matte.####.exr"),
        ("/s/walk.mov", "walk_matte.####.exr"),
    ],
)
def test_plates_of_one_folder_have_mattes_of_their_own(plate: str, name: str):
    assert matte_name(plate) == name


# Jobs.


def test_a_preview_is_the_frame_by_itself_and_smaller():
    quick = frame_job(SHOT, 1003, "/shots/sh010", preview=True)
    whole = frame_job(SHOT, 1003, "/shots/sh010", preview=False)

    assert (quick.frames, quick.working_px, quick.segment_frames) == ("1003", 288, 1)
    assert (whole.working_px, whole.segment_frames) == (576, 48)
    assert quick.output != whole.output and quick.cache == whole.cache and quick.cache_gb == 4
    own = frame_job(SHOT.with_option("cache", "/cache"), 1003, "/shots/sh010", preview=True)
    assert (own.cache, own.cache_gb) == ("/cache", 20)
    assert frame_job(SHOT, 1004, "/shots/sh010", preview=True).output == quick.output
    changed = SHOT.with_edge("", "grow_px", 1.0)
    assert frame_job(changed, 1003, "/shots/sh010", preview=True).output != quick.output


def test_a_range_is_the_delivered_job():
    job = range_job(SHOT, "/shots/sh010", "1001-1004")

    assert job.frames == "1001-1004" and job.output == SHOT.output
    with pytest.raises(JobError, match='"output" is empty'):
        range_job(dataclasses.replace(SHOT, output=""), "/shots/sh010", "1-2")


def test_the_frames_of_a_range_are_those_of_the_job():
    thinned = (1001, 1003, 1005)

    assert delivered_frames(SHOT, thinned) == "1001-1005x2"  # every second frame is the whole shot
    assert delivered_frames(SHOT, (1001, 1002, 1004)) == "1001-1004"  # a gap is the job's to judge
    assert delivered_frames(SHOT.with_option("shot_frames", "1001-1010"), thinned) == "1001-1010"
    assert delivered_frames(SHOT.with_option("frames", "1001,1005-1009x2"), thinned) == "1001,1005-1009x2"


def test_while_one_frame_is_computed_only_the_newest_wish_waits():
    latest = Latest()
    jobs = [
        frame_job(SHOT.with_edge("", "grow_px", n / 10), 1003, "/shots/sh010", preview=True) for n in range(5)
    ]

    assert [latest.want(job) for job in jobs] == [jobs[0], None, None, None, None]
    assert latest.is_overtaken
    assert latest.ended() == jobs[4] and not latest.is_overtaken
    assert latest.ended() is None and latest.is_idle


def started(frames: tuple[int, ...] = (1001, 1002)) -> Started:
    asked = EffectiveSettings("auto", "auto", "auto", refine="auto")
    effective = EffectiveSettings("cpu", "fp32", "native", refine="guided")
    return Started(
        frames, (), "cpu", "maggie-default", "fp32", asked, effective, "1024x576", "x", "acescg", "ocio", "hm"
    )


def test_the_truth_line_says_what_was_asked_and_what_is():
    done = FrameDone(1002, "m", 1.25, cached=False, reused="state")

    said = truth.line(truth.truth(started(), done, model="default"))

    assert "model default \u2192 maggie-default" in said
    assert "device auto \u2192 cpu" in said and "precision auto \u2192 fp32" in said
    assert "scale 1024x576, nobody enlarged" in said and "colour acescg (assumed)" in said
    assert "frame 1002 from the cached network result, 1.25 s" in said
    assert truth.truth(None, None, model="default") == ()
    small = tuple(Enlarged(f"p{n}", 1.0 + n, "8x8+0+0") for n in range(1, 6))
    crowd = dataclasses.replace(done, enlarged=small)
    assert "scale 1024x576, 5 people enlarged x2.0 to x6.0" in truth.line(
        truth.truth(started(), crowd, model="default")
    )
    there = dataclasses.replace(done, cached=True)
    assert "enlarged" not in truth.line(truth.truth(started(), there, model="default"))


def test_a_picture_that_could_not_be_written_is_told():
    spoken = Spoken(JOB, False)
    take = Take(spoken.job, "range", spoken)
    spoken.say(started((1001,)), FrameDone(1001, "m", 2.0, cached=False))
    spoken.say(PictureFailed("/s/look.mov", "no room left"), Finished(1, 0, 0, pictures_failed=1))
    take.poll()

    assert take.progress.state == "failed" and take.status == "/s/look.mov: no room left"


def test_a_job_under_way_says_how_far_it_is():
    spoken = Spoken(JOB, False)
    take = Take(spoken.job, "range", spoken)
    assert take.poll() == [] and take.status == "waiting for the worker"
    spoken.say(started((1001, 1002, 1003, 1004)), FrameDone(1001, "m", 2.0, cached=False))
    assert len(take.poll()) == 2 and take.status == "1 of 4 mattes, 2.0 s a frame, 0:06 left"
    spoken.say(
        Warning("lost-subject", "ana is lost from 1003", (1003,)),
        FrameFailed(1002, "no memory"),
        Finished(1, 0, 1),
    )
    take.poll()

    assert take.status == "frame 1002: no memory" and take.over
    assert (take.done, take.failed) == ({1001}, {1002}) and take.last is not None
    assert [(note.frames, note.text) for note in take.notes] == [
        ((1003,), "ana is lost from 1003"),
        ((1002,), "no memory"),
    ]


# The command line.


@pytest.mark.parametrize(
    "job",
    [
        JOB,
        MatteJob(
            "/s/p.mov", "/s/m.####.exr", (MaskGuidance("ana", "/s/a.####.exr", "hero.A", offset=-1000),)
        ),
        MatteJob("/s/p.exr", "", (KeyGuidance("ana", "/s/k.####.png"),), pictures=LOOK, depth="float"),
        dataclasses.replace(JOB, resume=False, commercial=True, exposure_ev="auto", segment_frames="whole"),
        dataclasses.replace(JOB, trust=0.5, soften_px=1.25, device="cuda:1", fps=23.976, sum_to_one=True),
    ],
)
def test_the_command_makes_the_same_job(job: MatteJob, command):
    words = command_line.matte_command(job)

    ran = command(*words[1:], "--print-job")

    assert ran.exit_code == 0, ran.stderr
    assert MatteJob.from_json(ran.stdout) == job


def test_a_name_that_no_command_can_say_is_told():
    with pytest.raises(JobError, match="save the job instead"):
        command_line.matte_command(dataclasses.replace(JOB, guidance=(MaskGuidance("a=b", "/s/a.exr"),)))


def test_recent_jobs_are_kept_in_order_while_they_are_there(tmp_path: Path):
    file = tmp_path / "settings" / "panel.json"
    jobs = [str(touch(tmp_path, f"{n}.json") / f"{n}.json") for n in range(15)]
    for job in (*jobs, jobs[3]):
        recent.remember_job(job, file)
    os.remove(jobs[14])

    found = recent.recent_jobs(file)

    assert found[:2] == [jobs[3], jobs[13]] and len(found) == recent.KEPT - 1


def test_a_request_is_plain_data():
    request = request_of(SHOT, View("guidance"), Sight(1001, (96, 54)))

    assert to_data(SHOT.people[0].source) in request.guidance

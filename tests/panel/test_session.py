"""The panel without its window: opening, looking, keys, mattes, undo. Pictures are real, the worker is told
what to say."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from support.panel_desk import DeskPictures, SpokenCommand, SpokenWorker, settled, until
from support.shots import HEIGHT, WIDTH, TinyShot

from maggie_api.errors import HostError
from maggie_api.events import EffectiveSettings, Finished, FrameDone, Started, Warning, to_line
from maggie_api.job import CryptomatteGuidance, KeyGuidance, MaskGuidance, read_job
from maggie_api.sequences import matte_path
from maggie_panel.state.commands import Ended
from maggie_panel.state.own_folder import remove_abandoned
from maggie_panel.state.session import Session

DEMO = Path(__file__).parents[2] / "maggie_node" / "demo_shot"


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Any]:
    commands: list[SpokenCommand] = []

    def start(title: str, words: list[str]) -> SpokenCommand:
        commands.append(SpokenCommand(title, words))
        return commands[-1]

    made = Session(DeskPictures(), SpokenWorker(), folder=tmp_path / "panel", start_command=start)  # type: ignore[arg-type]
    made.folder.mkdir()
    made.set_viewer(WIDTH, HEIGHT)
    made.commands = commands  # type: ignore[attr-defined]
    yield made
    made.close()


@pytest.fixture
def opened(session: Any, shot: TinyShot) -> Any:
    settled(session, [shot.plate, *(shot.mask(name) for name in shot.names)])
    return session


def pixels(session: Session, side: str = "b") -> np.ndarray:
    until(session, lambda: session.picture(side)[1])
    drawn, _ = session.picture(side)
    assert drawn is not None
    return np.frombuffer(drawn.pixels, np.uint8).reshape(drawn.height, drawn.width, 3)


def started(frames: tuple[int, ...]) -> Started:
    settings = EffectiveSettings("cpu", "fp32", "native")
    return Started(frames, (), "cpu", "m", "fp32", settings, settings, "96x64", "x", "c", "o")


def write_matte(path: str, frame: int) -> FrameDone:
    """A matte with ana in its left half."""
    import OpenImageIO

    oiio: Any = OpenImageIO
    file = path.replace("####", f"{frame:04d}")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    alpha = np.zeros((HEIGHT, WIDTH, 1), np.float32)
    alpha[:, : WIDTH // 2] = 1
    spec = oiio.ImageSpec(WIDTH, HEIGHT, 1, "half")
    spec.channelnames = ("ana.alpha",)
    out = oiio.ImageOutput.create(file)
    assert out.open(file, spec) and out.write_image(alpha) and out.close()
    return FrameDone(frame, file, 0.5, cached=False, paths=(file,))


def key_mask(session: Session, frame: int) -> np.ndarray:
    until(session, lambda: not session._keys_under_way)
    (file,) = [file for file in session.document.key_files() if f".{frame}." in file]
    return cv2.imread(file, cv2.IMREAD_UNCHANGED)


def test_a_plate_and_masks_are_open_after_a_drop(opened: Session, shot: TinyShot):
    assert opened.plate.frames == shot.frames and opened.plate.size == (WIDTH, HEIGHT)
    assert opened.document.names == ("ana", "ben")
    assert opened.facts.guidance["ana"] == shot.frames
    assert opened.document.output == str(shot.folder / "maggie" / "matte.####.exr")


def test_the_guidance_overlay_shows_who_is_not_mute(opened: Session):
    both = pixels(opened)
    opened.set_person("ana", mute=True)
    without = pixels(opened)
    opened.look(mode="plate")
    plate = pixels(opened)

    left, right = np.s_[20:40, 14:28], np.s_[24:50, 36:52]
    assert not np.array_equal(both[left], without[left]) and np.array_equal(both[right], without[right])
    assert not np.array_equal(plate[right], without[right])


def test_what_cannot_be_opened_is_told(session: Session, tmp_path: Path):
    session.drop([str(tmp_path / "no.####.exr")])
    until(session, lambda: "matches no file" in session.message)

    session.drop([str(tmp_path / "no.json")])
    until(session, lambda: "give a job document" in session.message)


def test_an_answer_about_the_shot_before_is_nobodys(session: Any, shot: TinyShot):
    for plate in (str(DEMO / "plate.####.exr"), shot.plate):
        session.open_shot(plate)
    session._pictures._ready.reverse()  # the first shot was slow
    session.poll()

    assert session.plate.frames == shot.frames and session.plate.size == (WIDTH, HEIGHT)


def test_a_saved_job_opens_again(opened: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    opened.set_option("working_px", 128)
    document, file = opened.document, str(tmp_path / "job.json")
    opened.save_job(file)
    opened.set_option("working_px", 256)

    opened.open_job(file)
    until(opened, lambda: opened.document == document)

    assert opened.recent == [file] and not opened.history.undoable
    assert (
        opened.command_line().startswith("maggie-node matte ") and "--working-px 128" in opened.command_line()
    )


def test_a_job_that_cannot_be_saved_is_told_by_its_own_name(opened: Session, tmp_path: Path):
    file = tmp_path / "none" / "job.json"
    opened.save_job(str(file))

    assert opened.message == f"{file}: no such file or directory: check the path"
    assert opened.job_file == ""


def test_people_of_a_cryptomatte_are_found_and_picked_by_a_click(session: Session):
    crypto = str(DEMO / "crypto.1003-1004####.exr")
    settled(session, [str(DEMO / "plate.1003-1004####.exr"), crypto])
    assert session.document.names == ("ana", "ben", "set")
    session.go(1004)

    session.pick((0.02, 0.02))  # the set is here
    until(session, lambda: session.document.names == ("ana", "ben"))
    session.pick((0.48, 0.6))
    until(session, lambda: session.document.names == ("ben",))
    session.undo()

    assert session.document.job().guidance == (CryptomatteGuidance(crypto, instances=("ana", "ben")),)


def test_people_whose_search_was_undone_are_searched_for_again(opened: Session):
    crypto = CryptomatteGuidance(str(DEMO / "crypto.####.exr"))
    opened.add_guidance((crypto,))
    opened.add_guidance((MaskGuidance("cy", opened.document.people[0].source.sequence),))
    until(opened, lambda: opened.document.names == ("ana", "ben", "set", "cy"))

    opened.undo()
    assert [person.name for person in opened.document.people] == ["ana", "ben", ""]
    until(opened, lambda: opened.document.names == ("ana", "ben", "set"))


def test_somebody_with_masks_and_in_a_cryptomatte_is_one_person(session: Session):
    settled(session, [str(DEMO / "plate.1004.exr")])

    assert session.document.names == ("set", "ana", "ben")
    assert session.message == "ana, ben of crypto.####.exr: already there, left out"
    assert session.facts.guidance["ana"] == session.plate.frames


def test_painting_makes_a_key_on_the_mask_and_undo_takes_it_back(opened: Session, shot: TinyShot):
    opened.go(1002)
    opened.select("ana")
    opened.take_tool("paint")
    opened.brush_px = 4.0
    opened.stroke([(70.0, 10.0), (80.0, 10.0)])

    mask = key_mask(opened, 1002)
    own = cv2.imread(shot.mask("ana").replace("####", "1002"), cv2.IMREAD_GRAYSCALE)
    assert mask[10, 75] == 255 and own[10, 75] == 0
    assert np.array_equal(mask[20:], own[20:])
    assert isinstance(opened.document.people[0].source, KeyGuidance)

    opened.take_tool("erase")
    opened.stroke([(75.0, 10.0)])
    assert key_mask(opened, 1002)[10, 75] == 0
    opened.undo()
    assert np.array_equal(key_mask(opened, 1002), mask)
    opened.undo()
    assert opened.document.people[0].source == MaskGuidance("ana", shot.mask("ana"))
    assert not list(shot.folder.rglob(".maggie_keys/*.png"))


def test_fill_fills_what_is_enclosed(opened: Session):
    opened.new_person()
    opened.brush_px = 2.0
    opened.take_tool("paint")
    opened.stroke([(20.5, 20.5), (40.5, 20.5), (40.5, 40.5), (20.5, 40.5), (20.5, 20.5)])
    opened.take_tool("fill")
    opened.stroke([(30.0, 30.0)])

    mask = key_mask(opened, 1001)
    assert mask[22:39, 22:39].min() == 255 and mask[10, 10] == 0 and mask[50, 50] == 0
    opened.stroke([(31.0, 31.0)])  # it is filled, and what is drawn after it is kept
    opened.take_tool("paint")
    opened.stroke([(60.0, 50.0)])
    assert key_mask(opened, 1001)[50, 60] == 255


def test_a_key_that_could_not_be_written_is_told_and_written_for_the_next_matte(opened: Any, shot: TinyShot):
    in_the_way = shot.folder / "maggie"
    in_the_way.touch()
    opened.select("ana")
    opened.add_key()
    opened.matte_frame()
    until(opened, lambda: not opened.are_keys_under_way)
    assert opened.message.startswith("cannot write") and opened._worker.jobs == []

    in_the_way.unlink()
    opened.matte_frame()
    until(opened, lambda: opened._worker.jobs)
    assert [file.name for file in shot.folder.rglob(".maggie_keys/*.png")] == ["ana.1001.png"]


def test_nobody_chosen_is_told_and_a_number_chooses(opened: Session):
    opened.add_key()
    assert opened.message.startswith("choose a person first")

    opened.select_place(2)
    opened.add_key()
    assert opened.document.people[1].keys == (1001,)
    opened.delete_key()
    assert opened.document.people[1].keys == ()


def test_following_keys_shows_masks_and_who_is_lost(opened: Any):
    opened.select("ana")
    opened.add_key()
    opened.propagate()
    until(opened, lambda: opened.commands)
    command = opened.commands[0]
    assert command.words[0] == "propagate" and command.words[-1] == "--json"
    assert read_job(Path(command.words[1])).guidance[0].kind == "key"

    lost = to_line(Warning("lost-subject", "ana is lost from 1004: add a key mask near there", (1004,)))
    command.ended = Ended(0, lost + "\n", "")
    until(opened, lambda: opened.command is None)

    assert opened.message.startswith("ana is lost from 1004") and set(opened.followed) == {"ana"}
    opened.jump_note(1)
    assert opened.playback.frame == 1004 and opened.notes[0].frames == (1004,)
    opened.select("ana")
    opened.add_key()
    assert opened.is_followed_old


def test_dragging_an_edge_asks_for_previews_and_the_newest_wins(opened: Any):
    worker = opened._worker
    opened.look(mode="over")
    for value in (0.5, 1.0, 1.5):
        opened.set_edge("grow_px", value, dragging=True)
    opened.set_edge("grow_px", 2.0)

    assert len(worker.jobs) == 1 and worker.jobs[0].interactive and worker.jobs[0].cancelled
    assert worker.jobs[0].job.grow_px == 0.5 and worker.jobs[0].job.working_px == 288
    worker.jobs[0].say(Finished(0, 0, 0, cancelled=True))
    until(opened, lambda: len(worker.jobs) == 2)
    assert worker.jobs[1].job.grow_px == 2.0 and worker.jobs[1].job.working_px == 576

    job = worker.jobs[1].job
    worker.jobs[1].say(started((1001,)), write_matte(job.output, 1001), Finished(1, 0, 0))
    until(opened, lambda: opened.mattes_at(1001) == job.output)
    opened.set_edge("grow_px", 3.0, dragging=True)  # the worker's cache has the network's result
    assert worker.jobs[2].job.working_px == 576
    opened.undo()
    opened.undo()
    assert opened.document.option("grow_px") == 0.0


def test_the_matte_of_a_frame_is_shown_with_its_truth(opened: Any):
    opened.matte_frame()
    (spoken,) = opened._worker.jobs
    spoken.say(started((1001,)), write_matte(spoken.job.output, 1001), Finished(1, 0, 0))
    until(opened, lambda: opened._frame_run is None)
    assert opened.view.mode == "over"
    opened.look(mode="alpha")
    opened.set_person("ben", mute=True)

    shown = pixels(opened)

    assert shown[:, : WIDTH // 2 - 1].min() == 255 and shown[:, WIDTH // 2 + 1 :].max() == 0
    assert ("frame", "1001 computed, 0.50 s") in [(fact.label, fact.effective) for fact in opened.truth]


def test_a_frame_under_way_is_seen_and_can_be_cancelled(opened: Any):
    opened.matte_frame()
    (spoken,) = opened._worker.jobs
    assert opened.message == "matting frame 1001" and opened.is_matting_frame
    assert opened.shown_take.title == "frame 1001" and opened.shown_take.status == "waiting for the worker"
    opened.cancel()
    assert spoken.cancelled
    spoken.say(Finished(0, 0, 0, cancelled=True))

    until(opened, lambda: opened.message == "frame 1001: cancelled")
    opened.matte_frame()
    spoken = opened._worker.jobs[-1]
    spoken.say(started((1001,)), write_matte(spoken.job.output, 1001), Finished(1, 0, 0))
    until(opened, lambda: opened.message == "frame 1001 is matted")
    assert opened.shown_take is None


def test_a_range_in_the_background_fills_its_lane(opened: Any):
    opened.look(mode="alpha")
    assert "no matte" in (pixels(opened) is not None and opened.picture()[0].note)
    opened.matte_range()
    (spoken,) = opened._worker.jobs
    assert spoken.job.frames == "1001-1005" and not spoken.interactive
    spoken.say(started((1001, 1002, 1003, 1004, 1005)), write_matte(spoken.job.output, 1001))
    until(opened, lambda: 1001 in opened.facts.mattes)
    assert "1 of 5 mattes, 0.5 s a frame, 0:02 left" == opened.range_take.status
    assert opened.picture()[0].note == "" or not opened.picture()[1]

    assert not opened.is_matte_old
    opened.set_option("gamma", 2.0)
    assert opened.is_matte_old
    opened.cancel()
    assert spoken.cancelled
    spoken.say(Finished(1, 0, 0, cancelled=True))
    until(opened, lambda: opened.message.startswith("cancelled: 1 of 5"))


def test_a_worker_that_dies_is_told_and_the_next_job_runs(opened: Any):
    opened.matte_frame()
    opened._worker.jobs[0].say("the worker died: no memory")
    until(opened, lambda: opened.message == "the worker died: no memory")

    opened.matte_frame()
    assert len(opened._worker.jobs) == 2


def test_a_worker_that_cannot_be_started_is_tried_again(opened: Any, monkeypatch: pytest.MonkeyPatch):
    def refused(job: Any, *, interactive: bool = False) -> Any:
        raise HostError("no python with maggie-node is known")

    with monkeypatch.context() as patched:
        patched.setattr(opened._worker, "start", refused)
        opened.matte_frame()
    assert opened.message == "no python with maggie-node is known"

    opened.matte_frame()
    assert len(opened._worker.jobs) == 1


def test_two_mattes_are_compared_by_a_wipe(opened: Any):
    opened.matte_frame()
    opened._worker.jobs[0].say(
        started((1001,)), write_matte(opened._worker.jobs[0].job.output, 1001), Finished(1, 0, 0)
    )
    until(opened, lambda: opened.mattes_at(1001))
    opened.compare()
    until(opened, lambda: opened.compared)
    opened.look(mode="alpha")

    assert np.array_equal(pixels(opened, "a"), pixels(opened, "b")) and opened.view.wipe


def test_mattes_that_are_compared_take_no_room_and_stay_when_others_take_their_place(opened: Any):
    mattes = [Path(matte_path(opened.document.output, frame)) for frame in (1001, 1002)]
    for frame in (1001, 1002):
        write_matte(opened.document.output, frame)
    opened._with_facts(mattes=frozenset((1001, 1002)))
    opened.compare()
    until(opened, lambda: opened.compared)
    kept = [Path(matte_path(opened.compared, frame)) for frame in (1001, 1002)]
    assert all(one.samefile(other) for one, other in zip(kept, mattes, strict=True))

    before = kept[1].read_bytes()
    mattes[1].unlink()
    mattes[1].write_bytes(b"another")

    assert kept[1].read_bytes() == before
    opened.close()
    end = time.monotonic() + 30
    while kept[0].parent.exists():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert all(matte.exists() for matte in mattes)


def test_the_folder_of_a_panel_that_was_killed_goes_with_the_next_one(tmp_path: Path):
    code = "import sys, pathlib, time; from maggie_panel.state.own_folder import OwnFolder; "
    code += "own = OwnFolder(pathlib.Path(sys.argv[1])); print(own.path, flush=True); time.sleep(60)"
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        folder = Path(other.stdout.readline().strip())
        (folder / "cache").mkdir()
        remove_abandoned(tmp_path, older_s=0)
        assert folder.is_dir()  # it is in use
    finally:
        other.kill()
        other.communicate()
    remove_abandoned(tmp_path)
    assert folder.is_dir()  # it may be just made
    remove_abandoned(tmp_path, older_s=0)
    assert not folder.exists()


def test_what_the_check_found_is_on_the_timeline(opened: Any, tmp_path: Path):
    opened._with_facts(mattes=frozenset((1001, 1002)))
    opened.check()
    words = opened.commands[0].words
    assert words[:2] == ["qc", "--job"] and read_job(Path(words[2])).frames == "1001,1002"
    target = Path(words[words.index("-o") + 1])
    target.mkdir()
    (target / "qc.json").write_text('{"findings": [{"frames": [1002], "text": "it flickers"}]}')
    opened.commands[0].ended = Ended(4, "", "")

    until(opened, lambda: opened.message == "it flickers")
    assert [note.frames for note in opened.facts.findings] == [(1002,)]


def test_a_command_that_fails_is_told_in_its_own_words(opened: Any, tmp_path: Path):
    opened._with_facts(mattes=frozenset((1001,)))
    opened.export_preview(str(tmp_path / "x.mp4"))
    opened.commands[0].ended = Ended(2, "", "x.mp4 cannot be written")

    until(opened, lambda: opened.message == "x.mp4 cannot be written")


def test_playing_shows_frame_after_frame_from_the_cache(opened: Any):
    opened.look(mode="plate")
    until(opened, lambda: len(opened.facts.cached) == 5)
    clock = [0.0]
    opened._now = lambda: clock[0]
    asked = len(opened._pictures.asked)
    opened.play("forward")
    opened.poll()
    seen = []
    for _ in range(5):
        clock[0] += 1 / 24 + 1e-6
        opened.poll()
        assert opened.picture()[1]
        seen.append(opened.playback.frame)

    assert seen == [1002, 1003, 1004, 1005, 1001]
    assert len(opened._pictures.asked) == asked  # nothing was drawn again


def test_exposure_is_for_the_eye_and_a_display_is_the_configurations(opened: Any):
    opened.look(mode="plate")
    before = pixels(opened)
    opened.look(exposure_ev=1.0)
    brighter = pixels(opened)
    display, views = opened.plate.displays[0]
    opened.look(exposure_ev=0.0, display=display, transform=views[0])

    assert brighter.mean() > before.mean() * 1.2
    assert not np.array_equal(pixels(opened), before)
    opened.look(transform="no such view")
    until(opened, lambda: "no such view" in opened.message)


def test_one_pixel_of_the_plate_can_be_looked_at(opened: Any):
    opened.look(mode="plate")
    opened.zoom(8.0, (0.5, 0.5))
    shown = pixels(opened)

    assert shown.shape[:2] == (HEIGHT // 8, WIDTH // 8)


def test_closing_ends_everything(opened: Any):
    opened.matte_frame()
    opened.matte_range()
    worker, pictures = opened._worker, opened._pictures

    opened.close()

    assert worker.closed and all(job.cancelled for job in worker.jobs) and pictures.asked[-1][0] == "close"


def test_the_folder_of_a_session_goes_once_no_job_writes_there(shot: TinyShot):
    worker: Any = SpokenWorker()
    made = Session(DeskPictures(), worker)  # type: ignore[arg-type]
    settled(made, [shot.plate, shot.mask("ana")])
    made.matte_frame()
    made.close()
    write_matte(worker.jobs[0].job.output, 1001)  # the frame that was under way
    assert worker.jobs[0].cancelled and not worker.closed

    worker.jobs[0].say(Finished(0, 0, 0, cancelled=True))
    end = time.monotonic() + 30
    while not worker.closed or made.folder.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_holds_are_for_the_chosen_person_or_for_all(opened: Any, shot: TinyShot):
    opened.add_hold("garbage", [shot.mask("ben")])
    opened.select("ana")
    opened.add_hold("core", [shot.mask("ana")])

    job = opened.document.job()
    assert [hold.name for hold in (*job.core, *job.garbage)] == ["ana", "*"]
    opened.clear_holds("core")
    assert opened.document.core == () and dataclasses.replace(job, core=()) == opened.document.job()


def test_files_that_have_changed_are_read_again_when_the_shot_is_opened_again(opened: Any, shot: TinyShot):
    opened.look(mode="guidance")
    before, document = pixels(opened), opened.document
    for name in shot.names:
        file = shot.mask(name).replace("####", "1001")
        cv2.imwrite(file, np.zeros((HEIGHT, WIDTH), np.uint8))

    opened.open_shot(document.plate, [person.source for person in document.people])
    until(opened, lambda: opened.plate.frames and opened.document.names == shot.names)
    opened.look(mode="guidance")

    assert not np.array_equal(pixels(opened), before)


def test_a_matte_of_other_settings_is_told(opened: Any):
    opened.matte_frame()
    (spoken,) = opened._worker.jobs
    spoken.say(started((1001,)), write_matte(spoken.job.output, 1001), Finished(1, 0, 0))
    until(opened, lambda: opened.mattes_at(1001))
    assert not opened.is_matte_old

    opened.live = False
    opened.set_edge("gamma", 2.0)

    assert opened.is_matte_old
    opened.undo()
    assert not opened.is_matte_old

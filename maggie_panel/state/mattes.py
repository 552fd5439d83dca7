"""Mattes: of this frame, of a range, compared, checked, and as a movie to look at."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
from pathlib import Path
from typing import Optional

from maggie_api.errors import MaggieError
from maggie_api.events import Event, FrameDone
from maggie_api.job import MatteJob, write_job
from maggie_api.sequences import matte_path

from . import commands
from .document import DEFAULTS
from .keying import Keying
from .matting import Latest, Take, frame_job, network_of, range_job
from .own_folder import OwnFolder, link_or_copy, remove_abandoned
from .timeline import delivered_frames
from .truth import Fact, truth

KEPT_NAME = "matte.####.exr"
"""Mattes of side A of the wipe, in a folder of their own."""
LIVE_KEPT = 64
"""Mattes of single frames that are kept on disk; a slider leaves one at each place it stops at."""


class Mattes(Keying):
    """What the worker is asked for, and what comes of it."""

    def _begin(self) -> None:
        super()._begin()
        self._networks: set[tuple[int, str]] = set()
        """Frames and settings whose network results are in the worker's cache."""
        self._latest = Latest()
        self._frame_run: Optional[Take] = None
        self._range_run: Optional[Take] = None
        self.range_take: Optional[Take] = None
        """The range that runs, or ran last."""
        self._newest: Optional[Take] = None
        """The take that was heard of last."""
        self._kept: Optional[OwnFolder] = None
        """Holds side A of the wipe."""
        self._delivered: dict[int, str] = {}
        """What made the frames of this session's ranges."""

    def matte_frame(self, *, preview: bool = False) -> None:
        """Matte the current frame. The newest wish wins: what came between is never computed."""
        self._after_keys(lambda: self._matte_frame(preview))

    def _matte_frame(self, preview: bool) -> None:
        frame = self.playback.frame
        with self._told():
            whole = frame_job(self.document, frame, str(self.folder), preview=False)
            # Where the worker's cache has the network's result, whole quality costs no more than a preview.
            if preview and (frame, network_of(whole)) not in self._networks:
                whole = frame_job(self.document, frame, str(self.folder), preview=True)
            self._start_frame(self._latest.want(whole))
            if not preview:
                self._say(_matting(f"frame {frame}"))
            if self._latest.is_overtaken and self._frame_run is not None:
                self._frame_run.cancel()

    def _start_frame(self, job: Optional[MatteJob]) -> None:
        if job is None:
            return
        try:
            running = self._worker.start(job, interactive=True)
        except MaggieError:
            self._latest = Latest()  # nothing is under way, so the next wish is tried anew
            raise
        self._frame_run = Take(job, f"frame {job.frames}", running)
        self._touch()

    def _live_matte(self, *, going_on: bool) -> None:
        """After an edge or a mask has changed: the matte of the current frame, where mattes are looked at."""
        if self.live and self.view.mode in ("alpha", "over", "difference") and self.document.people:
            self.matte_frame(preview=going_on)

    def matte_range(self) -> None:
        """Matte the frames that the job asks for, else the whole shot, in the background."""
        self._after_keys(self._matte_range)

    def _matte_range(self) -> None:
        if self._range_run is not None:
            self._say("a range is being matted: cancel it first, or wait")
            return
        if not self.plate.frames:
            self._say("there is no plate: drop one into the window")
            return
        with self._told():
            frames = delivered_frames(self.document, self.plate.frames)
            job = range_job(self.document, str(self.folder), frames)
            self.range_take = self._range_run = Take(job, _title(frames), self._worker.start(job))
            self._say(_matting(self._range_run.title))

    @property
    def shown_take(self) -> Optional[Take]:
        """The job whose progress is shown: one that runs, the range before the frame; else the last range."""
        return self._range_run or self._frame_run or self.range_take

    @property
    def is_matting_frame(self) -> bool:
        """Whether the matte of a single frame is under way."""
        return self._frame_run is not None

    @property
    def is_matting(self) -> bool:
        """Whether a range is under way."""
        return self._range_run is not None

    def cancel(self) -> None:
        """Cancel what runs: the range, the frame, the command. Frames that are there stay, and are whole."""
        for take in (self._range_run, self._frame_run):
            if take is not None:
                take.cancel()
        if self.command is not None:
            self.command.cancel()

    def cancel_all(self) -> None:
        """Cancel whatever runs for this shot, and forget it."""
        self.cancel()
        if self._kept is not None:
            self._threads.submit(self._kept.remove)
            self._kept = None

    @property
    def is_matte_old(self) -> bool:
        """Whether the matte that is shown was made with other settings than the present ones; never so for
        mattes from before this session."""
        frame = self.playback.frame
        with contextlib.suppress(MaggieError):
            if frame in self._live:
                folder = str(self.folder)
                jobs = [frame_job(self.document, frame, folder, preview=quick) for quick in (False, True)]
                return self._live[frame] not in [job.output for job in jobs]
            if frame in self._delivered:
                return self._delivered[frame] != _made_of(self.document.job())
        return False

    def compare(self) -> None:
        """Keep the mattes that are shown as side A of the wipe; what is matted next is B."""
        shown = self.mattes_at(self.playback.frame)
        if not shown:
            self._say("there is no matte to compare with: matte this frame first")
            return
        frame = self.playback.frame
        source = str(matte_path(shown, frame))
        is_live = shown in self._live.values()
        frames = {frame} | (set() if is_live else set(self.facts.mattes))
        # Beside the mattes, where a second name for each file takes no room.
        beside = self.folder if is_live else Path(source).parent

        def kept(folder: OwnFolder) -> None:
            before, self._kept = self._kept, folder
            self.compared = str(folder.path / KEPT_NAME)
            self.look(wipe=True)
            self._say("kept as A of the wipe, B is what comes next")
            if before is not None:
                before.remove()

        def keep() -> OwnFolder:
            remove_abandoned(beside)
            made = OwnFolder(beside)
            for each in frames:
                with contextlib.suppress(OSError):
                    link_or_copy(matte_path(shown, each), matte_path(made.path / KEPT_NAME, each))
            return made

        if os.path.isfile(source):
            self._in_thread(keep, kept)
        else:
            self._say("mattes with a file for each person cannot be compared: matte this frame by itself")

    def check(self) -> None:
        """Check the delivered mattes (`maggie-node qc`)."""
        if not self.facts.mattes:
            self._say("there are no mattes to check: matte a range first")
            return
        with self._told():
            there = sorted(self.facts.mattes)
            job = self.document.job(frames=",".join(str(frame) for frame in there))
            path, target = self.folder / "qc.json", self.folder / "qc"
            write_job(job, path)

            def ended(result: commands.Ended) -> None:
                if result.code not in (0, 4):
                    self._say(result.said or "the check was cancelled")
                    return
                found = commands.findings_of(target / "qc.json")
                self._with_facts(findings=found)
                self._say(found[0].text if found else "nothing is beyond a limit")

            self._run("checking mattes", ["qc", "--job", str(path), "-o", str(target), "--json"], ended)

    def export_preview(self, file: str) -> None:
        """Write a movie to look at, from the delivered mattes (`maggie-node preview`)."""
        if not self.facts.mattes:
            self._say("there are no mattes to show: matte a range first")
            return

        def ended(result: commands.Ended) -> None:
            self._say(f"written: {file}" if result.code == 0 else result.said or "the preview was cancelled")

        words = ["preview", self.document.output, "-o", file, "--plate", self.document.plate]
        self._run("writing a preview", words, ended)

    @property
    def truth(self) -> tuple[Fact, ...]:
        """What was asked for and what takes effect, of the take that is newest."""
        take = self._newest
        return () if take is None else truth(take.started, take.last, model=take.job.model)

    def _poll_frame(self) -> None:
        take = self._frame_run
        if take is None:
            return
        if self._heard_of(take):
            self._touch()
        if take.last is not None and take.last.frame not in self._live_of(take):
            self._show_live(take)
        if not take.over:
            return
        self._frame_run = None
        if take.progress.state == "failed":
            self._say(take.status)
        elif self.message == _matting(take.title):
            is_done = take.progress.state == "done"
            self._say(f"{take.title} is matted" if is_done else f"{take.title}: cancelled")
        self._add_notes(take)
        with self._told():
            self._start_frame(self._latest.ended())

    def _live_of(self, take: Take) -> set[int]:
        return {frame for frame, path in self._live.items() if path == take.job.output}

    def _show_live(self, take: Take) -> None:
        assert take.last is not None
        self._live.pop(take.last.frame, None)
        self._live[take.last.frame] = take.job.output
        self._networks.add((take.last.frame, network_of(take.job)))
        if self.view.mode in ("plate", "guidance") and self.tool is None:
            self.look(mode="over")
        self._prune()

    def _prune(self) -> None:
        """Remove the oldest frames that nothing shows any more."""
        folder = self.folder / "frames"
        shown = {os.path.dirname(path) for path in self._live.values()}
        with contextlib.suppress(OSError):
            kept = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime)
            for each in [each for each in kept if str(each) not in shown][:-LIVE_KEPT]:
                shutil.rmtree(each, ignore_errors=True)

    def _poll_range(self) -> None:
        take = self._range_run
        if take is None:
            return
        before = len(take.done)
        for event in self._heard_of(take):
            if isinstance(event, FrameDone):
                self._live.pop(event.frame, None)
                self._delivered[event.frame] = _made_of(take.job)
                self.queue.forget((event.frame, event.frame + 1))
            self._touch()
        if len(take.done) != before:
            self._with_facts(mattes=self.facts.mattes | take.done)
        if take.over:
            self._range_run = None
            self._say(take.status)
            self._with_facts(warnings=tuple(take.notes))

    def _heard_of(self, take: Take) -> list[Event]:
        """The events of a job that have come."""
        events = take.poll()
        if events:
            self._newest = take
        return events

    def _add_notes(self, take: Take) -> None:
        """Put what a frame's job said in the place of what was said of the frame before."""
        gone = {*take.done, *take.failed}
        kept = [note for note in self.facts.warnings if not gone & set(note.frames)]
        self._with_facts(warnings=tuple(dict.fromkeys((*kept, *take.notes))))


def _matting(title: str) -> str:
    return f"matting {title}"


def _title(frames: str) -> str:
    return f"frames {frames}" if set(frames) & set(",-") else f"frame {frames}"


def _made_of(job: MatteJob) -> str:
    """Text that is equal for jobs that make the same pixels of a frame."""
    return dataclasses.replace(job, frames=None, cache=None, cache_gb=DEFAULTS["cache_gb"]).to_json()

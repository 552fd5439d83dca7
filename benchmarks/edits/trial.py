"""Edits, runs and comparisons of one shot, drawn from a seed."""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np
import OpenImageIO
import torch

from benchmarks.edits.drawing import OPTIONS, JobState, draw_edit, draw_edit_in_work, restored
from benchmarks.edits.from_nothing import Fresh
from benchmarks.edits.shot import Edit, EditedShot
from benchmarks.edits.ways import Interference, Outcome, Way, Ways, without_cache
from maggie_api.errors import MaggieError
from maggie_api.job import MatteJob
from maggie_core.io.frames import open_source, parse_frames

oiio: Any = OpenImageIO  # compiled: the type checker cannot see its names
EDITS_PER_OPTION = 4
"""At least one of so many edits is another value of an option."""
OPTIONS_OF_A_TRIAL = 15
"""Options that are drawn in sixty edits at least; the next seed goes on with those after them."""
TIMES = ("DateTime", "capDate")
"""Attributes of a file that tell when it was written."""


@dataclass
class Tally:
    """What was tried, and what was wrong."""

    edits: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """By kind, manner and moment."""
    runs: Counter[Way] = field(default_factory=Counter)
    frames: int = 0
    """Delivered frames that were compared."""
    refused: int = 0
    """Comparisons of jobs that could not start, with the inputs as they were."""
    refused_after: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Edits, by kind and manner, after which a job could not start."""
    failed: int = 0
    """Frames that fail in both runs."""
    wrong: list[tuple[list[tuple[str, str, str]], str]] = field(default_factory=list)
    """Edits of the steps after which something differed, and what did."""


class Trial:
    """A shot that is edited and run again and again into one folder.

    Args:
        folder: for everything; empty.
        seed: decides what is drawn.
        ways: how jobs are run; drawn from, so a way that is named twice comes twice as often.
    """

    def __init__(self, folder: Path, *, seed: int, ways: Sequence[Way]) -> None:
        self._folder, self._seed = folder, seed
        self._chance = random.Random(seed)
        self._which = tuple(ways)
        self._shot = EditedShot(folder / "shot", self._chance)
        self._state = JobState(self._shot)
        self._out = folder / "out"
        self._out.mkdir()
        self._stack = ExitStack()
        self.tally = Tally()
        self._was_refused = False
        self._deck, self._drawn = _deck(seed), 0

    def __enter__(self) -> Trial:
        threads = torch.get_num_threads()
        self._stack.callback(torch.set_num_threads, threads)
        torch.set_num_threads(1)  # as in the processes: the last bits depend on it
        self._fresh = self._stack.enter_context(Fresh())
        self._ways = self._stack.enter_context(Ways(self._folder, self._chance))
        self._run([])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def edits(self) -> int:
        """Edits so far."""
        return self.tally.edits.total()

    def step(self) -> str:
        """Edit, run and compare. Returns what differs from a run from nothing; empty when nothing does."""
        chance = self._chance
        log: list[str] = []
        kinds = self._repairs(log) if self._was_refused else []
        kinds += [self._between(log) for _ in range(chance.choice((1, 1, 2)))]
        if chance.random() < 0.6:
            kinds += self._during(log)
        wrong = self._run(log)
        self.tally.edits.update(kinds)
        if self._was_refused:
            self.tally.refused_after.update(each[:2] for each in kinds)
        if wrong:
            said = f"seed {self._seed}, after {self.edits} edits: {'; '.join(log)}: {wrong}"
            self.tally.wrong.append((kinds, said))
            shutil.rmtree(self._out)
            self._out.mkdir()
            shutil.rmtree(self._shot.folder / "cache", ignore_errors=True)
            return said
        return ""

    def _repairs(self, log: list[str]) -> list[tuple[str, str, str]]:
        """What people do after a refusal: every file that was damaged is put back."""
        edits = [restored(self._shot, path, self._chance) for path in list(self._shot.lost)]
        for edit in edits:
            edit.apply()
            log.append(str(edit))
        return [(edit.kind, edit.manner, "between runs") for edit in edits]

    def _between(self, log: list[str]) -> tuple[str, str, str]:
        chance, moment = self._chance, "between runs"
        if self._drawn * EDITS_PER_OPTION <= self.edits:
            name = self._deck[self._drawn % len(self._deck)]
            self._drawn += 1
            self._state.draw_value(name, chance)
            log.append(f"{name} = {self._state.options[name]}")
            return f"option {name}", "", moment
        drawn = chance.random()
        if drawn < 0.15 and self._state.options:
            name = self._state.draw_back(chance)
            log.append(f"{name} as usual")
            return f"option {name}", "", moment
        if drawn < 0.35:
            log.append(f"{(form := self._state.draw_form(chance))} changed")
            return f"other {form}", "", moment
        if drawn < 0.45 and (files := sorted(each for each in self._out.iterdir() if each.is_file())):
            file = chance.choice(files)
            if chance.random() < 0.5:
                file.unlink()
                log.append(f"delivered {file.name} deleted")
                return "delete a matte", "unlinked", moment
            with file.open("r+b") as open_file:
                open_file.truncate(int(file.stat().st_size * chance.random()))
            log.append(f"delivered {file.name} truncated")
            return "truncate a matte", "in place", moment
        edit = draw_edit(self._state, chance)
        edit.apply()
        log.append(str(edit))
        return edit.kind, edit.manner, moment

    def _during(self, log: list[str]) -> list[tuple[str, str, str]]:
        """A run that is interfered with. What it leaves is compared after the next run.

        Most edits are of files that are in work: read already, their mattes not yet written.
        """
        chance = self._chance
        edits: list[Edit] = []
        reads = chance.choice((0, 0, 1, 2))
        meanwhile = Interference(chance.randint(1, 5), [], stop=chance.random() < 0.2, reads=reads)

        def act() -> None:
            for _ in range(chance.choice((1, 1, 2))):
                in_work = chance.random() < 0.8
                edits.append(
                    draw_edit_in_work(self._state, chance, meanwhile.last)
                    if in_work
                    else draw_edit(self._state, chance)
                )
                edits[-1].apply()

        if chance.random() < 0.7:  # what is there already is not computed, so nothing of it could go wrong
            for file in self._out.glob("*.exr"):
                file.unlink()
            log.append("mattes deleted")
        meanwhile.acts.append(act)
        way = self._draw_way(in_process=chance.random() < 0.7)
        self._ways.run(way, self._state.job(self._out), meanwhile)
        self.tally.runs[way] += 1
        log.append(
            f"during a run by {way}, after {meanwhile.at} frames{f' and {reads} reads' if reads else ''}"
            f"{', stopped' if meanwhile.stop else ''}: "
            f"{', '.join(map(str, edits))}"
        )
        moment = "after a run" if meanwhile.late else "during a run"
        return [(edit.kind, edit.manner, moment) for edit in edits]

    def _draw_way(self, *, in_process: bool = False) -> Way:
        here = ("runner", "runner, models kept", "farm tasks")  # their events come at once, others' late
        return self._chance.choice([way for way in self._which if not in_process or way in here])

    def _run(self, log: list[str]) -> str:
        way, job = self._draw_way(), self._state.job(self._out)
        log.append(f"run by {way}{' with cache' if job.cache else ''}")
        outcome = self._ways.run(way, job, Interference(0, [lambda: None]))
        self.tally.runs[way] += 1
        return self._compare(job, outcome)

    def _compare(self, job: MatteJob, outcome: Outcome) -> str:
        nothing = self._folder / "from nothing"
        shutil.rmtree(nothing, ignore_errors=True)
        nothing.mkdir()
        expected = self._fresh.run(without_cache(job, nothing).to_json())
        self._was_refused = bool(outcome.refused or expected["refused"])
        if self._was_refused:
            self.tally.refused += 1
            same = bool(outcome.refused) == bool(expected["refused"])
            return "" if same else f"refused: {outcome.refused!r}, from nothing: {expected['refused']!r}"
        self.tally.failed += len(expected["failed"])
        if outcome.failed != set(expected["failed"]):
            return f"frames {sorted(outcome.failed)} failed, from nothing {expected['failed']}"
        asked = _asked(job)
        theirs = {file.name for file in nothing.iterdir()}
        named = {name.partition(".")[0] for name in theirs} | {"m"}
        ours = {
            file.name
            for file in self._out.iterdir()
            # Pictures that are not asked for now are left alone, and so are frames.
            if (file.suffix == ".exr" or file.stem.partition(".")[0] in named)
            and (file.name in theirs or (file.suffix != ".mov" and _frame(file) in asked))
        }
        if ours != theirs:
            return f"left over {sorted(ours - theirs)}, lacking {sorted(theirs - ours)}"
        self.tally.frames += len({_frame(nothing / name) for name in theirs if name.endswith(".exr")})
        differs = [
            f"{name} {said}"
            for name in sorted(theirs)
            if (said := difference(self._out / name, nothing / name))
        ]
        return "; ".join(differs[:3])


def _frame(file: Path) -> int:
    found = re.search(r"\.(\d+)\.(exr|png)$", file.name)
    assert found is not None, file
    return int(found[1])


def _asked(job: MatteJob) -> set[int]:
    if job.frames or job.shot_frames:
        return set(parse_frames(job.frames or job.shot_frames or ""))
    try:
        return set(open_source(job.plate).expected)
    except MaggieError:
        return set()


def difference(ours: Path, theirs: Path) -> str:
    """In what two pictures or movies differ beside the time of writing; empty when in nothing."""
    if ours.read_bytes() == theirs.read_bytes():
        return ""
    if ours.suffix == ".mov":
        one, other = _movie(ours), _movie(theirs)
        return "" if one == other else f"is another movie: {len(one)} and {len(other)} frames and headers"
    parts = list(zip(_parts(ours), _parts(theirs), strict=False))
    for (header, pixels), (other_header, other_pixels) in parts:
        keys = sorted(
            key for key in header.keys() | other_header.keys() if header.get(key) != other_header.get(key)
        )
        if pixels.shape != other_pixels.shape:
            return f"has shape {pixels.shape}, not {other_pixels.shape}"
        if pixels.tobytes() != other_pixels.tobytes():
            off = float(np.nanmax(np.abs(pixels.astype(np.float64) - other_pixels)))
            return f"is off by {off:.3g}; header: {', '.join(keys) or 'the same'}"
        if keys:
            key = keys[0]
            return f"has another header: {key} {header.get(key)!r}, not {other_header.get(key)!r}"
    return "" if len(_parts(ours)) == len(_parts(theirs)) else "has other parts"


def _movie(path: Path) -> list[Any]:
    """Everything that a movie shows and says."""
    with av.open(str(path)) as container:
        frames = [frame.to_ndarray().tobytes() for frame in container.decode(video=0)]
        return [dict(container.metadata), *frames]


def _parts(path: Path) -> list[tuple[dict[str, Any], np.ndarray]]:
    file = oiio.ImageInput.open(str(path))
    found: list[tuple[dict[str, Any], np.ndarray]] = []
    index = 0
    while file.seek_subimage(index, 0):
        spec = file.spec()
        header = {each.name: each.value for each in spec.extra_attribs if each.name not in TIMES}
        for name in ("x", "y", "full_x", "full_y", "full_width", "full_height", "channelnames"):
            header[name] = getattr(spec, name)
        found.append((header, file.read_image(index, 0, 0, spec.nchannels, oiio.FLOAT)))
        index += 1
    file.close()
    return found


def _deck(seed: int) -> tuple[str, ...]:
    """Options in the order in which they are drawn: each comes once before any comes again.

    The order is the same for every seed. A seed begins where the one before it is sure to have come.
    """
    names = list(OPTIONS)
    random.Random(0).shuffle(names)
    first = seed * OPTIONS_OF_A_TRIAL % len(names)
    return (*names[first:], *names[:first])

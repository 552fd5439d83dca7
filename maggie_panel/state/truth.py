"""The truth line: what was asked for and what takes effect, from the worker's own events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from maggie_api.events import FrameDone, Started, enlarged_text

REUSED = {
    "nothing": "computed",
    "state": "from the cached network result",
    "matte": "from the cached matte",
    "file": "was on disk",
}
"""`FrameDone.reused` in words."""

NAMED = 3
"""People who are named in the line, which has to fit into the window; of more their number is told."""


@dataclass(frozen=True)
class Fact:
    """One word of the line."""

    label: str
    effective: str
    asked: str = ""
    """What was asked for, where that is something else; empty where it is the same."""

    @property
    def text(self) -> str:
        asked = f"{self.asked} \u2192 " if self.asked else ""
        return f"{self.label} {asked}{self.effective}"


def truth(started: Optional[Started], done: Optional[FrameDone], *, model: str) -> tuple[Fact, ...]:
    """What is known of the last frame that came from the worker.

    Args:
        model: as the job asks for it.
    """
    if started is None:
        return ()
    asked, effective = started.asked, started.effective
    enlarged = _enlarged(done) if done else ""
    facts = [
        _fact("model", model, started.model),
        _fact("device", asked.device, effective.device),
        _fact("precision", asked.precision, effective.precision),
        Fact("scale", f"{started.working_size}{enlarged and f', {enlarged}'}"),
        _fact("edges", asked.refine, effective.refine),
        Fact("colour", f"{started.colorspace}{' (assumed)' if started.assumption else ''}"),
    ]
    if done is not None:
        reused = REUSED["file" if done.cached else done.reused]
        facts.append(
            Fact("frame", f"{done.frame} {reused}" + ("" if done.cached else f", {done.seconds:.2f} s"))
        )
    return tuple(facts)


def line(facts: tuple[Fact, ...]) -> str:
    """The facts as one line of text."""
    return " · ".join(fact.text for fact in facts)


def _enlarged(done: FrameDone) -> str:
    """Who was enlarged; of a crowd how many, and by how much. A file that was there says nothing of it."""
    if done.cached:
        return ""
    if not done.enlarged:
        return "nobody enlarged"
    if len(done.enlarged) <= NAMED:
        return enlarged_text(done.enlarged)
    factors = [each.factor for each in done.enlarged]
    return f"{len(factors)} people enlarged x{min(factors):.1f} to x{max(factors):.1f}"


def _fact(label: str, asked: str, effective: str) -> Fact:
    return Fact(label, effective, "" if asked == effective else asked)

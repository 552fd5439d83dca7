"""Tells where mattes are worse than their masks."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from maggie_api.events import Event, Warning
from maggie_core.io.frames import compact_frames
from maggie_core.postprocess.losses import Loss

HINTS = {
    "lost": "compare both with the plate there; paint the mask anew where it is wider than the person, or "
    "hold a hole in the person with --core",
    "covers": "look at both masks there; hold alpha with --garbage, or pin a matte that is right",
}
"""What to try, by the kind of loss. What is lost of a rough mask is mostly no part of the person: trust in
the mask, and a core made of it, bring it back and more (`benchmarks/last_steps.md`)."""


class LossWarnings:
    """Warns once per person and segment.

    Args:
        names: of the instances.
        is_known: whether the matte of a person, by name, is wrong in a frame because of a mask that looks
            like a mistake. That mask is told of, and its losses are not.
    """

    def __init__(
        self, names: Sequence[str], emit: Callable[[Event], None], *, is_known: Callable[[str, int], bool]
    ) -> None:
        self._names, self._emit, self._is_known = names, emit, is_known
        self._segment = 0
        self._found: dict[tuple[str, int, int | None], list[tuple[int, Loss]]] = {}

    def note(self, frame: int, segment: int, losses: Iterable[Loss]) -> None:
        """Take a frame's losses; those of the segment before are told."""
        if segment != self._segment:
            self.tell()
            self._segment = segment
        for loss in losses:
            self._found.setdefault((loss.kind, loss.instance, loss.other), []).append((frame, loss))

    def tell(self) -> None:
        """Tell what was noted and not told yet."""
        for (kind, instance, other), noted in self._found.items():
            found = [each for each in noted if not self._is_known(self._names[instance], each[0])]
            if not found:
                continue
            frame, worst = max(found, key=lambda each: each[1].share)
            box, share = worst.where, f"{100 * worst.share:.0f} %"
            what = f"lost {share} of the inside of its mask"
            if other is not None:
                what = f"covers {share} of the inside of the mask of {self._names[other]}"
            frames = f"frame {frame}"
            if len(found) > 1:
                frames = f"frames {compact_frames(at for at, _ in found)}, most in {frame}"
            self._emit(
                Warning(
                    f"matte-{kind}",
                    f"{self._names[instance]}: the matte {what} in {frames} "
                    f"at x {box.x} to {box.right - 1}, y {box.y} to {box.bottom - 1}: {HINTS[kind]}",
                    tuple(sorted(at for at, _ in found)),
                )
            )
        self._found.clear()

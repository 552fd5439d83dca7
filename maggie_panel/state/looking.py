"""Looking: where in time, at what, how near, and the pictures that this needs."""

from __future__ import annotations

import dataclasses
from typing import Any, Optional

from ..picture_client import Answer
from .picture_queue import Ahead
from .session_base import Drawn, SessionBase
from .timeline import Note, next_of, noted_frames, notes_at
from .view import PictureRequest, Sight, fitting, framed, request_of, zoomed


class Looking(SessionBase):
    """What the viewer and the timeline do."""

    def _begin(self) -> None:
        super()._begin()
        self._last_tick: Optional[float] = None
        self._last_shown: dict[str, Drawn] = {}
        self._requests: dict[str, tuple[tuple[Any, ...], PictureRequest]] = {}
        """For each side of the viewer the last request, and all that it was made of but the frame."""

    def look(self, **changes: Any) -> None:
        """Change the view."""
        self.view = dataclasses.replace(self.view, **changes)
        self._touch()

    def zoom(self, factor: float, at: tuple[float, float]) -> None:
        """Enlarge the view around a place of the plate, in widths and heights of it."""
        self.view = zoomed(self.view, factor, at=at, whole=self.whole_zoom)
        self._touch()

    @property
    def whole_zoom(self) -> float:
        """The zoom at which the whole plate is seen: screen pixels for the height of a plate pixel."""
        return fitting(self.plate.size, self.viewer, self.plate.pixel_aspect)

    def pan(self, across: float, down: float) -> None:
        """Move an enlarged view, in widths and heights of the plate."""
        if self.view.zoom:
            x, y = self.view.center
            self.look(center=(min(1.0, max(0.0, x + across)), min(1.0, max(0.0, y + down))))

    def shown_region(self) -> tuple[int, int, int, int]:
        """x, y, width and height of what the viewer shows, in plate pixels."""
        region, _ = framed(self.view, self.plate.size, self.viewer, self.plate.pixel_aspect)
        return region or (0, 0, max(1, self.plate.size[0]), max(1, self.plate.size[1]))

    def set_viewer(self, width: int, height: int) -> None:
        """The size of the viewer, in screen pixels."""
        if (width, height) != self.viewer:
            self.viewer = (max(1, width), max(1, height))
            self._touch()

    def go(self, frame: int) -> None:
        """Stand at a frame."""
        self.playback = self.playback.at(frame)
        self._touch()

    def step(self, by: int) -> None:
        self.playback = self.playback.stepped(by)
        self._touch()

    def play(self, how: str) -> None:
        """`forward`, `backward`, `stopped` or `toggled`."""
        self.playback = getattr(self.playback, how)()
        self._last_tick = None
        self._touch()

    def jump_note(self, step: int) -> None:
        """Go to the next frame that something was said about, or to the one before."""
        noted = noted_frames((*self.facts.warnings, *self.facts.findings))
        self.go(next_of(noted, self.playback.frame, step))

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was said about the current frame."""
        return self.notes_of(self.playback.frame)

    def notes_of(self, frame: int) -> tuple[Note, ...]:
        """What was said about a frame."""
        return notes_at(frame, self.facts)

    def request(self, side: str = "b") -> Optional[PictureRequest]:
        """The picture of one side of the viewer: `b` is the whole of it, `a` is left of the wipe."""
        if not self.plate.frames or (side == "a" and not (self.view.wipe and self.compared)):
            return None
        frame = self.playback.frame
        mattes = self.compared if side == "a" else self.mattes_at(frame)
        plate, edition = self.plate, self._edition
        # It is asked for many times a frame, and while nothing but the frame changes it is the same.
        given = (
            self.document,
            self.view,
            self.viewer,
            mattes,
            edition,
            plate,
            self.followed,
            self._drawn_at(frame),
        )
        known = self._requests.get(side)
        if known is not None and known[0] == given:
            return known[1] if known[1].frame == frame else known[1].at(frame)
        sight = Sight(frame, self.viewer, mattes, edition, plate.size, plate.pixel_aspect, self.followed)
        request = request_of(self.document, self.view, sight)
        self._requests[side] = given, request
        return request

    def _drawn_at(self, frame: int) -> tuple[str, ...]:
        """Who was followed and has a key of their own at a frame, which is then shown."""
        if not self.followed:
            return ()
        return tuple(person.name for person in self.document.people if frame in person.keys)

    def picture(self, side: str = "b") -> tuple[Optional[Drawn], bool]:
        """The picture to show now, and whether it is the right one; else it is the last one that was."""
        request = self.request(side)
        if request is None:
            return None, False
        found = self.queue.cache.get(request)
        if found is not None:
            self._last_shown[side] = found
            return found, True
        return self._last_shown.get(side), False

    def _take(self, answer: Answer) -> None:
        then = self._asked.pop(answer.number, None)
        if then is not None:
            then(answer)
            self._touch()
            return
        if answer.number not in self.queue:  # what was asked about the shot before
            return
        picture = None
        if not answer.error:
            result = answer.result
            picture = Drawn(result["width"], result["height"], answer.pixels, result["note"])
        request = self.queue.answered(answer.number, picture, len(answer.pixels))
        if answer.error:
            self._say(answer.error)
        self._with_facts(cached=self.queue.cache.frames(request))

    def _tick(self) -> None:
        now = self._now()
        if self.playback.speed and self._last_tick is not None:
            frame = self.playback.frame
            self.playback = self.playback.after(now - self._last_tick)
            if self.playback.frame != frame:
                self._touch()
        self._last_tick = now

    def _ask_pictures(self) -> None:
        shown = self.request("b")
        self.queue.want("b", shown)
        self.queue.want("a", self.request("a"))
        if shown is not None:
            most = self.queue.cache.room_for(3 * shown.size[0] * shown.size[1]) - 4
            ahead = Ahead(
                shown,
                self.playback.first,
                self.playback.last,
                self.playback.speed < 0,
                most // (1 + self.view.wipe),
            )
            self.queue.look_ahead(ahead if self._is_same_for_all(shown) else None)
        while True:
            request = self.queue.next()
            if request is None:
                return
            self.queue.asked(self._pictures.ask("draw", **request.as_data()), request)

    def _is_same_for_all(self, shown: PictureRequest) -> bool:
        """Whether pictures of other frames come from the same files as this one's."""
        return not shown.mattes or shown.mattes == self.document.output

"""Where in time the viewer is: one frame, or on its way at some speed, round and round in a range."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

FPS = 24.0
MAX_SPEED = 8
"""Most times the rate of the shot, either way."""


@dataclass(frozen=True)
class Playback:
    """A place in time. Nothing here counts seconds: `after` is told how many have passed."""

    frame: int = 1
    first: int = 1
    last: int = 1
    """Range that is played, and that steps stay in."""
    speed: int = 0
    """0 stands, 1 plays, 2 plays twice as fast, -1 plays backwards."""
    fps: float = FPS
    passed: float = 0.0
    """Part of a frame that has passed, 0 to 1."""

    def in_range(self, first: int, last: int) -> Playback:
        """The same in another range; the frame is the nearest one in it."""
        return dataclasses.replace(self, first=first, last=last, frame=min(max(self.frame, first), last))

    def at(self, frame: int) -> Playback:
        """Standing at a frame, or at the nearest one of the range."""
        return dataclasses.replace(self, frame=min(max(frame, self.first), self.last), speed=0, passed=0.0)

    def stepped(self, by: int) -> Playback:
        """Standing so many frames further; past an end it stays there."""
        return self.at(self.frame + by)

    def forward(self) -> Playback:
        """L: plays, and each press doubles the speed."""
        return self._going(1)

    def backward(self) -> Playback:
        """J: the same backwards."""
        return self._going(-1)

    def stopped(self) -> Playback:
        """K."""
        return dataclasses.replace(self, speed=0, passed=0.0)

    def toggled(self) -> Playback:
        """The space bar: plays, or stands."""
        return self.stopped() if self.speed else dataclasses.replace(self, speed=1)

    def after(self, seconds: float) -> Playback:
        """Where it is so much later. From an end it goes on at the other one."""
        moved = self.passed + abs(self.speed) * self.fps * seconds
        whole = int(moved)
        way = whole if self.speed > 0 else -whole
        length = self.last - self.first + 1
        frame = self.first + (self.frame - self.first + way) % length
        return dataclasses.replace(self, frame=frame, passed=moved - whole)

    def _going(self, way: int) -> Playback:
        doubled = self.speed * 2 if self.speed * way > 0 else way
        return dataclasses.replace(self, speed=max(-MAX_SPEED, min(MAX_SPEED, doubled)))

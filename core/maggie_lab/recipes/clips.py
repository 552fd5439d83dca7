"""Clips as V-HIM2K5 and V-HIM60 have them: people side by side, at three levels of occlusion.

Source: the recipe of V-HIM2K5 as its authors' program runs it; Huynh et al., "MaGGIe", CVPR 2024. The paper
promises easy clips without overlap, which the program leaves to chance: here it is tested.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .compositing import occlusions
from .composition import Background, Composition, Person, PlacedPerson, whole_mattes
from .footage import Footage, OpenFootage
from .pools import Pool


@dataclass(frozen=True)
class Level:
    """How much people hide each other."""

    name: str
    occlusion: tuple[float, float]
    """Least and most of the clip's largest occlusion: 1 - area after / area before one paste."""
    scale: tuple[float, float] = (1.0, 1.0)
    """People are enlarged by a factor between these, over what lets all stand side by side."""
    most_people: int = 10
    strays: bool = True
    """Whether people are moved sideways, by up to half the width of the canvas."""


LEVELS = {
    "easy": Level("easy", (0.0, 0.05), most_people=3, strays=False),
    "medium": Level("medium", (0.05, 0.3), (1.0, 1.5)),
    "hard": Level("hard", (0.5, 0.85), (1.0, 2.0)),
}
"""The levels of the published program; the paper says 5 to 50 % for medium."""


@dataclass(frozen=True)
class ClipRecipe:
    """How clips are composed."""

    people: tuple[int, int] = (2, 4)
    """Least and most people drawn; easy clips have three at most."""
    canvas: tuple[int, int] | None = None
    """(W, H); None is the background's own size."""
    frames: int = 30
    """Length of a clip; that of the shortest footage where that is less."""
    levels: tuple[Level, ...] = tuple(LEVELS.values())
    unmix: bool = False
    """See `StillRecipe`."""


def draw_clip(recipe: ClipRecipe, level: Level, pool: Pool, rng: np.random.Generator) -> Composition | None:
    """Draw one clip; None where its occlusion is not that of the level, and another draw is needed."""
    most = max(recipe.people[0], min(recipe.people[1], level.most_people))
    count = min(int(rng.integers(recipe.people[0], recipe.people[1] + 1)), most)
    footage = pool.draw(rng, count)
    background = _draw_background(recipe, pool, rng)
    if background is None:
        return None
    opened = [OpenFootage(each) for each in footage]
    length = min(recipe.frames, *(each.frames for each in opened))
    people = [
        _person(each, source, length, rng, unmix=recipe.unmix)
        for each, source in zip(footage, opened, strict=True)
    ]
    if any(person.box is None for person in people):
        return None
    placed = _placed(people, length, level, background.canvas, rng)
    most_hidden = 0.0
    for frame in range(length):
        hidden = occlusions(whole_mattes(placed, background.canvas, frame))
        most_hidden = max(most_hidden, float(hidden.max()))
        if most_hidden > level.occlusion[1]:
            return None
    return Composition(background, placed, length, most_hidden) if most_hidden >= level.occlusion[0] else None


def _person(
    footage: Footage, opened: OpenFootage, length: int, rng: np.random.Generator, *, unmix: bool
) -> Person:
    first = int(rng.integers(opened.frames - length + 1))
    return Person(footage, opened, range(first, first + length), unmix=unmix)


def _draw_background(recipe: ClipRecipe, pool: Pool, rng: np.random.Generator) -> Background | None:
    """Draw a still or a clip, with equal chance where there are both; None for an upright still."""
    clips = [each for each in pool.backgrounds if each.is_clip]
    stills = [each for each in pool.backgrounds if not each.is_clip]
    chosen = clips if clips and (not stills or rng.random() < 0.5) else stills
    footage = chosen[int(rng.integers(len(chosen)))]
    opened = OpenFootage(footage)
    width, height = opened.size()
    if recipe.canvas is None and not footage.is_clip and width <= height:
        return None
    return Background(footage, opened, int(rng.integers(opened.frames)), recipe.canvas or (width, height))


def _placed(
    people: list[Person], frames: int, level: Level, canvas: tuple[int, int], rng: np.random.Generator
) -> list[PlacedPerson]:
    """Place people side by side from the left, feet at the lower border, still over the clip."""
    width, height = canvas
    aspects = [person.width / person.height for person in people]
    placed: list[PlacedPerson] = []
    right = 0
    for person, aspect in zip(people, aspects, strict=True):
        scale = width * aspect / sum(aspects) / person.width * float(rng.uniform(*level.scale))
        if person.height * scale > height:
            scale = float(rng.uniform(0.8, 1.0)) * height / person.height
        wide, tall = max(1, int(person.width * scale)), max(1, int(person.height * scale))
        x = right
        if level.strays:
            x += int(rng.integers(-(width // 2), width // 2 + 1))
        x = min(max(x, 0), max(width - wide, 0))
        mattes = [person.matte(frame, wide, tall) for frame in range(frames)]
        placed.append(PlacedPerson(person, mattes, x, height - tall))
        right = x + wide
    return placed

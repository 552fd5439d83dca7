"""Stills as I-HIM50K has them: people pasted at random places, none hidden too much by the next.

Source: the recipe of I-HIM50K as its authors' program runs it; Huynh et al., "MaGGIe", CVPR 2024.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .compositing import occlusions
from .composition import Background, Composition, Person, PlacedPerson, whole_mattes
from .footage import OpenFootage
from .pools import Pool

TRIES = 3
"""Positions tried for one person before it is left out."""


@dataclass(frozen=True)
class StillRecipe:
    """How stills are composed."""

    people: tuple[int, int] = (2, 4)
    """Least and most people drawn; the paper says 2 to 5. People that fit nowhere are left out."""
    canvas: tuple[int, int] | None = None
    """(W, H); None is the background's own size."""
    scale: tuple[float, float] = (0.5, 0.9)
    """Least and most height of a person, in heights of the canvas."""
    most_hidden: float = 0.3
    """Largest share of a person's visible area that one paste may hide."""
    unmix: bool = False
    """Estimate each person's own colour instead of taking the image's, which shows its old background at
    soft edges."""


def draw_still(recipe: StillRecipe, pool: Pool, rng: np.random.Generator) -> Composition | None:
    """Draw one still; None where no person could be placed, and another draw is needed."""
    footage = pool.draw(rng, int(rng.integers(recipe.people[0], recipe.people[1] + 1)))
    background = _draw_background(recipe, pool, rng)
    width, height = background.canvas
    people: list[PlacedPerson] = []
    for each in footage:
        opened = OpenFootage(each)
        person = Person(each, opened, [int(rng.integers(opened.frames))], unmix=recipe.unmix)
        tall = round(float(rng.uniform(*recipe.scale)) * height)
        wide = round(tall * person.width / max(person.height, 1))
        if person.box is None or not (1 <= wide <= width and 1 <= tall <= height):
            continue
        matte = person.matte(0, wide, tall)
        for _ in range(TRIES):
            x, y = int(rng.integers(width - wide + 1)), int(rng.integers(height - tall + 1))
            tried = [*people, PlacedPerson(person, [matte], x, y)]
            if _hidden(tried, background.canvas) <= recipe.most_hidden:
                people = tried
                break
    if not people:
        return None
    return Composition(background, people, 1, _hidden(people, background.canvas))


def _draw_background(recipe: StillRecipe, pool: Pool, rng: np.random.Generator) -> Background:
    footage = pool.backgrounds[int(rng.integers(len(pool.backgrounds)))]
    opened = OpenFootage(footage)
    canvas = recipe.canvas or opened.size()
    return Background(footage, opened, int(rng.integers(opened.frames)), canvas)


def _hidden(people: list[PlacedPerson], canvas: tuple[int, int]) -> float:
    return float(occlusions(whole_mattes(people, canvas, 0)).max())

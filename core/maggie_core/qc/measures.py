"""What is measured on mattes, in which unit, how much is too much, and why."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from maggie_api.errors import SettingsError


@dataclass(frozen=True)
class Limit:
    """The values that are let pass: from `low` to `high`; None is no limit on that side."""

    low: float | None = None
    high: float | None = None

    def edge(self, value: float) -> float | None:
        """The side that a value is beyond; None where it is let pass."""
        if self.low is not None and value < self.low:
            return self.low
        if self.high is not None and value > self.high:
            return self.high
        return None

    def gravity(self, value: float) -> float:
        """A number that grows as `value` gets worse; without a limit, with its distance from 0."""
        if self.low is None or self.high is None:
            return abs(value) if self.low is None else -value
        return max(value - self.high, self.low - value) / ((self.high - self.low) or 1)

    def at(self, value: float) -> Limit:
        """The limit with a number on the side it has; either way where it has two."""
        if self.low is None:
            return Limit(high=value)
        return Limit(low=value) if self.high is None else Limit(-value, value)

    @property
    def edges(self) -> tuple[float, ...]:
        return tuple(edge for edge in (self.low, self.high) if edge is not None)

    @property
    def written(self) -> str:
        """`LOW..HIGH` as the command line takes it, or `none`."""
        if not self.edges:
            return "none"
        return "..".join("" if edge is None else f"{edge:.15g}" for edge in (self.low, self.high))

    def __str__(self) -> str:
        """`at most 25`, `at least 0.25`, `-50 to +100`; empty where there is none."""
        if self.low is None:
            return "" if self.high is None else f"at most {number(self.high)}"
        if self.high is None:
            return f"at least {number(self.low)}"
        return f"{number(self.low, signed=True)} to {number(self.high, signed=True)}"


NONE = Limit()


@dataclass(frozen=True)
class Measure:
    """One number about a frame, or about one instance in it."""

    name: str
    title: str
    """The measure's name as reports print it."""
    unit: str
    about: Literal["file", "frame", "instance", "pair", "seam", "shot"]
    """What one value belongs to: a frame's file, all alphas of a frame, one instance in a frame, an
    instance's change since the frame before, the border before a segment, or the whole shot."""
    limit: Limit
    """A value beyond it is a finding; without one the measure is reported and never a finding."""
    reason: str
    """Why the limit is where it is."""
    todo: str
    """What to do about a finding."""
    needs: str = ""
    """What the measure needs beside the mattes."""
    least: float = 0.0
    """Smallest value it can have."""


def at_most(value: float) -> Limit:
    return Limit(high=value)


def at_least(value: float) -> Limit:
    return Limit(low=value)


def number(value: float, *, signed: bool = False) -> str:
    """Three digits, as people read them."""
    sign = "+" if signed and value > 0 else ""
    return sign + (f"{value:.0f}" if float(value).is_integer() or abs(value) >= 100 else f"{value:.3g}")


_ALL = (
    Measure(
        "missing", "missing frame", "files", "file", at_most(0),
        "a frame that was asked for is delivered, always",
        "run the job again, it computes only what is missing; or say with --frames which should be there",
    ),
    Measure(
        "unreadable", "unreadable file", "files", "file", at_most(0),
        "a file that exists is complete",
        "delete the file and run the job again",
    ),
    Measure(
        "unusable_input", "plate or mask that cannot be used", "files", "file", at_most(0),
        "what a frame was made from is needed to check it",
        "repair or render that file, and matte and check the frame again",
        needs="plate or guidance",
    ),
    Measure(
        "twice", "frame stored more than once", "files", "file", at_most(0),
        "whoever reads the sequence takes one of them, and not always the same",
        "delete the one that is not wanted",
    ),
    Measure(
        "size", "image of another size", "files", "file", at_most(0),
        "the frames of a shot share a format",
        "render the frame again from the same plate as the others",
    ),
    Measure(
        "instances", "instances that are absent from the file", "instances", "file", at_most(0),
        "every instance is in every file, as zeros where it is not in the image",
        "render the frame again with all of the guidance",
    ),
    Measure(
        "recipe", "made otherwise than most frames", "differences", "file", at_most(0),
        "frames of two recipes meet in a jump that no eye misses",
        "run the job again over all of its frames: it redoes those of another recipe",
    ),
    Measure(
        "not_finite", "pixels of NaN or infinity", "px", "instance", at_most(0),
        "one of them spoils every filter that comes after",
        "render the frame again, and report it if it stays",
    ),
    Measure(
        "out_of_range", "pixels below 0 or above 1", "px", "instance", at_most(0),
        "alpha is coverage; half float's last digit (1/1024) is let pass",
        "clamp the alpha, or find the filter that overshoots",
    ),
    Measure(
        "area", "covered area", "% of the image", "instance", NONE,
        "people are as large as they are", "",
    ),
    Measure(
        "empty", "empty although the instance should be there", "frames", "instance", at_most(0),
        "by the guidance, or by the frames before and after, somebody is there",
        "look at the plate and the mask of this frame; a black frame is often a file that was cut short",
    ),
    Measure(
        "mask_mistaken", "mask that looks inverted, or is white all over", "frames", "instance", at_most(0),
        "no person takes in the sides of the image around a hole or a close-up, or all of it in every frame",
        "white is what is matted: turn black and white round, or take another channel or id, and matte again",
        needs="masks",
    ),
    Measure(
        "mask_hidden", "whole mask inside that of somebody else", "frames", "instance", at_most(0),
        "somebody who is hidden by others in some frames is seen in others",
        "unless it is so, cut the person out of the other's mask, or change their order, and matte again",
        needs="masks",
    ),
    Measure(
        "outside", "alpha far from its guidance", "% of the matte", "instance", at_most(25),
        "masks that are off by a quarter leave true alphas 24 %; all of it where there is no guidance",
        "look for somebody else's body, or for a mask that is missing",
        needs="guidance",
    ),
    Measure(
        "iou", "overlap with the guidance", "", "instance", at_least(0.25),
        "true alphas share 0.3 with the roughest masks of small people",
        "compare matte and mask: one of them shows another person, or only a part",
        needs="guidance",
    ),
    Measure(
        "area_drift", "area beside that of the guidance", "%", "instance", Limit(-50, 100),
        "true alphas and the roughest masks differ by a factor of two",
        "compare matte and mask: a limb is lost, or something else is in",
        needs="guidance", least=-100,
    ),
    Measure(
        "inside_lost", "lost inside the mask", "% of its inside", "instance", at_most(20),
        "true alphas lack up to 15 % of the inside of masks as people draw them",
        "compare both with the plate there: paint the mask anew where it is wider than the person, or hold a "
        "hole with --core NAME=SEQUENCE",
        needs="guidance",
    ),
    Measure(
        "covers", "alpha inside another's mask", "% of its inside", "instance", at_most(15),
        "true alphas have at most 2 % of the inside of a well drawn mask, 11 % of one as people draw them",
        "look whose it is: --garbage NAME=SEQUENCE keeps somebody out, or paint both masks anew",
        needs="guidance",
    ),
    Measure(
        "undecided_inside", "neither in nor out inside the mask", "% of the mask", "instance", at_most(45),
        "true alphas reach 40 % where somebody moves fast; more is a matte that has collapsed",
        "compare with the plate: is the person out of focus, or small? A tighter mask helps",
        needs="guidance",
    ),
    Measure(
        "patches", "grey patches inside the mask", "% of the mask", "instance", at_most(0.25),
        "true alphas of the demo have at most 0.2 %; who has soft edges all around is not judged",
        "look at it at 100 %: a bite is held by --core NAME=SEQUENCE; cloth that lets light through is right",
        needs="guidance",
    ),
    Measure(
        "streaks", "thin streaks away from the mask", "% of the person's size", "instance", at_most(0),
        "2 of 150 true alphas have a straight thin line that leads so far off",
        "--garbage NAME=SEQUENCE cuts it off; if it is a thing the person holds, paint it into the mask",
        needs="guidance",
    ),
    Measure(
        "apart", "pieces apart, where the mask has none", "% of the mask", "instance", at_most(0.1),
        "19 in 20 true alphas have less",
        "--garbage NAME=SEQUENCE removes it; if it is the person's own, paint it into the mask",
        needs="guidance",
    ),
    Measure(
        "left_out", "patch left out that looks like the person", "% of the person's size squared",
        "instance", at_most(0.1),
        "where true alphas and rough masks differ it looks like the wall; holes and bites do not",
        "compare with the plate there: --core NAME=SEQUENCE holds what must stay, or paint the mask anew",
        needs="plate and guidance",
    ),
    Measure(
        "taken_in", "patch taken in that looks like what is around it", "% of the person's size squared",
        "instance", at_most(0.1),
        "what rough masks forget looks like the person; streaks and loose pieces do not",
        "--garbage NAME=SEQUENCE cuts it off; if it is the person's own, paint it into the mask",
        needs="plate and guidance",
    ),
    Measure(
        "centre_drift", "distance from the guidance's centre", "% of its size", "instance", at_most(60),
        "true alphas are off by 60 % with masks that have lost a part",
        "compare matte and mask: is the mask of this frame, or of one before?",
        needs="guidance",
    ),
    Measure(
        "guidance_area", "area of the guidance", "% of the image", "instance", NONE,
        "people are as large as they are", "",
        needs="guidance",
    ),
    Measure(
        "specks", "small pieces apart from the rest", "% of the matte", "instance", at_most(3),
        "true alphas of people half hidden by others reach 1.6 %",
        "paint the guidance there, or remove the pieces",
    ),
    Measure(
        "speck_count", "number of small pieces", "pieces", "instance", at_most(30),
        "true alphas have at most 20, good mattes a dozen; noise has hundreds",
        "paint the guidance there, or remove the pieces",
    ),
    Measure(
        "holes", "small holes", "% of the matte", "instance", at_most(4),
        "true alphas reach 2.4 %, where an arm or hair lets the background through",
        "paint the guidance over the hole, or fill it",
    ),
    Measure(
        "hole_count", "number of small holes", "holes", "instance", NONE,
        "hair has many", "",
    ),
    Measure(
        "undecided", "neither in nor out", "% of the matte", "instance", NONE,
        "people out of focus have no core",
        "",
    ),
    Measure(
        "edge_px", "mean width of the edge", "px", "instance", at_least(0.5),
        "a sharp edge takes a pixel to be smooth, a cut-out has none",
        "look for the step that thresholded the alpha",
    ),
    Measure(
        "area_jump", "jump of the area", "%", "pair", at_most(40),
        "between two frames nobody grows or shrinks so much, but at the border of the image",
        "compare the frame with the one before: a limb is lost, or something else is in",
    ),
    Measure(
        "stuck", "alpha that stands still on an image that moves", "frames", "pair", at_most(0),
        "no two frames of a moving image have the same alpha to the last bit",
        "render the frame again: a frame was probably copied for another",
        needs="plate or guidance",
    ),
    Measure(
        "flicker", "flicker", "px", "pair", at_most(2),
        "true alphas of people who run reach 1.8, those of people who walk 0.9; rough masks jump by 2 to 5",
        "look at the guidance of these frames: a better mask helps; a job with --smooth none flickers more",
        needs="plate",
    ),
    Measure(
        "flash", "patch that comes or goes", "% of the person's size squared", "pair", at_most(0.5),
        "none of 125 pairs of frames of true alphas in generated clips has more",
        "compare the frame with its neighbours: repaint its mask, or hold the place with --core or --garbage",
        needs="plate",
    ),
    Measure(
        "pop", "patch in one frame alone", "% of the person's size squared", "pair", at_most(0.05),
        "no true alpha of a generated clip has a patch in one frame alone",
        "compare the frame with both neighbours: repaint its mask, or hold it with --core or --garbage",
        needs="plate",
    ),
    Measure(
        "jolt", "frame shifted against both its neighbours", "px at least", "pair", at_most(0.35),
        "true alphas have at most 0.3; a pixel of 1920x1080 is 0.53",
        "compare the frame with both neighbours: its mask may jump; a matte from elsewhere may be filtered, "
        "cropped, or another frame's",
        needs="plate",
    ),
    Measure(
        "chatter", "edge chatter against both neighbours", "px", "pair", at_most(0.15),
        "true alphas reach 0.12, hair and fast motion included",
        "look at the guidance of these frames: a better mask helps; a job with --smooth none flickers more",
        needs="plate",
    ),
    Measure(
        "change", "motion of the outline", "px", "pair", NONE,
        "people move", "",
    ),
    Measure(
        "seam", "flicker at a single seam over that elsewhere", "times at least", "seam", at_most(1.05),
        "segments may show by 5 %; what chance does to one pair of frames is taken off",
        "lengthen --warmup or --segment, or take --segment whole",
    ),
    Measure(
        "seams", "flicker at the seams over that elsewhere", "times at least", "shot", at_most(1.05),
        "segments may show by 5 % on average; what chance does is taken off",
        "lengthen --warmup or --segment, or take --segment whole",
    ),
    Measure(
        "above_one", "alphas that exceed one together", "% of the covered pixels", "frame", at_most(2),
        "coverage cannot; other programs' mattes overlap by an edge",
        "take one of them off the other, or matte both in one job, which never exceeds one",
    ),
    Measure(
        "sum_broken", "sum above one in spite of the contract", "alpha", "frame", at_most(0.01),
        "mattes made with --sum-to-one promise it; half float rounds by less",
        "render the frame again",
    ),
)  # fmt: skip
MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure by its name; reports list them in this order."""


def limits_with(changes: Iterable[tuple[str, Limit | float | None]] = ()) -> dict[str, Limit]:
    """Every measure's limit: its own, or the one in `changes`.

    Args:
        changes: a `Limit` as it is; a number on the side that the measure has, either way where it has two,
            at most where it has none; None for no limit.

    Raises:
        SettingsError: no measure of that name; or a limit that nothing or everything is beyond.
    """
    limits = {name: measure.limit for name, measure in MEASURES.items()}
    for name, change in changes:
        if name not in MEASURES:
            near = difflib.get_close_matches(name, MEASURES, n=1)
            known = f"did you mean {near[0]}?" if near else f"known are {', '.join(MEASURES)}"
            raise SettingsError(f"no measure is called {name!r}: {known}")
        limits[name] = _checked(MEASURES[name], change)
    return limits


def needed_for(
    changes: Iterable[tuple[str, Limit | float | None]], *, plate: bool, guidance: bool, masks: bool
) -> None:
    """See that what is given measures everything that a limit is asked for.

    Args:
        guidance: whether somebody has a mask in every frame.
        masks: the same, or key masks.

    Raises:
        SettingsError: a measure needs what is not given, so that its limit would say nothing.
    """
    given = {"plate": plate, "guidance": guidance, "masks": masks}
    for name, change in changes:
        needs = MEASURES[name].needs
        if change is not None and needs and not _is_given(needs, given):
            options = re.sub("guidance|masks", "--guidance", needs.replace("plate", "--plate"))
            raise SettingsError(
                f"the limit of {name} needs {needs}: give {options} or a job (one with key masks alone "
                "is without guidance), or drop the limit"
            )


def _is_given(needs: str, given: Mapping[str, bool]) -> bool:
    if " or " in needs:
        return any(given[each] for each in needs.split(" or "))
    return all(given[each] for each in needs.split(" and "))


def _checked(measure: Measure, change: Limit | float | None) -> Limit:
    if change is None:
        return NONE
    if isinstance(change, Limit):
        edges, least = change.edges, measure.least
        said = change.written
    else:
        edges, least, said = (change,), 0.0, f"{change:g}"
    if not all(least <= edge < math.inf for edge in edges) or list(edges) != sorted(edges):
        below = "" if measure.least == 0 else f" (a range may begin at {measure.least:g})"
        raise SettingsError(
            f"the limit of {measure.name} is {said}: give a number from 0 up, LOW..HIGH, or none{below}"
        )
    return change if isinstance(change, Limit) else measure.limit.at(change)

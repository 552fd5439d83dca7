"""What is measured on mattes, in which unit, how much is too much, and why."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from maggie_api.errors import SettingsError


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
    limit: float | None
    """A value beyond it is a finding; None: the measure is reported and never a finding."""
    reason: str
    """Why the limit is where it is."""
    todo: str
    """What to do about a finding."""
    at_least: bool = False
    """True: values below the limit are findings; False: values above it."""
    needs: str = ""
    """What the measure needs beside the mattes."""

    def gravity(self, value: float) -> float:
        """A number that grows as `value` gets worse; a drift counts in either direction."""
        return -value if self.at_least else abs(value)

    def exceeds(self, value: float, limit: float) -> bool:
        return self.gravity(value) > (-limit if self.at_least else limit)


_ALL = (
    Measure(
        "missing", "missing frame", "files", "file", 0,
        "a frame that was asked for is delivered, always",
        "run the job again: it computes only what is missing",
    ),
    Measure(
        "unreadable", "unreadable file", "files", "file", 0,
        "a file that exists is complete",
        "delete the file and run the job again",
    ),
    Measure(
        "unusable_input", "plate or mask that cannot be used", "files", "file", 0,
        "what a frame was made from is needed to check it",
        "repair or render that file, and matte and check the frame again",
        needs="plate or guidance",
    ),
    Measure(
        "twice", "frame stored more than once", "files", "file", 0,
        "whoever reads the sequence takes one of them, and not always the same",
        "delete the one that is not wanted",
    ),
    Measure(
        "size", "image of another size", "files", "file", 0,
        "the frames of a shot share a format",
        "render the frame again from the same plate as the others",
    ),
    Measure(
        "instances", "instances that are absent from the file", "instances", "file", 0,
        "every instance is in every file, as zeros where it is not in the image",
        "render the frame again with all of the guidance",
    ),
    Measure(
        "recipe", "made otherwise than most frames", "differences", "file", 0,
        "frames of two recipes meet in a jump that no eye misses",
        "run the job again over all of its frames: it redoes those of another recipe",
    ),
    Measure(
        "not_finite", "pixels of NaN or infinity", "px", "instance", 0,
        "one of them spoils every filter that comes after",
        "render the frame again, and report it if it stays",
    ),
    Measure(
        "out_of_range", "pixels below 0 or above 1", "px", "instance", 0,
        "alpha is coverage; half float's last digit (1/1024) is let pass",
        "clamp the alpha, or find the filter that overshoots",
    ),
    Measure(
        "area", "covered area", "% of the image", "instance", None,
        "people are as large as they are", "",
    ),
    Measure(
        "empty", "empty although the instance should be there", "frames", "instance", 0,
        "by the guidance, or by the frames before and after, somebody is there",
        "look at the plate and the mask of this frame; a black frame is often a file that was cut short",
    ),
    Measure(
        "outside", "alpha far from its guidance", "% of the matte", "instance", 25,
        "masks that are off by a quarter leave true alphas 24 %; all of it where there is no guidance",
        "look for somebody else's body, or for a mask that is missing",
        needs="guidance",
    ),
    Measure(
        "iou", "overlap with the guidance", "", "instance", 0.25,
        "true alphas share 0.3 with the roughest masks of small people",
        "compare matte and mask: one of them shows another person, or only a part",
        at_least=True, needs="guidance",
    ),
    Measure(
        "area_drift", "area beside that of the guidance", "% larger", "instance", 100,
        "true alphas and the roughest masks differ by a factor of two",
        "compare matte and mask: a limb is lost, or something else is in",
        needs="guidance",
    ),
    Measure(
        "centre_drift", "distance from the guidance's centre", "% of its size", "instance", 60,
        "true alphas are off by 60 % with masks that have lost a part",
        "compare matte and mask: is the mask of this frame, or of one before?",
        needs="guidance",
    ),
    Measure(
        "guidance_area", "area of the guidance", "% of the image", "instance", None,
        "people are as large as they are", "",
        needs="guidance",
    ),
    Measure(
        "specks", "small pieces apart from the rest", "% of the matte", "instance", 3,
        "true alphas of people half hidden by others reach 1.6 %",
        "paint the guidance there, or remove the pieces",
    ),
    Measure(
        "speck_count", "number of small pieces", "pieces", "instance", 30,
        "true alphas have at most 20, good mattes a dozen; noise has hundreds",
        "paint the guidance there, or remove the pieces",
    ),
    Measure(
        "holes", "small holes", "% of the matte", "instance", 4,
        "true alphas reach 2.4 %, where an arm or hair lets the background through",
        "paint the guidance over the hole, or fill it",
    ),
    Measure(
        "hole_count", "number of small holes", "holes", "instance", None,
        "hair has many", "",
    ),
    Measure(
        "undecided", "neither in nor out", "% of the matte", "instance", None,
        "people out of focus have no core",
        "",
    ),
    Measure(
        "edge_px", "mean width of the edge", "px", "instance", 0.5,
        "a sharp edge takes a pixel to be smooth, a cut-out has none",
        "look for the step that thresholded the alpha",
        at_least=True,
    ),
    Measure(
        "area_jump", "jump of the area", "%", "pair", 40,
        "between two frames nobody grows or shrinks so much, but at the border of the image",
        "compare the frame with the one before: a limb is lost, or something else is in",
    ),
    Measure(
        "stuck", "alpha that stands still on an image that moves", "frames", "pair", 0,
        "no two frames of a moving image have the same alpha to the last bit",
        "render the frame again: a frame was probably copied for another",
        needs="plate or guidance",
    ),
    Measure(
        "flicker", "flicker", "px", "pair", 2,
        "true alphas of people who run reach 1.8, those of people who walk 0.9; rough masks jump by 2 to 5",
        "look at the guidance of these frames: a better mask helps, and so does --smooth flow",
        needs="plate",
    ),
    Measure(
        "change", "motion of the outline", "px", "pair", None,
        "people move", "",
    ),
    Measure(
        "seam", "flicker at a single seam over that elsewhere", "times at least", "seam", 1.05,
        "segments may show by 5 %; what chance does to one pair of frames is taken off",
        "lengthen --warmup or --segment, or take --segment whole",
    ),
    Measure(
        "seams", "flicker at the seams over that elsewhere", "times at least", "shot", 1.05,
        "segments may show by 5 % on average; what chance does is taken off",
        "lengthen --warmup or --segment, or take --segment whole",
    ),
    Measure(
        "above_one", "alphas that exceed one together", "% of the covered pixels", "frame", 10,
        "masks that claim each other's pixels overlap; seldom by more than an edge",
        "matte with --sum-to-one, or look whose mask reaches into whose",
    ),
    Measure(
        "sum_broken", "sum above one in spite of the contract", "alpha", "frame", 0.01,
        "mattes made with --sum-to-one promise it; half float rounds by less",
        "render the frame again",
    ),
)  # fmt: skip
MEASURES: Mapping[str, Measure] = {measure.name: measure for measure in _ALL}
"""Every measure by its name; reports list them in this order."""


def limits_with(changes: Iterable[tuple[str, float | None]] = ()) -> dict[str, float | None]:
    """Every measure's limit: its own, or the one in `changes`; None is no limit.

    Raises:
        SettingsError: no measure of that name; or a limit that is negative, infinite or NaN.
    """
    limits = {name: measure.limit for name, measure in MEASURES.items()}
    for name, value in changes:
        if name not in MEASURES:
            near = difflib.get_close_matches(name, MEASURES, n=1)
            known = f"did you mean {near[0]}?" if near else f"known are {', '.join(MEASURES)}"
            raise SettingsError(f"no measure is called {name!r}: {known}")
        if value is not None and not 0 <= value < math.inf:
            raise SettingsError(f"the limit of {name} is {value:g}: give a number from 0 up, or none")
        limits[name] = value
    return limits

"""Colours that people are shown in by previews and the panel, by their place in the job.

Standard library only, Python 3.9: hosts import this.
"""

from __future__ import annotations

import colorsys


def person_color(place: int) -> tuple[float, float, float]:
    """sRGB-encoded colour in [0, 1]; orange first, then blue.

    Steps of the golden ratio around the hue circle differ as much as they can, however many there are.
    """
    return colorsys.hsv_to_rgb((0.09 + 0.618034 * place) % 1.0, 0.6, 1.0)

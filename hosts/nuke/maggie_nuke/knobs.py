"""Names of the node's knobs and of what is inside it: saved in scripts, so never renamed."""

from __future__ import annotations

MARK = "maggie_version"
"""Hidden knob that tells our Group from others; holds the version of its layout."""
LAYOUT = "1"
PLATE, GUIDANCE = "plate", "guidance"
MATTES, ALL, SWITCH, ONE, OUTPUT = "mattes", "layers", "with_mattes", "one_alpha", "Output"
"""Inside: the Read of the mattes, the first Copy's name (layers1, layers2, ...), the Switch between the plate
alone and with mattes, the Copy of one instance to rgba.alpha, the Output."""
READY = "ready"
"""Hidden knob: mattes were made, so a missing one is an error also in the viewer."""
ALL_LAYERS = "all layers"
NAME, SOURCE, USE, COLOUR = "name", "source", "use", "color"
"""Of instance 3: name3, source3, use3, color3."""
ROWS = "instances"
"""Tab of the instances."""

"""Names of the node's knobs and of the nodes inside it. Scripts save them, so a release never renames one.

The knobs of options are named after the options (`options.py`).
"""

from __future__ import annotations

MARK = "maggie_version"
"""Hidden knob that only a MaGGIe Group has; holds the version of the layout."""
LAYOUT = "2"
PLATE, GUIDANCE = "plate", "guidance"
MATTES, ALL, SWITCH, ONE = "mattes", "layers", "with_mattes", "one_alpha"
"""Nodes inside: the Read of the mattes, the Copies (layers1, layers2, ...), the Switch between the plate
alone and the plate with mattes, and the Copy of one instance to rgba.alpha."""
ID = "maggie_id"
"""Hidden knob: tells a node from its copies, whatever they are called."""
OWN = "own_folder"
"""Hidden knob: the folder of this node's files, from its first matte on."""
READY = "ready"
"""Hidden knob: some matte was made, so a missing one is an error also in the viewer."""
ALL_LAYERS = "all layers"
NAME, SOURCE, USE, COLOUR = "name", "source", "use", "color"
CORE, GARBAGE, EDGE = "core", "garbage", "edges"
"""Beginnings of the knobs of one instance: the third has name3, source3, use3, color3, core3, garbage3 and
edges3. `garbage` alone is the garbage matte of everybody."""
ADVANCED = "advanced"
"""Tab of the options that have no place on the first tab."""
EDGES = "edge_tools"
"""Tab of the edge options for everybody."""
FARM, ABOUT = "farm_tab", "about_tab"
"""Tabs of where it runs, and of what it is."""
ROWS = "instances"
"""Tab of the instances."""

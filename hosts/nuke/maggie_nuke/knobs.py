"""Names of the node's knobs and of the nodes inside it. Scripts save them, so a release never renames one.

The knobs of options are named after the options (`options.py`).
"""

from __future__ import annotations

MARK = "maggie_version"
"""Hidden knob that only a MaGGIe Group has; holds the version of the layout."""
LAYOUT = "3"
PLATE, GUIDANCE = "plate", "guidance"
MATTES, ALL, SWITCH, ONE = "mattes", "layers", "with_mattes", "one_alpha"
"""Nodes inside: the Read of the mattes, the Copies (layers1, layers2, ...), the Switch between the plate
alone and the plate with mattes, and the Copy of one instance to rgba.alpha."""
ID = "maggie_id"
"""Hidden knob: tells a node from its copies, whatever they are called."""
OWN = "own_folder"
"""Hidden knob: the folder of this node's files, from its first matte on."""
SHOW, OPACITY = "show", "opacity"
RESULT, IN_COLOUR, MASKS = "result", "mattes in colour", "masks in colour"
SHOWN = (RESULT, IN_COLOUR, MASKS)
"""Items of the knob `show`."""
OVERLAY, WITH_OVERLAY = "overlay", "with_overlay"
"""Nodes inside: those that lay colours over the plate (overlay0, overlay1, ...), and the Switch to them."""
PICK_ADD, PICK_REMOVE, PICKED, PEOPLE = "pick", "pick_remove", "picked", "people"
PREVIEW = "preview"
STATE = "state"
"""Hidden knob: the state in a few words, which the node graph shows."""
READY = "ready"
"""Hidden knob: some matte was made, so a missing one is an error also in the viewer."""
ALL_LAYERS = "all layers"
NAME, SOURCE, USE, COLOUR = "name", "source", "use", "color"
CORE, GARBAGE, APPROVED, EDGE = "core", "garbage", "approved", "edges"
AT_KEYS, KEYS, ADD_KEY, REMOVE_KEY = "at_keys", "keys", "add_key", "remove_key"
"""Beginnings of the knobs of one instance: the third has name3, source3, use3, color3, core3 and so on.
`garbage` alone is the garbage matte of everybody."""
ADVANCED = "advanced"
"""Tab of the options that have no place on the first tab."""
EDGES = "edge_tools"
"""Tab of the edge options for everybody."""
FARM, ABOUT = "farm_tab", "about_tab"
"""Tabs of where it runs, and of what it is."""
ROWS = "instances"
"""Tab of the instances."""

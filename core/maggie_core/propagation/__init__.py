"""Masks for every frame of a clip from masks at some of them.

    affinity.py     people and background compete for every cell of a frame, by how alike it is to known ones
    ground.py       the background behind people, by the camera's motion
    sights.py       what both directions see of a clip: colours, optical flow, the camera
    tracker.py      what a tracker is, and the built-in one: a walk from frame to frame by both, optical flow,
                    and the network's own matte
    sam2.py         another tracker: SAM 2
    trackers.py     a tracker by its name
    clip.py         a clip from its keys: both ways, merged

`maggie_core.shot.propagated` makes a shot's guidance of it.
"""

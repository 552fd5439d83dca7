"""Draws what the panel shows, in a process of its own: the panel has no picture library, and never waits.

`python -m maggie_node.picture_server` reads requests from stdin, one JSON object a line, and answers on
stdout: one JSON object a line, followed by as many bytes of pixels as it says.

    -> {"id": 7, "do": "draw", "with": {"frame": 1001, "plate": "/s/plate.####.exr", ...}}
    <- {"id": 7, "result": {"width": 960, "height": 540, "note": ""}, "bytes": 1555200}
    <- {"id": 8, "error": "..."}

Answers come when they are ready, in any order. The process ends with its stdin.
"""

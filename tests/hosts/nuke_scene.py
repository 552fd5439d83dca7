"""Runs inside the fake Nuke (Python 3.9): `nuke_scene.py CASE.json BODY.py` runs BODY with what is below.

BODY puts what the test looks at into `out`; it is printed as JSON on the last line.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "fake_nuke"))

import nuke  # noqa: E402
from nuke_app import click, edit, launch, pick, pump, update_ui  # noqa: E402

__all__ = ["click", "edit", "launch", "pick", "pump", "threading", "time", "update_ui"]
PLUGIN = os.path.join(os.path.dirname(os.path.dirname(HERE)), "hosts", "nuke")
case = {}
out = {}


def start(mode="gui", *, plugin=True, script="shot.nk", arguments=(), **more):
    """A Nuke with the plug-in, a saved script and an OCIO project."""
    folder = case.get("plugin", PLUGIN)
    session = launch(mode, [folder] if plugin else [], arguments=["nuke", *arguments], **more)
    project()
    if script:
        nuke.scriptSaveAs(path(script), 1)
    return session


def project():
    root = nuke.root()
    root["first_frame"].setValue(1001)
    root["last_frame"].setValue(1006)
    root["colorManagement"].setValue("OCIO")
    root["OCIO_config"].setValue("custom")
    root["customOCIOConfigPath"].setValue(case["ocio"])


def path(name):
    return f"{case['folder']}/{name}"


def read(name, **knobs):
    """A Read of one of the case's sequences."""
    first, last = case["frames"]
    given = {"file": f"{case['shot']}/{name}.%04d.exr", "first": first, "last": last}
    return nuke.nodes.Read(**{**given, **knobs})


def node(*guidance, plate="plate"):
    """A node of ours with a plate and masks."""
    import maggie_nuke

    made = maggie_nuke.create()
    made["model"].setValue(case["model"])
    made["device"].setValue("cpu")
    made.setInput(0, read(plate) if isinstance(plate, str) else plate)
    for index, mask in enumerate(guidance):
        if index:
            press(made, "more")
        made.setInput(index + 1, read(mask) if isinstance(mask, str) else mask)
    return made


def press(on, action):
    """A button; fails when it raised."""
    before = len(messages("error"))
    click(on[action])
    assert len(messages("error")) == before, messages("error")


def messages(kind="message"):
    from nuke import _state

    return _state.session().record.texts(kind)


def wait(seconds=120):
    """Until no job is under way."""
    from maggie_nuke import run

    pump(until=lambda: not run.under_way(), seconds=seconds)


def node_state(on):
    """What a node says, as plain data."""
    from maggie_nuke import read as reading

    return reading.node_state(on)


def plans(on, wanted=None):
    from maggie_nuke import shot

    return shot.plans(node_state(on), wanted)


def write(source, name="out", channels="all", **knobs):
    """A Write of EXR files into the case's folder."""
    made = nuke.nodes.Write(inputs=[source])
    given = {"file": path(f"{name}.%04d.exr"), "file_type": "exr", "channels": channels, "raw": True}
    for knob, value in {**given, **knobs}.items():
        made[knob].setValue(value)
    return made


def failure(call, *args):
    """What a call says when it fails."""
    try:
        call(*args)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    raise AssertionError("it did not fail")


if __name__ == "__main__":
    sys.modules["nuke_scene"] = sys.modules["__main__"]
    with open(sys.argv[1], encoding="utf-8") as file:
        case.update(json.load(file))
    status = 0
    try:
        with open(sys.argv[2], encoding="utf-8") as file:
            exec(compile(file.read(), sys.argv[2], "exec"), globals())
        from nuke import _state

        assert not _state.session().record.crashes, _state.session().record.crashes
    except BaseException:
        traceback.print_exc()
        status = 1
    sys.stdout.write("\n" + json.dumps(out) + "\n")
    sys.stdout.flush()
    sys.exit(status)

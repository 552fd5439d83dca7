"""Whether this Nuke does what the plug-in takes for granted: `nuke -t selftest.py`, a JSON verdict on stdout.

Nothing of a show is touched: all files are in a temporary folder. Exit code 0 when all is as expected. The
report says nothing of the machine but versions; send it in where something is not.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import threading
import time
import traceback
from typing import Any, Callable

import nuke

sys.path.append(os.path.dirname(os.path.abspath(__file__)))

import maggie_nuke  # noqa: E402, I001 - it finds maggie_api
from maggie_api.client import devices  # noqa: E402
from maggie_api.client.python import check_python, find_python  # noqa: E402
from maggie_api.events import FoundDevice  # noqa: E402
from maggie_nuke import build, identity, job_plan, knobs, main_thread, overlay  # noqa: E402
from maggie_nuke import people, read, render_inputs, state, upstream  # noqa: E402

NAMES = ["Ana", "Ben", "Cat", "Dan", "Eve"]
SLUGS = [name.lower() for name in NAMES]
CHECKS: list[Callable[[str], Any]] = []


def check(function: Callable[[str], Any]) -> Callable[[str], Any]:
    CHECKS.append(function)
    return function


@check
def versions_are_known(folder: str) -> Any:
    """Python 3.9 or later, in a Nuke of 14 or later."""
    assert sys.version_info >= (3, 9)
    assert nuke.NUKE_VERSION_MAJOR >= 14
    return {"gui": nuke.GUI, "interactive": nuke.INTERACTIVE, "arguments": len(nuke.rawArgs)}


@check
def layers_survive_a_file(folder: str) -> Any:
    """maggie_<slug>.alpha is called the same before a Write and after a Read."""
    source = _matte_files(folder)
    found = [channel for channel in source.channels() if channel.startswith("maggie_")]
    assert sorted(found) == sorted(f"maggie_{slug}.alpha" for slug in SLUGS), found
    return found


@check
def more_than_four_layers_come_out_of_the_node(folder: str) -> Any:
    """Copies of four channels each, one behind the other, hand out every instance."""
    node = _node(folder)
    channels = [channel for channel in node.channels() if channel.startswith("maggie_")]
    assert len(channels) == len(NAMES), channels
    values = [round(nuke.sample(node, f"maggie_{slug}.alpha", 8, 8), 3) for slug in SLUGS]
    assert values == [round(0.1 * (index + 1), 3) for index in range(len(NAMES))], values
    return values


@check
def one_instance_becomes_the_alpha(folder: str) -> Any:
    """The output knob, by what the plug-in does when it is turned."""
    node = _node(folder)
    node["output"].setValue("Cat")
    build.show_output(node)
    value = nuke.sample(node, "rgba.alpha", 8, 8)
    assert abs(value - 0.3) < 0.01, value
    return value


@check
def a_missing_matte_stops_a_render(folder: str) -> Any:
    """on_error is error: no black frame is ever written."""
    node = _node(folder)
    os.remove(f"{folder}/matte.0003.exr")
    node.node(knobs.MATTES)["reload"].execute()
    with nuke.root():
        write = _write(node, f"{folder}/out.%04d.exr", "all")
    try:
        nuke.execute(write, 3, 3, 1)
    except RuntimeError as error:
        return str(error)[:200]
    raise AssertionError("frame 3 was rendered without its matte")


@check
def the_switch_inside_knows_a_terminal(folder: str) -> Any:
    """Its expression: mattes in every render, the bare plate only in a viewer before the first matte."""
    node = _node(folder)
    node[knobs.READY].setValue(False)
    value = node.node(knobs.SWITCH)["which"].value()
    assert int(value) == (0 if nuke.GUI else 1), value
    return value


@check
def a_write_has_the_knobs_we_set(folder: str) -> Any:
    """Of the Write that renders inputs; the files are half float, with the data window of what comes in."""
    node = _node(folder)
    wanted = job_plan.InputRender(knobs.PLATE, f"{folder}/plate/p.%04d.exr", (2, 3), 1, "rgb", "a test", "")
    render_inputs.render(node, wanted)
    files = sorted(os.listdir(f"{folder}/plate"))
    assert files == ["p.0002.exr", "p.0003.exr"], files
    again = nuke.nodes.Read(file=f"{folder}/plate/p.%04d.exr", first=2, last=3, raw=True)
    again["frame_mode"].setValue("expression")
    values = [round(again["file"].node().width()), round(again.pixelAspect(), 3)]
    assert values[0] == 16, values
    return {key: str(value) for key, value in again.metadata().items() if "bitsperchannel" in key.lower()}


@check
def a_time_offset_moves_later(folder: str) -> Any:
    """At frame f a TimeOffset of 1 shows frame f - 1."""
    with nuke.root():
        source = _ramp(folder)
        later = nuke.nodes.TimeOffset(inputs=[source], time_offset=1)
        write = _write(later, f"{folder}/later.%04d.exr", "rgb")
    nuke.execute(write, 3, 3, 1)
    known = upstream.input_source(later_user(later), 0, "plate")
    assert known is not None and known.path is not None, known
    assert known.shift == -1, known
    shown = nuke.nodes.Read(file=f"{folder}/later.%04d.exr", first=3, last=3, raw=True)
    value = _at(shown, "rgba.red", 3)
    assert abs(value - 0.2) < 0.01, value
    return value


@check
def a_read_moves_as_we_think(folder: str) -> Any:
    """Which file a Read shows at frame 3, in each of its modes."""
    found = {}
    for mode, text in (("expression", "frame+1"), ("start at", "2"), ("offset", "1")):
        with nuke.root():
            source = _ramp(folder)
            source["frame_mode"].setValue(mode)
            source["frame"].setValue(text)
            write = _write(source, f"{folder}/{text}.%04d.exr", "rgb")
        nuke.execute(write, 3, 3, 1)
        shown = nuke.nodes.Read(file=f"{folder}/{text}.%04d.exr", first=3, last=3, raw=True)
        found[mode] = round(10 * _at(shown, "rgba.red", 3))
        known = upstream.input_source(later_user(source), 0, "plate")
        assert known is not None and found[mode] == 3 + known.shift, (found, known)
    return found


@check
def a_path_keeps_its_frame_token(folder: str) -> Any:
    """getEvaluatedValue evaluates TCL and leaves %04d."""
    os.environ["MAGGIE_SELFTEST"] = folder
    source = nuke.nodes.Read(file="[getenv MAGGIE_SELFTEST]/a.%04d.exr")
    path = upstream.path_of(source["file"])
    assert path == f"{folder}/a.%04d.exr", path
    return True


@check
def render_callbacks_may_set_knobs_but_not_render(folder: str) -> Any:
    """Why what is missing in a render is only made when no input has to be rendered for it."""
    said = {}
    with nuke.root():
        source = _ramp(folder)
        write, other = (_write(source, f"{folder}/{name}.%04d.exr", "rgb") for name in ("one", "two"))

    def before() -> None:
        other["file"].setValue(f"{folder}/three.%04d.exr")
        try:
            nuke.execute(other, 1, 1, 1)
            said["nested render"] = "works"
        except RuntimeError as error:
            said["nested render"] = str(error)[:200]

    def frame() -> None:
        said["frame"] = nuke.frame()

    def stop() -> None:
        raise RuntimeError("stopped by a callback")

    nuke.addBeforeRender(before, nodeClass="Write")
    nuke.addBeforeFrameRender(frame, nodeClass="Write")
    try:
        nuke.execute(write, 2, 2, 1)
    finally:
        nuke.removeBeforeRender(before, nodeClass="Write")
        nuke.removeBeforeFrameRender(frame, nodeClass="Write")
    assert said["frame"] == 2, said
    nuke.addBeforeRender(stop, nodeClass="Write")
    try:
        nuke.execute(write, 2, 2, 1)
        raise AssertionError("an exception in a render callback did not stop the render")
    except RuntimeError as error:
        said["stopped"] = str(error)[:200]
    finally:
        nuke.removeBeforeRender(stop, nodeClass="Write")
    return said


@check
def the_node_is_saved_and_reopened(folder: str) -> Any:
    """Knobs, rows, layers and what is inside."""
    node = _node(folder)
    build.set_rows(
        node, [state.InstanceRow("Ana", "guidance"), state.InstanceRow("Ben Böhm", "guidance:b", use=False)]
    )
    node["output"].setValue("Ben")
    before = {name: knob.value() for name, knob in node.knobs().items() if name not in ("xpos", "ypos")}
    rows = read.rows(node)
    name, path = node.name(), f"{folder}/script.nk"
    nuke.scriptSaveAs(path, 1)
    nuke.scriptClear()
    nuke.scriptOpen(path)
    again: Any = nuke.toNode(name)
    assert upstream.is_ours(again)
    assert build.is_up_to_date(again), "a file has kept other kinds of knobs"
    assert read.rows(again) == rows
    after = {key: again.knob(key).value() if again.knob(key) else "gone" for key in before}
    changed = sorted(key for key in before if before[key] != after[key] and key not in ("selected", "name"))
    assert not changed, {key: [str(before[key]), str(after[key])] for key in changed}
    with open(path, encoding="utf-8") as file:
        text = file.read()
    assert "add_layer {maggie_ana maggie_ana.alpha}" in text
    return len(before)


@check
def a_callback_of_a_group_runs_inside_it(folder: str) -> Any:
    """allNodes looks there alone, so the plug-in walks from the root; a copy gets an id of its own."""
    node = _node(folder)
    found: dict[str, Any] = {}

    def changed() -> None:
        if nuke.thisKnob().name() == "chunk":
            found["all"] = len(nuke.allNodes())
            found["ours"] = [each.fullName() for each in upstream.our_nodes()]

    nuke.addKnobChanged(changed, nodeClass="Group")
    try:
        node["chunk"].setValue(7)
    finally:
        nuke.removeKnobChanged(changed, nodeClass="Group")
    assert found.get("ours", [node.fullName()]) == [node.fullName()], found
    for each in nuke.allNodes(group=nuke.root()):
        each.setSelected(each.fullName() == node.fullName())
    nuke.nodeCopy(f"{folder}/copied.nk")
    copy: Any = nuke.nodePaste(f"{folder}/copied.nk")
    identity.claim(copy, copied=True)
    assert copy[knobs.ID].value() != node[knobs.ID].value()
    return found


@check
def a_node_is_found_in_every_kind_of_group(folder: str) -> Any:
    """All kinds are nuke.Group, and output() is their Output. A class that this Nuke lacks is told."""
    said = {}
    for kind in ("Group", "LiveGroup", "Precomp", "VariableGroup"):
        try:
            with nuke.root():
                group: Any = getattr(nuke.nodes, kind)()
        except Exception as error:
            said[kind] = f"{type(error).__name__}: {error}"[:100]
            continue
        assert isinstance(group, nuke.Group), kind
        with group:
            nuke.nodes.Output(inputs=[maggie_nuke.create()])
        with nuke.root():
            write = nuke.nodes.Write(inputs=[group])
        found = [each.fullName() for each, _ in upstream.our_nodes_behind(write)]
        assert len(found) == 1 and found[0].startswith(group.fullName()), (kind, found)
        said[kind] = "found"
    return said


@check
def what_an_input_comes_from_has_a_digest(folder: str) -> Any:
    """It stays the same when the script is saved and opened, and follows every knob."""
    grade = nuke.nodes.Grade(inputs=[_ramp(folder)])
    name, before = grade.name(), upstream.digest(grade)
    nuke.scriptSaveAs(f"{folder}/digest.nk", 1)
    nuke.scriptClear()
    nuke.scriptOpen(f"{folder}/digest.nk")
    again: Any = nuke.toNode(name)
    assert upstream.digest(again) == before
    again["white"].setValue(0.5)
    assert upstream.digest(again) != before
    return before


@check
def an_old_node_gets_todays_knobs(folder: str) -> Any:
    """Knobs can be removed and added again, and keep their values."""
    node = _node(folder)
    node["segment_frames"].setValue(24)
    node.removeKnob(node["trust"])
    assert not build.is_up_to_date(node)
    added = build.bring_up_to_date(node)
    assert build.is_up_to_date(node) and added == ["trust"], added
    assert int(node["segment_frames"].value()) == 24
    return added


@check
def shapes_say_at_which_frames_they_are_keyed(folder: str) -> Any:
    """rootLayer, layers, points and transforms of a Roto."""
    from nuke import rotopaint

    roto: Any = nuke.nodes.Roto(inputs=[_ramp(folder)])
    curves = roto["curves"]
    shape: Any = rotopaint.Shape(curves, (2, 2), (12, 2), (12, 12))
    for frame in (2, 4):
        for point in shape:
            point.center.addPositionKey(frame, (frame, 2))
    layer: Any = rotopaint.Layer(curves)
    layer.append(shape)
    curves.rootLayer.append(layer)
    curves.changed()
    found = upstream.shape_keys(nuke.nodes.TimeOffset(inputs=[roto], time_offset=1))
    assert set(found) >= {3, 5}, found
    return found


@check
def colours_are_laid_on_and_numbers_say_who_is_where(folder: str) -> Any:
    """A Grade with a mask of another layer, an alpha above 1, and an Expression that compares ids."""
    node = _node(folder)
    rows = [state.InstanceRow(name, "guidance") for name in NAMES]
    with people.changing(node):
        build.set_rows(node, rows)
    node[knobs.SHOW].setValue(knobs.IN_COLOUR)
    people.follow(node)
    switch = node.node(knobs.WITH_OVERLAY)
    assert int(switch["which"].value()) == int(nuke.GUI), "in a terminal nobody sees the colours"
    values = [round(nuke.sample(switch.input(1), f"rgba.{name}", 8, 8), 3) for name in ("red", "alpha")]
    numbers = 0.0
    for index in range(len(NAMES)):
        numbers += 0.1 * (index + 1) * (index + 1 - numbers)
    assert abs(values[1] - numbers) < 0.01, (values, numbers)
    ids: Any = nuke.nodes.Constant()
    ids["format"].setValue(_format())
    ids["channels"].setValue("rgba")
    ids["color"].setValue([3.4028e-20, 0.25, 1.5, 0.5])
    equal = nuke.nodes.Expression(inputs=[ids])
    equal["expr3"].setValue("(rgba.red == 3.4028e-20) * rgba.green + (rgba.blue == 2.5) * rgba.alpha")
    values.append(round(nuke.sample(equal, "rgba.alpha", 8, 8), 3))
    assert values[2] == 0.25, values
    return values


@check
def a_picked_colour_has_an_alpha(folder: str) -> Any:
    """The fourth value of an eyedropper; how many there are."""
    node = _node(folder)
    knob = node[knobs.PICK_ADD]
    knob.setValue([0.1, 0.2, 0.3, 2.0])
    values = [round(float(value), 3) for value in knob.value()]
    assert overlay.picked([state.InstanceRow(name, "guidance") for name in NAMES], values) == 2, values
    return len(values)


@check
def a_pulldown_takes_what_the_worker_found(folder: str) -> Any:
    """Items of an enumeration are changed, and the chosen one stays."""
    node = _node(folder)
    node["device"].setValue("cpu")
    devices.remember([FoundDevice("cpu", ""), FoundDevice("cuda:5", "")])
    build.offer_devices(node)
    assert node["device"].value() == "cpu" and "cuda:5" in node["device"].values()
    return node["device"].values()


@check
def an_undo_has_a_name(folder: str) -> Any:
    """begin, name, end, disable and enable."""
    with main_thread.one_undo("MaGGIe: a test"):
        nuke.nodes.NoOp()
    with main_thread.no_undo():
        assert nuke.Undo.disabled()
    assert not nuke.Undo.disabled()
    return True


@check
def a_thread_reaches_the_main_thread(folder: str) -> Any:
    """Only told: in a terminal nothing may listen, and then the plug-in waits in the main thread itself."""
    done = threading.Event()
    threading.Thread(target=lambda: nuke.executeInMainThread(done.set), daemon=True).start()
    end = time.monotonic() + 3
    while not done.is_set() and time.monotonic() < end:
        time.sleep(0.05)
    return done.is_set()


@check
def the_project_says_its_colours(folder: str) -> Any:
    """The knobs of the project settings are there; which configuration they mean."""
    settings = read.project_colour()
    for name in ("colorManagement", "OCIO_config", "customOCIOConfigPath", "workingSpaceLUT"):
        assert nuke.root().knob(name) is not None, name
    return {"management": settings.management, "config": settings.config, "found": bool(settings.shipped)}


@check
def the_worker_is_found(folder: str) -> Any:
    """A Python with maggie-node."""
    return check_python(find_python())


def later_user(node: Any) -> Any:
    """Somebody whose input a node is."""
    return nuke.nodes.NoOp(inputs=[node])


def _ramp(folder: str) -> Any:
    """A Read of five frames; red is a tenth of the frame's number."""
    source = nuke.nodes.Constant()
    source["format"].setValue(_format())
    source["color"].setExpression("frame * 0.1", 0)
    write = _write(source, f"{folder}/ramp.%04d.exr", "rgb")
    nuke.execute(write, 1, 5, 1)
    return nuke.nodes.Read(file=f"{folder}/ramp.%04d.exr", first=1, last=5, raw=True)


def _matte_files(folder: str) -> Any:
    """A Read of matte files as a worker makes them: five layers, one channel each."""
    source: Any = nuke.nodes.Constant()
    source["format"].setValue(_format())
    for index, slug in enumerate(SLUGS):
        nuke.Layer(f"maggie_{slug}", [f"maggie_{slug}.alpha"])
        value = nuke.nodes.Constant()
        value["format"].setValue(_format())
        value["color"].setValue(0.1 * (index + 1))
        source = nuke.nodes.Copy(inputs=[source, value])
        source["from0"].setValue("rgba.red")
        source["to0"].setValue(f"maggie_{slug}.alpha")
    nuke.execute(_write(source, f"{folder}/matte.%04d.exr", "all"), 1, 3, 1)
    return nuke.nodes.Read(file=f"{folder}/matte.%04d.exr", first=1, last=3, raw=True)


def _node(folder: str) -> Any:
    """A node of ours that shows such mattes over a plate."""
    _matte_files(folder)
    node = maggie_nuke.create()
    node.setInput(0, _ramp(folder))
    build.wire(node, [[name, f"maggie_{slug}"] for name, slug in zip(NAMES, SLUGS)])
    build.set_read(node.node(knobs.MATTES), f"{folder}/matte.%04d.exr", 1, 3, 0)
    node[knobs.READY].setValue(True)
    return node


def _write(source: Any, path: str, channels: str) -> Any:
    write = nuke.nodes.Write(inputs=[source])
    for name, value in (("file", path), ("file_type", "exr"), ("channels", channels), ("raw", True)):
        write[name].setValue(value)
    return write


def _at(node: Any, channel: str, frame: int) -> float:
    """A pixel at a frame."""
    curve = nuke.nodes.FrameHold(inputs=[node], first_frame=frame)
    return nuke.sample(curve, channel, 8, 8)


def _format() -> str:
    nuke.addFormat("16 16 0 0 16 16 1 maggie_selftest")
    return "maggie_selftest"


def main() -> int:
    report: dict[str, Any] = {
        "nuke": nuke.NUKE_VERSION_STRING,
        "python": sys.version.split()[0],
        "platform": sys.platform,
        "checks": {},
    }
    for function in CHECKS:
        nuke.scriptClear()
        with tempfile.TemporaryDirectory() as folder:
            try:
                verdict = {"ok": True, "said": function(folder.replace("\\", "/"))}
            except Exception as error:
                at = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{os.path.basename(at.filename)}:{at.lineno}"
                verdict = {"ok": False, "said": f"{type(error).__name__}: {error}"[:400], "where": where}
            report["checks"][function.__name__] = verdict
    sys.stdout.write(json.dumps(report, indent=2, default=str) + "\n")
    return 0 if all(each["ok"] for each in report["checks"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())

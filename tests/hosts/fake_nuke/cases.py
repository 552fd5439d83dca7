"""What the tests' Nuke does and refuses, without any package; `python cases.py` prints {case: why not}."""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

sys.path.insert(0, str(Path(__file__).parent))

import nuke  # noqa: E402
import nuke_app  # noqa: E402
from nuke._state import Crash  # noqa: E402
from nuke_app import click, launch, pump, running  # noqa: E402


@contextlib.contextmanager
def refused(kind: type[BaseException], words: str = "") -> Iterator[None]:
    try:
        yield
    except kind as refusal:
        assert re.search(words, str(refusal)), f"{refusal!r} says nothing of {words!r}"
    else:
        raise AssertionError(f"no {kind.__name__}")


def in_thread(call: Callable[[], Any]) -> threading.Thread:
    def quiet() -> None:
        with contextlib.suppress(Crash):
            call()

    thread = threading.Thread(target=quiet, daemon=True)
    thread.start()
    return thread


# ---- knobs


def case_an_unknown_knob_is_a_name_error():
    node = nuke.nodes.Read()

    with refused(NameError, "knob fiel does not exist"):
        node["fiel"]
    assert node.knob("fiel") is None
    with refused(NameError):
        nuke.nodes.Read(fiel="x.exr")
    assert len(nuke.allNodes()) == 1


def case_a_knob_refuses_another_type():
    read, grade = nuke.nodes.Read(), nuke.nodes.Grade()

    for knob, wrong in (
        (read["file"], 5),
        (read["first"], "1"),
        (read["first"], 1.5),
        (read["raw"], "true"),
        (read["on_error"], None),
        (grade["mix"], "1"),
        (read["format"], 3),
        (grade["channels"], ["rgba"]),
        (read["label"], Path("x")),
    ):
        with refused(TypeError):
            knob.setValue(wrong)


def case_an_enumeration_knows_its_items_only():
    knob = nuke.nodes.Read()["on_error"]

    knob.setValue("black")
    assert (knob.value(), knob.getValue(), knob.values()[0]) == ("black", 1.0, "error")
    knob.setValue(0)
    assert knob.value() == "error"
    with refused(ValueError, "no item 'blakc'"):
        knob.setValue("blakc")
    with refused(ValueError):
        knob.setValue(17)


def case_values_are_typed():
    read, constant = nuke.nodes.Read(first=3, raw=True), nuke.nodes.Constant()

    assert read["first"].value() == 3 and isinstance(read["first"].value(), int)
    assert read["raw"].value() is True and read["raw"].getValue() == 1.0
    assert constant["color"].value() == 0.0
    constant["color"].setValue([1, 0.5, 0, 1])
    assert constant["color"].value() == [1.0, 0.5, 0.0, 1.0]
    constant["color"].setValue(0.25, 1)
    assert constant["color"].value(1) == 0.25


def case_a_file_knob_writes_hashes_as_digits_and_evaluates_tcl():
    os.environ["MAGGIE_CASE"] = "/cache"
    read = nuke.nodes.Read(file="[getenv MAGGIE_CASE]/a.####.exr")
    nuke.frame(7)

    assert read["file"].value() == "[getenv MAGGIE_CASE]/a.%04d.exr"
    assert read["file"].getEvaluatedValue() == "/cache/a.%04d.exr"
    assert read["file"].evaluate() == nuke.filename(read, nuke.REPLACE) == "/cache/a.0007.exr"
    with refused(RuntimeError, "invalid command"):
        nuke.nodes.Read(file="[exec rm]/a.exr")["file"].evaluate()


def case_an_expression_is_evaluated_or_refused():
    node = nuke.nodes.Switch(name="Which")
    node["which"].setExpression("frame > 5 && !$gui ? 2 : root.first_frame - 1")

    nuke.frame(1)
    assert (node["which"].value(), node["which"].hasExpression()) == (0, True)
    nuke.frame(9)
    assert node["which"].value() == (0.0 if nuke.GUI else 2.0)
    assert nuke.expression("Which.which + 1") == node["which"].value() + 1
    node["which"].setExpression("nobody.knob")
    with refused(RuntimeError, "nobody.knob"):
        node["which"].value()
    node["which"].setExpression("system(1)")
    with refused(RuntimeError, "no function"):
        node["which"].value()


def case_keys_are_interpolated():
    knob = nuke.nodes.Grade()["mix"]
    knob.setAnimated()
    knob.setValueAt(0, 1)
    knob.setValueAt(1, 11)

    assert (knob.isAnimated(), knob.getValueAt(6), knob.getValueAt(99)) == (True, 0.5, 1.0)
    assert knob.toScript() == "{{curve x1 0 x11 1}}"


def case_a_channel_knob_takes_channels_of_the_script_only():
    copy = nuke.nodes.Copy()

    with refused(ValueError, "maggie_ana.alpha: no such layer or channel"):
        copy["to0"].setValue("maggie_ana.alpha")
    nuke.Layer("maggie_ana", ["maggie_ana.alpha"])
    copy["to0"].setValue("maggie_ana.alpha")
    assert copy["to0"].value() == "maggie_ana.alpha"
    with refused(ValueError):
        copy["to0"].setValue("rgba.red rgba.green")


def case_user_knobs_are_added_once_and_taken_away():
    node = nuke.nodes.NoOp()
    knob = nuke.Int_Knob("count", "Count")
    node.addKnob(knob)

    assert [k.name() for k in node.allKnobs()[-2:]] == ["User", "count"]
    with refused(RuntimeError, "already"):
        node.addKnob(nuke.Int_Knob("count"))
    with refused(RuntimeError, "already"):
        nuke.nodes.NoOp().addKnob(knob)
    with refused(RuntimeError, "already"):
        node.addKnob(nuke.Int_Knob("label"))
    with refused(ValueError, "not a user knob"):
        node.removeKnob(node["label"])
    with refused(TypeError):
        node.addKnob("count")
    node.removeKnob(knob)
    assert node.knob("count") is None


def case_flags_are_set_cleared_and_seen():
    knob = nuke.Boolean_Knob("on", "On")

    assert not knob.getFlag(nuke.STARTLINE)
    knob.setFlag(nuke.STARTLINE | nuke.INVISIBLE)
    assert knob.getFlag(nuke.STARTLINE) and not knob.visible()
    knob.clearFlag(nuke.INVISIBLE)
    assert knob.visible()
    with refused(TypeError):
        knob.setFlag("INVISIBLE")


def case_a_link_is_its_target():
    group = nuke.nodes.Group()
    with group:
        nuke.nodes.Grade(name="Inner")
    link = nuke.Link_Knob("gain", "Gain")
    group.addKnob(link)

    with refused(RuntimeError, "linked to nothing"):
        link.setValue(2)
    link.makeLink("Inner", "multiply")
    link.setValue(2)
    assert group.node("Inner")["multiply"].value() == 2.0 == link.value()
    assert link.getLinkedKnob() is group.node("Inner")["multiply"]


def case_a_write_has_its_formats_knobs_only_with_that_format():
    write = nuke.nodes.Write(file="a.exr")

    with refused(NameError, "datatype"):
        write["datatype"]
    write["file_type"].setValue("exr")
    write["datatype"].setValue("32 bit float")
    assert write["compression"].value() == "Zip (1 scanline)"
    with refused(ValueError):
        write["datatype"].setValue("float")


def case_a_buttons_code_sees_its_node():
    group = nuke.nodes.Group(name="MaGGIe1")
    group.addKnob(
        nuke.PyScript_Knob("go", "Go", "n = nuke.thisNode(); n['label'].setValue(nuke.thisKnob().name())")
    )

    group["go"].execute()
    assert group["label"].value() == "go"
    group["go"].setValue("1 / 0")
    with refused(ZeroDivisionError):
        group["go"].execute()
    click(group["go"])
    assert "ZeroDivisionError" in nuke_app._state.session().record.texts("error")[0]


# ---- nodes


def case_an_unknown_class_is_a_runtime_error():
    for make in (lambda: nuke.nodes.Raed(), lambda: nuke.createNode("Raed")):
        with refused(RuntimeError, "Raed: Unknown command"):
            make()
    with refused(TypeError, "cannot create"):
        nuke.Node()


def case_names_are_unique_and_proper():
    first, second = nuke.nodes.Read(), nuke.nodes.Read()

    assert (first.name(), second.name(), nuke.nodes.Merge2().name()) == ("Read1", "Read2", "Merge1")
    second.setName("Read1")
    assert second.name() != "Read1"
    with refused(RuntimeError, "is there"):
        second.setName("Read1", uncollide=False)
    for wrong in ("a b", "1st", "", "é"):
        with refused(ValueError):
            second.setName(wrong)
    second["name"].setValue("plate")
    assert nuke.toNode("plate") is second


def case_inputs_connect_and_refuse():
    read, grade, merge = nuke.nodes.Read(), nuke.nodes.Grade(), nuke.nodes.Merge2()

    assert grade.setInput(0, read) and grade.input(0) is read and grade.inputs() == 1
    assert merge.setInput(1, grade) and (merge.inputs(), merge.input(0)) == (2, None)
    assert not read.setInput(0, grade)
    assert not grade.setInput(0, merge), "a ring"
    assert not grade.setInput(7, read)
    assert grade.input(0) is read
    with refused(TypeError):
        grade.setInput(0, "Read1")
    with refused(RuntimeError):
        nuke.nodes.Read(inputs=[grade])
    assert read.dependent() == [grade] and merge.dependencies() == [grade]


def case_an_expression_is_a_dependency_of_its_own_kind():
    one, two = nuke.nodes.Grade(name="One"), nuke.nodes.Grade()
    two["mix"].setExpression("One.mix / 2")

    assert two.dependencies(nuke.EXPRESSIONS) == [one] and two.dependencies(nuke.INPUTS) == []


def case_nodes_makes_loose_nodes_and_create_node_connects():
    read = nuke.createNode("Read", "file a.exr first 1001")
    loose = nuke.nodes.Grade()
    blur = nuke.createNode("Blur", "size 3", inpanel=False)

    assert loose.input(0) is None and blur.input(0) is read
    assert nuke.selectedNodes() == [blur] and blur["size"].value() == 3
    read.selectOnly()
    between = nuke.createNode("Invert")
    assert (blur.input(0), between.input(0)) == (between, read)
    with refused(RuntimeError, "no such knob"):
        nuke.createNode("Blur", "sise 3")


def case_groups_are_contexts():
    group = nuke.nodes.Group(name="G")
    with group:
        inner = nuke.nodes.Input(name="plate")
        nested = nuke.nodes.Group(name="H")
        with nested:
            deep = nuke.nodes.NoOp()
        nuke.nodes.Output(inputs=[inner])
        assert nuke.thisGroup() is group and set(nuke.allNodes("Input")) == {inner}

    assert nuke.thisGroup() is nuke.root()
    assert (deep.fullName(), inner.fullName()) == ("G.H.NoOp1", "G.plate")
    assert nuke.toNode("G.H.NoOp1") is deep and nuke.toNode("NoOp1") is None
    assert deep in nuke.allNodes(recurseGroups=True) and deep not in nuke.allNodes()
    assert group.maxInputs() == 1 and deep.parent() is nested
    assert not nuke.nodes.Grade().setInput(0, inner), "two groups"
    with refused(RuntimeError, "without begin"):
        group.end()


def case_a_deleted_node_is_gone_for_good():
    read, grade = nuke.nodes.Read(), nuke.nodes.Grade()
    dot = nuke.nodes.Dot(inputs=[read])
    grade.setInput(0, dot)

    nuke.delete(dot)
    assert grade.input(0) is read
    with refused(ValueError, "not attached"):
        dot.name()
    with refused(ValueError):
        nuke.delete(dot)
    nuke.delete(None)


# ---- the root


def case_formats_have_a_pixel_aspect():
    made = nuke.addFormat("1828 1556 0 0 1828 1556 2.0 scope")

    assert (made.width(), made.pixelAspect(), made.name()) == (1828, 2.0, "scope")
    nuke.root()["format"].setValue("scope")
    assert nuke.nodes.Constant().pixelAspect() == 2.0
    for wrong in ("nobody", "12", "0 0 x"):
        with refused(RuntimeError, "not a format"):
            nuke.addFormat(wrong)


def case_views_are_added_and_known():
    nuke.addView("right")

    assert nuke.views() == ["main", "right"]
    nuke.nodes.Write()["views"].setValue("right")
    with refused(ValueError):
        nuke.nodes.Write()["views"].setValue("left")
    with refused(ValueError):
        nuke.addView("right")
    nuke.deleteView("main")
    with refused(RuntimeError):
        nuke.deleteView("right")


def case_layers_have_rules():
    for name, channels in (
        ("m", ["alpha"]),
        ("maggie ana", ["alpha"]),
        ("3d", ["z"]),
        ("many", list("vwxyz")),
        ("rgba", ["extra"]),
        ("one", ["other.alpha"]),
    ):
        with refused(ValueError):
            nuke.Layer(name, channels)
    with refused(TypeError):
        nuke.Layer("maggie_ana", "alpha")
    before = len(nuke.channels())
    nuke.Layer("maggie_ana", ["maggie_ana.alpha"])
    nuke.Layer("maggie_ana", ["alpha"])
    assert len(nuke.channels()) == before + 1 and "maggie_ana" in nuke.layers()


def case_names_in_exr_files_are_nukes():
    from nuke._files import nuke_name

    views = ["main", "right"]
    for name, wanted in {
        "maggie_person_a.alpha": ("", "maggie_person_a.alpha"),
        "maggie.person_a.alpha": ("", "maggie_person_a.alpha"),
        "01_person.A": ("", "_person.alpha"),
        "person.01.A": ("", "person.alpha"),
        "main.alpha": ("main", "rgba.alpha"),
        "Ci.R": ("", "rgba.red"),
        "Person A.A": ("", "Person_A.alpha"),
        "person_a.V": ("", "person_a.V"),
        "right.maggie_a.alpha": ("right", "maggie_a.alpha"),
        "B": ("", "rgba.blue"),
        "Z": ("", "depth.Z"),
        "person_a": ("", "other.person_a"),
    }.items():
        assert nuke_name(name, views) == wanted, name
    assert nuke_name("main.alpha", ["left", "right"]) == ("", "rgba.alpha")


def case_a_script_has_1023_channels_at_most():
    for number in range(1023 - len(nuke.channels())):
        nuke.Layer(f"layer{number}", ["alpha"])

    with refused(RuntimeError, "1023"):
        nuke.Layer("one_too_many", ["alpha"])
    assert len(nuke.channels()) == 1023


def case_colour_spaces_follow_the_script():
    read = nuke.nodes.Read()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.ocio"
        config.write_text(
            "ocio_profile_version: 2\nroles:\n  scene_linear: ACEScg\n  data: Raw\n\ncolorspaces:\n"
            "  - !<ColorSpace>\n    name: ACEScg\n  - !<ColorSpace>\n    name: Raw\n"
        )
        assert read["colorspace"].value() == "default (linear)"
        root = nuke.root()
        root["colorManagement"].setValue("OCIO")
        root["OCIO_config"].setValue("custom")
        root["customOCIOConfigPath"].setValue(str(config))

        assert root["workingSpaceLUT"].value() == "scene_linear"
        assert nuke.getColorspaceList(read["colorspace"])[1:] == ["scene_linear", "data", "ACEScg", "Raw"]
        read["colorspace"].setValue("ACEScg")
        with refused(ValueError, "Bad value for colorspace : sRGB"):
            read["colorspace"].setValue("sRGB")
        root["colorManagement"].setValue("Nuke")
        assert read.hasError() and read["colorspace"].value() == "ACEScg"


def case_the_environments_config_is_the_scripts():
    os.environ["OCIO"] = "/show/config.ocio"
    try:
        launch("t")
        root = nuke.root()
        values = [root[name].value() for name in ("colorManagement", "OCIO_config", "customOCIOConfigPath")]
    finally:
        del os.environ["OCIO"]

    assert values == ["OCIO", "custom", "/show/config.ocio"]


# ---- callbacks


def case_a_callback_is_kept_once_and_of_its_class():
    seen: list[str] = []

    def say(word: str) -> None:
        seen.append(f"{word} {nuke.thisNode().name()}")

    for _ in range(2):
        nuke.addOnCreate(say, "read", nodeClass="Read")  # no tuple: it becomes one
    nuke.addOnCreate(say, ("any",))
    nuke.nodes.Read()
    nuke.nodes.Grade()

    assert seen == ["read Read1", "any Read1", "any Grade1"]
    nuke.removeOnCreate(say, ("read",), nodeClass="Read")
    nuke.nodes.Read()
    assert seen[3:] == ["any Read2"]
    with refused(ValueError, "callable"):
        nuke.addOnCreate("say")
    with refused(ValueError, "dictionary"):
        nuke.addOnCreate(say, (), [])


def case_only_the_artists_nodes_call_on_user_create():
    seen: list[str] = []
    nuke.addOnUserCreate(lambda: seen.append(nuke.thisClass()))

    nuke.nodes.Read()
    nuke.createNode("Blur")

    assert seen == ["Blur"]


def case_knob_changed_tells_the_knob_and_does_not_loop():
    seen: list[str] = []

    def changed() -> None:
        seen.append(nuke.thisKnob().name())
        nuke.thisNode()["label"].setValue(f"{len(seen)}")

    nuke.addKnobChanged(changed, nodeClass="Grade")
    grade = nuke.nodes.Grade()
    grade["mix"].setValue(0.5)
    assert seen == ["mix", "label"]
    grade["mix"].setValue(0.5)
    assert seen == ["mix", "label"], "nothing changed"
    grade.setInput(0, nuke.nodes.Read())
    assert seen[2] == "inputChange"


def case_knob_changed_of_one_node_is_its_own():
    seen: list[str] = []
    one, two = nuke.nodes.Grade(), nuke.nodes.Grade()
    nuke.addKnobChanged(lambda: seen.append(nuke.thisNode().name()), node=two)

    one["mix"].setValue(0)
    two["mix"].setValue(0)

    assert seen == ["Grade2"]


def case_an_exception_in_knob_changed_is_printed_and_forgotten():
    nuke.addKnobChanged(lambda: 1 / 0, nodeClass="Grade")

    grade = nuke.nodes.Grade()
    with contextlib.redirect_stderr(io.StringIO()):
        grade["mix"].setValue(0)

    assert grade["mix"].value() == 0.0
    assert "ZeroDivisionError" in nuke_app._state.session().record.tracebacks[0]


def case_on_destroy_still_sees_the_node():
    seen: list[str] = []
    nuke.addOnDestroy(lambda: seen.append(nuke.thisNode().name()), nodeClass="Read")

    nuke.delete(nuke.nodes.Read())

    assert seen == ["Read1"]


def case_labels_and_file_names_are_filtered():
    nuke.addFilenameFilter(lambda name: name.replace("/old", "/new"))
    nuke.addFilenameFilter(lambda name: None)
    nuke.addAutolabel(lambda: None)
    nuke.addAutolabel(lambda: "label")

    assert nuke.filename(nuke.nodes.Read(file="/old/a.%04d.exr")) == "/new/a.%04d.exr"
    assert nuke.autolabel() == "label"


# ---- threads


def case_a_node_is_the_main_threads():
    session = launch("gui")
    read = nuke.nodes.Read()
    touches: list[Callable[[], Any]] = [
        lambda: read.name(),
        lambda: read["file"],
        lambda: nuke.toNode("Read1"),
        lambda: nuke.nodes.Read(),
        lambda: nuke.Int_Knob("x"),
        lambda: nuke.message("hello"),
        lambda: nuke.root(),
    ]

    for touch in touches:
        in_thread(touch).join(10)

    assert len(session.record.crashes) == len(touches)


def case_the_main_thread_is_reached_by_its_loop():
    launch("gui")
    got: list[Any] = []

    def work() -> None:
        got.append(
            nuke.executeInMainThreadWithResult(lambda word: nuke.nodes.Read(name=word).name(), "plate")
        )
        nuke.executeInMainThread(got.append, ("later",))

    thread = in_thread(work)
    pump(lambda: len(got) == 2, seconds=20)
    thread.join(10)

    assert got == ["plate", "later"]
    with refused(TimeoutError):
        pump(lambda: False, seconds=0.05)


def case_what_raises_in_the_main_thread_is_none_for_the_other():
    session = launch("gui")
    got: list[Any] = []

    def work() -> None:
        with contextlib.redirect_stderr(io.StringIO()):
            got.append(nuke.executeInMainThreadWithResult(lambda: 1 / 0))

    in_thread(work)
    pump(lambda: got, seconds=20)

    assert got == [None] and "ZeroDivisionError" in session.record.tracebacks[0]


def case_waiting_for_oneself_is_a_crash():
    session = launch("gui")

    with refused(Crash, "for ever"):
        nuke.executeInMainThreadWithResult(lambda: 1)
    assert session.record.crashes
    with refused(AssertionError), running("gui"):
        with contextlib.suppress(Crash):
            nuke.executeInMainThreadWithResult(lambda: 1)


def case_without_windows_there_is_no_loop():
    session = launch("t")
    got: list[int] = []

    in_thread(lambda: nuke.executeInMainThreadWithResult(got.append, 1)).join(10)
    nuke.executeInMainThread(got.append, 2)
    with refused(Crash, "no event loop"):
        pump()

    assert got == [] and len(session.record.crashes) == 2


def case_a_task_is_cancelled_by_the_artist():
    session = launch("gui")
    task = nuke.ProgressTask("Matte")
    session.cancel_tasks = lambda shown: len(shown.percents) > 1

    task.setMessage("frame 1")
    task.setProgress(1)
    assert not task.isCancelled()
    task.setProgress(50)
    assert task.isCancelled()
    with refused(TypeError):
        task.setProgress(12.5)
    with refused(TypeError):
        task.setMessage(None)
    with refused(ValueError):
        task.setProgress(101)
    del task
    gc.collect()
    shown = session.record.tasks[0]
    assert (shown.messages, shown.percents, shown.closed) == (["frame 1"], [1, 50], True)


def case_any_thread_may_have_a_task():
    session = launch("gui")

    in_thread(lambda: nuke.ProgressTask("Matte").setProgress(1)).join(10)

    assert session.record.tasks[0].percents == [1] and not session.record.crashes


# ---- windows and modes


def case_questions_need_an_artist():
    session = launch("gui")
    session.answers = [True, "Ana"]

    assert nuke.ask("Sure?") is True and nuke.getInput("Name") == "Ana"
    nuke.message("Done")
    assert session.record.messages == [("ask", "Sure?"), ("getInput", "Name"), ("message", "Done")]
    with refused(Crash, "no answer"):
        nuke.ask("Again?")
    launch("t")
    with refused(Crash, "no GUI"):
        nuke.ask("Sure?")
    with refused(TypeError):
        nuke.message(5)


def case_menus_are_of_the_gui():
    launch("gui")
    seen: list[int] = []
    menu = nuke.menu("Nodes").addMenu("MaGGIe", icon="m.png")
    menu.addCommand("Make/One", lambda: seen.append(1), "ctrl+m")
    menu.addCommand("Text", "nuke.nodes.Read(name='made')")

    found = nuke.menu("Nodes").findItem("MaGGIe/Make/One")
    found.invoke()
    nuke.menu("Nodes").menu("MaGGIe").findItem("Text").invoke()
    assert seen == [1] and found.shortcut() == "ctrl+m" and nuke.toNode("made") is not None
    assert nuke.menu("Nodse") is None and menu.findItem("Nothing") is None
    with refused(TypeError):
        menu.addCommand("Bad", 5)
    with refused(SyntaxError):
        menu.addCommand("Bad", "def")
    launch("t")
    assert nuke.menu("Nodes") is None


def case_modes_and_versions_are_seen():
    launch("gui", version=(14, 0, 5))
    assert (nuke.GUI, nuke.env["gui"], nuke.NUKE_VERSION_STRING) == (True, True, "14.0v5")
    launch("x")
    assert not nuke.GUI and not nuke.env["gui"]
    with refused(KeyError):
        nuke.env["guy"]
    with refused(AttributeError):
        nuke.nothing_of_the_kind  # noqa: B018
    with refused(ValueError):
        launch("batch")


def case_init_runs_in_every_mode_and_menu_in_the_gui():
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / "inner"
        inner.mkdir()
        (Path(folder) / "init.py").write_text(
            "import nuke\nnuke.tprint('init')\nnuke.pluginAddPath('inner')\n"
        )
        (Path(folder) / "menu.py").write_text("import nuke\nnuke.tprint('menu')\n")
        (inner / "init.py").write_text(
            "import nuke, os\nnuke.tprint(os.path.basename(os.path.dirname(__file__)))\n"
        )
        said = {mode: launch(mode, [folder]).record.texts("tprint") for mode in ("gui", "t", "x")}
        first = nuke.pluginPath()[0]
        (inner / "init.py").write_text("1 / 0\n")
        with refused(RuntimeError, "init.py: ZeroDivisionError"):
            launch("t", [folder])

    assert said == {"gui": ["init", "inner", "menu"], "t": ["init", "inner"], "x": ["init", "inner"]}
    assert first == str(inner)


def case_a_terminals_last_number_is_eaten():
    assert nuke_app._eaten(["job.py", "shot", "1-10"]) == ["job.py", "shot"]
    assert nuke_app._eaten(["job.py", "shot"]) == ["job.py", "shot"]


# ---- scripts


def _matting_node() -> Any:
    nuke.Layer("maggie_ana", ["maggie_ana.alpha"])
    nuke.Layer("maggie_nobody", ["maggie_nobody.alpha"])
    plate = nuke.nodes.Read(name="plate", file="/shot/a b/pl[ate].%04d.exr", first=1001, last=1010)
    group = nuke.nodes.Group(name="MaGGIe1", label='two\nlines {and} "quotes" \\ $x [y]')
    group.addKnob(nuke.Tab_Knob("maggie", "MaGGIe"))
    for knob in (
        nuke.File_Knob("cache", "Cache folder"),
        nuke.Enumeration_Knob("show", "Output", ["all", "Ana B"]),
        nuke.PyScript_Knob("go", "Matte", 'd = {"a": [1]}\nprint("x")  # }'),
        nuke.Double_Knob("gain", "Gain", 0, 4),
        nuke.ColorChip_Knob("chip", "Colour"),
        nuke.Text_Knob("note", "", "<b>hello</b>"),
        nuke.Multiline_Eval_String_Knob("table", "Table", "a 1\nb 2"),
        nuke.Link_Knob("onerr", "Missing"),
    ):
        group.addKnob(knob)
    group["cache"].setValue("/cache/%04d.exr")
    group["show"].setValue("Ana B")
    group["gain"].setValue(1.5)
    group["gain"].setTooltip("how much")
    group["chip"].setValue(0xFF0000FF)
    group["go"].setFlag(nuke.STARTLINE)
    group["note"].setVisible(False)
    with group:
        source = nuke.nodes.Input(name="source")
        matte = nuke.nodes.Read(name="mattes", raw=True)
        copy = nuke.nodes.Copy(inputs=[source, matte], from0="maggie_ana.alpha", to0="maggie_ana.alpha")
        switch = nuke.nodes.Switch(inputs=[source, copy])
        switch["which"].setExpression("parent.gain > 1")
        nuke.nodes.Output(inputs=[switch])
    group["onerr"].setLink("mattes.on_error")
    group.setInput(0, nuke.nodes.Dot(inputs=[plate]))
    nuke.nodes.Merge2(inputs=[group, plate])
    return group


def case_a_script_comes_back_as_it_was():
    with tempfile.TemporaryDirectory() as folder:
        name = f"{folder}/a.nk"
        group = _matting_node()
        wanted = {knob.name(): knob.value() for knob in group.allKnobs()}
        nuke.scriptSaveAs(name)
        text = Path(name).read_text()
        nuke.scriptOpen(name)
        again = nuke.toNode("MaGGIe1")
        found = {knob.name(): knob.value() for knob in again.allKnobs()}
        inner = again.node("Switch1")
        nuke.scriptSave()

        assert found == wanted
        assert Path(name).read_text() == text
        assert inner["which"].hasExpression() and inner["which"].value() == 1.0
        assert again.input(0).Class() == "Dot" and nuke.toNode("Merge1").input(1).name() == "plate"
        assert again["go"].getFlag(nuke.STARTLINE) and not again["note"].visible()
        assert again["onerr"].getLinkedKnob() is again.node("mattes")["on_error"]
        assert nuke.scriptName() == nuke.root().name() == name and not nuke.root().modified()


def case_layers_nobody_uses_are_dropped_on_save():
    _matting_node()
    with tempfile.TemporaryDirectory() as folder:
        nuke.scriptSaveAs(f"{folder}/a.nk")
        text = Path(folder, "a.nk").read_text()
        nuke.scriptOpen(f"{folder}/a.nk")

    assert "add_layer {maggie_ana maggie_ana.alpha}" in text and "maggie_nobody" not in text
    assert "maggie_ana" in nuke.layers() and "maggie_nobody" not in nuke.layers()


def case_knobs_are_written_by_their_numbers():
    _matting_node()
    with tempfile.TemporaryDirectory() as folder:
        nuke.scriptSaveAs(f"{folder}/a.nk")
        text = Path(folder, "a.nk").read_text()

    kinds = dict(re.findall(r"addUserKnob \{(\d+) (\w+)", text))
    assert {kinds[n]: int(n) for n in kinds} == {
        "maggie": 20,
        "cache": 2,
        "show": 4,
        "go": 22,
        "gain": 7,
        "chip": 40,
        "note": 26,
        "table": 43,
        "onerr": 41,
    }
    assert text.count("end_group") == 1 and "inputs 2\n" in text


def case_a_text_of_nuke_is_read():
    launch("gui")
    nuke.scriptReadText(
        "set cut_paste_input [stack 0]\nversion 13.2 v8\npush $cut_paste_input\n"
        "# a comment\nRead {\n inputs 0\n file /a/b.####.exr\n first 1001\n on_error black\n name R\n}\n"
        "set N1 [stack 0]\nDot {\n name D\n}\npush $N1\nMerge2 {\n inputs 2\n operation plus\n name M\n}\n"
        "Grade {\n channels {rgba.red rgba.alpha}\n multiply {{curve x1 0 x10 1}}\n white {1 2 3 1}\n"
        " mix {{frame/10}}\n}\n"
    )
    merge = nuke.toNode("M")

    assert (merge.input(0).name(), merge.input(1).name()) == ("R", "D")
    grade = nuke.toNode("Grade1")
    assert grade["channels"].value() == "rgba.red rgba.alpha" and grade["white"].value() == [1, 2, 3, 1]
    assert grade["mix"].getValueAt(5) == 0.5 and grade["multiply"].isAnimated()


def case_what_a_file_says_wrong_is_said():
    session = launch("gui")
    nuke.scriptReadText("Read {\n inputs 0\n fiel x\n name R\n}\nMaGGIeGizmo {\n}\nGrade {\n}\n")

    said = "\n".join(session.record.texts("script"))
    assert "fiel: no such knob" in said and "MaGGIeGizmo: Unknown command" in said
    assert nuke.toNode("Grade1").input(0) is nuke.toNode("R"), "the unknown node is left out"
    for text in ("Read {", "end_group", 'Read { label "x }', "push $nobody", "Group {\n}\n", "Read"):
        with refused(RuntimeError):
            nuke.scriptReadText(text)


def case_nodes_are_copied_and_pasted():
    group = _matting_node()
    group.selectOnly()
    nuke.nodeCopy("%clipboard%")
    read = nuke.toNode("plate")
    read.selectOnly()
    pasted = nuke.nodePaste("%clipboard%")

    assert pasted.name() == "MaGGIe2" and pasted.input(0) is read
    assert pasted.node("Copy1") is not None and nuke.selectedNodes() == [pasted]
    assert pasted["show"].value() == "Ana B"
    for node in nuke.selectedNodes():
        node.setSelected(False)
    with refused(RuntimeError, "no nodes selected"):
        nuke.nodeCopy("%clipboard%")
    with refused(RuntimeError, "No such file"):
        nuke.nodePaste("/nowhere/a.nk")


def case_saving_has_rules():
    launch("gui").answers = [False]
    with refused(RuntimeError, "No script name"):
        nuke.scriptSave()
    with refused(RuntimeError, "No such file"):
        nuke.scriptOpen("/nowhere/a.nk")
    with refused(RuntimeError, "No such file"):
        nuke.scriptSaveAs("/nowhere/a.nk")
    with tempfile.TemporaryDirectory() as folder:
        nuke.scriptSaveAs(f"{folder}/a.nk")
        with refused(RuntimeError, "exists"):
            nuke.scriptSaveAs(f"{folder}/a.nk")
        nuke.scriptSaveAs(f"{folder}/a.nk", 1)
        nuke.addOnScriptSave(lambda: 1 / 0)
        with refused(ZeroDivisionError):
            nuke.scriptSave()


def case_scripts_call_when_they_load_and_close():
    seen: list[str] = []
    nuke.addOnScriptLoad(lambda: seen.append(f"load {len(nuke.allNodes())}"))
    nuke.addOnScriptClose(lambda: seen.append(f"close {len(nuke.allNodes())}"))
    nuke.addOnScriptSave(lambda: seen.append("save"))
    nuke.addKnobChanged(lambda: seen.append("changed"))
    nuke.addOnCreate(lambda: seen.append("create"))
    with tempfile.TemporaryDirectory() as folder:
        nuke.nodes.Read()
        nuke.scriptSaveAs(f"{folder}/a.nk")
        nuke.scriptOpen(f"{folder}/a.nk")

    assert seen == ["create", "save", "close 1", "create", "load 1"]


CASES = {name: case for name, case in list(globals().items()) if name.startswith("case_")}


def run(cases: dict[str, Callable[[], None]]) -> dict[str, str]:
    """Each case in a new Nuke without windows, and what went wrong in it."""
    results = {}
    for name, case in cases.items():
        launch("t")
        try:
            case()
            results[name] = ""
        except BaseException:
            results[name] = traceback.format_exc()
    return results


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(CASES)))

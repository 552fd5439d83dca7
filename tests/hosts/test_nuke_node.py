"""The node in a Nuke of every Python: built, read, saved, reopened, baked; no worker is needed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support.nuke_plugin import PLUGIN, Case, pythons, write_config, write_sequences


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nuke")
    write_sequences(folder / "shot")
    write_config(folder / "config.ocio")
    return folder


@pytest.fixture(params=pythons(), ids=lambda path: Path(path).name)
def case(request: pytest.FixtureRequest, files: Path, tmp_path: Path) -> Case:
    worker = {"MAGGIE_PYTHON": sys.executable}
    return Case(files / "shot", tmp_path, files / "config.ocio", python=request.param, env=worker)


def test_the_menu_makes_a_node_below_the_plate(case: Case):
    out = case.run("""
        session = start()
        plate = read("plate")
        plate.setSelected(True)
        nuke.menu("Nodes").findItem("MaGGIe").findItem("MaGGIe").invoke()
        made = nuke.toNode("MaGGIe1")
        out.update(plate=made.input(0) is plate, shown=made.shown(), inputs=made.maxInputs(), said=messages())
        out["inside"] = sorted(each.name() for each in made.nodes())
    """)

    assert out["plate"] and out["shown"] and out["inputs"] == 2 and out["said"] == []
    assert out["inside"] == ["Output1", "guidance", "mattes", "one_alpha", "plate", "with_mattes"]


def test_a_node_is_read_without_changing_it(case: Case):
    out = case.run("""
        start()
        from maggie_api.serialization import to_data
        made = node("ana", "ben")
        press(made, "find")
        nuke.modified(False)
        (plan,) = plans(made)
        out.update(job=to_data(plan.job), modified=nuke.modified(), said=messages())
        out["id"] = made["maggie_id"].value()
    """)

    job = out["job"]
    assert out["said"] == [] and not out["modified"]
    assert job["plate"] == f"{case.shot}/plate.%04d.exr"
    assert [(each["name"], each["sequence"]) for each in job["guidance"]] == [
        ("ana", f"{case.shot}/ana.%04d.exr"),
        ("ben", f"{case.shot}/ben.%04d.exr"),
    ]
    assert (job["frames"], job["shot_frames"]) == ("1001-1006", "1001-1006")
    assert (job["ocio"], job["colorspace"]) == (str(case.ocio), "scene_linear")
    assert job["output"] == f"{case.folder}/maggie/MaGGIe1_{out['id']}/mattes/matte.%04d.exr"


def test_a_read_is_known_through_dots_noops_disabled_nodes_and_offsets(case: Case):
    out = case.run("""
        start()
        grade = nuke.nodes.Grade(inputs=[read("plate")])
        grade["disable"].setValue(True)
        later = nuke.nodes.TimeOffset(inputs=[nuke.nodes.Dot(inputs=[grade])], time_offset=10)
        mask = read("ana", frame_mode="expression", frame="frame-10")
        known = node_state(node(mask, plate=nuke.nodes.NoOp(inputs=[later])))
        for each in (known.plate, *known.guidance):
            name = each.path and each.path.split("/")[-1]
            out[each.input] = [name, each.first, each.last, each.shift, each.why]
    """)

    assert out["plate"] == ["plate.%04d.exr", 1011, 1016, -10, ""]
    assert out["guidance"] == ["ana.%04d.exr", 1011, 1016, -10, ""]


@pytest.mark.parametrize(
    ("between", "why"),
    [
        ("nuke.nodes.Grade(inputs=[read('plate')])", "it comes from Grade1"),
        ("nuke.nodes.FrameHold(inputs=[read('plate')], first_frame=1003)", "it comes from FrameHold1"),
        ("nuke.nodes.TimeOffset(inputs=[read('plate')], reverse_input=True)", "it comes from TimeOffset1"),
        ("read('plate', frame='frame*2')", "Read1 is retimed"),
        ("nuke.nodes.Constant()", "it comes from Constant1"),
    ],
)
def test_anything_else_is_rendered(case: Case, between: str, why: str):
    out = case.run(f"""
        start()
        known = node_state(node("ana", plate={between})).plate
        out.update(path=known.path, why=known.why)
    """)

    assert out == {"path": None, "why": why}


def test_a_path_with_tcl_or_relative_to_the_project_is_absolute(case: Case):
    case.env["SHOT"] = str(case.shot)

    out = case.run("""
        start()
        nuke.root()["project_directory"].setValue(case["shot"])
        plate = read("plate", file="[getenv SHOT]/plate.####.exr")
        known = node_state(node(read("ana", file="ana.%04d.exr"), plate=plate))
        out.update(plate=known.plate.path, guidance=known.guidance[0].path)
    """)

    assert out == {"plate": f"{case.shot}/plate.%04d.exr", "guidance": f"{case.shot}/ana.%04d.exr"}


def test_filters_of_file_names_count(case: Case):
    out = case.run("""
        start()
        nuke.addFilenameFilter(lambda name: name.replace("/windows/drive", case["shot"]))
        plate = read("plate", file="/windows/drive/plate.%04d.exr")
        out["plate"] = node_state(node("ana", plate=plate)).plate.path
    """)

    assert out["plate"] == f"{case.shot}/plate.%04d.exr"


def test_layers_and_cryptomattes_are_instances(case: Case):
    out = case.run("""
        start()
        for name in ("layered", "ids"):
            made = node(name)
            press(made, "find")
            out[name] = [[row.name, row.source] for row in node_state(made).rows]
            out[name + " job"] = [type(each).__name__ for each in plans(made)[0].job.guidance]
        made["objects"].setValue("b*")
        press(made, "find")
        out["picked"] = [row.name for row in node_state(made).rows]
        out["locked"] = made["name1"].enabled()
        out["said"] = messages()
    """)

    assert out["layered"] == [["extra", "guidance:extra"], ["hero", "guidance:hero"]]
    assert out["ids"] == [["ana", "guidance:crypto:CryptoObject"], ["ben", "guidance:crypto:CryptoObject"]]
    assert out["layered job"] == ["MaskGuidance", "MaskGuidance"]
    assert out["ids job"] == ["CryptomatteGuidance"]
    assert out["picked"] == ["ben"] and not out["locked"] and out["said"] == []


def test_colours_and_names_stay_when_instances_are_found_again(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "find")
        made["name1"].setValue("Ana B.")
        made["color1"].setValue(0x11223344)
        press(made, "more")
        made.setInput(3, read("ana", file=case["shot"] + "/ana_again.%04d.exr"))
        press(made, "find")
        out["rows"] = [[made[f"{k}{i}"].value() for k in ("name", "color", "source")] for i in (1, 2, 3)]
        made.setInput(2, None)
        press(made, "find")
        out["after"] = [row.name for row in node_state(made).rows]
        press(made, "less")
        out["inputs"] = made.maxInputs()
    """)

    assert out["rows"][0] == ["Ana B.", 0x11223344, "guidance"]
    assert [row[0] for row in out["rows"]] == ["Ana B.", "ben", "ana_again"]
    assert len({row[1] for row in out["rows"]}) == 3
    assert out["after"] == ["Ana B.", "ana_again"] and out["inputs"] == 3


SAVED = """
    start()
    made = node("ana", "ben", "layered")
    press(made, "find")
    made["name2"].setValue("Ben Böhm")
    made["use3"].setValue(False)
    made["segment_frames"].setValue(24)
    made["exposure_ev"].setValue(-0.5)
    from maggie_nuke import apply
    apply.plan(made, plans(made)[0])
    edit(made["output"], "Ben Böhm")
    write(made)
    moved = ("selected", "xpos", "ypos")
    out["values"] = {name: knob.toScript() for name, knob in made.knobs().items() if name not in moved}
    copies = sorted((each for each in made.nodes() if each.Class() == "Copy"), key=lambda each: each.name())
    out["copies"] = [[copy[f"from{i}"].value() for i in range(4)] for copy in copies]
    nuke.frame(1001)
    out["state"] = repr(node_state(made))
    nuke.scriptSave()
"""
OPENED = """
    start({options}, script="")
    nuke.scriptOpen(path("shot.nk"))
    made = nuke.toNode("MaGGIe1")
    moved = ("selected", "xpos", "ypos")
    out["values"] = {{name: knob.toScript() for name, knob in made.knobs().items() if name not in moved}}
    copies = sorted((each for each in made.nodes() if each.Class() == "Copy"), key=lambda each: each.name())
    out["copies"] = [[copy[f"from{{i}}"].value() for i in range(4)] for copy in copies]
"""


def test_a_script_reopens_with_everything_in_place(case: Case):
    saved = case.run(SAVED)

    opened = case.run(OPENED.format(options="'gui'") + '    out["state"] = repr(node_state(made))')

    assert opened == saved
    assert ["maggie_ana.alpha", "maggie_ben_bohm.alpha", "maggie_hero.alpha", "none"] in saved["copies"]


def test_a_script_reopens_without_the_plug_in(case: Case):
    saved = case.run(SAVED)

    opened = case.run(
        OPENED.format(options="'gui', plugin=False")
        + """
    press(made, "matte")
    out["said"] = messages()
    out["errors"] = messages("error")
"""
    )

    assert opened["values"] == saved["values"] and opened["copies"] == saved["copies"]
    assert opened["said"] == [
        "This needs the MaGGIe plug-in, which is not on NUKE_PATH. Mattes are shown without it."
    ]
    assert opened["errors"] == []


def test_a_broken_plug_in_does_not_keep_nuke_from_starting(case: Case):
    broken = case.folder / "broken"
    (broken / "maggie_nuke").mkdir(parents=True)
    for name in ("init.py", "menu.py"):
        (broken / name).write_text((PLUGIN / name).read_text())
    (broken / "maggie_nuke" / "__init__.py").write_text("raise RuntimeError('a bad day')")
    case.more["plugin"] = str(broken)

    out = case.run("""
        start()
        out["works"] = nuke.nodes.Constant().name()
    """)

    assert out["works"] == "Constant1"


def test_more_than_four_instances_take_more_copies_and_64_are_the_most(case: Case):
    out = case.run("""
        start()
        from maggie_nuke import apply, build, state
        made = node("ana")
        build.set_rows(made, [state.InstanceRow(f"person {i}", "guidance") for i in range(64)])
        apply.plan(made, plans(made)[0])
        channels = [name for copy in made.nodes() if copy.Class() == "Copy" for name in
                    (copy[f"to{i}"].value() for i in range(4)) if name.startswith("maggie_")]
        out["channels"] = len(set(channels))
        out["copies"] = sum(copy.Class() == "Copy" for copy in made.nodes())
        out["outputs"] = len(made["output"].values())
        build.set_rows(made, [state.InstanceRow(f"person {i}", "guidance") for i in range(65)])
        out["said"] = failure(plans, made)
    """)

    assert (out["channels"], out["copies"], out["outputs"]) == (64, 17, 65)
    assert "65 instances: the node takes 64" in out["said"]


def test_a_script_full_of_channels_is_said_before_anything_is_made(case: Case):
    out = case.run("""
        start()
        from maggie_nuke import apply
        made = node("ana", "ben")
        press(made, "find")
        while len(nuke.channels()) < 1022:
            nuke.Layer(f"l{len(nuke.channels())}", [f"l{len(nuke.channels())}.a"])
        out["said"] = failure(apply.plan, made, plans(made)[0])
        out["copies"] = [each.name() for each in made.nodes() if each.Class() == "Copy"]
    """)

    assert "the script has 1022 channels and Nuke takes 1023: 2 more" in out["said"]
    assert out["copies"] == ["one_alpha"]


def test_baking_leaves_plain_nodes_that_others_are_connected_to(case: Case):
    out = case.run("""
        start()
        from maggie_nuke import apply
        made = node("ana", "ben")
        press(made, "find")
        apply.plan(made, plans(made)[0])
        edit(made["output"], "ben")
        below, beside = nuke.nodes.NoOp(inputs=[made]), write(made)
        press(made, "bake")
        pump(until=lambda: nuke.toNode("MaGGIe1") is None)
        nodes = {each.name(): each.Class() for each in nuke.allNodes()}
        out.update(nodes=nodes, source=below.input(0).name(), beside=beside.input(0).name(), said=messages())
        mattes = nuke.toNode("MaGGIe1_mattes")
        out["file"], out["raw"], out["on_error"] = (mattes[k].value() for k in ("file", "raw", "on_error"))
        out["alpha"] = below.input(0)["from0"].value()
    """)

    assert "Group" not in out["nodes"].values()
    assert out["source"] == out["beside"] and out["nodes"][out["source"]] == "Copy"
    assert out["file"].endswith("/mattes/matte.%04d.exr") and "/maggie/MaGGIe1_" in out["file"]
    assert (out["raw"], out["on_error"], out["alpha"]) == (True, "error", "maggie_ben.alpha")
    assert out["said"] == []


def test_a_render_never_goes_on_without_mattes(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "find")
        below = write(nuke.nodes.Dot(inputs=[made]))
        out["new"] = failure(nuke.execute, below, 1001, 1001, 1)
        from maggie_nuke import apply
        apply.plan(made, plans(made)[0])
        out["wired"] = failure(nuke.execute, below, 1001, 1001, 1)
        made["name1"].setValue("Somebody else")
        out["changed"] = failure(nuke.execute, below, 1001, 1001, 1)
        made.setInput(1, None)
        out["loose"] = failure(nuke.execute, below, 1001, 1001, 1)
    """)

    assert "its instances were changed: press Matte once" in out["new"]
    assert "MaGGIe1: the matte of frame 1001 is missing: press Matte" in out["wired"]
    assert "its instances were changed" in out["changed"]
    assert "frame 1001 is missing: 'Somebody else' comes from the input 'guidance', to which" in out["loose"]


def test_the_main_thread_says_what_went_wrong_there(case: Case):
    out = case.run("""
        start()
        from maggie_nuke.main_thread import on_main
        said = []

        def work():
            said.append(on_main(lambda: nuke.nodes.Constant().name()))
            said.append(failure(on_main, lambda: nuke.toNode("nobody").name()))

        threading.Thread(target=work).start()
        pump(until=lambda: len(said) == 2)
        out.update(said=said, direct=failure(on_main, lambda: nuke.root()["no such knob"]))
    """)

    assert out["said"] == ["Constant1", "AttributeError: 'NoneType' object has no attribute 'name'"]
    assert out["direct"].startswith("NameError")


def test_knob_changes_of_other_groups_are_none_of_ours(case: Case):
    out = case.run("""
        session = start()
        other = nuke.nodes.Group()
        other.addKnob(nuke.Enumeration_Knob("output", "", ["a", "b"]))
        edit(other["output"], "b")
        nuke.delete(other)
        out["errors"] = session.record.tracebacks
    """)

    assert out["errors"] == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("made.setInput(0, None)", "connect the plate to the input 'plate'"),
        ("made.setInput(1, None)", "connect the masks"),
        ("nuke.root()['colorManagement'].setValue('Nuke')", "does not say what its colours are"),
        ("made['frames'].setValue('custom'); made['range'].setValue('10')", "no frames 10"),
        ("made['frames'].setValue('custom'); made['range'].setValue('x')", "'x' is no frame range"),
        ("made['cache'].setValue('/proc/nowhere')", "cannot be written"),
        ("made['python'].setValue('/no/python')", "names the python /no/python"),
    ],
)
def test_what_is_missing_is_a_sentence_to_the_artist(case: Case, change: str, sentence: str):
    out = case.run(f"""
        start()
        made = node("ana")
        {change}
        press(made, "matte")
        out.update(said=messages(), changed=[each.name() for each in nuke.allNodes()])
    """)

    assert len(out["said"]) == 1
    assert out["said"][0].startswith("MaGGIe1: ") and sentence in out["said"][0]


def test_copies_renamed_nodes_and_equal_names_have_folders_of_their_own(case: Case):
    out = case.run("""
        start()
        from maggie_nuke import apply, identity

        def folder(made):
            # what a button does, where a button does it: inside the group
            with made:
                identity.check_in(made)
                (plan,) = plans(made)
            apply.plan(made, plan)
            return plan.folder

        made = node("ana")
        press(made, "find")
        folders = {"first": folder(made)}
        made.selectOnly()
        nuke.nodeCopy(path("copied.nk"))
        again = nuke.nodePaste(path("copied.nk"))
        again.setInput(0, made.input(0))
        again.setInput(1, made.input(1))
        folders["copy"] = folder(again)
        made.setName("Hero")
        other = node("ben")
        press(other, "find")
        folders["new"] = folder(other)
        for index in (1, 2):
            group = nuke.nodes.Group()
            with group:
                inside = node("ana")
                inside.setName("Same")
            press(inside, "find")
            folders[f"in group {index}"] = folder(inside)
        out["called"] = [made.name(), again.name(), other.name()]
        out["first"] = [folder(made), folders["first"]]
        out.update(folders=folders, said=messages())
        nuke.delete(made)
        out["pasted"] = nuke.nodePaste(path("copied.nk"))["own_folder"].value()
        nuke.scriptSave()
        nuke.scriptOpen(path("shot.nk"))
        out["opened"] = nuke.toNode("MaGGIe2")["own_folder"].value()
    """)

    folders = out["folders"]
    assert out["said"] == [] and out["called"] == ["Hero", "MaGGIe2", "MaGGIe1"]
    assert len(set(folders.values())) == len(folders) == 5
    assert out["first"][0] == out["first"][1]
    assert out["opened"] == folders["copy"]


def test_a_script_of_an_old_plug_in_gets_todays_knobs_and_keeps_its_mattes(case: Case):
    out = case.run("""
        start()
        from maggie_nuke import apply, build
        made = node("ana", "ben")
        press(made, "find")
        made["segment_frames"].setValue(24)
        made["name2"].setValue("Ben Böhm")
        apply.plan(made, plans(made)[0])
        edit(made["output"], "Ben Böhm")
        # as the first layout was saved
        for name in ("maggie_id", "own_folder", "trust", "trust_auto", "garbage", "core1", "core2", "edges2"):
            made.removeKnob(made[name])
        made["maggie_version"].setValue("1")
        made["cache"].setValue(path("maggie/MaGGIe1"))
        made.selectOnly()
        nuke.nodeCopy(path("old.nk"))
        nuke.nodePaste(path("old.nk"))
        nuke.scriptSave()
        nuke.scriptOpen(path("shot.nk"))
        made, copy = nuke.toNode("MaGGIe1"), nuke.toNode("MaGGIe2")
        out["told"] = sorted(text for text in messages("tprint") if "brought up to date" in text)
        out["rows"] = [[row.name, row.core, row.edges] for row in node_state(made).rows]
        kept = ("segment_frames", "output", "maggie_version", "cache")
        out["values"] = [made[name].value() for name in kept]
        out["folders"] = [plans(made)[0].folder, copy["own_folder"].value()]
        out["ids"] = [made["maggie_id"].value(), copy["maggie_id"].value()]
        out["again"] = build.is_up_to_date(made)
        out["problems"] = messages("script")
    """)

    assert len(out["told"]) == 2 and out["problems"] == [] and out["again"]
    assert out["told"][0].startswith("MaGGIe1: brought up to date from layout 1 to 3; new knobs: ")
    assert all(name in out["told"][0] for name in ("trust", "garbage", "maggie_id", "its mattes stay in"))
    assert out["rows"] == [["ana", "", ""], ["Ben Böhm", "", ""]]
    assert out["values"] == [24, "Ben Böhm", "3", ""]
    assert out["folders"] == [f"{case.folder}/maggie/MaGGIe1", ""]
    assert out["ids"][0] != out["ids"][1] and all(out["ids"])


def test_a_press_is_one_undo_and_knob_callbacks_never_loop(case: Case):
    out = case.run("""
        session = start()
        made = node("ana", "ben")
        session.undos.clear()
        press(made, "find")
        press(made, "more")
        out["presses"] = list(session.undos)
        from maggie_nuke import apply
        apply.plan(made, plans(made)[0])
        calls = []

        def back():
            if nuke.thisKnob().name() == "output":
                calls.append(nuke.thisKnob().value())
                nuke.thisNode()["output"].setValue("ana")

        nuke.addKnobChanged(back, nodeClass="Group")
        made["output"].setValue("ben")
        out.update(calls=len(calls), shown=made.node("one_alpha")["from0"].value())
        out["errors"] = session.record.tracebacks
    """)

    assert out["presses"] == ["MaGGIe: find", "MaGGIe: more"]
    assert out["calls"] <= 3 and out["errors"] == []


@pytest.mark.parametrize("broken", ["folder", "frame"])
def test_a_render_of_inputs_that_fails_leaves_no_node_and_undo_on(case: Case, broken: str):
    out = case.run(f"""
        session = start()
        made = node("ana", plate=nuke.nodes.Grade(inputs=[read("plate")]))
        press(made, "find")
        before = sorted(each.name() for each in made.nodes())
        (plan,) = plans(made)
        if {broken!r} == "frame":
            session.cancel_render = lambda frame: True
        else:
            os.makedirs(plan.folder)
            with open(plan.folder + "/plate", "w") as file:
                file.write("in the way")
        from maggie_nuke import render_inputs
        out["said"] = failure(render_inputs.render, made, plan.renders[0])
        out.update(left=sorted(each.name() for each in made.nodes()) == before, off=session.undo_off)
        if {broken!r} == "frame":
            session.cancel_render = lambda frame: True
        press(made, "matte")
        out["label"] = [f"MaGGIe1: {{made['status'].value()}}" == messages()[-1], made["state"].value()]
    """)

    assert "HostError: plate cannot be rendered: " in out["said"]
    assert out["label"] == [True, "failed"]
    assert out["left"] and out["off"] == 0


def test_the_node_works_inside_other_groups(case: Case):
    out = case.run("""
        start()
        group = nuke.nodes.Group()
        with group:
            inside = nuke.nodes.Input(name="in1")
            made = node("ana", plate=nuke.nodes.Dot(inputs=[inside]))
            nuke.nodes.Output(inputs=[made])
        group.setInput(0, read("plate"))
        press(made, "find")
        (plan,) = plans(made)
        out.update(plate=plan.job.plate, name=made.fullName(), renders=len(plan.renders), said=messages())
    """)

    assert out == {"plate": f"{case.shot}/plate.%04d.exr", "name": "Group1.MaGGIe1", "renders": 0, "said": []}


def test_a_movie_frame_rate_that_is_no_whole_number_changes_nothing(case: Case):
    out = case.run("""
        start()
        made = node("ana")
        press(made, "find")
        before = plans(made)[0].job.to_json()
        nuke.root()["fps"].setValue(23.976)
        out["same"] = plans(made)[0].job.to_json() == before
    """)

    assert out["same"]


def test_a_worker_seen_only_by_nodes_that_are_on(case: Case):
    out = case.run("""
        start()
        from maggie_nuke.upstream import our_nodes_behind
        made = node("ana")
        dot = nuke.nodes.Dot(inputs=[made])
        later = nuke.nodes.TimeOffset(inputs=[dot], time_offset=5)
        held = nuke.nodes.FrameHold(inputs=[made], first_frame=1003)
        switch = nuke.nodes.Switch(inputs=[read("plate"), made])
        seen = lambda source: [[each.name(), shift] for each, shift in our_nodes_behind(write(source))]
        out.update(dot=seen(dot), later=seen(later), held=seen(held), switched=seen(switch))
        switch["which"].setValue(1)
        out["chosen"] = seen(switch)
        switch["which"].setExpression("frame > 1003")
        out["animated"] = seen(switch)
        for kind in ("Group", "LiveGroup", "Precomp", "VariableGroup", "StudioGizmo"):
            group = getattr(nuke.nodes, kind)()
            with group:
                nuke.nodes.Output(inputs=[nuke.nodes.Dot(inputs=[nuke.nodes.Input(name="in1")])])
            group.setInput(0, later)
            out[kind] = seen(group)
            holder = getattr(nuke.nodes, kind)()
            with holder:
                inner = node("ana")
                inside = write(inner, f"in{kind}")
                nuke.nodes.Output(inputs=[inner])
            out[f"inside {kind}"] = seen(holder) == [["MaGGIe1", 0]]
            out[f"write in {kind}"] = [each.fullName() for each, _ in our_nodes_behind(inside)]
        precomp = nuke.nodes.Precomp()
        with precomp:
            write(node("ana"), "precomp")
        out["without output"] = [each.fullName() for each, _ in our_nodes_behind(write(precomp))]
        precomp["reading"].setValue(True)
        out["reading"] = seen(precomp)
        made["disable"].setExpression("$gui")
        out["off in windows"] = seen(dot)
        made["disable"].clearAnimated()
        made["disable"].setValue(True)
        out["off"] = seen(dot)
    """)

    assert out["dot"] == out["chosen"] == out["animated"] == out["off in windows"] == [["MaGGIe1", 0]]
    assert out["later"] == [["MaGGIe1", 5]]
    for kind in ("Group", "LiveGroup", "Precomp", "VariableGroup", "StudioGizmo"):
        assert out[kind] == [["MaGGIe1", 5]] and out[f"inside {kind}"], kind
        assert out[f"write in {kind}"] == [f"{kind}2.MaGGIe1"], kind
    assert out["without output"] == ["Precomp3.MaGGIe1"] and out["reading"] == []
    assert out["held"] == [["MaGGIe1", None]]
    assert out["switched"] == out["off"] == []


def test_keys_are_added_removed_and_those_of_shapes_are_known(case: Case):
    out = case.run("""
        from nuke import rotopaint
        start()
        plate = read("plate")
        roto = nuke.nodes.Roto(inputs=[plate])
        layer = rotopaint.Layer(roto["curves"])
        shape = rotopaint.Shape(roto["curves"], (12, 14), (34, 14), (34, 54))
        for time, step in ((1001, 0), (1005, 4)):
            for x, point in zip((12, 34, 34), shape):
                point.center.addPositionKey(time, (x + step, 14))
        layer.append(shape)
        roto["curves"].rootLayer.append(layer)
        moved = nuke.nodes.TimeOffset(inputs=[nuke.nodes.Blur(inputs=[roto])], time_offset=1)
        made = node(moved, "ben", plate=plate)
        press(made, "find")
        press(made, "remove_key1")
        made["at_keys1"].setValue(True)
        rendered = lambda: [list(each.frames) for each in plans(made)[0].renders]
        out["own"] = rendered()
        nuke.frame(1003)
        press(made, "add_key1")
        out["added"] = [made["keys1"].value(), rendered(), made["status"].value()]
        nuke.frame(1006)
        press(made, "remove_key1")
        out["removed"] = made["keys1"].value()
        press(made, "remove_key1")
        nuke.frame(1010)
        press(made, "add_key1")
        for frame in (1002, 1003):
            nuke.frame(frame)
            press(made, "remove_key1")
        out["none"] = [made["keys1"].value(), made["at_keys1"].value()]
        nuke.frame(1004)
        press(made, "add_key2")
        out["file"] = [made["keys2"].value(), [each.keys_of for each in plans(made)[0].renders]]
        out["said"] = messages()
    """)

    assert out["own"] == [[1002, 1006]]
    assert out["added"] == ["1002-1003,1006", [[1002, 1003, 1006]], "keys of Blur1: 1002-1003,1006"]
    assert out["removed"] == "1002-1003" and out["none"] == ["", False]
    assert out["file"] == ["1004", ["", "ben"]]
    assert [said.partition(": ")[2] for said in out["said"]] == [
        "frame 1 is no key of Blur1: it has none",
        "frame 1006 is no key of Blur1, its keys are 1002-1003",
        "'Blur1' has keys at 1010, and the plate has the frames 1001-1006: remove them",
    ]

"""Choosing people in the viewer, and everybody's masks and mattes in their colours: with pixels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.nuke_plugin import ROOT, Case, write_config, write_sequences


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nuke")
    write_sequences(folder / "shot")
    write_config(folder / "config.ocio")
    return folder


@pytest.fixture
def case(files: Path, tmp_path: Path) -> Case:
    return Case(files / "shot", tmp_path, files / "config.ocio", env={"MAGGIE_PYTHON": sys.executable})


def test_people_are_picked_in_the_viewer_by_the_colour_under_the_cursor(case: Case):
    out = case.run("""
        session = start()
        made = node(read("ids"))
        press(made, "find")
        nuke.frame(1001)
        at = {"ana": (20, 30), "ben": (65, 30), "nobody": (2, 2)}
        sample = lambda where, name: round(nuke.sample(made, f"rgba.{name}", *at[where]), 3)
        plate = [sample("ana", "red"), sample("nobody", "red"), sample("nobody", "alpha")]
        pick(made["pick"], made, *at["ana"])
        out["without colours"] = made["picked"].value()
        edit(made["show"], "masks in colour")
        made["color1"].setValue(0xff0000ff)
        out["alpha"] = [sample(who, "alpha") for who in at]
        out["red"] = [round(sample("ana", "red") - (0.4 * plate[0] + 0.6), 2), sample("nobody", "red")]
        out["plate"] = plate[1]
        out["names"] = [made["people"].value()]
        picks = [("pick_remove", "ana"), ("pick", "ana"), ("pick_remove", "ben"), ("pick", "nobody")]
        out["picked"] = []
        for knob, who in picks:
            pick(made[knob], made, *at[who])
            out["picked"].append([made["picked"].value(), made["people"].value()])
        edit(made["people"], "b*")
        out["uses"] = [made["use1"].value(), made["use2"].value()]
        made["use1"].setValue(True)
        out["names"].append(made["people"].value())
        out["render"] = failure(nuke.execute, write(made), 1001, 1001, 1)
        edit(made["show"], "result")
        out["back"] = sample("ana", "red") == plate[0] and sample("nobody", "alpha") == plate[2]
        kinds = ("Grade", "Expression", "AddChannels")
        out["left"] = [each.name() for each in made.nodes() if each.Class() in kinds]
        out["errors"] = session.record.tracebacks
    """)

    assert out["without colours"].startswith("set show to the masks")
    assert out["alpha"] == [1, 2, 0] and out["red"] == [0, out["plate"]]
    assert out["names"] == ["ana, ben", "ana, ben"]
    assert out["picked"][:3] == [
        ["ana: left out", "ben"],
        ["ana: in use", "ana, ben"],
        ["ben: left out", "ana"],
    ]
    assert out["picked"][3][0].startswith("nobody is there") and out["picked"][3][1] == "ana"
    assert out["uses"] == [False, True]
    assert "MaGGIe1: it shows colours over the plate: set its knob 'show' to result" in out["render"]
    assert out["back"] and out["left"] == [] and out["errors"] == []


def test_masks_of_every_kind_have_colours(case: Case):
    out = case.run("""
        start()
        made = node("ana", read("layered"))
        made["show"].setValue("masks in colour")
        press(made, "find")
        nuke.frame(1001)
        out["rows"] = [row.source for row in node_state(made).rows]
        out["alpha"] = [nuke.sample(made, "rgba.alpha", *at) for at in ((20, 30), (65, 30), (2, 2))]
        made["opacity"].setValue(1.0)
        chip = int(made["color3"].value())
        out["flat"] = [
            round(255 * nuke.sample(made, f"rgba.{name}", 20, 30)) == chip >> shift & 255
            for name, shift in (("red", 24), ("green", 16), ("blue", 8))
        ]
        nuke.scriptSaveAs(path("colours.nk"), 1)
        nuke.scriptOpen(path("colours.nk"))
        again = nuke.toNode("MaGGIe1")
        out["again"] = [nuke.sample(again, "rgba.alpha", *at) for at in ((20, 30), (65, 30), (2, 2))]
    """)

    assert out["rows"] == ["guidance", "guidance2:extra", "guidance2:hero"]
    assert out["alpha"] == out["again"] == [3, 2, 0]  # the last of equal masks is on top
    assert out["flat"] == [True, True, True]


def test_a_panel_that_is_opened_offers_what_the_worker_found(case: Case):
    out = case.run("""
        start()
        made = node("ana")
        out["before"] = made["device"].values()
        from maggie_api.events import FoundDevice
        from maggie_api.client import devices
        devices.remember([FoundDevice("cpu", "8 threads"), FoundDevice("cuda:0", "NVIDIA H200, 139 GiB")])
        made.showControlPanel()
        out["after"] = [made["device"].value(), made["device"].values(), node("ana")["device"].tooltip()]
        made["device"].setValues(["auto", "cuda:3"])
        made["device"].setValue("cuda:3")
        made.hideControlPanel()
        made.showControlPanel()
        out["kept"] = [made["device"].value(), made["device"].values()]
    """)

    assert out["before"] == ["auto", "cpu", "cuda", "mps"]
    assert out["after"][:2] == ["cpu", ["auto", "cpu", "cuda:0"]]
    assert "cuda:0 (NVIDIA H200, 139 GiB)" in out["after"][2]
    assert out["kept"] == ["cuda:3", ["auto", "cpu", "cuda:0", "cuda:3"]]


def test_every_control_says_what_it_is_for(case: Case):
    out = case.run("""
        start()
        made = node("ana", "ben")
        press(made, "find")
        names = list(made.knobs())
        shown = [made[name] for name in names[names.index("matte"):] if made[name].visible()]
        shown = [knob for knob in shown if knob.Class() not in ("Tab_Knob", "Text_Knob")]
        out["silent"] = [knob.name() for knob in shown if not knob.tooltip()]
        out["count"] = len(shown)
    """)

    assert out["silent"] == [] and out["count"] > 80


def test_the_drawing_of_the_panel_is_that_of_todays_knobs():
    sys.path.insert(0, str(ROOT / "tools"))
    try:
        import draw_nuke_panel
    finally:
        sys.path.remove(str(ROOT / "tools"))
    code = "import draw_nuke_panel as d; print(d.digest(d.knobs_by_tab()))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "tools", capture_output=True, text=True, check=True
    )

    with Image.open(draw_nuke_panel.PANEL) as drawn:
        assert drawn.text["knobs"] == ran.stdout.strip(), "run tools/draw_nuke_panel.py"

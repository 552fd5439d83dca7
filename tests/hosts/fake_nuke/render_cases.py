"""What the tests' Nuke really renders; needs numpy and OpenImageIO."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import nuke  # noqa: E402
import nuke_app  # noqa: E402
import numpy  # noqa: E402
import OpenImageIO as oiio  # noqa: E402
from cases import refused, run  # noqa: E402

FOLDER = Path(tempfile.mkdtemp(prefix="maggie-cases-"))
atexit.register(shutil.rmtree, FOLDER)
_made: list[Path] = []


def folder() -> Path:
    made = FOLDER / f"{len(_made):03d}"
    made.mkdir()
    _made.append(made)
    return made


def tiny(aspect: float = 1.0) -> None:
    """A script of 32x24 pixels, frames 1 to 3."""
    nuke.addFormat(f"32 24 0 0 32 24 {aspect} tiny")
    nuke.root()["format"].setValue("tiny")
    nuke.root()["last_frame"].setValue(3)


def ramp(level: str = "frame / 10") -> Any:
    """red is `level` at each frame; green 0.5, blue 0, alpha 1."""
    constant = nuke.nodes.Constant(color=[0, 0.5, 0, 1])
    constant["color"].setExpression(level, 0)
    return constant


def write(source: Any, path: Path, **knobs: Any) -> Any:
    made = nuke.nodes.Write(inputs=[source], file=str(path), file_type="exr", raw=True)
    for name, value in {"channels": "all", **knobs}.items():
        made[name].setValue(value)
    return made


def read(path: Path, **knobs: Any) -> Any:
    return nuke.nodes.Read(file=str(path), **{"first": 1, "last": 3, "raw": True, **knobs})


def at(node: Any, channel: str = "rgba.red", frame: int = 1, x: float = 8, y: float = 8) -> float:
    before = nuke.frame()
    nuke.frame(frame)
    try:
        return round(nuke.sample(node, channel, x, y), 3)
    finally:
        nuke.frame(before)


def pixels(path: Path) -> tuple[Any, Any]:
    image = oiio.ImageInput.open(str(path))
    assert image is not None, oiio.geterror()
    spec, values = image.spec(), image.read_image("float")
    image.close()
    return spec, numpy.asarray(values)


def make_exr(path: Path, names: list[str], *, data: Any = None, full: tuple[int, int] = (32, 24)) -> None:
    """A file whose channel i is 0.1 * (i + 1); `data` is its data window (x, y, w, h) from the upper left."""
    x, y, width, height = data or (0, 0, *full)
    spec = oiio.ImageSpec(width, height, len(names), "half")
    spec.channelnames = tuple(names)
    spec.x, spec.y, spec.full_width, spec.full_height = x, y, *full
    out = oiio.ImageOutput.create(str(path))
    assert out.open(str(path), spec), out.geterror()
    values = numpy.broadcast_to(
        numpy.arange(1, len(names) + 1, dtype=numpy.float32) / 10, (height, width, len(names))
    )
    assert out.write_image(numpy.ascontiguousarray(values))
    out.close()


# ---- files


def case_frames_are_written_and_read_back():
    tiny(2.0)
    here = folder()
    node = write(ramp(), here / "a.####.exr", datatype="32 bit float", compression="none")
    nuke.execute(node, 1, 3)
    spec, _ = pixels(here / "a.0002.exr")
    back = read(here / "a.%04d.exr")

    assert sorted(os.listdir(here)) == ["a.0001.exr", "a.0002.exr", "a.0003.exr"]
    assert (spec.getattribute("compression"), str(spec.format), set(spec.channelnames)) == (
        "none",
        "float",
        {"R", "G", "B", "A"},
    )
    assert [at(back, frame=frame) for frame in (1, 2, 3)] == [0.1, 0.2, 0.3]
    assert (back.width(), back.pixelAspect(), back.metadata("input/frame_rate")) == (32, 2.0, 24.0)
    assert back.metadata("input/filename").endswith("a.0001.exr")


def case_names_in_a_file_become_layers():
    tiny()
    here = folder()
    make_exr(here / "a.exr", ["maggie_ana.alpha", "01_person.A", "crypto.object.V", "Person B.A", "Z", "R"])
    node = read(here / "a.exr")

    assert set(node.channels()) == {
        "maggie_ana.alpha",
        "_person.alpha",
        "crypto_object.V",
        "Person_B.alpha",
        "depth.Z",
        "rgba.red",
    }
    assert at(node, "maggie_ana.alpha") == 0.1 and at(node, "rgba.red") == 0.6
    assert "maggie_ana" in nuke.layers()


def case_a_view_in_a_name_is_the_view():
    tiny()
    nuke.addView("right")
    here = folder()
    make_exr(here / "a.exr", ["R", "right.R", "right.maggie_ana.alpha"])
    node = read(here / "a.exr")

    assert node.channels() == ["rgba.red"] and at(node) == 0.1
    nuke.root().setView("right")
    assert set(node.channels()) == {"rgba.red", "maggie_ana.alpha"} and at(node) == 0.2


def case_each_view_has_its_file():
    tiny()
    nuke.addView("right")
    here = folder()
    node = write(nuke.nodes.JoinViews(inputs=[ramp("0.1"), ramp("0.2")]), here / "a.%V.%04d.exr")

    nuke.execute(node, 1, 1, views=["right"])
    nuke.execute(node, 2, 2)
    assert sorted(os.listdir(here)) == ["a.main.0002.exr", "a.right.0001.exr", "a.right.0002.exr"]
    assert at(read(here / "a.right.%04d.exr")) == 0.2
    node["file"].setValue(str(here / "b.%04d.exr"))
    with refused(RuntimeError, "one view a file"):
        nuke.execute(node, 1, 1)
    with refused(RuntimeError, "no view"):
        nuke.execute(node, 1, 1, views=["left"])


def case_overscan_survives_and_is_cropped_on_request():
    tiny()
    here = folder()
    make_exr(here / "a.exr", ["R"], data=(-4, 2, 40, 10))
    node = read(here / "a.exr")

    box = node.bbox()
    assert (box.x(), box.y(), box.w(), box.h()) == (-4, 12, 40, 10)
    nuke.execute(write(node, here / "b.exr"), 1, 1)
    spec, _ = pixels(here / "b.exr")
    assert (spec.x, spec.y, spec.width, spec.height, spec.full_width) == (-4, 2, 40, 10, 32)
    shape = nuke.nodes.Rectangle(area=[4, 4, 10, 8])
    nuke.execute(write(shape, here / "c.exr", autocrop=True), 1, 1)
    spec, values = pixels(here / "c.exr")
    assert (spec.x, spec.y, spec.width, spec.height) == (4, 16, 6, 4) and values.min() == 1.0
    cropped = nuke.nodes.Crop(inputs=[node], box=[0, 13, 8, 20])
    assert (cropped.bbox().w(), cropped.bbox().h(), at(cropped, x=9, y=15), at(cropped, x=7, y=15)) == (
        8,
        7,
        0,
        0.1,
    )


def case_a_missing_file_is_what_on_error_says():
    tiny()
    here = folder()
    nuke.execute(write(ramp(), here / "a.%04d.exr"), 1, 2)
    node = read(here / "a.%04d.exr", last=9)

    nuke.frame(5)
    assert node.hasError() and node.width() == 32
    with refused(RuntimeError, "a.0005.exr: No such file"):
        at(node, frame=5)
    with refused(RuntimeError, "No such file"):
        nuke.execute(write(node, here / "b.%04d.exr"), 5, 5)
    node["on_error"].setValue("black")
    assert at(node, frame=5) == 0.0 and not node.hasError()
    node["on_error"].setValue("nearestframe")
    assert at(node, frame=5) == 0.2
    node["on_error"].setValue("checkerboard")
    assert at(node, frame=5) != at(node, frame=5, x=20)


def case_a_broken_file_fails_loudly():
    tiny()
    here = folder()
    nuke.execute(write(ramp(), here / "a.exr"), 1, 1)
    whole = (here / "a.exr").read_bytes()
    (here / "a.exr").write_bytes(whole[: len(whole) * 2 // 3])

    with refused(RuntimeError):
        at(read(here / "a.exr"))


def case_a_read_moves_by_its_mode_and_holds_its_ends():
    tiny()
    here = folder()
    nuke.execute(write(ramp(), here / "a.%04d.exr"), 1, 4)
    node = read(here / "a.%04d.exr", last=4)

    seen = {}
    for mode, text in (("expression", "frame+1"), ("start at", "2"), ("offset", "1")):
        node["frame_mode"].setValue(mode)
        node["frame"].setValue(text)
        seen[mode] = at(node, frame=2)
    assert seen == {"expression": 0.3, "start at": 0.1, "offset": 0.1}
    nuke_app._state.session().read_offset_sign = 1
    assert at(node, frame=2) == 0.3
    node["frame"].setValue("")
    assert (at(node, frame=9), at(node, frame=-5)) == (0.4, 0.1)
    node["after"].setValue("black")
    node["before"].setValue("loop")
    assert (at(node, frame=9), at(node, frame=0)) == (0.0, 0.4)


def case_proxy_mode_reads_and_writes_proxies():
    tiny()
    here = folder()
    make_exr(here / "full.exr", ["R"])
    make_exr(here / "small.exr", ["R", "G"], full=(16, 12))
    node = read(here / "full.exr")
    root = nuke.root()
    root["proxy_type"].setValue("scale")
    root["proxy"].setValue(True)

    assert node.width() == 16
    node["proxy"].setValue(str(here / "small.exr"))
    assert node.channels() == ["rgba.green", "rgba.red"] or set(node.channels()) == {"rgba.red", "rgba.green"}
    out = write(ramp(), here / "out.%04d.exr", proxy=str(here / "proxy.%04d.exr"))
    nuke.execute(out, 1, 1)
    spec, _ = pixels(here / "proxy.0001.exr")
    assert spec.full_width == 16 and not (here / "out.0001.exr").exists()
    out["proxy"].setValue("")
    with refused(RuntimeError, "no proxy name"):
        nuke.execute(out, 1, 1)


def case_parts_are_named_after_layers():
    tiny()
    nuke.Layer("maggie_ana", ["alpha"])
    here = folder()
    node = nuke.nodes.Copy(inputs=[ramp(), ramp()], from0="rgba.red", to0="maggie_ana.alpha")
    nuke.execute(write(node, here / "a.exr", interleave="channels"), 1, 1)

    image = oiio.ImageInput.open(str(here / "a.exr"))
    parts = {}
    while image.seek_subimage(len(parts), 0):
        parts[image.spec().getattribute("oiio:subimagename")] = image.spec().channelnames
    image.close()
    assert parts == {"rgba": ("R", "G", "B", "A"), "maggie_ana": ("A",)}
    back = read(here / "a.exr")
    assert at(back, "maggie_ana.alpha") == 0.1


def case_colour_is_converted_but_for_raw():
    tiny()
    here = folder()
    make_exr(here / "a.exr", ["R", "G", "B", "maggie_ana.alpha"])
    node = read(here / "a.exr")

    assert at(node, "rgba.blue") == 0.3
    node["raw"].setValue(False)
    assert at(node, "rgba.blue") == 0.3, "default is linear"
    node["colorspace"].setValue("sRGB")
    assert (at(node, "rgba.blue"), at(node, "maggie_ana.alpha")) == (0.073, 0.4)
    node["colorspace"].setValue("Cineon")
    with refused(RuntimeError, "converts linear and sRGB"):
        at(node, "rgba.blue")


def case_writing_needs_a_folder_a_name_and_a_type():
    tiny()
    here = folder()
    node = write(ramp(), here / "new" / "a.%04d.exr")

    with refused(RuntimeError, "No such file or directory"):
        nuke.execute(node, 1, 1)
    node["create_directories"].setValue(True)
    nuke.execute(node, 1, 1)
    assert (here / "new" / "a.0001.exr").exists()
    with refused(RuntimeError, "no file name"):
        nuke.execute(nuke.nodes.Write(inputs=[ramp()]), 1, 1)
    with refused(RuntimeError, "no input"):
        nuke.execute(nuke.nodes.Write(file=str(here / "b.exr")), 1, 1)
    with refused(RuntimeError, "writes exr, not png"):
        nuke.execute(nuke.nodes.Write(file=str(here / "b.png"), inputs=[ramp()]), 1, 1)


def case_only_channels_asked_for_are_written():
    tiny()
    here = folder()
    nuke.execute(write(ramp(), here / "a.exr", channels="rgba.red rgba.alpha"), 1, 1)
    nuke.execute(nuke.nodes.Write(inputs=[ramp()], file=str(here / "b.exr"), raw=True), 1, 1)

    assert set(pixels(here / "a.exr")[0].channelnames) == {"R", "A"}
    assert set(pixels(here / "b.exr")[0].channelnames) == {"R", "G", "B"}


# ---- nodes


def case_copies_and_shuffles_carry_channels():
    tiny()
    nuke.Layer("maggie_ana", ["alpha"])
    nuke.Layer("maggie_ben", ["alpha"])
    plate, mask = ramp("0.3"), nuke.nodes.Rectangle(area=[0, 0, 16, 24])
    node = nuke.nodes.Copy(inputs=[plate, mask], from0="rgba.alpha", to0="maggie_ana.alpha")
    node["from1"].setValue("rgba.red")
    node["to1"].setValue("maggie_ben.alpha")

    assert [at(node, f"maggie_{who}.alpha", x=x) for who in ("ana", "ben") for x in (8, 20)] == [1, 0, 1, 0]
    assert at(node, "rgba.red") == 0.3
    shuffle = nuke.nodes.Shuffle(inputs=[node])
    shuffle["in"].setValue("maggie_ana")
    for name, value in (("red", "red"), ("green", "white"), ("blue", "black"), ("alpha", "red")):
        shuffle[name].setValue(value)
    assert [at(shuffle, f"rgba.{c}", x=20) for c in ("red", "green", "blue", "alpha")] == [0, 1, 0, 0]
    newer = nuke.nodes.Shuffle2(inputs=[node])
    newer["in1"].setValue("maggie_ana")
    newer["mappings"].setValue("2 maggie_ana.alpha 0 0 rgba.alpha 0 3 white -1 -1 rgba.red 0 0")
    assert (at(newer, "rgba.alpha"), at(newer, "rgba.red"), at(newer, "rgba.green")) == (1, 1, 0.5)
    other = nuke.nodes.ShuffleCopy(inputs=[plate, mask], alpha="alpha")
    assert (at(other, "rgba.alpha", x=20), at(other, "rgba.red")) == (0, 0.3)


def case_a_group_is_its_output_and_its_inputs_are_outside():
    tiny()
    group = nuke.nodes.Group(inputs=[])
    with group:
        first, second = nuke.nodes.Input(), nuke.nodes.Input()
        switch = nuke.nodes.Switch(inputs=[first, second])
        nuke.nodes.Output(inputs=[nuke.nodes.NoOp(inputs=[nuke.nodes.Dot(inputs=[switch])])])
    assert group.setInput(0, ramp("0.1")) and group.setInput(1, ramp("0.2")) and not group.setInput(2, ramp())

    assert at(group) == 0.1
    switch["which"].setValue(1)
    assert at(group) == 0.2
    group["disable"].setValue(True)
    assert at(group) == 0.1
    group["disable"].setValue(False)
    here = folder()
    with group:
        inner = write(switch, here / "plate.%04d.exr")
    nuke.execute(inner, 2, 2)
    assert (here / "plate.0002.exr").exists()


def case_time_is_moved_held_and_chosen():
    tiny()
    source = ramp()

    assert at(nuke.nodes.TimeOffset(inputs=[source], time_offset=1), frame=3) == 0.2
    assert at(nuke.nodes.FrameHold(inputs=[source], first_frame=2), frame=3) == 0.2
    later = nuke.nodes.TimeOffset(
        inputs=[nuke.nodes.FrameRange(inputs=[source], first_frame=5, last_frame=8)]
    )
    later["time_offset"].setValue(10)
    assert (later.firstFrame(), later.lastFrame()) == (15, 18)


def case_pictures_are_made_smaller_and_put_together():
    tiny()
    nuke.addFormat("16 12 half_tiny")
    mask = nuke.nodes.Rectangle(area=[0, 0, 16, 24])
    half = nuke.nodes.Reformat(inputs=[mask], format="half_tiny")
    assert (half.width(), at(half, "rgba.alpha", x=7), at(half, "rgba.alpha", x=8)) == (16, 1, 0)
    over = nuke.nodes.Merge2(inputs=[ramp("0.4"), mask])
    assert (at(over, x=8), at(over, x=20)) == (1.0, 0.4)
    mixed = nuke.nodes.Keymix(inputs=[ramp("0.4"), ramp("0.8"), mask])
    assert (at(mixed, x=8), at(mixed, x=20)) == (0.8, 0.4)
    kept = nuke.nodes.Remove(inputs=[ramp()], operation="keep", channels="rgba.alpha")
    assert kept.channels() == ["rgba.alpha"]
    more = nuke.nodes.AddChannels(inputs=[kept], channels="depth.Z", color=[0, 0, 0, 0.5])
    assert at(more, "depth.Z") == 0.5
    graded = nuke.nodes.Grade(inputs=[ramp("0.4")], multiply=[2, 1, 1, 1])
    assert at(graded) == 0.8


def case_a_roto_draws_its_shapes_between_their_keys():
    from nuke import rotopaint

    tiny()
    roto = nuke.nodes.Roto(inputs=[ramp("0.4")])
    shape = rotopaint.Shape(roto["curves"], (0, 0), (4, 0), (4, 4), (0, 4))
    for frame, step in ((1, 0), (3, 4)):
        for point, (x, y) in zip(shape, ((0, 0), (4, 0), (4, 4), (0, 4))):
            point.center.addPositionKey(frame, (x + step, y))
    roto["curves"].rootLayer.append(shape)
    seen = {}
    for frame in (1, 2, 3):
        nuke.frame(frame)
        seen[frame] = [nuke.sample(roto, "rgba.alpha", x, 2) for x in (1, 3, 5)]
    assert seen == {1: [1, 1, 0], 2: [0, 1, 1], 3: [0, 0, 1]}, seen
    assert shape[0].center.getControlPointKeyTimes() == [1, 3]
    with refused(TypeError):
        rotopaint.Shape((0, 0))


def case_a_mask_keeps_a_grade_to_its_white():
    tiny()
    half = nuke.nodes.Constant(color=[0, 0, 0, 0.5], format="tiny")
    graded = nuke.nodes.Grade(inputs=[ramp("0.4"), half], multiply=[0, 0, 0, 0], add=[1, 1, 1, 3])
    graded["channels"].setValue("rgba")
    assert at(graded) == 0.4 * 0 + 1  # without a channel the mask input says nothing
    graded["maskChannelInput"].setValue("rgba.alpha")
    assert abs(at(graded) - 0.7) < 1e-6


def case_an_expression_adds_and_compares():
    tiny()
    source = nuke.nodes.Constant(color=[0.5, 0.25, 0, 1], format="tiny")
    made = nuke.nodes.Expression(inputs=[source], expr3="(rgba.red == 0.5) * rgba.green + 1")
    assert nuke.sample(made, "rgba.alpha", 1, 1) == 1.25
    assert nuke.sample(made, "rgba.red", 1, 1) == 0, "a blank field is 0"
    made["expr3"].setValue("nobody.red")
    with refused(RuntimeError, "nothing is named"):
        nuke.sample(made, "rgba.alpha", 1, 1)


def case_what_it_cannot_render_it_says():
    tiny()
    for node in (
        nuke.nodes.Blur(inputs=[ramp()]),
        nuke.nodes.RotoPaint(),
        nuke.nodes.Expression(inputs=[ramp()], expr0="sin(rgba.red)"),
        nuke.nodes.Merge2(inputs=[ramp(), ramp()], operation="atop"),
        nuke.nodes.Grade(inputs=[ramp()], gamma=[2, 2, 2, 2]),
    ):
        with refused(RuntimeError, "this fake"):
            at(node)


# ---- execution


def case_callbacks_run_in_their_order():
    tiny()
    here = folder()
    seen: list[str] = []
    node = write(ramp(), here / "a.%04d.exr")
    node["beforeRender"].setValue("import __main__; __main__.seen.append('own')")
    import __main__

    __main__.seen = seen
    for add, word in (
        (nuke.addBeforeRender, "before"),
        (nuke.addBeforeFrameRender, "frame"),
        (nuke.addAfterFrameRender, "done"),
        (nuke.addAfterRender, "after"),
    ):
        add(lambda word=word: seen.append(f"{word} {nuke.thisNode().name()} {nuke.frame()}"))
    nuke.addBeforeRender(lambda: seen.append("of a Read"), nodeClass="Read")
    nuke.frame(9)

    nuke.execute(node, 1, 3, 2)

    assert seen[0] == "own" and seen[1:] == [
        "before Write1 9",
        "frame Write1 1",
        "done Write1 1",
        "frame Write1 3",
        "done Write1 3",
        "after Write1 3",
    ], seen
    assert nuke.frame() == 9
    assert nuke_app._state.session().record.rendered == [("Write1", 1, "main"), ("Write1", 3, "main")]


def case_a_failing_callback_stops_the_render():
    tiny()
    here = folder()
    node = write(ramp(), here / "a.%04d.exr")

    def fail() -> None:
        raise RuntimeError("no matte for frame 2")

    nuke.addBeforeRender(fail)
    with refused(RuntimeError, "no matte for frame 2"):
        nuke.execute(node, 1, 2)
    assert os.listdir(here) == []
    nuke.removeBeforeRender(fail)
    nuke.addBeforeFrameRender(lambda: nuke.frame() == 2 and fail())
    with refused(RuntimeError, "no matte"):
        nuke.execute(node, 1, 3)
    assert sorted(os.listdir(here)) == ["a.0001.exr"]
    nuke.execute(node, 1, 3, continueOnError=True)
    assert sorted(os.listdir(here)) == ["a.0001.exr", "a.0003.exr"]
    assert "no matte" in nuke_app._state.session().record.texts("error")[0]


def case_a_render_is_cancelled():
    tiny()
    here = folder()
    session = nuke_app._state.session()
    session.cancel_render = lambda frame: frame == 2

    with refused(RuntimeError, "Cancelled"):
        nuke.execute(write(ramp(), here / "a.%04d.exr"), 1, 3)
    assert sorted(os.listdir(here)) == ["a.0001.exr"]
    nuke.execute(write(ramp(), here / "b.%04d.exr"), 1, 3)


def case_one_execution_at_a_time():
    tiny()
    here = folder()
    one, two = (write(ramp(), here / f"{name}.%04d.exr") for name in "ab")
    said: list[str] = []

    def nested() -> None:
        for call in (lambda: nuke.execute(two, 1, 1), nuke.nodes.NoOp):
            try:
                call()
                said.append("works")
            except RuntimeError as refusal:
                said.append(str(refusal))

    nuke.addBeforeFrameRender(nested)
    nuke.execute(one, 1, 1)
    assert said == ["I'm already executing something else", "a NoOp made while Nuke executes"]
    nuke.removeBeforeFrameRender(nested)
    nuke.addBeforeRender(lambda: nuke.thisNode() is one and nested())
    nuke_app._state.session().nested_execute = True
    nuke.execute(one, 1, 1)
    assert said[2:] == ["works", "works"]


def case_only_writes_are_executed():
    tiny()
    node = write(ramp(), folder() / "a.exr")
    for wrong in (ramp(), "Nobody"):
        with refused(RuntimeError):
            nuke.execute(wrong, 1, 1)
    node["disable"].setValue(True)
    with refused(RuntimeError, "disabled"):
        nuke.execute(node, 1, 1)
    with refused(TypeError):
        nuke.execute(node, "1", "2")


def case_ranges_say_frames():
    tiny()
    here = folder()
    node = write(ramp(), here / "a.%04d.exr")

    nuke.execute(node, nuke.FrameRanges("1-3x2 7"))
    nuke.execute("Write1", 9, 9)
    node["frame_mode"].setValue("offset")
    node["frame"].setValue("100")
    nuke.executeMultiple([node], ([1, 1, 1],), ["main"])

    assert sorted(os.listdir(here)) == [f"a.{n:04d}.exr" for n in (1, 3, 7, 9, 101)]


def case_the_program_renders_a_script():
    tiny()
    here = folder()
    write(read(here / "in.%04d.exr"), here / "out.%04d.exr")
    nuke.scriptSaveAs(str(here / "a.nk"))
    for frame in (1, 2):
        make_exr(here / f"in.{frame:04d}.exr", ["R"])
    (here / "init.py").write_text("import nuke\nnuke.addAfterRender(lambda: nuke.tprint('rendered'))\n")
    os.environ["NUKE_PATH"] = str(here)
    try:
        assert nuke_app.main(["-x", "-F", "1-2", str(here / "a.nk")]) == 0
        said = nuke_app._state.session().record.texts("tprint")
        assert nuke_app.main(["-x", str(here / "a.nk")]) == 1, "frame 3 is not there"
        assert nuke_app.main(["-x", "-X", "Nobody", str(here / "a.nk")]) == 1
    finally:
        del os.environ["NUKE_PATH"]

    assert said == ["rendered"] and (here / "out.0002.exr").exists() and not (here / "out.0003.exr").exists()


CASES = {name: case for name, case in list(globals().items()) if name.startswith("case_")}

if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(CASES)))

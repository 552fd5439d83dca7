"""Odd inputs by class: options, ranges, documents, outputs, variables, models."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

from benchmarks.odd.base import FRAMES, PEOPLE, Shot
from benchmarks.odd.judging import Alphas, Case, Maker
from benchmarks.odd.process import Ended
from benchmarks.odd.stock import ODD_VALUES, ODD_WORDS, mutated
from maggie_api.job import MaskGuidance, MatteJob
from maggie_node.cli.matte import matte


def options(shot: Shot, r: random.Random) -> Case:
    """One or two options of the command with values that nobody means."""
    named = [
        each
        for each in matte.params
        if each.param_type_name == "option" and each.name not in ("outputs", "model", "debug")
    ]
    words = []
    for option in r.sample(named, r.choice((1, 1, 2))):
        given = r.choice([*option.opts, *option.secondary_opts])
        words += [given] if getattr(option, "is_flag", False) else [given, _value(shot, r)]
    return Case(shot.arguments(*words), note=repr(words)[:200])


def _value(shot: Shot, r: random.Random) -> str:
    known = (
        "ana",
        "ana=1",
        "ana=nan",
        f"ana={shot.base.folder}/ana.####.png",
        "1001",
        "1001-1002",
        "cpu",
        "srgb_tx",
        "zip:9",
        "fp16",
        "bf16",
        "2",
        "0.5",
    )
    value = r.choice((*ODD_VALUES, *ODD_WORDS, *known, r.choice(known) + r.choice(ODD_VALUES)))
    # The machine has no limit on what one cache may hold; and a preview is written where it says.
    return value.replace("\0", "").replace("/dev/zero", "zero")


def frame_ranges(shot: Shot, r: random.Random) -> Case:
    """Frames as ranges of every form; frames outside the shot, and what is no range, are refused."""
    if r.random() < 0.5:
        text = (
            r.choice(ODD_VALUES)
            if r.random() < 0.5
            else "".join(r.choices("0123456789-,x ", k=r.randint(1, 12)))
        )
        return Case(shot.arguments("--frames", text), note=repr(text)[:100])
    wanted = sorted(r.sample(FRAMES, r.randint(1, 2)))
    forms = {
        (1001,): ("1001", " 1001 ", "1001-1001", "1001-1002x2", "1001,1001", "01001"),
        (1002,): ("1002", "1002-1002", "1002,1002"),
        (1001, 1002): ("1001-1002", "1001,1002", "1002,1001", "1001-1002x1", "1001, 1002", "1001-1002,1002"),
    }
    text = r.choice(forms[tuple(wanted)])

    return Case(shot.arguments("--frames", text), note=repr(text), frames=tuple(wanted))


def job_documents(shot: Shot, r: random.Random) -> Case:
    """Job documents with values of other types, too deep, cut off, or in other encodings."""
    guidance = tuple(MaskGuidance(name, f"{shot.base.folder / name}.####.png") for name in PEOPLE)
    job = MatteJob(str(shot.base.folder / "plate.####.exr"), shot.output, guidance, model=shot.base.model)
    text = job.to_json()
    path = shot.folder / "job.json"
    kind = r.choice(("value", "value", "value", "key", "bytes", "encoding", "deep", "twice"))
    if kind == "value":
        data = json.loads(text)
        odd = (
            None,
            True,
            -1,
            0,
            1e308,
            10**40,
            "",
            " ",
            "\ud800",
            "\u0000",
            [],
            {},
            [[]],
            {"a": 1},
            "x" * 10_000,
            1.5,
            *ODD_VALUES,
        )
        holder = data if r.random() < 0.7 else data["guidance"][0]
        names = [name for name in holder if name not in ("output", "model")]
        holder[r.choice(names)] = r.choice(odd)
        text = json.dumps(data)
    elif kind == "key":
        data = json.loads(text)
        data[r.choice((*ODD_WORDS, "Plate", "guidance "))] = 1
        text = json.dumps(data)
    elif kind == "deep":
        text = r.choice(
            (
                "[" * 100_000,
                '{"plate":' * 3000,
                text.replace('"guidance"', '"guidance":' + "[" * 3000 + ',"x"'),
            )
        )
    elif kind == "twice":
        text = text.rstrip().rstrip("}") + ', "plate": "nothing.exr"}'
    content = text.encode("utf-8", "surrogatepass")
    if kind == "bytes":
        content = mutated(content, r)
    elif kind == "encoding":
        content = r.choice(
            (
                b"\xef\xbb\xbf" + content,
                text.encode("utf-16"),
                text.encode("utf-32"),
                b"\xff" + content,
                content + b"\0",
            )
        )
    path.write_bytes(content)
    return Case(["job", str(path)], note=kind)


def outputs(shot: Shot, r: random.Random) -> Case:
    """Outputs that are no place for mattes, and odd ones that are."""
    odd = r.choice(
        (
            "",
            " ",
            ".",
            "..",
            "/",
            "m.exr",
            "m.####",
            "m.####.png.exr",
            "####.exr",
            "m.####.EXR",
            "m.####.jpg",
            "m.####.tif",
            "m####m.####.exr",
            "a/b/c/m.####.exr",
            "m.%04d.exr",
            "m.$F4.exr",
            "m.@@@@.exr",
            "m.####.exr/",
            "m.####.exr ",
            "m.\n####.exr",
            "m.\t####.exr",
            "x" * 255 + ".####.exr",
            "x" * 240 + ".####.exr",
            "d/" * 500 + "m.####.exr",
            "file/m.####.exr",
            "loop/m.####.exr",
            "folder.####.exr",
            "m.1001-1002####.exr",
            "m.%99999999999d.exr",
            "m.{}.exr",
            "アナ.####.exr",
            "m.\udcff.####.exr",
            "m.-####.exr",
            "p.mov",
            "p.webm",
            "p.####.png",
            "p.####.tiff",
            "NAME=p.mov",
            "ana=p.mov",
            "=p.mov",
            "ana=m.####.exr",
        )
    )
    shot.out.mkdir()
    (shot.out / "file").touch()
    (shot.out / "loop").symlink_to("loop")
    (shot.out / "folder.1001.exr").mkdir()
    (shot.out / "m.0999.exr.txt").touch()
    name, equals, path = odd.partition("=") if odd[:1] in "NA=a" and "=" in odd else ("", "", odd)
    output = f"{name}{equals}{shot.out}/{path}" if path else path
    return Case(shot.arguments(output=output), note=repr(odd)[:80], more={}, also=None)


def variables(shot: Shot, r: random.Random) -> Case:
    """Environment variables and encodings of odd systems."""
    odd: dict[str, tuple[str | None, ...]] = {
        "HOME": (None, "", "/nonexistent", "/dev/null", "ÄÖ"),
        "TMPDIR": ("/nonexistent", "", "/dev/null"),
        "LC_ALL": ("C", "POSIX", "ja_JP.SJIS", "xx_YY", ""),
        "LANG": (None, "", "tr_TR.UTF-8"),
        "COLUMNS": ("0", "-1", "abc", "1", "99999999999"),
        "TERM": (None, "", "dumb", "xx"),
        "TZ": ("", "XXX", "Europe/Nowhere", ":"),
        "OMP_NUM_THREADS": ("0", "-1", "abc", "9999", "1,2"),
        "MAGGIE_CACHE": ("", "/dev/null", "/dev/null/x", "cache"),
        "OCIO": ("", "/nonexistent.ocio", "ocio://nothing", "ocio://default", "/dev/null"),
        "NUMBA_CACHE_DIR": ("/dev/null", "", "/nonexistent/x"),
        "XDG_CACHE_HOME": ("", "/dev/null", "relative"),
        "PATH": (None, ""),
        "USER": (None, "", "ÄÖ"),
        "LOGNAME": (None, ""),
        "NO_COLOR": ("1",),
        "MAGGIE_SPARSE": ("", "nothing", "spconv"),
    }
    chosen = {name: r.choice(odd[name]) for name in r.sample(sorted(odd), r.choice((1, 1, 2, 4)))}
    encoding = r.choice(("utf-8", "ascii", "cp1252", "utf-16", "shift_jis", "cp437"))
    masks = [
        f"{name}={shot.base.folder / who}.####.png" for name, who in zip(("アナ", "ben"), PEOPLE, strict=True)
    ]
    more = ["--json"] if r.random() < 0.3 else []
    may_refuse = {"OCIO", "MAGGIE_SPARSE", "MAGGIE_CACHE"} & set(chosen)
    return Case(
        shot.arguments(*more, guidance=masks),
        "whole or refused" if may_refuse else "as plain",
        f"{chosen} {encoding}",
        env=chosen,
        encoding=encoding,
        frames=FRAMES,
    )


def model_folders(shot: Shot, r: random.Random) -> Case:
    """Models whose description or weights were damaged."""
    folder = shot.folder / "model"
    folder.mkdir()
    for name in ("config.json", "tiny.safetensors"):
        (folder / name).write_bytes((Path(shot.base.model) / name).read_bytes())
    kind = r.choice(("config", "config", "weights", "weights", "missing", "other"))
    config = folder / "config.json"
    if kind == "config":
        values = (None, [], {}, -1, "x", 1e999, True, [64, 32], [0, 0], ["a", "b"], "\u0000", 10**30)
        fields = (
            "name",
            "licence",
            "commercial",
            "person_px",
            "refine",
            "smooth",
            "first_look",
            "weights",
            "kind",
            "x",
        )
        data = json.loads(config.read_text(encoding="utf-8"))
        data[r.choice(fields)] = r.choice(values)
        config.write_text(json.dumps(data), encoding="utf-8")
        if r.random() < 0.3:
            config.write_bytes(mutated(config.read_bytes(), r))
    elif kind == "weights":
        weights = folder / "tiny.safetensors"
        weights.write_bytes(mutated(weights.read_bytes(), r, head=2000))
    elif kind == "missing":
        r.choice((config, folder / "tiny.safetensors")).unlink()
    else:
        (folder / r.choice(("second.safetensors", "model.pt", "model.pth"))).write_bytes(r.randbytes(300))
    return Case(shot.arguments(model=str(folder)), note=kind)


def other_commands(shot: Shot, r: random.Random) -> Case:
    """Commands that read files, on files that are no such thing."""
    files = (
        shot.base.folder / "plate.1001.exr",
        shot.base.folder / "ana.1001.png",
        Path("/dev/null"),
        shot.folder,
        shot.folder / "missing.exr",
        shot.folder / "noise.exr",
        shot.folder / "noise.mp4",
        shot.folder / "noise.json",
        shot.base.folder / "model" / "config.json",
    )
    for name in ("noise.exr", "noise.mp4", "noise.json"):
        (shot.folder / name).write_bytes(r.randbytes(r.choice((0, 10, 5000))))
    file = str(r.choice(files))
    words = r.choice(
        (
            ["explain", file],
            ["explain", file, "--json"],
            ["job", file],
            ["verify", file],
            ["preview", file, "-o", str(shot.folder / "x.mp4")],
            ["farm", "plan", file],
            ["farm", "task", file, "--frames", r.choice(ODD_VALUES)],
            ["models", "verify", file],
        )
    )
    return Case(words, note=repr([os.path.basename(word) for word in words])[:100], also=_anything)


def _anything(ended: Ended, alphas: Alphas) -> str:
    return ""


def specs(shot: Shot, r: random.Random) -> Case:
    """Guidance, pins and holds that are written oddly on the command line."""
    base = shot.base.folder
    forms = (
        "{w}",
        "{w}={b}/ana.####.png",
        "ana={b}/ana.####.png:{w}",
        "{b}/ana.####.png",
        "=",
        "ana=",
        "ana={w}",
        "{b}/{w}",
        "ana={b}",
        "ana={b}/ana.{w}.png",
    )
    spec = r.choice(forms).format(w=r.choice((*ODD_WORDS, *ODD_VALUES)), b=base)
    option = r.choice(
        (
            "--guidance",
            "--key",
            "--pin",
            "--core",
            "--garbage",
            "--guidance-layers",
            "--id-map",
            "--cryptomatte",
            "--instance",
        )
    )
    masks = [f"{name}={base / name}.####.png" for name in PEOPLE[: r.randint(0, 2)]]
    return Case(
        shot.arguments(option, spec.replace("\0", ""), guidance=masks), note=f"{option} {spec[:100]!r}"
    )


WORDS: dict[str, Maker] = {
    "options": options,
    "frame ranges": frame_ranges,
    "guidance on the command line": specs,
    "job documents": job_documents,
    "outputs": outputs,
    "environment variables and encodings": variables,
    "model folders": model_folders,
    "other commands": other_commands,
}

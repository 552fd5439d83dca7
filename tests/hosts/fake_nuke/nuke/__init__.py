"""A Nuke for tests: it behaves, and it refuses what the real one refuses. See ../README.md."""

from __future__ import annotations

import sys as _sys
from typing import Any as _Any

from . import _channels, _execute, _knobs, _nodes, _script, _state, _ui, callbacks, executeInMain

_PUBLIC = (
    (_channels, "Box Format FrameRange FrameRanges Info Layer"),
    (_nodes, "BackdropNode Gizmo Group LiveGroup Node Precomp Root Viewer"),
    (_nodes, "EXPRESSIONS HIDDEN_INPUTS INPUTS LINKINPUTS"),
    (_nodes, "TO_SCRIPT TO_VALUE WRITE_ALL WRITE_NON_DEFAULT_ONLY WRITE_USER_KNOB_DEFS"),
    (_knobs, "ALWAYS_SAVE DISABLED DO_NOT_WRITE ENDLINE EXPAND_TO_WIDTH INVISIBLE KNOB_CHANGED_RECURSIVE"),
    (_knobs, "NO_ANIMATION NO_MULTIVIEW NO_UNDO READ_ONLY SAVE_MENU STARTLINE"),
    (_knobs, "TABBEGINCLOSEDGROUP TABBEGINGROUP TABENDGROUP TABKNOB"),
    (_knobs, "Knob Array_Knob Double_Knob Int_Knob Unsigned_Knob ColorChip_Knob Boolean_Knob Disable_Knob"),
    (_knobs, "Enumeration_Knob Pulldown_Knob Radio_Knob CascadingEnumeration_Knob EditableEnumeration_Knob"),
    (_knobs, "OneView_Knob Color_Knob AColor_Knob Eyedropper_Knob XY_Knob XYZ_Knob WH_Knob UV_Knob"),
    (_knobs, "Range_Knob BBox_Knob"),
    (_knobs, "String_Knob EvalString_Knob Multiline_Eval_String_Knob File_Knob Script_Knob"),
    (_knobs, "PyScript_Knob PyCustom_Knob PythonKnob Text_Knob Tab_Knob Link_Knob Format_Knob Channel_Knob"),
    (_knobs, "ChannelMask_Knob MultiView_Knob Help_Knob"),
    (_script, "REPLACE NodeConstructor Nodes createNode toNode exists allNodes selectedNodes selectedNode"),
    (
        _script,
        "selectAll delete root thisRoot thisNode thisClass thisKnob thisGroup thisParent thisView endGroup",
    ),
    (_script, "dependencies dependentNodes show filename expression value numvalue knobDefault frame"),
    (_script, "addFormat formats views addView deleteView channels layers usingOcio getOcioColorSpaces"),
    (_script, "getColorspaceList modified scriptClear scriptClose scriptOpen scriptReadText scriptReadFile"),
    (_script, "scriptSource scriptName scriptSave scriptSaveAs nodeCopy nodePaste pluginPath pluginAddPath"),
    (_script, "pluginAppendPath sample script_directory"),
    (_execute, "cancel execute executeMultiple executing"),
    (_ui, "message alert critical warning error debug tprint ask askWithCancel getInput getFilename"),
    (_ui, "getClipname choice CancelledError ProgressTask MenuItem Menu ToolBar menu toolbar Undo"),
    (executeInMain, "executeInMainThread executeInMainThreadWithResult"),
)
for _module, _names in _PUBLIC:
    for _name in _names.split():
        globals()[_name] = getattr(_module, _name)
for _name in vars(callbacks).copy():
    if _name[0] != "_" and _name not in ("annotations", "Any", "Callable", "Optional", "Entry"):
        globals()[_name] = getattr(callbacks, _name)
nodes = _script.Nodes()
render = _execute.execute
expr = _script.expression
untitled = "Untitled"


class GlobalsEnvironment:
    """nuke.env: facts of this process; an unknown key is a KeyError."""

    def __init__(self, facts: dict[str, _Any]) -> None:
        self._facts = facts

    def __getitem__(self, index: str) -> _Any:
        return self._facts[index]

    def __setitem__(self, index: str, object: _Any) -> None:
        if index not in self._facts:
            raise KeyError(index)
        self._facts[index] = object

    def __contains__(self, other: object) -> bool:
        return other in self._facts

    def __len__(self) -> int:
        return len(self._facts)

    def get(self, key: str, default: _Any = None) -> _Any:
        return self._facts.get(key, default)

    def keys(self) -> list[str]:
        return list(self._facts)

    def values(self) -> list[_Any]:
        return list(self._facts.values())

    def items(self) -> list[tuple[str, _Any]]:
        return list(self._facts.items())


def _dress(session: _state.Session) -> None:
    """The module's constants follow the mode and the version."""
    major, minor, release = session.version
    gui = session.mode == "gui"
    globals().update(
        GUI=gui,
        INTERACTIVE=gui,
        NUKE_VERSION_MAJOR=major,
        NUKE_VERSION_MINOR=minor,
        NUKE_VERSION_RELEASE=release,
        NUKE_VERSION_STRING=f"{major}.{minor}v{release}",
        NUKE_VERSION_PHASE="",
        NUM_CPUS=2,
        THREADS=2,
        EXE_PATH="/usr/local/Nuke/Nuke",
        PLUGIN_EXT="so",
        VIEW_NAMES="input/view_names",
        rawArgs=list(session.arguments),
        env=GlobalsEnvironment(
            {
                "gui": gui,
                "interactive": gui,
                "nukex": False,
                "studio": False,
                "hiero": False,
                "nc": False,
                "ple": False,
                "indie": False,
                "LINUX": _sys.platform.startswith("linux"),
                "WIN32": _sys.platform == "win32",
                "MACOS": _sys.platform == "darwin",
                "64bit": True,
                "NukeVersionMajor": major,
                "NukeVersionMinor": minor,
                "NukeVersionRelease": release,
                "NukeVersionPhase": "",
                "NukeVersionString": f"{major}.{minor}v{release}",
                "ExecutablePath": "/usr/local/Nuke/Nuke",
                "PluginExtension": "so",
                "numCPUs": 2,
                "threads": 2,
            }
        ),
    )


def _begin() -> None:
    session = _state.start("t", (15, 1, 3), ["nuke"])
    _script._empty()
    _dress(session)


_begin()
del _module, _names, _name


def __getattr__(name: str) -> _Any:
    raise AttributeError(f"module 'nuke' has no attribute {name!r}")

"""Node classes and their knobs, one line a knob: name, kind, then its default or its items."""

from __future__ import annotations

from typing import NamedTuple

from . import _knobs
from ._colour import Colorspace_Knob
from ._curves import CurveKnob

COMMON = """
help            string
onCreate        python
onDestroy       python
knobChanged     python
updateUI        python
autolabel       python
tile_color      chip
gl_color        chip
label           lines
note_font       string Verdana
note_font_size  double 11
note_font_color chip
selected        bool
xpos            int
ypos            int
icon            file
indicators      int
hide_input      bool
cached          bool
dope_sheet      bool
bookmark        bool
postage_stamp   bool
"""
DISABLE = "disable disable\n"
LIFE = "lifetimeStart double\nlifetimeEnd double\nuseLifetime bool\n"
MASK = """
inject          bool
invert_mask     bool
fringe          bool
process_mask    bool
maskChannelInput channel
mix             double 1
"""
FRAMES = """
frame_mode      enum expression|start at|offset
frame           string
"""

EXR_WRITE = """
datatype        enum 16 bit half|32 bit float
compression     enum none|Zip (1 scanline)|Zip (16 scanlines)|PIZ Wavelet (32 scanlines)|RLE|B44|B44A|DWAA|DWAB =Zip (1 scanline)
dw_compression_level double 45
metadata        enum no metadata|default metadata|default metadata and exr/*|all metadata except input/*|all metadata =default metadata
noprefix        bool
interleave      enum channels, layers and views|channels and layers|channels
standard_layer_name_format bool
write_full_layer_names bool
truncateChannelNames bool
autocrop        bool
first_part      enum rgba
"""  # noqa: E501
"""Knobs that a Write has only while its file_type is exr."""


class Class(NamedTuple):
    knobs: str
    minimum: int = 1
    maximum: int = 1
    python: str = "Node"
    """The class that Python sees: Node, Group, Viewer, BackdropNode, Root."""


GENERATOR = """
format          format
"""
SHUFFLE = "red|green|blue|alpha|black|white|red2|green2|blue2|alpha2"

CLASSES: dict[str, Class] = {
    "Root": Class(
        """
name            file
project_directory file
first_frame     int 1
last_frame      int 100
frame           int 1
lock_range      bool
fps             double 24
format          format
proxy           bool
proxy_type      enum format|scale
proxy_format    format
proxy_scale     double 0.5
colorManagement enum Nuke|OCIO
OCIO_config     enum nuke-default|aces_1.2|fn-nuke_cg-config-v1.0.0_aces-v1.3_ocio-v2.1|fn-nuke_studio-config-v1.0.0_aces-v1.3_ocio-v2.1|custom
customOCIOConfigPath file
workingSpaceLUT workingspace
floatLut        workingspace
int8Lut         colorspace
int16Lut        colorspace
logLut          colorspace
views           lines
hero_view       int
onScriptLoad    python
onScriptSave    python
onScriptClose   python
""",  # noqa: E501
        0,
        0,
        "Root",
    ),
    "Read": Class(
        f"""
file            file
proxy           file
format          format
proxy_format    format
localizationPolicy enum on|off|fromAutoLocalizePath|onDemand =fromAutoLocalizePath
first           int 1
before          enum hold|loop|bounce|black
last            int 1
after           enum hold|loop|bounce|black
{FRAMES}
origset         bool
origfirst       int 1
origlast        int 1
on_error        enum error|black|checkerboard|nearestframe
reload          button
auto_alpha      bool
premultiplied   bool
raw             bool
colorspace      colorspace
noprefix        bool
{DISABLE}{LIFE}
""",
        0,
        0,
    ),
    "Write": Class(
        f"""
channels        channels rgb
file            file
proxy           file
{FRAMES}
views           views
colorspace      colorspace
raw             bool
premultiplied   bool
file_type       enum  |cin|dpx|exr|jpeg|mov|png|sgi|targa|tiff
create_directories bool
render_order    double 1
Render          button
first           int 1
last            int 1
use_limit       bool
reading         bool
checkHashOnRead bool true
on_error        enum error|black|checkerboard|nearestframe
beforeRender    python
beforeFrameRender python
afterFrameRender python
afterRender     python
renderProgress  python
{DISABLE}{LIFE}
""",
    ),
    "Copy": Class(
        "".join(f"from{i} channel {'rgba.alpha' if not i else 'none'}\n" for i in range(4))
        + "".join(f"to{i} channel {'rgba.alpha' if not i else 'none'}\n" for i in range(4))
        + f"channels channels none\nbbox enum union|B side|A side|intersection\n{MASK}{DISABLE}{LIFE}",
        2,
        3,
    ),
    "Shuffle": Class(
        f"in channel rgba\nin2 channel none\nout channel rgba\nout2 channel none\n"
        f"red enum {SHUFFLE} =red\ngreen enum {SHUFFLE} =green\nblue enum {SHUFFLE} =blue\n"
        f"alpha enum {SHUFFLE} =alpha\n{DISABLE}{LIFE}"
    ),
    "Shuffle2": Class(
        "in1 channel rgba\nin2 channel none\nout1 channel rgba\nout2 channel none\n"
        "fromInput1 enum A|B =B\nfromInput2 enum A|B =B\n"
        "mappings string 4 rgba.red 0 0 rgba.red 0 0 rgba.green 0 1 rgba.green 0 1 "
        f"rgba.blue 0 2 rgba.blue 0 2 rgba.alpha 0 3 rgba.alpha 0 3\n{DISABLE}{LIFE}",
        1,
        2,
    ),
    "ShuffleCopy": Class(
        f"in channel rgba\nin2 channel rgba\nout channel rgba\nout2 channel none\n"
        f"red enum {SHUFFLE} =red2\ngreen enum {SHUFFLE} =green2\nblue enum {SHUFFLE} =blue2\n"
        f"alpha enum {SHUFFLE} =alpha\n{DISABLE}{LIFE}",
        2,
        2,
    ),
    "Group": Class(f"lock_connections bool\n{DISABLE}{LIFE}", 0, 0, "Group"),
    "VariableGroup": Class(f"lock_connections bool\n{DISABLE}{LIFE}", 0, 0, "Group"),
    "LiveGroup": Class(f"file file\n{DISABLE}{LIFE}", 0, 0, "LiveGroup"),
    "Precomp": Class(f"file file\nuseOutput bool\nreading bool\n{DISABLE}{LIFE}", 0, 0, "Precomp"),
    "StudioGizmo": Class(f"{DISABLE}{LIFE}", 0, 0, "Gizmo"),
    "Input": Class("number int\n", 0, 1),
    "Output": Class(""),
    "Dot": Class(""),
    "NoOp": Class(DISABLE + LIFE),
    "Reformat": Class(
        "type enum to format|to box|scale\nformat format\nbox_width int 200\nbox_height int 200\n"
        "box_fixed bool\nbox_pixel_aspect double 1\nscale wh 1\n"
        "resize enum none|width|height|fit|fill|distort =width\ncenter bool true\nflip bool\nflop bool\n"
        "turn bool\nfilter enum Impulse|Cubic|Keys|Simon|Rifman|Mitchell|Parzen|Notch|Lanczos4 =Cubic\n"
        f"clamp bool\nblack_outside bool\npbb bool\n{DISABLE}{LIFE}"
    ),
    "Constant": Class(f"channels channels rgba\ncolor acolor\n{GENERATOR}first int 1\nlast int 1\n", 0, 1),
    "CheckerBoard2": Class(
        f"boxsize wh 64\ncolor0 acolor 0.1\ncolor1 acolor 0.5\n{GENERATOR}first int 1\nlast int 1\n", 0, 1
    ),
    "Rectangle": Class(
        "output channels rgba\narea box\nsoftness double\ninvert bool\nopacity double 1\n"
        f"color acolor 1\n{DISABLE}{LIFE}",
        0,
        1,
    ),
    "Radial": Class(
        "output channels rgba\narea box\nsoftness double 1\ninvert bool\nopacity double 1\n"
        f"color acolor 1\n{DISABLE}{LIFE}",
        0,
        1,
    ),
    "Roto": Class(
        f"output channels alpha\ncurves curves\nformat format\nopacity double 1\n{DISABLE}{LIFE}", 0, 5
    ),
    "RotoPaint": Class(f"output channels rgba\ncurves curves\nformat format\n{DISABLE}{LIFE}", 0, 5),
    "Grade": Class(
        "channels channels rgb\nblackpoint acolor 0\nwhitepoint acolor 1\nblack acolor 0\nwhite acolor 1\n"
        "multiply acolor 1\nadd acolor 0\ngamma acolor 1\nreverse bool\nblack_clamp bool true\n"
        f"white_clamp bool\n{MASK}{DISABLE}{LIFE}",
        1,
        2,
    ),
    "Multiply": Class(f"channels channels all\nvalue acolor 1\n{MASK}{DISABLE}{LIFE}", 1, 2),
    "Invert": Class(f"channels channels all\nclamp bool true\n{MASK}{DISABLE}{LIFE}", 1, 2),
    "Blur": Class(f"channels channels all\nsize wh\n{MASK}{DISABLE}{LIFE}", 1, 2),
    "Expression": Class(
        "".join(
            f"channel{i} channels rgba.{name}\nexpr{i} string\n"
            for i, name in enumerate(("red", "green", "blue", "alpha"))
        )
        + f"{MASK}{DISABLE}{LIFE}",
        1,
        2,
    ),
    "Merge2": Class(
        "operation enum atop|copy|difference|divide|from|in|mask|matte|max|min|minus|multiply|"
        "out|over|plus|screen|stencil|under|xor =over\n"
        "Achannels channel rgba\nBchannels channel rgba\noutput channel rgba\n"
        f"also_merge channels none\nbbox enum union|intersection|A|B\n{MASK}{DISABLE}{LIFE}",
        2,
        100,
    ),
    "Keymix": Class(
        "channels channels all\nmaskChannel channel rgba.alpha\ninvertMask bool\nmix double 1\n"
        f"bbox enum union|A|B\n{DISABLE}{LIFE}",
        3,
        3,
    ),
    "TimeOffset": Class(f"time_offset int\nreverse_input bool\ntime string\n{DISABLE}{LIFE}"),
    "FrameHold": Class(f"first_frame int 1\nincrement int\n{DISABLE}{LIFE}"),
    "FrameRange": Class(f"first_frame int 1\nlast_frame int 1\ntime string\n{DISABLE}{LIFE}"),
    "Retime": Class(f"speed double 1\n{DISABLE}{LIFE}"),
    "TimeWarp": Class(f"lookup double\n{DISABLE}{LIFE}"),
    "Switch": Class(f"which double\n{DISABLE}{LIFE}", 1, 100),
    "JoinViews": Class(f"viewassoc lines\n{DISABLE}{LIFE}", 0, 100),
    "OneView": Class(f"view oneview\n{DISABLE}{LIFE}"),
    "Viewer": Class("frame int 1\nfps double 24\nchannels channel rgba\n", 0, 10, "Viewer"),
    "BackdropNode": Class("bdwidth int 80\nbdheight int 80\nz_order double\n", 0, 0, "BackdropNode"),
    "StickyNote": Class("", 0, 0),
    "Crop": Class(
        "box box\nsoftness double\nreformat bool\nintersect bool\ncrop bool true\npreset enum format|custom\n"
        f"{DISABLE}{LIFE}"
    ),
    "AddChannels": Class(
        "channels channels none\nchannels2 channels none\ncolor acolor\nformat_size bool true\n"
        f"{DISABLE}{LIFE}"
    ),
    "Remove": Class(
        f"operation enum remove|keep\nchannels channels all\nchannels2 channels none\n{DISABLE}{LIFE}"
    ),
    "ModifyMetaData": Class(f"metadata lines\n{DISABLE}{LIFE}"),
    "Premult": Class(f"channels channels rgb\nalpha channel rgba.alpha\n{DISABLE}{LIFE}"),
    "Unpremult": Class(f"channels channels rgb\nalpha channel rgba.alpha\n{DISABLE}{LIFE}"),
    "OCIOColorSpace": Class(
        f"channels channels rgb\nin_colorspace colorspace\nout_colorspace colorspace\n{MASK}{DISABLE}{LIFE}",
        1,
        2,
    ),
    "Transform": Class(
        f"translate xy\nrotate double\nscale wh 1\ncenter xy\nfilter enum Impulse|Cubic =Cubic\n"
        f"{MASK}{DISABLE}{LIFE}",
        1,
        2,
    ),
    "Cryptomatte": Class(
        "matteOutput channel rgba.alpha\nmatteList string\nmatteOnly bool\nkeyOn bool\n"
        f"cryptoLayer string\ncryptoLayerChoice string\nmanifestKey string\n{DISABLE}{LIFE}"
    ),
}
ALIASES = {"Merge": "Merge2", "CheckerBoard": "CheckerBoard2", "Keep": "Remove", "Backdrop": "BackdropNode"}
"""Names that nuke.nodes and createNode also take."""

SIMPLE = {
    "file": _knobs.File_Knob,
    "string": _knobs.EvalString_Knob,
    "lines": _knobs.Multiline_Eval_String_Knob,
    "python": _knobs.PythonKnob,
    "curves": CurveKnob,
    "button": _knobs.PyScript_Knob,
    "format": _knobs.Format_Knob,
    "views": _knobs.MultiView_Knob,
    "chip": _knobs.ColorChip_Knob,
    "box": _knobs.BBox_Knob,
    "xy": _knobs.XY_Knob,
    "wh": _knobs.WH_Knob,
    "acolor": _knobs.AColor_Knob,
    "int": _knobs.Int_Knob,
    "double": _knobs.Double_Knob,
    "bool": _knobs.Boolean_Knob,
    "disable": _knobs.Disable_Knob,
    "channel": _knobs.Channel_Knob,
    "channels": _knobs.ChannelMask_Knob,
}


def make_knobs(text: str) -> list[_knobs.Knob]:
    made = []
    for line in text.splitlines():
        if line.strip():
            name, kind, rest = [*line.split(None, 2), "", ""][:3]
            if kind == "enum":
                rest = line.partition("enum ")[2]
            made.append(_make(name, kind, rest))
    return made


def _make(name: str, kind: str, rest: str) -> _knobs.Knob:
    if kind == "enum":
        items, _, default = rest.partition(" =")
        knob = _knobs.Enumeration_Knob(name, name, items.split("|"))
        if default:
            knob._values = [items.split("|").index(default)]
            knob._defaults = list(knob._values)
        return knob
    if kind in ("colorspace", "workingspace"):
        return Colorspace_Knob(name, working=kind == "workingspace")
    if kind == "oneview":
        return _knobs.OneView_Knob(name, name, ["main"])
    knob = SIMPLE[kind](name)
    if isinstance(knob, _knobs.Double_Knob):
        knob._range = None
    if not rest:
        return knob
    if isinstance(knob, _knobs.Channel_Knob):
        knob._default, knob._words = rest, [rest]
    elif isinstance(knob, _knobs.String_Knob):
        knob._text = rest
        knob._default = rest
    elif isinstance(knob, _knobs.Boolean_Knob):
        knob._values, knob._defaults = [1], [1]
    elif isinstance(knob, _knobs.Array_Knob):
        number = int(rest) if isinstance(knob, _knobs.Int_Knob) else float(rest)
        knob._defaults = [number] * knob._size
        knob._values = list(knob._defaults)
    return knob

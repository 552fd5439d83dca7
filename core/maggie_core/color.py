"""From a plate's colours to the network's: converted by OCIO, exposed, rolled off and display-encoded.

The order is fixed and every step is a pure function of the shot and the settings:

    1. cut out the region; NaN and -Inf become 0, +Inf the ceiling (the network's copy only; all counted)
    2. a file space that is not linear goes to scene-linear, at full size
    3. exposure; then limits: negatives to 0, nothing brighter than `CEILING`
    4. average to the working grid, in linear light, as a lens would
    5. a linear file space goes to the configuration's scene-linear here, where it costs little
    6. highlights are rolled off below 1 (or cut)
    7. scene-linear to sRGB-encoded, clamped to [0, 1]
    8. where the working grid is finer than the plate, step 4 comes here: a cubic on encoded values, clamped.
       In linear light it would draw dark rings around lamps.

The delivered plate is never touched.
"""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import PyOpenColorIO

from maggie_api.errors import ColorError, FrameError, SettingsError
from maggie_api.sequences import MOVIE_SUFFIXES
from maggie_api.settings import check_exposure
from maggie_api.text import phrase, plain_text
from maggie_core.image.geometry import Geometry
from maggie_core.image.window import Window, reframe
from maggie_core.io.image import list_parts

ocio: Any = PyOpenColorIO  # compiled: the type checker cannot see its names

_FAILURES = (ocio.Exception, ocio.ExceptionMissingFile)  # neither is a kind of the other

BUILT_IN_CONFIG = "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4"
"""Pinned: `ocio://default` changes with the library, and with it what the network sees."""
MODEL_SPACES = (
    "sRGB - Texture",
    "sRGB Encoded Rec.709 (sRGB)",
    "srgb_tx",
    "srgb_texture",
    "Utility - sRGB - Texture",
    "sRGB",
)
"""Names of the sRGB-encoded texture space in the configurations people have; the first that resolves."""
LOG_SPACES = ("Cineon", "Cineon Log", "KodakLog", "lg10")
"""Names of Kodak's film log (Cineon) in the configurations people have. The built-in has none."""
ADX_SPACES = ("ADX10", "Input - ADX - ADX10")
"""Likewise of SMPTE ST 2065-3, 10 bits."""
_LOG_TRANSFERS = {"logarithmic": LOG_SPACES, "printing density": LOG_SPACES, "adx": ADX_SPACES}
"""Transfer characteristics of a DPX header (SMPTE ST 268, table 5A) that mean film log. "Linear" is not
believed: common writers put it into every file."""
KNEE = 0.6
"""Scene-linear value up to which the roll-off changes nothing: sRGB 0.80, above diffuse skin and cloth."""
CEILING = 64.0
"""Brightest scene-linear value kept for averaging: six stops over white. A firefly of 10000 in one pixel
would otherwise turn its whole neighbourhood white."""
NEGLIGIBLE = 1e-4
"""How far outside [0, 1] a value may lie without being counted: table and matrix rounding."""
STRIP_ROWS = 32
"""Rows looked at together, few enough to stay in the processor's cache."""
MIDDLE_GREY = 0.18
"""Scene-linear value auto-exposure brings the median to."""


@dataclass(frozen=True)
class ColorSettings:
    """How a plate's colours are understood. Every field may be left alone."""

    ocio: str | None = None
    """Configuration: a path or an `ocio://` name; None means $OCIO, then the pinned built-in."""
    colorspace: str | None = None
    """Colour space (or alias, or role) of the plate; None asks the configuration's file rules."""
    exposure_ev: float | Literal["auto"] = 0.0
    """Stops added before the network looks; "auto" brings the shot's median to middle grey."""
    highlights: Literal["compress", "clip"] = "compress"
    """How values above 1 are treated: rolled off, or cut."""

    def __post_init__(self) -> None:
        if self.highlights not in ("compress", "clip"):
            raise SettingsError(f"highlights is '{self.highlights}': it is compress or clip")
        check_exposure(self.exposure_ev)


@dataclass(frozen=True)
class RepairCount:
    """Pixels of one frame's region that the network's copy shows differently, by kind."""

    nan: int = 0
    inf: int = 0
    negative: int = 0
    above_one: int = 0
    """Brighter than 1 after exposure, in scene-linear."""

    def __add__(self, other: RepairCount) -> RepairCount:
        return RepairCount(
            self.nan + other.nan,
            self.inf + other.inf,
            self.negative + other.negative,
            self.above_one + other.above_one,
        )


class PlateView:
    """One shot's way from file colour to the network's, the same for every frame."""

    digest: str
    """32 hex digits of everything that turns the plate's colours into the network's: the operations of both
    conversions with the content of every LUT they read, and OCIO's version. The path, the time and the inode
    of a file are not in it."""
    config_id: str
    """For people: the configuration's name or path, and `digest`."""
    config_name: str
    """Name or path of the configuration alone."""
    colorspace: str
    """Canonical name of the plate's colour space in effect."""
    how: str
    """Why these two: "explicit", "$OCIO" or "built-in"; "named", "file rule", "file header", "file type" or
    "assumed"."""
    assumption: str
    """The sentence to tell the user where the plate's colour space is assumed; else empty."""
    model_space: str
    """Space of the network's image: canonical name, or "sRGB curve" where the configuration has none."""

    def __init__(
        self,
        settings: ColorSettings,
        *,
        example_path: str | Path,
        auto_frames: Callable[[], Iterable[np.ndarray]] | None = None,
        tags: tuple[int, int] | None = None,
    ) -> None:
        """
        Args:
            settings: what is asked.
            example_path: the file of the shot's first frame (need not exist); file rules look at its name,
                and with the built-in configuration its header is asked too.
            auto_frames: gives a few (H, W, 3) frames of the shot in file colour, for exposure "auto": take
                those at `segments.AUTO_EXPOSURE_AT`. Called at most once.
            tags: primaries and transfer of a movie, in the codes of ITU-T H.273.

        Raises:
            ColorError: no such configuration or colour space, or it cannot be converted.
            SettingsError: exposure "auto" without `auto_frames`.
        """
        if settings.exposure_ev == "auto" and auto_frames is None:
            raise SettingsError("exposure is auto but there are no frames to measure: give a number of stops")
        self._settings = settings
        self._auto_frames = auto_frames
        self._exposure_ev = None if settings.exposure_ev == "auto" else float(settings.exposure_ev)
        config, self.config_name, found_by = _load_config(settings.ocio)
        self._config = config
        self.colorspace, known_by = _plate_space(config, settings.colorspace, str(example_path), found_by)
        self.how = f"{found_by}; {known_by}"
        to_linear = _to_scene_linear(config, self.colorspace)  # says so where a LUT is damaged
        self.assumption = _assumption(known_by, self.colorspace)
        if tags is not None and tags[1] in _HDR and not settings.colorspace:
            self.assumption = (
                f"the plate is HDR ({_HDR[tags[1]]}) and is taken for {self.colorspace}: it "
                "looks flat to the network; name its space by --colorspace, or convert the movie"
            )
        self._is_linear = config.isColorSpaceLinear(self.colorspace, ocio.REFERENCE_SPACE_SCENE)
        to_display, self.model_space = _to_model_space(config)
        self.digest = _digest(to_linear, to_display)
        self.config_id = f"{self.config_name} {self.digest}"
        self._to_linear, self._to_display = (
            each.getDefaultCPUProcessor() for each in (to_linear, to_display)
        )
        self._white = float(_applied(self._to_linear, np.ones((1, 1, 3), np.float32)).max())

    @property
    def exposure_ev(self) -> float:
        """Stops added, measured on first use where they are "auto"; the same for the whole shot."""
        if self._exposure_ev is None:
            assert self._auto_frames is not None
            self._exposure_ev = self._measured_ev(self._auto_frames())
        return self._exposure_ev

    def to_model(
        self,
        rgb: np.ndarray,
        *,
        geometry: Geometry,
        data: Window,
        code_max: float | None = None,
    ) -> tuple[np.ndarray, RepairCount]:
        """Bring one frame into model space.

        Args:
            rgb: (H, W, 3) float32 in file colour over `data`; left unchanged.
            geometry: the shot's.
            data: the frame's data window.
            code_max: the frame's `Frame.code_max`; what a file of integers shows as 1 is known to be its
                brightest value, so an sRGB image passes through unrolled.

        Returns:
            The image, (h, w, 3) float32 in [0, 1], sRGB-encoded, on the working grid; and what was
            repaired for it.
        """
        pixels, nan, inf = _finite(reframe(rgb, data, geometry.region))
        if not self._is_linear:
            pixels = _applied(self._to_linear, pixels)
        linear, negative, above_one = _limited(pixels, 2.0**self.exposure_ev)
        small = linear if geometry.enlarges else geometry.to_working(linear, geometry.region)
        if self._is_linear:
            small = np.clip(_applied(self._to_linear, small), 0.0, CEILING)
        if self._settings.highlights == "compress" and not self._is_bounded(
            code_max, exposure_ev=self.exposure_ev
        ):
            small = compress_highlights(small)
        image = np.clip(_applied(self._to_display, np.minimum(small, 1.0)), 0.0, 1.0)
        if geometry.enlarges:
            image = np.clip(geometry.to_working(image, geometry.region, growing="cubic"), 0.0, 1.0)
        return image, RepairCount(nan, inf, negative, above_one)

    def scene_linear(self, rgb: np.ndarray) -> np.ndarray:
        """(H, W, 3) file colour -> scene-linear, NaN and Inf repaired, values above 1 kept.

        A plate that is linear keeps its own primaries, so that its colours stay the file's.
        """
        pixels, _, _ = _finite(rgb)
        return pixels if self._is_linear else _applied(self._to_linear, pixels)

    @property
    def shows_as_stored(self) -> bool:
        """Whether the plate's own values are sRGB-encoded, so that `to_display` leaves them as they are."""
        return self.colorspace == self.model_space

    def to_display(self, rgb: np.ndarray, *, code_max: float | None = None) -> np.ndarray:
        """The plate as it is looked at.

        Without the exposure that the network's copy gets; values above 1 are rolled off or cut as there.

        Args:
            rgb: (H, W, 3) float32 in file colour.
            code_max: the frame's `Frame.code_max`.

        Returns:
            (H, W, 3) float32 in [0, 1], sRGB-encoded.
        """
        if self.shows_as_stored:
            return np.clip(_finite(rgb)[0], 0.0, 1.0)
        linear = _applied(self._to_linear, _finite(rgb)[0])
        return self._displayed(linear, roll=not self._is_bounded(code_max, exposure_ev=0.0))

    @property
    def displays(self) -> dict[str, tuple[str, ...]]:
        """Views of each display of the configuration, its default display and view first."""
        config = self._config
        names = sorted(config.getDisplays(), key=lambda name: name != config.getDefaultDisplay())
        return {
            name: tuple(sorted(config.getViews(name), key=lambda v, n=name: v != config.getDefaultView(n)))
            for name in names
        }

    def monitor(self, display: str, view: str) -> Callable[[np.ndarray], np.ndarray]:
        """From colours as `scene_linear` gives them to what a display shows: (H, W, 3) float32 in [0, 1].

        Raises:
            ColorError: the configuration has no such view, or a file of it cannot be used.
        """
        source = self.colorspace if self._is_linear else ocio.ROLE_SCENE_LINEAR
        transform = ocio.DisplayViewTransform(src=source, display=display, view=view)
        try:
            processor = self._config.getProcessor(transform).getDefaultCPUProcessor()
        except _FAILURES as error:
            reason = phrase(str(error))
            known = "; ".join(f"{name}: {', '.join(views)}" for name, views in self.displays.items())
            raise ColorError(
                f"view {view!r} of display {display!r} cannot be used ({reason}): take one of {known}"
            ) from error
        return lambda linear: np.clip(_applied(processor, _finite(linear)[0]), 0.0, 1.0)

    def scene_to_display(self, scene_linear: np.ndarray) -> np.ndarray:
        """The same for colours as `scene_linear` gives them."""
        linear = _applied(self._to_linear, scene_linear) if self._is_linear else scene_linear
        return self._displayed(linear, roll=not self.shows_as_stored)

    def _displayed(self, linear: np.ndarray, *, roll: bool) -> np.ndarray:
        limited = np.clip(linear, 0.0, CEILING)
        if roll and self._settings.highlights == "compress":
            limited = compress_highlights(limited)
        return np.clip(_applied(self._to_display, np.minimum(limited, 1.0)), 0.0, 1.0)

    def _is_bounded(self, code_max: float | None, *, exposure_ev: float) -> bool:
        """Whether a file with this `code_max` holds no value above 1, so that nothing is rolled off."""
        white = self._white * 2.0**exposure_ev
        return white <= 1.001 and (code_max is not None or not self._is_linear)

    def _measured_ev(self, frames: Iterable[np.ndarray]) -> float:
        samples = []
        for rgb in frames:
            step = max(1, int(np.sqrt(rgb.shape[0] * rgb.shape[1] / 65536)))
            pixels, _, _ = _finite(rgb[::step, ::step])
            samples.append(_applied(self._to_linear, pixels).mean(axis=2).ravel())
        grey = np.concatenate(samples) if samples else np.zeros(0, np.float32)
        lit = grey[grey > 1e-4]  # letterbox bars and empty overscan say nothing of the light
        if not lit.size:
            return 0.0
        stops = np.log2(MIDDLE_GREY) - float(np.median(np.log2(lit)))
        return float(np.clip(np.round(stops * 8) / 8, -8.0, 8.0))


def compress_highlights(linear: np.ndarray) -> np.ndarray:
    """Roll values above the knee off so that all of [0, inf) fits below 1, keeping each pixel's hue.

    With m the largest of a pixel's channels, k = `KNEE` and t = (m - k) / (1 - k), the pixel is scaled so
    that its largest channel becomes k + (1 - k) t / (1 + t) where m > k. Below the knee nothing changes; at
    the knee value and slope are continuous.

    Args:
        linear: (..., 3) float32 scene-linear, at least 0.

    Returns:
        The same shape, in [0, 1); `linear` itself where nothing is above the knee.
    """
    # By planes: a reduction over an axis of three is many times slower.
    peak = np.maximum(np.maximum(linear[..., 0], linear[..., 1]), linear[..., 2])[..., None]
    if peak.max(initial=0) <= KNEE:
        return linear
    over = np.maximum(peak - KNEE, 0.0) / (1 - KNEE)
    rolled = KNEE + (1 - KNEE) * over / (1 + over)
    return np.where(peak > KNEE, linear * (rolled / np.maximum(peak, KNEE)), linear).astype(np.float32)


def _finite(rgb: np.ndarray) -> tuple[np.ndarray, int, int]:
    """The image without NaN and Inf, and in how many pixels there were any. Copies only if it must."""
    with np.errstate(invalid="ignore"):
        total = rgb.sum(dtype=np.float64)  # one pass; float64 cannot overflow on float32 pixels
    if np.isfinite(total):
        return rgb, 0, 0
    broken = ~np.isfinite(rgb).all(axis=2)
    values = rgb[broken]
    nan = int(np.isnan(values).any(axis=1).sum())
    inf = int(np.isinf(values).any(axis=1).sum())
    return np.nan_to_num(rgb, nan=0.0, posinf=CEILING, neginf=0.0), nan, inf


def _limited(rgb: np.ndarray, gain: float) -> tuple[np.ndarray, int, int]:
    """Exposed, in [0, CEILING]; and in how many pixels something was below 0, above 1.

    Copies only if it must.
    """
    exposed = rgb if gain == 1 else rgb * np.float32(gain)
    negative = above_one = 0
    for start in range(0, len(rgb), STRIP_ROWS):
        rows = slice(start, start + STRIP_ROWS)
        low, high = exposed[rows].min(initial=0), exposed[rows].max(initial=0)
        if low < -NEGLIGIBLE:
            negative += _pixels_where(exposed[rows] < -NEGLIGIBLE)
        if high > 1 + NEGLIGIBLE:
            above_one += _pixels_where(exposed[rows] > 1 + NEGLIGIBLE)
        if low < 0 or high > CEILING:
            exposed = exposed.copy() if exposed is rgb else exposed
            np.clip(exposed[rows], 0.0, CEILING, out=exposed[rows])
    return exposed, negative, above_one


def _pixels_where(channels: np.ndarray) -> int:
    return int(np.count_nonzero(channels[..., 0] | channels[..., 1] | channels[..., 2]))


def _applied(processor: Any, rgb: np.ndarray) -> np.ndarray:
    """(H, W, 3) float32 through one OCIO processor (None: unchanged), as a new array."""
    out = np.array(rgb, dtype=np.float32, order="C", copy=True)
    if processor is not None:
        processor.applyRGB(out)
    return out


def _digest(*processors: Any) -> str:
    """32 hex digits of what OCIO processors do: their operations, and the values of every table in them.

    OCIO's own cache ids are no such digest: a configuration's does not follow the content of its LUTs, and
    a LUT's is that of its inode and time. The operations are those that OCIO has loaded, so a file that
    changes later changes nothing.
    """
    state = hashlib.blake2b(ocio.GetVersion().encode(), digest_size=16)
    plain = ocio.Config.CreateRaw()
    for processor in processors:
        operations = processor.createGroupTransform()
        state.update(f"\n{len(operations)} operations".encode())
        for operation in operations:
            if hasattr(operation, "getData"):  # a LUT: its text leaves the table out
                state.update(f"\n{operation}".encode())
                state.update(np.ascontiguousarray(operation.getData()).tobytes())
            else:  # its text rounds to 6 digits, this form to 15
                written = ocio.GroupTransform([operation]).write("Color Transform Format", plain)
                state.update(f"\n{written}".encode())
    return state.hexdigest()


def _load_config(asked: str | None) -> tuple[Any, str, str]:
    """The configuration, its name, and how it was found; files it reads are read again."""
    name, found_by = BUILT_IN_CONFIG, "built-in"
    if asked:
        name, found_by = asked, "explicit"
    elif os.environ.get("OCIO"):
        name, found_by = os.environ["OCIO"], "$OCIO"
    # Or a process that lives on would see a LUT as it was when it was first read.
    ocio.ClearAllCaches()
    try:
        config = ocio.Config.CreateFromFile(name)
        config.validate()
    except _FAILURES as error:
        reason = phrase(str(error))
        where = "$OCIO" if found_by == "$OCIO" else "the OCIO configuration"
        raise ColorError(
            f"{where} {name} cannot be used ({reason}): give the path of a config.ocio, or an ocio:// name"
        ) from error
    return config, name, found_by


def _plate_space(config: Any, asked: str | None, path: str, found_by: str) -> tuple[str, str]:
    """Canonical name of the plate's colour space, and how it is known."""
    if asked:
        name = config.getCanonicalName(asked)
        if not name:
            names = list(config.getColorSpaceNames())
            near = difflib.get_close_matches(asked, names, n=3, cutoff=0.3) or names[:3]
            shown = ", ".join(near)
            raise ColorError(
                f"colour space '{asked}' is unknown to the configuration: take one it has ({shown})"
            )
        return name, "named"
    if found_by == "built-in":
        # The user did not choose the built-in configuration, and its only rule calls every file ACES2065-1.
        # So the file's own header is asked, and a file that says nothing is taken for what most programs
        # write: linear light of Rec.709 primaries. The rules of a chosen configuration are always followed.
        for candidate, known_by in _said_by_file(path):
            if config.getCanonicalName(candidate):
                return config.getCanonicalName(candidate), known_by
    name, _ = config.getColorSpaceFromFilepath(plain_text(path))
    canonical = config.getCanonicalName(name)
    if not canonical:
        raise ColorError(
            f"no file rule of the configuration fits {path}: name its colour space by --colorspace"
        )
    return canonical, "file rule"


UNTAGGED_SPACE = "lin_rec709"
"""What a file of floats is taken for that does not say: linear light of Rec.709 primaries, as most programs
write it."""
_HDR = {16: "PQ, SMPTE ST 2084", 18: "HLG, ARIB STD-B67"}
"""Transfer codes of ITU-T H.273 whose pictures look flat when they are read as sRGB."""
ASSUMED = "assumed"
OTHER_PRIMARIES = "assumed, the chromaticities of its header are of no known space"
_PRIMARIES = {
    "lin_rec709": (0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    "lin_p3d65": (0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    "lin_rec2020": (0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    "acescg": (0.713, 0.293, 0.165, 0.83, 0.128, 0.044),
    "aces2065_1": (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.077),
}
"""x, y of red, green, blue: BT.709, SMPTE EG 432-1, BT.2020, AP1 of S-2014-004, AP0 of SMPTE ST 2065-1."""


def _said_by_file(path: str) -> Iterable[tuple[str, str]]:
    """Colour spaces a file claims for itself, the surest first.

    Raises:
        ColorError: after the spaces of a file that is logarithmic: any other would be wrong.
    """
    if Path(path).suffix.lower() in MOVIE_SUFFIXES:
        yield from ((name, "file type") for name in MODEL_SPACES)
        return
    try:
        part = list_parts(path)[0]
    except FrameError:
        yield UNTAGGED_SPACE, ASSUMED
        return
    if part.code_max is not None:
        yield from _said_by_integers(part.metadata, path)
        return
    for key in ("colorInteropID", "oiio:ColorSpace"):
        yield str(part.metadata.get(key) or "unknown"), "file header"
    stored = part.metadata.get("chromaticities")
    for name, primaries in _PRIMARIES.items():
        if isinstance(stored, tuple) and np.allclose(stored[:6], primaries, atol=2e-3):
            yield name, "file header"
    yield UNTAGGED_SPACE, ASSUMED if stored is None else OTHER_PRIMARIES


def _assumption(known_by: str, space: str) -> str:
    if known_by not in (ASSUMED, OTHER_PRIMARIES):
        return ""
    found = (
        "does not name its colour space" if known_by == ASSUMED else "has chromaticities of no known space"
    )
    return f"the plate {found} and is taken for {space}: if it is another, name it by --colorspace"


def _said_by_integers(metadata: Mapping[str, Any], path: str) -> Iterable[tuple[str, str]]:
    """The same for a file of integers: sRGB, unless its header says that it is film log."""
    transfer = str(metadata.get("dpx:Transfer") or metadata.get("oiio:ColorSpace") or "")
    known = _LOG_TRANSFERS.get("logarithmic" if transfer == "KodakLog" else transfer.lower())
    yield from ((name, "file header") for name in known or ())
    if known:
        raise ColorError(
            f"{path} says it is logarithmic ({transfer}) and the configuration has no such space: "
            "name the space it was scanned or shot in by --colorspace"
        )
    yield from ((name, "file type") for name in MODEL_SPACES)


def _to_scene_linear(config: Any, space: str) -> Any:
    if not config.getCanonicalName(ocio.ROLE_SCENE_LINEAR):
        raise ColorError(
            "the configuration has no scene_linear role: use one that has, such as an ACES config"
        )
    return _processor(config, space, ocio.ROLE_SCENE_LINEAR)


def _processor(config: Any, source: str, target: str) -> Any:
    try:
        return config.getProcessor(source, target)
    except _FAILURES as error:
        named, way = (target, "from") if source == ocio.ROLE_SCENE_LINEAR else (source, "to")
        reason = phrase(str(error))
        raise ColorError(
            f"'{named}' cannot be converted {way} scene-linear ({reason}): check its files"
        ) from error


def _to_model_space(config: Any) -> tuple[Any, str]:
    for name in MODEL_SPACES:
        canonical = config.getCanonicalName(name)
        if canonical and canonical not in config.getColorSpaceNames(
            ocio.SEARCH_REFERENCE_SPACE_DISPLAY, ocio.COLORSPACE_ALL
        ):
            return _processor(config, ocio.ROLE_SCENE_LINEAR, canonical), canonical
    try:
        processor = ocio.Config.GetProcessorToBuiltinColorSpace(
            config, ocio.ROLE_SCENE_LINEAR, MODEL_SPACES[0]
        )
        return processor, MODEL_SPACES[0]
    except _FAILURES:
        # A configuration that says nothing of its primaries: they are taken for Rec.709.
        curve = ocio.ExponentWithLinearTransform(
            [2.4, 2.4, 2.4, 1.0], [0.055, 0.055, 0.055, 0.0], direction=ocio.TRANSFORM_DIR_INVERSE
        )
        return config.getProcessor(curve), "sRGB curve"

"""A shot as the panel holds it, on no disk."""

from __future__ import annotations

from maggie_api.job import (
    CryptomatteGuidance,
    Hold,
    IdMapGuidance,
    IdName,
    KeyGuidance,
    LayersGuidance,
    MaskGuidance,
    MatteJob,
    PersonOption,
    PictureOutput,
    Pin,
)
from maggie_panel.state.document import Document

ANA = MaskGuidance("ana", "/s/ana.####.png")
BEN = MaskGuidance("ben", "/s/ben.####.png")
CRYPTO = CryptomatteGuidance("/s/crypto.####.exr", "CryptoObject", ("cy", "di"))
DOTS = IdMapGuidance("/s/id.####.exr", (IdName(1, "ed"), IdName(3, "flo")))
JOB = MatteJob(
    "/s/plate.####.exr",
    "/s/matte.####.exr",
    (ANA, CRYPTO, DOTS, LayersGuidance("/s/l.####.exr", ("gus",)), KeyGuidance("hal", "/s/hal.####.png")),
    frames="1001-1010",
    working_px=512,
    pins=(Pin("ana", "/s/pin.####.exr"),),
    core=(Hold("/s/core.####.png", "cy"),),
    garbage=(Hold("/s/garbage.####.png"),),
    per_person=(PersonOption("ana", "grow_px", 1.5),),
    pictures=(PictureOutput("/s/look.mov"),),
    preview="/s/look.mp4",
)
SHOT = Document("/s/plate.####.exr", "/s/m.####.exr").with_guidance((ANA, BEN))

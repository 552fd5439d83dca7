"""What cases draw from: odd words, values that nobody means, and bytes that were changed."""

from __future__ import annotations

import random
import struct

ODD_WORDS = (
    "a b",
    "ÄÖÜ",
    "アナ",
    "e\u0301te\u0301",
    "it's",
    'say "hi"',
    "a=b",
    "a,b",
    "a;b",
    "$HOME",
    "~",
    "50%",
    "[x]",
    "{y}",
    "(z)",
    "a&b",
    "SC#01",
    "me@home",
    "-dash",
    "--flag",
    ".hidden",
    "v001.final",
    "\U0001f600",
    "q?",
    "st*r",
    "\\",
    "x" * 120,
    "null",
    "1e9",
    "cam1-3",
    "a:b",
    "tab\there",
    "\u202egnp",
    "%s",
    "%n",
)
ODD_VALUES = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "1e999",
    "nan",
    "inf",
    "-0",
    "9" * 30,
    "9" * 5000,
    "0x10",
    "1_000",
    "١٢",
    "½",
    "auto",
    "None",
    "true",
    "../..",
    "/",
    "/dev/null",
    "/dev/zero",
    "a" * 4096,
    "\n",
    "\r\n",
    "\t",
    "'",
    '"',
    "\\",
    "%s%n",
    "\udcff",
    "#" * 40,
    "%99999999999d",
    "-5--2",
    "1-2-3",
    "1,,2",
    ",",
    "1-",
    "-",
    "1001-1002x0",
    "1001-1002x-1",
    "1001x2",
    "1002-1001",
)


def mutated(content: bytes, r: random.Random, *, head: int = 0) -> bytes:
    """`content` with a few random changes, half of them in its first `head` bytes."""
    data = bytearray(content)
    for _ in range(r.choice((1, 1, 2, 5, 30))):
        if not data:
            break
        top = min(head, len(data)) if head and r.random() < 0.5 else len(data)
        at, kind = r.randrange(top), r.randrange(6)
        if kind == 0:
            data[at] ^= 1 << r.randrange(8)
        elif kind == 1:
            data[at] = r.choice((0, 1, 127, 128, 255))
        elif kind == 2:
            data[at : at + 4] = struct.pack("<i", r.choice((-1, 0, 1, 2**31 - 1, -(2**31), 65536, 1 << 24)))
        elif kind == 3:
            del data[at : at + r.choice((1, 4, 64))]
        elif kind == 4:
            data[at:at] = r.randbytes(r.choice((1, 4, 64)))
        elif r.random() < 0.3:
            del data[at:]
        else:
            data[at : at + 16] = r.randbytes(16)
    return bytes(data)

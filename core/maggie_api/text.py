"""Text from files and file names that are not UTF-8, and output that any stream can carry.

Python holds a byte that is no UTF-8 as half of a surrogate pair (U+DC80 to U+DCFF), which neither files nor
streams take.
"""

from __future__ import annotations

import codecs
import re
from typing import Any, Optional, Union

ESCAPING = "maggie-escaping"
"""Error handler of a text stream: what its encoding lacks is written as `\\uXXXX`, which JSON reads back."""
UNREADABLE = "\ufffd"
"""Stands for what is no letter."""
_ESCAPED_BYTES = range(0xDC80, 0xDD00)
_SURROGATES = range(0xD800, 0xE000)
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What breaks a line, or is a command to a terminal."""


def is_plain(text: str) -> bool:
    """Whether a text can be written as UTF-8."""
    return not any(ord(letter) in _SURROGATES for letter in text)


def plain_text(text: str) -> str:
    """`text` as UTF-8 can hold it: bytes that are no UTF-8 are read as Latin-1, most likely what they are."""
    if is_plain(text):
        return text
    return "".join(_plain(letter) for letter in text)


def _plain(letter: str) -> str:
    code = ord(letter)
    if code in _ESCAPED_BYTES:
        return chr(code - 0xDC00)
    return UNREADABLE if code in _SURROGATES else letter


def one_line(text: str) -> str:
    """`text` with `\\n`, `\\x1b`, ... for what breaks a line or commands a terminal: names in files may."""
    return _CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def phrase(text: str, *, most: Optional[int] = None) -> str:
    """The lines of a message as one, for a sentence or a log; unlike names in it, line breaks say nothing.

    Args:
        most: letters after which it is cut off.
    """
    words = one_line(" ".join(text.split()))
    return words if most is None or len(words) <= most else f"{words[:most]} ..."


def counted(number: int, noun: str) -> str:
    """`1 frame`, `0 frames`, `2 frames`: for a noun that only takes an s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def escaping(*streams: Any) -> None:
    """Let text streams write `\\uXXXX` for letters that their encoding lacks."""
    for stream in streams:
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=ESCAPING)


def _escape(error: UnicodeError) -> tuple[Union[str, bytes], int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[i] << 8 | units[i + 1] for i in range(0, len(units), 2))
    return "".join(f"\\u{pair:04x}" for pair in pairs), error.end


codecs.register_error(ESCAPING, _escape)

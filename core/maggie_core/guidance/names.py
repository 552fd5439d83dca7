"""Names as programs hand them on: which are the same, and how an error message shows them."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Sequence

from maggie_api.errors import GuidanceError

LISTED = 6
"""Names an error message shows at most."""


def near(wanted: str, names: Iterable[str]) -> list[str]:
    """`names`, those most like `wanted` first."""
    everything = list(dict.fromkeys(names))
    lower = {name.lower(): name for name in reversed(everything)}
    matches = difflib.get_close_matches(wanted.lower(), list(lower), n=LISTED, cutoff=0.5)
    contained = [name for name in everything if wanted.lower() in name.lower()]
    return list(dict.fromkeys([lower[m] for m in matches] + contained + everything))


def listing(names: Sequence[str]) -> str:
    """`a, b, c ... (12 in all)`."""
    shown = ", ".join(names[:LISTED])
    return shown if len(names) <= LISTED else f"{shown} ... ({len(names)} in all)"


def alike(name: str) -> str:
    """The same text for names that programs turn into each other.

    Nuke writes `_` for `.`, macOS writes an accent as a letter of its own, and some do not tell cases apart.
    """
    return unicodedata.normalize("NFC", name).casefold().replace(".", "_")


def found_among(wanted: str, names: Iterable[str]) -> str | None:
    """The one of `names` that `wanted` means: itself, else the only one that is alike; None if there is none.

    Raises:
        GuidanceError: several are alike.
    """
    everything = list(dict.fromkeys(names))
    if wanted in everything:
        return wanted
    found = [name for name in everything if alike(name) == alike(wanted)]
    if len(found) > 1:
        raise GuidanceError(f"{wanted!r} may be {listing(found)}: write it as one of them")
    return found[0] if found else None

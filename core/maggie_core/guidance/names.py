"""Names in error messages: near ones first, and never a page of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

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

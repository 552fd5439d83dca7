"""Every sentence that the page of errors quotes is one that the program says."""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest
from support.documentation import ROOT
from support.sources import python_files

PAGE = ROOT / "docs" / "troubleshooting.md"
GAP = "…"
QUOTED = re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@cache
def said() -> tuple[str, ...]:
    """Every text of the sources, with a gap where it has a value."""
    texts = set()
    for path in python_files(ROOT / "core", ROOT / "maggie_node"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [str(v.value) if isinstance(v, ast.Constant) else GAP for v in node.values]
                texts.add("".join(parts))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.add(node.value)
    return tuple(texts)


def pieces(sentence: str) -> list[str]:
    """What stands between the gaps of a sentence, with a word or more."""
    return [
        piece
        for piece in (part.strip(" ()'\"") for part in sentence.split(GAP))
        if re.search(r"\w{3}", piece)
    ]


def test_the_page_quotes_the_errors_met_most():
    assert len(QUOTED) >= 25


@pytest.mark.parametrize("sentence", QUOTED)
def test_a_quoted_error_is_in_the_source(sentence: str):
    """A sentence may be put together of several texts: each of its pieces is part of one."""
    found = {piece: any(piece in text for text in said()) for piece in pieces(sentence)}

    assert [piece for piece, there in found.items() if not there] == []
    assert max(map(len, found)) >= 12

"""Pages of results, whose tables lie between marks."""

from __future__ import annotations

import re
from pathlib import Path


def with_table(page: str, name: str, text: str) -> str:
    """The page with what lies between <!-- NAME --> and the <!-- end ... --> after it replaced by `text`."""
    pattern = rf"(<!-- {re.escape(name)} -->\n).*?(<!-- end\b)"
    return re.sub(pattern, lambda marks: f"{marks[1]}{text}\n{marks[2]}", page, flags=re.DOTALL)


def renew(path: Path, name: str, command: str, table: str) -> None:
    """Put a table, below the command that made it, between its marks on a page."""
    path.write_text(with_table(path.read_text(), name, f"```\n{command}\n```\n\n{table}"))

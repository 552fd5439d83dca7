"""docs/options.md says which program has which option."""

from __future__ import annotations

from pathlib import Path

import support.options_table as table
from support.blenders import extension_part


def test_the_page_of_options_is_what_the_programs_offer(tmp_path: Path):
    made = table.page(extension_part(tmp_path, "options"))

    assert table.PAGE.read_text(encoding="utf-8") == made, "make options writes docs/options.md anew"


def test_every_field_of_a_job_has_a_row():
    assert table.fields_without_a_row() == set()

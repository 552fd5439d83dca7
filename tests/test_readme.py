"""The README's Python runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.shots import write_shot
from support.tiny import write_tiny_model

from maggie_core.mattes import read_mattes
from maggie_core.model import checkpoint

README = Path(__file__).parent.parent / "README.md"


def test_the_ten_lines_of_python_matte_a_shot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    write_shot(tmp_path, frames=(1001, 1002))
    monkeypatch.setattr(checkpoint, "DEFAULT_FOLDER", write_tiny_model(tmp_path / "model"))
    monkeypatch.chdir(tmp_path)

    exec(compile(code, str(README), "exec"), {})

    assert set(read_mattes(tmp_path / "matte.1002.exr")[0]) == {"ana", "ben"}

"""Loops are compiled also where nothing can be kept."""

from __future__ import annotations

import os
import subprocess
import sys

WITHOUT_A_PLACE = """
import sys
from pathlib import Path
from numba.core import caching

# As with an installation and a home folder that cannot be written.
locators = getattr(caching, "CacheImpl", None) or caching._CacheImpl
del locators._locator_classes[1:]
assert "UserProvided" in locators._locator_classes[0].__name__

sys.path.insert(0, sys.argv[1])
from maggie_core.runtime.jit import has_cache, import_compiled, njit_cached

assert has_cache()
assert import_compiled("loops_of_a_library").twice(4) == 8

def thrice(x):
    return 3 * x

assert njit_cached(thrice)(2) == 6
assert not has_cache()
import numba
print(numba.config.CACHE_DIR)
"""


def test_without_a_place_for_compiled_loops_they_are_compiled_for_the_process(tmp_path):
    (tmp_path / "loops_of_a_library.py").write_text(
        "import numba\n\n@numba.njit(cache=True)\ndef twice(x):\n    return 2 * x\n"
    )
    script = tmp_path / "script.py"
    script.write_text(WITHOUT_A_PLACE)

    ran = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)

    assert ran.returncode == 0, ran.stderr
    folder = ran.stdout.strip()
    assert folder and not os.path.exists(folder)

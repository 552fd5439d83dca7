"""The network's threads, which decide its last bits, stay as many as they were."""

from __future__ import annotations

import os
import subprocess
import sys

REFINE_AND_COUNT = """
import numpy as np, torch
from maggie_core.mattes.foreground import unmixed_foreground
from maggie_core.postprocess.edges import refine_edges

rng = np.random.default_rng(0)
alpha = np.clip(rng.random((1, 24, 32)), 0.1, 1).astype(np.float32)
refine_edges(alpha, rng.random((3, 24, 32)).astype(np.float32), np.round(alpha), "closed-form")
unmixed_foreground(rng.random((24, 32, 3)).astype(np.float32), alpha[0])
print(torch.get_num_threads())
"""


def test_refinement_and_foreground_leave_the_number_of_threads_alone():
    # In a process of its own: a compiler's threads start once.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": "core"}

    ran = subprocess.run(
        [sys.executable, "-c", REFINE_AND_COUNT], capture_output=True, text=True, env=environment, check=True
    )

    assert ran.stdout == "1\n"

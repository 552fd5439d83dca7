"""How threads wait: asleep beside other programs, as OpenMP likes on a machine of our own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from maggie_node import openmp

SETTLED = (
    "import os; from maggie_node.openmp import *; settle_waiting(); print(os.environ.get('OMP_WAIT_POLICY'))"
)


@pytest.fixture
def busy() -> Iterator[None]:
    """Programs that compute on every processor."""
    spin = [sys.executable, "-c", "print(flush=True)\nwhile True: pass"]
    programs = [subprocess.Popen(spin, stdout=subprocess.PIPE) for _ in range(os.cpu_count() or 1)]
    try:
        for program in programs:
            assert program.stdout is not None
            program.stdout.readline()
        yield
    finally:
        for program in programs:
            program.kill()
            program.communicate()


def settled(**environment: str) -> str:
    """The policy in a process that starts with this environment."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OMP_")}
    command = [sys.executable, "-c", SETTLED]
    return subprocess.run(
        command, env=clean | environment, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.usefixtures("busy")
def test_threads_sleep_beside_programs_that_compute():
    threads = str((os.cpu_count() or 1) + 1)

    assert settled(OMP_NUM_THREADS=threads) == "PASSIVE"
    assert settled(OMP_NUM_THREADS=threads, OMP_WAIT_POLICY="ACTIVE") == "ACTIVE"
    assert settled(OMP_NUM_THREADS="1") == "None"  # it waits for nobody


@pytest.mark.parametrize(
    ("running", "threads", "policy"),
    [(1, "", None), (2, "", "PASSIVE"), (57, "8", None), (58, "8", "PASSIVE"), (0, "", None)],
    ids=["nobody else", "one beside all of ours", "room for eight", "room for seven", "cannot be told"],
)
def test_they_stay_awake_where_there_are_processors_for_all(
    monkeypatch: pytest.MonkeyPatch, running: int, threads: str, policy: str | None
):
    monkeypatch.setattr(openmp, "_running", lambda: running)
    monkeypatch.setattr(openmp, "usable_cpus", lambda: 64)
    monkeypatch.setenv("OMP_NUM_THREADS", threads)
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that it is put back
    monkeypatch.delenv("OMP_WAIT_POLICY")

    openmp.settle_waiting()

    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_one_look_that_finds_nobody_is_enough(monkeypatch: pytest.MonkeyPatch):
    looks = iter([9, 9, 1])
    monkeypatch.setattr(openmp, "_running", lambda: next(looks))
    monkeypatch.setenv("OMP_WAIT_POLICY", "")  # so that it is put back
    monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)

    openmp.settle_waiting()

    assert "OMP_WAIT_POLICY" not in os.environ


DYNAMIC = """
from maggie_node.openmp import limit_threads
limit_threads()
import ctypes, torch
maps = open("/proc/self/maps").read().split()
library = next(each for each in maps if "libgomp" in each or "libiomp" in each or "libomp" in each)
print(ctypes.CDLL(library).omp_get_dynamic())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it asks Linux which library is loaded")
def test_the_number_of_threads_never_follows_the_load():
    env = {**os.environ, "OMP_DYNAMIC": "TRUE", "MKL_DYNAMIC": "TRUE"}

    ran = subprocess.run([sys.executable, "-c", DYNAMIC], env=env, capture_output=True, text=True, check=True)

    assert ran.stdout == "0\n"

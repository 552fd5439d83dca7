"""How many processors may be used, and which processes run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from maggie_core.runtime.processes import is_running
from maggie_node import openmp
from maggie_node.processors import usable_cpus

ALONE = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
COUNT = "from maggie_node.processors import usable_cpus; print(usable_cpus())"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("groups", "files", "usable"),
    [
        ("0::/pod/job", {"pod/cpu.max": "200000 100000", "pod/job/cpu.max": "max 100000"}, 2),
        ("0::/pod/job", {"pod/cpu.max": "150000 100000"}, 2),
        ("0::/../..", {"cpu.max": "50000 100000"}, 1),
        ("4:cpu,cpuacct:/a", {"cpu,cpuacct/a/cpu.cfs_quota_us": "300000"}, 3),
        ("4:cpu,cpuacct:/docker/x", {"cpu/cpu.cfs_quota_us": "100000"}, 1),
        ("3:memory:/a\n0::/", {"cpu.max": "max 100000", "memory/a/cpu.max": "100000 100000"}, 64),
        ("4:cpu:/", {"cpu/cpu.cfs_quota_us": "-1"}, 64),
        ("0::/", {"cpu.max": "rubbish"}, 64),
    ],
)
def test_a_containers_share_is_the_number_of_processors(tmp_path, monkeypatch, groups, files, usable):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(64)), raising=False)
    write(tmp_path / "proc" / "cgroup", groups + "\n")
    for name, text in files.items():
        write(tmp_path / "groups" / name, text)
        write(
            tmp_path / "groups" / name.replace("cfs_quota", "cfs_period"), "100000"
        ) if "cfs" in name else None

    assert usable_cpus(proc=tmp_path / "proc", groups=tmp_path / "groups") == usable


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="an affinity mask of the kind Linux has")
def test_an_affinity_mask_counts():
    ran = subprocess.run([sys.executable, "-c", ALONE + COUNT], capture_output=True, text=True, check=True)

    assert ran.stdout == "1\n"


def test_libraries_are_told_only_what_is_less_than_the_machine(monkeypatch):
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENIMAGEIO_THREADS")
    for name in names:
        monkeypatch.setenv(name, "7")  # to be put back at the end
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)

    monkeypatch.setattr(openmp, "usable_cpus", lambda: 64)
    openmp.limit_threads()
    assert not any(name in os.environ for name in names)

    monkeypatch.setenv("NUMBA_NUM_THREADS", "5")
    monkeypatch.setattr(openmp, "usable_cpus", lambda: 2)
    openmp.limit_threads()
    assert [os.environ[name] for name in names] == ["2", "5", "2"]


def test_a_killed_process_does_not_run():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert is_running(process.pid) and is_running(os.getpid())

    process.kill()
    process.communicate()

    assert not is_running(process.pid)


def test_a_number_of_threads_that_is_asked_for_decides_and_none_leaves_it_to_the_machine(monkeypatch):
    names = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENIMAGEIO_THREADS")
    for name in names:
        monkeypatch.setenv(name, "7")
    monkeypatch.setattr(openmp, "usable_cpus", lambda: 2)

    monkeypatch.setenv("MAGGIE_THREADS", "0")
    openmp.limit_threads()
    assert [os.environ[name] for name in names] == ["7", "7", "7"]

    monkeypatch.setenv("MAGGIE_THREADS", "3")
    openmp.limit_threads()
    assert [os.environ[name] for name in names] == ["3", "3", "3"]

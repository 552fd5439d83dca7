from __future__ import annotations

import pytest

from maggie_lab.synthesis import BankPlan, DrawnBank


@pytest.fixture(scope="session")
def bank() -> DrawnBank:
    """A small bank, drawn once for all tests."""
    return DrawnBank(BankPlan(figures=10, backgrounds=6, size_px=192, seed=300, puppets=5))

from __future__ import annotations

import numpy as np

from maggie_lab.synthesis import BankPlan, DrawnBank, heldout_set


def test_the_held_out_set_has_stills_and_clips_at_every_severity():
    bank = DrawnBank(BankPlan(figures=5, backgrounds=3, size_px=128, seed=1, held_out=True))

    samples = list(heldout_set(12, seed=1, size_px=64, bank=bank))

    assert {sample.severity for sample in samples} == {"good", "typical", "rough"}
    assert len({sample.name for sample in samples}) == 12
    lengths = [len(sample.image) for sample in samples]
    assert sorted(set(lengths))[0] == 1
    assert sum(length >= 3 for length in lengths) == 3
    for sample in samples:
        assert sample.alphas.shape == sample.guidance.shape == (*sample.alphas.shape[:2], 64, 64)
        assert sample.alphas.sum(1).max() <= 1 + 1e-5


def test_the_held_out_set_is_the_same_every_time():
    first, again = (list(heldout_set(2, seed=4, size_px=64)) for _ in range(2))

    for a, b in zip(first, again, strict=True):
        assert a.name == b.name
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.guidance, b.guidance)


def test_the_held_out_set_is_the_one_the_tables_were_measured_on():
    bank = DrawnBank(BankPlan(figures=5, backgrounds=3, size_px=128, seed=1, held_out=True))

    means = [
        [float(planes.mean()) for planes in (sample.image, sample.alphas, sample.guidance)]
        for sample in heldout_set(4, seed=1, size_px=64, bank=bank)
    ]

    frozen = [
        (0.4759, 0.3087, 0.2876),
        (0.3969, 0.3468, 0.3409),
        (0.3537, 0.5526, 0.5737),
        (0.1803, 0.2081, 0.2324),
    ]
    assert np.abs(np.array(means) - np.array(frozen)).max() < 5e-4

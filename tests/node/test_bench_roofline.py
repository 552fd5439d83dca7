"""The hand count of multiply-adds is what torch's own counter sees."""

from __future__ import annotations

import pytest
import torch
from support.tiny import WIDTHS

from maggie_core.model.config import NetworkConfig
from maggie_core.model.network import Network
from maggie_node.bench import roofline
from maggie_node.bench.literal import LiteralModel, _Sites
from maggie_node.bench.weights import fitted_weights

SMALL = NetworkConfig(
    detail=4, s2=6, s4=8, s8=16, s16=24, s32=32, aspp=12, attention=16, attention_hidden=20,
    query=10, query_hidden=14, sparse4=12, gate=18, smooth4=22, head4=26, sparse2=28, smooth2=30,
    sparse1=34, smooth1=36, head1=38, change=(7, 9),
)  # fmt: skip
SIZE = (64, 96)


def test_the_published_frame_is_the_issue_s_76_gmac():
    work = roofline.dense_work(NetworkConfig(), 576, 1024)

    encoder = sum(work[name].macs for name in work if not name.startswith(("aspp", "decoder")))
    assert encoder == pytest.approx(53e9, rel=0.02)
    assert work["shortcut 1"].macs == pytest.approx(6.5e9, rel=0.02)
    assert sum(stage.macs for stage in work.values()) == pytest.approx(76e9, rel=0.02)


@pytest.mark.parametrize("widths", [SMALL, WIDTHS], ids=["small", "with cues"])
def test_dense_stages_do_what_was_counted_by_hand(widths: NetworkConfig):
    network = Network(widths).eval()
    work = roofline.dense_work(widths, *SIZE)
    image, embedding = torch.rand(1, 3, *SIZE), torch.rand(1, widths.guidance_channels, *SIZE)

    with torch.no_grad():
        counted = roofline.counted_macs(lambda: network.features(image, embedding))

    assert counted == sum(stage.macs for stage in work.values())


@pytest.mark.parametrize("temporal", [False, True], ids=["image", "video"])
def test_the_literal_path_does_what_was_counted_by_hand(temporal: bool):
    widths = NetworkConfig(**{**SMALL.__dict__, "temporal": temporal})
    frames = 3 if temporal else 1
    image, guidance = torch.rand(frames, 3, *SIZE), torch.zeros(frames, 2, *SIZE)
    guidance[:, 0, 8:40, 8:40] = 1
    guidance[:, 1, 20:60, 50:80] = 1
    state, share = fitted_weights(image, guidance, video=temporal, band=0.3, widths=widths)
    model = _Listening(state)

    counted = roofline.counted_macs(lambda: model.predict(image, guidance))

    dense = sum(stage.macs for stage in roofline.dense_work(widths, *SIZE).values()) * frames
    window = sum(stage.macs for stage in roofline.window_work(widths, *SIZE, frames, 2).values())
    assert share > 0.01
    assert counted == dense + window + roofline.detail_work(widths, model.scales).macs


def test_the_machine_has_rates():
    rates = roofline.machine_rates(torch.device("cpu"))

    assert all(rate > 0.1 for rate in rates.values()), rates


class _Listening(LiteralModel):
    """Notes the sites it works at."""

    def _dummy(self, s1: _Sites, normal: torch.Tensor) -> tuple[_Sites, _Sites, _Sites]:
        found = super()._dummy(s1, normal)
        self.scales = {
            stride: roofline.Sparse(
                len(sites.coords),
                sum(len(here) for *_, here in sites.pairs),
                sum(len(here) for *_, here in sites.coarse_pairs),
            )
            for stride, sites in zip((1, 2, 4, 8), (s1, *found), strict=True)
        }
        return found

"""Counted multiply-accumulates against closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lcr.nn.cost import count_macs, describe
from lcr.nn.paper import mamba
from lcr.nn.paper.mamba import MambaBlock, MambaConfig
from lcr.nn.paper.sound_remixer import configuration


class Attention(nn.Module):
    def forward(self, q: torch.Tensor) -> torch.Tensor:
        return nn.functional.scaled_dot_product_attention(q, q, q)


def test_a_linear_layer_is_inputs_times_outputs_a_row() -> None:
    assert count_macs(nn.Linear(5, 7), torch.zeros(2, 3, 5)) == 2 * 3 * 5 * 7


@pytest.mark.parametrize("directions", [1, 2])
def test_a_gru_is_three_gates_of_input_and_state_a_frame(directions: int) -> None:
    gru = nn.GRU(6, 5, batch_first=True, bidirectional=directions == 2)
    assert count_macs(gru, torch.zeros(3, 11, 6)) == directions * 3 * 11 * 3 * 5 * (6 + 5)


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_attention_is_two_products_quadratic_in_frames(device: str) -> None:
    q = torch.zeros(2, 4, 9, 8, device=device)
    assert count_macs(Attention(), q) == 2 * (2 * 4) * 9 * 9 * 8


def test_causal_attention_counts_on_the_cpu_too() -> None:
    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)

    assert count_macs(Attention(), torch.randn(1, 2, 10, 8)) == 2 * 2 * 10 * 10 * 8


@pytest.mark.parametrize("device", ["cpu", "meta"])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("frames", [1, 10, 300])
def test_a_mamba_block_with_its_scan(device: str, bidirectional: bool, frames: int) -> None:
    width, state, taps, inner, rank = 24, 3, 4, 48, 2
    config = MambaConfig(width=width, layers=1, state=state, bidirectional=bidirectional)
    with torch.device(device):
        block, h = MambaBlock(config), torch.zeros(2, frames, width)
    scan = mamba.selective_scan
    both = width * 2 * inner + inner * width  # projections that the directions share
    one = inner * (rank + 2 * state) + rank * inner + inner * (taps + 4 * state + 2)
    assert count_macs(block, h) == 2 * frames * (both + (1 + bidirectional) * one)
    assert mamba.selective_scan is scan
    assert not any(module._forward_hooks for module in block.modules())


@pytest.mark.parametrize("block", ["C", "M"])
def test_macs_are_linear_in_time_but_for_the_filter(block: str) -> None:
    config = configuration(block, "desk", z_dim=384)
    once = config.network.repeats if block == "C" else 2
    width = config.network.bottleneck if block == "C" else config.network.width
    films = once * 2 * (384 * width + width * width)
    frames = {s: -(-(s * 16_000 - 64) // 32) + 1 for s in (1, 3)}
    per_frame = {
        s: (describe(config, seconds=s).macs_per_s * s - films) / frames[s] for s in (1, 3)
    }
    assert per_frame[1] == pytest.approx(per_frame[3], rel=1e-6)


def test_attention_across_chunks_costs_more_a_second_the_longer() -> None:
    config = configuration("T", "desk", z_dim=8)
    assert describe(config, seconds=9).macs_per_s > describe(config, seconds=3).macs_per_s

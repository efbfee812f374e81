"""What a whole system costs: every network inside is found once, and its products are counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from baselines.mixture import MixtureRemixer
from lcr.catalogue.counting import Cost, cost_of, networks_of
from lcr.remixer import Audio, Oracle, Remix, SystemCard

CARD = SystemCard(name="filter", family="composite", sample_rate=8_000)


class Filtering:
    """A filter of 9 taps to 4 channels and back, and a matrix that reads each prompt once and for
    all."""

    def __init__(self, *, rate: int = 8_000, inference: bool = True) -> None:
        self.card = replace(CARD, sample_rate=rate)
        self._filter = nn.Conv1d(1, 4, 9, padding=4)
        self._back = nn.Conv1d(4, 1, 1)
        self._reader = nn.Linear(100, 100)
        self._mode = torch.inference_mode if inference else torch.no_grad
        self._known: dict[str, torch.Tensor] = {}

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        with self._mode():
            if prompt not in self._known:
                self._known[prompt] = self._reader(torch.zeros(100))
            out = self._back(self._filter(torch.from_numpy(mixture.copy()).unsqueeze(1)))
        return Remix(audio=out.squeeze(1).numpy())


@pytest.mark.parametrize("inference", [True, False])
@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_products_a_second_and_nothing_that_a_call_costs_once(rate: int, inference: bool) -> None:
    cost = cost_of(Filtering(rate=rate, inference=inference))
    parameters = 4 * 9 + 4 + 4 + 1 + 100 * 100 + 100
    assert cost == Cost(parameters=parameters, macs_per_s=(4 * 9 + 4) * rate)


def test_recurrent_layers_and_attention_count_in_inference_mode_too() -> None:
    class Layers(Filtering):
        def __init__(self, layer: nn.Module) -> None:
            super().__init__()
            self._layer = layer.eval()

        def remix(
            self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
        ) -> Remix:
            frames = torch.zeros(1, mixture.shape[1] // 1000, 16)
            with torch.inference_mode():
                self._layer(frames)
            return Remix(audio=mixture.copy())

    gru = cost_of(Layers(nn.GRU(16, 16, batch_first=True)))
    assert gru.macs_per_s == 8 * 2 * 3 * 16 * 16
    encoder = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
    attention = cost_of(Layers(encoder))
    linear = 8 * (4 * 16 * 16 + 2 * 16 * 32)
    assert attention.macs_per_s is not None
    assert attention.macs_per_s > linear  # its attention grows with the square of the length


def test_a_card_that_tells_is_believed() -> None:
    assert cost_of(MixtureRemixer()) == Cost(parameters=0, macs_per_s=0)
    remixer = Filtering()
    remixer.card = replace(CARD, parameters=7)
    assert cost_of(remixer) == Cost(parameters=7, macs_per_s=40 * 8_000)


def test_what_cannot_be_seen_is_unknown_with_the_reason() -> None:
    remixer = MixtureRemixer()
    remixer.card = SystemCard(name="onnx", family="composite", sample_rate=None)
    assert cost_of(remixer) == Cost(parameters=None, macs_per_s=None, reason="no network seen")

    class Failing(Filtering):
        def remix(self, *given: Any, **more: Any) -> Remix:
            raise RuntimeError("not today")

    cost = cost_of(Failing())
    assert cost.parameters == 10_145
    assert cost.macs_per_s is None
    assert cost.reason == "cannot be counted: RuntimeError: not today"


@dataclass
class Holder:
    held: object


def test_networks_are_found_wherever_they_are_and_once() -> None:
    nets = [nn.Linear(2, 2) for _ in range(6)]
    outer = nn.Sequential(nets[5])

    def closure() -> object:
        return nets[3]

    found = list(
        networks_of(
            Holder(
                {
                    "list": [nets[0], nets[0]],
                    "nested": Holder((nets[1], {"again": nets[0]})),
                    "partial": partial(print, nets[2]),
                    "closure": closure,
                    "method": Holder(outer).__repr__,
                    "plain": ["words", 3.5, None, torch.zeros(2), nn.Linear],
                }
            )
        )
    )
    assert {id(n) for n in found} == {id(n) for n in (*nets, outer)}
    assert len(found) == len(set(map(id, found)))


def test_circles_end() -> None:
    one, other = Holder(None), Holder(None)
    one.held, other.held = other, [one, nn.Linear(1, 1)]
    assert len(list(networks_of(one))) == 1

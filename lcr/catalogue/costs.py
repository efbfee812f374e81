"""What a whole system costs: the networks inside any Remixer, found and counted from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import torch
from torch import nn

from lcr.nn.cost import count_macs
from lcr.remixer import Remixer
from lcr.sample_case import PROMPT, Case, make_case, oracle_for

SECONDS = (4, 8)
"""Mixtures that multiply-accumulates are counted on; what a call costs once cancels out."""
_PLAIN = (str, bytes, int, float, complex, type(None), type, torch.Tensor)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Values of all networks, language models included, and multiply-accumulates a second of mono
    audio (see `lcr.nn.cost` for what counts); None where a number is unknown, `reason` says why."""

    parameters: int | None
    macs_per_s: int | None
    reason: str | None = None


def cost_of(remixer: Remixer) -> Cost:
    """By its card where that tells, else counted on noise, once for each of `SECONDS`. Networks
    that are not PyTorch's, or that nothing reachable from `remixer` holds, are not found."""
    card = remixer.card
    if card.parameters is not None and card.macs_per_s is not None:
        return Cost(parameters=card.parameters, macs_per_s=card.macs_per_s)
    networks = list(networks_of(remixer))
    if not networks:
        return Cost(
            parameters=card.parameters, macs_per_s=card.macs_per_s, reason="no network seen"
        )
    unique = {id(p): p.numel() for network in networks for p in network.parameters()}
    parameters = sum(unique.values())
    try:
        macs: int | None = _macs_per_s(remixer, networks)
        reason = None
    except Exception as error:  # a third party's, of any type: the other columns still tell
        macs, reason = None, f"cannot be counted: {type(error).__name__}: {error}"
    return Cost(
        parameters=parameters if card.parameters is None else card.parameters,
        macs_per_s=macs if card.macs_per_s is None else card.macs_per_s,
        reason=reason,
    )


def networks_of(thing: object) -> Iterator[nn.Module]:
    """The outermost modules reachable by attributes, items and bound methods, each once."""
    seen: set[int] = set()
    waiting = [thing]
    while waiting:
        one = waiting.pop()
        if isinstance(one, _PLAIN) or id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, nn.Module):
            yield one
        else:
            waiting.extend(_parts(one))


def _parts(one: object) -> Iterator[object]:
    if isinstance(one, Mapping):
        yield from one.values()
    elif isinstance(one, (list, tuple, set, frozenset)):
        yield from one
    elif isinstance(one, partial):
        yield from (one.func, *one.args, *one.keywords.values())
    elif isinstance(one, MethodType):
        yield one.__self__
    elif isinstance(one, FunctionType):
        yield from (cell.cell_contents for cell in one.__closure__ or ())
    else:
        yield from getattr(one, "__dict__", {}).values()


class _Whole(nn.Module):
    """A remixer on one mixture, as a module of the networks in it."""

    def __init__(self, networks: list[nn.Module], run: Callable[[], object]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self._run = run

    def forward(self) -> Any:  # noqa: ANN401 (not looked at)
        return self._run()


def _macs_per_s(remixer: Remixer, networks: list[nn.Module]) -> int:
    rate = remixer.card.sample_rate or 16_000

    def answer(case: Case) -> object:
        oracle = oracle_for(case, remixer.card)
        return remixer.remix(case.mixture, case.sample_rate, PROMPT, oracle=oracle)

    answer(make_case(rate // 4, sample_rate=rate))  # what is only done or remembered once
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)  # the counter knows no fused layers
    try:
        short, long = (
            count_macs(_Whole(networks, partial(answer, make_case(s * rate, sample_rate=rate))))
            for s in SECONDS
        )
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return (long - short) // (SECONDS[1] - SECONDS[0])

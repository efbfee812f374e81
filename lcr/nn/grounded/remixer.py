"""LCR-G: a band-split SoundRemixer whose one mask is arithmetic on grounded masks (ours).

The best estimate of a target is linear in the gains: E[sum_i a_i s_i | x] = sum_i a_i E[s_i | x].
So the network need not learn what the four actions do. It grounds what the prompt names under each
action ("which part of the mixture is this?"), by weights that all actions share, and the remixing
mask h_m (eq. 2) follows:

    h_m = u + sum_a (gain_a - u) m_a,        u = 1, or 0 where the prompt removes what it leaves out

with m_a in [0, 1] for what stands under action a; "everything" is m_a = 1, "everything else" one
minus the others, and what is isolated first and changed then ("extract the man and the dog, and
turn the dog up") counts as changed. The prompt steers through z by FiLM (eq. 3-4) and by products
with what the stem has recognised. Nothing is separated: one mask, one output.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from lcr.instruction import Action
from lcr.nn.film import FiLM
from lcr.nn.grounded.bands import (
    BandBlock,
    BandConfig,
    BandFeatures,
    BandGate,
    BandTransform,
    MaskHead,
)

_ACTIONS = len(Action)
_KEEP = tuple(Action).index(Action.KEEP)
_UNLIKELY = 0.01
"""A group or scope of this probability or less is not worth a pass of the network."""


@dataclass(frozen=True, kw_only=True)
class GroundedConfig(BandConfig):
    """Sizes of LCR-G; the defaults are the shipped desk model.

    `blocks` listen to the mixture before the prompt comes in, so that all prompts for one mixture
    share them. `query_blocks` of `query_channels` run once for each action that a prompt uses.
    """

    query_channels: int = 64
    query_blocks: int = 1
    match_dim: int = 64
    film_hidden: int = 128
    mask_hidden: int = 128
    z_dim: int = 801
    columns: int = 104
    """What z's slots tell of each action: a class, a style value or a scope a column; the last
    two are "everything" and "everything else"."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.z_dim <= _ACTIONS * self.columns:
            raise ValueError(
                f"z holds {self.z_dim} values; {_ACTIONS} actions x {self.columns} columns and "
                "one slot need more"
            )


@dataclass(frozen=True)
class Encoding:
    """What the stem makes of some mixtures, whatever the prompt: `level` (batch, 1), `spectrum`
    (batch, bins, frames), `features` (batch, bands, frames, channels), `recognised` logits
    (batch, bands, frames, columns - 2), `samples` of the input."""

    level: Tensor
    spectrum: Tensor
    features: Tensor
    recognised: Tensor
    samples: int


class GroundedRemixer(nn.Module):
    """Mixture and semantic filters to remixed mixtures by one mask h_m a filter (eq. 1-4)."""

    gains: Tensor

    def __init__(
        self,
        config: GroundedConfig,
        *,
        transform: BandTransform | None = None,
        block: Callable[[int], nn.Module] = BandBlock,
    ) -> None:
        """`transform` and the `block`s of the stem are those of BandTransform and BandBlock unless
        others are given."""
        super().__init__()
        self.config = config
        c, q, bands = config.channels, config.query_channels, len(config.band_bins)
        self.register_buffer("gains", torch.tensor([a.gain for a in Action]), persistent=False)
        self.transform = transform or BandTransform(config.n_fft, config.hop, config.band_bins)
        self.features = BandFeatures(config.band_bins, c)
        self.stem = nn.ModuleList(block(c) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(c)
        self.classes = config.columns - 2  # all that can be heard: not the last two scopes
        self.ground = nn.Linear(c, self.classes)
        nn.init.constant_(self.ground.bias, -4.0)  # few of all classes sound at a time
        self.heard = nn.Linear(c, config.match_dim)
        self.named = _embedding(config.columns, config.match_dim)
        self.named_others = _embedding(config.columns, config.match_dim)
        self.enter = nn.Linear(c, q)
        seen = self.classes + config.match_dim
        self.enter_matches = nn.Parameter(torch.randn(seen, q) / seen**0.5)
        self.enter_others = nn.Parameter(torch.randn(seen, q) / seen**0.5)
        width = 2 * config.columns + config.z_dim - _ACTIONS * config.columns - 1
        self.film_in = FiLM(width, c, config.film_hidden)
        self.blocks = nn.ModuleList(BandGate(q, bands) for _ in range(config.query_blocks))
        self.norm_out = nn.LayerNorm(q)
        self.film_out = FiLM(width, q, config.film_hidden)
        self.heads = nn.ModuleList(MaskHead(q, config.mask_hidden, n) for n in config.band_bins)

    def forward(self, mixture: Tensor, z: Tensor) -> Tensor:
        """`mixture` (batch, samples), `z` (batch, instructions, z_dim) -> (batch, instructions,
        samples). The output follows the input's level: f(g x) = g f(x)."""
        return self.remix(self.encode(mixture), z)

    def encode(self, mixture: Tensor) -> Encoding:
        """Listen to (batch, samples), once for all prompts."""
        level = mixture.square().mean(-1, keepdim=True).add(1e-12).sqrt()
        spectrum = self.transform(mixture / level)
        h = self.features(spectrum)
        for block in self.stem:
            h = block(h)
        h = self.norm(h)
        return Encoding(level, spectrum, h, self.ground(h), mixture.shape[-1])

    def remix(self, encoding: Encoding, z: Tensor) -> Tensor:
        """Apply filters (batch, instructions, z_dim) -> (batch, instructions, samples)."""
        mask = self.mask(encoding, z).transpose(2, 3)
        estimate = self.transform.inverse(mask * encoding.spectrum.unsqueeze(1), encoding.samples)
        return estimate * encoding.level.unsqueeze(1)

    def grow_from(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """The weights of a network that differs in having fewer stem blocks, completed so that
        this one computes the same: the new blocks come last and begin as the identity."""
        held = {int(key.split(".")[1]) for key in state if key.startswith("stem.")}
        grown = dict(state)
        for index, block in enumerate(self.stem):
            if index not in held:
                assert isinstance(block, BandBlock)
                block.begin_as_identity()
                new = block.state_dict(prefix=f"stem.{index}.")
                grown.update({key: value.clone() for key, value in new.items()})
        return grown

    def ignore_embedding(self, slots: int) -> None:
        """Make the part of z beyond its first `slots` values count for nothing as yet."""
        known = 2 * self.config.columns
        assert slots == _ACTIONS * self.config.columns + 1
        with torch.no_grad():
            for film in (self.film_in, self.film_out):
                for perceptron in (film.gamma, film.beta):
                    first = perceptron[0]
                    assert isinstance(first, nn.Linear)
                    first.weight[:, known:] = 0

    def mask(self, encoding: Encoding, z: Tensor) -> Tensor:
        """h_m (eq. 2) under `z` as `remix` takes it, (batch, instructions, frames, bins)."""
        batch, asked = z.shape[:2]
        columns = self.config.columns
        slots = z[..., : _ACTIONS * columns].view(batch, asked, _ACTIONS, columns)
        unnamed = 1 - z[..., _ACTIONS * columns]
        embedding = z[..., _ACTIONS * columns + 1 :]
        present = 1 - torch.prod(1 - slots, -1)  # (batch, instructions, actions)
        weight = self.gains - unnamed.unsqueeze(-1)
        everything, everything_else = slots[..., -2], slots[..., -1]
        # What is kept is only of use where the unnamed goes, or something stands for the others.
        of_use = (weight.abs() > _UNLIKELY) | (everything_else.amax(-1, keepdim=True) > _UNLIKELY)
        groups = ((present > _UNLIKELY) & of_use).nonzero(as_tuple=True)
        mixture, instruction, action = groups
        row = mixture * asked + instruction
        frames, bins = encoding.spectrum.shape[2], encoding.spectrum.shape[1]
        mask = unnamed.reshape(-1, 1, 1).expand(-1, frames, bins)
        if len(row):
            named = slots[groups]
            rest = (slots.sum(2)[mixture, instruction] - named).clamp(0, 1)
            condition = torch.cat([named, rest, embedding[mixture, instruction]], -1)
            parts = self._ground(encoding, mixture, condition) * present[groups][:, None, None]
            rest_of_all = everything_else[groups]
            isolating = (action == _KEEP) * (1 - unnamed[mixture, instruction])
            changing = (action != _KEEP) * (1 - rest_of_all)
            parts = _let_changes_win(parts, row, isolating, changing, batch * asked)
            parts = _give_the_rest(parts, row, rest_of_all, batch * asked)
            whole = everything[groups][:, None, None]
            parts = whole + (1 - whole) * parts
            mask = mask.index_add(0, row, weight[groups][:, None, None] * parts)
        return mask.reshape(batch, asked, frames, bins)

    def _ground(self, encoding: Encoding, mixture: Tensor, condition: Tensor) -> Tensor:
        """The part of mixture `mixture` (groups,) that fits each group, (groups, frames, bins)."""
        columns, known = self.config.columns, self.classes
        named, rest = condition[:, :columns], condition[:, columns : 2 * columns]
        h = encoding.features
        seen = torch.cat([encoding.recognised.sigmoid(), self.heard(h), h], -1)
        # A query enters as a matrix of its own: products with what is named, and FiLM.
        matches = torch.cat([named[:, :known], self.named(named)], -1)
        context = torch.cat([rest[:, :known], self.named_others(rest)], -1)
        gamma, beta = self.film_in.modulation(condition)
        matrix = torch.cat(
            [
                matches.unsqueeze(-1) * self.enter_matches
                + context.unsqueeze(-1) * self.enter_others,
                (1 + gamma).unsqueeze(-1) * self.enter.weight.t(),
            ],
            1,
        )
        x = torch.baddbmm(self.enter(beta).unsqueeze(1), seen.flatten(1, 2)[mixture], matrix)
        x = x.view(mixture.shape[0], *h.shape[1:3], -1)
        for block in self.blocks:
            x = block(x)
        x = self.film_out(self.norm_out(x), condition)
        return self._logits(x).float().sigmoid()

    def _logits(self, x: Tensor) -> Tensor:
        """(groups, bands, frames, query channels) -> (groups, frames, bins)."""
        return torch.cat([head(x[:, i]) for i, head in enumerate(self.heads)], -1)


def _let_changes_win(
    parts: Tensor, row: Tensor, isolating: Tensor, changing: Tensor, rows: int
) -> Tensor:
    """What is kept because it is isolated, less what another action changes: the later phrase of
    "extract A and B, and turn B up" wins. `isolating` and `changing` (groups,) in 0 to 1."""
    if not (isolating > _UNLIKELY).any():
        return parts
    changed = parts.new_zeros(rows, *parts.shape[1:])
    changed = changed.index_add(0, row, changing[:, None, None] * parts)
    return (parts - isolating[:, None, None] * changed[row]).clamp_min(0)


def _give_the_rest(parts: Tensor, row: Tensor, others: Tensor, rows: int) -> Tensor:
    """Groups that stand for "everything else" (probability `others`) get what the other groups of
    their instruction leave."""
    chosen = (others > _UNLIKELY).nonzero().squeeze(1)
    if not len(chosen):
        return parts
    total = parts.new_zeros(rows, *parts.shape[1:]).index_add(0, row, parts)
    left = (1 - (total[row[chosen]] - parts[chosen])).clamp_min(0)
    mixed = parts[chosen].lerp(left, others[chosen][:, None, None])
    return parts.index_copy(0, chosen, mixed)


def _embedding(columns: int, dim: int) -> nn.Linear:
    layer = nn.Linear(columns, dim, bias=False)
    nn.init.normal_(layer.weight, std=0.5)
    return layer

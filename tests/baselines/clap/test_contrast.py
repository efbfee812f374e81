"""The contrastive loss and retrieval: closed forms, and what counts as right."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from baselines.clap.contrast import contrastive_loss, retrieval
from lcr.instruction import AudioDescription

A, B, C = (AudioDescription(label=label) for label in ("rain", "dog barking", "helicopter"))
NOTHING = torch.zeros(3, 3, dtype=torch.bool)


def test_with_one_pair_each_it_is_the_loss_of_clip() -> None:
    logits = torch.randn(5, 5, generator=torch.Generator().manual_seed(0))
    pairs = torch.arange(5)
    expected = (
        functional.cross_entropy(logits, pairs) + functional.cross_entropy(logits.T, pairs)
    ) / 2
    found = contrastive_loss(
        logits=logits, fits=torch.eye(5, dtype=torch.bool), unknown=torch.zeros(5, 5).bool()
    )
    torch.testing.assert_close(found, expected)


def test_equal_descriptions_are_positives() -> None:
    """Two texts that fit the same two of three clips: spread evenly is the best that can be."""
    fits = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]]).bool()
    best = contrastive_loss(logits=100.0 * fits, fits=fits, unknown=NOTHING)
    assert best.item() == pytest.approx(2 / 3 * math.log(2))
    as_if_alone = contrastive_loss(logits=100.0 * torch.eye(3), fits=fits, unknown=NOTHING)
    assert as_if_alone > 10


def test_what_is_not_known_is_left_out() -> None:
    fits, unknown = torch.eye(3).bool(), NOTHING.clone()
    unknown[0, 1] = unknown[2, 0] = True
    logits = torch.randn(3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    loss = contrastive_loss(logits=logits, fits=fits, unknown=unknown)
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient.isfinite().all()
    assert (gradient[unknown] == 0).all()
    assert (gradient[~unknown] != 0).all()


def test_clips_that_no_text_fits_are_negatives_of_the_texts_alone() -> None:
    logits = torch.tensor([[1.0, 0.0, 2.0], [0.5, 3.0, -1.0]])
    fits = torch.tensor([[1, 0, 0], [0, 1, 0]]).bool()
    found = contrastive_loss(logits=logits, fits=fits, unknown=torch.zeros(2, 3).bool())
    pairs = torch.arange(2)
    texts = functional.cross_entropy(logits, pairs)
    clips = functional.cross_entropy(logits.T[:2], pairs)
    torch.testing.assert_close(found, (texts + clips) / 2)


def unit(*angles: float) -> torch.Tensor:
    found = torch.tensor(angles)
    return torch.stack([found.cos(), found.sin()], 1)


def test_retrieval_counts_what_is_nearest() -> None:
    found = retrieval(
        clips=unit(0.0, 0.1, 1.5, 3.0),
        described=[A, A, B, C],
        texts=unit(0.0, 0.15, 3.0),
        distinct=[A, B, C],
        own=range(4),
    )
    # The second clip is nearer to B's text, the third nearest to B's; B's text is nearest to A's.
    assert (found.top1, found.recall1, found.recall5) == (3, 3, 4)
    assert found.chance == pytest.approx(4 / 3)
    assert found.count == 4


def test_embeddings_that_are_all_alike_find_nothing() -> None:
    same = unit(0.3, 0.3, 0.3)
    found = retrieval(clips=same, described=[A, B, C], texts=same, distinct=[A, B, C], own=range(3))
    assert (found.top1, found.recall1) == (0, 0)
    assert found.recall5 == 3


@given(st.lists(st.sampled_from([A, B, C]), min_size=1, max_size=12), st.integers(0, 12))
@settings(max_examples=30)
def test_parts_add_up_to_the_whole(described: list[AudioDescription], cut: int) -> None:
    generator = torch.Generator().manual_seed(len(described))
    clips = functional.normalize(torch.randn(len(described), 4, generator=generator), dim=-1)
    texts = functional.normalize(torch.randn(3, 4, generator=generator), dim=-1)
    cut = min(cut, len(described))
    first, second, whole = (
        retrieval(clips=clips, described=described, texts=texts, distinct=[A, B, C], own=own)
        for own in (range(cut), range(cut, len(described)), range(len(described)))
    )
    for name in ("top1", "recall1", "recall5", "count"):
        assert getattr(first, name) + getattr(second, name) == getattr(whole, name)

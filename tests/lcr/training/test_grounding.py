"""Energy shares are those of the sources, and the loss is least when the stem tells them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from lcr.instruction import AudioDescription, SpeechDescription
from lcr.nn.grounded.remixer import GroundedConfig, GroundedRemixer
from lcr.nn.reader.slots import SlotVocabulary
from lcr.training.grounding import energy_shares, grounding_loss

VOCABULARY = SlotVocabulary(("rain", "dog barking"))
COLUMNS = VOCABULARY.columns
CONFIG = GroundedConfig(
    n_fft=64,
    hop=32,
    band_bins=(8, 8, 17),
    channels=8,
    blocks=1,
    query_channels=8,
    z_dim=VOCABULARY.size,
    columns=len(COLUMNS),
)


def tone(hz: float, samples: int = 3200) -> Tensor:
    return torch.sin(2 * torch.pi * hz / 16000 * torch.arange(samples))


@pytest.fixture(scope="module")
def model() -> GroundedRemixer:
    torch.manual_seed(0)
    return GroundedRemixer(CONFIG).eval()


def test_shares_follow_energy_in_each_band(model: GroundedRemixer) -> None:
    low, high = tone(1000), tone(6000)
    sources = torch.stack([torch.stack([low, high, 0.5 * low])])
    shares, weight = energy_shares(model.transform, sources)
    assert shares.shape == (1, 3, 3, model.transform(low[None]).shape[-1])
    middle = shares[0, :, :, 50]
    torch.testing.assert_close(middle[:, 0], torch.tensor([0.8, 0.0, 0.2]), atol=1e-3, rtol=0)
    assert middle[1, 2] > 0.999
    assert weight.mean() == pytest.approx(1.0, abs=1e-5)


def test_the_loss_is_least_at_the_truth(model: GroundedRemixer) -> None:
    sources = torch.stack([torch.stack([tone(1000), tone(6000)])])
    told = [[SpeechDescription(gender="F"), AudioDescription(label="dog barking")]]
    encoding = model.encode(sources.sum(1))
    shares, _ = energy_shares(model.transform, sources)
    fits = np.stack([VOCABULARY.describe(d)[0][: model.classes] for d in told[0]])
    right = torch.einsum("bskt,sc->bktc", shares, torch.from_numpy(fits)).clamp(1e-4, 1 - 1e-4)

    def loss(recognised: Tensor) -> float:
        return grounding_loss(
            model, replace(encoding, recognised=recognised), sources, told, VOCABULARY
        ).item()

    best = loss(right.logit())
    assert best < loss(encoding.recognised)
    # The unknown pitch of the speaker costs nothing, the known gender does.
    unknown, wrong = right.clone(), right.clone()
    unknown[..., COLUMNS.index("pitch=high")] = 0.5
    wrong[..., COLUMNS.index("gender=M")] = 0.5
    speech_only = shares[:, 0] > 0.999
    unknown[~speech_only] = right[~speech_only]
    assert loss(unknown.logit()) == pytest.approx(best, rel=1e-2)
    assert loss(wrong.logit()) > 1.5 * best


def test_columns_of_a_description() -> None:
    fits, known = VOCABULARY.describe(AudioDescription(label="rain"))
    assert {COLUMNS[i] for i in fits.nonzero()[0]} == {"rain", "all_audio", "everything"}
    assert known.all()
    fits, known = VOCABULARY.describe(SpeechDescription(gender="M", tempo="low"))
    assert {COLUMNS[i] for i in fits.nonzero()[0]} == {
        "speech",
        "gender=M",
        "tempo=low",
        "all_speech",
        "everything",
    }
    open_questions = {COLUMNS[i].split("=")[0] for i in (known == 0).nonzero()[0]}
    assert open_questions == {"pitch", "energy", "emotion"}
    fits, _ = VOCABULARY.describe(AudioDescription(label="unheard-of"))
    assert {COLUMNS[i] for i in fits.nonzero()[0]} == {"all_audio", "everything"}

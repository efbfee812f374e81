"""Outputs find their descriptions under two models of unlike scales: known embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from baselines.clap.assign import NONE, ClapMatcher, best_assignment, load_matcher
from baselines.clap.checkpoint import save_clap
from baselines.clap.wording import wordings
from lcr.checkpoints import WeightsError
from lcr.instruction import AudioDescription, Description, Kind, SpeechDescription
from tests.baselines.clap.test_model import tiny_clap

MAN, WOMAN = SpeechDescription(gender="M"), SpeechDescription(gender="F")
DOG, RAIN = (AudioDescription(label=label) for label in ("dog barking", "rain"))
ALL: tuple[Description, ...] = (MAN, WOMAN, DOG, RAIN)
RATE = 16_000


class Known:
    """Embeddings of known similarity. The place of the sample that is not zero says which clip one
    is."""

    sample_rate = RATE

    def __init__(self, similarity: Mapping[Description, Sequence[float]], scale: float) -> None:
        """`similarity` of each description with the clips 0, 1, ..."""
        self.scale = torch.tensor(scale)
        self._texts = {text: i for i, d in enumerate(similarity) for text in wordings(d)}
        self._table = torch.tensor(list(similarity.values()))  # (descriptions, clips)
        self.width = len(similarity)
        self.lengths: list[int] = []

    def embed_audio(self, clips: torch.Tensor) -> torch.Tensor:
        self.lengths.append(clips.shape[1])
        return self._table[:, clips.abs().argmax(1)].T

    def embed_text(self, texts: Sequence[str]) -> torch.Tensor:
        return torch.eye(self.width)[[self._texts[text] for text in texts]]


def outputs(order: Sequence[int]) -> NDArray[np.float32]:
    found = np.zeros((len(order), 50), dtype=np.float32)
    found[np.arange(len(order)), list(order)] = 0.5
    return found


def matcher(**scales: float) -> ClapMatcher:
    """The man is clip 0, the woman 1, the dog 2 and the rain 3, seen by each model clearly; the
    speech model finds the rain more like a woman than the dog is."""
    speech = Known(
        {MAN: [0.9, 0.2, 0.0, 0.1], WOMAN: [0.3, 0.8, 0.0, 0.4]}, scales.get("speech", 10)
    )
    audio = Known({DOG: [0.1, 0.0, 0.7, 0.1], RAIN: [0.0, 0.2, 0.1, 0.6]}, scales.get("audio", 10))
    return ClapMatcher({"speech": speech, "audio": audio})


@given(st.permutations(range(4)), st.permutations(range(4)))
def test_every_order_is_found(order: list[int], told: list[int]) -> None:
    descriptions = [ALL[i] for i in told]
    chosen = matcher().assign(outputs(order), RATE, descriptions)
    assert [order[i] for i in chosen] == told
    assert sorted(chosen) == [0, 1, 2, 3]


def test_scores_are_log_probabilities_of_outputs() -> None:
    scores = matcher().scores(outputs(range(4)), RATE, ALL)
    assert scores.shape == (4, 4)
    np.testing.assert_allclose(np.exp(scores).sum(0), 1, atol=1e-6)
    assert scores[0, 0] - scores[1, 0] == pytest.approx(10 * (0.9 - 0.2), abs=1e-5)
    assert scores[2, 2] - scores[3, 2] == pytest.approx(10 * (0.7 - 0.1), abs=1e-5)


def test_models_that_disagree_are_weighed_by_their_own_scales() -> None:
    """Both want the first output; who is surer, similarity x scale, gets it."""

    def between(speech_scale: float, audio_scale: float) -> list[int]:
        speech = Known({MAN: [0.6, 0.4]}, speech_scale)
        audio = Known({DOG: [0.9, 0.5]}, audio_scale)
        both: dict[Kind, Known] = {"speech": speech, "audio": audio}
        return list(ClapMatcher(both).assign(outputs([0, 1]), RATE, [MAN, DOG]))

    assert between(10, 10) == [1, 0]
    assert between(10, 4) == [0, 1]


def test_a_constant_of_one_description_changes_nothing() -> None:
    """A text that is like everything, or like nothing, says as much by the differences."""
    plain = Known({MAN: [0.5, 0.4, 0.1], WOMAN: [0.3, 0.4, 0.2]}, 5)
    shifted = Known({MAN: [0.5, 0.4, 0.1], WOMAN: [0.8, 0.9, 0.7]}, 5)
    a, b = (
        ClapMatcher({"speech": model}).scores(outputs(range(3)), RATE, [MAN, WOMAN])
        for model in (plain, shifted)
    )
    np.testing.assert_allclose(a, b, atol=1e-5)


def test_other_numbers_of_outputs_and_descriptions() -> None:
    some = matcher()
    assert list(some.assign(outputs([3, 1, 0, 2]), RATE, [DOG])) == [3]
    few = some.assign(outputs([2]), RATE, [DOG, RAIN])
    assert sorted(few) == [NONE, 0]
    assert list(some.assign(outputs([0, 1]), RATE, [])) == []


def test_match_is_the_other_way_round_and_row_by_row() -> None:
    rows = torch.from_numpy(np.stack([outputs([3, 1, 0, 2]), outputs([0, 2, 3, 1])]))
    found = matcher().match(rows, RATE, [RAIN, MAN, WOMAN])
    assert found.tolist() == [[0, 2, 1, NONE], [1, NONE, 0, 2]]


def test_each_model_hears_its_own_rate() -> None:
    speech, audio = Known({MAN: [0.5] * 500}, 1), Known({DOG: [0.5] * 500}, 1)
    audio.sample_rate = 48_000
    ClapMatcher({"speech": speech, "audio": audio}).assign(outputs([0, 1]), RATE, [MAN, DOG])
    assert (speech.lengths, audio.lengths) == ([50], [150])


def test_what_cannot_be_assigned_is_refused() -> None:
    with pytest.raises(ValueError, match="no CLAP for descriptions of audio"):
        ClapMatcher({"speech": Known({MAN: [1.0]}, 1)}).assign(outputs([0]), RATE, [MAN, DOG])
    broken = outputs([0, 1])
    broken[0, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        matcher().assign(broken, RATE, [MAN, WOMAN])


def test_the_highest_sum_wins_over_the_highest_score() -> None:
    scores = np.array([[-0.1, -0.2], [-3.0, -5.0]])
    assert best_assignment(scores).tolist() == [1, 0]


def test_level_changes_no_assignment(tmp_path: Path) -> None:
    clap = tiny_clap(tmp_path)
    some = ClapMatcher({"speech": clap, "audio": clap})
    time = np.arange(9000) / RATE
    waves = np.sin(2 * np.pi * np.array([[200.0], [600.0], [1500.0], [5000.0]]) * time)
    before, after = (
        some.scores((gain * waves).astype(np.float32), RATE, ALL) for gain in (1.0, 0.1)
    )
    np.testing.assert_allclose(after, before, atol=1e-3)
    assert np.ptp(before) > 0.02


def test_a_matcher_loads_with_a_clap_of_each_kind(tmp_path: Path) -> None:
    kinds: tuple[Kind, Kind] = ("speech", "audio")
    for kind in kinds:
        save_clap(tiny_clap(tmp_path / "bert", kind), tmp_path / f"clap-{kind}")
    loaded = load_matcher({kind: tmp_path / f"clap-{kind}" for kind in kinds})
    assert set(loaded.weights) == {"clap-speech", "clap-audio", "bert"}
    assert loaded.reference.count("MiniLM") == 1
    waves = np.random.default_rng(0).standard_normal((4, 3000)).astype(np.float32)
    assert sorted(loaded.matcher.assign(waves, RATE, ALL)) == [0, 1, 2, 3]
    with pytest.raises(WeightsError, match="for audio, and is given for speech"):
        load_matcher({"speech": tmp_path / "clap-audio"})

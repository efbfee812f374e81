"""What is heard is what is there, and as sure as the models' similarities say."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.listening.beliefs import Beliefs
from agents.listening.listener import Inventory, Listener, ListenerConfig, load_listener
from baselines.clap.checkpoint import save_clap
from baselines.pit.separation import save_separator
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.instruction import (
    STYLE_VALUES,
    AudioDescription,
    Description,
    Kind,
    SpeechDescription,
)
from tests.agents.hearing import DOG, MAN, RAIN, TRUTH, WOMAN, BandClap, at_levels, listener
from tests.baselines.clap.test_model import tiny_clap
from tests.baselines.composite.test_remixer import banded_sources
from tests.baselines.pit.test_separation import tiny_separator

LEVELS_DB = (0.0, -2.0, -4.0, -6.0)


def inventory(one: Listener | None = None, seconds: int = 1) -> tuple[Inventory, np.ndarray]:
    sources = at_levels(banded_sources(16_000 * seconds, channels=2), *LEVELS_DB)
    return (one or listener()).listen(sources.sum(0), 16_000), sources


def test_every_source_is_heard_loudest_first() -> None:
    heard, sources = inventory()
    kinds = [one.description for one in heard.heard]
    assert [d.kind for d in kinds] == ["speech", "speech", "audio", "audio"]
    assert [getattr(d, "gender", None) for d in kinds[:2]] == ["M", "F"]
    assert [getattr(d, "pitch", None) for d in kinds[:2]] == ["low", "high"]
    assert kinds[2:] == [DOG, RAIN]
    assert [one.id for one in heard.heard] == ["s1", "s2", "s3", "s4"]
    np.testing.assert_allclose(heard.audio, sources, atol=1e-3)
    for one, source in zip(heard.heard, sources, strict=True):
        level_db = 20 * math.log10(np.sqrt(np.mean(source**2)))
        assert one.level_db == pytest.approx(level_db, abs=0.1)
        assert one.confidence > 0.9
    assert [step.name for step in heard.steps] == ["separate", "listen"]
    assert all(step.seconds is not None for step in heard.steps)


def test_what_is_too_quiet_is_nothing() -> None:
    sources = at_levels(banded_sources(16_000), 0.0, -3.0, -40.0, -80.0)
    found = listener().listen(sources.sum(0), 16_000)
    assert [one.description.kind for one in found.heard] == ["speech", "speech"]
    more = listener(config=ListenerConfig(quiet_db=-60)).listen(sources.sum(0), 16_000)
    assert len(more.heard) == 3


@pytest.mark.parametrize("samples", [1, 8000])
def test_nothing_is_heard_in_silence(samples: int) -> None:
    found = listener().listen(np.zeros((2, samples), np.float32), 16_000)
    assert (found.heard, found.audio.shape) == ((), (0, 2, samples))
    assert found.steps[1].detail == "nothing is heard"
    assert listener().match(found, TRUTH) == ()


def test_beliefs_are_the_posteriors_of_the_similarities() -> None:
    """Two orthogonal embeddings, one model each: closed forms."""
    one = listener(config=ListenerConfig(labels=("dog barking", "rain", "harp")))
    man, dog = torch.eye(4)[0], torch.eye(4)[2]
    embedded = torch.stack([man, dog])
    b_man, b_dog = one.beliefs({"speech": embedded, "audio": embedded})
    e = math.exp(20)
    assert b_man.styles["gender"]["M"] == pytest.approx(e / (e + 1))
    assert b_man.styles["pitch"]["low"] == pytest.approx(e / (e + 2))
    assert b_man.styles["tempo"] == pytest.approx(dict.fromkeys(("low", "normal", "high"), 1 / 3))
    assert b_dog.labels["dog barking"] == pytest.approx(e / (e + 2))
    evidence = (math.log((e + 1) / 2) + math.log((e + 2) / 3)) / 5
    assert b_man.speech == pytest.approx(1 / (1 + math.exp(-evidence)), rel=1e-5)
    assert 1 - b_dog.speech == pytest.approx(1 / (1 + 3 / (e + 2)), rel=1e-5)
    nats = listener(config=ListenerConfig(labels=("harp",), speech_nats=-evidence))
    assert nats.beliefs({"speech": embedded, "audio": embedded})[0].speech == pytest.approx(0.5)


@settings(max_examples=20)
@given(st.lists(st.floats(-1, 1), min_size=8, max_size=8))
def test_beliefs_sum_to_one(values: list[float]) -> None:
    embedded = torch.tensor(values).view(2, 4)
    for b in listener().beliefs({"speech": embedded, "audio": embedded}):
        assert 0 <= b.speech <= 1
        for name, shares in b.styles.items():
            assert tuple(shares) == STYLE_VALUES[name]
            assert sum(shares.values()) == pytest.approx(1, abs=1e-5)
        assert sum(b.labels.values()) == pytest.approx(1, abs=1e-5)


def test_a_description_s_probability_is_the_product_of_what_it_states() -> None:
    b = Beliefs(
        speech=0.8,
        styles={"gender": {"M": 0.9, "F": 0.1}, "pitch": {"low": 0.5, "normal": 0.3, "high": 0.2}},
        labels={"rain": 0.7, "harp": 0.3},
    )
    assert b.of(SpeechDescription()) == pytest.approx(0.8)
    assert b.of(SpeechDescription(gender="F", pitch="high")) == pytest.approx(0.8 * 0.1 * 0.2)
    assert b.of(RAIN) == pytest.approx(0.2 * 0.7)
    assert b.heard(3, -20).description == SpeechDescription(gender="M", pitch="low")
    assert b.heard(3, -20).id == "s3"


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2), (2, 0)])
def test_true_descriptions_find_their_entries(order: tuple[int, ...]) -> None:
    one = listener()
    found, _ = inventory(one)
    matched = one.match(found, [TRUTH[i] for i in order])
    expected = [order.index(i) if i in order else -1 for i in range(4)]
    assert list(matched) == expected


def test_a_class_that_is_no_candidate_is_found_too() -> None:
    one = listener(config=ListenerConfig(labels=("harp", "violin")))
    found, _ = inventory(one)
    described: list[Description] = [RAIN, WOMAN]
    assert one.match(found, described) == (-1, 1, -1, 0)


def test_the_word_of_a_separator_that_tells_kinds_counts_for_more_than_a_claps() -> None:
    one = listener()
    found, parts = inventory(one)
    swapped: list[Kind] = ["audio", "audio", "speech", "speech"]
    told = one.describe(parts, 16_000, kinds=swapped)
    assert [s.description.kind for s in told.heard] == swapped
    assert {s.confidences["kind"] for s in told.heard} == {one.config.kinds_right}
    assert told.kinds == tuple(swapped)
    # The man and the woman can only be among the last two, the rain and the dog among the first.
    assert {told.heard[i].description.kind for i in range(2)} == {"audio"}
    matched = one.match(told, TRUTH)
    assert all((i < 2) == (TRUTH[m].kind == "audio") for i, m in enumerate(matched))
    assert one.match(found, TRUTH) == (0, 1, 2, 3)


def test_kinds_ship_with_the_separator(weights: dict[str, str]) -> None:
    folder = Path(weights["separator"])
    plain = (folder / "config.json").read_text()
    kinds = ["speech", "speech", "audio", "audio"]
    (folder / "config.json").write_text(json.dumps({**json.loads(plain), "kinds": kinds}))
    try:
        sound = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32)
        heard = load_listener(**weights).listen(sound, 16_000).heard
        assert sorted(one.description.kind for one in heard) == sorted(kinds)
    finally:
        (folder / "config.json").write_text(plain)


def test_both_claps_are_needed() -> None:
    with pytest.raises(ValueError, match="a CLAP for audio"):
        Listener(tiny_separator("softmax"), {"speech": BandClap({MAN: 0})})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="at least one class"):
        ListenerConfig(labels=())


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return tiny_weights(tmp_path_factory.mktemp("weights"))


def tiny_weights(root: Path) -> dict[str, str]:
    """Checkpoints of a separator and two CLAPs, as `load_listener` takes them."""
    save_separator(tiny_separator("softmax", 4), root / "separator")
    for kind in ("speech", "audio"):
        save_clap(tiny_clap(root / "bert", kind), root / kind)
    return {name: str(root / name) for name in ("separator", "speech", "audio")}


def test_a_listener_loads_from_checkpoints(weights: dict[str, str]) -> None:
    one = load_listener(**weights)  # type: ignore[arg-type]
    assert set(one.weights) >= {"separator", "speech", "audio"}
    found = one.listen(0.1 * banded_sources(4000).sum(0), 16_000)
    assert found.heard
    again = load_listener(**weights).listen(0.1 * banded_sources(4000).sum(0), 16_000)  # type: ignore[arg-type]
    assert again.heard == found.heard


def test_wrong_or_missing_checkpoints_are_refused(weights: dict[str, str]) -> None:
    with pytest.raises(MissingWeightsError, match="nowhere"):
        load_listener(separator="nowhere")
    crossed = {**weights, "speech": weights["audio"]}
    with pytest.raises(WeightsError, match="is a CLAP for audio"):
        load_listener(**crossed)  # type: ignore[arg-type]


def test_unknown_classes_are_an_error_and_not_a_guess() -> None:
    b = listener().beliefs({k: torch.eye(4)[:1] for k in ("speech", "audio")})[0]  # type: ignore[misc]
    with pytest.raises(KeyError):
        b.of(AudioDescription(label="no such thing"))

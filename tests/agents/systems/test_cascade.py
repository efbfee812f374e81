"""The cascade that is told nothing: what a prompt states becomes gains on what is heard."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from agents.planners.reader import ReaderPlanner, Said, ToldDescriptions, load_planner, said_by
from agents.planners.reading import keyword_planner
from agents.systems.cascade import CARD, cascade
from baselines.clap.assign import ClapMatcher
from baselines.composite.remixer import Cascade
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.instruction import (
    Action,
    AudioDescription,
    Description,
    SpeechDescription,
    instruction,
    patterns,
)
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig, ReaderOutput
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.generator import write_prompt
from lcr.registry import SystemOptionError
from lcr.remixer import MissingOracleError, Oracle
from lcr.testing import CHECKS, Subject
from tests.baselines.clap.test_remixer import BandListener, save_tiny_parts
from tests.baselines.composite.test_remixer import BandOracle, banded_sources, gains_of
from tests.tiny_bert import tiny_bert

DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")
MAN, WOMAN = SpeechDescription(gender="M"), SpeechDescription(gender="F")
SOURCES: tuple[Description, ...] = (MAN, WOMAN, DOG, RAIN)
WORDS = SlotVocabulary(("dog barking", "rain", "siren"))
KEEP, REMOVE, UP, DOWN = Action.KEEP, Action.REMOVE, Action.UP, Action.DOWN


def said(*stated: str) -> Said:
    """What these slots state, such as "U rain"; "remove what is not named" is one too."""
    slots = torch.full((WORDS.size,), 0.02)
    for name in stated:
        slots[WORDS.names.index(name)] = 0.9
    return said_by(slots, WORDS)


@pytest.mark.parametrize(
    ("stated", "named", "speech", "audio"),
    [
        ((), {}, KEEP, KEEP),
        (("U rain", "0 gender=M", "0 speech"), {RAIN: UP, MAN: REMOVE}, KEEP, KEEP),
        (("1 gender=F", "remove what is not named"), {WOMAN: KEEP}, REMOVE, REMOVE),
        (("D everything",), {}, DOWN, DOWN),
        (("U all_speech", "0 all_audio"), {}, UP, REMOVE),
        (("U rain", "0 everything_else"), {RAIN: UP}, REMOVE, REMOVE),
        (("0 all_audio", "D rain"), {RAIN: DOWN}, KEEP, REMOVE),
        (("0 speech",), {SpeechDescription(): REMOVE}, KEEP, KEEP),
        # A change wins over what is merely kept.
        (("1 rain", "1 dog barking", "U rain"), {RAIN: UP, DOG: KEEP}, KEEP, KEEP),
        # Values that exclude each other are of two speakers; whose the pitch is is not said.
        (("U gender=M", "U gender=F", "U pitch=low"), {MAN: UP, WOMAN: UP}, KEEP, KEEP),
        (("U gender=M", "U pitch=low"), {replace(MAN, pitch="low"): UP}, KEEP, KEEP),
    ],
)
def test_slots_say(
    stated: tuple[str, ...], named: dict[Description, Action], speech: Action, audio: Action
) -> None:
    found = said(*stated)
    assert dict(found.named) == named
    assert (found.action_on("speech"), found.action_on("audio")) == (speech, audio)


class Fixed:
    """Reads the slots it is given, whatever the prompt."""

    def __init__(self, slots: torch.Tensor) -> None:
        self._slots = slots

    def read(self, prompts: Sequence[str]) -> ReaderOutput:
        return ReaderOutput(self._slots.expand(len(prompts), -1), torch.empty(len(prompts), 0))


def test_true_slots_give_the_true_actions() -> None:
    """Slots lose which of two speakers has which value; nearly all else survives."""
    rng = np.random.default_rng(0)
    man = SpeechDescription(gender="M", pitch="low", tempo="high")
    woman = SpeechDescription(gender="F", pitch="high", tempo="low")
    sources: tuple[Description, ...] = (man, woman, DOG, RAIN)
    wrong = total = 0
    for pattern in list(patterns(2, 2))[::2]:
        asked = instruction(pattern, sources)
        slots = torch.from_numpy(WORDS.encode(write_prompt(asked, rng)))
        plan = ReaderPlanner(Fixed(slots), WORDS).plan("", sources)
        assert plan.descriptions == sources
        wrong += plan.gains != asked.gains
        total += 1
    assert wrong / total < 0.05


def planner_for(*stated: str) -> ReaderPlanner:
    slots = torch.zeros(WORDS.size)
    for name in stated:
        slots[WORDS.names.index(name)] = 1
    return ReaderPlanner(Fixed(slots), WORDS)


@pytest.mark.parametrize(
    ("stated", "pattern"),
    [
        (("U rain",), "111U"),
        (("0 gender=M", "0 speech"), "0111"),
        (("1 gender=F", "1 speech", "remove what is not named"), "0100"),
        (("U all_speech", "0 all_audio"), "UU00"),
        (("D everything",), "DDDD"),
        (("0 dog barking", "U gender=F"), "1U01"),
    ],
)
def test_without_any_truth_the_target_comes_out(stated: tuple[str, ...], pattern: str) -> None:
    """Good ears and a perfect separator: two speakers unnamed and what is not named are found by
    what is left over."""
    listener = BandListener(SOURCES)
    known = dict(listener._bands)

    class Listener(BandListener):
        def embed_text(self, texts):  # type: ignore[no-untyped-def]
            rows = [
                torch.eye(4)[known[t]] if t in known else torch.tensor([1, 1, 0, 0.0])
                for t in texts
            ]
            return torch.nn.functional.normalize(torch.stack(rows), dim=1)

    matcher = ClapMatcher({"speech": Listener(SOURCES), "audio": Listener(SOURCES)})
    system = Cascade(BandOracle(), matcher, planner_for(*stated), CARD)
    sources = banded_sources(16_000)
    got = system.remix(sources.sum(0), 16_000, "whatever").audio
    np.testing.assert_allclose(got, np.tensordot(gains_of(pattern), sources, axes=1), atol=1e-5)


def save_tiny_reader(folder: Path) -> str:
    """The parts of a joint model's folder that hold its reader."""
    torch.manual_seed(0)
    config = ReaderConfig(base=str(tiny_bert(folder / "bert")), slots=WORDS.size)
    reader = PromptReader(config, cache=None)
    state = {f"reader.{k}": v.contiguous() for k, v in reader.trained_state().items()}
    (folder / "joint").mkdir()
    save_file(state, folder / "joint" / "model.safetensors")
    told = {"labels": list(WORDS.labels), "reader": asdict(config)}
    (folder / "joint" / "config.json").write_text(json.dumps(told))
    return str(folder / "joint")


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("parts")
    return {**save_tiny_parts(folder), "reader": save_tiny_reader(folder)}


@pytest.mark.parametrize("check", CHECKS)
def test_it_is_a_remixer(parts: dict[str, str], check: str) -> None:
    CHECKS[check](Subject(lambda: cascade(**parts)))  # type: ignore[arg-type]


@pytest.mark.parametrize("check", ["oracle_is_asked_for_by_name", "any_length", "repeatable"])
def test_its_told_form_is_one_too(parts: dict[str, str], check: str) -> None:
    CHECKS[check](Subject(lambda: cascade(**parts, planner="keyword")))  # type: ignore[arg-type]


def test_the_card_says_what_it_is_told(parts: dict[str, str]) -> None:
    free = cascade(**parts).card  # type: ignore[arg-type]
    assert (free.name, free.uses_oracle) == ("cascade", frozenset())
    assert set(free.weights) >= {"separator", "clap-speech", "clap-audio", "joint (reader)", "bert"}
    told = cascade(**parts, planner="keyword").card  # type: ignore[arg-type]
    assert told.uses_oracle == {"instruction"}
    assert "told the descriptions" in told.reference


def test_descriptions_are_told_and_actions_are_not() -> None:
    planner = ToldDescriptions(keyword_planner())
    oracle = Oracle(instruction=instruction("UUUU", SOURCES))
    plan = planner.plan("remove the dog", SOURCES, oracle=oracle)
    assert plan.gains == (1.0, 1.0, 0.0, 1.0)
    with pytest.raises(MissingOracleError, match="true descriptions"):
        planner.plan("remove the dog", ())


def test_wrong_planners_and_readers_are_refused(parts: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(SystemOptionError, match="'oracle'; there are reader, keyword"):
        cascade(**parts, planner="oracle")  # type: ignore[arg-type]
    with pytest.raises(MissingWeightsError, match="nothing-here"):
        load_planner(str(tmp_path / "nothing-here"))
    folder = Path(save_tiny_reader(tmp_path))
    told = json.loads((folder / "config.json").read_text())
    told["labels"] = [*told["labels"], "one more"]
    (folder / "config.json").write_text(json.dumps(told))
    with pytest.raises(WeightsError, match="holds no reader of slots: it fills"):
        load_planner(str(folder))


@pytest.fixture(scope="module")
def shipped() -> Callable[[str], tuple[float, ...]]:
    try:
        planner = load_planner("lcr-g")
    except MissingWeightsError as error:
        pytest.skip(str(error))
    return lambda prompt: planner.plan(prompt, SOURCES).gains


@pytest.mark.parametrize(
    ("prompt", "pattern"),
    [
        ("Please remove the barking dog", "1101"),
        ("turn up the man and get rid of the rain", "U110"),
        ("isolate the woman's voice", "0100"),
        ("make both speakers louder", "UU11"),
        ("lower the volume of everything", "DDDD"),
        ("get rid of all the background sounds", "1100"),
    ],
)
def test_the_shipped_reader_reads_plain_requests(
    shipped: Callable[[str], tuple[float, ...]], prompt: str, pattern: str
) -> None:
    assert shipped(prompt) == tuple(gains_of(pattern))

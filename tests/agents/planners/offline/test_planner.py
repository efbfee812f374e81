"""The offline planner's network, its checkpoint and its plans, on a tiny random base; and plain
requests read by the shipped weights."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch.nn import functional

from agents.planners.offline.network import (
    ACTIONS,
    MOST_SOURCES,
    InventoryError,
    PlannerConfig,
    PlannerNetwork,
    Question,
)
from agents.planners.offline.planner import (
    WEIGHTS,
    OfflinePlanner,
    keyword_hints,
    load_offline_planner,
)
from lcr.base_weights import MissingWeightsError
from lcr.checkpoints import WeightsError
from lcr.instruction import Action, AudioDescription, Description, SpeechDescription, parse_pattern
from tests.tiny_bert import tiny_bert

MAN = SpeechDescription(gender="M", pitch="low", tempo="high", energy="high", emotion="happy")
WOMAN = SpeechDescription(gender="F", pitch="high", tempo="low", energy="low", emotion="sad")
DOG, PIANO = AudioDescription(label="dog barking"), AudioDescription(label="playing piano")
RAIN = AudioDescription(label="rain")
SOURCES: tuple[Description, ...] = (MAN, WOMAN, DOG, PIANO)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> PlannerConfig:
    base = tiny_bert(tmp_path_factory.mktemp("base") / "bert")
    return PlannerConfig(base=str(base), lora_rank=4, lora_dropout=0.0)


def network(config: PlannerConfig) -> PlannerNetwork:
    torch.manual_seed(0)
    made = PlannerNetwork(config).eval()
    with torch.no_grad():  # as if something had been learnt
        for name, parameter in made.named_parameters():
            if "lora_B" in name or name.startswith(("hint", "learnt")):
                parameter.normal_(std=0.2)
    return made


def checkpoint(net: PlannerNetwork, folder: Path) -> Path:
    folder.mkdir()
    save_file(
        {k: v.contiguous() for k, v in net.trained_state().items()}, folder / "model.safetensors"
    )
    about = {"schema": 1, "hints": True, "planner": asdict(net.config)}
    (folder / "config.json").write_text(json.dumps(about))
    return folder


def test_every_source_and_all_else_have_logits(config: PlannerConfig) -> None:
    net = network(config)
    questions = [Question("mute the dog", SOURCES), Question("mute the rain", (RAIN,))]
    with torch.no_grad():
        logits, there = net(questions)
    assert logits.shape == (2, 5, 4)
    assert there.tolist() == [[True] * 5, [True, True, False, False, False]]


def test_a_question_is_read_alike_alone_and_among_longer_ones(config: PlannerConfig) -> None:
    net = network(config)
    short = Question("mute the rain", (RAIN, WOMAN), (Action.REMOVE, Action.KEEP))
    with torch.no_grad():
        alone, _ = net([short])
        among, _ = net([Question("mute the dog . mute the rain the dog", SOURCES), short])
    assert torch.allclose(alone[0], among[1, :3], atol=1e-5)


def test_hints_and_styles_matter(config: PlannerConfig) -> None:
    net = network(config)
    with torch.no_grad():
        bare, _ = net([Question("mute the dog", (MAN, DOG))])
        hinted, _ = net([Question("mute the dog", (MAN, DOG), (Action.KEEP, Action.REMOVE))])
        other, _ = net([Question("mute the dog", (WOMAN, DOG))])
    assert not torch.allclose(bare, hinted, atol=1e-3)
    assert not torch.allclose(bare, other, atol=1e-3)


@pytest.mark.slow
def test_it_can_learn_which_source_a_prompt_means(config: PlannerConfig) -> None:
    """All weights learn: behind a random base LoRA has nothing to go by."""
    torch.manual_seed(0)
    net = PlannerNetwork(config).eval().requires_grad_(True)
    questions = [
        Question("mute the dog", (AudioDescription(label="dog"), RAIN)),
        Question("mute the rain", (AudioDescription(label="dog"), RAIN)),
    ]
    true = torch.tensor([[0, 1, 1], [1, 0, 1]])
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(120):
        logits, _ = net(questions)
        loss = functional.cross_entropy(logits.flatten(0, 1), true.flatten())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert net(questions)[0].argmax(-1).tolist() == true.tolist()


def test_a_checkpoint_gives_the_same_plans_and_says_what_it_is(
    config: PlannerConfig, tmp_path: Path
) -> None:
    net = network(config)
    planner = OfflinePlanner.from_checkpoint(checkpoint(net, tmp_path / "planner"))
    question = Question("mute the dog", SOURCES, keyword_hints("mute the dog", SOURCES))
    with torch.no_grad():
        expected = net([question])[0][0].argmax(-1).tolist()
    plan = planner.plan("mute the dog", SOURCES)
    assert [*plan.gains, plan.rest] == [ACTIONS[i].gain for i in expected]
    assert set(planner.weights) == {"planner", "bert"}
    assert plan.steps[0].name == "read prompt"
    assert "dog barking" in plan.steps[0].detail


def test_a_damaged_checkpoint_is_refused(config: PlannerConfig, tmp_path: Path) -> None:
    with pytest.raises(MissingWeightsError):
        OfflinePlanner.from_checkpoint(tmp_path / "nothing")
    folder = checkpoint(network(config), tmp_path / "planner")
    settings_ = json.loads((folder / "config.json").read_text())
    settings_["planner"]["lora_rank"] = 3
    (folder / "config.json").write_text(json.dumps(settings_))
    with pytest.raises(WeightsError, match="does not fit"):
        OfflinePlanner.from_checkpoint(folder)


def test_odd_inventories_are_refused(config: PlannerConfig) -> None:
    planner = OfflinePlanner(network(config), hints=True)
    with pytest.raises(ValueError, match="inventory"):
        planner.plan("mute the dog", ())
    many = tuple(AudioDescription(label=f"sound {i}") for i in range(MOST_SOURCES + 1))
    with pytest.raises(InventoryError, match="give it fewer"):
        planner.plan("mute the dog", many)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(text=st.text(max_size=200), label=st.text(min_size=1, max_size=60).filter(str.strip))
def test_any_text_and_any_label_give_a_plan(config: PlannerConfig, text: str, label: str) -> None:
    planner = OfflinePlanner(network(config), hints=True)
    plan = planner.plan(text, (SpeechDescription(), AudioDescription(label=label)))
    assert {*plan.gains, plan.rest} <= {0.0, 0.5, 1.0, 2.0}


@pytest.fixture(scope="module")
def shipped() -> OfflinePlanner:
    try:
        return load_offline_planner()
    except MissingWeightsError as error:
        if (WEIGHTS / "offline-planner").is_dir():
            pytest.skip(str(error))  # MiniLM is not installed
        raise


@pytest.mark.parametrize(
    ("prompt", "pattern"),
    [
        ("Remove the dog", "1101"),
        ("turn up the man and get rid of the piano", "U110"),
        ("Could you isolate the woman?", "0100"),
        ("keep only the speaker with a deep voice and the pianist", "1001"),
        ("make the unhappy speaker louder", "1U11"),
        ("turn the piano down and the dog up", "11UD"),
        ("lower the volume of both speakers", "DD11"),
        ("reduce everything", "DDDD"),
        ("mute the background noise", "1100"),
        ("I want the man gone", "0111"),
        ("remove everything except the dog and the cheerful guy", "1010"),
        ("The lady should be quieter and the piano louder.", "1D1U"),
    ],
)
def test_plain_requests(shipped: OfflinePlanner, prompt: str, pattern: str) -> None:
    gains = shipped.plan(prompt, SOURCES).gains
    assert gains == tuple(action.gain for action in parse_pattern(pattern))


def test_what_is_not_asked_for_stays(shipped: OfflinePlanner) -> None:
    plan = shipped.plan("good morning", SOURCES)
    assert (*plan.gains, plan.rest) == (1.0,) * 5
    assert shipped.plan("keep only the dog", SOURCES).rest == 0.0
    assert shipped.plan("remove the dog", SOURCES).rest == 1.0


def test_an_inventory_as_a_listener_makes_it(shipped: OfflinePlanner) -> None:
    """Unknown styles, other numbers of sources, and names that nobody trained on."""
    unsure = (SpeechDescription(gender="F"), AudioDescription(label="Steam whistle; calliope"))
    assert shipped.plan("get rid of the steam whistle", unsure).gains == (1.0, 0.0)
    assert shipped.plan("make the lady louder", unsure).gains == (2.0, 1.0)
    six = (MAN, WOMAN, DOG, PIANO, RAIN, AudioDescription(label="police siren"))
    assert shipped.plan("mute the rain", six).gains == (1.0, 1.0, 1.0, 1.0, 0.0, 1.0)
    assert shipped.plan("turn down the siren", six[2:]).gains == (1.0, 1.0, 1.0, 0.5)

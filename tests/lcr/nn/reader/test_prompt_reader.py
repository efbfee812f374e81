"""The reader of the shipped model: masked mean plus slots, of which LoRA and the heads learn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from lcr.instruction import AudioDescription, SpeechDescription, instruction
from lcr.nn.reader.prompt_reader import PromptReader, ReaderConfig
from lcr.nn.reader.slots import REMOVE_UNNAMED, SlotVocabulary
from lcr.prompts.generator import write_prompt
from tests.tiny_bert import tiny_bert


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bert(tmp_path_factory.mktemp("bert"))


def reader(folder: Path) -> PromptReader:
    torch.manual_seed(0)
    return PromptReader(ReaderConfig(base=str(folder), slots=9)).eval()


def test_z_is_slots_and_mean_and_padding_does_not_matter(tiny: Path) -> None:
    model = reader(tiny)
    with torch.no_grad():
        alone = model(["mute the dog"])
        padded = model(["mute the dog", "mute the rain . the dog . the rain . mute", ""])
    assert alone.shape == (1, 9 + 16) == (1, model.z_dim)
    torch.testing.assert_close(alone[0], padded[0], rtol=1e-4, atol=1e-5)
    assert ((padded[:, :9] > 0) & (padded[:, :9] < 1)).all()
    assert torch.isfinite(padded).all()


def test_the_mean_is_over_real_tokens(tiny: Path) -> None:
    model = reader(tiny)
    tokens = model.tokens.tokenizer(["mute the dog"], return_tensors="pt")
    with torch.no_grad():
        hidden = model.encoder(**tokens).last_hidden_state
        mean = model.read(["mute the dog"]).embedding[0]
        torch.testing.assert_close(mean, hidden[0].mean(0))


def test_a_slot_is_a_noisy_or_over_tokens(tiny: Path) -> None:
    model = reader(tiny)
    tokens = model.tokens.tokenizer(["mute the dog"], return_tensors="pt")
    with torch.no_grad():
        hidden = model.encoder(**tokens).last_hidden_state[0]
        named, action = torch.sigmoid(model.name(hidden)), torch.softmax(model.act(hidden), -1)
        expected = torch.ones(4, 2)
        for t in range(len(hidden)):
            expected *= 1 - action[t][:, None] * named[t][None]
        slots = model.read(["mute the dog"]).slots[0]
    torch.testing.assert_close(slots[:8].view(4, 2), 1 - expected, rtol=1e-3, atol=1e-6)


def test_only_lora_and_the_head_learn(tiny: Path) -> None:
    model = reader(tiny)
    learnt = {name for name, p in model.named_parameters() if p.requires_grad}
    assert learnt == set(model.trained_state())
    assert {"name.weight", "act.weight", "rest.bias"} < learnt
    adapted = {name.split(".lora_")[0].rsplit(".", 1)[1] for name in learnt if "lora_" in name}
    assert adapted == {"query", "value"}
    assert model.state_dict()["name.weight"].shape == (2, 16)


def test_trained_state_restores_the_reader(tiny: Path) -> None:
    one, two = reader(tiny), reader(tiny)
    with torch.no_grad():
        for value in one.trained_state().values():
            value.normal_()
        assert not torch.allclose(one(["mute"]), two(["mute"]))
        two.load_state_dict(one.trained_state(), strict=False)
        torch.testing.assert_close(one(["mute"]), two(["mute"]))


def test_odd_text_is_read_without_harm(tiny: Path) -> None:
    model = reader(tiny)
    with torch.no_grad():
        out = model(["\ud800 lone surrogate", "😀" * 500, "\x00", " "])
    assert torch.isfinite(out).all()


def test_slots_state_what_the_prompt_says() -> None:
    vocabulary = SlotVocabulary(("rain", "dog barking"))
    assert len(vocabulary.names) == len(set(vocabulary.names)) == vocabulary.size
    man, woman = SpeechDescription(gender="M"), SpeechDescription(gender="F")
    sounds = (AudioDescription(label="rain"), AudioDescription(label="dog barking"))
    asked = instruction("U101", (man, woman, *sounds))
    for seed in range(40):
        written = write_prompt(asked, np.random.default_rng(seed))
        on = {
            name
            for name, value in zip(vocabulary.names, vocabulary.encode(written), strict=True)
            if value
        }
        if REMOVE_UNNAMED in on:
            assert "0 rain" not in on
        elif "0 everything_else" not in on:
            assert "0 rain" in on
            assert {"U speech", "U gender=M"} <= on
        assert not {"D rain", "U rain", "0 dog barking", "0 gender=F", "U gender=F"} & on


def test_unknown_labels_have_no_slot() -> None:
    vocabulary = SlotVocabulary(("rain",))
    asked = instruction("01", (AudioDescription(label="zither"), AudioDescription(label="rain")))
    written = write_prompt(asked, np.random.default_rng(1))
    assert vocabulary.encode(written).shape == (vocabulary.size,)

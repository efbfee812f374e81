"""Every remixer trains by the same stage; what Table VII changes in training is what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lcr.losses.snr import negative_snr
from lcr.nn.grounded.remixer import GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer, configuration, variant
from lcr.nn.paper.tcn import TcnConfig
from lcr.nn.reader.slots import SlotVocabulary
from lcr.training.data import (
    WORDINGS,
    Blend,
    TrainingConfig,
    TrainingMixtures,
    WordingsError,
    read_wordings,
)
from lcr.training.stages import JointStage, RemixerStage, StageConfig
from tests.lcr.data.test_mixtures import ToyBank
from tests.lcr.training.test_loop import TINY, VOCABULARY
from tests.tiny_models import WIDTH, reader, tiny_llama

MIXTURES = TrainingConfig(mixtures=2, instructions=3, duration_s=0.5)


def mixtures(config: TrainingConfig = MIXTURES) -> TrainingMixtures:
    bank = ToyBank()
    return TrainingMixtures([Blend(bank, bank, 1.0)], config)


def sound_remixer(name: str = "default") -> SoundRemixer:
    network = TcnConfig(bottleneck=8, hidden=8, repeats=1, layers=2)
    desk = configuration("C", "desk", z_dim=VOCABULARY.size)
    torch.manual_seed(0)
    return SoundRemixer(variant(name, replace(desk, network=network, channels=16)).config)


def loss(stage: RemixerStage) -> tuple[float, dict[str, float]]:
    found, figures = stage.loss(np.random.default_rng(3))
    found.backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None for p in stage.remixer.parameters())
    return found.item(), figures


def test_a_remixer_of_the_paper_trains_by_the_remixing_loss_alone() -> None:
    stage = RemixerStage(sound_remixer(), VOCABULARY, mixtures())
    total, figures = loss(stage)
    assert figures == {"snri_db": pytest.approx(-total)}


def test_permutation_adds_the_best_assignment_of_parts() -> None:
    remixer = sound_remixer("multi-mask-pit")
    plain, _ = loss(RemixerStage(remixer, VOCABULARY, mixtures()))
    remixer.zero_grad()
    stage = RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(permutation_weight=2.0))
    total, figures = loss(stage)
    assert total == pytest.approx(plain + 2 * figures["permutation"], rel=1e-5)
    batch = mixtures().batch(np.random.default_rng(3))
    z = stage._z([p for row in batch.prompts for p in row]).view(2, 3, -1)
    parts = remixer.parts(batch.sources.sum(1), z)
    straight = negative_snr(
        estimate=parts, reference=batch.gains.unsqueeze(-1) * batch.sources.unsqueeze(1)
    )
    assert figures["permutation"] <= straight.mean().item() + 1e-5


def test_grounding_has_the_weight_it_is_given() -> None:
    torch.manual_seed(0)
    remixer = GroundedRemixer(TINY)
    without, figures = loss(
        RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(grounding_weight=0.01))
    )
    twice, same = loss(
        RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(grounding_weight=0.02))
    )
    assert figures == same
    assert twice - without == pytest.approx(0.01 * figures["grounding"], rel=1e-3)


def test_fixed_prompts_have_one_wording() -> None:
    fixed, free = (mixtures(replace(MIXTURES, fixed_prompts=f)) for f in (True, False))

    def wordings(made: TrainingMixtures) -> dict[object, set[str]]:
        rng = np.random.default_rng(0)
        found: dict[object, set[str]] = {}
        for _ in range(40):
            batch = made.batch(rng)
            for told, gains, row in zip(
                batch.descriptions, batch.gains, batch.prompts, strict=True
            ):
                for gain, prompt in zip(gains, row, strict=True):
                    found.setdefault((told, tuple(gain.tolist())), set()).add(prompt.text)
        return found

    assert max(map(len, wordings(fixed).values())) == 1
    assert max(map(len, wordings(free).values())) > 1


@pytest.mark.usefixtures("bfloat16_products")
def test_bfloat16_on_the_cpu_is_close_to_float32() -> None:
    torch.manual_seed(0)
    remixer = GroundedRemixer(TINY)
    exact, half = (
        loss(RemixerStage(remixer, VOCABULARY, mixtures(), StageConfig(cpu_bfloat16=b)))[0]
        for b in (False, True)
    )
    assert exact != half
    assert half == pytest.approx(exact, rel=0.02)


def without_slots(folder: Path, config: StageConfig | None = None, **changes: object) -> JointStage:
    """A remixer whose filter is a tiny LLaMA's embedding alone, as in the paper."""
    torch.manual_seed(0)
    small = TcnConfig(bottleneck=8, hidden=8, repeats=1, layers=2)
    sizes = replace(configuration("C", "desk", z_dim=WIDTH), network=small, channels=16)
    language_model = reader(tiny_llama(folder), "lora", max_tokens=128)
    own = mixtures(replace(MIXTURES, **changes))  # type: ignore[arg-type]
    remixer = SoundRemixer(sizes)
    return JointStage(language_model, remixer, SlotVocabulary(()), own, config or StageConfig())


def test_without_slots_the_reader_learns_through_the_remix_alone(tmp_path: Path) -> None:
    stage = without_slots(tmp_path)
    for film in stage.remixer.films:  # they begin at the identity, through which nothing passes
        torch.nn.init.normal_(film.gamma[2].weight)
    total, figures = stage.loss(np.random.default_rng(3))
    total.backward()  # type: ignore[no-untyped-call]
    assert figures == {"snri_db": pytest.approx(-total.item())}
    learnt = {n for n, p in stage.reader.named_parameters() if p.grad is not None and p.grad.any()}
    assert learnt
    assert all("lora_B" in name for name in learnt)


def test_an_uncapped_loss_is_the_plain_snr_improvement(tmp_path: Path) -> None:
    capped, plain = (
        without_slots(tmp_path, StageConfig(capped=c)).loss(np.random.default_rng(3))[1]["snri_db"]
        for c in (True, False)
    )
    stage = without_slots(tmp_path)
    batch = stage.mixtures.batch(np.random.default_rng(3))
    x, y = batch.sources.sum(1).unsqueeze(1), batch.gains @ batch.sources
    z = stage.reader([p.text for row in batch.prompts for p in row]).view(2, 3, -1)
    estimate = stage.remixer(x.squeeze(1), z)
    errors = (y - estimate).square().sum(-1), (y - x).square().sum(-1)
    truth = 10 * torch.log10(errors[1] / errors[0]).mean().item()
    assert plain == pytest.approx(truth, abs=1e-4)
    assert capped < plain


def test_fixed_mixtures_come_again_with_a_few_wordings() -> None:
    made = mixtures(replace(MIXTURES, distinct=2))
    seen: dict[bytes, set[tuple[str, ...]]] = {}
    rng = np.random.default_rng(0)
    for _ in range(60):
        batch = made.batch(rng)
        for sources, row in zip(batch.sources, batch.prompts, strict=True):
            seen.setdefault(sources.numpy().tobytes(), set()).add(tuple(p.text for p in row))
    assert len(seen) == 2
    for texts in seen.values():
        each = [set(some) for some in zip(*texts, strict=True)]
        assert all(1 < len(some) <= WORDINGS for some in each)
    told = [made.instructions(number) for number in range(2)]
    assert told == [made.instructions(number) for number in range(2)]
    assert [len(one) for one in told] == [3, 3]


def test_given_wordings_are_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "wordings.jsonl"
    rows = [{"mixture": m, "prompts": [[f"{m} {i}"] for i in range(3)]} for m in range(2)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = mixtures(replace(MIXTURES, distinct=2, wordings=str(path)))
    batch = made.batch(np.random.default_rng(0))
    for gains, row in zip(batch.gains, batch.prompts, strict=True):
        numbers = {prompt.text.split()[0] for prompt in row}
        assert [prompt.text.split()[1] for prompt in row] == ["0", "1", "2"]
        (number,) = map(int, numbers)
        assert [i.gains for i in made.instructions(number)] == [tuple(g.tolist()) for g in gains]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"mixture": 0, "prompts": [["a"]]}',
        "not JSON",
        '{"mixture": 0, "prompts": [[], ["a"], [1]]}',
    ],
)
def test_wordings_that_do_not_fit_are_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "wordings.jsonl"
    path.write_text(text)
    with pytest.raises(WordingsError):
        read_wordings(path, replace(MIXTURES, distinct=1))
    with pytest.raises(WordingsError):
        read_wordings(tmp_path / "none", replace(MIXTURES, distinct=1))
    with pytest.raises(ValueError, match="distinct"):
        replace(MIXTURES, wordings=str(path))

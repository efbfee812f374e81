"""Every remixer trains by the same stage; what Table VII changes in training is what it says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from lcr.data.authors.files import DataRoots
from lcr.data.authors.mixtures import Examples, PaperMixtures
from lcr.data.authors.set import read_paper_set
from lcr.data.mixtures import WORDINGS, MixtureConfig
from lcr.losses.snr import negative_snr
from lcr.nn.grounded.remixer import GroundedRemixer
from lcr.nn.paper.sound_remixer import SoundRemixer, configuration, variant
from lcr.nn.paper.tcn import TcnConfig
from lcr.nn.reader.slots import SlotVocabulary
from lcr.training.data import Blend, TrainingConfig, TrainingMixtures
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


def test_mixtures_of_a_manifest_are_what_is_learnt_from(tmp_path: Path) -> None:
    sources = [
        {"kind": "speech", "file": "VCTK/a.wav", "snr_db": 1, "gender": "F"},
        {"kind": "audio", "file": "VGGSound/b.wav", "snr_db": -2, "label": "rain"},
    ]
    for source in sources:
        path = tmp_path / str(source["file"])
        path.parent.mkdir()
        soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, 8000), 16_000)
    row = {"id": "m", "task": "SR", "acts": "01", "sources": sources, "prompts": ["a", "b"]}
    (tmp_path / "set.jsonl").write_text(json.dumps(row))
    given = PaperMixtures(
        read_paper_set(tmp_path / "set.jsonl"),
        DataRoots(tmp_path),
        config=MixtureConfig(duration_s=0.5),
        per_task=1,
        name="set",
    )
    config = replace(MIXTURES, manifest="set.jsonl", instructions=1, mixtures=20)
    batch = TrainingMixtures([], config, given).batch(np.random.default_rng(0))
    assert {prompt.text for (prompt,) in batch.prompts} == {"a", "b"}
    assert {tuple(gains[0].tolist()) for gains in batch.gains} == {(0.0, 1.0)}
    assert {one[0].kind for one in batch.descriptions} == {"speech"}
    np.testing.assert_array_equal(batch.sources[3], given.example(0).sources)
    view = Examples(given)
    assert [example.id for example in view[0:1]] == ["m"]
    with pytest.raises(ValueError, match="manifest"):
        replace(config, instructions=2)

"""Training of LCR-Q: what is asked of a mixture, what is wrong about an answer, and filters."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch

from lcr.data.bank import Entry
from lcr.data.relations import clear_relations, measure_voice
from lcr.instruction import RELATIONS, AudioDescription, SpeechDescription, instruction
from lcr.lexicon import load_lexicon
from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import QueryConfig, QueryRemixer
from lcr.prompts.generator.writer import write_prompt
from lcr.training.queries.augment import limit_band, noise_floor, reverberate, through_codec
from lcr.training.queries.items import EXAMPLE, NAME, SPAN, STYLE, STYLE_COLUMN
from lcr.training.queries.mixtures import QueryMixtureConfig, QueryMixtures, Share
from lcr.training.queries.stage import QueryObjective, QueryStage, energies

LABELS = (
    "dog barking",
    "rain",
    "clock ticking",
    "sea waves",
    "church bell ringing",
    "duck quacking",
    "car engine idling",
)
MODEL = QueryConfig(
    channels=8,
    blocks=1,
    query_dim=8,
    query_channels=8,
    query_blocks=1,
    match_dim=4,
    film_hidden=8,
    mask_hidden=8,
    encoder_hidden=8,
    presence_hidden=8,
)
SMALL = QueryMixtureConfig(mixtures=4, items=8, duration_s=1.0, example_s=0.6)


class ToneBank:
    """Two recordings of a tone for each sound, one of noise for each voice."""

    name, digest = "tones", "0" * 64

    def __init__(self):
        sounds = [
            Entry(
                id=f"{label}-{take}",
                description=AudioDescription(label=label),
                split="train",
                group=f"{label}-{take}",
            )
            for label in LABELS
            for take in range(2)
        ]
        voices = [
            Entry(
                id=f"voice-{gender}-{take}",
                description=SpeechDescription(gender=gender, tempo="low"),
                split="train",
                group=gender,
            )
            for gender in "MF"
            for take in range(2)
        ]
        self._entries = (*sounds, *voices)

    def entries(self, split):
        return [e for e in self._entries if e.split == split]

    def load(self, entry):
        rng = np.random.default_rng(len(entry.id))
        if entry.description.kind == "speech":
            return (0.3 * rng.standard_normal(20_000)).astype(np.float32)
        place = LABELS.index(entry.description.label)
        return np.sin(np.arange(20_000) * 0.1 * (1 + place)).astype(np.float32)


@pytest.fixture
def mixtures():
    shares = [Share(bank="tones", speech=1, audio=1)]
    return QueryMixtures({"tones": ToneBank()}, shares, SMALL, sorted(LABELS), load_lexicon())


@pytest.fixture
def stage(mixtures):
    torch.manual_seed(0)
    attributes = torch.from_numpy(load_lexicon().attributes(mixtures.names))
    names = NameVectors(attributes, MODEL.query_dim)
    styles = StyleVectors(len(STYLE_COLUMNS), 8, MODEL.query_dim)
    return QueryStage(QueryRemixer(MODEL), mixtures, names, styles, QueryObjective())


def batches(mixtures, count=6):
    return [mixtures.batch(np.random.default_rng(seed)) for seed in range(count)]


def test_the_same_generator_gives_the_same_batch(mixtures):
    one, two = (mixtures.batch(np.random.default_rng(3)) for _ in range(2))
    for field in fields(one):
        assert torch.equal(getattr(one, field.name), getattr(two, field.name)), field.name


def test_what_is_asked_is_there_just_where_it_has_members(mixtures):
    for batch in batches(mixtures):
        assert torch.equal(batch.present > 0, batch.members.sum(-1) > 0)
        assert 0 < batch.present.mean() < 1
        named = (batch.origin == NAME) & (batch.present > 0)
        for m, k in named.nonzero().tolist():
            (source,) = batch.members[m, k].nonzero().flatten().tolist()
            assert batch.source_names[m, source] == batch.index[m, k]
        for m, k in ((batch.origin == NAME) & (batch.present == 0)).nonzero().tolist():
            assert batch.index[m, k] not in batch.source_names[m]


def test_an_example_is_of_the_kind_of_the_source_it_stands_for(mixtures):
    for batch in batches(mixtures):
        for m, k in ((batch.origin == EXAMPLE) & (batch.present > 0)).nonzero().tolist():
            (source,) = batch.members[m, k].nonzero().flatten().tolist()
            assert batch.example_names[batch.index[m, k]] == batch.source_names[m, source]


def test_a_stretch_that_points_belongs_to_its_source(mixtures):
    seen = 0
    for batch in batches(mixtures, 20):
        for m, k in (batch.origin == SPAN).nonzero().tolist():
            start, stop = (round(16_000 * float(t)) for t in batch.span[m, k])
            part = batch.sources[m, :, start:stop].square().sum(-1)
            (source,) = batch.members[m, k].nonzero().flatten().tolist()
            assert part[source] > 0.45 * part.sum()
            seen += 1
    assert seen


def test_stated_styles_tell_a_voice_from_the_others(mixtures):
    seen = 0
    for batch in batches(mixtures, 20):
        one_voice = batch.styles[..., STYLE_COLUMN["speech"]] > 0
        for m, k in (one_voice & (batch.origin == STYLE)).nonzero().tolist():
            stated = batch.styles[m, k]
            seen += 1
            assert stated[STYLE_COLUMN["gender=M"]] + stated[STYLE_COLUMN["gender=F"]] <= 1
    assert seen


def test_what_is_beside_a_thing_is_something_else(mixtures):
    for batch in batches(mixtures):
        for m, i, j in batch.beside.nonzero().tolist():
            assert i != j
            assert not (batch.members[m, i] * batch.members[m, j]).any()


def test_energies_are_those_of_the_spectra():
    """|m X - S|^2 by its three terms, against the sum over all places."""
    torch.manual_seed(0)
    remixer = QueryRemixer(MODEL).eval()
    sources = torch.randn(2, 3, 4000)
    with torch.no_grad():
        encoding = remixer.encode(sources.sum(1))
        spectra = remixer.transform((sources / encoding.level.unsqueeze(-1)).flatten(0, 1))
    spectra = spectra.view(2, 3, *spectra.shape[1:])
    members = torch.tensor([[[1.0, 0, 1], [0, 0, 0]], [[0, 1, 0], [1, 1, 1]]])
    mask = torch.randn(4, spectra.shape[-1], spectra.shape[-2])
    error, power, total = energies(mask, spectra, members, encoding)
    for i, (m, k) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        target = (members[m, k].view(-1, 1, 1) * spectra[m]).sum(0)
        found = mask[i].sigmoid().T * encoding.spectrum[m]
        assert error[i].item() == pytest.approx((found - target).abs().square().sum().item(), 1e-3)
        assert power[i].item() == pytest.approx(target.abs().square().sum().item(), 1e-3, 1e-3)
        assert total[i].item() == pytest.approx(
            encoding.spectrum[m].abs().square().sum().item(), 1e-4
        )


def test_a_loss_is_finite_and_reaches_every_part(stage):
    rng = np.random.default_rng(0)
    stage.modules.train()
    for _ in range(2):  # names are heard in the first step, and used in the second
        stage.modules.zero_grad()
        loss, figures = stage.loss(rng)
        assert torch.isfinite(loss)
        loss.backward()
    assert all(np.isfinite(value) for value in figures.values())
    without = [n for n, p in stage.modules.named_parameters() if p.grad is None]
    assert without == []
    assert (stage.names.heard > 0).any()


def test_a_validation_changes_no_name(stage):
    stage.modules.eval()
    with torch.no_grad():
        stage.loss(np.random.default_rng(0))
    assert stage.names.heard.sum() == 0


@pytest.mark.parametrize(
    "pattern", ["0111", "1000", "U1D1", "UUUU", "0011", "1U00", "10U1", "0D01"]
)
def test_filters_of_prompts_ask_for_the_gain_of_every_source(stage, pattern):
    """A stage that finds every source perfectly remixes as the instruction says."""
    descriptions = (
        SpeechDescription(gender="M", tempo="low"),
        SpeechDescription(gender="F", tempo="high"),
        AudioDescription(label="rain"),
        AudioDescription(label="dog barking"),
    )
    told = instruction(pattern, descriptions)
    for seed in range(30):
        prompt = write_prompt(told, np.random.default_rng(seed))
        rest, items = stage.things_of(prompt)
        gains = []
        for description in descriptions:
            parts = [
                (gain, wins)
                for phrase, gain, wins in items
                if _fits(phrase, description, descriptions)
            ]
            won = any(wins for _, wins in parts)
            gains.append(rest + sum(g - rest for g, wins in parts if wins or not won))
        assert gains == pytest.approx([a.gain for a in told.actions]), prompt.text


def _fits(phrase, description, descriptions):
    from lcr.prompts.generator.phrases import denoted

    return descriptions.index(description) in denoted(phrase, descriptions, (phrase,))


def test_a_room_and_a_codec_keep_the_length_and_a_band_limit_keeps_the_band():
    rng = np.random.default_rng(0)
    tone = np.sin(np.arange(16_000) * 2 * np.pi * 500 / 16_000).astype(np.float32)
    assert reverberate(tone, rng).shape == tone.shape
    decoded = through_codec(tone, 0.9)
    assert decoded.shape == tone.shape
    assert np.corrcoef(decoded[2000:14000], tone[2000:14000])[0, 1] > 0.9
    high = np.sin(np.arange(16_000) * 2 * np.pi * 6000 / 16_000).astype(np.float32)
    left = limit_band(np.stack([tone, high]), 3000.0)
    assert np.abs(left[0] - tone).max() < 1e-3
    assert np.abs(left[1]).max() < 1e-3
    assert np.sqrt(np.mean(np.square(noise_floor(16_000, rng)))) == pytest.approx(1, abs=1e-3)


def test_a_filter_lists_each_phrase_with_its_gain(stage):
    sounds = [AudioDescription(label=name) for name in LABELS[:2]]
    prompt = write_prompt(instruction("U0", sounds), np.random.default_rng(1))
    z = stage.filter_of(prompt)
    table = z[1:].view(MODEL.items, -1)
    listed = table[table[:, 0] > 0]
    assert sorted(listed[:, 1].tolist()) == [0.0, 2.0]
    assert z[0] == 1


def test_a_voice_asked_for_by_relation_has_it(mixtures):
    asked = 0
    for batch in batches(mixtures, 12):
        for m, k in (batch.origin == STYLE).nonzero().tolist():
            stated = {n for n, i in STYLE_COLUMN.items() if batch.styles[m, k, i]}
            relations = {n.removeprefix("relation=") for n in stated if "=" in n} & set(RELATIONS)
            if not relations:
                continue
            asked += 1
            (source,) = batch.members[m, k].nonzero().flatten().tolist()
            voices = (batch.source_names[m] < 0) & (batch.sources[m].abs().amax(-1) > 0)
            rows = [i for i in voices.nonzero().flatten().tolist() if i < len(voices) - 1]
            related = clear_relations([measure_voice(batch.sources[m, i].numpy()) for i in rows])
            assert relations <= set(related[rows.index(source)])
    assert asked > 3


def test_an_example_of_a_voice_is_no_name(mixtures, stage):
    voices = [b for b in batches(mixtures, 12) if (b.example_names < 0).any()]
    assert voices
    heard = stage.names.heard.clone()
    vectors = torch.randn(len(voices[0].example_names), MODEL.query_dim)
    assert torch.isfinite(stage._contrast(voices[0].example_names, vectors))
    stage.loss(np.random.default_rng(0))
    named = (mixtures.batch(np.random.default_rng(0)).example_names >= 0).sum()
    assert (stage.names.heard - heard).sum() == named

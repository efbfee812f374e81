"""LCR-Q as a Remixer: what is absent changes nothing, what is not understood is said."""

from __future__ import annotations

import contextlib
import json
import math

import numpy as np
import pytest
import soundfile
import torch

import lcr
from agents.planners.reading import load_offline_planner
from lcr.checkpoints import WeightsError
from lcr.cli import main
from lcr.errors import LcrError
from lcr.joint.open import OpenRemixer
from lcr.joint.query import Answer, QueryModel, Thresholds
from lcr.joint.torch_network import TorchNetwork, tables_of
from lcr.lexicon import load_lexicon
from lcr.nn.query.names import STYLE_COLUMNS, NameVectors, StyleVectors
from lcr.nn.query.remixer import ITEM_HEAD, QueryConfig, QueryRemixer
from lcr.nn.reader.shipped import weights_of
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.words import action_of
from lcr.remixer import RefusedError, SystemCard

COLUMNS = len(STYLE_COLUMNS)
LABELS = ("dog barking", "rain", "tuba")
ALWAYS, NEVER = Thresholds(absent=-math.inf, heard=-math.inf), Thresholds(absent=1e9, heard=1e9)
UNSURE = Thresholds(absent=-math.inf, heard=1e9)
SIZES = {
    "channels": 8,
    "blocks": 1,
    "query_dim": 8,
    "query_channels": 8,
    "query_blocks": 1,
    "match_dim": 4,
    "film_hidden": 8,
    "mask_hidden": 8,
    "encoder_hidden": 8,
    "presence_hidden": 8,
    "items": 4,
}


def tiny_parts(columns=COLUMNS):
    torch.manual_seed(0)
    config = QueryConfig(**SIZES)
    names = NameVectors(torch.from_numpy(load_lexicon().attributes(LABELS)), config.query_dim)
    names.update(torch.arange(len(LABELS)), torch.randn(len(LABELS), config.query_dim))
    return QueryRemixer(config), names, StyleVectors(columns, 8, config.query_dim)


def tiny_model(columns=COLUMNS, **thresholds):
    remixer, names, styles = tiny_parts(columns)
    sorts = ("recorded", "unrecorded", "style", "scope", "kind")
    sure = {sort: thresholds.get(sort, ALWAYS) for sort in sorts}
    tables = tables_of(names, styles, LABELS, [3, 1, 2])
    return QueryModel(TorchNetwork(remixer, names, styles), tables, sure)


def tiny_remixer(columns=COLUMNS, **thresholds):
    card = SystemCard(name="tiny", family="joint", sample_rate=16_000, points=True)
    return OpenRemixer(tiny_model(columns, **thresholds), OpenReader.load(), card)


@pytest.fixture
def mixture():
    return (0.1 * np.random.default_rng(0).standard_normal((2, 24_000))).astype(np.float32)


def test_what_is_heard_is_changed_and_said(mixture):
    done = tiny_remixer().remix(mixture, 16_000, "remove the dog and turn up the rain by 6 dB")
    assert done.audio.shape == mixture.shape
    assert not np.array_equal(done.audio, mixture)
    assert [(one.action, one.presence) for one in done.understood] == [
        ("remove", "heard"),
        ("turn up", "heard"),
    ]
    assert done.understood[0].gain_db is None
    assert done.understood[1].gain_db == pytest.approx(6, abs=0.1)
    assert len(done.warnings) >= sum(one.falls_short for one in done.understood)


@pytest.mark.parametrize("rate", [16_000, 44_100, 8_000])
@pytest.mark.parametrize("prompt", ["remove the dog", "keep only the dog", "remove the helicopter"])
def test_a_recording_without_what_is_asked_for_comes_back_bit_for_bit(mixture, rate, prompt):
    done = tiny_remixer(recorded=NEVER, unrecorded=NEVER).remix(mixture, rate, prompt)
    assert np.array_equal(done.audio, mixture)
    assert done.understood[0].presence == "absent"
    assert done.understood[0].is_missing
    assert any(done.understood[0].words.split()[-1] in text for text in done.warnings)


def test_what_is_absent_leaves_the_rest_of_the_prompt_in_force(mixture):
    """The helicopter is not there, the dog is."""
    remixer = tiny_remixer(unrecorded=NEVER)
    both = remixer.remix(mixture, 16_000, "remove the dog and the helicopter")
    alone = remixer.remix(mixture, 16_000, "remove the dog")
    assert np.array_equal(both.audio, alone.audio)
    assert [one.presence for one in both.understood] == ["heard", "absent"]


def test_not_sure_acts_and_says_so(mixture):
    done = tiny_remixer(recorded=UNSURE).remix(mixture, 16_000, "remove the dog")
    assert done.understood[0].presence == "not sure"
    assert not np.array_equal(done.audio, mixture)
    assert done.warnings


def test_words_that_mean_no_sound_are_said_not_understood(mixture):
    done = tiny_remixer().remix(mixture, 16_000, "remove the zorblax")
    assert np.array_equal(done.audio, mixture)
    assert [one.presence for one in done.understood] == ["not understood"]


@pytest.mark.parametrize("prompt", ["what time is it?", "transcribe this"])
def test_what_is_no_request_is_refused(mixture, prompt):
    with pytest.raises(RefusedError):
        tiny_remixer().remix(mixture, 16_000, prompt)


def test_everything_is_scaled_exactly(mixture):
    done = tiny_remixer().remix(mixture, 16_000, "make everything twice as loud")
    assert np.allclose(done.audio, 2 * mixture, atol=1e-6)


def test_silence_holds_nothing():
    silence = np.zeros((1, 8000), dtype=np.float32)
    done = tiny_remixer().remix(silence, 16_000, "remove the dog")
    assert np.array_equal(done.audio, silence)
    assert done.understood[0].presence == "absent"


def test_chunks_of_a_long_recording_share_what_was_heard(mixture):
    remixer = tiny_remixer()
    ready = remixer.prepare("remove the dog")
    for _ in range(2):
        ready.core(mixture)
    assert [one.presence for one in ready.finish().understood] == ["heard"]


@pytest.mark.parametrize(
    ("gain", "action"),
    [(0, "remove"), (1, "keep"), (1.003, "keep"), (2, "turn up"), (0.5, "turn down")],
)
def test_actions_follow_the_gain(gain, action):
    assert action_of(gain) == action


def save_checkpoint(folder, **thresholds):
    from safetensors.torch import save_file

    tensors = {
        f"{part}.{key}": value.contiguous()
        for part, module in zip(("remixer", "names", "styles"), tiny_parts(), strict=True)
        for key, value in module.state_dict().items()
    }
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    config = {
        "schema": 1,
        "remixer": {"kind": "query", **SIZES, "band_bins": list(QueryConfig().band_bins)},
        "style_hidden": 8,
        "names": {
            "labels": list(LABELS),
            "recordings": [3, 1, 2],
            "ridge": 1.0,
            "thresholds": thresholds,
        },
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def test_a_checkpoint_folder_loads_as_it_was_saved(tmp_path, mixture):
    folder = save_checkpoint(tmp_path / "tiny")
    loaded = lcr.load(folder)
    done = loaded.remix(mixture, 16_000, "remove everything but the dog")
    assert done.understood[0].presence in ("heard", "not sure", "absent")
    model = loaded.remixer.model
    assert np.allclose(model.of_name("rain"), tiny_model().of_name("rain"), atol=1e-6)
    (folder / "config.json").write_text('{"remixer": {"kind": "query"}}', encoding="utf-8")
    with pytest.raises(WeightsError):
        lcr.load(folder)


def test_the_command_ends_with_4_and_copies_where_nothing_is_there(tmp_path, mixture):
    never = {sort: {"absent": 1e9, "heard": 1e9} for sort in ("recorded", "unrecorded", "kind")}
    folder = save_checkpoint(tmp_path / "tiny", **never)
    source, target = tmp_path / "in.wav", tmp_path / "out.wav"
    soundfile.write(source, mixture.T, 16_000, subtype="PCM_16")
    command = ["remix", str(source), "remove the dog", "-o", str(target), "--system", str(folder)]
    assert main(command) == 4
    given, made = soundfile.read(source)[0], soundfile.read(target)[0]
    assert np.array_equal(given, made)


def test_a_name_of_no_lexicon_has_no_vector():
    with pytest.raises(LcrError):
        tiny_model().of_name("no such sound")
    with pytest.raises(LcrError):
        tiny_model().of_kind("no such kind")


def test_a_filter_holds_as_many_things_as_it_says():
    model = tiny_model()
    thing = (0.0, False, model.of_name("rain"))
    encoding = model.encode(np.ones(2000, np.float32))
    assert model.remix(encoding, 1.0, [thing] * 4).wave.shape == (2000,)
    with pytest.raises(ValueError, match="4"):
        model.remix(encoding, 1.0, [thing] * 5)


def test_the_mask_is_the_networks_own():
    """What is trained, `QueryRemixer.forward`, and what remixes are written apart."""
    remixer, model = tiny_parts()[0].eval(), tiny_model()
    wave = (0.1 * np.random.default_rng(1).standard_normal(3001)).astype(np.float32)
    items = [(0.0, False, "rain"), (2.0, True, "tuba"), (0.5, False, "dog barking")]
    z = torch.zeros(remixer.config.z_dim)
    z[0] = 0.25
    table = z[1:].view(remixer.config.items, -1)
    for row, (gain, wins, name) in zip(table, items, strict=False):
        row[:ITEM_HEAD] = torch.tensor([1.0, gain, wins])
        row[ITEM_HEAD:] = torch.from_numpy(model.of_name(name))
    with torch.no_grad():
        expected = remixer(torch.from_numpy(wave)[None], z[None, None])[0, 0].numpy()
    asked = [(gain, wins, model.of_name(name)) for gain, wins, name in items]
    ours = model.remix(model.encode(wave), 0.25, asked).wave
    np.testing.assert_allclose(ours, expected, atol=1e-6)


@pytest.mark.parametrize("share", [0.2, 0.7])
def test_what_a_remix_reached_is_told(share, mixture, monkeypatch):
    """A mask of `share` everywhere expects that share of the energy to be the thing's."""
    remixer = tiny_remixer()
    network = remixer.model.network

    def answer(features, energy, queries, others):
        parts = np.full((len(queries), *energy.T.shape), share, np.float32)
        return Answer(parts, np.full(len(queries), 9.0, np.float32))

    monkeypatch.setattr(network, "answer", answer)
    done = remixer.remix(mixture, 16_000, "remove the rain")
    (rain,) = done.understood
    assert rain.reached_db == pytest.approx(20 * math.log10(1 - share), abs=0.1)
    assert rain.falls_short
    assert "rain" in done.warnings[-1]
    kept = remixer.remix(mixture, 16_000, "keep only the rain").understood
    levels = {one.action: one.reached_db for one in kept}
    assert levels["keep"] == pytest.approx(20 * math.log10(share), abs=0.1)
    assert levels["remove"] == pytest.approx(20 * math.log10(share), abs=0.1)


def test_a_sound_that_is_rather_another_is_told(mixture, monkeypatch):
    remixer = tiny_remixer()
    tuba = remixer.model.of_name("tuba")
    monkeypatch.setattr(remixer.model.network, "describe", lambda *_: tuba)
    monkeypatch.setattr("lcr.joint.listening.UNLIKE", 0.99)
    for prompt, rather in (
        ("remove the rain", ("tuba",)),
        ("mute the tuba", ()),
        ("mute the man", ()),
    ):
        done = remixer.remix(mixture, 16_000, prompt)
        assert [one.rather[:1] for one in done.understood] == [rather]
        assert any("tuba" in told and "rain" in told for told in done.warnings) == bool(rather)


def test_a_sound_that_is_pointed_at_is_there_and_changed(mixture):
    done = tiny_remixer().remix(mixture, 16_000, "remove the sound at 0:01")
    assert [(o.words, o.presence) for o in done.understood] == [("the sound at 0:01", "heard")]
    assert not np.array_equal(done.audio, mixture)


@pytest.mark.parametrize("rate", [16_000, 8_000])
def test_pointing_in_a_file_is_pointing_in_its_samples(tmp_path, mixture, rate):
    source = tmp_path / "in.wav"
    soundfile.write(source, mixture.T, rate, subtype="FLOAT")
    loaded = lcr.api.LoadedRemixer(tiny_remixer())
    loaded.remix_file(source, tmp_path / "out.wav", "remove the sound at 0:01")
    expected = loaded.remix(mixture, rate, "remove the sound at 0:01").audio
    assert np.allclose(soundfile.read(tmp_path / "out.wav")[0].T, expected, atol=1e-5)


def test_an_example_stands_for_the_word_it(tmp_path, mixture):
    example = tmp_path / "other.wav"
    soundfile.write(example, mixture[0, :9000], 16_000, subtype="FLOAT")
    loaded = lcr.api.LoadedRemixer(tiny_remixer())
    by_file = loaded.remix(mixture, 16_000, "remove it", like=example)
    by_array = loaded.remix(mixture, 16_000, "remove it", like=mixture[0, :9000])
    assert by_file.understood[0].action == "remove"
    assert np.allclose(by_file.audio, by_array.audio, atol=1e-6)
    with pytest.raises(LcrError):
        loaded.remix(mixture, 16_000, "louder", like=example)


def test_a_time_behind_the_end_is_an_error(mixture):
    with pytest.raises(LcrError):
        tiny_remixer().remix(mixture, 16_000, "remove the sound at 0:59")


def test_a_system_that_cannot_be_pointed_says_so(mixture):
    loaded = lcr.load("mixture")
    for extra in ({"prompt": "remove the sound at 0:01"}, {"prompt": "remove it", "like": mixture}):
        with pytest.raises(LcrError):
            loaded.remix(mixture, 16_000, **extra)


@pytest.mark.parametrize("words", ["first speaker", "louder voice", "deeper voice"])
def test_voices_by_relation_need_weights_that_know_relations(mixture, words):
    knows = tiny_remixer().remix(mixture, 16_000, f"mute the {words}")
    assert [one.presence for one in knows.understood] == ["heard"]
    older = tiny_remixer(columns=STYLE_COLUMNS.index("all_audio") + 1)
    lacks = older.remix(mixture, 16_000, f"mute the {words}")
    assert [one.presence for one in lacks.understood] == ["not understood"]
    assert np.array_equal(lacks.audio, mixture)


@pytest.mark.parametrize(
    "words", ["other speaker", "nearer voice", "second speaker", "last voice", "frobnicator"]
)
def test_a_voice_that_cannot_be_told_is_said_not_understood(mixture, words):
    done = tiny_remixer().remix(mixture, 16_000, f"mute the {words}")
    assert np.array_equal(done.audio, mixture)
    assert done.understood[0].is_missing


def test_styles_that_cannot_be_told_reliably_are_warned_of(mixture):
    fast, angry, man = (
        tiny_remixer().remix(mixture, 16_000, f"mute the {words}")
        for words in ("fast speaker", "angry man", "man")
    )
    assert any("tempo" in one for one in fast.warnings)
    assert any("emotion" in one for one in angry.warnings)
    assert not any("reliably" in one for one in man.warnings)


def test_everything_is_changed_though_what_else_is_named_is_absent(mixture):
    prompt = "turn everything down by 6 dB and remove the helicopter"
    done = tiny_remixer(unrecorded=NEVER).remix(mixture, 16_000, prompt)
    assert np.allclose(done.audio, mixture * 10 ** (-6 / 20), atol=1e-5)
    assert {o.presence for o in done.understood} == {"absent", "heard"}


def test_of_everything_but_the_dog_the_dog_stays():
    whole, fragment = OpenReader.load().read(
        ["remove everything but the dog", "everything but the dog"]
    )
    assert [t.gain for t in whole.listed] == [1.0]
    assert whole.rest_gain == 0
    # The fragment can mean either; what does neither has to say so.
    assert {t.gain for t in fragment.listed} != {fragment.rest_gain} or fragment.not_understood


@pytest.mark.parametrize("prompt", ["make the dog 0 times quieter", "turn up the dog by 10000 dB"])
def test_impossible_amounts_are_refused_or_finite(mixture, prompt):
    with contextlib.suppress(RefusedError):
        assert np.isfinite(tiny_remixer().remix(mixture, 16_000, prompt).audio).all()


@pytest.mark.parametrize("example", [np.zeros(9000), np.ones(3), np.full(9000, np.nan)])
def test_an_example_without_sound_is_an_error(mixture, example):
    loaded = lcr.api.LoadedRemixer(tiny_remixer())
    with pytest.raises((LcrError, ValueError)):
        loaded.remix(mixture, 16_000, "remove it", like=example.astype(np.float32))


def test_a_silent_stretch_cannot_be_pointed_at():
    silence = np.zeros((1, 64_000), dtype=np.float32)
    silence[:, :16_000] = 0.1
    with pytest.raises(LcrError):
        tiny_remixer().remix(silence, 16_000, "remove the sound at 0:03")


def test_an_amount_in_numbers_goes_as_much_further_as_the_mask_misses(mixture):
    """An untrained mask finds a share of everything alike: what it hedges is made up for."""
    remixer = tiny_remixer()

    def level_db(prompt):
        done = remixer.remix(mixture, 16_000, prompt)
        return 10 * math.log10(np.square(done.audio).mean() / np.square(mixture).mean())

    vague, stated = level_db("turn the dog up"), level_db("turn the dog up by 6 dB")
    assert 0 < vague < stated
    assert level_db("turn the dog down by 3 dB") == pytest.approx(-3, abs=1)


def test_a_result_of_another_reader_is_another_result():
    card = lcr.load("lcr").card
    assert {"lcr-q", "open-reader", "open-reader/names.safetensors"} <= set(card.weights)
    assert weights_of() == load_offline_planner().weights
    assert weights_of().items() <= card.weights.items()

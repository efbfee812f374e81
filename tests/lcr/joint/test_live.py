"""Live remixing: chunks of any length give what the whole gives, late by what is stated."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lcr.audio.low_delay import Floats, LowDelayTransform
from lcr.checkpoints import WeightsError
from lcr.joint.live import LiveModel, StreamingRemixer, load_live
from lcr.joint.torch_live import TorchLive
from lcr.nn.grounded.causal import CausalConfig, CausalRemixer
from lcr.nn.reader.slots import SlotVocabulary
from lcr.prompts.pointing import PointingError
from lcr.prompts.reading import OpenReader
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.remixer import Audio, RefusedError

LABELS = ("dog barking", "cat meowing", "rain")
COLUMNS = len(SlotVocabulary(LABELS).columns)
SMALL = CausalConfig(
    n_fft=640,
    hop=160,
    band_bins=(20, 60, 80, 161),
    channels=8,
    blocks=2,
    query_channels=8,
    match_dim=4,
    film_hidden=4,
    mask_hidden=8,
    z_dim=4 * COLUMNS + 1,
    columns=COLUMNS,
    level_frames=20.0,
)
RATES = (8_000, 16_000, 22_050, 44_100, 48_000)
PROMPTS = ("remove the dog", "turn the rain up", "turn everything down", "keep everything")


@cache
def model() -> LiveModel:
    torch.manual_seed(0)
    network = CausalRemixer(SMALL)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    sizes = {"hop": 160, "band_bins": SMALL.band_bins, "channels": 8, "blocks": 2}
    config = {"labels": LABELS, "remixer": {**sizes, "level_frames": 20.0}}
    return LiveModel(TorchLive(network), config, OpenReader(KeywordTagger()))


def streaming(prompt: str, rate: int = 16_000, channels: int = 1) -> StreamingRemixer:
    return StreamingRemixer(model(), prompt, sample_rate=rate, channels=channels)


def whole(audio: Audio, prompt: str, rate: int) -> Audio:
    return pushed(streaming(prompt, rate, len(audio)), audio, [audio.shape[1]])


def forward(audio: Audio, *slots: str) -> Audio:
    """What the network makes of all of a recording at 16 kHz, by its own transform."""
    names = SlotVocabulary(LABELS).names
    z = torch.zeros(1, 1, len(names))
    z[..., [names.index(slot) for slot in slots]] = 1
    network = model().network
    assert isinstance(network, TorchLive)
    with torch.inference_mode():
        out: Audio = network.remixer(torch.from_numpy(audio), z)[0].numpy()
    return out


def noise(channels: int, samples: int, seed: int = 0) -> Audio:
    shape = (channels, samples)
    return (0.1 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def pushed(remixer: StreamingRemixer, audio: Audio, sizes: list[int]) -> Audio:
    """Aligned with `audio`: by chunks of `sizes` over and over, and the end."""
    parts, start, index = [], 0, 0
    while start < audio.shape[1]:
        chunk = audio[:, start : start + sizes[index % len(sizes)]]
        parts.append(remixer.push(chunk))
        assert parts[-1].shape == chunk.shape
        start, index = start + chunk.shape[1], index + 1
    return np.concatenate([*parts, remixer.finish()], 1)[:, remixer.latency :]


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(RATES),
    st.integers(1, 2),
    st.integers(1, 6_000),
    st.lists(st.integers(1, 1_500), min_size=1, max_size=8),
)
def test_any_chunks_equal_the_whole(
    rate: int, channels: int, samples: int, sizes: list[int]
) -> None:
    audio = noise(channels, samples)
    got = pushed(streaming("remove the dog", rate, channels), audio, sizes)
    np.testing.assert_allclose(got, whole(audio, "remove the dog", rate), atol=1e-5)


def test_single_samples_equal_the_network_s_own_forward() -> None:
    audio = noise(1, 1_000)
    got = pushed(streaming("turn the rain up"), audio, [1])
    assert np.abs(got - audio).max() > 1e-3  # it does something
    np.testing.assert_allclose(got, forward(audio, "U rain"), atol=1e-5)


def test_things_and_scopes_reach_the_network_by_their_slots() -> None:
    audio = noise(1, 3_000)
    for prompt, *slots in (
        ("remove the dog and the rain", "0 dog barking", "0 rain"),
        ("remove the dog and turn the rain up", "0 dog barking", "U rain"),
        ("keep only the dog", "1 dog barking", "remove what is not named"),
        ("turn the woman down", "D speech", "D gender=F"),
        ("mute all voices", "0 all_speech"),
    ):
        got = whole(audio, prompt, 16_000)
        np.testing.assert_allclose(got, forward(audio, *slots), atol=1e-5, err_msg=prompt)


def test_an_amount_is_what_it_says() -> None:
    audio = noise(1, 3_000)
    twice = whole(audio, "turn the rain up", 16_000) - audio
    some = whole(audio, "turn the rain up by 3 dB", 16_000) - audio
    np.testing.assert_allclose(some, (10 ** (3 / 20) - 1) * twice, atol=1e-5)


def test_the_narrower_thing_wins() -> None:
    asked = model().read("mute the animals but not the dog").filter
    labels = asked.asked[asked.gains == 0, : len(LABELS)]
    assert labels.tolist() == [[0, 1, 0]]


def test_what_it_cannot_find_is_told_and_not_taken_for_something_else() -> None:
    said = model().read("remove the dog and the theremin")
    assert len(said.warnings) == 1
    assert "theremin" in said.warnings[0]
    assert len(said.filter.gains) == 1
    for prompt in ("remove the theremin", "turn the higher voice up", "what time is it?"):
        with pytest.raises(RefusedError):
            model().read(prompt)
    with pytest.raises(PointingError):
        model().read("remove the sound at 0:03")


@pytest.mark.parametrize("rate", RATES)
def test_latency_is_what_is_stated_and_at_most_20_ms(rate: int) -> None:
    remixer = streaming("turn everything down", rate)
    click = np.zeros((1, rate // 10), np.float32)
    click[0, 333] = 1.0
    out = remixer.push(click)
    assert remixer.latency_s <= 0.020
    assert int(np.abs(out[0]).argmax()) == 333 + remixer.latency
    assert out[0, 333 + remixer.latency] == pytest.approx(0.5, abs=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 3_000), st.sampled_from(list(PROMPTS)))
def test_the_future_is_not_heard(at: int, prompt: str) -> None:
    audio = noise(1, 4_000)
    other = audio.copy()
    other[:, at:] = noise(1, 4_000 - at, seed=1)
    one, two = streaming(prompt), streaming(prompt)
    a, b = one.push(audio), two.push(other)
    np.testing.assert_allclose(a[:, :at], b[:, :at], atol=1e-6)


def test_above_8_khz_follows_the_highest_band() -> None:
    t = np.arange(48_000) / 48_000
    tone = (0.1 * np.sin(2 * np.pi * 15_000 * t)).astype(np.float32)[None]
    got = pushed(streaming("turn everything down", 48_000), tone, [480])
    np.testing.assert_allclose(got, 0.5 * tone, atol=1e-5)


def test_channels_stay_apart() -> None:
    stereo = noise(2, 3_000)
    stereo[1] *= 0.05
    got = pushed(streaming("remove the dog", channels=2), stereo, [160])
    for channel, out in zip(stereo, got, strict=True):
        alone = pushed(streaming("remove the dog"), channel[None], [160])
        np.testing.assert_allclose(out[None], alone, atol=1e-5)


def test_a_prompt_changes_without_a_click_and_ends_where_it_would_have_been() -> None:
    t = np.arange(32_000) / 16_000
    tone = (0.5 * np.sin(2 * np.pi * 200 * t)).astype(np.float32)[None]
    remixer = streaming("keep everything")
    parts = [remixer.push(tone[:, :16_000])]
    remixer.ask("turn everything down")
    parts += [remixer.push(tone[:, 16_000:]), remixer.finish()]
    out = np.concatenate(parts, 1)[0, remixer.latency :]
    np.testing.assert_allclose(out[:15_000], tone[0, :15_000], atol=1e-5)
    np.testing.assert_allclose(out[18_000:], 0.5 * tone[0, 18_000:], atol=1e-5)
    # A tone at 200 Hz has no second difference beyond its own; a jump of half of it would.
    own = np.abs(np.diff(tone[0], 2)).max()
    assert np.abs(np.diff(out, 2)).max() < 1.5 * own


def test_the_stem_is_not_reset_by_a_new_prompt() -> None:
    audio = noise(1, 12_000)
    remixer = streaming("turn the rain up")
    parts = [remixer.push(audio[:, :4_000])]
    remixer.ask("remove the dog")
    parts += [remixer.push(audio[:, 4_000:]), remixer.finish()]
    out = np.concatenate(parts, 1)[:, remixer.latency :]
    expected = whole(audio, "remove the dog", 16_000)
    np.testing.assert_allclose(out[:, 6_000:], expected[:, 6_000:], atol=1e-5)


def test_of_prompts_asked_during_a_change_the_last_one_counts() -> None:
    audio = noise(1, 12_000)
    remixer = streaming("keep everything")
    parts = []
    for start in range(0, 12_000, 160):
        if start in (1_600, 1_760, 1_920):
            remixer.ask(
                {
                    1_600: "turn everything down",
                    1_760: "turn the rain up",
                    1_920: "keep everything",
                }[start]
            )
        parts.append(remixer.push(audio[:, start : start + 160]))
    out = np.concatenate([*parts, remixer.finish()], 1)[:, remixer.latency :]
    np.testing.assert_allclose(out[:, 6_000:], audio[:, 6_000:], atol=1e-5)


def test_level_is_followed_so_that_output_scales_with_input() -> None:
    audio = noise(1, 8_000)
    loud = pushed(streaming("remove the dog"), audio, [500])
    soft = pushed(streaming("remove the dog"), 0.01 * audio, [500])
    np.testing.assert_allclose(soft, 0.01 * loud, atol=1e-5)


def test_silence_gives_silence_and_sound_after_it_is_finite() -> None:
    remixer = streaming("remove the dog")
    assert not remixer.push(np.zeros((1, 160_000), np.float32)).any()
    out = remixer.push(noise(1, 4_000))
    assert np.isfinite(out).all()
    assert out.any()


def test_state_does_not_grow() -> None:
    remixer = streaming("remove the dog")
    remixer.push(noise(1, 500))
    size = [len(remixer._input), len(remixer._output)]
    remixer.push(noise(1, 160 * 400))
    assert [len(remixer._input), len(remixer._output)] == size


def test_what_is_no_sound_is_refused_and_nothing_of_it_taken() -> None:
    audio = noise(1, 2_000)
    remixer = streaming("remove the dog")
    for bad in (np.zeros((2, 9), np.float32), audio[0]):
        with pytest.raises(ValueError, match="expected"):
            remixer.push(bad)
    assert remixer.push(audio[:, :0]).shape == (1, 0)
    got = pushed(remixer, audio, [333])
    np.testing.assert_allclose(got, whole(audio, "remove the dog", 16_000), atol=1e-5)


@pytest.mark.parametrize("spike", [np.nan, np.inf, -np.inf, 3e38, 1e19, -1e7])
@pytest.mark.parametrize("sizes", [[160], [2_000]])
def test_a_spike_is_silence_and_nothing_more(spike: float, sizes: list[int]) -> None:
    audio = noise(1, 8_000)
    silent, audio[0, 3_000] = audio.copy(), spike
    silent[0, 3_000] = 0
    remixer = streaming("remove the dog")
    got = pushed(remixer, audio, sizes)
    assert remixer.silenced
    np.testing.assert_allclose(got, whole(silent, "remove the dog", 16_000), atol=1e-5)


def test_a_network_that_comes_to_nothing_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    remixer, synthesise = streaming("turn everything down"), LowDelayTransform.synthesise
    overflows = iter([True])

    def once(
        transform: LowDelayTransform, spectrum: NDArray[np.complex64]
    ) -> tuple[Floats, Floats]:
        factor = np.complex64(np.nan if next(overflows, False) else 1)
        first, second = synthesise(transform, factor * spectrum)
        return first, second

    monkeypatch.setattr(LowDelayTransform, "synthesise", once)
    audio = noise(1, 8_000)
    got = pushed(remixer, audio, [1_000])
    assert remixer.silenced
    assert not got[:, :600].any()
    np.testing.assert_allclose(got[:, 2_000:], 0.5 * audio[:, 2_000:], atol=1e-5)


def test_what_cannot_stream_is_refused() -> None:
    with pytest.raises(WeightsError):
        load_live("lcr-g")
    with pytest.raises(ValueError, match="2 kHz"):
        streaming("turn everything down", 500)
    with pytest.raises(ValueError, match="channels"):
        streaming("turn everything down", channels=0)
    with pytest.raises(ValueError, match="channels"):
        streaming("turn everything down", channels=65_535)

"""`lcr.load`: one call for files, arrays and tensors; what goes in comes out in kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import lcr
from baselines.mixture import MixtureRemixer
from lcr.api import LoadedRemixer
from lcr.audio.core import Clip, read_audio
from lcr.errors import AudioFileError
from lcr.prompts.request import PromptError
from lcr.registry import SystemOptionError, UnknownSystemError
from lcr.remixer import Audio, InvalidRemixError, Remix
from lcr.running.chunked import PreparedRemixer
from tests.lcr.running.test_files import Scaling, recording


@pytest.fixture
def half() -> LoadedRemixer:
    return LoadedRemixer(Scaling(0.5))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.float16])
@pytest.mark.parametrize("shape", [(100,), (1, 100), (3, 100)])
def test_arrays_come_back_in_kind(
    half: LoadedRemixer, shape: tuple[int, ...], dtype: type[np.floating]
) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, shape).astype(dtype)
    remix = half.remix(sound, 8_000, "half")
    assert (remix.audio.shape, remix.audio.dtype) == (shape, dtype)
    np.testing.assert_allclose(remix.audio, sound / 2, atol=1e-3)
    assert (remix.sample_rate, [step.name for step in remix.trace]) == (8_000, ["half"])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_tensors_come_back_in_kind(half: LoadedRemixer, dtype: torch.dtype) -> None:
    sound = torch.rand(2, 100).to(dtype).requires_grad_()
    remix = half.remix(sound, 8_000, "half")
    assert (remix.audio.dtype, remix.audio.shape) == (dtype, (2, 100))
    torch.testing.assert_close(remix.audio, sound.detach() / 2, atol=4e-3, rtol=0)


def test_files_and_clips(half: LoadedRemixer, tmp_path: Path) -> None:
    recording(tmp_path / "a.wav", subtype="FLOAT")
    clip = read_audio(tmp_path / "a.wav")
    for sound in (tmp_path / "a.wav", str(tmp_path / "a.wav"), clip):
        remix = half.remix(sound, "half")
        np.testing.assert_array_equal(remix.audio, clip.audio / 2)
        assert remix.sample_rate == 44_100
    remix.save(tmp_path / "b.wav")
    np.testing.assert_array_equal(read_audio(tmp_path / "b.wav").audio, clip.audio / 2)
    done = half.remix_file(tmp_path / "a.wav", tmp_path / "c.wav", "half", gain_db=-6)
    assert done.peak_db == pytest.approx(20 * np.log10(np.abs(remix.audio).max()) - 6, abs=1e-3)
    with pytest.raises(AudioFileError, match="does not exist"):
        half.remix(tmp_path / "none.wav", "half")


def test_prompts_are_read_as_at_the_front_door(half: LoadedRemixer, tmp_path: Path) -> None:
    heard: list[str] = []
    bare = half.remixer.remix

    def remix(mixture: Audio, sample_rate: int, prompt: str, **more: Any) -> Remix:
        heard.append(prompt)
        return bare(mixture, sample_rate, prompt, **more)

    half.remixer.remix = remix  # type: ignore[method-assign]
    sound = np.ones((1, 8_000), np.float32)
    misspelt = half.remix(sound, 8_000, '"remvoe teh dogg from 0.2 s to 0.4 s"')
    assert heard == ["remove the dog"]
    assert misspelt.trace[0].detail == 'read as "remove the dog from 0.2 s to 0.4 s"'
    assert len(half.remix(sound, 8_000, '"remove the dog"').trace) == 1
    for wrong in (" ", "entferne den Hund"):
        with pytest.raises(PromptError):
            half.remix(sound, 8_000, wrong)
    recording(tmp_path / "a.wav", subtype="FLOAT")
    with pytest.raises(PromptError, match="is empty"):
        half.remix_file(tmp_path / "a.wav", tmp_path / "b.wav", '""')


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((np.zeros((100, 2), np.float32), 8_000, "x"), r"\(100, 2\): give its transpose"),
        ((np.zeros((1, 2, 3), np.float32), 8_000, "x"), r"\(samples,\) or \(channels, samples\)"),
        ((np.zeros(9, np.int16), 8_000, "x"), "divide 16-bit integers by 32768"),
        (([0.0, 0.1], 8_000, "x"), "got list"),
        ((np.zeros(9, np.float32), "x"), "needs its sample rate"),
        ((Clip(audio=np.zeros((1, 9), np.float32), sample_rate=8), 8, "x"), "knows its sample"),
        (("x.wav", 44_100), "knows its sample"),
        ((Clip(audio=np.zeros((1, 9), np.float32), sample_rate=8), 8), "knows its sample"),
        ((np.zeros(9, np.float32), "mute the dog", 8_000), "needs its sample rate"),
        ((np.zeros(9, np.float32), 8_000.5, "mute the dog"), "integer"),
        ((np.zeros(9, np.float32), 8_000, 5), "expected a prompt"),
        ((np.zeros(9, np.float32), 8_000, "street.WAV"), "prompt comes last"),
    ],
)
def test_what_is_no_sound_is_refused(half: LoadedRemixer, arguments: tuple, words: str) -> None:
    with pytest.raises((TypeError, ValueError), match=words):
        half.remix(*arguments)


def test_a_file_is_no_prompt(half: LoadedRemixer, tmp_path: Path) -> None:
    recording(tmp_path / "a.wav", subtype="FLOAT")
    with pytest.raises(TypeError, match="prompt comes last"):
        half.remix_file(tmp_path / "a.wav", "mute the dog", "b.wav")
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize(
    "remix",
    [
        lambda x: Remix(audio=x[:, :-1]),
        lambda x: Remix(audio=x * np.float32(np.nan)),
        lambda x: Remix(audio=x.astype(np.float64)),
        lambda x: x,
    ],
)
def test_what_is_no_remix_is_never_handed_on(remix: Callable[[Audio], Any]) -> None:
    class Broken(MixtureRemixer):
        def remix(self, mixture: Audio, *_: Any, **__: Any) -> Any:
            return remix(mixture)

    with pytest.raises(InvalidRemixError):
        LoadedRemixer(Broken()).remix(np.ones((1, 9), np.float32), 8_000, "mute the dog")


def test_load_knows_names_and_their_options(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mixture").mkdir()  # what is registered comes before a folder of its name
    loaded = lcr.load("mixture")
    assert loaded.card.name == "mixture"
    with pytest.raises(UnknownSystemError, match="did you mean mixture"):
        lcr.load("mixtur")
    with pytest.raises(SystemOptionError):
        lcr.load("mixture", device="cpu")
    with pytest.raises(TypeError, match="takes no weights"):
        lcr.load(tmp_path, weights="x")


def test_lcr_gives_a_file_what_it_gives_an_array(tmp_path: Path) -> None:
    source = recording(tmp_path / "a.wav", 1.0, subtype="FLOAT")
    loaded = lcr.load("lcr")
    assert isinstance(loaded.remixer, PreparedRemixer)
    loaded.remix_file(source.path, tmp_path / "b.wav", "turn the rain down")
    expected = loaded.remix(source.path, "turn the rain down").audio
    np.testing.assert_allclose(read_audio(tmp_path / "b.wav").audio, expected, rtol=0, atol=1e-5)

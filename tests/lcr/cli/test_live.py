"""`lcr live`: through pipes sample for sample, through (stand-in) devices chunk by chunk."""

from __future__ import annotations

import io
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import soundfile

from lcr.cli import main
from lcr.joint import live as streaming
from lcr.remixer import Audio
from tests.lcr.joint.test_live import model, noise, pushed
from tests.lcr.joint.test_live import streaming as stream_of


@pytest.fixture(autouse=True)
def small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming, "load_live", lambda weights: model())


class Pipe(io.BytesIO):
    """Binary standard input or output, as sys has it."""

    @property
    def buffer(self) -> Pipe:
        return self


def through(monkeypatch: pytest.MonkeyPatch, content: bytes, *arguments: str) -> bytes:
    out = Pipe()
    monkeypatch.setattr(sys, "stdin", Pipe(content))
    monkeypatch.setattr(sys, "stdout", out)
    assert main(["live", "--pipe", *arguments]) == 0
    return out.getvalue()


@pytest.mark.parametrize(("rate", "chunk_ms"), [(16_000, "10"), (44_100, "3.3")])
def test_a_wav_comes_out_remixed_in_its_place(
    monkeypatch: pytest.MonkeyPatch, rate: int, chunk_ms: str
) -> None:
    audio, file = noise(2, 5_001), io.BytesIO()
    soundfile.write(file, audio.T, rate, subtype="FLOAT", format="WAV")
    out = through(monkeypatch, file.getvalue(), "remove the dog", "--chunk-ms", chunk_ms)
    got, got_rate = soundfile.read(io.BytesIO(out), dtype="float32")
    assert got_rate == rate
    expected = pushed(stream_of("remove the dog", rate, 2), audio, [700])
    np.testing.assert_allclose(got.T, expected, atol=1e-5)


def test_raw_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    audio = noise(1, 100)  # shorter than the latency
    content = np.ascontiguousarray(audio.T).tobytes()
    arguments = ("turn everything down", "--raw", "f32le", "--rate", "16000")
    got = np.frombuffer(through(monkeypatch, content, *arguments), "<f4")
    np.testing.assert_allclose(got, 0.5 * audio[0], atol=1e-6)


def test_what_is_no_number_is_silence_and_told_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    audio = noise(1, 9_000)
    audio[0, [2_000, 5_000]] = np.nan, 1e20
    content = np.ascontiguousarray(audio.T).tobytes()
    got = np.frombuffer(
        through(monkeypatch, content, "turn everything down", "--raw", "f32le", "--rate", "16000"),
        "<f4",
    )
    audio[0, [2_000, 5_000]] = 0
    np.testing.assert_allclose(got, 0.5 * audio[0], atol=1e-6)
    assert capsys.readouterr().err.count("warning") == 1


def test_absurdly_many_channels_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b""))
    assert main(["live", "x", "--pipe", "--raw", "f32le", "--channels", "65535"]) == 2


def test_prompts_from_a_file_take_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    prompts.write_text("keep all\n\nentferne den Hund\nall down\n", encoding="utf-8")

    class Now:
        """A thread that is done before the next line."""

        def __init__(self, target: object, daemon: bool) -> None:
            self.start = target

    monkeypatch.setattr("lcr.cli.commands.live.threading.Thread", Now)
    audio = noise(1, 9_000)
    content = np.ascontiguousarray(audio.T).tobytes()
    arguments = ("keep everything", "--raw", "f32le", "--rate", "16000", "--prompts", str(prompts))
    got = np.frombuffer(through(monkeypatch, content, *arguments), "<f4")
    np.testing.assert_allclose(got[3_000:], 0.5 * audio[0, 3_000:], atol=1e-6)


def test_devices(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    audio = noise(1, 4_800)
    played: list[Audio] = []

    class Stream:
        """Plays `audio` to the callback when it is opened, as a device would in time."""

        def __init__(self, **told: object) -> None:
            self.told = told

        def __enter__(self) -> Stream:
            chunk = self.told["blocksize"]
            assert isinstance(chunk, int)
            for start in range(0, audio.shape[1], chunk):
                given = audio[:, start : start + chunk].T
                wanted = np.empty_like(given)
                self.told["callback"](given, wanted, chunk, None, None)  # type: ignore[operator]
                played.append(wanted.T)
            return self

        def __exit__(self, *_: object) -> None: ...

    fake = types.SimpleNamespace(Stream=Stream, PortAudioError=OSError)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert main(["live", "turn everything down", "--input", "3"]) == 0
    late = stream_of("turn everything down", 48_000).latency
    out = np.concatenate(played, 1)
    assert out.shape == audio.shape
    np.testing.assert_allclose(out[:, late:], 0.5 * audio[:, :-late], atol=1e-6)
    assert "20 ms behind" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the prompt is empty"),
        (["entferne den Hund"], "read in English only"),
        (["all down from 0:10 to 0:15"], "live sound has no beginning"),
        (["turn everything down", "--raw", "f32le"], "go with --pipe"),
        (["turn everything down", "--pipe", "--chunk-ms", "0"], "more than 0"),
        (["turn everything down", "--pipe"], "no WAV"),
        (["turn everything down", "--pipe", "--raw", "s16le", "--rate", "100"], "2 kHz"),
    ],
)
def test_what_cannot_be_done_is_told(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.setattr(sys, "stdin", Pipe(b"no header, but text of some length"))
    assert main(["live", *arguments]) == 2
    assert words in capsys.readouterr().err

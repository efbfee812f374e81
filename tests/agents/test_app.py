"""The parts of the chat page that need no browser: turns, levels, pictures, files, markup."""

from __future__ import annotations

import base64
import html.parser
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agents.app.contest import Systems
from agents.app.levels import playback
from agents.app.markup import player, status, talk, text
from agents.app.picture import GAP, MEL_HEIGHT, WAVE_HEIGHT, WIDTH, loudest_db, picture
from agents.app.session import REST, PromptError, Session, in_db
from agents.app.sounds import Visit, new_folder, read_recording
from agents.plan import HeardSource
from baselines.planning import Plan
from lcr.audio import active_level, write_audio
from lcr.errors import LcrError
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.remixer import Oracle, OracleUse

RATE = 8000
HOSTILE = "<img src=x onerror='hacked()'> ${hacked()} {{value}} `x` </p><script>hacked()</script>"


PLANS = {"remove the dog": (0, 1, 1), "turn the woman up": (1, 2, 1), "only the dog": (1, 0, 0)}


class Scripted:
    """A planner whose gains of dog, woman and the rest are known for each prompt."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        *gains, rest = PLANS.get(prompt, (0, 1, 1))
        return Plan(descriptions=tuple(described), gains=tuple(gains), rest=rest)


def session() -> Session:
    """A dog at 440 Hz, a woman at 660 Hz and 0.01 of noise that is neither."""
    seconds = np.arange(RATE) / RATE
    parts = np.stack([0.2 * np.sin(2 * np.pi * hz * seconds)[None] for hz in (440, 660)])
    parts = parts.astype(np.float32)
    noise = 0.01 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    sources = (
        HeardSource(id="s1", description=AudioDescription(label="dog barking"), confidence=0.9),
        HeardSource(id="s2", description=SpeechDescription(gender="F"), confidence=0.8),
    )
    return Session(parts.sum(0) + noise, RATE, sources, parts, Scripted())


def test_turns_change_the_original_and_are_undone_and_redone() -> None:
    one = session()
    noise = one.audio - one.parts.sum(0)
    first = one.say("remove the dog")
    assert first.gains == {"s1": 0, "s2": 1, REST: 1}
    np.testing.assert_allclose(one.mixed(1), one.parts[1] + noise, atol=1e-6)
    second = one.say("turn the woman up")
    assert second.gains == {"s1": 0, "s2": 2, REST: 1}  # the dog stays away
    np.testing.assert_allclose(one.mixed(2), 2 * one.parts[1] + noise, atol=1e-6)
    assert one.undo()
    assert one.current == 1
    assert one.gains == first.gains
    assert one.redo()
    assert not one.redo()
    assert one.gains == second.gains
    assert one.undo()
    assert one.set_gains({"s1": -6.0}).gains["s1"] == pytest.approx(10 ** (-6 / 20))
    assert [turn.number for turn in one.turns] == [1, 2]
    assert one.turns[1].prompt is None
    assert not one.can_redo  # a new turn takes the place of what was undone
    np.testing.assert_array_equal(one.mixed(0), one.audio)
    # What is to be the only sound is there, although it was removed before.
    assert one.say("only the dog").gains == {"s1": 1, "s2": 0, REST: 0}


def test_faders_override_the_plan_and_only_for_what_is_there() -> None:
    one = session()
    one.say("remove the dog")
    turn = one.set_gains({"s1": 0.0, REST: None})
    assert turn.gains == {"s1": 1, "s2": 1, REST: 0}
    np.testing.assert_allclose(one.mixed(2), one.parts.sum(0), atol=1e-6)
    for wrong in ({"s9": 0.0}, {"s1": 99.0}, {"s1": math.nan}):
        with pytest.raises(LcrError):
            one.set_gains(wrong)
    assert one.current == 2


@pytest.mark.parametrize("prompt", ["", " \n", "x" * 4001])
def test_prompts_that_say_nothing_are_refused_and_change_nothing(prompt: str) -> None:
    one = session()
    with pytest.raises(PromptError, match="prompt"):
        one.say(prompt)
    assert one.current == 0
    with pytest.raises(LcrError, match="no turn"):
        one.mixed(1)


@given(st.floats(-40, 40), st.booleans())
def test_the_player_never_clips_and_matches_where_there_is_room(
    gain_db: float, match: bool
) -> None:
    original = session().audio
    audio = (original * 10 ** (gain_db / 20)).astype(np.float32)
    heard = playback(audio, original, RATE, matched=match)
    played = audio * 10 ** (heard.gain_db / 20)
    assert np.abs(played).max() <= 1 + 1e-5
    if match and heard.gain_db < -20 * math.log10(np.abs(audio).max()) - 1e-6:
        levels = [active_level(one, RATE).level_db for one in (played, original)]
        assert levels[0] == pytest.approx(levels[1], abs=0.06)
    assert bool(heard.note) == (abs(heard.gain_db) >= 0.05)


def test_silence_is_not_turned_up() -> None:
    original = session().audio
    assert playback(np.zeros_like(original), original, RATE, matched=True).gain_db == 0


@pytest.mark.parametrize("samples", [1, 100, 5 * RATE])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_length_have_one_size(samples: int, channels: int) -> None:
    audio = np.full((channels, samples), 0.5, np.float32)
    drawn = picture(audio, RATE, top_db=loudest_db(audio, RATE))
    head, content = drawn.split(",")
    assert head == "data:image/png;base64"
    size = Image.open(io.BytesIO(base64.b64decode(content))).size
    assert size == (WIDTH, WAVE_HEIGHT + GAP + MEL_HEIGHT)


def test_a_tone_is_bright_at_its_pitch_and_when_it_sounds() -> None:
    seconds = np.arange(2 * RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * seconds) * (seconds < 1))[None].astype(np.float32)
    drawn = picture(tone, RATE, top_db=loudest_db(tone, RATE)).split(",")[1]
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn))).convert("L"))
    mel = pixels[WAVE_HEIGHT + GAP :][::-1]
    mel_of = [2595 * math.log10(1 + hz / 700) for hz in (1000, RATE / 2)]
    row = round(mel_of[0] / mel_of[1] * (MEL_HEIGHT - 1))
    assert abs(int(mel[:, WIDTH // 4].argmax()) - row) <= 1
    assert mel[row, WIDTH // 4] > 200
    assert mel[:, 3 * WIDTH // 4].max() < 30


def test_files_of_a_turn_are_whole_private_few_and_go_with_the_recording(tmp_path: Path) -> None:
    one = session()
    visit = Visit(name="take", session=one, folder=new_folder(tmp_path))
    one.set_gains({"s1": 24.0})
    made = [visit.turn(1, matched=False) for _ in range(14)]
    kept, rate = soundfile.read(made[-1].download, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(kept.T, one.mixed(1))  # beyond full scale, and kept
    assert np.abs(kept).max() > 1
    assert rate == RATE
    assert made[-1].download.name == "take.turn-1.wav"
    assert "does not clip" in made[-1].note
    played, _ = soundfile.read(made[-1].preview)
    assert np.abs(played).max() == pytest.approx(1, abs=1e-3)
    assert not made[0].download.exists()
    assert len(list(visit.folder.iterdir())) == 12
    assert len(visit.folder.name) == 32
    visit.close()
    assert list(tmp_path.iterdir()) == []


def test_recordings_that_cannot_be_taken_are_refused_in_words(tmp_path: Path) -> None:
    text_file = tmp_path / "notes.wav"
    text_file.write_text("not a sound")
    write_audio(tmp_path / "long.wav", np.zeros((1, 3 * RATE), np.float32), RATE)
    write_audio(tmp_path / "many.wav", np.zeros((9, 10), np.float32), RATE)
    for name, told in (("notes", "cannot be read"), ("long", "minutes"), ("many", "9 channels")):
        with pytest.raises(LcrError, match=told) as caught:
            read_recording(tmp_path / f"{name}.wav", most_s=2)
        assert str(tmp_path) not in str(caught.value)


class Reader(html.parser.HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.shown += data


@given(st.text(alphabet=st.sampled_from("<>&\"'${}`\\ax 7\n")))
def test_text_is_shown_as_it_is_and_holds_no_template(words: str) -> None:
    safe = text(words)
    assert not set("<>${}`\\") & set(safe)
    read = Reader(f"<p>{safe}</p>")
    assert read.tags == ["p"]


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    one = session()
    one.say(f"remove the dog {HOSTILE}")
    visit = Visit(name=HOSTILE.replace("/", ""), session=one, folder=new_folder(tmp_path))
    page = Reader(
        talk(one.turns) + status(HOSTILE) + player(visit.turn(1, matched=False), group="g")
    )
    assert not {"script", "b"} & (set(page.tags) - {"b"})
    assert page.tags.count("img") == 1
    assert page.shown.count(HOSTILE) == 2


def test_only_systems_that_are_told_nothing_compete_and_faults_are_answers() -> None:
    systems = Systems()
    assert {"mixture", "lcr", "agent-offline"} <= set(systems.names)
    assert not {"pit", "ideal-ratio-mask", "agent-oracle-plan"} & set(systems.names)
    audio = session().audio
    same = systems.answer("mixture", audio, RATE, "remove the dog")
    assert same.remix is not None
    np.testing.assert_array_equal(same.remix.audio, audio)
    assert "none of" in systems.answer("pit", audio, RATE, "remove the dog").problem
    told = systems.answer("agent-llm", audio, RATE, "remove the dog")
    assert told.remix is None
    assert told.problem.startswith("agent-llm gave no answer")
    assert "agent-llm" not in systems.names


def test_gains_in_db() -> None:
    assert in_db(0.0) is None
    assert in_db(2.0) == pytest.approx(6.0206, abs=1e-4)

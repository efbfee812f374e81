"""The parts of the chat page that need no browser: what controls do, levels, pictures, files,
markup."""

from __future__ import annotations

import base64
import html.parser
import importlib.util
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agents.app.actions import BY_FADERS, Actions
from agents.app.contest import Systems
from agents.app.levels import playback
from agents.app.markup import history, player, status, talk, text
from agents.app.picture import GAP, MEL_HEIGHT, WAVE_HEIGHT, WIDTH, loudest_db, picture
from agents.app.shown import Values
from agents.app.sounds import Visit, new_folder, read_recording
from agents.conversation.session import Conversation
from agents.planners.reading import keyword_planner
from lcr.audio.core import active_level, write_audio
from lcr.errors import LcrError
from lcr.instruction import AudioDescription, SpeechDescription
from tests.agents.conversation.test_session import Truth

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="gradio is not installed"
)

RATE = 8000
HOSTILE = "<img src=x onerror='hacked()'> ${hacked()} {{value}} `x` </p><script>hacked()</script>"
DOG, MAN = AudioDescription(label="dog barking"), SpeechDescription(gender="M")


def ears() -> Truth:
    """A dog at 440 Hz, and two men at 660 and 880 Hz."""
    seconds = np.arange(RATE) / RATE
    parts = np.stack([0.2 * np.sin(2 * np.pi * hz * seconds)[None] for hz in (440, 660, 880)])
    return Truth((DOG, MAN, MAN), parts.astype(np.float32))


def mixture() -> np.ndarray:
    """With 0.01 of noise that is none of them."""
    noise = 0.01 * np.random.default_rng(0).standard_normal((1, RATE)).astype(np.float32)
    return ears().audio.sum(0) + noise


def visit(root: Path, name: str = "take") -> Visit:
    made = Conversation.open(mixture(), RATE, listener=ears(), planner=keyword_planner())
    return Visit(
        name=name, audio=mixture(), sample_rate=RATE, conversation=made, folder=new_folder(root)
    )


@pytest.fixture(scope="module")
def systems() -> Systems:
    return Systems()


@pytest.fixture
def actions(tmp_path: Path, systems: Systems) -> Actions:
    planner = keyword_planner()
    return Actions(
        root=tmp_path, listener=ears(), planner=planner, systems=systems, most_s=60,
        most_bytes=100_000,
    )  # fmt: skip


@pytest.fixture
def opened(actions: Actions, tmp_path: Path) -> Visit:
    write_audio(tmp_path / "take.wav", mixture(), RATE)
    values = actions.open(None, str(tmp_path / "take.wav"), False)
    assert "3 sources are heard in 1.0 s of mono at 8,000 Hz" in values["status"]
    made: Visit = values["visit"]
    return made


def rows(values: Values) -> list[bool]:
    return [values[f"row{n}"]["visible"] for n in range(9)]


def test_faders_show_the_plan_and_override_it(actions: Actions, opened: Visit) -> None:
    values = actions.say(opened, "remove the dog", BY_FADERS, False)
    assert rows(values) == [True] * 4 + [False] * 5
    assert [values[f"mute{n}"]["value"] for n in range(4)] == [True, False, False, False]
    assert values["fader0"]["label"].startswith("s1: dog (")
    assert values["fader3"]["label"] == "the rest, dB"
    assert (
        "No fader was moved"
        in actions.faders(opened, False, [0] * 9, [True, *[False] * 8])["status"]
    )
    values = actions.faders(opened, False, [0, 6, 0, 0, 9], [False] * 9)
    assert values["choice"]["value"] == 2
    assert opened.conversation.current.gains == {"s1": 0.0, "s2": 6.0, "s3": 0.0, "rest": 0.0}
    expected = mixture() + (10 ** (6 / 20) - 1) * ears().audio[1]
    np.testing.assert_allclose(opened.conversation.audio(2), expected, atol=1e-6)
    muted = [True, *[False] * 8]
    assert actions.faders(opened, False, [0, 6, *[0] * 7], muted)["mute0"]["value"]
    slid = actions.faders(opened, False, [3, 6, *[0] * 7], muted)
    assert (slid["mute0"]["value"], slid["fader0"]["value"]) == (False, 3)
    actions.go(opened, "undo", False)
    actions.go(opened, "undo", False)
    values = actions.go(opened, "undo", False)
    assert values["choice"]["value"] == 7
    assert values["choice"]["choices"][-1] == ("Turn 7", 7)
    assert values["mute0"]["value"]
    assert values["undo"]["interactive"]
    assert values["redo"]["interactive"]
    assert not actions.go(opened, "undo", False)["undo"]["interactive"]


def test_what_fits_two_sources_is_chosen_by_a_button(actions: Actions, opened: Visit) -> None:
    values = actions.say(opened, "mute the man", BY_FADERS, False)
    assert values["choices"]["visible"]
    shown = [values[f"choice{n}"]["value"] for n in range(8) if values[f"choice{n}"]["visible"]]
    assert shown == ["s2: man (s2)", "s3: man (s3)"]
    values = actions.choose(opened, 1, False)
    assert not values["choices"]["visible"]
    assert opened.conversation.current.gains["s3"] is None
    assert "no longer open" in actions.choose(opened, 0, False)["status"]


def test_a_turn_of_a_system_has_no_faders(actions: Actions, opened: Visit) -> None:
    assert actions.ways[0][1] == BY_FADERS
    assert {"lcr (joint)": "lcr", "agent-query (composite)": "agent-query"}.items() <= dict(
        actions.ways
    ).items()
    assert "mixture" not in dict(actions.ways).values()
    prompt = "mute the man from 0:00.2 to 0:00.4"
    values = actions.say(opened, prompt, "lcr-g", False)
    assert rows(values) == [False] * 9
    assert "lcr-g, which has no faders to override" in values["nothing"]
    assert not values["apply"]["interactive"]
    assert "no faders" in actions.faders(opened, False, [3] * 9, [False] * 9)["status"]
    expected = actions.systems.answer("lcr-g", mixture(), RATE, prompt).remix
    assert expected is not None
    made = opened.conversation.audio(1)
    np.testing.assert_array_equal(made, expected.audio)
    np.testing.assert_array_equal(made[:, : RATE // 5], mixture()[:, : RATE // 5])
    assert np.abs(made - mixture()).max() > 1e-3
    assert rows(actions.say(opened, "mute the dog", BY_FADERS, False))[:4] == [True] * 4
    values = actions.say(opened, "mute the dog", "agent-llm", False)
    assert "agent-llm gave no answer" in values["status"]
    assert values["how"]["value"] == BY_FADERS
    assert opened.conversation.current.number == 2


def test_a_conversation_is_saved_and_gone_on_with(actions: Actions, opened: Visit) -> None:
    actions.say(opened, "mute the dog", BY_FADERS, False)
    link = Reader(actions.say(opened, "mute the dog", "lcr", False)["save"]).links[0]
    saved = base64.b64decode(link["href"].split(",")[1])
    assert link["download"] == "take.history.json"
    file = opened.folder / "saved.json"
    file.write_bytes(saved)
    before = opened.conversation
    actions.go(opened, "undo", False)
    values = actions.resume(opened, str(file), False)
    assert "goes on after turn 2" in values["status"]
    assert values["choice"]["value"] == 2
    assert opened.conversation.turns == before.turns[:3]
    np.testing.assert_array_equal(opened.conversation.audio(2), before.audio(2))
    elsewhere = json.loads(saved)
    elsewhere["turns"][-1]["state"]["by"]["system"] = "/etc/passwd"
    broken = json.loads(saved) | {"at": 9}
    for content in (json.dumps(elsewhere), json.dumps(broken), "{", "\0"):
        file.write_text(content)
        assert "note bad" in actions.resume(opened, str(file), False)["status"]
        assert opened.conversation.current.number == 2


@pytest.mark.parametrize("prompt", ["", " \n", "x" * 4001])
def test_prompts_that_say_nothing_are_no_turns(
    actions: Actions, opened: Visit, prompt: str
) -> None:
    assert "The prompt" in actions.say(opened, prompt, BY_FADERS, False)["status"]
    assert opened.conversation.current.number == 0


@given(st.floats(-40, 40), st.booleans())
def test_the_player_never_clips_and_matches_where_there_is_room(
    gain_db: float, match: bool
) -> None:
    original = mixture()
    audio = (original * 10 ** (gain_db / 20)).astype(np.float32)
    heard = playback(audio, original, RATE, matched=match)
    played = audio * 10 ** (heard.gain_db / 20)
    assert np.abs(played).max() <= 1 + 1e-5
    if match and heard.gain_db < -20 * math.log10(np.abs(audio).max()) - 1e-6:
        levels = [active_level(one, RATE).level_db for one in (played, original)]
        assert levels[0] == pytest.approx(levels[1], abs=0.06)
    assert bool(heard.note) == (abs(heard.gain_db) >= 0.05)


def test_silence_is_not_turned_up() -> None:
    original = mixture()
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
    take = visit(tmp_path)
    take.conversation.set_gains({"s1": 24.0})
    made = [take.turn(1, matched=False) for _ in range(14)]
    kept, rate = soundfile.read(made[-1].download, dtype="float32", always_2d=True)
    np.testing.assert_array_equal(kept.T, take.conversation.audio(1))  # beyond full scale, and kept
    assert np.abs(kept).max() > 1
    assert rate == RATE
    assert made[-1].download.name == "take.turn-1.wav"
    assert "does not clip" in made[-1].note
    played, _ = soundfile.read(made[-1].preview)
    assert np.abs(played).max() == pytest.approx(1, abs=1e-3)
    assert not made[0].download.exists()
    assert len(list(take.folder.iterdir())) == 12
    assert len(take.folder.name) == 32
    take.close()
    assert list(tmp_path.iterdir()) == []


def test_recordings_that_cannot_be_taken_are_refused_in_words(tmp_path: Path) -> None:
    text_file = tmp_path / "notes.wav"
    text_file.write_text("not a sound")
    write_audio(tmp_path / "long.wav", np.zeros((1, 3 * RATE), np.float32), RATE)
    write_audio(tmp_path / "many.wav", np.zeros((9, 10), np.float32), RATE)
    # Silence packs into little: 8 channels at a rate that no ear needs.
    soundfile.write(tmp_path / "wide.wav", np.zeros((500_000, 8)), 655_350, format="FLAC")
    assert (tmp_path / "wide.wav").stat().st_size < 100_000
    reasons = {"notes": "cannot be read", "long": "minutes", "many": "9 channels", "wide": "15 MB"}
    for name, told in reasons.items():
        with pytest.raises(LcrError, match=told) as caught:
            read_recording(tmp_path / f"{name}.wav", most_s=2, most_bytes=2**20)
        assert str(tmp_path) not in str(caught.value)


def test_the_least_used_recording_makes_room(actions: Actions, tmp_path: Path) -> None:
    write_audio(tmp_path / "take.wav", mixture(), RATE)  # 32,000 bytes, of 100,000

    def opened() -> Visit:
        values = actions.open(None, str(tmp_path / "take.wav"), False)
        made: Visit = values["visit"]
        return made

    first, second, third = opened(), opened(), opened()
    assert actions.why_not(first) == ""
    fourth = opened()
    assert [one.open for one in (first, second, third, fourth)] == [True, False, True, True]
    assert not second.folder.exists()
    assert [bool(actions.why_not(one)) for one in (None, first, second)] == [True, False, True]


def test_no_text_is_endless(actions: Actions, opened: Visit, tmp_path: Path) -> None:
    dots = "." * 12_000
    assert "note bad" in actions.say(opened, dots, BY_FADERS, False)["status"]
    assert "note bad" in actions.compare(opened, dots, "lcr", "lcr", False)["compared"]
    (tmp_path / "history.json").write_text(" " * 2**21)
    assert "note bad" in actions.resume(opened, str(tmp_path / "history.json"), False)["status"]
    assert opened.conversation.current.number == 0


class Reader(html.parser.HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[dict[str, str]] = []
        self.shown = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag == "a":
            self.links.append({key: value or "" for key, value in attrs})

    def handle_data(self, data: str) -> None:
        self.shown += data


@given(st.text(alphabet=st.sampled_from("<>&\"'${}`\\ax 7\n")))
def test_text_is_shown_as_it_is_and_holds_no_template(words: str) -> None:
    safe = text(words)
    assert not set("<>${}`\\") & set(safe)
    read = Reader(f"<p>{safe}</p>")
    assert read.tags == ["p"]


def test_hostile_words_stay_words(tmp_path: Path) -> None:
    take = visit(tmp_path, HOSTILE.replace("/", ""))
    take.conversation.say(f"remove the dog {HOSTILE}")
    page = Reader(
        talk(take.conversation.turns)
        + status(HOSTILE)
        + player(take.turn(1, matched=False), group="g")
        + history(take.name, take.conversation.to_json())
    )
    assert not {"script", "b"} & (set(page.tags) - {"b"})
    assert page.tags.count("img") == 1
    assert page.shown.count(HOSTILE) == 2
    assert [one["download"] for one in page.links] == [
        f"{take.name}.turn-1.wav",
        f"{take.name}.history.json",
    ]


def test_only_systems_that_are_told_nothing_compete_and_faults_are_answers() -> None:
    systems = Systems()  # of its own: one of them leaves its list
    assert {"mixture", "lcr", "agent-offline"} <= set(systems.names)
    assert not {"pit", "ideal-ratio-mask", "agent-oracle-plan"} & set(systems.names)
    audio = mixture()
    same = systems.answer("mixture", audio, RATE, "remove the dog")
    assert same.remix is not None
    np.testing.assert_array_equal(same.remix.audio, audio)
    assert "none of" in systems.answer("pit", audio, RATE, "remove the dog").problem
    told = systems.answer("agent-llm", audio, RATE, "remove the dog")
    assert told.remix is None
    assert told.problem.startswith("agent-llm gave no answer")
    assert "agent-llm" not in systems.names

"""Conversations on true sources: what every turn refers to, and what it sounds like, exactly."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.conversation.history import ConversationError, History
from agents.conversation.mentions import find_mentions, without_preamble
from agents.conversation.session import Conversation
from agents.plan import HeardSource
from agents.planners.reading import keyword_planner
from lcr.api import LoadedRemixer
from lcr.base_weights import MissingWeightsError
from lcr.instruction import AudioDescription, Description, SpeechDescription
from lcr.remixer import Audio, Oracle, RefusedError, Remix, SystemCard

RATE = 1000
MAN = SpeechDescription(gender="M", pitch="low")
BOY = SpeechDescription(gender="M", pitch="high")
WOMAN = SpeechDescription(gender="F")
DOG, RAIN = AudioDescription(label="dog barking"), AudioDescription(label="rain")
SCENE = (MAN, WOMAN, DOG, RAIN)
UP = 20 * np.log10(2)


@dataclass(frozen=True)
class Truth:
    """Ears that know the sources."""

    described: tuple[Description, ...]
    audio: NDArray[np.float32] = field(compare=False)

    @property
    def heard(self) -> tuple[HeardSource, ...]:
        return tuple(
            HeardSource(id=f"s{number}", description=one, confidence=1.0)
            for number, one in enumerate(self.described, start=1)
        )

    def listen(self, mixture: Audio, sample_rate: int) -> Truth:
        return self


def truth(*described: Description) -> Truth:
    rng = np.random.default_rng(0)
    audio = 0.1 * rng.standard_normal((len(described), 2, 8 * RATE))
    return Truth(described, audio.astype(np.float32))


def talk(*described: Description, residual: float = 0.0) -> Conversation:
    ears = truth(*described)
    mixture = ears.audio.sum(0) + np.float32(residual)
    return Conversation.open(mixture, RATE, listener=ears, planner=keyword_planner())


def gains(conversation: Conversation) -> list[float | None]:
    return [conversation.current.gains[one.id] for one in conversation.sources]


Script = list[tuple[str, list[float | None]]]


@pytest.mark.parametrize(
    "script",
    [
        [
            ("remove the dog", [0, 0, None, 0]),
            ("a bit of it back", [0, 0, -12, 0]),
            ("undo", [0, 0, None, 0]),
            ("half of it back", [0, 0, -UP, 0]),
            ("undo", [0, 0, None, 0]),
            ("redo", [0, 0, -UP, 0]),
            ("bring it back", [0, 0, 0, 0]),
        ],
        [
            ("only the woman", [None, 0, None, None]),
            ("as before but louder", [None, UP, None, None]),
            ("a bit louder", [None, UP + 3, None, None]),
            ("turn everything down", [None, 3, None, None]),
            ("reset", [0, 0, 0, 0]),
        ],
        [
            ("remove the man", [None, 0, 0, 0]),
            ("the other one", [0, None, 0, 0]),
            ("and the other one too", [None, None, 0, 0]),
        ],
        [
            ("only the man", [0, None, None, None]),
            ("no, the other one", [None, 0, None, None]),
            ("undo", [0, None, None, None]),
        ],
        [
            ("turn the woman up by 3 dB", [0, 3, 0, 0]),
            ("more", [0, 3 + UP, 0, 0]),
            ("turn the other one down", [-UP, 3 + UP, 0, 0]),
            ("quieter", [-2 * UP, 3 + UP, 0, 0]),
            ("turn her up by 3 dB", [-2 * UP, 6 + UP, 0, 0]),
        ],
        [
            ("Turn up the woman and mute the rain.", [0, UP, 0, None]),
            ("turn them down", [0, 0, 0, -UP]),
            ("get rid of the guy's voice", [None, 0, 0, -UP]),
            ("remove the speech", [None, None, 0, -UP]),
            ("unmute the speech", [0, 0, 0, -UP]),
            ("remove the background", [0, 0, None, None]),
        ],
        [
            ("It would be great if you could remove the dog from this clip.", [0, 0, None, 0]),
            ("Is there a way to turn up the woman?", [0, UP, None, 0]),
            ("dial back the man", [-UP, UP, None, 0]),
        ],
        [
            ("remove the dog", [0, 0, None, 0]),
            ("as before but louder", [UP, UP, None, UP]),
        ],
        [
            ("turn the dog down", [0, 0, -UP, 0]),
            ("mute everything else", [None, None, -UP, None]),
        ],
        [
            ("mute the dog", [0, 0, None, 0]),
            ("just turn it down", [0, 0, -UP, 0]),
        ],
    ],
)
def test_what_turns_refer_to(script: Script) -> None:
    conversation = talk(*SCENE)
    for prompt, expected in script:
        turn = conversation.say(prompt)
        assert turn.asks == (), turn.reply
        assert gains(conversation) == pytest.approx(expected, abs=1e-9), prompt


def test_every_turn_is_rendered_from_the_original() -> None:
    conversation = talk(*SCENE, residual=0.125)
    sources, rest = truth(*SCENE).audio, np.full((2, 8 * RATE), 0.125, np.float32)
    conversation.say("remove the dog")
    conversation.say("turn the man up")
    near = {"rtol": 0, "atol": 2e-6}
    np.testing.assert_allclose(
        conversation.current.audio, 2 * sources[0] + sources[1] + sources[3] + rest, **near
    )
    conversation.say("only the woman")
    np.testing.assert_allclose(conversation.audio(3), sources[1], **near)
    conversation.say("undo")
    np.testing.assert_array_equal(conversation.current.audio, conversation.audio(2))
    np.testing.assert_allclose(conversation.audio(0), sources.sum(0) + rest, **near)
    assert [turn.number for turn in conversation.turns] == [0, 1, 2, 3, 4]
    with pytest.raises(IndexError, match="turns 0 to 4"):
        conversation.audio(5)


def test_parts_of_the_recording() -> None:
    conversation = talk(*SCENE)
    sources = truth(*SCENE).audio
    conversation.say("remove the woman in the last 3 seconds")
    conversation.say("turn the man up")
    first = 2 * sources[0] + sources[1:].sum(0)
    last = 2 * sources[0] + sources[2:].sum(0)
    heard = conversation.current.audio
    np.testing.assert_allclose(heard[:, :5000], first[:, :5000], atol=2e-6)
    np.testing.assert_allclose(heard[:, 5020:], last[:, 5020:], atol=2e-6)
    conversation.say("bring the woman back in the last 3 seconds")
    np.testing.assert_allclose(conversation.current.audio, first, atol=2e-6)
    assert "it lasts 8 s" in conversation.say("mute the dog from 0:10 to 0:20").reply
    assert "is no time range" in conversation.say("mute the dog at 0:05").reply


@pytest.mark.parametrize("answer", ["s2", "the second one", "the high-pitched one", "S2 please"])
def test_what_fits_two_sources_is_asked(answer: str) -> None:
    conversation = talk(MAN, BOY, DOG)
    turn = conversation.say("turn the man down")
    assert [one.id for one in turn.asks] == ["s1", "s2"]
    assert '"man" fits 2 sources' in turn.reply
    assert gains(conversation) == [0, 0, 0]
    assert conversation.say(answer).asks == ()
    assert gains(conversation) == pytest.approx([0, -UP, 0])
    conversation.say("the other one")
    assert gains(conversation) == pytest.approx([-UP, 0, 0])


def test_several_may_be_meant() -> None:
    conversation = talk(MAN, BOY, DOG, DOG)
    conversation.say("mute both men")
    assert gains(conversation) == [None, None, 0, 0]
    assert [one.id for one in conversation.say("mute the dog").asks] == ["s3", "s4"]
    conversation.say("both")
    assert gains(conversation) == [None, None, None, None]


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("mute the cat", 'I hear no "cat" here'),
        ("remove the zebra", 'I hear no "zebra" here'),
        ("keep the woman and drop the child's kazoo", "I hear no"),
        ("turn it up", "Which one?"),
        ("the other one", "Which other one?"),
    ],
)
def test_what_is_not_there_or_not_clear_is_asked(prompt: str, says: str) -> None:
    conversation = talk(MAN, WOMAN, DOG)
    turn = conversation.say(prompt)
    assert says in turn.reply
    assert turn.asks
    assert gains(conversation) == [0, 0, 0]
    conversation.say("lose the dog, but leave the man as he is")  # a prompt, and no answer
    assert gains(conversation) == [0, 0, None]


@pytest.mark.parametrize("prompt", ["hello", "what time is it?"])
def test_what_asks_for_nothing_is_refused_as_at_other_doors(prompt: str) -> None:
    conversation = talk(MAN, WOMAN, DOG)
    conversation.say("mute the dog")
    turn = conversation.say(prompt)
    assert f'"{prompt}"' in turn.reply
    assert not turn.asks
    assert gains(conversation) == [0, 0, None]


def test_what_is_not_understood_is_told() -> None:
    turn = talk(MAN, DOG).say("remove the dog unless the man speaks")
    assert "unless the man speaks" in turn.reply


@pytest.mark.parametrize(
    ("prompt", "says"),
    [
        ("", "The prompt is empty"),
        ("🐶🔇", "The prompt is empty"),
        ("Hunde bitte leiser", "seems to be in German"),
        ("quita el perro y sube la lluvia", "seems to be in Spanish"),
        ("把狗的声音去掉", "read in English only"),
        ("so we went on and on " * 400, "the prompt has 2400 words"),
    ],
)
def test_what_cannot_be_read_changes_nothing_and_says_why(prompt: str, says: str) -> None:
    conversation = talk(*SCENE)
    assert says.lower() in conversation.say(prompt).reply.lower()
    assert gains(conversation) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "prompt",
    [
        "REMOVE THE DOG",
        "remvoe teh dogg",
        "“remove the dog”",
        "Hello there. This is from Sunday. Please remove the dog. Thanks!",
        "We were out for long. " * 400 + "Remove the dog.",
    ],
)
def test_any_case_quotes_and_many_sentences(prompt: str) -> None:
    conversation = talk(*SCENE)
    conversation.say(prompt)
    assert gains(conversation) == [0, 0, None, 0]


def test_sentences_that_name_a_source_are_no_preamble() -> None:
    heard = truth(*SCENE).heard
    for prompt in ("The dog is loud. Remove it.", "Remove the dog. It was long."):
        assert without_preamble(prompt, heard) == prompt
    assert without_preamble("We were out. Remove it.", heard) == "Remove it."


def test_an_answer_stands_for_what_is_not_there() -> None:
    conversation = talk(*SCENE)
    conversation.say("mute the cat")
    conversation.say("the dog")
    assert gains(conversation) == [0, 0, None, 0]


def test_nothing_to_do() -> None:
    conversation = talk(MAN, DOG)
    assert "is empty" in conversation.say("  ").reply
    assert "nothing to undo" in conversation.say("undo").reply
    assert "nothing to redo" in conversation.say("redo").reply
    assert "changes nothing" in conversation.say("keep the man").reply
    silent = Conversation(
        np.ones((1, 10), np.float32), RATE, Truth((), np.zeros((0, 1, 10), np.float32)),
        keyword_planner(),
    )  # fmt: skip
    assert "no sources" in silent.say("mute the dog").reply
    np.testing.assert_array_equal(silent.current.audio, 1)


def test_a_change_after_undo_forgets_what_was_undone() -> None:
    conversation = talk(*SCENE)
    conversation.say("mute the dog")
    conversation.undo()
    conversation.say("mute the rain")
    assert "nothing to redo" in conversation.redo().reply
    conversation.undo()
    assert gains(conversation) == [0, 0, 0, 0]


def test_faders() -> None:
    conversation = talk(MAN, DOG, residual=0.125)
    turn = conversation.set_gains({"s1": -3.0, "rest": None})
    assert turn.gains == {"s1": -3.0, "s2": 0.0, "rest": None}
    assert turn.plan == "low-pitched man: -3 dB; dog: as it is; the rest: removed"
    conversation.say("louder")
    assert gains(conversation) == pytest.approx([UP - 3, 0])
    for wrong in ({"s3": 0.0}, {"s1": 30.0}, {"s1": float("nan")}):
        with pytest.raises(ConversationError):
            conversation.set_gains(wrong)


@pytest.mark.parametrize("text", ["[" * 100_000, "3", "{}", '{"schema": 2}', "nonsense"])
def test_what_is_no_history_is_refused(text: str) -> None:
    with pytest.raises(ConversationError):
        History.from_json(text, lambda state: np.zeros((1, 1), np.float32))


def test_the_history_goes_on_where_it_was_saved() -> None:
    ears, planner = truth(*SCENE), keyword_planner()
    mixture = ears.audio.sum(0)
    first = Conversation.open(mixture, RATE, listener=ears, planner=planner)
    for prompt in ("remove the man", "mute the dog from 0:01 to 0:02", "undo"):
        first.say(prompt)
    text = first.to_json()
    second = Conversation.from_json(text, mixture, RATE, listener=ears, planner=planner)
    assert second.to_json() == text
    assert second.turns == first.turns
    for one in (first, second):
        one.say("the other one")
        assert gains(one) == [0, None, 0, 0]
        np.testing.assert_array_equal(one.audio(1), first.audio(1))
    with pytest.raises(ConversationError, match="another recording"):
        Conversation.from_json(text, mixture / 2, RATE, listener=ears, planner=planner)
    others = Truth((*SCENE[:3], DOG), ears.audio)
    with pytest.raises(ConversationError, match="other sources"):
        Conversation.from_json(text, mixture, RATE, listener=others, planner=planner)
    damaged = json.loads(text) | {"at": 7}
    for wrong in ("", "{}", "[]", json.dumps(damaged)):
        with pytest.raises(ConversationError):
            Conversation.from_json(wrong, mixture, RATE, listener=ears, planner=planner)


def test_mentions() -> None:
    heard = truth(MAN, BOY, WOMAN, DOG, RAIN).heard
    found = find_mentions("keep the rain but mute the low-pitched man and the piano", heard)
    assert [(one.words, one.fits) for one in found[:2]] == [("rain", ("s5",)), ("man", ("s1",))]
    assert found[2].fits == ()


@pytest.mark.slow
def test_on_the_weights_that_ship() -> None:
    """Offline planner and listener as they are: what is heard is not checked, what follows is."""
    try:
        conversation = Conversation.open(truth(MAN, DOG).audio.sum(0)[:, :4000], 16_000)
    except MissingWeightsError as error:
        pytest.skip(str(error))
    assert conversation.sources
    faded = conversation.set_gains({"s1": None})
    assert faded.gains["s1"] is None
    asked = conversation.say("mute the zebra")
    assert asked.asks
    assert conversation.say(asked.asks[0].id).asks == ()
    conversation.say("undo")
    np.testing.assert_allclose(conversation.current.audio, conversation.audio(0), rtol=0, atol=1e-5)


class Halving:
    """Another system: half of everything, whatever it is told."""

    card = SystemCard(name="halving", family="joint", sample_rate=None)

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def remix(
        self, mixture: Audio, sample_rate: int, prompt: str, *, oracle: Oracle | None = None
    ) -> Remix:
        assert not mixture.flags.writeable
        self.prompts.append(prompt)
        if "piano" in prompt:
            raise RefusedError("no pianos")
        return Remix(audio=mixture / 2)


def test_a_turn_by_another_system() -> None:
    ears, other = truth(*SCENE), Halving()
    planner, mixture = keyword_planner(), ears.audio.sum(0)

    def load(name: str) -> LoadedRemixer:
        assert name == "halving"
        return LoadedRemixer(other)

    one = Conversation.open(mixture, RATE, listener=ears, planner=planner, load=load)
    one.say("mute the dog")
    turn = one.say("mute the rain from 0:01 to 0:02", system="halving")
    assert turn.gains == {}
    assert "no faders" in turn.reply
    assert other.prompts == ["mute the rain"]
    heard = turn.audio
    np.testing.assert_array_equal(heard[:, :RATE], mixture[:, :RATE])
    np.testing.assert_allclose(heard[:, 1020:1980], mixture[:, 1020:1980] / 2, rtol=1e-6)
    heard[:] = 0  # the caller's own
    assert np.abs(turn.audio).max() > 0
    assert len(other.prompts) == 1  # not once for every hearing
    # Words that go back mean the same, whoever carries them out; so do answers.
    assert one.say("undo", system="halving").gains["s3"] is None
    assert one.say("redo", system="halving").audio[0, 1500] == mixture[0, 1500] / 2
    assert "no pianos" in one.say("mute the piano", system="halving").reply.lower()
    assert "it lasts 8 s" in one.say("mute it from 0:10 to 0:20", system="halving").reply
    assert one.current.state == turn.state
    saved = one.to_json()
    again = Conversation.from_json(saved, mixture, RATE, listener=ears, planner=planner, load=load)
    assert again.to_json() == saved
    np.testing.assert_array_equal(again.current.audio, turn.audio)
    # The mix goes on where faders left it, and what "it" is must be told anew.
    assert one.say("bring it back").asks
    assert one.say("s3", system="halving").gains["s3"] == 0
    assert "nothing to undo" not in one.undo().reply
    assert one.current.gains == {}
    assert one.say("mute the rain").gains == {"s1": 0, "s2": 0, "s3": None, "s4": None, "rest": 0}


def test_damaged_histories_are_refused_before_they_are_heard() -> None:
    ears, planner = truth(*SCENE), keyword_planner()
    one = Conversation.open(ears.audio.sum(0), RATE, listener=ears, planner=planner)
    one.say("mute the dog from 0:01 to 0:02")
    for path, wrong in (
        (("turns", 1, "number"), 5),
        (("turns", 1, "state", "whole", "gains"), {"s1": 0.0}),
        (("states", 1, "parts", 0, 0, "end_s"), 0.5),
        (("states", 1, "whole", "rest"), True),
        (("schema",), 2),
    ):
        data = json.loads(one.to_json())
        inner = data
        for key in path[:-1]:
            inner = inner[key]
        inner[path[-1]] = wrong
        with pytest.raises(ConversationError):
            Conversation.from_json(
                json.dumps(data), ears.audio.sum(0), RATE, listener=ears, planner=planner
            )

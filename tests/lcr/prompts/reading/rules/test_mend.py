"""Rules that set right what a tagger found wrongly: here a tagger that errs on purpose."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.instruction import Action
from lcr.prompts.reading import OpenReader, Span, Tagging
from lcr.prompts.reading.gains import gains_of
from lcr.prompts.reading.keywords import KeywordTagger
from lcr.prompts.reading.known import known_way
from lcr.prompts.reading.plain import is_other_work, plainly_meant
from lcr.prompts.reading.rules.mend import mended
from lcr.prompts.reading.things import Kind

REMOVE, KEEP, UP, DOWN = Action.REMOVE, Action.KEEP, Action.UP, Action.DOWN


def spans_of(text: str, found: list[tuple[str, Action]], kind: Kind = "sound") -> list[Span]:
    at, spans = 0, []
    for words, action in found:
        start = text.index(words, at)
        at = start + len(words)
        spans.append(Span(start, at, kind, action))
    return spans


def actions(text: str, *found: tuple[str, Action]) -> list[tuple[str, Action]]:
    spans = mended(text, spans_of(text, list(found))).spans
    return [(text[s.start : s.stop], s.action) for s in spans]


@pytest.mark.parametrize(
    ("text", "found", "right"),
    [
        ("don't make the dog louder", [("dog", UP)], [KEEP]),
        ("never turn the music down", [("music", DOWN)], [KEEP]),
        ("I don't want the dog removed", [("dog", REMOVE)], [KEEP]),
        ("don't remove the dog, remove the rain",
         [("dog", REMOVE), ("rain", REMOVE)], [KEEP, REMOVE]),
        ("no need to remove the dog, just lower it", [("dog", REMOVE)], [DOWN]),
        ("the rain shouldn't be quieter, but the wind should",
         [("rain", DOWN), ("wind", REMOVE)], [KEEP, DOWN]),
        ("neither the rain nor the dog should change",
         [("rain", UP), ("dog", REMOVE)], [KEEP, KEEP]),
        ("remove nothing but the dog", [("dog", KEEP)], [REMOVE]),
        ("give me everything that's not the dog", [("dog", KEEP)], [KEEP, REMOVE]),
        ("not the cat!! the dog, mute it", [("cat", REMOVE), ("dog", REMOVE)], [KEEP, REMOVE]),
        ("all but the dog is too loud", [("dog", DOWN)], [DOWN, KEEP]),
        ("reduce everything that isn't the dog", [("dog", KEEP)], [DOWN, KEEP]),
        ("bring the flute out a bit", [("flute", REMOVE)], [UP]),
        ("the hum goes right through me, softer", [("hum", DOWN), ("me", DOWN)], [DOWN]),
        ("dog up, drums same", [("dog", UP), ("drums", UP)], [UP, KEEP]),
        ("tuba 3 dB under where it is", [("tuba", UP)], [DOWN]),
        ("mute every animal bar the dog", [("animal bar", REMOVE)], [REMOVE, KEEP]),
        ("raise all the instruments but the tuba",
         [("instruments", UP), ("tuba", UP)], [UP, KEEP]),
        ("crow louder, and the brook can stay where it is",
         [("crow", UP), ("brook", DOWN)], [UP, KEEP]),
        ("I wish the choir weren't drowned out by the organ",
         [("choir", DOWN), ("organ", DOWN)], [KEEP, DOWN]),
        ("I don't want to hear the dog", [("dog", REMOVE)], [REMOVE]),
        ("less dog more violin", [("dog", DOWN), ("violin", DOWN)], [DOWN, UP]),
        ("turn the cat up and the dog down", [("cat", UP), ("dog", UP)], [UP, DOWN]),
        ("lower the wind, remove the dog", [("wind", DOWN), ("dog", KEEP)], [DOWN, REMOVE]),
        ("lower the bells or rather remove them", [("bells", DOWN)], [REMOVE]),
        ("make both of them louder", [("both of them", UP)], [UP]),
        ("there's too little pig", [("little pig", DOWN)], [UP]),
        ("don't make the drill so loud", [("drill", KEEP)], [DOWN]),
        ("the drill is so loud, mute it", [("drill", REMOVE)], [REMOVE]),
        ("leave just a hint of the drill", [("drill", KEEP)], [DOWN]),
        ("let the harp dominate the drill", [("harp", DOWN), ("drill", KEEP)], [UP, KEEP]),
        ("the drill is louder than the harp", [("drill", UP), ("harp", DOWN)], [DOWN, KEEP]),
        ("the pig got lost", [("pig", DOWN)], [UP]),
        ("the pig can leave", [("pig", KEEP)], [REMOVE]),
        ("the pig instead of the cow", [("pig", REMOVE), ("cow", REMOVE)], [KEEP, REMOVE]),
        ("make sure no one hears the flush", [("flush", KEEP)], [REMOVE]),
        ("the dog and the phone are the problem, not the cat",
         [("dog", KEEP), ("phone", KEEP), ("cat", REMOVE)], [DOWN, DOWN, KEEP]),
        ("strip it down to the drums and the flute",
         [("drums", DOWN), ("flute", DOWN)], [KEEP, KEEP]),
        ("no need to mute the bees, just the wasps",
         [("bees", REMOVE), ("wasps", KEEP)], [KEEP, REMOVE]),
        ("don't let the phone into the take", [("phone", KEEP)], [REMOVE]),
        ("lower the organ, it is louder than the choir",
         [("organ", DOWN), ("choir", DOWN)], [DOWN, KEEP]),
        ("anything that isn't the flute can go", [("flute", REMOVE)], [REMOVE, KEEP]),
        ("tuck the guitar under the flute", [("guitar", DOWN), ("flute", DOWN)], [DOWN, KEEP]),
        ("remove the fan so that the flute is audible",
         [("fan", REMOVE), ("flute", REMOVE)], [REMOVE, KEEP]),
        ("shut that parrot up", [("parrot", REMOVE)], [REMOVE]),
        ("make the dog shut up", [("dog", UP)], [REMOVE]),
        ("the seagulls won't shut up", [("seagulls", UP)], [DOWN]),
        ("the machine more silent please", [("machine", UP)], [DOWN]),
        ("leave all but the drums, they should be 4 dB lower", [("drums", KEEP)], [DOWN]),
    ],
)  # fmt: skip
def test_actions(text: str, found: list[tuple[str, Action]], right: list[Action]) -> None:
    assert [action for _, action in actions(text, *found)] == right


def test_what_was_taken_back_is_not_asked() -> None:
    text = "remove the dog, no wait, the cat"
    assert actions(text, ("dog", REMOVE), ("cat", REMOVE)) == [("cat", REMOVE)]


def test_what_was_named_before_is_not_named_again() -> None:
    text = "remove the dog and the cat. Make sure both sources are removed"
    found = actions(text, ("dog", REMOVE), ("cat", REMOVE), ("both sources", REMOVE))
    assert [words for words, _ in found] == ["dog", "cat"]


def test_a_recording_is_nothing_to_remove() -> None:
    text = "remove the dog from the sound recording"
    assert actions(text, ("dog", REMOVE), ("sound recording", REMOVE)) == [("dog", REMOVE)]


def test_missed_members_of_a_list_are_found() -> None:
    text = "remove the traffic, the rain, the wind and the coughing"
    found = actions(text, ("coughing", REMOVE))
    assert [words for words, _ in found] == ["traffic", "rain", "wind", "coughing"]
    assert {action for _, action in found} == {REMOVE}


def test_a_voice_in_two_pieces_is_one() -> None:
    text = "lower the speaker with the low voice"
    spans = spans_of(text, [("speaker with the", DOWN), ("low voice", DOWN)], kind="voice")
    (voice,) = mended(text, spans).spans
    assert text[voice.start : voice.stop] == "speaker with the low voice"


def test_which_voice_is_part_of_its_name() -> None:
    text = "make the quieter woman louder"
    (found,) = mended(text, spans_of(text, [("woman", UP)], "voice")).spans
    assert text[found.start : found.stop] == "quieter woman"


def test_what_somebody_is_said_to_do_is_no_request() -> None:
    text = "lower the fan, she's reading a story"
    spans = [*spans_of(text, [("fan", DOWN)]), *spans_of(text, [("she", DOWN)], kind="voice")]
    assert [text[s.start : s.stop] for s in mended(text, spans).spans] == ["fan"]


def test_what_goes_on_meanwhile_and_who_is_spoken_to_is_no_thing() -> None:
    text = "lower the fan, dear, while she talks"
    voices = spans_of(text, [("dear", DOWN), ("she talks", DOWN)], kind="voice")
    found = mended(text, [*spans_of(text, [("fan", DOWN)]), *voices]).spans
    assert [text[s.start : s.stop] for s in found] == ["fan"]


@pytest.mark.parametrize(
    ("text", "found", "right"),
    [
        ("more me, i'm the girl", [("me", UP), ("girl", REMOVE)], ["girl"]),
        ("mute whichever voice is higher", [("whichever voice", REMOVE)],
         ["whichever voice is higher"]),
    ],
)  # fmt: skip
def test_who_is_meant(text: str, found: list[tuple[str, Action]], right: list[str]) -> None:
    spans = mended(text, spans_of(text, found, kind="voice")).spans
    assert [text[s.start : s.stop] for s in spans] == right
    assert spans[0].action is found[0][1]


def test_her_is_the_woman_named_before() -> None:
    text = "the sad woman, make her louder"
    sad, her = spans_of(text, [("sad woman", KEEP), ("her", UP)], kind="voice")
    sad = replace(sad, styles={"gender": "F", "emotion": "sad"})
    (found,) = mended(text, [sad, replace(her, styles={"gender": "F"})]).spans
    assert (found.start, found.action) == (sad.start, UP)


def test_what_shall_be_heard_for_it_is_kept() -> None:
    text = "remove the plumbing so that you can hear the flute"
    found = actions(text, ("plumbing", REMOVE), ("flute", REMOVE))
    assert found == [("plumbing", REMOVE), ("flute", KEEP)]


def test_what_a_trailing_cue_is_said_of_is_found() -> None:
    text = "make the horse go louder and cow go quiet"
    assert actions(text, ("horse", UP)) == [("horse", UP), ("cow", DOWN)]


def test_not_one_but_the_other() -> None:
    text = "not the cat, the dog should go"
    assert actions(text, ("cat", REMOVE), ("dog", REMOVE)) == [("cat", KEEP), ("dog", REMOVE)]


def test_an_unknown_negation_is_told() -> None:
    text = "remove the man nor the whale"
    found = mended(text, spans_of(text, [("man", REMOVE), ("whale", REMOVE)]))
    assert len(found.doubts) == 1


@given(st.text(max_size=60), st.data())
def test_any_text_and_spans(text: str, data: st.DataObject) -> None:
    if text:
        start = data.draw(st.integers(0, len(text) - 1))
        stop = data.draw(st.integers(start + 1, len(text)))
        span = Span(start, stop, "sound", data.draw(st.sampled_from(list(Action))))
        for found in mended(text, [span]).spans:
            assert 0 <= found.start < found.stop <= len(text)


class Told:
    """A tagger that finds one thing, wherever it stands."""

    def __init__(self, words: str, action: Action, kind: Kind = "sound", sure: float = 1.0) -> None:
        self.words, self.action, self.kind, self.sure = words, action, kind, sure

    def tag(self, texts: list[str]) -> list[Tagging]:
        spans = (spans_of(text, [(self.words, self.action)], self.kind) for text in texts)
        return [Tagging(tuple(replace(s, sure=self.sure) for s in some)) for some in spans]


def test_what_would_change_nothing_or_says_not_louder_is_told() -> None:
    for text, action in (("the dog and I", KEEP), ("my dog barks a lot", UP)):
        (reading,) = OpenReader(Told("dog", action)).read([text])
        assert reading.not_understood == (text,)
    (reading,) = OpenReader(Told("dog", KEEP)).read(["leave the dog alone"])
    assert reading.not_understood == ()


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("the speech is hard to follow", 0.5),
        ("just interested in the speech", 0.0),
        ("only the speech should stay", 0.0),
    ],
)
def test_to_hear_somebody_is_to_lower_the_rest(text: str, rest: float) -> None:
    (reading,) = OpenReader(Told("speech", KEEP, "all_speech")).read([text])
    assert reading.rest_gain == rest


@pytest.mark.parametrize(
    ("text", "rest_db"),
    [("all but the man should be much louder", 12), ("all but the man lower by 9 dB", -9)],
)
def test_an_amount_behind_an_exception_is_for_all_the_others(text: str, rest_db: float) -> None:
    way = UP if rest_db > 0 else DOWN
    spans = spans_of(text, [("all", way), ("man", KEEP)], kind="everything")
    whole, spared = gains_of(text, [spans[0], replace(spans[1], kind="voice")])
    assert whole.factor == pytest.approx(10 ** (rest_db / 20))
    assert spared.factor == 1


@pytest.mark.parametrize(
    ("text", "found", "gains_db"),
    [
        ("rain down 5 dB wind down 10 dB", [("rain", DOWN), ("wind", DOWN)], [-5, -10]),
        ("+3 on the flute", [("flute", UP)], [3]),
        ("remove a bit of the rain", [("rain", REMOVE)], [-3]),
        ("remove most of the rain", [("rain", REMOVE)], [-12]),
        ("I can barely hear her because of the rain", [("rain", DOWN)], [-6]),
    ],
)
def test_amounts_without_marks_and_for_a_part(
    text: str, found: list[tuple[str, Action]], gains_db: list[float]
) -> None:
    gains = gains_of(text, spans_of(text, found))
    assert [20 * math.log10(gain.factor) for gain in gains] == pytest.approx(gains_db, abs=0.1)


class Silent:
    """A tagger that finds nothing."""

    def tag(self, texts: list[str]) -> list[Tagging]:
        return [Tagging((), is_request=False) for _ in texts]


@pytest.mark.parametrize(
    ("text", "rest"),
    [("louder", 2.0), ("turn it down", 0.5), ("turn it down by 3 dB please", 10 ** (-3 / 20))],
)
def test_a_few_words_for_everything(text: str, rest: float) -> None:
    (reading,) = OpenReader(Silent()).read([text])
    assert reading.rest_gain == pytest.approx(rest)


@pytest.mark.parametrize("text", ["karaoke version", "a cappella, please"])
def test_versions(text: str) -> None:
    (thing,) = OpenReader(Silent()).read([text])[0].things
    assert thing.hypernym == "vocals"


@pytest.mark.parametrize(
    ("text", "lowered", "kept"),
    [
        ("why is the rain so loud?", {"rain": DOWN}, set()),
        ("I hate that alarm", {"alarm": REMOVE}, set()),
        ("the dog is driving me crazy", {"dog": DOWN}, set()),
        ("I wish I could hear my daughter over that clock", {"clock": DOWN}, {"daughter"}),
        ("the music is fighting with the narrator", {"music": DOWN}, {"narrator"}),
        ("love the ocean, hate the snoring", {"snoring": REMOVE}, {"ocean"}),
        ("the siren ruined my take", {"siren": REMOVE}, set()),
        ("omg the dog is so loud", {"dog": DOWN}, set()),
        ("that alarm never stops", {"alarm": DOWN}, set()),
        ("the drill makes it hard to hear the harp", {"drill": DOWN}, {"harp"}),
        ("all I hear is the drill", {"drill": DOWN}, set()),
        ("ugh, the neighbour's drill again", {"neighbour's drill": DOWN}, set()),
        ("this fan is swallowing the narrator", {"fan": DOWN}, {"narrator"}),
        ("dog -6, cat no, piano yes", {"dog": DOWN, "cat": REMOVE}, {"piano"}),
        ("everything is fine except the drill", {"drill": DOWN}, {"everything"}),
        ("turn everything but the wind up 3 dB", {"everything": UP}, {"wind"}),
    ],
)
def test_a_complaint_asks_without_saying_so(
    text: str, lowered: dict[str, Action], kept: set[str]
) -> None:
    tagging = known_way(text)
    assert tagging is not None
    found = {text[s.start : s.stop]: s.action for s in tagging.spans}
    assert found == lowered | dict.fromkeys(kept, KEEP)


def test_a_complaint_about_nothing_heard_is_left_to_the_reader() -> None:
    assert known_way("why is the parliament so loud?") is None
    assert known_way("I hate Mondays") is None


@pytest.mark.parametrize(
    "text", ["adjust the volume of the dog", "remove the interviewer but keep the guest"]
)
def test_what_says_neither_up_nor_down_nor_who_is_told(text: str) -> None:
    (reading,) = OpenReader.load().read([text])
    assert not reading.things
    assert reading.not_understood


def test_politeness_is_no_amount() -> None:
    (reading,) = OpenReader.load().read(["It would be great if you turned everything down."])
    assert reading.rest_gain == 0.5


@pytest.mark.parametrize("amount", ["6 dBFS", "VI dB", "0x10 dB", "6 bels", "1_000 dB"])
def test_an_amount_that_cannot_be_read_is_told(amount: str) -> None:
    (reading,) = OpenReader(KeywordTagger()).read([f"turn the dog down by {amount}"])
    assert reading.not_understood


def test_a_baby_is_a_sound_and_what_is_set_apart_is_alone() -> None:
    baby, apart = OpenReader(KeywordTagger()).read(
        ["mute the baby", "separate the dog from the rest"]
    )
    assert baby.things[0].sound is not None
    assert apart.rest_gain == 0
    assert [thing.words for thing in apart.things] == ["dog"]


@pytest.mark.parametrize("text", ["turn it down and remove the dog", "louder gronk", "volume"])
def test_what_says_more_is_not_plain(text: str) -> None:
    assert plainly_meant(text) is None


@pytest.mark.parametrize(
    ("text", "is_other"),
    [
        ("Export it as FLAC, please", True),
        ("can you transcribe this?", True),
        ("what time is it?", True),
        ("slow the whole thing down", True),
        ("lower the pitch of the song", True),
        ("turn down the invitation", True),
        ("Is the piano louder than the singer?", True),
        ("Is there a way to lose the siren?", False),
        ("adjust the tempo of the man by lowering the volume", False),
        ("delete the email notification sound", False),
        ("what I want is less wind", False),
        ("save it without the dog", False),
        ("remove the dog", False),
    ],
)
def test_what_is_no_matter_of_levels(text: str, is_other: bool) -> None:
    assert is_other_work(text) is is_other


@pytest.mark.parametrize(
    ("text", "named", "rest_gain"),
    [
        ("lift robin, drop plane", {"robin": 2.0, "plane": 0.0}, 1.0),
        ("the owl is so faint, can you lift it?", {"owl": 2.0}, 1.0),
        ("scrub the typing but leave the cat alone", {"typing": 0.0, "cat": 1.0}, 1.0),
        ("my interest is only in the harp", {"harp": 1.0}, 0.0),
        ("what if there was no rain?", {"rain": 0.0}, 1.0),
        ("organ without speech", {"organ": 1.0, "speech": 0.0}, 1.0),
        ("crowd 10 down", {"crowd": 10 ** (-10 / 20)}, 1.0),
        ("stream at one third", {"stream": 1 / 3}, 1.0),
        ("rain at 150 %", {"rain": 1.5}, 1.0),
        ("rain just a hair down", {"rain": 10 ** (-2 / 20)}, 1.0),
        ("bells ok, but lower", {"bells": 0.5}, 1.0),
    ],
)
def test_known_things_in_known_ways(text: str, named: dict[str, float], rest_gain: float) -> None:
    (reading,) = OpenReader(Silent()).read([text])
    assert {thing.words: thing.gain for thing in reading.things} == pytest.approx(named)
    assert reading.rest_gain == rest_gain
    assert not reading.not_understood


@pytest.mark.parametrize(
    ("text", "all_goes"),
    [("i hate everything but the harp", True), ("i love all but the harp", False)],
)
def test_everything_but(text: str, all_goes: bool) -> None:
    at = text.index("harp")
    found = mended(text, [Span(at, at + 4, "sound", Action.REMOVE)]).spans
    right = [Action.REMOVE, Action.KEEP] if all_goes else [Action.KEEP, Action.REMOVE]
    assert [span.action for span in found] == right


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("take 6 db off everything but all background sounds", "all_sounds"),
        ("lower everything except the voices", "all_speech"),
    ],
)
def test_all_sounds_or_speech_may_be_excepted_without_a_tag(text: str, kind: str) -> None:
    at = text.index("everything")
    whole, kept = mended(text, [Span(at, at + 10, "all_sounds", Action.DOWN)]).spans
    assert (whole.kind, whole.action) == ("everything", Action.DOWN)
    assert (kept.kind, kept.action) == (kind, Action.KEEP)


def test_a_sound_is_no_way_to_sound() -> None:
    asked, other = OpenReader.load().read(
        ["make all sounds but the speech go away", "make the speech sound warmer"]
    )
    assert asked.rest_gain == 0
    assert not other.is_request


def test_an_exception_of_nothing_heard_of_is_told() -> None:
    (reading,) = OpenReader.load().read(["turn down everything but um"])
    assert reading.not_understood


def test_what_one_says_is_ones_voice() -> None:
    text = "delete everything the man says"
    (found,) = mended(text, [Span(7, 17, "everything", Action.REMOVE)]).spans
    assert (text[found.start : found.stop], found.kind) == ("man", "voice")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lower the dog while she speaks", "while she speaks"),
        ("lower the dog unless it howls", "unless it howls"),
        ("take the horn away, sorry, lower the dog", "horn"),
    ],
)
def test_conditions_and_what_nobody_noted_are_told(text: str, told: str) -> None:
    (reading,) = OpenReader(Told("dog", Action.DOWN)).read([text])
    assert told in " ".join(reading.not_understood)


def test_what_the_tagger_is_unsure_of_is_told() -> None:
    for sure in (0.5, 0.9):
        (reading,) = OpenReader(Told("gronk", Action.DOWN, sure=sure)).read(["the gronk, a lot"])
        assert bool(reading.unsure) == (sure < 0.8)

"""Rules that set right what a tagger found wrongly: here a tagger that errs on purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lcr.instruction import Action
from lcr.prompts.reading import OpenReader, Span, Tagging
from lcr.prompts.reading.mend import mended
from lcr.prompts.reading.plain import is_other_work, plainly_meant
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
        ("I don't want to hear the dog", [("dog", REMOVE)], [REMOVE]),
        ("less dog more violin", [("dog", DOWN), ("violin", DOWN)], [DOWN, UP]),
        ("turn the cat up and the dog down", [("cat", UP), ("dog", UP)], [UP, DOWN]),
        ("lower the wind, remove the dog", [("wind", DOWN), ("dog", KEEP)], [DOWN, REMOVE]),
        ("lower the bells or rather remove them", [("bells", DOWN)], [REMOVE]),
        ("make both of them louder", [("both of them", UP)], [UP]),
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


@pytest.mark.parametrize("text", ["turn it down and remove the dog", "louder dog", "volume"])
def test_what_says_more_is_not_plain(text: str) -> None:
    assert plainly_meant(text) is None


@pytest.mark.parametrize(
    ("text", "is_other"),
    [
        ("Export it as FLAC, please", True),
        ("can you transcribe this?", True),
        ("what time is it?", True),
        ("what I want is less wind", False),
        ("save it without the dog", False),
        ("remove the dog", False),
    ],
)
def test_what_is_no_matter_of_levels(text: str, is_other: bool) -> None:
    assert is_other_work(text) is is_other

"""Words for speaking styles and for groups of sources. No word may fit two style values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lcr.word_lists import WordLists


@dataclass(frozen=True, kw_only=True)
class StyleWords:
    """Ways to say one style value.

    `adjectives` stand before a person or a voice, `of_person` and `of_voice` before only one of
    them; `having` follows "with" (those naming a voice only after a person); `doing` is a
    participle that follows either.
    """

    adjectives: tuple[str, ...] = ()
    of_person: tuple[str, ...] = ()
    of_voice: tuple[str, ...] = ()
    having: tuple[str, ...]
    doing: tuple[str, ...]


_WORDS = WordLists(Path(__file__).with_name("lexicon.json"))

STYLE_WORDS = {
    (style, value): StyleWords(**words)
    for key, words in _WORDS.tables("style_words").items()
    for style, value in [key.split()]
}

GENDER_PERSONS = _WORDS.table("gender_persons")
GENDER_VOICES = _WORDS.table("gender_voices")
SPEAKER_NOUNS = _WORDS.words("speaker_nouns")
PERSON_NOUNS = _WORDS.words("person_nouns")
"""Not used beside a sneezing or whistling person."""

EVERYTHING = _WORDS.words("everything")
OVERALL_VOLUME = _WORDS.words("overall_volume")
"""Objects that already name a level: "raise the overall volume"."""

EVERYTHING_ELSE = _WORDS.words("everything_else")
EXCEPT = _WORDS.words("except")
EVERYTHING_BEFORE_EXCEPT = _WORDS.words("everything_before_except")

ONE_SPEAKER = _WORDS.words("one_speaker")
SPEECH_GROUP = _WORDS.words("speech_group")
SPEECH_PAIR = _WORDS.words("speech_pair")
GENDER_PAIR = _WORDS.table("gender_pair")
AUDIO_GROUP = _WORDS.words("audio_group")
NON_SPEECH_GROUP = _WORDS.words("non_speech_group")
"""Not used beside a chattering crowd or a crying baby."""

ONE_AUDIO = _WORDS.words("one_audio")
VOICE_LIKE = frozenset(
    {"crowd chattering", "crowd cheering", "baby crying", "person sneezing", "person snoring"}
    | {"person whistling", "person coughing"}
)
"""Labels made by people: words such as "person", "voices" or "non-speech" could mean them."""

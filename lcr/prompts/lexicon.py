"""Words for speaking styles and for groups of sources. No word may fit two style values."""

from __future__ import annotations

from dataclasses import dataclass


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


STYLE_WORDS: dict[tuple[str, str], StyleWords] = {
    ("pitch", "low"): StyleWords(
        adjectives=("low-pitched", "low-toned", "deep-toned", "low-register"),
        of_person=("deep-voiced",),
        of_voice=("deep", "deep-pitched"),
        having=("a deep voice", "a low pitch", "a low tone", "a deep tone", "a low register"),
        doing=("speaking in a deep voice", "talking at a low pitch", "speaking in a low tone"),
    ),
    ("pitch", "normal"): StyleWords(
        adjectives=("normal-pitched", "average-pitched", "medium-pitched", "mid-pitched"),
        having=(
            "a normal pitch",
            "an average pitch",
            "a regular pitch",
            "a medium pitch",
            "a standard pitch",
            "a moderate pitch",
            "a mid-range pitch",
        ),
        doing=("speaking at a normal pitch", "talking at an average pitch"),
    ),
    ("pitch", "high"): StyleWords(
        adjectives=("high-pitched", "shrill", "high-toned", "high-register"),
        of_person=("squeaky-voiced", "high-voiced"),
        of_voice=("squeaky",),
        having=("a high voice", "a high pitch", "a shrill voice", "a high tone", "a high register"),
        doing=("speaking in a high voice", "talking at a high pitch", "speaking in a high tone"),
    ),
    ("tempo", "low"): StyleWords(
        adjectives=("slow", "slow-paced", "unhurried", "slow-tempo"),
        of_person=("slow-talking", "slow-speaking"),
        having=("a slow pace", "a slow tempo", "a leisurely pace", "a slow speaking rate"),
        doing=("speaking slowly", "talking slowly", "speaking at a slow pace", "taking their time"),
    ),
    ("tempo", "normal"): StyleWords(
        adjectives=("normal-paced", "regular-paced", "average-speed", "moderate-tempo"),
        having=(
            "a normal pace",
            "a regular tempo",
            "an average speed",
            "a moderate pace",
            "a standard speaking rate",
            "a normal speed",
        ),
        doing=(
            "speaking at a normal speed",
            "talking at an average pace",
            "speaking at a regular pace",
            "talking at a moderate speed",
        ),
    ),
    ("tempo", "high"): StyleWords(
        adjectives=("fast", "fast-paced", "rapid", "quick"),
        of_person=("fast-talking", "quick-talking", "fast-speaking"),
        having=("a fast pace", "a rapid tempo", "a quick pace", "a brisk pace", "a fast tempo"),
        doing=("speaking fast", "talking quickly", "speaking rapidly", "talking at high speed"),
    ),
    ("energy", "low"): StyleWords(
        adjectives=("low-energy", "subdued", "laid-back", "low-key"),
        having=(
            "low energy",
            "a subdued delivery",
            "little energy",
            "a quiet energy",
            "a calm energy",
            "low vitality",
        ),
        doing=("speaking with low energy", "talking with little energy", "speaking softly"),
    ),
    ("energy", "normal"): StyleWords(
        adjectives=("normal-energy", "medium-energy", "average-energy"),
        having=(
            "normal energy",
            "average energy",
            "a moderate level of energy",
            "a regular energy level",
            "a medium energy level",
            "average vitality",
        ),
        doing=("speaking with normal energy", "talking with average energy"),
    ),
    ("energy", "high"): StyleWords(
        adjectives=("energetic", "lively", "high-energy", "vigorous", "dynamic"),
        having=(
            "high energy",
            "a lively delivery",
            "lots of energy",
            "an energetic delivery",
            "high vitality",
        ),
        doing=("speaking energetically", "talking with high energy", "speaking with vigor"),
    ),
    ("emotion", "neutral"): StyleWords(
        adjectives=("emotionless", "neutral", "unemotional", "neutral-sounding"),
        having=("a neutral tone", "no emotion", "a neutral emotion", "an unemotional tone"),
        doing=("speaking without emotion", "talking neutrally", "sounding neutral"),
    ),
    ("emotion", "happy"): StyleWords(
        adjectives=("happy", "cheerful", "joyful", "happy-sounding", "merry"),
        having=("a happy tone", "a cheerful tone", "a joyful mood"),
        doing=("speaking happily", "sounding happy", "talking cheerfully"),
    ),
    ("emotion", "sad"): StyleWords(
        adjectives=("sad", "sorrowful", "unhappy", "gloomy", "mournful", "melancholic"),
        having=("a sad tone", "a sorrowful tone", "a gloomy mood"),
        doing=("speaking sadly", "sounding sad", "talking sorrowfully"),
    ),
    ("emotion", "angry"): StyleWords(
        adjectives=("angry", "furious", "irate", "mad", "enraged"),
        having=("an angry tone", "a furious tone", "anger in the voice"),
        doing=("speaking angrily", "sounding angry", "talking furiously"),
    ),
    ("emotion", "surprised"): StyleWords(
        adjectives=("surprised", "astonished", "amazed", "surprised-sounding"),
        having=("a surprised tone", "an astonished tone", "surprise in the voice"),
        doing=("sounding surprised", "speaking in surprise", "talking in amazement"),
    ),
    ("emotion", "disgusted"): StyleWords(
        adjectives=("disgusted", "repulsed", "revolted", "disgusted-sounding"),
        having=("a disgusted tone", "disgust in the voice", "a revolted tone"),
        doing=("sounding disgusted", "speaking with disgust", "talking in disgust"),
    ),
    ("emotion", "fear"): StyleWords(
        adjectives=("scared", "fearful", "frightened", "terrified"),
        having=("a fearful tone", "fear in the voice", "a frightened tone"),
        doing=("sounding afraid", "speaking fearfully", "talking in fear"),
    ),
    ("emotion", "contempt"): StyleWords(
        adjectives=("contemptuous", "scornful", "disdainful"),
        having=("a contemptuous tone", "contempt in the voice", "a scornful tone"),
        doing=("speaking with contempt", "sounding scornful", "talking disdainfully"),
    ),
}

GENDER_PERSONS: dict[str, tuple[str, ...]] = {
    "M": ("man", "man", "male speaker", "guy", "gentleman", "male", "male talker"),
    "F": ("woman", "woman", "female speaker", "lady", "female", "female talker"),
}
GENDER_VOICES: dict[str, tuple[str, ...]] = {
    "M": ("male voice", "masculine voice"),
    "F": ("female voice", "feminine voice"),
}
SPEAKER_NOUNS: tuple[str, ...] = ("speaker", "speaker", "talker")
PERSON_NOUNS: tuple[str, ...] = ("person", "individual")
"""Not used beside a sneezing or whistling person."""

EVERYTHING: tuple[str, ...] = (
    "everything",
    "everything",
    "the whole mix",
    "the entire mix",
    "all the sounds",
    "all sounds",
    "the whole recording",
    "the entire recording",
    "every sound",
    "all sources",
    "the full mix",
    "the whole clip",
    "all of it",
    "the whole thing",
    "the entire audio",
)
OVERALL_VOLUME: tuple[str, ...] = (
    "the overall volume",
    "the master volume",
    "the overall level",
    "the total volume",
    "the overall loudness",
    "the volume of everything",
    "the volume",
    "the general volume",
    "the volume of the whole clip",
)
"""Objects that already name a level: "raise the overall volume"."""

EVERYTHING_ELSE: tuple[str, ...] = (
    "everything else",
    "everything else",
    "all the other sounds",
    "all other sounds",
    "the rest",
    "the rest of the sounds",
    "the other sounds",
    "all the rest",
    "the rest of the mix",
)
EXCEPT: tuple[str, ...] = ("except", "except for", "but", "apart from", "other than", "besides")
EVERYTHING_BEFORE_EXCEPT: tuple[str, ...] = (
    "everything",
    "everything",
    "all sounds",
    "all the sounds",
    "every sound",
)

ONE_SPEAKER: tuple[str, ...] = (
    "the speech",
    "the voice",
    "the talking",
    "the spoken words",
    "the speaking voice",
)
SPEECH_GROUP: tuple[str, ...] = (
    "the speech",
    "all the speech",
    "all speech",
    "the voices",
    "all the voices",
    "all voices",
    "all speakers",
    "all the speakers",
    "the speakers",
    "everyone talking",
    "everyone who is speaking",
    "everybody talking",
    "the talking",
    "the people talking",
)
SPEECH_PAIR: tuple[str, ...] = (
    "both speakers",
    "both voices",
    "the two speakers",
    "the two voices",
    "both people speaking",
    "both of the speakers",
    "both of the voices",
)
GENDER_PAIR: dict[str, tuple[str, ...]] = {
    "M": ("both men", "the two men", "both male speakers", "both male voices"),
    "F": ("both women", "the two women", "both female speakers", "both female voices"),
}
AUDIO_GROUP: tuple[str, ...] = (
    "the background sounds",
    "all the background sounds",
    "all background sounds",
    "the background noises",
    "all the background noise",
    "the background noise",
    "the background",
    "the noise",
    "all the noise",
    "the noises",
)
NON_SPEECH_GROUP: tuple[str, ...] = (
    "all non-speech sounds",
    "the non-speech sounds",
    "everything that isn't speech",
    "all the sounds that aren't speech",
)
"""Not used beside a chattering crowd or a crying baby."""

ONE_AUDIO: tuple[str, ...] = (
    "the background sound",
    "the background noise",
    "the noise",
    "the background",
)
VOICE_LIKE = frozenset(
    {"crowd chattering", "crowd cheering", "baby crying", "person sneezing", "person snoring"}
    | {"person whistling", "person coughing"}
)
"""Labels made by people: words such as "person", "voices" or "non-speech" could mean them."""

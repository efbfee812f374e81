"""English for speakers and their styles: a thesaurus, composed rather than listed."""

from __future__ import annotations

from dataclasses import dataclass


def _all(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


PITCH = _all(
    "pitch, pitch, tone, voice, register, vocal range, frequency, vocal tone, voice pitch, "
    "tonality, vocal pitch, intonation, vocal register, tone of voice"
)
TEMPO = _all(
    "pace, pace, speed, tempo, rate, rhythm, cadence, speech rate, delivery, speaking speed, "
    "speaking pace, rate of speech, speaking rate, talking speed, speech tempo, flow, speed of "
    "talking"
)
ENERGY = _all(
    "energy, energy, vigor, enthusiasm, liveliness, vitality, spirit, power, dynamism, "
    "intensity, force, animation, energy level, drive, zest, verve, excitement, exuberance, "
    "strength, vivacity, oomph, vibe, presence"
)
FEELING = _all(
    "tone, mood, emotion, manner, voice, expression, feeling, attitude, demeanor, sentiment, "
    "disposition, state of mind"
)
_LOW = _all("low, reduced, lower, lowish")
_NORMAL = _all(
    "normal, normal, regular, average, typical, usual, standard, ordinary, moderate, medium, "
    "common, balanced, middling, conventional, everyday, natural, customary, mid-level, "
    "neutral, plain, unremarkable, intermediate"
)
_STEADY = _all("steady, even, consistent, constant, measured, stable")
_HIGH = _all("high, elevated, raised, higher, heightened")


@dataclass(frozen=True, kw_only=True)
class Style:
    """Ways to say a style value: `levels` before `nouns`, `adjectives` and -ed words before a
    person or voice, and `doing` behind them. `mass` nouns take no article."""

    levels: tuple[str, ...]
    nouns: tuple[str, ...]
    adjectives: tuple[str, ...] = ()
    doing: tuple[str, ...] = ()
    mass: bool = False


def _feeling(adjectives: str, nouns: str, doing: str) -> Style:
    found = tuple(adjectives.split(", "))
    return Style(
        levels=found,
        nouns=FEELING,
        adjectives=(*found, *(f"{a}-sounding" for a in found[:3])),
        doing=(
            *(f"who sounds {a}" for a in found),
            *(f"filled with {n}" for n in nouns.split(", ")),
            *(f"speaking with {n}" for n in nouns.split(", ")),
            *(f"speaking {d}" for d in doing.split(", ")),
            *(f"talking {d}" for d in doing.split(", ")),
        ),
    )


STYLES: dict[tuple[str, str], Style] = {
    ("pitch", "low"): Style(
        levels=(_LOW + _all("deep, deep, bass, bassy, rumbling, sonorous, baritone, dark")),
        nouns=PITCH,
        adjectives=_all(
            "low-pitched, deep-voiced, low-toned, deep, bass, baritone, low-voiced, "
            "deep-toned, low-frequency, gravelly, bass-voiced, deep-sounding"
        ),
        doing=_all("speaking deeply, talking in a bass, speaking in low tones, who sounds deep"),
    ),
    ("pitch", "normal"): Style(
        levels=_NORMAL,
        nouns=PITCH,
        adjectives=_all(
            "normal-pitched, regular-pitched, average-pitched, typical-pitched, usual-pitched, "
            "standard-pitched, ordinary-pitched, moderate-pitched, normal-toned, "
            "regular-sounding, average-toned, normal-voiced, mid-range"
        ),
        doing=_all("speaking in a middle register, neither deep nor shrill in tone"),
    ),
    ("pitch", "high"): Style(
        levels=(_HIGH + _all("shrill, squeaky, piercing, treble, sharp, soprano, bright")),
        nouns=PITCH,
        adjectives=_all(
            "high-pitched, shrill, squeaky, high-toned, high-voiced, piercing, soprano, "
            "high-frequency, treble, sharp-voiced, high-sounding"
        ),
        doing=_all("speaking in high tones, who sounds shrill, squeaking, speaking in falsetto"),
    ),
    ("tempo", "low"): Style(
        levels=_all(
            "slow, slow, slow, leisurely, unhurried, sluggish, relaxed, gentle, low, lazy, "
            "slack, dragging, plodding, slower"
        ),
        nouns=TEMPO,
        adjectives=_all(
            "slow, slow-paced, slow-talking, slow-speaking, unhurried, sluggish, slow-spoken, "
            "drawling, leisurely, slow-tempo, slowly speaking, ponderous"
        ),
        doing=_all(
            "speaking slowly, talking slowly, who takes their time, drawling, talking without "
            "hurry, who speaks slowly, speaking leisurely"
        ),
    ),
    ("tempo", "normal"): Style(
        levels=_NORMAL + _STEADY,
        nouns=TEMPO,
        adjectives=_all(
            "normal-paced, normal-speed, normal-tempo, regular-paced, regular-speed, "
            "regular-tempo, average-paced, average-speed, average-tempo, typical-paced, "
            "typical-speed, typical-tempo, usual-paced, usual-speed, usual-tempo, "
            "standard-paced, standard-speed, standard-tempo, ordinary-paced, ordinary-speed, "
            "ordinary-tempo, moderate-paced, moderate-speed, moderate-tempo, steady-paced, "
            "evenly paced, steady"
        ),
        doing=_all("speaking neither fast nor slowly, talking steadily, speaking evenly paced"),
    ),
    ("tempo", "high"): Style(
        levels=_all(
            "fast, fast, fast, quick, rapid, brisk, swift, speedy, hurried, hasty, high, "
            "accelerated, rushed, quicker"
        ),
        nouns=TEMPO,
        adjectives=_all(
            "fast, fast-paced, fast-talking, quick, rapid, fast-speaking, quick-paced, "
            "rapid-fire, brisk, speedy, hurried, swift, quick-talking"
        ),
        doing=_all(
            "speaking fast, talking quickly, speaking rapidly, who talks fast, speaking "
            "hurriedly, who speaks quickly, rattling along"
        ),
    ),
    ("energy", "low"): Style(
        levels=(
            _LOW
            + _all(
                "little, minimal, weak, subdued, calm, mellow, relaxed, mild, limited, laid-back, "
                "low-key, muted, restrained, faint, quiet, slight"
            )
        ),
        nouns=ENERGY,
        mass=True,
        adjectives=_all(
            "low-energy, subdued, calm, mellow, laid-back, relaxed, lethargic, low-key, "
            "quiet-natured, listless, restrained, low-intensity, easygoing, tranquil, languid, "
            "soft-spoken, unenergetic, low-powered, tired-sounding"
        ),
        doing=_all(
            "speaking calmly, talking wearily, lacking energy, without much energy, speaking "
            "without enthusiasm, who sounds tired, who sounds relaxed"
        ),
    ),
    ("energy", "normal"): Style(
        levels=(_NORMAL + _all("fair, reasonable")),
        nouns=ENERGY,
        mass=True,
        adjectives=_all(
            "normal-energy, normal-intensity, regular-energy, regular-intensity, "
            "average-energy, average-intensity, typical-energy, typical-intensity, "
            "usual-energy, usual-intensity, standard-energy, standard-intensity, "
            "ordinary-energy, ordinary-intensity, moderate-energy, moderate-intensity, "
            "moderately energetic, reasonably lively, averagely energetic"
        ),
        doing=_all("speaking with neither much nor little energy"),
    ),
    ("energy", "high"): Style(
        levels=(
            _HIGH
            + _all(
                "lots of, great, strong, intense, much, plenty of, abundant, vigorous, lively, "
                "vibrant, powerful, strong, boundless, a lot of"
            )
        ),
        nouns=ENERGY,
        mass=True,
        adjectives=_all(
            "high-energy, energetic, lively, vigorous, dynamic, animated, spirited, vibrant, "
            "enthusiastic, intense, powerful, vivacious, excited, peppy, bubbly, exuberant, "
            "high-intensity, forceful, high-powered"
        ),
        doing=_all(
            "speaking energetically, talking with vigor, bursting with energy, full of energy, "
            "speaking enthusiastically, full of life, who sounds lively"
        ),
    ),
    ("emotion", "neutral"): _feeling(
        "neutral, emotionless, unemotional, dispassionate, composed, expressionless, impassive, "
        "indifferent, matter-of-fact, deadpan, unexpressive, flat, detached, even-tempered, stoic",
        "no emotion, neutrality, no feeling, indifference",
        "neutrally, without emotion, unemotionally, flatly, impassively, in a monotone",
    ),
    ("emotion", "happy"): _feeling(
        "happy, cheerful, joyful, delighted, glad, merry, jolly, joyous, elated, upbeat, pleased, "
        "jovial, gleeful, content, sunny, thrilled",
        "joy, happiness, cheer, delight, glee",
        "happily, cheerfully, joyfully, gladly, merrily",
    ),
    ("emotion", "sad"): _feeling(
        "sad, unhappy, sorrowful, gloomy, mournful, melancholic, dejected, downcast, miserable, "
        "depressed, heartbroken, tearful, grieving, melancholy",
        "sadness, sorrow, grief, melancholy",
        "sadly, sorrowfully, gloomily, mournfully, tearfully",
    ),
    ("emotion", "angry"): _feeling(
        "angry, furious, mad, irate, enraged, outraged, irritated, annoyed, infuriated, cross, "
        "hostile, fuming, livid, wrathful, heated, aggravated",
        "anger, rage, fury, wrath",
        "angrily, furiously, in anger, crossly, irritably",
    ),
    ("emotion", "surprised"): _feeling(
        "surprised, astonished, amazed, startled, shocked, stunned, astounded, dumbfounded, "
        "taken aback, bewildered, flabbergasted",
        "surprise, astonishment, amazement, shock, wonder",
        "in surprise, in astonishment, in amazement",
    ),
    ("emotion", "disgusted"): _feeling(
        "disgusted, repulsed, revolted, sickened, appalled, grossed-out, nauseated, repelled, "
        "offended, queasy",
        "disgust, revulsion, repulsion, aversion, distaste",
        "with disgust, in revulsion, disgustedly",
    ),
    ("emotion", "fear"): _feeling(
        "scared, afraid, frightened, fearful, terrified, anxious, panicked, alarmed, nervous, "
        "petrified, worried, trembling",
        "fear, terror, fright, anxiety, dread, panic",
        "fearfully, in fear, anxiously, nervously",
    ),
    ("emotion", "contempt"): _feeling(
        "contemptuous, scornful, disdainful, sneering, mocking, derisive, condescending, haughty, "
        "disrespectful, arrogant",
        "contempt, scorn, disdain, derision",
        "contemptuously, scornfully, with disdain, mockingly",
    ),
}

LINKS = _all(
    "with, with, with, with, who has, having, featuring, exhibiting, showing, displaying, "
    "characterized by, marked by, known for, possessing, that has, speaking with, talking "
    "with, demonstrating, who speaks with, using, of, who is speaking with, distinguished by, "
    "in, talking in, speaking at, at"
)

PERSONS = {
    "M": "man, man, male speaker, male speaker, guy, gentleman, male, male talker, fellow, bloke, "
    "male person, male individual, chap, dude, male presenter",
    "F": "woman, woman, female speaker, female speaker, lady, lady, female, female talker, gal, "
    "female person, female individual, girl, female presenter",
    "": "speaker, speaker, speaker, person, individual, talker, one, narrator, presenter",
}
VOICES = {
    "M": "male voice, man's voice, masculine voice, male speech, gentleman's voice, male vocals",
    "F": "female voice, woman's voice, feminine voice, female speech, lady's voice",
    "": "voice, speech, vocals, speaking voice, vocal, speaking part",
}

"""The procedural audio classes of `studio`: label -> family, and which are kept for "unseen"."""

from __future__ import annotations

FAMILIES: dict[str, tuple[str, ...]] = {
    "animals": (
        "dog barking",
        "cat meowing",
        "rooster crowing",
        "cow mooing",
        "sheep bleating",
        "duck quacking",
        "crow cawing",
        "songbird chirping",
        "frog croaking",
        "crickets chirping",
        "bee buzzing",
        "horse galloping",
        "owl hooting",
        "pig grunting",
    ),
    "people": (
        "baby crying",
        "person sneezing",
        "person snoring",
        "person whistling",
        "footsteps",
        "hands clapping",
        "crowd cheering",
        "crowd chattering",
        "person coughing",
    ),
    "vehicles": (
        "helicopter",
        "car engine idling",
        "motorcycle revving",
        "train passing",
        "airplane flying over",
        "race car passing",
        "boat motor running",
        "bicycle bell ringing",
    ),
    "weather": (
        "rain",
        "sea waves",
        "wind howling",
        "thunder",
        "fire crackling",
        "stream flowing",
        "water dripping",
        "hail falling",
    ),
    "alarms": (
        "police siren",
        "smoke alarm beeping",
        "car horn honking",
        "church bell ringing",
        "telephone ringing",
        "truck reversing beeps",
        "foghorn",
        "doorbell ringing",
    ),
    "tools": (
        "chainsaw",
        "electric drill",
        "hammering",
        "hand saw",
        "jackhammer",
        "sandpaper rubbing",
        "lathe spinning",
    ),
    "instruments": (
        "playing piano",
        "playing acoustic guitar",
        "playing flute",
        "playing violin",
        "playing trumpet",
        "playing drum kit",
        "playing marimba",
        "playing organ",
        "playing bass guitar",
        "playing synthesizer",
        "playing harmonica",
        "playing harp",
    ),
    "household": (
        "clock ticking",
        "vacuum cleaner",
        "typing on keyboard",
        "knocking on door",
        "toilet flushing",
        "kettle whistling",
        "microwave beeping",
        "washing machine",
        "glass breaking",
        "hair dryer",
        "scissors cutting",
    ),
    "electronics": (
        "radio static",
        "modem dialling",
        "video game sounds",
    ),
}

UNSEEN: frozenset[str] = frozenset(
    {
        "owl hooting",
        "pig grunting",
        "person coughing",
        "boat motor running",
        "bicycle bell ringing",
        "hail falling",
        "doorbell ringing",
        "lathe spinning",
        "playing harmonica",
        "playing harp",
        "hair dryer",
        "scissors cutting",
        "video game sounds",
    }
)
"""At least one a family; never in training, only in suites that ask for unseen classes."""

FAMILY_OF: dict[str, str] = {label: f for f, labels in FAMILIES.items() for label in labels}
LABELS: tuple[str, ...] = tuple(FAMILY_OF)
SEEN_LABELS: tuple[str, ...] = tuple(label for label in LABELS if label not in UNSEEN)

"""Numbers in words."""

from __future__ import annotations

_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen"
)
_ONES = _WORDS.split()
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
NUMBERS: dict[str, float] = {word: float(n) for n, word in enumerate(_ONES, start=1)}
NUMBERS |= {word: 10.0 * n for n, word in enumerate(_TENS, start=2)}
NUMBERS |= {
    f"{ten}{mark}{one}": NUMBERS[ten] + NUMBERS[one]
    for ten in _TENS
    for one in _ONES[:9]
    for mark in "- "
}
NUMBERS |= {
    "a": 1.0,
    "an": 1.0,
    "a couple of": 2.0,
    "a couple": 2.0,
    "a few": 3.0,
    "several": 4.0,
    "a hundred": 100.0,
}
NUMBERS |= {"one hundred": 100.0, "hundred": 100.0, "a thousand": 1000.0}
_PLAIN = sorted((word for word in NUMBERS if word.partition("-")[0] == word), key=len, reverse=True)
NUMBER_WORDS = "|".join(
    (
        rf"(?:{'|'.join(_TENS)})(?:[- ](?:{'|'.join(_ONES[:9])}))?",
        *(word for word in _PLAIN if word.partition(" ")[0] not in _TENS),
    )
)
"""A pattern of them."""

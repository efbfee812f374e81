"""How much louder or quieter: free-form amounts in words, as gains in dB.

A gain is a factor on the waveform, as in the paper (section III-A: up is 2, down is 1/2), so that
"half as loud" is a factor of 1/2, -6.02 dB, whatever half of a loudness may be.

| words                                                    | up       | down      |
|----------------------------------------------------------|----------|-----------|
| "by 3 dB", "3 decibels", "by 3"                          | +3 dB    | -3 dB     |
| "by 50 %", "by a third", "by half"                       | x (1+p)  | x (1-p)   |
| "to 50 %", "to a third", "a quarter as loud", "in half"  |          | x p       |
| "to 150 %"                                               | x p      |           |
| "to 11", "to the max", "to full volume"                  | x 2      |           |
| "twice as loud", "double", "triple", "3 times louder"    | x n      |           |
| "three times quieter", "halve", "half the volume"        |          | x 1/n     |
| "3x", "ten times", "tenfold"                             | x n      | x 1/n     |
| a touch, a hair, a tad, a smidge, very slightly          | +2 dB    | -2 dB     |
| a little, a bit, slightly, not much                      | +3 dB    | -3 dB     |
| quite a bit, a fair bit                                  | +6.02 dB | -6.02 dB  |
| somewhat, moderately, noticeably, clearly                | +6.02 dB | -6.02 dB  |
| a lot, much, way, far, considerably, significantly, ...  | +12 dB   | -12 dB    |
| extremely, massively, hugely, enormously, as ... can     | +20 dB   | -20 dB    |
| into the background                                      |          | -12 dB    |
| barely audible, barely any, nearly gone, all the way down |          | -30 dB    |

"By 100 %" down leaves nothing: minus infinity, a removal. Where several stand in one text the
first row of the table that fits counts.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Literal

from lcr.prompts.numbers import NUMBER_WORDS, NUMBERS

Direction = Literal["up", "down"]

PAPER_DB = 20 * math.log10(2)
"""Up and down as the paper has them, 6.02 dB."""

_PARTS = {
    "half": 1 / 2,
    "third": 1 / 3,
    "quarter": 1 / 4,
    "fourth": 1 / 4,
    "fifth": 1 / 5,
    "tenth": 1 / 10,
}
_MULTIPLES = {"twice": 2.0, "double": 2.0, "triple": 3.0, "quadruple": 4.0, "halve": 1 / 2}
_HAIR, _LITTLE, _SOME, _LOT, _EXTREME = 2.0, 3.0, PAPER_DB, 12.0, 20.0
_HOW_MUCH: tuple[tuple[str, float], ...] = (
    (r"(?:a|the) (?:touch|hair|tad|smidge\w*|notch)|(?:very|ever so) (?:slightly|little)", _HAIR),
    (r"not (?:by |too |so |that )*(?:much|a lot|far)", _LITTLE),
    (r"tiny bit|little bit", _HAIR),
    (r"quite a bit|a (?:good|fair) (?:bit|amount)", _SOME),
    (r"a (?:\w+ )?bit|a (?:little|wee|lil)|slight(?:ly)?|little bit", _LITTLE),
    (
        r"extremely|massive(?:ly)?|huge(?:ly)?|enormous(?:ly)?|vastly|as \w+ as .*can"
        r"|as much as possible|to the (?:great|full|max)\w* extent",
        _EXTREME,
    ),
    (
        r"a (?:\w+ )?lot|lots|much|way|far|a great deal|radically|drastic(?:ally)?"
        r"|really (?=loud|quiet|soft|low|turn|rais|boost|push|crank)",
        _LOT,
    ),
    (r"dramatic(?:ally)?|considerab\w+|significant(?:ly)?|substantial(?:ly)?", _LOT),
    (r"greatly|heav(?:y|ily)|strongly", _LOT),
    (r"somewhat|moderate(?:ly)?|noticeabl[ey]|clearly", _SOME),
)
_ONLY_DOWN: tuple[tuple[str, float], ...] = (
    (
        r"(?:bare|hard)ly (?:\w+ )?(?:audible|heard|notice(?:able)?|there|hear)"
        r"|all the way|(?:bare|hard)ly any|(?:almost|nearly|next to|practically) (?:in ?audible|"
        r"silent|gone|nothing|mute[d]?)"
        r"|(?:a|to a) whisper|very faint(?:ly)?|(?:hint|trace) of",
        30.0,
    ),
    (r"to (?:a|the) (?:bare )?minimum|as (?:quiet|low|soft) as possible", 20.0),
    (r"in(?:to)? the background", 12.0),
)

_NUMBER = (
    rf"(?P<n>\d{{1,3}}(?:,\d{{3}})+|\d+(?:[.,]\d+)?(?:e[-+]?\d+)?|\.\d+|"
    rf"(?:{NUMBER_WORDS}) point (?:{NUMBER_WORDS})|(?:{NUMBER_WORDS})(?: and a half)?|"
    r"\d+ and a half)"
)
_PART = rf"(?:(?P<count>\d+|{NUMBER_WORDS})[ -])?(?P<part>{'|'.join(_PARTS)})s?"
_PERCENT = r"(?:%|percent\b|per cent\b)"
_LEVEL = r"(?:volume|level|loudness|amplitude|gain)"
_OF = (
    rf"(?: (?:as|so) (?P<how>\w+)| (?:of )?(?:its|their|the|his|her) (?:\w+ )?{_LEVEL}| {_LEVEL}\b)"
)
_HOW = rf" (?:as )?(?:loud|quiet|soft|faint|less|more|low)\w*| the {_LEVEL}"

Meaning = Callable[[re.Match[str], Direction], float]
"""A match and a direction to a factor on the waveform."""


def _number(text: str) -> float:
    if text.endswith(" and a half"):
        return _number(text.removesuffix(" and a half")) + 0.5
    if " point " in text:
        return float(".".join(f"{NUMBERS[part]:g}" for part in text.split(" point ")))
    if text in NUMBERS:
        return NUMBERS[text]
    thousands = re.fullmatch(r"\d{1,3}(?:,\d{3})+", text)
    return float(text.replace(",", "" if thousands else "."))


def _share(match: re.Match[str]) -> float:
    return _number(match["count"] or "one") * _PARTS[match["part"]]


def _part(match: re.Match[str], _: Direction) -> float:
    share = _share(match)
    return 1 / share if share and _is_quiet(match) else share


def _changed_by(share: float, direction: Direction) -> float:
    return 1 + share if direction == "up" else 1 - share


def _is_quiet(match: re.Match[str]) -> bool:
    return bool(re.search(r"quiet|soft|faint|less|low", match["how"] or ""))


def _decibels(match: re.Match[str], direction: Direction) -> float:
    signs = {"-": -1, "−": -1, "minus": -1, "+": 1, "plus": 1}
    sign = signs.get((match["sign"] or "").strip(), 1 if direction == "up" else -1)
    level = max(-_MOST_DB, min(_MOST_DB, sign * _number(match["n"])))
    return math.pow(10, level / 20)


def _times(match: re.Match[str], direction: Direction) -> float:
    number = _number(match["n"])
    less = _is_quiet(match) if match["how"] else direction == "down"
    if number == 0:
        return 0.0  # "0 times as loud", and as quiet, is silence
    return 1 / number if less else number


def _multiple(match: re.Match[str], _: Direction) -> float:
    number = _MULTIPLES[match["word"]]
    return 1 / number if _is_quiet(match) else number


_MOST_DB = 200.0
"""More than any sound can change; it keeps numbers finite."""
_BARE = (
    rf"(?:(?P<sign>minus |plus |(?<![\w.])[-+−] ?)|\b(?:by|down|up) )(?P<n>\d+(?:\.\d+)?|"
    rf"{NUMBER_WORDS})"
    r"(?=\s*(?:[,.;!?]|$|(?:up|down|louder|quieter|softer|and|but|then|please|or so|on|for)\b))"
)
"""A number of decibels that are not called so: "down by 7"."""
_ABOUT = r"(?:about |around |roughly )?"
_EXPLICIT: tuple[tuple[re.Pattern[str], Meaning], ...] = tuple(
    (re.compile(pattern), meaning)
    for pattern, meaning in (
        (
            rf"(?<![\w.,])(?P<sign>[-+−]|minus |plus )? ?{_NUMBER} ?"
            r"(?:(?:more|extra|less) )?(?:db\b|decibels?)",
            _decibels,
        ),
        (
            rf"\b(?:to|at|only|just) {_ABOUT}{_NUMBER} ?{_PERCENT}",
            lambda m, _: _number(m["n"]) / 100,
        ),
        (rf"(?<!\w){_NUMBER} ?{_PERCENT}", lambda m, d: _changed_by(_number(m["n"]) / 100, d)),
        (
            r"\b(?:to|at) (?:11|eleven|(?:the )?max(?:imum)?|full (?:volume|blast))\b",
            lambda *_: 2.0,
        ),
        (rf"\b{_PART}{_OF}", _part),
        (rf"\b(?:to|in|at) {_ABOUT}{_PART}\b", lambda m, _: _share(m)),
        (rf"\bby {_ABOUT}{_PART}\b", lambda m, d: _changed_by(_share(m), d)),
        (rf"^{_PART}$", lambda m, d: _changed_by(_share(m), d)),
        (r"\bto (?:zero|0|nothing|silence)\b(?! ?(?:[.,]?\d|db|decibel|%))", lambda *_: 0.0),
        (rf"\bby a factor of {_NUMBER}(?P<how>)", _times),
        (rf"(?<!\w){_NUMBER}(?: times|x| x|[- ]?fold)\b(?P<how>{_HOW})?", _times),
        (rf"\b(?P<word>{'|'.join(_MULTIPLES)})[ds]?\b(?P<how>{_HOW})?", _multiple),
        (_BARE, _decibels),
        (
            rf"(?P<sign>)\b(?:take|knock|shave|pull|drop|cut) {_ABOUT}{_NUMBER} (?:off|from)\b",
            _decibels,
        ),
        (
            r"(?P<sign>)(?<![\w.])(?P<n>\d+(?:\.\d+)?) "
            r"(?:up|down|louder|quieter|lower|higher|softer)\b",
            _decibels,
        ),
        (
            rf"\b(?:only|just|keep|leave) (?:a )?{_PART} (?:of )?(?:the|my)\b",
            lambda m, _: _share(m),
        ),
    )
)


def explicit_db(words: str, direction: Direction) -> float | None:
    """The gain in dB that `words` give as a number, a part or a multiple, or None: where they
    give none, or one that goes the other way ("half as loud" for up)."""
    text = " ".join(words.lower().split())
    for pattern, meaning in _EXPLICIT:
        match = pattern.search(text)
        if match:
            factor = meaning(match, direction)
            gain_db = min(20 * math.log10(factor), _MOST_DB) if factor > 0 else -math.inf
            fits = gain_db >= 0 if direction == "up" else gain_db <= 0
            return gain_db if fits else None
    return None


def amount_db(words: str, direction: Direction) -> float | None:
    """The gain in dB that `words` mean, above 0 for up and below for down, by the table of this
    module; None where they say nothing of an amount or go against `direction`."""
    found = explicit_db(words, direction)
    text = " ".join(words.lower().split())
    if found is not None or any(pattern.search(text) for pattern, _ in _EXPLICIT):
        return found
    for pattern, size_db in (*(_ONLY_DOWN if direction == "down" else ()), *_HOW_MUCH):
        if re.search(rf"\b(?:{pattern})\b", text):
            return size_db if direction == "up" else -size_db
    return None

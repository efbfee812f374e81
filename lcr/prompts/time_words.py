"""Time ranges in words: "from 0:10 to 0:15", "after the first minute", "in the last 3 seconds"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from lcr.prompts.numbers import NUMBER_WORDS, NUMBERS
from lcr.prompts.time_range import TimeRange, TimeRangeError

_UNITS = (
    (r"milliseconds?|ms(?:ecs?)?", 0.001),
    (r"seconds?|secs?|s", 1.0),
    (r"minutes?|mins?|m", 60.0),
    (r"hours?|hrs?|h", 3600.0),
)
_NUMBERS = NUMBERS | {"half a": 0.5, "half an": 0.5}
_WORD = f"(?:half an?|{NUMBER_WORDS})"
_NUMBER = rf"(?:\d+(?:\.\d+)?|\.\d+|{_WORD})"
_UNIT = "(?:" + "|".join(pattern for pattern, _ in _UNITS) + ")"
# "A second" is rather the second of two than a time.
_ONE = rf"(?!a second\b)(?:{_NUMBER}[ -]|[\d.]+){_UNIT}(?![a-z])"
_SPAN = rf"(?:{_ONE}(?:,? ?(?:and )?{_ONE}){{0,2}})"
_CLOCK = r"(?:(?:\d+:)?\d{1,3}:[0-5]\d(?:\.\d+)?(?![\d:]))"
_BORDER = r"(?:the )?(?:very )?(?:start|beginning|end)(?: of (?:the|this) (?:recording|clip|file))?"
_MARK = r"(?:[ -]mark)?"
_TIME = (
    rf"(?:(?:the )?{_SPAN} (?:before|from) the end|(?:the )?(?:{_CLOCK}|{_SPAN}){_MARK}"
    r"|(?:second|minute) \d+(?:\.\d+)?)"
)
_POINT = rf"(?:{_TIME}|{_BORDER})"
_SIDE = rf"(?:the )?(?P<side>first|opening|initial|last|final) (?P<span>{_SPAN}|{_UNIT}(?![a-z]))"
_TO = r"(?: ?(?:-|–|—) ?| (?:to|until|till|up to|through) )"
_ON = r"(?: (?:on(?:wards?)?|forwards?)(?: to the end)?(?= |[,.;!?]|$))?"

Meaning = Callable[[re.Match[str]], TimeRange]


@dataclass(frozen=True, kw_only=True)
class TimedPrompt:
    """A prompt without the words that say when, and the range that they mean."""

    prompt: str
    only: TimeRange | None = None


def parse_time(text: str) -> float:
    """Seconds of "0:10", "1:02:03.5", "90", "90 s", "1 min 30 s", "2 minutes", "second 5", below 0
    of "-3" and of "3 seconds before the end". Raises TimeRangeError."""
    words = " ".join(text.lower().split())
    if re.fullmatch(r"-?(?:\d+(?:\.\d+)?|\.\d+)", words):
        return float(words)
    if not re.fullmatch(_TIME, words):
        raise TimeRangeError(f'{text!r} is no time; write it as "90", "1:30" or "1 min 30 s"')
    return _seconds(words) or 0.0


def parse_range(prompt: str) -> TimedPrompt:
    """Take the time range out of `prompt`, which it limits as a whole. A prompt that says nothing
    of time is returned as it is.

    Raises TimeRangeError for times that make no range, for several ranges, and where nothing but
    the range is left.
    """
    found: list[TimeRange] = []
    pointing = [match[0] for match in POINTING.finditer(prompt)]
    rest = POINTING.sub("\1", prompt)
    for pattern, meaning in _RANGES:
        for match in reversed(list(pattern.finditer(rest))):
            found.append(meaning(match))
            rest = f"{rest[: match.start()]}\0{rest[match.end() :]}"
    unclear = _UNCLEAR.search(rest)
    if unclear:
        words = unclear[0].replace("\0", "a time range").strip()
        raise TimeRangeError(
            f'"{words}" is no time range; say from when to when, such as "from 0:10 to 0:15", '
            '"after the first minute" or "in the last 3 seconds"'
        )
    if not found:
        return TimedPrompt(prompt=prompt)
    left = _tidied(rest)
    for phrase in pointing:
        left = left.replace("\1", phrase, 1)
    if not re.search(r"\w", left):
        raise TimeRangeError("the prompt says when, but not what to do")
    return TimedPrompt(prompt=left, only=_joined(found))


def choose_range(prompt: str, *, start_s: float | None, end_s: float | None) -> TimedPrompt:
    """`parse_range`, or the range that is given beside the prompt.

    Raises TimeRangeError where there are both.
    """
    timed = parse_range(prompt)
    if start_s is None and end_s is None:
        return timed
    if timed.only is not None:
        raise TimeRangeError(f"the prompt gives a time range itself: {timed.only.words()}")
    return TimedPrompt(prompt=prompt, only=TimeRange(start_s=start_s or 0.0, end_s=end_s))


def _joined(found: list[TimeRange]) -> TimeRange:
    """ "After 10 s" and "before 20 s" are one range."""
    if len(found) == 1:
        return found[0]
    starts = [one for one in found if one.end_s is None]
    spared = any(one.spared for one in found)
    ends = [one for one in found if one.end_s is not None and one.start_s == 0]
    if spared or len(found) != 2 or len(starts) != 1 or len(ends) != 1:
        told = "; ".join(one.words() for one in sorted(found, key=lambda one: one.start_s))
        raise TimeRangeError(f"one time range at a time; the prompt gives {told}")
    return TimeRange(start_s=starts[0].start_s, end_s=ends[0].end_s)


def _tidied(rest: str) -> str:
    """Without the gap that a range leaves, and the commas around it."""
    text = re.sub(r"^[\s\0]*\0[\s,;:]*(?:(?:and|then)\b\s*)?", "", rest)
    text = re.sub(r"\s*[(\[]?\s*\0\s*[)\]]?(?:\s*,)?(?=\s*[.;!?,]|\s*$)", "", text)
    text = re.sub(r"[\s,]*(?:\b(?:but|and))?\s*(?=[.;!?]?\s*$)", "", text) if "\0" in rest else text
    return " ".join(text.replace("\0", " ").split())


def _seconds(text: str, unit: float | None = None) -> float | None:
    """Of a point or a span; None for the end. `unit`: of a number without one."""
    words = " ".join(text.lower().split())
    ordinal = re.fullmatch(r"(second|minute) ([\d.]+)", words)
    if ordinal:
        return float(ordinal[2]) * (60 if ordinal[1] == "minute" else 1)
    clock = re.search(_CLOCK, words)
    if clock:
        total = 0.0
        for part in clock[0].split(":"):
            total = 60 * total + float(part)
        return -total if words.endswith("the end") else total
    parts = re.findall(rf"({_NUMBER})[ -]?({_UNIT})(?![a-z])", words)
    if parts:
        total = sum(_number(number) * _unit(name) for number, name in parts)
        return -total if words.endswith("the end") else total
    if re.fullmatch(_UNIT, words):
        return _unit(words)
    if re.fullmatch(_NUMBER, words) and unit is not None:
        return _number(words) * unit
    return None if re.search(r"\bend\b", words) else 0.0


def _number(text: str) -> float:
    return _NUMBERS[text] if text in _NUMBERS else float(text)


def _unit(name: str) -> float:
    return next(value for pattern, value in _UNITS if re.fullmatch(pattern, name))


def _start(text: str, unit: float | None = None) -> float:
    found = _seconds(text, unit)
    if found is None:
        raise TimeRangeError("a time range cannot begin at the end")
    return found


def _between(match: re.Match[str]) -> TimeRange:
    unit = re.search(rf"({_UNIT})(?![a-z])", match["b"].lower())
    size = _unit(unit[1]) if unit else None
    return TimeRange(start_s=_start(match["a"], size), end_s=_seconds(match["b"]))


def _spared(match: re.Match[str]) -> TimeRange:
    return replace(_between(match), spared=True)


def _lasting(match: re.Match[str]) -> TimeRange:
    start_s = _start(match["a"])
    end_s = start_s + _length(match)
    return TimeRange(start_s=start_s, end_s=None if start_s < 0 <= end_s else end_s)


def _length(match: re.Match[str]) -> float:
    found = _seconds(match["span"])
    if not found:
        raise TimeRangeError(f'"{match[0].strip()}" is no part of a recording')
    return found


def _after(match: re.Match[str]) -> TimeRange:
    return TimeRange(start_s=_start(match["a"]))


def _before(match: re.Match[str]) -> TimeRange:
    return TimeRange(end_s=_seconds(match["a"]))


def _is_first(match: re.Match[str]) -> bool:
    return match["side"].lower() in ("first", "opening", "initial")


def _inside(match: re.Match[str]) -> TimeRange:
    span = _length(match)
    return TimeRange(end_s=span) if _is_first(match) else TimeRange(start_s=-span)


def _outside(match: re.Match[str]) -> TimeRange:
    """The range after a time, or before one."""
    span = _length(match)
    return TimeRange(start_s=span) if _is_first(match) else TimeRange(end_s=-span)


_ONLY = r"(?<!\w)(?:but )?(?:(?:only|just) )?"
_EXCEPT = (
    r"(?<!\w)(?:(?:everywhere|anywhere|always|all the time|the whole time),? (?:but|save|except)"
    r"|except(?:ing)?|excluding|outside(?: of)?|other than|apart from|aside from|(?:but )?not)"
    r"(?: for)? "
    r"(?:(?:in|during|over) )?(?:the (?:part|time|section|passage) )?"
)
_FROM = r"(?:from|after|since|past|(?:starting|beginning)(?: at| from)?)"
_FIRST, _LAST = r"(?=(?:the )?(?:first|opening|initial) )", r"(?=(?:the )?(?:last|final) )"
_RANGES: tuple[tuple[re.Pattern[str], Meaning], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (rf"{_EXCEPT}from (?P<a>{_POINT}|{_NUMBER}){_TO}(?P<b>{_POINT})(?!\w)", _spared),
        (rf"{_EXCEPT}between (?P<a>{_POINT}|{_NUMBER}) and (?P<b>{_POINT})(?!\w)", _spared),
        (rf"{_EXCEPT}(?P<a>{_CLOCK}|{_SPAN}){_TO}(?P<b>{_POINT})(?!\w)", _spared),
        (rf"{_EXCEPT}(?:from|after|since|past) (?P<a>{_TIME}){_ON}(?!\w)", _before),
        (rf"{_EXCEPT}(?:before|until|till|up to) (?P<a>{_TIME})(?!\w)", _after),
        (rf"{_ONLY}from (?P<a>{_POINT}|{_NUMBER}){_TO}(?P<b>{_POINT})(?!\w)", _between),
        (rf"{_ONLY}(?:in )?between (?P<a>{_POINT}|{_NUMBER}) and (?P<b>{_POINT})(?!\w)", _between),
        (rf"{_ONLY}(?:at )?(?P<a>{_CLOCK}|{_SPAN}){_TO}(?P<b>{_POINT})(?!\w)", _between),
        (rf"{_ONLY}(?:from|at) (?P<a>{_POINT}) for (?P<span>{_SPAN})(?!\w)", _lasting),
        (rf"{_ONLY}for (?P<span>{_SPAN}) (?:from|starting at|after) (?P<a>{_POINT})", _lasting),
        (rf"(?<!\w)except (?:in |during |for )?{_SIDE}(?!\w)", _outside),
        (rf"{_ONLY}(?:after|since|past) {_FIRST}{_SIDE}{_ON}(?!\w)", _outside),
        (rf"{_ONLY}(?:before|until|till|up to) {_LAST}{_SIDE}(?!\w)", _outside),
        (rf"{_ONLY}from {_LAST}{_SIDE}{_ON}(?!\w)", _inside),
        (rf"{_ONLY}(?:in|during|for|over|within|throughout) {_SIDE}(?!\w)", _inside),
        (rf"{_SIDE} of (?=the\b|that\b|this\b)", _inside),
        (rf"{_ONLY}{_FROM} (?P<a>{_TIME}){_ON}(?!\w)", _after),
        (rf"{_ONLY}(?:and )?(?:before|until|till|up to|ending at) (?P<a>{_TIME})(?!\w)", _before),
    )
)
_THING = (
    r"(?:what(?:ever)? (?:this|that|it|you hear|sounds?|is)(?: is)?(?: (?:heard|there|playing))?"
    r"|(?:the|that|this) (?:\w+ ){0,2}?(?:sounds?|noises?|thing|one|voice|speaker|person))"
    r"(?: (?:(?:that|which) (?:is|starts|begins|comes|occurs|you hear)|heard|you hear))?"
)
_EVERYWHERE = r"(?:,? (?:everywhere|throughout|in the whole (?:recording|clip|file)))"
POINTING = re.compile(
    rf"(?P<thing>{_THING}),? (?:"
    rf"(?:at|around|near) (?P<a>{_TIME})(?:{_TO}(?P<b>{_TIME}))?{_EVERYWHERE}?"
    rf"|(?:from|between) (?P<c>{_TIME})(?:{_TO}| and )(?P<d>{_TIME}){_EVERYWHERE})(?!\w)",
    re.IGNORECASE,
)
"""Words that point at a sound by when it sounds: they say which, not when to change it."""
_UNCLEAR = re.compile(
    rf"(?<![\w.:]){_CLOCK}|\b{_SIDE}(?!\w)|\b{_SPAN} (?:before|after)\b|\bexcept \0|\bhalfway\b"
    rf"|\b(?:at|for|in|around|after|before|from|until) (?:about |around )?{_SPAN}(?!\w)"
    r"|\b(?:in|during|for|after|before|until) the (?:first|second|last|other)"
    r" (?:half|third|quarter)\b",
    re.IGNORECASE,
)

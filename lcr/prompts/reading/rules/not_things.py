"""What a tagger takes for a thing, or for a part of its name, and is neither."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lcr.prompts.numbers import NUMBER_WORDS
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.rules.negation import CHANGE, CLAUSE_END
from lcr.prompts.reading.things import Span

_NOT_THINGS = re.compile(
    r"^(?:the |this |my |audio |sound |entire |given |whole )*"
    r"(?:recordings?|audio(?: file)?s?|file|clip|track|soundtrack|mix(?:ture)?|instructions?|take|"
    r"nothing|neither|none|anything|changes?|version)$"
)
NO_NAME = re.compile(
    r"ugh|argh|(?:per )?cent|go(?:es)?|stops?|tiny|little|hint|trace|silent|quiet|loud|strong|soft|"
    r"low|high"
)
_COUNTED = re.compile(
    rf"(?:{NUMBER_WORDS}) (?:and a half|point|db|decibels?|per ?cent|%|times|up\b|down\b).*",
    re.DOTALL,
)
_PLACE = re.compile(
    r"(?:restaurant|caf[eé]|church|studio|kitchen|class(?:room)?|school|room|office|garden|park|"
    r"house|bar|pub|car park|station|field|forest|beach)s?"
)
_IN = re.compile(r"\b(?:in|at|inside|near|next to) (?:the |a |an |my |our |this )?$")
_CALLED = re.compile(
    r"(?:my )?(?:dear|darling|honey|love|mate|buddy|bro|dude|guys|folks|sir|madam)"
)
"""Whom a person speaks to, where it stands between commas."""
_WHERE = re.compile(r"(?:this |that )?one|this|it|here|what(?: (?:it|they) (?:is|are|was|were).*)?")
"""Behind "out of": the recording itself, and in "half of what it is" no thing either."""
_WHILE = re.compile(
    r"\b(?:while|when|whenever|until|by the time)"
    r"(?: (?:the|my|a|an|our|that|i|you|we|they|he|she))* $"
)
_STATE = re.compile(rf"\b(?:{CHANGE}|keep|stay|remain|leav|loud|quiet|up|down|out)")
_ASIDE = re.compile(
    r"(?:she|he|they|i|we|you)(?:'s|'re|'m| is| are| am| was| were) (?:(?:just|only|also|trying to|"
    r"still|not) )*(?!going|getting|being)\w+ing\b"
)
_IT_BEFORE = re.compile(r"(?:it|that|this)\b[^,.;]{0,16}, (?:the|my|that|those|these) ")
_WHICH_ONE = re.compile(
    r"\b(?:the|that) (?P<one>(?:quiet|loud|deep|high|low|fast|slow|old|young)er|first|second|"
    r"other) $"
)
_WHICH = re.compile(r"wh(?:o|ich)(?:ever)?\b")
_IS_MORE = re.compile(
    r" (?:is|sounds|speaks|talks|comes|starts)(?: talking| speaking| the)* (?:first|second|last|"
    r"\w+er|\w+est)\b"
)


def is_no_thing(text: str, span: Span) -> bool:
    """A recording that something is removed from, or "nothing"."""
    words = text[span.start : span.stop].strip(" .,!?'")
    if NO_NAME.fullmatch(words) or _COUNTED.fullmatch(text, span.start):
        return True
    if _PLACE.fullmatch(words) and _IN.search(text[: span.start]):
        return True
    if words == "me" and re.search(r"\b(?:through|to|for|at|on|around|with) $", text[: span.start]):
        return True
    if _WHERE.fullmatch(words) and re.search(
        r"\b(?<!rid )(?<!shot )(?:of|from)(?: (?:this|that|the))? $", text[: span.start]
    ):
        return True
    if re.fullmatch(r"hair|touch|tad|bit|notch|lot|little", words):
        return (
            re.match(r" (?:less|more|louder|quieter|softer|off|up|down)\b", text[span.stop :])
            is not None
        )
    if _CALLED.fullmatch(words) and re.match(r"\s*(?:[,.!?]|$)", text[span.stop :]):
        return re.search(r"(?:^|,)\s*$", text[: span.start]) is not None
    if span.kind == "sound":
        return _NOT_THINGS.match(words) is not None and look_up(words).hypernym is None
    tail = span.kind == "everything" and words in (
        "recording",
        "audio",
        "track",
        "clip",
        "file",
        "mix",
    )
    return tail and re.search(r"\bfrom (?:the |this |my )*$", text[: span.start]) is not None


def is_named_behind(text: str, span: Span, spans: Sequence[Span]) -> bool:
    """ "Turn it up, the violin": "it" is the violin."""
    behind = _IT_BEFORE.match(text, span.start)
    if behind is None or span.kind != "everything":
        return False
    return any(s.start == behind.end() and s.action is span.action for s in spans)


def trimmed(text: str, span: Span) -> Span:
    """Without a cue that was taken for a part of its name: "engine off", "more me"."""
    if span.kind == "voice" and (more := _WHICH_ONE.search(text, 0, span.start)):
        span = replace(span, start=more.start("one"))
    words = text[span.start : span.stop]
    if _WHICH.match(words) and (more := _IS_MORE.match(text, span.stop)):
        return replace(span, stop=more.end())
    if words.startswith("little ") and text.endswith("too ", 0, span.start):
        return replace(span, start=span.start + len("little "))
    if look_up(words).whole or span.kind not in ("sound", "voice"):
        return span
    if cue := re.search(
        r" (?:off|out|up|down|louder|quieter|softer|gone|way|too|go|goes|"
        r"fades?|audible|where|in|next to|to|from|on)$",
        words,
    ):
        span = replace(span, stop=span.start + cue.start())
    if cue := re.match(r"(?:more|less|no|too much|little) (?=\w)", words):
        span = replace(span, start=span.start + cue.end())
    return span


def without_asides(text: str, spans: Sequence[Span]) -> list[Span]:
    """Drop the spans of clauses that only say what somebody is doing, such as "she's reading a
    story" or "while he talks"."""
    found = list(spans)
    for span in spans:
        aside = span.kind == "voice" and _ASIDE.match(text, span.start)
        meanwhile = found and found[0].stop < span.start and _WHILE.search(text[: span.start])
        if not aside and not meanwhile:
            continue
        end = CLAUSE_END.search(text, aside.end() if aside else span.stop)
        stop = end.start() if end else len(text)
        unless = _STATE.search(text, span.stop, stop) if meanwhile else None
        if not unless and not re.search(rf"\b{CHANGE}", text[span.stop : stop]):
            found = [s for s in found if not span.start <= s.start < stop]
    return found

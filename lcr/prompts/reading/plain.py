"""Prompts that rules read whole: of a few words that mean one thing ("louder", "turn it down",
"karaoke version"), complaints, which ask for something without saying so ("why is the rain so
loud?"), and known things in the ways of `lcr.prompts.ways`."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from lcr.instruction import Action
from lcr.prompts.reading.amounts import explicit_db
from lcr.prompts.reading.keywords import kind_of, styles_of
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.rules.negation import CHANGE
from lcr.prompts.reading.things import Kind, Rest, Span, Tagging
from lcr.prompts.ways import ways

POLITE = (
    r"(?:(?:please|ok|okay|hey|now|can you|could you|just|well|and|but|um|uh|yo|omg|ugh|bruh|"
    r"tbh|ngl|lol|"
    r"wow|honestly|also|so|oh)[, ]+)*"
)
_HOW = (
    r"(?:,? (?:a bit|a little|a lot|much|slightly|please|thanks|for me|"
    r"(?:by |to )?(?:about )?[\w.,+-]+ ?(?:db|decibels|%|percent)|to [\d.]+))*[\s.!?]*"
)
_IT = r"(?:it|this|that|everything|it all|the (?:volume|sound|audio|track|whole thing|recording))"
_VERSION = r"(?:(?:make|give|create|i want|i need)(?: (?:me|us|it|this))? )?(?:an? |the )?"
_WHY = r"(?:,? ?(?:it'?s|it is|this is|because|since) [^.;]*)?"
_FAR = r"(?:(?:it's|it is|this is|way|much|far|just) )*"
_MEANT: tuple[tuple[str, Kind, Action, Rest], ...] = (
    (rf"(?:a bit |a little |much |way |a lot )?louder|(?:turn|volume)(?: {_IT})? up|turn up {_IT}"
     rf"|make {_IT} (?:\w+ ){{0,2}}louder", "everything", Action.UP, "stays"),
    (rf"(?:a bit |a little |much |way |a lot )?(?:quieter|softer)|(?:turn|volume)(?: {_IT})? down"
     rf"|turn down {_IT}|make {_IT} (?:\w+ ){{0,2}}(?:quieter|softer)",
     "everything", Action.DOWN, "stays"),
    (rf"{_VERSION}(?:karaoke(?: (?:version|track|mix))?|instrumental (?:version|track|mix|only))"
     r"(?: of (?:it|this.*))?", "sound", Action.REMOVE, "stays"),
    (rf"{_VERSION}a ?c{{1,2}}app?ell?a(?: (?:version|only))?(?: of (?:it|this))?", "sound",
     Action.KEEP, "goes"),
    (rf"{_FAR}too (?:loud|noisy)", "everything", Action.DOWN, "stays"),
    (rf"{_FAR}too (?:quiet|soft|faint)", "everything", Action.UP, "stays"),
    (rf"(?:denoise|de-noise|clean up|tidy up)(?: {_IT})?|(?:clean|tidy) {_IT} up",
     "all_sounds", Action.DOWN, "stays"),
)  # fmt: skip
_PLAIN = tuple(
    (re.compile(rf"{POLITE}(?P<said>{words}){_HOW}{_WHY}"), kind, action, rest)
    for words, kind, action, rest in _MEANT
)


PART = re.compile(r"[^,;.!?\s](?:(?:[^,;.!?]|[.!?](?=\S))(?!and |but ))*(?:[^,;\s]|$)")
_WAYS = {
    "take out": Action.REMOVE,
    "lower": Action.DOWN,
    "raise": Action.UP,
    "spare": Action.KEEP,
    "only": Action.KEEP,
    "too loud": Action.DOWN,
    "unwanted": Action.REMOVE,
    "too quiet": Action.UP,
}
_OF_IT = {
    "away with it": Action.REMOVE,
    "lower it": Action.DOWN,
    "raise it": Action.UP,
    "leave it": Action.KEEP,
}
_LONGEST = 5
"""Words of a name."""
_POLITELY = re.compile(POLITE)
_AMOUNT = re.compile(
    _HOW.replace("(?:by |to )?", "(?:by |to |at )?").replace(
        r"to [\d.]+",
        r"(?:to|by|at) (?:[\d.]+|half|(?:a |one )?(?:third|quarter|tenth|whisper|minimum))"
        r"|(?:just )?(?:a (?:touch|tad|hair|smidge|notch)|quite a bit|considerably|completely|"
        r"entirely)",
    )
    + "$"
)
_AT_A_LEVEL = re.compile(
    r"[ ,]*(?:to|at) (?:half|(?:a |one )?(?:third|quarter|tenth)|.*(?:%|percent))"
)
_ARTICLE = re.compile(r"(?:(?:all|the|that|this|those|these|any|a|an) )+")
_NOT_IN_NAMES = re.compile(
    r"\b(?:over|behind|under|with|to|from|when|while|that|who|and|or|in|is|are|but|not|of|me|a|the|"
    r"just|only|too|so)\b"
)


_ONE_OR_ALL = re.compile(
    r"(?!it$|this$|that$)\w+|my \w+|both \w+|everything else|background noise|"
    r"(?:her|his|my \w+'s) (?:parts?|voice|lines|words|speech|side)"
)
_AMOUNTS = re.compile(
    r"\b(?:(?:just|by|about) )*(?:a (?:tiny |little |good )?(?:bit|little|touch|hair|tad|smidge|"
    r"lot|notch)|slightly|much|way|far|somewhat|considerably|"
    r"[\w.]+ ?(?:db|decibels?|%|percent))(?!\w)"
)


@lru_cache(maxsize=1)
def _known_ways() -> dict[str, tuple[Action, str]]:
    """A phrase with {} for a thing, or without, of what was named before: what it asks for, and
    the section it is of."""
    found: dict[str, tuple[Action, str]] = {}
    for section, action in {**_WAYS, **_OF_IT}.items():
        for way in ways(section):
            slot = re.sub(r"\{\w+\}", "{}", way.lower())
            slot = slot if "{}" in slot or section in _OF_IT else f"{{}} {slot}"
            found.setdefault(slot.rstrip("?"), (action, section))
    return found


def _in_known_ways(text: str) -> Tagging | None:
    """What a prompt asks for, each of whose parts is a known thing in a known way."""
    spans: list[Span] = []
    rest: Rest = "stays"
    for part in PART.finditer(text):
        start = part.start() + _POLITELY.match(part[0]).end()  # type: ignore[union-attr]
        tail = _AMOUNT.search(text, start, part.end())
        words = text[start : tail.start() if tail else part.end()]
        if (again := _known_ways().get(words)) and spans:
            which = 0 if re.search(r"\b(?:them|they)\b", words) else -1
            spans[which:] = [replace(span, action=again[0]) for span in spans[which:]]
        elif tail and _AT_A_LEVEL.match(tail[0]) and (named := _in_a_way(f"{words} down", start)):
            louder = explicit_db(tail[0], "up") is not None  # "stream at 150 %"
            spans.append(replace(named[0], action=Action.UP if louder else Action.DOWN))
        elif (found := _in_a_way(words, start)) is not None:
            spans.append(found[0])
            rest = "goes" if found[1] == "only" else rest
        else:
            return None
    return (
        Tagging(tuple(spans), rest)
        if any(s.action is not Action.KEEP for s in spans) or rest == "goes"
        else None
    )


def _in_a_way(words: str, at: int) -> tuple[Span, str] | None:
    """The known thing, and the section of the way that `words`, from `at` on, speak of it."""
    places = [match.span() for match in re.finditer(r"\S+", words)]
    for size in range(1, min(len(places), _LONGEST) + 1):
        for i in range(len(places) - size + 1):
            start, stop = places[i][0], places[i + size - 1][1]
            said = _AMOUNTS.sub("", f"{words[:start]}{{}}{words[stop:]}")
            way = _known_ways().get(" ".join(said.split()))
            article = _ARTICLE.match(words, start, stop)
            start = article.end() if article else start
            name = words[start:stop]
            if way is None or _NOT_IN_NAMES.search(name):
                continue
            kind = kind_of(name)
            if look_up(name).whole or (kind != "sound" and _ONE_OR_ALL.fullmatch(name)):
                styles = styles_of(name) if kind == "voice" else {}
                return Span(at + start, at + stop, kind, way[0], styles), way[1]
    return None


_EFFECT = (
    r"(?:stereo|mono|warmer|brighter|darker|crisper|reverb|echo|delay|distortion|compression|"
    r"autotune|accent|faster|slower|longer|shorter|mp3|"
    r"(?:some|more|a bit of) (?:bass|treble)(?=\W*$))\b"
)
_OTHER_WORK = re.compile(
    rf"{POLITE}(?:(?:export|upload|download|save|convert|transcribe|translate|rename|send|share|"
    r"trim|crop|reverse|loop|pan|speed up|slow down|blur|transpose|autotune|equali[sz]e|compress|"
    r"normali[sz]e|dub|subtitle|caption|summari[sz]e|tell me|who|where|when|what(?! about| if)|"
    r"how(?! about)|add (?:a|an|some|more) (?!volume|level|loudness))\b)"
)
_NO_LEVELS = re.compile(
    rf"{POLITE}(?:(?:transpose|pitch|detune|retune)\b"
    rf"|(?:put|add|give|lend|apply)\b.*\b{_EFFECT}"
    rf"|(?:make|turn) (?:it|this)(?: into)?(?: an?)? {_EFFECT}"
    r"|(?:more|less|add|boost|cut|reduce|raise|lower)(?: (?:the|some|any))? (?:treble|reverb|"
    r"highs|mids|midrange|low end|high end|sibilance|distortion)\b"
    r"|(?:pass|hand|buy|fetch|lend|throw|send) (?:me|us|him|her)\b"
    r"|(?:where|when|who|whose|how (?:many|long|far|loud|fast|old))\b[^.?!]*\?+$"
    r"|(?:make|making) (?:[\w']+ ){1,4}?(?<!\bthe )(?<!\bthat )(?<!\bthis )(?<!\ba )(?<!\ball )"
    r"(?<!\bany )(?<!\bevery )(?<!\bother )(?<!\bthese )(?<!\bthose )sounds? "
    r"(?:(?:more|less|a bit|like|much|so) )*(?!(?:of|from|in|twice|half|as|go|stop|up|down|loud|"
    r"quiet|soft|low|high|clear|faint|strong|prominent|distant|close|far|audible|intelligible|present|weak)\w*)\w+"
    rf"|(?:slow|speed)\b(?: \w+){{0,4}} (?:up|down)\b"
    rf"|(?:{CHANGE}|shift|bend|adjust) (?:(?:the|its|his|her|their|my) )*"
    r"(?:pitch|tempo|key|speed|bpm)\b(?!.*\b(?:volume|level|loud))"
    rf"|(?:{CHANGE}|cancel|reject|decline) (?:(?:my|the|your|this|that|an?|all) )*(?:\w+ ){{0,2}}?"
    r"(?:account|passwords?|e-?mails?|subscription|invit\w+|offer|essay|paragraph|sentence|photos?|"
    r"pictures?|images?|calendar|appointment|reservation|bill|invoice|document|spreadsheet|files?|"
    r"homework|lights?|prices?|salary|rent)\b(?! (?:sound|alert|noti|ping|nois|tone|ding|chime))"
    r"|(?:is|are|was|were|does|did|has|have) (?:the|there|that|this|she|he|it|they|my|his|her|"
    r"any)\b"
    r"(?!.*\b(?:way|chance|could|can|please|possible|you|too|so)\b)[^,.;?]*\?*$)"
)
"""What speaks of louder or of removing, and is no matter of levels: speed and pitch, what makes no
sound, and questions about the recording."""
_CHANGES = re.compile(
    rf"\b(?:{CHANGE}|isolat|extract|separat|keep|only|without|less|more|want|"
    r"too|up\b|down\b)"
)
_ASKS = re.compile(rf"{_CHANGES.pattern}|\b(?:out|off|away|gone|hear)\b")


def is_other_work(text: str) -> bool:
    """Whether a prompt asks for what is no matter of levels, and for nothing else: "export it"."""
    lower = text.lower()
    if _NO_LEVELS.match(lower):
        return True
    return _OTHER_WORK.match(lower) is not None and _CHANGES.search(lower) is None


def other_work(text: str) -> list[tuple[int, int]]:
    """Where a prompt asks for what is no matter of levels beside what is: "make it stereo" of "make
    it stereo and lower the drill"."""
    parts = [match.span() for match in PART.finditer(text)]
    other = [(start, stop) for start, stop in parts if is_other_work(text[start:stop])]
    asked = any(_ASKS.search(text[a:b].lower()) for a, b in parts if (a, b) not in other)
    return other if asked else []


def plainly_meant(text: str) -> Tagging | None:
    """What a whole prompt of a few words asks for; None for any other."""
    lower = text.lower()
    if len(lower) != len(text):
        return None
    for pattern, kind, action, rest in _PLAIN:
        if (found := pattern.fullmatch(lower.strip())) is not None:
            before = len(lower) - len(lower.lstrip())
            start, stop = (before + at for at in found.span("said"))
            return Tagging((Span(start, stop, kind, action),), rest)
    return _in_known_ways(lower)

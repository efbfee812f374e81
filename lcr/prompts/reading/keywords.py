"""The floor under the trained reader: spans, actions and negations by rules alone, no model.

A prompt falls into chunks at its cues (verbs, "louder", "less", "except"...) and conjunctions; a
leading cue holds for the chunks behind it, a trailing one for those before. It reads short, plain
prompts; the trained tagger reads the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from lcr.instruction import Action
from lcr.prompts import lexicon
from lcr.prompts.cues import LOWER, RAISE, REMOVE
from lcr.prompts.reading.things import Kind, Rest, Span, Tagging

_REMOVE, _KEEP, _UP, _DOWN = Action.REMOVE, Action.KEEP, Action.UP, Action.DOWN
_LEADING: dict[str, str] = {
    "NOT": r"(?:do not|don'?t|never|not) (?:\w+ )?(?:touch|chang\w+|remov\w+|delet\w+|mut\w+|"
    r"los\w+|cut|alter|turn down|turn up|lower)|leav\w+ alone",
    "EXCEPT": r"except(?:ing)?(?: for)?|apart from|other than|aside from|besides|but not|but|"
    r"only not|save for|not(?! to)",
    "ONLY": r"isolat\w*|extract\w*|separat\w*|singl\w+ out|pull(?:ing)? out|pick(?:ing)? out|solo|"
    r"(?:keep|leav|retain|preserv|play|want)\w*(?: to hear)? (?:only|just|nothing but)|"
    r"(?:only|just) (?:keep|want|care about|need|leave)\w*(?: to hear)?|just|only|nothing but",
    "REMOVE": rf"{REMOVE}|without|no more|no|don'?t want(?: to hear)?",
    "UP": rf"{RAISE}|louder(?= (?!please|than|and|now)\w)|"
    r"more(?! than| prominent| audible)|add(?= \d)|can(?:no|')?t hear|can (?:hardly|barely) hear",
    "DOWN": rf"{LOWER}|duck|(?:quieter|softer)(?= (?!please|than|and|now)\w)|less|too much|"
    r"over(?= the)|take(?= \S+ d)|turn(?= .* to \d)|drowned(?: out)? by",
    "KEEP": r"keep\w*|retain\w*|preserv\w*|leav(?:e|ing)",
}
_TRAILING: dict[Action, str] = {
    _UP: r"louder|up|more prominent|more audible|boosted|amplified|raised|too quiet|too soft|"
    r"easier to hear|stand out(?: more)?|stood out(?: more)?|twice as loud",
    _DOWN: r"quieter|softer|down|less loud|less prominent|half as loud|reduced|lowered|"
    r"(?:\w+ )?too loud|at half volume|in(?:to)? the background|further back",
    _REMOVE: r"out|removed|gone|muted|deleted|silenced|eliminated|disappear|away|"
    r"(?:has|have|need|needs|should|must) to go|should go|should not be (?:in )?there|go away",
    _KEEP: r"alone|untouched|unchanged|as (?:it|they) (?:is|are)",
}
_CUE = re.compile(
    "|".join(rf"(?P<lead_{name}>\b(?:{words})\b)" for name, words in _LEADING.items())
    + "|"
    + "|".join(rf"(?P<trail_{a.name}>\b(?:{words})\b)" for a, words in _TRAILING.items())
)
_BORDER = re.compile(
    r",|;|\.(?:\s|$)|\?|!|\band\b|\bas well as\b|\bplus\b|\balong with\b|\bthen\b|\bwhile\b"
)
MALE = re.compile(
    r"\b(?:m[ae]n|males?|guys?|gentlem[ae]n|masculine|boys?|him|his|he|(?:grand)?fathers?|"
    r"(?:grand)?sons?|brothers?|husbands?|uncles?|nephews?|(?:grand)?dad(?:dy)?|boyfriends?)\b"
)
FEMALE = re.compile(
    r"\b(?:wom[ae]n|females?|lad(?:y|ies)|feminine|girls?|her|she|(?:grand)?mothers?|"
    r"(?:grand)?daughters?|sisters?|wife|wives|aunt(?:ie|y)?s?|nieces?|m[uo]m(?:my)?|grandma|"
    r"girlfriends?)\b"
)
_PERSON = re.compile(
    r"\b(?:speaker|voice|talker|person|individual|presenter|narrator|speech|teacher|him|her|host)\b"
)
_NAMED = re.compile(rf"{MALE.pattern}|{FEMALE.pattern}|{_PERSON.pattern}")
_ALL_SPEECH = re.compile(
    r"\b(?:both|all|two|every\w*|any)\b.*\b(?:speak|voice|talk|people)|"
    r"^(?:the |both |all |two )*(?:talking|conversation)$"
)
_SPEAKERS = re.compile(
    r"(?:(?:the|both|all|two|any|these|those) )*(?:voices|speakers|talkers|people|humans|"
    r"folks|speech|dialog(?:ue)?)"
)
_ALL_SOUNDS = re.compile(
    r"\bbackground(?! (?:voice|sing|vocal))|^(?:the |all )*noises?$|\bnon-speech\b|"
    r"\b(?:isn't|aren't|is not|are not|not) (?:speech|talking|voices?)\b"
)
_ELSE = re.compile(
    r"\b(?:everything|every sound|everybody|everyone|anything) else\b|"
    r"\b(?:the )?rest\b|\bother sounds\b"
)
_EVERYTHING = re.compile(
    r"\beverything\b|\boverall\b|\bentire\b|\bwhole\b|\ball (?:the )?sounds\b|\bit all\b|"
    r"^(?:the )?volume$|^all$|^(?:it|this)$"
)
_LEVELS = {
    "low": "low|lower|deep|bass|slow|sluggish|leisurely|languid|unhurried|subdued|little|weak|calm|"
    "minimal|diminished|reduced|mellow|relaxed|laid-back|tranquil|serene|low-key",
    "normal": "normal|regular|average|standard|typical|usual|moderate|medium|ordinary|common",
    "high": "high|higher|elevated|fast|rapid|quick|swift|brisk|frenetic|lively|vibrant|spirited|"
    "vigorous|strong|intense|exuberant|heightened|lots of",
}
_MEASURES = {
    "pitch": "pitch(?:ed)?|ton(?:e|ed)|register|voiced?|vocal range|frequency|timbre|intonation",
    "tempo": "paced?|speed|tempo|rate|cadence",
    "energy": "energy|vigou?r|power|enthusiasm|intensity|vitality|vibe|liveliness|dynamism|"
    "strength|vibrancy|vivacity|excitement|animation|demeanou?r",
}
_SAID = {
    (measure, level): re.compile(
        rf"\b(?:{words})[- ](?:(?:level|amount|degree|sense)s? of |\w+[- ])?(?:{nouns})\b"
    )
    for measure, nouns in _MEASURES.items()
    for level, words in _LEVELS.items()
}
_FROM = re.compile(r"\bfrom (?:the|every|all)\b")
_ONLY_KEEPS = re.compile(
    r"(?:please |can you |could you )*(?:keep|retain|preserve)\b(?! \w+ alone)"
)
"""Who asks for no more than that something be kept wants nothing else."""
_EDGE = (
    r"please|thanks|thank you|now|additionally|furthermore|the (?:sound|noise|audio) level of|"
    r"for me|completely|entirely|a bit|a little|a lot|a touch|slightly|"
    r"much|way|the volume of|the level of|the loudness of|volume of|level of|of|to|in|from|make|"
    r"bring|turn|get|set|have|want|i|i'd|like|would|could|can|you|be|is|are|it|was|should|need|"
    r"needs|let|me|hear|at|the|a|an|some|any|my|this|that|these|those|so|also|just|go|take|put|by|"
    r"about|\d+(?: ?db| ?%| percent)?|decibels?|percent|half|twice|the recording|the audio|the mix|"
    r"the clip|the background|more|bit|hey|okay|both"
)
_AMOUNT = re.compile(
    r"\b(?:(?:by|to|off|at|about)? ?(?:about |around )?(?:\d+(?:[.,]\d+)?|\w+) ?"
    r"(?:db\b|decibels?|%|percent)"
    r"|(?:by|to) (?:\w+ )?(?:half|thirds?|quarters?|fifth)|in half|at half volume|a lot"
    r"|whenever.*|off)"
)
_BEFORE = re.compile(rf"^(?:[\s,.:;!?'\"-]|\b(?:{_EDGE})\b(?!-))+", re.IGNORECASE)
_BEHIND = re.compile(rf"(?:[\s,.:;!?'\"-]|(?<![\w-])(?:{_EDGE})\b)+$", re.IGNORECASE)


@dataclass(frozen=True)
class _Chunk:
    start: int
    stop: int
    action: Action | None
    excepted: bool = False
    only: bool = False


@dataclass(frozen=True)
class KeywordTagger:
    """`tag` texts by rules."""

    def tag(self, texts: list[str]) -> list[Tagging]:
        return [_tag(text) for text in texts]


def only_styles(words: str) -> bool:
    """Whether lower-case `words` say how somebody speaks, but not who: "average enthusiasm"."""
    words = re.sub(r" of (?:speech|speaking|talking)$", "", words)
    return not _NAMED.search(words) and any(
        match.end() == len(words) for said in _SAID.values() for match in said.finditer(words)
    )


def styles_of(words: str) -> dict[str, str]:
    """The speaking styles that lower-case `words` state by the commonest words for them."""
    found = gender_of(words)
    for (name, value), said in _SAID.items():
        if said.search(words):
            found.setdefault(name, value)
    for (name, value), style in lexicon.STYLE_WORDS.items():
        known = (*style.adjectives, *style.of_person, *style.having, *style.doing)
        if any(re.search(rf"(?<![\w-]){re.escape(word)}\b", words) for word in known):
            found.setdefault(name, value)
    return found


_OF_OTHERS = re.compile(r"\b(?:over|to|at|about|behind|beside|from)\b.*")
"""Who else is spoken of: "the guy talking over her"."""


def gender_of(words: str) -> dict[str, str]:
    """The style "gender", where lower-case `words` are of one alone."""
    words = _OF_OTHERS.sub("", words)
    male, female = bool(MALE.search(words)), bool(FEMALE.search(words))
    return {"gender": "M" if male else "F"} if male != female else {}


def kind_of(words: str) -> Kind:
    """What sort of thing lower-case `words` name."""
    if _ELSE.search(words):
        return "everything_else"
    if _ALL_SOUNDS.search(words):
        return "all_sounds"
    if _EVERYTHING.search(words):
        return "everything"
    if _SPEAKERS.fullmatch(words):
        return "all_speech"
    from lcr.prompts.reading.names import look_up

    found = look_up(words)
    if found.whole and not re.search(r"\b(?:speech|voices?|speakers?|talking|speaking)$", words):
        return "sound"
    if _ALL_SPEECH.search(words):
        return "all_speech"
    voice = MALE.search(words) or FEMALE.search(words) or _PERSON.search(words)
    return "voice" if voice else "sound"


def _tag(text: str) -> Tagging:
    lower = text.lower()
    if len(lower) != len(text):
        lower = text
    spans: list[Span] = []
    rest: Rest = "stays"
    for chunk in _chunks(lower):
        start, stop = _trimmed(lower, chunk.start, chunk.stop)
        if start >= stop or chunk.action is None:
            continue
        words = lower[start:stop]
        if ((cut := _FROM.search(words)) is not None) and chunk.only:
            start, stop = _trimmed(lower, start, start + cut.start())
            words = lower[start:stop]
        kind = kind_of(words)
        styles = styles_of(words) if kind == "voice" else {}
        spans.append(Span(start, stop, kind, chunk.action, styles))
        if chunk.only:
            rest = "goes"
    if spans and all(span.action is _KEEP for span in spans) and _ONLY_KEEPS.match(lower):
        rest = "goes"
    return Tagging(tuple(spans), rest, bool(spans))


def _chunks(text: str) -> Iterator[_Chunk]:
    """The words between cues and borders, and the action that each stands under."""
    pieces: list[_Chunk] = []
    action: Action | None = None
    excepted = only = False
    open_from = at = 0
    for cue in [*_CUE.finditer(text), None]:
        end = cue.start() if cue else len(text)
        for start, stop in _pieces(text, at, end):
            pieces.append(_Chunk(start, stop, action, excepted, only))
        if cue is None:
            break
        at = cue.end()
        side, _, name = str(cue.lastgroup).partition("_")
        if side == "trail":
            done = Action[name]
            pieces[open_from:] = [
                replace(p, action=done) if p.action is None or not p.excepted else p
                for p in pieces[open_from:]
            ]
            open_from = len(pieces)
            action = None
            continue
        if name == "EXCEPT":
            action = _KEEP if action is not _KEEP else _REMOVE
            excepted = True
            continue
        open_from = len(pieces)
        excepted, only = False, name == "ONLY"
        action = _KEEP if name in ("NOT", "ONLY") else Action[name]
    yield from pieces


def _pieces(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    at = start
    for border in _BORDER.finditer(text, start, stop):
        yield at, border.start()
        at = border.end()
    yield at, stop


def _trimmed(text: str, start: int, stop: int) -> tuple[int, int]:
    for amount in _AMOUNT.finditer(text[start:stop]):
        if amount.start() > 0 and text[start : start + amount.start()].strip(" ,the"):
            stop = start + amount.start()
        else:
            start += amount.end()
        break
    part = text[start:stop]
    if (before := _BEFORE.match(part)) is not None:
        start += before.end()
        part = text[start:stop]
    if (behind := _BEHIND.search(part)) is not None:
        stop = start + behind.start()
    return start, stop

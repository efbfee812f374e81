"""Rules that are surer than the network: negations, corrections, "the first one" said again, cues
that stand right beside a thing. They mend what a tagger found before gains are read from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lcr.instruction import Action
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.things import Span

_LESS = (
    r"(?:turn(?:ed|ing)? down|low?er(?:ed|ing)?|reduc\w+|decreas\w+|soft(?:er|en\w*)|quiet\w*|"
    r"ton(?:e|ed|ing) down|weaken\w*|less loud)"
)
_MORE = (
    r"(?:turn(?:ed|ing)? up|rais\w+|increas\w+|boost\w*|amplif\w+|louder|emphasi[sz]\w+|"
    r"crank\w* up|more prominent)"
)
_GONE = (
    r"(?:remov\w+|delet\w+|mut(?:e|ed|ing)|silenc\w+|cut(?:ting)?|drop\w*|eras\w+|los(?:e|ing)|"
    r"kill\w*|gone|tak(?:e|ing|en) out|get(?:ting)? rid of|filter\w*(?: out)?|disappear|go away)"
)
_ANY = r"(?:touch\w*|chang\w+|alter\w*|affect\w*|modif\w+|harm\w*|damag\w+|mess(?:ing)? with)"
VERBS = {Action.DOWN: _LESS, Action.UP: _MORE, Action.REMOVE: _GONE}
_CHANGE = rf"(?:{_LESS}|{_MORE}|{_GONE}|{_ANY}|tak(?:e|ing)|turn(?:ing)?|mak(?:e|ing)|let(?:ting)?)"
_NOT = (
    r"(?:do not|don'?t|dont|never|no need to|need ?n[o']t|(?:do not|don'?t) (?:need|have) to|"
    r"must ?n[o']t|not to|without|instead of|rather than|should(?: not|n'?t) have|"
    r"(?:didn'?t|did not|never) (?:ask|say|want|tell|mean)\w*(?: (?:you|anyone))? to)"
)
_NEGATED = re.compile(
    rf"\b{_NOT}(?: (?:you dare|ever|please|want (?:you|anyone|us) to|want to|completely))*"
    rf" (?P<verb>{_CHANGE})\b"
)
"""What shall not be done; the things behind it, up to the end of the clause, are kept."""
_UNWANTED = re.compile(
    r"\b(?:do not|don'?t|didn'?t|did not|never|wouldn'?t) want (?!to hear|to have)"
    r"(?P<what>[^,.;]*?) (?:to be |to get |to |being |any )*"
    rf"(?P<verb>{_LESS}|{_MORE}|{_GONE}|{_ANY})"
)
_SPARED = re.compile(
    r"\b(?:should|must|may|need|ought)(?: not|n'?t)(?: to)? (?:(?:be|get|become|have|any) )*"
    rf"(?:{_LESS}|{_MORE}|{_GONE}|{_ANY}|go)\b"
)
"""What is said not to happen to the thing before it."""
_OTHER_SHOULD = re.compile(r"[, ]*(?:but|only) [^,.;]*? (?:should|must|may|can)\b(?! be| not)")
_CLAUSE_END = re.compile(
    r"[.;!?:]|\b(?:but|just|instead|only|rather|although|because|while)\b|"
    rf",\s*(?:and |please |then |so )*(?:i\b|you\b|it'?s\b|{_CHANGE})|\band (?:please )?{_CHANGE}"
)
_NEGATION = re.compile(r"\b(?:not|never|neither|nor|nobody|none)\b|n't\b")
_HARMLESS = re.compile(
    r"\b(?:can(?:no|'?)t|could(?: not|n't)|why (?:not|don't you)|(?:don't|do not|doesn't) (?:\w+ )?"
    r"(?:want|need|like|mind|care|know|worry|forget|hesitate|bother|belong|miss|understand|hear|"
    r"keep|leave|stand|have)|not (?:so|too|that|very|much|only|sure|loud|clear|enough|a)|"
    r"(?:is|are|was|were|am)(?: not|n't)|(?:but|and|if|or|rather|would|i'd) not|"
    r"would(?:n't| not)|should(?: not|n't) (?:be|stay|remain)|not (?:be|hear)|not [a-z]+ing|"
    r"nobody|none|has(?:n't| not)|have(?:n't| not))\b"
)
_CORRECTION = re.compile(
    r"\b(?:no,? wait|wait,? no|(?:no,? )?scratch that|i mean(?:t)?|or rather|or better|no,? sorry|"
    r"sorry,? (?:no|i meant?)|actually,? no|make that|correction|hang on|on second thoughts?|oops|"
    r"er+m?|(?<=[,.-] )(?:hmm?,? )?(?:no|sorry)(?=,))\b[,.:;!\s]*(?:no\b[,.\s]*)?"
)
_AGAIN = re.compile(
    r"(?:just |only |rather |instead |then |please )*"
    rf"(?P<lead>{_LESS}|{_MORE}|{_GONE}|turn|make|take|bring|keep|leave)? ?"
    rf"(?:it|them|that|this|these)?\b ?(?P<trail>up|down|out|{_LESS}|{_MORE}|{_GONE})?"
    r"(?: instead| completely| a bit)*\s*[.!?]*$"
)
_BACK = re.compile(
    r"^(?:both|all(?: (?:two|three|four|of))?|each|every|the (?:two|three|four)|they|them|these|"
    r"those)"
    r"(?: of)?(?: (?:them|the|these|those))?(?: (?:sources?|sounds?|things?|ones?))?$"
)
"""What names again what was named before."""
_NOT_THINGS = re.compile(
    r"^(?:the |this |my |audio |sound |entire |given |whole )*"
    r"(?:recordings?|audio(?: file)?s?|file|clip|track|soundtrack|mix(?:ture)?|instructions?|take|"
    r"nothing|neither|none|anything)$"
)
_BESIDE = {
    Action.REMOVE: (
        r"(?:no|no more|without(?: the| any)?)",
        r"(?:out|off|gone|removed|muted|away)",
    ),
    Action.DOWN: (r"(?:less|quieter|softer)(?: of the| of)?", r"(?:down|quieter|softer|less loud)"),
    Action.UP: (r"(?:more|louder)(?: of the| of)?", r"(?:up|louder|more prominent)"),
}
_LEAD = {
    a: re.compile(rf"(?:^|[\s,;.!])(?<!not )(?<!n't ){lead} $") for a, (lead, _) in _BESIDE.items()
}
_TRAIL = {
    a: re.compile(
        rf"(?: (?:a bit|a little|much|slightly|please))? {trail}\b"
        r"(?!-| (?:the|of|my|that|a|there)\b)"
    )
    for a, (_, trail) in _BESIDE.items()
}
_GLUE = re.compile(
    r"\s*|\s*(?:'s\s*)?(?:(?:with|that|who|which|whose) (?:(?:has|have|is|sounds) )?)(?:an? |the )?"
)


@dataclass(frozen=True)
class Mended:
    """Spans as they are to be read, and `doubts`: words whose "not" they may contradict."""

    spans: tuple[Span, ...]
    doubts: tuple[str, ...] = ()


def mended(text: str, spans: Sequence[Span]) -> Mended:
    """What a tagger found in `text`, set right where rules are surer."""
    lower = text.lower()
    if len(lower) != len(text):
        return Mended(tuple(spans))
    found = [s for s in spans if not _is_no_thing(lower, s)]
    found = _joined(lower, found)
    found = _listed(lower, found)
    found = [replace(s, action=_beside(lower, s)) for s in found]
    found = _said_again(lower, found)
    found = _corrected(lower, found)
    found, heeded = _negated(lower, found)
    return Mended(tuple(found), tuple(_doubts(text, lower, found, heeded)))


def _is_no_thing(text: str, span: Span) -> bool:
    """A recording that something is removed from, or "nothing"."""
    words = text[span.start : span.stop].strip(" .,!?'")
    if re.fullmatch(r"hair|touch|tad|bit|notch|lot|little", words):
        return (
            re.match(r" (?:less|more|louder|quieter|softer|off|up|down)\b", text[span.stop :])
            is not None
        )
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


def _joined(text: str, spans: Sequence[Span]) -> list[Span]:
    """A voice that was found in two pieces is one: "speaker with the" "low voice"."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        if (
            last is not None
            and last.kind == span.kind == "voice"
            and last.action is span.action
            and _GLUE.fullmatch(text[last.stop : span.start])
        ) or (
            last is not None
            and last.kind == "voice"
            and span.kind in ("voice", "all_speech")
            and re.fullmatch(r" (?:one )?of (?:the )?", text[last.stop : span.start])
        ):
            found[-1] = replace(last, stop=span.stop, styles={**span.styles, **last.styles})
        else:
            found.append(span)
    return found


_BETWEEN = re.compile(
    r"\s*(?:,|;|&|\band\b|\bor\b|\bplus\b|\balso\b|\bas well as\b)[\s,]*"
    r"(?:and |or |also )*(?:the |a |an |any )?"
)
_ONE = r"(?:(?!and\b|or\b|the\b|a\b|an\b)[a-z]+)"
_MEMBER = re.compile(rf"{_ONE}(?:[ -]{_ONE}){{0,2}}")


def _listed(text: str, spans: Sequence[Span]) -> list[Span]:
    """With the members of a list that were missed: those between commas and "and", before and
    behind one that was found, which name a sound of the lexicon."""
    found = list(spans)
    for span in spans:
        if span.kind not in ("sound", "voice"):
            continue
        at = span.stop
        while (gap := _BETWEEN.match(text, at)) and gap.end() > at:
            member = _member(text, gap.end(), found)
            if member is None:
                break
            found.append(replace(span, start=gap.end(), stop=member, kind="sound", styles={}))
            at = member
        at = span.start
        while (start := _member_before(text, at, found)) is not None:
            stop = start + len(_MEMBER.match(text, start)[0])  # type: ignore[index]
            found.append(replace(span, start=start, stop=stop, kind="sound", styles={}))
            at = start
    return sorted((part for s in found for part in _parted(text, s)), key=lambda s: s.start)


def _parted(text: str, span: Span) -> list[Span]:
    """ "frogs and crickets", where neither the lexicon nor its kinds have the whole, is two."""
    words = text[span.start : span.stop]
    one, joint, other = words.partition(" and ")
    if span.kind != "sound" or not joint or look_up(words).whole:
        return [span]
    if not (look_up(one).whole and look_up(other).whole):
        return [span]
    at = span.start + len(one)
    return [replace(span, stop=at), replace(span, start=at + len(joint))]


def _member(text: str, at: int, spans: Sequence[Span]) -> int | None:
    """Where a missed member that begins at `at` ends."""
    match = _MEMBER.match(text, at)
    for size in (3, 2, 1) if match else ():
        words = re.match(rf"{_ONE}(?:[ -]{_ONE}){{{size - 1}}}", text[at:])
        if words is None:
            continue
        stop = at + words.end()
        taken = any(s.start < stop and s.stop > at for s in spans)
        ends = re.match(r"\s*(?:$|[,;.!?&]|and\b|or\b|plus\b)", text[stop:])
        if ends and not taken and look_up(words[0]).whole:
            return stop
    return None


def _member_before(text: str, at: int, spans: Sequence[Span]) -> int | None:
    """Where a missed member before a comma or "and" begins, which itself stands behind a verb or
    another comma."""
    before = re.search(
        r"(?:^|,|;|\band\b|\bor\b|\b(?:remove|mute|delete|lower|raise|boost|cut|drop|of|out|down|up|"
        rf"silence|reduce))\s*(?:the |a |an |any )?(?P<words>{_ONE}(?:[ -]{_ONE}){{0,2}})"
        r"\s*(?:,|;|&|\band|\bor)[\s,]*(?:and )?(?:the |a |an |any )?$",
        text[:at],
    )
    if before is None:
        return None
    start, stop = before.span("words")
    taken = any(s.start < stop and s.stop > start for s in spans)
    return start if not taken and look_up(before["words"]).whole else None


def _beside(text: str, span: Span) -> Action:
    """The action of a cue that stands right before or behind a thing."""
    for action, lead in _LEAD.items():
        if lead.search(text[max(0, span.start - 24) : span.start]):
            return action
    behind = text[span.stop : span.stop + 40]
    for action, trail in _TRAIL.items():
        if trail.match(behind) and span.action is not Action.KEEP:
            return action
    return span.action


def _said_again(text: str, spans: Sequence[Span]) -> list[Span]:
    """Without "both of them" and the like, where things were named before; what is asked of these
    and is more than what was asked before is theirs."""
    found: list[Span] = []
    for span in spans:
        words = text[span.start : span.stop].strip(" .,!?")
        if not found or not _BACK.match(words) or (words.startswith("both") and "voice" in words):
            found.append(span)
        elif span.action in (Action.UP, Action.DOWN):
            found = [
                replace(s, action=span.action) if s.action is Action.KEEP else s for s in found
            ]
    return found


def _corrected(text: str, spans: Sequence[Span]) -> list[Span]:
    """What was said before "no wait" or "I mean" is taken back, or what is then asked of "it" is
    asked of it instead."""
    found = list(spans)
    for match in _CORRECTION.finditer(text):
        found = [s for s in found if s.stop <= match.start() or s.start >= match.end()]
        before = [s for s in found if s.stop <= match.start()]
        sentence = max(text.rfind(mark, 0, match.start()) for mark in ".!?") if before else -1
        before = [s for s in before if s.start > sentence] or before[-1:]
        behind = [s for s in found if s.start >= match.end()]
        again = _AGAIN.match(text[match.end() :].strip()) if before else None
        if again is not None and (action := _named(again)) is not None:
            found = [replace(s, action=action) if s in before else s for s in found]
            found = [s for s in found if s not in behind]
        elif before and behind:
            found = [s for s in found if s not in before]
    return found


def _named(again: re.Match[str]) -> Action | None:
    lead, trail = again["lead"] or "", again["trail"] or ""
    if lead in ("keep", "leave"):
        return Action.KEEP
    for words in (trail, lead):
        for action, verbs in VERBS.items():
            if words and re.fullmatch(verbs, words):
                return action
    return {"up": Action.UP, "down": Action.DOWN, "out": Action.REMOVE}.get(trail)


def _negated(text: str, spans: Sequence[Span]) -> tuple[list[Span], list[tuple[int, int]]]:
    """Things that shall not be changed are kept. Also the stretches of text that say so."""
    found, heeded = list(spans), []
    for match in _NEGATED.finditer(text):
        end = _CLAUSE_END.search(text, match.end())
        stop = end.start() if end else len(text)
        heeded.append((match.start(), stop))
        undone = _undone(match["verb"], text[match.end() : stop])
        again = _AGAIN.match(text[stop:].lstrip(" ,.;").removeprefix("but "))
        instead = _named(again) if again and re.search(r"\b(?:it|them|that)\b", again[0]) else None
        found = [
            replace(s, action=instead or Action.KEEP)
            if match.end() <= s.start < stop and (undone is None or s.action is undone)
            else s
            for s in found
        ]
    for match in _UNWANTED.finditer(text):
        heeded.append(match.span())
        found = [
            replace(s, action=Action.KEEP)
            if match.start("what") <= s.start and s.stop <= match.end("what")
            else s
            for s in found
        ]
    for match in _SPARED.finditer(text):
        heeded.append(match.span())
        before = [s for s in found if s.stop <= match.start()]
        if before and not re.search(r"[.;!?]", text[before[-1].stop : match.start()]):
            found = [replace(s, action=Action.KEEP) if s is before[-1] else s for s in found]
        meant = _undone(match[0], "")
        if meant and (other := _OTHER_SHOULD.match(text, match.end())):
            inside = range(*other.span())
            found = [replace(s, action=meant) if s.start in inside else s for s in found]
    return found, heeded


def _undone(verb: str, rest: str) -> Action | None:
    """The action that is not to happen; None for any."""
    for words in (verb, rest):
        for action, verbs in VERBS.items():
            if re.search(rf"\b{verbs}", words):
                return action
    way = re.search(r"\b(up|down|out|off|away)\b", rest)
    if way is None:
        return None
    return {"up": Action.UP, "down": Action.DOWN}.get(way[0], Action.REMOVE)


def _doubts(
    text: str, lower: str, spans: Sequence[Span], heeded: Sequence[tuple[int, int]]
) -> list[str]:
    """Negations that no rule knows, before a thing of their clause that is to be changed."""
    found = []
    for match in _NEGATION.finditer(lower):
        near = lower[max(0, match.start() - 16) : match.end() + 20]
        known = any(start <= match.start() < stop for start, stop in heeded)
        if known or _HARMLESS.search(near):
            continue
        end = _CLAUSE_END.search(lower, match.end())
        stop = end.start() if end else len(lower)
        if any(match.end() <= s.start < stop and s.action is not Action.KEEP for s in spans):
            found.append(text[match.start() : stop].strip(" ,"))
    return found

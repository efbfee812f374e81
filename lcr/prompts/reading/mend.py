"""Rules that are surer than the network: negations, corrections, "the first one" said again, cues
that stand right beside a thing. They mend what a tagger found before gains are read from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from lcr.instruction import Action
from lcr.prompts.cues import GONE, LESS, REMOVE
from lcr.prompts.numbers import NUMBER_WORDS
from lcr.prompts.reading.keywords import kind_of, only_styles, styles_of
from lcr.prompts.reading.masking import masked
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.negation import (
    CHANGE,
    CLAUSE_END,
    corrected,
    doubts,
    excepted,
    negated,
)
from lcr.prompts.reading.things import WHOLE, Span

_BACK = re.compile(
    r"^(?:both|all(?: (?:two|three|four|of))?|each|every|the (?:two|three|four)|they|them|these|"
    r"those)"
    r"(?: of)?(?: (?:them|the|these|those))?(?: (?:sources?|sounds?|things?|ones?))?$"
)
"""What names again what was named before."""
_NOT_THINGS = re.compile(
    r"^(?:the |this |my |audio |sound |entire |given |whole )*"
    r"(?:recordings?|audio(?: file)?s?|file|clip|track|soundtrack|mix(?:ture)?|instructions?|take|"
    r"nothing|neither|none|anything|changes?|version)$"
)
_NO_NAME = re.compile(
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
_LINK = (
    r"(?: (?:is|are|was|were|sounds?|seems?|gets?|should|must|could|can|needs?|has|have|ought|to|"
    r"be|comes?|get|got|only|by|\d+(?:[.,]\d+)?|db|decibels?|percent|a|bit|little|much|far|way|"
    r"just|"
    r"really|slightly|also|both|all)){0,6}"
)
INCESSANT = (
    r"(?:(?:won't|will not|never|doesn't|don't|can't) (?:stop|shut up|quit|let up|end)s?|"
    r"(?:just )?keeps? (?:on )?going|goes on and on)"
)
_BESIDE = {
    Action.KEEP: (
        r"(?!)",
        r"(?:same|flat|unchanged|untouched|the way (?:it|they) (?:is|are)|"
        r"(?:very |so )?(?:hard|difficult|impossible|tough) to (?:follow|understand))",
    ),
    Action.REMOVE: (
        r"(?:(?:no ?one|nobody) (?:(?:should|must|will) hear|hears)(?: the| my)?|no|no more|"
        r"without(?: the| any)?|"
        r"bye bye|away with(?: the)?|enough(?: of the)?)",
        r"(?:shuts? up|be silent|leave(?=\s*(?:[,.!?]|$))|vanish|disappear|out|off|gone|removed|"
        r"muted|away|go(?! (?:quiet|loud))|doing my "
        r"head in|"
        r"driving (?:me|us) \w+|getting on (?:my|our) nerves)",
    ),
    Action.DOWN: (
        r"(?:(?:want to (?:bare|hard)ly|(?:bare|hard)ly want to) hear(?: the| my)?|less|quieter|"
        r"softer|more (?:silent|quiet|soft|low))(?: of the| of| the)?",
        rf"(?:{INCESSANT}|down|quieter|softer|lower|less loud|(?:be|go(?:es)?) quiet\w*|"
        r"more (?:silent|quiet|soft|low)|"
        r"(?:does|do|need|should)(?:n't| not) (?:(?:need|have) to )?be (?:so|that|this|too) loud|"
        r"(?:so|that) loud|(?:a|like a) whisper|"
        r"(?<!is )(?<!are )(?:bare|hard)ly (?:audible|there)|"
        r"(?:almost|nearly|next to|practically) (?:inaudible|silent|nothing)|"
        r"(?:under|below) (?:where|what) |"
        r"too (?:loud|strong|much|dominant|prominent|noisy|hot)|unbearable|(?:the|a) (?:problem|"
        r"issue|culprit)|deafening|overwhelming)",
    ),
    Action.UP: (
        r"(?:not enough|too (?:little|few)|there(?:'s| is| are) (?:hardly|barely) any|bring "
        r"back the|"
        r"more|louder|more (?:strong|loud))(?: of the| of| the)?",
        r"(?:(?:over|above) (?:where|what) |up|louder|higher|more prominent|go(?:es)? loud\w*|"
        r"dominate|(?:lost|buried)(?: in (?:the|this) mix)?[.!]*$|stands? out|shine|come through|"
        r"too (?:quiet|soft|faint|weak|distant))",
    ),
}
_THAN = re.compile(
    r"\b(?:louder|quieter|softer|lower|higher|stronger|weaker|(?:more|less)(?: (?:loud|"
    r"prominent|audible))?) than "
    r"(?:the |my |that |this |those |her |his |any )*$|"
    r"\b(?:anything|everything|whatever|all)(?: that| which)?(?:'s not| isn't| is not| aren't| "
    r"are not)"
    r"(?: (?:the|a|an|my|from|part of))* $|"
    r"\b(?:strip|pare|boil|narrow)\w* .*\bto (?:the |just |only )*(?:.* and (?:the )?)?$"
)
"""What is only compared with, or is all that shall not go: kept."""
_PART_OF = re.compile(
    r"\b(?:(?:half|third|quarter|percent|%|hint|trace|little|bit|touch|some|fraction) of|half) "
    r"(?:the |my |that )$"
)
_CAUGHT = re.compile(r"\bonly (?:catch|hear|get|understand|follow) (?:half|parts?|bits|some) of $")
_GONE_IT = re.compile(rf"\b{REMOVE} (?:it|them|that|this|him|her)\b")
_SHUT = re.compile(r"\b(shut|clean|tidy)\w*(?: (?:the|this|that|my|those|these|all|your))* $")
_BROUGHT = re.compile(r"\b(?:help|bring|make|let)\w* (?:the |my )?$")
"""Before "out" it asks for more."""
_WHILE = re.compile(
    r"\b(?:while|when|whenever|until|by the time)"
    r"(?: (?:the|my|a|an|our|that|i|you|we|they|he|she))* $"
)
_STATE = re.compile(rf"\b(?:{CHANGE}|keep|stay|remain|leav|loud|quiet|up|down|out)")
_KEPT = re.compile(
    r"\b(?:keep|leav|isolat|extract|separat|only|just|but|except|apart|besides|aside|other "
    r"than)\w*\b"
)
_LEAD = {
    action: re.compile(rf"(?:^|[\s,;.!])(?<!not )(?<!n't ){lead} $")
    for action, (lead, _) in _BESIDE.items()
}
_TRAIL = {
    a: re.compile(rf"{_LINK} {trail}\b(?!-| (?:the|of|my|that|a|there|than)\b)")
    for a, (_, trail) in _BESIDE.items()
}
_BUT_NOT = re.compile(
    r",? (?:(?:but )?(?:not|never)|instead of|rather than) (?:the |a |an |my |"
    r"that |any )?"
)
_NOT_THE = re.compile(r"(?:^|[,;.!] ?|\bno )not (?:the |a |my )?$")
_BUT_THE = re.compile(r"[,!.;]+ ?(?:but )?(?:only |just )?(?:the |my )?")
_ASIDE = re.compile(
    r"(?:she|he|they|i|we|you)(?:'s|'re|'m| is| are| am| was| were) (?:(?:just|only|also|trying to|"
    r"still|not) )*(?!going|getting|being)\w+ing\b"
)
_SAYS = re.compile(
    r"\b(?P<all>everything|anything|all|whatever)(?: that)? (?:the |my )?(?P<who>\w+(?: \w+)?) "
    r"(?:says?|said|is saying|speaks?)\b"
)
_SO_THAT = re.compile(
    r"\bso (?:that )?(?:i|you|we|they|he|she|one|people|listeners|everyone)(?:'ll)?(?: \w+){0,3}? "
    r"(?:hear|understand|make out|follow|focus on|enjoy|catch|listen to)\b"
)
_ONE = r"(?:(?!and\b|or\b|the\b|a\b|an\b)[a-z]+)"
_PLAIN_VERB = (
    r"(?:^|[,;.!?:]|\b(?:and|then|please|to|you|but|also|or|just|now|only|hey|okay|ok|so|well))"
    r"\s*(?:"
    r"(?P<D>lower|reduce|soften|quieten|decrease|attenuate|dip|tame|hush|(?:turn|tone|dial) down)|"
    r"(?P<U>raise|boost|amplify|increase|lift|(?:turn|crank|pump|bring) up|up)|"
    r"(?P<R>remove|delete|mute|silence|eliminate|erase|get rid of|take out|filter out|ditch|"
    r"get shot of|shut up|scrap|zap|bin|bye bye))"
    r" (?:(?:the|that|this|my|all|any|those|these|her|his|your|a|an) )*"
    r"(?:(?:volume|level|sound|noise|loudness)s? (?:of|from) (?:the |that |my |all )?)?"
)
"""A verb right before a thing that says what happens to it, whatever stands behind."""
_VERB_BEFORE = re.compile(rf"{_PLAIN_VERB}$")
_ASKED = re.compile(rf"{_PLAIN_VERB}(?P<words>{_ONE}(?: {_ONE}){{0,2}})")
_ENDING = re.compile(
    rf"(?:^|[,;.]|\b(?:and|but))\s*(?:(?:the|my|that|this) )?(?P<words>{_ONE}(?: {_ONE})?)"
    rf"(?=(?: (?:go|goes|is|should be|must be))? (?:{_BESIDE[Action.DOWN][1]}|"
    rf"{_BESIDE[Action.UP][1]}|{_BESIDE[Action.REMOVE][1]})\s*(?:$|[,;.!?\d]|and\b|but\b))"
)
_WAYS = {"D": Action.DOWN, "U": Action.UP, "R": Action.REMOVE}
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
    found = [_trimmed(lower, s) for s in spans if not _is_no_thing(lower, s)]
    found = [s for s in found if not _is_named_behind(lower, s, found)]
    found = _without_asides(lower, _what_one_says(lower, _as_me(lower, found)))
    found = _joined(lower, found)
    found = _listed(lower, _with_missed(lower, found))
    found = [replace(s, action=_beside(lower, s)) for s in found]
    found = _likewise(lower, found)
    found = _so_that(lower, masked(lower, found))
    found = _said_again(lower, found)
    found = corrected(lower, found)
    found = excepted(lower, found)
    found, heeded = negated(lower, found)
    return Mended(tuple(found), tuple(doubts(text, lower, found, heeded)))


def _is_no_thing(text: str, span: Span) -> bool:
    """A recording that something is removed from, or "nothing"."""
    words = text[span.start : span.stop].strip(" .,!?'")
    if _NO_NAME.fullmatch(words) or _COUNTED.fullmatch(text, span.start):
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


def _is_named_behind(text: str, span: Span, spans: Sequence[Span]) -> bool:
    """ "Turn it up, the violin": "it" is the violin."""
    behind = _IT_BEFORE.match(text, span.start)
    if behind is None or span.kind != "everything":
        return False
    return any(s.start == behind.end() and s.action is span.action for s in spans)


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


def _trimmed(text: str, span: Span) -> Span:
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


def _without_asides(text: str, spans: Sequence[Span]) -> list[Span]:
    """Without who is only said to be doing something, and what it is: "she's reading a story",
    "while he talks"."""
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


def _as_me(text: str, spans: Sequence[Span]) -> list[Span]:
    """Who says "I'm the girl" is the girl; what is asked of "me" is asked of her."""
    mine = [s for s in spans if text[s.start : s.stop] in ("me", "my voice", "myself")]
    found = list(spans)
    for span in spans:
        if span.kind == "voice" and re.search(r"\b(?:i'm|i am) (?:the |a )?$", text[: span.start]):
            found = [s for s in found if s is not span and s not in mine]
            found += [replace(span, action=_beside(text, s)) for s in mine[:1]]
    return found


def _what_one_says(text: str, spans: Sequence[Span]) -> list[Span]:
    """ "Delete everything the man says": what is asked of that is asked of the man."""
    found = list(spans)
    for match in _SAYS.finditer(text):
        whole = [s for s in found if s.kind in WHOLE and s.start < match.end("all") <= s.stop]
        for span in whole:
            found = [s for s in found if s.stop <= match.start() or s.start >= match.end()]
            styles = styles_of(match["who"])
            found.append(Span(*match.span("who"), "voice", span.action, styles))
    return sorted(found, key=lambda s: s.start)


def _so_that(text: str, spans: Sequence[Span]) -> list[Span]:
    """What shall be heard for it is kept: "remove the hum so that I hear her"."""
    found = [
        replace(s, action=Action.KEEP)
        if s.action in (Action.REMOVE, Action.DOWN)
        and re.search(r"\bso (?:that )?(?:the |my |his |her )?$", text[: s.start])
        and re.match(r" (?:is|are|can|could|will|becomes?|comes?|stands?)\b", text[s.stop :])
        and not re.match(rf" (?:\w+ ){{1,4}}{LESS}|{GONE}", text[s.stop :])
        else s
        for s in spans
    ]
    for match in _SO_THAT.finditer(text):
        end = CLAUSE_END.search(text, match.end())
        inside = range(match.end(), end.start() if end else len(text))
        found = [
            replace(s, action=Action.KEEP)
            if s.start in inside and s.action in (Action.REMOVE, Action.DOWN)
            else s
            for s in found
        ]
    return found


def _joined(text: str, spans: Sequence[Span]) -> list[Span]:
    """A voice that was found in two pieces is one: "speaker with the" "low voice"."""
    found: list[Span] = []
    for span in spans:
        last = found[-1] if found else None
        gap = "" if last is None else text[last.stop : span.start]
        if (
            last is not None
            and last.kind == "voice"
            and (
                (span.kind == "voice" and span.action is last.action and _GLUE.fullmatch(gap))
                or (only_styles(text[span.start : span.stop]) and _AND.fullmatch(gap))
                or (span.kind in ("voice", "all_speech") and _OF_THE.fullmatch(gap))
            )
        ):
            found[-1] = replace(last, stop=span.stop, styles={**span.styles, **last.styles})
        else:
            found.append(span)
    return found


_AND = re.compile(r"[\s,]*(?:and )?(?:an? |the )?")
_OF_THE = re.compile(r" (?:one )?of (?:the )?")
_BETWEEN = re.compile(
    r"\s*(?:,|;|&|\band\b|\bor\b|\bplus\b|\balso\b|\bas well as\b)[\s,]*"
    r"(?:and |or |also )*(?:the |a |an |any )?"
)
_MEMBER = re.compile(rf"{_ONE}(?:[ -]{_ONE}){{0,2}}")


def _with_missed(text: str, spans: Sequence[Span]) -> list[Span]:
    """With known things that stand right behind a verb, or before a trailing one, and were missed:
    "get rid of the siren", "and moo go quiet"."""
    found = list(spans)
    for match in _ASKED.finditer(text):
        words = match["words"].split(" ")
        for size in range(len(words), 0, -1):
            name = " ".join(words[:size])
            start, stop = match.start("words"), match.start("words") + len(name)
            if any(s.start < stop and s.stop > start for s in found):
                break
            kind = kind_of(name)
            if look_up(name).whole or kind == "voice":
                action = next(action for way, action in _WAYS.items() if match[way])
                styles = styles_of(name) if kind == "voice" else {}
                found.append(Span(start, stop, kind, action, styles))
                break
    for match in _ENDING.finditer(text):
        name, (start, stop) = match["words"], match.span("words")
        taken = any(s.start < stop and s.stop > start for s in found)
        if not taken and look_up(name).whole:
            found.append(Span(start, stop, "sound", Action.KEEP))  # what trails it says the rest
    return sorted(found, key=lambda s: s.start)


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
        r"(?:^|,|;|\band\b|\bor\b|\b(?:remove|mute|delete|lower|raise|boost|cut|drop|of|out|"
        r"down|up|"
        rf"silence|reduce))\s*(?:the |a |an |any )?(?P<words>{_ONE}(?:[ -]{_ONE}){{0,2}})"
        r"\s*(?:,|;|&|\band|\bor)[\s,]*(?:and )?(?:the |a |an |any )?$",
        text[:at],
    )
    if before is None:
        return None
    start, stop = before.span("words")
    taken = any(s.start < stop and s.stop > start for s in spans)
    named = not _NO_NAME.fullmatch(before["words"]) and look_up(before["words"]).whole
    return start if named and not taken else None


def _beside(text: str, span: Span) -> Action:
    """The action of a cue that stands right before or behind a thing."""
    before = text[max(0, span.start - 48) : span.start]
    if _THAN.search(before) or _CAUGHT.search(before):
        return Action.KEEP
    if verb := _VERB_BEFORE.search(before):
        return _WAYS[str(verb.lastgroup)]
    if span.action is Action.KEEP and _PART_OF.search(before):
        return Action.DOWN
    if (shut := _SHUT.search(before)) and text.startswith(" up", span.stop):
        return Action.REMOVE if shut[1] == "shut" else span.action
    for action, lead in _LEAD.items():
        if lead.search(text[max(0, span.start - 24) : span.start]):
            return action
    if _BROUGHT.search(before) and text.startswith(" out", span.stop):
        return Action.UP if span.action is Action.REMOVE else span.action
    behind = text[span.stop : span.stop + 48]
    again = re.match(r",? (?:they|it|which)\b", behind)
    behind = behind[again.end() :] if again else behind
    for action, trail in _TRAIL.items():
        kept = not again and span.action is Action.KEEP and _KEPT.search(text[: span.start])
        asked = span.action is Action.REMOVE and _GONE_IT.search(text, span.stop)
        if trail.match(behind) and not kept and not asked:
            return action
    return span.action


def _likewise(text: str, spans: Sequence[Span]) -> list[Span]:
    """ "The rain down, and the wind too"; "remove the man, not the dog"; "the man, not the dog"."""
    found = list(spans)
    for i, (one, other) in enumerate(pairwise(found)):
        trail = _TRAIL.get(other.action)
        beside = one.action is Action.KEEP and text[one.stop : other.start] in (
            " and ",
            " and the ",
        )
        if beside and trail and trail.match(text, other.stop) and not _KEPT.search(text):
            found[i] = replace(one, action=other.action)
        if one.action is not Action.KEEP and re.search(
            r", not (?:the |my )?$", text[: other.start]
        ):
            found[i + 1] = replace(other, action=Action.KEEP)
        led = any(lead.search(text[max(0, one.start - 24) : one.start]) for lead in _LEAD.values())
        if led and other.action is Action.KEEP and _BETWEEN.fullmatch(text, one.stop, other.start):
            found[i + 1] = replace(other, action=found[i].action)  # "without him and the dog"
        if re.match(r",? (?:too|as well)\b", text[other.stop :]) and other.action is Action.KEEP:
            found[i + 1] = replace(other, action=found[i].action)
        between = _BUT_NOT.fullmatch(text[one.stop : other.start])
        if _NOT_THE.search(text[: one.start]) and _BUT_THE.fullmatch(text[one.stop : other.start]):
            found[i] = replace(one, action=Action.KEEP)
        if between and one.action is not Action.KEEP and re.search(CHANGE, text[: one.start]):
            found[i + 1] = replace(other, action=Action.KEEP)
        elif between and len(found) == 2 and not re.search(CHANGE, text):
            found = [replace(one, action=Action.KEEP), replace(other, action=Action.REMOVE)]
    return found


def _who_is_meant(span: Span, before: Sequence[Span]) -> Span | None:
    """Whom "her" may mean: the last voice before that is said to be hers, and more, or nobody's."""
    gender = span.styles.get("gender")
    voices = [s for s in before if s.kind == "voice"]
    alike = [s for s in voices if s.styles.get("gender") in (gender, None)]
    last = alike[-1] if gender and alike else None
    is_meant = last and (len(last.styles) > 1 or "gender" not in last.styles)
    return last if is_meant else None


def _said_again(text: str, spans: Sequence[Span]) -> list[Span]:
    """Without "both of them" and the like, where things were named before; what is asked of these
    and is more than what was asked before is theirs."""
    found: list[Span] = []
    for span in spans:
        words = text[span.start : span.stop].strip(" .,!?")
        mine = _who_is_meant(span, found) if re.fullmatch(r"her|him|she|he", words) else None
        if mine is not None and mine.action in (Action.KEEP, span.action):
            found[found.index(mine)] = replace(mine, action=span.action)
            continue
        if not found or not _BACK.match(words) or (words.startswith("both") and "voice" in words):
            found.append(span)
        elif span.action in (Action.UP, Action.DOWN):
            found = [
                replace(s, action=span.action) if s.action is Action.KEEP else s for s in found
            ]
    return found

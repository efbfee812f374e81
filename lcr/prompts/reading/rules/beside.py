"""The action of a cue that stands right beside a thing: "mute the siren", "the rain down"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from lcr.instruction import Action
from lcr.prompts.cues import REMOVE
from lcr.prompts.reading.rules.negation import CHANGE
from lcr.prompts.reading.things import Span

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
BESIDE = {
    Action.KEEP: (
        r"(?!)",
        r"(?:same|flat|unchanged|untouched|the way (?:it|they) (?:is|are)|"
        r"(?:(?:can|may|should|must|shall|will) )?(?:stays?|remains?|be left|be kept) "
        r"(?:just |exactly )?"
        r"(?:where|as|how|put|alone|like) ?(?:(?:it|they|he|she)(?: is| are|'s|'re))?|"
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
        r"(?:more (?:silent|quiet|soft|low)|less loud)(?:ly)?|"
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
_KEPT = re.compile(
    r"\b(?:keep|leav|isolat|extract|separat|only|just|but|except|apart|besides|aside|other "
    r"than)\w*\b"
)
_LEAD = {
    action: re.compile(rf"(?:^|[\s,;.!])(?<!not )(?<!n't ){lead} $")
    for action, (lead, _) in BESIDE.items()
}
_TRAIL = {
    a: re.compile(rf"{_LINK} {trail}\b(?!-| (?:the|of|my|that|a|there|than)\b)")
    for a, (_, trail) in BESIDE.items()
}
_BUT_NOT = re.compile(
    r",? (?:(?:but )?(?:not|never)|instead of|rather than) (?:the |a |an |my |"
    r"that |any )?"
)
_NOT_THE = re.compile(r"(?:^|[,;.!] ?|\bno )not (?:the |a |my )?$")
_BUT_THE = re.compile(r"[,!.;]+ ?(?:but )?(?:only |just )?(?:the |my )?")
PLAIN_VERB = (
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
_VERB_BEFORE = re.compile(rf"{PLAIN_VERB}$")
WAYS = {"D": Action.DOWN, "U": Action.UP, "R": Action.REMOVE}
BETWEEN = re.compile(
    r"\s*(?:,|;|&|\band\b|\bor\b|\bplus\b|\balso\b|\bas well as\b)[\s,]*"
    r"(?:and |or |also )*(?:the |a |an |any )?"
)


def beside(text: str, span: Span) -> Action:
    """The action of a cue that stands right before or behind a thing."""
    before = text[max(0, span.start - 48) : span.start]
    if _THAN.search(before) or _CAUGHT.search(before):
        return Action.KEEP
    if verb := _VERB_BEFORE.search(before):
        return WAYS[str(verb.lastgroup)]
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


def likewise(text: str, spans: Sequence[Span]) -> list[Span]:
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
        if led and other.action is Action.KEEP and BETWEEN.fullmatch(text, one.stop, other.start):
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

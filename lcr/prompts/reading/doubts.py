"""What of a prompt was not used, or is read without a word that says so: it is told."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lcr.instruction import Action
from lcr.prompts.cues import GONE, LESS, MORE
from lcr.prompts.reading.keywords import kind_of
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.rules.negation import ALL_BUT, CHANGE, CLAUSE_END
from lcr.prompts.reading.things import WHOLE, NamedThing, Rest, Span

_NAMED = re.compile(
    r"\b(?:the|that|those|this|these)(?= (?P<words>[a-z'-]+(?: [a-z'-]+){0,2}))", re.IGNORECASE
)
_MEDIUM = re.compile(r"(?:(?:audio|sound) )?(?:recording|mix(?:ture)?|audio|clip|track|file)s?")
"""What holds the sounds, and is none itself."""
_CONDITION = re.compile(
    r"\bunless\b[^,.;]*|"
    rf"\b{CHANGE}\b[^,.;]*? (?P<then>(?:when(?:ever)?|while|until|by the time|as (?:soon|long) as|"
    r"(?:only )?if) (?:the |my |a )?\w+(?: \w+)? (?:speak|talk|sing|bark|play|say|laugh|cry|cri|"
    r"shout|start|stop|come)\w*)"
)
"""What shall hold for a part of the recording that another sound gives."""
_NUMBER = re.compile(
    r"[-+]?\b[\w.,]*\d[\w.,]* ?(?:dbfs|dbu|lufs|dbs?|decibels?|bels?|percent|%)"
    r"|\b[ivxlc]+ (?:db|decibels)\b"
    r"|\b\d+(?:\.\d+)? (?:fewer|less|more)\b"
    r"|\bby [-+]?[\w.]*\d[\w.,]*(?! ?(?:s|ms|sec|min|hour|o'clock)\w*\b)"
    r"|(?<=[a-z] )\d+(?:\.\d+)?(?=\s*(?:[,;!?]|\.?$))",
    re.IGNORECASE,
)
"""An amount, as far as its look tells."""
_LOUDER = re.compile(
    rf"{MORE}|\b(?:up|more|higher|hotter|harder|hear|listen|understand|follow|catch|audible|"
    r"clear\w*|height\w*|better|closer|stronger|bigger|prominent|stand|shine|focus|attention|"
    r"too|quiet|soft|faint|weak|plus|"
    r"low|times|twice|triple|full|max\w*|need|want|bring|push|buff|enough|lost|buried|missing|"
    r"(?:hard|bare)ly any)\b|[\d%+]|percent|decibel"
)
"""Of a prompt without any of these it is not sure that something shall be louder."""
_LOWER = re.compile(
    rf"{LESS}|{GONE}|\b(?:less|fewer|down|lower|low|quiet|soft|off|half|third|quarter|fifth|tenth|by|"
    r"to|at|of|only|just|away|under|below|behind|back|minus|too|much|dip|duck|trim|shave|knock|ease|"
    r"pull|fade|take|from|percent)\w*\b|[-−%]"
)
"""Of a prompt without any of these it is not sure that a stated amount is one of less."""
_MEANT_TO_STAY = re.compile(
    r"\b(?:keep|leav|stay|remain|preserv|retain|untouch|unchang|safe|alone|same|fine|ok(?:ay)?\b|"
    r"as (?:it|they|he|she|is)\b)|\b0 ?(?:db|%)|"
    r"(?:\b(?:not?|never|nothing|neither|none|nor|nobody)\b|(?<!ca)n't\b).*"
    rf"\b(?:{CHANGE}|go|going|tamper|mess|worry)\b"
)
"""Of a prompt without any of these it is not sure that nothing shall change."""
_ALONE = re.compile(
    r"\b(?:only|just|isolat\w*|extract\w*|separat\w*|solo|alone|nothing|nobody|no one|else|"
    r"rest|itself|own|singl\w*|pull|out|every\w*|any\w*|all|whatever|others?|without|strip\w*|stem|"
    r"clean|besides|version|ac+ap+el+a|keep(?:ing)?|kept(?! from)|leav\w*|but|except|apart|sav\w+|"
    r"not?)\b|n't\b"
)
"""Of a prompt without any of these it is not sure that all else shall go."""
_CUES = (
    (re.compile(rf"\b(?:{LESS}|soft|less)\b(?! than)"), {Action.DOWN}),
    (re.compile(rf"\b{MORE}\b(?! than)"), {Action.UP}),
    (re.compile(rf"\b{GONE}\b"), {Action.REMOVE, Action.DOWN}),
)
"""Words that ask for an action, and the actions of which one is then read."""
_TAKEN_BACK = re.compile(
    r"\b(?:not?|never|neither|nor|without|instead of|rather than|than|no need|so|too|already|"
    r"wait|sorry|mean|meant)\b|n't\b"
)


def doubts(
    text: str,
    tagged: Sequence[Span],
    spans: Sequence[Span],
    things: Sequence[NamedThing],
    stated: Sequence[Span],
    rest: Rest,
) -> list[str]:
    """What a reading leaves out, in the prompt's words: amounts, things, conditions and verbs; the
    whole prompt where nothing in it says what was read. Of the mended `spans`, and not of those
    that were `tagged`, `stated` are those with an amount."""
    lower = text.lower()
    found = []
    if things:
        found += _unread_amounts(text, spans, stated)
        found += _unread_cues(lower, things, rest)
    louder = any(thing.gain > 1 for thing in things)
    unchanged = bool(things) and rest == "stays" and all(thing.gain == 1 for thing in things)
    lower_by = any(thing.is_stated and 0 < thing.gain < 1 for thing in things)
    whole = rest == "goes" or (len(things) > 1 and any(t.kind in WHOLE for t in things))
    silent = whole and bool(things) and not any(thing.gain for thing in things)
    if (
        silent
        or (lower_by and not _LOWER.search(lower))
        or (louder and not _LOUDER.search(lower))
        or (unchanged and not _MEANT_TO_STAY.search(lower))
        or (rest == "goes" and not _ALONE.search(lower))
    ):
        found.append(text)
    found += _exceptions_of_nothing(text, spans)
    found += [match["then"] or match[0] for match in _CONDITION.finditer(lower)]
    return found + _overlooked(text, (*tagged, *things))


def _exceptions_of_nothing(text: str, spans: Sequence[Span]) -> list[str]:
    """ "Everything but" what nobody took note of."""
    found = []
    for match in ALL_BUT.finditer(text.lower()):
        end = CLAUSE_END.search(text, match.end())
        stop = end.start() if end else len(text)
        if not any(match.end() <= span.start < stop for span in spans):
            found.append(text[match.start("all") : stop])
    return found


def _unread_cues(lower: str, things: Sequence[NamedThing], rest: Rest) -> list[str]:
    """Verbs that ask for what no thing gets, such as "soft" in "take it out, no, make it soft"."""
    if _TAKEN_BACK.search(lower):
        return []
    found = []
    actions = {thing.action for thing in things}
    actions |= {"stays": set(), "goes": {Action.REMOVE}, "fades": {Action.DOWN}}[rest]
    for cue, meant in _CUES:
        if actions & meant:
            continue
        found += [
            match[0]
            for match in cue.finditer(lower)
            if not any(t.start <= match.start() < t.stop for t in things)
        ]
    return found


def _unread_amounts(text: str, spans: Sequence[Span], stated: Sequence[Span]) -> list[str]:
    """What looks like an amount, where neither the thing before it nor the one behind has one."""
    unread = []
    for found in _NUMBER.finditer(text):
        before = [span for span in spans if span.start < found.start()]
        # "everything but the piano down 4 dB": what is excepted has no amount, everything has
        excepted = before and before[-1].action is Action.KEEP
        before = before[-2 if excepted and ALL_BUT.search(text.lower()) else -1 :]
        behind = [span for span in spans if span.start >= found.start()][:1]
        if not any(span in stated for span in (*before, *behind)):
            unread.append(found[0])
    return unread


def _overlooked(text: str, spans: Sequence[Span | NamedThing]) -> list[str]:
    """Names of sounds and voices of which nobody took note."""
    found = []
    for match in _NAMED.finditer(text):
        words, start = match["words"], match.start("words")
        while words and not (look_up(words).whole or kind_of(words.lower()) == "voice"):
            words = words.rpartition(" ")[0]
        stop = start + len(words)
        if _MEDIUM.fullmatch(words.lower()):
            continue
        if words and all(stop <= span.start or start >= span.stop for span in spans):
            found.append(words)
    return found

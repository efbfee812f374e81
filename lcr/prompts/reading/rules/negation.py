"""What shall not happen, and what was taken back: rules that are surer than the network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from lcr.instruction import Action
from lcr.prompts.cues import CHANGED, GONE, LESS, MORE, VERBS
from lcr.prompts.reading.names import broader, look_up
from lcr.prompts.reading.things import Kind, Span

CHANGE = rf"(?:{LESS}|{MORE}|{GONE}|{CHANGED}|tak(?:e|ing)|turn(?:ing)?|mak(?:e|ing)|let(?:ting)?)"
_NOT = (
    r"(?:do not|don'?t|never|to not|no need to|need ?n[o']t|(?:do not|don'?t) (?:need|have) to|"
    r"must ?n[o']t|not to|without|instead of|rather than|should(?: not|n'?t) have|"
    r"under no circumstances|by no means|on no account|in no case|no way you|"
    r"(?:didn'?t|did not|never) (?:ask|say|want|tell|mean)\w*(?: (?:you|anyone))? to)"
)
_NEGATED = re.compile(
    rf"\b{_NOT}(?: (?:you dare|ever|please|want (?:you|anyone|us) to|want to|completely))*"
    rf" (?P<verb>{CHANGE})\b"
)
"""What shall not be done; the things behind it, up to the end of the clause, are kept."""
_UNWANTED = re.compile(
    r"\b(?:do not|don'?t|didn'?t|did not|never|wouldn'?t) want (?!to hear|to have)"
    r"(?P<what>[^,.;]*?) (?:to be |to get |to |being |any )*"
    rf"(?:{LESS}|{MORE}|{GONE}|{CHANGED})"
    r"(?P<these>)"
)
_SPARED = re.compile(
    r"\b(?:should|must|may|need|ought)(?: not|n'?t)(?: to)? (?:(?:be|get|become|have|any) )*"
    rf"(?:{LESS}|{MORE}|{GONE}|{CHANGED}|go)\b"
)
"""What is said not to happen to the thing before it."""
_NEITHER = re.compile(
    rf"\bneither (?P<what>[^,.;]*?) (?:should|must|may|shall|can) (?:be |get )?(?:{CHANGE}|go)\b"
    rf"|\b{CHANGE} (?:neither|none of) (?P<these>[^,.;]*)"
)
NOTHING_BUT = re.compile(rf"\b{GONE} nothing (?:but|except|other than)\b")
"""What it asks to be removed alone."""
ALL_BUT = re.compile(
    rf"(?:\b(?:(?P<gone>{GONE}|hat(?:e|ing)|loathe|despise|(?:sick|tired) of|"
    r"can(?:no|'?)t (?:stand|bear)|"
    r"(?:do not|don'?t|nobody|no one) (?:\w+ ){0,2}?(?:likes?|wants?|needs?|hear|keep))|"
    rf"(?P<less>{LESS}|(?:take|shave|knock|get|drop) (?:\d\S*|a|some)(?: \w+)? (?:off|from))|"
    rf"(?P<more>{MORE})|"
    r"(?P<kept>lov(?:e|ing)|like|want|need|enjoy|keep|leave|let me hear|give me|play me)|"
    r"(?:turn|take|bring|put|make|have|move)) |^|[,;.] ?)"
    r"(?P<all>everything|everyone|everybody|all|all of it|anything|(?:all|every|any) sounds?) "
    r"(?:but|except(?: for)?|apart from|other than|besides|save(?: for)?|minus|"
    r"(?:that|which)(?:'s| is| are)(?: not|n't)) "
)
"""An exception of everything, and what is asked of everything."""
_KIND_BUT = re.compile(
    r"\b(?:all|every|each|any|(?:all|each|any) of)(?: the| my| these| those)? "
    r"(?P<kind>\w+(?: \w+)?)(?P<but> (?:but|bar|barring|save(?: for)?|except(?: for)?|apart from|"
    r"other than|besides|excluding|minus)(?: for)? (?:the |my |that |this |a |an )?)(?P<one>\w+)"
)
"""An exception of a kind: "every bird bar the crow"."""
_SCOPE = re.compile(
    r"(?:all |all of |any )?(?:the |my |our )?(?P<what>(?:background |ambient |surrounding )?"
    r"(?:sounds?|noises?)|(?P<speech>speech|voices|speakers|talking|dialogue))\b"
)
"""What may be excepted without being one thing."""
_DONE_TO_ALL = {"gone": Action.REMOVE, "less": Action.DOWN, "more": Action.UP}
_TRAILING = {
    Action.UP: re.compile(rf"\b(?:up|higher|plus|{MORE})\b|\+ ?\d|\btoo (?:quiet|soft|faint)"),
    Action.DOWN: re.compile(
        rf"\b(?:down|lower|minus|{LESS})\b|[-−] ?\d|\btoo (?:loud|noisy|strong|much)"
    ),
    Action.REMOVE: re.compile(rf"\b(?:{GONE}|go(?:es)?|out|off|away|leave|vanish)\b"),
}
"""Behind "everything but the dog"."""
_STAYS = re.compile(r"\b(?:stays?|remains?|be kept|is (?:fine|good|ok|okay|great))\b")
_OTHER_SHOULD = re.compile(r"[, ]*(?:but|only) [^,.;]*? (?:should|must|may|can)\b(?! be| not)")
CLAUSE_END = re.compile(
    r"[.;!?:]|\b(?:but|just|instead|only|rather|although|because|while)\b|"
    rf",\s*(?:and |please |then |so )*(?:i\b|you\b|it'?s\b|help\b|{CHANGE})|"
    rf"\band (?:please )?{CHANGE}"
)
_LET_IN = re.compile(r"let\b.* (?:in|into|through|stay|be heard)\b")
_SO_LOUD = re.compile(r"\b(?:so|too|that|this) (?:loud|noisy)")
_JUST = re.compile(r"(?:,? ?(?:but|just|only|rather|instead)){1,2} (?:the |my |that |those )*")
"""What is said of it is to be done: "don't mute the dog, just the cat"."""
_NEGATION = re.compile(r"\b(?:not|never|neither|nor|nobody|none)\b|n't\b")
_HARMLESS = re.compile(
    r"\b(?:can(?:no|'?)t|could(?: not|n't)|why (?:not|don't you)|(?:don't|do not|doesn't) (?:\w+ )?"
    r"(?:want|need|like|mind|care|know|worry|forget|hesitate|bother|belong|miss|understand|hear|"
    r"keep|leave|stand|have)|not (?:so|too|that|very|much|only|sure|loud|clear|enough|a)|"
    r"(?:is|are|was|were|am)(?: not|n't)|(?:but|and|if|or|rather|would|i'd) not|"
    r"(?:never|n't|not) (?:stop|shut|quit|end|let up)\w*|"
    r"would(?:n't| not)|should(?: not|n't) (?:be|stay|remain)|not (?:be|hear)|not [a-z]+ing|"
    r"nobody|none|has(?:n't| not)|have(?:n't| not))\b"
)
_CORRECTION = re.compile(
    r"\b(?:no,? wait|wait,? no|(?:no,? )?scratch that|i mean(?:t)?|or rather|or better|no,? sorry|"
    r"sorry,? (?:no|i meant?)|actually,? no|make that|correction|hang on|on second thoughts?|oops|"
    r"er+m?|(?<=[,.-] )(?:hmm?,? )?(?:no|sorry|wait|hold on)(?=,))\b[,.:;!\s]*(?:no\b[,.\s]*)?"
)
_BEHIND = re.compile(r"(?:the|my|that|those|these) (?P<thing>[a-z]+(?: [a-z]+)?)\s*(?=$|[.,!?])")
"""What is named behind a correction, where the tagger saw nothing."""
_AGAIN = re.compile(
    r"(?:just |only |rather |instead |then |please )*"
    rf"(?P<lead>{LESS}|{MORE}|{GONE}|turn|make|take|bring|keep|leave)? ?"
    rf"(?:it|them|that|this|these)?\b ?(?P<trail>up|down|out|{LESS}|{MORE}|{GONE})?"
    r"(?: instead| completely| a bit)*\s*[.!?]*$"
)


def corrected(text: str, spans: Sequence[Span]) -> list[Span]:
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
        elif before and (named := _BEHIND.match(text, match.end())):
            found = [s for s in found if s not in before]
            found.append(replace(before[-1], start=named.start("thing"), stop=named.end("thing")))
    return found


def excepted(text: str, spans: Sequence[Span]) -> list[Span]:
    """ "I hate everything but the harp": the harp is kept, and everything goes; of what is
    loved the other way round."""
    found = list(spans)
    for match in ALL_BUT.finditer(text):
        end = CLAUSE_END.search(text, match.end())
        inside = range(match.end(), end.start() if end else len(text))
        if not any(s.start in inside for s in found):
            scope = _SCOPE.match(text, match.end())
            found += [Span(*scope.span("what"), _kind(scope), Action.KEEP)] if scope else []
        pair = (Action.KEEP, Action.REMOVE)
        for group, action in _DONE_TO_ALL.items():
            pair = (action, Action.KEEP) if match[group] else pair
        asked = [a for a, way in _TRAILING.items() if way.search(text, match.end(), inside.stop)]
        if any(match[group] for group in ("gone", "less", "more", "kept")):
            asked = []
        if asked:
            pair = (asked[0], Action.KEEP)
        kept = match["kept"] or _STAYS.search(text, match.end(), inside.stop)
        if not (pair[1] is Action.KEEP or kept) or not any(
            s.start in inside and (asked or s.action in pair) for s in found
        ):
            continue
        found = [replace(s, action=pair[1]) if s.start in inside else s for s in found]
        found = [s for s in found if s.stop <= match.start() or s.start >= match.end()]
        found.append(Span(*match.span("all"), "everything", pair[0]))
    return sorted(found, key=lambda s: s.start)


def excepted_of_kind(text: str, spans: Sequence[Span]) -> list[Span]:
    """ "Mute every animal bar the dog": the dog is kept, be "bar" taken for a part of the name."""
    found = list(spans)
    for match in _KIND_BUT.finditer(text):
        end = CLAUSE_END.search(text, match.end("but"))
        stop = end.start() if end else len(text)
        before = [s for s in found if s.start < match.start("but") and s.stop > match.start("kind")]
        if not before or broader(text[match.start("kind") : match.start("but")]) is None:
            continue
        asked = before[-1].action
        cut = replace(before[-1], stop=match.start("but"))
        found = [cut if s is before[-1] else s for s in found]
        found = [
            replace(s, action=Action.KEEP, sure=1.0)
            if match.end("but") <= s.start < stop and s.action is asked
            else s
            for s in found
        ]
        start, stop = match.span("one")
        if not any(s.start <= start < s.stop for s in found) and look_up(match["one"]).whole:
            found.append(Span(start, stop, "sound", Action.KEEP))
    return sorted(found, key=lambda s: s.start)


def _kind(scope: re.Match[str]) -> Kind:
    return "all_speech" if scope["speech"] else "all_sounds"


def _named(again: re.Match[str]) -> Action | None:
    lead, trail = again["lead"] or "", again["trail"] or ""
    if lead in ("keep", "leave"):
        return Action.KEEP
    for words in (trail, lead):
        for action, verbs in VERBS.items():
            if words and re.fullmatch(verbs, words):
                return action
    return {"up": Action.UP, "down": Action.DOWN, "out": Action.REMOVE}.get(trail)


def negated(text: str, spans: Sequence[Span]) -> tuple[list[Span], list[tuple[int, int]]]:
    """Things that shall not be changed are kept. Also the stretches of text that say so."""
    found, heeded = list(spans), []
    for match in _NEGATED.finditer(text):
        end = CLAUSE_END.search(text, match.end())
        stop = end.start() if end else len(text)
        heeded.append((match.start(), stop))
        undone = _undone(match["verb"], text[match.end() : stop])
        kept = Action.REMOVE if _LET_IN.match(text, match.start("verb"), stop) else Action.KEEP
        kept = Action.DOWN if _SO_LOUD.search(text, match.end(), stop) else kept
        again = _AGAIN.match(text[stop:].lstrip(" ,.;").removeprefix("but "))
        instead = _named(again) if again and re.search(r"\b(?:it|them|that)\b", again[0]) else None
        found = [
            replace(s, action=instead or kept)
            if match.end() <= s.start < stop and (undone is None or s.action is undone)
            else replace(s, action=undone)
            if undone is not None and s.start > stop and _JUST.fullmatch(text[stop : s.start])
            else s
            for s in found
        ]
    for match in (*_UNWANTED.finditer(text), *_NEITHER.finditer(text)):
        heeded.append(match.span())
        start, stop = match.span("these" if match["what"] is None else "what")
        found = [
            replace(s, action=Action.KEEP) if start <= s.start and s.stop <= stop else s
            for s in found
        ]
    for match in NOTHING_BUT.finditer(text):
        end = CLAUSE_END.search(text, match.end())
        inside = range(match.end(), end.start() if end else len(text))
        found = [replace(s, action=Action.REMOVE) if s.start in inside else s for s in found]
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


def doubts(
    text: str, lower: str, spans: Sequence[Span], heeded: Sequence[tuple[int, int]]
) -> list[str]:
    """Negations that no rule knows, before a thing of their clause that is to be changed."""
    found = []
    for match in _NEGATION.finditer(lower):
        near = lower[max(0, match.start() - 16) : match.end() + 20]
        known = any(start <= match.start() < stop for start, stop in heeded)
        if known or _HARMLESS.search(near):
            continue
        end = CLAUSE_END.search(lower, match.end())
        stop = end.start() if end else len(lower)
        if any(match.end() <= s.start < stop and s.action is not Action.KEEP for s in spans):
            found.append(text[match.start() : stop].strip(" ,"))
    return found

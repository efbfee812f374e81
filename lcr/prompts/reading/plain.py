"""Prompts of a few words that mean one thing ("louder", "turn it down", "karaoke version"), and
complaints, which ask for something without saying so ("why is the rain so loud?")."""

from __future__ import annotations

import re

from lcr.instruction import Action
from lcr.prompts.reading.keywords import kind_of, styles_of
from lcr.prompts.reading.masking import DROWNS
from lcr.prompts.reading.mend import INCESSANT
from lcr.prompts.reading.names import look_up
from lcr.prompts.reading.negation import CHANGE
from lcr.prompts.reading.things import Kind, Rest, Span, Tagging

_POLITE = (
    r"(?:(?:please|ok|okay|hey|now|can you|could you|just|well|and|but|um|uh|yo|omg|ugh|bruh|"
    r"tbh|ngl|lol|"
    r"wow|honestly)[, ]+)*"
)
_HOW = (
    r"(?:,? (?:a bit|a little|a lot|much|slightly|please|thanks|for me|"
    r"(?:by |to )?(?:about )?[\w.,+-]+ ?(?:db|decibels|%|percent)|to [\d.]+))*[\s.!?]*"
)
_IT = r"(?:it|this|that|everything|it all|the (?:volume|sound|audio|track|whole thing|recording))"
_VERSION = r"(?:(?:make|give|create|i want|i need)(?: (?:me|us|it|this))? )?(?:an? |the )?"
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
    (rf"(?:denoise|de-noise|clean up|tidy up)(?: {_IT})?|(?:clean|tidy) {_IT} up",
     "all_sounds", Action.DOWN, "stays"),
)  # fmt: skip
_PLAIN = tuple(
    (re.compile(rf"{_POLITE}(?P<said>{words}){_HOW}"), kind, action, rest)
    for words, kind, action, rest in _MEANT
)


def _named(group: str) -> str:
    return (
        r"(?:(?:all )?(?:the|that|this|those|these|my|your|his|her|our|a|an) )?"
        rf"(?P<{group}>[\w'-]+(?: [\w'-]+){{0,3}}?)"
    )


_IT_IS = _named("it")
_WANTED = _named("wanted")
_END = r"(?:,? (?:sigh|ugh|please|though|so much|here|again|lol))*[\s.!?…]*"
_HEAR = r"(?:hear|understand|make out|follow|catch)"
_NOBODY = (
    r"(?:(?:i|you|we|one|people) (?:can'?t|cannot|can (?:barely|hardly))|(?:no ?one|nobody) can)"
)
_UNNERVES = (
    rf"{INCESSANT}|(?:is|are) (?:\w+ )?(?:so|very|super|really|pretty|quite|rather) (?:loud|noisy)|"
    r"(?:drives?|driving|makes?|making|sends?|sending) (?:me|us|everyone) \w+|"
    r"(?:does|doing) my head in|gets? on (?:my|our) nerves|getting on (?:my|our) nerves|"
    r"(?:hurt|bother|annoy|distract|"
    r"bug|irritate)(?:s|ing)? (?:me|us|my ears|the listeners?|everyone)|"
    r"(?:is|are) (?:\w+ )?(?:annoying|distracting|irritating|unbearable|too much|horrible|awful|"
    r"dreadful|"
    r"a nuisance|a distraction|a pain)"
)
_COMPLAINTS: tuple[tuple[str, Action], ...] = (
    (rf"(?:why|how come) (?:is|are|must|does) {_IT_IS} (?:be )?(?:so|that|this) (?:\w+ )?"
     r"(?:loud|noisy|strong|prominent)", Action.DOWN),
    (rf"(?:i (?:just |really |do )?)?(?:hate|dislike|detest|despise|can'?t stand|can'?t bear) "
     rf"{_IT_IS}", Action.REMOVE),
    (rf"(?:i )?(?:love|like|adore) {_WANTED},? (?:but )?(?:i )?(?:just )?(?:hate|dislike|detest|"
     rf"can'?t stand|don'?t like) {_IT_IS}", Action.REMOVE),
    (rf"{_IT_IS} (?:(?:is|are|keeps?) )?(?:just |really )?(?:{_UNNERVES})", Action.DOWN),
    (rf"(?:i (?:wish|want|would like|'d like|need)|if only|help me) (?:to )?(?:(?:i|we|you|one) "
     rf"(?:could|can) )?(?:to )?(?:hear|understand|make out|catch|follow) {_WANTED} "
     rf"(?:over|through|above|despite|behind|under) {_IT_IS}", Action.DOWN),
    (rf"{_IT_IS} (?:is|are|keeps?) (?:fighting|competing|clashing|interfering|arguing) "
     rf"(?:with|against|for attention with) {_WANTED}", Action.DOWN),
    (rf"{_IT_IS} (?:keeps? )?(?:spoil|ruin|destroy|wreck|disturb)(?:s|ed|ing)? (?:it|(?:the|my|our|"
     r"this|that|a) \w+)", Action.REMOVE),
    (rf"{_IT_IS}\s*[:=]?\s*(?:at )?-\s?\d+(?:[.,]\d+)?(?: ?db| decibels?)?", Action.DOWN),
    (rf"{_IT_IS}\s*[:=]?\s*(?:at )?\+\s?\d+(?:[.,]\d+)?(?: ?db| decibels?)?", Action.UP),
    (rf"(?:it|everything|all)(?:'s| is| sounds)? (?:\w+ )?(?:fine|good|great|ok|okay|perfect),? "
     rf"(?:except|but|apart from|other than)(?: for)? {_IT_IS}", Action.DOWN),
    (rf"{_IT_IS} (?:no|off|gone)", Action.REMOVE),
    (rf"{_IT_IS} (?:yes|on|stays?)", Action.KEEP),
    (rf"{_IT_IS} makes? it (?:\w+ )?(?:hard|difficult|impossible|tough) (?:for \w+ )?to {_HEAR} "
     rf"{_WANTED}", Action.DOWN),
    (rf"(?:with|because of|due to) {_IT_IS},? {_NOBODY} {_HEAR} {_WANTED}", Action.DOWN),
    (rf"{_NOBODY} {_HEAR} {_WANTED} for {_IT_IS}", Action.DOWN),
    (rf"(?:all|the only thing) (?:i|you|we) (?:can )?hear is {_IT_IS}", Action.DOWN),
    (rf"(?:i|you|we) (?:can )?(?:only hear|hear only|hear nothing but) {_IT_IS}", Action.DOWN),
    (rf"{_IT_IS} {DROWNS} {_WANTED}(?: out)?", Action.DOWN),
    (rf"(?:(?:ugh|argh|grr+|oh no|oh god|sigh|damn|gosh|god|not|no)[,.! ]+)+{_IT_IS} again",
     Action.DOWN),
    (rf"{_WANTED} (?:can(?:'?t|not) compete|is losing|loses|gets lost) (?:with|against|to|behind|"
     rf"under|in) {_IT_IS}", Action.DOWN),
)  # fmt: skip
_PART = re.compile(r"[^,;\s](?:[^,;](?!and |but ))*[^,;\s]")
_ASKED_BY = tuple(
    (re.compile(rf"{_POLITE}(?:{words}){_END}"), action) for words, action in _COMPLAINTS
)


_OTHER_WORK = re.compile(
    rf"{_POLITE}(?:(?:export|upload|download|save|convert|transcribe|translate|rename|send|share|"
    r"trim|crop|reverse|loop|pan|speed up|slow down|blur|transpose|autotune|equali[sz]e|compress|"
    r"normali[sz]e|dub|subtitle|caption|summari[sz]e|tell me|who|where|when|what(?! about| if)|"
    r"how(?! about)|add (?:a|an|some|more) (?!volume|level|loudness))\b)"
)
_NO_LEVELS = re.compile(
    rf"{_POLITE}(?:(?:slow|speed)\b(?: \w+){{0,4}} (?:up|down)\b"
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


def is_other_work(text: str) -> bool:
    """Whether a prompt asks for what is no matter of levels, and for nothing else: "export it"."""
    lower = text.lower()
    if _NO_LEVELS.match(lower):
        return True
    return _OTHER_WORK.match(lower) is not None and _CHANGES.search(lower) is None


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
    if (whole := _complained_of(lower)) is not None:
        return whole
    parts = [_complained_of(m[0], m.start()) for m in _PART.finditer(lower)]
    if len(parts) > 1 and all(parts):  # "dog -6 dB, cat no"
        return Tagging(tuple(span for part in parts if part for span in part.spans))
    return None


def _complained_of(text: str, at: int = 0) -> Tagging | None:
    """What a complaint asks for, where what it complains of has a known name."""
    for pattern, action in _ASKED_BY:
        found = pattern.fullmatch(text)
        if found is None:
            continue
        spans = [_span(found, group, action, at) for group in found.groupdict() if found[group]]
        if all(spans):
            return Tagging(tuple(sorted(filter(None, spans), key=lambda span: span.start)))
    return None


def _span(found: re.Match[str], group: str, action: Action, at: int) -> Span | None:
    words, start, stop = found[group], at + found.start(group), at + found.end(group)
    kind = kind_of(words)
    if not (look_up(words).whole or kind in ("voice", "all_speech")):
        return None
    styles = styles_of(words) if kind == "voice" else {}
    return Span(start, stop, kind, action if group == "it" else Action.KEEP, styles)

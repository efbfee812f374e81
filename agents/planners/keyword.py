"""The floor under all planners: verbs and nouns looked up, no learning, no model.

A prompt falls into chunks at its commas, conjunctions and verbs. A verb sets the action of the
chunks after it; "louder" or "up" that of the chunk before. What a chunk names is the described
source whose words it shares most.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from baselines.composite.planning import Plan
from lcr.instruction import Action, AudioDescription, Description, SpeechDescription
from lcr.prompts import lexicon
from lcr.remixer import Oracle, OracleUse

_LEADING = {
    Action.REMOVE: "remov|delet|eliminat|eras|get rid of|getting rid of|silenc|mut(?:e|ing)|"
    "tak(?:e|ing) out|cut|drop|discard|exclud|filter|strip|kill|wip|edit|clear|throw|omit|los|"
    "turn off|do away with",
    Action.UP: "turn up|turning up|rais|increas|boost|amplif|crank|pump|bump|bring up|elevat|"
    "heighten|enhanc|lift|intensif|strengthen|magnif|doubl|augment|add",
    Action.DOWN: "turn down|turning down|lower(?!-)|reduc|decreas|ton(?:e|ing) down|dial|"
    "bring down|soften|dampen|quieten|quiet down|attenuat|diminish|lessen|halv|hush|minimi|weaken",
    Action.KEEP: "isolat|extract|separat|singl|pull out|pick out|keep|retain|preserv|split|divid|"
    "only|just|leave|let me hear|detach|identif",
}
_TRAILING = {
    Action.UP: "louder|up|more prominent|more audible|boosted|amplified|raised",
    Action.DOWN: "quieter|softer|down|less loud|less prominent|half as loud|reduced|lowered",
    Action.REMOVE: "out|removed|gone|muted|deleted|silenced|eliminated|disappear",
}
_ISOLATE = re.compile(
    r"isolat|extract|separat|singl|pull out|pick out|split|divid|only|just|detach"
)
_CUES = re.compile(
    "|".join(f"(?P<lead_{a.name}>\\b(?:{w})\\w*)" for a, w in _LEADING.items())
    + "|"
    + "|".join(f"(?P<trail_{a.name}>\\b(?:{w})\\b)" for a, w in _TRAILING.items())
)
_BORDER = re.compile(r",|;|\.\s|\?|!|\band\b|\bas well as\b|\bplus\b|\balong with\b")
_MALE = re.compile(r"\b(?:man|men|male|males|guy|guys|gentleman|gentlemen|masculine|boy|his)\b")
_FEMALE = re.compile(r"\b(?:woman|women|female|females|lady|ladies|feminine|girl|her)\b")
_PERSON = re.compile(
    r"\b(?:speakers?|voices?|talkers?|person|people|individuals?|presenters?|speech|vocals?)\b"
)
_ALL_SPEECH = re.compile(
    r"\b(?:both|all|two)\b.*\b(?:speak|voice|talk|people|men|women)|\bspeech\b"
)
_ALL_AUDIO = re.compile(r"\bbackground\b|\b(?:all|the) nois(?:e|es)$|\bnon-speech\b")
_ELSE = re.compile(r"\beverything else\b|\bthe rest\b|\bother sounds\b")
_EVERYTHING = re.compile(r"\beverything\b|\boverall\b|\bentire\b|\bwhole\b|\ball (?:the )?sounds\b")
_LEVELS = {
    "low": "low|lower|deep|slow|subdued|little|small|weak|soft|quiet|calm",
    "normal": "normal|regular|average|standard|typical|usual|moderate|medium|mid|ordinary|even",
    "high": "high|higher|fast|rapid|quick|brisk|lively|strong|intense|vigorous|lots of",
}
_MEASURES = {
    "pitch": "pitch(?:ed)?|ton(?:e|ed)|frequency|register|voiced?|vocal range",
    "tempo": "paced?|speed|tempo|rate|rhythm|speech",
    "energy": "energy|vigou?r|power|vitality|enthusiasm|spirits?|dynamism|liveliness|intensity",
}
_SAID = {
    (measure, level): re.compile(rf"\b(?:{words})(?:[- ]\w+)?[- ](?:{nouns})\b")
    for measure, nouns in _MEASURES.items()
    for level, words in _LEVELS.items()
}
_EMPTY = frozenset({"playing", "sound", "sounds", "noise", "the", "of", "a", "and", "on"})
_UNLIKE = -3.0


@dataclass(frozen=True)
class KeywordPlanner:
    """Gains for described sources by keywords."""

    uses_oracle: frozenset[OracleUse] = frozenset()

    def plan(
        self, prompt: str, described: Sequence[Description], *, oracle: Oracle | None = None
    ) -> Plan:
        """Raises ValueError when nothing is described: keywords find only what they know of."""
        if not described:
            raise ValueError("the keyword planner needs the sources' descriptions")
        text = " ".join(prompt.lower().split())
        actions = self._actions(text, described)
        return Plan(
            descriptions=tuple(described),
            gains=tuple(action.gain for action in actions),
            rest=0.0 if Action.REMOVE in actions else 1.0,
        )

    def _actions(self, text: str, described: Sequence[Description]) -> list[Action]:
        found: dict[int, Action] = {}
        others: Action | None = None
        for words, action in _chunks(text):
            if _ELSE.search(words):
                others = action
                continue
            for index in _named(words, described):
                found[index] = action
        if others is None:
            keeps = bool(found) and set(found.values()) == {Action.KEEP}
            isolates = bool(_ISOLATE.search(text)) and Action.KEEP in found.values()
            others = Action.REMOVE if keeps or isolates else Action.KEEP
        return [found.get(index, others) for index in range(len(described))]


def _chunks(text: str) -> list[tuple[str, Action]]:
    """The words between cues and borders, and the action that each piece stands under."""
    pieces: list[tuple[str, Action | None]] = []
    current: Action | None = None
    open_from = 0  # pieces from here on may still take a trailing cue
    at = 0
    for cue in [*_CUES.finditer(text), None]:
        between = text[at : cue.start() if cue else len(text)]
        pieces += [(piece, current) for piece in _BORDER.split(between) if piece.strip()]
        if cue is None:
            break
        at = cue.end()
        side, _, name = str(cue.lastgroup).partition("_")
        if side == "lead":
            current, open_from = Action[name], len(pieces)
        else:
            pieces[open_from:] = [(words, Action[name]) for words, _ in pieces[open_from:]]
            open_from = len(pieces)
    return [(words, action) for words, action in pieces if action is not None]


def _named(words: str, described: Sequence[Description]) -> list[int]:
    """Indices of the sources that a chunk names: the best match, or a whole group."""
    if _EVERYTHING.search(words):
        return list(range(len(described)))
    for group, kind in ((_ALL_SPEECH, "speech"), (_ALL_AUDIO, "audio")):
        if group.search(words):
            return [i for i, one in enumerate(described) if one.kind == kind]
    scores = [
        _audio_score(words, one) if isinstance(one, AudioDescription) else _voice_score(words, one)
        for one in described
    ]
    best = max(scores)
    return [i for i, score in enumerate(scores) if score == best] if best > 0 else []


def _voice_score(words: str, speaker: SpeechDescription) -> float:
    male, female = bool(_MALE.search(words)), bool(_FEMALE.search(words))
    score = 0.5 * bool(male or female or _PERSON.search(words))
    if male != female and speaker.gender is not None:
        score += 1.0 if (speaker.gender == "M") == male else _UNLIKE
    for (name, value), said in _SAID.items():
        if said.search(words):
            score += 1.0 if getattr(speaker, name) == value else _UNLIKE
    for (name, value), style in lexicon.STYLE_WORDS.items():
        if any(re.search(rf"\b{re.escape(word)}", words) for word in style.adjectives):
            score += 1.0 if getattr(speaker, name) == value else _UNLIKE
    return score


def _audio_score(words: str, sound: AudioDescription) -> float:
    label = {_stem(w) for w in re.findall(r"[a-z]+", sound.label.lower()) if w not in _EMPTY}
    shared = label & {_stem(word) for word in re.findall(r"[a-z]+", words)}
    return len(shared) / max(1, len(label))


def _stem(word: str) -> str:
    """As far as a floor needs it."""
    return re.sub(r"(?:ing|ed|es|s|e)$", "", word) if len(word) > 3 else word

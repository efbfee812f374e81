"""Words that name a sound, looked up in the lexicon: names, synonyms, kinds, and what is like them.

"the loud barking dogs outside" is the row "dog barking": articles, adjectives of loudness and
places go, plural and -ing forms count as the same, in any order; of words that are not there as a
whole the head noun is looked up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from lcr.lexicon import Lexicon, Sound, load_lexicon

_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")
_EMPTY_WORDS = (
    "the a an any all every each both some of this that these those my your his her our their "
    "its someone's somebody's other two three several few is are who which whose being that's "
    "there please really very so too just only bloody damn damned whole entire"
)
_HEARD_WORDS = "sound sounds noise noises audio track part parts bit recording clip"
_HOW_WORDS = (
    "loud louder loudest quiet quieter faint soft softer distant far away nearby close closer "
    "annoying horrible awful terrible nasty lovely nice beautiful pretty big little small tiny "
    "huge old constant continuous steady sudden occasional repeated repetitive endless "
    "incessant background foreground outside outdoors inside upstairs downstairs next door "
    "behind above below left right first second last entire obvious unwanted irritating harsh "
    "gentle deep shrill high low pitched sharp bright clear muffled noisy main lone single "
    "weird strange playing going coming happening heard somewhere again "
    "played play plays being made produced"
)
_EMPTY = frozenset(_EMPTY_WORDS.split())
_HEARD = frozenset(_HEARD_WORDS.split())
_HOW = frozenset(_HOW_WORDS.split())
_PLACES = re.compile(r"\b(?:from|in|on|at|behind|near|over|under|outside|during|throughout)\b.*")
_OF = re.compile(
    r"^(?:(?:the|a|any|all|some|that|this) )?(?:\w+ )?(?:sounds?|noises?|audio|volume|level|"
    r"loudness)"
    r"(?: level)? (?:of|from|made by|coming from) "
)


@dataclass(frozen=True)
class Found:
    """What some words name: a row of the lexicon, a broader kind, both or neither. `whole`: every
    word that says what it is was found, not only the head."""

    sound: Sound | None = None
    hypernym: str | None = None
    whole: bool = False


@lru_cache(maxsize=8192)
def look_up(words: str) -> Found:
    """Find `words`, without or with articles, in the lexicon that ships."""
    return _index().find(words)


@lru_cache(maxsize=8192)
def short_name(name: str) -> str:
    """The first words of a lexicon's name that mean it by themselves: "dog barking" is "dog"."""
    words = name.split()
    for count in range(1, len(words)):
        short = " ".join(words[:count])
        found = look_up(short)
        if found.whole and found.hypernym is None and found.sound and found.sound.name == name:
            return short
    return name


def is_called(sound: Sound, words: str) -> bool:
    """Whether `words` are the name of a row, or one of its synonyms, in any form."""
    return not _keys(sound.name).isdisjoint((_key(words), _plain_key(words)))


def broader(words: str) -> str | None:
    """The broader kind that `words` name, be it by its singular."""
    found = look_up(words)
    return found.hypernym or _index().kind_stems.get(_plain_key(_PLACES.sub("", words.lower())))


@lru_cache(maxsize=4096)
def _keys(name: str) -> frozenset[tuple[str, ...]]:
    lexicon = load_lexicon()
    casual = (word for _, word in lexicon.casual.get(name, ()))
    return frozenset(map(_key, (name, *lexicon.by_name[name].synonyms, *casual)))


def content_words(words: str) -> tuple[str, ...]:
    """The words of a name that say what it is (no articles and the like), in order, lower case."""
    text = _OF.sub("", " ".join(words.lower().replace("-", " ").split()))
    found = [w.removesuffix("'s") for w in _WORD.findall(text) if w not in _EMPTY]
    least = [w for w in found if w not in _HEARD]
    return tuple(least or found)


def stem(word: str) -> str:
    """As far as a look-up needs it: "barking", "barks" and "bark" are one."""
    word = word.removesuffix("'s")
    for ending in ("ings", "ing", "ies", "ers", "er", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= (2 if ending == "ies" else 3):
            if ending in ("s", "es") and word.endswith("ss"):
                continue
            word = word[: -len(ending)] + ("y" if ending == "ies" else "")
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word[:-1] if len(word) > 3 and word[-1] in "ey" else word


_CALL_WORDS = "call calling cry song chatter playing hiss music solo vocalization vocalisation"
_CALLS = frozenset(map(stem, _CALL_WORDS.split()))
"""What many things do or make: it is the thing that counts."""


class _Index:
    def __init__(self, lexicon: Lexicon) -> None:
        self.exact: dict[str, Sound] = {}
        self.kinds: dict[str, str] = dict(lexicon.kind_words)
        self.stems: dict[tuple[str, ...], tuple[str, Sound]] = {}
        self.kind_stems: dict[tuple[str, ...], str] = {}
        for kind in lexicon.by_hypernym:
            self.kinds.setdefault(kind, kind)
            if kind.endswith(" sounds"):
                self.kinds.setdefault(kind.removesuffix(" sounds"), kind)
        for words, sound in lexicon.by_word.items():
            self.exact.setdefault(" ".join(words.lower().replace("-", " ").split()), sound)
        for words, sound in lexicon.by_word.items():
            self.stems.setdefault(_key(words), (words, sound))
        self.heads: dict[str, tuple[str, Sound]] = {}
        for words, sound in sorted(lexicon.by_word.items(), key=lambda item: len(item[0])):
            if content := content_words(words):
                self.heads.setdefault(stem(content[-1]), (content[-1], sound))
        for words, kind in self.kinds.items():
            self.kind_stems.setdefault(_key(words), kind)

    def find(self, words: str) -> Found:
        text = " ".join(words.lower().replace("-", " ").split())
        content = content_words(text)
        if not content or all(word in _HEARD for word in content):
            return Found()
        plain = tuple(w for w in content if w not in _HOW)
        here = content_words(_PLACES.sub("", text))
        plain_here = tuple(w for w in here if w not in _HOW)
        forms = (text, _bare(text), *map(" ".join, (content, plain, here, plain_here)))
        for look in (self._exactly, self._alike):
            for form in dict.fromkeys(forms):
                if form and (found := look(form)):
                    return found
        rest = plain_here or plain or content
        owner = self.exact.get(content[0])
        if owner and (found := self._alike(" ".join((owner.name.split()[0], *content[1:])))):
            return found  # "pup's whine" is a dog's
        _, someones, own = text.rpartition("'s ")
        if someones and (found := self._exactly(own) or self._alike(own)):
            return found
        if len(rest) > 1 and stem(rest[-1]) in _CALLS:
            caller = " ".join(rest[:-1])
            if found := self._exactly(caller) or self._alike(caller):
                return Found(found.sound, found.hypernym, False)
        return self._part(rest)

    def _exactly(self, form: str) -> Found | None:
        sound, kind = self.exact.get(form), self.kinds.get(form)
        return Found(sound, kind, True) if sound or kind else None

    def _alike(self, form: str) -> Found | None:
        key = _key(form)
        words, sound = self.stems.get(key, ("", None))
        if sound is not None and _are_forms(form, words):
            return Found(sound, None, True)
        kind = self.kind_stems.get(key)
        return None if kind is None else Found(None, kind, True)

    def _part(self, content: tuple[str, ...]) -> Found:
        """The longest run of words that is there, at the head or as most of the words; else the
        shortest name with that head."""
        for size in range(len(content) - 1, 0, -1):
            for start in range(len(content) - size, -1, -1):
                at_head = start + size == len(content)
                if not at_head and 2 * size < len(content) + 1:
                    continue
                form = " ".join(content[start : start + size])
                if found := self._exactly(form) or self._alike(form):
                    return Found(found.sound, found.hypernym, False)
        # Of several words that are not there together, the last may be of anything.
        head, sound = self.heads.get(stem(content[0]), ("", None))
        fits = len(content) == 1 and sound is not None and _are_forms(content[0], head)
        return Found(sound if fits else None, None, False)


def _are_forms(one: str, other: str) -> bool:
    """Whether words that share their stems may be forms of one word: "barking" and "barks", but not
    "story" and "store", nor "lady" and "ladder", nor "show" and "shower"."""
    theirs = {stem(word): word for word in content_words(other)}
    for word in content_words(one):
        root = stem(word)
        ends = {word[len(root) :], theirs.get(root, word)[len(root) :]}
        if ends in ({"", "er"}, {"s", "er"}, {"", "ers"}):
            return False
        if any(end.startswith("y") for end in ends) and not all(
            end in ("", "s", "ies") or end.startswith("y") for end in ends
        ):
            return False
    return True


def _bare(text: str) -> str:
    return " ".join(w for w in _OF.sub("", text).split() if w not in ("the", "a", "an"))


def _key(words: str) -> tuple[str, ...]:
    return tuple(sorted({stem(w) for w in content_words(words)}))


def _plain_key(words: str) -> tuple[str, ...]:
    """Without "big", "distant" and the like."""
    plain = [w for w in content_words(words) if w not in _HOW]
    return tuple(sorted({stem(w) for w in plain})) or _key(words)


@lru_cache(maxsize=1)
def _index() -> _Index:
    return _Index(load_lexicon())

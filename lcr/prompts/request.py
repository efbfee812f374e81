"""Text at the front door: what people type or paste, made ready for a system that reads English."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

from lcr.errors import LcrError
from lcr.prompts.cues import GONE, LESS, MORE
from lcr.prompts.spelling import corrected
from lcr.word_lists import WordLists

MOST_LETTERS = 1_000_000
LONGEST_WORD = 100
"""Letters; what is longer is no prompt."""
_MOST_QUOTES = 8
MOST_WORDS = 60
"""What readers surely read to the end; of longer prompts the sentences that ask are read."""
_QUOTES = "\"'`“”„‟‘’‚«»‹›"
_PAIRS = str.maketrans(dict.fromkeys("‘’‚", "'") | dict.fromkeys("“”„«»", '"'))
_ASKS = re.compile(
    rf"\b(?:{LESS}|{MORE}|{GONE}|turn|isolat|extract|separat|keep|only|just|make|up\b|down\b|"
    r"undo|redo|back\b)\w*",
    re.IGNORECASE,
)
_LISTS = WordLists(Path(__file__).with_name("words.json"))
_FOREIGN_WORDS = {name: frozenset(words) for name, words in _LISTS.table("foreign").items()}
_ENGLISH = frozenset(_LISTS.words("english"))


class PromptError(LcrError):
    """A prompt that nothing can be read from; the message says what to write instead."""


def tidy(prompt: str) -> str:
    """`prompt` on one line, without the quotes around it and what cannot be seen.

    Raises PromptError for one without words, or of more than `MOST_LETTERS` letters.
    """
    if len(prompt) > MOST_LETTERS:
        raise PromptError(f"the prompt has {len(prompt):,} letters; say it in {MOST_WORDS} words")
    text = unicodedata.normalize("NFC", prompt).translate(_PAIRS)
    text = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    text = "".join(c for c in text if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    text = _unquoted(" ".join(text.split()))
    if not re.search(r"\w", text):
        raise PromptError('the prompt is empty; say what to do, such as "turn the siren down"')
    return text


def readable(prompt: str) -> str:
    """`tidy`, for readers that know English only, with misspelt words put right where it is clear
    which are meant (`lcr.prompts.spelling`); of more than `MOST_WORDS` words, as many of the
    sentences that ask for something as fit.

    Raises PromptError as well for a prompt that is too long and asks for nothing short, and for one
    in another language, as far as its letters and commonest words tell.
    """
    text = tidy(prompt)
    words = text.split()
    if (longest := max(map(len, words))) > LONGEST_WORD:
        raise PromptError(f"a word of the prompt has {longest:,} letters; write it in words")
    _check_language(text)
    return corrected(text if len(words) <= MOST_WORDS else _shortened(text))


def prepared(prompt: str, system: str) -> str:
    """`prompt` as the system of that name is given it at the front door: `readable`, but `tidy` for
    "agent-llm", whose language model reads more than English, and longer texts."""
    return (tidy if system == "agent-llm" else readable)(prompt)


def reading(prompt: str, read: str) -> str:
    """For a person, where words were changed or left out: 'read as "remove the dog"', else ""."""
    return "" if read == tidy(prompt) else f'read as "{read}"'


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text)


def asks(text: str) -> bool:
    """Whether the words of a prompt ask for a change."""
    return bool(_ASKS.search(text))


def _unquoted(text: str) -> str:
    for _ in range(_MOST_QUOTES):
        if len(text) < 2 or text[0] not in _QUOTES or text[-1] not in _QUOTES:
            break
        inside = text[1:-1].strip()
        if any(mark in inside for mark in (text[0], text[-1])):
            break  # several quotations
        text = inside
    return text


def _check_language(text: str) -> None:
    letters = [c for c in text if c.isalpha()]
    latin = sum(unicodedata.name(c, "").startswith("LATIN") for c in letters)
    if letters and 2 * latin < len(letters):
        raise PromptError("prompts are read in English only; this one is in another script")
    words = re.findall(r"[^\W\d_]+", text.lower())
    english = sum(word in _ENGLISH for word in words)
    found = {name: sum(w in known for w in words) for name, known in _FOREIGN_WORDS.items()}
    name = max(found, key=found.__getitem__)
    if found[name] >= 2 and found[name] > 2 * english:
        raise PromptError(f"prompts are read in English only; this one seems to be in {name}")


def _shortened(text: str) -> str:
    kept: list[str] = []
    words = 0
    for sentence in sentences(text):
        size = len(sentence.split())
        if asks(sentence) and words + size <= MOST_WORDS:
            kept.append(sentence)
            words += size
    if not kept:
        raise PromptError(
            f"the prompt has {len(text.split())} words and no short sentence that asks for "
            f"something; say it in at most {MOST_WORDS}"
        )
    return " ".join(kept)

"""Words for the class labels of non-speech sources: paraphrases in labels.json that
name one class only.

Every paraphrase is a noun phrase without its article. A trailing "+" says that "sound" or
"noise" may follow it ("the rain sound"). A word that fits several classes ("bell", "engine",
"beeping") never stands alone.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

_LISTS = json.loads(Path(__file__).with_name("labels.json").read_text(encoding="utf-8"))
PARAPHRASES = {label: tuple(names) for label, names in _LISTS.items()}
"""Label of `lcr.data.studio.classes.LABELS` -> paraphrases, none shared by two labels."""

_PLAYING = "playing "


def instrument_names(label: str) -> tuple[str, ...]:
    """Names of "playing X", also for instruments this file does not list."""
    name = label.removeprefix(_PLAYING)
    before = (name + end for end in ("", "+", " music", " playing", " being played", " part"))
    return (*before, f"playing of the {name}", f"{name} performance")


@lru_cache(maxsize=4096)
def names_of(label: str) -> tuple[str, ...]:
    """Every way to name the class after "the"; for an unlisted label, forms of the label itself."""
    listed = PARAPHRASES.get(label, ())
    if label.startswith(_PLAYING):
        names = instrument_names(label) + listed
    elif listed:
        names = (label, *listed)
    else:
        names = (label, f"{label}+", f"sound of {label}")
    wrapped: list[str] = []
    for name in names:
        bare = name.rstrip("+")
        wrapped.append(bare)
        if name.endswith("+"):
            wrapped += [f"{bare} sound", f"{bare} noise"]
    return tuple(dict.fromkeys(wrapped))


def takes_sound_of(name: str) -> bool:
    """Whether "the sound of the NAME" reads well."""
    return not re.search(r"sound|noise|music|part|perform|playing| of |tune|solo|^someone", name)

"""The key of a model's server: read from the environment, and hidden in every text that is kept."""

from __future__ import annotations

import os

KEY = "OPENAI_API_KEY"
_LEAST = 8
"""Characters; what is shorter ("none", "ollama") is no secret, and may be part of any word."""
_known: set[str] = set()


def read_key() -> str:
    """The key, or "" where there is none; from now on `hide` knows it."""
    key = os.environ.get(KEY, "").strip()
    if len(key) >= _LEAST:
        _known.add(key)
    return key


def hide(text: str) -> str:
    """`text` with the name of the variable in the place of every key that was read."""
    for key in _known:
        text = text.replace(key, f"${KEY}")
    return text

"""The lexicon of sound: names people use, and how what they name sounds."""

from lcr.lexicon.lexicon import Lexicon, Sound, load_lexicon

__all__ = ["Lexicon", "Sound", "load_lexicon"]

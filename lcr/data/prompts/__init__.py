"""Instructions to English: our own generator of text prompts."""

from lcr.data.prompts.phrases import Phrase, denoted
from lcr.data.prompts.writer import Prompt, implied_actions, write_prompt

__all__ = ["Phrase", "Prompt", "denoted", "implied_actions", "write_prompt"]

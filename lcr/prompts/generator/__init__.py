"""Instructions to English: our own generator of text prompts."""

from lcr.prompts.generator.phrases import Phrase, denoted
from lcr.prompts.generator.writer import Prompt, implied_actions, write_prompt

__all__ = ["Phrase", "Prompt", "denoted", "implied_actions", "write_prompt"]

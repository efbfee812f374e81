"""Prompts for the open reader to learn from: the whole lexicon, hundreds of frames, any wording."""

from lcr.prompts.open_generator.writer import TaggedPrompt, draw_prompt

__all__ = ["TaggedPrompt", "draw_prompt"]

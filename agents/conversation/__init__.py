"""Remixing by conversation: prompts that build on each other."""

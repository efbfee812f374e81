"""LLM-TSE: the speech of one speaker extracted by a prompt."""

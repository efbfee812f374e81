"""LCR as a system: one network that reads the prompt and remixes."""

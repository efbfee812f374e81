"""English in and out: reading a prompt, and writing prompts to learn from."""

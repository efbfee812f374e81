"""Prompts that the open reader and the generative planner learn from, wider than the suites'."""

"""What the offline planner learns from: prompts of its own generator, and a training stage."""

"""Which systems, models and readers there are, and what they cost."""

"""A language model as an agent: its client, its tools and its limits."""

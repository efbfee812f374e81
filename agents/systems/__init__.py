"""The remixing systems made of agents."""

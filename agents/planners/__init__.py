"""Planners: a prompt and described sources in, a gain for each source out."""

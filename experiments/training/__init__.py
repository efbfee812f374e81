"""Recipes into training stages and shipped checkpoints."""

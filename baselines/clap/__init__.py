"""Contrastive audio-text models (CLAPs): they say how well a sound fits a description."""

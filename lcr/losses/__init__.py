"""Losses on waveforms."""

"""Accuracy of single stages."""

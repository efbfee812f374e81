"""Scores of one remix, and statistics of many."""

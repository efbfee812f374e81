"""Samples in and out: files, streams and pipes."""

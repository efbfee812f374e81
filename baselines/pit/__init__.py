"""Separators trained with permutation-invariant loss."""

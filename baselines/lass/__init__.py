"""LASS: a sound extracted by a query in words."""

"""Suites, systems, records and tables of a comparison."""

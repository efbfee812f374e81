"""Subcommands of `lcr` that work with agents; see `lcr.cli`."""

"""The page that remixes in the browser itself, and the look that all pages share."""

from pathlib import Path

LOOK = Path(__file__).with_name("look.css")
"""Colours, type and the parts that look alike on every page."""

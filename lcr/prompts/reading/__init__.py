"""What a prompt asks for, read with an open vocabulary: named things, their gains, the rest."""

from lcr.prompts.reading.reader import OpenReader, read
from lcr.prompts.reading.things import NamedThing, Reading, Span, Tagging

__all__ = ["NamedThing", "OpenReader", "Reading", "Span", "Tagging", "read"]

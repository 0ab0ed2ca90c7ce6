"""The replay venue: recorded raw messages of real venues, played through the parsers that live sockets use."""

from .venue import ReplayVenue

__all__ = ["ReplayVenue"]

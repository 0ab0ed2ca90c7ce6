"""Kraken spot: parsers of the v1 feed (recordings) and of v2, and its live public feed."""

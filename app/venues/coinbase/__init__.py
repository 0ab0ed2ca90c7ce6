"""Coinbase: parsers of the Exchange feed (recordings) and of Advanced Trade, and its live public feed."""

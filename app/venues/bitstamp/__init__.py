"""Bitstamp: parser of the public feed and of REST, and its live public feed."""

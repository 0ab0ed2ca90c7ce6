"""Connections that look after themselves: supervised sockets, backoff, pacing.

Knows how to stay connected, never what the frames mean: no venue, no parser, no page. Time, timers and
randomness are handed in, so that every reconnect can be tested with a clock moved by hand.
"""

"""Orders from intent to fill, the portfolio they make, and the paper venue that fills them.

`engine` is the deterministic machine: its state comes from journalled events alone. `paper` executes orders over any
market data. Nothing here reads a clock, draws a random number, or touches network, storage or page by itself:
clock, scheduler and randomness are handed in. Money is Decimal and never rounded silently.
"""

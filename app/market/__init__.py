"""What is known of the market: quotes, books, trades, bars, and how far each can be trusted.

Pure state fed with app.model.market events. Reads no clock, does no I/O, invents nothing: what was lost is shown as lost.
"""

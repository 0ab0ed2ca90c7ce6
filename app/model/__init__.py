"""The vocabulary everybody shares: instruments, market data, orders, fills, events, money.

Owns plain immutable values and exact number conversion. Imports nothing else of Kontor,
reads no clock, draws no random number, touches neither the network nor the page.
"""

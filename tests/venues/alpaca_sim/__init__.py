"""Alpaca over real sockets: REST v2, trade_updates and the stream of stock data, on one loopback port.

Written from the venue's documentation and from what alpaca-py reads; alpaca-py trades on it (tests/venues/test_alpaca_sdk.py).
"""

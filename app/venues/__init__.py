"""Venues: where market data and executions come from.

Each venue is one package. Market data and execution are separate interfaces (base.py) with their own
connection state. Nothing here knows the page, the vault or the engine's state.
"""

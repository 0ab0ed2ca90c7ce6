"""Listings whose prices are asked for, one chain of sources behind them, as one venue."""

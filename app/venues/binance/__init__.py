"""Binance spot: parser, depth synchronisation and live public streams."""

"""Binance USD-M futures: parser and live public streams."""

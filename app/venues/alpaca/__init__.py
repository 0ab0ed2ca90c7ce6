"""Alpaca: US equities, market data and orders. Its key's secret is put into what is sent outside Python."""

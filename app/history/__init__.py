"""Stored history of bars: import with a preview, checks and offered repairs, a compressed columnar store, adjustment, export, backfill.

Plain Python without numpy: the same in CPython and in the desk worker. The format and every formula are in docs/history.md.
"""

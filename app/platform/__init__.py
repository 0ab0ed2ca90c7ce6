"""The seam between Kontor and the machine it runs on.

`interfaces` says what the desk may ask of a platform: time, randomness, timers, records, cryptography,
locks, sockets, HTTP and a message port. `browser` answers with Web APIs from Pyodide, `native` with CPython.
Everything above this package imports `app.platform.interfaces` and `app.platform.errors` only; which
implementation is used is decided once, by the entry point that builds it. Nothing here knows about trading.
"""

"""A Binance spot exchange for tests: public market data over real sockets, played from a recorded session.

`session` loads the recording, `market` keeps the books and trades that REST answers come from, `player` sets the
pace, `hub` serves the sockets, `rest` the HTTP side, `ledger` has accounts and matches orders, `private` serves them over the WebSocket API
and signed REST, `faults` breaks things on demand, `server` puts them together.
"""

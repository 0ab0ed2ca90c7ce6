"""The desk service: runs in the desk worker, joins market, engine, venues and vault, and speaks to the page.

The single writer of everything that is kept. Speaks the messages of docs/messages.md and nothing else;
what it needs from outside (clock, store, sockets, the line to the page) is handed in, so it runs in CPython too.
"""

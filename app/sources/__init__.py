"""Sources that are asked, one request at a time, instead of streaming: who is asked for what, when, and what is believed.

The chain, health, allowances and cache of polled sources. What a source's answers look like on the wire is known in its package under
app/venues only; nothing here sends anything.
"""

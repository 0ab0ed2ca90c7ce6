"""The debug terminal: what Kontor does on the network, step by step, and the commands that look closer."""

"""Entry points of the workers, each a page of code."""

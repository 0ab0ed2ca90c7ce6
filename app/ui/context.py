"""What every view is given. A view is ``class XView: def __init__(self, ctx)`` with its element in ``self.root``.

Views subscribe in their constructor, may have ``shown()`` and ``hidden()`` (called when their route or tab appears
and goes), and never import each other: they meet in the store.
"""

from __future__ import annotations


class Context:
    """The page's services, one of each."""

    __slots__ = ("errors", "keys", "link", "prefs", "router", "store", "toasts")

    def __init__(self, link, store, toasts, router, keys, prefs, errors) -> None:
        self.link = link
        self.store = store
        self.toasts = toasts
        self.router = router
        self.keys = keys
        self.prefs = prefs
        self.errors = errors

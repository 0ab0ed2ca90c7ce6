"""What the page is told of orders, fills and cash, and when.

An answer to a request goes first; what it changed follows in the next turn of the loop, as one burst: account, orders, fills, so
that cash is never behind the fill that changed it. Where orders and fills come one after the other, no more bursts go than the page has frames: each of
them works the account's figures out anew. An order that has only been sent waits a moment: mostly the venue's answer
is there by then, and the page draws one row once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from app.model.orders import Fill

from .rows import fill_row

PATIENCE_S = 0.02
FRAME_S = 0.016
AT_ONCE = 4
"""So many bursts may follow one another at once: an order alone is told step by step."""


class Telling:
    """``orders()`` are the engine's by id, ``row(order)`` is one for the page, ``routed(id)`` the row of a routed order or None, ``account()`` the
    account's figures or None; ``told()`` is called after each burst."""

    def __init__(
        self,
        send: Callable[[dict], None],
        orders: Callable[[], dict[str, Any]],
        row: Callable[[Any], dict],
        routed: Callable[[str], dict | None],
        account: Callable[[], dict | None],
        told: Callable[[], None],
    ) -> None:
        self._send, self._orders, self._row, self._routed, self._account, self._told = send, orders, row, routed, account, told
        self._touched: dict[str, None] = {}
        self._fills: list[Fill] = []
        self._waiting: asyncio.Handle | None = None
        self._soon = False
        self._next_s = 0.0
        """Before this no burst may go, by the loop's clock."""

    def note(self, order_ids: Iterable[str], fills: list[Fill], *, patient: bool) -> None:
        """These orders changed and these fills came; ``patient`` when nothing but the sending of orders happened."""
        self._touched.update(dict.fromkeys(order_ids))
        self._fills += fills
        loop = asyncio.get_running_loop()
        if patient:
            if self._waiting is None:
                self._waiting = loop.call_later(PATIENCE_S, self._tell)
        elif not self._soon:
            self._drop_timer()
            self._soon = True
            wait_s = self._next_s - loop.time()
            self._waiting = loop.call_later(wait_s, self._tell) if wait_s > 0 else loop.call_soon(self._tell)

    def forget(self) -> None:
        """Everything is about to be told anew."""
        self._drop_timer()
        self._touched.clear()
        self._fills = []

    def _drop_timer(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting, self._soon = None, False

    def _tell(self) -> None:
        self._waiting, self._soon = None, False
        self._next_s = max(self._next_s, asyncio.get_running_loop().time() - AT_ONCE * FRAME_S) + FRAME_S
        touched, self._touched = self._touched, {}
        fills, self._fills = self._fills, []
        orders = self._orders()
        rows = [self._row(orders[key]) for key in touched if key in orders]
        routed = [row for key in touched if key not in orders and (row := self._routed(key)) is not None]
        if fills and (account := self._account()) is not None:
            self._send({"t": "account", **account})
        if rows:
            self._send({"t": "orders", "reset": False, "rows": rows})
        if routed:
            self._send({"t": "routed", "reset": False, "rows": routed})
        if fills:
            self._send({"t": "fills", "reset": False, "rows": [fill_row(fill) for fill in fills]})
        self._told()

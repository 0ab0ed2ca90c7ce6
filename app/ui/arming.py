"""Arming of what sends real orders with one gesture: amber while it lasts, and it ends by itself.

It ends after a minute without use, out of sight, on another view, with Escape, with another account, and when the desk takes no orders.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from js import document

from .dom import listen

_ARMED_S = 60.0


class Arming:
    """``changed(why)`` is called when it was armed ("") or disarmed (in words)."""

    def __init__(self, ctx: Any, changed: Callable[[str], None]) -> None:
        self._store, self._changed = ctx.store, changed
        self.armed = False
        self._timer: Any = None
        self._stops = [
            ctx.store.subscribe("order_state", lambda message: message["accepting"] or self.disarm("Orders are not taken now.")),
            ctx.store.subscribe("switched", lambda _account: self.disarm("Another account is shown.")),
            ctx.store.subscribe("route", lambda _route: self.disarm("Another view was opened.")),
            listen(document, "visibilitychange", lambda _event: document.hidden and self.disarm("The page was out of sight.")),
            ctx.keys.on_escape(lambda: self.disarm("Disarmed with Escape."), "arming"),
        ]

    def arm(self) -> str:
        """Arm; what stands against it, or ""."""
        state = self._store.order_state
        if state is None or not state["accepting"]:
            return f"Not armed: {state['reason'] if state else 'the desk is starting'}."
        self.armed = True
        self.wind()
        self._changed("")
        return ""

    def wind(self) -> None:
        """It was used: the minute begins anew."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(_ARMED_S, lambda: self.disarm("Disarmed after a minute without use."))

    def disarm(self, why: str) -> bool:
        """End it; True when it was armed."""
        if not self.armed:
            return False
        self.armed = False
        self._timer.cancel()
        self._changed(why)
        return True

    def close(self) -> None:
        """For good."""
        self.disarm("Closed.")
        for stop in self._stops:
            stop()

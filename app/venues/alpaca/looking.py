"""Looking at an account again while a connection lasts: after executions, and now and then in case a report was lost."""

from __future__ import annotations

from typing import Any

from app.model.orders import OrderStatus
from app.platform.interfaces import Cancellable, Scheduler

from ..execution import Ledger, Rank
from ..wire import ERRORS
from .setup import Setup, SetupFailed

AFTER_S, EVERY_S = 0.3, 20.0
"""After an execution it is asked once it has been quiet for so long; else so often."""


class Looking:
    """``owner`` is the venue: it takes what was found, and asks about orders that work no more."""

    def __init__(self, setup: Setup, ledger: Ledger, scheduler: Scheduler, owner: Any) -> None:
        self._setup, self._ledger, self._scheduler, self._owner = setup, ledger, scheduler, owner
        self._timer: Cancellable | None = None
        self._under_way = False

    def soon(self, seconds: float = AFTER_S) -> None:
        """Look in so many seconds, and no sooner."""
        self.stop()
        self._timer = self._scheduler.call_later(seconds, self._look)

    def stop(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = None
        if not self._owner.is_ready:
            return
        self.soon(AFTER_S if self._under_way else EVERY_S)
        if not self._under_way:
            self._under_way = True
            self._scheduler.create_task(self._around(self._owner.connection))

    async def _around(self, connection: int) -> None:
        owner = self._owner
        before = {order.client_order_id for order in self._ledger.working() if order.accepted_ns is not None}
        try:
            picture = await self._setup.picture(Rank.QUERY)
        except (SetupFailed, *ERRORS):
            self.soon(EVERY_S / 4)
            return
        finally:
            self._under_way = False
        if not owner.is_on(connection) or not owner.is_ready:
            return
        open_now = owner.take(picture)
        if owner.held.stale:  # an execution was reported meanwhile
            self.soon()
        for cid in before - open_now:  # it has ended, and nothing was heard of that
            if (order := self._ledger.order(cid)) is not None and order.is_working and order.status is not OrderStatus.HELD:
                owner.query(cid)
        owner.step()

"""How the desk takes its market data: as objects while little comes, in columns once much does.

Columns need numpy, which takes the worker's thread for the good part of a second, once. So it is loaded where it pays: when so much has come for some
seconds that objects would cost more than that. It is unpacked and compiled in pieces, none while an order is being written; what is left is one turn
of about 75 ms that imports it, for which the desk waits until no order has been written for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

FAST = 2000
"""Ticks a second that are fast."""
FOR_S = 3
"""Fast for so many seconds in a row, and columns are used from then on."""
REST_S = 0.02
"""Between two pieces, and before looking again while an order is being written."""
QUIET_S = 2.0
"""No order for so long: the trader does not press one after the other just now."""
LOOKS = 1000
"""So often it looks for such a while; then any moment will do in which no order is being written."""


class Pace:
    """``load`` makes a package importable with rests in between, None where it is; ``quiet_s()`` says for how long no order was being written, 0 while
    one is; ``failed`` is told what went wrong."""

    def __init__(
        self,
        venue: Any,
        load: Callable[[str, Callable[[], Awaitable[object]]], Awaitable[None]] | None,
        scheduler: Any,
        quiet_s: Callable[[], float],
        failed: Callable[[Exception], object],
    ) -> None:
        self._venue, self._begun = venue, False
        self._load, self._scheduler, self._quiet_s, self._failed = load, scheduler, quiet_s, failed
        self._seconds = 0
        self._loading: asyncio.Future | None = None

    def second(self, ticks: float) -> None:
        """Once a second: so many ticks came in it."""
        self._seconds = self._seconds + 1 if ticks >= FAST else 0
        if self._seconds >= FOR_S and not self._begun and getattr(self._venue, "reads_columns", False):
            self._begun = True
            self._scheduler.create_task(self._begin())

    async def numpy(self) -> None:
        """numpy, loaded once for whoever asks first. Raises what went wrong; who asks again then has it tried again."""
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load_numpy())
        loading = self._loading
        try:
            await asyncio.shield(loading)
        except Exception:
            self._loading = None if self._loading is loading else self._loading
            raise

    async def _begin(self) -> None:
        try:
            await self.numpy()
        except Exception as error:  # a package that cannot be fetched: objects do as well, only slower
            self._failed(error)
            return
        self._venue.use_columns()

    async def _load_numpy(self) -> None:
        if self._load is not None:
            await self._load("numpy", self._rest)
        looks = 0
        while self._quiet_s() < QUIET_S and looks < LOOKS:
            await asyncio.sleep(REST_S)
            looks += 1
        while not self._quiet_s():
            await asyncio.sleep(REST_S)
        from app.market import quotes  # noqa: F401  (now, and not with the first of them)

    async def _rest(self) -> None:
        await asyncio.sleep(REST_S)
        while not self._quiet_s():
            await asyncio.sleep(REST_S)

"""How the desk takes its market data: as objects while little comes, in columns once much does.

Columns need numpy, whose loading takes the worker's thread for a good part of a second, once. So it is loaded where it pays: when so much has come
for some seconds that objects would cost more than that, and while no order is being written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

FAST = 2000
"""Ticks a second that are fast."""
FOR_S = 3
"""Fast for so many seconds in a row, and columns are used from then on."""
AGAIN_S = 0.05
"""While an order is being written, so long is waited before looking again."""


class Pace:
    """``load`` makes packages importable, None where they are; ``busy`` says that an order is being written; ``failed`` is told what went wrong."""

    def __init__(
        self, venue: Any, load: Callable[[list[str]], Awaitable[None]] | None, scheduler: Any, busy: Callable[[], bool], failed: Callable[[Exception], object]
    ) -> None:
        self._venue, self._begun = venue, False
        self._load, self._scheduler, self._busy, self._failed = load, scheduler, busy, failed
        self._seconds = 0

    def second(self, ticks: float) -> None:
        """Once a second: so many ticks came in it."""
        self._seconds = self._seconds + 1 if ticks >= FAST else 0
        if self._seconds >= FOR_S and not self._begun and getattr(self._venue, "reads_columns", False):
            self._begun = True
            self._scheduler.create_task(self._begin())

    async def _begin(self) -> None:
        try:
            if self._load is not None:
                await self._load(["numpy"])
            while self._busy():
                await asyncio.sleep(AGAIN_S)
            from app.market import quotes  # noqa: F401  (now, and not with the first of them)
        except Exception as error:  # a package that cannot be fetched: objects do as well, only slower
            self._failed(error)
            return
        self._venue.use_columns()

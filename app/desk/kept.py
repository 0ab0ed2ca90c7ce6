"""What is kept of one account: its journal, in this tab's memory or in the vault, and the snapshots of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .compacting import Snapshots
from .recorder import MemoryRecorder, Recorder, last_number


class Kept:
    """``trade`` is opened with the journal and closed again; ``found(damage)`` hears what a later check of it finds wrong."""

    def __init__(self, around: Any, trade: Any, journal: str, found: Callable[[list], None]) -> None:
        self.trade, self.journal = trade, journal
        self.snapshots = Snapshots(around, trade, journal, found)
        self.memory: MemoryRecorder | None = None
        """Where the journal is while there is no vault."""
        self._around = around

    async def use_memory(self, records: list[tuple[str, bytes]]) -> None:
        """Trade on after these records, which stay in this tab."""
        self.memory = MemoryRecorder()
        self.memory.records = list(records)
        last = int(records[-1][0]) if records else 0
        await self.trade.open([record for _, record in records], self.memory, last)

    async def open(self, vault: Any, recorder: Recorder) -> tuple[list, int]:
        """Trade on after what the vault holds of the journal. Gives what was damaged, and how many records have an unknown form."""
        start = self._around.clock.monotonic_ns()
        base, place = await self.snapshots.load(vault, self._around.clock, self.trade.view)
        found = await vault.scan(self.journal, after=place)
        if base is not None and found.damaged:
            base, found = None, await vault.scan(self.journal)
        read_ms = (self._around.clock.monotonic_ns() - start) / 1e6
        records = [record.data for record in found.records]
        last = await last_number(vault, found.last_id, self.journal)
        self.memory = None
        unreadable = await self.trade.open(records, recorder, last, not vault.read_only, base)
        self.snapshots.opened(vault, self.trade.engine, base is not None, len(records), len(found.damaged), read_ms)
        return found.damaged, unreadable

    async def close(self) -> None:
        """Stop trading; what is queued is written first."""
        self.snapshots.close()
        await self.trade.close()

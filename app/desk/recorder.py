"""Where journal records go: memory while there is no vault, the vault once it is open.

An append returns only when the record is as durable as it is going to be. A record holds one batch of events; its id is
the zero-padded number of the first, so the order of ids is the order of events.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, Protocol

from app.vault import VaultError

JOURNAL = "journal"
JOURNALS = {"paper": JOURNAL, "binance": "journal-binance"}
"""The log of each account: what was traded on paper and what was traded for money are never one history."""
RESTORED = "restored"
LEAP = 1_000_000
"""Numbers left free after a journal that was taken from an export: what was journalled after the export was made may have used
them, and an order's id follows from its number."""


def record_id(first: int) -> str:
    """The id of the journal record whose first entry has this number (from 1)."""
    return f"{first:012d}"


async def last_number(vault: Any, last_id: str, journal: str = JOURNAL) -> int:
    """The highest number that is used up: of the last record, or beyond what may have followed an export that was restored."""
    last = int(last_id or 0)
    try:
        note = await vault.get(RESTORED, journal)
        return last if note is None else max(last, int(json.loads(note)["last"]) + LEAP)
    except (VaultError, ValueError, KeyError, TypeError):
        return last + LEAP  # it was restored, from where cannot be read


class Recorder(Protocol):
    """Keeps journal records in order."""

    async def append(self, first: int, record: bytes) -> None:
        """Keep the record after all earlier ones; raises without keeping it."""

    async def read(self, first: int, limit: int) -> list[tuple[int, bytes]]:
        """At most ``limit`` records that begin with this number or a later one, each with the number it begins with."""


class MemoryRecorder:
    """Keeps records for as long as the tab lives; a vault made later takes them over."""

    def __init__(self) -> None:
        self.records: list[tuple[str, bytes]] = []

    async def append(self, first: int, record: bytes) -> None:
        """Keep the record in this tab."""
        self.records.append((record_id(first), record))

    async def read(self, first: int, limit: int) -> list[tuple[int, bytes]]:
        """Some of the records."""
        start = bisect_left(self.records, (record_id(first), b""))
        return [(int(name), record) for name, record in self.records[start : start + limit]]

    async def read_all(self) -> list[bytes]:
        """All records, oldest first."""
        return [record for _, record in self.records]


class VaultRecorder:
    """Writes records into a journal of the open vault, strictly durable. ``measure`` gets the ms each write took."""

    def __init__(self, vault: Any, clock: Any, measure: Callable[[float], None], journal: str = JOURNAL) -> None:
        self._vault, self._clock, self._measure, self._journal = vault, clock, measure, journal

    async def append(self, first: int, record: bytes) -> None:
        """Keep the record on disk."""
        start = self._clock.monotonic_ns()
        await self._vault.append(self._journal, [(record_id(first), record)], strict=True)
        self._measure((self._clock.monotonic_ns() - start) / 1e6)

    async def read(self, first: int, limit: int) -> list[tuple[int, bytes]]:
        """Some of the readable records."""
        return [(int(record.id), record.data) for record in await self._vault.read(self._journal, record_id(first), limit)]

    async def read_all(self) -> list[bytes]:
        """All readable records, oldest first."""
        return [record.data for record in (await self._vault.scan(self._journal)).records]

"""Where journal records go: memory while there is no vault, the vault once it is open.

An append returns only when the record is as durable as it is going to be. A record holds one batch of events; its id is
the zero-padded number of the first, so the order of ids is the order of events.
"""

from __future__ import annotations

import asyncio
import json
from bisect import bisect_left
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from app.vault import VaultConflict, VaultError

from .errors import Refusal

JOURNAL = "journal"
JOURNALS = {"paper": JOURNAL, "binance": "journal-binance", "alpaca": "journal-alpaca"}
"""The log of each account: what was traded on paper and what was traded for money are never one history."""
RESTORED = "restored"
LEAP = 1_000_000
"""Numbers left free after a journal that was taken from an export: what was journalled after the export was made may have used
them, and an order's id follows from its number."""
LEASE_NS = 3_000_000_000
"""So long a durable write proves that this tab has the lead. Whoever slept longer between writing and sending proves it anew."""

CLAIMS, CLAIM_AGAIN_S = 25, 0.2
"""So often, so far apart, the lead is proved anew when that fails. The record is durable by then: it cannot be refused any more."""


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


class Session(NamedTuple):
    """A session in memory, as one tab hands it to another: the records of each journal with their ids, and the paper settings."""

    logs: dict[str, list[tuple[str, bytes]]]
    settings: bytes

    def to_text(self) -> str:
        """As JSON text."""
        logs = {journal: [[name, record.decode()] for name, record in records] for journal, records in self.logs.items()}
        return json.dumps({"logs": logs, "settings": self.settings.decode()})

    @classmethod
    def from_text(cls, text: str) -> Session | None:
        """From what `to_text` gave; None without any."""
        if not text:
            return None
        given = json.loads(text)
        found = given["logs"] if "logs" in given else {JOURNAL: given["records"]}  # of a tab that has not been updated yet
        logs = {journal: [(name, record.encode()) for name, record in records] for journal, records in found.items()}
        return cls(logs, given["settings"].encode())


class VaultRecorder:
    """Writes records into a journal of the open vault, strictly durable. ``measure`` gets the ms each write took; ``lost`` is called when
    another tab has written in between and so has the lead."""

    def __init__(
        self,
        vault: Any,
        clock: Any,
        measure: Callable[[float], None],
        journal: str = JOURNAL,
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self._vault, self._clock, self._measure, self._journal, self._lost = vault, clock, measure, journal, lost

    async def append(self, first: int, record: bytes) -> None:
        """Keep the record on disk. What follows from it may be done on return: this tab had the lead a moment ago."""
        began = self._now()
        try:
            await self._vault.append(self._journal, [(record_id(first), record)], strict=True)
            self._measure((self._clock.monotonic_ns() - began[1]) / 1e6)
            while self._since(began) > LEASE_NS:  # frozen meanwhile, or a very slow disk
                began = await self._claim()
        except VaultConflict as error:
            self._lost()
            raise Refusal("lost_lead", "another tab has taken the lead: this one sends nothing any more", "go on in the other tab") from error

    async def _claim(self) -> tuple[int, int]:
        """Prove the lead again; when that was begun. Whoever cannot prove it for long has lost it."""
        failed: VaultError | None = None
        for _ in range(CLAIMS):
            began = self._now()
            try:
                await self._vault.claim()
                return began
            except VaultConflict:
                raise
            except VaultError as error:
                failed = error
            await asyncio.sleep(CLAIM_AGAIN_S)
        raise VaultConflict(f"the lead cannot be proved: {failed}")

    def _now(self) -> tuple[int, int]:
        return self._clock.now_ns(), self._clock.monotonic_ns()

    def _since(self, then: tuple[int, int]) -> int:
        """By the clock that has gone further: the wall clock counts sleep, the other one cannot be set back."""
        return max(now - before for now, before in zip(self._now(), then, strict=True))

    async def read(self, first: int, limit: int) -> list[tuple[int, bytes]]:
        """Some of the readable records."""
        return [(int(record.id), record.data) for record in await self._vault.read(self._journal, record_id(first), limit)]

    async def read_all(self) -> list[bytes]:
        """All readable records, oldest first."""
        return [record.data for record in (await self._vault.scan(self._journal)).records]

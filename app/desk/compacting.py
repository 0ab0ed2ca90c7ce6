"""Snapshots of the journal in the vault: a start reads the latest one and what was journalled after it, not the whole journal.

Kept in a table beside the log (`snapshot` beside `journal`): parts of the history, each written once, and the state. The journal stays whole; a
snapshot that is missing, of another form, or not at a place of this very log is not used. The part of the log that a start did not read is
checked a little later.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from app.trading import snapshot
from app.trading.engine import Engine
from app.vault import Damage, LogPlace, VaultError

from .errors import Refusal

EVERY = 1_000
"""Events after which the next snapshot is due."""
CHECK_AFTER_S = 20.0


class Snapshots:
    """Of one journal. ``found(damage)`` hears what the check of the unread part of the log found wrong."""

    def __init__(self, around: Any, trade: Any, journal: str, found: Any) -> None:
        self._around, self._trade, self._journal, self._found = around, trade, journal, found
        self.cls = journal.replace("journal", "snapshot", 1)
        self.verified: dict | None = None
        """The last check of records and chain: ``at_ns``, ``records``, ``damaged``, ``ms``."""
        self._forget()

    def _forget(self) -> None:
        self._vault: Any = None
        self._engine: Engine | None = None
        self._seq = self._opened_ns = 0
        self._parts: dict[str, list[str]] = {kind: [] for kind in snapshot.KINDS}
        self._sealed: set[str] = set()
        self._changed: dict[str, None] = {}
        self._busy = self._kept = False
        self.restored = False
        """Whether this start came from a snapshot."""
        self.replayed = 0
        """Records read after it."""

    async def load(self, vault: Any, clock: Any, view: Any) -> tuple[Engine | None, LogPlace | None]:
        """The engine of the latest snapshot and where it stands in the log; (None, None) when the whole journal is to be read."""
        self.close()
        if vault.read_only or vault.log_place(self._journal) is None:
            return None, None
        try:
            kept = await vault.get(self.cls, "state", fresh=True)
            if kept is None:
                return None, None
            found = snapshot.read(kept)
            records = {record.id: record.data for record in (await vault.scan(self.cls)).records}
            parts = {kind: [records[f"{kind}/{number:06d}"] for number in range(len(found["parts"][kind]))] for kind in snapshot.KINDS}
            engine = snapshot.restore(found, parts, clock, view)
            position, chain, last = found["place"]
            self._parts = {kind: list(found["parts"][kind]) for kind in snapshot.KINDS}
            self._sealed = {
                cid
                for kind, held in (("orders", engine.orders), ("routed", engine.routed.by_id))
                for cid in islice(held, len(self._parts[kind]) * snapshot.size(kind))
            }
            self._changed = dict.fromkeys(cid for cid, _line in found["changed"])
            self._seq, self._kept = engine.last_seq, True
            return engine, LogPlace(position, bytes.fromhex(chain), last)
        except (VaultError, ValueError, KeyError, TypeError):  # it is a shortcut: without it the start takes longer
            self._forget()
            return None, None

    def opened(self, vault: Any, engine: Engine, restored: bool, records: int, damaged: int, ms: float) -> None:
        """The account is open; ``records`` of the log were read and verified for it."""
        if not restored:
            self._forget()
            self.verified = {"at_ns": self._around.clock.now_ns(), "records": records, "damaged": damaged, "ms": round(ms, 1)}
        self._vault, self._engine, self.restored, self.replayed = vault, engine, restored, records
        self._opened_ns = self._around.clock.monotonic_ns()

    def records(self) -> int:
        """How many records the log has."""
        place = self._vault.log_place(self._journal) if self._vault is not None else None
        return place.count if place is not None else 0

    def view(self) -> dict | None:
        """The last snapshot: up to which number, how many events came after; None while there is none."""
        if not self._kept or self._engine is None:
            return None
        return {"seq": self._seq, "behind": self._engine.last_seq - self._seq, "restored": self.restored, "replayed": self.replayed}

    def close(self) -> None:
        """The vault is being locked."""
        self._forget()
        self.verified = None

    def second(self) -> None:
        """Once a second: take the next snapshot where one is due; check what the start did not read."""
        engine = self._engine
        if engine is None or self._busy or engine is not self._trade.engine or self._vault.read_only:
            return
        if engine.last_seq - self._seq >= EVERY:
            self._start(self._take(engine))
        elif self.verified is None and self._around.clock.monotonic_ns() - self._opened_ns > CHECK_AFTER_S * 1e9:
            self._start(self.check())

    def _start(self, work: Any) -> None:
        self._busy = True
        self._around.scheduler.create_task(self._finish(work, self._engine))

    async def _finish(self, work: Any, engine: Any) -> None:
        try:
            await work
        except (VaultError, Refusal):
            if self._engine is engine and engine is not None:
                self._seq = engine.last_seq  # locked, or no room: not before as many events again
        finally:
            if self._engine is engine:
                self._busy = False

    async def check(self) -> dict:
        """Open every record of the log and follow its chain from the beginning. Raises VaultError."""
        vault, clock = self._vault, self._around.clock
        if vault is None:
            raise Refusal("not_unlocked", "the journal is not in an open vault: there is nothing to check", "make a vault or unlock it")
        start = clock.monotonic_ns()
        records, damaged = await vault.check_log(self._journal)
        if vault is self._vault:
            self.verified = {
                "at_ns": clock.now_ns(),
                "records": records,
                "damaged": sum(item.count for item in damaged),
                "ms": round((clock.monotonic_ns() - start) / 1e6, 1),
            }
            self._found(damaged)
        return self.verified or {}

    async def _take(self, engine: Engine) -> None:
        vault = self._vault
        for kind in snapshot.KINDS:
            while (number := len(self._parts[kind])) < snapshot.complete(engine, kind):
                self._drain(engine)
                ids, part = snapshot.part(engine, kind, number)
                if kind != "fills":
                    self._sealed.update(ids)  # from here on, what changes about them is noted
                try:
                    await vault.put(self.cls, f"{kind}/{number:06d}", part, strict=False)
                except VaultError:
                    self._sealed.difference_update(ids)
                    raise
                if engine is not self._engine:
                    return
                self._parts[kind].append(snapshot.digest(part))
        taken: list[tuple[int, bytes]] = []

        async def take() -> None:
            place = vault.log_place(self._journal)
            if engine is self._engine and place is not None:
                self._drain(engine)
                data = snapshot.state(engine, self._parts, self._changed, [place.count, place.chain.hex(), place.last])
                taken.append((engine.last_seq, data))

        await self._trade.writer.exclusively(take)
        if taken and engine is self._engine:
            seq, data = taken[0]
            await vault.put(self.cls, "state", data)
            self._seq, self._kept = seq, True

    def _drain(self, engine: Engine) -> None:
        for cid in engine.touched & self._sealed:
            self._changed[cid] = None
        engine.touched.clear()


def damage_text(damaged: list[Damage]) -> str:
    """What a check found wrong in the part of the log that a snapshot stood for."""
    found = f"{len(damaged)} damaged records were found in the older part of the journal"
    return f"{found}; they are kept for export, positions and cash come from a snapshot and are whole"

"""A record store in this process's memory: tests, simulation, and a desk without a vault."""

from __future__ import annotations

from collections.abc import Sequence

from app.platform.errors import StoreClosed, StoreConflict, StoreFull
from app.platform.interfaces import Estimate, Guard, Write
from app.platform.records import RecordStore, check_class, check_id


class MemoryStore(RecordStore):
    """Records in a dict. `quota` bytes, if given, is enforced as a browser would."""

    def __init__(self, quota: int | None = None) -> None:
        self.records: dict[tuple[str, str], bytes] = {}
        self.meta: dict[str, str] = {}
        self.quota = quota
        self.commits = 0
        self._closed = False

    async def open(self) -> None:
        """Connect (again)."""
        self._closed = False

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none."""
        self._require_open()
        if guard is not None:
            stored = self.records.get((guard.cls, guard.id))
            if (stored is None) != (guard.prefix is None) or (
                stored is not None and guard.prefix is not None and not stored.startswith(guard.prefix)
            ):
                raise StoreConflict("Another writer changed the store since it was read.")
        draft = dict(self.records)
        for op, cls, record_id, value in writes:
            key = (check_class(cls), check_id(record_id))
            if op == "delete":
                draft.pop(key, None)
                continue
            if op == "add" and key in draft:
                raise StoreConflict(f"A record {cls}/{record_id} is already stored.")
            draft[key] = bytes(value)
        if self.quota is not None and self._size(draft) > self.quota:
            raise StoreFull(f"The store may hold {self.quota} bytes and this write needs more.")
        self.records = draft
        self.commits += 1

    async def get(self, cls: str, record_id: str) -> bytes | None:
        """One record or None."""
        self._require_open()
        return self.records.get((cls, record_id))

    async def scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Records of a class in id order, from `from_id` on."""
        self._require_open()
        found = sorted(
            (record_id, value)
            for (its_class, record_id), value in self.records.items()
            if its_class == cls and (from_id is None or record_id >= from_id)
        )
        return found[:limit]

    async def count(self, cls: str | None = None) -> int:
        """How many records a class, or the whole store, holds."""
        self._require_open()
        return sum(1 for its_class, _ in self.records if cls is None or its_class == cls)

    async def classes(self) -> list[str]:
        """The classes that have records, sorted."""
        self._require_open()
        return sorted({cls for cls, _ in self.records})

    async def clear(self) -> None:
        """Remove everything."""
        self._require_open()
        self.records = {}
        self.meta = {}

    async def meta_get(self, key: str) -> str | None:
        """A small text."""
        self._require_open()
        return self.meta.get(key)

    async def meta_put(self, key: str, value: str) -> None:
        """Keep a small text."""
        self._require_open()
        self.meta[key] = value

    async def estimate(self) -> Estimate:
        """Storage use and quota in bytes."""
        return Estimate(usage=self._size(self.records), quota=self.quota, persisted=False)

    async def persist(self) -> bool:
        """Memory cannot be made to last."""
        return False

    def close(self) -> None:
        """Later calls raise StoreClosed until `open`."""
        self._closed = True

    def _require_open(self) -> None:
        if self._closed:
            raise StoreClosed("The record store is closed.")

    @staticmethod
    def _size(records: dict[tuple[str, str], bytes]) -> int:
        return sum(len(cls) + len(record_id) + len(value) for (cls, record_id), value in records.items())

"""What both record stores share: the rules for names and the one-record conveniences over `commit`."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.platform.interfaces import Guard, Write

_CLASS = re.compile(r"[a-z0-9_-]{1,32}\Z")
_ID = re.compile(r"[ -~]{1,200}\Z")


def check_class(cls: str) -> str:
    """The class name if it is a valid one; ValueError otherwise."""
    if not _CLASS.match(cls):
        raise ValueError(f"record class must match [a-z0-9_-]{{1,32}}, was {cls!r}")
    return cls


def check_id(record_id: str) -> str:
    """The record id if it is printable ASCII of 1 to 200 characters; ValueError otherwise."""
    if not _ID.match(record_id):
        raise ValueError(f"record id must be 1 to 200 printable ASCII characters, was {record_id!r}")
    return record_id


class RecordStore:
    """The conveniences of `Store` in terms of `commit`; implementations inherit them."""

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none."""
        raise NotImplementedError

    async def append(self, cls: str, records: Sequence[tuple[str, bytes]], *, strict: bool = True) -> None:
        """Add new records in one transaction; StoreConflict if an id exists."""
        await self.commit([Write("add", cls, record_id, value) for record_id, value in records], strict=strict)

    async def put(self, cls: str, record_id: str, value: bytes, *, strict: bool = True) -> None:
        """Write one record, replacing an older one."""
        await self.commit([Write("put", cls, record_id, value)], strict=strict)

    async def delete(self, cls: str, record_id: str, *, strict: bool = True) -> None:
        """Remove one record if it is there."""
        await self.commit([Write("delete", cls, record_id)], strict=strict)

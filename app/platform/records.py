"""What the record stores share: the rules for names, the one-record conveniences over `commit`, and sealing and opening step by step."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from app.platform.errors import StoreClosed
from app.platform.interfaces import Batch, Crypto, Guard, Opener, SealedWrite, Sealing, SecondCopy, Store, Write

_T = TypeVar("_T")

_CLASS = re.compile(r"[a-z0-9_-]{1,32}\Z")
_ID = re.compile(r"[ -~]{1,200}\Z")
HEAD_BYTES = 30
_OPENED_AT_ONCE = 2_000


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


async def opening(store: Store, call: Callable[[], Awaitable[_T]]) -> _T:
    """What ``call()`` gives; a store that nobody has opened, or whose connection went away, is opened for it."""
    try:
        return await call()
    except StoreClosed:
        await store.open()
        return await call()


async def opened_batch(crypto: Crypto, opener: Opener, stored: Sequence[tuple[str, bytes]]) -> Batch:
    """Open what is stored under some ids."""
    ways = [opener.sealing(record_id, value) for record_id, value in stored]
    plains = iter(await crypto.open_many([way for way in ways if way is not None]))
    opened = [None if way is None else next(plains) for way in ways]
    heads = b"".join([value[:HEAD_BYTES].ljust(HEAD_BYTES, b"\0") for _, value in stored])
    values = [value if plain is None else plain for (_, value), plain in zip(stored, opened, strict=True)]
    closed = frozenset(index for index, plain in enumerate(opened) if plain is None)
    return Batch([record_id for record_id, _ in stored], heads, values, closed)


class RecordStore:
    """The conveniences of `Store` in terms of `commit`, `get` and `scan`; implementations inherit them."""

    async def commit(self, writes: Sequence[Write], *, strict: bool = True, guard: Guard | None = None) -> None:
        """Keep all writes or none."""
        raise NotImplementedError

    async def get(self, cls: str, record_id: str) -> bytes | None:
        """One record or None."""
        raise NotImplementedError

    async def scan(self, cls: str, from_id: str | None = None, limit: int | None = None) -> list[tuple[str, bytes]]:
        """Records of a class in id order, from `from_id` on."""
        raise NotImplementedError

    async def commit_sealed(
        self, crypto: Crypto, plain: Sequence[Write], sealed: Sequence[Write | SealedWrite], *, strict: bool, guard: Guard
    ) -> None:
        """Seal and keep: `plain` as they are, then `sealed` in their order, as one `commit`."""
        writes = list(plain)
        items = [Sealing(write.key, write.head[-12:], write.aad, write.data) for write in sealed if isinstance(write, SealedWrite)]
        values = iter(await crypto.seal_many(items))
        for write in sealed:
            if isinstance(write, Write):
                writes.append(write)
                continue
            value = write.head + next(values)
            writes += [Write(write.op, write.cls, record_id, value) for record_id in (write.id, write.copy) if record_id]
        await self.commit(writes, strict=strict, guard=guard)

    async def get_opened(self, crypto: Crypto, cls: str, record_id: str, opener: Opener) -> Batch | None:
        """One record, opened, or None."""
        stored = await self.get(cls, record_id)
        return None if stored is None else await opened_batch(crypto, opener, [(record_id, stored)])

    async def scan_opened(
        self, crypto: Crypto, cls: str, opener: Opener, from_id: str | None = None, limit: int | None = None
    ) -> AsyncIterator[Batch]:
        """What `scan` finds, opened, some at a time."""
        stored = await self.scan(cls, from_id, limit)
        for start in range(0, len(stored), _OPENED_AT_ONCE):
            if start:
                await asyncio.sleep(0)  # a long scan lets market data through
            yield await opened_batch(crypto, opener, stored[start : start + _OPENED_AT_ONCE])

    async def settled(self) -> bool:
        """Whether all that was committed is where it is read from."""
        return True

    def second_copy(self) -> SecondCopy | None:
        """A store that is one file has no copy."""
        return None

    async def mend(self, cls: str) -> int:
        """Nothing to mend from."""
        return 0

    async def append(self, cls: str, records: Sequence[tuple[str, bytes]], *, strict: bool = True) -> None:
        """Add new records in one transaction; StoreConflict if an id exists."""
        await self.commit([Write("add", cls, record_id, value) for record_id, value in records], strict=strict)

    async def put(self, cls: str, record_id: str, value: bytes, *, strict: bool = True) -> None:
        """Write one record, replacing an older one."""
        await self.commit([Write("put", cls, record_id, value)], strict=strict)

    async def delete(self, cls: str, record_id: str, *, strict: bool = True) -> None:
        """Remove one record if it is there."""
        await self.commit([Write("delete", cls, record_id)], strict=strict)

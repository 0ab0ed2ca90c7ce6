"""Stored records, opened: one, or those of a class. Reading and opening are one step of the store, which knows the quickest way."""

from __future__ import annotations

from typing import NamedTuple

from app.platform.interfaces import Batch, Crypto, Opener, Store
from app.vault.format import parse_heads
from app.vault.keys import KeyRing


class Opened(NamedTuple):
    """One stored record of `size` bytes: its plaintext, or if it does not verify what is `stored`. Form and version of one that does
    not mean nothing."""

    id: str
    form: int
    version: int
    size: int
    plain: bytes | None
    stored: bytes | None


def opened_of(batch: Batch) -> list[Opened]:
    """The records of a batch."""
    heads, closed = parse_heads(batch.heads), batch.closed
    if not closed:
        return [
            Opened(record_id, form, version, size, value, None)
            for record_id, (_, form, size, _, version, _), value in zip(batch.ids, heads, batch.values, strict=True)
        ]
    return [
        Opened(record_id, 0, 0, len(value), None, value) if index in closed else Opened(record_id, form, version, size, value, None)
        for index, (record_id, (_, form, size, _, version, _), value) in enumerate(zip(batch.ids, heads, batch.values, strict=True))
    ]


async def open_all(
    store: Store, crypto: Crypto, cls: str, opener: Opener, from_id: str | None = None, limit: int | None = None
) -> list[Opened]:
    """Records of a class in id order, opened; those that fail carry no plaintext. Raises StoreError."""
    opened: list[Opened] = []
    async for batch in store.scan_opened(crypto, cls, opener, from_id, limit):
        opened += opened_of(batch)
    return opened


async def open_one(store: Store, crypto: Crypto, ring: KeyRing, cls: str, record_id: str) -> Opened | None:
    """One record, opened, or None. Raises StoreError."""
    batch = await store.get_opened(crypto, cls, record_id, await ring.opener(cls))
    return None if batch is None else opened_of(batch)[0]

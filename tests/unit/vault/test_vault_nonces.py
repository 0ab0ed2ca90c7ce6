"""No nonce is ever used twice with a key: counted over a million seals, whatever made them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from app.platform.interfaces import Sealing
from app.platform.memory import MemoryStore
from app.vault import Proof, VaultError
from app.vault.format import TAG_BYTES
from tests.unit.vault.kit import Machine, created, secret

WRITES = 1_000_000


class CountingCrypto:
    """Remembers every (key, nonce) that it is asked to seal with. Sealing itself is left out: a million of them are checked here
    for their nonces only."""

    def __init__(self, real: object) -> None:
        self._real = real
        self.used: set[tuple[int, bytes]] = set()
        self.seals = 0
        self.quick = False
        self._keys: list[object] = []  # held, so that no two keys of this run have the same identity

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def record_key(self, *args: object) -> object:
        key = await self._real.record_key(*args)  # type: ignore[attr-defined]
        self._keys.append(key)
        return key

    async def seal_many(self, items: Sequence[Sealing]) -> list[bytes]:
        self.used.update((id(item.key), item.nonce) for item in items)
        self.seals += len(items)
        assert all(len(item.nonce) == 12 for item in items)
        if self.quick:
            return [item.data + bytes(TAG_BYTES) for item in items]
        return await self._real.seal_many(items)  # type: ignore[attr-defined, no-any-return]


class Forgetful(MemoryStore):
    """Keeps nothing of the log but counts it; refuses every hundredth commit for lack of room, so that writes are tried again."""

    forgets, tries = False, 0

    async def commit(self, writes, *, strict=True, guard=None) -> None:  # type: ignore[no-untyped-def]
        self.tries += 1
        if self.forgets and self.tries % 100 == 0:
            from app.platform.errors import StoreFull

            raise StoreFull("no room")
        kept = [write for write in writes if not self.forgets or write.cls != "journal"]
        await super().commit(kept, strict=strict, guard=guard)


def test_nonces_are_unique_over_a_million_writes() -> None:
    async def scenario() -> CountingCrypto:
        machine = Machine(Forgetful())
        crypto = machine.crypto = CountingCrypto(machine.crypto)  # type: ignore[assignment]
        vault = await created(machine)
        await vault.access.begin_rekey([Proof(secret())])
        await vault.access.rekey()
        machine.store.forgets = crypto.quick = True
        number = 4
        while crypto.seals < WRITES:
            batch = [(f"{number + index:012d}", b"") for index in range(1, 4_001)]
            try:
                await vault.append("journal", batch)
            except VaultError:
                continue  # the same records again: with nonces of their own
            number += len(batch)
        return crypto

    crypto = asyncio.run(scenario())
    assert crypto.seals >= WRITES and len(crypto.used) == crypto.seals

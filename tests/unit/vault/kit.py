"""A small vault over a memory store, with stretching made quick; and the same vault opened again."""

from __future__ import annotations

from app.platform.interfaces import Store
from app.platform.memory import MemoryStore
from app.platform.native.basics import ManualClock, SystemEntropy
from app.platform.native.crypto import NativeCrypto
from app.vault import KdfPolicy, Vault

QUICK = KdfPolicy(floor=1_000, ceiling=100_000, target_s=0, memory_kib=0)
WORDS = b"correct horse battery"
JOURNAL = [("journal", f"{number:012d}", b'{"seq":%d}' % number) for number in range(1, 5)]
SETTINGS = {"settings": [("theme", b"dark"), ("symbols", b"BTCUSDT,ETHUSDT")]}


def epoch_of(stored: bytes) -> int:
    """The epoch that stored bytes say they are of."""
    return int.from_bytes(stored[6:10], "big")


class Machine:
    """The part of a platform a vault needs, over a given store."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store if store is not None else MemoryStore()
        self.crypto = NativeCrypto()
        self.clock = ManualClock()
        self.entropy = SystemEntropy()


def secret(words: bytes = WORDS) -> bytearray:
    return bytearray(words)


async def created(machine: Machine, words: bytes = WORDS) -> Vault:
    """A new open vault with four journal records and two settings."""
    parts = machine.store, machine.crypto, machine.clock, machine.entropy
    return await Vault.create(*parts, secret(words), JOURNAL, tables=SETTINGS, kdf=QUICK)


async def opened(machine: Machine, words: bytes = WORDS) -> Vault:
    """The vault that is there, unlocked."""
    vault = await Vault.find(machine, QUICK)
    await vault.unlock(secret(words))
    return vault


async def contents_of(vault: Vault) -> dict[str, dict[str, bytes]]:
    """Everything readable, by class and id."""
    return {cls: dict((await vault.scan(cls)).records) for cls in ("journal", "settings")}


def initial() -> dict[str, dict[str, bytes]]:
    """What `created` put in."""
    return {"journal": {record_id: data for _, record_id, data in JOURNAL}, "settings": dict(SETTINGS["settings"])}

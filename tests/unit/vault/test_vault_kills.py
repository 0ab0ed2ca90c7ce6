"""The machine dies at every step of making, writing, changing slots, rekeying and migrating: the vault opens again as it was before
the step or after it, a rekey goes on to its end, and nothing confirmed is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import app.vault.access as access_module
from app.platform.memory import MemoryStore
from app.vault import NewSlot, Proof, Vault
from tests.unit.vault.kit import QUICK, Machine, created, epoch_of, secret
from tests.unit.vault.old import restored

Holds = dict[str, dict[str, bytes]]
HEADER_AND_MANIFEST = ("header", "manifest")


class Died(BaseException):
    """The process is gone: nothing after it runs, so nothing may catch it."""


class DyingStore(MemoryStore):
    """Dies before or after its operation number `at`; dead it stays."""

    def __init__(self, at: int, after: bool) -> None:
        super().__init__()
        self.steps, self._at, self._after = 0, at, after

    async def _step(self, operation: Awaitable[Any]) -> Any:
        self.steps += 1
        if self.steps > self._at or (self.steps == self._at and not self._after):
            operation.close()  # type: ignore[attr-defined]
            raise Died
        result = await operation
        if self.steps == self._at:
            raise Died
        return result

    async def commit(self, *args: Any, **kwargs: Any) -> None:
        await self._step(super().commit(*args, **kwargs))

    async def get(self, *args: Any) -> Any:
        return await self._step(super().get(*args))

    async def scan(self, *args: Any) -> Any:
        return await self._step(super().scan(*args))

    async def meta_put(self, *args: Any) -> None:
        await self._step(super().meta_put(*args))


class Life:
    """What one run did: what is confirmed, and what may or may not have happened when it ended."""

    def __init__(self) -> None:
        self.confirmed: Holds | None = None
        self.possible: Holds | None = None
        self.code: bytes | None = None
        self.rekeyed = False

    async def step(self, change: Awaitable[Any], cls: str = "", **holds: bytes | None) -> Any:
        """A change and what it makes of the contents."""
        before = self.confirmed or {}
        after = {name: dict(held) for name, held in before.items()}
        for record_id, data in holds.items():
            held = after.setdefault(cls, {})
            if data is None:
                held.pop(record_id, None)
            else:
                held[record_id] = data
        self.possible = after
        result = await change
        self.confirmed = after
        return result


async def making(machine: Machine, life: Life) -> Vault:
    life.possible = {"journal": {f"{number:012d}": b'{"seq":%d}' % number for number in range(1, 5)}}
    life.possible["settings"] = {"theme": b"dark", "symbols": b"BTCUSDT,ETHUSDT"}
    vault = await created(machine)
    life.confirmed = life.possible
    return vault


async def writing(machine: Machine, life: Life) -> None:
    vault = await making(machine, life)
    for number in range(5, 9):
        await life.step(vault.append("journal", [(f"{number:012d}", b"x" * number)]), "journal", **{f"{number:012d}": b"x" * number})
        await life.step(vault.put("settings", "theme", b"%d" % number), "settings", theme=b"%d" % number)
    for size in (600_000, 300_000):
        await life.step(vault.put_column("history", "btc", bytes(size)), "history", btc=bytes(size))
    await life.step(vault.delete("settings", "symbols"), "settings", symbols=None)
    await life.step(vault.delete_column("history", "btc"), "history", btc=None)
    await vault.lock()


async def slots(machine: Machine, life: Life) -> None:
    vault = await making(machine, life)
    await life.step(vault.access.add(Proof(secret()), NewSlot("passphrase", "", secret(b"another passphrase"))))
    _, code = await life.step(vault.access.add(Proof(secret()), NewSlot("recovery")))
    await life.step(vault.access.rename(vault.slots[0].id, "Mine"))
    await life.step(vault.access.remove(Proof(bytearray(code), "recovery"), vault.slots[1].id))
    await vault.lock()


async def rekeying(machine: Machine, life: Life) -> None:
    vault = await making(machine, life)
    many = {f"s{number:02}": b"%d" % number for number in range(12)}
    await life.step(vault.put_many("settings", list(many.items())), "settings", **many)
    await life.step(vault.put_column("history", "btc", bytes(600_000)), "history", btc=bytes(600_000))
    await life.step(vault.keep_signing_secret("venue", "HMAC-SHA256", bytearray(b"api secret")))
    await vault.access.begin_rekey([Proof(secret())])
    job = asyncio.ensure_future(vault.access.rekey())
    try:
        await life.step(vault.append("journal", [("000000000005", b"during")]), "journal", **{"000000000005": b"during"})
        await life.step(vault.put("settings", "s03", b"during"), "settings", s03=b"during")
        await job
    finally:
        job.cancel()
        await asyncio.gather(job, return_exceptions=True)
    life.rekeyed = True
    await vault.lock()


async def migrating(machine: Machine, life: Life) -> None:
    holds = restored(machine.store)
    life.confirmed = life.possible = holds
    vault = await Vault.find(machine, QUICK)
    await vault.unlock(secret())
    await life.step(vault.put("settings", "theme", b"migrated"), "settings", theme=b"migrated")
    await vault.lock()


async def died(scenario: Callable[[Machine, Life], Awaitable[Any]], at: int, after: bool) -> tuple[MemoryStore, Life, bool]:
    """The store as the death left it."""
    store, life = DyingStore(at, after), Life()
    try:
        await scenario(Machine(store), life)
        ended = True
    except BaseException as error:
        assert isinstance(error, Died) or isinstance(error.__cause__, Died), error
        ended = False
    left = MemoryStore()
    left.records, left.meta = dict(store.records), dict(store.meta)
    return left, life, ended


async def check(store: MemoryStore, life: Life) -> None:
    """The vault opens with what was confirmed, or with what the last step would have made; a rekey is finished."""
    machine = Machine(store)
    vault = await Vault.find(machine, QUICK)
    if vault.state == "absent":
        assert life.confirmed is None and not store.records
        return
    assert await vault.unlock(secret()) == ()
    if life.rekeyed:
        assert not vault.access.leaving
    await vault.access.rekey()
    classes = (life.possible or {}).keys()
    found = {}
    for cls in classes:
        result = await vault.scan(cls)
        assert result.intact, result.damaged
        found[cls] = dict(result.records)
    strip = lambda holds: {cls: held for cls, held in (holds or {}).items() if held}  # noqa: E731
    assert strip(found) in (strip(life.confirmed), strip(life.possible))
    if "secrets" in await store.classes():
        assert len(await (await vault.signer("venue")).sign(b"order")) == 32
    epoch = vault.access._session().ring.epoch
    kept = [value for (cls, _), value in store.records.items() if cls not in ("header", "quarantine")]
    assert {epoch_of(value) for value in kept} == {epoch}
    await vault.put("settings", "after", b"goes on")
    await vault.lock()


@pytest.mark.parametrize("scenario", [making, writing, slots, rekeying, migrating])
def test_a_death_at_any_step_leaves_the_last_committed_state(scenario: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_module, "_BATCH", 3)

    async def run() -> int:
        points, at = 0, 0
        while True:
            at += 1
            ended = False
            for after in (False, True):
                store, life, ended = await died(scenario, at, after)
                await check(store, life)
                points += 1
            if ended:
                return points

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # the tasks of the dead
    try:
        points = loop.run_until_complete(run())
    finally:
        loop.close()
    assert points >= {making: 12, writing: 56, slots: 22, rekeying: 95, migrating: 20}[scenario], points  # together over 200

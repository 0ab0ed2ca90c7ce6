"""Columns: bytes too many for one record, in pieces whose order and wholeness are sealed in."""

from __future__ import annotations

import asyncio
import itertools
import os

import pytest

from app.vault import VaultDamaged, VaultRefused
from app.vault.staging import CHUNK_BYTES
from tests.unit.vault.kit import WORDS, Machine, created, opened
from tests.unit.vault.reader import Reader

SIZES = (0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 5 * CHUNK_BYTES + 7)


def test_columns_of_every_size_come_back_here_and_in_the_second_reader() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        columns = {f"c{size}": os.urandom(size) for size in SIZES}
        for name, data in columns.items():
            await vault.put_column("history", name, data)
        await vault.put("history", "index", b"a record among them")
        for reading in (vault, await opened(machine)):
            for name, data in columns.items():
                assert await reading.get_column("history", name) == data
            assert await reading.get_column("history", "none") is None
            result = await reading.scan("history")
            assert result.intact and dict(result.records) == columns | {"index": b"a record among them"}
        assert Reader(machine.store.records, WORDS).table("history") == dict(result.records)

    asyncio.run(scenario())


def test_a_column_is_replaced_whole_and_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        for first, second in itertools.permutations(SIZES, 2):
            await vault.put_column("history", "btc", bytes(first))
            await vault.put_column("history", "btc", b"x" * second)
            assert await vault.get_column("history", "btc") == b"x" * second
            stored = [value for (cls, _), value in machine.store.records.items() if cls == "history"]
            assert len(stored) == max(1, -(-second // CHUNK_BYTES))
            (entry,) = [item for item in (await vault.contents()).classes if item.cls == "history"]
            assert (entry.count, entry.bytes) == (len(stored), sum(map(len, stored)))
        await vault.delete_column("history", "btc")
        assert await vault.get_column("history", "btc") is None and not await machine.store.scan("history")
        assert (await vault.scan("history")).intact

    asyncio.run(scenario())


def test_pieces_of_another_time_place_or_column_are_noticed() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.put_column("history", "eth", os.urandom(3 * CHUNK_BYTES))
        await vault.put_column("history", "btc", os.urandom(3 * CHUNK_BYTES))
        old = dict(machine.store.records)
        data = os.urandom(3 * CHUNK_BYTES)
        await vault.put_column("history", "btc", data)
        newest = dict(machine.store.records)
        key = lambda column, index: ("history", f"{column}/{index:06d}")  # noqa: E731
        changes = [
            {key("btc", 1): old[key("btc", 1)]},
            {key("btc", 0): old[key("btc", 0)]},
            {key("btc", 0): newest[key("btc", 1)], key("btc", 1): newest[key("btc", 0)]},
            {key("btc", 2): newest[key("eth", 2)]},
            {key("btc", 3): newest[key("btc", 2)]},
            {key("btc", 1): newest[key("btc", 1)][:-1]},
            *({key("btc", index): None} for index in range(3)),
        ]
        for change in changes:
            machine.store.records = {name: value for name, value in (newest | change).items() if value is not None}
            result = await vault.scan("history")
            assert not result.intact, change.keys()
            if key("btc", 3) not in change:
                assert [record.id for record in result.records] == ["eth"]
                with pytest.raises(VaultDamaged):
                    await vault.get_column("history", "btc")
        machine.store.records = newest
        assert await vault.get_column("history", "btc") == data and (await vault.scan("history")).intact

    asyncio.run(scenario())


def test_any_flipped_byte_of_a_piece_costs_its_column_only() -> None:
    async def scenario() -> None:
        machine = Machine()
        vault = await created(machine)
        await vault.put_column("history", "btc", b"short")
        await vault.put_column("history", "eth", b"other")
        key = ("history", "btc/000000")
        stored = machine.store.records[key]
        for offset in range(len(stored)):
            bad = bytearray(stored)
            bad[offset] ^= 1 << offset % 8
            machine.store.records[key] = bytes(bad)
            with pytest.raises(VaultDamaged):
                await vault.get_column("history", "btc")
            result = await vault.scan("history")
            assert [damage.kind for damage in result.damaged] == ["unreadable"] and dict(result.records) == {"eth": b"other"}

    asyncio.run(scenario())


def test_what_cannot_be_a_column_is_refused() -> None:
    async def scenario() -> None:
        vault = await created(Machine())
        for cls, name, data in (("history", "", b"x"), ("history", "x" * 150, b"x"), ("journal", "btc", b"x"), ("history", "ü", b"x"), ("manifest", "x", b"x")):
            with pytest.raises(VaultRefused):
                await vault.put_column(cls, name, data)

    asyncio.run(scenario())

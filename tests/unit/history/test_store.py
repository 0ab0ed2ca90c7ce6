"""The columnar store: what is written is read back exactly; damage costs itself and is named; readable and in the vault."""

from __future__ import annotations

import itertools
import json
import random
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.history import pack
from app.history.errors import Damaged, Missing
from app.history.series import COLUMNS, LIMIT, UNKNOWN, Action, Note, Series, column
from app.history.store import READABLE, VAULT, HistoryStore
from app.platform.memory import MemoryStore
from app.platform.native import build
from app.platform.native.sqlite import SqliteStore
from app.vault import KdfPolicy, Vault, VaultError
from tests.unit.history.kit import MINUTE, file, walk

QUICK = KdfPolicy(floor=1_000, target_s=0.0, memory_kib=0)


def shelf(store=None, vault=None) -> HistoryStore:
    numbers = itertools.count(1)
    return HistoryStore(store or MemoryStore(), lambda: vault, lambda: f"{next(numbers):016x}", lambda: 5)


async def open_vault() -> Vault:
    platform = build()
    return await Vault.create(platform.store, platform.crypto, platform.clock, platform.entropy, bytearray(b"correct horse battery"), [], kdf=QUICK)


def same(a: Series, b: Series) -> bool:
    return a == b and len(a) == len(b)


numbers = st.integers(-LIMIT, LIMIT)
volumes = numbers | st.just(UNKNOWN)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, LIMIT), numbers, numbers, numbers, numbers, volumes, numbers), min_size=1, max_size=40), st.booleans())
def test_any_columns_come_back(rows: list, with_adjusted: bool) -> None:
    names = (*COLUMNS, "adj") if with_adjusted else COLUMNS
    columns = {name: column(values) for name, values in zip(names, zip(*rows, strict=True), strict=False)}
    assert pack.unpack(pack.pack(columns)) == columns


OLD_PIECE = bytes.fromhex(
    "4b484231000500000000905986079d97173e420f0000000000789c636000810d20a20f447c0011d20cd8002b1b566154c0c4c7c6438432060e3e261e3e22d4f1a8"
    "6898a911a1eedfad36a513476fce29686516e117e6c0a90e0064020a15b8954248"
)
OLD_DESCRIPTION = {
    **{"form": 1, "id": "00000000000000aa", "source": "test", "symbol": "BTCUSDT", "timeframe": "1m", "price_scale": 2, "volume_scale": 3},
    **{"adjusted_scale": 0, "basis": "raw", "actions": [], "gaps": [], "kept_ns": 5},
    "chunks": [[5, 1_700_000_040_000_000_000, 1_700_000_280_000_000_000, len(OLD_PIECE), 0x484295B8]],
}
"""Five bars as they were kept before volumes could be unknown."""


async def test_what_was_kept_before_volumes_could_be_unknown_is_read_as_ever() -> None:
    store = MemoryStore()
    store.records[("history", "00000000000000aa")] = json.dumps(OLD_DESCRIPTION).encode()
    store.records[("bars-00000000000000aa", "000000")] = OLD_PIECE
    [item] = await shelf(store).all()
    assert same(await shelf(store).read(item), walk(5))


async def test_an_unknown_volume_is_kept_in_a_form_that_older_versions_refuse(store) -> None:
    history, series = shelf(store), walk(10_000)
    known = await history.keep(walk(10, symbol="KNOWN"), READABLE)
    for row in (0, 4095, 4096, 9_999):
        series.columns["volume"][row] = UNKNOWN
    kept = await history.keep(series, READABLE)
    assert [json.loads(item.text)["form"] for item in (known, kept)] == [1, 2]
    assert await history.all() == [kept, known] and same(await history.read(kept), series)


def test_every_changed_byte_of_a_piece_is_noticed() -> None:
    data = pack.pack(walk(50).columns)
    for place in range(len(data)):
        for bad in (data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :], data[:place]):
            with pytest.raises(Damaged):
                pack.unpack(bad)


@pytest.fixture(params=["memory", "sqlite"])
async def store(request, tmp_path: Path):
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "history")
    yield made
    made.close()


async def test_kept_found_read_replaced_removed(store) -> None:
    history = shelf(store)
    series = walk(40_000)
    series.actions = [Action(series.columns["time"][5], "split", Fraction(7, 3))]
    series.gaps = [Note(1, 2, "why")]
    kept = await history.keep(series, READABLE)
    assert (kept.rows, kept.first, kept.last, kept.where) == (40_000, series.columns["time"][0], series.columns["time"][-1], READABLE)
    assert await history.all() == [kept]
    assert same(await history.read(kept), series)
    newest = await history.read(kept, newest=10)
    assert list(newest.columns["time"]) == list(series.columns["time"][-10:])
    start, end = series.columns["time"][20_000], series.columns["time"][20_005]
    assert same(await history.read(kept, start, end), series.part(20_000, 20_005))
    before = await history.read(kept, end_ns=end, newest=20_003)
    assert list(before.columns["time"]) == list(series.columns["time"][2:20_005])
    assert len(await history.read(kept, series.columns["time"][-1] + 1)) == 0
    other = await history.keep(walk(10, symbol="ETHUSDT"), READABLE)
    again = await history.keep(walk(20), READABLE)
    assert [item.id for item in await history.all()] == [again.id, other.id]
    await history.remove(again.id)
    await history.remove(other.id)
    with pytest.raises(Missing):
        await history.remove(other.id)
    assert await store.count() == 0


async def test_a_piece_lost_or_of_another_series_is_noticed() -> None:
    store = MemoryStore()
    history = shelf(store)
    one, two = await history.keep(walk(40_000), READABLE), await history.keep(walk(40_000, seed=2, symbol="X"), READABLE)
    pieces = {key: value for key, value in store.records.items() if key[0] == f"bars-{one.id}"}
    key = (f"bars-{one.id}", "000001")
    for bad in (store.records[(f"bars-{two.id}", "000001")], pieces[(f"bars-{one.id}", "000000")], pieces[key][:-1], b""):
        store.records[key] = bad
        with pytest.raises(Damaged):
            await history.read(one)
        assert len(await history.read(one, newest=100)) == 100  # the other pieces still tell
    assert len(await history.read(two)) == 40_000


async def test_what_cannot_be_read_costs_only_itself() -> None:
    vault, store = await open_vault(), MemoryStore()
    history = HistoryStore(store, lambda: vault, lambda: "00000000000000aa", lambda: 5, (VaultError,))
    await history.keep(walk(10, symbol="MINE"), VAULT)
    kept = await shelf(store).keep(walk(10), READABLE)
    assert len(await history.all()) == 2 and history.troubles == []
    for bad in (b"", b"{", b"[]", b'{"form":1}', b'{"form":9}', b"\xff"):
        store.records[("history", "f" * 16)] = bad
        assert len(await history.all()) == 2 and "f" * 16 in history.troubles[0]
    del store.records[("history", "f" * 16)]
    key = ("history", "index")
    vault._store.records[key] = vault._store.records[key][:-1] + b"x"
    vault._open_session().recent.drop("history", ["index"])
    assert await history.all() == [kept] and "encrypted series cannot be read" in history.troubles[0]


async def test_encrypted_in_the_vault() -> None:
    vault = await open_vault()
    store = MemoryStore()
    history = shelf(store, vault)
    series = file("AAPL-2014-wiki").series.named("mine", "AAPL", "1d")
    kept = await history.keep(series, VAULT)
    assert not store.records
    assert kept.where == VAULT and same(await history.read(kept), series)
    assert all(b"AAPL" not in value for value in vault._store.records.values())
    # the same series moves: it never lies in both places
    moved = await history.keep(series, READABLE)
    assert [item.where for item in await history.all()] == [READABLE]
    await history.keep(series, VAULT)
    assert [item.where for item in await history.all()] == [VAULT] and not store.records
    assert moved.rows == kept.rows
    await history.remove((await history.all())[0].id)
    assert await history.all() == [] and (await vault.scan("history")).intact
    with pytest.raises(Missing, match="vault"):
        await shelf(store).keep(series, VAULT)


async def test_a_column_cut_short_is_not_listed_and_removed_with_the_next() -> None:
    vault = await open_vault()
    history = shelf(None, vault)
    real = vault.put_column

    async def fails(*_args, **_more) -> None:
        raise VaultError("the machine died")

    vault.put_column = fails
    with pytest.raises(VaultError):
        await history.keep(walk(10), VAULT)
    assert await history.all() == []
    await vault.put("history", "index", b'{"0000000000000009":{"writing":true}}')
    vault.put_column = real
    await vault.put_column("history", "0000000000000009", b"half")
    kept = await history.keep(walk(10), VAULT)
    assert await vault.get_column("history", "0000000000000009") is None and [item.id for item in await history.all()] == [kept.id]


def test_bytes_a_bar() -> None:
    series = walk(16_384)
    assert len(pack.pack(series.columns)) / len(series) < 8
    chance = random.Random(1)
    series.columns["time"] = column(place * MINUTE + chance.randint(0, 9) for place in range(len(series)))
    assert pack.unpack(pack.pack(series.columns)) == series.columns

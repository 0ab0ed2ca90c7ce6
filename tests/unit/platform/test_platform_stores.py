"""What every record store must do, run over the native ones; the browser's is held to the same in tests/e2e."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from app.platform.errors import StoreClosed, StoreConflict, StoreCorrupt, StoreFull
from app.platform.interfaces import Guard, Store, Write
from app.platform.memory import MemoryStore
from app.platform.native.sqlite import SqliteStore

Factory = Callable[[], Store]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    made = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "records.db")
    request.addfinalizer(made.close)
    return made


def run(store: Store, scenario: Callable[[], object]) -> None:
    async def opened() -> None:
        await store.open()
        await scenario()  # type: ignore[misc]

    asyncio.run(opened())


def test_records_are_kept_by_class_and_in_order(store: Store) -> None:
    async def scenario() -> None:
        await store.append("log", [("002", b"two"), ("001", b"one"), ("010", b"ten")])
        await store.put("log-more", "001", b"of another class")
        await store.put("log", "002", b"two again", strict=False)
        assert await store.scan("log") == [("001", b"one"), ("002", b"two again"), ("010", b"ten")]
        assert await store.scan("log", "002") == [("002", b"two again"), ("010", b"ten")]
        assert await store.get("log", "010") == b"ten" and await store.get("log", "011") is None
        assert await store.scan("none") == []
        assert (await store.count(), await store.count("log")) == (4, 3)
        assert await store.classes() == ["log", "log-more"]
        await store.delete("log", "001")
        await store.delete("log", "001")
        assert await store.count("log") == 2

    run(store, scenario)


def test_a_transaction_is_all_or_nothing(store: Store) -> None:
    async def scenario() -> None:
        await store.put("c", "1", b"kept")
        with pytest.raises(StoreConflict):
            await store.append("c", [("2", b"not kept"), ("1", b"is there")])
        with pytest.raises(ValueError):
            await store.commit([Write("put", "c", "3", b"not kept"), Write("put", "c", "bad\nid", b"")])
        with pytest.raises(ValueError):
            await store.commit([Write("delete", "c", "1"), Write("put", "No Class", "1", b"")])
        assert await store.scan("c") == [("1", b"kept")]

    run(store, scenario)


def test_a_guard_decides_whether_a_commit_happens(store: Store) -> None:
    async def scenario() -> None:
        await store.put("c", "1", b"first version")
        for guard in (Guard("c", "1", b"second"), Guard("c", "1", None), Guard("c", "2", b"")):
            with pytest.raises(StoreConflict):
                await store.commit([Write("put", "c", "3", b"x")], guard=guard)
        assert await store.count() == 1
        await store.commit([Write("put", "c", "3", b"x")], guard=Guard("c", "1", b"first"))
        await store.commit([Write("put", "c", "4", b"x")], guard=Guard("c", "2", None))
        assert await store.count() == 3

    run(store, scenario)


def test_meta_texts_live_apart_and_clear_removes_all(store: Store) -> None:
    async def scenario() -> None:
        await store.meta_put("mark", "1")
        await store.meta_put("mark", "2")
        assert await store.meta_get("mark") == "2" and await store.meta_get("none") is None
        assert await store.count() == 0
        await store.put("c", "1", b"x")
        assert ((await store.estimate()).usage or 0) > 0
        await store.clear()
        assert await store.count() == 0 and await store.meta_get("mark") is None

    run(store, scenario)


def test_a_closed_store_says_so(store: Store) -> None:
    async def scenario() -> None:
        store.close()
        for call in (store.get("c", "1"), store.put("c", "1", b""), store.scan("c"), store.meta_get("k")):
            with pytest.raises(StoreClosed) as failure:
                await call
            assert failure.value.kept and failure.value.remedy
        await store.open()
        await store.put("c", "1", b"open again")

    run(store, scenario)


async def test_a_memory_store_with_a_quota_refuses_whole_writes() -> None:
    store = MemoryStore(quota=100)
    await store.put("c", "1", b"x" * 50)
    with pytest.raises(StoreFull):
        await store.append("c", [("2", b""), ("3", b"x" * 60)])
    assert await store.count() == 1
    assert not await store.persist()


async def test_a_file_survives_and_a_second_connection_conflicts(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    first, second = SqliteStore(path), SqliteStore(path)
    await first.open()
    await second.open()
    await first.put("c", "1", b"first")
    with pytest.raises(StoreConflict):
        await second.append("c", [("1", b"second")])
    first.close()
    assert await second.get("c", "1") == b"first" and await second.persist()
    second.close()


async def test_a_file_that_is_no_database_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "records.db"
    path.write_bytes(b"not a database at all, but long enough to look at" * 20)
    with pytest.raises(StoreCorrupt):
        await SqliteStore(path).open()
    assert path.read_bytes().startswith(b"not a database")

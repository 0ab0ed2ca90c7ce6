"""Snapshots of the journal: a start from one is the start from the whole journal; what is wrong with one costs time, nothing else."""

from __future__ import annotations

import asyncio
import json
import sqlite3

import pytest

from app.desk import compacting
from app.trading import snapshot
from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.journal import decode
from tests.unit.desk.conftest import BUY, start_desk

WORDS = b"correct horse battery"


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(compacting, "EVERY", 12)
    monkeypatch.setattr(compacting, "CHECK_AFTER_S", 0.0)
    monkeypatch.setattr(snapshot, "PART", 4)


async def traded(page, orders: int) -> None:
    """Some orders, of which every third rests far below the market, and every fourth is routed."""
    quote = await page.ask("quote", symbol="BTCUSDT")
    for number in range(orders):
        rests = {"type": "limit", "tif": "gtc", "price": str(round(float(quote["bid"]) * 0.95))} if number % 3 == 2 else {}
        routed = {"route": "best"} if number % 4 == 1 else {}
        answer = await page.ask("order.submit", token=f"{len(page.messages)}-{number}", **{**BUY, "qty": "0.001", **rests, **routed})
        assert "error" not in answer, answer


async def snapshotted(page) -> None:
    """Wait until everything journalled so far, but for less than one interval, is in a snapshot."""
    made = page.desk.keeping.snapshots
    for _ in range(2_000):
        made.second()
        if page.desk.trade.engine.last_seq - made._seq < compacting.EVERY and not made._busy:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("no snapshot was made")


async def whole(page) -> str:
    """The hash of the state that the whole journal gives."""
    engine = page.desk.trade.engine
    records = await page.desk.trade.writer.recorder.read_all()
    return state_hash(Engine.replay(engine.account, page.desk.around.clock, [entry for record in records for entry in decode(record)]))


async def again(path):
    page = await start_desk(path)
    await page.ask("vault.unlock", secret=bytearray(WORDS))
    return page


async def prepared(path) -> str:
    page = await start_desk(path)
    await page.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    await page.ask("vault.create", secret=bytearray(WORDS))
    await traded(page, 10)
    await snapshotted(page)
    page.desk.keeping.snapshots._busy = True  # what follows stays outside of it
    await traded(page, 3)
    await page.desk.stop()
    return page.desk.trade.engine.account if page.desk.trade.engine else ""


async def test_a_start_reads_the_end_of_the_journal_and_has_the_state_of_all_of_it(tmp_path):
    path = tmp_path / "vault.sqlite"
    await prepared(path)
    for _round in range(3):
        page = await again(path)
        made = page.desk.keeping.snapshots
        total = page.desk.keeping.vault.log_place("journal").count
        assert made.restored and made.replayed < total
        assert state_hash(page.desk.trade.engine) == await whole(page)
        cancelled = next(iter(page.desk.trade.engine.working))
        await page.ask("order.cancel", client_order_id=cancelled)  # an order of a part that is written already changes
        await traded(page, 6)
        await snapshotted(page)
        assert state_hash(page.desk.trade.engine) == await whole(page)
        verified = await made.check()
        assert verified["damaged"] == 0 and verified["records"] == page.desk.keeping.vault.log_place("journal").count
        await page.desk.stop()
    page = await again(path)
    assert page.desk.keeping.snapshots.restored and state_hash(page.desk.trade.engine) == await whole(page)
    rows = page.orders()
    assert {cid: row["status"] for cid, row in rows.items()} == {cid: order.status.value for cid, order in page.desk.trade.engine.orders.items()}
    assert len(page.desk.keeping.snapshots._parts["routed"]) > 3
    assert len({fill.fill_id for fill in page.desk.trade.engine.fills}) == len(page.desk.trade.engine.fills) > 0
    await page.desk.stop()


@pytest.mark.parametrize("harm", ["part", "state", "tail", "form"])
async def test_what_is_wrong_with_a_snapshot_costs_time_only(tmp_path, harm, monkeypatch):
    path = tmp_path / "vault.sqlite"
    await prepared(path)
    with sqlite3.connect(path) as db:
        cls, name = {"part": ("snapshot", "orders/000000"), "state": ("snapshot", "state"), "tail": ("journal", None), "form": ("", "")}[harm]
        if name is None:
            name = db.execute("select max(id) from records where cls='journal'").fetchone()[0]
        if found := db.execute("select value from records where cls=? and id=?", (cls, name)).fetchone():
            db.execute("update records set value=? where cls=? and id=?", (found[0][:-1] + bytes([found[0][-1] ^ 1]), cls, name))
    if harm == "form":
        monkeypatch.setattr(snapshot, "form", lambda: ["another"])
    page = await again(path)
    assert not page.desk.keeping.snapshots.restored
    assert page.latest("vault")["damaged_records"] == (1 if harm == "tail" else 0)
    if harm != "tail":
        assert state_hash(page.desk.trade.engine) == await whole(page)
    await traded(page, 6)
    await snapshotted(page)
    await page.desk.stop()


async def test_damage_in_the_part_that_a_start_does_not_read_is_found_later_and_costs_no_position(tmp_path):
    path = tmp_path / "vault.sqlite"
    await prepared(path)
    with sqlite3.connect(path) as db:
        first = db.execute("select id, value from records where cls='journal' order by id limit 1 offset 3").fetchone()
        db.execute("update records set value=? where cls='journal' and id=?", (first[1][:-1] + b"\x00", first[0]))
    page = await again(path)
    held = {symbol: str(position.qty) for symbol, position in page.desk.trade.engine.portfolio.positions.items()}
    assert page.desk.keeping.snapshots.restored and held
    await page.until(lambda m: m["t"] == "vault" and "older part of the journal" in m["detail"], "the damage")
    assert page.desk.keeping.snapshots.verified["damaged"] >= 1
    assert held == {symbol: str(position.qty) for symbol, position in page.desk.trade.engine.portfolio.positions.items()}
    await page.desk.stop()


async def test_no_snapshot_is_in_an_export(tmp_path):
    path = tmp_path / "vault.sqlite"
    await prepared(path)
    page = await again(path)
    assert "snapshot" in {row["name"] for row in (await page.ask("vault.contents"))["classes"]}
    await page.ask("vault.export", secret=bytearray(b"another passphrase"))
    assert page.files
    preview = None
    await page.desk.receive({"do": "vault.restore_preview", "id": 9_999, "file": page.files[0]}, bytearray(b"another passphrase"))
    preview = next(m for m in page.messages if m["t"] == "reply" and m["id"] == 9_999)
    assert preview["ok"] and {row["name"] for row in preview["result"]["classes"]} >= {"journal"}
    assert "snapshot" not in json.dumps([preview["result"][key] for key in ("classes", "only_here")])
    await page.desk.stop()

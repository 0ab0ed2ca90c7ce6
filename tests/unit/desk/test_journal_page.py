"""The journal a page at a time, notes, verification, import; and what the desk says of its agreement with the paper venue."""

from __future__ import annotations

import csv
import io
import json

import pytest

from app.desk.journalreading import MOST_READ
from app.desk.recorder import record_id
from app.model import events
from app.platform.native.basics import ManualClock
from app.trading.journal import encode, number
from tests.unit.desk.conftest import BUY, start_desk

WORDS = b"correct horse battery"


@pytest.fixture(params=["memory", "vault"])
async def traded(request, tmp_path):
    """A desk with a few orders, in memory and in a vault."""
    page = await start_desk(tmp_path / "vault.sqlite")
    await page.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    if request.param == "vault":
        await page.ask("vault.create", secret=bytearray(WORDS))
    await orders(page, 4)
    yield page
    await page.desk.stop()


async def orders(page, count: int) -> list[str]:
    found = []
    for place in range(count):
        answer = await page.ask("order.submit", token=f"{len(page.messages)}-{place}", **{**BUY, "qty": f"0.00{1 + place}"})
        found.append(answer["client_order_id"])
    return found


async def everything(page, limit: int = 7, **wanted) -> list[dict]:
    """All pages, one after the other."""
    rows, before = [], None
    while True:
        found = await page.ask("journal.page", before=before, limit=limit, **wanted)
        assert "error" not in found, found
        rows += found["rows"]
        before = found["next"]
        if before is None:
            return rows


async def test_every_event_once_newest_first_whatever_the_page(traded):
    total = traded.desk.trade.engine.last_seq
    for limit in (1, 7, 200):
        rows = await everything(traded, limit)
        assert [row["seq"] for row in rows] == list(range(total, 0, -1))
    assert {"AccountOpened", "OrderSubmitted", "OrderFilled"} <= {row["kind"] for row in rows}
    assert all(row["text"] and "\n" not in row["text"] for row in rows)


async def test_filters_find_what_they_say_and_nothing_else(traded):
    every = await everything(traded)
    fills = [row for row in every if row["kind"] == "OrderFilled"]
    assert fills and await everything(traded, kind="fills") == fills
    cid = fills[0]["order"]
    assert await everything(traded, order=cid) == [row for row in every if row["order"] == cid]
    for typed in ("BTCUSDT", "btcusdt", "BTC"):
        assert await everything(traded, symbol=typed) == [row for row in every if row["symbol"] == "BTCUSDT"]
    assert await everything(traded, text="BOUGHT 0.003") == [row for row in fills if "0.003" in row["text"]]
    assert await everything(traded, **{"from": "2000-01-01", "to": "2000-01-02"}) == []
    assert await everything(traded, **{"from": "2000-01-01", "to": "2200-01-01"}) == every
    for field, value in (("kind", "nonsense"), ("from", "yesterday"), ("text", "x" * 101)):
        assert (await traded.ask("journal.page", **{field: value}))["error"]["field"] == field
    assert (await traded.ask("journal.page", before="x"))["error"]["field"] == "before"


async def test_what_is_routed_or_booked_is_found_by_its_instrument(traded):
    await traded.ask("order.submit", token="routed", **{**BUY, "route": "best"})
    await traded.ask("cash.book", kind="dividend", currency="USDT", amount="1", symbol="BTCUSDT", note="")
    await traded.ask("cash.book", kind="fee", currency="USDT", amount="-1", symbol="", note="")
    kinds = [row["kind"] for row in await everything(traded, symbol="BTCUSDT")]
    assert kinds.count("OrderRouted") == kinds.count("CashBooked") == 1


@pytest.mark.parametrize("broken", [1, 2, 6])
async def test_records_that_cannot_be_read_hide_no_others_from_a_search_by_date(desk_page, broken):
    page = desk_page
    await page.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    await orders(page, 4)
    every = await everything(page)
    recorder = page.desk.trade.writer.recorder
    whole = [*recorder.records]
    for at in range(len(whole) - broken + 1):
        recorder.records[:] = [(name, b"nonsense" if at <= place < at + broken else record) for place, (name, record) in enumerate(whole)]
        first, last = (int(whole[at][0]), int(whole[at + broken][0]) if at + broken < len(whole) else page.desk.trade.engine.last_seq + 1)
        assert await everything(page, **{"from": "2000-01-01", "to": "2200-01-01"}) == [row for row in every if not first <= row["seq"] < last]


async def test_the_intent_has_the_quote_and_the_verdict_of_its_moment_and_the_fill_leads_back_to_them(traded):
    intent = next(row for row in await everything(traded, kind="orders") if row["kind"] == "OrderSubmitted")
    assert "bid " in intent["text"] and "ask " in intent["text"] and "let through by" in intent["text"]
    fill = traded.desk.trade.engine.fills[0]
    lines = (await traded.ask("journal.fill", fill_id=fill.fill_id))["lines"]
    assert any(" UTC  Decided: " in line for line in lines) and not any("client_order_id=" in line for line in lines)
    known = next(line for line in lines if line.startswith("known then"))
    assert "bid " in known and "let through by" in known


async def test_notes_are_events_and_go_with_fills_statement_and_pages(traded):
    engine = traded.desk.trade.engine
    fill, before = engine.fills[0], engine.last_seq
    kept = await traded.ask("journal.note", about=f"order:{fill.client_order_id}", tags="#Breakout, late", text=" =too big ")
    assert kept["note"]["tags"] == ["breakout", "late"] and kept["note"]["text"] == "=too big"
    assert engine.last_seq == before + 1
    await traded.ask("journal.note", about=f"order:{fill.client_order_id}", tags="breakout late", text="=too big")
    assert engine.last_seq == before + 1, "the same note again is no event"
    await traded.ask("journal.note", about="day:2026-11-27", text="choppy")
    assert [row["about"] for row in traded.latest("notes")["rows"]] == [f"order:{fill.client_order_id}", "day:2026-11-27"]
    rows = csv.DictReader(io.StringIO((await traded.ask("statement", what="fills"))["text"]))
    assert (fill.fill_id, "breakout late", "'=too big") in {(row["fill_id"], row["tags"], row["note"]) for row in rows}
    assert any(line.startswith("noted") and "#breakout" in line for line in (await traded.ask("journal.fill", fill_id=fill.fill_id))["lines"])
    assert fill.fill_id in {row["fill"] for row in await everything(traded, text="breakout")}
    await traded.ask("journal.note", about="day:2026-11-27", text="")
    assert [row["about"] for row in traded.latest("notes")["rows"]] == [f"order:{fill.client_order_id}"]
    for about, field in (("order:none", "about"), ("day:2026-02-30", "about"), ("week:1", "about")):
        assert (await traded.ask("journal.note", about=about, text="x"))["error"]["field"] == field
    assert (await traded.ask("journal.note", about="day:2026-11-27", tags="a=b"))["error"]["field"] == "tags"
    assert (await traded.ask("journal.note", about="day:2026-11-27", text="x" * 2_001))["error"]["field"] == "text"


async def test_a_note_outlives_a_restart(tmp_path):
    page = await start_desk(tmp_path / "vault.sqlite")
    await page.ask("vault.create", secret=bytearray(WORDS))
    await page.ask("journal.note", about="day:2026-11-27", tags="fomc", text="stay out")
    await page.desk.stop()
    again = await start_desk(tmp_path / "vault.sqlite")
    await again.ask("vault.unlock", secret=bytearray(WORDS))
    assert [(row["tags"], row["text"]) for row in again.latest("notes")["rows"]] == [(["fomc"], "stay out")]
    await again.ask("vault.lock")
    assert again.latest("notes")["rows"] == [], "nothing of an account stays on the page"
    await again.desk.stop()


async def test_a_long_journal_with_holes_is_read_in_bounded_pieces(tmp_path):
    page = await start_desk(tmp_path / "vault.sqlite")
    await page.ask("vault.create", secret=bytearray(WORDS))
    recorder, engine = page.desk.trade.writer.recorder, page.desk.trade.engine
    first, many = engine.last_seq + 1, []
    for place in range(MOST_READ + 500):
        entries = number([events.NoteSet(10**18 + place, f"day:2026-01-{1 + place % 28:02}", "", f"n{place}")], first + place + (10**6 if place > 400 else 0))
        many.append((record_id(entries[0].seq), encode(entries)))
        for entry in entries:
            engine.apply_entry(entry)
    await page.desk.keeping.vault.append("journal", many)
    assert len(await recorder.read(first, 10)) == 10
    found = await page.ask("journal.page", limit=5)
    assert [row["text"].rpartition(" ")[2] for row in found["rows"]] == [f"n{MOST_READ + 499 - place}" for place in range(5)] and found["read"] < 10
    searched = await page.ask("journal.page", limit=5, text="n17 ", kind="notes")
    assert searched["next"] is not None and searched["read"] <= MOST_READ + 200 and searched["reached_ns"]
    assert [row["text"].rpartition(" ")[2] for row in await everything(page, text="n399")] == ["n399"]
    state = await page.ask("journal.state")
    assert state["missing"] >= 10**6 - 1 and state["records"] == len(many) + 1
    assert (await page.ask("journal.check"))["verified"]["damaged"] == 0
    await page.desk.stop()


async def imported(page, data: bytes) -> dict:
    page._id += 1
    await page.desk.receive({"do": "journal.import_preview", "id": page._id, "file": data})
    reply = next(m for m in page.messages if m["t"] == "reply" and m["id"] == page._id)
    return reply["result"] if reply["ok"] else {"error": reply["error"]}


async def test_an_exported_journal_is_imported_where_it_belongs(tmp_path):
    page = await start_desk(tmp_path / "one.sqlite")
    await page.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    assert (await imported(page, b""))["error"]["code"] == "not_unlocked"
    await page.ask("vault.create", secret=bytearray(WORDS))
    await orders(page, 3)
    assert (await page.ask("cash.book", kind="split", symbol="BTCUSDT", new="2", old="1"))["what"] == "split"
    early = (await page.ask("journal.export"))["text"].encode()
    await page.ask("journal.note", about="day:2026-11-27", text="later")
    late = (await page.ask("journal.export"))["text"].encode()
    assert (await imported(page, early))["plan"]["relation"] == "shorter"
    for bad, why in ((b"nonsense\n", "line 1"), (early + early, "begins with event"), (b"\n", "no event")):
        refused = (await imported(page, bad))["error"]
        assert refused["code"] == "bad_journal" and why in refused["reason"] and refused["field"] == "file"

    other = await start_desk(tmp_path / "two.sqlite")
    await other.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    await other.ask("vault.create", secret=bytearray(WORDS))
    found = await imported(other, early)  # nothing was traded here: it may become the file's account
    assert found["plan"]["relation"] == "diverged" and found["account"] == page.desk.trade.engine.account
    taken = await other.ask("journal.import", preview=found["preview"], choice="file")
    assert taken["taken"] > 0 and other.desk.trade.engine.account == found["account"]
    assert {fill.fill_id for fill in other.desk.trade.engine.fills} == {fill.fill_id for fill in page.desk.trade.engine.fills}
    held = [desk.desk.trade.engine.portfolio.qty("BTCUSDT") for desk in (page, other)]
    assert held[0] == held[1] == 2 * sum(fill.qty * fill.side.sign for fill in other.desk.trade.engine.fills), "a split came with it"
    assert (await other.ask("journal.state"))["missing"] > 0, "numbers that the file's desk may have used later stay free"

    third = await start_desk(tmp_path / "three.sqlite")
    await third.until(lambda m: m["t"] == "tick" and any(row[1] for row in m["quotes"]), "a quote")
    await third.ask("vault.create", secret=bytearray(WORDS))
    await orders(third, 1)
    assert (await imported(third, late))["error"]["code"] == "other_account"
    foreign = json.loads(early.splitlines()[0])
    foreign["events"][0]["account"] = "binance-1-aa"
    assert (await imported(third, json.dumps(foreign).encode()))["error"]["code"] == "other_account"
    for each in (page, other, third):
        await each.desk.stop()


async def test_paper_is_compared_as_well_and_a_difference_shows(traded):
    desk, clock = traded.desk, ManualClock()
    desk.reconciling._clock = clock

    def second() -> None:
        clock.advance(10 * 10**9)
        desk.reconciling.second()

    bid = float((await traded.ask("quote", symbol="BTCUSDT"))["bid"])
    resting = await traded.ask("order.submit", token="rests", **{**BUY, "type": "limit", "tif": "gtc", "price": str(round(bid * 0.9))})
    name = resting["client_order_id"]
    await traded.until(lambda m: m["t"] == "orders" and any((row["client_order_id"], row["status"]) == (name, "accepted") for row in m["rows"]), "it rests")
    for _ in range(2):
        second()
    shown = await traded.ask("reconciliation.state")
    assert not shown["real"] and shown["differences"] == [] and shown["checked"]["orders"] == 1 and shown["compared_ns"]
    desk.trade.execution.words = dict  # the venue has lost it
    for _ in range(2):
        second()
    (found,) = (await traded.ask("reconciliation.state"))["differences"]
    assert (found["what"], found["about"], found["theirs"]) == ("orders", resting["client_order_id"], "not there")
    del desk.trade.execution.words
    clock.advance(9 * 10**9)
    desk.reconciling.second()
    assert (await traded.ask("reconciliation.state"))["differences"], "paper is not compared every second"
    second()
    assert (await traded.ask("reconciliation.state"))["differences"] == []

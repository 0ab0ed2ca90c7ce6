"""What is booked by hand on a whole desk: a split cancels first and is told; what other currencies were worth is in journal and statements."""

import csv
import io
from decimal import Decimal

from app.model.events import RateKnown
from app.trading.journal import decode
from tests.unit.desk.conftest import BUY, start_desk
from tests.unit.desk.test_desk import PASSPHRASE, quoted

SPLIT = {"kind": "split", "symbol": "BTCUSDT", "new": "3", "old": "1", "note": "by hand"}


def limit(page, at: str, **more) -> dict:
    """A ticket that rests at so many times the present price."""
    middle = page.desk.trade.view.mark("BTCUSDT").price
    return {**BUY, "type": "limit", "tif": "gtc", "qty": "0.001", "price": times(middle, at), **{name: times(middle, value) for name, value in more.items()}}


def times(price: Decimal, factor: str) -> str:
    return format((price * Decimal(factor)).quantize(Decimal(1)), "f")


async def test_a_split_cancels_what_works_first_and_the_page_is_told(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("paper.settings", latency_ms="40")
    await page.ask("order.submit", token="one", **BUY)
    entry = (await page.ask("order.submit", token="two", **limit(page, "0.98", take_profit="1.02", stop_loss="0.96")))["client_order_id"]
    exit_ = (await page.ask("order.submit", token="three", **{**limit(page, "1.02"), "side": "sell", "reduce_only": True}))["client_order_id"]
    before = page.desk.trade.value()
    made = await page.ask("cash.book", **SPLIT)
    assert made == {"what": "split", "symbol": "BTCUSDT", "new": 3, "old": 1, "qty": "0.03", "cancelled": 4}
    engine = page.desk.trade.engine
    assert not engine.working and engine.anomalies == []
    ended = [page.orders()[cid] for cid in (entry, exit_)]
    assert {row["status"] for row in ended} == {"cancelled"} and all("BTCUSDT is split 3 for 1" in row["reason"] for row in ended)
    await page.until(lambda m: any(row["qty"] == "0.03" for row in m.get("account", {}).get("positions", ()) if m["t"] == "tick"), "the new quantity")
    after = page.desk.trade.value()
    assert (after.cash, after.realised, after.fees) == (before.cash, before.realised, before.fees)
    (row,) = (await page.ask("journal.page", kind="account", symbol="BTCUSDT"))["rows"]
    assert row["text"] == "Split of BTCUSDT: 3 for 1, by hand" and row["kind"] == "SplitBooked"
    lots = await page.ask("statement", what="open")
    (open_,) = csv.DictReader(io.StringIO(lots["text"]))
    assert open_["quantity"] == "0.03" and Decimal(open_["cost"]) == engine.portfolio.positions["BTCUSDT"].cost and lots["unknown"] == ""
    closed = await page.ask("position.close", symbol="BTCUSDT", token="four")
    assert "error" not in closed and (await page.ask("portfolio.exposure", by="strategy"))["difference"] == "0"


async def test_a_split_that_is_refused_cancels_nothing(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("order.submit", token="one", **BUY)
    assert (await page.ask("order.submit", token="two", **limit(page, "0.98")))["status"] == "accepted"
    for wrong, field in (({"new": "x"}, "new"), ({"old": ""}, "old"), ({"symbol": "SKL-USD"}, "symbol"), ({"new": "1", "old": "7"}, "new")):
        error = (await page.ask("cash.book", **{**SPLIT, **wrong}))["error"]
        assert error["field"] == field and error["remedy"]
    assert len(page.desk.trade.engine.working) == 1 and not page.desk.trade.engine.splits


async def test_a_split_waits_for_no_order_for_ever(desk_page, monkeypatch):
    page = desk_page
    await quoted(page)
    await page.ask("order.submit", token="one", **BUY)
    assert (await page.ask("order.submit", token="two", **limit(page, "0.98")))["status"] == "accepted"
    monkeypatch.setattr("app.desk.booking.PATIENCE_S", 0.05)
    monkeypatch.setattr(page.desk.trade.execution, "cancel", lambda _cid: None)  # the answer is lost
    error = (await page.ask("cash.book", **SPLIT))["error"]
    assert error["code"] == "orders_working" and error["field"] == "symbol" and not page.desk.trade.engine.splits


async def test_a_split_is_kept_and_found_after_a_restart(tmp_path):
    path = tmp_path / "store"
    page = await start_desk(path)
    await quoted(page)
    await page.ask("vault.create", bytearray(PASSPHRASE.encode()))
    await page.ask("order.submit", token="one", **BUY)
    await page.ask("cash.book", **SPLIT)
    await page.desk.stop()
    page = await start_desk(path)
    await page.ask("vault.unlock", bytearray(PASSPHRASE.encode()))
    engine = page.desk.trade.engine
    assert engine.portfolio.qty("BTCUSDT") == Decimal("0.03") and len(engine.splits) == 1
    await quoted(page)
    sold = await page.ask("order.submit", token="two", **{**BUY, "side": "sell", "qty": "0.03", "reduce_only": True})
    assert sold["status"] == "filled", "the paper venue holds what was split"
    await page.desk.stop()


async def test_what_another_currency_was_worth_is_in_the_journal_and_the_statements(desk_page):
    page = desk_page
    await quoted(page)
    trade = page.desk.trade
    await page.until(lambda _m: trade.view.rates_now("USDT").rate("USD") is not None, "a rate of USD")
    made = await page.ask("cash.book", kind="dividend", currency="USD", amount="12.5", symbol="", note="")
    assert made["balance"] == "12.5"
    await page.ask("cash.book", kind="dividend", currency="XAU", amount="1", symbol="", note="")
    found = [entry.event for record in await trade.writer.recorder.read_all() for entry in decode(record) if isinstance(entry.event, RateKnown)]
    assert [(event.currency, event.into) for event in found] == [("USD", "USDT")] and found[0].rate > 0
    ledger = await page.ask("statement", what="ledger")
    rows = list(csv.DictReader(io.StringIO(ledger["text"])))
    assert [row["account_amount"] for row in rows[1:]] == [format((Decimal("12.5") * found[0].rate).quantize(Decimal("1e-8")).normalize(), "f"), ""]
    assert ledger["unknown"].startswith("1 row has no rate")

"""Risk, held orders and unresolved ones through the whole desk, as the page meets them."""

from __future__ import annotations

from decimal import Decimal

from app.trading.inspection import main
from tests.unit.desk.conftest import BUY, start_desk

PASSPHRASE = "correct horse battery staple"


async def quoted(page) -> Decimal:
    await page.until(lambda m: m["t"] == "tick" and any(row[0] == "BTCUSDT" and row[1] for row in m["quotes"]), "a quote")
    return Decimal((await page.ask("quote", symbol="BTCUSDT"))["bid"])


def resting(price: str, **more) -> dict:
    return {**BUY, "type": "limit", "tif": "gtc", "price": price, **more}


async def test_the_kill_switch_halts_over_a_reload_until_it_is_lifted(tmp_path):
    page = await start_desk(tmp_path / "vault.sqlite")
    await quoted(page)
    await page.ask("vault.create", secret=bytearray(PASSPHRASE.encode()))
    await page.ask("order.submit", token="a", **BUY)
    order = await page.ask("order.submit", token="b", **resting("50000"))
    done = await page.ask("risk.kill", flatten=True)
    assert (done["cancelled"], done["closing"]) == (1, 1)
    await page.until(lambda m: page.orders()[order["client_order_id"]]["status"] == "cancelled", "the cancel")
    await page.until(lambda m: page.latest("account")["positions"] == [], "the flat account")
    assert page.latest("risk")["halted"] and page.latest("risk")["states"][0]["rule"] == "kill_switch"
    assert not page.latest("order_state")["accepting"] and page.latest("order_state")["see"] == "#/risk"
    await page.desk.stop()

    again = await start_desk(tmp_path / "vault.sqlite")
    await again.ask("vault.unlock", secret=bytearray(PASSPHRASE.encode()))
    await quoted(again)
    error = (await again.ask("order.submit", token="c", **BUY))["error"]
    assert error["code"] == "risk_halted" and error["remedy"] and error["numbers"]["scope"] == "desk"
    await again.ask("risk.set", scope="desk", state="normal")
    assert again.latest("order_state")["accepting"]
    assert (await again.ask("order.submit", token="c", **BUY))["status"] == "filled"
    await again.desk.stop()


async def test_the_age_of_a_price_counts_from_the_present_of_its_own_recording(desk_page):
    """The recordings are years apart: an order in any of them is as good as in the first, and its age is that of what was heard there."""
    page = desk_page
    await quoted(page)
    venues = {row["symbol"]: row["venue"] for row in page.latest("instruments")["rows"]}
    symbols = list({venue: symbol for symbol, venue in reversed(venues.items())}.values())
    sizes = {"BTCUSDT": "0.1"}
    assert len(symbols) == 4 and "BTCUSDT" in symbols
    await page.ask("watch", symbols=symbols)
    for symbol in symbols:
        await page.until(lambda m, of=symbol: m["t"] == "tick" and any(row[0] == of and row[1] for row in m["quotes"]), f"a quote of {symbol}")
        ask = Decimal((await page.ask("quote", symbol=symbol))["ask"])
        order = await page.ask("order.submit", token=symbol, **{**BUY, "symbol": symbol, "qty": sizes.get(symbol, "10"), "type": "limit", "price": str(ask)})
        assert "error" not in order, order
    used = {(row["scope"], row["name"]): row["used"] for row in (await page.ask("risk.state"))["limits"]}["desk", "quote_age"]
    assert Decimal(used) < 60


async def test_limits_are_kept_and_their_use_is_live(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("risk.limit", scope="instrument:BTCUSDT", name="order_qty", value="0.02")
    assert (await page.ask("order.submit", token="a", **{**BUY, "qty": "0.03"}))["error"]["code"] == "risk_order_qty"
    await page.ask("order.submit", token="b", **BUY)
    state = await page.ask("risk.state")
    rows = {(row["scope"], row["name"]): row for row in state["limits"]}
    assert rows["instrument:BTCUSDT", "order_qty"]["own"] and rows["instrument:BTCUSDT", "order_qty"]["used"] == "0.01"
    assert state["denials"][0]["code"] == "risk_order_qty" and state["positions"] == 1
    desk = page.desk
    desk.trade.second()
    await page.until(lambda m: m["t"] == "stats", "a second")
    gross = {(row["scope"], row["name"]): row for row in (await page.ask("risk.state"))["limits"]}["desk", "gross_exposure"]
    assert 100 < float(gross["used"]) < 5000 and 0 < gross["fraction"] < 1
    assert (await page.ask("risk.limit", scope="desk", name="order_qty", value="1"))["error"]["code"] == "bad_limit"


async def test_a_fill_is_traced_to_its_cause_and_the_journal_is_exported(tmp_path):
    page = await start_desk(tmp_path / "vault.sqlite")
    await quoted(page)
    await page.ask("risk.limit", scope="desk", name="order_notional", value="9000")
    await page.ask("vault.create", secret=bytearray(PASSPHRASE.encode()))
    order = await page.ask("order.submit", token="a", **BUY)
    fill = page.desk.trade.engine.fills[0]
    lines = (await page.ask("journal.fill", fill_id=fill.fill_id))["lines"]
    assert lines[0].startswith("fill       buy 0.01 BTCUSDT") and any(order["client_order_id"] in line for line in lines)
    assert any("9,000" in line and line.startswith("in force") for line in lines)
    text = (await page.ask("journal.export"))["text"]
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    assert main([str(path)]) == 0
    await page.desk.stop()


async def test_a_loss_is_noticed_between_orders(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("risk.limit", scope="account", name="daily_loss", value="0")
    await page.ask("order.submit", token="a", **BUY)
    page.desk.trade.second()
    await page.until(lambda m: m["t"] == "risk" and m["states"], "a state")
    assert page.latest("risk")["states"][0]["rule"] == "daily_loss"
    assert (await page.ask("order.submit", token="b", **BUY))["error"]["code"] == "risk_reduce_only"
    assert (await page.ask("position.close", symbol="BTCUSDT", token="c"))["status"] == "filled"


async def test_a_bracket_and_a_held_order_live_in_the_desk(desk_page):
    page = desk_page
    bid = await quoted(page)
    away = {"take_profit": str(bid + 5000), "stop_loss": str(bid - 5000)}
    entry = await page.ask("order.submit", token="a", **BUY, **away)
    assert entry["status"] == "filled"

    def exits() -> list[dict]:
        return [row for row in page.orders().values() if row["parent"] == entry["client_order_id"]]

    await page.until(lambda m: m["t"] == "orders" and [row["status"] for row in exits()] == ["accepted"] * 2, "exits")
    assert {row["type"] for row in exits()} == {"limit", "stop"} and all(row["linked"] for row in exits())
    held = await page.ask("order.submit", token="b", **{**BUY, "type": "market_if_touched", "tif": "gtc", "stop": str(bid - 3000)})
    await page.until(lambda m: held["client_order_id"] in page.orders(), "the held order")
    row = page.orders()[held["client_order_id"]]
    assert row["status"] == "held" and row["held"] and row["outcome"] == "held" and row["sent_ns"] is None
    asked = []
    followups = page.desk.trade.engine.followups
    page.desk.trade.engine.followups = lambda: asked.append(1) or followups()
    seconds = sum(m["t"] == "stats" for m in page.messages)
    await page.until(lambda m: sum(m["t"] == "stats" for m in page.messages) >= seconds + 2, "two seconds")
    passed = sum(m["t"] == "stats" for m in page.messages) - seconds
    assert 1 <= len(asked) <= passed + 2, "what is linked is looked at once a second, not without end"
    done = await page.ask("risk.kill", flatten=False)
    assert done["cancelled"] == 3


async def test_an_unanswered_order_shows_its_evidence_and_is_asked_about(desk_page):
    page = desk_page
    await quoted(page)
    await page.ask("paper.settings", latency_ms="60000")
    sent = await page.ask("order.submit", token="a", **BUY)
    assert sent["status"] == "pending"
    trade = page.desk.trade
    trade.writer.report(trade.resolver.look(trade.engine, patience_ns=0))
    await page.until(lambda m: m["t"] == "orders" and any(row["status"] == "unknown" for row in m["rows"]), "unknown")
    row = page.orders()[sent["client_order_id"]]
    assert row["outcome"] == "unresolved" and row["sent_ns"] and row["asked_ns"] and row["next_ask_ns"] > row["asked_ns"] and row["evidence"]
    assert (await page.ask("order.query_unknown"))["count"] == 1
    await page.until(lambda m: m["t"] == "orders" and any(row["asked"] == 2 for row in m["rows"]), "asked again")

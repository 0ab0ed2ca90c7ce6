"""Exposure and the equity curve of a whole desk: exact, kept over a restart, gone with the lock."""

from decimal import Decimal

import pytest

from app.trading.breakdown import KINDS
from app.trading.curve import EquityCurve
from tests.unit.desk.conftest import BUY, start_desk
from tests.unit.desk.test_desk import PASSPHRASE, quoted


@pytest.mark.parametrize("kind", KINDS)
async def test_exposure_of_any_kind_comes_to_the_equity(desk_page, kind):
    page = desk_page
    await quoted(page)
    await page.ask("order.submit", token="one", **BUY)
    found = await page.ask("portfolio.exposure", by=kind)
    assert found["difference"] == "0" and found["left_out"] == []
    assert Decimal(found["cash"]) + Decimal(found["total"]["net"]) == Decimal(found["equity"])
    (row,) = found["rows"]
    expected = {"symbol": "BTCUSDT", "base": "BTC", "quote": "USDT", "side": "long", "strategy": "desk", "account": page.desk.trade.engine.account}
    assert row["key"] == expected[kind] and row["positions"] == 1 and Decimal(row["long"]) > 0
    if kind in ("account", "strategy"):
        assert Decimal(row["fees"]) > 0
        assert Decimal(100_000) + Decimal(row["result"]) == Decimal(found["equity"]), "what was started with and the result"


async def test_exposure_at_a_rate_comes_to_the_equity(desk_page):
    page = desk_page
    await quoted(page)
    bought, rates = ("NMR-EUR", "SKL-USD", "XMR/USD"), ("USDT/EUR", "USDT/USD")
    await page.ask("watch", symbols=[*rates, *bought])
    for symbol in (*rates, *bought):
        await page.until(lambda m, of=symbol: m["t"] == "tick" and any(row[0] == of and row[2] for row in m["quotes"]), f"a quote of {symbol}")
    for symbol in bought:
        order = await page.ask("order.submit", token=symbol, **{**BUY, "symbol": symbol, "qty": "7"})
        assert "error" not in order, order
    for _ in range(20):
        seq = page.latest("tick")["seq"]
        await page.until(lambda m, before=seq: m["t"] == "tick" and m["seq"] > before, "another price")
        assert (await page.ask("portfolio.exposure", by="quote"))["difference"] == "0"


async def test_what_there_is_not_is_refused(desk_page):
    assert (await desk_page.ask("portfolio.exposure", by="weather"))["error"]["field"] == "by"
    assert (await desk_page.ask("equity.curve", span="century"))["error"]["field"] == "span"


async def test_the_curve_is_sampled_with_the_day_s_start_and_the_falls(desk_page):
    page, portfolio = desk_page, desk_page.desk.portfolio
    await quoted(page)
    portfolio.second()
    await page.ask("order.submit", token="one", **BUY)
    portfolio.second()
    view = await page.ask("equity.curve", span="hour")
    assert view["currency"] == "USDT" and view["day_open"] == "100000"
    start, low, high, last, fall = view["rows"][-1]
    assert Decimal(fall) == Decimal(view["deepest"]["amount"]), "drawn and told are one"
    assert Decimal(low) <= Decimal(last) <= Decimal(high) and start % 10 == 0
    assert view["peak"] == "100000" and Decimal(view["fall"]) > 0, "spread and fee were paid"
    assert Decimal(view["deepest"]["amount"]) >= Decimal(view["fall"])


async def test_a_transfer_is_no_fall_on_the_curve_and_none_of_the_limit(desk_page):
    page, portfolio = desk_page, desk_page.desk.portfolio
    await quoted(page)
    await page.ask("risk.limit", scope="account", name="drawdown", value="1")
    portfolio.second(page.desk.trade.second())
    for amount, peak in (("-60000", "40000"), ("25000", "65000"), ("-64000", "1000")):
        assert "error" not in await page.ask("cash.book", kind="transfer", currency="USDT", amount=amount, symbol="", note="")
        portfolio.second(page.desk.trade.second())
        view = await page.ask("equity.curve", span="hour")
        assert (view["peak"], view["fall"], view["deepest"]) == (peak, "0", None)
    assert page.latest("risk")["states"] == []
    await page.ask("cash.book", kind="fee", currency="USDT", amount="-20", symbol="", note="")
    portfolio.second(page.desk.trade.second())
    assert (await page.ask("equity.curve", span="hour"))["fall"] == "20"
    await page.until(lambda m: m["t"] == "risk" and m["states"], "2 % of what is left are a drawdown")


async def test_flows_between_the_last_record_and_a_restart_move_the_peak(desk_page):
    page, portfolio = desk_page, desk_page.desk.portfolio
    await quoted(page)
    portfolio.second()
    fine, coarse = portfolio.curve.to_records()
    await page.ask("cash.book", kind="transfer", currency="USDT", amount="-60000", symbol="", note="")
    portfolio.second()
    portfolio.curve = EquityCurve.from_records(fine, coarse)
    portfolio.second()
    assert portfolio.curve.drawdown() == (40_000, 0)


async def test_the_account_is_valued_once_a_second(desk_page):
    page = desk_page
    await quoted(page)
    trade, valued = page.desk.trade, []
    value = trade.value
    trade.value = lambda: valued.append(1) or value()
    page.desk.portfolio.second(trade.second())
    assert len(valued) == 1 and len(page.desk.portfolio.curve) > 0
    page.desk._seconds = 10
    page.desk.publisher.second = lambda: None  # tells the account in its own time
    page.desk._second()
    assert len(valued) == 2


async def test_a_position_that_has_no_price_is_no_sample(desk_page):
    page, portfolio = desk_page, desk_page.desk.portfolio
    await quoted(page)
    await page.ask("order.submit", token="one", **BUY)
    portfolio.second()
    before = portfolio.curve.to_records()
    page.desk.trade.view.mark = lambda _symbol: None
    portfolio.second()
    assert portfolio.curve.to_records() == before


async def test_it_is_kept_in_the_vault_found_after_a_restart_and_gone_with_the_lock(tmp_path):
    path = tmp_path / "store"
    page = await start_desk(path)
    await quoted(page)
    portfolio = page.desk.portfolio
    portfolio.second()
    await page.ask("vault.create", bytearray(PASSPHRASE.encode()))
    portfolio.second()
    await portfolio._keeping
    await page.ask("order.submit", token="one", **BUY)
    portfolio.second()
    await portfolio.keep()
    kept = portfolio.curve.to_records()
    await page.ask("vault.lock")
    portfolio.second()
    assert portfolio.curve is None
    assert (await page.ask("equity.curve", span="hour"))["rows"] == []
    await page.desk.stop()

    page = await start_desk(path)
    await page.ask("vault.unlock", bytearray(PASSPHRASE.encode()))
    portfolio = page.desk.portfolio
    portfolio.second()
    await portfolio._keeping
    assert portfolio.curve.to_records() == kept
    contents = await page.ask("vault.contents")
    assert "equity" in {row["name"] for row in contents["classes"]}
    await page.desk.stop()


async def test_a_curve_that_cannot_be_read_begins_anew_and_says_so(tmp_path):
    path = tmp_path / "store"
    page = await start_desk(path)
    await quoted(page)
    await page.ask("vault.create", bytearray(PASSPHRASE.encode()))
    await page.desk.keeping.vault.put("equity", "journal.fine", b"nonsense")
    portfolio = page.desk.portfolio
    portfolio.second()
    await portfolio._keeping
    assert "begins anew" in page.latest("toast")["text"]
    portfolio.second()
    assert len(portfolio.curve) > 0
    await page.desk.stop()

"""Several accounts on one desk: each with a journal of its own; one is shown, all go on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest

from app.desk.recorder import JOURNAL, Session
from app.desk.settings import from_query
from app.desk.vaultfiles import CONFIRM
from app.model.events import RiskStateSet
from app.trading.money import plain
from tests.unit.desk.conftest import BUY
from tests.venues.exec_desk import PASSPHRASE, SYMBOL, with_paper
from tests.venues.live_desk import until


def test_accounts_are_named_with_commas_and_what_is_wrong_is_said():
    found = from_query({"venue": "binance,kraken", "account": "paper,binance"})
    assert found.accounts == ("paper", "binance") and not found.problems
    wrong = from_query({"venue": "binance", "account": "alpaca,binance,other,binance"})
    assert wrong.accounts == ("binance",) and len(wrong.problems) == 2
    assert "venue=alpaca" in wrong.problems[0] and "unknown" in wrong.problems[1]
    none = from_query({"account": "binance"})
    assert none.accounts == ("paper",) and none.problems[0].endswith("paper is used")


def test_a_session_of_a_tab_that_was_not_updated_is_taken():
    found = Session.from_text('{"records": [["000000000001", "x"]], "settings": ""}')
    assert found.logs == {JOURNAL: [("000000000001", b"x")]}
    assert Session.from_text(found.to_text()) == found


@pytest.fixture
async def two(tmp_path):
    async with with_paper(tmp_path) as desk:
        yield desk


def paper_and_real(two):
    return two.desk.accounts.named("paper"), two.desk.accounts.named("binance")


async def test_orders_go_to_the_account_that_the_page_means(two):
    paper, real = paper_and_real(two)
    assert two.desk.accounts.shown is paper
    at_market = {**BUY, "qty": "0.01"}
    bought = await two.page.ask("order.submit", token="p", **at_market)
    await until(lambda: paper.trade.engine.orders[bought["client_order_id"]].status.value == "filled", "filled on paper")
    # Meant for the account that the page showed when it was pressed, whichever is shown now.
    sold = await two.page.ask("order.submit", token="r", account="binance", **{**at_market, "side": "sell"})
    await until(lambda: real.trade.engine.orders[sold["client_order_id"]].status.value == "filled", "filled for real")
    assert [order.name for order in two.account.orders] == [sold["client_order_id"]], "the exchange had the real order alone"
    assert sold["client_order_id"] not in two.page.orders(), "the page shows the paper account"
    assert bought["client_order_id"] in two.page.orders()
    assert set(paper.trade.engine.orders) == {bought["client_order_id"]} and set(real.trade.engine.orders) == {sold["client_order_id"]}
    refused = await two.page.ask("order.submit", token="x", account="alpaca", **at_market)
    assert refused["error"]["code"] == "unknown_account" and refused["error"]["field"] == "account"
    wrong = await two.page.ask("order.cancel", account="paper", client_order_id=sold["client_order_id"])
    assert wrong["error"]["code"] == "unknown_order"


async def test_another_account_is_shown_whole_and_nothing_of_the_first_stays(two):
    paper, real = paper_and_real(two)
    await two.page.ask("order.submit", token="p", **BUY)
    resting = {**BUY, "type": "limit", "tif": "gtc", "price": str(two.bid - 500)}
    placed = await two.page.ask("order.submit", token="r", account="binance", **resting)
    two.page.messages.clear()
    said = await two.page.ask("account.choose", account="binance")
    assert said["shown"] == "binance" and [row["name"] for row in said["rows"]] == ["paper", "binance"]
    assert two.page.latest("hello")["capabilities"]["account"] == "binance"
    assert set(two.page.orders()) == {placed["client_order_id"]}
    assert two.page.latest("fills") == {"t": "fills", "reset": True, "rows": []}
    assert two.page.latest("order_state")["real"] is True
    await two.page.until(lambda message: (message.get("account") or {}).get("cash"), "the account's figures")
    assert two.desk.keeping.journal == real.journal
    await two.page.ask("account.choose", account="paper")
    assert len(two.page.orders()) == 1 and placed["client_order_id"] not in two.page.orders()
    assert paper.trade.engine.fills and not real.trade.engine.fills


async def test_all_are_worth_together_what_each_is_worth(two):
    message = two.desk.accounts.message()
    values = [each.trade.value() for each in two.desk.accounts.all]
    rates = two.desk.trade.view.rates("USDT")
    assert values[0].equity and values[1].equity
    total = sum(rates.convert(value.equity, value.currency) for value in values)
    assert message["total"] == {"currency": "USDT", "equity": plain(total), "left_out": []}
    assert [row["real"] for row in message["rows"]] == [False, True]
    await two.page.ask("vault.lock")
    closed = two.desk.accounts.message()
    assert closed["total"]["left_out"] == ["paper", "binance"] and closed["rows"][1]["equity"] is None


async def test_each_has_its_journal_and_a_restart_brings_both_back(two):
    paper, real = paper_and_real(two)
    await two.page.ask("order.submit", token="p", **BUY)
    await two.page.ask("order.submit", token="r", account="binance", **{**BUY, "side": "sell"})
    await until(lambda: paper.trade.engine.fills and real.trade.engine.fills, "both filled")
    before = [(each.trade.engine.account, dict(each.trade.engine.portfolio.cash)) for each in (paper, real)]
    await two.restart()
    await until(lambda: two.desk.accounts.named("binance").trade.engine.balanced, "reconciled")
    after = [(each.trade.engine.account, dict(each.trade.engine.portfolio.cash)) for each in paper_and_real(two)]
    assert after == before
    names = {item["name"] for item in (await two.page.ask("vault.contents"))["classes"]}
    assert {"journal", "journal-binance"} <= names


async def test_the_kill_switch_is_that_of_every_account(two):
    paper, real = paper_and_real(two)
    resting = {**BUY, "type": "limit", "tif": "gtc", "price": str(two.bid - 500)}
    placed = [await two.page.ask("order.submit", token=name, account=name, **resting) for name in ("paper", "binance")]
    assert (await two.page.ask("risk.kill", flatten=False))["cancelled"] == 2
    for account, order in zip((paper, real), placed, strict=True):
        await until(lambda account=account, order=order: account.trade.engine.orders[order["client_order_id"]].status.value == "cancelled", "cancelled")
    denied = [await two.page.ask("order.submit", token=f"{name}2", account=name, **resting) for name in ("paper", "binance")]
    assert [answer["error"]["code"] for answer in denied] == ["risk_halted", "risk_halted"], denied
    await two.page.ask("risk.set", scope="desk", state="normal")
    assert not paper.trade.risk.halted() and not real.trade.risk.halted(), "the desk is lifted as a whole"


async def test_exposure_of_the_whole_desk_counts_all_accounts_and_of_an_account_its_own(two):
    _paper, real = paper_and_real(two)
    held = real.trade.engine.risk.book.totals("").gross
    assert held > 100_000, "two bitcoins at the exchange"
    await two.page.ask("risk.limit", scope="desk", name="gross_exposure", value=str(int(held) + 1000))
    refused = await two.page.ask("order.submit", token="p", **{**BUY, "qty": "0.1"})
    assert refused["error"]["code"] == "risk_gross_exposure" and refused["error"]["numbers"]["scope"] == "desk"
    assert Decimal(refused["error"]["numbers"]["used"]) > held
    assert "client_order_id" in await two.page.ask("order.submit", token="q", **{**BUY, "qty": "0.01"})
    await two.page.ask("risk.limit", scope="desk", name="gross_exposure", value="20000000")
    await two.page.ask("risk.limit", scope="account", name="gross_exposure", value=str(int(held)))
    assert "client_order_id" in await two.page.ask("order.submit", token="r", **{**BUY, "qty": "0.1"}), "an account's limit is its own"


async def test_one_press_sets_a_limit_of_the_desk_in_every_journal_and_says_where_it_did_not(two):
    paper, real = paper_and_real(two)
    said = await two.page.ask("risk.limit", scope="desk", name="order_rate", value="7", everywhere=True)
    assert [row["account"] for row in said["written"]] == ["paper", "binance"] and said["not_written"] == []
    assert [account.trade.engine.risk.text_of("desk", "order_rate") for account in (paper, real)] == ["7", "7"]
    append = real.trade.writer.recorder.append

    async def full(*_record) -> None:
        raise OSError("the disk is full")

    real.trade.writer.recorder.append = full
    said = await two.page.ask("risk.limit", scope="desk", name="order_rate", value="9", everywhere=True)
    assert [row["account"] for row in said["written"]] == ["paper"]
    assert said["not_written"] == [{"account": "binance", "title": "Binance", "reason": "the disk is full"}]
    row = next(row for row in said["limits"] if (row["scope"], row["name"]) == ("desk", "order_rate"))
    assert row["value"] == "9" and row["counts"] == "all"
    assert row["instead"] == [{"account": "binance", "title": "Binance", "value": "7", "currency": ""}]
    real.trade.writer.recorder.append = append
    paper.trade.writer.recorder.append, kept = full, paper.trade.writer.recorder.append
    failed = await two.page.ask("risk.limit", scope="desk", name="order_rate", value="3", everywhere=True)
    assert failed["error"]["reason"] == "the disk is full" and real.trade.engine.risk.text_of("desk", "order_rate") == "7", "nothing was changed"
    paper.trade.writer.recorder.append = kept
    wrong = await two.page.ask("risk.limit", scope="account", name="order_rate", value="3", everywhere=True)
    assert wrong["error"]["code"] == "bad_scope"
    alone = await two.page.ask("risk.limit", scope="desk", name="order_rate", value="100")
    assert "written" not in alone and real.trade.engine.risk.text_of("desk", "order_rate") == "7"


async def test_pace_and_loss_of_the_desk_count_all_accounts_and_of_an_account_its_own(two):
    paper, real = paper_and_real(two)
    resting = {**BUY, "type": "limit", "tif": "gtc", "price": str(two.bid - 500)}
    await two.page.ask("risk.limit", scope="desk", name="order_rate", value="3", everywhere=True)
    await two.page.ask("risk.limit", scope="account", name="order_rate", value="3")
    places = ("binance", "binance", "binance", "paper")
    sent = await asyncio.gather(*(two.page.ask("order.submit", token=f"r{at}", account=name, **resting) for at, name in enumerate(places)))
    assert ["error" in answer for answer in sent] == [False, False, False, True], sent
    assert sent[3]["error"]["code"] == "risk_order_rate" and sent[3]["error"]["numbers"]["scope"] == "desk"

    lost = replace(real.trade.value(), day_pnl=Decimal(-700))
    await two.page.ask("risk.limit", scope="desk", name="daily_loss", value="1000", everywhere=True)
    real.trade.risk.seen = lost
    found = paper.trade.risk._watch.look(paper.trade.engine, Decimal(100_000), Decimal(-400), paper.trade.engine.now_ns())
    states = [event for event in found if isinstance(event, RiskStateSet)]
    assert [(event.scope, event.rule, event.state) for event in states] == [("desk", "daily_loss", "reduce_only")], "400 here and 700 there"
    assert not [event for event in paper.trade.risk._watch.look(paper.trade.engine, Decimal(100_000), Decimal(-200), 1) if isinstance(event, RiskStateSet)]


async def test_a_session_in_memory_is_handed_over_with_all_its_journals(two):
    given = Session({"journal": [("000000000001", b"a")], "journal-elsewhere": [("000000000001", b"b")]}, b"")
    keeping = two.desk.keeping
    await two.page.ask("vault.wipe", confirm=CONFIRM)
    await keeping._close_accounts()
    await keeping._use_memory(given)
    logs = keeping.session_logs()
    assert logs["journal-elsewhere"] == [("000000000001", b"b")], "the journal of an account that this tab does not have is kept as it is"
    assert logs["journal"][0] == ("000000000001", b"a") and "journal-binance" in logs
    created = await two.page.ask("vault.create", secret=bytearray(PASSPHRASE))
    assert "error" not in created, created
    assert [record.data for record in (await keeping.vault.scan("journal-elsewhere")).records] == [b"b"]
    assert SYMBOL in two.desk.market.symbols

"""Reconciliation, invariant by invariant, on the emulated exchange: what was found, what a failed question means, what a person settles."""

from __future__ import annotations

import asyncio
import csv
import io
from decimal import Decimal

import pytest

from app.trading.canonical import state_hash
from app.trading.engine import Engine
from app.trading.journal import decode
from tests.venues.exec_desk import SYMBOL, real_desk
from tests.venues.exec_sdks import python_binance_account
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
TENTH = Decimal("0.1")


async def shown(desk) -> dict:
    """What the reconciliation page shows."""
    return await desk.page.ask("reconciliation.state")


async def statement(desk, what: str) -> list[dict[str, str]]:
    """The rows of a statement as the page saves it."""
    return list(csv.DictReader(io.StringIO((await desk.page.ask("statement", what=what))["text"])))


async def ended(desk, count: int) -> list[dict]:
    """The history once so many reconciliations of a connection have ended, newest first."""

    def runs() -> list:
        return [event for event in desk.engine.reconciled if event.cause != "difference"]

    await until(lambda: desk.engine is not None and len(runs()) >= count, f"{count} reconciliations")
    return [row for row in (await shown(desk))["history"] if row["cause"] != "difference"]


async def test_ready_is_told_once_what_was_found_is_in_the_journal(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        recorder, may_write = desk.desk.trade.writer.recorder, asyncio.Event()
        append = recorder.append

        async def waits(first: int, record: bytes) -> None:
            await may_write.wait()
            await append(first, record)

        recorder.append = waits
        desk.emulator.inject("api_disconnect")
        desk.emulator.exchange.trade(SYMBOL, desk.bid - 100, TENTH)
        await until(lambda: desk.state != "ready", "the loss was seen")
        await until(lambda: desk.real.execution.is_ready and desk.desk.trade.writer.queued, "all answered, nothing written")
        for _ in range(20):
            await asyncio.sleep(0)
        seen, found = len(desk.page.messages), (desk.state, desk.page.latest("execution")["state"], desk.orders()[cid])
        may_write.set()
        assert found == ("reconciling", "reconciling", "accepted")
        await desk.ready()
        assert desk.orders()[cid] == "filled"
        told = [message["t"] if message["t"] != "execution" else message["state"] for message in desk.page.messages[seen:]]
        assert told.index("fills") < told.index("ready")


async def test_every_reconciliation_is_journalled_with_what_it_found(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        (first,) = await ended(desk, 1)
        assert (first["cause"], first["venue"], first["asked"], first["differences"]) == ("start", "binance", 0, "")
        part, whole = [(await desk.submit())["client_order_id"] for _ in range(2)]
        await until(lambda: set(desk.orders().values()) == {"accepted"}, "both accepted")
        desk.emulator.inject("api_disconnect")
        desk.emulator.exchange.trade(SYMBOL, desk.bid - 100, TENTH)
        desk.emulator.exchange.trade(SYMBOL, desk.bid - 100, Decimal("0.03"))
        async with python_binance_account(desk.emulator) as client:
            order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5", "price": str(desk.bid - 300)}
            found = await client.create_order(**order)
        await until(lambda: desk.state != "ready", "the loss was seen")
        assert "error" in await desk.submit(), "no order leaves while its venue is reconciling"
        last = (await ended(desk, 2))[0]
        assert (last["cause"], last["orders"], last["fills"], last["adopted"]) == ("reconnect", 2, 2, 1) and last["asked"] >= 2
        assert {desk.orders()[part], desk.orders()[whole]} == {"filled", "partially_filled"}
        (adopted,) = (await shown(desk))["adopted"]
        assert adopted["client_order_id"] == f"venue-btcusdt-{found['orderId']}"
        await desk.page.ask("order.cancel", client_order_id=adopted["client_order_id"])
        await desk.status(adopted["client_order_id"], "cancelled")
        await desk.agree()
        records = await desk.desk.trade.writer.recorder.read_all()
        replayed = Engine.replay(desk.engine.account, desk.desk.around.clock, [entry for record in records for entry in decode(record)])
        assert state_hash(replayed) == state_hash(desk.engine) and [*replayed.reconciled] == [*desk.engine.reconciled]


async def test_a_question_that_failed_says_nothing_and_is_not_flat(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        await desk.status((await desk.submit(type="market", tif="ioc", price=None))["client_order_id"], "filled")
        resting = (await desk.submit())["client_order_id"]
        await desk.status(resting, "accepted")
        await desk.agree()
        held, cash = desk.engine.portfolio.qty(SYMBOL), dict(desk.engine.portfolio.cash)
        for match in ("account.status", "openOrders.status", "order.status"):
            desk.emulator.inject("api_refuse", match=match, status=500, code=-1000, msg="down", count=2)
        desk.emulator.inject("api_disconnect")
        await until(lambda: desk.state != "ready", "the loss was seen")
        asked = desk.emulator.private.requests.count("account.status")
        await until(lambda: desk.emulator.private.requests.count("account.status") > asked, "the account was asked for")
        assert (desk.engine.portfolio.qty(SYMBOL), dict(desk.engine.portfolio.cash)) == (held, cash)
        assert desk.orders()[resting] == "accepted", "an order that could not be asked about is not gone"
        await desk.ready()
        assert (desk.engine.portfolio.qty(SYMBOL), dict(desk.engine.portfolio.cash)) == (held, cash)
        assert desk.orders()[resting] == "accepted"
        await desk.agree()


async def test_a_difference_is_shown_until_a_person_settles_it_and_settling_twice_is_settling_once(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        await ended(desk, 1)
        desk.account.free["BTC"] += Decimal("0.25")
        desk.account.free["USDT"] -= 500
        desk.emulator.exchange.position(desk.account, "USDT", "BTC")
        await until(lambda: len(desk.desk.reconciling._since) == 2, "both differences")
        state = await shown(desk)
        rows = {row["about"]: row for row in state["differences"]}
        assert (rows["BTC"]["what"], rows["USDT"]["what"]) == ("positions", "balances")
        assert Decimal(rows["BTC"]["theirs"]) - Decimal(rows["BTC"]["ours"]) == Decimal("0.25")
        await until(lambda: any(event.cause == "difference" and "BTC" in event.differences for event in desk.engine.reconciled), "it is journalled")
        mark, position = desk.desk.real.mark(SYMBOL), desk.engine.portfolio.positions[SYMBOL]
        before = position.realised + position.qty * mark - position.cost
        count = len(desk.engine.adjusted)
        await desk.page.ask("execution.settle")
        await desk.page.ask("execution.settle")
        assert len(desk.engine.adjusted) == count + 2, "the second time nothing differs"
        added = [event for _at, event in desk.engine.adjusted[count:]]
        price = next(event.price for event in added if event.symbol == SYMBOL)
        after = position.realised + position.qty * price - position.cost
        assert abs(after - before) <= abs(position.qty) * abs(price - mark), "nobody earned anything"
        hashed = state_hash(desk.engine)
        for event in added:
            assert event.adjustment_id.startswith("ks-")
            desk.engine.apply(event)
        assert state_hash(desk.engine) == hashed, "the same synthetic fill again changes nothing"
        await until(lambda: not desk.desk.reconciling._since, "settled")
        lots = await statement(desk, "open")
        assert sum(Decimal(row["quantity"]) for row in lots if row["instrument"] == SYMBOL) == position.qty and {row["side"] for row in lots} == {"long"}
        balances = {row["currency"]: Decimal(row["balance"]) for row in await statement(desk, "ledger")}
        assert balances == desk.engine.portfolio.cash, "what was there at first and what was taken over are in the statements"
        assert {row["id"] for row in (await shown(desk))["synthetic"]} >= {event.adjustment_id for event in added}
        await desk.agree()


async def test_an_unknown_order_is_listed_with_its_evidence_and_asked_about_by_hand(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_cut_before", match="order.place")
        cid = (await desk.submit())["client_order_id"]
        await until(lambda: desk.emulator.private.requests.count("order.status") >= 1, "asked once")
        (row,) = (await shown(desk))["unresolved"]
        assert row["client_order_id"] == cid and row["asked"] >= 1 and row["next_ask_ns"] and "connection was lost" in row["evidence"]
        assert desk.orders()[cid] == "unknown", "not found once is not believed"
        await desk.status(cid, "rejected")
        await until(lambda: desk.state == "ready", "ready")
        assert (await shown(desk))["unresolved"] == []


async def test_the_venues_word_on_an_order_is_compared_to_its_last_digit_and_its_average_price(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(type="market", tif="ioc", price=None, qty="0.7"))["client_order_id"]
        await desk.status(cid, "filled")
        await desk.agree()
        word = desk.desk.real.execution.words()[cid]
        assert word.filled == desk.engine.orders[cid].filled and word.average is not None
        desk.desk.real.execution.saw(cid, word._replace(average=word.average * Decimal("1.0002")))
        await until(lambda: desk.desk.reconciling._since, "the difference")
        (row,) = (await shown(desk))["differences"]
        assert (row["what"], row["about"]) == ("average price", cid)
        desk.desk.real.execution.saw(cid, word._replace(average=word.average * Decimal("1.00009")))
        await until(lambda: not desk.desk.reconciling._since, "within 0.01 % it is the same price")

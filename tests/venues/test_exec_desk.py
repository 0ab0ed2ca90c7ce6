"""Real execution, whole desk against the emulated exchange over real sockets: what is lost, late, doubled, refused, cut, or done by others."""

import asyncio
from decimal import Decimal

import pytest

from tests.unit.desk.conftest import start_desk
from tests.venues.exec_desk import ED25519, HMAC, SYMBOL, RealDesk, real_desk
from tests.venues.exec_sdks import ED_KEY, ED_PEM, SECRET, ccxt_account, python_binance_account
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
TENTH = Decimal("0.1")


def exchange_fills(desk: RealDesk, qty: str) -> None:
    """Somebody trades with what rests a hundred below the bid."""
    desk.emulator.exchange.trade(SYMBOL, desk.bid - 100, Decimal(qty))


@pytest.mark.parametrize("algorithm", [HMAC, ED25519])
async def test_orders_fills_and_balances_with_either_key(tmp_path, algorithm):
    async with real_desk(tmp_path, algorithm) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        exchange_fills(desk, "0.04")
        await desk.status(cid, "partially_filled")
        await desk.agree()
        exchange_fills(desk, "0.06")
        await desk.status(cid, "filled")
        sold = (await desk.submit(type="market", tif="ioc", price=None, side="sell", qty="0.3"))["client_order_id"]
        await desk.status(sold, "filled")
        rested = (await desk.submit())["client_order_id"]
        await desk.page.ask("order.cancel", client_order_id=rested)
        await desk.status(rested, "cancelled")
        await desk.agree()
        fill = desk.engine.fills[0]
        assert (fill.fee, fill.fee_currency, fill.liquidity.value, fill.currency) == (Decimal("0.00004"), "BTC", "maker", "USDT")
        value = desk.desk.trade.value()
        held = sum((desk.account.balance(asset) * (1 if asset == "USDT" else desk.desk.real.mark(SYMBOL)) for asset in ("USDT", "BTC")), Decimal(0))
        assert value.equity == held and [(row.symbol, row.currency) for row in value.positions] == [(SYMBOL, "USDT")]


async def test_nothing_leaves_without_a_vault_a_key_and_arming_and_the_secret_goes_nowhere(tmp_path):
    async with real_desk(tmp_path) as desk:
        page = desk.page
        await desk.market()
        assert "no key" in page.latest("order_state")["reason"] and not page.latest("order_state")["accepting"]
        assert (await desk.submit())["error"]["code"] == "no_account"
        assert (await desk.key())["error"]["code"] == "not_unlocked"
        await page.ask("vault.create", secret=bytearray(b"correct horse battery"))
        assert (await page.ask("execution.arm", confirmed=True))["error"]["code"] == "no_key"
        assert (await desk.key())["key"] == {"ends": "6789", "algorithm": HMAC}
        await desk.ready()
        assert (await page.ask("execution.arm"))["error"]["code"] == "not_confirmed"
        assert (await desk.submit())["error"]["code"] == "not_armed"
        await page.ask("execution.arm", confirmed=True)
        await desk.status((await desk.submit())["client_order_id"], "accepted")
        await page.ask("execution.disarm")
        assert (await desk.submit())["error"]["code"] == "not_armed" and len(desk.emulator.exchange.placed) == 1
        await page.ask("trace.follow", after=0)
        assert not any(SECRET in str(message) for message in page.messages)
        assert SECRET.encode() not in desk.store.read_bytes()
        await page.ask("execution.forget")
        assert desk.state == "off" and (await page.ask("execution.state"))["key"] is None


async def test_a_wrong_key_is_refused_once_and_another_account_is_not_mixed_in(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.page.ask("vault.create", secret=bytearray(b"correct horse battery"))
        await desk.market()
        await desk.key(wrong=True)
        await until(lambda: desk.state == "refused", "refused")
        assert "-1022" in desk.desk.real.view()["detail"] and desk.emulator.private.connects == 1
        await desk.page.ask("execution.forget")
        assert (desk.state, desk.desk.real.view()["detail"]) == ("off", ""), "nothing is said of a key that is gone"
        await desk.key()
        await desk.ready()
        other = await desk.page.ask("execution.key", secret=bytearray(ED_PEM), api_key=ED_KEY, algorithm=ED25519)
        assert "error" not in other
        await until(lambda: desk.state == "refused", "the other account")
        assert "another account" in desk.desk.real.view()["detail"]
        assert (await desk.page.ask("execution.key", secret=bytearray(b"no key"), api_key=ED_KEY, algorithm=ED25519))["error"]["code"] == "vault-refused"
        assert (await desk.page.ask("execution.key", secret=bytearray(b"x"), api_key="a b", algorithm=HMAC))["error"]["field"] == "api_key"


async def test_an_acknowledgement_that_is_lost_leaves_the_order_unknown_until_it_is_found_by_its_id(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_drop", match="order.place")
        desk.emulator.inject("event_drop", count=1, match="executionReport:NEW")
        cid = (await desk.submit())["client_order_id"]
        assert desk.orders()[cid] == "pending"
        await desk.status(cid, "accepted")
        assert "no answer in time" in desk.engine.orders[cid].evidence  # it was unknown in between
        await desk.agree()
        assert desk.emulator.private.requests.count("order.place") == 1


async def test_a_connection_cut_after_sending_is_reconciled_before_anything_else_leaves(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_cut", match="order.place")
        cid = (await desk.submit())["client_order_id"]
        assert desk.orders()[cid] == "unknown" and "connection was lost" in desk.engine.orders[cid].evidence
        denied = (await desk.submit())["error"]
        assert denied["code"] == "venue_not_ready" and len(desk.engine.orders) == 1
        await desk.ready()
        await desk.status(cid, "accepted")
        exchange_fills(desk, "0.1")
        await desk.status(cid, "filled")
        await desk.agree()


async def test_a_status_that_is_not_known_leaves_its_order_unresolved_and_the_others_go_on(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        odd, other = [(await desk.submit())["client_order_id"] for _ in range(2)]
        for cid in (odd, other):
            await desk.status(cid, "accepted")
        await desk.desk.stop()
        desk.theirs(odd).status = "IN_LIMBO"
        desk.emulator.exchange.cancel(desk.theirs(other))
        await desk.restart()
        await desk.ready()
        await desk.status(odd, "unknown")
        assert desk.orders() == {odd: "unknown", other: "cancelled"} and "IN_LIMBO" in desk.engine.orders[odd].evidence
        desk.theirs(odd).status = "NEW"
        await desk.status(odd, "accepted")
        await desk.agree()


@pytest.mark.parametrize("end", ["filled", "cancelled", "working"])
async def test_an_amendment_without_an_answer_counts_however_the_order_went_on(tmp_path, end):
    """The exchange took the smaller quantity and nobody heard of it; meanwhile the order was filled to it, cancelled, or works on."""
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(qty="0.1"))["client_order_id"]
        await desk.status(cid, "accepted")
        exchange_fills(desk, "0.04")
        await desk.status(cid, "partially_filled")
        desk.emulator.inject("api_drop", match="order.amend")
        desk.emulator.inject("event_drop", count=1, match="executionReport")
        asking = asyncio.create_task(desk.page.ask("order.amend", client_order_id=cid, qty="0.06", price=None, stop=None))
        await until(lambda: desk.theirs(cid).qty == Decimal("0.06"), "amended there")
        await desk.desk.stop()
        asking.cancel()
        if end == "filled":
            desk.emulator.exchange.trade(SYMBOL, desk.theirs(cid).price, Decimal("0.02"))
        elif end == "cancelled":
            desk.emulator.exchange.cancel(desk.theirs(cid))
        await desk.restart()
        await desk.ready()
        await desk.status(cid, {"working": "partially_filled"}.get(end, end))
        order = desk.engine.orders[cid]
        assert (order.qty, order.filled) == (Decimal("0.06"), Decimal("0.06" if end == "filled" else "0.04"))
        await desk.agree()


async def test_a_fill_that_ends_an_order_made_smaller_unheard_ends_it_here(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(qty="0.1"))["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.inject("api_drop", match="order.amend")
        desk.emulator.inject("event_drop", count=1, match="executionReport")
        asking = asyncio.create_task(desk.page.ask("order.amend", client_order_id=cid, qty="0.06", price=None, stop=None))
        await until(lambda: desk.theirs(cid).qty == Decimal("0.06"), "amended there")
        exchange_fills(desk, "0.06")
        await desk.status(cid, "filled")
        assert desk.engine.orders[cid].qty == Decimal("0.06")
        await asking
        await desk.agree()


async def test_an_order_that_never_arrived_is_believed_only_the_second_time(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_cut_before", match="order.place")
        cid = (await desk.submit())["client_order_id"]
        assert desk.orders()[cid] == "unknown"
        await until(lambda: desk.emulator.private.requests.count("order.status") >= 1, "asked once")
        assert desk.orders()[cid] == "unknown" and desk.state == "reconciling" and not desk.desk.real.execution.is_ready
        await desk.status(cid, "rejected")
        assert desk.engine.orders[cid].code == "never_arrived" and desk.emulator.private.requests.count("order.status") >= 2
        await desk.ready()
        assert desk.emulator.exchange.placed == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 400, "code": -2010, "msg": "Order would immediately match and take."}, "rejected", "binance_2010"),
        ({"status": 400, "code": -1013, "msg": "Filter failure: PERCENT_PRICE_BY_SIDE"}, "rejected", "binance_1013"),
        ({"status": 403, "code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}, "rejected", "binance_2015"),
        ({"status": 429, "code": -1003, "seconds": 0.3}, "rejected", "binance_1003"),
        ({"status": 400, "code": -1007, "msg": "Timeout waiting for response from backend server."}, "unknown", ""),
        ({"status": 503, "code": -1008, "msg": "Server is currently overloaded."}, "unknown", ""),
        ({"status": 500, "code": -1000, "msg": "An unknown error occured while processing the request."}, "unknown", ""),
        ({"status": 400, "code": -2010, "msg": "Duplicate order sent."}, "unknown", ""),
    ],
)
async def test_a_refusal_is_definite_only_where_the_venue_says_so(tmp_path, fault, status, code):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_refuse", match="order.place", **fault)
        cid = (await desk.submit())["client_order_id"]
        assert desk.orders()[cid] == status and desk.engine.orders[cid].code == code
        assert desk.emulator.exchange.placed == []


async def test_after_429_nothing_is_sent_until_the_time_named_then_cancels_first(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        desk.emulator.inject("api_refuse", match="order.place", status=429, code=-1003, seconds=1.5)
        refused = (await desk.submit())["client_order_id"]
        assert desk.orders()[refused] == "rejected"
        asked = len(desk.emulator.private.requests)
        waiting = asyncio.create_task(desk.submit())
        await desk.page.ask("order.query", client_order_id=cid)
        await desk.page.ask("order.cancel", client_order_id=cid)
        last = (await waiting)["client_order_id"]
        assert desk.orders()[last] == "rejected" and desk.engine.orders[last].code == "not_sent"
        await desk.status(cid, "cancelled")
        assert desk.emulator.private.requests[asked] == "order.cancel"
        await desk.agree()


async def test_answers_and_reports_that_come_twice_count_once(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_duplicate", match="order.place")
        desk.emulator.inject("event_duplicate", count=20)
        cid = (await desk.submit(type="market", tif="ioc", price=None))["client_order_id"]
        await desk.status(cid, "filled")
        await desk.agree()
        assert desk.engine.orders[cid].filled == TENTH


async def test_a_late_answer_is_taken(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_delay", match="order.place", seconds=0.4)
        desk.emulator.inject("event_drop", count=3)
        cid = (await desk.submit(type="market", tif="ioc", price=None))["client_order_id"]
        await desk.status(cid, "filled")
        await desk.agree()


async def test_reports_that_are_lost_are_asked_for(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.inject("event_drop", match="executionReport:TRADE")
        exchange_fills(desk, "0.03")
        exchange_fills(desk, "0.02")
        await until(lambda: desk.engine.orders[cid].filled == Decimal("0.05"), "both fills")
        desk.emulator.inject("event_drop", match="executionReport:TRADE")
        exchange_fills(desk, "0.01")  # no later report tells of this one: the balances do
        await until(lambda: desk.engine.orders[cid].filled == Decimal("0.06"), "the last fill")
        desk.emulator.inject("event_drop", match="executionReport:TRADE")
        exchange_fills(desk, "0.01")
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        await desk.agree()


async def test_what_happened_while_the_line_was_down_is_found_on_reconnect(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        part, whole, gone = [(await desk.submit())["client_order_id"] for _ in range(3)]
        await until(lambda: set(desk.orders().values()) == {"accepted"}, "all accepted")
        desk.emulator.inject("api_disconnect")
        desk.emulator.exchange.trade(SYMBOL, desk.bid - 100, TENTH)
        desk.emulator.exchange.trade(SYMBOL, desk.bid - 100, Decimal("0.03"))
        desk.emulator.exchange.cancel(desk.theirs(gone), "elsewhere")
        await until(lambda: desk.state != "ready", "the loss was seen")
        await desk.ready()
        await until(lambda: sorted(desk.orders().values()) == ["cancelled", "filled", "partially_filled"], "all found")
        assert desk.orders()[part] == "filled" and desk.orders()[whole] == "partially_filled"
        await desk.agree()
        assert desk.emulator.private.connects == 2


async def test_a_frame_that_cannot_be_read_ends_the_connection_and_everything_is_asked_about(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.inject("api_garbage", match="order.place")
        cid = (await desk.submit())["client_order_id"]
        await until(lambda: desk.emulator.private.connects == 2, "another connection")
        await desk.ready()
        await desk.status(cid, "accepted")
        await desk.agree()


async def test_a_restart_reconciles_and_is_not_armed(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        desk.emulator.inject("api_delay", match="order.place", seconds=60)
        desk.emulator.inject("event_drop", match="executionReport:NEW")
        lost = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        await desk.desk.stop()
        exchange_fills(desk, "0.02")
        account = desk.engine.account
        await desk.restart()
        await desk.ready()
        assert desk.engine.account == account
        await desk.status(cid, "partially_filled")
        await desk.status(lost, "accepted")
        await desk.agree()
        await desk.market()
        assert (await desk.submit())["error"]["code"] == "not_armed"
        await desk.page.ask("execution.arm", confirmed=True)
        await desk.status((await desk.submit())["client_order_id"], "accepted")
        assert len(desk.emulator.exchange.placed) == 3
        await desk.page.ask("vault.lock")
        assert desk.state == "off" and not desk.desk.real.execution.armed and desk.emulator.private.connects == 2


async def test_orders_of_others_are_adopted_listed_and_can_be_cancelled(tmp_path):
    async with real_desk(tmp_path) as desk:
        async with python_binance_account(desk.emulator) as client:
            price = str(desk.bid - 100)
            order = {"symbol": SYMBOL, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.5", "price": price}
            before = await client.create_order(**order)
            exchange_fills(desk, "0.2")
            await desk.armed()
            first = f"venue-btcusdt-{before['orderId']}"
            await desk.status(first, "partially_filled")
            row = desk.page.orders()[first]
            assert (row["origin"], row["filled"], row["qty"]) == ("venue", "0.2", "0.5") and desk.desk.real.view()["found"] == 1
            await desk.agree()
            later = await client.ws_create_order(**{**order, "newClientOrderId": "phone-1"})
            second = f"venue-btcusdt-{later['orderId']}"
            await desk.status(second, "accepted")
            exchange_fills(desk, "0.35")
            await desk.status(first, "filled")
            await desk.page.ask("order.cancel", client_order_id=second)
            await desk.status(second, "cancelled")
            await desk.agree()
            assert (await client.get_open_orders(symbol=SYMBOL)) == []


async def test_desk_python_binance_and_ccxt_agree_on_one_account(tmp_path):
    async with real_desk(tmp_path) as desk, ccxt_account(desk.emulator) as other:
        await desk.armed()
        async with python_binance_account(desk.emulator) as client:
            cids = [(await desk.submit(qty=qty))["client_order_id"] for qty in ("0.1", "0.2", "0.3")]
            taken = (await desk.submit(type="market", tif="ioc", price=None, qty="0.7"))["client_order_id"]
            exchange_fills(desk, "0.25")
            await desk.page.ask("order.cancel", client_order_id=cids[1])
            await desk.status(cids[1], "cancelled")
            await desk.status(taken, "filled")
            await desk.agree()
            words = {"accepted": "open", "partially_filled": "open", "filled": "closed", "cancelled": "canceled"}
            for row in await other.fetch_orders("BTC/USDT"):
                ours = desk.engine.orders[row["clientOrderId"]]
                assert (words[ours.status.value], float(ours.filled), float(ours.qty)) == (row["status"], row["filled"], row["amount"])
            for row in await client.get_all_orders(symbol=SYMBOL):
                ours = desk.engine.orders[row["clientOrderId"]]
                assert (ours.filled, ours.notional) == (Decimal(row["executedQty"]), Decimal(row["cummulativeQuoteQty"]))
            trades = {f"{SYMBOL}-{row['id']}": row for row in await client.ws_get_my_trades(symbol=SYMBOL)}
            assert set(trades) == {fill.fill_id for fill in desk.engine.fills} == {f"{SYMBOL}-{row['id']}" for row in await other.fetch_my_trades("BTC/USDT")}
            for fill in desk.engine.fills:
                row = trades[fill.fill_id]
                assert (fill.qty, fill.price, fill.fee, fill.fee_currency) == (
                    Decimal(row["qty"]), Decimal(row["price"]), Decimal(row["commission"]), row["commissionAsset"]
                )
            theirs = await other.fetch_balance()
            for asset in ("BTC", "USDT"):
                free, locked = desk.desk.real.execution.balances[asset]
                assert (float(free), float(locked)) == (theirs[asset]["free"], theirs[asset]["used"])


async def test_what_the_venue_would_refuse_is_denied_before_it_is_journalled(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        for fields, code, field in (
            ({"qty": "0.00002"}, "below_min_notional", "qty"),
            ({"side": "sell", "price": str(desk.ask + 100), "qty": "2.5"}, "venue_balance", "qty"),
            ({"tif": "day"}, "venue_tif", "tif"),
            ({"type": "market", "tif": "ioc", "price": None, "qty": "150"}, None, "qty"),
        ):
            error = (await desk.submit(**fields))["error"]
            assert error["field"] == field and (code is None or error["code"] == code), error
        assert desk.engine.orders == {} and desk.emulator.exchange.placed == []


async def test_a_partly_filled_order_is_made_smaller_in_its_place(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        exchange_fills(desk, "0.02")
        await desk.status(cid, "partially_filled")
        await desk.page.ask("order.amend", client_order_id=cid, qty="0.05", price=None, stop=None)
        await until(lambda: desk.engine.orders[cid].qty == Decimal("0.05"), "amended")
        await desk.agree()
        assert desk.theirs(cid).qty == Decimal("0.05") and len(desk.account.orders) == 1


async def test_stops_post_only_icebergs_and_what_this_desk_holds(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        bid, ask = desk.bid, desk.ask
        stop = (await desk.submit(type="stop", price=None, stop=str(ask + 10)))["client_order_id"]
        limit = (await desk.submit(type="stop_limit", price=str(ask + 30), stop=str(ask + 20)))["client_order_id"]
        taking = (await desk.submit(price=str(ask), post_only=True))
        assert "error" in taking or desk.orders()[taking["client_order_id"]] == "rejected"
        shown = (await desk.submit(type="iceberg", display="0.02"))["client_order_id"]
        touch = (await desk.submit(type="limit_if_touched", price=str(bid - 40), stop=str(bid - 50)))["client_order_id"]
        await until(lambda: {desk.orders()[cid] for cid in (stop, limit, shown)} == {"accepted"}, "accepted")
        assert desk.theirs(shown).iceberg == Decimal("0.02") and desk.orders()[touch] == "held"
        desk.emulator.exchange.trade(SYMBOL, ask + 10, Decimal("0.001"))
        await desk.status(stop, "filled")
        desk.emulator.exchange.trade(SYMBOL, ask + 20, Decimal("0.001"))
        await desk.status(limit, "filled")
        await desk.agree()


async def test_a_wrong_clock_is_measured_and_measured_again(tmp_path):
    async with real_desk(tmp_path) as desk:
        desk.emulator.exchange.skew_ms = 40_000
        await desk.armed()
        await desk.status((await desk.submit())["client_order_id"], "accepted")
        desk.emulator.exchange.skew_ms = -40_000
        refused = (await desk.submit())["client_order_id"]
        assert desk.engine.orders[refused].code == "binance_1021"
        await until(lambda: desk.desk.real.execution.api.offset_ms < -30_000, "measured again")
        await desk.status((await desk.submit())["client_order_id"], "accepted")
        await desk.agree()


async def test_money_that_moves_elsewhere_is_shown_until_it_is_settled(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        desk.account.free["USDT"] += 500
        desk.account.free["BNB"] = Decimal("1.5")
        desk.emulator.exchange.position(desk.account, "USDT", "BNB")
        shown = await desk.page.until(lambda m: m["t"] == "execution" and len(m["differences"]) == 2, "the differences")
        assert shown["differences"] == [{"asset": "BNB", "ours": "0", "theirs": "1.5"}, {"asset": "USDT", "ours": "100000", "theirs": "100500"}]
        before = desk.desk.trade.value().day_pnl
        assert (await desk.page.ask("execution.settle"))["differences"] == []
        await desk.agree()
        assert desk.desk.trade.value().day_pnl == before


async def test_the_kill_switch_cancels_and_flattens_at_the_venue(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        await desk.page.ask("risk.kill", flatten=True)
        await desk.status(cid, "cancelled")
        await until(lambda: desk.engine.portfolio.qty(SYMBOL) == 0, "flat")
        await desk.agree()
        assert desk.account.balance("BTC") == 0


async def test_a_desk_on_paper_has_no_real_account():
    page = await start_desk()
    assert (await page.ask("execution.state"))["error"]["code"] == "paper_account"
    assert (await page.ask("execution.arm", account="binance", confirmed=True))["error"]["code"] == "paper_account"
    await page.desk.stop()


async def test_many_orders_are_cancelled_in_one_request_each_once(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        ids = [(await desk.submit())["client_order_id"] for _ in range(5)]
        for cid in ids:
            await desk.status(cid, "accepted")
        exchange_fills(desk, "0.02")
        await desk.status(ids[0], "partially_filled")
        rows = (await desk.page.ask("order.cancel_many", client_order_ids=ids[:4]))["rows"]
        assert [row["outcome"] for row in rows] == ["cancelled"] * 4
        assert desk.engine.orders[ids[4]].status.value == "accepted" and desk.engine.orders[ids[0]].filled == Decimal("0.02")
        assert all(desk.engine.orders[cid].cancels == 1 for cid in ids[:4])
        await desk.agree()


async def test_nothing_is_booked_by_hand_on_a_real_account(tmp_path):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        for fields in ({"kind": "dividend", "currency": "USDT", "amount": "1"}, {"kind": "split", "symbol": SYMBOL, "new": "2", "old": "1"}):
            error = (await desk.page.ask("cash.book", account="binance", **fields))["error"]
            assert error["code"] == "real_account" and error["remedy"]
        assert not desk.engine.bookings and not desk.engine.splits


@pytest.mark.parametrize("then", ["durable", "disarmed", "failed"])
async def test_an_order_is_signed_while_it_is_journalled_and_leaves_once_it_is_durable_and_allowed_or_never(tmp_path, then):
    async with real_desk(tmp_path) as desk:
        await desk.armed()
        recorder, signer = desk.desk.trade.writer.recorder, desk.real.execution.api.credentials.signer
        append, sign = recorder.append, signer.sign
        wrote, go, signed = asyncio.Event(), asyncio.Event(), []

        async def slow(first: int, record: bytes) -> None:
            wrote.set()
            await go.wait()
            if then == "failed":
                raise OSError("no space")
            await append(first, record)

        async def noted(data: bytes) -> bytes:
            if b"newClientOrderId" in data:
                signed.append(data)
            return await sign(data)

        recorder.append, signer.sign = slow, noted
        asking = asyncio.create_task(desk.submit())
        await wrote.wait()
        await until(lambda: signed, "signed ahead")
        await asyncio.sleep(0.02)
        assert not desk.account.orders and not desk.engine.orders
        if then == "disarmed":
            desk.real.disarm()
        go.set()
        if then == "failed":
            recorder.append, desk.desk.trade.writer.meanwhile = append, None  # as where the next is durable at once
            assert "no space" in (await asking)["error"]["reason"] and not desk.account.orders
            await desk.status((await desk.submit(qty="0.2"))["client_order_id"], "accepted")  # it has the id that the first one had
            assert len(signed) == 2 and [order.qty for order in desk.account.orders] == [Decimal("0.2")]
        else:
            recorder.append = append
            await desk.status((await asking)["client_order_id"], "accepted" if then == "durable" else "rejected")
            assert len(signed) == 1 and len(desk.account.orders) == (then == "durable")

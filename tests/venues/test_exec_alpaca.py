"""Real execution at Alpaca, whole desk against the emulated broker over real sockets: what is lost, late, doubled, refused, cut, or done by others."""

import asyncio
from decimal import Decimal

import pytest

from tests.venues.alpaca_desk import BELOW, KEY, SECRET, SYMBOL, SYMBOLS, alpaca_desk, called, sdk, start_alpaca
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
POST, BY_NAME = "POST /v2/orders", "GET /v2/orders:by_client_order_id"


async def test_orders_fills_shorts_and_average_prices(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.fills("4")
        await desk.status(cid, "partially_filled")
        desk.fills("6")
        await desk.status(cid, "filled")
        await desk.agree()
        await desk.market("buy", "7")
        await desk.agree()
        await desk.market("sell", "17")
        await desk.market("sell", "30")  # short from here on
        await desk.agree()
        assert desk.engine.portfolio.qty(SYMBOL) == -30
        desk.emulator.broker.quote(SYMBOL, Decimal("180.00"), Decimal("180.10"), Decimal(50))
        await desk.market("sell", "60")  # more than the touch shows: two executions
        await desk.market("buy", "11.0")
        await desk.agree()
        rested = (await desk.submit(tif="gtc"))["client_order_id"]
        await desk.page.ask("order.cancel", client_order_id=rested)
        await desk.status(rested, "cancelled")
        await desk.agree()
        row = next(row for row in desk.desk.trade.value().positions if row.symbol == SYMBOL)
        assert (row.qty, row.currency) == (Decimal(-79), "USD")
        worth = desk.account.cash + desk.account.positions[SYMBOL] * desk.desk.real.mark(SYMBOL)
        assert desk.desk.trade.value().equity == worth


async def test_nothing_leaves_without_a_vault_a_key_and_arming_and_the_secret_goes_nowhere(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        page = desk.page
        assert "need its key" in page.latest("venue")["detail"] and page.latest("venue")["state"] == "offline"
        assert "no key" in page.latest("order_state")["reason"] and desk.emulator.streams.data_connects == 0
        assert (await desk.key())["error"]["code"] == "not_unlocked"
        await page.ask("vault.create", secret=bytearray(b"correct horse battery"))
        assert (await desk.key(api_key="pk lower"))["error"]["field"] == "api_key"
        assert (await desk.key(live=None))["error"]["field"] == "live"
        assert (await desk.key(algorithm="HMAC-SHA256"))["error"]["field"] == "algorithm"
        assert (await desk.key(secret="two words"))["error"]["code"] == "vault-refused"
        assert (await desk.key(secret=f"  {SECRET}\n"))["key"] == {"ends": KEY[-4:], "algorithm": "sent-as-is", "live": False}
        await desk.ready()
        assert (await desk.submit())["error"]["code"] == "not_armed"
        await page.ask("execution.arm", confirmed=True)
        await desk.status((await desk.submit())["client_order_id"], "accepted")
        await page.ask("execution.disarm")
        assert (await desk.submit())["error"]["code"] == "not_armed" and len(desk.emulator.broker.placed) == 1
        await page.ask("trace.follow", after=0)
        assert not any(SECRET in str(message) for message in page.messages)
        assert SECRET.encode() not in desk.store.read_bytes()
        await page.ask("execution.forget")
        assert desk.state == "off" and (await page.ask("execution.state"))["key"] is None
        await until(lambda: "need its key" in page.latest("venue")["detail"], "no quotes without a key")


async def test_a_wrong_key_is_refused_once_and_a_key_goes_nowhere_but_where_it_was_kept_for(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.page.ask("vault.create", secret=bytearray(b"correct horse battery"))
        await desk.key(secret="wrong" * 8)
        await until(lambda: desk.state == "refused", "refused")
        assert "key ID, secret" in desk.desk.real.view()["detail"] and desk.emulator.streams.connects == 1
        await until(lambda: "refused the key" in desk.desk.venue.connection.detail, "quotes refused")
        await desk.key()
        await desk.ready()
        other = desk.emulator.open("PKOTHERKEY0123456789", SECRET)
        await desk.key(api_key=other.key_id)
        await until(lambda: desk.state == "refused", "the other account")
        assert "another account" in desk.desk.real.view()["detail"]
        await desk.key()
        await desk.ready()
        await desk.stop()
        elsewhere = {"alpaca_ws": desk.emulator.ws, "alpaca_rest": desk.emulator.http, "alpaca_trade": "http://127.0.0.1:9"}
        desk.page = await start_alpaca(desk.emulator, desk.store, addresses=elsewhere)
        await desk.page.ask("vault.unlock", secret=bytearray(b"correct horse battery"))
        await until(lambda: desk.state == "refused", "other addresses")
        assert "kept for other addresses" in desk.desk.real.view()["detail"]


@pytest.mark.parametrize("fault", [{"kind": "cut"}, {"kind": "answer_after", "status": 504, "text": '{"message":"timeout"}'}])
async def test_an_acknowledgement_that_is_lost_leaves_the_order_unknown_until_it_is_found_by_its_id(tmp_path, fault):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add(**fault, match=POST)
        desk.emulator.faults.add("event_drop", match="new")
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        assert desk.engine.orders[cid].evidence.startswith("Sent, and no usable answer") and desk.asked(BY_NAME) >= 1
        desk.fills("10")
        await desk.status(cid, "filled")
        await desk.agree()
        assert desk.asked(POST) == 1


async def test_reports_before_the_answer_and_a_late_answer_count_once(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("late", match=POST, seconds=0.5)
        cid = (await desk.submit(type="market", price=None))["client_order_id"]
        await desk.status(cid, "filled")  # the stream was first
        await desk.agree()
        desk.emulator.faults.add("event_duplicate", match="fill", count=3)
        desk.emulator.broker.stocks[SYMBOL].size = Decimal(50)
        await desk.market("buy", "60")
        await desk.agree()
        assert len(desk.engine.fills) == 3


async def test_an_order_on_its_way_is_not_believed_lost_while_it_has_no_answer(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("late_before", match=POST, seconds=9)
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "unknown")
        await desk.status(cid, "accepted")
        await desk.agree()


async def test_an_order_that_never_arrived_is_believed_only_the_second_time(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("cut_before", match=POST)
        cid = (await desk.submit())["client_order_id"]
        await until(lambda: desk.asked(BY_NAME) >= 1, "asked once")
        assert desk.orders()[cid] == "unknown"
        await desk.status(cid, "rejected")
        assert desk.engine.orders[cid].code == "never_arrived" and desk.asked(BY_NAME) >= 2
        assert desk.emulator.broker.placed == []


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 422, "text": '{"code":42210000,"message":"stop price must be higher"}'}, "rejected", "alpaca_42210000"),
        ({"status": 403, "text": '{"code":40310000,"message":"potential wash trade detected","existing_order_id":"x"}'}, "rejected", "alpaca_40310000"),
        ({"status": 403, "text": '{"message":"forbidden."}'}, "rejected", "alpaca_403"),
        ({"status": 429, "text": '{"message":"too many requests."}', "headers": {"retry-after": "1"}}, "rejected", "alpaca_429"),
        ({"status": 500, "text": '{"code":50010000,"message":"internal server error occurred"}'}, "unknown", ""),
        ({"status": 502, "text": "<html>502 Bad Gateway</html>"}, "unknown", ""),
        ({"status": 403, "text": "<html>blocked</html>"}, "unknown", ""),
        ({"status": 200, "text": "<html>hello</html>"}, "unknown", ""),
        ({"status": 200, "text": '{"id":1}'}, "unknown", ""),
        ({"status": 422, "text": '{"code":40010001,"message":"client_order_id must be unique"}'}, "unknown", ""),
    ],
)
async def test_refusals_are_definitive_and_nothing_else_is(tmp_path, fault, status, code):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("answer", match=POST, **fault)
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, status)
        order = desk.engine.orders[cid]
        if status == "rejected":
            assert order.code == code and "Alpaca" in order.reason
        else:
            await desk.status(cid, "rejected")
            assert order.code == "never_arrived"
        assert desk.asked(POST) == 1 and desk.emulator.broker.placed == []


async def test_a_request_that_was_doubled_on_its_way_is_one_order(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("twice", match=POST)
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        await desk.agree()


async def test_a_connection_that_is_lost_is_reconciled_before_anything_else_leaves(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add("late_before", match="GET /v2/account", seconds=0.5)
        desk.emulator.streams.disconnect()
        await until(lambda: desk.state != "ready", "noticed")
        assert (await desk.submit())["error"]["code"] == "venue_not_ready"
        desk.fills("3")
        await desk.ready()
        await desk.status(cid, "partially_filled")
        await desk.agree()
        assert len(desk.engine.orders) == 1


async def test_lost_and_unreadable_reports_are_made_good(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add("event_drop", match="partial_fill")
        desk.fills("3")
        desk.fills("2")  # tells that one is missing
        await desk.status(cid, "partially_filled")
        await desk.agree()
        assert [fill.qty for fill in desk.engine.fills] == [Decimal(3), Decimal(2)] and desk.asked("GET /v2/account/activities/FILL") >= 1
        desk.emulator.faults.add("event_garbage", match="fill")
        desk.fills("5")
        await desk.status(cid, "filled")
        await desk.agree()
        silent = (await desk.submit())["client_order_id"]
        await desk.status(silent, "accepted")
        desk.emulator.faults.add("event_drop", match="canceled")
        desk.emulator.broker.cancel(desk.account, desk.theirs(silent)[0].id)
        desk.desk.real.execution.look_again()  # it looks by itself every twenty seconds
        await desk.status(silent, "cancelled")
        await desk.agree()


async def test_an_amendment_is_one_order_here_whatever_the_venue_calls_it(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit(tif="gtc"))["client_order_id"]
        await desk.status(cid, "accepted")
        order = desk.engine.orders[cid]
        await desk.page.ask("order.amend", client_order_id=cid, qty="25", price=str(desk.bid - 5), stop=None)
        await until(lambda: order.qty == 25 and order.price == desk.bid - 5, "amended")
        await until(lambda: order.venue_order_id == desk.theirs(cid)[-1].id, "its new name")
        desk.emulator.broker.trade(SYMBOL, desk.bid - 5, Decimal(10))
        await desk.status(cid, "partially_filled")
        refused = await desk.page.ask("order.amend", client_order_id=cid, qty="30", price=None, stop=None)
        assert refused["error"]["code"] == "venue_amend"
        await desk.page.ask("order.amend", client_order_id=cid, qty=None, price=str(desk.bid - 4), stop=None)
        await until(lambda: order.price == desk.bid - 4, "amended again")
        assert order.qty == 25 and order.filled == 10
        await desk.agree()
        await desk.restart()
        await desk.ready()
        desk.emulator.broker.trade(SYMBOL, desk.bid - 4, Decimal(15))
        await desk.status(cid, "filled")
        await desk.agree()
        assert len(desk.theirs(cid)) == 3 and len(desk.engine.orders) == 1


@pytest.mark.parametrize("fault", [{"kind": "cut"}, {"kind": "answer_after", "status": 403, "text": '{"code":40310000,"message":"order is not sent"}'}])
async def test_an_amendment_without_a_usable_answer_is_found_by_following_the_order(tmp_path, fault):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add(**fault, match="PATCH")
        desk.emulator.faults.add("event_drop", match="replaced")
        desk.emulator.faults.add("event_drop", match="new")
        await desk.page.ask("order.amend", client_order_id=cid, qty="12", price=None, stop=None)
        order = desk.engine.orders[cid]
        await until(lambda: order.qty == 12 and order.amend_requested_ns is None, f"amended; {order}")
        await desk.page.ask("order.cancel", client_order_id=cid)
        await desk.status(cid, "cancelled")
        await desk.agree()


async def test_an_amendment_that_meets_a_fill_loses_nothing(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        desk.emulator.faults.add("late_before", match="PATCH", seconds=0.3)
        order = desk.engine.orders[cid]
        amended = asyncio.ensure_future(desk.page.ask("order.amend", client_order_id=cid, qty=None, price=str(desk.bid - 9), stop=None))
        await until(lambda: order.amend_requested_ns is not None, "asked for")
        desk.fills("4")
        await until(lambda: order.price == desk.bid - 9 and order.filled == 4, f"both; {order}")
        desk.emulator.broker.trade(SYMBOL, desk.bid - 9, Decimal(6))
        await desk.status(cid, "filled")
        await desk.agree()
        late = (await desk.submit())["client_order_id"]
        await desk.status(late, "accepted")
        desk.emulator.faults.add("late_before", match="PATCH", seconds=0.3)
        missed = asyncio.ensure_future(desk.page.ask("order.amend", client_order_id=late, qty=None, price=str(desk.bid - 9), stop=None))
        await until(lambda: desk.engine.orders[late].amend_requested_ns is not None, "asked for")
        desk.fills("10")  # whole before the amendment is there: it is refused
        await desk.status(late, "filled")
        assert (await amended)["outcome"] == "amended" and (await missed)["outcome"] == "ended"
        await desk.agree()


async def test_what_happens_while_the_desk_is_closed_is_found_and_foreign_orders_are_listed(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        filled = (await desk.submit())["client_order_id"]
        gone = (await desk.submit(tif="gtc"))["client_order_id"]
        stays = (await desk.submit(price=str(desk.bid - 20)))["client_order_id"]
        for cid in (filled, gone, stays):
            await desk.status(cid, "accepted")
        await desk.stop()
        broker = desk.emulator.broker
        broker.cancel(desk.account, desk.theirs(gone)[0].id)
        desk.fills("10")
        body = {"symbol": SYMBOL, "side": "buy", "type": "limit", "time_in_force": "gtc", "qty": "3", "limit_price": "150.00"}
        broker.arrive(desk.account, foreign := broker.place(desk.account, body))
        desk.page = await start_alpaca(desk.emulator, desk.store)
        await desk.page.ask("vault.unlock", secret=bytearray(b"correct horse battery"))
        await desk.ready()
        assert {desk.orders()[cid] for cid in (filled, gone, stays)} == {"filled", "cancelled", "accepted"}
        found = next(order for order in desk.engine.orders.values() if order.intent.origin == "venue")
        assert (found.qty, found.price, found.venue_order_id) == (Decimal(3), Decimal(150), foreign.id)
        assert (await desk.submit())["error"]["code"] == "not_armed"
        await desk.page.ask("order.cancel", client_order_id=found.client_order_id)
        await desk.status(found.client_order_id, "cancelled")
        again = broker.place(desk.account, {**body, "qty": "4"})
        broker.arrive(desk.account, again)
        await until(lambda: any(order.venue_order_id == again.id for order in desk.engine.orders.values()), "listed at once")
        await desk.agree()


async def test_a_crash_between_sending_and_the_answer_asks_instead_of_sending_again(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        desk.emulator.faults.add("late", match=POST, seconds=30)
        sending = asyncio.ensure_future(desk.submit())
        await until(lambda: desk.emulator.broker.placed, "sent")
        sending.cancel()
        cid = desk.emulator.broker.placed[0]
        await desk.restart()
        await desk.ready()
        await desk.status(cid, "accepted")
        await desk.agree()
        assert desk.asked(POST) == 1


async def test_a_journal_begins_with_what_is_held_and_differences_are_shown_and_taken(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        broker = desk.emulator.broker
        for body in ({"side": "sell", "qty": "40"}, {"side": "buy", "qty": "10"}):
            order = broker.place(desk.account, {"symbol": SYMBOL, "type": "market", "time_in_force": "day", **body})
            broker.arrive(desk.account, order)
        await desk.armed()
        position = desk.engine.portfolio.positions[SYMBOL]
        assert position.qty == -30 and position.average_price == desk.account.average(SYMBOL)
        assert desk.engine.portfolio.cash["USD"] == desk.account.cash and desk.engine.fills == []
        desk.account.cash += Decimal("12.34")  # a dividend
        desk.desk.real.execution.look_again()
        await until(lambda: desk.desk.real.view()["differences"], "shown")
        assert [row["asset"] for row in desk.desk.real.view()["differences"]] == ["USD"]
        assert "error" not in await desk.page.ask("execution.settle")
        await until(lambda: desk.desk.real.view()["differences"] == [], "taken")
        assert desk.engine.portfolio.cash["USD"] == desk.account.cash


@pytest.mark.parametrize(
    ("fields", "code", "field"),
    [
        ({"price": "180.005"}, "bad_tick", "price"),
        ({"qty": "0.5", "tif": "gtc"}, "venue_fraction", "tif"),
        ({"qty": "0.005", "price": "150"}, "venue_notional", "qty"),
        ({"side": "sell", "qty": "1.5", "price": "190"}, "venue_fraction", "qty"),
        ({"symbol": "BRK.A", "side": "sell", "type": "market", "price": None, "qty": "1"}, "venue_short", "side"),
        ({"symbol": "BRK.A", "qty": "0.5", "price": "500"}, "bad_lot", "qty"),
        ({"type": "stop", "tif": "ioc", "price": None, "stop": "195"}, "bad_tif", "tif"),
        ({"post_only": True}, "venue_post_only", "post_only"),
    ],
)
async def test_the_venue_s_rules_are_checked_before_anything_is_journalled(tmp_path, fields, code, field):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        await until(lambda: desk.desk.venue.instruments()[0].lot == 1, "rules")
        error = (await desk.submit(**fields))["error"]
        assert (error["code"], error["field"]) == (code, field), error
        assert desk.engine.orders == {} and desk.asked(POST) == 0


async def test_sub_penny_prices_below_a_dollar_and_selling_through_zero(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        desk.emulator.broker.quote("PENY", Decimal("0.4995"), Decimal("0.5005"))
        await desk.armed()
        await desk.market("buy", "5")
        error = (await desk.submit(side="sell", qty="6", price="195"))["error"]
        assert error["code"] == "venue_balance" and "through zero" in error["reason"]
        fraction = (await desk.submit(qty="0.25", price="195"))["client_order_id"]
        await desk.status(fraction, "filled")
        await desk.agree()
        assert desk.engine.portfolio.qty(SYMBOL) == Decimal("5.25")


async def test_too_many_requests_let_cancels_through_first(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        cid = (await desk.submit())["client_order_id"]
        await desk.status(cid, "accepted")
        said = {"status": 429, "text": '{"message":"too many requests."}', "headers": {"retry-after": "3"}}
        desk.emulator.faults.add("answer", match="DELETE", **said)
        await desk.page.ask("order.cancel", client_order_id=cid)
        await until(lambda: desk.desk.real.view()["detail"], "told")
        assert "429" in desk.desk.real.view()["detail"]
        assert (await desk.submit())["reason"].startswith("Alpaca answered 429")  # its second to wait is shorter than the pause
        await desk.status(cid, "cancelled")  # the cancel went again by itself
        assert desk.asked(f"DELETE /v2/orders/{desk.theirs(cid)[0].id}") == 2


async def test_the_desk_and_alpaca_py_agree_on_one_account(tmp_path):
    from alpaca.trading.enums import OrderSide, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import GetOrdersRequest, LimitOrderRequest, MarketOrderRequest, ReplaceOrderRequest

    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        client = sdk(desk.emulator)
        ours = (await desk.submit(tif="gtc"))["client_order_id"]
        await desk.status(ours, "accepted")
        seen = await called(client.get_order_by_client_id, ours)
        assert (seen.client_order_id, Decimal(seen.limit_price), Decimal(seen.qty)) == (ours, desk.bid - BELOW, Decimal(10))
        request = MarketOrderRequest(symbol=SYMBOL, qty=8, side=OrderSide.SELL, time_in_force=TimeInForce.DAY)
        theirs = await called(client.submit_order, request)
        await until(lambda: any(order.venue_order_id == str(theirs.id) and order.filled == 8 for order in desk.engine.orders.values()), "their order")
        limit = LimitOrderRequest(symbol=SYMBOL, qty=2, side=OrderSide.SELL, time_in_force=TimeInForce.GTC, limit_price=200)
        rested = await called(client.submit_order, limit)
        replaced = await called(client.replace_order_by_id, rested.id, ReplaceOrderRequest(limit_price=201))
        await until(lambda: any(order.venue_order_id == str(replaced.id) for order in desk.engine.orders.values()), "their replacement")
        desk.fills("3")
        await desk.status(ours, "partially_filled")
        await desk.agree()
        position, account = await called(client.get_open_position, SYMBOL), await called(client.get_account)
        mine = desk.engine.portfolio.positions[SYMBOL]
        assert Decimal(position.qty) == mine.qty == -5
        assert abs(Decimal(position.avg_entry_price) - mine.average_price) <= mine.average_price / 10_000
        assert Decimal(account.cash) == desk.engine.portfolio.cash["USD"]
        listed = await called(client.get_orders, GetOrdersRequest(status=QueryOrderStatus.OPEN))
        working = {order.venue_order_id for order in desk.engine.working.values()}
        assert {str(order.id) for order in listed} == working
        await called(client.cancel_orders)
        await until(lambda: not desk.engine.working, "all cancelled")
        await desk.agree()


async def test_quotes_and_trades_come_from_the_stream_and_the_present_without_one(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        broker = desk.emulator.broker
        broker.trade(SYMBOL, Decimal("190.01"), Decimal(100))
        await desk.armed()
        market = desk.desk.market
        assert market.book(SYMBOL).best_bid()[0] == 189_970_000 and market.last(SYMBOL).price == 190_010_000
        broker.quote(SYMBOL, Decimal("191.10"), Decimal("191.12"))
        broker.trade(SYMBOL, Decimal("191.12"), Decimal(7))
        broker.trade(SYMBOL, Decimal("191.10"), Decimal(8))
        await until(lambda: market.last(SYMBOL).price == 191_100_000, "trades")
        assert [(row.size // 10**9, row.buyer_maker) for row in market.trades(SYMBOL)][-2:] == [(7, False), (8, True)]
        desk.emulator.streams.disconnect(data=True)
        await until(lambda: desk.emulator.streams.data_connects == 2 and market.book(SYMBOL).is_trusted, "again")
        assert str(desk.desk.venue.connection.state) == "live"


async def test_a_stock_has_the_hours_of_its_exchange(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        rows = {row["symbol"]: row["exchange"] for row in desk.page.latest("instruments")["rows"]}
        assert rows == dict.fromkeys(SYMBOLS, "XNYS"), "before their assets are known"
        await desk.armed()
        rows = {row["symbol"]: row["exchange"] for row in desk.page.latest("instruments")["rows"]}
        assert (rows[SYMBOL], rows["BRK.A"]) == ("XNAS", "XNYS")
        saturday, monday = 1_700_308_800 * 10**9, 1_700_490_600 * 10**9  # 2023-11-18 12:00 UTC, and the next opening
        view = desk.desk.trade.view
        assert view.session_of(SYMBOL, saturday) == (monday, monday + 23_400 * 10**9)
        assert desk.desk.market.bars(SYMBOL, "1h").bounds(monday + 60 * 10**9) == (monday, monday + 3600 * 10**9), "from the opening, at half past"
        answer = await desk.page.ask("risk.limit", scope=f"instrument:{SYMBOL}", name="hours", value="session")
        assert "error" not in answer, answer
        opens, closes = view.session_of(SYMBOL, view.wall_ns())
        answer = await desk.submit()
        assert ("error" not in answer) is (opens <= view.wall_ns() < closes) and answer.get("error", {}).get("code") in (None, "risk_hours")


async def test_quotes_need_the_key_on_paper_too_and_stop_with_the_lock(tmp_path):
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        await desk.stop()
        desk.page = await start_alpaca(desk.emulator, desk.store, account="paper")
        assert "need its key" in desk.page.latest("venue")["detail"]
        await desk.page.ask("vault.unlock", secret=bytearray(b"correct horse battery"))
        await until(lambda: desk.page.desk.market.book(SYMBOL).is_trusted, "quotes on paper")
        assert desk.page.desk.real is None


@pytest.mark.parametrize("end", ["touched", "stopped", "kill"])
@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_both_exits_the_stop_at_the_broker_and_the_take_profit_here(tmp_path, side, end):
    """The broker sets the shares aside for the stop: they are free, and that is known, a moment after its cancel."""
    async with alpaca_desk(tmp_path) as desk:
        await desk.armed()
        broker, up = desk.emulator.broker, 1 if side == "buy" else -1
        exits = {"stop_loss": str(desk.bid - 10 * up), "take_profit": str(desk.bid + 5 * up)}
        made = await desk.submit(type="market", price=None, side=side, qty="10", **exits)
        await desk.status(made["client_order_id"], "filled")
        ids = {order.intent.type.value: cid for cid, order in desk.engine.orders.items()}
        stop, profit = ids["stop"], ids["market_if_touched"]
        await desk.status(stop, "accepted")
        await desk.same_cash()
        assert desk.orders()[profit] == "held" and [order.kind for order in desk.account.working(SYMBOL)] == ["stop"]
        if end == "kill":
            await desk.page.ask("risk.kill", flatten=True)
        else:
            there = desk.bid + (6 if end == "touched" else -11) * up
            broker.quote(SYMBOL, there, there + Decimal("0.02"))
            broker.trade(SYMBOL, there, Decimal(100))
        await desk.status(profit, "filled" if end == "touched" else "cancelled")
        await desk.status(stop, "filled" if end == "stopped" else "cancelled")
        await until(lambda: desk.account.positions.get(SYMBOL, 0) == 0, f"flat; {desk.orders()}")
        await desk.agree()
        assert sum(order.filled for order in desk.account.orders) == 20, "bought and sold once"

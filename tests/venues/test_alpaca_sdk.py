"""The Alpaca emulator against alpaca-py: orders, replacements, positions, reports of the account, stock data, and every refusal as the SDK reads it."""

import asyncio
import warnings
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from alpaca.common.exceptions import APIError
    from alpaca.data.live.stock import StockDataStream
    from alpaca.trading.enums import OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
    from alpaca.trading.requests import (
        GetOrdersRequest,
        LimitOrderRequest,
        MarketOrderRequest,
        ReplaceOrderRequest,
        StopOrderRequest,
        TrailingStopOrderRequest,
    )
    from alpaca.trading.stream import TradingStream

from tests.venues.alpaca_desk import KEY, SECRET, SYMBOL, called, sdk
from tests.venues.alpaca_sim.server import Emulator
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
DAY, GTC, BUY, SELL = TimeInForce.DAY, TimeInForce.GTC, OrderSide.BUY, OrderSide.SELL


@asynccontextmanager
async def broker():
    emulator = await Emulator().start()
    emulator.open(KEY, SECRET)
    try:
        yield emulator
    finally:
        await emulator.close()


async def test_orders_positions_and_activities():
    async with broker() as emulator:
        client = sdk(emulator)
        account = await called(client.get_account)
        assert (account.cash, account.currency, account.shorting_enabled) == ("100000", "USD", True)
        assert (await called(client.get_asset, SYMBOL)).fractionable and (await called(client.get_clock)).is_open
        bought = await called(client.submit_order, MarketOrderRequest(symbol=SYMBOL, qty=3, side=BUY, time_in_force=DAY, client_order_id="mine"))
        assert bought.status is OrderStatus.PENDING_NEW
        filled = await called(client.get_order_by_client_id, "mine")
        assert (filled.status, filled.filled_qty, filled.filled_avg_price) == (OrderStatus.FILLED, "3", "190.03")
        rested = await called(client.submit_order, LimitOrderRequest(symbol=SYMBOL, qty=2, side=BUY, time_in_force=GTC, limit_price=180))
        replaced = await called(client.replace_order_by_id, rested.id, ReplaceOrderRequest(limit_price=181, qty=4))
        assert replaced.replaces == rested.id and (await called(client.get_order_by_id, rested.id)).replaced_by == replaced.id
        listed = await called(client.get_orders, GetOrdersRequest(status=QueryOrderStatus.OPEN))
        assert [order.id for order in listed] == [replaced.id]
        stop = await called(client.submit_order, StopOrderRequest(symbol=SYMBOL, qty=3, side=SELL, time_in_force=GTC, stop_price=170))
        await called(client.cancel_order_by_id, stop.id)
        position = await called(client.get_open_position, SYMBOL)
        assert (position.qty, position.qty_available, position.avg_entry_price) == ("3", "3", "190.03")
        rows = await called(client.get, "/account/activities/FILL")
        assert [(row["order_id"], row["cum_qty"], row["type"]) for row in rows] == [(str(bought.id), "3", "fill")]
        assert len(await called(client.cancel_orders)) == 1


async def test_a_trailing_stop_follows_the_best_trade_and_triggers():
    async with broker() as emulator:
        client = sdk(emulator)
        emulator.broker.trade(SYMBOL, Decimal(190), Decimal(1))
        about = {"symbol": SYMBOL, "qty": 4, "side": SELL, "time_in_force": GTC}
        placed = await called(client.submit_order, TrailingStopOrderRequest(**about, trail_price=2))
        assert (placed.order_type.value, placed.trail_price, placed.hwm, placed.stop_price) == ("trailing_stop", "2", "190", "188")
        for price in (193, 192):
            emulator.broker.trade(SYMBOL, Decimal(price), Decimal(1))
        moved = await called(client.get_order_by_id, placed.id)
        assert (moved.hwm, moved.stop_price, moved.status) == ("193", "191", OrderStatus.NEW)
        replaced = await called(client.replace_order_by_id, placed.id, ReplaceOrderRequest(trail=0.5))
        assert (replaced.trail_price, replaced.hwm, replaced.stop_price) == ("0.5", "193", "192.5")
        emulator.broker.trade(SYMBOL, Decimal("192.50"), Decimal(1))
        assert (await called(client.get_order_by_id, replaced.id)).status is OrderStatus.FILLED
        percent = await called(client.submit_order, TrailingStopOrderRequest(**about | {"side": BUY}, trail_percent=1))
        assert (percent.trail_percent, percent.hwm, percent.stop_price) == ("1", "192.5", "194.425")
        for wrong in ({"time_in_force": TimeInForce.IOC}, {"qty": 0.5, "time_in_force": DAY}):
            with pytest.raises(APIError) as refused:
                await called(client.submit_order, TrailingStopOrderRequest(**about | wrong, trail_price=2))
            assert refused.value.status_code == 422


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"symbol": "NONE", "qty": 1, "side": BUY, "time_in_force": DAY}, 422),
        ({"symbol": SYMBOL, "qty": 10_000, "side": BUY, "time_in_force": DAY}, 403),
        ({"symbol": SYMBOL, "qty": 1.5, "side": BUY, "time_in_force": GTC}, 422),
        ({"symbol": "BRK.A", "qty": 1, "side": SELL, "time_in_force": DAY}, 403),
        ({"symbol": SYMBOL, "qty": 1, "side": BUY, "time_in_force": DAY, "client_order_id": "twice"}, 422),
    ],
)
async def test_refusals(body, status):
    async with broker() as emulator:
        client = sdk(emulator)
        await called(client.submit_order, LimitOrderRequest(symbol=SYMBOL, qty=1, side=BUY, time_in_force=DAY, limit_price=1, client_order_id="twice"))
        with pytest.raises(APIError) as refused:
            await called(client.submit_order, MarketOrderRequest(**body))
        assert refused.value.status_code == status and refused.value.message


async def test_reports_of_the_account():
    async with broker() as emulator:
        client, heard = sdk(emulator), []
        stream = TradingStream(KEY, SECRET, url_override=f"ws://127.0.0.1:{emulator.port}/stream")

        async def hear(update):
            heard.append(update)

        stream.subscribe_trade_updates(hear)
        running = asyncio.create_task(stream._run_forever())
        try:
            await until(lambda: emulator.streams.listening, "listening")
            emulator.broker.stocks[SYMBOL].size = Decimal(2)
            await called(client.submit_order, MarketOrderRequest(symbol=SYMBOL, qty=5, side=SELL, time_in_force=DAY))
            await until(lambda: len(heard) == 3, "reports")
            told = [(str(update.event), update.qty, update.price, update.position_qty) for update in heard]
            assert told == [("new", None, None, None), ("partial_fill", 2.0, 189.97, -2.0), ("fill", 3.0, 189.96, -5.0)]
            assert len({update.execution_id for update in heard}) == 3
        finally:
            await stream.stop_ws()
            await running


async def test_stock_data_in_msgpack():
    async with broker() as emulator:
        heard = []
        stream = StockDataStream(KEY, SECRET, url_override=f"ws://127.0.0.1:{emulator.port}/v2/iex")

        async def hear(update):
            heard.append(update)

        stream.subscribe_quotes(hear, SYMBOL)
        stream.subscribe_trades(hear, SYMBOL)
        running = asyncio.create_task(stream._run_forever())
        try:
            await until(lambda: any(SYMBOL in each.channels["trades"] for each in emulator.streams._data.values()), "subscribed")
            emulator.broker.quote(SYMBOL, Decimal("190.10"), Decimal("190.12"), Decimal(300))
            emulator.broker.trade(SYMBOL, Decimal("190.12"), Decimal(25))
            await until(lambda: len(heard) == 2, "both")
            assert (heard[0].bid_price, heard[0].ask_price, heard[0].bid_size) == (190.10, 190.12, 300.0)
            assert (heard[1].price, heard[1].size, heard[1].symbol) == (190.12, 25.0, SYMBOL)
        finally:
            await stream.stop_ws()
            await running

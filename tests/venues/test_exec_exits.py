"""Exits at a spot account that holds nothing but what it has bought: fees are taken in the asset itself, and each order binds what it would sell."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from app.model.orders import OrderType
from app.trading.risk.book import WHOLE
from tests.venues.exec_desk import SYMBOL, RealDesk, real_desk
from tests.venues.live_desk import until

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@asynccontextmanager
async def new_account(tmp_path: Path) -> AsyncIterator[RealDesk]:
    """A desk on an account with cash alone."""
    async with real_desk(tmp_path) as desk:
        desk.account.free["BTC"] = Decimal(0)
        yield await desk.armed()


async def bought(desk: RealDesk, **exits: Decimal) -> dict[OrderType, str]:
    """0.1 at market with exits; ids by type."""
    made = await desk.submit(type="market", tif="ioc", price=None, qty="0.1", **{name: str(price) for name, price in exits.items()})
    await desk.status(made["client_order_id"], "filled")
    return {order.intent.type: cid for cid, order in desk.engine.orders.items()}


async def bracket(desk: RealDesk) -> tuple[str, str]:
    """0.1 at market with both exits: the stop, which works at the venue, and the take profit just above the market."""
    ids = await bought(desk, stop_loss=desk.bid - 500, take_profit=desk.ask + 12)
    await desk.status(ids[OrderType.STOP], "accepted")
    return ids[OrderType.STOP], ids[OrderType.MARKET_IF_TOUCHED]


async def rises(desk: RealDesk, reached) -> None:
    """Play until something has happened."""
    for _ in range(3_000):
        if reached():
            return
        desk.emulator.player.step(10)
        await asyncio.sleep(0.004)
    raise AssertionError(f"the market never came there: {desk.bid} {desk.orders()}")


def sold(desk: RealDesk) -> Decimal:
    return sum((order.executed for order in desk.account.orders if order.side == "SELL"), Decimal(0))


async def test_a_stop_covers_what_is_left_after_the_fee(tmp_path):
    async with new_account(tmp_path) as desk:
        ids = await bought(desk, stop_loss=desk.bid - 500)
        await desk.status(ids[OrderType.STOP], "accepted")
        assert desk.engine.orders[ids[OrderType.STOP]].qty == Decimal("0.0999")
        await desk.agree()
        desk.emulator.exchange.trade(SYMBOL, desk.engine.orders[ids[OrderType.STOP]].stop, Decimal("0.001"))
        await desk.status(ids[OrderType.STOP], "filled")
        await desk.agree()
        assert desk.account.balance("BTC") == 0


@pytest.mark.parametrize("how", ["close", "kill"])
async def test_closing_sells_what_is_held_also_while_a_stop_binds_it(tmp_path, how):
    async with new_account(tmp_path) as desk:
        ids = await bought(desk, stop_loss=desk.bid - 500, **({"take_profit": desk.ask + 3_000} if how == "close" else {}))
        await desk.status(ids[OrderType.STOP], "accepted")
        (row,) = desk.desk.trade.account()["positions"]
        assert (row["qty"], row["closes"], row["dust"]) == ("0.0999", "0.0999", ""), "what the venue holds"
        assert desk.engine.risk.book.cells[WHOLE, SYMBOL].pos == Decimal("0.0999")
        if how == "kill":
            await desk.page.ask("risk.kill", flatten=True)
        else:
            made = await desk.page.ask("position.close", symbol=SYMBOL, token="close")
            assert "error" not in made, made
        await until(lambda: desk.account.balance("BTC") == 0, f"sold; {desk.orders()}")
        assert sold(desk) == Decimal("0.0999")
        await desk.agree()
        await until(lambda: not desk.engine.working, f"no exit is left; {desk.orders()}")
        account = desk.desk.trade.account()
        assert account["positions"] == [] and "BTC" not in [row["currency"] for row in account["ledgers"]], "flat, and nothing is owed"
        refused = await desk.page.ask("position.close", symbol=SYMBOL, token="again")
        assert refused["error"]["code"] == "no_position"


@pytest.mark.parametrize(
    ("qty", "left", "words"),
    [("0.01234", "0.00000766", "below the lot, cannot be sold alone"), ("0.02005", "0.00002995", "worth less than the venue's least, 5, cannot be sold alone")],
    ids=["less than a lot", "worth too little"],
)
async def test_a_remainder_that_cannot_be_sold_alone_is_marked_and_in_nobodys_way(tmp_path, qty, left, words):
    """0.01234 bought is 0.01232766 held, of which whole lots of 0.00001 are sold."""
    async with new_account(tmp_path) as desk:
        made = await desk.submit(type="market", tif="ioc", price=None, qty=qty)
        await desk.status(made["client_order_id"], "filled")
        await desk.agree()
        (row,) = desk.desk.trade.account()["positions"]
        assert Decimal(row["qty"]) == desk.account.balance("BTC") and not row["dust"]
        if words.startswith("worth"):
            sold = await desk.submit(type="market", tif="ioc", side="sell", price=None, qty="0.02")
            await desk.status(sold["client_order_id"], "filled")
        else:
            await desk.page.ask("position.close", symbol=SYMBOL, token="close")
            await until(lambda: desk.account.balance("BTC") == Decimal(left), f"sold; {desk.orders()}")
        await desk.agree()
        (row,) = desk.desk.trade.account()["positions"]
        assert (Decimal(row["qty"]), row["closes"], row["dust"]) == (Decimal(left), "0", words)
        assert desk.engine.portfolio.positions[SYMBOL].average_price == desk.engine.fills[0].price, "what is left cost what it cost"
        refused = await desk.page.ask("position.close", symbol=SYMBOL, token="again")
        assert refused["error"]["code"] == "dust" and left in refused["error"]["reason"] and "cannot be sold alone" in refused["error"]["reason"]
        before = len(desk.engine.orders)
        await desk.page.ask("risk.kill", flatten=True)
        assert desk.engine.risk.states["desk"].reason.endswith("positions closed: 0") and len(desk.engine.orders) == before, "nothing was tried in vain"
        await desk.restart()
        await desk.ready()
        await desk.market()
        (row,) = desk.desk.trade.account()["positions"]
        assert (Decimal(row["qty"]), row["dust"]) == (Decimal(left), words)
        await desk.agree()


async def test_closing_that_is_denied_leaves_the_exits(tmp_path):
    async with new_account(tmp_path) as desk:
        ids = await bought(desk, stop_loss=desk.bid - 500)
        await desk.status(ids[OrderType.STOP], "accepted")
        await desk.page.ask("execution.disarm")
        refused = await desk.page.ask("position.close", symbol=SYMBOL, token="close")
        assert refused["error"]["code"] == "not_armed" and desk.orders()[ids[OrderType.STOP]] == "accepted"
        assert not desk.engine.orders[ids[OrderType.STOP]].cancel_requested_ns


async def test_the_ticket_says_before_the_press_what_is_held_here(tmp_path):
    async with new_account(tmp_path) as desk:
        ticket = {"symbol": SYMBOL, "side": "buy", "type": "market", "tif": "ioc", "qty": "0.1", "price": None, "stop": None}
        ticket |= {"post_only": False, "reduce_only": False, "stop_loss": str(desk.bid - 500)}
        for more, told in (({}, False), ({"take_profit": str(desk.ask + 500)}, True)):
            seen = await desk.page.ask("order.preview", **ticket, **more)
            assert any("held by this desk" in words for words in seen["warnings"]) is told, seen


async def test_both_exits_the_stop_at_the_venue_and_the_take_profit_here(tmp_path):
    async with new_account(tmp_path) as desk:
        stop, profit = await bracket(desk)
        assert desk.orders()[profit] == "held" and desk.engine.orders[stop].qty == Decimal("0.0999")
        assert [order.kind for order in desk.account.orders if order.works] == ["STOP_LOSS"]
        await desk.agree()
        await rises(desk, lambda: desk.engine.orders[profit].triggered)
        await desk.status(profit, "filled")
        assert desk.orders()[stop] == "cancelled"
        await desk.agree()
        assert sold(desk) == Decimal("0.0999") and desk.account.balance("BTC") == 0


async def test_where_nobody_says_that_the_balance_is_free_the_venue_decides(tmp_path):
    async with new_account(tmp_path) as desk:
        _stop, profit = await bracket(desk)
        desk.emulator.inject("event_drop", count=2, match="outboundAccountPosition")
        desk.emulator.inject("api_drop", match="account.status")
        await rises(desk, lambda: desk.orders()[profit] == "filled")
        assert sold(desk) == Decimal("0.0999")


async def test_the_stop_that_is_filled_at_the_venue_ends_the_take_profit(tmp_path):
    async with new_account(tmp_path) as desk:
        stop, profit = await bracket(desk)
        desk.emulator.exchange.trade(SYMBOL, desk.engine.orders[stop].stop, Decimal("0.001"))
        await desk.status(stop, "filled")
        await desk.status(profit, "cancelled")
        await desk.agree()
        assert sold(desk) == Decimal("0.0999")


async def test_when_both_happen_at_once_it_is_sold_once(tmp_path):
    """The take profit is touched while the stop fills and nobody has heard of it yet."""
    async with new_account(tmp_path) as desk:
        stop, profit = await bracket(desk)
        price = desk.engine.orders[stop].stop
        desk.emulator.inject("event_drop", count=4)
        desk.emulator.exchange.trade(SYMBOL, price, Decimal("0.001"))
        await rises(desk, lambda: desk.engine.orders[profit].triggered)
        await desk.status(stop, "filled")
        await desk.status(profit, "cancelled")
        await desk.agree()
        assert sold(desk) == Decimal("0.0999")


async def test_a_take_profit_that_is_touched_after_a_restart_waits_for_arming(tmp_path):
    async with new_account(tmp_path) as desk:
        stop, profit = await bracket(desk)
        await desk.restart()
        await desk.ready()
        await desk.market()
        assert desk.orders()[profit] == "held" and desk.orders()[stop] == "accepted"
        await desk.page.ask("execution.arm", confirmed=True)
        await rises(desk, lambda: desk.orders()[profit] == "filled")
        await desk.agree()
        assert sold(desk) == Decimal("0.0999")


async def test_the_stop_grows_with_an_entry_that_fills_in_parts(tmp_path):
    async with new_account(tmp_path) as desk:
        price = desk.bid - 20
        made = await desk.submit(qty="0.1", price=str(price), stop_loss=str(desk.bid - 500), take_profit=str(desk.ask + 2_000))
        await desk.status(made["client_order_id"], "accepted")
        ids = {order.intent.type: cid for cid, order in desk.engine.orders.items()}
        for part, covered in (("0.04", "0.03996"), ("0.06", "0.0999")):
            desk.emulator.exchange.trade(SYMBOL, price, Decimal(part))
            await until(lambda covered=covered: desk.engine.orders[ids[OrderType.STOP]].qty == Decimal(covered), f"covers {covered}; {desk.orders()}")
            await desk.status(ids[OrderType.STOP], "accepted")
        (there,) = [order for order in desk.account.orders if order.works]
        assert (there.kind, there.qty) == ("STOP_LOSS", Decimal("0.0999")) and desk.orders()[ids[OrderType.MARKET_IF_TOUCHED]] == "held"
        await desk.agree()


async def test_a_stop_waits_until_its_entry_has_filled_enough_for_the_venue(tmp_path):
    """Sent for the first crumb it would be refused, and all that is filled after it would be without a stop."""
    async with new_account(tmp_path) as desk:
        price, stop = desk.bid - 20, desk.bid - 500
        made = await desk.submit(qty="0.1", price=str(price), stop_loss=str(stop))
        await desk.status(made["client_order_id"], "accepted")
        (exit_,) = [order for order in desk.engine.orders.values() if order.intent.parent]
        for part in ("0.00003", "0.00005"):  # 4.8 at the stop with what the fees left
            desk.emulator.exchange.trade(SYMBOL, price, Decimal(part))
            await until(lambda: desk.engine.orders[made["client_order_id"]].filled == desk.account.orders[0].executed, "told")
            await desk.page.ask("order.query", client_order_id=made["client_order_id"])
            assert exit_.status.value == "held" and len(desk.account.orders) == 1
        desk.emulator.exchange.trade(SYMBOL, price, Decimal("0.05"))
        await desk.status(exit_.client_order_id, "accepted")
        assert exit_.qty == Decimal("0.05002")
        await desk.agree()


@pytest.mark.parametrize("end", ["touched", "stopped"])
@pytest.mark.parametrize("side", ["buy", "sell"])
async def test_one_cancels_other_the_stop_at_the_venue_and_the_limit_here(tmp_path, side, end):
    """Each alone would take all the account has: the cash, or what was bought."""
    async with new_account(tmp_path) as desk:
        if side == "sell":
            await bought(desk)
            qty, limit, stop = "0.0999", desk.ask + 12, desk.bid - 500
        else:
            qty, limit, stop = "1.6", desk.bid - 12, desk.ask + 500
        before = len(desk.account.orders)
        made = await desk.submit(type="oco", side=side, qty=qty, price=str(limit), stop=str(stop))
        assert "error" not in made, made
        ids = {order.intent.type: cid for cid, order in desk.engine.orders.items() if order.intent.group}
        there, here = ids[OrderType.STOP], ids[OrderType.LIMIT_IF_TOUCHED]
        await desk.status(there, "accepted")
        assert desk.orders()[here] == "held" and [order.kind for order in desk.account.orders[before:]] == ["STOP_LOSS"]
        if end == "stopped":
            desk.emulator.exchange.trade(SYMBOL, stop, Decimal("0.001"))
            await desk.status(there, "filled")
            await desk.status(here, "cancelled")
        else:
            await rises(desk, lambda: desk.engine.orders[here].triggered)
            await until(lambda: desk.orders()[here] in ("accepted", "partially_filled", "filled"), f"sent; {desk.orders()}")
            assert desk.orders()[there] == "cancelled"
            (sent,) = [order for order in desk.account.orders[before:] if order.kind == "LIMIT"]
            assert (sent.qty, sent.price) == (Decimal(qty), limit)
        await desk.agree()

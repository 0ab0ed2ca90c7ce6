"""Orders and cancels that wait while something is being written share the next durable write, and are decided as if one after another."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.desk.errors import Refusal
from app.trading.errors import Denied
from app.trading.journal import decode
from tests.unit.desk.conftest import BUY

REST = {**BUY, "type": "limit", "tif": "gtc", "price": "40000"}


class Gated:
    """A recorder whose writes wait until the gate is opened, and fail while they are told to."""

    def __init__(self, inner) -> None:
        self.inner, self.go, self.begun, self.records, self.fault = inner, asyncio.Event(), asyncio.Event(), [], None

    async def append(self, first: int, record: bytes) -> None:
        self.begun.set()
        await self.go.wait()
        if self.fault is not None:
            raise self.fault
        self.records.append([entry.event for entry in decode(record)])
        await self.inner.append(first, record)


@pytest.fixture
async def gated(desk_page):
    """(page, trade, recorder) where a first order is being written: what is asked now waits."""
    await desk_page.until(lambda m: m["t"] == "tick", "a tick")
    trade = desk_page.desk.trade
    recorder = trade.writer.recorder = Gated(trade.writer.recorder)
    first = asyncio.create_task(desk_page.ask("order.submit", token="first", **REST))
    await asyncio.wait_for(recorder.begun.wait(), 5)
    yield desk_page, trade, recorder
    recorder.go.set()
    await first


def kinds(events) -> list[str]:
    return [type(event).__name__ for event in events]


async def queued(trade, count: int) -> None:
    while trade.writer.queued < count:
        await asyncio.sleep(0)


async def test_orders_that_wait_are_written_at_once_and_each_is_answered(gated):
    page, trade, recorder = gated
    asked = [asyncio.create_task(page.ask("order.submit", token=f"t{n}", **REST)) for n in range(20)]
    await queued(trade, 20)
    recorder.go.set()
    replies = await asyncio.gather(*asked)
    assert len({reply["client_order_id"] for reply in replies}) == 20 and {reply["status"] for reply in replies} == {"accepted"}
    assert [count for record in recorder.records if (count := kinds(record).count("OrderSubmitted"))] == [1, 20]


async def test_what_waits_counts_in_the_limits_of_what_comes_after_it(gated):
    page, trade, recorder = gated
    free = trade.value().buying_power
    qty = str((free / 40_000 * Decimal("0.4")).quantize(Decimal("0.001")))
    asked = [asyncio.create_task(page.ask("order.submit", token=f"t{n}", **{**REST, "qty": qty})) for n in range(3)]
    await queued(trade, 3)
    recorder.go.set()
    one, two, three = await asyncio.gather(*asked)
    assert one["status"] == two["status"] == "accepted" and three["error"]["code"] == "buying_power"


async def test_a_press_that_is_repeated_while_it_waits_makes_one_order(gated):
    page, trade, recorder = gated
    asked = [asyncio.create_task(page.ask("order.submit", token="same", **REST)) for _ in range(2)]
    await queued(trade, 2)
    recorder.go.set()
    one, two = await asyncio.gather(*asked)
    assert one["client_order_id"] == two["client_order_id"] and len(trade.engine.orders) == 2


async def test_a_denied_order_holds_up_none_of_the_others(gated):
    page, trade, recorder = gated
    asked = [asyncio.create_task(page.ask("order.submit", token=f"t{n}", **{**REST, "qty": qty})) for n, qty in enumerate(("0.01", "999999", "0.02"))]
    await queued(trade, 3)
    recorder.go.set()
    good, bad, other = await asyncio.gather(*asked)
    assert (good["status"], bad["error"]["code"], other["status"]) == ("accepted", "buying_power", "accepted")


async def test_a_group_that_cannot_be_written_leaves_nothing_behind(gated):
    page, trade, recorder = gated
    before = trade.value().buying_power
    asked = [asyncio.create_task(page.ask("order.submit", token=f"t{n}", **REST)) for n in range(5)]
    await queued(trade, 5)
    recorder.fault = Refusal("vault_full", "there is no space", "free some")
    recorder.go.set()
    assert {reply["error"]["code"] for reply in await asyncio.gather(*asked)} == {"vault_full"}
    assert not trade.engine.orders and not trade.engine.claims() and trade.value().buying_power > before
    recorder.fault = None
    again = await page.ask("order.submit", token="t0", **REST)
    assert again["status"] == "accepted", "its token is free again"


async def test_the_kill_switch_is_decided_after_what_came_before_it_and_before_what_came_later(gated):
    page, trade, recorder = gated
    before = asyncio.create_task(page.ask("order.submit", token="before", **REST))
    await queued(trade, 1)
    killing = asyncio.create_task(trade.risk.kill(False))
    await queued(trade, 2)
    after = asyncio.create_task(page.ask("order.submit", token="after", **REST))
    await queued(trade, 3)
    recorder.go.set()
    await killing
    assert (await after)["error"]["code"] == "risk_halted"
    placed = (await before)["client_order_id"]
    await trade.settled([placed], lambda order: not order.is_working, 5)
    assert trade.engine.orders[placed].status.value == "cancelled"
    assert [set(kinds(record)) & {"OrderSubmitted", "RiskStateSet"} for record in recorder.records[:4]].count({"OrderSubmitted", "RiskStateSet"}) == 0


async def test_an_order_that_this_desk_holds_is_cancelled_once_however_often_it_is_asked(desk_page):
    await desk_page.until(lambda m: m["t"] == "tick", "a tick")
    trade = desk_page.desk.trade
    trailing = {**BUY, "type": "trailing_stop", "tif": "gtc", "trail": "5", "trail_unit": "percent"}
    held = await desk_page.ask("order.submit", token="held", **trailing)
    assert held["status"] == "held", held
    recorder = trade.writer.recorder = Gated(trade.writer.recorder)
    first = asyncio.create_task(desk_page.ask("order.submit", token="first", **REST))
    await recorder.begun.wait()
    asked = [asyncio.create_task(trade.cancel(held["client_order_id"])) for _ in range(2)]
    await queued(trade, 2)
    recorder.go.set()
    _none, denied = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(denied, Denied) and denied.code == "not_working" and not trade.engine.anomalies
    await first


async def test_the_lead_lost_while_a_group_is_written_refuses_all_of_it(gated):
    page, trade, recorder = gated
    asked = [asyncio.create_task(page.ask("order.submit", token=f"t{n}", **REST)) for n in range(3)]
    await queued(trade, 3)
    trade.writer.abandon()
    recorder.go.set()
    assert {reply["error"]["code"] for reply in await asyncio.gather(*asked)} == {"lost_lead"}

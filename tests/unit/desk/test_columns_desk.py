"""A market that comes fast: the desk takes it in columns, the page sees the newest state at its own rate, its tape has every trade or says what it lacks."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable

import pytest

from app.desk import pace
from app.desk.pace import FAST, FOR_S, Pace
from app.market.trades import KEPT
from app.model.market import Quote, Ticks, Trade
from tests.unit.desk.conftest import BUY, start_desk
from tests.unit.desk.test_publisher import Rig
from tests.venues.live_desk import until
from tests.venues.sims.hand import exchange_of
from tests.venues.sims.server import Served

SYMBOLS = ("AAA", "BBB", "CCC", "DDD")
NOW = 10**18


async def test_a_market_that_comes_fast_is_taken_in_columns(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "FAST", 1)
    async with Served(exchange_of("usdm"), every_s=0.01) as venue:
        page = await start_desk(venue="usdm", addresses={"usdm_ws": venue.ws, "usdm_rest": venue.http})
        desk = page.desk
        symbol = page.latest("instruments")["rows"][0]["symbol"]
        await until(lambda: desk.market.in_columns, "columns")
        await until(lambda: desk.market.book(symbol).is_trusted, "a book to trade on")
        count, before = len(page.messages), desk.market.last(symbol)
        await until(lambda: desk.market.last(symbol) != before, "a trade in columns")
        await page.ask("order.submit", **{**BUY, "symbol": symbol, "qty": "0.005", "token": "one"})
        await until(lambda: desk.trade.at_stake() == [symbol], "a position")
        await until(lambda: any(m["t"] == "tick" and m.get("tape", {}).get("rows") for m in page.messages[count:]), "its trades on the page")
        await until(lambda: any(m["t"] == "tick" and any(row[0] == symbol for row in m["quotes"]) for m in page.messages[count:]), "its quote")
        ticks, found = desk.market.tick_reader([symbol]), []
        await until(lambda: found.extend(ticks.read().ticks) or {Quote, Trade} <= set(map(type, found)), "every tick")
        assert desk.venue.parser.columns.every == {0} and not ticks.lost and {event.symbol for event in found} == {symbol}
        ticks.close()
        assert not desk.venue.parser.columns.every
        assert desk.feed.rejected == 0 and desk.feed.gaps == 0 and desk.feed.events > 100
        await desk.stop()


class Slow:
    """A venue that can give columns, and a load that ends or fails when told to."""

    def __init__(self, reads_columns: bool = True) -> None:
        self.reads_columns = reads_columns
        self.used, self.loads, self.failed, self.busy = 0, [], [], False
        self.tasks: list = []
        self.quiet_s = 100.0
        self.error: Exception | None = None
        self.rests = 0
        self.pace = Pace(self, self.load, self, lambda: 0.0 if self.busy else self.quiet_s, self.failed.append)

    def use_columns(self) -> None:
        self.used += 1

    async def load(self, name: str, rest: Callable) -> None:
        self.loads.append(name)
        if self.error is not None:
            raise self.error
        for _ in range(3):
            await rest()
            self.rests += 1

    def create_task(self, coroutine) -> None:
        self.tasks.append(asyncio.ensure_future(coroutine))


async def test_columns_are_used_once_it_was_fast_for_some_seconds_and_nothing_is_being_written(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "REST_S", 0)
    desk = Slow()
    for ticks in (FAST, FAST, FAST - 1, *[FAST] * (FOR_S - 1)):
        desk.pace.second(ticks)
    assert not desk.tasks
    desk.busy = True
    for _ in range(3):
        desk.pace.second(FAST)
    for _ in range(10):
        await asyncio.sleep(0)
    assert desk.loads == ["numpy"] and not desk.rests and not desk.used, "not while an order is being written"
    desk.busy, desk.quiet_s = False, 0.1
    for _ in range(50):
        await asyncio.sleep(0)
    assert desk.rests == 3 and not desk.used, "in pieces soon after it, the rest only when the trader rests"
    desk.quiet_s = 2.0
    await asyncio.gather(*desk.tasks)
    assert desk.loads == ["numpy"] and desk.used == 1 and not desk.failed


async def test_a_trader_who_never_rests_gets_columns_all_the_same_between_two_orders(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "REST_S", 0)
    desk = Slow()
    desk.quiet_s = 0.1
    for _ in range(FOR_S):
        desk.pace.second(FAST)
    for _ in range(pace.LOOKS // 2):
        await asyncio.sleep(0)
    assert not desk.used
    await asyncio.gather(*desk.tasks)
    assert desk.used == 1


async def test_numpy_is_loaded_once_for_all_who_ask_and_again_only_after_a_failure(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pace, "REST_S", 0)
    desk = Slow()
    desk.error = OSError("no network")
    assert await asyncio.gather(desk.pace.numpy(), desk.pace.numpy(), return_exceptions=True) == [desk.error] * 2
    desk.error = None
    impatient = asyncio.ensure_future(desk.pace.numpy())
    await asyncio.sleep(0)
    impatient.cancel()
    for _ in range(FOR_S):
        desk.pace.second(FAST)
    await asyncio.gather(desk.pace.numpy(), desk.pace.numpy(), *desk.tasks)
    assert desk.loads == ["numpy"] * 2 and desk.used == 1


async def test_a_package_that_cannot_be_fetched_leaves_the_desk_as_it_was():
    desk = Slow()
    desk.error = OSError("no network")
    for _ in range(3 * FOR_S):
        desk.pace.second(FAST)
    await asyncio.gather(*desk.tasks)
    assert desk.failed == [desk.error] and not desk.used and len(desk.loads) == 1


def test_a_venue_without_columns_asks_for_nothing():
    for venue in (object(), Slow(reads_columns=False)):
        tasks: list = []
        quiet = Pace(venue, tasks.append, Slow(), lambda: 9.0, tasks.append)
        for _ in range(2 * FOR_S):
            quiet.second(10 * FAST)
        assert tasks == []


class InColumns(Rig):
    """The publisher of test_publisher on a market in columns."""

    def ticks_come(self, trades: tuple = (), quotes: tuple = (), received_ms: float = 5.0) -> None:
        tables = [memoryview(array("q", [value for record in records for value in (0, *record)])) for records in (trades, quotes)]
        self.market.apply([Ticks(SYMBOLS, NOW, *tables, 1)])
        self.publisher.changed(self.market.take_changed(), received_ms)


@pytest.fixture
def rig() -> InColumns:
    made = InColumns()
    made.quote("AAA", 490, received_ms=0.5)
    made.run(1)
    made.sent.clear()
    made.ticks_come(quotes=((0, 500, 1, 501, 1), (1, 600, 1, 601, 1)))
    assert made.ticks()[-1]["recv_ms"] == 5.0, "not when objects came before"
    made.run(1)
    made.sent.clear()
    return made


def test_the_quote_in_focus_goes_out_at_once_and_then_at_the_rate_of_the_page(rig: InColumns):
    rig.ticks_come(quotes=((0, 510, 1, 511, 1),), received_ms=7.0)
    (tick,) = rig.ticks()
    assert tick["quotes"][0][:3] == ["AAA", "5.10", "5.11"] and tick["recv_ms"] == 7.0
    rig.run(0.02)
    rig.sent.clear()
    for at in range(100):  # 100 batches in 100 ms, all painted at once: no more than one in 16 ms
        rig.ticks_come(quotes=((0, 520 + at, 1, 530 + at, 1),), received_ms=8.0 + at)
        rig.run(0.001)
    quotes = [tick for tick in rig.ticks() if any(row[0] == "AAA" for row in tick["quotes"])]
    assert 5 <= len(quotes) <= 7 and all(tick["recv_ms"] for tick in quotes)
    rig.run(0.05)
    assert [row for tick in rig.ticks() for row in tick["quotes"] if row[0] == "AAA"][-1][1] == "6.19", "the last one comes without another batch"


def test_a_page_that_does_not_paint_gets_the_newest_state_and_no_backlog(rig: InColumns):
    rig.paints = False
    rig.ticks_come(quotes=((0, 510, 1, 511, 1),))
    for at in range(50):
        rig.ticks_come(quotes=((0, 520 + at, 1, 530 + at, 1), (1, 620 + at, 1, 630 + at, 1)), received_ms=20.0 + at)
        rig.time.advance(0.02)
    assert len(rig.ticks()) == 1 and rig.market._stores[0].waiting == 100, "nobody looks: nothing is worked out"
    rig.sent.clear()
    rig.paints = True
    rig.publisher.painted(rig.publisher._sequence)
    rig.run(0.5)
    rows = [row[:2] for tick in rig.ticks() for row in tick["quotes"]]
    assert rows == [["AAA", "5.69"], ["BBB", "6.69"]] and rig.ticks()[0]["recv_ms"] == 20.0


def test_out_of_sight_it_looks_once_a_second(rig: InColumns):
    rig.publisher.attend("hidden")
    rig.run(2)
    batches = rig.market._stores[0].batches
    for at in range(300):
        rig.ticks_come(quotes=((0, 520 + at, 1, 830 + at, 1),))
        rig.run(0.01)
    assert rig.market._stores[0].batches - batches <= 4


def test_what_is_not_watched_is_not_told_but_the_account_is_looked_at(rig: InColumns):
    rig.account = {"cash": "7.00"}
    rig.ticks_come(quotes=((3, 510, 1, 511, 1),))
    rig.run(1)
    assert [row for tick in rig.ticks() for row in tick["quotes"]] == []
    assert [tick["account"] for tick in rig.ticks() if "account" in tick] == [{"cash": "7.00"}]


def test_the_tape_has_every_trade_or_says_how_many_it_lacks(rig: InColumns):
    for at in range(5):
        rig.ticks_come(trades=tuple((0, 20 * at + n, 500, 1, NOW + 20 * at + n, 0) for n in range(20)))
        rig.run(0.15)
    tapes = [tick["tape"] for tick in rig.ticks() if "tape" in tick]
    assert sum(len(tape["rows"]) for tape in tapes) == 100 and not any("lost" in tape for tape in tapes)
    rig.sent.clear()
    rig.ticks_come(trades=tuple((0, 200 + n, 500, 1, NOW + 200 + n, 0) for n in range(KEPT + 50)))
    rig.run(1)
    assert sum(tick["tape"].get("lost", 0) for tick in rig.ticks() if "tape" in tick) == 50
    day = rig.market.bars("AAA", "1d").last
    assert day is not None and day[5] == 100 + KEPT + 50, "the bars have all of them"


def test_an_old_quote_is_marked_as_old(rig: InColumns):
    rig.publisher._venue_now = lambda _symbol: NOW + 11 * 10**9
    rig.publisher.second()
    rig.run(0.5)
    ages = {row[0]: row[6] for tick in rig.ticks() for row in tick["quotes"]}
    assert ages["AAA"] == ages["BBB"] == 11_000

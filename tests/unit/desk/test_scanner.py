"""The scanner's columns: what the charts' indicators say of the same bars, for many rows at once, warmed up from what is known, or how much is lacking."""

from __future__ import annotations

import asyncio
import math
import random

import pytest

from app.desk.scanner import WARM, Scan, Scanner
from app.desk.summary import Summaries
from app.history.backfill import Held
from app.market.indicators import find
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import Restart, Trade
from tests.unit.manual import ManualTime

SECOND = 1_000_000_000
NOON_S = 1_700_049_600
ITEMS = {name: Instrument(name, "test", name, name, "USD", scale, 3) for name, scale in (("AAA", 2), ("BBB", 0), ("CCC", 4), ("DDD", 2))}


class World:
    """A market, a clock, stored bars, and the scanner with its columns."""

    def __init__(self, load=None) -> None:
        self.state, self.now_s, self.number = MarketState(ITEMS.values()), NOON_S, 0
        self.held: dict[str, Held] = {}
        self.begun: list[set[str]] = []
        self.failed: list[Exception] = []
        self.scanner = Scanner(self.state, ManualTime(), self, lambda _symbol: self.now_s * SECOND, load, self.stored, self.begun.append, self.failed.append)
        self.summaries = Summaries(self.state, ITEMS, lambda _symbol: self.now_s * SECOND, lambda: self.scanner)

    async def stored(self, symbol: str) -> Held | None:
        await asyncio.sleep(0)
        return self.held.get(symbol)

    @staticmethod
    def create_task(coroutine) -> asyncio.Task:
        return asyncio.ensure_future(coroutine)

    def trade(self, symbol: str, price: int, size: int = 1000, ago_s: int = 0) -> None:
        self.number += 1
        at = (self.now_s - ago_s) * SECOND
        self.state.apply([Trade(symbol, at, self.now_s * SECOND, price, size, False, str(self.number))])

    async def look(self) -> dict[str, Scan]:
        """What is known once every row that can has begun."""
        self.scanner.look(ITEMS)
        while self.scanner._task is not None:
            await asyncio.sleep(0)
        return self.scanner.look(ITEMS)

    def bars(self, symbol: str) -> list[tuple]:
        """Stored and live bars as a chart draws them."""
        item = ITEMS[symbol]
        price, size = float(item.price(1)), float(item.size(1))
        live = [(t, o * price, h * price, low * price, c * price, v * size) for t, o, h, low, c, v in self.state.bars(symbol, "1m").rows()]
        held = self.held[symbol].rows if symbol in self.held else []
        first = live[0][0] if live else math.inf
        return [row for row in held if row[0] < first] + live

    def expected(self, symbol: str) -> list[float | None]:
        """RSI and ATR as the charts have them, bar by bar."""
        rows, out = self.bars(symbol), []
        for name in ("RSI", "NATR"):
            running = find(name).build(timeperiod=14).start()
            for row in rows:
                (value, *_) = running.step(list(row), True)
            out.append(value if value - value == 0 else None)
        return out


def stored(symbol: str, count: int, until_s: int, seed: int = 3) -> Held:
    rng, rows, price = random.Random(seed), [], 100.0
    for at in range(count, 0, -1):
        o, price = price, max(1.0, price + rng.uniform(-1, 1))
        rows.append((until_s - 60 * at, o, max(o, price) + 0.5, min(o, price) - 0.5, price, 10.0))
    return Held(symbol, "1m", rows, [], 60)


def same(scan: Scan, expected: list[float | None]) -> None:
    for ours, theirs in zip((scan.rsi, scan.atr), expected, strict=True):
        assert (ours is None) == (theirs is None) and (ours is None or math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-6)), (ours, theirs)


async def test_values_are_those_of_the_charts_while_bars_close_come_late_and_streams_begin_anew():
    world, rng = World(), random.Random(5)
    world.held["BBB"] = stored("BBB", 300, NOON_S - 60)
    prices = {"AAA": 10_000, "BBB": 100, "CCC": 5_000_000}
    seen = 0
    for step in range(900):
        world.now_s += rng.choice((1, 7, 20, 61, 200))
        symbol = rng.choice(list(prices))
        prices[symbol] = max(10, prices[symbol] + rng.randrange(-9, 10))
        world.trade(symbol, prices[symbol], ago_s=rng.choice((0, 0, 0, 65)))
        if step == 500:
            world.state.apply([Restart("CCC", 1, "again")])
        if step % 3 == 0:
            found = await world.look()
            for name, scan in found.items():
                if len(world.state.bars(name, "1m")) < WARM:
                    same(scan, world.expected(name))
                    seen += scan.rsi is not None and scan.atr is not None
    assert seen > 200 and "DDD" not in found


async def test_a_late_trade_in_the_bar_that_closed_last_counts():
    world = World()
    for minute in range(30):
        world.now_s += 60
        world.trade("AAA", 10_000 + minute * 13 % 40)
    before = (await world.look())["AAA"]
    world.trade("AAA", 20_000, ago_s=60)
    after = (await world.look())["AAA"]
    same(after, world.expected("AAA"))
    assert after.atr > 2 * before.atr


async def test_rows_begin_with_stored_bars_and_anew_when_others_are_stored():
    world = World()
    world.trade("AAA", 10_000)
    assert (await world.look())["AAA"] == Scan(None, None, None, None, 1, 0)
    world.held["AAA"] = stored("AAA", 100, NOON_S)
    world.scanner.forget()
    assert world.scanner.look(ITEMS) == {}, "it has yet to begin"
    scan = (await world.look())["AAA"]
    same(scan, world.expected("AAA"))
    assert scan.bars == 101 and scan.minutes == 100 and scan.short == pytest.approx(100.0 / world.held["AAA"].rows[-6][4] - 1)
    assert scan.busy == pytest.approx((5 * 10 + 1) / 10 / 5 / 1), "each stored minute has ten, the open one one more"
    assert world.begun[-1] == set(ITEMS)


async def test_a_stored_minute_whose_volume_is_not_known_leaves_no_volume_to_compare_with():
    world = World()
    world.trade("AAA", 10_000)
    whole = stored("AAA", 100, NOON_S)
    for place in (-30, -2):
        world.held["AAA"] = whole._replace(rows=[(*row[:5], math.nan) if row is whole.rows[place] else row for row in whole.rows])
        world.scanner.forget()
        scan = (await world.look())["AAA"]
        same(scan, world.expected("AAA"))
        assert scan.busy is None and scan.short is not None
    world.summaries.choose(["busy"], "hour")
    assert world.summaries.message(["AAA"])["rows"] == [["AAA", ["", "No volume is known to compare with"]]]


async def test_bars_of_long_ago_are_not_taken_for_those_of_today():
    world = World()
    world.trade("AAA", 10_000)
    world.held["AAA"] = stored("AAA", 100, NOON_S - 8 * 86_400)
    assert (await world.look())["AAA"].bars == 1


async def test_volume_of_five_minutes_is_compared_with_the_hour_before():
    world = World()
    for _ in range(66):
        world.trade("AAA", 10_000, size=1000)
        world.now_s += 60
    for _ in range(5):
        world.trade("AAA", 10_100, size=3000)
        world.now_s += 60
    world.now_s -= 60
    scan = (await world.look())["AAA"]
    assert scan.busy == pytest.approx(3.0, rel=0.2) and scan.short == pytest.approx(0.01)


async def test_what_is_lacking_is_told_and_sorted_last():
    world = World()
    for minute in range(20):
        world.now_s += 60
        world.trade("AAA", 10_000 + 7 * (minute % 3))
        if minute > 16:
            world.trade("BBB", 100 + minute)
    world.summaries.choose(["rsi", "atr", "short", "busy", "top"], "hour")
    await world.look()
    told = {symbol: values for symbol, *values in world.summaries.message(ITEMS)["rows"]}
    rsi, atr = world.expected("AAA")
    assert told["AAA"][:2] == [f"{rsi:.1f}", f"{atr:.2f}"] and told["AAA"][2] in ("−0.07", "+0.07", "+0.14", "−0.14", "0.00")
    assert told["AAA"][3] == ["19/65", "Not enough bars yet: 19 of 65 minutes"] and told["AAA"][4] == "−0.07"
    assert told["BBB"][0] == ["3/15", "Not enough bars yet: 3 of 15 bars of a minute"] and told["BBB"][2][0] == "2/6"
    assert told["DDD"][0] == ["", "Nothing was traded since this desk receives"] and told["DDD"][4] is None
    assert world.summaries.rank("rsi", True, list(ITEMS)) == ["AAA", "BBB", "CCC", "DDD"]
    assert world.summaries.rank("atr", False, ["DDD", "AAA"]) == ["AAA", "DDD"]
    assert world.summaries.rank("top", True, ["AAA", "BBB"]) == ["BBB", "AAA"] and world.summaries.rank("short", True, ["BBB", "AAA"])[0] == "AAA"


async def test_without_numpy_the_columns_say_why():
    async def load() -> None:
        raise OSError("no network")

    world = World(load)
    world.trade("AAA", 10_000)
    world.summaries.choose(["rsi"], "hour")
    assert await world.look() == {} and [str(error) for error in world.failed] == ["no network"]
    assert world.summaries.message(["AAA"])["rows"] == [["AAA", ["", "numpy could not be loaded: no network"]]]
    await world.look()
    assert len(world.failed) == 1, "it is not tried again and again"


async def test_more_instruments_than_there_was_room_for():
    world = World()
    for minute in range(20):
        world.now_s += 60
        world.trade("AAA", 10_000 + minute % 4)
    before = (await world.look())["AAA"]
    more = {f"E{n}": Instrument(f"E{n}", "test", f"E{n}", "E", "USD", 2, 3) for n in range(9)}
    world.state.add(more.values())
    ITEMS_AND_MORE = [*ITEMS, *more]
    world.trade("E8", 500)
    world.scanner.look(ITEMS_AND_MORE)
    while world.scanner._task is not None:
        await asyncio.sleep(0)
    found = world.scanner.look(ITEMS_AND_MORE)
    assert found["AAA"].rsi == before.rsi and found["E8"].bars == 1

"""What the watchlist shows beside quotes: told once a second for rows in sight, exact, in an order that is stable."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.desk.errors import Refusal
from app.desk.summary import SPARK_HEIGHT, SPARK_WIDTH, Summaries
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import Quote, Trade
from tests.unit.desk.test_publisher import Rig

SECOND = 1_000_000_000
NOON = 1_700_049_600 * SECOND  # 12:00 UTC
ITEMS = {name: Instrument(name, "test", name, name, "USD", scale, 3) for name, scale in (("AAA", 2), ("BBB", 0), ("CCC", 2))}


class Market:
    """A market state with a clock beside it."""

    def __init__(self) -> None:
        self.state, self.now = MarketState(ITEMS.values()), NOON
        self.summaries = Summaries(self.state, ITEMS, lambda _symbol: self.now)
        self.numbers = 0

    def trade(self, symbol: str, price: int, ago_s: int = 0, size: int = 1000) -> None:
        self.numbers += 1
        at = self.now - ago_s * SECOND
        self.state.apply([Trade(symbol, at, at, price, size, False, str(self.numbers))])

    def quote(self, symbol: str, bid: int, ask: int) -> None:
        self.state.apply([Quote(symbol, self.now, self.now, bid, 1, ask, 1)])

    def tell(self, *columns: str, span: str = "hour") -> dict[str, list]:
        self.summaries.choose(columns, span)
        message = self.summaries.message(ITEMS)
        return {row[0]: row[1:] for row in message["rows"]}


@pytest.fixture
def market() -> Market:
    return Market()


def test_texts_of_the_day_and_of_the_last_hour(market):
    market.trade("AAA", 100_00, ago_s=7200)
    market.trade("AAA", 120_00, ago_s=1800, size=500)
    market.trade("AAA", 90_00, ago_s=60)
    market.trade("AAA", 108_00, ago_s=2)
    market.quote("AAA", 107_00, 108_00)
    market.now += 2 * SECOND
    told = market.tell("hour", "spread", "volume", "low", "high", "range", "age")
    assert told["AAA"] == ["−10.00", "93.0", "3.5", "90.00", "120.00", "60 %", 2000]
    assert told["BBB"] == [None] * 7


def test_where_nobody_says_how_much_was_traded_there_is_no_volume(market):
    market.trade("AAA", 100_00, size=0)
    assert market.tell("volume", "low")["AAA"] == [None, "100.00"] and market.summaries.volume("AAA") is None
    market.trade("AAA", 101_00, size=500)
    assert market.tell("volume")["AAA"] == ["0.5"]


def test_turnover_of_contracts_compares_at_their_worth(market):
    contract = replace(ITEMS["AAA"], multiplier=Decimal(50))
    unknown = replace(ITEMS["AAA"], multiplier=Decimal(0))
    market.trade("AAA", 100_00, size=2000)
    assert [Summaries(market.state, {"AAA": item}, lambda _: market.now).volume("AAA") for item in (ITEMS["AAA"], contract, unknown)] == [200, 10_000, 200]


def test_only_what_shows_differently_is_told_again(market):
    market.summaries.choose(["low"], "hour")
    market.trade("AAA", 100)
    assert [row[0] for row in market.summaries.message(["AAA"])["rows"]] == ["AAA"]
    market.trade("AAA", 101)
    assert market.summaries.message(["AAA"]) is None
    market.trade("AAA", 99)
    assert market.summaries.message(["AAA"])["rows"] == [["AAA", "0.99"]]


def test_the_line_spans_the_hour_stays_inside_its_box_and_can_be_read(market):
    for minute in range(59, -1, -1):
        market.trade("AAA", 10_000 + minute * 7 % 50, ago_s=minute * 60)
    path, words = market.tell("spark")["AAA"][0]
    points = [tuple(map(int, point.split())) for point in path[1:].split("L")]
    assert len(points) == 60 and [x for x, _ in points] == sorted({x for x, _ in points})
    assert all(0 <= x <= SPARK_WIDTH and 0 < y < SPARK_HEIGHT for x, y in points)
    assert {y for _, y in points} >= {2, SPARK_HEIGHT - 2}, "lowest and highest reach the edges"
    assert words == "Last hour: from 100.13 to 100.00 (−0.13 %), lowest 100.00, highest 100.49"


def test_before_there_is_an_hour_the_line_is_of_the_last_minutes(market):
    market.trade("AAA", 100, ago_s=30)
    assert market.tell("spark")["AAA"] == [None]
    market.trade("AAA", 110, ago_s=3)
    path, words = market.tell("spark")["AAA"][0]
    assert words.startswith("Last 30 s: from 1.00 to 1.10") and path == "M0 14L54 2"
    assert market.tell("spark", span="day")["AAA"][0][1].startswith("Last 30 s")
    for ago in range(12 * 3600, 0, -900):
        market.trade("AAA", 110, ago_s=ago)
    assert market.tell("spark", span="day")["AAA"][0][1].startswith("Since midnight UTC: from 1.10 to 1.10")


def test_a_flat_market_is_a_flat_line(market):
    for ago in (100, 50, 0):
        market.trade("AAA", 77, ago_s=ago)
    path, _words = market.tell("spark")["AAA"][0]
    assert len({point.split()[1] for point in path[1:].split("L")}) == 1


def test_the_order_compares_over_instruments_and_keeps_equals_in_place(market):
    market.trade("AAA", 300_00)  # 300.00
    market.trade("BBB", 400)  # 400
    rank = market.summaries.rank
    assert rank("last", True, ["AAA", "CCC", "BBB"]) == ["BBB", "AAA", "CCC"]
    assert rank("last", False, ["CCC", "BBB", "AAA"]) == ["AAA", "BBB", "CCC"]
    assert rank("change", True, ["BBB", "CCC", "AAA"]) == ["BBB", "AAA", "CCC"], "equal ones and unknown ones keep their order"
    assert rank("change", False, ["BBB", "CCC", "AAA"]) == ["BBB", "AAA", "CCC"]
    assert rank("symbol", True, ["AAA", "CCC", "BBB"]) == ["CCC", "BBB", "AAA"]
    assert rank("volume", True, ["AAA", "BBB"]) == ["BBB", "AAA"]
    assert market.summaries.volume("AAA") == Decimal(300)
    for column in ("bid", "ask", "hour", "spread", "low", "high", "range", "age", "source"):
        assert sorted(rank(column, True, list(ITEMS))) == list(ITEMS), column


@pytest.mark.parametrize(("columns", "span", "field"), [(["nonsense"], "hour", "columns"), ("low", "hour", "columns"), (["low"], "year", "spark")])
def test_what_there_is_not_is_refused(market, columns, span, field):
    with pytest.raises(Refusal) as refused:
        market.summaries.choose(columns, span)
    assert refused.value.field == field
    with pytest.raises(Refusal):
        market.summaries.rank("nonsense", True, ["AAA"])


def test_the_page_is_told_at_most_once_a_second_and_only_of_rows_in_sight():
    rig = Rig()
    rig.publisher.watch(["AAA", "BBB"], ["spread"])
    rig.publisher.flush()
    rig.run(1.5)
    rig.sent.clear()
    for number in range(30):
        for symbol in ("AAA", "BBB", "CCC"):
            rig.market.apply([Quote(symbol, 10**18, 10**18, 100, 1, 101 + number, 1)])
        rig.publisher.changed(rig.market.take_changed(), 1.0)
        rig.run(0.1)
    told = [tick["summary"] for tick in rig.ticks() if "summary" in tick]
    assert 3 <= len(told) <= 4
    assert {row[0] for message in told for row in message["rows"]} == {"AAA", "BBB"}
    assert all(message["columns"] == ["spread"] for message in told)
    rig.publisher.watch(["AAA", "BBB"])
    rig.sent.clear()
    rig.quote("AAA", 500)
    rig.run(2)
    assert not any("summary" in tick for tick in rig.ticks()), "nobody asked for a column"


async def test_the_desk_ranks_what_it_knows(desk_page):
    result = await desk_page.ask("rank", column="symbol", falling=True, symbols=["BTCUSDT", "nobody", "SKL-USD"])
    assert result == {"symbols": ["SKL-USD", "BTCUSDT"]}
    everything = (await desk_page.ask("rank", column="last", falling=False))["symbols"]
    assert "BTCUSDT" in everything and len(everything) > 30
    assert (await desk_page.ask("rank", column="no", falling=False))["error"]["field"] == "column"
    assert (await desk_page.ask("watch", symbols=[], columns=["no"]))["error"]["field"] == "columns"

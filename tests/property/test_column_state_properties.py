"""The market in columns is the market of objects, whatever comes and whenever somebody looks; orders on paper fill alike in both."""

from __future__ import annotations

from array import array
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.bars import TIMEFRAMES
from app.market.quotes import KEPT, MOST_WAITING, QuoteStore
from app.market.state import MarketState
from app.market.trades import KEPT as ON_TAPE
from app.model.instrument import Instrument
from app.model.market import BookSnapshot, Gap, Quote, Restart, Ticks, Trade, events_of
from app.platform.columns import NativeReader
from app.venues.binance.columns import ColumnEvents, layouts
from app.venues.binance.parse import Parser
from tests.unit.trading.kit import TOY, Rig

SECOND, MS = 1_000_000_000, 1_000_000
START = 1_700_000_000_000
ITEMS = [Instrument(name, "binance", name, name[:-4], "USDT", 2, 3) for name in ("AAAUSDT", "BBBUSDT", "CCCUSDT")]
NAMES = [item.symbol for item in ITEMS]


def frame(kind: str, name: str, **data: object) -> str:
    text = ",".join(f'"{key}":{_text(value)}' for key, value in data.items())
    return f'{{"stream":"{name.lower()}@{kind}","data":{{{text}}}}}'


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, int) else value if str(value).startswith("[") else f'"{value}"'


def money(units: int) -> str:
    return f"{units // 100}.{units % 100:02d}"


class Both:
    """Two markets of the same frames: one of objects, and one that takes columns once its `ColumnEvents` gives them."""

    def __init__(self) -> None:
        self.markets = MarketState(ITEMS), MarketState(ITEMS)
        self.readers = [[market.trade_reader(name) for name in NAMES] for market in self.markets]
        self.seen: list[dict] = [dict.fromkeys(NAMES, (None, None)) for _ in self.markets]
        self.read: list[list[list]] = [[[] for _ in NAMES] for _ in self.markets]
        parser, told = Parser(ITEMS), layouts(ITEMS)
        self.columns = [ColumnEvents(ITEMS, parser.parse) for _ in self.markets]
        self.reader, self.now, self.number, self.update = NativeReader(told), START, 10, 0

    def take(self, steps: list[tuple]) -> None:
        texts = []
        for kind, row, step, price, again in steps:
            self.now += max(step, 0) * 250
            ts = self.now + min(step, 0) * 700
            self.number += 1
            name = NAMES[row]
            if kind == "quote":
                texts.append(frame("bookTicker", name, u=self.number, s=name, b=money(price), B="1.5", a=money(price + 1 + step % 2), A="0.25"))
            elif kind == "trade":
                number = self.number - (again and 3)
                texts.append(frame("trade", name, e="trade", E=ts, s=name, t=number, p=money(price), q="0.125", T=ts, m=price % 2 == 0, M=True))
            else:
                self.update += 1
                levels = f'[["{money(price)}","{price % 3}.5"]]'
                texts.append(frame("depth@100ms", name, e="depthUpdate", E=ts, s=name, U=self.update, u=self.update, b=levels, a="[]"))
        recv, batches = self.now * MS, []
        for market, columns in zip(self.markets, self.columns, strict=True):
            batches.append(columns.events(self.reader.read(texts), recv))
            market.apply(batches[-1])
        for name in NAMES:  # what an order that waits has to see, in order
            objects, mixed = ([event for event in events_of(batch, {name}) if type(event) is not Quote] for batch in batches)
            assert objects == mixed

    def apply(self, event: object) -> None:
        for market in self.markets:
            market.apply([event])

    def agree(self) -> None:
        objects, columns = self.markets
        present = self.now * MS + SECOND
        assert objects.duplicates == columns.duplicates
        for at, name in enumerate(NAMES):
            assert objects.age_ns(name, present) == columns.age_ns(name, present)
            for market, seen in zip(self.markets, self.seen, strict=True):
                market.moved(seen)
            assert self.seen[0] == self.seen[1] and self.seen[0][name] == (objects.quote(name), objects.last(name))
            for look in (MarketState.quote, MarketState.last, MarketState.quote, MarketState.last, MarketState.base):
                assert look(objects, name) == look(columns, name)
            assert list(objects.trades(name)) == list(columns.trades(name))
            assert objects.age_ns(name, present) == columns.age_ns(name, present)
            for width in TIMEFRAMES:
                ours, theirs = objects.bars(name, width), columns.bars(name, width)
                assert (ours.rows(), ours.gaps, ours.take_changed()) == (theirs.rows(), theirs.gaps, theirs.take_changed())
            for read, readers in zip(self.read, self.readers, strict=True):
                read[at] += readers[at].read().ticks
            assert self.read[0][at] == self.read[1][at]


step = st.tuples(st.sampled_from(["quote", "trade", "trade", "depth"]), st.integers(0, 2), st.integers(-3, 4), st.integers(100, 120), st.booleans())
doing = st.tuples(st.sampled_from(["take", "take", "take", "look", "gap", "restart", "book"]), st.lists(step, min_size=1, max_size=12))


@settings(max_examples=200, deadline=None)
@given(st.lists(doing, max_size=14), st.integers(0, 8))
def test_a_market_in_columns_knows_what_one_of_objects_knows(doings: list[tuple], switched: int) -> None:
    both = Both()
    for at, (what, steps) in enumerate(doings):
        if at == switched:
            both.columns[1].whole = True
        name, recv = NAMES[steps[0][1]], both.now * MS
        if what == "take":
            both.take(steps)
        elif what == "look":
            both.agree()
        elif what == "gap":
            both.apply(Gap(name, recv, "lost"))
        elif what == "restart":
            both.agree()  # who reads trades reads them before a stream begins anew
            both.apply(Restart(name, recv, "again"))
        else:
            both.apply(BookSnapshot(name, recv, recv, ((99, 5),), ((130, 5),), both.update))
    both.agree()


def batch(symbols: tuple[str, ...], recv: int, trades: list[tuple] = (), quotes: list[tuple] = ()) -> Ticks:
    """Rows as in the columns of `Ticks`, without the order."""
    tables = [memoryview(array("q", [value for record in records for value in (0, *record)])) for records in (trades, quotes)]
    return Ticks(symbols, recv, *tables, 1)


def test_bars_have_every_trade_however_long_nobody_looks() -> None:
    market, symbols = MarketState(ITEMS), tuple(NAMES)
    for at in range(0, 6 * KEPT, 64):
        market.apply([batch(symbols, at, [(at // 640 % 2, at + n, 100 + n % 7, 1, (at + n + 1) * MS, 0) for n in range(64)])])
    for name in NAMES[:2]:
        kept = market.trades(name)
        assert sum(row[5] for row in market.bars(name, "1s").rows()) == sum(row[5] for row in market.bars(name, "1d").rows())
        assert len(kept) == ON_TAPE
    assert sum(market.bars(name, "1d").last[5] for name in NAMES[:2]) == 6 * KEPT


def test_one_who_reads_too_late_is_told_what_he_lost() -> None:
    market, symbols = MarketState(ITEMS), tuple(NAMES)
    market.apply([batch(symbols, 1, [(0, 1, 100, 1, 1, 0)])])
    early, late = market.trade_reader(NAMES[0]), market.trade_reader(NAMES[0])
    number, read = 1, 0
    for _ in range(3):
        market.apply([batch(symbols, 1, [(0, number + at, 100, 1, number + at, 0) for at in range(1, 401)])])
        number += 400
        news = early.read()
        read += len(news.ticks)
        assert not news.lost and news.ticks[-1].trade_id == str(number)
    news = late.read()
    assert read == 1200 and (len(news.ticks), news.lost, late.lost) == (ON_TAPE, 700, 700) and late.read() == ((), 0)


def test_who_wants_the_newest_state_is_told_of_his_own_at_his_rate() -> None:
    market, symbols = MarketState(ITEMS), tuple(NAMES)
    news = market.news()
    news.look_at({NAMES[0]}, 10)
    assert news.wait_ns(0) is None and news.take(0) == set() and not market.in_columns
    market.apply([batch(symbols, 1, quotes=[(1, 5, 1, 6, 1)])])
    news.look_at({NAMES[0], NAMES[1], "ELSEWHERE"}, 10)
    assert market.news().take(0) == set() and news.take(0) == {NAMES[1]}, "the first that comes is news as well"
    for at in range(3):
        market.apply([batch(symbols, 2 + at, quotes=[(1, 7 + at, 1, 9 + at, 1), (2, 5, 1, 6, 1)])])
    assert news.wait_ns(50) == 10**8 - 50 and news.take(50) == set()
    assert news.wait_ns(10**9) == 0 and news.take(10**9) == {NAMES[1]} and market.quote(NAMES[1]).bid == 9
    assert news.wait_ns(10**9) is None
    market.apply([batch(symbols, 9, quotes=[(0, 5, 1, 6, 1)])])
    assert news.wait_ns(10**9 + 10) == 10**8 - 10 and news.take(10**9 + 10) == set()
    news.look_at({NAMES[0]}, 10)  # another choice does not bring it forward, nor lose anything
    assert news.take(10**9 + 10) == set() and news.take(11 * 10**8) == {NAMES[0]}


def test_little_waits_even_where_nobody_looks() -> None:
    market, symbols = MarketState(ITEMS), tuple(NAMES)
    for at in range(300):
        market.apply([batch(symbols, at, quotes=[(at % 3, 5 + n, 1, 9 + n, 1) for n in range(50)])])
        store: QuoteStore = market._stores[0]
        assert store.waiting < MOST_WAITING
    assert store.batches == 300 * 50 // (MOST_WAITING + 14) and market.counters["events"] == 15_000


class InColumns(Rig):
    """As the desk takes a market that comes fast: trades and quotes of the toy in columns."""

    def trade(self, price, size, aggressor: str, **more) -> None:
        trade: Trade = self.trade_event(price, size, aggressor, **more)
        self.market.apply([batch(SYMBOLS, trade.recv, [(0, int(trade.trade_id), trade.price, trade.size, trade.ts, int(trade.buyer_maker))])])

    def quote(self, bid, ask, symbol: str = "TOY") -> None:
        units = [TOY.price_units(Decimal(str(price))) for price in (bid, ask)]
        self.market.apply([batch(SYMBOLS, self.time.now_ns(), quotes=[(0, units[0], 1000, units[1], 1000)])])


SYMBOLS = ("TOY",)
orders = st.tuples(
    st.sampled_from(["trade", "trade", "trade", "again", "quote", "delta", "limit", "stop", "held", "gap", "wait"]),
    st.integers(95, 105),
    st.integers(1, 4),
    st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(st.lists(orders, min_size=4, max_size=40))
def test_orders_on_paper_fill_alike(steps: list[tuple]) -> None:
    fills = []
    for rig in (Rig(), InColumns()):
        rig.book({98: 3, 97: 5}, {102: 3, 103: 5})
        for what, price, size, buys in steps:
            rig.time.advance(0.05)
            side, aggressor = ("buy", "sell") if buys else ("sell", "buy")
            if what == "trade":
                rig.trade(price, size, aggressor)
            elif what == "again":
                rig.trade(price, size, aggressor, trade_id=str(max(1, rig._trades)))
            elif what == "quote":
                rig.quote(price, price + 1)
            elif what == "delta":
                rig.delta({min(price, 99): size}, {max(price, 101): size})
            elif what == "limit":
                rig.submit(side, "limit", str(size), str(98 - size if buys else 102 + size))
            elif what == "stop":
                rig.submit(side, "stop", str(size), stop=str(107 if buys else 94))
            elif what == "held":
                rig.submit(side, "trailing_stop", str(size), trail="1")
            elif what == "gap":
                rig.gap()
                rig.book({98: 3}, {102: 3})
            else:
                rig.time.advance(1)
        fills.append([(fill.client_order_id, fill.qty, fill.price, fill.ts) for fill in rig.engine.fills])
        assert rig.market.in_columns == (type(rig) is InColumns and any(what in ("trade", "again", "quote") for what, *_ in steps))
    assert fills[0] == fills[1]

"""The columns know what the objects know: quotes, last trades, bars and indicators, tick by tick and in batches, late and doubled trades included."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.barcolumns import BarColumns
from app.market.bars import BarSeries
from app.market.following import Following
from app.market.indicators import BadParameter, catalogue
from app.market.indicators.across import Across, Together
from app.market.indicators.spec import COLUMNS
from app.market.quotes import MOST_WAITING, QUOTE, TRADE, QuoteStore
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import Quote, Trade
from tests.unit.venues.recorded import events, sessions

SECOND = 1_000_000_000
SYMBOLS = ["A", "B", "C"]
WIDTHS = {"1s": 1, "1m": 60}


def store_of(symbols: list[str], kept: int = 6000, **how: int) -> QuoteStore:
    return QuoteStore(symbols, [BarColumns(len(symbols), width, kept) for width in WIDTHS.values()], **how)


def put(store: QuoteStore, batch: list) -> None:
    """A batch of events by kind, quotes last, as the reader of columns gives them."""
    recv = batch[0].recv
    trades = [event for event in batch if type(event) is Trade]
    if trades:
        columns = [(store.row[t.symbol], t.ts, t.price, t.size, t.buyer_maker, int(t.trade_id)) for t in trades]
        store.trades(*np.array(columns, np.int64).T, recv)
    quotes = [event for event in batch if type(event) is Quote]
    if quotes:
        store.quotes(*np.array([(store.row[q.symbol], *q[3:]) for q in quotes], np.int64).T, recv)


def agree(store: QuoteStore, state: MarketState) -> None:
    for row, symbol in enumerate(store.symbols):
        quote, last = state.quote(symbol), state.last(symbol)
        assert (store.bid[row], store.bid_size[row], store.ask[row], store.ask_size[row]) == (quote[3:] if quote else (0, 0, 0, 0))
        if last is not None:
            assert (store.last[row], store.last_size[row], store.last_id[row], store.ts[row]) == (last.price, last.size, int(last.trade_id), last.ts)
        for bars, width in zip(store.bars, WIDTHS, strict=True):
            assert bars.rows(row) == state.bars(symbol, width).rows()


trade = st.tuples(st.integers(0, 2), st.integers(-3, 4), st.integers(1, 50), st.integers(1, 9), st.integers(0, 3))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(trade, min_size=1, max_size=12)), max_size=12))
def test_bars_and_last_trades_are_those_of_the_objects(batches: list[tuple[bool, list[tuple]]]) -> None:
    """Trades step on by quarters of a second, come late, share times, and some come twice; somebody looks after some of the batches."""
    state, store = MarketState([Instrument(symbol, "x", symbol, symbol, "USD", 2, 2) for symbol in SYMBOLS]), store_of(SYMBOLS)
    now, number, sent = 100 * SECOND, 0, []
    for looked_at, batch in batches:
        found = []
        for row, step, price, size, again in batch:
            now += max(step, 0) * SECOND // 4
            number += 1
            if not again and sent:
                found.append(sent[-1 - (number % min(len(sent), 5))])
                continue
            ts = now + min(step, 0) * SECOND // 2
            found.append(Trade(SYMBOLS[row], ts, 7, price, size, False, str(number - 2 * (step == -3))))
            sent.append(found[-1])
        state.apply(found)
        put(store, found)
        if looked_at:
            agree(store, state)
    assert store.duplicates == state.counters["duplicates"]
    agree(store, state)


ways_to_look = {
    "last": lambda store, bars: store.last[1],
    "size": lambda store, bars: store.last_size[1],
    "id": lambda store, bars: store.last_id[1],
    "time": lambda store, bars: store.ts[1],
    "bars": lambda store, bars: bars.rows(1)[-1][4],
    "open bars": lambda store, bars: bars.now[4, 1],
    "counts": lambda store, bars: bars.counts[1],
}


@pytest.mark.parametrize("way", ways_to_look)
def test_whoever_looks_sees_every_trade_that_came(way: str) -> None:
    """Through the store, or through bars that somebody held on to."""
    bars = BarColumns(len(SYMBOLS), 1)
    store = QuoteStore(SYMBOLS, [bars])
    for at in range(1, 4):
        store.trades(*(np.array([value]) for value in (1, at * SECOND, at, at, 0, at)), at)
        assert ways_to_look[way](store, bars) == (at * SECOND if way == "time" else at)


def test_late_and_doubled_trades_are_counted_when_somebody_asks() -> None:
    bars = BarColumns(1, 1, 2)
    store = QuoteStore(["A"], [bars])
    for number, second in enumerate([5, 6, 7, 8, 8, 7, 1]):
        store.trades(*(np.array([value]) for value in (0, second * SECOND, 9, 1, 0, number % 6 if number else 0)), 1)
    assert bars.revised == 1 and bars.too_late == 0
    store.trades(*(np.array([value]) for value in (0, SECOND, 9, 1, 0, 70)), 1)
    assert bars.too_late == 1 and store.duplicates == 1


def test_a_batch_of_any_size_is_counted_in_whole() -> None:
    """More at once than may wait, in pieces and in one."""
    size = 2 * MOST_WAITING + 5
    rows, times = np.arange(size) % 3, np.arange(size) * (SECOND // 50)
    columns = rows, times, 100 + np.arange(size) % 17, 1 + np.arange(size) % 5, np.zeros(size, np.int64), np.arange(size)
    whole, parts = store_of(SYMBOLS), store_of(SYMBOLS)
    whole.trades(*columns, 1)
    for at in range(0, size, 7):
        parts.trades(*(column[at : at + 7] for column in columns), 1)
    assert whole.last_id.tolist() == parts.last_id.tolist() == sorted(range(size)[-3:], key=lambda n: n % 3)
    for row in range(3):
        for ours, theirs in zip(whole.bars, parts.bars, strict=True):
            assert ours.rows(row) == theirs.rows(row) and sum(bar[5] for bar in ours.rows(row)) == int(columns[3][row::3].sum())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 5), st.integers(90, 110), st.booleans()), min_size=1, max_size=150))
def test_how_often_somebody_looks_changes_no_indicator(steps: list[tuple[int, int, int, bool]]) -> None:
    names = ("SMA", "EMA", "RSI", "ATR", "MACD")
    found = [catalogue()[name].build(**{"timeperiod": 3} if name in ("SMA", "EMA", "RSI", "ATR") else {}) for name in names]
    eager, lazy = (QuoteStore(SYMBOLS[:2], [BarColumns(2, 1)]) for _ in range(2))
    follow = [Following(store.bars[0], found, [(0, 0)] * 2) for store in (eager, lazy)]
    rows, now = np.arange(2), 0
    for number, (row, step, price, looked_at) in enumerate(steps):
        now += step * SECOND // 2
        for store in (eager, lazy):
            store.trades(*(np.array([value]) for value in (row, now, price, 1, 0, number)), 1)
        every = follow[0].values(rows)
        if looked_at or number == len(steps) - 1:
            for ours, theirs in zip(every, follow[1].values(rows), strict=True):
                np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("size", [1, 7, 400])
def test_the_recorded_session_gives_the_same(size: int) -> None:
    name = "binance-btcusdt-2024"
    whole = [event for event in events(name) if type(event) in (Quote, Trade)]
    whole = whole[:6000] if size == 1 else whole
    symbols = [item.symbol for item in sessions()[name].instruments]
    # Three more instruments see every second, third and fourth event.
    clones = [f"{symbols[0]}{n}" for n in (2, 3, 4)]
    items = [Instrument(symbol, "x", symbol, symbol, "USDT", 8, 8) for symbol in (symbols[0], *clones)]
    mixed = [event._replace(symbol=item.symbol) for at, event in enumerate(whole) for n, item in enumerate(items, 1) if at % n == 0]
    state, store = MarketState(items), store_of([item.symbol for item in items])
    for at in range(0, len(mixed), size):
        state.apply(mixed[at : at + size])
        put(store, mixed[at : at + size])
    agree(store, state)
    assert store.ticks == len(mixed) and store.duplicates == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(-40, 6), st.integers(1, 50)), max_size=80), st.integers(2, 6))
def test_few_bars_kept_are_the_newest_ones(steps: list[tuple[int, int]], kept: int) -> None:
    bars, series, now = BarColumns(1, 1, kept), BarSeries("1s"), 1000
    for step, price in steps:
        now += max(0, step)
        bars.add_one(0, (now + min(0, step)) * SECOND, price, 1)
        series.add_at((now + min(0, step)) * SECOND, price, 1)
    if not bars.too_late:
        assert bars.rows(0) == series.rows()[-kept - 1 :]
    assert len(bars.rows(0)) <= kept + 1


def quote(store: QuoteStore, row: int, bid: int, recv: int = 1) -> None:
    store.quotes(*(np.array([value], np.int64) for value in (row, bid, 1, bid + 1, 1)), recv)


def test_a_slow_subscriber_sees_the_newest_state_once() -> None:
    store = store_of(SYMBOLS)
    fast, slow, one = store.subscribe(), store.subscribe(rate=2.0), store.subscribe(rows=np.array([2]))
    assert slow.take(0).tolist() == []
    for bid in range(10):
        quote(store, bid % 2, 100 + bid)
        assert fast.take(bid).tolist() == [bid % 2]
    assert not slow.due(SECOND // 2 - 1) and slow.take(SECOND // 2 - 1).tolist() == []
    assert slow.due(SECOND // 2) and slow.take(SECOND // 2).tolist() == [0, 1] and store.bid.tolist() == [108, 109, 0]
    assert slow.take(SECOND).tolist() == [] and one.take(5).tolist() == []
    quote(store, 2, 5)
    assert one.take(6).tolist() == [2]


def test_a_reader_of_every_tick_gets_them_in_order_and_learns_what_it_lost() -> None:
    store = store_of(SYMBOLS, ring=8)
    quote(store, 0, 1)
    reader = store.reader()
    for bid in range(5):
        quote(store, 1, bid, recv=bid)
    put(store, [Trade("C", SECOND, 9, 70, 2, True, "1")])
    ticks = reader.read()
    assert ticks.lost == 0 and ticks.columns[3].tolist() == [0, 1, 2, 3, 4, SECOND] and ticks.columns[0].tolist() == [QUOTE] * 5 + [TRADE]
    assert ticks.columns[:, 5].tolist() == [TRADE, 2, 9, SECOND, 70, 2, 1]
    for bid in range(20):
        quote(store, 0, bid)
    ticks = reader.read(most=3)
    assert ticks.lost == 12 == reader.lost and ticks.columns[3].tolist() == [12, 13, 14]
    assert reader.read().columns[3].tolist() == [15, 16, 17, 18, 19] and reader.read().columns.shape == (7, 0)
    store.quotes(*(np.arange(30) % 3 if n == 0 else np.arange(30) for n in range(5)), 1)
    ticks = reader.read()
    assert ticks.lost == 22 and ticks.columns[3].tolist() == list(range(22, 30))


def test_a_quote_expires_and_subscribers_are_told() -> None:
    store = store_of(SYMBOLS, expire_after_ns=5)
    quote(store, 0, 10, recv=100)
    quote(store, 1, 10, recv=104)
    seen = store.subscribe()
    assert store.expire(105).tolist() == [] and store.expire(106).tolist() == [0] and store.expire(106).tolist() == []
    assert seen.take(0).tolist() == [0] and store.bid_size.tolist() == [0, 1, 0]
    quote(store, 0, 11, recv=107)
    assert store.bid.tolist() == [11, 10, 0]


def test_a_stream_that_begins_anew_leaves_nothing() -> None:
    store = store_of(SYMBOLS)
    put(store, [Trade("A", SECOND, 1, 5, 1, False, "9"), Quote("A", 0, 1, 4, 1, 6, 1), Trade("B", SECOND, 1, 5, 1, False, "9")])
    store.forget(["A"])
    assert store.last.tolist() == [0, 5, 0] and store.bid.tolist() == [0, 0, 0] and store.bars[0].rows(0) == [] and len(store.bars[0].rows(1)) == 1
    put(store, [Trade("A", SECOND // 2, 1, 3, 1, False, "9")])
    assert store.last.tolist() == [3, 5, 0] and store.duplicates == 0 and store.bars[0].rows(0) == [(0, 3, 3, 3, 3, 1)]


def test_memory_does_not_grow() -> None:
    store = store_of(SYMBOLS, kept=16, ring=64)
    store.reader()

    def held() -> int:
        arrays = [*vars(store).values(), *(value for bars in store.bars for value in vars(bars).values())]
        return sum(value.nbytes for value in arrays if isinstance(value, np.ndarray))

    before, number = held(), 0
    for second in range(200):
        rows = np.arange(30) % 3
        numbers = np.arange(number, number + 30)
        number += 30
        store.trades(rows, np.full(30, second * SECOND), numbers + 1, rows + 1, rows % 2, numbers, second)
        store.quotes(rows, numbers + 1, rows + 1, numbers + 2, rows + 1, second)
    assert held() == before and len(store.bars[0].rows(0)) == 17 and store.ticks == 12_000


def studies() -> list:
    return [found.build() for found in catalogue().values()]


def test_the_usual_indicators_can_be_run_across_instruments() -> None:
    able = set()
    for study in studies():
        try:
            Across(study, 3)
            able.add(study.indicator.name)
        except BadParameter as error:
            assert study.indicator.name in str(error)
    assert {"SMA", "EMA", "DEMA", "TEMA", "RSI", "ATR", "MACD", "MOM", "ROC", "CMO", "NATR"} <= able and len(able) >= 40


def test_across_instruments_every_value_is_that_of_bar_by_bar() -> None:
    rng = np.random.default_rng(5)
    rows, length = 4, 120
    close = 100 + rng.normal(0, 1, (length, rows)).cumsum(0)
    spread = rng.uniform(0, 1, (2, length, rows))
    opened = close + rng.normal(0, 0.3, close.shape)
    bars = {"open": opened, "close": close, "high": np.maximum(opened, close) + spread[0], "low": np.minimum(opened, close) - spread[1]}
    bars |= {"volume": rng.uniform(1, 9, close.shape), "time": np.repeat(np.arange(length)[:, None] * 60.0, rows, 1)}
    bars["close"][30, 1] = math.nan
    closes = rng.uniform(size=close.shape) < 0.7  # the others have no trade at that bar
    for study in studies():
        try:
            across = Across(study, rows)
        except BadParameter:
            continue
        running = [study.start() for _ in range(rows)]
        for at in range(length):
            some = np.flatnonzero(closes[at])
            if not len(some):
                continue
            here = {name: column[at, some] for name, column in bars.items()}
            half = here | {"close": here["low"]}
            for step, columns, new in ((across.peek, half, True), (across.close, here, False)):
                wanted = [running[row].step([float(columns[name][n]) for name in COLUMNS], new) for n, row in enumerate(some)]
                same(step(some, columns), wanted, study)


def test_studies_worked_out_together_give_what_each_gives_alone() -> None:
    rng = np.random.default_rng(6)
    able = []
    for study in studies():
        try:
            able.append((study, Across(study, 5)))
        except BadParameter:
            continue
    together = Together([study for study, _ in able], 5)
    for _ in range(80):
        rows = np.flatnonzero(rng.uniform(size=5) < 0.7)
        if not len(rows):
            continue
        low = 100 + rng.normal(0, 1, len(rows))
        high = low + rng.uniform(0, 1, len(rows))
        bars = {"open": low, "high": high, "low": low, "close": (low + high) / 2, "volume": high, "time": np.full(len(rows), 60.0)}
        for step, alone in ((together.peek, [across.peek for _, across in able]), (together.close, [across.close for _, across in able])):
            for ours, one in zip(step(rows, bars), alone, strict=True):
                for a, b in zip(ours, one(rows, bars), strict=True):
                    np.testing.assert_array_equal(a, b)
    study = able[0][0]
    assert study.start().step((0, 1, 2, 1, 1.5, 1)) is not None, "a study may still be used by itself"


def same(found: tuple, wanted: list[tuple], study) -> None:
    table = np.array(wanted, float)
    for at, column in enumerate(found):
        np.testing.assert_allclose(np.broadcast_to(column, len(wanted)), table[:, at], rtol=1e-9, atol=1e-9, err_msg=study.indicator.name)

"""The columns know what the objects know: quotes, trades and indicators, tick by tick and in batches, late and doubled trades included."""

from __future__ import annotations

import math
from array import array

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.glance import PRICE
from app.market.indicators import BadParameter, catalogue
from app.market.indicators.across import Together
from app.market.indicators.spec import COLUMNS
from app.market.quotes import KEPT, MOST_WAITING, QuoteStore
from app.market.state import MarketState
from app.model.instrument import Instrument
from app.model.market import Quote, Ticks, Trade
from tests.unit.venues.recorded import events, sessions

SECOND = 1_000_000_000
SYMBOLS = ["A", "B", "C"]


def quotes_of(store: QuoteStore) -> list[list[int]]:
    """Bid, its size, ask, its size of each row."""
    store.settle()
    return store._quotes[:, 2:].tolist()


def lasts_of(store: QuoteStore) -> list[list[int]]:
    """Number, price, size and time of each row's last trade."""
    store.settle()
    return store._last[:, 2:6].tolist()


def table(records: list) -> memoryview:
    return memoryview(array("q", [int(value) for record in records for value in (0, *record)]))


def put(store: QuoteStore, batch: list) -> None:
    """A batch of events as the reader of columns gives them."""
    trades = [(store.row[t.symbol], int(t.trade_id), t.price, t.size, t.ts, t.buyer_maker) for t in batch if type(t) is Trade]
    quotes = [(store.row[q.symbol], *q[3:]) for q in batch if type(q) is Quote]
    store.put(Ticks(store.symbols, batch[0].recv, table(trades), table(quotes), 1))


def traded(store: QuoteStore, row: int, ts: int, price: int, size: int, number: int, recv: int = 1) -> None:
    store.put(Ticks(store.symbols, recv, table([(row, number, price, size, ts, 0)]), table([]), 1))


def agree(store: QuoteStore, state: MarketState) -> None:
    for row, symbol in enumerate(store.symbols):
        quote, last = state.quote(symbol), state.last(symbol)
        assert tuple(quotes_of(store)[row]) == (quote[3:] if quote else (0, 0, 0, 0))
        if last is not None:
            assert lasts_of(store)[row] == [int(last.trade_id), last.price, last.size, last.ts]
            assert store.newest(row, 1)[0][2] == int(state.trades(symbol)[-1].trade_id)


trade = st.tuples(st.integers(0, 2), st.integers(-3, 4), st.integers(1, 50), st.integers(1, 9), st.integers(0, 3))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.lists(trade, min_size=1, max_size=12)), max_size=12))
def test_quotes_and_trades_are_those_of_the_objects(batches: list[tuple[bool, list[tuple]]]) -> None:
    """Trades step on by quarters of a second, come late, share times, and some come twice; somebody looks after some of the batches."""
    state, store = MarketState([Instrument(symbol, "x", symbol, symbol, "USD", 2, 2) for symbol in SYMBOLS]), QuoteStore(SYMBOLS)
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
    "last": lambda store: store.take_last(1)[PRICE],
    "trades": lambda store: store.newest(1, 1)[0][PRICE],
    "unread": lambda store: store.unread(1)[-1][PRICE],
    "heard": lambda store: store.recv[1],
    "count": lambda store: store.counts[1],
}


@pytest.mark.parametrize("way", ways_to_look)
def test_whoever_looks_sees_every_trade_that_came(way: str) -> None:
    store = QuoteStore(SYMBOLS)
    for at in range(1, 4):
        traded(store, 1, at * SECOND, at, at, at, recv=at)
        assert ways_to_look[way](store) == at


def test_doubled_trades_are_counted_when_somebody_asks() -> None:
    store = QuoteStore(["A"])
    for number, second in enumerate([5, 6, 7, 8, 8, 7, 1]):
        traded(store, 0, second * SECOND, 9, 1, number % 6 if number else 0)
    assert store.duplicates == 1


def test_a_batch_of_any_size_is_counted_in_whole() -> None:
    """More at once than may wait, in pieces and in one; the trades that are kept are the newest ones, in order."""
    size = 2 * MOST_WAITING + 5
    records = [(at % 3, at, 100 + at % 17, 1 + at % 5, at * (SECOND // 50), 0) for at in range(size)]
    whole, parts = QuoteStore(SYMBOLS), QuoteStore(SYMBOLS)
    whole.put(Ticks(whole.symbols, 1, table(records), table([]), 1))
    for at in range(0, size, 7):
        parts.put(Ticks(parts.symbols, 1, table(records[at : at + 7]), table([]), 1))
    for row in range(3):
        mine = [list(record) for record in records[row::3]]
        for store in (whole, parts):
            assert store.counts[row] == len(mine) and [record[1:] for record in store.newest(row, 10**6)] == mine[-KEPT:]


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
    state, store = MarketState(items), QuoteStore([item.symbol for item in items])
    for at in range(0, len(mixed), size):
        state.apply(mixed[at : at + size])
        put(store, mixed[at : at + size])
    agree(store, state)
    assert store.ticks == len(mixed) and not store.waiting and store.duplicates == 0


def quote(store: QuoteStore, row: int, bid: int, recv: int = 1) -> None:
    store.put(Ticks(store.symbols, recv, table([]), table([(row, bid, 1, bid + 1, 1)]), 1))


def test_a_slow_subscriber_sees_the_newest_state_once() -> None:
    store = QuoteStore(SYMBOLS)
    fast, slow, one = store.subscribe(), store.subscribe(rate=2.0), store.subscribe(rows=np.array([2]))
    for bid in range(10):
        quote(store, bid % 2, 100 + bid)
        assert fast.take(bid).tolist() == [bid % 2] and slow.take(0).tolist() == [0] * (not bid)
    assert slow.next_ns == SECOND // 2 and slow.take(SECOND // 2 - 1).tolist() == [] and slow.anything
    assert slow.take(SECOND // 2).tolist() == [0, 1] and [bid for bid, *_ in quotes_of(store)] == [108, 109, 0]
    assert not slow.anything
    assert slow.take(SECOND).tolist() == [] and one.take(5).tolist() == []
    quote(store, 2, 5)
    assert one.take(6).tolist() == [2]


def test_nothing_is_written_over_before_whoever_reads_it_was_called() -> None:
    store, read = QuoteStore(SYMBOLS), {row: [] for row in range(3)}
    store.on_full = lambda row: read[row].extend(record[1:] for record in store.unread(row))
    rng, sent, number = np.random.default_rng(3), {row: [] for row in range(3)}, 0
    for size in (3, 400, 511, 700, 5000, 1, 2 * KEPT):
        records = []
        for row in rng.choice(3, size, p=[0.8, 0.15, 0.05]).tolist():
            number += 1
            late = number % 50 == 0
            records.append((row, number, 7, 1, (number - 3 * late) * 1000, number % 2))
            sent[row].append(list(records[-1]))
        store.put(Ticks(store.symbols, 1, table(records), table([]), 1))
    for row in range(3):
        store.on_full(row)
        assert sorted(read[row], key=lambda record: record[1]) == sent[row]
    store.on_full = None
    store.put(Ticks(store.symbols, 1, table([(0, number + at, 7, 1, 10**9 + at, 0) for at in range(1, KEPT + 11)]), table([]), 1))
    assert len(store.unread(0)) == KEPT and store.unread(0) == []


def test_a_stream_that_begins_anew_leaves_nothing() -> None:
    store = QuoteStore(SYMBOLS)
    put(store, [Trade("A", SECOND, 1, 5, 1, False, "9"), Quote("A", 0, 1, 4, 1, 6, 1), Trade("B", SECOND, 1, 5, 1, False, "9")])
    store.forget(["A"])
    assert [price for _, price, *_ in lasts_of(store)] == [0, 5, 0] and quotes_of(store) == [[0, 0, 0, 0]] * 3 and store.newest(0, 9) == []
    put(store, [Trade("A", SECOND // 2, 1, 3, 1, False, "9")])
    assert [price for _, price, *_ in lasts_of(store)] == [3, 5, 0] and len(store.newest(0, 9)) == 1
    assert store.duplicates == 0


def test_memory_does_not_grow() -> None:
    store, most = QuoteStore(SYMBOLS), 0

    def held() -> int:
        return sum(value.nbytes for value in vars(store).values() if isinstance(value, np.ndarray))

    before, number = held(), 0
    for second in range(400):
        trades = [(at % 3, number + at, number + at + 1, 1, second * SECOND, at % 2) for at in range(30)]
        store.put(Ticks(store.symbols, second, table(trades), table([(at % 3, 1, 1, 2, 1) for at in range(30)]), 1))
        number += 30
        most = max(most, store.waiting, len(store._pending) * 60)
    assert held() == before and most < MOST_WAITING and store.ticks + store.waiting == 24_000


def studies() -> list:
    return [found.build() for found in catalogue().values()]


def test_the_usual_indicators_can_be_run_across_instruments() -> None:
    able = set()
    for study in studies():
        try:
            Together([study], 3)
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
            across = Together([study], rows)
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
                same(step(some, columns)[0], wanted, study)


def test_studies_worked_out_together_give_what_each_gives_alone() -> None:
    rng = np.random.default_rng(6)
    able = []
    for study in studies():
        try:
            able.append((study, Together([study], 5)))
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
                for a, b in zip(ours, one(rows, bars)[0], strict=True):
                    np.testing.assert_array_equal(a, b)
    study = able[0][0]
    assert study.start().step((0, 1, 2, 1, 1.5, 1)) is not None, "a study may still be used by itself"


def same(found: tuple, wanted: list[tuple], study) -> None:
    table = np.array(wanted, float)
    for at, column in enumerate(found):
        np.testing.assert_allclose(np.broadcast_to(column, len(wanted)), table[:, at], rtol=1e-9, atol=1e-9, err_msg=study.indicator.name)

"""A reader of every tick gets every quote and trade in order of arrival, as objects and in columns, or is told exactly how many it lacks."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.market.state import MarketState
from app.model.market import BookSnapshot, Correction, Gap, Quote, Restart, Ticks, Trade
from app.platform.columns import NativeReader
from app.venues.binance.columns import ColumnEvents, layouts
from app.venues.binance.parse import Parser
from tests.property.test_column_state_properties import ITEMS, NAMES, START, batch, frame, money

WANTED = (NAMES[0], NAMES[2])
steps = st.tuples(
    st.sampled_from(["quote", "quote", "trade", "again", "depth", "odd", "hand", "hand", "read", "gap", "restart"]),
    st.integers(0, 2),
    st.integers(100, 999),
)


class Source:
    """Frames of the streams, and what a reader of every tick has to get of them."""

    def __init__(self) -> None:
        self.number = self.update = 0
        self.now = START
        self.texts: list[str] = []

    def text(self, kind: str, row: int, price: int) -> str:
        name = NAMES[row]
        self.number += kind != "again"
        self.now += 1
        if kind in ("quote", "odd"):
            text = frame("bookTicker", name, u=self.number, s=name, b=money(price), B="1.5", a=money(price + 1), A="0.25")
            return text.replace('"u":', '"u": ') if kind == "odd" else text
        if kind == "depth":
            self.update += 1
            return frame("depth@100ms", name, e="depthUpdate", E=self.now, s=name, U=self.update, u=self.update, b=f'[["{money(price)}","2.5"]]', a="[]")
        return frame("trade", name, e="trade", E=self.now, s=name, t=self.number, p=money(price), q="0.125", T=self.now, m=price % 2 == 0, M=True)


@settings(max_examples=300, deadline=None)
@given(st.lists(steps, min_size=5, max_size=60), st.booleans(), st.integers(1, 12))
def test_every_tick_in_order_or_exactly_how_many_are_lacking(what: list[tuple], whole: bool, kept: int) -> None:
    market, source, plain = MarketState(ITEMS), Source(), Parser(ITEMS)
    columns, reader = ColumnEvents(ITEMS, Parser(ITEMS).parse), NativeReader(layouts(ITEMS))
    columns.whole = whole
    market.on_every = lambda symbols: setattr(columns, "every", frozenset(NAMES.index(symbol) for symbol in symbols))
    ticks = market.tick_reader(WANTED, kept)
    assert columns.every == {0, 2}
    due: list = []
    seen: set[tuple[str, str]] = set()

    def owed(event: object) -> None:
        if type(event) in (Quote, Trade, Gap, Restart) and event.symbol in WANTED:
            if type(event) is Trade and (event.symbol, event.trade_id) in seen:
                return
            if type(event) is Trade:
                seen.add((event.symbol, event.trade_id))
            if type(event) is Restart:
                seen.difference_update([pair for pair in seen if pair[0] == event.symbol])
            due.append(event)

    def hand() -> None:
        texts, source.texts = source.texts, []
        for text in texts:
            for event in plain.parse(text, source.now * 1_000_000):
                owed(event)
        market.apply(columns.events(reader.read(texts), source.now * 1_000_000))

    def look() -> None:
        found = ticks.read()
        assert found.lost == max(0, len(due) - kept) and list(found.ticks) == due[-kept:]
        due.clear()

    for kind, row, price in what:
        if kind == "hand":
            hand()
        elif kind == "read":
            hand()
            look()
        elif kind in ("gap", "restart"):
            hand()
            event = (Gap if kind == "gap" else Restart)(NAMES[row], source.now, "said so")
            owed(event)
            market.apply([event])
        else:
            source.texts.append(source.text(kind, row, price))
    hand()
    look()
    assert ticks.behind == 0 and ticks.read() == ((), 0)
    ticks.close()
    assert columns.every == frozenset() and not market._rings and not any(entry.rings for entry in market._entries.values())
    market.apply(columns.events(reader.read([source.text("quote", 0, 500)]), 1))
    assert ticks.read() == ((), 0), "a closed one gets no more"


def test_whole_tables_are_read_in_order_as_well() -> None:
    """From a venue that was not asked for every quote in its place."""
    market = MarketState(ITEMS)
    reader = market.tick_reader(NAMES[:1])
    both = batch(tuple(NAMES), 7, [(0, 1, 100, 1, 50, 0), (1, 2, 100, 1, 50, 0)], [(0, 5, 1, 6, 1), (0, 6, 1, 7, 1)])
    both.trades[0], both.quotes[0], both.quotes[6] = 1, 0, 2  # orders: the trade came between the two quotes
    market.apply([both])
    assert reader.read().ticks == [Quote(NAMES[0], 0, 7, 5, 1, 6, 1), Trade(NAMES[0], 50, 7, 100, 1, False, "1"), Quote(NAMES[0], 0, 7, 6, 1, 7, 1)]


def test_quotes_that_come_from_a_book_and_corrections_are_ticks_too() -> None:
    market = MarketState(ITEMS)
    reader = market.tick_reader([NAMES[0]])
    trade = Trade(NAMES[0], 5, 5, 101, 3, False, "9")
    right = Correction(NAMES[0], 9, "9", 102, 3, "10")
    market.apply([BookSnapshot(NAMES[0], 1, 1, ((100, 5),), ((102, 5),)), trade, right, BookSnapshot(NAMES[0], 2, 2, ((101, 5),), ((102, 5),))])
    assert reader.read().ticks == [Quote(NAMES[0], 1, 1, 100, 5, 102, 5), trade, right, Quote(NAMES[0], 2, 2, 101, 5, 102, 5)]


def test_two_readers_do_not_disturb_each_other_and_one_that_closes_leaves_the_other_its_quotes() -> None:
    market, told = MarketState(ITEMS), []
    market.on_every = told.append
    one, other = market.tick_reader(NAMES[:2]), market.tick_reader(NAMES[1:], kept=1)
    market.apply([Quote(NAMES[1], 0, 1, 5, 1, 6, 1), Quote(NAMES[1], 0, 2, 6, 1, 7, 1), Ticks(tuple(NAMES), 3, *[memoryview(b"").cast("q")] * 2, 1)])
    assert [event.recv for event in one.read().ticks] == [1, 2] and (other.behind, other.read()[1], other.lost) == (2, 1, 1)
    one.close()
    one.close()
    assert told == [{*NAMES[:2]}, {*NAMES}, {*NAMES[1:]}]

"""All that is known of the market, kept from market events: quotes, books, trades, bars, ages, counters.

Instruments that come in columns (`Ticks`) have their quotes and trades in a quote store, and are read from there when somebody looks; their
bars read every trade of it. The others have objects, which cost less while little comes.

Single writer: `apply` is called with batches in order of arrival. Where a venue sends its own top of book, the quote is that;
elsewhere it is derived from the book, and there is none while the book cannot be trusted. Ages compare the receive time of the
last message with a present that the caller gives: nothing here reads a clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from app.model.instrument import Instrument
from app.model.market import BookDelta, BookSnapshot, Correction, Gap, MarketEvent, Quote, Restart, Ticks, Trade

from .bars import TIMEFRAMES, BarSeries
from .book import Book
from .frames import UTC_DAY, Session, fill, make_series
from .news import News
from .readers import KEPT_TICKS, TICKS, Reader, TickRing
from .trades import Tape, time_of

STALE_AFTER_NS = 10_000_000_000
"""Without any message for this long an instrument is stale."""
_WIDTHS = tuple(TIMEFRAMES)
_NOTHING = memoryview(array("q"))
_MOST_WAITING = 128
"""Trades of an instrument that may wait until somebody looks at its bars: together they cost a fraction."""


class _Entry:
    __slots__ = ("bars", "book", "has_ticker", "heard", "quote", "rings", "row", "session", "store", "symbol", "tape", "waiting")

    def __init__(self, instrument: Instrument, session: Session) -> None:
        self.symbol = instrument.symbol
        self.book = Book(instrument)
        self.tape: Any = Tape()
        self.session = session
        self.bars = tuple([make_series(name, instrument, session) for name in _WIDTHS])
        self.waiting: list[tuple[int, int, int]] = []
        """Trades that the bars do not count yet."""
        self.quote: Quote | None = None
        self.has_ticker = False
        self.heard: int | None = None
        self.rings: tuple[TickRing, ...] = ()
        """Of those who want every tick of it."""
        self.store: Any = None
        """Where its quotes and trades are; None while they come as objects."""
        self.row = 0


class MarketState:
    """``counters`` counts events by kind, duplicates, and books broken; asking for an unknown symbol raises KeyError. ``session_of`` says when an
    instrument's day begins."""

    def __init__(
        self,
        instruments: Iterable[Instrument],
        stale_after_ns: int = STALE_AFTER_NS,
        session_of: Callable[[Instrument], Session] = lambda _instrument: UTC_DAY,
    ) -> None:
        self._instruments: dict[str, Instrument] = {}
        self._entries: dict[str, _Entry] = {}
        self._session_of = session_of
        self.add(instruments)
        self._stale_after = stale_after_ns
        self._listeners: list[Callable[[list[MarketEvent]], None]] = []
        self.changed: set[str] = set()
        self.counters = {"events": 0, "duplicates": 0, "gaps": 0, "broken_books": 0, "restarts": 0, "unknown_symbol": 0, "corrected": 0, "not_corrected": 0}
        self._stores: list[Any] = []
        self.on_broken_book: Callable[[str, str], None] | None = None
        """Called with symbol and reason when a book finds itself wrong (checksum, crossed, sequence)."""
        self._rings: list[TickRing] = []
        self.on_every: Callable[[frozenset[str]], object] | None = None
        """Called with the instruments of which every quote is wanted, when they change: who would leave some out must not."""

    def add(self, instruments: Iterable[Instrument]) -> None:
        """Know more instruments; those known already keep all they have."""
        for item in instruments:
            if item.symbol not in self._entries:
                self._instruments[item.symbol] = item
                self._entries[item.symbol] = _Entry(item, self._session_of(item))

    def apply(self, events: Iterable[MarketEvent]) -> None:
        """Take a batch into the state, then tell the listeners."""
        batch = events if isinstance(events, list) else list(events)
        entries, changed = self._entries, self.changed
        count = len(batch)
        for event in batch:
            symbol = event.symbol
            entry = entries.get(symbol)
            if entry is None:
                if type(event) is Ticks:
                    self._store(event.symbols).put(event)
                    for ring in self._rings:
                        ring.take(event)
                    count += len(event) - 1
                    continue
                self.counters["unknown_symbol"] += 1
                continue
            kind = type(event)
            if entry.rings and kind in TICKS:
                for ring in entry.rings:
                    ring.add(event)
            if kind is Quote:
                if entry.store is None:
                    entry.quote = event
                    entry.has_ticker = True
                else:
                    entry.store.put(Ticks(entry.store.symbols, event.recv, _NOTHING, memoryview(array("q", (0, entry.row, *event[3:]))), 1))
            elif kind is BookDelta:
                book = entry.book
                if book.apply_delta(event):
                    if not (entry.has_ticker or _looked_at(entry).has_ticker):
                        self._derive(entry, event)
                elif book.state != "live":
                    self._broken(entry, event)
            elif kind is Trade:
                self._trade(entry, event)
            elif kind is BookSnapshot:
                self._snapshot(entry, event)
            elif kind is Correction:
                self._correct(entry, event)
            else:
                self._interrupted(entry, event)
                changed.add(symbol)
                continue
            entry.heard = event.recv
            changed.add(symbol)
        self.counters["events"] += count
        for listener in self._listeners:
            listener(batch)

    def on_events(self, callback: Callable[[list[MarketEvent]], None]) -> None:
        """Call ``callback`` with every batch after it was applied."""
        self._listeners.append(callback)

    def knows(self, symbol: str) -> bool:
        """True for an instrument of this desk."""
        return symbol in self._entries

    @property
    def symbols(self) -> list[str]:
        """All instruments, in the order in which they became known."""
        return list(self._entries)

    def instrument(self, symbol: str) -> Instrument:
        """The instrument with this symbol."""
        return self._instruments[symbol]

    def quote(self, symbol: str) -> Quote | None:
        """Best bid and ask, or None while unknown."""
        return _looked_at(self._entries[symbol]).quote

    def last(self, symbol: str) -> Trade | None:
        """The latest trade."""
        return self._entries[symbol].tape.last

    def moved(self, seen: dict[str, tuple[Quote | None, Trade | None]]) -> list[str]:
        """Which of these instruments have another quote or last trade than was ``seen``; there it is put in the place of the one before."""
        out, entries = [], self._entries
        for symbol, (quote, last) in seen.items():
            entry = entries[symbol]
            now = entry.quote if entry.store is None else _looked_at(entry).quote
            if now is not quote or entry.tape.last is not last:
                seen[symbol] = now, entry.tape.last
                out.append(symbol)
        return out

    def base(self, symbol: str) -> int | None:
        """The price that the day's change counts from, in units: that of its first trade known."""
        day = self.bars(symbol, "1d").last
        return day[1] if day else None

    def book(self, symbol: str) -> Book:
        """The order book; look at its state before using it."""
        return self._entries[symbol].book

    def trades(self, symbol: str) -> Sequence[Trade]:
        """The last trades, newest last."""
        return self._entries[symbol].tape.rows

    def trade_reader(self, symbol: str) -> Reader:
        """Every trade from now on, for one who wants all of them and has to know of those he missed."""
        entry = self._entries[symbol]
        return Reader(lambda: entry.tape)

    def tick_reader(self, symbols: Iterable[str], kept: int = KEPT_TICKS) -> Reader:
        """Every quote and trade of these instruments from now on (Quote, Trade; Correction, Gap and Restart where they fell), in order of arrival,
        without duplicates. The last ``kept`` wait to be read. Close it when it is not needed: each of its ticks costs an object."""
        ring = TickRing(tuple(symbols), kept)
        entries = [self._entries[symbol] for symbol in ring.symbols]
        self._rings.append(ring)
        for entry in entries:
            entry.rings = (*entry.rings, ring)

        def closed() -> None:
            self._rings.remove(ring)
            for entry in entries:
                entry.rings = tuple([other for other in entry.rings if other is not ring])
            self._tell_every()

        self._tell_every()
        return Reader(lambda: ring, closed)

    def _tell_every(self) -> None:
        if self.on_every is not None:
            self.on_every(frozenset().union(*(ring.symbols for ring in self._rings)))

    @property
    def duplicates(self) -> int:
        """Trades that came again, as objects or in columns."""
        return self.counters["duplicates"] + sum([store.duplicates for store in self._stores])

    @property
    def in_columns(self) -> int:
        """How many instruments come in columns."""
        return sum([len(store.symbols) for store in self._stores])

    def news(self) -> News:
        """What changes in columns, for one who wants the newest state only. What comes as objects is in `take_changed`."""
        return News(self._stores)

    def bars(self, symbol: str, timeframe: str) -> BarSeries:
        """Bars of a kind that frames.py knows (else BadFrame), as they are now: ask again for what comes later. Others than TIMEFRAMES are
        kept from now on, made from what is there."""
        entry = self._entries[symbol]
        _settle(entry)
        for series in entry.bars:
            if series.timeframe == timeframe:
                return series
        made = make_series(timeframe, self._instruments[symbol], entry.session)
        fill(made, lambda name: entry.bars[_WIDTHS.index(name)], entry.tape.rows)
        entry.bars = (*entry.bars, made)
        return made

    def session(self, symbol: str) -> Session:
        """When the instrument's day begins."""
        return self._entries[symbol].session

    def release_bars(self, symbol: str, timeframe: str) -> None:
        """Nobody looks at these bars any more; TIMEFRAMES are kept."""
        entry = self._entries[symbol]
        entry.bars = tuple([series for series in entry.bars if series.timeframe in TIMEFRAMES or series.timeframe != timeframe])

    def age_ns(self, symbol: str, now_ns: int) -> int | None:
        """ns since anything was received for the instrument, None if nothing ever was."""
        heard = _heard(self._entries[symbol])
        return None if heard is None else max(0, now_ns - heard)

    def is_stale(self, symbol: str, now_ns: int) -> bool:
        """True when nothing was received for too long, or ever."""
        heard = _heard(self._entries[symbol])
        return heard is None or now_ns - heard > self._stale_after

    def take_changed(self) -> set[str]:
        """Symbols that changed since the last call by what came as objects; see `news` for the others."""
        changed, self.changed = self.changed, set()
        return changed

    def _store(self, symbols: tuple[str, ...]) -> Any:
        """The store with these rows; made of what is known when they first come. Needs numpy."""
        for store in self._stores:
            if store.symbols is symbols:
                return store
        from .columntape import ColumnTape
        from .quotes import QuoteStore

        store = QuoteStore(symbols)
        for row, symbol in enumerate(symbols):
            if (entry := self._entries.get(symbol)) is not None:
                _settle(_looked_at(entry))
                entry.tape = ColumnTape(store, row, entry.tape, _heard(entry))
                entry.store, entry.row = store, row
        store.on_full = lambda row: _settle(self._entries[symbols[row]])
        self._stores.append(store)
        return store

    def _trade(self, entry: _Entry, trade: Trade) -> None:
        if entry.store is not None:
            entry.tape.add(trade)
            return
        if not entry.tape.add(trade):
            self.counters["duplicates"] += 1
            return
        ts, price, size = trade.ts or trade.recv, trade.price, trade.size
        waiting = entry.waiting
        waiting.append((ts, price, size))
        if len(waiting) >= _MOST_WAITING:
            _settle(entry)

    def _correct(self, entry: _Entry, event: Correction) -> None:
        found = entry.tape.correct(event)
        self.counters["corrected" if found else "not_corrected"] += 1
        if found is None:
            return
        _settle(entry)
        old, new = found
        more = (new.size if new is not None else 0) - old.size
        trades = [[0, *[trade.price] * 4, trade.size, time_of(trade), time_of(trade)] for trade in sorted(entry.tape.rows, key=time_of)]
        finer = [trades]
        for series in entry.bars:  # from narrow to wide: those before it are right already
            series.amend(time_of(old), more, finer)
            if series.timeframe in ("1s", "1m"):
                finer.append(series.whole())

    def _snapshot(self, entry: _Entry, event: BookSnapshot) -> None:
        entry.book.apply_snapshot(event)
        _settle(entry)
        for series in entry.bars:
            series.end_gap(event.recv)
        if entry.book.state != "live":
            self._broken(entry, event)
        elif not (entry.has_ticker or _looked_at(entry).has_ticker):
            self._derive(entry, event)

    def _interrupted(self, entry: _Entry, event: MarketEvent) -> None:
        if isinstance(event, Gap):
            self.counters["gaps"] += 1
            entry.book.mark_gap(event.reason)
            self._lost(entry, event.recv, event.reason)
        elif isinstance(event, Restart):
            self.counters["restarts"] += 1
            entry.book.reset()
            entry.tape.clear()
            entry.waiting.clear()
            for series in entry.bars:
                series.clear()
            entry.quote, entry.has_ticker, entry.heard = None, False, None
        else:
            raise TypeError(f"not a market event: {type(event).__name__}")

    def _broken(self, entry: _Entry, event: BookDelta | BookSnapshot) -> None:
        if entry.book.state == "syncing":
            return
        was_marked = entry.bars[0].is_in_gap
        self._lost(entry, event.recv, entry.book.reason)
        if not was_marked:
            self.counters["broken_books"] += 1
            if self.on_broken_book is not None:
                self.on_broken_book(entry.symbol, entry.book.reason)

    @staticmethod
    def _lost(entry: _Entry, recv: int, reason: str) -> None:
        if not (entry.has_ticker or _looked_at(entry).has_ticker):
            entry.quote = None
        for series in entry.bars:
            series.mark_gap(recv, reason)

    @staticmethod
    def _derive(entry: _Entry, event: BookDelta | BookSnapshot) -> None:
        bid, bid_size = entry.book.best_bid() or (0, 0)
        ask, ask_size = entry.book.best_ask() or (0, 0)
        old = entry.quote
        if old is None or old[3:] != (bid, bid_size, ask, ask_size):
            entry.quote = Quote(entry.symbol, event.ts, event.recv, bid, bid_size, ask, ask_size)
            for ring in entry.rings:
                ring.add(entry.quote)


def _looked_at(entry: _Entry) -> _Entry:
    """The entry with the quote that it has now."""
    if entry.store is not None and (found := entry.store.take_quote(entry.row)) is not None:
        recv, _row, *sides = found
        entry.quote, entry.has_ticker = Quote(entry.symbol, 0, recv, *sides), True
    return entry


def _heard(entry: _Entry) -> int | None:
    """When anything was last received."""
    if entry.store is None:
        return entry.heard
    heard = entry.store.heard(entry.row)
    return max(heard, entry.heard or 0) if heard > 0 else entry.heard


def _settle(entry: _Entry) -> None:
    waiting = entry.waiting if entry.store is None else entry.tape.unread()
    if waiting:
        for series in entry.bars:
            series.add_many(waiting)
        entry.waiting.clear()

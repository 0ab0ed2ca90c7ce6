"""What the watchlist may show beside the quote: day's range and volume, the last hour, spread, age, a small line; and its order.

All of it comes from bars and quotes that are kept anyway, in exact units, and is made into text only for rows that the page shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from app.model.instrument import Instrument

from . import display
from .errors import Refusal
from .scanner import LEAST, LONG_S, SHORT_S

SPARK_WIDTH, SPARK_HEIGHT = 60, 16
_HOUR_S, _SECONDS, _SECOND = 3600, 600, 1_000_000_000
_ENOUGH = 10
"""Bars that make a line; before there are so many, it is made of shorter ones."""
_TIME, _OPEN, _HIGH, _LOW, _CLOSE, _VOLUME = range(6)


class Summaries:
    """``venue_now(symbol)`` is the venue's time in ns UTC. Columns are the keys of ``_TEXTS`` below, the line of ``spark`` is over ``span``."""

    def __init__(
        self, market: Any, instruments: dict[str, Instrument], venue_now: Callable[[str], int], scanner: Callable[[], Any] | None = None
    ) -> None:
        self._market, self._instruments, self._now = market, instruments, venue_now
        self._scanner = scanner
        self._scans: dict[str, Any] = {}
        self.columns: tuple[str, ...] = ()
        self.span = "hour"
        self._told: dict[str, list] = {}

    def choose(self, columns: Any, span: Any) -> None:
        """Tell these columns from now on. Raises Refusal."""
        wanted = tuple(columns) if isinstance(columns, (list, tuple)) else None
        if wanted is None or any(name not in _TEXTS for name in wanted):
            raise Refusal("bad_column", f"the watchlist has no such column: {str(columns)[:60]}", f"use some of {', '.join(_TEXTS)}", "columns")
        if span not in ("hour", "day"):
            raise Refusal("bad_span", f"there is no line over {str(span)[:40]!r}", "use hour or day", "spark")
        self.columns, self.span = wanted, span
        self._told.clear()

    def message(self, symbols: Iterable[str]) -> dict | None:
        """``{columns, rows}`` for those of the symbols that show differently, None when none does."""
        if not self.columns:
            return None
        rows, told = [], self._told
        symbols = list(symbols)
        self._scan(self.columns, symbols)
        readers = [_TEXTS[name] for name in self.columns]
        for symbol in symbols:
            values = [read(self, symbol) for read in readers]
            if told.get(symbol) != values:
                told[symbol] = values
                rows.append([symbol, *values])
        return {"columns": list(self.columns), "rows": rows} if rows else None

    def rank(self, column: str, falling: bool, symbols: list[str]) -> list[str]:
        """The symbols by a column; equal ones keep their order, those without a value come last."""
        read = _VALUES.get(column)
        if read is None:
            raise Refusal("bad_column", f"the watchlist cannot be sorted by {str(column)[:40]!r}", f"use one of {', '.join(_VALUES)}", "column")
        self._scan((column,), symbols)
        known, unknown = [], []
        for symbol in symbols:
            value = read(self, symbol)
            (unknown if value is None else known).append(symbol if value is None else (value, symbol))
        known.sort(key=lambda pair: pair[0], reverse=falling)
        return [symbol for _value, symbol in known] + unknown

    # values: comparable over instruments, None where there is none

    def last(self, symbol: str) -> Decimal | None:
        """The last price."""
        trade = self._market.last(symbol)
        return None if trade is None else self._instruments[symbol].price(trade.price)

    def bid(self, symbol: str) -> Decimal | None:
        """The best bid."""
        quote = self._market.quote(symbol)
        return self._instruments[symbol].price(quote.bid) if quote is not None and quote.bid_size else None

    def ask(self, symbol: str) -> Decimal | None:
        """The best ask."""
        quote = self._market.quote(symbol)
        return self._instruments[symbol].price(quote.ask) if quote is not None and quote.ask_size else None

    def change(self, symbol: str) -> float | None:
        """Against the previous close or the first trade known of the day, a ratio."""
        return self._ratio(symbol, self._market.base(symbol))

    def hour(self, symbol: str) -> float | None:
        """Against the first trade known of the last hour, a ratio."""
        return self._ratio(symbol, self._hour_open(symbol))

    def volume(self, symbol: str) -> Decimal | None:
        """Traded in the day, in the quote currency at the last price: the only way in which instruments compare. None where nobody says it."""
        day, price = self._market.bars(symbol, "1d").last, self.last(symbol)
        item = self._instruments[symbol]
        return item.size(day[_VOLUME]) * price * (item.multiplier or 1) if day and day[_VOLUME] and price is not None else None

    def day(self, symbol: str, at: int) -> Decimal | None:
        """A price of the day: its low or its high."""
        day = self._market.bars(symbol, "1d").last
        return self._instruments[symbol].price(day[at]) if day else None

    def spread(self, symbol: str) -> Decimal | None:
        """Ask less bid over their middle, in basis points."""
        bid, ask = self.bid(symbol), self.ask(symbol)
        return (ask - bid) * 20_000 / (ask + bid) if bid is not None and ask is not None and ask + bid else None

    def range(self, symbol: str) -> float | None:
        """Where the last price is between the day's low (0) and high (1)."""
        day, trade = self._market.bars(symbol, "1d").last, self._market.last(symbol)
        if day is None or trade is None or day[_HIGH] == day[_LOW]:
            return None
        return min(1.0, max(0.0, (trade.price - day[_LOW]) / (day[_HIGH] - day[_LOW])))

    def age(self, symbol: str) -> int | None:
        """ns since anything was received."""
        return self._market.age_ns(symbol, self._now(symbol))

    def source(self, symbol: str) -> str:
        """The venue's name."""
        return self._instruments[symbol].venue

    def _ratio(self, symbol: str, before: int | None) -> float | None:
        trade = self._market.last(symbol)
        return trade.price / before - 1 if trade is not None and before else None

    def _hour_open(self, symbol: str) -> int | None:
        since = self._now(symbol) // _SECOND - _HOUR_S
        return next((row[_OPEN] for row in self._market.bars(symbol, "1m").tail(61) if row[_TIME] >= since), None)

    def top(self, symbol: str) -> float | None:
        """Against the day's high, a ratio of at most 0."""
        day, trade = self._market.bars(symbol, "1d").last, self._market.last(symbol)
        return min(0.0, trade.price / day[_HIGH] - 1) if day and trade is not None and day[_HIGH] else None

    def scanned(self, symbol: str, what: str) -> float | None:
        """A value of the scanner (`scanner.Scan`)."""
        return getattr(self._scans.get(symbol), what, None)

    def _scan(self, columns: Iterable[str], symbols: Iterable[str]) -> None:
        """Look at all rows at once, where one of the columns needs it."""
        if self._scanner is not None and not _SCANNED.keys().isdisjoint(columns):
            self._scans = self._scanner().look(symbols)

    # texts

    def _top_text(self, symbol: str) -> str | None:
        top = self.top(symbol)
        return None if top is None else display.number(Decimal(f"{top * 100:.4f}"), 2)

    def _scanned_text(self, symbol: str, column: str) -> str | list | None:
        """The value, or [what there is, why that is not enough]."""
        what, least, minutes = _SCANNED[column]
        scan = self._scans.get(symbol)
        if scan is None:
            problem = self._scanner().problem if self._scanner is not None else ""
            return ["", problem or ("Being worked out" if self._market.last(symbol) else "Nothing was traded since this desk receives")]
        value = getattr(scan, what)
        if value is not None:
            shown, places = (value * 100, 2) if what == "short" else (value, 2 if what == "atr" else 1)
            return display.number(Decimal(f"{shown:.4f}"), places, sign=what == "short")
        have = min(scan.minutes if minutes else scan.bars, least)
        if have == least:
            lacking = "No volume is known to compare with" if what == "busy" else "Nothing was traded to compare with"
            return ["", lacking if minutes else "Not to be told of these bars"]
        return [f"{have}/{least}", f"Not enough bars yet: {have} of {least} {'minutes' if minutes else 'bars of a minute'}"]

    def _hour_text(self, symbol: str) -> str | None:
        trade, before = self._market.last(symbol), self._hour_open(symbol)
        return display.percent(trade.price, before) if trade is not None and before else None

    def _spread_text(self, symbol: str) -> str | None:
        bps = self.spread(symbol)
        return None if bps is None else display.number(bps, 1 if bps >= 10 else 2)

    def _volume_text(self, symbol: str) -> str | None:
        day = self._market.bars(symbol, "1d").last
        return display.brief(self._instruments[symbol].size(day[_VOLUME])) if day and day[_VOLUME] else None

    def _day_text(self, symbol: str, at: int) -> str | None:
        day = self._market.bars(symbol, "1d").last
        return display.price(day[at], self._instruments[symbol]) if day else None

    def _range_text(self, symbol: str) -> str | None:
        place = self.range(symbol)
        return None if place is None else f"{round(place * 100)} %"

    def _age_ms(self, symbol: str) -> int | None:
        age = self.age(symbol)
        return None if age is None else age // 1_000_000_000 * 1000

    def _spark(self, symbol: str) -> list | None:
        """[path, words]: an SVG path over SPARK_WIDTH x SPARK_HEIGHT, and the same to be read; None with less than two points."""
        now_s = self._now(symbol) // _SECOND
        bars = self._market.bars
        whole = now_s % 86_400 if self.span == "day" else _HOUR_S
        since = now_s - whole
        rows: list = []
        for name, count in (("15m", 97), ("1m", 1440), ("1s", _SECONDS)) if self.span == "day" else (("1m", 61), ("1s", _SECONDS)):
            rows = [row for row in bars(symbol, name).tail(count) if row[_TIME] >= since]
            if len(rows) >= _ENOUGH:
                break
        if len(rows) < 2:
            return None
        since = rows[0][_TIME]  # what is known fills the cell: its words say from when on
        width = max(1, now_s - since)
        words = _span_words(width) if width < whole - 900 or self.span == "hour" else "Since midnight UTC"
        low, high = min(row[_LOW] for row in rows), max(row[_HIGH] for row in rows)
        first, last = rows[0][_OPEN], rows[-1][_CLOSE]
        item = self._instruments[symbol]
        parts = [display.price(price, item) for price in (first, last, low, high)]
        change = display.percent(last, first)
        text = f"{words}: from {parts[0]} to {parts[1]}" + (f" ({change} %)" if change else "") + f", lowest {parts[2]}, highest {parts[3]}"
        points: dict[int, int] = {}
        for row in rows:
            points[min(SPARK_WIDTH, (row[_TIME] - since) * SPARK_WIDTH // width)] = row[_CLOSE]
        low, high = min(points.values()), max(points.values())
        tall = max(1, high - low)
        path = "L".join(f"{x} {SPARK_HEIGHT - 2 - (price - low) * (SPARK_HEIGHT - 4) // tall}" for x, price in points.items())
        return [f"M{path}" if len(points) > 1 else f"M0 8L{SPARK_WIDTH} 8", text]


def _span_words(seconds: int) -> str:
    if seconds >= _HOUR_S - 120:
        return f"Last {round(seconds / _HOUR_S)} hours" if seconds >= 2 * _HOUR_S else "Last hour"
    return f"Last {seconds // 60} min" if seconds >= 120 else f"Last {seconds} s"


_SCANNED = {
    "short": ("short", SHORT_S // 60 + 1, True),
    "busy": ("busy", (SHORT_S + LONG_S) // 60, True),
    "rsi": ("rsi", LEAST, False),
    "atr": ("atr", LEAST, False),
}
"""Columns of the scanner: the value, and how much has to be known, in minutes or in bars."""
_TEXTS: dict[str, Callable[[Summaries, str], Any]] = {
    "hour": Summaries._hour_text,
    "spread": Summaries._spread_text,
    "volume": Summaries._volume_text,
    "low": lambda self, symbol: self._day_text(symbol, _LOW),
    "high": lambda self, symbol: self._day_text(symbol, _HIGH),
    "range": Summaries._range_text,
    "age": Summaries._age_ms,
    "spark": Summaries._spark,
    "top": Summaries._top_text,
    **{name: lambda self, symbol, name=name: self._scanned_text(symbol, name) for name in _SCANNED},
}
_VALUES: dict[str, Callable[[Summaries, str], Any]] = {
    "symbol": lambda _self, symbol: symbol,
    "last": Summaries.last,
    "change": Summaries.change,
    "bid": Summaries.bid,
    "ask": Summaries.ask,
    "hour": Summaries.hour,
    "spread": Summaries.spread,
    "volume": Summaries.volume,
    "low": lambda self, symbol: self.day(symbol, _LOW),
    "high": lambda self, symbol: self.day(symbol, _HIGH),
    "range": Summaries.range,
    "age": Summaries.age,
    "source": Summaries.source,
    "top": Summaries.top,
    **{name: lambda self, symbol, what=what: self.scanned(symbol, what) for name, (what, *_) in _SCANNED.items()},
}

"""Which columns a watchlist shows and by which it is sorted: remembered for each list, and carried along in its file. Pure.

A file has one symbol a line; the line of the look is a section mark, which other terminals and this one leave out of the symbols.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

_MARK = "###Kontor"


@dataclass(frozen=True, slots=True)
class WatchColumn:
    """``width`` in px at least; ``told`` by the worker on request (else it is part of every quote); text columns begin at the start."""

    key: str
    title: str
    name: str
    width: int
    told: bool = False
    text: bool = False


COLUMNS = (
    WatchColumn("last", "Last", "Last price", 82),
    WatchColumn("change", "Chg %", "Change since the previous close (listings), or since the UTC day's first trade", 62),
    WatchColumn("bid", "Bid", "Bid", 82),
    WatchColumn("ask", "Ask", "Ask", 82),
    WatchColumn("spark", "Line", "Line of the last hour", 72, told=True),
    WatchColumn("hour", "1 h %", "Change in the last hour", 56, told=True),
    WatchColumn("short", "5 m %", "Change in the last five minutes", 56, told=True),
    WatchColumn("busy", "Rel. vol", "Volume of the last five minutes, as a multiple of five average minutes of the hour before", 62, told=True),
    WatchColumn("rsi", "RSI", "RSI of 14 bars of a minute", 52, told=True),
    WatchColumn("atr", "ATR %", "Average true range of 14 bars of a minute, in percent of the price", 56, told=True),
    WatchColumn("spread", "bps", "Spread in basis points", 52, told=True),
    WatchColumn("volume", "Volume", "Volume of the day in the base currency, sorted by its value", 72, told=True),
    WatchColumn("low", "Low", "Lowest of the day", 82, told=True),
    WatchColumn("high", "High", "Highest of the day", 82, told=True),
    WatchColumn("top", "Off high", "Distance from the day's high, in percent", 62, told=True),
    WatchColumn("range", "In range", "Place between the day's low and high", 62, told=True),
    WatchColumn("age", "Age", "Time since anything was received", 52, told=True),
    WatchColumn("source", "Source", "Venue", 72, text=True),
)
BY_KEY = {column.key: column for column in COLUMNS}
DEFAULT = ("last", "change", "bid", "ask")
UNSORTED = ("", False)
SORTABLE = frozenset({"symbol", *BY_KEY} - {"spark"})
SYMBOL_PX, WIDE_SYMBOL_PX, EDGES_PX = 76, 136, 12


@dataclass(frozen=True, slots=True)
class Look:
    """Columns in their order, the sort as (column, falling), and what the line spans (``hour`` or ``day``)."""

    columns: tuple[str, ...] = DEFAULT
    sort: tuple[str, bool] = UNSORTED
    span: str = "hour"

    @classmethod
    def from_kept(cls, kept: Any) -> Look:
        """From what was kept; what there is not is left out."""
        if not isinstance(kept, dict):
            return cls()
        columns, sort = kept.get("columns"), kept.get("sort")
        names = tuple(dict.fromkeys(name for name in columns if name in BY_KEY)) if _texts(columns) else ()
        by = (sort[0], bool(sort[1])) if isinstance(sort, (list, tuple)) and len(sort) == 2 and _texts(sort[:1]) and sort[0] in SORTABLE else UNSORTED
        return cls(names or DEFAULT, by, "day" if kept.get("span") == "day" else "hour")

    def to_kept(self) -> dict | None:
        """For the preferences; None where nothing was chosen."""
        if self == Look():
            return None
        return {"columns": list(self.columns), "sort": list(self.sort), "span": self.span}

    def to_line(self) -> str:
        """The line of a list's file, with its end; nothing where nothing was chosen."""
        if self == Look():
            return ""
        sort = f" sort={self.sort[0]}:{'falling' if self.sort[1] else 'rising'}" if self.sort[0] else ""
        return f"{_MARK} columns={'+'.join(self.columns)}{sort} line={self.span}\n"

    @property
    def told(self) -> list[str]:
        """The columns that the worker has to be asked for."""
        return [name for name in self.columns if BY_KEY[name].told]

    def with_column(self, key: str, wanted: bool) -> Look:
        """With a column more or less; at least one stays. New ones go where COLUMNS has them."""
        chosen = {*self.columns, key} if wanted else {*self.columns} - {key}
        if not chosen or key not in BY_KEY:
            return self
        columns = tuple(column.key for column in COLUMNS if column.key in chosen)
        return replace(self, columns=columns, sort=UNSORTED if self.sort[0] == key and not wanted else self.sort)

    def sorted_by(self, key: str) -> Look:
        """The next of the three sorts of a column: first the way that is wanted mostly, then the other, then none."""
        column, falling = self.sort
        first = key not in ("symbol", "source", "spread", "age")
        if key not in SORTABLE:
            return self
        if column != key:
            return replace(self, sort=(key, first))
        return replace(self, sort=(key, not falling) if falling == first else UNSORTED)

    def widths(self, wide: bool) -> tuple[str, int]:
        """(grid-template-columns, least width in px of the whole row)."""
        symbol = WIDE_SYMBOL_PX if wide else SYMBOL_PX
        parts = [f"minmax({symbol}px, 1fr)", *(f"minmax({BY_KEY[name].width}px, 1fr)" for name in self.columns)]
        return " ".join(parts), symbol + EDGES_PX + sum(BY_KEY[name].width for name in self.columns)


def read_look(text: str) -> Look:
    """The look that a list's file carries; the usual one where it carries none."""
    for line in text.lstrip("\ufeff").splitlines():
        if not line.startswith(_MARK):
            continue
        found = dict(word.split("=", 1) for word in line[len(_MARK) :].split() if "=" in word)
        by, _, way = found.get("sort", "").partition(":")
        return Look.from_kept({"columns": found.get("columns", "").split("+"), "sort": [by, way == "falling"], "span": found.get("line")})
    return Look()


def _texts(values: Any) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(value, str) for value in values)


def by_text(symbols: Iterable[str], rows: dict[str, dict], words: str) -> list[str]:
    """Those of the symbols whose name, currencies or venue hold the words."""
    if not words:
        return list(symbols)

    def told(symbol: str) -> str:
        row = rows[symbol]
        return f"{symbol} {row['base']} {row['quote']} {row['venue']} {row.get('name', '')}".lower()

    return [symbol for symbol in symbols if words in told(symbol)]

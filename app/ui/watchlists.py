"""The trader's own watchlists: named, ordered lists of symbols, kept with the preferences. Pure: no page, no desk.

A list may name instruments that this venue does not have; they stay in it and show when it does.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from app.model.units import shorten

MOST_LISTS, MOST_SYMBOLS, LONGEST_NAME, LONGEST_SYMBOL = 50, 2_000, 40, 40
LONGEST_FILE = 200_000
_SEPARATORS = re.compile(r"[\s,;]+")
_SYMBOL = re.compile(r"[A-Za-z0-9^][A-Za-z0-9./_=\-]*\Z")
_NUMBER = re.compile(r"[\d./_=\-]+\Z", re.ASCII)
_SECTION = re.compile(r"###[^,;\n]*")
_COLUMNS = frozenset({"symbol", "symbols", "ticker", "instrument"})
_WANTED = "A watchlist has symbols in capitals, one a line or separated by commas, such as BTCUSDT or NASDAQ:AAPL, or is a table with a column Symbol."


class BadList(ValueError):
    """What is wrong and what to do, as one sentence for the trader."""


@dataclass(frozen=True, slots=True)
class Imported:
    """Symbols of a file in its order without doubles; ``unreadable`` counts what is no symbol."""

    symbols: list[str]
    unreadable: int


@dataclass(slots=True)
class Watchlists:
    """``lists`` by name in the trader's order."""

    lists: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def from_kept(cls, kept: Any) -> Watchlists:
        """From what was kept; whatever is not a list of lists of symbols is left out."""
        lists: dict[str, list[str]] = {}
        for row in kept if isinstance(kept, list) else ():
            if isinstance(row, list) and len(row) == 2 and isinstance(row[0], str) and isinstance(row[1], list) and len(lists) < MOST_LISTS:
                symbols = [symbol for symbol in row[1] if isinstance(symbol, str) and 0 < len(symbol) <= LONGEST_SYMBOL]
                lists[row[0][:LONGEST_NAME]] = list(dict.fromkeys(symbols))[:MOST_SYMBOLS]
        return cls(lists)

    def to_kept(self) -> list:
        """For the preferences: a copy."""
        return [[name, list(symbols)] for name, symbols in self.lists.items()]

    def add_list(self, name: str, symbols: Iterable[str] = ()) -> str:
        """A new list; returns its name as kept. Raises BadList."""
        if len(self.lists) >= MOST_LISTS:
            raise BadList(f"There are {MOST_LISTS} lists already. Remove one first.")
        name = self._free_name(name)
        self.lists[name] = list(dict.fromkeys(symbols))[:MOST_SYMBOLS]
        return name

    def rename(self, old: str, new: str) -> str:
        """Another name at the same place; returns it as kept. Raises BadList."""
        if new.strip() == old:
            return old
        new = self._free_name(new)
        self.lists = {new if name == old else name: symbols for name, symbols in self.lists.items()}
        return new

    def remove(self, name: str) -> None:
        """Forget a list."""
        self.lists.pop(name, None)

    def toggle(self, name: str, symbol: str) -> bool:
        """Put a symbol at the end of a list, or take it out; True when it is in now. Raises BadList."""
        symbols = self.lists[name]
        if symbol in symbols:
            symbols.remove(symbol)
            return False
        if len(symbols) >= MOST_SYMBOLS:
            raise BadList(f"A list holds {MOST_SYMBOLS:,} instruments at most. Take one out or make another list.")
        symbols.append(symbol)
        return True

    def move(self, name: str, symbol: str, by: int) -> bool:
        """Move a symbol up (below zero) or down in its list; False when it is at the end or not there."""
        symbols = self.lists[name]
        if symbol not in symbols:
            return False
        place = symbols.index(symbol)
        wanted = max(0, min(len(symbols) - 1, place + by))
        symbols.insert(wanted, symbols.pop(place))
        return wanted != place

    def known(self, name: str, instruments: Collection[str]) -> list[str]:
        """Those of a list that can be shown now, in its order."""
        return [symbol for symbol in self.lists.get(name, ()) if symbol in instruments]

    def _free_name(self, name: str) -> str:
        name = " ".join(name.split())
        if not name:
            raise BadList("The list has no name. Type one.")
        if len(name) > LONGEST_NAME:
            raise BadList(f"The name is too long. Use {LONGEST_NAME} characters at most.")
        if name.lower() in {other.lower() for other in self.lists}:
            raise BadList(f"There is a list {name} already. Choose another name.")
        return name


def read_symbols(text: str, instruments: Collection[str]) -> Imported:
    """Symbols from a text with one a line or separated by commas, as most terminals export them, or from the column Symbol of a table:
    ``EXCHANGE:`` before a symbol and section marks (``###``) are left out, and case does not matter where an instrument is known. Raises
    BadList when there is none, or most of the words are none: a file of something else."""
    if len(text) > LONGEST_FILE:
        raise BadList(f"The file is longer than {LONGEST_FILE // 1_000:,} kB: that is no watchlist. Choose another file.")
    by_name = {symbol.lower(): symbol for symbol in instruments}
    symbols: dict[str, None] = {}
    others: list[str] = []
    for word in _words(text):
        exchange, _, symbol = word.rpartition(":")
        known = by_name.get(symbol.lower())
        written = symbol == symbol.upper() and (exchange or not _NUMBER.match(symbol))
        if known is None and not (written and len(symbol) <= LONGEST_SYMBOL and _SYMBOL.match(symbol)):
            others.append(word)
        else:
            symbols[known or symbol] = None
    if not symbols or len(others) > len(symbols):
        shown = f"; {shorten(others[0])} is none" if others else ""
        raise BadList(f"{'Hardly a' if symbols else 'There is no'} symbol in this file{shown}. {_WANTED}")
    if len(symbols) > MOST_SYMBOLS:
        raise BadList(f"The file has {len(symbols):,} symbols; a list holds {MOST_SYMBOLS:,}. Split it.")
    return Imported(list(symbols), len(others))


def _words(text: str) -> list[str]:
    """Every word that should be a symbol: all of a list, those of one column of a table whose first line names it."""
    lines = [line for line in (_SECTION.sub("", line).strip() for line in text.lstrip("\ufeff").splitlines()) if line]
    mark = max(",;\t", key=lines[0].count) if lines else ","
    head = [cell.strip(" \"'").lower() for cell in lines[0].split(mark)] if lines else []
    place = next((place for place, cell in enumerate(head) if cell in _COLUMNS), None)
    if place is not None:
        rows = csv.reader(lines[1:], delimiter=mark)
        return [row[place].strip() for row in rows if len(row) > place and row[place].strip()]
    return [word for line in lines for part in _SEPARATORS.split(line) if (word := part.strip("\"'"))]

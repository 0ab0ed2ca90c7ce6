"""One row out of ticks in columns that have not been counted in yet (see `quotes`): what an order wants to know of its instrument, without numpy."""

from __future__ import annotations

from collections.abc import Sequence

from app.model.market import QUOTE_WIDTH, TRADE_WIDTH, Ticks

RECV, ROW, NUMBER, PRICE, SIZE, TIME, SOLD = range(TRADE_WIDTH)
"""Columns of a trade."""
BID, BID_SIZE, ASK, ASK_SIZE = range(2, QUOTE_WIDTH)
"""Columns of a quote, after RECV and ROW."""


def newest_quote(waiting: Sequence[Ticks], row: int) -> list[int] | None:
    """The row's last quote, None where there is none."""
    for ticks in reversed(waiting):
        rows = _rows(ticks.quotes, QUOTE_WIDTH)
        if row in rows:
            rows.reverse()
            begin = (len(rows) - 1 - rows.index(row)) * QUOTE_WIDTH
            return [ticks.recv, *ticks.quotes[begin + ROW : begin + QUOTE_WIDTH].tolist()]
    return None


def newest_trade(waiting: Sequence[Ticks], row: int, number: int, time: int) -> tuple[list[int] | None, bool]:
    """The row's last trade, None where there is none; and whether all its trades came in order after the one with this number and time: where
    not, the last one may be another."""
    record: list[int] | None = None
    for ticks in waiting:
        rows = _rows(ticks.trades, TRADE_WIDTH)
        for at, each in enumerate(rows) if row in rows else ():
            if each == row:
                record = [ticks.recv, *ticks.trades[at * TRADE_WIDTH + ROW : (at + 1) * TRADE_WIDTH].tolist()]
                record[TIME] *= ticks.unit_ns
                if record[TIME] < time or record[NUMBER] <= number:
                    return record, False
                number, time = record[NUMBER], record[TIME]
    return record, True


def heard(waiting: Sequence[Ticks], row: int, before: int) -> int:
    """When anything was last heard of the row, ``before`` where that was before all of these."""
    return max([before, *[ticks.recv for ticks in waiting if row in _rows(ticks.quotes, QUOTE_WIDTH) or row in _rows(ticks.trades, TRADE_WIDTH)]])


def _rows(table: memoryview, width: int) -> list[int]:
    """The rows of a table's records."""
    found: list[int] = table[ROW::width].tolist()
    return found

"""Quotes and trades of many instruments in columns: one row an instrument, many batches of ticks at a time. Needs numpy.

What comes waits as it came, at the price of a list entry a batch, until somebody looks at anything: then all of it is counted in at once. For a few
looks at single rows, such as an order's at its prices, what waits is looked through instead: counting in takes the thread for milliseconds.
Nothing grows: at most MOST_WAITING ticks wait, and each row keeps its last KEPT trades. Single writer. Prices and sizes are 64-bit units,
times ns UTC; a row's ``seq`` is the number of the look before which it changed.

A `Subscription` sees the newest state of what changed, at its own rate and never a backlog; whoever needs every trade reads a row's ring
(`unread`, or `trades.TradeReader` through the row's tape) and learns how many he lost.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from app.model.market import QUOTE_WIDTH, TRADE_WIDTH, Ticks

from .glance import NUMBER, RECV, ROW, TIME, heard, newest_quote, newest_trade

KEPT = 512
"""Trades kept a row; one of them coming again is a duplicate."""
HALF = KEPT // 2
MOST_WAITING = 4096
"""Ticks that wait until somebody looks, about at most."""
GLANCES = 16
"""So many times what waits is looked through; one more, and it is counted in."""
NEVER = np.iinfo(np.int64).min


class QuoteStore:
    """``on_full(row)`` is called before trades are written over that nobody has taken as read."""

    def __init__(self, symbols: Sequence[str]) -> None:
        size = len(symbols)
        self.symbols = tuple(symbols)
        self.row = {symbol: row for row, symbol in enumerate(symbols)}
        self.on_full: Callable[[int], object] | None = None
        self._quotes = np.zeros((size, QUOTE_WIDTH), np.int64)
        self._last = np.zeros((size, TRADE_WIDTH), np.int64)
        self._ring = np.full((size, KEPT, TRADE_WIDTH), 0, np.int64)  # not zeros: memory is taken now, not trade by trade
        self._rings = self._ring.reshape(-1, TRADE_WIDTH)
        self._recv, self._greatest = np.full(size, NEVER), np.full(size, NEVER)
        self._counts, self._read, self._begun, self._seq = (np.zeros(size, np.int64) for _ in range(4))
        self._clear(np.arange(size))
        # of each row whether there is news that nobody has taken: what is asked for one row at a time has to be quick
        self._quoted, self._traded, self._moved = bytearray(size), bytearray(size), bytearray(size)
        self._flags = [np.frombuffer(each, np.uint8) for each in (self._quoted, self._traded, self._moved)]
        self._unchecked = 0
        self._pending: list[Ticks] = []
        self._glances = 0
        self._glanced: dict[tuple[int, int], tuple[int, bool]] = {}
        """By (width of the table, row): how many batches have been looked through, and whether the row was in one of them."""
        self.waiting = 0
        """Ticks that wait."""
        self.batches = self.ticks = self._duplicates = 0

    # Columns, as of now.

    @property
    def recv(self) -> np.ndarray:
        """When anything was last heard of each row; NEVER for never."""
        self.settle()
        return self._recv

    @property
    def seq(self) -> np.ndarray:
        """See above."""
        self.settle()
        return self._seq

    @property
    def counts(self) -> np.ndarray:
        """How many trades were ever kept of each row."""
        self.settle()
        return self._counts

    @property
    def duplicates(self) -> int:
        """Trades that had come before."""
        self.settle()
        return self._duplicates

    # Writing.

    def put(self, ticks: Ticks) -> None:
        """Take a batch; its rows are those of this store."""
        self._pending.append(ticks)
        self.waiting += len(ticks)
        if self.waiting >= MOST_WAITING:
            self.settle()

    def settle(self) -> None:
        """Count in what waits. Everything that shows something does so first."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        self._glances = 0
        self._glanced.clear()
        self.ticks += self.waiting
        self.waiting = 0
        self.batches += 1
        trades = [each for each in pending if len(each.trades)]
        if trades:
            parts = [each.trades for each in trades]
            table = _joined(parts, [each.recv for each in trades], TRADE_WIDTH)
            table[:, TIME] *= _each(parts, [each.unit_ns for each in trades], TRADE_WIDTH)
            rows = self._heard(table)
            self._count_in(table)
            self._flags[1][rows] = self._flags[2][rows] = 1
        quotes = [each for each in pending if len(each.quotes)]
        if quotes:
            table = _joined([each.quotes for each in quotes], [each.recv for each in quotes], QUOTE_WIDTH)
            rows = self._heard(table)
            self._quotes[rows] = table  # of a row that comes twice the last one stays
            self._flags[0][rows] = 1

    def forget(self, symbols: Sequence[str]) -> None:
        """A stream began anew: of these instruments nothing is known."""
        self.settle()
        rows = np.array([self.row[symbol] for symbol in symbols], np.int64)
        self.batches += 1
        self._clear(rows)
        self._flags[0][rows] = self._flags[1][rows] = 0
        self._flags[2][rows] = 1
        self._seq[rows] = self.batches

    def adopt(self, row: int, trades: Sequence[Sequence[int]], count: int, recv: int | None) -> None:
        """Begin with what is known of a row: its last trades, oldest first, as records of a trade, the newest of ``count``, all of them read."""
        self.settle()
        self._counts[row] = self._begun[row] = count - len(trades)
        for record in trades:
            self._keep(row, record)
        self._read[row] = count
        self._recv[row] = NEVER if recv is None else recv

    # One row.

    def take_quote(self, row: int) -> list[int] | None:
        """The row's quote, in the columns of `quotes`, if it may have changed since it was last taken."""
        if self._pending:
            waits, record = self._glance(row, QUOTE_WIDTH)
            if waits:
                return record
        if not self._quoted[row]:
            return None
        self._quoted[row] = 0
        return self._quotes[row].tolist()

    def counted(self, row: int) -> int:
        """How many trades of a row were kept when somebody last looked."""
        return int(self._counts[row])

    def take_last(self, row: int) -> list[int] | None:
        """The row's last trade by its time, if there may be another since it was last taken; its TIME is NEVER where there is none."""
        if self._pending:
            waits, record = self._glance(row, TRADE_WIDTH)
            if waits:
                return record
        if not self._moved[row]:
            return None
        self._moved[row] = 0
        return self._last[row].tolist()

    def heard(self, row: int) -> int:
        """When anything was last heard of a row; NEVER for never."""
        if self._pending and self._may_glance():
            return heard(self._pending, row, int(self._recv[row]))
        return int(self._recv[row])

    def newest(self, row: int, count: int) -> list[list[int]]:
        """At most so many of the row's last trades, oldest first."""
        end = int(self.counts[row])
        start = max(end - min(count, KEPT), int(self._begun[row]))
        if start == end:
            return []
        ring, first, after = self._ring[row], start % KEPT, end % KEPT
        return ring[first:after].tolist() if first < after else ring[first:].tolist() + ring[:after].tolist()

    def unread(self, row: int) -> list[list[int]]:
        """The row's trades since the last time; `on_full` says when some would be lost."""
        if self._pending:
            self.settle()
        if not self._traded[row]:
            return []
        self._traded[row] = 0
        count = self._counts[row]
        new = int(count - self._read[row])
        self._read[row] = count
        return self.newest(row, new)

    def subscribe(self, rate: float = 0.0, rows: np.ndarray | None = None) -> Subscription:
        """See what changes from now on, ``rate`` times a second at most (0: whenever asked), of these rows or all."""
        return Subscription(self, rate, rows)

    def _may_glance(self) -> bool:
        """Whether what waits is looked through once more; else it is counted in now."""
        self._glances += 1
        if self._glances > GLANCES:
            self.settle()
        return bool(self._pending)

    def _glance(self, row: int, width: int) -> tuple[bool, list[int] | None]:
        """Whether anything of the row waits in the tables of this width, and if so its newest record where it was not taken before."""
        count = len(self._pending)
        seen, waits = self._glanced.get((width, row), (0, False))
        if seen == count:
            return waits, None
        if not self._may_glance():
            return False, None
        if width == QUOTE_WIDTH:
            record = newest_quote(self._pending[seen:], row)
        else:
            record, in_order = newest_trade(self._pending, row, int(self._greatest[row]), int(self._last[row, TIME]))
            if not in_order:
                self.settle()
                return False, None
        self._glanced[width, row] = count, waits or record is not None
        return waits or record is not None, record

    def _clear(self, rows: np.ndarray) -> None:
        self._quotes[rows] = self._last[rows] = 0
        self._read[rows] = self._begun[rows] = self._counts[rows]  # the count goes on: a reader sees that there is nothing new
        self._ring[rows, :, NUMBER] = NEVER
        self._last[rows, TIME] = self._recv[rows] = self._greatest[rows] = NEVER

    def _heard(self, table: np.ndarray) -> np.ndarray:
        rows = table[:, ROW]
        self._recv[rows] = np.maximum(self._recv[rows], table[:, RECV])
        self._seq[rows] = self.batches
        return rows

    def _count_in(self, table: np.ndarray) -> None:
        kept = table
        table = table.take(table[:, ROW].argsort(kind="stable"), 0)  # half the price of table[...]
        row, ts, number = table[:, ROW], table[:, TIME], table[:, NUMBER]
        begins = np.empty(len(row), bool)
        begins[0] = True
        np.not_equal(row[1:], row[:-1], out=begins[1:])
        starts, ends = runs(begins)
        counts = ends - starts + 1
        if len(row) > HALF and np.maximum.reduce(counts) > HALF:  # more of one than half its ring: whoever reads gets his turn in between
            half = len(kept) // 2
            self._count_in(kept[:half])
            self._count_in(kept[half:])
            return
        firsts = row[starts]
        self._unchecked += len(row)
        if self._unchecked > HALF and self.on_full is not None:  # until so many came nothing can be lost: half was free at the last check
            self._unchecked = len(row)
            for full in (self._counts - self._read > HALF).nonzero()[0].tolist():
                self._traded[full] = 1
                self.on_full(full)
        before, known = np.empty_like(ts), np.empty_like(number)
        before[1:], known[1:] = ts[:-1], number[:-1]
        before[starts], known[starts] = self._last[firsts, TIME], self._greatest[firsts]
        odd = (ts < before) | (number <= known)
        if np.logical_or.reduce(odd):
            apart = np.isin(row, row[odd])
            self._one_by_one(table[apart].tolist())
            table, begins = table[~apart], begins[~apart]
            if not len(table):
                return
            starts, ends = runs(begins)
        self._keep_many(table, starts, ends)

    def _keep_many(self, table: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> None:
        """Trades sorted by row and time, those of each row from one of ``starts`` to its end."""
        row = table[:, ROW]
        firsts, counts = row[starts], ends - starts + 1
        self._last[firsts] = table.take(ends, 0)
        self._greatest[firsts] = table[ends, NUMBER]
        place = np.arange(len(row)) + (self._counts[firsts] - starts).repeat(counts)
        place %= KEPT
        place += row * KEPT
        self._rings[place] = table
        self._counts[firsts] += counts

    def _one_by_one(self, records: Sequence[Sequence[int]]) -> None:
        for record in records:
            row = record[ROW]
            if record[NUMBER] in self._ring[row, :, NUMBER]:
                self._duplicates += 1
                continue
            self._keep(row, record)

    def _keep(self, row: int, record: Sequence[int]) -> None:
        self._ring[row, self._counts[row] % KEPT] = record
        self._counts[row] += 1
        self._greatest[row] = max(record[NUMBER], self._greatest[row])
        if record[TIME] >= self._last[row, TIME]:
            self._last[row] = record


class Subscription:
    """A reader of the newest state."""

    def __init__(self, store: QuoteStore, rate: float, rows: np.ndarray | None) -> None:
        self._store = store
        self.every_ns = int(1e9 / rate) if rate else 0
        self.rows = rows
        store.settle()
        self._seen = store.batches
        self.next_ns = 0
        """When its rate lets it look again (monotonic ns)."""

    @property
    def anything(self) -> bool:
        """Whether anything came since the last time, of whatever row."""
        return self._store.waiting > 0 or self._store.batches > self._seen

    def go_on(self, other: Subscription | None) -> None:
        """Go on from where another one of the same store is; None: all that ever came is news."""
        if other is None:
            self._seen = 0
            return
        self._seen = other._seen
        self.next_ns = other.next_ns if self.every_ns >= other.every_ns else 0

    def take(self, now_ns: int) -> np.ndarray:
        """The rows that changed since the last time, each once; none before it is due."""
        store = self._store
        if now_ns < self.next_ns or not self.anything:
            return np.empty(0, np.int64)
        self.next_ns = now_ns + self.every_ns
        seq = store.seq
        changed = (seq > self._seen).nonzero()[0] if self.rows is None else self.rows[seq[self.rows] > self._seen]
        self._seen = store.batches
        return changed


def runs(begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last place of each run; ``begins`` says where one begins."""
    starts = begins.nonzero()[0]
    ends = np.empty_like(starts)
    np.subtract(starts[1:], 1, out=ends[:-1])
    ends[-1] = len(begins) - 1
    return starts, ends


def _joined(parts: Sequence[memoryview], recv: Sequence[int], width: int) -> np.ndarray:
    """Tables one below the other; their first column, the order, becomes when they came."""
    table = np.frombuffer(bytearray().join(parts), np.int64).reshape(-1, width)
    table[:, RECV] = _each(parts, recv, width)
    return table


def _each(parts: Sequence[memoryview], values: Sequence[int], width: int) -> int | np.ndarray:
    """A value of each table for each of its records; one for all where they agree."""
    return values[0] if values.count(values[0]) == len(values) else np.repeat(values, [len(part) // width for part in parts])

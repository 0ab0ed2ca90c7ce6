"""The heatmap of a book as the page keeps it: samples in order, which rows are in sight, pixels, and what it says in words.

Pure: knows neither the page nor the desk. A column is [time_ms, first row, sizes, bid row, ask row], a gap is [time_ms, reason]; a row is
``step`` of price high and counted from price zero.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal

from .format import clock, group, plural
from .ticket_rules import grouped

Colour = tuple[int, int, int]
_FADE = 0.995
_STANDS = 5


def colour(text: str) -> Colour:
    """(red, green, blue) of a '#rrggbb'; grey when it is something else."""
    digits = text.strip().lstrip("#")
    try:
        return (int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)) if len(digits) == 6 else (128, 128, 128)
    except ValueError:
        return 128, 128, 128


class HeatModel:
    """At most ``columns`` samples of which ``rows`` rows are in sight; ``top`` is the highest of these."""

    def __init__(self, columns: int, rows: int) -> None:
        self.rows = rows
        self.columns: deque[list] = deque(maxlen=columns)
        self.step = Decimal(0)
        self.top: int | None = None
        self.peak = 0.0

    def take(self, message: dict) -> tuple[list[list], bool]:
        """New samples; those that are new, and whether all has to be drawn anew."""
        if message["reset"]:
            self.columns.clear()
            self.top, self.peak = None, 0.0
        if message["step"]:
            self.step = Decimal(message["step"])
        anew = bool(message["reset"])
        for column in message["columns"]:
            self.columns.append(column)
            if not is_gap(column):
                anew = self._place(column) or anew
        return message["columns"], anew

    def _place(self, column: list) -> bool:
        """Keep the middle in the middle half, and the brightest bright; True when what was drawn does not fit any more."""
        _time, _first, sizes, bid, ask = column
        middle, moved = (bid + ask) / 2, False
        if self.top is None or not self.rows // 4 <= self.top - middle <= self.rows - self.rows // 4:
            self.top, moved = int(middle) + self.rows // 2, True
        most = max(sizes, default=0.0)
        faded = self.peak * _FADE
        grown = most > 2 * self.peak
        self.peak = max(most, faded)
        return moved or grown

    def pixels(self, column: list, up: Colour, down: Colour, amber: Colour, edge: Colour) -> bytes:
        """One column, the highest row first, four bytes a pixel (RGBA): bids ``up``, asks ``down``, the best prices ``edge``, a gap in stripes."""
        if is_gap(column) or self.top is None:
            stripe = bytes((*amber, 96)) * 2 + bytes((*amber, 24)) * 2
            return (stripe * (self.rows // 4 + 1))[: 4 * self.rows]
        _time, first, sizes, bid, ask = column
        out = bytearray(4 * self.rows)
        for row in range(self.rows):
            number = self.top - row
            at = number - first
            if number in (int(bid), int(ask)):
                out[4 * row : 4 * row + 4] = bytes((*edge, 255))
            elif 0 <= at < len(sizes) and sizes[at]:
                out[4 * row : 4 * row + 4] = bytes((*(up if number < bid else down), shade(sizes[at], self.peak)))
        return bytes(out)

    def image(self, up: Colour, down: Colour, amber: Colour, edge: Colour) -> bytes:
        """All columns side by side, the newest last, rows from the top: as many columns as there may be, empty ones first."""
        drawn = [self.pixels(column, up, down, amber, edge) for column in self.columns]
        empty = bytes(4 * self.rows)
        drawn = [empty] * (self.columns.maxlen - len(drawn)) + drawn
        out = bytearray(4 * self.rows * len(drawn))
        for at, column in enumerate(drawn):
            for byte in range(4):
                out[4 * at + byte :: 4 * len(drawn)] = column[byte::4]
        return bytes(out)

    @property
    def edges(self) -> tuple[str, str]:
        """The prices at the top and at the bottom, as text."""
        if self.top is None:
            return "", ""
        return grouped((self.top + 1) * self.step), grouped(max(0, self.top + 1 - self.rows) * self.step)

    def thickest(self, count: int = _STANDS) -> list[tuple[str, str, str, int]]:
        """(side, price, size, samples in a row that at least half of it has stood) of the rows with most, the thickest first."""
        live = [column for column in self.columns if not is_gap(column)]
        if not live or is_gap(self.columns[-1]):
            return []
        _time, first, sizes, bid, _ask = live[-1]
        ranked = sorted((at for at, size in enumerate(sizes) if size), key=lambda at: -sizes[at])[:count]
        found = []
        for at in ranked:
            stood = 0
            for column in reversed(self.columns):
                if is_gap(column) or not 0 <= at + first - column[1] < len(column[2]) or column[2][at + first - column[1]] < sizes[at] / 2:
                    break
                stood += 1
            found.append(("bid" if at + first < bid else "ask", grouped((at + first) * self.step), group(f"{sizes[at]:.8g}"), stood))
        return found

    @property
    def gaps(self) -> list[str]:
        """Why and when nothing is known, one for each gap."""
        found: list[list] = []
        before: list | None = None
        for column in self.columns:
            if is_gap(column):
                if before is None or not is_gap(before) or before[1] != column[1]:
                    found.append([column[0], column[1]])
            before = column
        return [f"{clock(time_ms * 1_000_000)}: {reason}" for time_ms, reason in found]

    @property
    def text(self) -> str:
        """One sentence on all of it."""
        if not self.columns:
            return "No sample of the book yet."
        seconds = max(0, round((self.columns[-1][0] - self.columns[0][0]) / 1000))
        top, bottom = self.edges
        where = f"Book from {bottom} to {top} over {plural(seconds, 'second')}" if top else f"Book over {plural(seconds, 'second')}"
        gaps = self.gaps
        return f"{where}, {plural(len(gaps), 'gap') if gaps else 'no gap'}."


def is_gap(column: Sequence) -> bool:
    """Whether nothing is known of this moment."""
    return len(column) == 2


def shade(size: float, peak: float) -> int:
    """How opaque a size is, 24 to 255: by its root, so that small sizes can be seen beside great ones."""
    if size <= 0:
        return 0
    return 24 + round(231 * (size / peak) ** 0.5) if size < peak else 255


def area(points: list[list], low: float, high: float, most: float, width: float, height: float) -> str:
    """The outline of one side of a depth curve as the ``d`` of an SVG path: steps through [price, size so far], best first."""
    if not points or high <= low or most <= 0:
        return ""

    def x(price: float) -> float:
        return round((min(max(price, low), high) - low) / (high - low) * width, 2)

    def y(size: float) -> float:
        return round(height - min(size / most, 1) * height, 2)

    parts, level = [f"M{x(points[0][0]):g} {height:g}"], height
    for price, size in points:
        parts.append(f"L{x(price):g} {level:g}L{x(price):g} {y(size):g}")
        level = y(size)
    rising = points[-1][0] >= points[0][0]
    end = width if rising else 0
    return "".join([*parts, f"L{end:g} {level:g}L{end:g} {height:g}Z"])


def depth_range(curve: dict[str, list]) -> tuple[float, float, float] | None:
    """(lowest price, highest price, greatest size) of a drawing that is as wide to both sides of the middle; None without two sides."""
    bids, asks = curve["bids"], curve["asks"]
    if not bids or not asks:
        return None
    middle = (bids[0][0] + asks[0][0]) / 2
    reach = min(middle - bids[-1][0], asks[-1][0] - middle) or max(middle - bids[-1][0], asks[-1][0] - middle)
    low, high = middle - reach, middle + reach
    seen = [size for price, size in (*bids, *asks) if low <= price <= high]
    return low, high, max(seen, default=0.0)

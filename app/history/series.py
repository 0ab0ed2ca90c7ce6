"""One series of bars in columns of exact integers, with the splits and dividends that belong to it."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple, TypeVar

PRICES = ("open", "high", "low", "close")
COLUMNS = ("time", *PRICES, "volume")
ADJUSTED = "adj"
LIMIT = 1 << 60
"""Values stay below it, so that differences of differences fit 64 bits."""
UNKNOWN = -(1 << 63)
"""In the column of volumes: the source does not say how much was traded. No number is that low."""
T = TypeVar("T")
SPLIT, DIVIDEND = "split", "dividend"
RAW, FOR_SPLITS = "raw", "splits"


class Action(NamedTuple):
    """A split (new shares for one old: 7 for 7-for-1, 1/10 for 1-for-10) or a dividend a share, from the bar at ``time`` (ns UTC) on."""

    time: int
    kind: str
    value: Fraction


class Note(NamedTuple):
    """Data is missing from ``start`` to ``end`` (s UTC)."""

    start: int
    end: int
    reason: str


def column(values: Iterable[int] = ()) -> array:
    """A column of 64 bit integers."""
    return array("q", values)


@dataclass(slots=True)
class Series:
    """Bars in time order, each time once. ``columns``: time in ns UTC of the bar's start; prices in units of 10^-price_scale; volume in
    units of 10^-volume_scale, or UNKNOWN; ``adj``, where the source had it, its adjusted close in units of 10^-adjusted_scale. ``basis``: what
    prices are adjusted for already (``raw``: nothing, ``splits``)."""

    source: str
    symbol: str
    timeframe: str
    price_scale: int
    volume_scale: int
    columns: dict[str, array]
    actions: list[Action] = field(default_factory=list)
    gaps: list[Note] = field(default_factory=list)
    basis: str = RAW
    adjusted_scale: int = 0

    def __len__(self) -> int:
        return len(self.columns["time"])

    @property
    def key(self) -> tuple[str, str, str]:
        """What no two stored series share."""
        return self.source, self.symbol, self.timeframe

    def named(self, source: str, symbol: str, timeframe: str) -> Series:
        """The same bars under another name."""
        return replace(self, source=source, symbol=symbol, timeframe=timeframe)

    def part(self, start: int, end: int) -> Series:
        """The rows from ``start`` to before ``end``."""
        return replace(self, columns={name: values[start:end] for name, values in self.columns.items()})

    def price(self, units: int) -> Decimal:
        """A price as it is written."""
        return Decimal(units).scaleb(-self.price_scale)

    @property
    def largest_price(self) -> int:
        """The largest of all prices, without its sign; 0 without bars."""
        return max(largest(self.columns[name]) for name in PRICES)

    def adjusted(self, units: int) -> Decimal:
        """An adjusted close as it is written."""
        return Decimal(units).scaleb(-self.adjusted_scale)

    def volume(self, units: int) -> Decimal | None:
        """A volume as it is written; None where it is unknown."""
        return None if units == UNKNOWN else Decimal(units).scaleb(-self.volume_scale)

    def rows(self) -> Iterable[tuple[int, ...]]:
        """(time, open, high, low, close, volume), oldest first."""
        return zip(*(self.columns[name] for name in COLUMNS), strict=True)

    def at(self, time_ns: int) -> int:
        """The row of the first bar at or after a time."""
        from bisect import bisect_left

        return bisect_left(self.columns["time"], time_ns)


def fitting_scale(wanted: int, largest: int, at_scale: int) -> int:
    """The highest scale up to ``wanted`` at which the value ``largest`` (units of 10^-at_scale) stays below LIMIT."""
    while wanted > 0 and abs(largest) * Fraction(10) ** (wanted - at_scale) >= LIMIT:
        wanted -= 1
    return wanted


def largest(values: Iterable[int]) -> int:
    """The largest amount of a column, without its sign; 0 where it has no number."""
    return max((abs(value) for value in values if value != UNKNOWN), default=0)


def scaled(units: int, factor: Fraction) -> int:
    """Units times a factor, rounded half to even where it is not whole; what is unknown stays so."""
    if units == UNKNOWN:
        return UNKNOWN
    top, bottom = units * factor.numerator, factor.denominator
    whole, rest = divmod(top, bottom)
    return whole + (2 * rest > bottom or (2 * rest == bottom and whole & 1))


Slices = Generator[None, None, T]
"""Work in slices: None between them, the result at the end (`finished` for those who need no pause)."""
SLICE = 2_000


def finished(work: Slices[T]) -> T:
    """The result of work in slices, at once."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def rescaled(values: array, stretches: Iterable[tuple[int, int, Fraction]]) -> Slices[array]:
    """A column times the factors of its stretches (first row, row after the last, factor), which follow one another."""
    out = column()
    for start, end, factor in stretches:
        for at in range(start, end, SLICE):
            piece = values[at : min(at + SLICE, end)]
            out.extend(piece if factor == 1 else [scaled(value, factor) for value in piece])
            yield
    return out


def text(value: Fraction, digits: int = 12) -> str:
    """A fraction as plain decimal text; rounded only where it does not end within ``digits`` decimals."""
    with localcontext() as context:
        context.prec = 60
        quotient = Decimal(value.numerator) / Decimal(value.denominator)
        if -quotient.as_tuple().exponent > digits:
            quotient = quotient.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
    plain = format(quotient, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def joined(old: Series, new: Series) -> Slices[Series]:
    """Both as one: the newer bar where both have one of the same time; actions of both."""
    price = max(series.largest_price // 10**series.price_scale + 1 for series in (old, new))
    volume = max(largest(series.columns["volume"]) // 10**series.volume_scale + 1 for series in (old, new))
    price_scale = fitting_scale(max(old.price_scale, new.price_scale), price, 0)
    volume_scale = fitting_scale(max(old.volume_scale, new.volume_scale), volume, 0)
    rows: dict[int, tuple[int, ...]] = {}
    for series in (old, new):
        prices, volumes = Fraction(10) ** (price_scale - series.price_scale), Fraction(10) ** (volume_scale - series.volume_scale)
        for place, (time, *bar, volume) in enumerate(series.rows()):
            rows[time] = (time, *(scaled(price, prices) for price in bar), scaled(volume, volumes))
            if place % SLICE == 0:
                yield
    order = sorted(rows)
    columns = {name: column() for name in COLUMNS}
    for at in range(0, len(order), SLICE):
        for name, values in zip(COLUMNS, zip(*(rows[time] for time in order[at : at + SLICE]), strict=True), strict=True):
            columns[name].extend(values)
        yield
    span = new.columns["time"][0], new.columns["time"][-1]
    kept = [action for action in old.actions if not span[0] <= action.time <= span[1]]
    return replace(new, price_scale=price_scale, volume_scale=volume_scale, columns=columns, actions=sorted([*kept, *new.actions]))

"""Numbers as the page shows them: the instrument's own precision, thousands separators, minus sign U+2212."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from app.market import depth
from app.market.book import Book
from app.model.instrument import Instrument
from app.model.orders import Side

_POWERS = [10**n for n in range(31)]
MINUS = "\u2212"
_BRIEF = Context(prec=5, rounding=ROUND_HALF_EVEN)
CURVE_LEVELS = 100
BANDS = (1, 2, 5, 10, 25, 50, 100)
"""How far from the middle, in bps, the depth curve is told."""


def units(value: int, scale: int) -> str:
    """Integer units of 10^-scale as text."""
    if value < 0:
        return MINUS + units(-value, scale)
    if not scale:
        return f"{value:,}"
    whole, part = divmod(value, _POWERS[scale])
    return f"{whole:,}.{part:0{scale}d}"


def price(value: int, item: Instrument) -> str:
    """Price units as text: the decimals of the tick, more only where the price has more."""
    return _trimmed(units(value, item.price_scale), item.price_scale - item.price_decimals)


def size(value: int, item: Instrument) -> str:
    """Size units as text: the decimals of the lot, more only where the size has more."""
    return _trimmed(units(value, item.size_scale), item.size_scale - item.size_decimals)


def _trimmed(text: str, most: int) -> str:
    if not most:
        return text
    kept = text.rstrip("0")
    return text[:-most].rstrip(".") if len(text) - len(kept) >= most else kept


def number(value: Decimal, places: int | None = None, sign: bool = False) -> str:
    """A Decimal as text, rounded half even to ``places`` (None: all digits, no trailing zeros); ``sign`` shows plus too."""
    if places is None:
        text = format(abs(value.normalize()), ",f")
    else:
        value = round_to(value, places)
        text = format(abs(value), f",.{places}f")
    if value < 0:
        return MINUS + text
    return "+" + text if sign and value > 0 else text


def brief(value: Decimal) -> str:
    """A Decimal as text with five digits that count: for sums that only the eye compares."""
    return number(_BRIEF.plus(value))


def round_to(value: Decimal, places: int) -> Decimal:
    """Rounded half even, for display only; a rounded zero loses its sign."""
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return abs(rounded) if rounded == 0 else rounded


def percent(now: int, before: int) -> str | None:
    """Change in percent with sign and two decimals, for display; None without a base."""
    if not before:
        return None
    change = round((now - before) * 100 / before, 2)
    return f"{MINUS if change < 0 else '+' if change > 0 else ''}{abs(change):.2f}"


def leaning(book: Book) -> dict:
    """Where a book leans: spread in bps and microprice as text ("" without two sides), imbalance in whole percent or None."""
    bps, micro, lean = depth.spread_bps(book), depth.microprice(book), depth.imbalance(book)
    return {
        "spread_bps": "" if bps is None else number(bps, 1 if bps >= 10 else 2),
        "microprice": "" if micro is None else number(micro, -micro.as_tuple().exponent),
        "imbalance": None if lean is None else round(lean * 100),
    }


def bands(book: Book) -> list[list]:
    """The depth curve as rows of text: bps, bid size and value, ask size and value, whether the book reaches that far."""
    return [[band.bps, *map(brief, band[1:5]), band.whole] for band in depth.curve(book, BANDS)]


def curve(book: Book) -> dict[str, list]:
    """The depth curve for drawing: for each side [price, size from the middle on] at each level, as floats, at most CURVE_LEVELS of them."""
    item = book.instrument
    price_unit, size_unit = float(item.price(1)), float(item.size(1))
    out: dict[str, list] = {}
    for name, side in (("bids", Side.BUY), ("asks", Side.SELL)):
        total, points = 0, []
        for price_units, size_units in book.levels(side, CURVE_LEVELS):
            total += size_units
            points.append([round(price_units * price_unit, 12), round(total * size_unit, 12)])
        out[name] = points
    return out


def costs(book: Book, size: Decimal) -> dict[str, dict | None]:
    """What buying and what selling ``size`` at market would give, as text; None on an empty book. BadNumber when the size is too fine."""
    out: dict[str, dict | None] = {}
    places = book.instrument.price_decimals
    for side in (Side.BUY, Side.SELL):
        found = depth.cost(book, side, size)
        out[side.value] = found and {
            "filled": number(found.filled),
            "average": number(found.average, places + 2),
            "worst": number(found.worst, places),
            "value": number(found.value, 2),
            "slippage_bps": number(found.slippage_bps, 2),
        }
    return out

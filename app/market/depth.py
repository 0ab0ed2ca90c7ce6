"""What a book says beyond its levels: spread, microprice, imbalance, how much lies how near, what a size would cost.

Pure functions of a Book, exact until the last step (Decimal; only the imbalance is a float). None where a side is empty. Whether the book may be believed is
the caller's to ask: `Book.is_trusted`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from app.model.instrument import Instrument
from app.model.orders import Side

from .book import Book

BPS = 10_000
NEAR = 5
"""Levels a side that the imbalance looks at."""


class Band(NamedTuple):
    """Within ``bps`` of the middle: size in base and value in quote on either side. ``whole`` is False where the book ends before the band does."""

    bps: int
    bid_size: Decimal
    bid_value: Decimal
    ask_size: Decimal
    ask_value: Decimal
    whole: bool


class Cost(NamedTuple):
    """What taking a size would give: how much of it the book holds, its value, the average and the worst price, and how far
    the average is from the middle, to the trader's cost."""

    filled: Decimal
    value: Decimal
    average: Decimal
    worst: Decimal
    slippage_bps: Decimal


def spread_bps(book: Book) -> Decimal | None:
    """The spread in basis points of the middle."""
    bid, ask = book.best_bid(), book.best_ask()
    if bid is None or ask is None:
        return None
    return Decimal(2 * BPS * (ask[0] - bid[0])) / (ask[0] + bid[0])


def microprice(book: Book) -> Decimal | None:
    """The middle weighted by the size on the other side of the top: where the price leans, in the quote currency, with two decimals more than a tick."""
    bid, ask = book.best_bid(), book.best_ask()
    if bid is None or ask is None:
        return None
    item = book.instrument
    units = Decimal(bid[0] * ask[1] + ask[0] * bid[1]) / (bid[1] + ask[1])
    return units.scaleb(-item.price_scale).quantize(Decimal(1).scaleb(-item.price_decimals - 2))


def imbalance(book: Book, levels: int = NEAR) -> float | None:
    """-1 (all asks) to +1 (all bids) by the sizes of the best ``levels`` a side."""
    bids = sum(size for _, size in book.levels(Side.BUY, levels))
    asks = sum(size for _, size in book.levels(Side.SELL, levels))
    return (bids - asks) / (bids + asks) if bids and asks else None


def curve(book: Book, bands: Sequence[int]) -> list[Band]:
    """Cumulative size and value within each of ``bands`` (rising, in bps of the middle)."""
    bid, ask = book.best_bid(), book.best_ask()
    if bid is None or ask is None:
        return []
    twice = bid[0] + ask[0]
    sides = [_cumulative(book, side, twice, bands) for side in (Side.BUY, Side.SELL)]
    item = book.instrument
    out = []
    for band, (bid_size, bid_value, bid_whole), (ask_size, ask_value, ask_whole) in zip(bands, *sides, strict=True):
        sizes = item.size(bid_size), item.size(ask_size)
        out.append(Band(band, sizes[0], _worth(item, bid_value), sizes[1], _worth(item, ask_value), bid_whole and ask_whole))
    return out


def cost(book: Book, side: Side, size: Decimal) -> Cost | None:
    """What a market order of ``size`` would meet (BUY takes asks); None on an empty book. BadNumber when the size is finer than the instrument's."""
    bid, ask = book.best_bid(), book.best_ask()
    item = book.instrument
    left = wanted = item.size_units(size)
    if bid is None or ask is None or wanted <= 0:
        return None
    value = worst = 0
    for price, there in _walk(book, Side.SELL if side is Side.BUY else Side.BUY):
        taken = min(left, there)
        value += taken * price
        worst = price
        left -= taken
        if not left:
            break
    filled = wanted - left
    average = Decimal(value) / filled
    middle = Decimal(bid[0] + ask[0]) / 2
    slip = (average - middle) if side is Side.BUY else (middle - average)
    return Cost(
        item.size(filled),
        _worth(item, value),
        average.scaleb(-item.price_scale),
        item.price(worst),
        slip * BPS / middle,
    )


def _worth(item: Instrument, units: int) -> Decimal:
    """An amount from price times size units; of contracts at their multiplier, where that is known."""
    amount = Decimal(units).scaleb(-item.price_scale - item.size_scale)
    return amount if item.multiplier == 1 else amount * (item.multiplier or 1)


def _cumulative(book: Book, side: Side, twice: int, bands: Sequence[int]) -> list[tuple[int, int, bool]]:
    """(size, value, reached the end of the band) for each band; ``twice`` is twice the middle, so that nothing is divided."""
    sign = -1 if side is Side.BUY else 1
    out: list[tuple[int, int, bool]] = []
    size = value = 0
    walk = iter(_walk(book, side))
    level = next(walk, None)
    for band in bands:
        edge = twice * (BPS + sign * band)
        while level is not None and sign * (level[0] * 2 * BPS - edge) <= 0:
            size += level[1]
            value += level[0] * level[1]
            level = next(walk, None)
        out.append((size, value, level is not None))
    return out


def _walk(book: Book, side: Side):
    """Levels from the best on, in pieces: a near answer does not copy a deep book."""
    done, piece = 0, 50
    while done < book.depth(side):
        yield from book.levels(side, done + piece)[done:]
        done += piece
        piece *= 4

"""The listings that an order could go to: the same base and quote, of the same kind, and what speaks against each.

Reads the desk's view and positions; chooses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.model.instrument import Instrument
from app.model.market import Level
from app.model.orders import OrderType, Side, TimeInForce

from .. import matching
from ..contracts import journalled, of_contract
from ..fx import ALIASES
from ..marks import DeskView, Mark
from ..money import mul, plain, remainder
from ..settings import Fees
from . import capabilities
from .rules import NEVER, Rules

LEVELS = 200
"""As deep as a book is looked at."""
OTHER_TIME_NS = 900 * 1_000_000_000
"""Prices that are heard so far apart are of two times: recordings of two days are not one market."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked of the router: a ticket without its venue. ``kind`` market or limit is walked through the books as such."""

    side: Side
    kind: OrderType
    tif: TimeInForce
    qty: Decimal
    price: Decimal | None = None
    stop: Decimal | None = None
    post_only: bool = False
    reduce_only: bool = False

    @property
    def takes(self) -> bool:
        """True when nothing of it may rest."""
        return self.kind is OrderType.MARKET or self.tif in (TimeInForce.IOC, TimeInForce.FOK)

    @property
    def waits(self) -> bool:
        """True when it does nothing before its trigger."""
        return self.stop is not None or self.kind in (OrderType.TRAILING_STOP, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One listing. ``against`` says in words why nothing of the order may go there, with the stable ``code``; both empty where it may.

    Where the router chooses between accounts (`accounts`): one listing in one ``account``, which carries ``room`` of the order (None: all).
    """

    instrument: Instrument
    fees: Fees
    word: str
    held: Decimal
    mark: Mark | None = None
    levels: tuple[Level, ...] = ()
    ahead: int = 0
    code: str = ""
    against: str = ""
    account: str = ""
    title: str = ""
    room: Decimal | None = None

    @property
    def where(self) -> str:
        """The listing, and in which account where there are several."""
        return f"{self.symbol} in {self.title}" if self.title else self.symbol

    @property
    def symbol(self) -> str:
        """The listing's name."""
        return self.instrument.symbol

    @property
    def venue(self) -> str:
        """Its venue as it is called."""
        return capabilities.title(self.instrument.venue)

    @property
    def is_open(self) -> bool:
        """True when the order may go there."""
        return not self.code


def listings(instruments: Mapping[str, Instrument], asked: Instrument) -> list[Instrument]:
    """Everything with the same base, quote, kind and multiplier, the asked one first, then by name."""
    same = [item for item in instruments.values() if _thing(item) == _thing(asked)]
    return sorted(same, key=lambda item: (item.symbol != asked.symbol, item.symbol))


def find(view: DeskView, positions: Mapping[str, Decimal], asked: Instrument, wanted: Wanted, rules: Rules, whole: bool) -> list[Candidate]:
    """Every listing with what speaks against it; ``positions`` are signed quantities by symbol; ``whole``: all of the order has to fit there."""
    heard = _heard(view, asked.symbol)
    return [_judge(view, item, positions.get(item.symbol, Decimal(0)), wanted, rules, heard, whole) for item in listings(view.instruments, asked)]


def _judge(view: DeskView, item: Instrument, position: Decimal, wanted: Wanted, rules: Rules, heard: int, whole: bool) -> Candidate:
    held = max(position if wanted.side is Side.SELL else position.copy_negate(), Decimal(0))
    mark, book = view.mark(item.symbol), view.market.book(item.symbol)
    levels = tuple(book.levels(matching.opposite(wanted.side), LEVELS)) if book.is_trusted else ()
    found = Candidate(item, view.fees(item.symbol), rules.word(item.venue), held, mark, levels, _ahead(view, item, wanted))

    def against(code: str, words: str) -> Candidate:
        return Candidate(item, found.fees, found.word, held, mark, levels, found.ahead, code, words)

    if found.word == NEVER:
        return against("never", "your rules say never")
    if view.trades_at is not None and item.venue not in view.trades_at:
        return against("no_account", "this account does not trade there")
    if missing := capabilities.lacks(item.venue, wanted.kind, wanted.tif, wanted.post_only):
        return against("lacks", missing)
    if not book.is_trusted:
        return against("not_live", f"its book cannot be trusted now ({book.reason or book.state})")
    if mark is None:
        return against("no_price", "no price is known yet")
    if view.is_stale(item.symbol):
        return against("stale", "its prices are stale")
    if abs(_heard(view, item.symbol) - heard) > OTHER_TIME_NS:
        return against("other_time", "its prices are of another time")
    for name, price in (("limit", wanted.price), ("stop", wanted.stop)):
        if price is not None and remainder(price, item.tick_size):
            return against("tick", f"prices move in steps of {plain(item.tick_size)} there, the {name} {plain(price)} does not fit")
    if wanted.reduce_only and not held:
        return against("no_position", "no position there to reduce")
    if wanted.post_only and levels and matching.reaches(wanted.side, item.price_units(wanted.price), levels[0][0]):
        return against("would_take", f"post-only would trade at once with {plain(item.price(levels[0][0]))}")
    if whole and (misfit := _misfit(item, wanted, mark)):
        return against(*misfit)
    return found


def _misfit(item: Instrument, wanted: Wanted, mark: Mark) -> tuple[str, str] | None:
    """Why all of the order is not a quantity of the listing."""
    if remainder(wanted.qty, item.lot_size):
        return "lot", f"quantities move in steps of {plain(item.lot_size)} there"
    least = item.size(item.min_size)
    if not wanted.reduce_only and wanted.qty < least:
        return "min", f"the smallest order there is {plain(least)} {item.base}"
    price = of_contract(wanted.price or wanted.stop or mark.price, journalled(item))
    if not wanted.reduce_only and mul(wanted.qty, price) < item.min_notional:
        return "min", f"the smallest order there is worth {plain(item.min_notional)} {item.quote}"
    return None


def _ahead(view: DeskView, item: Instrument, wanted: Wanted) -> int:
    """Size units displayed at the order's limit and better on its own side: what trades before it would."""
    if wanted.price is None or remainder(wanted.price, item.tick_size):
        return 0
    limit = item.price_units(wanted.price)
    rows = view.market.book(item.symbol).levels(wanted.side, LEVELS)
    return sum(size for price, size in rows if price == limit or matching.better(wanted.side, price, limit))


def _heard(view: DeskView, symbol: str) -> int:
    quote, trade = view.market.quote(symbol), view.market.last(symbol)
    return max(quote.recv if quote is not None else 0, trade.recv if trade is not None else 0)


def _thing(item: Instrument) -> tuple[str, str, str, Decimal]:
    return (ALIASES.get(item.base, item.base), ALIASES.get(item.quote, item.quote), capabilities.of(item.venue).kind, item.multiplier)

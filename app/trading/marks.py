"""What trading may look at besides its own journal: instruments, prices, books, conversion rates, settings.

Commands, previews and valuations read it; `Engine.apply` never does, so that state stays a function of the journal.
A mark is the middle of the best bid and ask where both are known, else the last trade. While neither is known (a gap, a new
stream) the last price stays, as stale: equity must not jump because a feed is silent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from app.model.instrument import Instrument
from app.model.market import Level, Quote, Trade
from app.model.orders import Side

from .fx import Links, Rates
from .sessions import SessionOf, utc_day
from .settings import Fees, PaperSettings


class BookLike(Protocol):
    """The part of app.market.book.Book that trading reads."""

    state: Any
    reason: str

    @property
    def is_trusted(self) -> bool:
        """True when the book is complete and in sequence."""

    def best_bid(self) -> Level | None:
        """Highest bid."""

    def best_ask(self) -> Level | None:
        """Lowest ask."""

    def levels(self, side: Side, limit: int) -> list[Level]:
        """At most ``limit`` levels, best first."""

    def size_at(self, side: Side, price_units: int) -> int:
        """Displayed size at a price, 0 if there is none."""


class MarketLike(Protocol):
    """The part of app.market.state.MarketState that trading reads."""

    def quote(self, symbol: str) -> Quote | None:
        """Best bid and ask."""

    def last(self, symbol: str) -> Trade | None:
        """Last trade."""

    def moved(self, seen: dict[str, tuple[Quote | None, Trade | None]]) -> list[str]:
        """Which of these instruments have another quote or last trade than was ``seen``; there it is put in the place of the one before."""

    def trades(self, symbol: str) -> Sequence[Trade]:
        """The last trades, newest last."""

    def book(self, symbol: str) -> BookLike:
        """The displayed book."""

    def is_stale(self, symbol: str, now_ns: int) -> bool:
        """True when nothing was heard for too long."""

    def age_ns(self, symbol: str, now_ns: int) -> int | None:
        """ns since anything was heard of the instrument; None if nothing ever was."""


class Mark(NamedTuple):
    """Prices of one instrument now; ``price`` is what a position is valued at."""

    price: Decimal
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None


class Moment:
    """While it is entered, prices asked for again are those that were given before: a decision sees one market, and looks at it once."""

    def __init__(self) -> None:
        self.marks: dict[str, Mark | None] | None = None

    def __enter__(self) -> None:
        self.marks = {}

    def __exit__(self, *_error: object) -> None:
        self.marks = None


class DeskView:
    """Read access for commands and valuation. ``instruments`` and ``settings`` may be replaced while running."""

    def __init__(
        self,
        instruments: Mapping[str, Instrument],
        market: MarketLike,
        now_ns: Callable[[], int],
        settings: PaperSettings | None = None,
        wall_ns: Callable[[], int] | None = None,
    ) -> None:
        """``now_ns`` is the market data venue's time, by which staleness is judged; ``wall_ns`` UTC (default: the same)."""
        self.instruments = instruments
        self.market = market
        self.now_ns = now_ns
        self.wall_ns = wall_ns or now_ns
        self.settings = settings or PaperSettings()
        self.session_of: SessionOf = utc_day
        """Opening and closing times; without a calendar every market's session is the UTC day."""
        self.native_tifs: frozenset[str] = frozenset()
        """Times in force that the execution venue has of its own: what it lacks this desk holds."""
        self.native_types: frozenset[str] = frozenset()
        """Order types that it has of its own, in the same way."""
        self.is_spot = False
        """The account trades only what it holds."""
        self.too_little: Callable[[str, Decimal, Decimal | None], str] = lambda _symbol, _qty, _price: ""
        """Why the execution venue trades no so small a quantity of an instrument at a price (None: at market), in words; "" where it does."""
        self.takes_pairs = True
        """The venue takes both orders of a pair against one holding; where it does not, this desk holds the take profit."""
        self.trades_at: frozenset[str] | None = None
        """Venues at which the account can trade; None: all of them, on paper."""
        self.moment = Moment()
        """To be entered for what does not wait, and by one at a time."""
        self._marks: dict[str, tuple[Quote | None, Trade | None, Instrument, Mark]] = {}
        """The last mark of each instrument with what it was made of: while that is the same, so is the mark."""
        self._middles: dict[str, Decimal] = {}
        self._links = Links(instruments)

    def mark(self, symbol: str) -> Mark | None:
        """The instrument's prices, or None while none was ever known."""
        held = self.moment.marks
        if held is None:
            return self._mark(symbol)
        if symbol not in held:
            held[symbol] = self._mark(symbol)
        return held[symbol]

    def _mark(self, symbol: str) -> Mark | None:
        instrument = self.instruments.get(symbol)
        if instrument is None:
            return None
        quote = self.market.quote(symbol)
        trade = self.market.last(symbol)
        known = self._marks.get(symbol)
        if known is not None and known[0] is quote and known[1] is trade and known[2] is instrument and (quote is not None or trade is not None):
            return known[3]
        bid = ask = last = price = None
        if quote is not None:
            bid = instrument.price(quote.bid) if quote.bid > 0 else None
            ask = instrument.price(quote.ask) if quote.ask > 0 else None
        if trade is not None:
            price = last = instrument.price(trade.price)
        if bid is not None and ask is not None:
            price = middle(quote, instrument)
        if price is None:
            price = bid if bid is not None else ask
        if price is None:
            return None if known is None else Mark(known[3].price, None, None, None)
        mark = Mark(price, bid, ask, last)
        self._marks[symbol] = (quote, trade, instrument, mark)
        return mark

    def is_stale(self, symbol: str) -> bool:
        """True when nothing was heard of an instrument for too long, or its prices were lost."""
        market = self.market
        return (market.quote(symbol) is None and market.last(symbol) is None) or market.is_stale(symbol, self.now_ns())

    def fees(self, symbol: str) -> Fees:
        """What orders in an instrument pay, by its venue."""
        instrument = self.instruments.get(symbol)
        return self.settings.fees_of(instrument.venue if instrument is not None else "")

    def taker_bps(self, symbol: str) -> Decimal:
        """What an order in an instrument pays for taking."""
        instrument = self.instruments.get(symbol)
        return self.settings.fees_of(instrument.venue if instrument is not None else "").taker_bps

    def rates(self, currency: str) -> Rates:
        """Conversion into ``currency`` through the quotes known now."""
        return Rates(currency, self._connections(), self._middle)

    def rates_now(self, currency: str) -> Rates:
        """As `rates`, through quotes that are not stale: none is carried on from before."""
        now = self.now_ns()
        return Rates(currency, self._connections(), lambda symbol: None if self.market.is_stale(symbol, now) else self._quoted(symbol))

    def _connections(self) -> Links:
        if self._links.instruments is not self.instruments:
            self._links = Links(self.instruments)
        return self._links

    def _quoted(self, symbol: str) -> Decimal | None:
        quote = self.market.quote(symbol)
        return None if quote is None or quote.bid <= 0 or quote.ask < quote.bid else middle(quote, self.instruments[symbol])

    def _middle(self, symbol: str) -> Decimal | None:
        price = self._quoted(symbol)
        if price is None:
            return self._middles.get(symbol)
        self._middles[symbol] = price
        return price


def middle(quote: Quote, instrument: Instrument) -> Decimal:
    """The exact middle of bid and ask."""
    return Decimal((quote.bid + quote.ask) * 5).scaleb(-instrument.price_scale - 1)

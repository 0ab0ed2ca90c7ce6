"""When which listing is asked for, and what its answers become for the market: pure of sockets, time comes in.

While an exchange trades, listings that are looked at are asked for every minute, the others every five. When it is closed and the last price is
that of the session that is over, nothing is asked before it opens again.
"""

from __future__ import annotations

from decimal import Decimal

from app.market.calendars import Calendar, calendar
from app.model.instrument import Instrument
from app.model.market import BookSnapshot, MarketEvent, Quote, Trade
from app.sources.answers import Price
from app.sources.cache import LIFETIMES
from app.sources.chain import Outcome
from app.sources.listing import Listing

from .hours import Hours

NS = 1_000_000_000
LOOKED_AT_S = LIFETIMES["quote"]
OTHERS_S = 300.0
CLOSED_S = 900.0
AFTER_OPEN_S = 5.0
AGAIN_S = 0.1
STALE_AFTER = 3
"""So many polls missed make a price stale."""
QUIET_NS = 900 * NS
"""No trade for so long while the exchange is open is worth a word."""
LAST_TRADES_NS = 1_800 * NS
"""A price of so shortly before the close, or later, is that of the whole session."""
HALF_SPREAD_BPS = 5
DISPLAYED = 100
_SHARE_OF_VOLUME = 1_000


class Watched:
    """One listing: the price that is shown, whose it is, when it came, and when it is asked for again (wall clock, ns UTC)."""

    def __init__(self, listing: Listing, instrument: Instrument) -> None:
        self.listing, self.instrument = listing, instrument
        self.calendar: Calendar = calendar(instrument.exchange)
        self._hours = Hours(self.calendar)
        self.price: Price | None = None
        self.source = ""
        self.received_ns = 0
        self.asked_ns = 0
        self.due_ns = 0
        self.note = ""
        self.rank = 0
        self.looked_at = False
        self._failures = 0
        self._open_told: bool | None = None
        self._direction = False

    def is_open(self, now_ns: int) -> bool:
        """Whether the exchange trades; where the calendar has ended, it is taken to."""
        return self._hours.at(now_ns).is_open

    def hours(self, now_ns: int) -> tuple[bool, int | None, int | None, str]:
        """(open, next opening, next close, what is wrong with the calendar) in ns UTC."""
        found = self._hours.at(now_ns)
        return found.is_open, found.opens, found.closes, found.trouble

    def is_final(self, now_ns: int) -> bool:
        """Whether the exchange is closed and the price shown is that of the session that is over: nothing newer can come."""
        found = self._hours.at(now_ns)
        if self.price is None or found.is_open or found.began is not None or found.over is None:
            return False
        return self.price.as_of_ns >= found.over - LAST_TRADES_NS and self.received_ns >= found.over

    def is_current(self, now_ns: int) -> bool:
        """Whether the exchange trades and the price shown is one of its session under way: another is no price to trade at."""
        found = self._hours.at(now_ns)
        return self.price is not None and found.is_open and self.price.as_of_ns >= (found.began or 0)

    def every_s(self, now_ns: int) -> float:
        """How often it is asked for now."""
        if self.is_open(now_ns):
            return LOOKED_AT_S if self.looked_at else OTHERS_S
        return CLOSED_S

    def plan(self, now_ns: int) -> None:
        """Set when it is asked for next, after an answer or a failure."""
        wait_s = self.every_s(now_ns)
        if self._failures:
            wait_s = min(wait_s, LOOKED_AT_S) * min(2 ** (self._failures - 1), 8)
        due = now_ns + int(wait_s * NS)
        opens = self.hours(now_ns)[1]
        if self.is_final(now_ns) and opens is not None:
            due = opens + int(AFTER_OPEN_S * NS)
        elif opens is not None and not self.is_open(now_ns):
            due = min(due, opens + int(AFTER_OPEN_S * NS))
        self.due_ns = due

    def stale_after_ns(self, now_ns: int) -> int:
        """After how long without an answer the price is stale; one that is final never is."""
        if self.is_final(now_ns):
            return 30 * 86_400 * NS
        return int(STALE_AFTER * self.every_s(now_ns) * NS)

    def settled(self, source: str, now_ns: int) -> str:
        """Why a source has nothing newer than what is shown: a price of the day does not change every minute, and its calls are few."""
        day = self.price is not None and self.price.grade == "day" and self.source == source and now_ns - self.received_ns < CLOSED_S * 2 * NS
        return "its price of the day is shown already" if day else ""

    def take(self, outcome: Outcome, titles: dict[str, str], now_ns: int, recv_ns: int) -> list[MarketEvent]:
        """What an answer changes. ``recv_ns`` is the time by which ages are counted."""
        self.asked_ns = now_ns
        before, price = self.price, outcome.price
        reasons = "; ".join(f"{titles[name]}: {why}" for name, why in outcome.reasons)
        if price is None:
            self._failures += outcome.again_s is None
            self.note = reasons
            self.plan(now_ns)
            if outcome.again_s is not None:
                self.due_ns = min(self.due_ns, now_ns + int((outcome.again_s + AGAIN_S) * NS))
            return []
        self._failures = 0
        if before is not None and price.as_of_ns < before.as_of_ns:
            self.note = f"{reasons + '; ' if reasons else ''}{titles[outcome.source]} has an older price ({price.last}), {titles[self.source]}'s is kept"
            self.plan(now_ns)
            return []
        volume = 0
        if before is not None and self.source == outcome.source and before.volume is not None and price.volume is not None:
            volume = max(0, price.volume - before.volume)
        self.price, self.source, self.received_ns, self.note = price, outcome.source, now_ns, reasons
        self.plan(now_ns)
        return self._events(before, volume, now_ns, recv_ns)

    def turn(self, now_ns: int) -> list[MarketEvent]:
        """What the clock changes: the exchange opened or closed."""
        is_open = self.is_open(now_ns)
        if self._open_told is None or is_open == self._open_told or self.price is None:
            return []
        self.due_ns = min(self.due_ns, now_ns + int(AFTER_OPEN_S * NS))
        return self._book(now_ns, now_ns)

    def shown_again(self, now_ns: int) -> list[MarketEvent]:
        """The price that was kept over a restart, with the age it has."""
        self.plan(now_ns)
        if self.price is None:
            self.due_ns = now_ns
            return []
        if not self.is_final(now_ns):
            self.due_ns = max(now_ns, self.received_ns + int(self.every_s(now_ns) * NS))
        return self._events(None, 0, now_ns, self.received_ns)

    def quiet(self, now_ns: int) -> str:
        """A word on an exchange that is open while nothing is traded."""
        if self.price is None or not self.is_open(now_ns) or self.calendar.always:
            return ""
        if not self.is_current(now_ns):
            return "the price is of the session before: no order is filled at it"
        since = 0 if self.price.grade == "day" else now_ns - self.price.as_of_ns
        return f"no trade for {since // (60 * NS)} min: halted, or nobody trades" if since > QUIET_NS else ""

    def _events(self, before: Price | None, volume: int, now_ns: int, recv_ns: int) -> list[MarketEvent]:
        item, price = self.instrument, self.price
        assert price is not None
        units = item.price_units(price.last)
        known = item.price_units(before.last) if before is not None else None
        out: list[MarketEvent] = []
        if known is not None and units != known:
            self._direction = units < known
        size = item.size_units(Decimal(volume))
        if before is None or (price.as_of_ns, units) != (before.as_of_ns, known):
            out.append(Trade(item.symbol, price.as_of_ns, recv_ns, units, size, self._direction, f"{price.as_of_ns}:{units}"))
        return [*out, *self._book(recv_ns, now_ns)]

    def _book(self, recv_ns: int, now_ns: int) -> list[MarketEvent]:
        """Top of the book: what the source says, else an indication around the last price; nobody while the exchange is closed, and
        after it has opened until a price of that session has come."""
        item, price = self.instrument, self.price
        assert price is not None
        self._open_told = self.is_open(now_ns)
        bid = bid_size = ask = ask_size = 0
        if self.is_current(now_ns) and price.last > 0:
            bid, bid_size, ask, ask_size = self.top(price)
        bids, asks = ((bid, bid_size),) if bid_size else (), ((ask, ask_size),) if ask_size else ()
        return [
            Quote(item.symbol, price.as_of_ns, recv_ns, bid, bid_size, ask, ask_size),
            BookSnapshot(item.symbol, price.as_of_ns, recv_ns, bids, asks),
        ]

    def top(self, price: Price) -> tuple[int, int, int, int]:
        """Bid, its size, ask, its size in units. Indicated, a side lies five hundredths of a percent, at least one tick, from the last price."""
        item = self.instrument
        if price.bid is not None and price.ask is not None and price.bid_size and price.ask_size and price.bid < price.ask:
            sizes = [item.size_units(Decimal(size)) for size in (price.bid_size, price.ask_size)]
            return item.price_units(price.bid), sizes[0], item.price_units(price.ask), sizes[1]
        last, tick = item.price_units(price.last), item.tick
        half = max(tick, -(-last * HALF_SPREAD_BPS // 10_000))
        bid, ask = (last - half) // tick * tick, -(-(last + half) // tick) * tick
        size = item.size_units(Decimal(max(DISPLAYED, (price.volume or 0) // _SHARE_OF_VOLUME)))
        return max(bid, 0), size if bid > 0 else 0, ask, size

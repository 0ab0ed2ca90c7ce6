"""What amounts in other currencies were worth in the account's, at their time.

With a fill or a booking in another currency its rate of that moment goes into the journal, in the same record: by the middle prices of quotes that were not
stale, along the shortest path (`fx`). Where there was none, and for what is told later than a minute after it happened, none is noted, and none
is ever filled in afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING

from app.model.bookings import CashBooked, RateKnown
from app.model.events import Event, OrderFilled
from app.model.orders import Fill

from .money import mul, plain, rounded

if TYPE_CHECKING:
    from .engine import Engine

LATE_NS = 60_000_000_000
PLACES = 8
_WITH_AMOUNTS = frozenset({OrderFilled, CashBooked})
_ONE = Decimal(1)


def about_fill(fill: Fill) -> str:
    """What the rates of a fill are about."""
    return f"fill:{fill.fill_id}"


def about_cash(event: CashBooked) -> str:
    """What the rate of a booking is about."""
    return f"cash:{event.ts}"


def with_rates(engine: Engine, found: list[Event]) -> list[Event]:
    """These events, about to be journalled, each followed by the rates known for it now."""
    into, view = engine.currency, engine.view
    if not into or view is None or not any(type(event) in _WITH_AMOUNTS and _foreign(event, into) for event in found):
        return found
    rates, now = view.rates_now(into), engine.now_ns()
    out: list[Event] = []
    noted: set[tuple[str, str]] = set()
    for event in found:
        out.append(event)
        about = _about(engine, event, now)
        for currency in _foreign(event, into) if about else ():
            rate = rates.rate(currency)
            if rate is not None and (about, currency) not in noted:
                noted.add((about, currency))
                out.append(RateKnown(now, engine.account, about, currency, into, rate.value, " ".join(rate.via), rate.assumed))
    return out


def _about(engine: Engine, event: Event, now_ns: int) -> str:
    """What rates of an event would be about; empty where there are to be none."""
    if isinstance(event, CashBooked):
        return about_cash(event)
    if not isinstance(event, OrderFilled) or engine.knows_fill(event.fill.fill_id) or abs(now_ns - event.fill.ts) > LATE_NS:
        return ""
    return about_fill(event.fill)


def _foreign(event: Event, into: str) -> tuple[str, ...]:
    """The currencies other than the account's that an event has amounts in."""
    if isinstance(event, OrderFilled):
        fill = event.fill
        names = dict.fromkeys((fill.priced_in, fill.fee_currency) if fill.fee else (fill.priced_in,))
    elif isinstance(event, CashBooked):
        names = {event.currency: None}
    else:
        return ()
    return tuple(name for name in names if name != into)


class Dated:
    """Rates as the journal has them; ``unknown`` counts the rows that had to leave a cell empty."""

    def __init__(self, currency: str, account: str = "", events: Iterable[Event] = ()) -> None:
        self.currency = currency
        self.unknown = 0
        self._rates: dict[tuple[str, str], Decimal] = {}
        for event in events:
            if isinstance(event, RateKnown) and event.account == account and event.into == currency and event.rate > 0:
                self._rates.setdefault((event.about, event.currency), event.rate)

    def rate(self, about: str, currency: str) -> Decimal | None:
        """Units of the account's currency per unit of another then; None where it is not known."""
        return _ONE if currency == self.currency else self._rates.get((about, currency))

    def worth(self, amount: Decimal, about: str, currency: str) -> Decimal | None:
        """An amount in the account's currency, rounded to 8 decimals half to even; None where the rate is not known."""
        if not amount or currency == self.currency:
            return amount
        rate = self._rates.get((about, currency))
        return None if rate is None else rounded(mul(amount, rate), PLACES)

    def cells(self, amounts: Iterable[Decimal | None]) -> list[str]:
        """The account's currency and amounts in it as cells of one row; what is not known stays empty."""
        found = ["" if amount is None else plain(amount) for amount in amounts]
        if "" in found:
            self.unknown += 1
        return [self.currency, *found]

    def said(self) -> str:
        """The line that says how many rows have empty cells; nothing where none has."""
        if not self.unknown:
            return ""
        which = "1 row has no rate of its time" if self.unknown == 1 else f"{self.unknown} rows have no rate of their time"
        return f"{which}: amounts in {self.currency or 'the account currency'} are left empty there, not guessed."

"""What comes into an account or leaves it without being traded: its opening, transfers, and what was taken over from the venue.

None of it is profit or loss: the highest equity moves with it, so that a fall from there is of trading only.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from app.model.events import AccountOpened, BalanceAdjusted, CashBooked, Event

from .booking import TRANSFER
from .contracts import of_contract
from .fx import Rates
from .marks import DeskView
from .money import ZERO, convert


def is_flow(event: Event) -> bool:
    """True when the equity after an event says nothing of a profit."""
    return isinstance(event, (AccountOpened, BalanceAdjusted)) or (isinstance(event, CashBooked) and event.what == TRANSFER)


def worth(found: Iterable[Event], view: DeskView, rates: Rates) -> Decimal:
    """What such events changed the equity by, at present prices; what cannot be converted is in no equity either."""
    total = ZERO
    for event in filter(is_flow, found):
        if isinstance(event, BalanceAdjusted) and event.symbol is not None and event.price is not None and event.currency is not None:
            mark = view.mark(event.symbol)
            price = of_contract(mark.price if mark is not None else event.price, event.multiplier)
            total += rates.convert(convert(event.amount, price), event.currency) or ZERO
        elif isinstance(event, BalanceAdjusted):
            total += rates.convert(event.amount, event.asset) or ZERO
        else:
            total += rates.convert(event.cash if isinstance(event, AccountOpened) else event.amount, event.currency) or ZERO
    return total

"""What the journal says that an account holds by other means than fills: balances taken over from its venue, and cash booked by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.model.events import BalanceAdjusted, CashBooked

from .effects import Effect

if TYPE_CHECKING:
    from .engine import Engine


def adjusted(engine: Engine, event: BalanceAdjusted) -> list[Effect]:
    """The venue's word counts from now on; neither profit nor loss."""
    if event.account != engine.account:
        return engine._anomaly(event.ts, "", "foreign_account", f"a balance of account {event.account}")
    if event.adjustment_id is not None and any(known.adjustment_id == event.adjustment_id for _at, known in engine.adjusted):
        return []
    if event.multiplier is not None and event.multiplier <= 0:
        return engine._anomaly(event.ts, "", "bad_adjustment", f"a balance of {event.asset} at a multiplier of {event.multiplier} was not applied")
    for portfolio in (engine.portfolio, engine._day_open):
        if event.is_cash:
            portfolio.deposit(event.asset, event.amount)
        else:
            portfolio.adjust(event.symbol, event.currency, event.amount, event.price, event.multiplier)
    engine.balanced = True
    engine.adjusted.append((len(engine.fills), event))
    if event.symbol is not None:
        engine.risk.adjusted(event.symbol, event.amount)
    return []


def booked(engine: Engine, event: CashBooked) -> list[Effect]:
    """Cash that no fill moved."""
    if event.account != engine.account:
        return engine._anomaly(event.ts, "", "foreign_account", f"cash of account {event.account}")
    if event.what == "transfer":  # no profit and no loss: the day began with it
        engine.portfolio.deposit(event.currency, event.amount)
        engine._day_open.deposit(event.currency, event.amount)
    else:
        engine.portfolio.book(event.currency, event.amount)
    engine.bookings.append((len(engine.fills), event))
    return []

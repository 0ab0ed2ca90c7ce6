"""What a trader books by hand on a paper account: cash that no fill moves, and splits. What a real account holds is its venue's word.

Before a split is booked every order in the instrument is cancelled, and its end waited for: one of the prices of before must not fill after it.
"""

from __future__ import annotations

from typing import Any

from app.trading.booking import SPLIT
from app.trading.engine import Engine
from app.trading.money import plain
from app.trading.splits import read, reason_of

from .errors import Refusal

FIELDS = ("kind", "currency", "amount", "symbol", "note", "new", "old")
PATIENCE_S = 5.0
"""How long the ends of cancelled orders are waited for, besides the latency of the paper venue."""


async def book(trade: Any, fields: dict) -> dict:
    """Book what ``fields`` say; Denied or Refusal names what is wrong."""
    engine = trade.open_engine()
    if not trade.on_paper:
        raise Refusal("real_account", "what a real account holds is what its venue says", "it is taken over when it is reconciled")
    if fields.get("kind") == SPLIT:
        return await _split(trade, engine, fields)
    (event,) = await trade.writer.command(lambda: engine.book_cash(fields))
    return {"what": event.what, "currency": event.currency, "amount": plain(event.amount), "balance": plain(engine.portfolio.cash[event.currency])}


async def _split(trade: Any, engine: Engine, fields: dict) -> dict:
    wanted = read(engine, fields)
    asked = await trade.writer.command(lambda: engine.cancel_where(lambda order: order.symbol == wanted.symbol, reason_of(wanted)))
    ids = list(dict.fromkeys(event.client_order_id for event in asked))
    settings = trade.view.settings
    await trade.settled(ids, lambda order: not order.is_working, PATIENCE_S + float(settings.latency_ms + settings.jitter_ms) / 1000)
    (event,) = await trade.writer.command(lambda: engine.book_split(fields))
    return {"what": SPLIT, "symbol": event.symbol, "new": event.new, "old": event.old, "qty": plain(engine.portfolio.qty(event.symbol)), "cancelled": len(ids)}

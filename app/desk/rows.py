"""Orders, fills and the account as the page's rows: plain text numbers, see docs/messages.md."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from app.model.orders import OrderStatus
from app.trading.states import OUTCOMES

from . import display

NOTHING = "\u2013"


def order_row(order: Any, asked: Any = None, moves_anew: bool = False) -> dict:
    """One row of the blotter from an engine order, how it was asked about (`resolving.Asked`), and whether its venue places it anew to move what is
    left of it."""
    intent = order.intent
    return {
        "client_order_id": intent.client_order_id,
        "symbol": intent.symbol,
        "side": intent.side,
        "type": intent.type,
        "tif": intent.tif,
        "qty": plain(order.qty),
        "filled": plain(order.filled),
        "remaining": plain(order.qty - order.filled),
        "price": plain(order.price),
        "stop": plain(order.stop),
        "average_price": plain(order.average_price),
        "status": order.status,
        "outcome": OUTCOMES[order.status],
        "reason": order.reason,
        "evidence": order.evidence,
        "post_only": intent.post_only,
        "reduce_only": intent.reduce_only,
        "trail": plain(order.trail),
        "trail_percent": plain(order.trail_percent),
        "display": plain(intent.display),
        "expires_ns": intent.expires_ns,
        "origin": intent.origin,
        "parent": intent.parent,
        "route": intent.route,
        "release_ns": intent.release_ns,
        "group": intent.group,
        "held": order.status is OrderStatus.HELD,
        "amending": order.amend_requested_ns is not None,
        "anew": moves_anew and bool(order.filled),
        "linked": intent.is_linked,
        "triggered": order.triggered,
        "created_ns": order.created_ns,
        "updated_ns": order.updated_ns,
        "sent_ns": order.sent_ns,
        "asked_ns": asked.last_ns if asked is not None else None,
        "next_ask_ns": asked.next_ns if asked is not None else None,
        "asked": asked.count if asked is not None else 0,
    }


_OF_LEGS = ("stop", "trail", "trail_percent", "display", "expires_ns", "parent", "group", "route", "release_ns", "sent_ns", "asked_ns", "next_ask_ns")
"""What only the legs of a routed order have."""


def routed_row(routed: Any) -> dict:
    """One row of the blotter for a routed order, summed over its legs."""
    event = routed.event
    entries = [leg.intent for leg in routed.legs if leg.intent.parent is None]
    return {
        "client_order_id": event.client_order_id,
        "symbol": event.symbol,
        "side": event.side,
        "type": event.type,
        "tif": event.tif,
        "qty": plain(event.qty),
        "filled": plain(routed.filled),
        "remaining": plain(routed.remaining),
        "price": plain(event.price),
        "average_price": plain(routed.average_price),
        "status": routed.status,
        "outcome": OUTCOMES[routed.status],
        "reason": routed.reason,
        "evidence": routed.evidence,
        "origin": event.origin,
        "how": event.how,
        "legs": [leg.client_order_id for leg in routed.legs],
        "parts": parts_of(event.plan),
        "created_ns": event.ts,
        "updated_ns": routed.updated_ns,
        **dict.fromkeys(_OF_LEGS),
        **{name: bool(entries) and all(getattr(intent, name) for intent in entries) for name in ("post_only", "reduce_only")},
        **dict.fromkeys(("held", "amending", "linked", "triggered"), False),
        "asked": 0,
    }


def parts_of(plan: str) -> list[dict]:
    """What of a routed order goes to which account, as its plan has it; empty where the router did not choose between accounts."""
    return [part for part in json.loads(plan)["parts"] if part["qty"] != "0"] if '"parts":' in plan else []


def part_in(engine: Any, part: dict, plan: str) -> Any:
    """The routed order that an account has for its part of a plan; None where the part was not sent: another order may have got its id later."""
    found = engine.routed.by_id.get(part["client_order_id"])
    return found if found is not None and found.event.plan == plan else None


def fill_row(fill: Any) -> dict:
    """One row of the fills."""
    return {
        "fill_id": fill.fill_id,
        "client_order_id": fill.client_order_id,
        "symbol": fill.symbol,
        "side": fill.side,
        "qty": plain(fill.qty),
        "price": plain(fill.price),
        "fee": plain(fill.fee),
        "fee_currency": fill.fee_currency,
        "liquidity": fill.liquidity,
        "ts": fill.ts,
        **_multiplier(fill),
    }


def _multiplier(of: Any) -> dict:
    return {} if of.multiplier is None else {"multiplier": plain(of.multiplier)}


def plain(value: Decimal | None) -> str | None:
    """Plain text without exponent or trailing zeros; None stays None."""
    if value is None:
        return None
    return format(value.normalize() if value else Decimal(0), "f")


def money(value: Decimal | None, sign: bool = False) -> str | None:
    """An amount in the account's currency with two decimals."""
    return None if value is None else display.number(value, 2, sign)


def account_view(value: Any, instruments: Any) -> dict:
    """The account message from a valuation."""
    return {
        "currency": value.currency,
        "cash": money(value.cash),
        "equity": money(value.equity),
        "buying_power": money(value.buying_power),
        "realised": money(value.realised, sign=True),
        "unrealised": money(value.unrealised, sign=True),
        "day_pnl": money(value.day_pnl, sign=True),
        "fees": money(value.fees),
        "income": money(value.income, sign=True),
        "margin_used": money(value.margin_used),
        "margin_free": money(value.margin_free),
        "leverage": display.number(value.leverage, 2),
        "ledgers": [
            {"currency": row.currency, "amount": display.number(row.amount), "value": money(row.value), "assumed": row.assumed} for row in value.ledgers
        ],
        "unconverted": list(value.unconverted),
        "assumed": list(value.assumed),
        "unmarked": list(value.unmarked),
        "positions": [_position_row(row, instruments[row.symbol], value.currency) for row in value.positions if row.symbol in instruments],
    }


def no_account(currency: str) -> dict:
    """The account message while no account is open: nothing of the one before may stay on the page."""
    figures = ("cash", "equity", "buying_power", "realised", "unrealised", "day_pnl", "fees", "income", "margin_used", "margin_free", "leverage")
    return {"currency": currency, **dict.fromkeys(figures, NOTHING), "ledgers": [], "unconverted": [], "assumed": [], "unmarked": [], "positions": []}


def _position_row(row: Any, item: Any, currency: str) -> dict:
    places = max(2, -item.tick_size.normalize().as_tuple().exponent)
    amounts = places if row.multiplier is None else 2
    worth = 2 if row.currency == currency else amounts  # two decimals are next to nothing of what is worth bitcoin
    return {
        "symbol": row.symbol,
        "side": row.side,
        "qty": display.number(row.qty),
        "average_price": display.number(row.average_price, places),
        "mark": None if row.mark is None else display.number(row.mark, places),
        "unrealised": display.number(row.unrealised, amounts, sign=True),
        "realised": display.number(row.realised, amounts, sign=True),
        "notional": display.number(row.notional, worth),
        "worth": plain(row.worth),
        "stale": row.stale,
        "currency": row.currency,
        **_multiplier(row),
    }

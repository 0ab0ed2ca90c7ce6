"""A journalled event in words, for people: one line, no line breaks. The exact values are in `inspection`."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.model import events
from app.model.events import Event
from app.model.orders import OrderIntent, TimeInForce

from .money import plain

GROUPS = {
    "orders": ("OrderRouted", "OrderSubmitted", "OrderSent", "OrderAccepted", "OrderTriggered", "OrderReleased", "OrderAdopted"),
    "ends": ("OrderRejected", "OrderDenied", "OrderCancelled", "OrderExpired"),
    "changes": ("OrderCancelRequested", "OrderAmendRequested", "OrderAmended", "OrderChangeRefused"),
    "fills": ("OrderFilled",),
    "unknown": ("OrderUnknown",),
    "account": ("AccountOpened", "BalanceAdjusted", "CashBooked", "SplitBooked", "RateKnown", "Reconciled"),
    "risk": ("RiskStateSet", "RiskLimitSet", "RoutingRuleSet"),
    "notes": ("NoteSet",),
}
"""Kinds of events by what a trader looks for."""


def said(event: Event) -> str:
    """What happened."""
    return _WORDS[type(event)](event)


def shown(value: Decimal) -> str:
    """A number as it is read: all its digits, thousands separated, with U+2212 as the minus sign."""
    sign, text = ("\u2212", plain(-value)) if value < 0 else ("", plain(value))
    whole, point, part = text.partition(".")
    return f"{sign}{int(whole):,}{point}{part}"


def typed(text: str) -> str:
    """Such text as somebody may type it who looks for a number."""
    return text.replace(",", "").replace("\u2212", "-")


def terms(intent: OrderIntent) -> str:
    """buy 0.1 BTCUSDT limit 84,000, GTC, post-only."""
    parts = [f"{intent.side.value} {shown(intent.qty)} {intent.symbol} {intent.type.value.replace('_', ' ')}"]
    if intent.price is not None:
        parts[0] += f" {shown(intent.price)}"
    if intent.stop is not None:
        parts.append(f"stop {shown(intent.stop)}")
    parts.append(_in_force(intent.tif))
    parts += [name for name, flag in (("post-only", intent.post_only), ("reduce-only", intent.reduce_only)) if flag]
    return ", ".join(parts)


def _in_force(tif: TimeInForce) -> str:
    return tif.value.upper().replace("_", " ")


def known(decision: events.Decision | None) -> str:
    """The prices and the verdict of the moment of a decision; empty for journals from before it was recorded."""
    if decision is None:
        return ""
    prices = [f"{name} {shown(value)}" for name, value in (("bid", decision.bid), ("ask", decision.ask), ("last", decision.last)) if value is not None]
    return "; ".join(part for part in (", ".join(prices), decision.risk) if part)


def _submitted(event: events.OrderSubmitted) -> str:
    seen = known(event.decision)
    return f"Decided: {terms(event.intent)}" + (f" ({seen})" if seen else "")


def _accepted(event: events.OrderAccepted) -> str:
    before = "" if event.filled_before is None else f"; {shown(event.filled_before)} was filled under the number before"
    return f"Accepted, the venue's number is {event.venue_order_id}{before}"


def _released(event: events.OrderReleased) -> str:
    seen = known(event.decision)
    return f"Released to be sent, {shown(event.qty)}" + (f" ({seen})" if seen else "")


def _filled(event: events.OrderFilled) -> str:
    fill = event.fill
    verb, price = "Bought" if fill.side.sign > 0 else "Sold", shown(fill.price) + times(fill.multiplier)
    return f"{verb} {shown(fill.qty)} {fill.symbol} at {price}, {fill.liquidity.value}, fee {shown(fill.fee)} {fill.fee_currency}"


def times(multiplier: Decimal | None) -> str:
    """The multiplier of a contract after its price; nothing where it is 1."""
    return "" if multiplier is None else f" x {shown(multiplier)}"


def _asked(event: events.OrderAmendRequested | events.OrderAmended) -> str:
    values = (("quantity", event.qty), ("limit", event.price), ("stop", event.stop), ("distance", event.trail))
    return ", ".join(f"{name} {shown(value)}" for name, value in values if value is not None)


def _adjusted(event: events.BalanceAdjusted) -> str:
    at = f" at {shown(event.price)}{times(event.multiplier)} {event.currency}" if event.price is not None else ""
    return f"{_signed(event.amount)} {event.asset}{at} taken over from the venue: {event.reason}"


def _routed(event: events.OrderRouted) -> str:
    price = f" {shown(event.price)}" if event.price is not None else ""
    what = f"{event.side.value} {shown(event.qty)} {event.symbol} {event.type.value.replace('_', ' ')}{price}, {_in_force(event.tif)}"
    return f"Routed ({event.how}): {what}; its legs follow"


def _booked(event: events.CashBooked) -> str:
    of = f" of {event.symbol}" if event.symbol else ""
    note = event.note.replace("\n", " ")
    return f"{event.what.capitalize()}{of}: {_signed(event.amount)} {event.currency}" + (f", {note}" if note else "")


def _split(event: events.SplitBooked) -> str:
    note = event.note.replace("\n", " ")
    return f"Split of {event.symbol}: {event.new} for {event.old}" + (f", {note}" if note else "")


def _rate(event: events.RateKnown) -> str:
    how = ", ".join(part for part in (f"by {event.via}" if event.via else "", "USD and USDT taken as equal" if event.assumed else "") if part)
    return f"1 {event.currency} was {shown(event.rate)} {event.into}" + (f" ({how})" if how else "")


def _rule(event: events.RoutingRuleSet) -> str:
    return f"Routing rule {event.name} " + ("removed" if event.value is None else f"set to {event.value}")


def _limit(event: events.RiskLimitSet) -> str:
    to = "its default" if event.value is None else event.value or "none"
    if to.replace(".", "", 1).isdigit():
        to = shown(Decimal(to))
    return f"Limit {event.name.replace('_', ' ')} of {event.scope} set to {to}"


def _noted(event: events.NoteSet) -> str:
    tags = " ".join(f"#{tag}" for tag in event.tags.split())
    parts = [part for part in (tags, event.text.replace("\n", " ")) if part]
    return " ".join([f"Note on {event.about.partition(':')[0]}:", *parts]) if parts else "Note removed"


def _reconciled(event: events.Reconciled) -> str:
    counts = ((event.asked, "question", ""), (event.orders, "order", " changed"), (event.fills, "fill", " found"), (event.adopted, "order", " adopted"))
    found = ", ".join(f"{count:,} {name}{'' if count == 1 else 's'}{what}" for count, name, what in counts if count)
    end = f"differences: {event.differences}" if event.differences else "journal and venue agree"
    return f"Reconciled with {event.venue} ({event.cause}) in {event.took_ms} ms: {found + '; ' if found else ''}{end}"


def _signed(value: Decimal) -> str:
    return f"+{shown(value)}" if value > 0 else shown(value)


_WORDS: dict[type, Callable[[Any], str]] = {
    events.AccountOpened: lambda event: f"Account {event.account} opened with {shown(event.cash)} {event.currency}",
    events.OrderSubmitted: _submitted,
    events.OrderSent: lambda _event: "Handed to the venue",
    events.OrderAccepted: _accepted,
    events.OrderRejected: lambda event: f"Rejected ({event.code}): {event.reason}",
    events.OrderTriggered: lambda event: f"Triggered at {shown(event.trigger_price)}",
    events.OrderFilled: _filled,
    events.OrderCancelRequested: lambda event: "Cancel asked for" + (f": {event.reason}" if event.reason else ""),
    events.OrderCancelled: lambda event: f"Cancelled: {event.reason}",
    events.OrderExpired: lambda event: f"Expired: {event.reason}",
    events.OrderAmendRequested: lambda event: f"Amendment asked for: {_asked(event)}",
    events.OrderAmended: lambda event: f"Amended: {_asked(event)}",
    events.OrderChangeRefused: lambda event: f"{event.change.capitalize()} refused ({event.code}): {event.reason}",
    events.OrderUnknown: lambda event: f"Unknown: {event.evidence}",
    events.OrderReleased: _released,
    events.OrderDenied: lambda event: f"Denied by this desk ({event.code}): {event.reason}",
    events.OrderAdopted: lambda event: f"Found at the venue, number {event.venue_order_id}: {terms(event.intent)}",
    events.BalanceAdjusted: _adjusted,
    events.OrderRouted: _routed,
    events.CashBooked: _booked,
    events.SplitBooked: _split,
    events.RateKnown: _rate,
    events.RoutingRuleSet: _rule,
    events.RiskStateSet: lambda event: f"Risk: {event.scope} is {event.state.replace('_', '-')}, {event.reason}",
    events.RiskLimitSet: _limit,
    events.NoteSet: _noted,
    events.Reconciled: _reconciled,
}

"""What a change costs an order besides what it changes, told before the press. Pure, the same in CPython."""

from __future__ import annotations

from decimal import Decimal

from .format import group
from .order_words import RESTING, value
from .ticket_rules import Problem, Rules, plain

PLACE = "Loses its place in the queue."


def cost(row: dict, qty: Decimal, price: Decimal) -> str:
    """What a working limit order loses with this total quantity and price; "" when it keeps its place or has none."""
    waits = bool(row.get("stop")) and not row.get("triggered") and not value(row["filled"])
    if row["status"] not in RESTING or waits or (price == value(row["price"]) and qty <= value(row["qty"])):
        return ""
    if not row.get("anew"):
        return PLACE
    return f"{PLACE} It is cancelled first, then the {_left(row, qty)} left is placed at {group(plain(price))}: what fills before the cancel counts."


def too_little(row: dict, qty: Decimal, price: Decimal, rules: Rules) -> Problem | None:
    """What is left of a partly filled order is less than may be placed anew; None when it is enough, or stays where it is."""
    if not row.get("anew") or not cost(row, qty, price):
        return None
    left = qty - value(row["filled"])
    if left * price >= rules.min_notional and left >= rules.min_size:
        return None
    least = f"{group(plain(rules.min_notional))} {rules.quote}" if left >= rules.min_size else f"{group(plain(rules.min_size))} {rules.base}"
    field = "price" if price != value(row["price"]) else "qty"
    return Problem(field, f"What is left, {_left(row, qty)}, is less than may be placed anew, {least}.", "Leave it, or cancel the rest.")


def moved(row: dict, field: str, price: Decimal, rules: Rules | None) -> tuple[str, str]:
    """(cost, problem) of a line of a working order moved to another price: what it loses, or why it may not be moved there; "" for none."""
    if field != "price":
        return "", ""
    qty = value(row["qty"])
    if rules is not None and (found := too_little(row, qty, price, rules)) is not None:
        return "", found.text
    return cost(row, qty, price), ""


def _left(row: dict, qty: Decimal) -> str:
    return group(plain(qty - value(row["filled"])))

"""The rules of risk, their units and scopes, and what a limit may be set to.

A scope is ``desk``, ``account``, ``strategy:<origin>`` or ``instrument:<symbol>``; ``strategy:*`` and ``instrument:*`` stand for every
one that has no limit of its own. Amounts are in the account's currency. The defaults are wide: they are there for what can only
be a mistake, not to guide a trader.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from app.model.units import BadNumber, parse_decimal, shorten

from ..errors import Denied
from ..money import plain

KINDS = ("desk", "account", "strategy", "instrument")
NORMAL, REDUCE_ONLY, HALTED = "normal", "reduce_only", "halted"
STATES = (NORMAL, REDUCE_ONLY, HALTED)
SECOND_NS = 1_000_000_000
MAX_LIMIT = Decimal(10) ** 15
MAX_LEVERAGE = 125
MAX_DRAWDOWN = 100
SESSION = "session"
"""Trading hours that are the instrument's own."""
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)\Z")


class Rule(NamedTuple):
    """``sets``: the state that a breach sets in between orders ("" where only single orders are refused); ``lifts`` in words."""

    name: str
    title: str
    unit: str
    kinds: tuple[str, ...]
    defaults: dict[str, str]
    help: str
    sets: str = ""
    lifts: str = ""


_ALL = KINDS
_WHOLE = ("desk", "account", "strategy")
RULES: dict[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("order_qty", "Size of one order", "base", ("instrument",), {}, "The largest quantity of one order."),
        Rule("order_notional", "Worth of one order", "money", _ALL, {"desk": "5000000"}, "The most that one order may be worth."),
        Rule(
            "position",
            "Position",
            "money",
            ("instrument",),
            {"instrument:*": "10000000"},
            "The most that a position may be worth, working orders filled at worst.",
            REDUCE_ONLY,
            "by itself, once the position is below 95 % of the limit",
        ),
        Rule(
            "gross_exposure",
            "Gross exposure",
            "money",
            _WHOLE,
            {"desk": "20000000"},
            "All positions added up, long and short alike, working orders filled at worst.",
            REDUCE_ONLY,
            "by itself, once the exposure is below 95 % of the limit",
        ),
        Rule(
            "net_exposure",
            "Net exposure",
            "money",
            _WHOLE,
            {"desk": "20000000"},
            "Long positions less short ones, working orders filled at worst.",
            REDUCE_ONLY,
            "by itself, once the exposure is below 95 % of the limit",
        ),
        Rule(
            "collar",
            "Price collar",
            "percent",
            ("desk", "instrument"),
            {"desk": "50"},
            "How far beyond the best price of the other side an order may trade.",
        ),
        Rule("quote_age", "Age of the quote", "s", ("desk", "instrument"), {"desk": "86400"}, "How old the instrument's prices may be when an order is sent."),
        Rule("order_rate", "Orders a second", "per_s", _WHOLE, {"desk": "100"}, "New orders within one second."),
        Rule("duplicates", "Identical orders a second", "count", ("desk", "instrument"), {"desk": "40"}, "Orders that agree in everything, within one second."),
        Rule(
            "daily_loss",
            "Loss of the day",
            "money",
            ("desk", "account"),
            {"account": "50000"},
            "Loss since 00:00 UTC, open positions included.",
            REDUCE_ONLY,
            "by itself at 00:00 UTC or when the loss is below the limit again",
        ),
        Rule(
            "drawdown",
            "Drawdown",
            "percent",
            ("account",),
            {"account": "50"},
            "Loss from the highest equity since the desk was opened.",
            HALTED,
            "by hand, here; the highest equity then counts from there on",
        ),
        Rule(
            "leverage",
            "Leverage",
            "times",
            ("account", "instrument"),
            {"account": "1"},
            "What positions and orders may be worth for each unit of equity; 1 is a cash account. The initial margin is the worth divided by it.",
        ),
        Rule(
            "maintenance",
            "Leverage of a margin call",
            "times",
            ("account",),
            {},
            "Positions worth more than so many times the equity are a margin call: 4 is a maintenance margin of 25 %.",
            REDUCE_ONLY,
            "by itself, once positions are worth less than 95 % of it",
        ),
        Rule(
            "hours",
            "Trading hours (UTC)",
            "hours",
            _ALL,
            {},
            "New orders only from-to, such as 08:00-21:30; through midnight is fine. The word session: only while the instrument's session is open.",
        ),
        Rule("restricted", "Restricted", "flag", ("instrument",), {}, "Nothing but orders that reduce a position."),
    )
}
BY_HAND = {
    "kill_switch": "by hand, here: what was cancelled stays cancelled",
    "trader": "by hand, here",
}


def kind_of(scope: str) -> str:
    """desk, account, strategy or instrument."""
    return scope.partition(":")[0]


def read_scope(scope: object) -> str:
    """A scope as it is kept; Denied when there is no such."""
    if isinstance(scope, str) and len(scope) <= 80:
        kind, colon, name = scope.partition(":")
        if kind in KINDS and bool(colon) is (kind in ("strategy", "instrument")) and bool(name) is bool(colon):
            return scope
    raise Denied("bad_scope", "scope", f"There is no scope {shorten(scope)}.", "Use desk, account, strategy:name or instrument:symbol.")


def read_limit(scope: object, name: object, value: object) -> tuple[str, str, str | None]:
    """A limit as it is journalled: value None is the default again, empty text none at all; Denied names what is wrong."""
    scope = read_scope(scope)
    rule = RULES.get(name) if isinstance(name, str) else None
    if rule is None or kind_of(scope) not in rule.kinds:
        raise Denied("bad_limit", "name", f"There is no limit {shorten(name)} of {scope}.", "Choose one of the list.")
    if value is None or value == "":
        return scope, rule.name, value
    if rule.unit == "hours":
        if value != SESSION and (not isinstance(value, str) or not _HOURS.match(value)):
            raise Denied("bad_value", "value", f"These are no hours: {shorten(value)}.", f"Write them as 08:00-21:30 (UTC), or {SESSION}.")
        return scope, rule.name, value
    if rule.unit == "flag":
        if value not in ("0", "1"):
            raise Denied("bad_value", "value", f"Restricted or not: {shorten(value)}.", "Use 1 or 0.")
        return scope, rule.name, value
    try:
        number = parse_decimal(value)
    except BadNumber as error:
        raise Denied("bad_value", "value", f"{rule.title} is not a number: {shorten(value)}.", "Use digits and one point.") from error
    if rule.unit == "times" and not 1 <= number <= MAX_LEVERAGE:
        raise Denied("bad_value", "value", f"{rule.title} is out of range: {plain(number)}.", f"Use a number from 1 to {MAX_LEVERAGE}.")
    if rule.name == "drawdown" and not 0 <= number <= MAX_DRAWDOWN:
        reason = f"{rule.title} is a share of the highest equity, out of range: {plain(number)}."
        raise Denied("bad_value", "value", reason, f"Use a number from 0 to {MAX_DRAWDOWN}.")
    if not 0 <= number <= MAX_LIMIT:
        raise Denied("bad_value", "value", f"{rule.title} is out of range: {plain(number)}.", f"Use a number from 0 to {MAX_LIMIT:,f}.")
    return scope, rule.name, plain(number)


def within_hours(text: str, now_ns: int) -> bool:
    """True when a UTC moment lies in ``HH:MM-HH:MM``, the end not included."""
    found = _HOURS.match(text)
    first, last = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    minute = now_ns // (60 * SECOND_NS) % (24 * 60)
    return first <= minute < last if first <= last else minute >= first or minute < last

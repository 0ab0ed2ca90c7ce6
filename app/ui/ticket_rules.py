"""What a ticket may say: reading typed numbers, naming the wrong field with its remedy, the button's words.

Owns the checks the page can make before the desk sees an order, so that a mistake is named while it is typed.
Pure: knows neither the page nor the desk, and decides nothing about money; the desk checks everything again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_DOWN, Context, Decimal

from app.model.units import MAX_DIGITS, shorten

TYPE_WORDS = {
    "market": "Market",
    "limit": "Limit",
    "stop": "Stop",
    "stop_limit": "Stop limit",
    "trailing_stop": "Trailing stop",
    "market_if_touched": "Market if touched",
    "limit_if_touched": "Limit if touched",
    "iceberg": "Iceberg",
    "oco": "One cancels other",
}
HELD_TYPES = frozenset({"trailing_stop", "market_if_touched", "limit_if_touched"})
"""Those that a desk holds whose venue has none of them."""
HELD_NOTE = (
    "Held by this desk, not by the venue: it is sent when its trigger is seen here. While this tab is closed nothing triggers it; "
    "it is held on when the desk opens again."
)
LINK_NOTE = (
    "Linked by this desk, not by the venue: what is at the venue stays there if this tab closes, "
    "but only an open desk sends exits, or cancels one order when the other fills."
)
TIF_WORDS = {
    "gtc": "Good till cancelled",
    "day": "Day",
    "ioc": "Immediate or cancel",
    "fok": "Fill or kill",
    "gtd": "Good till date",
    "at_open": "At the open",
    "at_close": "At the close",
}
SESSION_NOTES = {
    "at_open": "Held by this desk, not by the venue: it is sent when the next session opens, and what does not trade then is cancelled. "
    "If this tab is closed at that time it is not sent; more than five minutes late it expires.",
    "at_close": "Held by this desk, not by the venue: it is sent ten seconds before the session closes, and what does not trade then is cancelled. "
    "If this tab is closed at that time it is not sent, and it expires.",
}
ROUTE_WORDS = {"this": "This venue", "best": "Best venue", "split": "Split over venues"}
LIMIT_TYPES = frozenset({"limit", "stop_limit", "limit_if_touched", "iceberg", "oco"})
STOP_TYPES = frozenset({"stop", "stop_limit", "market_if_touched", "limit_if_touched", "oco"})
TOUCH_TYPES = frozenset({"market_if_touched", "limit_if_touched"})
FIELD_WORDS = {
    "qty": "Quantity",
    "price": "Limit price",
    "stop": "Stop price",
    "tif": "Time in force",
    "type": "Type",
    "trail": "Distance",
    "display": "Shown quantity",
    "until": "End",
    "take_profit": "Take profit",
    "stop_loss": "Stop loss",
}

_PLAIN = re.compile(r"\d+(?:\.\d*)?\Z|\.\d+\Z", re.ASCII)
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d*)?\Z", re.ASCII)
_DECIMAL_COMMA = re.compile(r"\d+,\d+\Z", re.ASCII)
_EXACT = Context(prec=4 * MAX_DIGITS)
"""Carries the quotient of the longest number that can be typed by the smallest step: with fewer digits a remainder of it is an error."""
_SPACES = str.maketrans("", "", " \u00a0\u2009\u202f")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with the ticket: the field, what is wrong, what to do."""

    field: str
    reason: str
    remedy: str

    @property
    def text(self) -> str:
        """The sentence shown under the field."""
        return f"{self.reason} {self.remedy}".strip()


@dataclass(frozen=True, slots=True)
class Rules:
    """The instrument's limits. Prices in ``quote``, sizes in ``base``; ``multiplier`` 0: the contract is not known."""

    symbol: str
    base: str
    quote: str
    tick: Decimal
    lot: Decimal
    min_size: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    multiplier: Decimal = Decimal(1)

    @classmethod
    def from_row(cls, row: dict) -> Rules:
        """From one row of the desk's ``instruments`` message."""
        return cls(
            symbol=row["symbol"],
            base=row["base"],
            quote=row["quote"],
            tick=Decimal(row["tick"]),
            lot=Decimal(row["lot"]),
            min_size=Decimal(row.get("min_size") or 0),
            min_notional=Decimal(row.get("min_notional") or 0),
            multiplier=Decimal(row.get("multiplier") or 1),
        )


@dataclass(frozen=True, slots=True)
class Draft:
    """The ticket as typed."""

    symbol: str
    side: str = "buy"
    type: str = "market"
    tif: str = "gtc"
    qty: str = ""
    price: str = ""
    stop: str = ""
    post_only: bool = False
    reduce_only: bool = False
    trail: str = ""
    trail_unit: str = "amount"
    display: str = ""
    until: str = ""
    take_profit: str = ""
    stop_loss: str = ""
    route: str = "this"
    held_tifs: frozenset[str] = frozenset()
    held_types: frozenset[str] = HELD_TYPES

    @property
    def note(self) -> str:
        """What this desk, and not the venue, has to do for the order; empty where the venue does it all."""
        if self.type in self.held_types:
            return HELD_NOTE
        if self.tif in self.held_tifs:
            return SESSION_NOTES.get(self.tif, "")
        return LINK_NOTE if self.type == "oco" or self.take_profit.strip() or self.stop_loss.strip() else ""

    @property
    def has_limit(self) -> bool:
        """True when the limit price counts."""
        return self.type in LIMIT_TYPES

    @property
    def has_stop(self) -> bool:
        """True when the stop price counts."""
        return self.type in STOP_TYPES


class Unreadable(ValueError):
    """Typed text that is not one plain number; the message is the reason, ``remedy`` what to type."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def read_number(text: str) -> Decimal:
    """The positive number in typed text; thousands commas and spaces are fine, anything ambiguous is Unreadable."""
    typed = text.translate(_SPACES)
    if not typed:
        raise Unreadable("is empty.", "Enter a number.")
    if len(typed) > MAX_DIGITS:
        raise Unreadable("is too long.", f"Use at most {MAX_DIGITS} digits.")
    if typed[0] in "-\u2212":
        raise Unreadable("cannot be negative.", "Choose Buy or Sell for the direction and enter a positive number.")
    if _GROUPED.match(typed):
        typed = typed.replace(",", "")
    elif _DECIMAL_COMMA.match(typed):
        raise Unreadable(f"is ambiguous: {shorten(typed)}.", f"Write the decimals after a point: {typed.replace(',', '.')}.")
    if not _PLAIN.match(typed):
        raise Unreadable(f"is not a number: {shorten(text.strip())}.", "Use digits and one point, such as 0.25.")
    value = Decimal(typed)
    if value == 0:
        raise Unreadable("is zero.", "Enter a number above zero.")
    return value


def check(draft: Draft, rules: Rules, *, bid: Decimal | None = None, ask: Decimal | None = None) -> list[Problem]:
    """Everything the page can tell is wrong with the ticket, in the order of its fields."""
    problems: list[Problem] = []
    qty = _number(draft.qty, "qty", problems)
    price = _number(draft.price, "price", problems) if draft.has_limit else None
    stop = _number(draft.stop, "stop", problems) if draft.has_stop else None
    if qty is not None:
        _check_qty(qty, rules, problems)
    exits = [(name, _number(getattr(draft, name), name, problems)) for name in ("take_profit", "stop_loss") if getattr(draft, name).strip()]
    trail = _number(draft.trail, "trail", problems) if draft.type == "trailing_stop" else None
    display = _number(draft.display, "display", problems) if draft.type == "iceberg" else None
    on_tick = [("price", price), ("stop", stop), *exits]
    for field, value in [*on_tick, ("trail", trail)] if draft.trail_unit == "amount" else on_tick:
        if value is not None and _EXACT.remainder(value, rules.tick):
            near = _round_to(value, rules.tick)
            text = f"{FIELD_WORDS[field]} moves in steps of {plain(rules.tick)} {rules.quote}."
            problems.append(Problem(field, text, f"Nearest below: {plain(near)}." if near else f"Use {plain(rules.tick)}."))
    if stop is not None:
        _check_stop(draft, stop, bid, ask, problems)
    if display is not None and qty is not None and display >= qty:
        problems.append(Problem("display", "The shown quantity hides nothing.", "Use less than the quantity, or a limit order."))
    if draft.tif == "gtd" and not draft.until:
        problems.append(Problem("until", "The end is missing.", "Choose date and time."))
    entry = price or stop or (ask if draft.side == "buy" else bid)
    for field, value in exits:
        _check_exit(draft, field, value, entry, problems)
    if draft.post_only:
        _check_post_only(draft, price, bid, ask, problems)
    worth = price if price is not None else (ask if draft.side == "buy" else bid)
    qty_fine = qty is not None and not any(problem.field == "qty" for problem in problems)
    if qty_fine and worth is not None and rules.multiplier and qty * worth * rules.multiplier < rules.min_notional:
        least = _round_up(rules.min_notional / (worth * rules.multiplier), rules.lot)
        text = f"The order is worth less than the smallest allowed, {plain(rules.min_notional)} {rules.quote}."
        problems.append(Problem("qty", text, f"Use at least {plain(least)} {rules.base}."))
    return problems


def order_fields(draft: Draft) -> dict:
    """The order as the desk wants it; call only when ``check`` found nothing. ``until`` is ISO time, local where it names no zone."""
    more: dict = {}
    if draft.type == "trailing_stop":
        more = {"trail": plain(read_number(draft.trail)), "trail_unit": draft.trail_unit}
    if draft.type == "iceberg":
        more["display"] = plain(read_number(draft.display))
    if draft.tif == "gtd":
        more["expires_ns"] = _moment_ns(draft.until)
    for name in ("take_profit", "stop_loss"):
        if getattr(draft, name).strip() and draft.type != "oco":
            more[name] = plain(read_number(getattr(draft, name)))
    if draft.route != "this":
        more["route"] = draft.route
    return {
        **more,
        "symbol": draft.symbol,
        "side": draft.side,
        "type": draft.type,
        "tif": draft.tif,
        "qty": plain(read_number(draft.qty)),
        "price": plain(read_number(draft.price)) if draft.has_limit else None,
        "stop": plain(read_number(draft.stop)) if draft.has_stop else None,
        "post_only": draft.post_only and draft.type in ("limit", "iceberg"),
        "reduce_only": draft.reduce_only,
    }


_ROUTE_TEXT = {"best": ", best venue", "split": ", split over venues"}
_SESSION_TEXT = {"at_open": ", at the open", "at_close": ", at the close"}


def button_text(draft: Draft, rules: Rules | None) -> str:
    """What pressing the button does, in words: "Buy 0.01 BTC at market"."""
    verb = "Buy" if draft.side == "buy" else "Sell"
    if rules is None:
        return verb
    qty = _shown(draft.qty)
    if qty is None:
        return f"{verb} {rules.base}: enter a quantity"
    words = f"{verb} {qty} {rules.base}"
    exits = [f"{word} {text}" for name, word in _EXIT_WORDS if (text := _shown(getattr(draft, name))) and draft.type != "oco"]
    where = _ROUTE_TEXT.get(draft.route, "") + _SESSION_TEXT.get(draft.tif, "")
    return f"{_entry_text(draft, words)}{where}, then {' and '.join(exits)}" if exits else f"{_entry_text(draft, words)}{where}"


def _entry_text(draft: Draft, words: str) -> str:
    price, stop = _shown(draft.price), _shown(draft.stop)
    if draft.type == "market":
        return f"{words} at market"
    if draft.type == "trailing_stop":
        trail = _shown(draft.trail)
        if trail is None:
            return f"{words}: enter a distance"
        away = f"{trail} %" if draft.trail_unit == "percent" else trail
        return f"{words} at market when price turns by {away}"
    if draft.type in ("limit", "iceberg"):
        shown = _shown(draft.display)
        part = f", showing {shown}" if draft.type == "iceberg" and shown else ""
        return f"{words} at {price} or better{part}" if price else f"{words}: enter a limit price"
    rises = (draft.side == "buy") is not (draft.type in TOUCH_TYPES)
    crossing = "rises to" if rises else "falls to"
    if stop is None:
        return f"{words}: enter a stop price"
    if draft.type == "oco":
        return f"{words} at {price} or better, or when price {crossing} {stop}" if price else f"{words}: enter a limit price"
    if draft.type in ("stop", "market_if_touched"):
        return f"{words} at market when price {crossing} {stop}"
    if price is None:
        return f"{words}: enter a limit price"
    return f"{words} at {price} or better when price {crossing} {stop}"


def share_of(amount: Decimal, percent: int, lot: Decimal) -> Decimal:
    """``percent`` of an amount of base currency, cut down to whole lots."""
    return _round_to(amount * percent / 100, lot)


def affordable(buying_power: Decimal, price: Decimal, percent: int, lot: Decimal, reserve_bps: Decimal = Decimal(20)) -> Decimal:
    """Base quantity that ``percent`` of the buying power buys at a price of one (contract), less a reserve for fees (basis points)."""
    usable = buying_power * percent / 100 / (1 + reserve_bps / 10_000)
    return _round_to(usable / price, lot) if price > 0 and usable > 0 else Decimal(0)


def plain(value: Decimal) -> str:
    """A Decimal without exponent and without trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def grouped(value: Decimal) -> str:
    """A Decimal with thousands separators, all its decimals and U+2212 as the minus sign."""
    return format(value, ",f").replace("-", "\u2212")


def _number(text: str, field: str, problems: list[Problem]) -> Decimal | None:
    try:
        return read_number(text)
    except Unreadable as error:
        problems.append(Problem(field, f"{FIELD_WORDS[field]} {error}", error.remedy))
        return None


def _check_qty(qty: Decimal, rules: Rules, problems: list[Problem]) -> None:
    least = max(rules.min_size, rules.lot)
    if qty < least:
        text = f"Quantity is below the smallest order, {plain(least)} {rules.base}."
        problems.append(Problem("qty", text, f"Use at least {plain(least)}."))
    elif _EXACT.remainder(qty, rules.lot):
        text = f"Quantity moves in steps of {plain(rules.lot)} {rules.base}."
        problems.append(Problem("qty", text, f"Nearest below: {plain(_round_to(qty, rules.lot))}."))


_EXIT_WORDS = (("take_profit", "take profit at"), ("stop_loss", "stop loss at"))


def _moment_ns(text: str) -> int:
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(moment.timestamp()) * 1_000_000_000


def _check_exit(draft: Draft, field: str, value: Decimal | None, entry: Decimal | None, problems: list[Problem]) -> None:
    if value is None or entry is None or any(problem.field == field for problem in problems):
        return
    above = (field == "take_profit") is (draft.side == "buy")
    if value == entry or (value > entry) is not above:
        where = "above" if above else "below"
        text = f"{FIELD_WORDS[field]} of a {draft.side} at {grouped(entry)} has to be {where} it."
        problems.append(Problem(field, text, f"Use a price {where} {grouped(entry)}."))


def _check_touch(draft: Draft, stop: Decimal, bid: Decimal | None, ask: Decimal | None, problems: list[Problem]) -> None:
    if draft.side == "buy" and bid is not None and stop >= bid:
        text = f"A buy if touched at {grouped(stop)} would trigger at once: the bid is {grouped(bid)}."
        problems.append(Problem("stop", text, "Use a price below the bid, or a stop to buy higher."))
    elif draft.side == "sell" and ask is not None and stop <= ask:
        text = f"A sell if touched at {grouped(stop)} would trigger at once: the ask is {grouped(ask)}."
        problems.append(Problem("stop", text, "Use a price above the ask, or a stop to sell lower."))


def _check_stop(draft: Draft, stop: Decimal, bid: Decimal | None, ask: Decimal | None, problems: list[Problem]) -> None:
    if draft.type in TOUCH_TYPES:
        _check_touch(draft, stop, bid, ask, problems)
    elif draft.side == "buy" and ask is not None and stop <= ask:
        text = f"A buy stop at {grouped(stop)} would trigger at once: the ask is {grouped(ask)}."
        problems.append(Problem("stop", text, "Use a stop above the ask, or a limit order to buy lower."))
    elif draft.side == "sell" and bid is not None and stop >= bid:
        text = f"A sell stop at {grouped(stop)} would trigger at once: the bid is {grouped(bid)}."
        problems.append(Problem("stop", text, "Use a stop below the bid, or a limit order to sell higher."))


def _check_post_only(draft: Draft, price: Decimal | None, bid: Decimal | None, ask: Decimal | None, problems: list[Problem]) -> None:
    if draft.type not in ("limit", "iceberg"):
        problems.append(Problem("type", "Post-only needs a limit order.", "Choose Limit, or clear Post-only."))
    elif draft.tif in ("ioc", "fok"):
        text = f"Post-only cannot be {TIF_WORDS[draft.tif].lower()}."
        problems.append(Problem("tif", text, "Choose Good till cancelled or Day, or clear Post-only."))
    elif price is not None and draft.side == "buy" and ask is not None and price >= ask:
        text = f"Post-only at {grouped(price)} would trade at once: the ask is {grouped(ask)}."
        problems.append(Problem("price", text, "Use a price below the ask, or clear Post-only."))
    elif price is not None and draft.side == "sell" and bid is not None and price <= bid:
        text = f"Post-only at {grouped(price)} would trade at once: the bid is {grouped(bid)}."
        problems.append(Problem("price", text, "Use a price above the bid, or clear Post-only."))


def _shown(text: str) -> str | None:
    try:
        return grouped(read_number(text))
    except Unreadable:
        return None


def _round_to(value: Decimal, step: Decimal) -> Decimal:
    return _EXACT.multiply(_EXACT.divide(value, step).to_integral_value(ROUND_DOWN), step)


def _round_up(value: Decimal, step: Decimal) -> Decimal:
    low = _round_to(value, step)
    return low if low == value else _EXACT.add(low, step)

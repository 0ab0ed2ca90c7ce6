"""Orders, fills and positions in words: states, sentences, what a press will do. Pure, the same in CPython.

Takes the desk's wire rows (plain number text) and returns display text. Decides nothing about orders.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

from .format import MINUS, NOTHING, clock, group, plain, plural, sentence, stamp
from .ticket_rules import TOUCH_TYPES

STATUS_WORDS = {
    "held": "Held by desk",
    "new": "New",
    "pending": "Sent, unanswered",
    "accepted": "Working",
    "partially_filled": "Partly filled",
    "filled": "Filled",
    "cancelled": "Cancelled",
    "rejected": "Rejected",
    "denied": "Denied here",
    "expired": "Expired",
    "unknown": "Unknown",
}
STATUS_TONES = {
    "held": "amber",
    "new": "flat",
    "pending": "amber",
    "accepted": "accent",
    "partially_filled": "accent",
    "filled": "good",
    "rejected": "danger",
    "denied": "danger",
    "unknown": "amber",
}
WORKING = frozenset({"held", "new", "pending", "accepted", "partially_filled", "unknown"})
RESTING = frozenset({"accepted", "partially_filled"})
TYPE_WORDS = {
    "market": "Market",
    "limit": "Limit",
    "stop": "Stop",
    "stop_limit": "Stop limit",
    "trailing_stop": "Trailing stop",
    "market_if_touched": "If touched",
    "limit_if_touched": "Limit if touched",
    "iceberg": "Iceberg",
}
_TIED = "\u00a0"  # a narrow column breaks between the prices only
_DID = {"buy": "Bought", "sell": "Sold"}
_DO = {"buy": "Buy", "sell": "Sell"}


def number(text: str | None) -> str:
    """Plain number text with separators, or a dash."""
    return group(text) if text else NOTHING


def fixed(text: str | None, decimals: int) -> str:
    """Number text at exactly so many decimals (half even, for display only), with separators; a dash when unknown."""
    amount = value(text)
    return NOTHING if amount is None else group(f"{amount:.{decimals}f}")


def contract_text(instrument: dict) -> str:
    """What one contract of an instrument is worth; nothing of what is worth its price."""
    multiplier = instrument.get("multiplier")
    if multiplier is None:
        return ""
    return f"1 contract = {group(plain(multiplier))} \u00d7 price" if value(multiplier) else "size not known: it cannot be traded"


MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
SOON_DAYS = 7


def rolls(instrument: dict | None, today: date) -> tuple[str, str, str]:
    """(tone, short, long) on the month of a continuous future that ends next: ('amber', 'ESZ26 ends 18 Dec', 'Continuous: ...'); empty of all else."""
    found = next(((month, date.fromisoformat(last)) for month, last in (instrument or {}).get("rolls", ()) if date.fromisoformat(last) >= today), None)
    if found is None:
        return "", "", ""
    month, last = found
    left = (last - today).days
    when = "today" if not left else f"in {plural(left, 'day')}"
    short = f"{month} ends {last.day} {MONTHS[last.month - 1]}"
    text = (
        f"Continuous: {short} {last.year}, {when}; around then the source goes on to the next month, and the price jumps. "
        "Nothing expires here: close before, or book the roll on the portfolio page, else the jump counts as profit or loss."
    )
    return "amber" if left <= SOON_DAYS else "", short, text


def decimals(step: str | None) -> int:
    """Decimals of a step such as a tick: '0.010' has two."""
    return len(step.rstrip("0").partition(".")[2]) if step and "." in step else 0


def value(text: str | None) -> Decimal | None:
    """The number in plain or display text; None when there is none."""
    if not text or text == NOTHING:
        return None
    try:
        return Decimal(plain(text))
    except InvalidOperation:
        return None


def priced(text: str | None, places: int = 0) -> str:
    """A price with separators and at least so many decimals, never fewer than it has; a dash when unknown."""
    return fixed(text, max(places, decimals(text)))


def trigger_word(kind: str | None) -> str:
    """What the price that triggers an order of a type is called: a stop, or of those that wait for a better price, 'if touched at'."""
    return "if touched at" if kind in TOUCH_TYPES else "stop"


def order_text(row: dict, base: str = "", places: int = 0) -> str:
    """'Buy 0.01 BTC, limit 61,800.00': prices with the ``places`` decimals of the instrument's tick."""
    words = f"{_DO.get(row['side'], row['side'])} {number(row['qty'])} {base or row['symbol']}"
    if row["type"] == "market":
        return f"{words} at market"
    parts = [f"trailing by {away}"] if (away := distance(row)) else []
    if row.get("stop"):
        parts.append(f"{trigger_word(row['type'])} {priced(row['stop'], places)}")
    if row.get("price"):
        parts.append(f"limit {priced(row['price'], places)}")
    return f"{words}, {', '.join(parts)}"


def price_text(row: dict, places: int = 0) -> str:
    """The price column of an order: its limit or stop, of both 'stop → limit', of a trailing stop 'by distance · stop'; the type says which it is."""
    stop, limit = row.get("stop"), row.get("price")
    found = f"{_TIED}→ ".join(priced(text, places) for text in (stop, limit) if text) or NOTHING
    return f"by {away} ·".replace(" ", _TIED) + f" {found}" if (away := distance(row)) else found


def distance(row: dict) -> str:
    """How far a trailing stop trails: '2' or '1.5 %'; empty for another order."""
    if row.get("trail"):
        return number(row["trail"])
    return f"{number(row['trail_percent'])} %" if row.get("trail_percent") else ""


def amendable(row: dict) -> list[str]:
    """What of a working order can be changed: nothing of a market order, or of a trailing stop that was triggered."""
    trails = row["type"] == "trailing_stop"
    names = ([] if row.get("triggered") else ["trail"]) if trails else [name for name in ("price", "stop") if row[name]]
    linked = row.get("parent") or row.get("group")
    return [*([] if linked else ["qty"]), *names] if names else []


def outcome(row: dict, base: str, places: int = 0) -> tuple[str, str]:
    """What became of an order so far, as (tone, sentence); tones are good, accent, amber, danger and flat. ``places``: as in `order_text`."""
    status = row["status"]
    filled, qty = number(row["filled"]), number(row["qty"])
    part = f"{_DID[row['side']]} {filled} of {qty} {base} at {priced(row['average_price'], places)} on average."
    has_fill = bool(value(row["filled"]))
    reason = f" {sentence(row['reason'])}" if row.get("reason") else ""
    match status:
        case "filled":
            text = f"Filled: {_DID[row['side']].lower()} {filled} {base} at {priced(row['average_price'], places)}."
        case "partially_filled":
            text = f"Partly filled: {part} The rest is working."
        case "accepted":
            text = f"Working: {order_text(row, base, places)}."
        case "held":
            text = f"Held by this desk, not by the venue: {order_text(row, base, places)}."
        case "denied":
            text = f"Denied here, the venue never saw it.{reason}"
        case "rejected":
            text = f"Rejected: nothing was traded.{reason}"
        case "cancelled" | "expired":
            word = STATUS_WORDS[status]
            text = f"{word}: {part}{reason}" if has_fill else f"{word}: nothing was traded.{reason}"
        case "unknown":
            evidence = sentence(row.get("evidence") or "the venue gave no usable answer")
            text = f"Unknown: {evidence} It is not sent again; query it in Orders."
        case _:
            text = f"Kept and sent, no answer yet: {order_text(row, base, places)}."
    return STATUS_TONES.get(status, "flat"), text


def marks(row: dict) -> str:
    """What is special about an order: 'post-only, shows 1, until 12:00, exit'."""
    found = [word for key, word in (("post_only", "post-only"), ("reduce_only", "reduce-only")) if row.get(key)]
    if away := distance(row):
        found.append(f"trails by {away}")
    if row.get("display"):
        found.append(f"shows {number(row['display'])}")
    if row.get("expires_ns"):
        found.append(f"until {stamp(row['expires_ns'])}")
    if row.get("origin") == "venue":
        found.append("found at the venue")
    if row.get("parent"):
        found.append("exit of another order")
    if row.get("group"):
        found.append("one cancels other")
    if row.get("legs"):
        found.append(f"routed to {plural(len(row['legs']), 'venue')}")
    if elsewhere := _elsewhere(row):
        found.append(elsewhere)
    if row.get("route"):
        found.append(f"leg of a routed order, in {account(row)}" if row.get("account") else "leg of a routed order")
    if row.get("release_ns"):
        found.append(f"sent by this desk at {stamp(row['release_ns'])}")
    return ", ".join(found)


def evidence(row: dict) -> str:
    """What is known about an order without an answer: sent when, asked when and how often, asked next when, its id."""
    parts = [row.get("evidence") or ""]
    if row.get("sent_ns"):
        parts.append(f"Sent at {clock(row['sent_ns'])}.")
    if row.get("asked_ns"):
        parts.append(f"Asked {plural(row['asked'], 'time')}, last at {clock(row['asked_ns'])}, next at {clock(row['next_ask_ns'])}.")
    return " ".join([*(part for part in parts if part), f"Id {row['client_order_id']}."])


def status_word(row: dict) -> str:
    """The state of an order in a word or two; a change without an answer comes first."""
    return "Amending" if row.get("amending") else STATUS_WORDS.get(row["status"], row["status"])


def status_tone(row: dict) -> str:
    """Its tone; empty for none."""
    return "amber" if row.get("amending") else STATUS_TONES.get(row["status"], "")


def why(row: dict) -> str:
    """The words in the reason column: evidence of the unknown, what holds the held, else the reason of the end and what of it is in other accounts."""
    if row["status"] == "unknown":
        return evidence(row)
    if row["status"] == "held":
        if row.get("release_ns"):
            return f"sent by this desk at {stamp(row['release_ns'])}; it is not sent while the tab is closed"
        waits = "waits for its entry order; this desk sends it"
        return waits if row.get("parent") else "watched by this desk only: nothing triggers it while the tab is closed"
    reason = "" if row["status"] == "filled" else row.get("reason") or ""  # why a cancel was asked for, which came too late
    return " ".join(part for part in (reason, sentence(_elsewhere(row))) if part)


def legs_text(plan: dict, base: str) -> str:
    """Where a routed order goes: '0.006 BTC to BTC-USD.COINBASE, 0.004 to BTC/USD.BITSTAMP'; and for which account, where that was chosen."""
    places = {part["account"]: f" in {account(part)}" for part in plan.get("parts", ())}
    legs = enumerate(plan["legs"])
    return ", ".join(f"{number(leg['qty'])}{f' {base}' if not at else ''} to {leg['symbol']}{places.get(leg.get('account'), '')}" for at, leg in legs)


def account(part: dict) -> str:
    """An account that the router may use, and whether it is for real money."""
    return f"{part['title']} (real money)" if part["real"] else part["title"]


def in_account(row: dict) -> dict:
    """The account of a leg elsewhere, for a request about it; without, that of the account which is shown."""
    return {"account": row["account"]} if row.get("account") else {}


def accounts_text(plan: dict, base: str) -> str:
    """Which accounts a routed order would go to, where the router chose: 'Goes to 2 accounts: 0.6 BTC in Paper, 0.4 BTC in Binance (real money).'"""
    parts = [part for part in plan.get("parts", ()) if part["qty"] != "0"]
    where = ", ".join(f"{number(part['qty'])} {base} in {account(part)}" for part in parts)
    return f"Goes to {plural(len(parts), 'account')}: {where}." if parts else ""


def _elsewhere(row: dict) -> str:
    """What of a routed order is in other accounts."""
    parts = [part for part in row.get("parts") or () if part["client_order_id"] != row["client_order_id"]]
    where = ", ".join(f"{number(part['qty'])} in {account(part)}" for part in parts)
    return f"the rest elsewhere: {where}" if where else ""


def blotter(orders: dict[str, dict], routed: dict[str, dict], elsewhere: dict[str, dict]) -> list[dict]:
    """Rows of the blotter, oldest first; a routed order stands after its last leg, so that newest first it stands above them, and above those that it has
    in other accounts."""
    last = {row["legs"][-1]: row for row in routed.values() if row["legs"] and row["legs"][-1] in orders}
    others: dict[str, list[dict]] = {}
    for row in elsewhere.values():
        if row["whole"] in routed and (legs := routed[row["whole"]]["legs"]):
            others.setdefault(legs[0], []).append(row)
    rows = []
    for key, row in orders.items():
        rows += reversed(others.get(key, ()))
        rows.append(row)
        if key in last:
            rows.append(last[key])
    return rows


def position_side(row: dict) -> str:
    """'Long' or 'Short'."""
    side = row.get("side") or ("short" if str(row["qty"]).startswith(("-", MINUS)) else "long")
    return side.capitalize()


def unsigned(text: str) -> str:
    """Number text without its sign."""
    return text.lstrip("+-" + MINUS)


def close_text(row: dict, base: str) -> str:
    """What closing a position does: 'Sell 0.01 BTC at market to close'."""
    verb = "Buy" if position_side(row) == "Short" else "Sell"
    return f"{verb} {unsigned(number(row.get('closes') or row['qty']))} {base} at market to close"


def reverse_text(row: dict, base: str) -> str:
    """What reversing a position does: 'Sell 0.02 BTC at market to be short 0.01'."""
    short = position_side(row) == "Short"
    size = value(unsigned(row["qty"])) or Decimal(0)
    verb, then = ("Buy", "long") if short else ("Sell", "short")
    return f"{verb} {number(format(size * 2, 'f'))} {base} at market to be {then} {number(format(size, 'f'))}"

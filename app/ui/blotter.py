"""Filters of orders and fills, and what cancelling many orders does and did, in words. Pure, the same in CPython."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

from .format import plural
from .order_words import STATUS_WORDS, TYPE_WORDS, WORKING, order_text

ORIGIN_WORDS = {"desk": "This desk", "kill": "Kill switch", "venue": "Found at the venue"}
SPANS = {"15m": ("Last 15 minutes", 900), "1h": ("Last hour", 3_600), "24h": ("Last 24 hours", 86_400), "7d": ("Last 7 days", 604_800)}
SIDES = {"buy": "Buy", "sell": "Sell"}
STATES = {"working": "Working", "done": "Done"}
MOST_AT_ONCE = 2_000
_NAMED = 5
_SAME = ("symbol", "side", "type", "origin")
_SECOND = 1_000_000_000
_OUTCOMES = {
    "cancelled": "cancelled",
    "filled": "filled before the cancel arrived",
    "ended": "ended otherwise",
    "over": "over already",
    "refused": "not cancelled, the venue refused",
    "not_known": "not known here",
    "unresolved": "unresolved: no answer yet, the desk goes on asking",
}
_BAD = ("refused", "not_known")


@dataclass(frozen=True, slots=True)
class Filter:
    """What has to hold of a row; an empty value lets everything pass. ``status`` is one of a row, or ``working`` or ``done``; ``time`` a
    key of SPANS."""

    symbol: str = ""
    side: str = ""
    status: str = ""
    type: str = ""
    origin: str = ""
    time: str = ""

    @classmethod
    def from_kept(cls, kept: Any) -> Filter:
        """From what was kept; what is not text is left out."""
        if not isinstance(kept, dict):
            return cls()
        names = [field.name for field in fields(cls)]
        found = cls(**{name: kept[name] for name in names if isinstance(kept.get(name), str)})
        return found if found.time in ("", *SPANS) else replace(found, time="")

    def to_kept(self) -> dict | None:
        """For the preferences: what is set, None for nothing."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))} or None

    @property
    def count(self) -> int:
        """How many conditions there are."""
        return len(self.to_kept() or ())

    def passes(self, row: dict, now_ns: int, when: str = "created_ns") -> bool:
        """Whether an order or fill is to be shown; ``when`` names the field with its time."""
        if self.status in STATES:
            if (row.get("status") in WORKING) is not (self.status == "working"):
                return False
        elif self.status and row.get("status") != self.status:
            return False
        if self.time and row[when] < now_ns - SPANS[self.time][1] * _SECOND:
            return False
        return all(row.get(name) == value for name in _SAME if (value := getattr(self, name)))


def choices(name: str, rows: Iterable[dict], chosen: str) -> list[tuple[str, str]]:
    """(value, words) that a filter field offers: what is among the rows, and what is chosen now though it is not."""
    if name == "time":
        return [(key, words) for key, (words, _seconds) in SPANS.items()]
    found = {row[name] for row in rows if row.get(name)} | ({chosen} if chosen else set())
    words = {"side": SIDES, "status": {**STATES, **STATUS_WORDS}, "type": TYPE_WORDS, "origin": ORIGIN_WORDS}.get(name, {})
    first = [(key, STATES[key]) for key in STATES] if name == "status" else []
    rest = sorted(((value, words.get(value, value)) for value in found if (value, words.get(value)) not in first), key=lambda pair: pair[1].lower())
    return first + rest


def expanded(rows: Iterable[dict], orders: dict[str, dict]) -> list[dict]:
    """The orders at venues that these rows stand for, each once: of a routed one its legs, which name it as ``whole`` where it has parts in other
    accounts. A leg in another account stands for itself where the whole is not among them."""
    wholes: dict[str, str] = {}
    rows = list(rows)
    chosen = {row["client_order_id"] for row in rows}
    for row in rows:
        if row.get("account"):
            continue
        spread = len(row.get("parts") or ()) > 1
        for leg in row.get("legs") or (row["client_order_id"],):
            wholes[leg] = row["client_order_id"] if spread else wholes.get(leg, "")
    found = [{**orders[key], "whole": whole} if whole else orders[key] for key, whole in wholes.items() if key in orders]
    return found + [{**row, "whole": ""} for row in rows if row.get("account") and row["whole"] not in chosen]


def cancellable(rows: Iterable[dict]) -> list[dict]:
    """Those that a cancel can still reach."""
    return [row for row in rows if row["status"] in WORKING]


def cancel_question(rows: list[dict], others: int) -> str:
    """What cancelling these orders will do, before it is done; ``others`` were chosen too and are over already."""
    held = sum(bool(row.get("held")) for row in rows)
    unknown = sum(row["status"] == "unknown" for row in rows)
    filled = sum(row["status"] == "partially_filled" for row in rows)
    by_symbol = Counter(row["symbol"] for row in rows)
    parts = [f"Cancel {plural(len(rows), 'working order')}: {', '.join(f'{count} in {symbol}' for symbol, count in by_symbol.most_common(_NAMED))}"]
    if len(by_symbol) > _NAMED:
        parts[0] += f" and {len(by_symbol) - _NAMED} more instruments"
    if len(rows) <= _NAMED:
        parts.append("; ".join(order_text(row) for row in rows))
    if filled:
        parts.append(f"{filled} partly filled: what is filled stays")
    if held:
        parts.append(f"{held} held by this desk {'ends' if held == 1 else 'end'} at once")
    if unknown:
        parts.append(f"{unknown} unknown: the venue is asked to cancel, it is not sure that it has {'it' if unknown == 1 else 'them'}")
    if elsewhere := Counter(row["title"] for row in rows if row.get("account")):
        parts.append("; ".join(f"{count} of them in the {title} account" for title, count in elsewhere.items()))
    if wholes := {row["whole"] for row in rows if row.get("whole")}:
        parts.append(f"{plural(len(wholes), 'routed order')} {'is' if len(wholes) == 1 else 'are'} cancelled in other accounts too")
    if others:
        parts.append(f"{others} of the chosen {'is' if others == 1 else 'are'} over already and {'is' if others == 1 else 'are'} left alone")
    return ". ".join(parts) + "."


def cancel_outcome(rows: list[dict]) -> tuple[str, str]:
    """(tone, sentence) on what came of a request to cancel many, from its rows."""
    counts = Counter(row["outcome"] for row in rows)
    text = ", ".join(f"{counts[name]} {words}" for name, words in _OUTCOMES.items() if counts[name])
    tone = "danger" if any(counts[name] for name in _BAD) else "amber" if counts["unresolved"] else "good"
    return tone, text[:1].upper() + text[1:] + "."


def cancel_lines(rows: list[dict], orders: dict[str, dict]) -> list[str]:
    """One line for each order that was not simply cancelled: which, what came of it, why."""
    lines = []
    for row in rows:
        if row["outcome"] == "cancelled":
            continue
        order = orders.get(row["client_order_id"])
        name = order_text(order, "") + f" ({order['symbol']})" if order else row["client_order_id"]
        reason = f": {row['reason']}" if row["reason"] else ""
        lines.append(f"{name}: {_OUTCOMES.get(row['outcome'], row['outcome']).partition(':')[0]}{reason}")
    return lines

"""What came of a request to the desk, in words: refused, unanswered, amended or not. Pure, the same in CPython."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from .format import group, plural, sentence, sentences
from .order_words import STATUS_WORDS, account, value

ENDED = "ended"
"""The code of a request whose desk worker went away before it answered: it may have been done."""
_SAME = ("symbol", "side", "type", "tif", "qty", "price", "stop", "post_only", "reduce_only")


def not_done(error: Any, words: str) -> tuple[str, str]:
    """(tone, sentence) of a Refused; ``words`` say what did not happen, which nobody knows of a request without an answer."""
    first = "No answer, so it may have been done" if error.code == ENDED else words.rstrip(".")
    return "amber" if error.code == ENDED else "danger", sentences(first, error.reason, error.remedy)


def amended(found: dict, what: str) -> tuple[str, str]:
    """(tone, sentence) on the answer to ``order.amend``; ``what`` names the order and its new values."""
    match found["outcome"]:
        case "amended":
            return "good", f"Amended: {what}."
        case "refused":
            code = f" ({found['code']})" if found["code"] else ""
            said = f" {sentence(found['reason'])}" if found["reason"] else ""
            return "danger", f"Not amended: the venue refused{code}.{said} The order stands as it was."
        case "ended":
            said = f" {sentence(found['reason'])}" if found["reason"] else ""
            return "amber", f"Not amended: the order is {STATUS_WORDS.get(found['status'], found['status']).lower()}.{said}"
    return "amber", "The venue has not answered yet; the order is shown as amending until it has."


def sent(found: dict, base: str) -> tuple[str, str]:
    """(tone, sentence) on the answer to an order that the router gave to accounts: what went where, and what was not sent."""
    rows = [row for row in found["accounts"] if row["sent"]]
    text = ", ".join(f"{group(row['qty'])} {base} in {account(row)} ({STATUS_WORDS.get(row['status'], row['status']).lower()})" for row in rows)
    if len(rows) < len(found["accounts"]):
        return "danger", f"{sentence(found['reason'])} Sent: {text}."
    reasons = " ".join(sentence(f"{row['title']}: {row['reason']}") for row in rows if row["reason"])
    return "amber" if reasons else "good", f"Sent: {text}. {reasons}".strip()


def split(made: dict) -> str:
    """The sentence on a split that was booked."""
    text = f"Split {made['symbol']} {made['new']} for {made['old']}: the position is {group(made['qty'])} now."
    return text + (f" {plural(made['cancelled'], 'order')} cancelled before." if made["cancelled"] else "")


def found_press(orders: Iterable[dict], fields: dict, since_ns: int) -> dict | None:
    """The newest of these orders that a press with these ticket fields would have made, not made before ``since_ns``; None without one."""
    names = ("symbol", "side", "reduce_only") if fields["type"] == "oco" or "route" in fields else _SAME
    young = (row for row in orders if row["created_ns"] >= since_ns and row["origin"] == "desk")
    found = [row for row in young if all(row[name] == fields[name] for name in names) and _whole(row) == value(fields["qty"])]
    return max(found, key=lambda row: row["created_ns"], default=None)


def _whole(row: dict) -> Decimal | None:
    """What was asked for: of an order over several accounts more than one of them has."""
    parts = row.get("parts")
    return sum((Decimal(part["qty"]) for part in parts), Decimal(0)) if parts else value(row["qty"])

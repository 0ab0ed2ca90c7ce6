"""What the page says of several accounts. Pure text."""

from __future__ import annotations

from .equity_curve import money


def option(row: dict) -> str:
    """An account's name, and whether its orders are real."""
    return f"{row['title']} (real)" if row["real"] else row["title"]


def amount(text: str | None, currency: str) -> str:
    """An amount with its currency; a dash while the account is closed."""
    return f"{money(text)} {currency}" if text else "–"


def orders(row: dict) -> str:
    """Whether the account takes orders, and why not."""
    return "taken" if row["accepting"] else f"refused: {row['reason']}"


def total(message: dict) -> str:
    """What all accounts are worth together, and which of them that leaves out."""
    found = message["total"]
    titles = {row["name"]: row["title"] for row in message["rows"]}
    left = [titles[name] for name in found["left_out"]]
    if len(left) == len(titles):
        return "No account is open: nothing to add up."
    text = f"All accounts together: {money(found['equity'])} {found['currency']} at the rates of now."
    return f"{text} Left out (closed, or no rate for its currency): {', '.join(left)}." if left else text

"""How much of the equity each position puts at stake, for drawing; and what the account's figures leave out, in words.

The desk says exactly what each position is worth in the account's currency, as it counts in the equity. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .format import minus
from .order_words import value

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Exposure:
    """One position: ``worth`` signed (short is negative) in the account's currency, None where no rate is known."""

    symbol: str
    short: bool
    worth: Decimal | None


@dataclass(frozen=True, slots=True)
class Exposures:
    """All positions, the largest first, with their sums and the equity they are compared with."""

    rows: tuple[Exposure, ...]
    gross: Decimal
    net: Decimal
    equity: Decimal

    def share(self, worth: Decimal) -> str:
        """A worth as percent of the equity."""
        return minus(f"{worth / self.equity * 100:,.1f}") + " %" if self.equity > 0 else "–"

    @property
    def text(self) -> str:
        """One sentence on all of it."""
        if not self.rows:
            return "No exposure: all of the equity is cash."
        text = f"Gross {self.share(self.gross)} of equity, net {self.share(self.net)}. Short to the left, long to the right of the line."
        unknown = [row.symbol for row in self.rows if row.worth is None]
        return f"{text} Without a rate, and so not counted: {', '.join(unknown)}." if unknown else text


def exposures(account: dict) -> Exposures:
    """From the desk's account message."""
    rows = [Exposure(position["symbol"], position.get("side") == "short", value(position["worth"])) for position in account["positions"]]
    rows.sort(key=lambda row: (row.worth is None, -abs(row.worth or _ZERO), row.symbol))
    known = [row.worth for row in rows if row.worth is not None]
    gross = sum((abs(worth) for worth in known), _ZERO)
    return Exposures(tuple(rows), gross, sum(known, _ZERO), value(account["equity"]) or _ZERO)


def account_notes(account: dict) -> list[str]:
    """What the figures assume or leave out, each with what it means."""
    notes = []
    currency = account["currency"]
    if names := account.get("assumed"):
        notes.append(f"Counted one to one as {currency}: {', '.join(names)}.")
    if names := account.get("unconverted"):
        notes.append(f"Not in any total, no rate to {currency} is known: {', '.join(names)}.")
    if names := account.get("unmarked"):
        notes.append(f"Carried at cost, no price is known: {', '.join(names)}.")
    return notes

"""What the tape remembers and how it is held still: chosen filter, rows that wait while it is held, own fills among the trades. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from app.model.units import ungrouped

from .order_words import value

ROWS = 60
NEAR_NS = 2_000_000_000
"""An own fill and its public print may be told this far apart."""
_OWN_KEPT = 50


@dataclass(frozen=True, slots=True)
class TapeLook:
    """``amounts`` are the least and the large ones as typed, by what they count in: the instrument for ``base``, else the currency."""

    side: str = ""
    unit: str = "base"
    runs: bool = False
    amounts: dict[str, tuple[str, str]] = field(default_factory=dict)

    @classmethod
    def from_kept(cls, kept: Any) -> TapeLook:
        """From the preferences; what is not a look is left out."""
        if not isinstance(kept, dict):
            return cls()
        amounts = kept.get("amounts")
        pairs = {
            name: (pair[0], pair[1])
            for name, pair in (amounts.items() if isinstance(amounts, dict) else ())
            if isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) and len(text) <= 40 for text in pair)
        }
        side, unit = kept.get("side"), kept.get("unit")
        return cls(side if side in ("buy", "sell") else "", "quote" if unit == "quote" else "base", kept.get("runs") is True, pairs)

    def to_kept(self) -> dict | None:
        """For the preferences; None where nothing was chosen."""
        if self == TapeLook():
            return None
        return {"side": self.side, "unit": self.unit, "runs": self.runs, "amounts": {name: list(pair) for name, pair in self.amounts.items()}}

    def least_and_large(self, instrument: dict) -> tuple[str, str]:
        """The amounts that hold for an instrument."""
        return self.amounts.get(self._key(instrument), ("", ""))

    def with_amounts(self, instrument: dict, least: str, large: str) -> TapeLook:
        """With other amounts for this instrument, or for all in its currency."""
        amounts = {**self.amounts, self._key(instrument): (least, large)}
        return replace(self, amounts={name: pair for name, pair in amounts.items() if any(pair)})

    def request(self, instrument: dict) -> dict:
        """The arguments of ``tape.filter``."""
        least, large = (ungrouped(text) or None for text in self.least_and_large(instrument))
        return {"side": self.side, "unit": self.unit, "least": least, "large": large, "runs": self.runs}

    def count(self, instrument: dict) -> int:
        """How many conditions hold."""
        return bool(self.side) + self.runs + sum(map(bool, self.least_and_large(instrument)))

    def _key(self, instrument: dict) -> str:
        return instrument["symbol"] if self.unit == "base" else f"in {instrument['quote']}"


class TapeRows:
    """The newest rows, oldest first. While ``held`` nothing shown changes and ``waiting`` counts what came."""

    def __init__(self, most: int = ROWS) -> None:
        self.most = most
        self.rows: list[list] = []
        self.held = False
        self.waiting = 0

    def clear(self) -> None:
        """Forget all."""
        self.rows, self.waiting = [], 0

    def take(self, rows: Iterable[list]) -> list[list]:
        """Keep new rows and those that went on; returns what is to be drawn: nothing while held."""
        drawn = []
        for row in rows:
            at = next((at for at in range(len(self.rows) - 1, -1, -1) if self.rows[at][6] == row[6]), None) if self._may_go_on(row) else None
            if at is None:
                self.rows.append(row)
                self.waiting += self.held
            else:
                self.rows[at] = row
            drawn.append(row)
        del self.rows[: -self.most]
        return [] if self.held else drawn

    def release(self) -> list[list]:
        """Go on; returns all rows to be drawn anew."""
        self.held, self.waiting = False, 0
        return self.rows

    def forget_own(self) -> bool:
        """Nothing of an account stays among the public trades; False when there was nothing."""
        before = len(self.rows)
        self.rows = [row for row in self.rows if not isinstance(row[6], str)]
        return len(self.rows) != before

    def _may_go_on(self, row: list) -> bool:
        return row[5] > 1 and bool(self.rows)


class OwnFills:
    """Which prints are the trader's own. On paper the public tape has none of them: they are put among the rows."""

    def __init__(self) -> None:
        self._fills: list[tuple[str, Decimal, Decimal, int, str]] = []
        self.marked: set[Any] = set()

    def reset(self) -> None:
        """Another account, or none."""
        self._fills.clear()
        self.marked.clear()

    def note(self, fill: dict, rows: Iterable[list]) -> bool:
        """An own fill; True when its print is among the rows."""
        self._fills.append((fill["symbol"], value(fill["price"]), value(fill["qty"]), fill["ts"], fill["fill_id"]))
        del self._fills[:-_OWN_KEPT]
        return any(self.mark(row, fill["symbol"]) for row in rows)

    def mark(self, row: list, symbol: str) -> bool:
        """Whether a row is the print of a fill not matched yet; remembered by its number. A run of several trades is nobody's."""
        if not self._fills or row[5] > 1:
            return False
        price, size = value(row[1]), value(row[2])
        for fill in self._fills:
            if fill[0] == symbol and fill[1] == price and fill[2] == size and abs(fill[3] - row[0]) <= NEAR_NS:
                self._fills.remove(fill)
                self.marked.add(row[6])
                return True
        return False

    def is_own(self, row: list) -> bool:
        """Whether the row was marked."""
        return row[6] in self.marked


def own_row(fill: dict, price: str, size: str) -> list:
    """A row of the tape for a fill that the public tape does not have."""
    return [fill["ts"], price, size, fill["side"], False, 1, f"own {fill['fill_id']}"]

"""What of the trader's own stands at a price on a chart: working orders, the average price, the ticket's draft; and moving one by hand.

Prices are exact; a place on the drawing becomes a price only by ``snap``, on the tick. Pure: knows neither the page nor the chart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from .order_words import WORKING, decimals, number, order_text, priced, status_word, value
from .ticket_rules import TOUCH_TYPES, Draft, Unreadable, grouped, plain, read_number

AMENDABLE = frozenset({"held", "accepted", "partially_filled"})
AVERAGE = "average"
_QUIET = frozenset({"accepted"})
_SLACK = 3.0
_DRAFT_WORDS = {"price": "limit", "stop": "stop", "take_profit": "take profit", "stop_loss": "stop loss"}


@dataclass(frozen=True, slots=True)
class Line:
    """One price. ``kind`` is buy, sell, stop, average, draft or exit; ``title`` stands on the drawing, ``text`` is its sentence.

    ``field`` names what a move changes, of the order ``order_id`` or (where that is empty) of the ticket; empty: it cannot be moved."""

    key: str
    price: Decimal
    kind: str
    title: str
    text: str
    order_id: str = ""
    field: str = ""


def own_lines(orders: Iterable[dict], account: dict | None, draft: Draft | None, symbol: str, *, amend: bool = True, places: int = 0) -> list[Line]:
    """Every line of an instrument: working orders, average price, draft. ``amend``: the venue can change orders; ``places``: decimals of its tick."""
    lines = []
    for row in orders:
        if row["symbol"] == symbol and row["status"] in WORKING:
            lines += _order_lines(row, amend, places)
    for position in (account or {}).get("positions", ()):
        average = value(position["average_price"])
        if position["symbol"] == symbol and average is not None:
            text = f"Average price {number(position['average_price'])} of {number(position['qty'])}"
            lines.append(Line(AVERAGE, average, AVERAGE, f"Average {position['qty']}", text))
    stands = {(line.price, line.kind) for line in lines}
    sent = draft.side if draft is not None else ""  # a ticket that was just sent says nothing that its order does not
    return lines + [line for line in draft_lines(draft, symbol, places) if line.kind != "draft" or (line.price, sent) not in stands]


def _order_lines(row: dict, amend: bool, places: int) -> list[Line]:
    verb = "Buy" if row["side"] == "buy" else "Sell"
    left = row.get("remaining") or row["qty"]
    status = status_word(row)
    state = "" if row["status"] in _QUIET and not row.get("amending") else f" · {status.lower()}"
    text = f"{order_text(row, places=places)}: {status.lower()}" + (f", {number(left)} left" if left != row["qty"] else "")
    movable = amend and row["status"] in AMENDABLE and not row.get("amending") and row.get("type") != "trailing_stop"
    trigger, its = ("if touched", "touch") if row["type"] in TOUCH_TYPES else ("stop", "stop")
    both = bool(row["price"] and row["stop"])
    out = []
    for field, kind, word in (("price", row["side"], " limit" if both else ""), ("stop", "stop", f" {trigger}")):
        price = value(row[field])
        if price is not None and price.is_finite():
            named = f"{text}; its {'limit' if field == 'price' else its}" if both else text
            line = Line(f"{row['client_order_id']}/{field}", price, kind, f"{verb}{word} {left}{state}", named, row["client_order_id"])
            out.append(line if not movable else _movable(line, field))
    return out


def draft_lines(draft: Draft | None, symbol: str, places: int = 0) -> list[Line]:
    """What the ticket's prices would be: limit, stop, and both exits."""
    if draft is None or draft.symbol != symbol:
        return []
    fields = ["price"] * draft.has_limit + ["stop"] * draft.has_stop + ["take_profit", "stop_loss"] * (draft.type != "oco")
    out = []
    for field in fields:
        try:
            price = read_number(getattr(draft, field))
        except Unreadable:
            continue
        kind, word = ("exit" if field in ("take_profit", "stop_loss") else "draft"), _draft_word(draft, field)
        side = draft.side if kind == "draft" else "sell" if draft.side == "buy" else "buy"
        text = f"Ticket, not sent: {side} {word} {priced(plain(price), places)}"
        out.append(Line(f"draft/{field}", price, kind, f"Ticket {word}", text, "", field))
    return out


def _draft_word(draft: Draft, field: str) -> str:
    return "if touched" if field == "stop" and draft.type in TOUCH_TYPES else _DRAFT_WORDS[field]


def _movable(line: Line, field: str) -> Line:
    return Line(line.key, line.price, line.kind, line.title, line.text, line.order_id, field)


def nearest(lines: list[Line], price: float | None, count: int) -> list[Line]:
    """At most ``count`` lines, those nearest to the price; the average price and the draft always stay."""
    if len(lines) <= count or price is None:
        return lines
    at = Decimal(price)
    return sorted(lines, key=lambda line: (line.kind not in (AVERAGE, "draft", "exit"), abs(line.price - at)))[:count]


def by_price(lines: Iterable[Line]) -> list[Line]:
    """The highest first, as they stand on the drawing."""
    return sorted(lines, key=lambda line: (-line.price, line.key))


def hit(lines: Iterable[Line], place: Callable[[Decimal], float | None], y: float, reach: float) -> Line | None:
    """The movable line nearest to a height on the drawing, at most ``reach`` pixels away; ``place`` gives a price's height."""
    found = [(abs(at - y), line.key, line) for line in lines if line.field and (at := place(line.price)) is not None and abs(at - y) <= reach]
    return min(found)[2] if found else None


def snap(price: float | Decimal, tick: Decimal) -> Decimal:
    """The price on the tick nearest to a drawn one, exact; at least one tick."""
    ticks = (Decimal(price) / tick).to_integral_value(ROUND_HALF_EVEN)
    return max(ticks, Decimal(1)) * tick.normalize()  # no more decimals than the tick has


class Grip:
    """A pointer pressed on a line: which one, how far from it, and whether it drags the line yet. Heights in CSS pixels."""

    def __init__(self, pointer: int, line: Line, pressed: float, at: float) -> None:
        self.pointer, self.line = pointer, line
        self._pressed, self._offset = pressed, at - pressed
        self._drags = False

    def to(self, height: float) -> float | None:
        """Where the line is to be with the pointer at this height; None as long as the pointer has hardly moved: that is no drag."""
        self._drags = self._drags or abs(height - self._pressed) >= _SLACK
        return height + self._offset if self._drags else None


class Move:
    """One line on its way to another price."""

    def __init__(self, line: Line, tick: Decimal) -> None:
        self.line, self._tick = line, tick
        self.price = line.price

    def to(self, price: float | Decimal) -> bool:
        """Go to the tick nearest to a drawn price; True when that is another one than before."""
        before, self.price = self.price, snap(price, self._tick)
        return self.price != before

    def step(self, ticks: int) -> None:
        """Go so many ticks up or down; from a price between two ticks, first onto one."""
        self.price = snap(self.price + ticks * self._tick, self._tick)

    @property
    def moved(self) -> bool:
        """Whether anything would change."""
        return self.price != self.line.price

    @property
    def shown(self) -> Line:
        """The line where it is now."""
        line = self.line
        return Line(line.key, self.price, line.kind, f"{line.title} → {grouped(self.price)}", line.text, line.order_id, line.field)

    @property
    def changes(self) -> dict[str, str]:
        """What to ask for: the field and its new price, exact."""
        return {self.line.field: plain(self.price)}

    @property
    def text(self) -> str:
        """Where from and where to."""
        before, now = (priced(plain(price), decimals(plain(self._tick))) for price in (self.line.price, self.price))
        return f"{self.line.title}: from {before} to {now}"


def bracket(draft: Draft, entry: Decimal, tick: Decimal, view: tuple[float, float] | None = None) -> dict[str, str]:
    """Take profit and stop loss on the tick, halfway between the entry and the edges of the prices in ``view`` (low, high), 1 % from an
    entry that is not in it: a first place to drag them from."""
    low, high = (Decimal(edge) for edge in view) if view else (entry, entry)
    inside = low < entry < high
    above = max(snap((high - entry) / 2 if inside else entry / 100, tick), tick)
    below = max(snap((entry - low) / 2 if inside else entry / 100, tick), tick)
    take, stop = (entry + above, entry - below) if draft.side == "buy" else (entry - below, entry + above)
    return {"take_profit": plain(snap(take, tick)), "stop_loss": plain(snap(stop, tick))}

"""The equity over time as lines to draw and as words; drawn as floats, told exactly. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from .format import group, minus, stamp
from .order_words import value

WIDTH, HEIGHT, FALL_HEIGHT = 600, 140, 36
SPANS = {"hour": "Last hour", "day": "Last day", "month": "Last month", "all": "All"}


@dataclass(frozen=True, slots=True)
class Drawing:
    """SVG paths in boxes of WIDTH x HEIGHT (the equity) and WIDTH x FALL_HEIGHT (the falls from the peak); texts of the scale."""

    line: str
    band: str
    fall: str
    day_y: float | None
    high_y: float
    low_y: float
    highest: str
    lowest: str
    deepest: str


def draw(rows: Sequence[Sequence], day_open: str | None) -> Drawing | None:
    """From rows [time_s, lowest, highest, last, deepest fall from the peak of then] of text; None with less than two."""
    if len(rows) < 2:
        return None
    times = [row[0] for row in rows]
    low, high = min(Decimal(row[1]) for row in rows), max(Decimal(row[2]) for row in rows)
    opened = value(day_open)
    bottom, top = float(min(low, opened) if opened is not None else low), float(max(high, opened) if opened is not None else high)
    tall, wide = (top - bottom) or 1.0, (times[-1] - times[0]) or 1

    def y(amount: float) -> float:
        return round(4 + (HEIGHT - 8) * (top - amount) / tall, 2)

    xs = [round(WIDTH * (moment - times[0]) / wide, 2) for moment in times]
    line = "L".join(f"{x} {y(float(row[3]))}" for x, row in zip(xs, rows, strict=True))
    upper = "L".join(f"{x} {y(float(row[2]))}" for x, row in zip(xs, rows, strict=True))
    lower = "L".join(f"{x} {y(float(row[1]))}" for x, row in zip(reversed(xs), reversed(rows), strict=True))
    falls = [Decimal(row[4]) for row in rows]
    most = max(falls)
    scale = (FALL_HEIGHT - 2) / float(most) if most else 0.0
    fall = "L".join(f"{x} {round(float(depth) * scale, 2)}" for x, depth in zip(xs, falls, strict=True))
    day_y = None if opened is None else y(float(opened))
    paths = f"M{line}", f"M{upper}L{lower}Z", f"M0 0L{fall}L{WIDTH} 0Z"
    return Drawing(*paths, day_y, y(float(high)), y(float(low)), money(high), money(low), money(most))


def money(amount: str | Decimal | None) -> str:
    """An exact amount with two decimals for the eye."""
    found = amount if isinstance(amount, Decimal) else value(amount)
    return "–" if found is None else group(minus(f"{found:.2f}"))


def words(view: dict) -> str:
    """What the curve says, for who cannot see it."""
    rows, currency = view["rows"], view["currency"]
    if not rows:
        return "No equity recorded yet. It is taken once a second while the account is open."
    first, last = rows[0], rows[-1]
    change = Decimal(last[3]) - Decimal(first[3])
    sign = "+" if change > 0 else ""
    parts = [f"From {stamp(first[0] * 10**9)} to {stamp(last[0] * 10**9)}: {money(first[3])} to {money(last[3])} {currency} ({sign}{money(change)})"]
    if view["day_open"] is not None:
        parts.append(f"The day began at {money(view['day_open'])}")
    if value(view["fall"]):
        parts.append(f"Now {money(view['fall'])} below the peak of {money(view['peak'])}")
    if (deepest := view["deepest"]) is not None:
        share = f" ({deepest['percent']} %)" if deepest["percent"] else ""
        parts.append(f"Deepest fall ever seen: {money(deepest['amount'])}{share}, from {stamp(deepest['peak_ns'])} to {stamp(deepest['low_ns'])}")
    return ". ".join(parts) + "."


def check_words(found: dict) -> str:
    """How an exposure comes to the equity."""
    text = f"Cash {money(found['cash'])} and positions {money(found['total']['net'])} are the equity of {money(found['equity'])} {found['currency']}"
    difference = value(found["difference"])
    text += ", exactly." if not difference else f", but for {found['difference']}."
    if found["left_out"]:
        text += f" Without a rate, and so in neither: {', '.join(found['left_out'])}."
    return text

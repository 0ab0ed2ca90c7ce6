"""What the desk tells of itself to a page that joins: what it can do, its instruments, how its venue stands."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from app import VERSION
from app.trading.terms import HELD, HELD_TIFS, PAIR

PROTOCOL = 1
CONTINUOUS = "=F"
"""How the symbol of a continuous future ends."""


def hello(desk: Any) -> dict:
    """The first message."""
    return {"t": "hello", "protocol": PROTOCOL, "version": VERSION, "venue": desk.venue.name, "capabilities": _capabilities(desk)}


def instruments(desk: Any, items: Iterable[Any]) -> dict:
    """Instruments with their steps and names."""
    now_ns = desk.around.clock.now_ns()
    return {"t": "instruments", "rows": [_row(item, now_ns) for item in items]}


def venue(desk: Any) -> dict:
    """The venue's connection state and, for a replay, where it is."""
    connection = desk.venue.connection
    status = getattr(desk.venue, "status", None)
    return {
        "t": "venue",
        "name": desk.venue.name,
        "state": str(connection.state),
        "since_ns": connection.since_ns,
        "detail": connection.detail,
        "attempts": connection.attempts,
        "next_try_s": connection.next_try_s,
        "replay": status() if status is not None else None,
        **({"needs_key": True} if getattr(desk.venue, "needs_key", False) else {}),
    }


def _capabilities(desk: Any) -> dict:
    execution = desk.trade.execution
    return {
        "account": desk.shown.name,
        "accounts": [{"name": each.name, "title": each.title, "real": each.real is not None} for each in desk.accounts.all],
        "orders": [*dict.fromkeys([*execution.order_types, *sorted(HELD)]), PAIR],
        "tifs": [*dict.fromkeys([*execution.tifs, *sorted(HELD_TIFS)])],
        "held": sorted(HELD - {*execution.order_types}),
        "held_tifs": sorted(HELD_TIFS - {*execution.tifs}),
        "route": True,
        "amend": True,
        "reverse": not execution.is_spot,
        "post_only": True,
        "reduce_only": True,
        "replay": desk.venue.name == "replay",
    }


def _row(item: Any, now_ns: int) -> dict:
    return {
        "symbol": item.symbol,
        "venue": item.venue,
        "base": item.base,
        "quote": item.quote,
        "price_scale": item.price_decimals,
        "size_scale": item.size_decimals,
        "tick": format(item.tick_size, "f"),
        "lot": format(item.lot_size, "f"),
        "min_size": format(item.size(item.min_size), "f"),
        "min_notional": format(item.min_notional, "f"),
        "exchange": item.exchange,
        **({"name": item.name} if item.name else {}),
        **({"multiplier": format(item.multiplier, "f")} if item.multiplier != 1 else {}),
        **({"rolls": _rolls(item, now_ns)} if item.native.endswith(CONTINUOUS) else {}),
    }


def _rolls(item: Any, now_ns: int) -> list[list[str]]:
    """The months of a continuous future that end next: [month, date]."""
    from app.sources.rolls import ends  # only ever wanted by futures

    today = datetime.fromtimestamp(now_ns // 10**9, UTC).date()
    return [[month, last.isoformat()] for month, last in ends(item.native.removesuffix(CONTINUOUS), today)]

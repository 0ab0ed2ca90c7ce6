"""How sources and the prices they gave look on the wire and in what is kept. Times ns UTC."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

from app.model.units import BadNumber, parse_decimal
from app.sources.answers import Price
from app.sources.chain import Chain
from app.sources.listing import Listing

from .rows import plain

US = "XNYS"
"""A symbol of the US does not say which of its exchanges it is listed at; all keep the same hours."""


def view(chain: Chain, rows: dict[str, Any], keys: dict[str, str], now_ns: int, days: dict[str, str], added: Collection[str]) -> dict:
    """The ``sources`` message. ``keys``: the last four characters of each key that is in the open vault; ``days``: words on daily history;
    ``added``: symbols of listings that were added by search."""
    return {
        "now_ns": now_ns,
        "rows": {symbol: {**_row(row, chain, now_ns, days.get(symbol, "")), "added": row.listing.symbol in added} for symbol, row in rows.items()},
        "chain": [_link(chain, name, keys, now_ns) for name in chain.links],
        "decisions": [[at, text] for at, text in chain.decisions],
    }


def contract_facts(item: Listing) -> list[tuple[str, str]]:
    """What one contract of a future is; nothing of everything else."""
    contract = item.contract
    if item.kind != "future":
        return []
    if contract is None:
        return [("Contract", "its size is not known here: it cannot be traded")]
    size, tick = plain(contract.multiplier), plain(contract.tick)
    step = plain(contract.tick * contract.multiplier)
    return [("Contract", f"1 contract = {size} x price, in {item.currency}"), ("Tick", f"{tick}, worth {step} {item.currency} a contract")]


def _link(chain: Chain, name: str, keys: dict[str, str], now_ns: int) -> dict:
    link = chain.links[name]
    state = "no_key" if not link.has_key else "works" if link.health.is_well else "rests"
    return {
        "name": name,
        "title": link.source.title,
        "state": state,
        "sentence": chain.sentence(name),
        "detail": link.health.detail,
        "score": round(link.health.score, 2),
        "ok": link.health.ok,
        "failed": link.health.failed,
        "left": link.ledger.left(now_ns),
        "per_day": link.ledger.per_day,
        "needs_key": link.source.needs_key,
        "key": keys.get(name),
    }


def _row(row: Any, chain: Chain, now_ns: int, days: str) -> dict:
    is_open, opens_ns, closes_ns, trouble = row.hours(now_ns)
    price = row.price
    below = price is not None and price.last <= 0
    indicated = bool(row.is_current(now_ns) and not below and (price.bid is None or price.ask is None))
    words = (row.note, "a price of zero or less is shown, and no order is filled at it" if below else "", row.quiet(now_ns), trouble, days)
    return {
        "source": row.source,
        "order": list(chain.order(row.listing.symbol)),
        "title": chain.links[row.source].source.title if row.source else "",
        "price": None if price is None else format(price.last, "f"),
        "currency": row.listing.currency,
        "as_of_ns": None if price is None else price.as_of_ns,
        "received_ns": row.received_ns or None,
        "grade": None if price is None else price.grade,
        "previous_close": None if price is None else plain(price.previous_close),
        "volume": None if price is None else price.volume,
        "indicated": indicated,
        "next_ns": row.due_ns or None,
        "note": "; ".join(part for part in words if part),
        "exchange": "US exchanges" if row.instrument.exchange == US else row.calendar.name,
        "around_the_clock": row.calendar.always,
        "open": is_open,
        "opens_ns": opens_ns,
        "closes_ns": closes_ns,
    }


def price_row(symbol: str, row: Any) -> list:
    """One price as it is kept over a restart."""
    price = row.price
    numbers = [plain(value) for value in (price.last, price.bid, price.ask, price.previous_close)]
    return [symbol, row.source, row.received_ns, price.as_of_ns, price.grade, price.bid_size, price.ask_size, price.volume, *numbers]


def price_of(row: Any) -> tuple[Price, str, int] | None:
    """(price, source, received) of what was kept; None for nonsense."""
    try:
        _, source, received_ns, as_of_ns, grade, bid_size, ask_size, volume, *numbers = row
        last, bid, ask, before = (None if each is None else parse_decimal(each) for each in numbers)
    except (TypeError, ValueError, BadNumber):
        return None
    whole = all(type(each) is int and each >= 0 for each in (received_ns, as_of_ns, bid_size, ask_size)) and (volume is None or type(volume) is int)
    if not whole or not isinstance(last, Decimal) or not isinstance(source, str) or not isinstance(row[0], str) or grade not in ("live", "delayed", "day"):
        return None
    return Price(last, as_of_ns, grade, bid, bid_size, ask, ask_size, volume, before), source, received_ns

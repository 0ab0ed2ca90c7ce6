"""The router as the page is told of it: rules in force, the listings it chooses between, and why an order went where it did."""

from __future__ import annotations

import json
from typing import Any

from app.trading.money import plain
from app.trading.routing import capabilities
from app.trading.routing.candidates import listings
from app.trading.routing.plan import lines

from .errors import Refusal


def state(engine: Any) -> dict:
    """The result of ``routing``."""
    view = engine.view
    venues = sorted({item.venue for item in view.instruments.values()})
    groups: dict[tuple, list[str]] = {}
    for item in view.instruments.values():
        names = [each.symbol for each in listings(view.instruments, item)]
        if len(names) > 1:
            groups[tuple(sorted(names))] = sorted(names)
    return {"rules": dict(sorted(engine.routed.rules.items())), "venues": [_venue(view, name) for name in venues], "listings": [*groups.values()]}


def why(engine: Any, order_id: str) -> list[str]:
    """The explanation that was journalled with an order. Refusal where it has none."""
    found = engine.find(order_id)
    if found is None:
        raise Refusal("unknown_order", f"there is no order {order_id}", "choose one from the blotter", "client_order_id")
    routed = engine.routed.by_id.get(order_id) or engine.routed.of(found)
    if routed is None:
        raise Refusal("not_routed", "the venue of this order was given", "only a routed order has reasons of the router", "client_order_id")
    return lines(json.loads(routed.event.plan))


def _venue(view: Any, name: str) -> dict:
    row, fees = capabilities.of(name), view.settings.fees_of(name)
    return {
        "venue": name,
        "title": row.title or name,
        "kind": row.kind,
        "orders": sorted(kind.value for kind in row.types),
        "tifs": sorted(tif.value for tif in row.tifs),
        "reduce_only": row.reduce_only,
        "maker_bps": plain(fees.maker_bps),
        "taker_bps": plain(fees.taker_bps),
    }

"""The engine's whole state as plain values, and its hash: equal journals give equal bytes.

For tests, for comparing a replay with the live state, and for bug reports. Left out is what is not state: tokens,
proposals not journalled yet, and what the desk's view says.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from .money import plain

if TYPE_CHECKING:
    from .engine import Engine


def canonical(engine: Engine) -> dict:
    """Every part of the state that the journal decides, as JSON-able values."""
    return {
        "account": engine.account,
        "opened": engine.opened,
        "balanced": engine.balanced,
        "currency": engine.currency,
        "orders": [_plain(order) for order in engine.orders.values()],
        "working": sorted(engine.working),
        "fills": [_plain(fill) for fill in engine.fills],
        "bookings": [[at, _plain(event)] for at, event in engine.bookings],
        "splits": [[at, _plain(event)] for at, event in engine.splits],
        "portfolio": _plain(engine.portfolio),
        "day_open": _plain(engine.day_open(0)),
        "anomalies": [_plain(anomaly) for anomaly in engine.anomalies],
        "anomaly_count": engine.anomaly_count,
        "next_sequence": engine.next_sequence(),
        "linked": sorted(engine.linked),
        "notes": [_plain(note) for note in engine.notes.values()],
        "risk_states": {scope: list(state) for scope, state in sorted(engine.risk.states.items())},
        "routed": [[_plain(each.event), each.leg_ids] for each in engine.routed.by_id.values()],
        "routing_rules": sorted(engine.routed.rules.items()),
        "risk_limits": [[*key, value] for key, value in sorted(engine.risk.limits.items())],
    }


def state_hash(engine: Engine) -> str:
    """SHA-256 of the canonical state, in hex."""
    text = json.dumps(canonical(engine), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


_YOUNGER = ("multiplier", "filled_before", "in_kind")
"""Left out where it is None, so that journals from before have the hash that they had."""


@cache
def names_of(kind: type) -> tuple[str, ...] | None:
    """The fields of a dataclass; None for any other type."""
    return tuple(field.name for field in dataclasses.fields(kind)) if dataclasses.is_dataclass(kind) else None


def _plain(value: Any) -> Any:
    kind = type(value)
    if value is None or kind is str or kind is int:
        return value
    if isinstance(value, Decimal):
        return plain(value)
    if (names := names_of(kind)) is not None:
        found = ((name, getattr(value, name)) for name in names)
        return {name: _plain(item) for name, item in found if item is not None or name not in _YOUNGER}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value

"""An engine's whole state as bytes, so that a start reads the end of a journal only: replaying the rest on top gives what replaying all gives.

The history (orders, fills, routed orders) is cut into parts that are written once (see `size`); the ``state`` names them by their digests and holds
everything else: what came after them, and what has changed since its part was written. A snapshot is a shortcut and never a source: one that is not exactly
right is a SnapshotError, and the journal is replayed from its beginning.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from app.model import events

from .engine import Anomaly, Engine, WallClock
from .portfolio import Portfolio, Position
from .risk.gate import ScopeState
from .shelf import ENCODER, form, of_row, row

VERSION = 4
PART = 500
KINDS = ("orders", "fills", "routed")


class SnapshotError(ValueError):
    """Bytes that are no snapshot of this desk's form."""


def digest(part: bytes) -> str:
    """By what a state names a part."""
    return hashlib.sha256(part).hexdigest()


def size(kind: str) -> int:
    """How many of a kind make a part: a routed order, with its whole plan, is as long as ten orders."""
    return max(PART // 10, 1) if kind == "routed" else PART


def complete(engine: Engine, kind: str) -> int:
    """How many parts of a kind there can be."""
    return len({"orders": engine.orders, "fills": engine.fills, "routed": engine.routed.by_id}[kind]) // size(kind)


def part(engine: Engine, kind: str, number: int) -> tuple[list[str], bytes]:
    """The ids in a part, and the part."""
    start, end = number * size(kind), (number + 1) * size(kind)
    if kind == "fills":
        ids = [fill.fill_id for fill in engine.fills[start:end]]
        return ids, _part(ids, engine.fills.lines(start, end))
    ids = [*islice(engine.orders if kind == "orders" else engine.routed.by_id, start, end)]
    return ids, _part(ids, (engine.orders.line(cid) if kind == "orders" else _routed_line(engine, cid) for cid in ids))


def state(engine: Engine, parts: Mapping[str, list[str]], changed: Iterable[str], place: Any) -> bytes:
    """Everything that is not in the parts, whose digests by kind are ``parts``, with what has ``changed`` of them; ``place`` is kept as it is."""
    orders, fills, routed = engine.orders, engine.fills, engine.routed.by_id
    late, late_routed = (islice(held, len(parts[kind]) * size(kind), None) for kind, held in (("orders", orders), ("routed", routed)))
    whole = {
        "v": VERSION,
        "form": form(),
        "place": place,
        "parts": parts,
        "changed": [[cid, orders.line(cid) if cid in orders else _routed_line(engine, cid)] for cid in changed],
        "orders": [[cid, orders.line(cid)] for cid in late],
        "fills": [*fills.lines(len(parts["fills"]) * size("fills"), len(fills))],
        "routed": [[cid, _routed_line(engine, cid)] for cid in late_routed],
        **_rest(engine),
    }
    return ENCODER.encode(whole).encode()


def read(data: bytes) -> dict:
    """A state, to be looked at for its ``place`` and ``parts``."""
    try:
        found = json.loads(data)
    except ValueError as error:
        raise SnapshotError(f"not JSON: {error}") from error
    if not isinstance(found, dict) or found.get("v") != VERSION or found.get("form") != form():
        raise SnapshotError("of another form")
    return found


def restore(found: dict, parts: Mapping[str, list[bytes]], clock: WallClock, view: Any = None) -> Engine:
    """The engine of a state (see `read`) and its parts, in order."""
    try:
        engine = Engine(found["account"], clock, view)
        for kind in KINDS:
            if [digest(part) for part in parts[kind]] != found["parts"][kind]:
                raise SnapshotError(f"the parts of {kind} are not those of the state")
        for part in parts["orders"]:
            ids, lines = _lines(part)
            dict.update(engine.orders, zip(ids, lines, strict=True))
        routed = {cid: line for part in parts["routed"] for cid, line in zip(*_lines(part), strict=True)}
        changed = dict(found["changed"])
        routed |= {cid: changed.pop(cid) for cid in routed.keys() & changed.keys()} | dict(found["routed"])
        dict.update(engine.orders, [*changed.items(), *dict(found["orders"]).items()])
        for part in parts["fills"]:
            ids, lines = _lines(part)
            list.extend(engine.fills, lines)
            engine._fill_ids.update(ids)
        list.extend(engine.fills, found["fills"])
        engine._fill_ids.update(json.loads(line)[0] for line in found["fills"])
        for line in routed.values():
            event, legs = json.loads(line)
            engine.routed.restore(events.from_dict(event), legs)
        _take_rest(engine, found)
    except (KeyError, IndexError, TypeError, ValueError, ArithmeticError) as error:
        raise SnapshotError(f"{type(error).__name__}: {error}") from error
    return engine


def _part(ids: list[str], lines: Iterable[str]) -> bytes:
    return "\n".join([json.dumps(ids, separators=(",", ":"), ensure_ascii=False), *lines]).encode()


def _lines(part: bytes) -> tuple[list[str], list[str]]:
    head, *lines = part.decode().split("\n")
    return json.loads(head), lines


def _routed_line(engine: Engine, cid: str) -> str:
    routed = engine.routed.by_id[cid]
    return json.dumps([events.to_dict(routed.event), routed.leg_ids], separators=(",", ":"), ensure_ascii=False)


def _rest(engine: Engine) -> dict:
    opening, risk = engine._opening, engine.risk
    return {
        "account": engine.account,
        "opening": None if opening is None else events.to_dict(opening),
        "currency": engine.currency,
        "balanced": engine.balanced,
        "seq": engine.last_seq,
        "portfolio": _portfolio(engine.portfolio),
        "day": engine._day,
        "day_open": _portfolio(engine._day_open),
        "anomalies": [list(item) for item in engine.anomalies],
        "anomaly_count": engine.anomaly_count,
        "orphans": sorted(engine._orphans),
        "sequences": engine._sequences,
        "missing": engine._missing,
        "missing_at": engine._missing_at,
        "working": [*engine.working],
        "linked": [*engine.linked],
        "groups": engine._groups,
        "said": [events.to_dict(event) for event in (*engine.notes.values(), *engine.unnoted.values(), *engine.reconciled)],
        "routing_rules": engine.routed.rules,
        "bookings": [[at, events.to_dict(event)] for at, event in engine.bookings],
        "splits": [[at, events.to_dict(event)] for at, event in engine.splits],
        "adjusted": [[at, events.to_dict(event)] for at, event in engine.adjusted],
        "risk_states": {scope: list(item) for scope, item in risk.states.items()},
        "risk_limits": [[*key, value] for key, value in risk.limits.items()],
        "held": [[*key, format(cell.pos, "f")] for key, cell in risk.book.cells.items()],
    }


def _take_rest(engine: Engine, found: dict) -> None:
    opening = found["opening"]
    engine._opening = None if opening is None else events.from_dict(opening)
    engine.currency, engine.balanced, engine.last_seq = found["currency"], found["balanced"], found["seq"]
    engine.anomalies = [Anomaly(*item) for item in found["anomalies"]]
    engine._seen = set(engine.anomalies)
    engine._orphans, engine._sequences = set(found["orphans"]), dict(found["sequences"])
    engine._missing, engine._missing_at = found["missing"], dict(found["missing_at"])
    engine.adjusted = [(at, events.from_dict(event)) for at, event in found["adjusted"]]
    engine.routed.rules.update(found["routing_rules"])
    engine.bookings = [(at, events.from_dict(event)) for at, event in found["bookings"]]
    engine.splits = [(at, events.from_dict(event)) for at, event in found.get("splits", ())]
    engine.working = {cid: engine.orders[cid] for cid in found["working"]}
    engine.linked = {cid: engine.orders[cid] for cid in found["linked"]}
    engine._groups = {name: list(ids) for name, ids in found["groups"].items()}
    for said in found["said"]:
        engine.apply(events.from_dict(said))
    engine._day, engine.anomaly_count = found["day"], found["anomaly_count"]
    engine.portfolio, engine._day_open = _of_portfolio(found["portfolio"]), _of_portfolio(found["day_open"])
    risk = engine.risk
    risk.states = {scope: ScopeState(*item) for scope, item in found["risk_states"].items()}
    risk.limits = {(scope, name): value for scope, name, value in found["risk_limits"]}
    for owner, symbol, qty in found["held"]:
        risk.book.holds(owner, symbol, qty)
    for order in engine.working.values():
        risk.changed(order)


def _portfolio(found: Portfolio) -> dict:
    amounts = {name: {key: format(value, "f") for key, value in getattr(found, name).items()} for name in ("cash", "fees", "income")}
    return {**amounts, "positions": [row(position) for position in found.positions.values()]}


def _of_portfolio(found: dict) -> Portfolio:
    cash, fees, income = ({key: Decimal(value) for key, value in found[name].items()} for name in ("cash", "fees", "income"))
    positions = [of_row(Position, values) for values in found["positions"]]
    return Portfolio(cash, fees, {position.symbol: position for position in positions}, income)

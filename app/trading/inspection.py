"""Reads an exported journal natively: what happened, where it stands, and why a fill came about.

    python -m app.trading.journal FILE                  summary: account, orders, positions, what is odd, the hash of the state
    python -m app.trading.journal FILE --events         every event, numbered, with its time (UTC)
    python -m app.trading.journal FILE --order ID       one order from its intent to its end
    python -m app.trading.journal FILE --fill ID        back from a fill to its order, the entry that let it in, and the states of risk
    python -m app.trading.journal FILE --statement lots [--from 2026-01-01] [--to 2026-12-31]      CSV: see `statement`

The file has one record a line, as the desk exports it. A line that cannot be read is named and left out, as the desk would.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from app.model import events
from app.model.events import Event, to_dict

from . import notes
from .canonical import state_hash
from .dated import Dated
from .engine import Engine
from .errors import JournalError
from .journal import Entry, decode
from .money import plain
from .order import Order
from .retelling import known, said, shown, times
from .routing.plan import lines
from .statement import STATEMENTS, BadPeriod, as_csv, period, table


class _NoClock:
    def now_ns(self) -> int:
        return 0


def main(arguments: list[str] | None = None) -> int:
    """Print what was asked for; 1 when the file has something that could not be read."""
    import argparse  # the desk itself reads no command line
    from pathlib import Path

    parser = argparse.ArgumentParser(prog="python -m app.trading.journal", description="Inspect an exported journal.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--events", action="store_true", help="every event")
    parser.add_argument("--order", metavar="ID", help="one order's events")
    parser.add_argument("--fill", metavar="ID", help="what a fill came from")
    parser.add_argument("--statement", choices=STATEMENTS, help="a statement as CSV")
    parser.add_argument("--from", dest="first", metavar="DATE", help="first day of the statement, UTC")
    parser.add_argument("--to", dest="last", metavar="DATE", help="last day of the statement, UTC")
    wanted = parser.parse_args(arguments)
    try:
        start, end = period(wanted.first, wanted.last)
    except BadPeriod as error:
        parser.error(f"--{error.field}: {error}. Give a date such as 2026-01-31, not before the first.")
    try:
        lines = wanted.file.read_bytes().splitlines()
    except OSError as error:
        print(f"{wanted.file} cannot be read: {error.strerror}. Give the file that the desk exported.", file=sys.stderr)
        return 2
    entries, problems = read(lines)
    for problem in problems:
        print(problem, file=sys.stderr)
    account = next((entry.event.account for entry in entries if isinstance(entry.event, events.AccountOpened)), "unknown")
    engine = Engine.replay(account, _NoClock(), entries)
    if wanted.statement:
        dated = Dated(engine.currency, engine.account, (entry.event for entry in entries))
        rows = table(wanted.statement, engine.opening, engine.fills, start, end, engine.notes, engine.bookings, engine.splits, dated, engine.adjusted)
        out = as_csv(rows).splitlines()
        if said := dated.said():
            print(said, file=sys.stderr)
    elif wanted.fill:
        out = fill_lines(engine, entries, wanted.fill)
    elif wanted.order:
        out = order_lines(engine, entries, wanted.order)
    elif wanted.events:
        out = (event_line(entry) for entry in entries)
    else:
        out = summary_lines(engine, entries)
    for line in out:
        print(line)
    return 1 if problems else 0


def read(lines: Iterable[bytes]) -> tuple[list[Entry], list[str]]:
    """Entries in order, and what could not be read, by line."""
    entries, problems = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            entries += decode(line)
        except JournalError as error:
            problems.append(f"line {number} is left out: {error}")
    return sorted(entries, key=lambda entry: entry.seq), problems


def summary_lines(engine: Engine, entries: list[Entry]) -> Iterator[str]:
    """Where the journal ends."""
    yield f"account    {engine.account}, {engine.currency or 'not opened'}"
    if entries:
        yield f"events     {len(entries)}, number {entries[0].seq} to {entries[-1].seq}, {utc(entries[0].event.ts)} to {utc(entries[-1].event.ts)}"
    counts = Counter(order.status.value for order in engine.orders.values())
    yield f"orders     {len(engine.orders)}: {', '.join(f'{count} {name}' for name, count in sorted(counts.items())) or 'none'}"
    yield f"fills      {len(engine.fills)}"
    for currency, amount in engine.portfolio.cash.items():
        yield f"cash       {plain(amount)} {currency}"
    for position in engine.portfolio.positions.values():
        yield f"position   {plain(position.qty)} {position.symbol}, cost {plain(position.cost)}, realised {plain(position.realised)} {position.currency}"
    for scope, state in engine.risk.states.items():
        yield f"risk       {scope} is {state.state} since {utc(state.since_ns)}: {state.reason}"
    for note in engine.notes.values():
        yield f"noted      {note.about} {' '.join('#' + tag for tag in note.tags.split())} {note.text}".rstrip()
    for anomaly in engine.anomalies:
        yield f"odd        {anomaly.code} {anomaly.client_order_id} {anomaly.text}"
    yield f"hash       {state_hash(engine)}"


def order_lines(engine: Engine, entries: list[Entry], client_order_id: str) -> Iterator[str]:
    """One order from its intent to its end, and the orders it is linked to."""
    order = engine.orders.get(client_order_id)
    routed = engine.routed.by_id.get(client_order_id)
    if routed is not None:
        yield from (f"routed     {line}" for line in lines(json.loads(routed.event.plan)))
        for leg in routed.legs:
            yield f"leg        {_order_line(leg)}"
        return
    if order is None:
        yield f"There is no order {client_order_id} in this journal."
        return
    yield _order_line(order)
    for entry in entries:
        if about(entry.event) == client_order_id:
            yield event_line(entry)
    for other in engine.orders.values():
        if other.intent.parent == client_order_id or (order.intent.group and other.intent.group == order.intent.group and other is not order):
            yield f"linked     {_order_line(other)}"


def fill_lines(engine: Engine, entries: list[Entry], fill_id: str) -> Iterator[str]:
    """Back from a fill: its order, why the router sent it there, what let the order in, and the limits and states in force when it was decided."""
    fill = next((fill for fill in engine.fills.having(fill_id) if fill.fill_id == fill_id), None)
    if fill is None:
        yield f"There is no fill {fill_id} in this journal."
        return
    price = shown(fill.price) + times(fill.multiplier)
    yield f"fill       {fill.side.value} {shown(fill.qty)} {fill.symbol} at {price}, {fill.liquidity.value}, fee {shown(fill.fee)} {fill.fee_currency}"
    tags, noted = notes.of_fill(engine.notes, fill)
    if tags or noted:
        yield f"noted      {' '.join('#' + tag for tag in tags.split())} {noted}".rstrip()
    order = engine.orders[fill.client_order_id]
    while order is not None:
        yield f"because of {_order_line(order)}"
        decided = next((entry for entry in entries if isinstance(entry.event, events.OrderSubmitted) and about(entry.event) == order.client_order_id), None)
        for entry in entries:
            if about(entry.event) == order.client_order_id and (order.client_order_id != fill.client_order_id or entry.event.ts <= fill.ts):
                yield told_line(entry)
        if (routed := engine.routed.of(order)) is not None:
            yield from (f"routed     {line}" for line in lines(json.loads(routed.event.plan)))
        if decided is not None:
            if seen := known(decided.event.decision):
                yield f"known then {seen}"
            for entry in entries:
                if entry.seq < decided.seq and isinstance(entry.event, (events.RiskStateSet, events.RiskLimitSet)):
                    yield f"in force   {told_line(entry)}"
        order = engine.orders.get(order.intent.parent) if order.intent.parent is not None else None


def about(event: Event) -> str:
    """The client order id an event is about; empty for those of the account."""
    if isinstance(event, events.OrderFilled):
        return event.fill.client_order_id
    if isinstance(event, (events.OrderSubmitted, events.OrderAdopted)):
        return event.intent.client_order_id
    return getattr(event, "client_order_id", "")


def told_line(entry: Entry) -> str:
    """Number, time and what happened, for people."""
    return f"{entry.seq:>6} {utc(entry.event.ts)} UTC  {said(entry.event)}"


def event_line(entry: Entry) -> str:
    """Number, time, kind and what it says."""
    values = to_dict(entry.event)
    kind = values.pop("kind")
    values.pop("ts")
    values.pop("decision", None)
    values["known"] = known(getattr(entry.event, "decision", None))
    for inner in ("intent", "fill"):
        values.update(values.pop(inner, {}))
    said = " ".join(f"{name}={value}" for name, value in values.items() if value not in (None, "", False))
    return f"{entry.seq:>6} {utc(entry.event.ts)} {kind:<20} {said}"


def utc(ns: int) -> str:
    """2026-11-27 01:02:03.456."""
    moment = time.gmtime(ns // 1_000_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', moment)}.{ns // 1_000_000 % 1000:03}"


def _order_line(order: Order) -> str:
    intent = order.intent
    prices = ", ".join(f"{name} {shown(value)}" for name, value in (("limit", order.price), ("stop", order.stop)) if value is not None)
    what = f"{intent.side.value} {shown(order.qty)} {order.symbol} {intent.type.value}{', ' + prices if prices else ''}"
    return f"{order.client_order_id} ({intent.origin} {intent.sequence}): {what}, {order.status.value}, {shown(order.filled)} filled"

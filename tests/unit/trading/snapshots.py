"""A state through a snapshot: parts written at one moment, the rest at a later one, what came after replayed on top."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.trading import snapshot
from app.trading.engine import Engine
from app.trading.journal import Entry


def let_go(engine: Engine) -> None:
    """An engine that is not needed any more: without the circle between it and its risk all of it is freed at once, not by the collector."""
    engine.risk.__dict__.clear()


def through_snapshot(account: str, clock: Any, entries: Sequence[Entry], early: int, late: int, view: Any = None) -> Engine:
    """The engine whose history parts were written after ``early`` entries and whose state after ``late`` ones."""
    engine = Engine.replay(account, clock, entries[:early])
    engine.touched.clear()
    made = {kind: [snapshot.part(engine, kind, number) for number in range(snapshot.complete(engine, kind))] for kind in snapshot.KINDS}
    sealed = {cid for kind in ("orders", "routed") for ids, _part in made[kind] for cid in ids}
    for entry in entries[early:late]:
        engine.apply_entry(entry)
    parts = {kind: [part for _ids, part in found] for kind, found in made.items()}
    named = {kind: [snapshot.digest(part) for part in found] for kind, found in parts.items()}
    data = snapshot.state(engine, named, sorted(engine.touched & sealed), None)
    let_go(engine)
    again = snapshot.restore(snapshot.read(data), parts, clock, view)
    for entry in entries[late:]:
        again.apply_entry(entry)
    return again

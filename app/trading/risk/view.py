"""Risk as the page is told: every limit with its use, every scope with its state, what set it and what lifts it."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from ..money import plain
from .book import WHOLE
from .limits import BY_HAND, HALTED, NORMAL, RULES, kind_of
from .watch import owners

if TYPE_CHECKING:
    from ..engine import Engine


def states(engine: Engine) -> list[dict]:
    """Scopes that are not normal, the worst first."""
    rows = [
        {"scope": scope, "state": state.state, "rule": state.rule, "reason": state.reason, "since_ns": state.since_ns, "lifts": lifts(state.rule)}
        for scope, state in engine.risk.states.items()
    ]
    return sorted(rows, key=lambda row: (row["state"] != HALTED, row["since_ns"]))


def lifts(rule: str) -> str:
    """What lifts a state that this rule set."""
    return BY_HAND.get(rule) or (RULES[rule].lifts if rule in RULES else "by hand, here")


def report(engine: Engine) -> dict:
    """The result of ``risk.state``: plain number text."""
    risk = engine.risk
    symbols = sorted({symbol for owner, symbol in risk.book.cells if owner == WHOLE} | {name for kind, name in _named(engine) if kind == "instrument"})
    strategies = sorted({*owners(engine)} | {name for kind, name in _named(engine) if kind == "strategy"} - {"*"})
    scopes = ["desk", "account", *(f"strategy:{name}" for name in strategies), *(f"instrument:{name}" for name in symbols if name != "*")]
    return {
        "currency": engine.currency,
        "working": len(engine.working),
        "positions": sum(1 for position in engine.portfolio.positions.values() if position.qty),
        "states": states(engine),
        "scopes": [{"scope": scope, "state": risk.states[scope].state if scope in risk.states else NORMAL} for scope in scopes],
        "limits": [row for scope in [*scopes, "strategy:*", "instrument:*"] for row in _limits(engine, scope)],
        "denials": [{"ts": ts, "code": code, "text": text} for ts, code, text in reversed(risk.denials)],
    }


def _named(engine: Engine) -> set[tuple[str, str]]:
    found = {scope for scope, _ in engine.risk.limits} | set(engine.risk.states)
    return {(kind_of(scope), scope.partition(":")[2]) for scope in found}


def _limits(engine: Engine, scope: str) -> list[dict]:
    risk, rows = engine.risk, []
    for name, rule in RULES.items():
        if kind_of(scope) not in rule.kinds:
            continue
        text, used = risk.text_of(scope, name), risk.used.get((scope, name))
        limit = Decimal(text) if text and rule.unit not in ("hours", "flag") else None
        rows.append(
            {
                "scope": scope,
                "name": name,
                "title": rule.title,
                "unit": rule.unit,
                "value": text,
                "own": (scope, name) in risk.limits,
                "used": None if used is None else plain(round(used, 8)),
                "fraction": None if used is None or not limit else float(used / limit),
                "sets": rule.sets,
                "help": rule.help,
            }
        )
    return rows
